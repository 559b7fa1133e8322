/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ext/journal_map.h"

#include <stdlib.h>

enum { FIRST_CAP = 256 };

void journal_map_fini(struct journal_map *m)
{
    free(m->v);
    *m = (struct journal_map){0};
}

static struct journal_copy *slot(struct journal_copy *v, size_t cap, uint64_t block)
{
    size_t i = (size_t)(block * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);

    while (v[i].used && v[i].block != block)
        i = (i + 1) & (cap - 1);
    return &v[i];
}

const struct journal_copy *journal_map_find(const struct journal_map *m, uint64_t block)
{
    const struct journal_copy *c = m->n ? slot(m->v, m->cap, block) : NULL;

    return c && c->used ? c : NULL;
}

static int grow(struct journal_map *m, struct err *err)
{
    size_t cap = m->cap ? 2 * m->cap : FIRST_CAP;
    struct journal_copy *v = calloc(cap, sizeof *v);

    if (!v)
        return FAIL(err, ERR_NOMEM, "journal: table of %zu blocks", cap);
    for (size_t i = 0; i < m->cap; i++)
        if (m->v[i].used)
            *slot(v, cap, m->v[i].block) = m->v[i];
    free(m->v);
    m->v = v;
    m->cap = cap;
    return 0;
}

int journal_map_put(struct journal_map *m, const struct journal_copy *copy, size_t max,
                    struct err *err)
{
    struct journal_copy *c;

    if (2 * (m->n + 1) > m->cap) {
        int r = grow(m, err);

        if (r < 0)
            return r;
    }
    c = slot(m->v, m->cap, copy->block);
    if (!c->used) {
        if (m->n == max)
            return FAIL(err, ERR_LIMIT, "journal: more than %zu blocks", max);
        m->n++;
    }
    *c = *copy;
    c->used = true;
    return 0;
}
