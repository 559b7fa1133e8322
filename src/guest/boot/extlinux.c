/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extlinux.c: settings of extlinux and syslinux
 *
 * Lines of "KEYWORD arguments", in any case.  A LABEL begins an entry.  When the time is
 * over, ONTIMEOUT starts; else what a menu has as MENU DEFAULT; else DEFAULT; else the
 * first label. */
#include <strings.h>

#include "guest/boot/boot.h"

enum {
    INCLUDE_DEPTH = 4,
    INCLUDES_MAX = 64,
};

struct label {
    const char *name, *title;
    struct bytes kernel; /* path and, behind it, options */
    const char *append, *initrd;
    bool menu_default;
};

struct extlinux {
    struct guest *g;
    struct boot_file config;
    const char *dir;
    LIST(struct label) labels;
    const char *fallback;   /* DEFAULT */
    const char *on_timeout; /* ONTIMEOUT */
    const char *append;     /* for every label that has none */
    unsigned includes;
};

static bool is_word(struct bytes word, const char *keyword)
{
    return word.n == strlen(keyword) &&
           strncasecmp((const char *)word.p, keyword, word.n) == 0;
}

static const char *keep(struct extlinux *x, struct bytes b)
{
    return arena_strn(x->g->arena, (const char *)b.p, b.n);
}

static const char *path_of(struct extlinux *x, const char *path)
{
    return *path == '/' ? path : arena_printf(x->g->arena, "%s/%s", x->dir, path);
}

static int read_file(struct extlinux *x, const char *path, unsigned depth,
                     struct err *err);

static void label_line(struct extlinux *x, struct label *l, struct bytes word,
                       struct bytes args)
{
    struct bytes rest = args, second = {0};

    if (is_word(word, "kernel") || is_word(word, "linux")) {
        const char *s = keep(x, args);

        l->kernel = bytes_of(s, args.n);
    } else if (is_word(word, "append")) {
        l->append = keep(x, args);
    } else if (is_word(word, "initrd") || is_word(word, "initrds")) {
        l->initrd = keep(x, args);
    } else if (is_word(word, "menu") && text_next_word(&rest, &second)) {
        if (is_word(second, "default"))
            l->menu_default = true;
        else if (is_word(second, "label"))
            l->title = keep(x, text_trim(rest));
    }
}

static int line(struct extlinux *x, struct bytes text, unsigned depth, struct err *err)
{
    struct bytes word, args;
    struct label *last = x->labels.n ? &x->labels.v[x->labels.n - 1] : NULL;

    if (!text_next_word(&text, &word) || word.p[0] == '#')
        return 0;
    args = text_trim(text);
    if (is_word(word, "include"))
        return depth < INCLUDE_DEPTH && x->includes++ < INCLUDES_MAX
                   ? read_file(x, path_of(x, keep(x, args)), depth + 1, err)
                   : 0;
    if (is_word(word, "label")) {
        if (x->labels.n == BOOT_ENTRIES_MAX)
            return 0;
        last = LIST_ADD(x->g->arena, &x->labels);
        if (!last)
            return arena_check(x->g->arena, err);
        last->name = keep(x, args);
        last->title = "";
        last->initrd = "";
    } else if (is_word(word, "default")) {
        x->fallback = keep(x, args);
    } else if (is_word(word, "ontimeout")) {
        x->on_timeout = keep(x, args);
    } else if (last) {
        label_line(x, last, word, args);
    } else if (is_word(word, "append")) {
        x->append = keep(x, args);
    }
    return 0;
}

static int read_file(struct extlinux *x, const char *path, unsigned depth,
                     struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct bytes rest, one;
    int r = boot_read(x->g, x->config.fs, path, BOOT_CONFIG_MAX, &b, err);

    if (r <= 0)
        return r;
    rest = buf_bytes(&b);
    while (text_next_line(&rest, &one)) {
        r = line(x, one, depth, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static const struct label *find_label(const struct extlinux *x, const char *name)
{
    for (size_t i = 0; i < x->labels.n; i++)
        if (strcmp(x->labels.v[i].name, name) == 0)
            return &x->labels.v[i];
    return NULL;
}

static const struct label *choose(const struct extlinux *x)
{
    const struct label *l = *x->on_timeout ? find_label(x, x->on_timeout) : NULL;

    for (size_t i = 0; i < x->labels.n && !l; i++)
        if (x->labels.v[i].menu_default)
            l = &x->labels.v[i];
    if (!l)
        l = find_label(x, x->fallback);
    return l ? l : x->labels.n ? x->labels.v : NULL;
}

static void add_initrds(struct extlinux *x, struct boot_entry *e, struct bytes list)
{
    while (list.n && e->initrds.n < BOOT_INITRDS_MAX) {
        long comma = text_find(list, ",");
        size_t n = comma < 0 ? list.n : (size_t)comma;
        struct boot_file *f = n ? LIST_ADD(x->g->arena, &e->initrds) : NULL;

        if (f)
            *f = (struct boot_file){x->config.fs,
                                    path_of(x, keep(x, bytes_of(list.p, n)))};
        n += comma >= 0;
        list = bytes_of(list.p + n, list.n - n);
    }
}

/* "initrd=" among the options is an order to the loader, and the kernel sees it too. */
static void take(struct extlinux *x, struct boot_choice *ret, const struct label *l)
{
    struct bytes rest = l->kernel, word = {0};
    const char *append = l->append ? l->append : x->append;

    ret->found = true;
    ret->entry.title = *l->title ? l->title : l->name;
    if (text_next_word(&rest, &word))
        ret->entry.kernel = (struct boot_file){x->config.fs, path_of(x, keep(x, word))};
    if (strcmp(append, "-") == 0)
        append = "";
    ret->entry.options = boot_join(x->g, keep(x, text_trim(rest)), append);
    add_initrds(x, &ret->entry, bytes_of(l->initrd, strlen(l->initrd)));
    rest = bytes_of(append, strlen(append));
    while (!*l->initrd && text_next_word(&rest, &word))
        if (text_starts(word, "initrd="))
            add_initrds(x, &ret->entry, bytes_of(word.p + 7, word.n - 7));
}

int boot_extlinux(struct boot_choice *ret, struct guest *g, struct boot_file config,
                  struct err *err)
{
    struct extlinux x = {
        .g = g,
        .config = config,
        .dir = boot_dirname(g, config.path),
        .fallback = "",
        .on_timeout = "",
        .append = "",
    };
    const struct label *l;
    int r = read_file(&x, config.path, 0, err);

    if (r < 0)
        return r;
    l = choose(&x);
    if (l)
        take(&x, ret, l);
    return 0;
}
