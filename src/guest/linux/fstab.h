/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fstab.h: one line of /etc/fstab (fstab(5)) */
#pragma once

#include "base/arena.h"
#include "base/bytes.h"

struct fstab_line {
    struct bytes spec, target, type, options; /* unescaped, in the arena */
};

/* False for comments, empty lines and what has no three fields. */
bool fstab_line_parse(struct fstab_line *ret, struct arena *a, struct bytes line);

bool fstab_has_option(struct bytes options, const char *name);

/* As fact_mount.kind. */
const char *fstab_kind(const struct fstab_line *l);

/* "/a//b/" as "/a/b", *depth [opt] is 2; NULL for what does not lead down from the root.
 */
const char *fstab_path(struct arena *a, struct bytes path, size_t *depth);
