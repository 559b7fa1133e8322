/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lvm2.c: labels and metadata areas of physical volumes
 *
 * Nobody but LVM2 writes these, so its own numbers are the specification: a CRC-32 that
 * starts from a constant and is not inverted, a ring whose text may wrap around to just
 * behind its header.  Each area may hold the group's description, an older one or none;
 * they are collected first, and the newest of each group is opened. */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/crc.h"
#include "base/log.h"
#include "volume/lvm2_parts.h"

enum {
    LABEL_SECTORS = 4,
    LABEL_HEADER = 32,
    LABEL_CRC_FROM = 20, /* the checksum covers what stands behind it */
    DATA_AREAS_MAX = 64,
    META_AREAS_MAX = 8,
    META_HEADER = 512,
    META_IGNORED = 1, /* flag: the area is kept empty on purpose */
    NAME_MAX_SHOWN = 128,
};

static const uint32_t CRC_START = 0xf597a6cf;
static const char META_MAGIC[] = " LVM2 x[5A%r0N*>";

struct meta_area {
    uint64_t off, size; /* bytes, on the physical volume */
};

struct label {
    uint8_t id[LVM2_ID];
    struct meta_area areas[META_AREAS_MAX];
    unsigned areas_n;
};

/* One description, kept while it is the newest of its group. */
struct description {
    struct description *next;
    struct arena arena;
    struct buf text;
    uint32_t crc;
    const struct lvm2_node *section; /* of the group */
    uint64_t seqno;
    struct lvm2_member *from;
};

struct scan_state {
    struct description *all; /* owned; one a group */
    struct lvm2_pv *pvs;     /* owned; those whose label could be read, n at most */
    size_t pvs_n;
    size_t nodes_left, text_left;
};

static void description_free(struct description *d)
{
    if (!d)
        return;
    arena_fini(&d->arena);
    buf_fini(&d->text);
    free(d);
}

static void description_freep(struct description **d)
{
    description_free(*d);
}

static void scan_state_fini(struct scan_state *s)
{
    while (s->all) {
        struct description *next = s->all->next;

        description_free(s->all);
        s->all = next;
    }
    free(s->pvs);
}

static uint32_t crc(const void *p, size_t n)
{
    return ~crc32_ieee(~CRC_START, p, n);
}

/* ---- label */

/* Header of the physical volume: id, size, then two lists of areas (offset and size, each
 * list ended by zeros), data and metadata. */
static int pv_header(struct label *ret, struct cursor *c, struct err *err)
{
    *ret = (struct label){0};
    cursor_copy(c, ret->id, sizeof ret->id);
    cursor_skip(c, 8);
    for (unsigned i = 0; !c->bad; i++) {
        uint64_t off = cursor_le64(c);

        cursor_skip(c, 8);
        if (off == 0)
            break;
        if (i == DATA_AREAS_MAX)
            return FAIL(err, ERR_LIMIT, "lvm2 label: too many data areas");
    }
    while (!c->bad) {
        struct meta_area area;

        area.off = cursor_le64(c);
        area.size = cursor_le64(c);
        if (area.off == 0)
            break;
        if (ret->areas_n == META_AREAS_MAX)
            return FAIL(err, ERR_LIMIT, "lvm2 label: more than %d metadata areas",
                        META_AREAS_MAX);
        ret->areas[ret->areas_n++] = area;
    }
    return c->bad ? FAIL(err, ERR_CORRUPT, "lvm2 label: its lists have no end") : 0;
}

static int label_decode(struct label *ret, struct bytes sector, uint64_t number,
                        struct err *err)
{
    uint32_t off = load_le32(sector.p + LABEL_CRC_FROM);
    struct cursor c = cursor_at(sector, off);

    if (load_le32(sector.p + 16) !=
        crc(sector.p + LABEL_CRC_FROM, sector.n - LABEL_CRC_FROM))
        return FAIL(err, ERR_CORRUPT, "lvm2 label: checksum");
    if (load_le64(sector.p + 8) != number)
        return FAIL(err, ERR_CORRUPT, "lvm2 label: it belongs to another sector");
    if (off < LABEL_HEADER)
        return FAIL(err, ERR_CORRUPT, "lvm2 label: its content lies within its header");
    return pv_header(ret, &c, err);
}

/* The first label that is good.  The error is the first bad one's. */
static int label_read(struct label *ret, struct block *pv, struct err *err)
{
    uint8_t raw[LABEL_SECTORS * LVM2_SECTOR];
    struct err first = {0};
    int r;

    if (pv->size < sizeof raw)
        return FAIL(err, ERR_CORRUPT, "lvm2 label: the volume ends before it");
    r = block_read(pv, raw, sizeof raw, 0, err);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < LABEL_SECTORS; i++) {
        struct bytes sector = bytes_of(raw + i * LVM2_SECTOR, LVM2_SECTOR);

        if (!bytes_at(sector, 0, "LABELONE", 8) || !bytes_at(sector, 24, "LVM2 001", 8))
            continue;
        if (label_decode(ret, sector, i, &first) == 0)
            return 0;
    }
    if (first.code == ERR_NONE)
        return FAIL(err, ERR_CORRUPT, "lvm2 label: there is none");
    *err = first;
    return -(int)first.code;
}

