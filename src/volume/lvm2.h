/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lvm2.h: Linux volume groups
 *
 *   physical volumes ── lvm2_scan() ──> logical volumes, each a block of its own
 *
 *   sectors 0-3      label (LABELONE) with the header of the physical volume
 *   metadata area    header, and a ring with the group's description as text
 *   extents          the volumes' bytes
 *
 * Linear, striped and stacked volumes are mapped, of mirrors and raid1 the first leg that
 * is here.  Every other kind is named and gets no block.  That a physical volume is not
 * here is a fact; what we do not map, or cannot make sense of, we could not look into. */
#pragma once

#include "base/arena.h"
#include "block/block.h"

enum {
    LVM2_VOLUMES_MAX = 1024,    /* in one group, hidden ones too; as many physical ones */
    LVM2_AREAS_MAX = 16384,     /* pieces on physical volumes, of one group */
    LVM2_STRIPES_MAX = 128,     /* of one segment; the kernel takes no more */
    LVM2_DEPTH_MAX = 8,         /* volumes on volumes */
    LVM2_TEXT_MAX = 4 << 20,    /* bytes of one description */
    LVM2_TEXTS_MAX = 16 << 20,  /* bytes of all that are read */
    LVM2_NODES_MAX = 100 << 10, /* settings and values in all of them */
};

/* One physical volume: a block that fs_identify() calls FS_LVM2. */
struct lvm2_member {
    struct block *block; /* borrowed while scanning; volumes take their own references */
    const char *device;  /* "partition 2", for messages */
    /* Set by the scan. */
    const char *group;   /* name of the group it is in; "" not known */
    enum err_code code;  /* why its metadata could not be read; ERR_NONE: it was */
    const char *problem; /* the same in words; "" */
};

struct lvm2_volume {
    const char *name;    /* "vg/root"; in the arena */
    const char *group;   /* "vg" */
    uint64_t size;       /* bytes; 0 when the metadata does not tell */
    struct block *block; /* own reference; NULL: `problem` says why */
    /* No volume of the group has copies of its bytes, or a snapshot that would have to be
     * told of changes: what is written to the block is written to the volume. */
    bool one_place;
    enum err_code code;  /* ERR_NONE without a block: part of it is not on this disk */
    const char *problem; /* one phrase; "" */
};

/* Immutable after the scan. */
struct lvm2_groups {
    LIST(struct lvm2_volume) volumes; /* visible ones, in the metadata's order */
    LIST(const char *) problems; /* what is missing: "vg: physical volume ..."; facts */
};

/* Strings and lists live in `a`.  Negative only without memory: everything else is said
 * of the member or the volume that it is about.  Of several descriptions of a group the
 * one with the highest sequence number counts.  Call lvm2_groups_fini() also after
 * failure. */
int lvm2_scan(struct lvm2_groups *ret, struct lvm2_member *members, size_t n,
              struct arena *a, struct err *err);

/* Drops the references of the volumes' blocks. */
void lvm2_groups_fini(struct lvm2_groups *g);
