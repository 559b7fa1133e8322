/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crc.h: the two checksums that disks use.  Both start from and end in the usual
 * inversion: pass the previous result as `crc` to go on, 0 to begin. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* IEEE 802.3 (GPT, gzip). */
uint32_t crc32_ieee(uint32_t crc, const void *p, size_t n);

/* Castagnoli (ext4, XFS, btrfs). */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
