/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay.c: from records to the items of committed transactions
 *
 * A record is operations: transaction 4, bytes 4, client 1, flags 1, unused 2, bytes.
 * Those of a transaction are its header, then parts of items; a part that did not fit
 * goes on in the next record.  What was not committed never was.
 *
 * Two passes: blocks that were given back later must not be written to, since somebody's
 * data may be in them by now. */
#include "fs/xfs/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "fs/xfs/overlay.h"

enum {
    START = 0x01,
    COMMIT = 0x02,
    CONTINUE = 0x04,
    WAS_CONT = 0x08,
    END = 0x10,
    OP = 12,
    HEADER = 16, /* of a transaction */
    PART_COST = 64,
    KNOWN = 0x3, /* features of a log: changes of attributes, exchanges */
};

static const uint32_t transaction_magic = 0x5452414e;

struct part {
    uint8_t *p;
    size_t n;
};

struct trans {
    bool open;
    uint32_t id;
    uint64_t lsn;
    struct part *v;
    size_t n, cap;
};

struct replay {
    struct xfs_log *log;
    struct xfs_items items;
    bool applies; /* second pass */
    size_t held;
    struct trans trans[XFS_LOG_OPEN_MAX];
};

static int damaged(struct err *err)
{
    return FAIL(err, ERR_CORRUPT, "a transaction of it is damaged");
}

static void trans_drop(struct replay *p, struct trans *t)
{
    for (size_t i = 0; i < t->n; i++) {
        p->held -= t->v[i].n + PART_COST;
        free(t->v[i].p);
    }
    free(t->v);
    *t = (struct trans){0};
}

static void replay_freep(struct replay **p)
{
    if (!*p)
        return;
    for (size_t i = 0; i < XFS_LOG_OPEN_MAX; i++)
        trans_drop(*p, &(*p)->trans[i]);
    free((*p)->items.cancelled.v);
    free((*p)->items.touched.v);
    free((*p)->items.intents.v);
    free((*p)->items.buf);
    free(*p);
}

static struct trans *trans_find(struct replay *p, bool open, uint32_t id)
{
    for (size_t i = 0; i < XFS_LOG_OPEN_MAX; i++)
        if (p->trans[i].open == open && (!open || p->trans[i].id == id))
            return &p->trans[i];
    return NULL;
}

static int hold(struct replay *p, size_t n, struct err *err)
{
    if (n > XFS_LOG_HELD_MAX - p->held)
        return FAIL(err, ERR_LIMIT, "its transactions are larger than %d MiB",
                    XFS_LOG_HELD_MAX >> 20);
    p->held += n;
    return 0;
}

static int add_part(struct replay *p, struct trans *t, struct bytes b, struct err *err)
{
    int r;

    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 16;
        struct part *v = reallocarray(t->v, cap, sizeof *v);

        if (!v)
            return FAIL(err, ERR_NOMEM, "transaction");
        t->v = v;
        t->cap = cap;
    }
    r = hold(p, b.n + PART_COST, err);
    if (r < 0)
        return r;
    t->v[t->n++] = (struct part){malloc(b.n + 1), b.n};
    if (!t->v[t->n - 1].p)
        return FAIL(err, ERR_NOMEM, "transaction");
    memcpy(t->v[t->n - 1].p, b.p, b.n);
    return 0;
}

static int extend_part(struct replay *p, struct trans *t, struct bytes b, struct err *err)
{
    struct part *last;
    uint8_t *grown;
    int r;

    if (t->n == 0)
        return damaged(err);
    r = hold(p, b.n, err);
    if (r < 0)
        return r;
    last = &t->v[t->n - 1];
    grown = realloc(last->p, last->n + b.n + 1);
    if (!grown) {
        p->held -= b.n;
        return FAIL(err, ERR_NOMEM, "transaction");
    }
    memcpy(grown + last->n, b.p, b.n);
    *last = (struct part){grown, last->n + b.n};
    return 0;
}

