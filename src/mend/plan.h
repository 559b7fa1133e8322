/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan.h: wishes as things to do, each on one filesystem; private to src/mend
 *
 * Made while nothing is written yet, by the readers of src/fs and the paths as the guest
 * has them.  Whatever fails here leaves all filesystems as they are. */
#pragma once

#include "guest/inspect.h"
#include "mend/driver.h"

enum {
    MEND_THINGS_MAX = 20000, /* to do */
    MEND_NAMES_MAX = 200000, /* looked at on the way */
    MEND_FOLDERS_DEEP = 64,
    MEND_PLAN_BYTES = 32 << 20,
};

struct mend_planned {
    unsigned fs;      /* of guest.fs */
    const char *path; /* for messages, made printable */
    struct mend_do d;
};

struct mend_plan {
    struct guest *g; /* its tree has what fstab mounts */
    struct arena *arena;
    LIST(struct mend_planned) things; /* in the order in which they are to be done */
    size_t names;                     /* looked at so far */
    LIST(const char *) left;          /* folders that an identity has to do without, */
    const char *left_why;             /* and why; NULL: there are none */
};

/* ---- mounts.c: behind linux_fstab(), before anything is planned */

/* Binds what fstab binds.  ERR_UNSUPPORTED when an edit is for a folder that something
 * hides; fills p->left. */
int mend_plan_mounts(struct mend_plan *p, const struct mend_edits *edits,
                     struct err *err);
bool mend_is_left(const struct mend_plan *p, const char *path);

/* Is there something on the disk that we do not look into? */
bool mend_hides_more(const struct guest *g);

/* ---- plan.c */

int mend_plan_edit(struct mend_plan *p, const struct mend_edit *e, struct err *err);

/* ---- identity.c */

int mend_plan_identity(struct mend_plan *p, struct err *err);

/* ---- what identity.c is made of; what is not there is fine */

/* A file or symlink; a folder stays. */
int mend_plan_remove(struct mend_plan *p, const char *path, struct err *err);

/* All that is in a folder but the name `keep` [opt] at its top.  Folders that something
 * is mounted on stay. */
int mend_plan_empty(struct mend_plan *p, const char *path, const char *keep,
                    struct err *err);

/* The regular file that the path leads to gets this content. */
int mend_plan_content(struct mend_plan *p, const char *path, struct bytes content,
                      struct err *err);

/* Calls fn for each name in the folder, which it may plan to remove. */
struct mend_entry {
    unsigned mount;    /* of the tree */
    uint64_t dir;      /* inode of the folder */
    struct fs_stat st; /* of the entry itself */
    const char *name;  /* in the arena */
    bool covered;      /* something is mounted on it */
};
typedef int mend_entry_fn(struct mend_plan *p, const struct mend_entry *e, void *arg,
                          struct err *err);
int mend_plan_each(struct mend_plan *p, unsigned mount, uint64_t dir, mend_entry_fn *fn,
                   void *arg, struct err *err);

/* What each() found. */
int mend_plan_unlink(struct mend_plan *p, const struct mend_entry *e, struct err *err);
int mend_plan_remove_tree(struct mend_plan *p, const struct mend_entry *e, unsigned depth,
                          struct err *err);
int mend_plan_truncate(struct mend_plan *p, const struct mend_entry *e, struct err *err);
