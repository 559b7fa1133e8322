/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/crc.h"

#include <threads.h>

static uint32_t ieee[256], castagnoli[256];
static once_flag once = ONCE_FLAG_INIT;

static void fill(uint32_t table[256], uint32_t poly)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int k = 0; k < 8; k++)
            c = c & 1 ? poly ^ c >> 1 : c >> 1;
        table[i] = c;
    }
}

static void fill_both(void)
{
    fill(ieee, 0xedb88320u);
    fill(castagnoli, 0x82f63b78u);
}

static uint32_t run(const uint32_t table[256], uint32_t crc, const uint8_t *p, size_t n)
{
    crc = ~crc;
    while (n--)
        crc = table[(crc ^ *p++) & 0xff] ^ crc >> 8;
    return ~crc;
}

uint32_t crc32_ieee(uint32_t crc, const void *p, size_t n)
{
    call_once(&once, fill_both);
    return run(ieee, crc, p, n);
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
    call_once(&once, fill_both);
    return run(castagnoli, crc, p, n);
}
