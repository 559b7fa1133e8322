/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volume.h: a disk split into blocks
 *
 *   disk ── volume_scan() ──> table of partitions, each with a window block of its own
 *
 * What a table looks like is a fact (also when it is broken); only what kept us from
 * reading it is an error. */
#pragma once

#include "base/arena.h"
#include "block/block.h"

enum table_kind {
    TABLE_NONE, /* no table: zeros, a filesystem straight on the disk, something else */
    TABLE_MBR,
    TABLE_GPT,
    TABLE_KIND_MAX,
};

enum { PARTITIONS_MAX = 256 }; /* listed; more is ERR_LIMIT.  Linux stops at 256 too */

struct partition {
    unsigned index;       /* as Linux numbers it: logical ones from 5 */
    uint64_t start, size; /* bytes; cut to nothing that lies past the disk's end */
    const char *type; /* "83" in hex for MBR, GUID in upper case for GPT; in the arena */
    const char *type_name; /* "Linux", "EFI System", ...; "" unknown */
    const char *name;      /* GPT partition name, cleaned; "" for MBR */
    const char
        *uuid;     /* PARTUUID as Linux has it: GUID in lower case, "1a2b3c4d-01"; "" */
    bool active;   /* MBR 0x80; GPT legacy BIOS bootable attribute (bit 2) */
    bool logical;  /* inside an extended partition */
    bool extended; /* holds logical ones; no block of its own */
    bool past_end; /* ends past the disk: truncated image */
    /* GPT, types that ChromeOS and Container Linux have two of: which one starts. */
    unsigned priority, tries;
    bool successful;
    struct block *block; /* own reference; NULL when past_end, extended or empty */
};

/* One thread at a time until scanned, then immutable. */
struct volume_table {
    enum table_kind kind;
    LIST(struct partition) partitions;
    bool boot_signature; /* 55 AA at 510 */
    bool all_zero_start; /* the first MiB (or the whole disk if smaller) is zeros */
    unsigned overlap_a, overlap_b; /* index of two partitions that share bytes; 0: none */
    const char *boot_code;  /* "grub", "syslinux", "windows", "lilo", "unknown"; "": none
                               (P09) */
    unsigned grub_core;     /* bytes of GRUB's core image, unpacked; 0: not known */
    bool bios_boot;         /* GPT has a BIOS boot partition (21686148-...) */
    bool esp;               /* GPT EFI System type, or MBR type EF */
    bool gpt_primary_ok;    /* header and array CRC of the first copy (P03) */
    bool gpt_backup_ok;     /* ... of the copy at the end */
    bool protective_strict; /* the MBR beside a GPT is one EE entry and nothing else (P04)
                             */
    bool hybrid;            /* other entries stand next to EE */
    const char *uuid;       /* of a GPT's disk, in lower case; "" none */
    const char *problem;    /* what is odd about the table, one phrase; "" nothing */
};

/* Strings and the list live in `a`.  Errors: ERR_IO and ERR_LIMIT, with the layer's
 * words; a GPT of which neither copy is readable is ERR_CORRUPT; a chain of logical
 * partitions that loops or leaves its extended partition is listed as far as it is sound
 * and named in `problem`.  Call volume_table_fini() also after failure. */
int volume_scan(struct volume_table *ret, struct block *disk, struct arena *a,
                struct err *err);

/* Drops the references of the partitions' blocks. */
void volume_table_fini(struct volume_table *t);

const char *table_kind_name(enum table_kind kind); /* "none", "mbr", "gpt" */
