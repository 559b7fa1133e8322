/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/pieces.h"

#include "fs/view.h"
#include "guest/boot/boot.h"

static const char usr_type[] = "5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6";
static const char resize_type[] = "3884DD41-8582-4404-B9A8-E9B84F2DF50E";

static bool looks_like(struct guest *g, const struct guest_fs *gf, const char *what)
{
    const struct fact_candidate *c = gf->fs ? root_candidate(g, gf) : NULL;

    return c && strcmp(c->what, what) == 0;
}

/* One more guest_fs: a folder of gf's filesystem, with names added. */
static int add_view(struct guest_fs **ret, struct guest *g, const struct guest_fs *gf,
                    uint64_t folder, const struct fs_view_name *names, struct err *err)
{
    struct guest_fs *new = &g->fs[g->fs_n];
    struct fs *fs;
    int r;

    if (g->fs_n >= g->fs_max)
        return FAIL(err, ERR_LIMIT, "more than %u filesystems", g->fs_max);
    r = fs_view_open(&fs, gf->fs, folder, names, err);
    if (r < 0)
        return r;
    *new = *gf;
    new->fs = fs;
    g->fs_n++;
    *ret = new;
    return 0;
}

/* A place that is no folder here is one that the system does not mount on. */
static int mount_at(struct guest *g, const char *where, struct fs *fs, struct err *err)
{
    int r = tree_mount(&g->tree, where, fs, err);

    if (r == -ERR_NOTFOUND) {
        err_clear(err);
        return 0;
    }
    return r < 0 && r != -ERR_NOMEM ? guest_problem(g, "guest", where, false, err) : r;
}

/* ---- Container Linux */

/* Made by its initramfs where ROOT does not have them. */
static const struct fs_view_name made_at_start[] = {
    {"usr", NULL},
    {"boot", NULL},
    {"bin", "usr/bin"},
    {"sbin", "usr/sbin"},
    {"lib", "usr/lib"},
    {"lib64", "usr/lib64"},
    {"etc", "usr/share/flatcar/etc"}, /* the lower half of an overlay, in later ones */
    {NULL, NULL},
};

/* What GRUB's gptprio.next would take: the highest priority that may still be tried. */
static unsigned rank(const struct guest_fs *gf)
{
    const struct fact_partition *p = gf->partition;

    if (!p || strcmp(p->type, usr_type) != 0)
        return 0;
    return p->successful || p->tries ? p->priority + 1 : 0;
}

static struct guest_fs *find_usr(struct guest *g)
{
    struct guest_fs *best = NULL;

    for (unsigned i = 0; i < g->fs_n; i++)
        if (looks_like(g, &g->fs[i], "usr") && (!best || rank(&g->fs[i]) > rank(best)))
            best = &g->fs[i];
    return best;
}

/* root=LABEL=ROOT, whatever is on it. */
static struct guest_fs *find_empty_root(struct guest *g)
{
    struct guest_fs *ret = NULL;

    for (unsigned i = 0; i < g->fs_n; i++) {
        struct guest_fs *gf = &g->fs[i];

        if (!looks_like(g, gf, "data"))
            continue;
        if (strcmp(gf->ident.label, "ROOT") == 0)
            return gf;
        if (!ret && gf->partition && strcmp(gf->partition->type, resize_type) == 0)
            ret = gf;
    }
    return ret;
}

/* A root that has programs of its own needs nobody's /usr. */
static int has_programs(struct guest_fs *gf, struct err *err)
{
    struct tree t;
    int r;

    tree_init(&t, gf->fs);
    r = tree_has_dir(&t, "/usr/bin", err);
    return r == 0 ? tree_has_file(&t, "/usr/lib/os-release", err) : r;
}

static void note_root(struct guest *g, struct guest_fs *root, struct guest_fs *usr)
{
    struct fact_candidate *c = root_candidate(g, root);

    if (c && strcmp(c->what, "root") != 0) {
        c->what = "root";
        c->why = arena_printf(g->arena, "it goes with /usr on %s", usr->device);
    }
    if (usr->partition)
        usr->partition->role = "usr";
    if (usr->volume)
        usr->volume->role = "usr";
    g->facts->root->usr = usr->device;
}

