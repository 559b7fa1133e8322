/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lvm2_parts.h: what the files of the LVM2 reader share; private to src/volume */
#pragma once

#include "volume/lvm2.h"
#include "volume/lvm2_text.h"

enum { LVM2_SECTOR = 512, LVM2_ID = 32 /* letters and digits, without hyphens */ };

/* A physical volume that is here. */
struct lvm2_pv {
    uint8_t id[LVM2_ID];
    struct block *block; /* borrowed */
    const char *group;   /* name of the one it is in; NULL: none is known */
};

/* Ids in the text have hyphens, on the disk they have none. */
bool lvm2_same_id(const uint8_t id[LVM2_ID], struct bytes text);

/* A description that was read, on its way to volumes. */
struct lvm2_group {
    const char *name;
    const struct lvm2_node *section;
    struct lvm2_pv *pvs; /* all of the disk, pvs_n of them */
    size_t pvs_n;
};

/* Adds the volumes and what is missing to *ret, and marks the physical volumes that it
 * names with the group.  ERR_NOMEM, or ERR_CORRUPT and ERR_LIMIT about the group as a
 * whole.
 */
int lvm2_group_open(struct lvm2_groups *ret, const struct lvm2_group *group,
                    struct arena *a, struct err *err);

/* ---- the block of a logical volume */

struct lvm2_area {
    struct block *under; /* own reference */
    uint64_t off;
};

/* [start, start + size) lies on the areas in turns of `stripe` bytes. */
struct lvm2_segment {
    uint64_t start, size;
    uint64_t stripe; /* bytes; only when there are several areas */
    uint32_t areas;  /* index of the first */
    uint32_t areas_n;
};

struct lvm2_map {
    struct lvm2_segment *segments; /* owned; sorted, without gaps, from 0 on */
    size_t segments_n, segments_cap;
    struct lvm2_area *areas; /* owned */
    size_t areas_n, areas_cap;
};

void lvm2_map_fini(struct lvm2_map *m);

/* Appends; the area takes its own reference and belongs to the last segment. */
int lvm2_map_segment(struct lvm2_map *m, uint64_t start, uint64_t size, uint64_t stripe,
                     struct err *err);
int lvm2_map_area(struct lvm2_map *m, struct block *under, uint64_t off, struct err *err);

/* Takes the map over on success.  ERR_CORRUPT unless segments follow one another and each
 * lies on its areas. */
int lvm2_block_open(struct block **ret, struct lvm2_map *m, struct err *err);
