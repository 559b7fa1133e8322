/* SPDX-License-Identifier: GPL-2.0-or-later */
/* table.h: what the readers of partition tables share; private to src/volume */
#pragma once

#include "base/bytes.h"
#include "volume/volume.h"

enum {
    SECTOR = 512, /* MBR counts in these, whatever the disk says */
    MBR_ENTRIES = 4,
    MBR_TYPE_EMPTY = 0x00,
    MBR_TYPE_ESP = 0xef,
    MBR_TYPE_PROTECTIVE = 0xee,
};

/* One scan under way. */
struct scan {
    struct volume_table *table;
    struct block *disk;
    struct arena *arena;
};

struct mbr_entry {
    uint8_t boot; /* 00 or 80 in a table; anything in boot code */
    uint8_t type;
    uint32_t start, sectors; /* in 512 bytes; of a logical one relative to its EBR */
};

/* `sector` holds SECTOR bytes. */
struct mbr_entry mbr_entry_decode(struct bytes sector, unsigned slot);
bool mbr_has_signature(struct bytes sector);

/* Is the first sector a partition table, and not code or a filesystem's boot sector? */
bool mbr_is_table(const struct scan *s, struct bytes sector);
int mbr_scan(struct scan *s, struct bytes sector, struct err *err);

/* 1 there is a GPT and it is in the table, 0 neither copy has a signature, negative. */
int gpt_scan(struct scan *s, struct err *err);

/* Appends a partition; the caller fills in what is special.  `size` may end past the
 * disk. NULL with *err set on ERR_LIMIT and ERR_NOMEM. */
struct partition *scan_add(struct scan *s, unsigned index, uint64_t start, uint64_t size,
                           struct err *err);

/* Gives a partition its block, when it may have one. */
int scan_open(struct scan *s, struct partition *p, struct err *err);

/* Records what is odd; the first one stays. */
void scan_problem(struct scan *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "": unknown. */
const char *mbr_type_name(uint8_t type);
const char *gpt_type_name(const char *guid);

/* "grub", ..., "unknown", "" for the code of the first sector and the sectors behind it.
 */
const char *boot_code_name(struct bytes sector, struct bytes gap);

/* Bytes of the core image of a GRUB whose boot record this is, unpacked; 0: not known. */
int grub_core_size(unsigned *ret, struct block *disk, struct bytes sector,
                   struct err *err);
