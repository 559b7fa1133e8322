/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mend/mend.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "guest/facts_json.h"
#include "mend/plan.h"

struct mend {
    struct mend_report report;
    struct overlay *o; /* of the disk */
    const struct mend_edits *edits;
    void (*step)(void *arg, const char *name);
    void *step_arg;
};

/* What of an error is about the guest, and so only a reason to leave it as it is. */
static bool outcome_of(enum mend_outcome *ret, int r)
{
    switch (-r) {
    case ERR_CORRUPT:
    case ERR_SHORT:
    case ERR_NOTFOUND:
        *ret = MEND_DAMAGED;
        return true;
    case ERR_UNSUPPORTED:
        *ret = MEND_NOT_WRITTEN;
        return true;
    case ERR_CONFLICT:
        *ret = MEND_DIRTY;
        return true;
    case ERR_LIMIT:
    case ERR_NOMEM: /* what a filesystem makes its library take is bounded too */
        *ret = MEND_NO_ROOM;
        return true;
    default:
        return false;
    }
}

/* Sentences are cut by bytes on their way, which JSON would not take. */
static void say_why(struct mend *m, const char *where, const struct err *err)
{
    char why[sizeof m->report.why];

    snprintf(why, sizeof why, "%.70s%s%s", where, *where ? ": " : "", err->msg);
    text_clean(m->report.why, sizeof m->report.why, bytes_of(why, strlen(why)),
               sizeof m->report.why - 1);
}

/* 0 when the failure is told in the report; the first reason stays. */
static int leave(struct mend *m, const char *where, int r, struct err *err)
{
    enum mend_outcome outcome;

    if (!outcome_of(&outcome, r))
        return r;
    if (outcome > m->report.outcome)
        m->report.outcome = outcome;
    if (!m->report.why[0])
        say_why(m, where, err);
    err_clear(err);
    return 0;
}

static void step(const struct mend *m, const char *name)
{
    if (m->step)
        m->step(m->step_arg, name);
}

/* ---- one filesystem */

static int driver_of(const struct mend_driver **ret, const struct guest_fs *gf,
                     struct err *err)
{
    struct fs_info info;

    switch (gf->ident.type) {
    case FS_EXT2:
    case FS_EXT3:
    case FS_EXT4:
        *ret = &mend_ext;
        break;
    case FS_NTFS:
        *ret = &mend_ntfs;
        break;
    default:
        return FAIL(err, ERR_UNSUPPORTED, "%s is not written",
                    fs_type_name(gf->ident.type));
    }
    if (!gf->partition && !gf->one_place)
        return FAIL(err, ERR_UNSUPPORTED,
                    "volumes of a group with mirrors or snapshots are not written");
    fs_info(gf->fs, &info);
    if (!info.clean || info.needs_recovery || info.stale_possible)
        return FAIL(err, ERR_CONFLICT, "it was not unmounted cleanly%s%s",
                    info.stale_reason[0] ? ": " : "", info.stale_reason);
    return 0;
}

static void driver_closep(struct mend_fs **fs)
{
    if (*fs)
        (*fs)->driver->close(*fs);
}

static int write_all(const struct mend_driver *driver, struct overlay *o,
                     const struct mend_plan *p, unsigned fs, struct err *err)
{
    AUTO(driver_closep) struct mend_fs *w = NULL;
    int r = driver->open(&w, o, err);

    if (r == 0)
        r = driver->look(w, err);
    for (size_t i = 0; i < p->things.n && r == 0; i++) {
        const struct mend_planned *t = &p->things.v[i];

        if (t->fs != fs)
            continue;
        r = driver->run(w, &t->d, err);
        if (r < 0)
            err_prefix(err, "%s", t->path);
    }
    return r < 0 ? r : driver->flush(w, err);
}

/* ---- what came out, through our own reader */

static int same_content(struct fs *fs, const struct fs_stat *st, struct bytes want,
                        struct err *err)
{
    AUTO(freep) uint8_t *got = NULL;
    int r;

    if (st->type != FS_REG || st->size != want.n)
        return FAIL(err, ERR_CORRUPT, "it does not read back");
    got = malloc(want.n + 1);
    if (!got)
        return FAIL(err, ERR_NOMEM, "content");
    r = fs_read(fs, st, got, want.n, 0, err);
    if (r == 0 && memcmp(got, want.p ? want.p : (const uint8_t *)"", want.n) != 0)
        return FAIL(err, ERR_CORRUPT, "it does not read back");
    return r;
}

/* Is it that name, or a folder made on the way to one beneath it? */
static bool is_put_at(const struct mend_do *put, const struct mend_do *d)
{
    size_t n = strcspn(put->folders, "/");

    if (put->dir != d->dir)
        return false;
    return n ? strlen(d->name) == n && memcmp(put->folders, d->name, n) == 0
             : strcmp(put->name, d->name) == 0;
}

