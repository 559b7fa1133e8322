/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_vmdk.h: do the tables of a stream say what came?
 *
 * Directory and tables stand before the grains (QEMU writes them so) or behind; grains of
 * one table may come before or after those of another one's table.  Nothing of them is
 * kept but one number a table: the sum of a hash over its entries, place and sector.  The
 * same sum over the grains that came must be it.  It notices mistakes; who wants tables
 * to disagree with the grains can have that, and misleads nobody, since the grains are
 * what is converted. */
#pragma once

#include "block/vmdk.h"

struct vmdk_tables {
    const struct vmdk_header *header; /* borrowed */
    uint32_t n;                       /* tables that the disk has */
    uint64_t *came;                   /* a sum each */
    /* Tables that were met, and where they are in the file. */
    struct vmdk_table_met {
        uint32_t sector;
        uint64_t sum;
    } * met;
    size_t met_n, met_room;
};

int vmdk_tables_init(struct vmdk_tables *t, const struct vmdk_header *h, struct err *err);
void vmdk_tables_fini(struct vmdk_tables *t);

/* A grain came at `sector` of the file. */
void vmdk_tables_grain(struct vmdk_tables *t, uint64_t grain, uint64_t sector);

/* Bytes of a table in the file. */
size_t vmdk_tables_span(const struct vmdk_tables *t);

/* A table came at `sector`. */
int vmdk_tables_meet(struct vmdk_tables *t, struct bytes table, uint64_t sector,
                     struct err *err);

/* The directory, n entries of 4 bytes: IMAGE_FAULT_STREAM unless each of its tables is
 * there and says what came. */
int vmdk_tables_check(struct vmdk_tables *t, struct bytes directory,
                      struct image_ctx *ctx, struct err *err);
