/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lvm2_group.c: from a group's description to blocks
 *
 * Segments lie on physical volumes or on other, hidden volumes: the images of a mirror,
 * what pvmove is moving.  Each volume is opened once, those below it first. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "volume/lvm2_parts.h"

enum { NAME_SHOWN = 300, EXTENT_SECTORS_MAX = 1 << 28 /* 128 GiB */ };

struct pv {
    struct bytes name;          /* "pv0" */
    const struct lvm2_pv *here; /* NULL: not on this disk */
    uint64_t start;             /* bytes before its first extent */
    uint64_t extents;
};

struct lv {
    const struct lvm2_node *section;
    const char *name; /* "vg/root", clean */
    enum { LV_NEW, LV_OPENING, LV_DONE } state;
    struct block *block; /* own reference; NULL when not readable */
    enum err_code code;
    const char *problem;
    const char *refused; /* why its own segments are not what it shows; NULL */
    bool rebuilt;        /* a mirror's image that is being filled from the others */
    uint64_t extents;
};

struct opening {
    const struct lvm2_group *group;
    struct arena *arena; /* of the answer */
    struct pv *pvs;      /* owned */
    struct lv *lvs;      /* owned */
    size_t pvs_n, lvs_n;
    uint64_t extent; /* bytes */
    size_t areas_left, segments_left;
    bool copies; /* a mirror, raid1 or snapshot was met */
};

static void opening_fini(struct opening *o)
{
    for (size_t i = 0; i < o->lvs_n; i++)
        block_unref(o->lvs[i].block);
    free(o->lvs);
    free(o->pvs);
}

/* Why the volume cannot be read; not an error of the whole. */
static int refuse(struct lv *lv, enum err_code code, const char *problem)
{
    if (!*lv->problem) {
        lv->code = code;
        lv->problem = problem;
    }
    return 0;
}

#define REFUSE(o, lv, code, ...) \
    refuse((lv), (code), arena_printf((o)->arena, __VA_ARGS__))

static const char *shown(struct opening *o, struct bytes b)
{
    return arena_text(o->arena, b, NAME_SHOWN);
}