/* Does a later wish take back what this one did? */
static bool is_undone(const struct mend_plan *p, size_t i)
{
    const struct mend_planned *t = &p->things.v[i];

    for (size_t k = i + 1; k < p->things.n; k++) {
        const struct mend_planned *u = &p->things.v[k];

        if (u->fs != t->fs)
            continue;
        if (t->d.step == MEND_CONTENT) {
            if (u->d.step == MEND_PUT || u->d.ino == t->d.ino) /* a PUT names no inode */
                return true;
        } else if (u->d.step == MEND_PUT) {
            if (is_put_at(&u->d, &t->d))
                return true;
        } else if (t->d.step == MEND_PUT && u->d.name && u->d.dir == t->d.dir &&
                   strcmp(u->d.name, t->d.name) == 0) {
            return true;
        }
    }
    return false;
}

static int walk(struct fs_stat *st, struct fs *fs, const char *folders, struct err *err)
{
    while (*folders) {
        size_t n = strcspn(folders, "/");
        int r = fs_lookup(st, fs, st->ino, folders, n, err);

        if (r <= 0)
            return r;
        folders += n + (folders[n] == '/');
    }
    return 1;
}

static int check_thing(struct fs *fs, const struct mend_do *d, struct err *err)
{
    struct fs_stat st = {.ino = d->dir};
    int r;

    if (d->step == MEND_CONTENT) {
        r = fs_stat(&st, fs, d->ino, err);
        return r < 0 ? r : same_content(fs, &st, d->content, err);
    }
    r = walk(&st, fs, d->folders, err);
    if (r == 1)
        r = fs_lookup(&st, fs, st.ino, d->name, strlen(d->name), err);
    if (r < 0)
        return r;
    if (d->step == MEND_PUT)
        return r ? same_content(fs, &st, d->content, err)
                 : FAIL(err, ERR_CORRUPT, "it is not there");
    return r && st.ino == d->ino ? FAIL(err, ERR_CORRUPT, "it is still there") : 0;
}

static int look_again(const struct mend_driver *driver, struct overlay *o,
                      const struct mend_plan *p, unsigned at, struct err *err)
{
    AUTO(driver_closep) struct mend_fs *w = NULL;
    AUTO(fs_closep) struct fs *fs = NULL;
    struct fs_info info;
    int r = driver->open(&w, o, err);

    if (r == 0)
        r = driver->look(w, err);
    if (r == 0)
        r = fs_open(&fs, &p->g->fs[at].ident, overlay_block(o), err);
    if (r < 0)
        return r;
    fs_info(fs, &info);
    if (!info.clean || info.needs_recovery || info.stale_possible)
        return FAIL(err, ERR_CORRUPT, "it would not be clean");
    for (size_t i = 0; i < p->things.n && r == 0; i++) {
        const struct mend_planned *t = &p->things.v[i];

        if (t->fs != at || is_undone(p, i))
            continue;
        r = check_thing(fs, &t->d, err);
        if (r < 0)
            err_prefix(err, "%s", t->path);
    }
    return r;
}

/* ---- into the disk's overlay */

struct commit {
    struct overlay *to;
    struct block *fs; /* its bytes lie in to's block */
    bool dry;         /* ask only whether they do */
};

static int commit_cluster(void *arg, uint64_t off, const uint8_t *p, size_t n,
                          struct err *err)
{
    struct commit *c = arg;

    while (n) {
        struct location l;
        size_t len;
        int r = block_locate(c->fs, &l, off, err);

        if (r < 0)
            return r;
        if (l.extent.kind != EXTENT_DATA || l.file != overlay_block(c->to) ||
            l.compressed)
            return FAIL(err, ERR_UNSUPPORTED, "it has no place of its own on the disk");
        len = (size_t)min_u64(n, l.extent.length);
        if (!c->dry)
            r = overlay_write(c->to, p, len, l.where, err);
        if (r < 0)
            return r;
        p += len;
        off += len;
        n -= len;
    }
    return 0;
}

/* All of it or nothing: whether it can be is asked first, and what fails then is the end
 * of all.  A cluster may lie over the edge of two of the disk's. */
static int commit(struct mend *m, struct block *fs, struct overlay *from, struct err *err)
{
    struct commit c = {.to = m->o, .fs = fs, .dry = true};
    struct err why = {0};
    int r;

    if (overlay_clusters(m->o) + 2 * overlay_clusters(from) > OVERLAY_CLUSTERS_MAX)
        return FAIL(err, ERR_LIMIT, "more would change than is kept in memory");
    r = overlay_each(from, commit_cluster, &c, err);
    if (r < 0)
        return r;
    c.dry = false;
    r = overlay_each(from, commit_cluster, &c, &why);
    return r < 0 ? FAIL(err, ERR_IO, "%s", why.msg) : 0;
}

static int mend_fs(struct mend *m, const struct mend_plan *p, unsigned at, unsigned n,
                   struct err *err)
{
    const struct guest_fs *gf = &p->g->fs[at];
    AUTO(overlay_unrefp) struct overlay *o = NULL;
    const struct mend_driver *driver = NULL;
    int r = driver_of(&driver, gf, err);

