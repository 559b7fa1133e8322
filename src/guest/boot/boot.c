/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot.c: which loader, which of its entries */
#include <ctype.h>

#include "guest/boot/boot.h"
#include "guest/subvolume.h"

/* ---- files as a loader sees them */

/* A tree of this filesystem alone, spending from the guest's budgets. */
static void view(struct guest *g, const struct guest_fs *fs, struct tree *t)
{
    tree_init(t, fs->fs);
    t->lookups = g->tree.lookups;
    t->entries = g->tree.entries;
}

static int settle_as(bool minor, struct guest *g, const struct guest_fs *fs,
                     const struct tree *t, int r, const char *path, struct err *err)
{
    g->tree.lookups = t->lookups;
    g->tree.entries = t->entries;
    if (r >= 0 || guest_is_fatal(g, r))
        return r;
    return guest_problem(g, fs_type_name(fs->ident.type),
                         arena_printf(g->arena, "%s: %s", fs->device, path), minor, err);
}

static int settle(struct guest *g, const struct guest_fs *fs, const struct tree *t, int r,
                  const char *path, struct err *err)
{
    return settle_as(false, g, fs, t, r, path, err);
}

int boot_read(struct guest *g, const struct guest_fs *fs, const char *path, size_t max,
              struct buf *ret, struct err *err)
{
    struct tree t;
    int r;

    if (!fs->fs)
        return 0;
    fs = subvolume_enter(g, fs, &path);
    view(g, fs, &t);
    buf_clear(ret);
    ret->max = max;
    r = settle(g, fs, &t, tree_read(&t, path, ret, err), path, err);
    if (r <= 0)
        buf_clear(ret);
    return r;
}

int boot_has(struct guest *g, const struct guest_fs *fs, const char *path,
             enum fs_node_type type, uint64_t *size, struct err *err)
{
    struct tree_node node = {0};
    struct tree t;
    int r;

    *size = 0;
    if (!fs->fs)
        return 0;
    fs = subvolume_enter(g, fs, &path);
    view(g, fs, &t);
    r = settle(g, fs, &t, tree_find(&t, path, &node, err), path, err);
    if (r != 1 || node.st.type != type)
        return r < 0 ? r : 0;
    *size = node.st.size;
    return 1;
}

int boot_has_for_advice(struct guest *g, const struct guest_fs *fs, const char *path,
                        struct err *err)
{
    struct tree_node node = {0};
    struct tree t;
    int r;

    if (!fs->fs)
        return 0;
    fs = subvolume_enter(g, fs, &path);
    view(g, fs, &t);
    r = settle_as(true, g, fs, &t, tree_find(&t, path, &node, err), path, err);
    return r < 0 ? r : r == 1 && node.st.type == FS_REG;
}

int boot_open(struct block **ret, struct guest *g, const struct guest_fs *fs,
              const char *path, struct err *err)
{
    struct tree_node node = {0};
    struct tree t;
    int r;

    if (!fs->fs)
        return 0;
    fs = subvolume_enter(g, fs, &path);
    view(g, fs, &t);
    r = settle(g, fs, &t, tree_find(&t, path, &node, err), path, err);
    if (r != 1 || node.st.type != FS_REG)
        return r < 0 ? r : 0;
    r = fs_file_open(ret, fs->fs, &node.st, err);
    return r < 0 ? r : 1;
}

bool boot_is_xen(const char *path)
{
    const char *slash = strrchr(path, '/');

    return strncmp(slash ? slash + 1 : path, "xen", 3) == 0;
}

int boot_names(struct guest *g, const struct guest_fs *fs, const char *path,
               struct tree_names *ret, struct err *err)
{
    struct tree_names names = {0};
    struct tree t;
    int r = 0;

    if (fs->fs) {
        fs = subvolume_enter(g, fs, &path);
        view(g, fs, &t);
        r = settle(g, fs, &t,
                   tree_names(&t, path, g->arena, GUEST_NAMES_MAX, &names, err), path,
                   err);
    }
    *ret = names;
    return r < 0 ? r : 0;
}

