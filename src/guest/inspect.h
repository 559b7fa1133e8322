/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inspect.h: from a guest's disk to facts
 *
 *   inspect_file()           image_open, then
 *     inspect_disk()         volume_scan, fs_identify and fs_open for each, then
 *       root_find()          which filesystem is a root, by content
 *       linux_*()            one collector a subject, each its own file
 *
 * Collectors have the form
 *     int linux_fstab(struct guest *g, struct err *err);
 * and write into g->facts.  0 also when there was nothing to see.  What could not be read
 * is recorded by guest_problem() and the collector goes on; only what ends the inspection
 * (memory, budget) comes back as an error. */
#pragma once

#include "block/image.h"
#include "fs/tree.h"
#include "guest/facts.h"
#include "volume/lvm2.h"
#include "volume/volume.h"

enum {
    GUEST_SUBVOLUMES_MAX = TREE_MOUNTS_MAX + 2, /* that are mounted by themselves */
    GUEST_FS_MAX = PARTITIONS_MAX + 64,
};

/* A filesystem of the disk, opened where we can. */
struct guest_fs {
    const char *device; /* "partition 1", "vg/root"; in the arena */
    struct fs_ident ident;
    struct block *block; /* borrowed from the table or the group; NULL: none */
    struct fs *fs;       /* owned by the guest; NULL: not opened */
    struct fact_partition *partition; /* or NULL; valid once all partitions are listed */
    struct fact_volume *volume;       /* or NULL; the same */
    bool one_place;                   /* of a volume: as of struct lvm2_volume */
    const char *group;     /* volume group that it is a logical or a physical volume of;
                              NULL: of none */
    const char *subvolume; /* the one that fs is: its path from the top level; NULL: it
                              has none, or nobody asked yet (subvolume.h) */
    uint64_t subvolume_id;
};

struct guest {
    struct facts *facts;
    struct arena *arena;
    struct block *disk;  /* borrowed */
    struct guest_fs *fs; /* all filesystems, fs_n of them */
    unsigned fs_n, fs_max;
    struct tree tree; /* the root and what fstab mounts on it, once a root was found */
    const struct guest_fs *root; /* NULL: none */
    bool windows;                /* the root is one of Windows */
    void (*step)(void *arg,
                 const char *name); /* told the name of each step; may be NULL */
    void *step_arg;
    int (*opened)(void *arg, struct guest *g, struct err *err); /* inspect_options */
    void *opened_arg;
    int (*looked)(void *arg, struct guest *g, struct err *err); /* the same */
    void *looked_arg;
};

/* Inspects a container file.  Returns 0 with whatever was seen, also when the container
 * is refused (facts->image.fault) or parts could not be read (facts->problems); negative
 * only for what makes the facts worthless (memory, budget, I/O on the first bytes).
 * `options` as for image_open(). */
struct inspect_options {
    const struct image_options *image; /* NULL: defaults */
    /* When the qcow2 size by extents is above this many bytes, what extents call data is
     * read to find zeros, so that qcow2_size becomes exact (or exact enough: counting
     * stops once it is over the limit for certain).  0: never. */
    uint64_t size_limit;
    uint64_t size_stop; /* that other limit where counting stops, when profiles differ in
                           theirs; 0: the same */
    void (*step)(void *arg, const char *name);
    void *step_arg;
    /* [opt] Instead of a look at the system: called while the filesystems are open and it
     * is known which one is the root.  Its failure is that of the inspection. */
    int (*opened)(void *arg, struct guest *g, struct err *err);
    void *opened_arg;
    /* [opt] After the look at a Linux system, while its files can still be read; the
     * same. */
    int (*looked)(void *arg, struct guest *g, struct err *err);
    void *looked_arg;
};

int inspect_file(struct facts *ret, struct arena *a, struct block *file,
                 const struct inspect_options *options, struct err *err);

/* The same from the guest's disk on; facts->image stays as it is. */
int inspect_disk(struct facts *ret, struct arena *a, struct block *disk,
                 const struct inspect_options *options, struct err *err);

/* Records "could not look"; takes code and message from *err and clears it.  ERR_NOMEM is
 * not recorded but returned, everything else gives 0.  `minor`: only advice is lost. */
int guest_problem(struct guest *g, const char *layer, const char *subject, bool minor,
                  struct err *err);

/* Fills in gf->ident and, where we have a driver, gf->fs, and the facts of its partition
 * or volume. */
int guest_open_fs(struct guest *g, struct guest_fs *gf, struct err *err);

/* The logical volumes of the disk, after its partitions; the blocks stay in *groups. */
int guest_volumes(struct guest *g, struct lvm2_groups *groups, struct err *err);

/* ---- the collectors; each reads g->tree and fills its part of g->facts */

int root_find(struct guest *g, struct err *err);     /* candidates, root, g->tree */
int guest_others(struct guest *g, struct err *err);  /* os, when there is no root */
int linux_release(struct guest *g, struct err *err); /* os */
int linux_fstab(struct guest *g, struct err *err);   /* linux.fstab, mounts on the tree */
int linux_boot(struct guest *g, struct err *err);    /* boot: the default entry */
int linux_kernels(struct guest *g, struct err *err); /* kernels, drivers, blocked */
int linux_cloud_init(struct guest *g, struct err *err);
int linux_ignition(struct guest *g, struct err *err);
int linux_network(struct guest *g, struct err *err);
int linux_services(struct guest *g,
                   struct err *err); /* sshd, firewall, selinux, rtc, growpart */
int linux_residues(struct guest *g, struct err *err); /* shadow, tools, residues */

/* Is it a dynamic disk of Windows?  disk.dynamic, whatever the root is. */
int windows_dynamic(struct guest *g, struct err *err);

/* Instead of the above, for a root that is Windows: windows, os, cloud_init. */
int windows_facts(struct guest *g, struct err *err);

/* Does a fstab or root= spec ("UUID=...", "LABEL=...", "PARTUUID=...", "/dev/vda1",
 * "/dev/mapper/vg-root", "/dev/disk/by-uuid/...") name a filesystem of this disk?  The
 * one, or NULL.  *by_id as fact_mount.by_id. */
const struct guest_fs *guest_resolve(struct guest *g, struct bytes spec, bool *by_id);
