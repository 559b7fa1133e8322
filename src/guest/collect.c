/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/collect.h"

#include "base/log.h"

/* Adds a problem, or the last one that says there are more. */
static void add_problem(struct guest *g, const char *layer, const char *subject,
                        bool minor, const struct err *err)
{
    struct facts *f = g->facts;
    struct fact_problem *p;

    if (f->problems.n == GUEST_PROBLEMS_MAX) {
        p = &f->problems.v[f->problems.n - 1];
        p->subject = "more than are listed";
        p->minor = p->minor && minor;
        return;
    }
    p = FACT_ADD(g->arena, &f->problems, fact_problem);
    if (!p)
        return;
    p->layer = arena_str(g->arena, layer);
    p->code = err_code_name(err->code);
    p->subject = guest_text(g, bytes_of(subject, strlen(subject)));
    p->message = guest_text(g, bytes_of(err->msg, strlen(err->msg)));
    p->minor = minor;
}

int guest_problem(struct guest *g, const char *layer, const char *subject, bool minor,
                  struct err *err)
{
    if (err->code == ERR_NOMEM)
        return -ERR_NOMEM;
    log_debug(LOG_GUEST, "%s: %s: %s", layer, subject, err->msg);
    add_problem(g, layer, subject, minor, err);
    err_clear(err);
    return 0;
}

/* ---- which problems matter */

static bool matters(struct guest *g, const struct guest_fs *gf)
{
    static const char *const needed[] = {"/",     "/boot", "/usr", "/bin",
                                         "/sbin", "/lib",  "/etc"};
    const struct fact_linux *l = g->facts->linux_;
    const struct fact_boot *boot = g->facts->boot;
    bool by_id;

    if (gf == g->root)
        return true;
    if (boot && *boot->root &&
        guest_resolve(g, bytes_of(boot->root, strlen(boot->root)), &by_id) == gf)
        return true;
    for (size_t i = 0; l && i < l->fstab.n; i++) {
        const struct fact_mount *m = &l->fstab.v[i];

        if (guest_resolve(g, bytes_of(m->spec, strlen(m->spec)), &by_id) != gf)
            continue;
        for (size_t j = 0; j < ARRAY_SIZE(needed); j++)
            if (strcmp(m->target, needed[j]) == 0)
                return true;
    }
    return false;
}

void guest_weigh_problems(struct guest *g)
{
    for (size_t i = 0; i < g->facts->problems.n; i++) {
        struct fact_problem *p = &g->facts->problems.v[i];

        for (unsigned j = 0; j < g->fs_n; j++)
            if (strcmp(p->subject, g->fs[j].device) == 0 && !matters(g, &g->fs[j]))
                p->minor = true;
    }
}

/* ---- files */

bool guest_is_fatal(const struct guest *g, int r)
{
    return r == -ERR_NOMEM || (r == -ERR_LIMIT && (g->tree.lookups >= TREE_LOOKUPS_MAX ||
                                                   g->tree.entries >= TREE_ENTRIES_MAX));
}

/* Which layer failed?  That of the filesystem the path starts from, nearly always. */
static const char *layer_of(const struct guest *g)
{
    return g->root && g->root->ident.type != FS_UNKNOWN
               ? fs_type_name(g->root->ident.type)
               : "guest";
}

static int settle(struct guest *g, int r, const char *path, bool minor, struct err *err)
{
    if (r >= 0 || guest_is_fatal(g, r))
        return r;
    return guest_problem(g, layer_of(g), path, minor, err);
}

int guest_read(struct guest *g, const char *path, size_t max, bool minor, struct buf *ret,
               struct err *err)
{
    size_t start = ret->n;
    int r;

    ret->max = start + max;
    r = settle(g, tree_read(&g->tree, path, ret, err), path, minor, err);
    if (r <= 0)
        ret->n = start;
    return r;
}

int guest_find(struct guest *g, const char *path, bool minor, struct tree_node *ret,
               struct err *err)
{
    return settle(g, tree_find(&g->tree, path, ret, err), path, minor, err);
}

int guest_lfind(struct guest *g, const char *path, bool minor, struct tree_node *ret,
                struct err *err)
{
    return settle(g, tree_lfind(&g->tree, path, ret, err), path, minor, err);
}

int guest_has_file(struct guest *g, const char *path, bool minor, struct err *err)
{
    return settle(g, tree_has_file(&g->tree, path, err), path, minor, err);
}

int guest_has_dir(struct guest *g, const char *path, bool minor, struct err *err)
{
    return settle(g, tree_has_dir(&g->tree, path, err), path, minor, err);
}

int guest_names(struct guest *g, const char *path, bool minor, struct tree_names *ret,
                struct err *err)
{
    struct tree_names names = {0};
    int r = settle(g, tree_names(&g->tree, path, g->arena, GUEST_NAMES_MAX, &names, err),
                   path, minor, err);

    *ret = names;
    return r;
}

int guest_readlink(struct guest *g, const char *path, bool minor, const char **ret,
                   struct err *err)
{
    AUTO(buf_fini) struct buf target = {.max = FS_LINK_MAX};
    int r = settle(g, tree_readlink(&g->tree, path, &target, err), path, minor, err);

    *ret = r == 1 ? arena_strn(g->arena, target.p, target.n) : "";
    return r;
}

struct fact_linux *guest_linux(struct guest *g)
{
    if (!g->facts->linux_)
        g->facts->linux_ = FACT_NEW(g->arena, fact_linux);
    return g->facts->linux_;
}