static int join_usr(struct guest *g, struct guest_fs *root, struct guest_fs *usr,
                    struct err *err)
{
    struct guest_fs *view;
    int r = add_view(&view, g, root, root->fs->root, made_at_start, err);

    if (r < 0)
        return r;
    root_set(g, view);
    note_root(g, root, usr);
    r = mount_at(g, "/usr", usr->fs, err);
    for (unsigned i = 0; i < g->fs_n && r == 0; i++)
        if (g->fs[i].fs && g->fs[i].partition &&
            strcmp(g->fs[i].partition->role, "esp") == 0) {
            r = mount_at(g, "/boot", g->fs[i].fs, err);
            break;
        }
    return r < 0 ? r : 1;
}

int pieces_usr(struct guest *g, struct guest_fs *root, struct err *err)
{
    struct guest_fs *usr = find_usr(g);
    int r = 0;

    if (!usr)
        return 0;
    if (root)
        r = has_programs(root, err);
    if (r < 0)
        return guest_problem(g, fs_type_name(root->ident.type), root->device, false, err);
    if (r == 1)
        return 0;
    if (!root)
        root = find_empty_root(g);
    return root ? join_usr(g, root, usr, err) : 0;
}

/* ---- ostree */

/* /ostree/boot.1/NAME/CHECKSUM/0 -> ../../../deploy/NAME/deploy/CHECKSUM.0 */
int pieces_deployment(const char **ret, struct guest *g, const struct guest_fs *gf,
                      const char *path, struct err *err)
{
    AUTO(buf_fini) struct buf target = {.max = FS_LINK_MAX};
    struct tree_node node;
    struct tree t;
    int r;

    tree_init(&t, gf->fs);
    r = tree_find(&t, path, &node, err);
    if (r <= 0 || node.st.type != FS_DIR)
        return r < 0 ? r : 0;
    r = tree_readlink(&t, path, &target, err);
    if (r < 0)
        return r;
    *ret =
        boot_straight(g, r == 0 ? path
                                : arena_printf(g->arena, "%s/%s", boot_dirname(g, path),
                                               arena_strn(g->arena, target.p, target.n)));
    return 1;
}

static const char *word_of(struct guest *g, const char *options, const char *mark)
{
    struct bytes rest = bytes_of(options, strlen(options)), word;

    while (text_next_word(&rest, &word))
        if (text_starts(word, mark)) {
            size_t n = strlen(mark);

            return arena_strn(g->arena, (const char *)word.p + n, word.n - n);
        }
    return "";
}

/* The first of GRUB's menu that starts a deployment of this filesystem. */
static int by_entries(const char **ret, struct guest *g, const struct guest_fs *gf,
                      struct err *err)
{
    static const char *const dirs[] = {"/loader/entries", "/boot/loader/entries"};
    int r = 0;

    for (unsigned i = 0; i < g->fs_n && r == 0; i++)
        for (size_t d = 0; d < ARRAY_SIZE(dirs) && r == 0; d++) {
            struct bls_entries list = {0};

            if (g->fs[i].fs)
                r = bls_read(&list, g, &g->fs[i], dirs[d], err);
            for (size_t e = 0; e < list.list.n && r == 0; e++) {
                const char *path = word_of(g, list.list.v[e].options, "ostree=");

                r = *path ? pieces_deployment(ret, g, gf, path, err) : 0;
            }
        }
    return r;
}

static int by_grub(const char **ret, struct guest *g, const struct guest_fs *gf,
                   struct err *err)
{
    static const char *const files[] = {"/grub2/grub.cfg", "/grub/grub.cfg",
                                        "/boot/grub2/grub.cfg", "/boot/grub/grub.cfg"};
    int r = 0;

    for (unsigned i = 0; i < g->fs_n && r == 0; i++)
        for (size_t n = 0; n < ARRAY_SIZE(files) && r == 0; n++) {
            AUTO(buf_fini) struct buf b = {0};
            const char *path;

            r = g->fs[i].fs ? boot_read(g, &g->fs[i], files[n], BOOT_CONFIG_MAX, &b, err)
                            : 0;
            path = r == 1 ? word_of(g, arena_strn(g->arena, buf_str(&b), b.n), "ostree=")
                          : "";
            r = r < 0 ? r : *path ? pieces_deployment(ret, g, gf, path, err) : 0;
        }
    return r;
}

