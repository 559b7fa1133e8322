/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_lvm2.c: physical volumes to the bytes of logical ones; bit 0 of the first byte
 * repairs the checksums, bit 1 cuts the image into two physical volumes, the rest is
 * sparse.h's */
#include "fuzz/fuzz.h"

#include <assert.h>

#include "base/checked.h"
#include "fuzz/sparse.h"
#include "volume/lvm2.h"
#include "volume/lvm2_make.h"

enum { READ_MAX = 1 << 20, EXTENTS = 256 };

static void look_at(const struct lvm2_volume *v)
{
    static uint8_t buf[READ_MAX];
    struct err err = {0};
    struct extent e = {0};
    size_t n;

    assert(v->name && v->problem);
    if (!v->block) {
        assert(*v->problem);
        return;
    }
    assert(!*v->problem && v->block->size > 0 && v->block->size == v->size);
    n = (size_t)min_u64(v->block->size, sizeof buf);
    assert(block_read(v->block, buf, n, 0, &err) == 0);
    assert(block_read(v->block, buf, n, v->block->size - n, &err) == 0);
    for (uint64_t off = 0, i = 0; off < v->block->size && i < EXTENTS;
         off += e.length, i++)
        assert(block_extent(v->block, &e, off, &err) == 0 && e.length > 0 &&
               e.length <= v->block->size - off);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[SPARSE_MAX];
    AUTO(arena_fini) struct arena a = {0};
    AUTO(block_unrefp) struct block *one = NULL, *two = NULL;
    struct lvm2_groups groups = {0};
    struct lvm2_member members[2] = {{.device = "1"}, {.device = "2"}};
    size_t n, cut;
    struct err err = {0};

    if (size < 4)
        return 0;
    n = sparse_unpack(image, data + 1, size - 1, 512);
    cut = data[0] & 2 && n > MAKE_PV ? MAKE_PV : n;
    if (data[0] & 1) {
        lvm2_make_sums(image, cut);
        lvm2_make_sums(image + cut, n - cut);
    }
    assert(block_mem_open(&one, image, cut, &err) == 0);
    assert(block_mem_open(&two, image + cut, n - cut, &err) == 0);
    members[0].block = one;
    members[1].block = two;
    assert(lvm2_scan(&groups, members, n > cut ? 2 : 1, &a, &err) == 0);
    for (size_t i = 0; i < groups.volumes.n; i++)
        look_at(&groups.volumes.v[i]);
    lvm2_groups_fini(&groups);
    return 0;
}
