/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mounts.c: folders that the guest sees something else in than we do
 *
 * What fstab mounts from this disk is on the tree already, unless it could not be read;
 * what it binds to another folder is put there here.  The rest hides the folder that it
 * lies on: nothing is written there, and of an identity that part is told as left. */
#include <string.h>

#include "guest/collect.h"
#include "guest/linux/fstab.h"
#include "mend/plan.h"

struct hidden {
    const char *where; /* "/var", without slashes at its end */
    const char *from; /* of a folder that is bound there, which waits for that; or NULL */
    const char *why;
    bool from_start; /* empty, or of no disk: it has no part in an identity */
};

struct mounts {
    struct mend_plan *p;
    LIST(struct hidden) hidden;
};

static bool is_within(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    if (strcmp(folder, "/") == 0)
        return true;
    return strncmp(path, folder, n) == 0 && (!path[n] || path[n] == '/');
}

bool mend_hides_more(const struct guest *g)
{
    for (unsigned i = 0; i < g->fs_n; i++) {
        const struct guest_fs *gf = &g->fs[i];

        if (gf->ident.type == FS_LUKS || gf->ident.type == FS_MDRAID ||
            gf->ident.type == FS_ZFS || (gf->volume && !gf->block))
            return true;
    }
    return false;
}

static bool is_mounted(const struct tree *t, const char *where)
{
    for (unsigned i = 0; i < t->mounts; i++)
        if (strcmp(t->mount[i].where, where) == 0)
            return true;
    return false;
}

static bool has_option(const struct fact_mount *m, const char *name)
{
    return fstab_has_option(bytes_of(m->options, strlen(m->options)), name);
}

static bool is_any(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

/* Why the folder is not what we see; NULL: it is. */
static const char *why_hidden(const struct guest *g, const struct fact_mount *m,
                              bool *from_start)
{
    static const char *const layered[] = {"overlay", "aufs", NULL};

    *from_start = false;
    if (strcmp(m->kind, "disk") == 0) {
        if (m->resolves)
            return "a filesystem that is not read";
        return mend_hides_more(g) ? "a filesystem that is encrypted, or not read" : NULL;
    }
    if (has_option(m, "bind") || has_option(m, "rbind"))
        return "another folder, which is not followed";
    if (is_any(m->type, layered))
        return "put together of others";
    *from_start = true;
    return "not on this disk";
}

static int add_hidden(struct mounts *m, const struct fact_mount *fact, struct err *err)
{
    struct arena *a = m->p->arena;
    struct hidden h = {.from = NULL}, *to;

    if (strcmp(fact->kind, "swap") == 0)
        return 0;
    h.where = fstab_path(a, bytes_of(fact->target, strlen(fact->target)), NULL);
    if (!h.where || strcmp(h.where, "/") == 0 || is_mounted(&m->p->g->tree, h.where))
        return 0;
    h.why = why_hidden(m->p->g, fact, &h.from_start);
    if (!h.why)
        return 0;
    if (has_option(fact, "bind") && !has_option(fact, "rbind"))
        h.from = fstab_path(a, bytes_of(fact->spec, strlen(fact->spec)), NULL);
    to = LIST_ADD(a, &m->hidden);
    if (!to)
        return arena_check(a, err);
    *to = h;
    return 0;
}

/* ---- folders that are bound to others */

/* It has to wait while something else is to come at, or above, either of its folders.
 * What was mounted below its place already would have had to come later. */
static bool can_bind(const struct mounts *m, const struct hidden *h)
{
    const struct tree *t = &m->p->g->tree;

    for (size_t i = 0; i < m->hidden.n; i++) {
        const struct hidden *o = &m->hidden.v[i];

        if (o != h && (is_within(h->where, o->where) || is_within(h->from, o->where)))
            return false;
    }
    for (unsigned i = 1; i < t->mounts; i++)
        if (is_within(t->mount[i].where, h->where))
            return false;
    return true;
}

/* What cannot be bound stays hidden. */
static int bind_all(struct mounts *m, struct err *err)
{
    struct tree *t = &m->p->g->tree;

    for (size_t i = 0; i < m->hidden.n;) {
        struct hidden *h = &m->hidden.v[i];
        int r;

        if (!h->from || !can_bind(m, h)) {
            i++;
            continue;
        }
        r = tree_bind(t, h->where, h->from, err);
        if (r == -ERR_NOTFOUND || r == -ERR_LIMIT) {
            err_clear(err);
            h->from = NULL;
            continue;
        }
        if (r < 0)
            return r;
        *h = m->hidden.v[--m->hidden.n];
        i = 0; /* others may have waited for it */
    }
    return 0;
}

/* ---- what is wanted of them */

static bool is_edited(const struct mend_edits *edits, const char *where)
{
    for (size_t i = 0; i < edits->n; i++)
        if (is_within(edits->v[i].path, where) ||
            (edits->v[i].op == MEND_EMPTY && is_within(where, edits->v[i].path)))
            return true;
    return false;
}

static bool is_of_identity(const char *where)
{
    static const struct {
        const char *path;
        bool deep; /* also what is in folders below it */
    } places[] = {
        {"/etc/ssh", false},
        {"/etc/machine-id", false},
        {"/etc/fstab", false},
        {"/etc/udev/rules.d", false},
        {"/root", false},
        {"/home", true},
        {"/var/lib/dbus", false},
        {"/var/lib/systemd", false},
        {"/var/lib/urandom", false},
        {"/var/lib/cloud", true},
        {"/var/log", true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (is_within(places[i].path, where) ||
            (places[i].deep && is_within(where, places[i].path)))
            return true;
    return false;
}

static int sort_out(struct mounts *m, const struct mend_edits *edits, struct err *err)
{
    struct mend_plan *p = m->p;

    for (size_t i = 0; i < m->hidden.n; i++) {
        const struct hidden *h = &m->hidden.v[i];
        const char **to;

        if (is_edited(edits, h->where))
            return FAIL(err, ERR_UNSUPPORTED, "%s is %s", h->where, h->why);
        if (!edits->identity || h->from_start || !is_of_identity(h->where))
            continue;
        to = LIST_ADD(p->arena, &p->left);
        if (!to)
            return arena_check(p->arena, err);
        *to = h->where;
        if (!p->left_why)
            p->left_why = arena_printf(p->arena, "%s is %s", h->where, h->why);
    }
    return 0;
}

bool mend_is_left(const struct mend_plan *p, const char *path)
{
    for (size_t i = 0; i < p->left.n; i++)
        if (is_within(path, p->left.v[i]))
            return true;
    return false;
}

int mend_plan_mounts(struct mend_plan *p, const struct mend_edits *edits, struct err *err)
{
    const struct fact_linux *l = p->g->facts->linux_;
    struct mounts m = {.p = p};
    int r = 0;

    for (size_t i = 0; l && i < l->fstab.n && r == 0; i++)
        r = add_hidden(&m, &l->fstab.v[i], err);
    if (r == 0)
        r = bind_all(&m, err);
    return r < 0 ? r : sort_out(&m, edits, err);
}
