/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot_facts.c: what follows from the default entry, and what lies beside it */
#include <ctype.h>

#include "base/checked.h"
#include "guest/boot/boot.h"
#include "guest/pieces.h"
#include "guest/subvolume.h"

enum {
    CMDLINE_TEXT_MAX = 4096,    /* bytes of a command line in the facts */
    DEVICE_MAP_MAX = 64 << 10,  /* bytes of device.map */
    NORMAL_MOD_MAX = 512 << 10, /* bytes of GRUB's normal.mod */
};

static const char *text(struct guest *g, const char *s)
{
    return guest_text(g, bytes_of(s, strlen(s)));
}

bool boot_is_missing(const struct guest *g)
{
    const struct fact_linux *l = g->facts->linux_;

    for (size_t i = 0; l && i < l->fstab.n; i++) {
        const struct fact_mount *m = &l->fstab.v[i];

        if (strcmp(m->target, "/boot") == 0 && strcmp(m->kind, "disk") == 0)
            return !m->resolves;
    }
    return false;
}

const char *boot_straight(struct guest *g, const char *path)
{
    char *ret = arena_alloc(g->arena, strlen(path) + 2);
    size_t n = 0;

    while (ret && *path) {
        size_t part = strcspn(path, "/");

        if (part == 2 && memcmp(path, "..", 2) == 0) {
            while (n > 0 && ret[--n] != '/')
                continue;
        } else if (part > 0 && !(part == 1 && *path == '.')) {
            ret[n++] = '/';
            memcpy(ret + n, path, part);
            n += part;
        }
        path += part + (path[part] == '/');
    }
    if (!ret)
        return "";
    ret[n] = '\0';
    return ret;
}

/* As the guest sees it.  A filesystem that is not mounted keeps the loader's path. */
static const char *guest_path(struct guest *g, struct boot_file f)
{
    if (!*f.path)
        return "";
    if (f.fs)
        f.fs = subvolume_enter(g, f.fs, &f.path);
    for (unsigned m = 0; f.fs && m < g->tree.mounts; m++)
        if (g->tree.mount[m].fs == f.fs->fs && f.fs->fs)
            return arena_printf(
                g->arena, "%s%s",
                strcmp(g->tree.mount[m].where, "/") == 0 ? "" : g->tree.mount[m].where,
                boot_straight(g, f.path));
    return boot_straight(g, f.path);
}

static int exists(struct guest *g, struct boot_file f, bool *ret, struct err *err)
{
    uint64_t size;
    int r = f.fs && *f.path ? boot_has(g, f.fs, f.path, FS_REG, &size, err) : 0;

    *ret = r == 1;
    return r < 0 ? r : 0;
}

/* The loader's words for a device that this disk does not have, or that is not read. */
static void explain(struct guest *g, struct fact_boot *boot,
                    const struct boot_entry *entry)
{
    if (!*entry->kernel.path)
        boot->problem = arena_printf(
            g->arena, "the default entry \"%s\" starts no Linux kernel", boot->entry);
    else if (!entry->kernel.fs)
        boot->problem = arena_printf(
            g->arena,
            "the default entry \"%s\" starts from a device that is not of this "
            "disk",
            boot->entry);
    else if (!entry->kernel.fs->fs)
        boot->problem = arena_printf(
            g->arena, "the default entry \"%s\" starts from %s (%s), which is not read",
            boot->entry, entry->kernel.fs->device,
            fs_type_name(entry->kernel.fs->ident.type));
}

static int file_facts(struct guest *g, struct fact_boot *boot,
                      const struct boot_entry *entry, struct err *err)
{
    int r;

    boot->kernel = text(g, guest_path(g, entry->kernel));
    r = exists(g, entry->kernel, &boot->kernel_exists, err);
    boot->initramfs_exists = entry->initrds.n > 0;
    for (size_t i = 0; i < entry->initrds.n && r == 0; i++) {
        const char **p = LIST_ADD(g->arena, &boot->initramfs_files);
        bool there;

        boot->initramfs = text(g, guest_path(g, entry->initrds.v[i]));
        if (p)
            *p = boot->initramfs;
        r = exists(g, entry->initrds.v[i], &there, err);
        boot->initramfs_exists &= there;
    }
    return r;
}

/* /usr of its own: "mount.usr=PARTUUID=...", or with checksums "mount.usr=/dev/mapper/usr
 * verity.usr=PARTUUID=...", as systemd and Container Linux have it. */
