/* SPDX-License-Identifier: GPL-2.0-or-later */
/* root.c: which filesystem is the system's root
 *
 * Names, labels and places lie; what is in a filesystem tells.  A root has a /etc that
 * knows the system, programs, and something to start as the first process. */
#include <stdio.h>

#include "guest/pieces.h"
#include "guest/subvolume.h"

enum {
    WHY_MAX = 256,
    CONFIG_MAX = 1 << 20, /* bytes of a boot loader's file */
};

struct look {
    struct guest *g;
    struct tree tree; /* over this one filesystem */
    char why[WHY_MAX];
};

static void because(struct look *l, const char *path)
{
    size_t n = strlen(l->why);

    snprintf(l->why + n, sizeof l->why - n, "%s%s", n ? ", " : "", path);
}

/* The first of the paths that is there: 1, 0, negative. */
static int any(struct look *l, const char *const *paths, struct err *err)
{
    struct tree_node node;

    for (; *paths; paths++) {
        int r = tree_find(&l->tree, *paths, &node, err);

        if (r < 0)
            return r;
        if (r) {
            because(l, *paths);
            return 1;
        }
    }
    return 0;
}

/* With /usr on a partition of its own, /bin and /sbin point into a folder that is still
 * empty.  The links themselves are as good as what they lead to. */
static int links_into_usr(struct look *l, struct err *err)
{
    AUTO(buf_fini) struct buf target = {.max = FS_LINK_MAX};
    struct bytes b;
    int r = tree_readlink(&l->tree, "/bin", &target, err);

    if (r <= 0)
        return r;
    b = buf_bytes(&target);
    if (!text_starts(b, "usr/") && !text_starts(b, "/usr/"))
        return 0;
    r = tree_has_dir(&l->tree, "/usr", err);
    if (r == 1)
        because(l, "/bin -> usr/bin");
    return r;
}

static int is_root(struct look *l, struct err *err)
{
    static const char *const etc[] = {
        "/etc/os-release",     "/usr/lib/os-release", "/etc/redhat-release",
        "/etc/debian_version", "/etc/SuSE-release",   "/etc/alpine-release",
        "/etc/passwd",         "/etc/fstab",          NULL,
    };
    static const char *const programs[] = {"/bin", "/usr/bin", NULL};
    static const char *const first[] = {
        "/sbin/init",
        "/usr/sbin/init",
        "/usr/lib/systemd/systemd",
        "/lib/systemd/systemd",
        "/bin/init",
        "/sbin/openrc-init",
        "/sbin/runit-init",
        "/nix/var/nix/profiles/system",
        NULL,
    };
    int r = tree_has_dir(&l->tree, "/etc", err);

    l->why[0] = '\0';
    if (r == 1)
        r = any(l, etc, err);
    if (r != 1)
        return r;
    r = any(l, programs, err);
    if (r == 1)
        return any(l, first, err);
    return r < 0 ? r : links_into_usr(l, err);
}

static int find_kernel(void *arg, const struct fs_dirent *d, struct err *err)
{
    static const char *const starts[] = {"vmlinuz", "vmlinux", "bzImage", "kernel-",
                                         "Image"};

    (void)err;
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
        if (text_starts(bytes_of(d->name, d->name_n), starts[i])) {
            because(arg, "a kernel");
            return 1;
        }
    return 0;
}

static int is_boot(struct look *l, struct err *err)
{
    static const char *const loader[] = {
        "/grub",   "/grub2",    "/extlinux", "/extlinux.conf",
        "/loader", "/syslinux", "/efi",      NULL,
    };
    static const char *const entries[] = {"/loader/entries", NULL};
    static const char *const kernels[] = {"/ostree", NULL};
    int r;

    l->why[0] = '\0';
    r = tree_list(&l->tree, "/", find_kernel, l, err);
    if (r == 1)
        return any(l, loader, err);
    /* Of ostree: its kernels lie in a folder of their own. */
    r = r == 0 ? any(l, entries, err) : r;
    return r == 1 ? any(l, kernels, err) : r;
}

