/* SPDX-License-Identifier: GPL-2.0-or-later */
/* facts_table.h: the structs of facts.h, described
 *
 * One row a member: it drives the encoder, the decoder and facts_init(), so the three
 * cannot disagree.  Rows stand in the order of the JSON keys; the keys that the contract
 * of the command line names come first in each object. */
#pragma once

#include <stddef.h>

#include "guest/facts.h"

enum fact_kind {
    FACT_BOOL,
    FACT_U32,
    FACT_U64,
    FACT_I64,
    FACT_STRING,
    FACT_STRINGS, /* fact_strings */
    FACT_STRUCT,  /* a struct within the struct */
    FACT_POINTER, /* to a struct; NULL is JSON null */
    FACT_LIST,    /* LIST() of structs */
};

struct fact_table;

struct fact_field {
    const char *key;    /* in JSON */
    const char *member; /* in C; the same but for two */
    enum fact_kind kind;
    size_t offset, size;
    const struct fact_table *of; /* STRUCT, POINTER, LIST: what it holds */
};

struct fact_table {
    const char *name; /* "fact_kernel" */
    size_t size;
    const struct fact_field *fields;
    size_t n;
};

/* struct facts; the other tables hang off it. */
extern const struct fact_table facts_table;

/* One struct that says "nothing seen". */
void facts_init_table(void *at, const struct fact_table *table);

/* Elements are made by the collectors with LIST_ADD() and arena_alloc(), which zero them:
 *     struct fact_kernel *k = FACT_ADD(arena, &facts->kernels, fact_kernel);
 * fills in the empty strings.  NULL when the arena has failed. */
#define FACT_ADD(arena, list, name) \
    ((struct name *)facts_init_new(LIST_ADD((arena), (list)), &name##_table))
#define FACT_NEW(arena, name)                                                 \
    ((struct name *)facts_init_new(arena_alloc((arena), sizeof(struct name)), \
                                   &name##_table))

static inline void *facts_init_new(void *p, const struct fact_table *table)
{
    if (p)
        facts_init_table(p, table);
    return p;
}

extern const struct fact_table fact_problem_table, fact_fs_table, fact_partition_table,
    fact_volume_table, fact_root_table, fact_candidate_table, fact_os_table,
    fact_kernel_table, fact_blocked_table, fact_boot_table, fact_cloud_init_table,
    fact_ignition_table, fact_mount_table, fact_interface_table, fact_residue_table,
    fact_linux_table, fact_windows_driver_table, fact_windows_hive_table,
    fact_windows_boot_table, fact_windows_filter_table, fact_windows_table;