const char *boot_join(struct guest *g, const char *a, const char *b)
{
    return !*a ? b : !*b ? a : arena_printf(g->arena, "%s %s", a, b);
}

const char *boot_dirname(struct guest *g, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? arena_strn(g->arena, path, (size_t)(slash - path)) : "";
}

/* ---- versions */

static size_t run_of(struct bytes b, size_t from, bool digits)
{
    size_t i = from;

    while (i < b.n && (digits ? isdigit(b.p[i]) : isalpha(b.p[i])))
        i++;
    return i - from;
}

static struct bytes from(struct bytes b, size_t n)
{
    return bytes_of(b.p + n, b.n - n);
}

static int compare_runs(struct bytes a, struct bytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int r = n ? memcmp(a.p, b.p, n) : 0;

    return r ? r : (a.n > b.n) - (a.n < b.n);
}

static struct bytes without_zeros(struct bytes b)
{
    while (b.n && b.p[0] == '0')
        b = from(b, 1);
    return b;
}

int boot_vercmp(struct bytes a, struct bytes b)
{
    while (a.n || b.n) {
        struct bytes ra, rb;
        bool digits;
        int r;

        while (a.n && !isalnum(a.p[0]) && a.p[0] != '~')
            a = from(a, 1);
        while (b.n && !isalnum(b.p[0]) && b.p[0] != '~')
            b = from(b, 1);
        if ((a.n && a.p[0] == '~') || (b.n && b.p[0] == '~')) {
            if (!(a.n && a.p[0] == '~'))
                return 1;
            if (!(b.n && b.p[0] == '~'))
                return -1;
            a = from(a, 1);
            b = from(b, 1);
            continue;
        }
        if (!a.n || !b.n)
            break;
        digits = isdigit(a.p[0]);
        if (digits != (isdigit(b.p[0]) != 0))
            return digits ? 1 : -1; /* a number is newer than a word */
        ra = bytes_of(a.p, run_of(a, 0, digits));
        rb = bytes_of(b.p, run_of(b, 0, digits));
        a = from(a, ra.n);
        b = from(b, rb.n);
        if (digits) {
            ra = without_zeros(ra);
            rb = without_zeros(rb);
            if (ra.n != rb.n)
                return ra.n > rb.n ? 1 : -1;
        }
        r = compare_runs(ra, rb);
        if (r)
            return r;
    }
    return (a.n > 0) - (b.n > 0);
}

/* ---- finding the settings */

struct place {
    const char *loader;
    const char *path; /* as the guest sees it */
    int (*read)(struct boot_choice *ret, struct guest *g, struct boot_file config,
                struct err *err);
};

static const struct place places[] = {
    {"grub2", "/boot/grub/grub.cfg", boot_grub},
    {"grub2", "/boot/grub2/grub.cfg", boot_grub},
    {"grub-legacy", "/boot/grub/menu.lst", boot_grub_legacy},
    {"grub-legacy", "/boot/grub/grub.conf", boot_grub_legacy},
    {"extlinux", "/boot/extlinux/extlinux.conf", boot_extlinux},
    {"extlinux", "/boot/extlinux.conf", boot_extlinux},
    {"extlinux", "/extlinux.conf", boot_extlinux},
    {"syslinux", "/boot/syslinux/extlinux.conf", boot_extlinux},
    {"syslinux", "/boot/syslinux/syslinux.cfg", boot_extlinux},
    {"syslinux", "/boot/syslinux.cfg", boot_extlinux},
    {"syslinux", "/syslinux/syslinux.cfg", boot_extlinux},
    {"syslinux", "/syslinux.cfg", boot_extlinux},
    {"systemd-boot", "/efi/loader/loader.conf", boot_systemd},
    {"systemd-boot", "/boot/efi/loader/loader.conf", boot_systemd},
    {"systemd-boot", "/boot/loader/loader.conf", boot_systemd},
    /* Container Linux: what its GRUB carries, as kept beside it. */
    {"grub2", "/boot/flatcar/grub/grub.cfg.tar", boot_grub_tar},
    {"grub2", "/boot/coreos/grub/grub.cfg.tar", boot_grub_tar},
    {"grub2", "/boot/flatcar/grub/grub.cfg", boot_grub},
    {"grub2", "/boot/coreos/grub/grub.cfg", boot_grub},
    /* loader.conf may be missing.  In /boot these would be GRUB's. */
    {"systemd-boot", "/efi/loader/entries", boot_systemd},
    {"systemd-boot", "/boot/efi/loader/entries", boot_systemd},
    {"systemd-boot", "/efi/EFI/Linux", boot_systemd},
    {"systemd-boot", "/boot/efi/EFI/Linux", boot_systemd},
    {"systemd-boot", "/boot/EFI/Linux", boot_systemd},
    /* Firmware starts the kernel itself. */
    {"uki", "/efi/EFI/BOOT/BOOTX64.EFI", boot_uki},
    {"uki", "/boot/efi/EFI/BOOT/BOOTX64.EFI", boot_uki},
    {"uki", "/boot/EFI/BOOT/BOOTX64.EFI", boot_uki},
    {"uki", "/efi/EFI/BOOT/BOOTAA64.EFI", boot_uki},
    {"uki", "/boot/efi/EFI/BOOT/BOOTAA64.EFI", boot_uki},
    {"uki", "/boot/EFI/BOOT/BOOTAA64.EFI", boot_uki},
};

