/* SPDX-License-Identifier: GPL-2.0-or-later */
/* updates.c: installed updates that are known for something, and unfinished ones
 *
 * Up to 2012 R2 a package is named after its article; from 2016 on the cumulative one is
 * named after the build, whose last number tells the update. */
#include <stdio.h>

#include "base/scoped.h"
#include "guest/windows/windows.h"

#define CBS "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing"

static const struct {
    const char *article;
    uint32_t build, revision; /* 0: by the package's name */
} faulty[] = {
    {"KB5009624", 0, 0},        {"KB5009595", 0, 0},        {"KB5009546", 14393, 4886},
    {"KB5009557", 17763, 2452}, {"KB5009555", 20348, 469},  {"KB5014738", 0, 0},
    {"KB5014702", 14393, 5192}, {"KB5014692", 17763, 3046}, {"KB5014678", 20348, 768},
};

static int stop(void *arg, struct hive *h, uint32_t key, const char *name,
                struct err *err)
{
    (void)arg, (void)h, (void)key, (void)name, (void)err;
    return 1;
}

/* 1: a package of this article is there. */
static int has_package(struct windows *w, uint32_t packages, const char *article,
                       struct err *err)
{
    char prefix[64];

    snprintf(prefix, sizeof prefix, "Package_for_%s~", article);
    return hive_each_from(&w->software.hive, packages, prefix, stop, NULL, err);
}

static int look_at_packages(struct windows *w, struct err *err)
{
    static const char *const sha2[] = {"KB4474419", "KB3033929"};
    struct hive *h = &w->software.hive;
    uint32_t packages;
    int r = hive_find(h, h->root, CBS "\\Packages", &packages, err);

    if (r <= 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(faulty); i++) {
        r = faulty[i].build ? 0 : has_package(w, packages, faulty[i].article, err);
        if (r < 0)
            return r;
        if (r == 1)
            windows_add(w, &w->facts->updates, faulty[i].article);
    }
    for (size_t i = 0; i < ARRAY_SIZE(sha2) && *w->facts->sha2 == '\0'; i++) {
        r = has_package(w, packages, sha2[i], err);
        if (r < 0)
            return r;
        if (r == 1)
            w->facts->sha2 = sha2[i];
    }
    return 0;
}

static int look_at_reboot(struct windows *w, struct err *err)
{
    static const char *const keys[] = {
        CBS "\\RebootPending", CBS "\\PackagesPending",
        "Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired"};
    struct hive *h = &w->software.hive;
    uint32_t key;

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        int r = hive_find(h, h->root, keys[i], &key, err);

        if (r < 0)
            return r;
        if (r == 1)
            windows_add(w, &w->facts->pending,
                        arena_printf(w->g->arena, "SOFTWARE\\%s", keys[i]));
    }
    return 0;
}

int windows_updates(struct windows *w, struct err *err)
{
    int r = look_at_packages(w, err);

    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(faulty); i++)
        if (faulty[i].build && faulty[i].build == w->build &&
            faulty[i].revision == w->facts->revision)
            windows_add(w, &w->facts->updates,
                        arena_printf(w->g->arena, "%s (build %u.%u)", faulty[i].article,
                                     w->build, w->facts->revision));
    return r < 0 ? r : look_at_reboot(w, err);
}

int windows_pending(struct windows *w, struct err *err)
{
    int r = tree_has_file(&w->g->tree, "/Windows/WinSxS/pending.xml", err);

    if (r == 1)
        windows_add(w, &w->facts->pending, "/Windows/WinSxS/pending.xml");
    return r < 0 ? r : 0;
}