static int use_items(struct replay *p, const struct bytes *v, size_t n, uint64_t lsn,
                     int order, struct err *err)
{
    for (size_t i = 0; i < n;) {
        struct xfs_item item = {v + i, v[i].n < 4 ? 0 : load_le16(v[i].p + 2)};
        int r = 0;

        if (item.n == 0 || item.n > n - i)
            return damaged(err);
        i += item.n;
        if (!p->applies)
            r = xfs_item_note(&p->items, &item, err);
        else if ((int)xfs_item_order(&item) == order)
            r = xfs_item_apply(&p->items, &item, lsn, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int commit(struct replay *p, const struct trans *t, struct err *err)
{
    AUTO(freep) struct bytes *v = NULL;
    int r = 0;

    if (t->n == 0)
        return 0;
    if (t->v[0].n != HEADER || load_le32(t->v[0].p) != transaction_magic)
        return damaged(err);
    v = reallocarray(NULL, t->n, sizeof *v);
    if (!v)
        return FAIL(err, ERR_NOMEM, "transaction");
    for (size_t i = 0; i < t->n; i++)
        v[i] = bytes_of(t->v[i].p, t->v[i].n);
    for (int order = p->applies ? XFS_ITEM_BLOCKS : XFS_ITEM_CANCEL;
         r == 0 && order <= XFS_ITEM_CANCEL; order++)
        r = use_items(p, v + 1, t->n - 1, t->lsn, order, err);
    return r;
}

static int use_op(struct replay *p, const struct xfs_record *record, uint32_t id,
                  unsigned flags, struct bytes b, struct err *err)
{
    struct trans *t = trans_find(p, true, id);
    int r;

    if (!t) {
        if (!(flags & START))
            return 0; /* of one that began in front of the tail */
        t = trans_find(p, false, 0);
        if (!t)
            return FAIL(err, ERR_LIMIT, "it has more than %d transactions at a time",
                        XFS_LOG_OPEN_MAX);
        *t = (struct trans){.open = true, .id = id, .lsn = record->lsn};
        return 0;
    }
    flags &= ~(unsigned)END;
    if (flags & WAS_CONT)
        flags &= ~(unsigned)CONTINUE;
    if (flags == 0 || flags == CONTINUE)
        return add_part(p, t, b, err);
    if (flags == WAS_CONT)
        return extend_part(p, t, b, err);
    if (flags != COMMIT)
        return damaged(err);
    r = commit(p, t, err);
    trans_drop(p, t);
    return r;
}

static int use_record(struct replay *p, const struct xfs_record *record, struct err *err)
{
    struct cursor c = cursor(record->b);

    for (uint32_t i = 0; i < record->ops; i++) {
        uint32_t id = cursor_be32(&c), n = cursor_be32(&c);
        unsigned flags;
        struct bytes b;
        int r;

        cursor_skip(&c, 1);
        flags = cursor_u8(&c);
        cursor_skip(&c, 2);
        b = bytes_of(cursor_take(&c, n), n);
        if (c.bad)
            return damaged(err);
        r = use_op(p, record, id, flags, b, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Where to begin: the last record names the oldest one whose items may not be in place
 * yet. */
static int find_tail(const struct xfs_log *l, const struct xfs_record *last,
                     uint64_t *sector, uint32_t *cycle, struct err *err)
{
    uint64_t active;

    *sector = (uint32_t)last->tail;
    *cycle = (uint32_t)(last->tail >> 32);
    if (*cycle == last->cycle && *sector <= last->sector)
        active = last->sector - *sector;
    else if (*cycle == last->cycle - 1 && *sector<l->sectors && * sector> last->sector)
        active = l->sectors - *sector + last->sector;
    else
        return FAIL(err, ERR_CORRUPT, "it does not tell where it begins");
    if (active > XFS_LOG_ACTIVE_MAX / XFS_LOG_SECTOR)
        return FAIL(err, ERR_LIMIT, "more than %d MiB of it are to be replayed",
                    XFS_LOG_ACTIVE_MAX >> 20);
    return 0;
}

/* Both passes stop in front of what was torn by a stop in the middle of a write, as a
 * mount would. */
static int pass(struct replay *p, struct xfs_record *record, uint64_t sector,
                uint32_t cycle, uint64_t last, uint64_t buffer, struct err *err)
{
    uint64_t lsn = (uint64_t)cycle << 32 | sector;

    while (lsn <= last) {
        int r = xfs_log_record(record, p->log, sector, cycle, err);

        if (r > 0)
            r = use_record(p, record, err);
        else if (r == 0 && !xfs_log_is_unsure(p->log, sector, buffer))
            r = FAIL(err, ERR_CORRUPT, "a record of it is damaged");
        else if (r == 0)
            break;
        if (r < 0)
            return r;
        xfs_log_next(p->log, record, &sector, &cycle);
        lsn = (uint64_t)cycle << 32 | sector;
    }
    for (size_t i = 0; i < XFS_LOG_OPEN_MAX; i++)
        trans_drop(p, &p->trans[i]);
    return 0;
}

static int replay(struct replay *p, struct err *err)
{
    AUTO(freep) uint8_t *buf = NULL;
    struct xfs_record record = {0};
    uint64_t sector = 0, last, buffer;
    uint32_t cycle = 0, unknown = p->log->x->super.log_incompat & ~(uint32_t)KNOWN;
    int r = unknown ? FAIL(err, ERR_UNSUPPORTED, "it has the unknown features %#" PRIx32,
                           unknown)
                    : xfs_log_last(&record, p->log, err);

    buf = record.buf;
    if (r == 0)
        r = FAIL(err, ERR_CORRUPT, "no record of it is whole");
    last = record.lsn;
    buffer = record.buffer;
    if (r > 0)
        r = find_tail(p->log, &record, &sector, &cycle, err);
    if (r == 0)
        r = pass(p, &record, sector, cycle, last, buffer, err);
    p->applies = true;
    if (r == 0)
        r = pass(p, &record, sector, cycle, last, buffer, err);
    if (r == 0)
        r = xfs_items_finish(&p->items, err);
    return r;
}

static bool some_left(const struct xfs_names *m)
{
    for (size_t i = 0; i < m->cap; i++)
        if (m->v[i].n)
            return true;
    return false;
}

int xfs_replay(struct block **ret, struct xfs_log *l, char why[XFS_LOG_WHY_MAX],
               struct err *err)
{
    AUTO(replay_freep) struct replay *p = calloc(1, sizeof *p);
    AUTO(block_unrefp) struct block *to = NULL;
    struct err local = {0};
    int r;

    why[0] = 0;
    if (!p)
        return FAIL(err, ERR_NOMEM, "log");
    p->log = l;
    p->items.x = l->x;
    p->items.buf = malloc(XFS_BLOCK_MAX);
    if (!p->items.buf)
        return FAIL(err, ERR_NOMEM, "log");
    r = xfs_overlay_open(&to, l->x->fs.dev, XFS_LOG_OVERLAY_MAX, err);
    if (r < 0)
        return r;
    p->items.to = to;
    r = replay(p, &local);
    if (r < 0 && (local.code == ERR_IO || local.code == ERR_NOMEM)) {
        *err = local;
        return r;
    }
    if (r < 0) {
        snprintf(why, XFS_LOG_WHY_MAX, "%.*s", XFS_LOG_WHY_MAX - 1, local.msg);
        return 0;
    }
    if (some_left(&p->items.intents))
        snprintf(why, XFS_LOG_WHY_MAX, "it ends in the middle of a change to a file");
    *ret = TAKE(to);
    return 0;
}
