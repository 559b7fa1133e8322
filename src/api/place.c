/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

/* The folder under which everything lies as in a build tree; false: use installed paths.
 */
static bool find_root(char ret[PATH_MAX])
{
    const char *env = secure_getenv("IMGPORT_ROOT");
    char worker[PATH_MAX];
    ssize_t n;
    char *slash;

    if (env)
        return (size_t)snprintf(ret, PATH_MAX, "%s", env) < PATH_MAX;
    n = readlink("/proc/self/exe", ret, PATH_MAX - 1);
    if (n <= 0)
        return false;
    ret[n] = '\0';
    slash = strrchr(ret, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return (size_t)snprintf(worker, sizeof worker, "%s/imgport-worker", ret) <
               sizeof worker &&
           access(worker, X_OK) == 0;
}

static int place(char ret[PATH_MAX], const char *in_root, const char *installed,
                 struct err *err)
{
    char root[PATH_MAX];
    int n;

    if (find_root(root))
        n = snprintf(ret, PATH_MAX, "%s/%s", root, in_root);
    else
        n = snprintf(ret, PATH_MAX, "%s", installed);
    return n < PATH_MAX ? 0 : FAIL(err, ERR_LIMIT, "path of %s is too long", in_root);
}

int place_worker(char ret[PATH_MAX], struct err *err)
{
    return place(ret, "imgport-worker", IMGPORT_LIBEXECDIR "/imgport-worker", err);
}

int place_net(char ret[PATH_MAX], struct err *err)
{
    return place(ret, "imgport-net", IMGPORT_LIBEXECDIR "/imgport-net", err);
}

int place_profiles(char ret[PATH_MAX], struct err *err)
{
    return place(ret, "profiles", IMGPORT_DATADIR "/profiles", err);
}

int place_messages(char ret[PATH_MAX], struct err *err)
{
    return place(ret, "po", IMGPORT_LOCALEDIR, err);
}
