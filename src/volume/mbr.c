/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mbr.c: the four entries of sector 0, and the chain of logical partitions
 *
 * Linux numbers primaries by their slot and logical ones from 5 in the order of the
 * chain, so the readings of fstab and grub.cfg agree only if we do the same. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "volume/table.h"

enum {
    MBR_SIGNATURE = 510,
    MBR_DISK_ID = 440,
    MBR_TABLE = 446,
    MBR_ENTRY = 16,
    FIRST_LOGICAL = 5,
    EBR_MAX = PARTITIONS_MAX, /* links of one chain, empty ones too */
};

struct mbr_entry mbr_entry_decode(struct bytes sector, unsigned slot)
{
    struct cursor c = cursor_at(sector, MBR_TABLE + (size_t)slot * MBR_ENTRY);
    struct mbr_entry e = {.boot = cursor_u8(&c)};

    cursor_skip(&c, 3);
    e.type = cursor_u8(&c);
    cursor_skip(&c, 3);
    e.start = cursor_le32(&c);
    e.sectors = cursor_le32(&c);
    return e;
}

bool mbr_has_signature(struct bytes sector)
{
    return bytes_at(sector, MBR_SIGNATURE, "\x55\xaa", 2);
}

static bool entry_is_extended(const struct mbr_entry *e)
{
    return e->type == 0x05 || e->type == 0x0f || e->type == 0x85;
}

/* FAT, exFAT and NTFS put 55 AA at the same place, and code where a table would be. */
static bool sector_is_filesystem(struct bytes s)
{
    uint16_t sector_size = load_le16(s.p + 11);
    uint8_t media = s.p[21];

    if (bytes_at(s, 3, "NTFS    ", 8) || bytes_at(s, 3, "EXFAT   ", 8))
        return true;
    if (s.p[0] != 0xeb && s.p[0] != 0xe9)
        return false;
    return sector_size >= 512 && sector_size <= 4096 && is_power_of_2(sector_size) &&
           is_power_of_2(s.p[13]) && load_le16(s.p + 14) != 0 && s.p[16] != 0 &&
           s.p[16] <= 2 && (media == 0xf0 || media >= 0xf8);
}

/* A sector that is both (some USB sticks are) is believed to be a table only when every
 * entry makes sense. */
static bool entries_are_sound(const struct scan *s, const struct mbr_entry *e)
{
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        if (!e[i].sectors)
            continue;
        if (e[i].type == MBR_TYPE_EMPTY || e[i].start == 0 ||
            !range_within(e[i].start, e[i].sectors, s->disk->size / SECTOR))
            return false;
        for (unsigned j = 0; j < i; j++)
            if (range_overlaps(e[i].start, e[i].sectors, e[j].start, e[j].sectors))
                return false;
    }
    return true;
}

bool mbr_is_table(const struct scan *s, struct bytes sector)
{
    struct mbr_entry e[MBR_ENTRIES];
    bool used = false;

    if (!mbr_has_signature(sector))
        return false;
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        e[i] = mbr_entry_decode(sector, i);
        /* The test by which Linux and blkid tell a table from code. */
        if (e[i].boot != 0 && e[i].boot != 0x80)
            return false;
        used |= e[i].sectors != 0;
    }
    return used && (!sector_is_filesystem(sector) || entries_are_sound(s, e));
}

static struct partition *add_entry(struct scan *s, unsigned index, uint64_t start_sector,
                                   const struct mbr_entry *e, uint32_t disk_id,
                                   struct err *err)
{
    struct partition *p =
        scan_add(s, index, start_sector * SECTOR, (uint64_t)e->sectors * SECTOR, err);

    if (!p)
        return NULL;
    p->type = arena_printf(s->arena, "%02X", e->type);
    p->type_name = mbr_type_name(e->type);
    if (disk_id)
        p->uuid = arena_printf(s->arena, "%08" PRIx32 "-%02x", disk_id, index);
    p->active = e->boot == 0x80;
    p->extended = entry_is_extended(e);
    if (e->type == MBR_TYPE_ESP)
        s->table->esp = true;
    return p;
}

