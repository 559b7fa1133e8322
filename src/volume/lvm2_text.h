/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lvm2_text.h: the text in which LVM2 describes a group
 *
 *     vg {
 *         seqno = 3               # comment
 *         status = ["RESIZEABLE", "READ"]
 *         physical_volumes { pv0 { ... } }
 *     }
 *
 * Nodes live in the arena and borrow from the text. */
#pragma once

#include "base/arena.h"

enum { LVM2_TEXT_DEPTH_MAX = 16 }; /* sections and an array in one another */

enum lvm2_kind {
    LVM2_SECTION,
    LVM2_ARRAY,
    LVM2_NUMBER, /* 0 to UINT64_MAX */
    LVM2_STRING,
    LVM2_OTHER, /* a number with a sign or a fraction */
};

struct lvm2_node {
    struct lvm2_node *next;  /* in the same section or array */
    struct lvm2_node *first; /* of a section's or array's own */
    struct bytes key;        /* empty in an array */
    struct bytes text;       /* without quotes, escapes as written; not of sections */
    uint64_t number;
    enum lvm2_kind kind;
};

/* The outermost section, whose key is empty.  `*nodes` is how many more nodes may be
 * made, counted down.  ERR_CORRUPT with the line, ERR_LIMIT. */
int lvm2_text_parse(const struct lvm2_node **ret, struct bytes text, size_t *nodes,
                    struct arena *a, struct err *err);

/* The first child of that kind and name; NULL: none.  `section` may be NULL. */
const struct lvm2_node *lvm2_get(const struct lvm2_node *section, const char *key,
                                 enum lvm2_kind kind);

/* Empty when there is none. */
struct bytes lvm2_string(const struct lvm2_node *section, const char *key);

/* False when there is none. */
bool lvm2_number(uint64_t *ret, const struct lvm2_node *section, const char *key);

/* Is the string among those of the array? */
bool lvm2_has(const struct lvm2_node *section, const char *key, const char *value);
