/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volumes.c: logical volumes, on whatever of the disk is a physical volume
 *
 * A volume of which a part is elsewhere is a fact.  One of a kind that we do not map is a
 * place where we could not look. */
#include "guest/collect.h"

static struct lvm2_member *members(struct guest *g, size_t *n)
{
    struct lvm2_member *ret = arena_alloc(g->arena, (g->fs_n + 1) * sizeof *ret);

    *n = 0;
    if (!ret)
        return NULL;
    if (strcmp(g->facts->disk.whole, fs_type_name(FS_LVM2)) == 0)
        ret[(*n)++] = (struct lvm2_member){.block = g->disk, .device = "disk"};
    for (unsigned i = 0; i < g->fs_n; i++)
        if (g->fs[i].ident.type == FS_LVM2)
            ret[(*n)++] =
                (struct lvm2_member){.block = g->fs[i].block, .device = g->fs[i].device};
    return ret;
}

static void note(struct guest *g, const char *problem)
{
    const char **p = LIST_ADD(g->arena, &g->facts->volume_problems);

    if (p)
        *p = problem;
}

static int could_not_look(struct guest *g, enum err_code code, const char *problem,
                          const char *subject, struct err *err)
{
    FAIL(err, code, "%s", problem);
    return guest_problem(g, "lvm2", subject, false, err);
}

static void volume_facts(struct guest *g, const struct lvm2_groups *groups)
{
    for (size_t i = 0; i < groups->volumes.n; i++) {
        const struct lvm2_volume *v = &groups->volumes.v[i];
        struct fact_volume *ret =
            FACT_ADD(g->arena, &g->facts->logical_volumes, fact_volume);

        if (!ret)
            return;
        ret->name = v->name;
        ret->size = v->size;
        ret->filesystem = v->block ? fs_type_name(FS_UNKNOWN) : "";
    }
}

/* What is not complete is nothing that a name in fstab could lead to. */
static int open_volume(struct guest *g, const struct lvm2_volume *v,
                       struct fact_volume *facts, struct err *err)
{
    struct guest_fs *gf;

    if (!v->block)
        note(g, arena_printf(g->arena, "%s: %s", v->name, v->problem));
    if (!v->block && v->code == ERR_NONE)
        return 0;
    gf = &g->fs[g->fs_n++];
    gf->device = v->name;
    gf->volume = facts;
    gf->group = v->group;
    gf->block = v->block;
    gf->one_place = v->one_place;
    return v->block ? guest_open_fs(g, gf, err)
                    : could_not_look(g, v->code, v->problem, v->name, err);
}

static void tell_group(struct guest *g, const struct lvm2_member *m)
{
    for (unsigned i = 0; i < g->fs_n; i++)
        if (*m->group && g->fs[i].block == m->block)
            g->fs[i].group = m->group;
}

int guest_volumes(struct guest *g, struct lvm2_groups *groups, struct err *err)
{
    size_t n;
    struct lvm2_member *m = members(g, &n);
    struct guest_fs *fs;
    int r;

    if (!m)
        return arena_check(g->arena, err);
    if (n == 0)
        return 0;
    r = lvm2_scan(groups, m, n, g->arena, err);
    for (size_t i = 0; i < n && r == 0; i++)
        if (m[i].code != ERR_NONE)
            r = could_not_look(g, m[i].code, m[i].problem, m[i].device, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        tell_group(g, &m[i]);
    for (size_t i = 0; i < groups->problems.n; i++)
        note(g, groups->problems.v[i]);
    volume_facts(g, groups);
    g->fs_max = g->fs_n + (unsigned)groups->volumes.n + GUEST_SUBVOLUMES_MAX;
    fs = arena_alloc(g->arena, g->fs_max * sizeof *fs);
    if (!fs)
        return arena_check(g->arena, err);
    if (g->fs_n)
        memcpy(fs, g->fs, g->fs_n * sizeof *fs);
    g->fs = fs;
    for (size_t i = 0; i < g->facts->logical_volumes.n && r == 0; i++)
        r = open_volume(g, &groups->volumes.v[i], &g->facts->logical_volumes.v[i], err);
    return r;
}
