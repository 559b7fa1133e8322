/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grub_commands.c: what commands of grub.cfg do, as far as it decides what starts
 *
 * Devices are "fsN" once search has found them, N being the index in guest.fs. */
#include <ctype.h>
#include <strings.h>

#include "guest/boot/grub.h"

enum {
    GRUBENV_MAX = 64 << 10,
    FILES_MAX = 64, /* settings read in all: source, configfile */
};

/* ---- devices and files */

static const struct guest_fs *lvm(struct grub *x, const char *name)
{
    const char *spec = arena_printf(&x->arena, "/dev/mapper/%s", name);
    bool by_id;

    return guest_resolve(x->g, bytes_of(spec, strlen(spec)), &by_id);
}

/* "fs3", "hd0,msdos1", "hd0,gpt2", "lvm/vg-root".  NULL: not of this disk. */
static const struct guest_fs *device(struct grub *x, const char *name)
{
    static const char first[] = "hd0,";
    struct bytes b = bytes_of(name, strlen(name));
    const char *digits;
    uint64_t n;

    if (text_starts(b, "fs") && text_u64(&n, bytes_sub(b, 2, b.n - 2)))
        return n < x->g->fs_n ? &x->g->fs[n] : NULL;
    if (strncmp(name, "lvm/", 4) == 0)
        return lvm(x, name + 4);
    if (strncmp(name, first, strlen(first)) != 0)
        return NULL;
    digits = name + strlen(first);
    while (isalpha((unsigned char)*digits))
        digits++;
    if (!text_u64(&n, bytes_of(digits, strlen(digits))) || n > 1000)
        return NULL;
    return boot_partition(x->g, (unsigned)n);
}

const char *grub_device_name(struct grub *x, const struct guest_fs *fs)
{
    return arena_printf(&x->arena, "fs%zu", (size_t)(fs - x->g->fs));
}

/* "(hd0,gpt2)/x", "/x" on $root. */
static struct boot_file file(struct grub *x, const char *path)
{
    struct boot_file f = {NULL, path};

    if (*path == '(') {
        size_t n = strcspn(path, ")");

        f.fs = device(x, arena_strn(&x->arena, path + 1, n - 1));
        f.path = path[n] ? path + n + 1 : "";
    } else {
        f.fs = device(x, grub_get(&x->script, "root"));
    }
    return f;
}

int grub_read(struct grub *x, const char *path, struct bytes *ret, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct boot_file f = file(x, path);
    int r;

    *ret = (struct bytes){0};
    if (++x->files > FILES_MAX)
        return FAIL(err, ERR_LIMIT, "grub.cfg: more than %d files", FILES_MAX);
    if (!f.fs)
        return 0;
    r = boot_read(x->g, f.fs, f.path, BOOT_CONFIG_MAX, &b, err);
    if (r == 1)
        *ret = bytes_of(arena_strn(&x->arena, b.p, b.n), b.n);
    if (r == 1 && !ret->p)
        return arena_check(&x->arena, err);
    return r;
}

/* ---- commands */

static int test_file(void *arg, char what, const char *path, bool *ret, struct err *err)
{
    struct grub *x = arg;
    struct boot_file f = file(x, path);
    uint64_t size = 0;
    int r = 0;

    if (f.fs)
        r = boot_has(x->g, f.fs, f.path, what == 'd' ? FS_DIR : FS_REG, &size, err);
    if (r == 0 && f.fs && what == 'e')
        r = boot_has(x->g, f.fs, f.path, FS_DIR, &size, err);
    *ret = r == 1 && (what != 's' || size > 0);
    return r < 0 ? r : 0;
}

static int cmd_test(struct grub *x, const struct grub_words *w, struct err *err)
{
    size_t n = w->w.n - 1;

    if (strcmp(w->w.v[0], "[") == 0 && n && strcmp(w->w.v[n], "]") == 0)
        n--;
    return grub_condition(&x->script.ok, w->w.v + 1, n, test_file, x, err);
}

