/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drivers.c: where one kernel has the drivers that matter
 *
 * One decision a driver: built in (by the kernel's options or its list of built-in
 * modules); else in the initramfs, together with everything modules.dep says it needs;
 * else a module whose file is there; else absent. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "guest/boot/uki.h"
#include "guest/kernel/embedded.h"
#include "guest/kernel/initramfs.h"
#include "guest/kernel/kernel.h"

enum {
    WANTED_MAX = 512, /* modules looked for in the initramfs */
    CONTENT_MAX = 64 << 10,
};

struct driver {
    const char *name, *option;
    size_t at; /* offset in struct fact_drivers */
    bool scsi; /* a disk appears only when sd_mod is there too */
};

#define DRIVER(name_, option_, scsi_)                                          \
    {                                                                          \
#name_, "CONFIG_" option_, offsetof(struct fact_drivers, name_), scsi_ \
    }

static const struct driver drivers[] = {
    DRIVER(virtio_blk, "VIRTIO_BLK", false),
    DRIVER(virtio_net, "VIRTIO_NET", false),
    DRIVER(virtio_pci, "VIRTIO_PCI", false),
    DRIVER(virtio_scsi, "SCSI_VIRTIO", true),
    DRIVER(nvme, "BLK_DEV_NVME", false),
    DRIVER(ahci, "SATA_AHCI", true),
    DRIVER(ata_piix, "ATA_PIIX", true),
    DRIVER(hv_storvsc, "HYPERV_STORAGE", true),
    DRIVER(hv_netvsc, "HYPERV_NET", false),
    DRIVER(ena, "ENA_ETHERNET", false),
    DRIVER(xen_blkfront, "XEN_BLKDEV_FRONTEND", false),
    DRIVER(hv_vmbus, "HYPERV", false),
    DRIVER(gve, "GVE", false),
    DRIVER(udf, "UDF_FS", false),
    DRIVER(vfat, "VFAT_FS", false),
};

static const struct driver sd_mod = {"sd_mod", "CONFIG_BLK_DEV_SD", 0, false};
static const struct driver dm_mod = {"dm_mod", "CONFIG_BLK_DEV_DM", 0, false};

/* ext4 drives the older two as well; which of them does is up to the kernel. */
static const struct {
    enum fs_type type;
    struct driver by[3];
} filesystems[] = {
    {FS_EXT4, {{"ext4", "CONFIG_EXT4_FS", 0, false}}},
    {FS_EXT3,
     {{"ext4", "CONFIG_EXT4_FS", 0, false}, {"ext3", "CONFIG_EXT3_FS", 0, false}}},
    {FS_EXT2,
     {{"ext4", "CONFIG_EXT4_FS", 0, false},
      {"ext2", "CONFIG_EXT2_FS", 0, false},
      {"ext3", "CONFIG_EXT3_FS", 0, false}}},
    {FS_XFS, {{"xfs", "CONFIG_XFS_FS", 0, false}}},
    {FS_BTRFS, {{"btrfs", "CONFIG_BTRFS_FS", 0, false}}},
    {FS_F2FS, {{"f2fs", "CONFIG_F2FS_FS", 0, false}}},
    {FS_REISERFS, {{"reiserfs", "CONFIG_REISERFS_FS", 0, false}}},
    {FS_JFS, {{"jfs", "CONFIG_JFS_FS", 0, false}}},
};

