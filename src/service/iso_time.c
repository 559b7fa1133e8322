/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/iso_time.h"

#include <time.h>

void iso_time(char ret[ISO_TIME], int64_t seconds)
{
    time_t t = seconds;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(ret, ISO_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        ret[0] = '\0';
}
