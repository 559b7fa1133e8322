/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "volume/volume.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "volume/table.h"

enum {
    ZERO_START = 1 << 20,
    GAP_MAX = 2048, /* bytes behind sector 0 that may tell the loader */
};

const char *table_kind_name(enum table_kind kind)
{
    static const char *const names[TABLE_KIND_MAX] = {
        [TABLE_NONE] = "none",
        [TABLE_MBR] = "mbr",
        [TABLE_GPT] = "gpt",
    };

    return kind < TABLE_KIND_MAX ? names[kind] : "none";
}

void scan_problem(struct scan *s, const char *fmt, ...)
{
    char text[200];
    va_list ap;

    if (*s->table->problem)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    s->table->problem = arena_str(s->arena, text);
}

struct partition *scan_add(struct scan *s, unsigned index, uint64_t start, uint64_t size,
                           struct err *err)
{
    struct volume_table *t = s->table;
    struct partition *p;

    if (t->partitions.n == PARTITIONS_MAX) {
        FAIL(err, ERR_LIMIT, "partition table: more than %d partitions", PARTITIONS_MAX);
        return NULL;
    }
    p = LIST_ADD(s->arena, &t->partitions);
    if (!p) {
        FAIL(err, ERR_NOMEM, "partition table");
        return NULL;
    }
    p->index = index;
    p->start = start;
    p->size = size;
    p->past_end = !range_within(start, size, s->disk->size);
    if (p->past_end) {
        scan_problem(s, "partition %u ends at byte %" PRIu64 ", but the disk at %" PRIu64,
                     index, start + size, s->disk->size);
        p->size = start < s->disk->size ? s->disk->size - start : 0;
    }
    p->type = p->type_name = p->name = p->uuid = "";
    return p;
}

int scan_open(struct scan *s, struct partition *p, struct err *err)
{
    if (p->past_end || p->extended || p->size == 0)
        return 0;
    return block_window_open(&p->block, s->disk, p->start, p->size, err);
}

static void find_overlap(struct volume_table *t)
{
    for (size_t i = 0; i < t->partitions.n; i++)
        for (size_t j = 0; j < i; j++) {
            const struct partition *a = &t->partitions.v[j], *b = &t->partitions.v[i];

            if ((a->extended && b->logical) ||
                !range_overlaps(a->start, a->size, b->start, b->size))
                continue;
            t->overlap_a = a->index;
            t->overlap_b = b->index;
            return;
        }
}

static int start_is_zero(struct block *disk, bool *ret, struct err *err)
{
    uint64_t end = min_u64(disk->size, ZERO_START);
    AUTO(freep) uint8_t *buf = malloc(64 * 1024);

    if (!buf)
        return FAIL(err, ERR_NOMEM, "partition table");
    for (uint64_t off = 0; off < end; off += 64 * 1024) {
        size_t n = (size_t)min_u64(end - off, 64 * 1024);
        int r = block_read(disk, buf, n, off, err);

        if (r < 0)
            return r;
        if (!bytes_are_zero(bytes_of(buf, n))) {
            *ret = false;
            return 0;
        }
    }
    *ret = true;
    return 0;
}

/* What the first sector says of a GPT: 1 protective entry, 0 none.  Also fills hybrid and
 * protective_strict. */
static bool look_protective(struct scan *s, struct bytes sector)
{
    unsigned protective = 0, other = 0;
    bool at_1 = false;

    if (!mbr_has_signature(sector))
        return false;
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        struct mbr_entry e = mbr_entry_decode(sector, i);

        if (e.type == MBR_TYPE_PROTECTIVE) {
            protective++;
            at_1 = e.start == 1;
        } else if (e.type != MBR_TYPE_EMPTY || e.sectors) {
            other++;
        }
    }
    s->table->hybrid = protective && other;
    s->table->protective_strict = protective == 1 && !other && at_1;
    return protective != 0;
}

static int scan_table(struct scan *s, struct bytes sector, struct err *err)
{
    struct volume_table *t = s->table;
    bool protective = look_protective(s, sector);
    int r;

    /* Entries without a protective one are what every system uses; a GPT behind them is
     * left over from before. */
    if (!protective && mbr_is_table(s, sector))
        return mbr_scan(s, sector, err);
    r = gpt_scan(s, err);
    if (r < 0)
        return r;
    if (r == 0 && t->protective_strict)
        return FAIL(err, ERR_CORRUPT,
                    "gpt: the MBR announces it, but there is no header at either end");
    if (r == 0) {
        t->hybrid = false;
        if (mbr_is_table(s, sector))
            return mbr_scan(s, sector, err);
        if (t->boot_signature)
            scan_problem(s, "55 AA, but no partition");
    } else if (!protective) {
        scan_problem(s, "gpt without a protective MBR: firmware and systems ignore it");
    }
    return 0;
}

/* Of a core image that cannot be read the size is not known; the table is something else.
 */
static int look_at_grub(unsigned *ret, struct block *disk, struct bytes sector,
                        struct err *err)
{
    struct err why = {0};
    int r = grub_core_size(ret, disk, sector, &why);

    if (r != -ERR_NOMEM && r != -ERR_CANCELED)
        return 0;
    *err = why;
    return r;
}

int volume_scan(struct volume_table *ret, struct block *disk, struct arena *a,
                struct err *err)
{
    uint8_t raw[SECTOR + GAP_MAX] = {0};
    struct bytes sector = bytes_of(raw, SECTOR);
    struct scan s = {.table = ret, .disk = disk, .arena = a};
    int r;

    *ret = (struct volume_table){.boot_code = "", .uuid = "", .problem = ""};
    r = block_read(disk, raw, (size_t)min_u64(sizeof raw, disk->size), 0, err);
    if (r < 0)
        return r;
    r = start_is_zero(disk, &ret->all_zero_start, err);
    if (r < 0)
        return r;
    ret->boot_signature = mbr_has_signature(sector);
    ret->boot_code = boot_code_name(sector, bytes_of(raw + SECTOR, GAP_MAX));
    r = scan_table(&s, sector, err);
    if (r == 0)
        r = look_at_grub(&ret->grub_core, disk, sector, err);
    if (r < 0)
        return r;
    find_overlap(ret);
    log_debug(LOG_VOLUME, "%s table, %zu partitions", table_kind_name(ret->kind),
              ret->partitions.n);
    return arena_check(a, err);
}

void volume_table_fini(struct volume_table *t)
{
    for (size_t i = 0; i < t->partitions.n; i++)
        block_unrefp(&t->partitions.v[i].block);
}
