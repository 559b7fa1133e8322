/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_uki.c: a unified kernel image, and programs in general */
#include <assert.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "guest/boot/uki.h"
#include "guest/pe.h"

enum { INPUT_MAX = 256 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(block_unrefp) struct block *b = NULL;
    AUTO(arena_fini) struct arena a = {0};
    struct err err = {0};
    struct uki uki;
    struct pe pe;
    int r;

    if (size > INPUT_MAX || block_mem_open(&b, data, size, &err) < 0)
        return 0;
    r = uki_read(&uki, b, &err);
    assert((r < 0) == (err.code != ERR_NONE));
    for (enum uki_part part = 0; part < UKI_PARTS && r == 1; part++) {
        AUTO(block_unrefp) struct block *inner = NULL;
        struct err own = {0};
        const char *text = "";

        assert(uki_open(&inner, &uki, part, b, &own) == uki.part[part].there);
        assert(!inner || inner->size == uki.part[part].size);
        if (uki_text(&text, &uki, part, b, &a, &own) == 0)
            assert(strlen(text) <= uki.part[part].size);
    }
    err_clear(&err);
    r = pe_read(&pe, b, &err);
    assert((r < 0) == (err.code != ERR_NONE));
    return 0;
}