static bool same(struct bytes a, struct bytes b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static struct lv *find_lv(struct opening *o, struct bytes name)
{
    for (size_t i = 0; i < o->lvs_n; i++)
        if (same(o->lvs[i].section->key, name))
            return &o->lvs[i];
    return NULL;
}

static const struct pv *find_pv(const struct opening *o, struct bytes name)
{
    for (size_t i = 0; i < o->pvs_n; i++)
        if (same(o->pvs[i].name, name))
            return &o->pvs[i];
    return NULL;
}

/* ---- segments */

static int volume_open(struct opening *o, struct lv *lv, unsigned depth, struct err *err);

/* Adds [extent, extent + n) of what `name` names to the map's last segment.  1, 0 (the
 * volume was refused), negative. */
static int add_area(struct opening *o, struct lv *lv, struct lvm2_map *m,
                    struct bytes name, uint64_t extent, uint64_t n, unsigned depth,
                    struct err *err)
{
    const struct pv *pv = find_pv(o, name);
    struct lv *below = pv ? NULL : find_lv(o, name);
    uint64_t extents, end, off, bytes;
    struct block *under;
    int r;

    if (o->areas_left == 0)
        return REFUSE(o, lv, ERR_LIMIT, "the group has more than %d pieces",
                      LVM2_AREAS_MAX);
    o->areas_left--;
    if (pv && !pv->here)
        return REFUSE(o, lv, ERR_NONE, "physical volume %s is not on this disk",
                      shown(o, name));
    if (below) {
        r = volume_open(o, below, depth + 1, err);
        if (r < 0)
            return r;
        if (!below->block)
            return REFUSE(o, lv, below->code, "%s", below->problem);
    }
    if (!pv && !below)
        return REFUSE(o, lv, ERR_CORRUPT, "it lies on '%s', which is not in the group",
                      shown(o, name));
    under = pv ? pv->here->block : below->block;
    extents = pv ? pv->extents : below->extents;
    if (!checked_add(&end, extent, n) || end > extents ||
        !checked_mul(&off, extent, o->extent) || !checked_mul(&bytes, n, o->extent) ||
        (pv && !checked_add(&off, off, pv->start)))
        return REFUSE(o, lv, ERR_CORRUPT, "it lies past the last extent of %s",
                      shown(o, name));
    if (!range_within(off, bytes, under->size))
        return REFUSE(o, lv, ERR_NONE, "physical volume %s is cut off on this disk",
                      shown(o, name));
    r = lvm2_map_area(m, under, off, err);
    return r < 0 ? r : 1;
}

/* Pairs of a name and an extent: `stripes` of all, or the first of `mirrors` that is
 * here.  raid1 names a pair of volumes a leg, metadata and image. */
static int add_stripes(struct opening *o, struct lv *lv, struct lvm2_map *m,
                       const struct lvm2_node *s, uint64_t n, unsigned depth,
                       struct err *err)
{
    const struct lvm2_node *array = lvm2_get(s, "stripes", LVM2_ARRAY);
    const struct lvm2_node *item = array ? array->first : NULL;
    uint64_t count = 1;

    lvm2_number(&count, s, "stripe_count");
    if (count == 0 || count > LVM2_STRIPES_MAX || n % count)
        return REFUSE(o, lv, ERR_CORRUPT, "%" PRIu64 " extents in %" PRIu64 " stripes", n,
                      count);
    for (uint64_t i = 0; i < count; i++, item = item->next->next) {
        int r;

        if (!item || item->kind != LVM2_STRING || !item->next ||
            item->next->kind != LVM2_NUMBER)
            return REFUSE(o, lv, ERR_CORRUPT, "a list of stripes that makes no sense");
        r = add_area(o, lv, m, item->text, item->next->number, n / count, depth, err);
        if (r <= 0)
            return r;
    }
    return item ? REFUSE(o, lv, ERR_CORRUPT, "a list of stripes that makes no sense") : 1;
}

static int add_leg(struct opening *o, struct lv *lv, struct lvm2_map *m,
                   const struct lvm2_node *array, bool raid, uint64_t n, unsigned depth,
                   struct err *err)
{
    struct lv first = {.problem = ""};

    for (const struct lvm2_node *item = array ? array->first : NULL; item && item->next;
         item = item->next->next) {
        const struct lvm2_node *image = raid ? item->next : item;
        struct lv attempt = {.problem = ""};
        const struct lv *below;
        int r;

        if (image->kind != LVM2_STRING || (!raid && item->next->kind != LVM2_NUMBER))
            return REFUSE(o, lv, ERR_CORRUPT, "a list of legs that makes no sense");
        below = find_lv(o, image->text);
        if (below && below->rebuilt)
            continue;
        r = add_area(o, &attempt, m, image->text, raid ? 0 : item->next->number, n, depth,
                     err);
        if (r != 0)
            return r;
        if (!*first.problem)
            first = attempt;
    }
    if (!*first.problem)
        return REFUSE(o, lv, ERR_CORRUPT, "a list of legs that makes no sense");
    return refuse(lv, first.code, first.problem);
}

static int add_segment(struct opening *o, struct lv *lv, struct lvm2_map *m,
                       const struct lvm2_node *s, unsigned depth, struct err *err)
{
    struct bytes type = lvm2_string(s, "type");
    uint64_t start, n, stripe = 0, size;
    int r;

    if (!lvm2_number(&start, s, "start_extent") || !lvm2_number(&n, s, "extent_count") ||
        !checked_mul(&start, start, o->extent) || !checked_mul(&size, n, o->extent))
        return REFUSE(o, lv, ERR_CORRUPT, "a segment without start or size");
    lvm2_number(&stripe, s, "stripe_size");
    if (!checked_mul(&stripe, stripe, LVM2_SECTOR))
        return REFUSE(o, lv, ERR_CORRUPT, "a stripe size that makes no sense");
    r = lvm2_map_segment(m, start, size, stripe, err);
    if (r < 0)
        return r;
    if (text_is(type, "striped") || text_is(type, "linear"))
        return add_stripes(o, lv, m, s, n, depth, err);
    o->copies = true;
    if (text_is(type, "mirror"))
        return add_leg(o, lv, m, lvm2_get(s, "mirrors", LVM2_ARRAY), false, n, depth,
                       err);
    if (text_is(type, "raid1"))
        return add_leg(o, lv, m, lvm2_get(s, "raids", LVM2_ARRAY), true, n, depth, err);
    return REFUSE(o, lv, ERR_UNSUPPORTED, "a volume of kind '%s' is not read",
                  shown(o, type));
}

static bool is_segment(const struct lvm2_node *n)
{
    return n->kind == LVM2_SECTION && text_starts(n->key, "segment");
}

static int by_start(const void *a, const void *b)
{
    const struct lvm2_segment *x = a, *y = b;

    return (x->start > y->start) - (x->start < y->start);
}

static int volume_map(struct opening *o, struct lv *lv, unsigned depth, struct err *err)
{
    AUTO(lvm2_map_fini) struct lvm2_map m = {0};
    int r;

    for (const struct lvm2_node *s = lv->section->first; s; s = s->next) {
        if (!is_segment(s))
            continue;
        if (o->segments_left == 0)
            return REFUSE(o, lv, ERR_LIMIT, "the group has more than %d segments",
                          LVM2_AREAS_MAX);
        o->segments_left--;
        r = add_segment(o, lv, &m, s, depth, err);
        if (r <= 0)
            return r;
    }
    if (m.segments_n)
        qsort(m.segments, m.segments_n, sizeof *m.segments, by_start);
    r = lvm2_block_open(&lv->block, &m, err);
    if (r < 0 && r != -ERR_NOMEM) {
        REFUSE(o, lv, (enum err_code) - r, "%s", err->msg);
        err_clear(err);
        return 0;
    }
    return r;
}

static int volume_open(struct opening *o, struct lv *lv, unsigned depth, struct err *err)
{
    int r;

    if (lv->state == LV_DONE)
        return 0;
    if (lv->state == LV_OPENING)
        return REFUSE(o, lv, ERR_CORRUPT, "it lies on itself");
    lv->state = LV_DONE;
    if (depth == LVM2_DEPTH_MAX)
        return REFUSE(o, lv, ERR_LIMIT, "volumes lie on volumes %u deep", depth);
    if (lv->refused)
        return refuse(lv, ERR_UNSUPPORTED, lv->refused);
    lv->state = LV_OPENING;
    r = volume_map(o, lv, depth, err);
    lv->state = LV_DONE;
    if (lv->block) {
        lv->code = ERR_NONE;
        lv->problem = "";
    }
    return r;
}

/* ---- the group */

bool lvm2_same_id(const uint8_t id[LVM2_ID], struct bytes text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '-' && (n == LVM2_ID || text.p[i] != id[n++]))
            return false;
    return n == LVM2_ID;
}

