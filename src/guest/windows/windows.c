/* SPDX-License-Identifier: GPL-2.0-or-later */
/* windows.c: the hives of a Windows system, and the order in which its facts are seen */
#include "guest/windows/windows.h"

#include <stdio.h>

#include "base/log.h"
#include "base/scoped.h"

void windows_add(struct windows *w, fact_strings *list, const char *text)
{
    const char **p;

    if (list->n >= WINDOWS_LIST_MAX)
        return;
    p = LIST_ADD(w->g->arena, list);
    if (p)
        *p = text;
}

int windows_has_file(struct windows *w, const char *path, struct err *err)
{
    return *path ? tree_has_file(&w->g->tree, path, err) : 0;
}

/* ---- hives */

static const char *error_text(struct guest *g, const struct err *err)
{
    return guest_text(g, bytes_of(err->msg, strlen(err->msg)));
}

/* A hive whose first block is damaged, and that has no log to mend it from, is damaged
 * for Windows too: that was seen.  Everything else that fails is "could not look". */
static int describe_failure(struct windows *w, struct fact_windows_hive *h, int failed,
                            struct err *err)
{
    int r = 0;

    h->detail = error_text(w->g, err);
    h->state = "unknown";
    if (failed == -ERR_CORRUPT) {
        struct err ignored = {0};

        r = registry_has_log(&w->g->tree, h->path, &ignored);
        if (r == 0)
            h->state = "damaged";
    }
    return guest_problem(w->g, "registry", h->path, false, err);
}

/* *open: it was there and could be opened. */
static int open_hive(struct windows *w, const char *name, bool needed,
                     struct registry *ret, bool *open, struct err *err)
{
    const char *path = arena_printf(w->g->arena, "/Windows/System32/config/%s", name);
    struct fact_windows_hive *h;
    int r = registry_open(ret, &w->g->tree, path, err);

    *open = r == 1;
    if (r == 0 && !needed)
        return 0;
    h = FACT_ADD(w->g->arena, &w->facts->hives, fact_windows_hive);
    if (!h)
        return arena_check(w->g->arena, err);
    h->name = name;
    h->path = path;
    h->state = r == 1 ? "ok" : "missing";
    if (r == 1 && ret->hive.dirty) {
        h->stale = true;
        h->detail = arena_printf(w->g->arena, "sequence numbers %u and %u",
                                 ret->hive.sequence[0], ret->hive.sequence[1]);
    }
    return r < 0 ? describe_failure(w, h, r, err) : 0;
}

static int open_hives(struct windows *w, struct err *err)
{
    int r = open_hive(w, "SYSTEM", true, &w->system, &w->has_system, err);

    if (r == 0)
        r = open_hive(w, "SOFTWARE", true, &w->software, &w->has_software, err);
    if (r == 0) /* from Windows 10 on */
        r = open_hive(w, "DRIVERS", false, &w->drivers, &w->has_drivers, err);
    return r;
}

static int find_control_set(struct windows *w, struct err *err)
{
    struct hive *h = &w->system.hive;
    char path[32];
    int r = registry_number(h, h->root, "Select", "Current", &w->facts->control_set, err);

    if (r == 1) {
        snprintf(path, sizeof path, "ControlSet%03u", w->facts->control_set);
        r = hive_find(h, h->root, path, &w->set, err);
    }
    return r == 0  ? FAIL(err, ERR_CORRUPT, "hive: no current control set")
           : r < 0 ? r
                   : 0;
}

/* ---- everything */

enum needs { NOTHING, SYSTEM, SOFTWARE };

static int look(struct windows *w, struct err *err)
{
    static const struct {
        const char *subject;
        enum needs needs;
        bool minor;
        int (*look)(struct windows *w, struct err *err);
    } rows[] = {
        {"SOFTWARE: version", SOFTWARE, false, windows_version},
        {"/Windows/System32/ntoskrnl.exe", NOTHING, true, windows_machine},
        {"SYSTEM: drivers", SYSTEM, false, windows_drivers},
        {"boot configuration", NOTHING, false, windows_boot},
        {"SYSTEM: cloudbase-init", SYSTEM, false, windows_agent},
        {"SYSTEM: services", SYSTEM, true, windows_services},
        {"SOFTWARE: updates", SOFTWARE, true, windows_updates},
        {"SYSTEM: network", SYSTEM, true, windows_network},
        {"policies", NOTHING, true, windows_policies},
        {"/hiberfil.sys", NOTHING, false, windows_sleep},
        {"/Windows/WinSxS", NOTHING, true, windows_pending},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int r;

        if ((rows[i].needs == SYSTEM && !w->has_system) ||
            (rows[i].needs == SOFTWARE && !w->has_software))
            continue;
        log_debug(LOG_GUEST, "windows: %s", rows[i].subject);
        r = rows[i].look(w, err);
        if (r < 0)
            r = guest_problem(w->g, "registry", rows[i].subject, rows[i].minor, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static void windows_fini(struct windows *w)
{
    registry_fini(&w->system);
    registry_fini(&w->software);
    registry_fini(&w->drivers);
}

int windows_facts(struct guest *g, struct err *err)
{
    AUTO(windows_fini) struct windows w = {.g = g};
    struct facts *f = g->facts;
    int r;

    w.facts = f->windows = FACT_NEW(g->arena, fact_windows);
    f->os = FACT_NEW(g->arena, fact_os);
    if (!f->windows || !f->os)
        return arena_check(g->arena, err);
    f->os->type = f->os->id = "windows";
    f->os->name = "Windows";
    r = open_hives(&w, err);
    if (r == 0 && w.has_system) {
        r = find_control_set(&w, err);
        if (r < 0) {
            w.has_system = false;
            r = guest_problem(g, "registry", "SYSTEM: Select", false, err);
        }
    }
    return r < 0 ? r : look(&w, err);
}
