/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/units.h"

#include <inttypes.h>
#include <stdio.h>

const char *units_bytes(char ret[UNITS_MAX], uint64_t n)
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)n;
    int i = 0;

    while (v >= 1024 && i < 6) {
        v /= 1024;
        i++;
    }
    if (i == 0)
        snprintf(ret, UNITS_MAX, "%" PRIu64 " B", n);
    else
        snprintf(ret, UNITS_MAX, v < 100 ? "%.1f %s" : "%.0f %s", v, names[i]);
    return ret;
}

const char *units_time(char ret[UNITS_MAX], uint64_t s)
{
    if (s < 60)
        snprintf(ret, UNITS_MAX, "%" PRIu64 " s", s);
    else if (s < 3600)
        snprintf(ret, UNITS_MAX, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
    else
        snprintf(ret, UNITS_MAX, "%" PRIu64 " h %" PRIu64 " min", s / 3600,
                 s % 3600 / 60);
    return ret;
}