static bool is_syslinux(const struct place *p)
{
    return p->read == boot_extlinux;
}

struct finding {
    const struct place *place;
    struct boot_file config;
    const char *path; /* as the guest sees it */
    struct boot_choice choice;
};

/* The filesystem that a path of the guest begins on, and what is left of the path. */
static struct boot_file split_path(struct guest *g, const char *path)
{
    struct boot_file best = {NULL, path};
    size_t best_n = 0;

    for (unsigned m = 0; m < g->tree.mounts; m++) {
        const char *where = g->tree.mount[m].where;
        size_t n = strcmp(where, "/") == 0 ? 0 : strlen(where);

        if (strncmp(path, where, n) != 0 || (n && path[n] != '/') || n < best_n)
            continue;
        for (unsigned i = 0; i < g->fs_n; i++)
            if (g->fs[i].fs == g->tree.mount[m].fs)
                best = (struct boot_file){&g->fs[i], path + n};
        best_n = n;
    }
    return best;
}

/* 1 when there is an entry; a file without any is remembered in *ret too. */
static int try_place(struct guest *g, const struct place *p, const char *path,
                     struct finding *ret, struct err *err)
{
    struct finding f = {.place = p, .config = split_path(g, path), .path = path};
    struct bytes name = bytes_of(path, strlen(path));
    bool folder = text_ends(name, "/entries") || text_ends(name, "/Linux");
    uint64_t size;
    int r;

    if (!f.config.fs)
        return 0;
    r = boot_has(g, f.config.fs, f.config.path, folder ? FS_DIR : FS_REG, &size, err);
    if (r <= 0)
        return r;
    f.choice.saved = f.choice.problem = "";
    f.choice.entry = (struct boot_entry){.title = "", .options = ""};
    f.choice.entry.kernel.path = "";
    r = p->read(&f.choice, g, f.config, err);
    if (guest_is_fatal(g, r))
        return r;
    if (r < 0) {
        f.choice.problem = arena_printf(g->arena, "%s", err->msg);
        r = guest_problem(g, p->loader, path, false, err);
        if (r < 0)
            return r;
    }
    if ((!ret->place && p->read != boot_uki) || f.choice.found)
        *ret = f;
    return f.choice.found;
}

/* Every folder in /boot/efi/EFI may have a grub.cfg, if the partition could be read. */
static int try_vendors(struct guest *g, struct finding *ret, struct err *err)
{
    static const struct place vendor = {"grub2", "", boot_grub};
    struct tree_names names;
    int r = guest_names(g, "/boot/efi/EFI", true, &names, err);

    for (size_t i = 0; i < names.names.n && r == 0; i++)
        r = try_place(
            g, &vendor,
            arena_printf(g->arena, "/boot/efi/EFI/%s/grub.cfg", names.names.v[i]), ret,
            err);
    return r;
}

