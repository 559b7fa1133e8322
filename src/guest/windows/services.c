/* SPDX-License-Identifier: GPL-2.0-or-later */
/* services.c: what stands between Windows and its new disk, and what the old hypervisor
 * left among the services */
#include <stdio.h>
#include <strings.h>

#include "base/scoped.h"
#include "guest/windows/windows.h"

#define DISK_CLASS "Control\\Class\\{4d36e967-e325-11ce-bfc1-08002be10318}"

enum { DISABLED = 4, FILTERS_MAX = 16 };

/* ---- filters of disks */

/* A driver without an ImagePath is the one in the drivers' folder. */
static int look_at_filter(struct windows *w, struct fact_windows_filter *f,
                          struct err *err)
{
    const char *path = arena_printf(w->g->arena, "Services\\%s", f->name), *image = "";
    struct hive *h = &w->system.hive;
    uint32_t key, start = DISABLED;
    int r = hive_find(h, w->set, path, &key, err);

    if (r <= 0)
        return r;
    r = hive_number(h, key, "Start", &start, err);
    if (r >= 0)
        r = registry_value(w->g, h, key, "", "ImagePath", &image, err);
    if (r < 0)
        return r;
    f->service = start < DISABLED;
    path = *image
               ? registry_path(w->g, image)
               : arena_printf(w->g->arena, "/Windows/System32/drivers/%s.sys", f->name);
    r = windows_has_file(w, path, err);
    f->file = r == 1;
    return r;
}

static int look_at_filters(struct windows *w, struct err *err)
{
    AUTO(buf_fini) struct buf data = {.max = HIVE_VALUE_MAX};
    struct hive *h = &w->system.hive;
    char name[HIVE_NAME_MAX];
    struct bytes rest;
    uint32_t key, type;
    int r = hive_find(h, w->set, DISK_CLASS, &key, err);

    if (r == 1)
        r = hive_value(h, key, "UpperFilters", &type, &data, err);
    if (r <= 0)
        return r;
    rest = buf_bytes(&data);
    while (r >= 0 && w->facts->filters.n < FILTERS_MAX &&
           hive_next_text(&rest, name, sizeof name)) {
        struct fact_windows_filter *f =
            FACT_ADD(w->g->arena, &w->facts->filters, fact_windows_filter);

        if (!f)
            return arena_check(w->g->arena, err);
        f->name = registry_text(w->g, name);
        r = look_at_filter(w, f, err);
    }
    return r < 0 ? r : 0;
}

/* ---- tools */

static int add_tool(struct windows *w, const char *kind, const char *path)
{
    struct fact_residue *t = FACT_ADD(w->g->arena, &w->facts->tools, fact_residue);

    if (t) {
        t->kind = kind;
        t->path = path;
    }
    return 0;
}

static int look_at_tools(struct windows *w, struct err *err)
{
    /* Hyper-V's own are part of Windows. */
    static const struct {
        const char *service, *kind;
    } rows[] = {
        {"VMTools", "vmware"},
        {"VGAuthService", "vmware"},
        {"vmhgfs", "vmware"},
        {"VMMemCtl", "vmware"},
        {"vmci", "vmware"},
        {"vm3dmp", "vmware"},
        {"VBoxService", "virtualbox"},
        {"VBoxGuest", "virtualbox"},
        {"VBoxSF", "virtualbox"},
        {"xenbus", "xen"},
        {"xenvbd", "xen"},
        {"xenevtchn", "xen"},
        {"xenpci", "xen"},
        {"xenfilt", "xen"},
        {"xensvc", "xen"},
        {"rhelscsi", "xen"},
        {"rhelnet", "xen"},
        {"prl_tg", "parallels"},
        {"prl_tools", "parallels"},
        {"PrlTools Service", "parallels"},
    };
    struct hive *h = &w->system.hive;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char path[64];
        uint32_t start = DISABLED;
        int r;

        snprintf(path, sizeof path, "Services\\%s", rows[i].service);
        r = registry_number(h, w->set, path, "Start", &start, err);
        if (r < 0)
            return r;
        if (r == 1 && start < DISABLED)
            add_tool(w, rows[i].kind,
                     arena_printf(w->g->arena, "service %s", rows[i].service));
    }
    return 0;
}

/* The GPL drivers of Xen hide the emulated devices that this list names, and under
 * another hypervisor nothing takes their place. */
static int look_at_hidden(struct windows *w, struct err *err)
{
    static const char *const at[] = {"Services\\xenpci\\Parameters",
                                     "Services\\xenevtchn\\Parameters"};
    const char *text = "";

    for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
        int r = registry_value(w->g, &w->system.hive, w->set, at[i], "hide_devices",
                               &text, err);

        if (r < 0)
            return r;
        if (*text)
            add_tool(w, "hide-devices",
                     arena_printf(w->g->arena, "%s\\hide_devices: %s", at[i], text));
    }
    return 0;
}

int windows_services(struct windows *w, struct err *err)
{
    int r = look_at_filters(w, err);

    if (r == 0)
        r = look_at_tools(w, err);
    return r == 0 ? look_at_hidden(w, err) : r;
}
