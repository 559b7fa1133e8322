/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel.h: what the files about kernels share
 *
 *   kernel.c    which kernels there are, which is the default, which initramfs is whose
 *   drivers.c   for one kernel: built in, in the initramfs, a module, absent
 *   blocked.c   modprobe.d and the command line
 *   modules.c   the tables of one kernel's modules */
#pragma once

#include "guest/kernel/modules.h"

struct kernel_files {
    const char *version;    /* "" unknown */
    fact_strings initramfs; /* what is unpacked for it, in order; none for a kernel that
                               starts without */
    const char *image;      /* "" none */
    bool embedded;          /* kernels of this system have their initramfs within */
    bool look_inside; /* else the initramfs is left alone, and answers are "unknown" */
};

/* Fills k->drivers, config, modules, xen_only, initramfs_format and initramfs_tool; what
 * the initramfs itself blocks goes to linux.blocked. */
int kernel_drivers(struct guest *g, struct fact_kernel *k, const struct kernel_files *f,
                   struct err *err);

/* A file of the guest as a block; the guest must outlive it. */
static inline int guest_file_open(struct block **ret, struct guest *g,
                                  const struct tree_node *node, struct err *err)
{
    return fs_file_open(ret, g->tree.mount[node->mount].fs, &node->st, err);
}

/* ---- blocked.c */

/* Is this one of the modules that facts speak of? */
bool driver_is_known(const char *name);

/* Lines of one modprobe.d file. */
void blocked_lines(struct guest *g, struct bytes text, const char *where);

/* modprobe.d of the root, and the default entry's command line. */
int linux_blocked(struct guest *g, struct err *err);