/* ---- metadata area */

struct text_place {
    uint64_t off, size; /* off from the area's beginning */
    uint32_t crc;
};

/* 1, 0 when the area holds no description. */
static int area_header(struct text_place *ret, struct block *pv,
                       const struct meta_area *area, struct err *err)
{
    uint8_t raw[META_HEADER];
    struct cursor c = cursor(bytes_of(raw, sizeof raw));
    uint32_t sum, flags;
    int r;

    if (area->size <= META_HEADER || !range_within(area->off, area->size, pv->size))
        return FAIL(err, ERR_CORRUPT,
                    "lvm2 metadata area of %" PRIu64 " bytes at %" PRIu64
                    ": outside the volume",
                    area->size, area->off);
    r = block_read(pv, raw, sizeof raw, area->off, err);
    if (r < 0)
        return r;
    sum = cursor_le32(&c);
    if (sum != crc(raw + 4, sizeof raw - 4))
        return FAIL(err, ERR_CORRUPT, "lvm2 metadata area at %" PRIu64 ": checksum",
                    area->off);
    if (!bytes_at(c.b, 4, META_MAGIC, sizeof META_MAGIC - 1))
        return FAIL(err, ERR_CORRUPT, "lvm2 metadata area at %" PRIu64 ": no header",
                    area->off);
    cursor_skip(&c, sizeof META_MAGIC - 1);
    if (cursor_le32(&c) != 1)
        return FAIL(err, ERR_UNSUPPORTED, "lvm2 metadata area at %" PRIu64 ": version",
                    area->off);
    if (cursor_le64(&c) != area->off || cursor_le64(&c) != area->size)
        return FAIL(err, ERR_CORRUPT,
                    "lvm2 metadata area at %" PRIu64 ": it belongs elsewhere", area->off);
    ret->off = cursor_le64(&c);
    ret->size = cursor_le64(&c);
    ret->crc = cursor_le32(&c);
    flags = cursor_le32(&c);
    if (ret->off == 0 || ret->size == 0 || (flags & META_IGNORED))
        return 0;
    if (ret->off < META_HEADER || ret->off >= area->size ||
        ret->size > area->size - META_HEADER)
        return FAIL(err, ERR_CORRUPT,
                    "lvm2 metadata area at %" PRIu64 ": text outside of it", area->off);
    if (ret->size > LVM2_TEXT_MAX)
        return FAIL(err, ERR_LIMIT, "lvm2 metadata of %" PRIu64 " bytes, %d are read",
                    ret->size, LVM2_TEXT_MAX);
    return 1;
}

/* The text goes on behind the header where the area ends. */
static int text_read(struct buf *ret, struct block *pv, const struct meta_area *area,
                     const struct text_place *at, struct err *err)
{
    size_t n = (size_t)at->size, tail = (size_t)min_u64(n, area->size - at->off);
    int r = buf_reserve(ret, n, err);

    if (r == 0)
        r = block_read(pv, ret->p, tail, area->off + at->off, err);
    if (r == 0)
        r = block_read(pv, ret->p + tail, n - tail, area->off + META_HEADER, err);
    if (r < 0)
        return r;
    ret->n = n;
    if (crc(ret->p, n) != at->crc)
        return FAIL(err, ERR_CORRUPT,
                    "lvm2 metadata at %" PRIu64 ": checksum of the text",
                    area->off + at->off);
    return 0;
}

static bool is_known(const struct scan_state *s, const struct text_place *at)
{
    for (const struct description *d = s->all; d; d = d->next)
        if (d->crc == at->crc && d->text.n == at->size)
            return true;
    return false;
}

/* The group is the one section of the outermost level. */
static int description_parse(struct description *d, struct scan_state *s, struct err *err)
{
    const struct lvm2_node *root, *n;
    int r = lvm2_text_parse(&root, buf_bytes(&d->text), &s->nodes_left, &d->arena, err);

    if (r < 0)
        return r;
    for (n = root->first; n && n->kind != LVM2_SECTION; n = n->next)
        ;
    if (!n || !lvm2_string(n, "id").n || !lvm2_number(&d->seqno, n, "seqno"))
        return FAIL(err, ERR_CORRUPT, "lvm2 metadata: no group, or one without id");
    d->section = n;
    return 0;
}

