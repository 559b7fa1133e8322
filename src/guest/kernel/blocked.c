/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blocked.c: drivers that something keeps from being loaded (modprobe.d(5)) */
#include <string.h>

#include "guest/kernel/kernel.h"

enum { BLOCKED_MAX = 256 }; /* listed */

static void add(struct guest *g, const char *module, const char *where)
{
    struct fact_linux *l = guest_linux(g);
    struct fact_blocked *b;

    for (size_t i = 0; l && i < l->blocked.n; i++)
        if (strcmp(l->blocked.v[i].module, module) == 0 &&
            strcmp(l->blocked.v[i].where, where) == 0)
            return;
    if (!l || l->blocked.n == BLOCKED_MAX)
        return;
    b = FACT_ADD(g->arena, &l->blocked, fact_blocked);
    if (!b)
        return;
    b->module = arena_str(g->arena, module);
    b->where = guest_text(g, bytes_of(where, strlen(where)));
}

/* "install virtio_blk /bin/true": run instead of loading. */
static bool does_nothing(struct bytes command)
{
    static const char *const names[] = {"true", "false", ":"};
    struct bytes word;
    size_t from;

    if (!text_next_word(&command, &word))
        return false;
    for (from = word.n; from > 0 && word.p[from - 1] != '/'; from--)
        continue;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (text_is(bytes_of(word.p + from, word.n - from), names[i]))
            return true;
    return false;
}

void blocked_lines(struct guest *g, struct bytes text, const char *where)
{
    struct bytes line, command, module;
    char name[MODULE_NAME_MAX];

    for (unsigned n = 1; text_next_line(&text, &line); n++) {
        bool blacklist;

        if (!text_next_word(&line, &command) || !text_next_word(&line, &module) ||
            !module_name(name, module))
            continue;
        blacklist = text_is(command, "blacklist");
        if (!blacklist && !(text_is(command, "install") && does_nothing(line)))
            continue;
        if (driver_is_known(name))
            add(g, name, arena_printf(g->arena, "%s:%u", where, n));
    }
}

/* Of files with the same name the first folder's counts. */
static bool is_masked(const struct tree_names *before, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < before[i].names.n; k++)
            if (strcmp(before[i].names.v[k], name) == 0)
                return true;
    return false;
}

static int read_folders(struct guest *g, struct err *err)
{
    static const char *const dirs[] = {
        "/etc/modprobe.d",     "/run/modprobe.d", "/usr/local/lib/modprobe.d",
        "/usr/lib/modprobe.d", "/lib/modprobe.d",
    };
    struct tree_names names[ARRAY_SIZE(dirs)];

    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        int r = guest_names(g, dirs[i], false, &names[i], err);

        for (size_t k = 0; k < names[i].names.n && r >= 0; k++) {
            AUTO(buf_fini) struct buf b = {0};
            const char *name = names[i].names.v[k], *path;

            if (!text_ends(bytes_of(name, strlen(name)), ".conf") ||
                is_masked(names, i, name))
                continue;
            path = arena_printf(g->arena, "%s/%s", dirs[i], name);
            r = guest_read(g, path, GUEST_TEXT_MAX, false, &b, err);
            if (r == 1)
                blocked_lines(g, buf_bytes(&b), path);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* "modprobe.blacklist=virtio_blk,virtio_net" */
static void read_cmdline(struct guest *g, const char *cmdline)
{
    static const char *const keys[] = {"modprobe.blacklist=", "module_blacklist=",
                                       "rd.driver.blacklist=", "rdblacklist="};
    struct bytes rest = bytes_of(cmdline, strlen(cmdline)), word;
    char name[MODULE_NAME_MAX];

    while (text_next_word(&rest, &word))
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
            struct bytes list;

            if (!text_starts(word, keys[i]))
                continue;
            list = bytes_of(word.p + strlen(keys[i]), word.n - strlen(keys[i]));
            while (list.n) {
                long comma = text_find(list, ",");
                size_t n = comma < 0 ? list.n : (size_t)comma;

                if (module_name(name, bytes_of(list.p, n)) && driver_is_known(name))
                    add(g, name, "kernel command line");
                n += comma >= 0;
                list = bytes_of(list.p + n, list.n - n);
            }
        }
}

int linux_blocked(struct guest *g, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    int r = read_folders(g, err);

    if (r == 0)
        r = guest_read(g, "/etc/modprobe.conf", GUEST_TEXT_MAX, false, &b, err);
    if (r == 1)
        blocked_lines(g, buf_bytes(&b), "/etc/modprobe.conf");
    if (r >= 0 && g->facts->boot)
        read_cmdline(g, g->facts->boot->cmdline);
    return r < 0 ? r : 0;
}
