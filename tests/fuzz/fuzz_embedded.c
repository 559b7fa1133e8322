/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_embedded.c: a kernel image with archives somewhere in what it unpacks to */
#include <assert.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "guest/kernel/embedded.h"

enum { INPUT_MAX = 256 << 10, UNPACKED_MAX = 16 << 20 };

static int see(void *arg, const struct initramfs_entry *e, struct err *err)
{
    unsigned *seen = arg;

    (void)err;
    ++*seen;
    assert(strlen(e->name) < INITRAMFS_NAME_MAX);
    return strcmp(e->name, "stop here") == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(block_unrefp) struct block *b = NULL;
    unsigned seen = 0;
    struct initramfs_reader reader = {see, NULL, &seen, UNPACKED_MAX};
    struct initramfs_info info;
    struct err err = {0};
    bool known;
    int r;

    if (size > INPUT_MAX || block_mem_open(&b, data, size, &err) < 0)
        return 0;
    r = embedded_read(b, &reader, &info, &known, &err);
    assert((r < 0) == (err.code != ERR_NONE));
    assert(known || (r == 0 && info.segments == 0 && seen == 0));
    assert(info.unpacked <= UNPACKED_MAX && info.entries <= INITRAMFS_ENTRIES_MAX + 1);
    return 0;
}