struct chain {
    uint64_t base, sectors; /* of the extended partition */
    uint64_t seen[EBR_MAX];
    unsigned seen_n;
    unsigned next_index;
    uint32_t disk_id;
};

static bool chain_saw(const struct chain *c, uint64_t at)
{
    for (unsigned i = 0; i < c->seen_n; i++)
        if (c->seen[i] == at)
            return true;
    return false;
}

/* Adds what the EBR at sector `at` describes.  1 and *next when the chain goes on, 0 at
 * its end. */
static int scan_ebr(struct scan *s, struct chain *c, uint64_t at, uint64_t *next,
                    struct err *err)
{
    uint8_t raw[SECTOR];
    struct bytes sector = bytes_of(raw, sizeof raw);
    int r;

    if (!range_within(at * SECTOR, SECTOR, s->disk->size)) {
        scan_problem(s, "logical partitions: sector %" PRIu64 " lies past the disk's end",
                     at);
        return 0;
    }
    r = block_read(s->disk, raw, sizeof raw, at * SECTOR, err);
    if (r < 0)
        return r;
    if (!mbr_has_signature(sector)) {
        scan_problem(s, "logical partitions: no 55 AA in sector %" PRIu64, at);
        return 0;
    }
    r = 0;
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        struct mbr_entry e = mbr_entry_decode(sector, i);
        struct partition *p;

        if (!e.sectors)
            continue;
        if (entry_is_extended(&e)) {
            if (r == 0)
                *next = c->base + e.start;
            r = 1;
            continue;
        }
        /* Slots 3 and 4 hold leftovers on some disks: taken only where they fit. */
        if (!range_within(at - c->base + e.start, e.sectors, c->sectors)) {
            if (i >= 2)
                continue;
            scan_problem(s, "logical partition %u leaves the extended partition",
                         c->next_index);
        }
        p = add_entry(s, c->next_index, at + e.start, &e, c->disk_id, err);
        if (!p)
            return -(int)err->code;
        p->logical = true;
        c->next_index++;
        if (scan_open(s, p, err) < 0)
            return -(int)err->code;
    }
    return r;
}

static int scan_chain(struct scan *s, struct chain *c, struct err *err)
{
    uint64_t at = c->base;

    c->seen_n = 0;
    for (;;) {
        int r;

        if (chain_saw(c, at)) {
            scan_problem(s, "the chain of logical partitions loops at sector %" PRIu64,
                         at);
            return 0;
        }
        if (c->seen_n == EBR_MAX)
            return FAIL(err, ERR_LIMIT, "mbr: more than %d links of logical partitions",
                        EBR_MAX);
        c->seen[c->seen_n++] = at;
        r = scan_ebr(s, c, at, &at, err);
        if (r <= 0)
            return r;
        if (!range_within(at - c->base, 1, c->sectors)) {
            scan_problem(s,
                         "the chain of logical partitions leaves the extended partition");
            return 0;
        }
    }
}

int mbr_scan(struct scan *s, struct bytes sector, struct err *err)
{
    struct chain c = {.next_index = FIRST_LOGICAL,
                      .disk_id = load_le32(sector.p + MBR_DISK_ID)};

    s->table->kind = TABLE_MBR;
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        struct mbr_entry e = mbr_entry_decode(sector, i);
        struct partition *p;

        if (!e.sectors)
            continue;
        p = add_entry(s, i + 1, e.start, &e, c.disk_id, err);
        if (!p || scan_open(s, p, err) < 0)
            return -(int)err->code;
    }
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        struct mbr_entry e = mbr_entry_decode(sector, i);
        int r;

        if (!e.sectors || !entry_is_extended(&e))
            continue;
        c.base = e.start;
        c.sectors = e.sectors;
        r = scan_chain(s, &c, err);
        if (r < 0)
            return r;
    }
    return 0;
}
