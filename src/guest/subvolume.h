/* SPDX-License-Identifier: GPL-2.0-or-later */
/* subvolume.h: the subvolumes of a filesystem (btrfs) as filesystems of the guest
 *
 * A guest_fs of a partition stands for one subvolume: at first the default one, and where
 * the root turns out to be another, that.  Others that fstab mounts are guest_fs of their
 * own, behind those of the partitions, with the same block. */
#pragma once

#include "guest/collect.h"

enum {
    SUBVOLUMES_TRIED_MAX = 64,
    SUBVOLUME_TOP = 5, /* id of the top level */
};

/* Fills in gf->subvolume when the filesystem has any.  Cheap the second time. */
int subvolume_learn(struct guest *g, struct guest_fs *gf, struct err *err);

/* What the options of a mount ("subvol=@,compress=zstd", "subvolid=256"; neither: the
 * default subvolume) choose of the filesystem gf: a guest_fs that is there already, or a
 * new one.  1; 0: there is no such subvolume.  gf itself when it has no subvolumes. */
int subvolume_mount(struct guest_fs **ret, struct guest *g, struct guest_fs *gf,
                    struct bytes options, struct err *err);

/* The id of what options choose: 1, 0 as above.  gf has subvolumes. */
int subvolume_find(uint64_t *id, const struct guest_fs *gf, struct bytes options,
                   struct err *err);

/* The path of the one that gf stands for, for the facts; "" none. */
static inline const char *subvolume_text(struct guest *g, const struct guest_fs *gf)
{
    return gf->subvolume ? guest_text(g, bytes_of(gf->subvolume, strlen(gf->subvolume)))
                         : "";
}

/* Ids to be tried for a root when the default is none: usual names first. */
struct subvolume_ids {
    uint64_t v[SUBVOLUMES_TRIED_MAX];
    size_t n;
};
int subvolume_candidates(struct subvolume_ids *ret, struct guest_fs *gf, struct err *err);

/* Makes this subvolume the one that gf stands for; what it was goes behind. */
int subvolume_switch(struct guest *g, struct guest_fs *gf, uint64_t id, struct err *err);

/* A path as a boot loader has it, from the top level: changes *path to be within the
 * subvolume that it leads into, which is returned; gf itself when it leads into none that
 * is open. */
const struct guest_fs *subvolume_enter(struct guest *g, const struct guest_fs *gf,
                                       const char **path);
