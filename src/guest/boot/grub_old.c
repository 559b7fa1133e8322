/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grub_old.c: GRUB legacy (menu.lst, grub.conf)
 *
 * Lines of "command arguments" or "command=arguments"; entries begin with "title" and are
 * counted from 0, as are disks and partitions: (hd0,0) is partition 1. */
#include <inttypes.h>

#include "base/checked.h"
#include "guest/boot/boot.h"

enum { DEFAULT_MAX = 4096 }; /* bytes of the file that "default saved" means */

struct legacy {
    struct guest *g;
    struct boot_file config;
    const struct guest_fs *root; /* of the entry being read */
    struct boot_entry *entry;
};

static bool command(struct bytes line, const char *name, struct bytes *arguments)
{
    size_t n = strlen(name);

    if (!text_starts(line, name) ||
        (line.n > n && line.p[n] != ' ' && line.p[n] != '\t' && line.p[n] != '='))
        return false;
    *arguments = text_trim(bytes_of(line.p + n, line.n - n));
    if (arguments->n && arguments->p[0] == '=')
        *arguments = text_trim(bytes_of(arguments->p + 1, arguments->n - 1));
    return true;
}

/* "(hd0,0)" in front of text, which moves on.  NULL: not a partition of this disk. */
static const struct guest_fs *take_device(struct legacy *l, struct bytes *text)
{
    static const char disk[] = "(hd0,";
    const struct guest_fs *fs = NULL;
    long end = text_find(*text, ")");
    size_t from = strlen(disk);
    uint64_t index;

    if (end < 0)
        return NULL;
    if (text_starts(*text, disk) &&
        text_u64(&index, bytes_of(text->p + from, (size_t)end - from)) && index < 1000)
        fs = boot_partition(l->g, (unsigned)index + 1);
    *text = bytes_of(text->p + end + 1, text->n - (size_t)end - 1);
    return fs;
}

static struct boot_file take_file(struct legacy *l, struct bytes word)
{
    struct boot_file f = {l->root, ""};

    if (word.n && word.p[0] == '(')
        f.fs = take_device(l, &word);
    f.path = arena_strn(l->g->arena, (const char *)word.p, word.n);
    return f;
}

/* Below Xen the kernel is a module. */
static void take_kernel(struct legacy *l, struct bytes path, struct bytes options)
{
    struct boot_entry *e = l->entry;
    struct boot_file f = take_file(l, path);

    if (!e->hypervisor && boot_is_xen(f.path)) {
        e->hypervisor = f.path;
        e->kernel = (struct boot_file){NULL, ""};
        return;
    }
    options = text_trim(options);
    e->kernel = f;
    e->options = arena_strn(l->g->arena, (const char *)options.p, options.n);
}

static void entry_line(struct legacy *l, struct bytes line)
{
    struct boot_entry *e = l->entry;
    struct bytes args, word = {0};

    if (command(line, "root", &args) || command(line, "rootnoverify", &args)) {
        l->root = take_device(l, &args);
    } else if (command(line, "uuid", &args)) {
        const char *spec = arena_printf(l->g->arena, "UUID=%.*s",
                                        (int)min_size(args.n, 100), (const char *)args.p);
        bool by_id;

        l->root = guest_resolve(l->g, bytes_of(spec, strlen(spec)), &by_id);
    } else if (command(line, "kernel", &args)) {
        while (text_next_word(&args, &word) && text_starts(word, "--"))
            continue;
        take_kernel(l, word, args);
    } else if (command(line, "module", &args) && e->hypervisor &&
               text_next_word(&args, &word) && !*e->kernel.path) {
        take_kernel(l, word, args);
    } else if (command(line, "module", &args) && e->hypervisor &&
               text_next_word(&args, &word)) {
        struct boot_file f = take_file(l, word), *p = LIST_ADD(l->g->arena, &e->initrds);

        if (p)
            *p = f;
    } else if (command(line, "initrd", &args) && text_next_word(&args, &word)) {
        struct boot_file f = take_file(l, word), *p;

        e->initrds.n = 0;
        p = LIST_ADD(l->g->arena, &e->initrds);
        if (p)
            *p = f;
    }
}

/* Reads entry `wanted` of the text; false when there are not that many. */
static bool read_entry(struct legacy *l, struct bytes text, uint64_t wanted)
{
    struct bytes line, args;
    uint64_t n = 0;

    while (text_next_line(&text, &line)) {
        line = text_trim(line);
        if (command(line, "title", &args)) {
            if (n++ == wanted)
                l->entry->title = arena_strn(l->g->arena, (const char *)args.p, args.n);
        } else if (n == wanted + 1 && line.n && line.p[0] != '#') {
            entry_line(l, line);
        }
    }
    return n > wanted;
}

static int read_saved(struct legacy *l, uint64_t *ret, const char **text, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct bytes rest, line = {0};
    int r = boot_read(
        l->g, l->config.fs,
        arena_printf(l->g->arena, "%s/default", boot_dirname(l->g, l->config.path)),
        DEFAULT_MAX, &b, err);

    if (r < 0)
        return r;
    rest = buf_bytes(&b);
    if (text_next_line(&rest, &line) && text_u64(ret, text_trim(line)))
        *text = arena_printf(l->g->arena, "%" PRIu64, *ret);
    return 0;
}

int boot_grub_legacy(struct boot_choice *ret, struct guest *g, struct boot_file config,
                     struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct legacy l = {g, config, config.fs, &ret->entry};
    struct bytes rest, line, args;
    uint64_t wanted = 0;
    int r = boot_read(g, config.fs, config.path, BOOT_CONFIG_MAX, &b, err);

    if (r <= 0)
        return r;
    rest = buf_bytes(&b);
    while (text_next_line(&rest, &line)) {
        line = text_trim(line);
        if (command(line, "title", &args))
            break;
        if (!command(line, "default", &args))
            continue;
        if (text_is(args, "saved"))
            r = read_saved(&l, &wanted, &ret->saved, err);
        else if (!text_u64(&wanted, args))
            ret->problem = "the default is not a number, the first entry is taken";
        if (r < 0)
            return r;
    }
    ret->found = read_entry(&l, buf_bytes(&b), wanted);
    if (!ret->found && wanted) {
        ret->problem = arena_printf(
            g->arena, "there is no entry %" PRIu64 ", the first one is taken", wanted);
        l.root = config.fs;
        ret->found = read_entry(&l, buf_bytes(&b), 0);
    }
    return 0;
}