/* The loader whose code is on the disk first; one without entries last. */
static int find_choice(struct guest *g, struct finding *ret, struct err *err)
{
    static const struct place entries = {"grub2", "/boot/loader/entries", boot_bls};
    bool syslinux = strcmp(g->facts->disk.boot_code, "syslinux") == 0;
    int r = 0;

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < ARRAY_SIZE(places) && r == 0; i++)
            if (is_syslinux(&places[i]) == (syslinux == (pass == 0)))
                r = try_place(g, &places[i], places[i].path, ret, err);
    if (r == 0)
        r = try_vendors(g, ret, err);
    if (r == 0)
        r = try_place(g, &entries, entries.path, ret, err);
    return r < 0 ? r : 0;
}

/* A /boot that fstab does not name, but systemd mounts by its type or nobody mounts: the
 * loader does not need it mounted.  1 when there was one. */
static int mount_boot(struct guest *g, struct err *err)
{
    int r = 0;

    for (unsigned i = 0; i < g->fs_n && r == 0; i++) {
        const struct guest_fs *gf = &g->fs[i];
        const char *role = gf->partition ? gf->partition->role
                           : gf->volume  ? gf->volume->role
                                         : "";

        if (!gf->fs || gf == g->root || strcmp(role, "boot") != 0)
            continue;
        for (unsigned m = 0; m < g->tree.mounts; m++)
            if (g->tree.mount[m].fs == gf->fs ||
                strcmp(g->tree.mount[m].where, "/boot") == 0)
                return 0;
        r = tree_mount(&g->tree, "/boot", gf->fs, err);
        if (r == -ERR_NOTFOUND) {
            err_clear(err);
            return 0;
        }
        if (r < 0 && !guest_is_fatal(g, r))
            return guest_problem(g, "guest", "/boot", false, err);
        return r < 0 ? r : 1;
    }
    return 0;
}

/* An EFI system partition that systemd mounts by its type: to /efi or to another of
 * these folders that is empty.  1 when there was one. */
static int mount_esp(struct guest *g, struct err *err)
{
    static const char *const places_of_it[] = {"/efi", "/boot/efi", "/boot"};

    for (unsigned i = 0; i < g->fs_n; i++) {
        const struct guest_fs *gf = &g->fs[i];
        bool mounted = false;

        if (!gf->fs || !gf->partition || strcmp(gf->partition->role, "esp") != 0)
            continue;
        for (unsigned m = 0; m < g->tree.mounts; m++)
            mounted |= g->tree.mount[m].fs == gf->fs;
        for (size_t k = 0; k < ARRAY_SIZE(places_of_it) && !mounted; k++) {
            struct tree_names names;
            int r = guest_names(g, places_of_it[k], true, &names, err);

            if (r < 0)
                return r;
            if (names.names.n)
                continue; /* it would hide them */
            r = tree_mount(&g->tree, places_of_it[k], gf->fs, err);

            if (r == 0)
                return 1;
            if (r != -ERR_NOTFOUND && guest_is_fatal(g, r))
                return r;
            if (r != -ERR_NOTFOUND)
                return guest_problem(g, "guest", places_of_it[k], false, err);
            err_clear(err);
        }
    }
    return 0;
}

int linux_boot(struct guest *g, struct err *err)
{
    struct fact_boot *boot = FACT_NEW(g->arena, fact_boot);
    struct finding f = {0};
    int r;

    if (!boot)
        return arena_check(g->arena, err);
    g->facts->boot = boot;
    boot->boot_missing = boot_is_missing(g);
    r = find_choice(g, &f, err);
    if (r == 0 && !f.choice.found) {
        r = mount_boot(g, err);
        if (r == 1)
            r = find_choice(g, &f, err);
    }
    if (r == 0 && !f.choice.found) {
        r = mount_esp(g, err);
        if (r == 1)
            r = find_choice(g, &f, err);
    }
    if (r < 0)
        return r;
    if (f.place) {
        boot->loader = f.place->loader;
        boot->config = guest_text(g, bytes_of(f.path, strlen(f.path)));
    }
    return boot_facts(g, boot, &f.choice, f.place ? f.config.fs : NULL, err);
}