static int is_installer(struct look *l, struct err *err)
{
    static const char *const mark[] = {
        "/.disk/info",
        "/.treeinfo",
        "/.discinfo",
        "/casper",
        "/live/filesystem.squashfs",
        "/LiveOS",
        "/images/pxeboot",
        "/install.amd",
        NULL,
    };
    static const char *const what[] = {
        "/casper",         "/live",     "/install", "/install.amd",
        "/images/pxeboot", "/isolinux", "/dists",   "/LiveOS",
        "/boot/isolinux",  "/Packages", NULL,
    };
    int r;

    l->why[0] = '\0';
    r = any(l, mark, err);
    return r == 1 ? any(l, what, err) : r;
}

static int is_windows(struct look *l, struct err *err)
{
    static const char *const mark[] = {"/Windows/System32", "/WINDOWS/system32", NULL};

    l->why[0] = '\0';
    return any(l, mark, err);
}

/* CoreOS and Flatcar: /usr is a read-only image of its own, and the root is empty before
 * the first start. */
static int is_usr(struct look *l, struct err *err)
{
    static const char *const mark[] = {"/share/coreos", "/share/flatcar", NULL};
    static const char *const release[] = {"/lib/os-release", "/lib64/os-release", NULL};
    int r;

    l->why[0] = '\0';
    r = any(l, release, err);
    return r == 1 ? any(l, mark, err) : r;
}

static int is_ostree(struct look *l, struct err *err)
{
    static const char *const mark[] = {"/ostree/deploy", NULL};

    l->why[0] = '\0';
    return any(l, mark, err);
}

static int classify(struct look *l, const char **what, struct err *err)
{
    static const struct {
        const char *what;
        int (*is)(struct look *l, struct err *err);
    } rows[] = {
        {"root", is_root},     {"installer", is_installer}, /* before boot: it has kernels
                                                               and loaders too */
        {"boot", is_boot},     {"windows", is_windows},     {"usr", is_usr},
        {"ostree", is_ostree},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int r = rows[i].is(l, err);

        if (r < 0)
            return r;
        if (r) {
            *what = rows[i].what;
            return 0;
        }
    }
    *what = "data";
    snprintf(l->why, sizeof l->why, "no system, no kernel");
    return 0;
}

/* ---- several roots */

/* What a boot loader's files on this filesystem hand to the kernel behind a word, up to a
 * blank.  First one wins: it is the first menu entry's, or grubenv's. */
static int find_word(struct guest_fs *gf, const char *mark, char *ret, size_t cap,
                     struct err *err)
{
    static const char *const files[] = {
        "/grub2/grubenv",          "/grub/grub.cfg",
        "/grub2/grub.cfg",         "/boot/grub2/grubenv",
        "/boot/grub/grub.cfg",     "/boot/grub2/grub.cfg",
        "/boot/grub/menu.lst",     "/grub/menu.lst",
        "/extlinux/extlinux.conf", "/boot/extlinux/extlinux.conf",
    };
    struct tree tree;

    ret[0] = '\0';
    tree_init(&tree, gf->fs);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        AUTO(buf_fini) struct buf b = {.max = CONFIG_MAX};
        int r = tree_read(&tree, files[i], &b, err);
        long at = r == 1 ? text_find(buf_bytes(&b), mark) : -1;
        size_t n = 0;

        if (r == -ERR_NOMEM)
            return r;
        err_clear(err); /* the boot collector reads it again, and reports */
        if (at < 0)
            continue;
        for (const char *p = b.p + at + strlen(mark);
             n + 1 < cap && p[n] > ' ' && p[n] != '"'; n++)
            ret[n] = p[n];
        ret[n] = '\0';
        return 0;
    }
    return 0;
}

static struct guest_fs *root_by_uuid(struct guest_fs *const *roots, size_t n,
                                     const char *uuid)
{
    for (size_t i = 0; i < n; i++)
        if (*uuid && strcmp(roots[i]->ident.uuid, uuid) == 0)
            return roots[i];
    return NULL;
}

/* What would start: what the active partition's loader names, then what any loader names,
 * then the active partition, then the first. */
static int choose(struct guest *g, struct guest_fs *const *roots, size_t n,
                  struct guest_fs **ret, struct err *err)
{
    *ret = roots[0];
    if (n == 1)
        return 0;
    for (int active = 1; active >= 0; active--) {
        for (unsigned i = 0; i < g->fs_n; i++) {
            struct guest_fs *gf = &g->fs[i], *named;
            char uuid[40];
            int r;

            if (!gf->fs || (active && !(gf->partition && gf->partition->active)))
                continue;
            r = find_word(gf, "root=UUID=", uuid, sizeof uuid, err);
            if (r < 0)
                return r;
            named = root_by_uuid(roots, n, uuid);
            if (named) {
                *ret = named;
                return 0;
            }
        }
    }
    for (size_t i = 0; i < n; i++)
        if (roots[i]->partition && roots[i]->partition->active) {
            *ret = roots[i];
            break;
        }
    return 0;
}

