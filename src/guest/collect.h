/* SPDX-License-Identifier: GPL-2.0-or-later */
/* collect.h: what every collector of this layer needs
 *
 * Each of these that can fail follows the collectors' rule: what could not be read is
 * recorded as a problem and looks like "not there" to the caller, who goes on; negative
 * means the inspection is over. */
#pragma once

#include "base/text.h"
#include "guest/facts_table.h"
#include "guest/inspect.h"

enum {
    GUEST_TEXT_MAX = 1 << 20, /* bytes of one settings file */
    GUEST_STRING_MAX = 1024,  /* bytes of one string in the facts */
    GUEST_PROBLEMS_MAX = 256, /* more are counted, not listed */
    GUEST_NAMES_MAX = 4096,   /* names of one directory */
};

/* Does a failure end the inspection?  No memory, or a budget of the tree used up. */
bool guest_is_fatal(const struct guest *g, int r);

/* The content of a regular file of at most `max` bytes.  1, 0, or negative. */
int guest_read(struct guest *g, const char *path, size_t max, bool minor, struct buf *ret,
               struct err *err);

/* tree_find(), tree_lfind(), tree_has_file(), tree_has_dir() by the same rule. */
int guest_find(struct guest *g, const char *path, bool minor, struct tree_node *ret,
               struct err *err);
int guest_lfind(struct guest *g, const char *path, bool minor, struct tree_node *ret,
                struct err *err);
int guest_has_file(struct guest *g, const char *path, bool minor, struct err *err);
int guest_has_dir(struct guest *g, const char *path, bool minor, struct err *err);

/* Sorted names of a directory, none when it is not there. */
int guest_names(struct guest *g, const char *path, bool minor, struct tree_names *ret,
                struct err *err);

/* The target of a symlink, not resolved; "" when it is none. */
int guest_readlink(struct guest *g, const char *path, bool minor, const char **ret,
                   struct err *err);

/* Once fstab and the boot loader are known: a problem with a whole filesystem that the
 * system does not start from keeps only advice from being given, so it becomes minor. */
void guest_weigh_problems(struct guest *g);

/* facts->linux_, made when it is not there yet; NULL when the arena has failed. */
struct fact_linux *guest_linux(struct guest *g);

/* Text of the guest for the facts. */
static inline const char *guest_text(struct guest *g, struct bytes b)
{
    return b.n ? arena_text(g->arena, b, GUEST_STRING_MAX) : "";
}
