/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profile.c: which profiles there are, and what they say */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "api/place.h"
#include "api/session.h"
#include "base/scoped.h"

static int is_profile(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');

    return dot && strcmp(dot, ".profile") == 0 && dot != d->d_name;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_profile(json_t *list, const char *dir, const char *file, struct err *err)
{
    AUTO(arena_fini) struct arena a = {0};
    const struct profile *p;
    char path[PATH_MAX];
    json_t *row;
    int r;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, file) >= sizeof path)
        return FAIL(err, ERR_LIMIT, "path of %s is too long", file);
    r = session_profile(&p, &a, path, err);
    if (r < 0)
        return r;
    row = json_pack("{s:s, s:s, s:s}", "name", profile_name(p), "title", profile_title(p),
                    "path", path);
    return json_array_append_new(list, row) < 0 ? FAIL(err, ERR_NOMEM, "list") : 0;
}

static int list_profiles(json_t *list, struct err *err)
{
    struct dirent **found;
    char dir[PATH_MAX];
    int n, r = place_profiles(dir, err);

    if (r < 0)
        return r;
    n = scandir(dir, &found, is_profile, by_name);
    if (n < 0)
        return FAIL_SYS(err, errno, "profiles in %s", dir);
    for (int i = 0; i < n; i++) {
        if (r == 0)
            r = add_profile(list, dir, found[i]->d_name, err);
        free(found[i]);
    }
    free(found);
    return r;
}

int imgport_profile_list(char **ret, struct imgport_error *error)
{
    AUTO(json_unrefp) json_t *list = json_array();
    struct err err = {0};
    int r = list ? list_profiles(list, &err) : FAIL(&err, ERR_NOMEM, "list");

    if (r == 0)
        r = session_dump(ret, list, &err);
    return r < 0 ? session_fail(error, &err) : 0;
}

int imgport_profile_show(char **ret, const char *name, struct imgport_error *error)
{
    struct buf text = {.max = PROFILE_TEXT_MAX};
    char path[PATH_MAX];
    struct err err = {0};
    int r = session_profile_text(&text, path, name, &err);

    if (r == 0)
        r = buf_reserve(&text, 1, &err); /* an empty file is a text too */
    if (r < 0) {
        buf_fini(&text);
        return session_fail(error, &err);
    }
    *ret = text.p;
    return 0;
}