/* ---- subvolumes */

int root_is_on(struct guest *g, struct fs *fs, struct err *err)
{
    struct look l = {.g = g};

    tree_init(&l.tree, fs);
    return is_root(&l, err);
}

/* 1: this subvolume is a root, and gf stands for it now. */
static int try_subvolume(struct guest *g, struct guest_fs *gf, uint64_t id,
                         struct err *err)
{
    AUTO(fs_closep) struct fs *fs = NULL;
    int r = fs_subvolume_open(&fs, gf->fs, id, err);

    if (r == 0)
        r = root_is_on(g, fs, err);
    if (r != 1)
        return r;
    r = subvolume_switch(g, gf, id, err);
    return r < 0 ? r : 1;
}

/* The one in rootflags= of a boot loader's files, on any filesystem. */
static int try_named(struct guest *g, struct guest_fs *gf, struct err *err)
{
    char options[FS_SUBVOLUME_PATH_MAX];

    for (unsigned i = 0; i < g->fs_n; i++) {
        uint64_t id;
        int r;

        if (!g->fs[i].fs)
            continue;
        r = find_word(&g->fs[i], "rootflags=", options, sizeof options, err);
        if (r == 0 && *options)
            r = subvolume_find(&id, gf, bytes_of(options, strlen(options)), err);
        if (r == 1)
            r = try_subvolume(g, gf, id, err);
        if (r != 0)
            return r;
    }
    return 0;
}

static int try_usual(struct guest *g, struct guest_fs *gf, struct err *err)
{
    struct subvolume_ids ids;
    int r = subvolume_candidates(&ids, gf, err);

    for (size_t i = 0; i < ids.n && r == 0; i++)
        r = try_subvolume(g, gf, ids.v[i], err);
    return r;
}

/* What the kernel is told to take, else the default, else what looks like a root. */
static int choose_subvolume(struct guest *g, struct guest_fs *gf, struct err *err)
{
    int r = subvolume_learn(g, gf, err);

    if (r < 0 || !gf->subvolume)
        return r;
    r = try_named(g, gf, err);
    if (r == 0)
        r = root_is_on(g, gf->fs, err);
    if (r == 0)
        r = try_usual(g, gf, err);
    /* With /boot in it, it may itself name another one. */
    return r == 1 ? try_named(g, gf, err) : r;
}

void root_set(struct guest *g, struct guest_fs *gf)
{
    struct fact_root *root = FACT_NEW(g->arena, fact_root);

    if (!root)
        return;
    root->device = gf->device;
    root->filesystem = fs_type_name(gf->ident.type);
    root->uuid = guest_text(g, bytes_of(gf->ident.uuid, strlen(gf->ident.uuid)));
    root->label = guest_text(g, bytes_of(gf->ident.label, strlen(gf->ident.label)));
    root->subvolume = subvolume_text(g, gf);
    if (gf->partition)
        gf->partition->role = "root";
    if (gf->volume)
        gf->volume->role = "root";
    g->facts->root = root;
    g->root = gf;
    tree_init(&g->tree, gf->fs);
}

static void set_role(struct guest_fs *gf, const char *what)
{
    const char *role = strcmp(what, "boot") == 0   ? "boot"
                       : strcmp(what, "data") == 0 ? "data"
                                                   : "";

    if (gf->partition && !*gf->partition->role)
        gf->partition->role = role;
    if (gf->volume && !*gf->volume->role)
        gf->volume->role = role;
}

