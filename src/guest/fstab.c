/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fstab.c: what is mounted where, and which of it is on this disk */
#include <stdlib.h>

#include "guest/collect.h"
#include "guest/fstab.h"

enum { FSTAB_LINES_MAX = 512 };

/* ---- one line */

static bool is_octal(uint8_t c)
{
    return c >= '0' && c <= '7';
}

/* Blanks and backslashes are written as \040, \011, \012, \134 (fstab(5)). */
static size_t unescape(char *to, struct bytes b)
{
    size_t n = 0;

    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '\\' && b.n - i > 3 && is_octal(b.p[i + 1]) &&
            is_octal(b.p[i + 2]) && is_octal(b.p[i + 3])) {
            to[n++] = (char)((b.p[i + 1] - '0') << 6 | (b.p[i + 2] - '0') << 3 |
                             (b.p[i + 3] - '0'));
            i += 3;
        } else {
            to[n++] = (char)b.p[i];
        }
    }
    return n;
}

static struct bytes field(struct arena *a, struct bytes b)
{
    char *p = arena_alloc(a, b.n + 1);

    return p ? bytes_of(p, unescape(p, b)) : bytes_of("", 0);
}

bool fstab_line_parse(struct fstab_line *ret, struct arena *a, struct bytes line)
{
    struct bytes f[4] = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}}, word;
    size_t n = 0;

    line = text_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return false;
    while (n < ARRAY_SIZE(f) && text_next_word(&line, &word))
        f[n++] = word;
    if (n < 3)
        return false;
    ret->spec = field(a, text_unquote(f[0]));
    ret->target = field(a, f[1]);
    ret->type = field(a, f[2]);
    ret->options = n > 3 ? field(a, f[3]) : bytes_of("defaults", 8);
    return true;
}

bool fstab_has_option(struct bytes options, const char *name)
{
    while (options.n) {
        const uint8_t *comma = memchr(options.p, ',', options.n);
        size_t n = comma ? (size_t)(comma - options.p) : options.n;

        if (text_is(text_trim(bytes_sub(options, 0, n)), name))
            return true;
        n += comma != NULL;
        options = bytes_sub(options, n, options.n - n);
    }
    return false;
}

static bool listed(struct bytes b, const char *const *words)
{
    for (; *words; words++)
        if (text_is(b, *words))
            return true;
    return false;
}

const char *fstab_kind(const struct fstab_line *l)
{
    static const char *const pseudo[] = {
        "proc",     "sysfs",     "tmpfs",   "devtmpfs",    "devpts",   "cgroup",
        "cgroup2",  "debugfs",   "tracefs", "securityfs",  "mqueue",   "hugetlbfs",
        "efivarfs", "configfs",  "fusectl", "binfmt_misc", "pstore",   "bpf",
        "ramfs",    "selinuxfs", "overlay", "usbfs",       "usbdevfs", "rpc_pipefs",
        "nfsd",     "autofs",    "aufs",    "none",        NULL,
    };
    static const char *const network[] = {
        "nfs",   "nfs4",       "cifs",   "smbfs",     "smb3",       "ncpfs",
        "ceph",  "afs",        "coda",   "lustre",    "glusterfs",  "fuse.glusterfs",
        "sshfs", "fuse.sshfs", "davfs",  "fuse.s3fs", "fuse.cosfs", "gpfs",
        "ocfs2", "gfs2",       "beegfs", NULL,
    };
    static const char *const shared[] = {
        "vboxsf", "vmhgfs", "fuse.vmhgfs-fuse", "prl_fs", "9p", "virtiofs", NULL,
    };
    static const char *const drives[] = {
        "/dev/cdrom", "/dev/sr0", "/dev/sr1", "/dev/dvd", "/dev/fd0", "/dev/scd0", NULL,
    };

    if (text_is(l->type, "swap"))
        return "swap";
    if (listed(l->type, shared) || text_starts(l->spec, ".host:") ||
        text_starts(l->spec, "vmhgfs-fuse"))
        return "shared-folder";
    if (listed(l->type, network) || text_starts(l->spec, "sshfs#") ||
        text_starts(l->spec, "//") || fstab_has_option(l->options, "_netdev"))
        return "network";
    if (listed(l->spec, drives) || text_is(l->type, "iso9660") ||
        text_is(l->type, "udf,iso9660") || text_is(l->type, "udf") ||
        text_starts(l->target, "/media/cdrom") || text_starts(l->target, "/media/floppy"))
        return "removable";
    if (listed(l->type, pseudo) || fstab_has_option(l->options, "bind") ||
        fstab_has_option(l->options, "rbind"))
        return "pseudo";
    return "disk";
}

/* ---- the collector */

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

/* "/a//b/" as "/a/b"; NULL for what does not lead down from the root. */
static const char *clean_path(struct arena *a, struct bytes path, size_t *depth)
{
    char *to = arena_alloc(a, path.n + 1);
    size_t n = 0;

    *depth = 0;
    if (!to || path.n == 0 || path.p[0] != '/' || memchr(path.p, 0, path.n))
        return NULL;
    for (size_t i = 0; i < path.n;) {
        const uint8_t *slash;
        size_t len;

        if (path.p[i] == '/') {
            i++;
            continue;
        }
        slash = memchr(path.p + i, '/', path.n - i);
        len = slash ? (size_t)(slash - path.p) - i : path.n - i;
        if (path.p[i] == '.' && (len == 1 || (len == 2 && path.p[i + 1] == '.')))
            return NULL;
        to[n++] = '/';
        memcpy(to + n, path.p + i, len);
        n += len;
        i += len;
        ++*depth;
    }
    return n ? to : "/";
}

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
    const char *where = clean_path(c->g->arena, line->target, &depth);

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
            add_mount(c, &c->g->fs[i], line);
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