bool driver_is_known(const char *name)
{
    static const char *const more[] = {"virtio",   "virtio_ring", "sd_mod",
                                       "scsi_mod", "dm_mod",      "libata"};

    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
        if (strcmp(drivers[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_SIZE(more); i++)
        if (strcmp(more[i], name) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_SIZE(filesystems); i++)
        if (strcmp(filesystems[i].by[0].name, name) == 0)
            return true;
    return false;
}

/* ---- what is looked for */

struct wanted {
    char name[MODULE_NAME_MAX];
    bool seen;
};

struct looking {
    struct guest *g;
    struct fact_kernel *k;
    const struct kernel_files *files;
    struct modules modules;
    struct wanted *wanted; /* WANTED_MAX of them; owned */
    unsigned wanted_n, seen;
    const char *path; /* initramfs being read */
    bool init;        /* an /init was seen in it */
    bool unread;      /* an initramfs could not be read */
    bool looked;      /* every initramfs was read as far as needed */
};

static void looking_fini(struct looking *l)
{
    modules_fini(&l->modules);
    free(l->wanted);
}

static bool is_builtin(const struct looking *l, const struct driver *d)
{
    return kernel_option(buf_bytes(&l->modules.config), d->option) == 'y' ||
           module_table_find(&l->modules.builtin, d->name);
}

/* A kernel without config and modules.builtin (somebody's own, all in one piece) may have
 * anything built in. */
static bool knows_builtin(const struct looking *l)
{
    return *l->modules.config_path || l->modules.has_builtin;
}

/* Its kernel cannot have it: the options say no and no module of that name came from
 * elsewhere. */
static bool is_left_out(const struct looking *l, const struct driver *d)
{
    return *l->modules.config_path && !l->modules.unread &&
           kernel_option(buf_bytes(&l->modules.config), d->option) == 'n' &&
           !module_table_find(&l->modules.dep, d->name);
}

static struct wanted *find_wanted(const struct looking *l, const char *name)
{
    for (unsigned i = 0; i < l->wanted_n; i++)
        if (strcmp(l->wanted[i].name, name) == 0)
            return &l->wanted[i];
    return NULL;
}

static void want(struct looking *l, const struct driver *d)
{
    struct module_closure c;

    if (is_builtin(l, d) || is_left_out(l, d))
        return;
    modules_closure(&l->modules, d->name, &c);
    for (unsigned i = 0; i < c.n && l->wanted_n < WANTED_MAX; i++)
        if (!find_wanted(l, c.name[i]))
            memcpy(l->wanted[l->wanted_n++].name, c.name[i], MODULE_NAME_MAX);
}

static const struct driver *root_drivers(const struct guest *g, size_t *n)
{
    for (size_t i = 0; i < ARRAY_SIZE(filesystems); i++)
        if (g->root && g->root->ident.type == filesystems[i].type) {
            *n = 0;
            while (*n < ARRAY_SIZE(filesystems[i].by) && filesystems[i].by[*n].name)
                ++*n;
            return filesystems[i].by;
        }
    *n = 0;
    return NULL;
}

static void want_all(struct looking *l)
{
    const struct driver *root;
    size_t n;

    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
        want(l, &drivers[i]);
    want(l, &sd_mod);
    if (l->g->root && l->g->root->volume)
        want(l, &dm_mod);
    root = root_drivers(l->g, &n);
    for (size_t i = 0; i < n; i++)
        want(l, &root[i]);
}

/* ---- the initramfs */

static const struct {
    const char *path, *tool;
} tools[] = {
    {"conf/initramfs.conf", "initramfs-tools"},
    {"scripts/functions", "initramfs-tools"},
    {"usr/lib/dracut/dracut-", "dracut"},
    {"lib/dracut/dracut-", "dracut"},
    {"usr/lib/initrd-release", "dracut"},
    {"etc/initrd-release", "dracut"},
    {"usr/bin/dracut-", "dracut"},
    {"bin/dracut-", "dracut"},
    {"buildconfig", "mkinitcpio"},
    {"etc/mkinitfs", "mkinitfs"},
    {"run_all.sh", "mkinitrd"},
    {"mkinitrd.config", "mkinitrd"},
    {"bin/nash", "mkinitrd"},
    {"etc/booster.init.yaml", "booster"},
    {"target/", "tiny-initramfs"}, /* where it mounts the root */
};

static void note_tool(struct looking *l, const char *name)
{
    if (*l->k->initramfs_tool)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
        size_t n = strlen(tools[i].path);

        /* "x/" is the folder itself, which an archive names without the stroke. */
        if (strncmp(name, tools[i].path, n) == 0 ||
            (tools[i].path[n - 1] == '/' && strlen(name) == n - 1 &&
             memcmp(name, tools[i].path, n - 1) == 0))
            l->k->initramfs_tool = tools[i].tool;
    }
}

/* Modules of another kernel in the same archive are of no use to this one. */
static bool is_of_version(const struct looking *l, const char *name)
{
    static const char mark[] = "lib/modules/";
    const char *at = strstr(name, mark), *version = l->files->version;
    size_t n = strlen(version);

    if (!at || n == 0)
        return true;
    at += strlen(mark);
    return strncmp(at, version, n) == 0 && at[n] == '/';
}

static bool is_modprobe_conf(const char *name)
{
    return strstr(name, "modprobe.d/") &&
           text_ends(bytes_of(name, strlen(name)), ".conf");
}

static bool want_content(void *arg, const char *name, uint64_t size)
{
    (void)arg;
    return size <= CONTENT_MAX && is_modprobe_conf(name);
}

/* 1 stops: everything that could be there was seen. */
static int see_entry(void *arg, const struct initramfs_entry *e, struct err *err)
{
    struct looking *l = arg;
    struct bytes name = bytes_of(e->name, strlen(e->name));
    struct wanted *w;
    char module[MODULE_NAME_MAX];

    (void)err;
    if (e->content.n)
        blocked_lines(l->g, e->content,
                      arena_printf(l->g->arena, "%s: %s", l->path, e->name));
    if (!module_is_file(name)) {
        l->init |= strcmp(e->name, "init") == 0;
        note_tool(l, e->name);
        return 0;
    }
    if (!module_name(module, name) || !is_of_version(l, e->name))
        return 0;
    w = find_wanted(l, module);
    if (!w || w->seen)
        return 0;
    w->seen = true;
    return ++l->seen == l->wanted_n;
}

/* A file, or a part of it when it is a unified kernel image. */
static int open_part(struct block **ret, struct guest *g, const struct tree_node *node,
                     enum uki_part part, struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL;
    struct uki uki;
    int r = guest_file_open(&file, g, node, err);

    if (r == 0)
        r = uki_read(&uki, file, err);
    if (r == 1)
        r = uki_open(ret, &uki, part, file, err);
    else if (r == 0)
        *ret = TAKE(file);
    if (r < 0 && !guest_is_fatal(g, r)) {
        err_clear(err); /* the reader of what it should be says more */
        *ret = TAKE(file);
        r = 0;
    }
    return r < 0 ? r : 0;
}

static int look_into(struct looking *l, const char *path, struct err *err)
{
    AUTO(block_unrefp) struct block *b = NULL;
    struct initramfs_reader reader = {see_entry, want_content, l};
    struct initramfs_info info;
    struct tree_node node;
    int r = guest_find(l->g, path, false, &node, err);

    if (r <= 0 || node.st.type != FS_REG)
        return r < 0 ? r : 0;
    if (node.st.size == 0)
        return 0; /* left by a full disk: no archive, but all there is was seen */
    r = open_part(&b, l->g, &node, UKI_INITRD, err);
    if (r < 0)
        return r;
    l->path = path;
    r = initramfs_read(b, &reader, &info, err);
    if (!*l->k->initramfs_format || strcmp(l->k->initramfs_format, "none") == 0)
        l->k->initramfs_format = arena_str(l->g->arena, info.format);
    if (r < 0) {
        l->unread = true;
        return guest_is_fatal(l->g, r)
                   ? r
                   : guest_problem(l->g, "initramfs", path, false, err);
    }
    return 0;
}

/* An entry without an initramfs may start a kernel that has one within (Container
 * Linux). */
static int look_into_image(struct looking *l, struct err *err)
{
    AUTO(block_unrefp) struct block *b = NULL;
    struct initramfs_reader reader = {see_entry, want_content, l};
    const char *path = l->files->image;
    struct initramfs_info info;
    struct tree_node node;
    bool known;
    int r = guest_find(l->g, path, false, &node, err);

    if (r <= 0 || node.st.type != FS_REG)
        return r < 0 ? r : 0;
    r = open_part(&b, l->g, &node, UKI_LINUX, err);
    if (r < 0)
        return r;
    l->path = path;
    r = embedded_read(b, &reader, &info, &known, err);
    if (l->init || l->seen) {
        l->k->initramfs = l->k->image;
        l->k->initramfs_format = arena_str(l->g->arena, info.format);
    }
    if (r >= 0)
        return 0;
    l->unread = true;
    return guest_is_fatal(l->g, r) ? r : guest_problem(l->g, "kernel", path, false, err);
}

static int look_into_all(struct looking *l, struct err *err)
{
    size_t problems = l->g->facts->problems.n;

    for (size_t i = 0; i < l->files->initramfs.n; i++) {
        int r = look_into(l, l->files->initramfs.v[i], err);

        if (r < 0)
            return r;
        if (l->wanted_n && l->seen == l->wanted_n)
            break;
    }
    if (l->files->initramfs.n == 0) {
        int r = look_into_image(l, err);

        if (r < 0)
            return r;
    }
    l->unread |= l->g->facts->problems.n > problems;
    l->looked = !l->unread;
    return 0;
}

/* ---- answers */

static bool is_seen(const struct looking *l, const char *name)
{
    const struct wanted *w = find_wanted(l, name);

    return w && w->seen;
}

static bool is_in_initramfs(const struct looking *l, const struct driver *d)
{
    struct module_closure c;

    modules_closure(&l->modules, d->name, &c);
    for (unsigned i = 0; i < c.n; i++)
        if (!is_seen(l, c.name[i]))
            return false;
    return c.n > 0 && (!d->scsi || is_builtin(l, &sd_mod) || is_seen(l, sd_mod.name));
}

/* 1: modules.dep has it and the file is there. */
static int has_file(struct looking *l, const struct driver *d, struct err *err)
{
    const struct module *m = module_table_find(&l->modules.dep, d->name);
    const char *path;

    if (!m)
        return 0;
    path = arena_printf(
        l->g->arena, "%s%s%.*s", m->path.p[0] == '/' ? "" : l->modules.dir,
        m->path.p[0] == '/' ? "" : "/", (int)m->path.n, (const char *)m->path.p);
    return guest_has_file(l->g, path, false, err);
}

static int answer(struct looking *l, const struct driver *d, const char **ret,
                  struct err *err)
{
    bool initramfs = l->files->initramfs.n > 0 || l->files->embedded;
    size_t problems = l->g->facts->problems.n;
    int r;

    if (is_builtin(l, d)) {
        *ret = "builtin";
        return 0;
    }
    if (is_left_out(l, d)) {
        *ret = "absent";
        return 0;
    }
    if (l->looked && is_in_initramfs(l, d)) {
        *ret = "initramfs";
        return 0;
    }
    if (l->modules.unread || l->unread || (initramfs && !l->files->look_inside)) {
        *ret = "unknown";
        return 0;
    }
    r = has_file(l, d, err);
    *ret = r == 1                                                    ? "module"
           : l->g->facts->problems.n > problems || !knows_builtin(l) ? "unknown"
                                                                     : "absent";
    return r < 0 ? r : 0;
}

static unsigned rank(const char *state)
{
    static const char *const order[] = {"builtin", "initramfs", "unknown", "module",
                                        "absent"};
    unsigned i = 0;

    while (i + 1 < ARRAY_SIZE(order) && strcmp(order[i], state) != 0)
        i++;
    return i;
}

static int answer_all(struct looking *l, struct err *err)
{
    struct fact_drivers *d = &l->k->drivers;
    const struct driver *root;
    int r = 0;
    size_t n;

    for (size_t i = 0; i < ARRAY_SIZE(drivers) && r == 0; i++)
        r = answer(l, &drivers[i], (const char **)(void *)((char *)d + drivers[i].at),
                   err);
    if (r == 0 && l->g->root && l->g->root->volume)
        r = answer(l, &dm_mod, &d->dm, err);
    root = root_drivers(l->g, &n);
    d->root_fs = n ? "absent" : "unknown";
    for (size_t i = 0; i < n && r == 0; i++) {
        const char *one = "";

        r = answer(l, &root[i], &one, err);
        if (rank(one) < rank(d->root_fs))
            d->root_fs = one;
    }
    return r;
}

/* Flavours that only start para-virtualised under Xen: "-xen" of SUSE and Debian,
 * "el5xen" of Red Hat; or a kernel with Xen and without virtio. */
static bool is_xen_only(const struct looking *l)
{
    struct bytes version = bytes_of(l->k->version, strlen(l->k->version));
    struct bytes config = buf_bytes(&l->modules.config);

    if (text_ends(version, "xen") || text_find(version, "-xen-") >= 0)
        return true;
    return config.n && kernel_option(config, "CONFIG_XEN") == 'y' &&
           kernel_option(config, "CONFIG_VIRTIO_PCI") == 'n' &&
           kernel_option(config, "CONFIG_VIRTIO_BLK") == 'n' &&
           !module_table_find(&l->modules.dep, "virtio_pci");
}

int kernel_drivers(struct guest *g, struct fact_kernel *k, const struct kernel_files *f,
                   struct err *err)
{
    AUTO(looking_fini) struct looking l = {.g = g, .k = k, .files = f};
    int r;

    l.wanted = calloc(WANTED_MAX, sizeof *l.wanted);
    if (!l.wanted)
        return FAIL(err, ERR_NOMEM, "modules looked for");
    r = modules_load(&l.modules, g, f->version, err);
    if (r < 0)
        return r;
    k->modules = guest_text(g, bytes_of(l.modules.dir, strlen(l.modules.dir)));
    if (*l.modules.config_path)
        k->config = l.modules.config_path;
    else if (l.modules.has_builtin)
        k->config = arena_printf(g->arena, "%s/modules.builtin", k->modules);
    k->xen_only = is_xen_only(&l);
    if (f->look_inside && (f->initramfs.n || *f->image))
        want_all(&l);
    if (f->look_inside && (f->initramfs.n || l.wanted_n))
        r = look_into_all(&l, err);
    return r < 0 ? r : answer_all(&l, err);
}