/* Takes the description over unless a newer one of its group is there. */
static void keep_newest(struct scan_state *s, struct description **d)
{
    struct bytes id = lvm2_string((*d)->section, "id");
    struct description **at = &s->all;

    for (; *at; at = &(*at)->next) {
        struct bytes other = lvm2_string((*at)->section, "id");
        struct description *old = *at;

        if (other.n != id.n || memcmp(other.p, id.p, id.n) != 0)
            continue;
        if (old->seqno >= (*d)->seqno)
            return;
        (*d)->next = old->next;
        *at = TAKE(*d);
        description_free(old);
        return;
    }
    *at = TAKE(*d);
}

static int area_read(struct scan_state *s, struct lvm2_member *m,
                     const struct meta_area *area, struct err *err)
{
    AUTO(description_freep) struct description *d = NULL;
    struct text_place at = {0};
    int r = area_header(&at, m->block, area, err);

    if (r <= 0 || is_known(s, &at))
        return r;
    if (at.size > s->text_left)
        return FAIL(err, ERR_LIMIT, "lvm2 metadata: more than %d bytes in all",
                    LVM2_TEXTS_MAX);
    s->text_left -= at.size;
    d = calloc(1, sizeof *d);
    if (!d)
        return FAIL(err, ERR_NOMEM, "lvm2 metadata");
    d->from = m;
    d->crc = at.crc;
    r = text_read(&d->text, m->block, area, &at, err);
    if (r == 0)
        r = description_parse(d, s, err);
    if (r < 0)
        return r;
    keep_newest(s, &d);
    return 0;
}

/* ---- physical volumes and groups */

static int member_problem(struct lvm2_member *m, struct arena *a, struct err *err)
{
    if (err->code == ERR_NOMEM)
        return -ERR_NOMEM;
    if (m->code == ERR_NONE) {
        m->code = err->code;
        m->problem = arena_str(a, err->msg);
    }
    err_clear(err);
    return 0;
}

/* One good area is enough. */
static int member_scan(struct scan_state *s, struct lvm2_member *m, struct arena *a,
                       struct err *err)
{
    struct label label;
    bool good = false;
    int r = label_read(&label, m->block, err);

    if (r < 0)
        return member_problem(m, a, err);
    memcpy(s->pvs[s->pvs_n].id, label.id, sizeof label.id);
    s->pvs[s->pvs_n++].block = m->block;
    for (unsigned i = 0; i < label.areas_n; i++) {
        r = area_read(s, m, &label.areas[i], err);
        good = good || r == 0;
        if (r < 0)
            r = member_problem(m, a, err);
        if (r < 0)
            return r;
    }
    if (good && m->code == ERR_CORRUPT) {
        m->code = ERR_NONE;
        m->problem = "";
    }
    return 0;
}

static int groups_open(struct lvm2_groups *ret, struct scan_state *s, struct arena *a,
                       struct err *err)
{
    for (const struct description *d = s->all; d; d = d->next) {
        struct lvm2_group g = {
            .name = arena_text(a, d->section->key, NAME_MAX_SHOWN),
            .section = d->section,
            .pvs = s->pvs,
            .pvs_n = s->pvs_n,
        };
        int r = lvm2_group_open(ret, &g, a, err);

        if (r < 0 && !a->failed)
            r = member_problem(d->from, a, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A volume whose own copy is bad is still a good part of a group that another describes.
 */
static void tell_group(struct lvm2_member *m, const struct scan_state *s)
{
    for (size_t i = 0; i < s->pvs_n; i++) {
        if (s->pvs[i].block != m->block || !s->pvs[i].group)
            continue;
        m->group = s->pvs[i].group;
        if (m->code == ERR_CORRUPT) {
            m->code = ERR_NONE;
            m->problem = "";
        }
    }
}

int lvm2_scan(struct lvm2_groups *ret, struct lvm2_member *members, size_t n,
              struct arena *a, struct err *err)
{
    AUTO(scan_state_fini)
    struct scan_state s = {.nodes_left = LVM2_NODES_MAX, .text_left = LVM2_TEXTS_MAX};
    int r = 0;

    *ret = (struct lvm2_groups){0};
    s.pvs = calloc(n ? n : 1, sizeof *s.pvs);
    if (!s.pvs)
        return FAIL(err, ERR_NOMEM, "physical volumes");
    for (size_t i = 0; i < n; i++) {
        members[i].group = "";
        members[i].code = ERR_NONE;
        members[i].problem = "";
    }
    for (size_t i = 0; i < n && r == 0; i++)
        r = member_scan(&s, &members[i], a, err);
    if (r == 0)
        r = groups_open(ret, &s, a, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        tell_group(&members[i], &s);
    log_debug(LOG_VOLUME, "lvm2: %zu of %zu physical, %zu logical volumes", s.pvs_n, n,
              ret->volumes.n);
    return arena_check(a, err);
}

void lvm2_groups_fini(struct lvm2_groups *g)
{
    for (size_t i = 0; i < g->volumes.n; i++) {
        block_unref(g->volumes.v[i].block);
        g->volumes.v[i].block = NULL;
    }
}
