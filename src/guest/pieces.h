/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pieces.h: systems whose root is put together when they start
 *
 *   Container Linux   two partitions of which one is /usr, a ROOT that is empty before
 * the first start, kernels on the EFI system partition, which is /boot ostree a folder of
 * a filesystem, which ostree= on the command line names
 *
 * The root that comes of it is a guest_fs of its own behind those of the partitions, with
 * the device of the filesystem that the system calls its root. */
#pragma once

#include "guest/collect.h"

/* After every filesystem was looked at.  `root` looks like a root by itself, or NULL.
 * 1: g->root and the tree are set.  0: the disk has no such system, or it cannot be put
 * together. */
int pieces_usr(struct guest *g, struct guest_fs *root, struct err *err);
int pieces_ostree(struct guest *g, struct err *err);

/* The deployment that a path of ostree= leads to: 1 and its path on the filesystem. */
int pieces_deployment(const char **ret, struct guest *g, const struct guest_fs *gf,
                      const char *path, struct err *err);

/* ---- root.c */

/* Makes gf the root of the facts and of the tree. */
void root_set(struct guest *g, struct guest_fs *gf);

/* 1: a filesystem looks like a root. */
int root_is_on(struct guest *g, struct fs *fs, struct err *err);

/* What was seen on a device; NULL nothing. */
struct fact_candidate *root_candidate(struct guest *g, const struct guest_fs *gf);
