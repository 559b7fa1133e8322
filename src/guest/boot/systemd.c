/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd.c: what systemd-boot would start (loader.conf(5), sd-boot(7)), and a unified
 * kernel image that firmware starts itself
 *
 * Entries are those of /loader/entries and the unified images in /EFI/Linux, on the EFI
 * system partition and on the extended boot loader partition. */
#include <fnmatch.h>
#include <stdlib.h>

#include "guest/boot/boot.h"
#include "guest/boot/uki.h"
#include "guest/linux/settings.h"

enum { CONFIG_MAX = 16 << 10 }; /* bytes of loader.conf */

static const char xbootldr[] = "BC13C2FF-59E6-4262-A352-B275FD6F7172";

static struct bytes text_of(const char *s)
{
    return bytes_of(s, strlen(s));
}

/* ---- entries */

/* "NAME+LEFT-DONE" is NAME, of which so many tries are left. */
static void count_tries(struct guest *g, struct bls_entry *e, const char *suffix)
{
    size_t n = strlen(e->id) - strlen(suffix), i = n;
    const char *plus;

    while (i > 0 && strchr("0123456789-", e->id[i - 1]))
        i--;
    if (i == 0 || e->id[i - 1] != '+' || i == n || e->id[i] == '-')
        return;
    plus = e->id + i - 1;
    e->bad = strtoul(plus + 1, NULL, 10) == 0;
    e->id = arena_printf(g->arena, "%s%s",
                         arena_strn(g->arena, e->id, (size_t)(plus - e->id)), suffix);
}

/* The first of the keys that os-release has. */
static const char *release_value(struct guest *g, const char *text,
                                 const char *const *keys)
{
    struct bytes value;

    for (; *keys; keys++)
        if (settings_shell(text_of(text), *keys, &value) && value.n)
            return arena_strn(g->arena, (const char *)value.p, value.n);
    return "";
}

/* 1: the file is a unified image, and e is what it says. */
static int fill_from_uki(struct guest *g, struct bls_entry *e, const char *path,
                         struct err *err)
{
    static const char *const title[] = {"PRETTY_NAME", "IMAGE_ID", "NAME", "ID", NULL};
    static const char *const sort[] = {"IMAGE_ID", "ID", NULL};
    static const char *const version[] = {"IMAGE_VERSION", "VERSION_ID", "BUILD_ID",
                                          NULL};
    AUTO(block_unrefp) struct block *file = NULL;
    const char *release = "", *options = "", **p;
    struct uki uki;
    int r = boot_open(&file, g, e->fs, path, err);

    if (r == 1)
        r = uki_read(&uki, file, err);
    if (r <= 0)
        return r;
    r = uki_text(&release, &uki, UKI_OSREL, file, g->arena, err);
    if (r == 0)
        r = uki_text(&options, &uki, UKI_CMDLINE, file, g->arena, err);
    if (r < 0)
        return r;
    e->kernel = path;
    e->title = *e->title ? e->title : release_value(g, release, title);
    e->sort_key = *e->sort_key ? e->sort_key : release_value(g, release, sort);
    e->version = *e->version ? e->version : release_value(g, release, version);
    e->options = *e->options ? e->options : options;
    p = uki.part[UKI_INITRD].there ? LIST_ADD(g->arena, &e->initrds) : NULL;
    if (p)
        *p = path;
    return 1;
}

/* What cannot be read is told, and is no entry. */
static int try_uki(struct guest *g, struct bls_entry *e, const char *path,
                   struct err *err)
{
    int r = fill_from_uki(g, e, path, err);

    if (r >= 0 || guest_is_fatal(g, r))
        return r;
    return guest_problem(g, "uki", arena_printf(g->arena, "%s: %s", e->fs->device, path),
                         false, err);
}

static int add_images(struct bls_entries *ret, struct guest *g, const struct guest_fs *fs,
                      const char *dir, struct err *err)
{
    struct tree_names names;
    int r = boot_names(g, fs, dir, &names, err);

    for (size_t i = 0; i < names.names.n && r >= 0; i++) {
        const char *name = names.names.v[i];
        struct bls_entry e = {.id = name, .fs = fs}, *to;

        if (fnmatch("*.efi", name, FNM_CASEFOLD) != 0 || *name == '.' ||
            ret->list.n >= BOOT_ENTRIES_MAX)
            continue;
        e.title = e.version = e.sort_key = e.kernel = e.options = e.efi = "";
        r = try_uki(g, &e, arena_printf(g->arena, "%s/%s", dir, name), err);
        if (r != 1)
            continue;
        count_tries(g, &e, name + strlen(name) - 4);
        to = LIST_ADD(g->arena, &ret->list);
        if (!to)
            return arena_check(g->arena, err);
        *to = e;
    }
    return r < 0 ? r : 0;
}