    step(m, "write");
    if (r == 0)
        r = overlay_open(&o, gf->block, gf->block->size, err);
    if (r == 0)
        r = write_all(driver, o, p, at, err);
    if (r == 0) {
        step(m, "look again");
        r = look_again(driver, o, p, at, err);
    }
    if (r == 0)
        r = commit(m, gf->block, o, err);
    if (r < 0)
        return leave(m, gf->device, r, err);
    m->report.changed += n;
    return 0;
}

/* ---- the disk */

/* What the look at the disk recorded from `first` on and went by: as long as it is not
 * known what lies where, nothing is written.  Bytes that cannot be read at all are no
 * word about the guest. */
static int check_problems(const struct guest *g, size_t first, struct err *err)
{
    for (size_t i = first; i < g->facts->problems.n; i++) {
        const struct fact_problem *p = &g->facts->problems.v[i];
        enum err_code code = err_code_from_name(p->code);

        return FAIL(err, code < ERR_CODE_MAX ? code : ERR_CORRUPT, "%s: %s", p->subject,
                    p->message);
    }
    return 0;
}

static int check_io(const struct guest *g, struct err *err)
{
    for (size_t i = 0; i < g->facts->problems.n; i++)
        if (err_code_from_name(g->facts->problems.v[i].code) == ERR_IO)
            return check_problems(g, i, err);
    return 0;
}

static int look_at_mounts(struct mend_plan *p, const struct mend_edits *edits,
                          struct err *err)
{
    size_t before = p->g->facts->problems.n;
    int r;

    if (p->g->windows)
        return 0;
    r = linux_fstab(p->g, err);
    if (r == 0)
        r = check_problems(p->g, before, err);
    return r < 0 ? r : mend_plan_mounts(p, edits, err);
}

static int plan_all(struct mend_plan *p, const struct mend_edits *edits, struct err *err)
{
    int r = look_at_mounts(p, edits, err);

    if (r == 0 && edits->identity)
        r = mend_plan_identity(p, err);
    for (size_t i = 0; i < edits->n && r >= 0; i++)
        r = mend_plan_edit(p, &edits->v[i], err);
    if (r > 0)
        r = 0;
    return r < 0 ? r : arena_check(p->arena, err);
}

/* The first of them stands for all. */
static int leave_folders(struct mend *m, const struct mend_plan *p, struct err *err)
{
    return p->left_why ? leave(m, "", FAIL(err, ERR_UNSUPPORTED, "%s", p->left_why), err)
                       : 0;
}

static int mend_all(struct mend *m, struct mend_plan *p, struct err *err)
{
    int r = check_io(p->g, err);

    if (r < 0)
        return r;
    if (!p->g->root)
        return FAIL(err, ERR_NOTFOUND, "no system was found on the disk");
    if (p->g->facts->disk.overlap_a)
        return FAIL(err, ERR_CORRUPT, "partitions overlap");
    r = plan_all(p, m->edits, err);
    if (r == 0)
        r = leave_folders(m, p, err);
    for (unsigned i = 0; i < p->g->fs_n && r == 0; i++) {
        unsigned n = 0;

        for (size_t k = 0; k < p->things.n; k++)
            n += p->things.v[k].fs == i;
        if (n)
            r = mend_fs(m, p, i, n, err);
    }
    if (r == 0 && m->report.outcome == MEND_NOTHING && p->things.n)
        m->report.outcome = MEND_DONE;
    return r;
}

static int opened(void *arg, struct guest *g, struct err *err)
{
    AUTO(arena_fini) struct arena arena = {.max = MEND_PLAN_BYTES};
    struct mend_plan p = {.g = g, .arena = &arena};
    struct mend *m = arg;
    int r = mend_all(m, &p, err);

    if (r == -ERR_NOTFOUND && !g->root) {
        m->report.outcome = MEND_NO_SYSTEM;
        say_why(m, "", err);
        err_clear(err);
        return 0;
    }
    return r < 0 ? leave(m, "", r, err) : 0;
}

int mend_run(struct mend_report *ret, struct overlay *o, const struct mend_edits *edits,
             void (*step_fn)(void *arg, const char *name), void *step_arg,
             struct err *err)
{
    AUTO(arena_fini) struct arena arena = {.max = FACTS_ARENA_MAX};
    struct mend m = {.o = o, .edits = edits, .step = step_fn, .step_arg = step_arg};
    struct inspect_options options = {
        .step = step_fn,
        .step_arg = step_arg,
        .opened = opened,
        .opened_arg = &m,
    };
    struct facts facts;
    int r;

    facts_init(&facts);
    r = inspect_disk(&facts, &arena, overlay_block(o), &options, err);
    if (r < 0)
        r = leave(&m, "", r, err);
    if (r == 0)
        *ret = m.report;
    return r;
}
