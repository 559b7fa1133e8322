/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uuid.h: 16 bytes as text */
#pragma once

#include <stdint.h>

#include "base/err.h"

enum { UUID_TEXT = 37 };

/* Lower case, bytes in order (RFC 4122): filesystems. */
void uuid_format(char ret[UUID_TEXT], const uint8_t raw[16]);

/* A new one, of random bytes (RFC 4122, 4.4). */
int uuid_make(char ret[UUID_TEXT], struct err *err);

/* Upper case, first three groups little-endian: GPT (UEFI 2.10, appendix A). */
void guid_format(char ret[UUID_TEXT], const uint8_t raw[16]);
