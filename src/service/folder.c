/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int folder_make(const char *path, struct err *err)
{
    char part[PATH_MAX];

    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
        return FAIL(err, ERR_LIMIT, "the name of the data folder is too long");
    for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(part, 0750) < 0 && errno != EEXIST)
            return FAIL_SYS(err, errno, "data folder %s", part);
        if (!slash)
            return 0;
        *slash = '/';
    }
}
