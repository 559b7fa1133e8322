/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gpt.c: GUID partition tables (UEFI 2.10, section 5.3)
 *
 *   LBA 0        protective MBR
 *   LBA 1        header ──► entries (usually LBA 2, but the header decides)
 *   …
 *   last LBA     backup header, with the entries before it
 *
 * Firmware and systems differ in what they do with one broken copy, so both are always
 * looked at and the result of each is a fact.  Images of disks with 4096-byte sectors
 * have the header at byte 4096; cloud disks have 512, so there such a table is odd. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"
#include "base/text.h"
#include "base/uuid.h"
#include "volume/table.h"

enum {
    GPT_HEADER = 92,
    GPT_ENTRY_MIN = 128,
    GPT_ENTRY_MAX = 4096,
    GPT_ENTRIES_MAX = 4096,
    GPT_ARRAY_MAX = 1 << 20,
    GPT_NAME = 72, /* bytes of UTF-16LE */
    GPT_WHY_MAX = 120,
};

struct gpt_copy {
    bool signature, ok;
    enum err_code code; /* when not ok */
    char why[GPT_WHY_MAX];
    uint64_t alternate, first_usable, last_usable, entries_lba;
    uint32_t entries, entry_size, array_crc;
    uint8_t guid[16]; /* of the disk */
    uint8_t *array;   /* owned; entries * entry_size bytes when ok */
};

static void gpt_copy_fini(struct gpt_copy *c)
{
    free(c->array);
    c->array = NULL;
}

static int gpt_bad(struct gpt_copy *c, enum err_code code, const char *why)
{
    c->code = code;
    snprintf(c->why, sizeof c->why, "%s", why);
    return 0;
}

static int gpt_header_decode(struct gpt_copy *ret, uint8_t *raw, size_t n, uint64_t lba)
{
    struct cursor c = cursor(bytes_of(raw, n));
    uint32_t revision, size, crc;
    uint64_t my_lba;

    if (!bytes_at(c.b, 0, "EFI PART", 8))
        return gpt_bad(ret, ERR_CORRUPT, "no header");
    ret->signature = true;
    cursor_skip(&c, 8);
    revision = cursor_le32(&c);
    size = cursor_le32(&c);
    crc = cursor_le32(&c);
    cursor_skip(&c, 4);
    my_lba = cursor_le64(&c);
    ret->alternate = cursor_le64(&c);
    ret->first_usable = cursor_le64(&c);
    ret->last_usable = cursor_le64(&c);
    cursor_copy(&c, ret->guid, sizeof ret->guid);
    ret->entries_lba = cursor_le64(&c);
    ret->entries = cursor_le32(&c);
    ret->entry_size = cursor_le32(&c);
    ret->array_crc = cursor_le32(&c);
    if (c.bad || size < GPT_HEADER || size > n)
        return gpt_bad(ret, ERR_CORRUPT, "header size out of range");
    memset(raw + 16, 0, 4);
    if (crc32_ieee(0, raw, size) != crc)
        return gpt_bad(ret, ERR_CORRUPT, "header checksum");
    if (revision >> 16 != 1)
        return gpt_bad(ret, ERR_UNSUPPORTED, "revision");
    if (my_lba != lba)
        return gpt_bad(ret, ERR_CORRUPT, "header that belongs to another sector");
    if (ret->entry_size < GPT_ENTRY_MIN || !is_power_of_2(ret->entry_size))
        return gpt_bad(ret, ERR_CORRUPT, "entry size is not 128 times a power of two");
    if (ret->entry_size > GPT_ENTRY_MAX || ret->entries > GPT_ENTRIES_MAX ||
        ret->entries * ret->entry_size > GPT_ARRAY_MAX)
        return gpt_bad(ret, ERR_LIMIT, "more or larger entries than we read");
    return 1;
}

/* 0 also when the copy is bad (ret->ok says); negative: could not look. */
static int gpt_load(struct gpt_copy *ret, struct block *disk, uint64_t lba,
                    uint32_t sector, struct err *err)
{
    AUTO(freep) uint8_t *raw = malloc(sector);
    uint64_t off, array_off;
    size_t n;
    int r;

    *ret = (struct gpt_copy){0};
    if (!raw)
        return FAIL(err, ERR_NOMEM, "gpt header");
    if (!checked_mul(&off, lba, sector) || !range_within(off, sector, disk->size))
        return gpt_bad(ret, ERR_CORRUPT, "header past the disk's end");
    r = block_read(disk, raw, sector, off, err);
    if (r < 0)
        return r;
    if (!gpt_header_decode(ret, raw, sector, lba))
        return 0;
    n = (size_t)ret->entries * ret->entry_size;
    if (!checked_mul(&array_off, ret->entries_lba, sector) ||
        !range_within(array_off, n, disk->size))
        return gpt_bad(ret, ERR_CORRUPT, "entries past the disk's end");
    ret->array = malloc(n ? n : 1);
    if (!ret->array)
        return FAIL(err, ERR_NOMEM, "gpt entries");
    r = block_read(disk, ret->array, n, array_off, err);
    if (r < 0)
        return r;
    if (crc32_ieee(0, ret->array, n) != ret->array_crc)
        return gpt_bad(ret, ERR_CORRUPT, "checksum of the entries");
    ret->ok = true;
    return 0;
}

static const char *gpt_name(struct scan *s, struct bytes raw)
{
    char text[GPT_NAME * 2 + 1];
    size_t n = text_utf16le(text, sizeof text, raw);

    return n ? arena_text(s->arena, bytes_of(text, n), GPT_NAME * 2) : "";
}

