/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/scoped.h"

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

static ssize_t copy_some(int from, int to)
{
    char buf[64 * 1024];
    ssize_t n = read(from, buf, sizeof buf);

    for (ssize_t done = 0; done < n;) {
        ssize_t put = write(to, buf + done, (size_t)(n - done));

        if (put < 0 && errno != EINTR)
            return -1;
        done += put > 0 ? put : 0;
    }
    return n;
}

int stage_input(int from, const struct frame_patience *patience, struct err *err)
{
    AUTO(closep) int fd = stage_open(err);
    struct pollfd more = {.fd = from, .events = POLLIN};
    int staged;

    if (fd < 0)
        return fd;
    for (;;) {
        int r = patience->still_wanted(patience->arg, err);
        ssize_t n;

        if (r < 0)
            return r;
        if (poll(&more, 1, 200) == 0)
            continue;
        n = splice(from, NULL, fd, NULL, 1 << 20, 0);
        if (n < 0 && errno == EINVAL) /* not every kind of file can be spliced */
            n = copy_some(from, fd);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FAIL_SYS(err, errno, "keep the input in %s", stage_folder());
        if (n == 0)
            break;
    }
    staged = fd;
    fd = -1;
    return staged;
}
