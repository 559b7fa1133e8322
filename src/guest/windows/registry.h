/* SPDX-License-Identifier: GPL-2.0-or-later */
/* registry.h: hives of a guest, opened as files of its tree
 *
 * What is there, and in what state, goes into the facts: a hive that is damaged is
 * something that was seen, one that cannot be read is a problem.  Neither is "the key is
 * not there". */
#pragma once

#include "guest/collect.h"
#include "guest/windows/hive.h"

struct registry {
    struct block *file, *cache;
    struct hive hive;
};

void registry_fini(struct registry *r);

/* A regular file of the guest as a block; the tree has to outlive it. */
int registry_file(struct block **ret, struct tree *tree, const struct tree_node *node,
                  struct err *err);

/* 1, 0 there is no such file, negative. */
int registry_open(struct registry *ret, struct tree *tree, const char *path,
                  struct err *err);

/* Is there a transaction log beside the hive (.LOG1, .LOG2; .LOG before Vista) that was
 * ever written?  1, 0, negative. */
int registry_has_log(struct tree *tree, const char *path, struct err *err);

/* Text of a hive for the facts.  Backslashes stay what they are. */
const char *registry_text(struct guest *g, const char *s);

/* A path of Windows as one of the tree: "\SystemRoot\System32\x.sys",
 * "%SystemRoot%\System32\x.sys", "System32\x.sys" (from the system's folder),
 * "\??\C:\Windows\x.sys", "C:\x.exe -a" (up to its end in quotes, or behind .exe or
 * .sys).  "" when it names no plain file of this disk. */
const char *registry_path(struct guest *g, const char *path);

/* hive_text() below `from` into the facts: "" when the key or the value is not there. */
int registry_value(struct guest *g, struct hive *h, uint32_t from, const char *path,
                   const char *name, const char **ret, struct err *err);

/* hive_number() below `from`: 1, 0 not there. */
int registry_number(struct hive *h, uint32_t from, const char *path, const char *name,
                    uint32_t *ret, struct err *err);
