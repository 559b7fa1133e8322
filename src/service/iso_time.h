/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iso_time.h: times as the API writes them */
#pragma once

#include <stdint.h>

enum { ISO_TIME = 24 };

/* "2020-09-22T00:00:00Z" of UTC seconds. */
void iso_time(char ret[ISO_TIME], int64_t seconds);
