/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>

#include "base/checked.h"
#include "base/hash.h"
#include "block/flow_vmdk.h"

int vmdk_tables_init(struct vmdk_tables *t, const struct vmdk_header *h, struct err *err)
{
    *t = (struct vmdk_tables){
        .header = h,
        .n = (uint32_t)div_up(h->capacity, h->grain_size * h->gtes),
    };
    t->came = calloc(t->n, sizeof *t->came); /* VMDK_DIRECTORY_MAX at most */
    return t->came ? 0
                   : FAIL(err, ERR_NOMEM, "vmdk stream: %" PRIu32 " grain tables", t->n);
}

void vmdk_tables_fini(struct vmdk_tables *t)
{
    free(t->came);
    free(t->met);
}

static uint64_t part(uint32_t entry, uint32_t sector)
{
    uint8_t b[8];

    store_le32(b, entry);
    store_le32(b + 4, sector);
    return xxh64(b, sizeof b);
}

void vmdk_tables_grain(struct vmdk_tables *t, uint64_t grain, uint64_t sector)
{
    uint32_t gtes = t->header->gtes;

    t->came[grain / gtes] += part((uint32_t)(grain % gtes), (uint32_t)sector);
}

size_t vmdk_tables_span(const struct vmdk_tables *t)
{
    return round_up((size_t)t->header->gtes * 4, VMDK_SECTOR);
}

int vmdk_tables_meet(struct vmdk_tables *t, struct bytes table, uint64_t sector,
                     struct err *err)
{
    bool zeros = t->header->flags & VMDK_FLAG_ZERO_GRAIN;
    struct cursor c = cursor(table);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < t->header->gtes; i++) {
        uint32_t entry = cursor_le32(&c);

        if (entry && !(entry == 1 && zeros))
            sum += part(i, entry);
    }
    if (t->met_n == t->met_room) {
        size_t room = t->met_room ? 2 * t->met_room : 64;
        struct vmdk_table_met *grown = reallocarray(t->met, room, sizeof *grown);

        if (!grown)
            return FAIL(err, ERR_NOMEM, "vmdk stream: %zu grain tables", room);
        t->met = grown;
        t->met_room = room;
    }
    t->met[t->met_n++] = (struct vmdk_table_met){(uint32_t)sector, sum};
    return 0;
}

static int compare_met(const void *a, const void *b)
{
    struct vmdk_table_met x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x.sector > y.sector) - (x.sector < y.sector);
}

static const struct vmdk_table_met *find(const struct vmdk_tables *t, uint32_t sector)
{
    size_t lo = 0, hi = t->met_n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (t->met[mid].sector == sector)
            return &t->met[mid];
        if (t->met[mid].sector < sector)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

int vmdk_tables_check(struct vmdk_tables *t, struct bytes directory,
                      struct image_ctx *ctx, struct err *err)
{
    struct cursor c = cursor(directory);

    if (t->met_n)
        qsort(t->met, t->met_n, sizeof *t->met, compare_met);
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t sector = cursor_le32(&c);
        const struct vmdk_table_met *met = sector ? find(t, sector) : NULL;

        if (sector && !met)
            return IMAGE_FAULT(ctx, err, STREAM, ERR_CORRUPT,
                               "vmdk stream: grain table %" PRIu32
                               " is said to be at sector %" PRIu32 ", where none is",
                               i, sector);
        if (t->came[i] != (met ? met->sum : 0))
            return IMAGE_FAULT(ctx, err, STREAM, ERR_CORRUPT,
                               "vmdk stream: grain table %" PRIu32
                               " does not say which grains came, and where",
                               i);
    }
    return 0;
}
