/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_lvm2_text.c: the description of a volume group */
#include "fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "volume/lvm2_text.h"

enum { NODES = 10000 };

/* Everything lies within the text, and is counted. */
static size_t walk(const struct lvm2_node *section, struct bytes text, unsigned depth)
{
    size_t n = 0;

    /* A value lies one deeper than the innermost section. */
    assert(depth <= LVM2_TEXT_DEPTH_MAX);
    for (const struct lvm2_node *i = section->first; i; i = i->next) {
        n++;
        assert(!i->key.n || (i->key.p >= text.p && i->key.n <= text.n));
        assert(!i->text.n || (i->text.p >= text.p && i->text.n <= text.n));
        assert(i->kind <= LVM2_ARRAY || !i->first);
        n += walk(i, text, depth + 1);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_fini) struct arena a = {0};
    const struct lvm2_node *root;
    size_t nodes = NODES;
    struct err err = {0};
    int r = lvm2_text_parse(&root, bytes_of(data, size), &nodes, &a, &err);

    if (r == 0)
        assert(walk(root, bytes_of(data, size), 0) == NODES - nodes);
    else
        assert(r == -ERR_CORRUPT || r == -ERR_LIMIT);
    return 0;
}
