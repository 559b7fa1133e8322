/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dynamic.c: disks of the Logical Disk Manager
 *
 * Its volumes lie anywhere in a partition of type 42, which the places of a table do not
 * tell; those that Windows starts from keep an entry of their own.  The private header
 * stands in the seventh sector of an MBR disk, at the end of the metadata partition of a
 * GPT.  A header alone is left behind by a disk that was converted back. */
#include "base/scoped.h"
#include "guest/collect.h"

enum { SECTOR = 512, HEADER_AT = 6 * SECTOR };

static bool is_dynamic(const char *type)
{
    static const char *const types[] = {"42", "5808C8AA-7E8F-42E0-85D2-E1E90434CFB3",
                                        "AF9B60A0-1431-4F62-BC68-3311714A69AD"};

    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

int windows_dynamic(struct guest *g, struct err *err)
{
    const struct fact_partition *found = NULL;
    uint8_t head[8] = {0};
    int r;

    for (size_t i = 0; i < g->facts->partitions.n && !found; i++)
        if (is_dynamic(g->facts->partitions.v[i].type))
            found = &g->facts->partitions.v[i];
    if (!found || g->disk->size < HEADER_AT + SECTOR)
        return 0;
    r = block_read(g->disk, head, sizeof head, HEADER_AT, err);
    if (r < 0)
        return guest_problem(g, "volume", "PRIVHEAD", true, err);
    g->facts->disk.dynamic =
        arena_printf(g->arena, "partition %u has type %s%s", found->index, found->type,
                     memcmp(head, "PRIVHEAD", 8) == 0 ? ", PRIVHEAD in sector 6" : "");
    return 0;
}
