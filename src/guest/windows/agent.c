/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent.c: cloudbase-init, which takes the part of cloud-init */
#include "base/scoped.h"
#include "guest/windows/windows.h"

enum { AUTOMATIC = 2, SCRIPT_MAX = 64 << 10 };

static const char complete[] = "/Windows/Setup/Scripts/SetupComplete.cmd";

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

/* Its installer takes the service's start back before Sysprep, and has this script give
 * it again at the end of the first start. */
static int starts_after_setup(struct windows *w, struct err *err)
{
    AUTO(buf_fini) struct buf b = {.max = SCRIPT_MAX};
    int r = tree_read(&w->g->tree, complete, &b, err);

    return r == 1 ? text_find(buf_bytes(&b), "cloudbase-init") >= 0 : r;
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
        if (program && start > AUTOMATIC)
            r = starts_after_setup(w, err);
        ci->installed = program;
        ci->enabled = program && (start <= AUTOMATIC || r == 1);
        ci->evidence = arena_printf(g->arena, "service cloudbase-init: %s%s%s", image,
                                    r == 1 && start > AUTOMATIC ? ", by " : "",
                                    r == 1 && start > AUTOMATIC ? complete : "");
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