static int cmd_set(struct grub *x, const struct grub_words *w, struct err *err)
{
    const char *s = w->w.n > 1 ? w->w.v[1] : "", *eq = strchr(s, '=');

    if (!eq)
        return 0;
    return grub_set(&x->script, arena_strn(&x->arena, s, (size_t)(eq - s)), eq + 1, err);
}

static int cmd_unset(struct grub *x, const struct grub_words *w, struct err *err)
{
    return w->w.n > 1 ? grub_set(&x->script, w->w.v[1], "", err) : 0;
}

/* A GRUB environment block: "name=value" lines after a comment, filled up with "#". */
static int load_env(struct grub *x, struct bytes text, struct err *err)
{
    struct bytes line;

    while (text_next_line(&text, &line)) {
        size_t n = 0;
        int r;

        while (n < line.n && line.p[n] != '=')
            n++;
        if (n == 0 || n == line.n || line.p[0] == '#')
            continue;
        r = grub_set(&x->script, arena_strn(&x->arena, (const char *)line.p, n),
                     arena_strn(&x->arena, (const char *)line.p + n + 1, line.n - n - 1),
                     err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int cmd_load_env(struct grub *x, const struct grub_words *w, struct err *err)
{
    const char *path =
        arena_printf(&x->arena, "%s/grubenv", grub_get(&x->script, "prefix"));
    struct bytes text;
    int r;

    for (size_t i = 1; i < w->w.n; i++) {
        if (strncmp(w->w.v[i], "--file=", 7) == 0)
            path = w->w.v[i] + 7;
        else if (i + 1 < w->w.n &&
                 (strcmp(w->w.v[i], "-f") == 0 || strcmp(w->w.v[i], "--file") == 0))
            path = w->w.v[i + 1];
    }
    r = grub_read(x, path, &text, err);
    x->script.ok = r == 1;
    if (r == 1 && text.n <= GRUBENV_MAX)
        r = load_env(x, text, err);
    return r < 0 ? r : 0;
}

enum search_kind {
    SEARCH_FILE,
    SEARCH_LABEL,
    SEARCH_UUID,
    SEARCH_PART_LABEL,
    SEARCH_PART_UUID,
    SEARCH_DISK_UUID,
};

static bool partition_matches(const struct grub *x, const struct fact_partition *p,
                              enum search_kind kind, const char *name)
{
    switch (kind) {
    case SEARCH_PART_LABEL:
        return p && strcmp(p->name, name) == 0;
    case SEARCH_PART_UUID:
        return p && strcasecmp(p->part_uuid, name) == 0;
    default:
        return strcasecmp(x->g->facts->disk.uuid, name) == 0;
    }
}

static int search_matches(struct grub *x, const struct guest_fs *fs,
                          enum search_kind kind, const char *name, struct err *err)
{
    uint64_t size;

    if (kind == SEARCH_UUID)
        return *fs->ident.uuid && strcasecmp(fs->ident.uuid, name) == 0;
    if (kind == SEARCH_LABEL)
        return *fs->ident.label && strcmp(fs->ident.label, name) == 0;
    if (kind != SEARCH_FILE)
        return partition_matches(x, fs->partition, kind, name);
    return fs->fs ? boot_has(x->g, fs, name, FS_REG, &size, err) : 0;
}

static int search(struct grub *x, enum search_kind kind, const char *name,
                  const char *var, struct err *err)
{
    x->script.ok = false;
    for (unsigned i = 0; i < x->g->fs_n && *name; i++) {
        int r = search_matches(x, &x->g->fs[i], kind, name, err);

        if (r < 0)
            return r;
        if (r == 0)
            continue;
        x->script.ok = true;
        return *var ? grub_set(&x->script, var, grub_device_name(x, &x->g->fs[i]), err)
                    : 0;
    }
    return 0;
}

/* "search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2 UUID".  Old scripts have
 * "--set UUID" and mean root; others have "--set root UUID" or "UUID --set root". */
static int cmd_search(struct grub *x, const struct grub_words *w, struct err *err)
{
    const char *name[2] = {"", ""}, *var = "";
    enum search_kind kind = SEARCH_FILE;
    size_t names = 0, behind_set = ARRAY_SIZE(name);
    bool set = false;

    for (size_t i = 1; i < w->w.n; i++) {
        const char *s = w->w.v[i];

        if (strcmp(s, "--fs-uuid") == 0 || strcmp(s, "-u") == 0)
            kind = SEARCH_UUID;
        else if (strcmp(s, "--label") == 0 || strcmp(s, "--fs-label") == 0 ||
                 strcmp(s, "-l") == 0)
            kind = SEARCH_LABEL;
        else if (strcmp(s, "--part-label") == 0)
            kind = SEARCH_PART_LABEL;
        else if (strcmp(s, "--part-uuid") == 0)
            kind = SEARCH_PART_UUID;
        else if (strcmp(s, "--disk-uuid") == 0)
            kind = SEARCH_DISK_UUID;
        else if (strncmp(s, "--set=", 6) == 0)
            var = s + 6;
        else if (strcmp(s, "--set") == 0 || strcmp(s, "-s") == 0)
            set = true, behind_set = names;
        else if (strcmp(s, "--hint") == 0)
            i++;
        else if (*s != '-' && names < ARRAY_SIZE(name))
            name[names++] = s;
    }
    if (set && !*var && names == 2 && behind_set < names)
        return search(x, kind, name[1 - behind_set], name[behind_set], err);
    return search(x, kind, name[0], set && !*var ? "root" : var, err);
}

/* "search.fs_uuid UUID VARIABLE HINT..." */
static int cmd_search_short(struct grub *x, const struct grub_words *w, struct err *err)
{
    const char *how = w->w.v[0] + strlen("search.");
    enum search_kind kind = strcmp(how, "fs_uuid") == 0      ? SEARCH_UUID
                            : strcmp(how, "fs_label") == 0   ? SEARCH_LABEL
                            : strcmp(how, "part_label") == 0 ? SEARCH_PART_LABEL
                            : strcmp(how, "part_uuid") == 0  ? SEARCH_PART_UUID
                            : strcmp(how, "disk_uuid") == 0  ? SEARCH_DISK_UUID
                                                             : SEARCH_FILE;

    return search(x, kind, w->w.n > 1 ? w->w.v[1] : "", w->w.n > 2 ? w->w.v[2] : "root",
                  err);
}

/* "gptprio.next -d DEVICE -u UUID", of CoreOS: sets both variables to the partition for
 * /usr that has the highest priority and started well before, or has tries left. */
static int cmd_gptprio(struct grub *x, const struct grub_words *w, struct err *err)
{
    const struct guest_fs *best = NULL;
    int r = 0;

    for (unsigned i = 0; i < x->g->fs_n; i++) {
        const struct guest_fs *fs = &x->g->fs[i];
        const struct fact_partition *p = fs->partition;

        if (p && p->priority && (p->successful || p->tries) &&
            (!best || p->priority > best->partition->priority))
            best = fs;
    }
    x->script.ok = best != NULL;
    for (size_t i = 1; i + 1 < w->w.n && r == 0 && best; i++)
        if (strcmp(w->w.v[i], "-d") == 0)
            r = grub_set(&x->script, w->w.v[i + 1], grub_device_name(x, best), err);
        else if (strcmp(w->w.v[i], "-u") == 0)
            r = grub_set(&x->script, w->w.v[i + 1], best->partition->part_uuid, err);
    return r;
}

static int cmd_source(struct grub *x, const struct grub_words *w, struct err *err)
{
    struct bytes text;
    int r = w->w.n > 1 ? grub_read(x, w->w.v[1], &text, err) : 0;

    if (r == 1)
        r = grub_run(&x->script, text, NULL, err);
    else
        x->script.ok = false;
    return r;
}

static int cmd_configfile(struct grub *x, const struct grub_words *w, struct err *err)
{
    (void)err;
    if (w->w.n > 1)
        x->next_config = w->w.v[1];
    return 0;
}

const char *grub_join(struct grub *x, const struct grub_words *w, size_t from)
{
    AUTO(buf_fini) struct buf b = {.max = BOOT_CMDLINE_MAX};
    int r = 0;

    for (size_t i = from; i < w->w.n && r == 0; i++)
        r = buf_printf(&b, NULL, "%s%s", i > from ? " " : "", w->w.v[i]);
    x->arena.failed |= r == -ERR_NOMEM;
    return arena_strn(&x->arena, buf_str(&b), b.n);
}

static int cmd_linux(struct grub *x, const struct grub_words *w, struct err *err)
{
    struct boot_entry *e = &x->ret->entry;

    (void)err;
    if (w->w.n < 2)
        return 0;
    e->kernel = file(x, w->w.v[1]);
    e->options = grub_join(x, w, 2);
    e->linux16 = strcmp(w->w.v[0], "linux16") == 0;
    return 0;
}

static int cmd_initrd(struct grub *x, const struct grub_words *w, struct err *err)
{
    struct boot_entry *e = &x->ret->entry;

    (void)err;
    e->initrds.n = 0;
    for (size_t i = 1; i < w->w.n && e->initrds.n < BOOT_INITRDS_MAX; i++) {
        struct boot_file *f;

        if (strncmp(w->w.v[i], "newc:", 5) == 0)
            continue;
        f = LIST_ADD(&x->arena, &e->initrds);
        if (f)
            *f = file(x, w->w.v[i]);
    }
    return 0;
}

/* Xen stands where a kernel would, and the kernel and its initramfs are its modules. What
 * else speaks multiboot is no Linux. */
static int cmd_multiboot(struct grub *x, const struct grub_words *w, struct err *err)
{
    struct boot_entry *e = &x->ret->entry;

    (void)err;
    if (w->w.n < 2 || !boot_is_xen(w->w.v[1]))
        return 0;
    e->hypervisor = w->w.v[1];
    e->kernel = (struct boot_file){NULL, ""};
    e->initrds.n = 0;
    return 0;
}

static int cmd_module(struct grub *x, const struct grub_words *w, struct err *err)
{
    struct boot_entry *e = &x->ret->entry;
    struct boot_file *f;
    size_t i = 1;

    (void)err;
    while (i < w->w.n && strncmp(w->w.v[i], "--", 2) == 0)
        i++;
    if (!e->hypervisor || i >= w->w.n)
        return 0;
    if (!*e->kernel.path) {
        e->kernel = file(x, w->w.v[i++]);
        /* Instead of the name that the protocol wants and Linux does not. */
        if (i < w->w.n && strcmp(w->w.v[i], "placeholder") == 0)
            i++;
        e->options = grub_join(x, w, i);
        return 0;
    }
    f = e->initrds.n < BOOT_INITRDS_MAX ? LIST_ADD(&x->arena, &e->initrds) : NULL;
    if (f)
        *f = file(x, w->w.v[i]);
    return 0;
}

/* ---- the menu */

static int add_entry(struct grub *x, struct menu_entry **ret, struct err *err)
{
    if (x->menu->entries.n >= BOOT_ENTRIES_MAX)
        return FAIL(err, ERR_LIMIT, "grub.cfg: more than %d menu entries",
                    BOOT_ENTRIES_MAX);
    *ret = LIST_ADD(&x->arena, &x->menu->entries);
    if (!*ret)
        return arena_check(&x->arena, err);
    (*ret)->title = (*ret)->id = "";
    return 0;
}

/* menuentry TITLE [--class C] [--id ID] ... { body } */
static int cmd_menuentry(struct grub *x, const struct grub_words *w, struct bytes body,
                         struct err *err)
{
    struct menu_entry *e;
    int r = 0;

    if (!body.p)
        return 0;
    r = add_entry(x, &e, err);
    if (r < 0)
        return r;
    e->submenu = strcmp(w->w.v[0], "submenu") == 0;
    e->body = body;
    for (size_t i = 1; i < w->w.n; i++) {
        const char *s = w->w.v[i], **p;

        if (strncmp(s, "--id=", 5) == 0) {
            e->id = s + 5;
            continue;
        }
        if (*s == '-' && i + 1 < w->w.n) {
            i += strcmp(s, "--unrestricted") != 0;
            if (strcmp(s, "--id") == 0)
                e->id = w->w.v[i];
            continue;
        }
        p = LIST_ADD(&x->arena, &e->params.w);
        if (p)
            *p = s;
    }
    if (e->params.w.n)
        e->title = e->params.w.v[0];
    return arena_check(&x->arena, err);
}

/* The entries lie on $root in /loader/entries, or below /boot where that is no filesystem
 * of its own. */
static int cmd_blscfg(struct grub *x, struct err *err)
{
    const char *given = grub_get(&x->script, "blsdir");
    const char *const dirs[] = {*given ? given : "/loader/entries",
                                "/boot/loader/entries"};
    struct bls_entries *list = arena_alloc(&x->arena, sizeof *list);
    struct boot_file dir = {0};
    int r = list ? 0 : arena_check(&x->arena, err);

    for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0 && list->list.n == 0; i++) {
        dir = file(x, dirs[i]);
        if (dir.fs)
            r = bls_read(list, x->g, dir.fs, dir.path, err);
    }
    for (size_t i = 0; r == 0 && i < list->list.n; i++) {
        struct menu_entry *e;

        r = add_entry(x, &e, err);
        if (r < 0)
            break;
        e->bls = &list->list.v[i];
        e->bls_dir = dir;
        e->id = e->bls->id;
        e->title = *e->bls->title ? e->bls->title : e->bls->id;
    }
    return r;
}

/* What a machine that boots an image would not say yes to. */
static bool is_false(const char *name)
{
    static const char *const names[] = {
        "false",       "keystatus", "cmostest", "authenticate", "regexp",
        "loadfont",    "serial",    "terminfo", "smbios",       "hashsum",
        "cryptomount", "fwconfig",  "is_dom0",  "pcidump",      "rdmsr",
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

int grub_command(void *arg, const struct grub_words *w, struct bytes body,
                 struct err *err)
{
    static const struct {
        const char *name;
        int (*run)(struct grub *x, const struct grub_words *w, struct err *err);
    } rows[] = {
        {"[", cmd_test},
        {"test", cmd_test},
        {"set", cmd_set},
        {"unset", cmd_unset},
        {"load_env", cmd_load_env},
        {"search", cmd_search},
        {"search.fs_uuid", cmd_search_short},
        {"search.fs_label", cmd_search_short},
        {"search.file", cmd_search_short},
        {"search.part_label", cmd_search_short},
        {"search.part_uuid", cmd_search_short},
        {"search.disk_uuid", cmd_search_short},
        {"gptprio.next", cmd_gptprio},
        {"source", cmd_source},
        {".", cmd_source},
        {"configfile", cmd_configfile},
        {"linux", cmd_linux},
        {"linux16", cmd_linux},
        {"linuxefi", cmd_linux},
        {"initrd", cmd_initrd},
        {"initrd16", cmd_initrd},
        {"initrdefi", cmd_initrd},
        {"multiboot", cmd_multiboot},
        {"multiboot2", cmd_multiboot},
        {"xen_hypervisor", cmd_multiboot},
        {"module", cmd_module},
        {"module2", cmd_module},
        {"xen_module", cmd_module},
    };
    struct grub *x = arg;
    const char *name = w->w.v[0];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(name, rows[i].name) == 0)
            return rows[i].run(x, w, err);
    if (strcmp(name, "menuentry") == 0 || strcmp(name, "submenu") == 0)
        return cmd_menuentry(x, w, body, err);
    if (strcmp(name, "blscfg") == 0)
        return cmd_blscfg(x, err);
    x->script.ok = !is_false(name);
    return 0;
}
