/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tar.c: one file out of a tar archive in memory (POSIX.1, ustar)
 *
 * GRUB's image of Container Linux carries its settings as such an archive, and a copy of
 * it lies on the EFI system partition.
 *
 *   header   512 bytes: name at 0 (100), size at 124 (12 octal digits), "ustar" at 257
 *   content  filled up to a multiple of 512 */
#include "guest/boot/boot.h"

enum { TAR_BLOCK = 512, TAR_NAME = 100, TAR_SIZE_AT = 124, TAR_SIZE_DIGITS = 12 };

static bool size_of(uint64_t *ret, const uint8_t *p)
{
    size_t i = 0;

    *ret = 0;
    while (i < TAR_SIZE_DIGITS && p[i] == ' ')
        i++;
    for (; i < TAR_SIZE_DIGITS && p[i] >= '0' && p[i] <= '7'; i++)
        *ret = *ret << 3 | (uint64_t)(p[i] - '0');
    return i == TAR_SIZE_DIGITS || p[i] == '\0' || p[i] == ' ';
}

bool boot_tar_find(struct bytes *ret, struct bytes tar, const char *name)
{
    for (size_t at = 0; tar.n - at >= TAR_BLOCK;) {
        const uint8_t *header = tar.p + at;
        const uint8_t *end = memchr(header, 0, TAR_NAME);
        struct bytes is = bytes_of(header, end ? (size_t)(end - header) : TAR_NAME);
        uint64_t size;

        if (memcmp(header + 257, "ustar", 5) != 0 ||
            !size_of(&size, header + TAR_SIZE_AT) || size > tar.n - at - TAR_BLOCK)
            return false;
        if (text_starts(is, "./"))
            is = bytes_sub(is, 2, is.n - 2);
        at += TAR_BLOCK;
        if (text_is(is, name)) {
            *ret = bytes_sub(tar, at, (size_t)size);
            return true;
        }
        size = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
        if (size > tar.n - at)
            return false;
        at += (size_t)size;
    }
    return false;
}