static int group_limit(const struct lvm2_group *g, const char *what, struct err *err)
{
    return FAIL(err, ERR_LIMIT, "group %s has more than %d %s volumes", g->name,
                LVM2_VOLUMES_MAX, what);
}

static int list_pvs(struct opening *o, struct lvm2_groups *ret, struct err *err)
{
    const struct lvm2_node *all =
        lvm2_get(o->group->section, "physical_volumes", LVM2_SECTION);

    o->pvs = calloc(LVM2_VOLUMES_MAX, sizeof *o->pvs);
    if (!o->pvs)
        return FAIL(err, ERR_NOMEM, "physical volumes");
    for (const struct lvm2_node *n = all ? all->first : NULL; n; n = n->next) {
        struct pv *pv = &o->pvs[o->pvs_n];
        uint64_t start = 0;

        if (n->kind != LVM2_SECTION)
            continue;
        if (o->pvs_n == LVM2_VOLUMES_MAX)
            return group_limit(o->group, "physical", err);
        pv->name = n->key;
        lvm2_number(&start, n, "pe_start");
        lvm2_number(&pv->extents, n, "pe_count");
        if (!checked_mul(&pv->start, start, LVM2_SECTOR))
            return FAIL(err, ERR_CORRUPT, "group %s: a physical volume begins nowhere",
                        o->group->name);
        o->pvs_n++;
        for (size_t i = 0; i < o->group->pvs_n; i++) {
            struct lvm2_pv *here = &o->group->pvs[i];

            if (!lvm2_same_id(here->id, lvm2_string(n, "id")))
                continue;
            here->group = o->group->name;
            /* What LVM once lost is old, and stays out until the administrator says. */
            if (!lvm2_has(n, "flags", "MISSING"))
                pv->here = here;
            break;
        }
        if (!pv->here) {
            const char **p = LIST_ADD(o->arena, &ret->problems);

            if (p)
                *p = arena_printf(o->arena, "%s: physical volume %s is not on this disk",
                                  o->group->name, shown(o, n->key));
        }
    }
    return 0;
}

