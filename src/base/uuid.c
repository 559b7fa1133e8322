/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/uuid.h"

#include <errno.h>
#include <sys/random.h>

static void format(char ret[UUID_TEXT], const uint8_t raw[16], const char *digits,
                   const uint8_t order[16])
{
    char *p = ret;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = digits[raw[order[i]] >> 4];
        *p++ = digits[raw[order[i]] & 15];
    }
    *p = '\0';
}

void uuid_format(char ret[UUID_TEXT], const uint8_t raw[16])
{
    static const uint8_t order[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

    format(ret, raw, "0123456789abcdef", order);
}

int uuid_make(char ret[UUID_TEXT], struct err *err)
{
    uint8_t raw[16];

    if (getrandom(raw, sizeof raw, 0) != sizeof raw)
        return FAIL_SYS(err, errno, "random number");
    raw[6] = (uint8_t)((raw[6] & 0x0f) | 0x40);
    raw[8] = (uint8_t)((raw[8] & 0x3f) | 0x80);
    uuid_format(ret, raw);
    return 0;
}

void guid_format(char ret[UUID_TEXT], const uint8_t raw[16])
{
    static const uint8_t order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

    format(ret, raw, "0123456789ABCDEF", order);
}
