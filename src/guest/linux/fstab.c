/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fstab.c: what is mounted where, and which of it is on this disk */
#include <stdlib.h>

#include "guest/collect.h"
#include "guest/linux/fstab.h"
#include "guest/subvolume.h"

enum { FSTAB_LINES_MAX = 512 };

struct pending { /* what is to be mounted on the tree */
    struct guest_fs *gf;
    const char *where;
    size_t depth, order;
};

struct collect {
    struct guest *g;
    struct fact_linux *l;
    struct pending mount[TREE_MOUNTS_MAX];
    size_t mounts;
};

static void set_role(struct guest_fs *gf, const char *where)
{
    const char **role = gf->partition ? &gf->partition->role
                        : gf->volume  ? &gf->volume->role
                                      : NULL;

    if (!role || strcmp(*role, "root") == 0 || strcmp(*role, "swap") == 0)
        return;
    if (strcmp(where, "/boot") == 0)
        *role = "boot";
    else if (strcmp(where, "/boot/efi") == 0 || strcmp(where, "/efi") == 0)
        *role = "esp";
    else if (!**role || strcmp(*role, "boot") == 0)
        *role = "data";
}

static void add_mount(struct collect *c, struct guest_fs *gf,
                      const struct fstab_line *line)
{
    size_t depth;
    const char *where = fstab_path(c->g->arena, line->target, &depth);

    if (!where || depth == 0 || gf == c->g->root)
        return;
    set_role(gf, where);
    if (!gf->fs || c->mounts == TREE_MOUNTS_MAX)
        return;
    /* /boot is often left unmounted while nobody updates kernels: it is there though. */
    if (fstab_has_option(line->options, "noauto") && strcmp(where, "/boot") != 0)
        return;
    c->mount[c->mounts] = (struct pending){gf, where, depth, c->mounts};
    c->mounts++;
}

/* A line may name a subvolume, and that need not be there. */
static int add_subvolume(struct collect *c, struct fact_mount *m, struct guest_fs *gf,
                         const struct fstab_line *line, struct err *err)
{
    struct guest_fs *sub;
    int r = subvolume_mount(&sub, c->g, gf, line->options, err);

    if (r < 0)
        return guest_problem(c->g, fs_type_name(gf->ident.type), gf->device, false, err);
    m->resolves = r == 1;
    if (r == 1)
        add_mount(c, sub, line);
    return 0;
}

static int by_depth(const void *a, const void *b)
{
    const struct pending *x = a, *y = b;

    if (x->depth != y->depth)
        return x->depth < y->depth ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* Swap and loop images are files of the root: "/swapfile". */
static int resolve_file(struct collect *c, struct fact_mount *m, const char *path,
                        struct err *err)
{
    struct tree_node node;
    int r = guest_find(c->g, path, true, &node, err);

    m->resolves = r == 1;
    m->by_id = true;
    if (r == 1 && strcmp(m->kind, "swap") == 0)
        c->l->swap_on_disk += node.st.size;
    return r;
}

static int resolve(struct collect *c, struct fact_mount *m, const struct fstab_line *line,
                   struct err *err)
{
    const struct guest_fs *gf;
    bool by_id = false;

    if (strcmp(m->kind, "disk") != 0 && strcmp(m->kind, "swap") != 0)
        return 0;
    if (text_starts(line->spec, "/") && !text_starts(line->spec, "/dev/"))
        return resolve_file(
            c, m, arena_strn(c->g->arena, (const char *)line->spec.p, line->spec.n), err);
    gf = guest_resolve(c->g, line->spec, &by_id);
    m->by_id = by_id;
    m->resolves = gf != NULL;
    for (unsigned i = 0; i < c->g->fs_n && strcmp(m->kind, "disk") == 0; i++)
        if (&c->g->fs[i] == gf)
            return add_subvolume(c, m, &c->g->fs[i], line, err);
    return 0;
}

static int add_line(struct collect *c, const struct fstab_line *line, uint32_t number,
                    struct err *err)
{
    struct fact_mount *m = FACT_ADD(c->g->arena, &c->l->fstab, fact_mount);

    if (!m)
        return arena_check(c->g->arena, err);
    m->line = number;
    m->spec = guest_text(c->g, line->spec);
    m->target = guest_text(c->g, line->target);
    m->type = guest_text(c->g, line->type);
    m->options = guest_text(c->g, line->options);
    m->kind = fstab_kind(line);
    m->nofail = fstab_has_option(line->options, "nofail") ||
                fstab_has_option(line->options, "noauto");
    return resolve(c, m, line, err);
}

static int mount_all(struct collect *c, struct err *err)
{
    qsort(c->mount, c->mounts, sizeof *c->mount, by_depth);
    for (size_t i = 0; i < c->mounts && c->g->tree.mounts < TREE_MOUNTS_MAX; i++) {
        int r = tree_mount(&c->g->tree, c->mount[i].where, c->mount[i].gf->fs, err);

        if (r == -ERR_NOTFOUND)
            err_clear(err); /* the system makes the folder, or fails to mount */
        else if (r < 0 && guest_is_fatal(c->g, r))
            return r;
        else if (r < 0)
            r = guest_problem(c->g, "guest", c->mount[i].where, false, err);
        if (r == -ERR_NOMEM)
            return r;
    }
    return 0;
}

int linux_fstab(struct guest *g, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct collect c = {.g = g, .l = guest_linux(g)};
    struct bytes rest, text;
    int r;

    if (!c.l)
        return arena_check(g->arena, err);
    for (unsigned i = 0; i < g->fs_n; i++)
        if (g->fs[i].ident.type == FS_SWAP && g->fs[i].block)
            c.l->swap_on_disk += g->fs[i].block->size;
    r = guest_read(g, "/etc/fstab", GUEST_TEXT_MAX, false, &b, err);
    if (r <= 0)
        return r;
    rest = buf_bytes(&b);
    for (uint32_t n = 1; n <= FSTAB_LINES_MAX && text_next_line(&rest, &text); n++) {
        struct fstab_line line;

        if (!fstab_line_parse(&line, g->arena, text))
            continue;
        r = add_line(&c, &line, n, err);
        if (r < 0)
            return r;
    }
    return mount_all(&c, err);
}
