/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/subvolume.h"

#include <inttypes.h>

/* ---- finding one */

struct search {
    bool by_id, by_path; /* neither: the default */
    uint64_t id;
    struct bytes path;
    bool found;
    struct fs_subvolume s;
};

static int match(void *arg, const struct fs_subvolume *s, struct err *err)
{
    struct search *w = arg;
    bool is = w->by_id     ? s->id == w->id
              : w->by_path ? text_is(w->path, s->path)
                           : s->is_default;

    (void)err;
    if (!is)
        return 0;
    w->found = true;
    w->s = *s;
    return 1;
}

/* "/@/" and "@" are the same. */
static struct bytes trim_slashes(struct bytes b)
{
    while (b.n && b.p[0] == '/')
        b = bytes_sub(b, 1, b.n - 1);
    while (b.n && b.p[b.n - 1] == '/')
        b.n--;
    return b;
}

/* mount(8): the last one given counts.  Numbers are read as C has them, 0 being the
 * default. */
static void parse_options(struct search *w, struct bytes options)
{
    while (options.n) {
        const uint8_t *comma = memchr(options.p, ',', options.n);
        size_t n = comma ? (size_t)(comma - options.p) : options.n;
        struct bytes word = text_trim(bytes_sub(options, 0, n));

        if (text_starts(word, "subvol=")) {
            w->by_path = true;
            w->by_id = false;
            w->path = trim_slashes(bytes_sub(word, 7, word.n - 7));
        } else if (text_starts(word, "subvolid=") &&
                   text_u64(&w->id, bytes_sub(word, 9, word.n - 9))) {
            w->by_id = w->id != 0;
            w->by_path = false;
        }
        n += comma != NULL;
        options = bytes_sub(options, n, options.n - n);
    }
}

/* "subvol=/" is the top level, whose path is empty; so is that of what lies nowhere. */
static int find(struct search *w, struct fs *fs, struct err *err)
{
    int r;

    if (w->by_path && w->path.n == 0) {
        w->by_id = true;
        w->id = SUBVOLUME_TOP;
    }
    r = fs_subvolumes(fs, match, w, err);
    return r < 0 ? r : w->found;
}

int subvolume_learn(struct guest *g, struct guest_fs *gf, struct err *err)
{
    struct search w = {0};
    int r;

    if (gf->subvolume || !gf->fs)
        return 0;
    r = find(&w, gf->fs, err);
    if (r == 1) {
        gf->subvolume = arena_str(g->arena, w.s.path);
        gf->subvolume_id = w.s.id;
    }
    return r < 0 ? r : 0;
}

int subvolume_find(uint64_t *id, const struct guest_fs *gf, struct bytes options,
                   struct err *err)
{
    struct search w = {0};
    int r;

    parse_options(&w, options);
    r = find(&w, gf->fs, err);
    if (r == 1)
        *id = w.s.id;
    return r;
}

/* ---- one more */

static struct guest_fs *opened(struct guest *g, const struct guest_fs *gf, uint64_t id)
{
    for (unsigned i = 0; i < g->fs_n; i++)
        if (g->fs[i].fs && g->fs[i].subvolume && g->fs[i].block == gf->block &&
            g->fs[i].subvolume_id == id)
            return &g->fs[i];
    return NULL;
}

/* Takes fs. */
static int append(struct guest_fs **ret, struct guest *g, const struct guest_fs *gf,
                  struct fs *fs, const struct fs_subvolume *s, struct err *err)
{
    struct guest_fs *new = &g->fs[g->fs_n];

    if (g->fs_n >= g->fs_max) {
        fs_close(fs);
        return FAIL(err, ERR_LIMIT, "more than %d subvolumes mounted",
                    GUEST_SUBVOLUMES_MAX);
    }
    *new = *gf;
    new->fs = fs;
    new->subvolume = arena_str(g->arena, s->path);
    new->subvolume_id = s->id;
    new->device =
        *s->path ? arena_printf(g->arena, "%s, subvolume %s", gf->device,
                                guest_text(g, bytes_of(s->path, strlen(s->path))))
                 : arena_printf(g->arena, "%s, subvolume %" PRIu64, gf->device, s->id);
    g->fs_n++;
    *ret = new;
    return 0;
}