static void usr_facts(struct guest *g, struct fact_boot *boot, struct bytes rest)
{
    static const char *const names[] = {"usr=", "mount.usr=", "verity.usr="};
    const struct guest_fs *fs;
    struct bytes word;
    size_t best = 0;
    bool by_id;

    while (text_next_word(&rest, &word))
        for (size_t i = best; i < ARRAY_SIZE(names); i++) {
            size_t n = strlen(names[i]);

            if (!text_starts(word, names[i]))
                continue;
            boot->usr = guest_text(g, text_unquote(bytes_of(word.p + n, word.n - n)));
            best = i;
        }
    fs = guest_resolve(g, bytes_of(boot->usr, strlen(boot->usr)), &by_id);
    for (unsigned m = 0; fs && m < g->tree.mounts; m++)
        boot->usr_resolves |=
            g->tree.mount[m].fs == fs->fs && strcmp(g->tree.mount[m].where, "/usr") == 0;
}

static int deployment_facts(struct guest *g, struct fact_boot *boot, struct err *err)
{
    const char *is = g->facts->root ? g->facts->root->deployment : "", *path;
    const struct guest_fs *below = NULL;
    int r;

    for (unsigned i = 0; i < g->fs_n && !below; i++)
        if (g->fs[i].fs && strcmp(g->fs[i].device, g->root->device) == 0)
            below = &g->fs[i];
    if (!*boot->deployment || !*is || !below)
        return 0;
    r = pieces_deployment(&path, g, below, boot->deployment, err);
    boot->deployment_exists =
        r == 1 && strcmp(guest_text(g, bytes_of(path, strlen(path))), is) == 0;
    if (r >= 0 || guest_is_fatal(g, r))
        return r < 0 ? r : 0;
    return guest_problem(g, fs_type_name(below->ident.type), boot->deployment, false,
                         err);
}

static void cmdline_facts(struct guest *g, struct fact_boot *boot, const char *options)
{
    static const char *const serial[] = {"console=ttyS", "console=ttyAMA", "console=hvc",
                                         "console=ttysclp", "console=sclp"};
    struct bytes rest = bytes_of(options, strlen(options)), word;
    const struct guest_fs *fs;

    boot->cmdline = rest.n ? arena_text(g->arena, rest, CMDLINE_TEXT_MAX) : "";
    while (text_next_word(&rest, &word)) {
        if (text_starts(word, "root="))
            boot->root = guest_text(g, text_unquote(bytes_of(word.p + 5, word.n - 5)));
        if (text_starts(word, "ostree="))
            boot->deployment = guest_text(g, bytes_of(word.p + 7, word.n - 7));
        for (size_t i = 0; i < ARRAY_SIZE(serial); i++)
            boot->serial_console |= text_starts(word, serial[i]);
    }
    fs = guest_resolve(g, bytes_of(boot->root, strlen(boot->root)), &boot->root_by_id);
    boot->root_resolves = fs && fs == g->root;
    boot->root_by_id &= *boot->root != '\0';
    usr_facts(g, boot, bytes_of(options, strlen(options)));
}

static bool has_firmware(const struct guest *g, const char *name)
{
    for (size_t i = 0; i < g->facts->firmware.n; i++)
        if (strcmp(g->facts->firmware.v[i], name) == 0)
            return true;
    return false;
}

/* Disks whose names go with a bus that a virtual machine has no more.  /dev/vda stays. */
static bool is_stale(struct bytes name)
{
    static const char *const old[] = {"/dev/sd",          "/dev/hd",
                                      "/dev/xvd",         "/dev/cciss",
                                      "/dev/disk/by-id/", "/dev/disk/by-path/"};

    for (size_t i = 0; i < ARRAY_SIZE(old); i++)
        if (text_starts(name, old[i]))
            return true;
    return false;
}

static int device_map(struct guest *g, struct fact_boot *boot, struct err *err)
{
    static const char *const paths[] = {"/boot/grub/device.map",
                                        "/boot/grub2/device.map"};

    for (size_t i = 0; i < ARRAY_SIZE(paths) && !*boot->device_map; i++) {
        AUTO(buf_fini) struct buf b = {0};
        int r = guest_read(g, paths[i], DEVICE_MAP_MAX, true, &b, err);
        struct bytes rest, line;

        if (r < 0)
            return r;
        rest = buf_bytes(&b);
        while (text_next_line(&rest, &line) && !*boot->device_map) {
            struct bytes words = line, disk = {0}, name = {0};

            if (text_next_word(&words, &disk) && disk.p[0] == '(' &&
                text_next_word(&words, &name) && is_stale(name))
                boot->device_map = guest_text(g, text_trim(line));
        }
    }
    return 0;
}

/* The string behind "GNU GRUB  version %s" in normal.mod is the version. */
static struct bytes version_in(struct bytes mod)
{
    static const char mark[] = "GNU GRUB  version %s";
    long at = text_find(mod, mark);
    size_t i, n = 0;