/* Types whose attributes say which of two partitions starts: bits 48 to 51 are the
 * priority, 52 to 55 tries left, 56 a start that went well (cgpt of ChromiumOS). */
static bool has_slots(const char *type)
{
    return strcmp(type, "5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6") == 0 ||
           strcmp(type, "FE3A2A5D-4F32-41A7-B725-ACCC3285A309") == 0;
}

static const char *lower_case(struct scan *s, char *guid)
{
    for (char *c = guid; *c; c++)
        if (*c >= 'A' && *c <= 'F')
            *c = (char)(*c - 'A' + 'a');
    return arena_str(s->arena, guid);
}

static int gpt_entry(struct scan *s, const struct gpt_copy *g, uint32_t i,
                     uint32_t sector, struct err *err)
{
    struct bytes raw = bytes_of(g->array + (size_t)i * g->entry_size, g->entry_size);
    uint64_t first = load_le64(raw.p + 32), last = load_le64(raw.p + 40);
    uint64_t start, end;
    char guid[UUID_TEXT];
    struct partition *p;

    if (bytes_are_zero(bytes_sub(raw, 0, 16)))
        return 0;
    /* The end is kept below 2^63 so that nobody's sum of two of them wraps. */
    if (last < first || last >= (uint64_t)INT64_MAX / sector) {
        scan_problem(s, "gpt entry %u: sectors %" PRIu64 " to %" PRIu64, i + 1, first,
                     last);
        return 0;
    }
    start = first * sector;
    end = (last + 1) * sector;
    p = scan_add(s, i + 1, start, end - start, err);
    if (!p)
        return -(int)err->code;
    if (first < g->first_usable || last > g->last_usable)
        scan_problem(s, "partition %u lies outside the usable sectors", i + 1);
    guid_format(guid, raw.p);
    p->type = arena_str(s->arena, guid);
    p->type_name = gpt_type_name(guid);
    p->name = gpt_name(s, bytes_sub(raw, 56, GPT_NAME));
    guid_format(guid, raw.p + 16);
    p->uuid = lower_case(s, guid);
    p->active = load_le64(raw.p + 48) & 4;
    if (has_slots(p->type)) {
        uint16_t slot = load_le16(raw.p + 54);

        p->priority = slot & 15;
        p->tries = slot >> 4 & 15;
        p->successful = slot & 0x100;
    }
    if (strcmp(p->type_name, "BIOS boot") == 0)
        s->table->bios_boot = true;
    if (strcmp(p->type_name, "EFI System") == 0)
        s->table->esp = true;
    return scan_open(s, p, err);
}

static void gpt_compare(struct scan *s, const struct gpt_copy *a,
                        const struct gpt_copy *b, uint32_t sector)
{
    uint64_t last = s->disk->size / sector - 1;

    if (!a->ok)
        scan_problem(s, "gpt: the first copy is bad (%s)", a->why);
    else if (!b->ok)
        scan_problem(s, "gpt: the copy at the end is bad (%s)", b->why);
    else if (a->array_crc != b->array_crc || a->entries != b->entries)
        scan_problem(s, "gpt: the two copies differ");
    else if (a->alternate != last)
        scan_problem(s,
                     "gpt: the second copy is in sector %" PRIu64
                     ", but the disk ends with %" PRIu64,
                     a->alternate, last);
    if (sector != SECTOR)
        scan_problem(s, "gpt: written for sectors of %" PRIu32 " bytes", sector);
}

static int gpt_scan_sector(struct scan *s, uint32_t sector, struct gpt_copy *a,
                           struct gpt_copy *b, struct err *err)
{
    const struct gpt_copy *g;
    char guid[UUID_TEXT];
    int r;

    if (s->disk->size < 3 * (uint64_t)sector)
        return 0;
    r = gpt_load(a, s->disk, 1, sector, err);
    if (r < 0)
        return r;
    r = gpt_load(b, s->disk, a->ok ? a->alternate : s->disk->size / sector - 1, sector,
                 err);
    if (r < 0)
        return r;
    if (!a->ok && !b->ok)
        return 0;
    g = a->ok ? a : b;
    s->table->kind = TABLE_GPT;
    s->table->gpt_primary_ok = a->ok;
    s->table->gpt_backup_ok = b->ok;
    guid_format(guid, g->guid);
    s->table->uuid = lower_case(s, guid);
    for (uint32_t i = 0; i < g->entries; i++) {
        r = gpt_entry(s, g, i, sector, err);
        if (r < 0)
            return r;
    }
    gpt_compare(s, a, b, sector);
    return 1;
}

int gpt_scan(struct scan *s, struct err *err)
{
    static const uint32_t sectors[] = {SECTOR, 4096};
    char why[GPT_WHY_MAX] = "";
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < ARRAY_SIZE(sectors); i++) {
        AUTO(gpt_copy_fini) struct gpt_copy a = {0};
        AUTO(gpt_copy_fini) struct gpt_copy b = {0};
        int r = gpt_scan_sector(s, sectors[i], &a, &b, err);

        if (r != 0)
            return r;
        for (int j = 0; j < 2; j++) {
            const struct gpt_copy *c = j ? &b : &a;

            if (c->signature && code == ERR_NONE) {
                code = c->code;
                memcpy(why, c->why, sizeof why);
            }
        }
    }
    return code == ERR_NONE ? 0 : FAIL(err, code, "gpt: no copy is good: %s", why);
}
