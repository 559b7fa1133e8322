/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_initramfs.c: a file of archives, compressed or not, as it lies in /boot */
#include <assert.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "guest/kernel/initramfs.h"

enum { INPUT_MAX = 256 << 10, UNPACKED_MAX = 32 << 20 };

static int see(void *arg, const struct initramfs_entry *e, struct err *err)
{
    unsigned *seen = arg;

    (void)err;
    assert(strlen(e->name) < INITRAMFS_NAME_MAX && e->content.n <= 64 << 10);
    if (e->content.n)
        *seen += e->content.p[e->content.n - 1];
    return strcmp(e->name, "stop here") == 0;
}

static bool want(void *arg, const char *name, uint64_t size)
{
    (void)arg;
    return size % 2 == 0 || *name == 'c';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(block_unrefp) struct block *b = NULL;
    unsigned seen = 0;
    struct initramfs_reader reader = {see, want, &seen, UNPACKED_MAX};
    struct initramfs_info info;
    struct err err = {0};
    int r;

    if (size > INPUT_MAX || block_mem_open(&b, data, size, &err) < 0)
        return 0;
    r = initramfs_read(b, &reader, &info, &err);
    assert((r < 0) == (err.code != ERR_NONE));
    assert(info.unpacked <= UNPACKED_MAX && info.entries <= INITRAMFS_ENTRIES_MAX + 1);
    return 0;
}
