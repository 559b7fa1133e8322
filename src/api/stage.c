/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

const char *stage_folder(void)
{
    const char *folder = getenv("TMPDIR");

    return folder && *folder ? folder : "/var/tmp";
}

int stage_open(struct err *err)
{
    int fd = open(stage_folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    return fd < 0 ? FAIL_SYS(err, errno, "a temporary file in %s", stage_folder()) : fd;
}
