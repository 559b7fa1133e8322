/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bls.c: entries of the Boot Loader Specification
 *
 * Lines of "key value".  Files are called MACHINE-ID-VERSION.conf, and the default is
 * chosen by that name, so the order matters as much as what is in them. */
#include <stdlib.h>

#include "guest/boot/boot.h"

enum { ENTRY_MAX = 16 << 10 }; /* bytes of one entry */

bool bls_key_is(struct bytes *line, const char *key)
{
    struct bytes rest = *line, word;

    if (!text_next_word(&rest, &word) || !text_is(word, key))
        return false;
    *line = text_trim(rest);
    return true;
}

static const char *keep(struct guest *g, struct bytes b)
{
    return arena_strn(g->arena, (const char *)b.p, b.n);
}

static void add_initrds(struct guest *g, struct bls_entry *e, struct bytes value)
{
    struct bytes word;

    while (text_next_word(&value, &word) && e->initrds.n < BOOT_INITRDS_MAX) {
        const char **p = LIST_ADD(g->arena, &e->initrds);

        if (p)
            *p = keep(g, word);
    }
}

static void decode(struct guest *g, struct bls_entry *e, struct bytes text)
{
    struct bytes line;

    while (text_next_line(&text, &line)) {
        line = text_trim(line);
        if (bls_key_is(&line, "title"))
            e->title = keep(g, line);
        else if (bls_key_is(&line, "version"))
            e->version = keep(g, line);
        else if (bls_key_is(&line, "sort-key"))
            e->sort_key = keep(g, line);
        else if (bls_key_is(&line, "linux"))
            e->kernel = keep(g, line);
        else if (bls_key_is(&line, "efi") || bls_key_is(&line, "uki"))
            e->efi = keep(g, line);
        else if (bls_key_is(&line, "initrd"))
            add_initrds(g, e, line);
        else if (bls_key_is(&line, "options"))
            e->options = boot_join(g, e->options, keep(g, line));
    }
}

/* NAME-VERSION-RELEASE from the right, as packages are named. */
static void split(struct bytes id, struct bytes part[3])
{
    for (int i = 2; i > 0; i--) {
        size_t n = id.n;

        while (n > 0 && id.p[n - 1] != '-')
            n--;
        part[i] = n ? bytes_of(id.p + n, id.n - n) : (struct bytes){id.p, 0};
        if (n)
            id.n = n - 1;
    }
    part[0] = id;
}

static struct bytes text_of(const char *s)
{
    return bytes_of(s, strlen(s));
}

static int newest_first(const void *pa, const void *pb)
{
    const struct bls_entry *a = pa, *b = pb;
    struct bytes pa3[3], pb3[3];

    split(text_of(a->id), pa3);
    split(text_of(b->id), pb3);
    for (int i = 0; i < 3; i++) {
        int r = boot_vercmp(pb3[i], pa3[i]);

        if (r)
            return r;
    }
    return 0;
}

int bls_read(struct bls_entries *ret, struct guest *g, const struct guest_fs *fs,
             const char *dir, struct err *err)
{
    struct tree_names names;
    int r = boot_names(g, fs, dir, &names, err);

    *ret = (struct bls_entries){0};
    if (r < 0)
        return r;
    for (size_t i = 0; i < names.names.n && ret->list.n < BOOT_ENTRIES_MAX; i++) {
        AUTO(buf_fini) struct buf b = {0};
        struct bytes name = text_of(names.names.v[i]);
        struct bls_entry *e;

        if (!text_ends(name, ".conf"))
            continue;
        r = boot_read(g, fs, arena_printf(g->arena, "%s/%s", dir, names.names.v[i]),
                      ENTRY_MAX, &b, err);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        e = LIST_ADD(g->arena, &ret->list);
        if (!e)
            return arena_check(g->arena, err);
        e->id = arena_strn(g->arena, names.names.v[i], name.n - strlen(".conf"));
        e->title = e->version = e->sort_key = e->kernel = e->options = e->efi = "";
        e->fs = fs;
        decode(g, e, buf_bytes(&b));
    }
    if (ret->list.n)
        qsort(ret->list.v, ret->list.n, sizeof *ret->list.v, newest_first);
    return 0;
}