static int list_lvs(struct opening *o, struct err *err)
{
    const struct lvm2_node *all =
        lvm2_get(o->group->section, "logical_volumes", LVM2_SECTION);

    o->lvs = calloc(LVM2_VOLUMES_MAX, sizeof *o->lvs);
    if (!o->lvs)
        return FAIL(err, ERR_NOMEM, "logical volumes");
    for (const struct lvm2_node *n = all ? all->first : NULL; n; n = n->next) {
        struct lv *lv = &o->lvs[o->lvs_n];

        if (n->kind != LVM2_SECTION)
            continue;
        if (o->lvs_n == LVM2_VOLUMES_MAX)
            return group_limit(o->group, "logical", err);
        o->lvs_n++;
        lv->section = n;
        lv->problem = "";
        lv->rebuilt = lvm2_has(n, "status", "REBUILD") || lvm2_has(n, "flags", "REBUILD");
        lv->name = arena_printf(o->arena, "%s/%s", o->group->name, shown(o, n->key));
        for (const struct lvm2_node *s = n->first; s; s = s->next) {
            uint64_t count = 0;

            if (is_segment(s) && lvm2_number(&count, s, "extent_count") &&
                !checked_add(&lv->extents, lv->extents, count))
                return FAIL(err, ERR_CORRUPT, "%s: more extents than there are numbers",
                            lv->name);
        }
    }
    return 0;
}

static void mark_snapshot(struct opening *o, struct lv *lv, const struct lvm2_node *s)
{
    static const char kind[] = "a volume of kind 'snapshot' is not read";
    struct lv *store = find_lv(o, lvm2_string(s, "cow_store"));
    struct lv *merging = find_lv(o, lvm2_string(s, "merging_store"));
    struct lv *origin = merging ? find_lv(o, lvm2_string(s, "origin")) : NULL;

    if (store)
        store->refused = kind;
    if (merging)
        merging->refused = kind;
    if (origin)
        origin->refused = "a snapshot is being merged into it";
    if (merging || store)
        lv->name = merging ? merging->name : store->name;
}

/* A snapshot is two volumes: a visible one, "snapshot0", says whose it is, and a hidden
 * one has the name that everybody knows, and segments that hold what the origin had
 * before, in a form of their own.  An origin keeps its bytes in place, unless a snapshot
 * is being merged into it. */
static void mark_snapshots(struct opening *o)
{
    for (size_t i = 0; i < o->lvs_n; i++)
        for (const struct lvm2_node *s = o->lvs[i].section->first; s; s = s->next)
            if (is_segment(s) && text_is(lvm2_string(s, "type"), "snapshot")) {
                o->copies = true;
                mark_snapshot(o, &o->lvs[i], s);
                break;
            }
}

static int add_volume(struct opening *o, struct lvm2_groups *ret, struct lv *lv,
                      struct err *err)
{
    struct lvm2_volume *v;
    int r = volume_open(o, lv, 0, err);

    if (r < 0)
        return r;
    v = LIST_ADD(o->arena, &ret->volumes);
    if (!v)
        return arena_check(o->arena, err);
    v->name = lv->name;
    v->group = o->group->name;
    v->code = lv->code;
    v->problem = lv->problem;
    if (!checked_mul(&v->size, lv->extents, o->extent))
        v->size = 0;
    if (lv->block)
        v->block = block_ref(lv->block);
    return 0;
}

int lvm2_group_open(struct lvm2_groups *ret, const struct lvm2_group *group,
                    struct arena *a, struct err *err)
{
    AUTO(opening_fini)
    struct opening o = {.group = group,
                        .arena = a,
                        .areas_left = LVM2_AREAS_MAX,
                        .segments_left = LVM2_AREAS_MAX};
    size_t first = ret->volumes.n;
    uint64_t sectors;
    int r;

    if (!lvm2_number(&sectors, group->section, "extent_size") || sectors == 0 ||
        sectors > EXTENT_SECTORS_MAX)
        return FAIL(err, ERR_CORRUPT, "group %s has no extent size that makes sense",
                    group->name);
    o.extent = sectors * LVM2_SECTOR;
    r = list_pvs(&o, ret, err);
    if (r == 0)
        r = list_lvs(&o, err);
    if (r < 0)
        return r;
    mark_snapshots(&o);
    for (size_t i = 0; i < o.lvs_n; i++) {
        if (!lvm2_has(o.lvs[i].section, "status", "VISIBLE"))
            continue;
        r = add_volume(&o, ret, &o.lvs[i], err);
        if (r < 0)
            return r;
    }
    for (size_t i = first; i < ret->volumes.n; i++)
        ret->volumes.v[i].one_place = !o.copies;
    return arena_check(a, err);
}