/* Entries of one partition, its top being `top`. */
static int add_all(struct bls_entries *ret, struct guest *g, const struct guest_fs *fs,
                   const char *top, struct err *err)
{
    struct bls_entries list;
    int r = bls_read(&list, g, fs, arena_printf(g->arena, "%s/loader/entries", top), err);

    for (size_t i = 0; i < list.list.n && r >= 0; i++) {
        struct bls_entry *e = &list.list.v[i], *to;

        count_tries(g, e, "");
        if (*e->efi)
            r = try_uki(g, e, e->efi, err);
        to = r >= 0 ? LIST_ADD(g->arena, &ret->list) : NULL;
        if (to)
            *to = *e;
    }
    return r < 0
               ? r
               : add_images(ret, g, fs, arena_printf(g->arena, "%s/EFI/Linux", top), err);
}

/* ---- the default */

/* What failed comes last.  Entries with a sort key come first, by that key; the newest
 * version of each first. */
static int systemd_order(const void *pa, const void *pb)
{
    const struct bls_entry *a = pa, *b = pb;
    int r;

    if (a->bad != b->bad)
        return a->bad ? 1 : -1;
    if (!*a->sort_key != !*b->sort_key)
        return *a->sort_key ? -1 : 1;
    r = strcmp(a->sort_key, b->sort_key);
    if (r == 0 && *a->sort_key)
        r = boot_vercmp(text_of(b->version), text_of(a->version));
    return r ? r : boot_vercmp(text_of(b->id), text_of(a->id));
}

static const char *default_pattern(struct guest *g, struct bytes text)
{
    const char *ret = "";
    struct bytes line;

    while (text_next_line(&text, &line)) {
        line = text_trim(line);
        if (bls_key_is(&line, "default"))
            ret = arena_strn(g->arena, (const char *)line.p, line.n);
    }
    return ret;
}

static bool matches(struct guest *g, const char *pattern, const struct bls_entry *e)
{
    const char *name = arena_printf(g->arena, "%s.conf", e->id);

    return fnmatch(pattern, name, FNM_CASEFOLD) == 0 ||
           fnmatch(pattern, e->id, FNM_CASEFOLD) == 0;
}

static void take(struct boot_choice *ret, struct guest *g, const struct bls_entry *e)
{
    ret->found = true;
    ret->entry.title = *e->title ? e->title : e->id;
    ret->entry.kernel = (struct boot_file){e->fs, e->kernel};
    ret->entry.options = e->options;
    for (size_t i = 0; i < e->initrds.n; i++) {
        struct boot_file *f = LIST_ADD(g->arena, &ret->entry.initrds);

        if (f)
            *f = (struct boot_file){e->fs, e->initrds.v[i]};
    }
}

static const struct bls_entry *choose(struct guest *g, struct bls_entries *entries,
                                      const char *pattern)
{
    size_t i = 0;

    qsort(entries->list.v, entries->list.n, sizeof *entries->list.v, systemd_order);
    if (!*pattern || *pattern == '@')
        return &entries->list.v[0];
    while (i < entries->list.n && !matches(g, pattern, &entries->list.v[i]))
        i++;
    return &entries->list.v[i < entries->list.n ? i : 0];
}

int boot_systemd(struct boot_choice *ret, struct guest *g, struct boot_file config,
                 struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    const char *top = boot_dirname(g, boot_dirname(g, config.path));
    struct bls_entries entries = {0};
    int r = boot_read(g, config.fs, arena_printf(g->arena, "%s/loader/loader.conf", top),
                      CONFIG_MAX, &b, err);

    if (r < 0)
        return r;
    ret->saved = default_pattern(g, buf_bytes(&b));
    r = add_all(&entries, g, config.fs, top, err);
    for (unsigned i = 0; i < g->fs_n && r == 0; i++)
        if (&g->fs[i] != config.fs && g->fs[i].partition &&
            strcmp(g->fs[i].partition->type, xbootldr) == 0)
            r = add_all(&entries, g, &g->fs[i], "", err);
    if (r == 0 && entries.list.n)
        take(ret, g, choose(g, &entries, ret->saved));
    return r;
}

int boot_uki(struct boot_choice *ret, struct guest *g, struct boot_file config,
             struct err *err)
{
    struct bls_entry e = {.id = "", .fs = config.fs};
    int r;

    e.title = e.version = e.sort_key = e.kernel = e.options = e.efi = "";
    r = fill_from_uki(g, &e, config.path, err);
    if (r == 1)
        take(ret, g, &e);
    return r < 0 ? r : 0;
}
