/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent.c: cloudbase-init, which takes the part of cloud-init */
#include "base/scoped.h"
#include "guest/windows/windows.h"

enum { AUTOMATIC = 2 };

static const char *const places[] = {
    "/Program Files/Cloudbase Solutions/Cloudbase-Init",
    "/Program Files (x86)/Cloudbase Solutions/Cloudbase-Init",
};

static const char *start_name(uint32_t start)
{
    static const char *const names[] = {"boot", "system", "automatic", "manual",
                                        "disabled"};

    return start < ARRAY_SIZE(names) ? names[start] : "unknown";
}

int windows_agent(struct windows *w, struct err *err)
{
    struct guest *g = w->g;
    struct hive *h = &w->system.hive;
    struct fact_cloud_init *ci = FACT_NEW(g->arena, fact_cloud_init);
    const char *image = "";
    uint32_t key, start = 4;
    bool program = false;
    int r;

    if (!ci)
        return arena_check(g->arena, err);
    r = hive_find(h, w->set, "Services\\cloudbase-init", &key, err);
    if (r == 1) {
        r = hive_number(h, key, "Start", &start, err);
        if (r >= 0)
            r = registry_value(g, h, key, "", "ImagePath", &image, err);
        if (r == 0)
            r = windows_has_file(w, registry_path(g, image), err);
        program = r == 1;
        ci->installed = program;
        ci->enabled = program && start <= AUTOMATIC;
        ci->evidence = arena_printf(g->arena, "service cloudbase-init: %s", image);
        if (!program)
            ci->disabled_by = "the service's program is not there";
        else if (!ci->enabled)
            ci->disabled_by =
                arena_printf(g->arena, "the service's start is %s", start_name(start));
    } else {
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++) {
            r = tree_has_dir(&g->tree, places[i], err);
            if (r == 1)
                ci->evidence =
                    arena_printf(g->arena, "%s without its service", places[i]);
        }
    }
    if (r < 0)
        return r;
    g->facts->cloud_init = ci;
    return 0;
}