/* No entry says so: the first of the first system. */
static int by_folder(const char **ret, struct guest *g, const struct guest_fs *gf,
                     struct err *err)
{
    struct tree_names systems, names;
    int r = boot_names(g, gf, "/ostree/deploy", &systems, err);

    for (size_t i = 0; i < systems.names.n && r == 0; i++) {
        const char *dir =
            arena_printf(g->arena, "/ostree/deploy/%s/deploy", systems.names.v[i]);

        r = boot_names(g, gf, dir, &names, err);
        for (size_t j = 0; j < names.names.n && r == 0; j++)
            r = pieces_deployment(
                ret, g, gf, arena_printf(g->arena, "%s/%s", dir, names.names.v[j]), err);
    }
    return r;
}

/* "/ostree/deploy/NAME/var" of "/ostree/deploy/NAME/deploy/CHECKSUM.0". */
static const char *var_of(struct guest *g, const char *deployment)
{
    return arena_printf(g->arena, "%s/var", boot_dirname(g, boot_dirname(g, deployment)));
}

/* A folder of the filesystem over one of the deployment; nothing when it has none. */
static int mount_folder(struct guest *g, const struct guest_fs *gf, const char *folder,
                        const char *where, struct err *err)
{
    struct tree_node node;
    struct guest_fs *view;
    struct tree t;
    int r;

    tree_init(&t, gf->fs);
    r = tree_find(&t, folder, &node, err);
    if (r <= 0 || node.st.type != FS_DIR)
        return r < 0 ? r : 0;
    r = add_view(&view, g, gf, node.st.ino, NULL, err);
    return r == 0 ? mount_at(g, where, view->fs, err) : r;
}

/* /boot is a partition of its own, or the folder of this filesystem that has entries. */
static int mount_boot_folder(struct guest *g, const struct guest_fs *gf, struct err *err)
{
    struct tree t;
    int r;

    tree_init(&t, gf->fs);
    r = tree_has_dir(&t, "/boot/loader/entries", err);
    return r == 1 ? mount_folder(g, gf, "/boot", "/boot", err) : r;
}

static int join_ostree(struct guest *g, struct guest_fs *gf, const char *deployment,
                       struct err *err)
{
    struct fact_candidate *c = root_candidate(g, gf);
    struct guest_fs *view = NULL;
    struct tree_node node;
    struct tree t;
    int r;

    tree_init(&t, gf->fs);
    r = tree_find(&t, deployment, &node, err);
    if (r == 1)
        r = add_view(&view, g, gf, node.st.ino, NULL, err);
    if (r < 0 || !view)
        return r;
    r = root_is_on(g, view->fs, err);
    if (r <= 0)
        return r;
    root_set(g, view);
    g->facts->root->deployment = guest_text(g, bytes_of(deployment, strlen(deployment)));
    if (c) {
        c->what = "root";
        c->why = arena_printf(g->arena, "deployment %s", g->facts->root->deployment);
    }
    r = mount_folder(g, gf, var_of(g, deployment), "/var", err);
    if (r == 0)
        r = mount_at(g, "/sysroot", gf->fs, err);
    if (r == 0)
        r = mount_boot_folder(g, gf, err);
    return r < 0 ? r : 1;
}

int pieces_ostree(struct guest *g, struct err *err)
{
    for (unsigned i = 0, n = g->fs_n; i < n; i++) {
        struct guest_fs *gf = &g->fs[i];
        const char *deployment = "";
        int r;

        if (!looks_like(g, gf, "ostree"))
            continue;
        tree_init(&g->tree, gf->fs); /* budgets of what is read for the loader */
        r = by_entries(&deployment, g, gf, err);
        if (r == 0)
            r = by_grub(&deployment, g, gf, err);
        if (r == 0)
            r = by_folder(&deployment, g, gf, err);
        if (r == 1)
            r = join_ostree(g, gf, deployment, err);
        if (r < 0)
            r = guest_problem(g, fs_type_name(gf->ident.type), gf->device, false, err);
        if (r != 0)
            return r;
    }
    return 0;
}