/* 1: it is a root. */
static int look_into(struct guest *g, struct guest_fs *gf, struct err *err)
{
    struct look l = {.g = g};
    struct fact_candidate *c;
    const char *what;
    int r;

    r = choose_subvolume(g, gf, err);
    if (r >= 0) {
        tree_init(&l.tree, gf->fs);
        r = classify(&l, &what, err);
    }
    if (r < 0)
        return guest_problem(g, fs_type_name(gf->ident.type), gf->device, false, err);
    set_role(gf, what);
    if (strcmp(what, "data") == 0 && gf->partition &&
        strcmp(gf->partition->role, "esp") == 0)
        return 0;
    c = FACT_ADD(g->arena, &g->facts->candidates, fact_candidate);
    if (!c)
        return 0;
    c->device = gf->device;
    c->filesystem = fs_type_name(gf->ident.type);
    c->what = what;
    c->why = guest_text(g, bytes_of(l.why, strlen(l.why)));
    if (gf->subvolume && *gf->subvolume)
        c->why =
            arena_printf(g->arena, "subvolume %s: %s", subvolume_text(g, gf), c->why);
    return strcmp(what, "root") == 0;
}

/* A medium that was written to a partition is one only while no system was installed. */
static void note_installer(struct guest *g)
{
    for (size_t i = 0; i < g->facts->candidates.n; i++) {
        const struct fact_candidate *c = &g->facts->candidates.v[i];

        if (!*g->facts->disk.installer && strcmp(c->what, "installer") == 0)
            g->facts->disk.installer =
                arena_printf(g->arena, "%s: %s", c->device, c->why);
    }
}

/* Systems that we recognise and could not put together: the answer is "undecided". */
static int note_unread(struct guest *g, struct err *err)
{
    static const struct {
        const char *what, *message;
    } rows[] = {
        {"usr", "the root that goes with this /usr is not on the disk"},
        {"ostree", "no deployment of ostree could be put together"},
    };
    int r = 0;

    for (size_t i = 0; i < g->facts->candidates.n && r == 0; i++) {
        const struct fact_candidate *c = &g->facts->candidates.v[i];

        for (size_t j = 0; j < ARRAY_SIZE(rows) && r == 0; j++) {
            if (strcmp(c->what, rows[j].what) != 0)
                continue;
            FAIL(err, ERR_UNSUPPORTED, "%s", rows[j].message);
            r = guest_problem(g, "guest", c->device, false, err);
        }
    }
    return r;
}

struct fact_candidate *root_candidate(struct guest *g, const struct guest_fs *gf)
{
    for (size_t i = 0; i < g->facts->candidates.n; i++)
        if (strcmp(g->facts->candidates.v[i].device, gf->device) == 0)
            return &g->facts->candidates.v[i];
    return NULL;
}

static bool is_candidate(struct guest *g, const struct guest_fs *gf)
{
    const struct fact_candidate *c = root_candidate(g, gf);

    return c && strcmp(c->what, "windows") == 0;
}

/* The first Windows that has a registry, else the first at all. */
static int find_windows(struct guest *g, struct err *err)
{
    struct guest_fs *found = NULL;
    bool registry = false;

    for (unsigned i = 0; i < g->fs_n && !registry; i++) {
        struct guest_fs *gf = &g->fs[i];
        struct tree tree;
        int r;

        if (!gf->fs || !is_candidate(g, gf))
            continue;
        tree_init(&tree, gf->fs);
        r = tree_has_file(&tree, "/Windows/System32/config/SYSTEM", err);
        registry = r == 1;
        if (registry || !found)
            found = gf;
        if (r < 0)
            r = guest_problem(g, fs_type_name(gf->ident.type), gf->device, false, err);
        if (r < 0)
            return r;
    }
    if (found) {
        root_set(g, found);
        g->windows = true;
    }
    return 0;
}

int root_find(struct guest *g, struct err *err)
{
    struct guest_fs *roots[GUEST_FS_MAX], *chosen = NULL;
    size_t n = 0;
    int r;

    g->root = NULL;
    for (unsigned i = 0, n_before = g->fs_n; i < n_before; i++) {
        if (!g->fs[i].fs)
            continue;
        r = look_into(g, &g->fs[i], err);
        if (r < 0)
            return r;
        if (r == 1 && n < ARRAY_SIZE(roots))
            roots[n++] = &g->fs[i];
    }
    r = n ? choose(g, roots, n, &chosen, err) : 0;
    if (r == 0)
        r = pieces_usr(g, chosen, err);
    if (r == 0 && !chosen)
        r = pieces_ostree(g, err);
    if (r != 0)
        return r < 0 ? r : 0;
    if (chosen) {
        root_set(g, chosen);
        return 0;
    }
    note_installer(g);
    r = note_unread(g, err);
    return r < 0 ? r : find_windows(g, err);
}