int subvolume_mount(struct guest_fs **ret, struct guest *g, struct guest_fs *gf,
                    struct bytes options, struct err *err)
{
    struct search w = {0};
    struct guest_fs *there;
    struct fs *fs;
    int r = subvolume_learn(g, gf, err);

    if (r < 0)
        return r;
    *ret = gf;
    if (!gf->subvolume)
        return 1;
    parse_options(&w, options);
    r = find(&w, gf->fs, err);
    if (r <= 0)
        return r;
    there = opened(g, gf, w.s.id);
    if (there) {
        *ret = there;
        return 1;
    }
    r = fs_subvolume_open(&fs, gf->fs, w.s.id, err);
    if (r == 0)
        r = append(ret, g, gf, fs, &w.s, err);
    return r < 0 ? r : 1;
}

int subvolume_switch(struct guest *g, struct guest_fs *gf, uint64_t id, struct err *err)
{
    struct search w = {.by_id = true, .id = id};
    const struct guest_fs was = *gf;
    struct guest_fs *behind;
    struct fs_subvolume old = {.id = was.subvolume_id};
    struct fs *fs;
    int r;

    if (id == was.subvolume_id)
        return 0;
    r = find(&w, gf->fs, err);
    if (r == 1)
        r = fs_subvolume_open(&fs, gf->fs, id, err);
    if (r < 0)
        return r;
    snprintf(old.path, sizeof old.path, "%s", was.subvolume);
    gf->fs = fs;
    gf->subvolume = arena_str(g->arena, w.s.path);
    gf->subvolume_id = id;
    return append(&behind, g, &was, was.fs, &old, err);
}

/* ---- which */

struct list {
    const struct guest_fs *gf;
    struct subvolume_ids *ret;
    size_t rank; /* those of this rank are taken */
};

/* Ubuntu and Mint; Debian; Fedora; SUSE without a default; others. */
static const char *const usual[] = {"@",     "@rootfs", "root", "@/.snapshots/1/snapshot",
                                    "@root", "rootfs"};

static size_t rank_of(const char *path)
{
    size_t i = 0;

    while (i < ARRAY_SIZE(usual) && strcmp(path, usual[i]) != 0)
        i++;
    return i;
}

static int list_one(void *arg, const struct fs_subvolume *s, struct err *err)
{
    struct list *l = arg;

    (void)err;
    if (s->id == l->gf->subvolume_id || rank_of(s->path) != l->rank)
        return 0;
    if (l->ret->n == SUBVOLUMES_TRIED_MAX)
        return 1;
    l->ret->v[l->ret->n++] = s->id;
    return 0;
}

int subvolume_candidates(struct subvolume_ids *ret, struct guest_fs *gf, struct err *err)
{
    struct list l = {.gf = gf, .ret = ret};
    int r = 0;

    ret->n = 0;
    for (l.rank = 0; l.rank <= ARRAY_SIZE(usual) && r == 0; l.rank++)
        r = fs_subvolumes(gf->fs, list_one, &l, err);
    return r < 0 ? r : 0;
}

const struct guest_fs *subvolume_enter(struct guest *g, const struct guest_fs *gf,
                                       const char **path)
{
    const struct guest_fs *best = gf;
    size_t best_n = 0;

    if (!gf->subvolume || **path != '/')
        return gf;
    for (unsigned i = 0; i < g->fs_n; i++) {
        const struct guest_fs *sub = &g->fs[i];
        size_t n = sub->subvolume ? strlen(sub->subvolume) : 0;

        if (!sub->fs || sub->block != gf->block || n <= best_n ||
            strncmp(*path + 1, sub->subvolume, n) != 0 || (*path)[1 + n] != '/')
            continue;
        best = sub;
        best_n = n;
    }
    if (best_n)
        *path += 1 + best_n;
    return best;
}
