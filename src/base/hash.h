/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hash.h: checksums longer than a CRC, in one call over memory */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* xxHash, 64 bits, seed 0 (doc/xxhash_spec.md of the xxHash project). */
uint64_t xxh64(const void *p, size_t n);

/* FIPS 180-4. */
void sha256(uint8_t ret[32], const void *p, size_t n);

/* BLAKE2b without a key, 32 bytes long (RFC 7693). */
void blake2b_256(uint8_t ret[32], const void *p, size_t n);