    if (at < 0)
        return (struct bytes){0};
    i = (size_t)at + sizeof mark;
    while (i + n < mod.n && n < 64 && isgraph(mod.p[i + n]))
        n++;
    return n && isdigit(mod.p[i]) ? bytes_of(mod.p + i, n) : (struct bytes){0};
}

static int grub_version(struct guest *g, struct fact_boot *boot, struct err *err)
{
    static const char *const platforms[] = {"i386-pc", "x86_64-efi", "arm64-efi"};
    const char *dir = boot_dirname(g, boot->config);

    for (size_t i = 0; i < ARRAY_SIZE(platforms); i++) {
        AUTO(buf_fini) struct buf b = {0};
        int r =
            guest_read(g, arena_printf(g->arena, "%s/%s/normal.mod", dir, platforms[i]),
                       NORMAL_MOD_MAX, true, &b, err);

        if (r < 0)
            return r;
        if (r == 0)
            continue;
        boot->loader_version = guest_text(g, version_in(buf_bytes(&b)));
        return 0;
    }
    return 0;
}

/* What the core image loads before it reads settings.  It knows where they are, and we do
 * not: anywhere on the disk is right. */
static int bios_modules(struct guest *g, struct fact_boot *boot, struct err *err)
{
    static const char *const paths[] = {
        "/boot/grub/i386-pc/normal.mod", "/boot/grub2/i386-pc/normal.mod",
        "/grub/i386-pc/normal.mod", "/grub2/i386-pc/normal.mod"};
    const char *beside =
        arena_printf(g->arena, "%s/i386-pc/normal.mod", boot_dirname(g, boot->config));
    int r = guest_has_file(g, beside, true, err);

    for (size_t i = 0; i < ARRAY_SIZE(paths) && r == 0; i++)
        r = guest_has_file(g, paths[i], true, err);
    for (unsigned k = 0; k < g->fs_n && r == 0; k++) {
        size_t problems = g->facts->problems.n;

        /* What one path met the next would meet as well. */
        for (size_t i = 0;
             i < ARRAY_SIZE(paths) && r == 0 && g->facts->problems.n == problems; i++)
            r = boot_has_for_advice(g, &g->fs[k], paths[i], err);
    }
    boot->modules_exist = r == 1;
    return r < 0 ? r : 0;
}

/* Why no settings were found, as far as that can be told. */
static const char *no_settings(struct guest *g)
{
    const struct fact_linux *l = g->facts->linux_;
    bool by_id;

    for (size_t i = 0; l && i < l->fstab.n; i++) {
        const struct fact_mount *m = &l->fstab.v[i];
        const struct guest_fs *fs;

        if (strcmp(m->target, "/boot") != 0)
            continue;
        fs = guest_resolve(g, bytes_of(m->spec, strlen(m->spec)), &by_id);
        if (fs && !fs->fs)
            return arena_printf(g->arena, "/boot is %s (%s), which could not be read",
                                fs->device, fs_type_name(fs->ident.type));
    }
    if (g->facts->disk.esp && !g->facts->disk.esp_looked)
        return "there are no settings of a boot loader but perhaps on the EFI system "
               "partition, which is not read";
    return "no settings of a boot loader were found";
}

int boot_facts(struct guest *g, struct fact_boot *boot, const struct boot_choice *choice,
               const struct guest_fs *fs, struct err *err)
{
    int r = device_map(g, boot, err);

    if (r < 0)
        return r;
    if (!fs) {
        boot->problem = no_settings(g);
        boot->no_entry = true;
        return 0;
    }
    if (strcmp(boot->loader, "grub2") == 0)
        r = grub_version(g, boot, err);
    if (r == 0 && strcmp(boot->loader, "grub2") == 0 && g->facts->disk.grub_core)
        r = bios_modules(g, boot, err);
    if (r < 0)
        return r;
    boot->saved = text(g, choice->saved);
    boot->problem = text(g, choice->problem);
    if (!choice->found) {
        boot->no_entry = !*boot->problem && !*choice->entry.kernel.path;
        if (!*boot->problem)
            boot->problem = "the boot loader's settings have no entry";
        return r;
    }
    boot->entry = text(g, choice->entry.title);
    boot->hypervisor = text(g, choice->entry.hypervisor ? choice->entry.hypervisor : "");
    if (!*boot->problem)
        explain(g, boot, &choice->entry);
    cmdline_facts(g, boot, choice->entry.options);
    if (r == 0)
        r = deployment_facts(g, boot, err);
    boot->linux16_uefi =
        choice->entry.linux16 && has_firmware(g, "uefi") && !has_firmware(g, "bios");
    return r < 0 ? r : file_facts(g, boot, &choice->entry, err);
}
