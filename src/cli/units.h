/* SPDX-License-Identifier: GPL-2.0-or-later */
/* units.h: numbers as people read them */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { UNITS_MAX = 32 };

/* "812 B", "64.0 KiB", "1.2 GiB": three digits or so, powers of 1024. */
const char *units_bytes(char ret[UNITS_MAX], uint64_t n);

/* "4 s", "3 min 20 s", "2 h 5 min". */
const char *units_time(char ret[UNITS_MAX], uint64_t seconds);
