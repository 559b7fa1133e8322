/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/serial_log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "instance/hypervisor.h"

enum { KEPT = MACHINE_LOG_MAX / 2 };

int serial_log_open(struct serial_log *ret, int fd, struct err *err)
{
    off_t size = lseek(fd, 0, SEEK_END);

    if (size < 0)
        return FAIL_SYS(err, errno, "console log");
    *ret = (struct serial_log){.fd = fd, .size = (uint64_t)size};
    return 0;
}

static int put(const struct serial_log *log, const void *p, size_t n, uint64_t off,
               struct err *err)
{
    while (n) {
        ssize_t k = pwrite(log->fd, p, n, (off_t)off);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return FAIL_SYS(err, k < 0 ? errno : ENOSPC, "console log");
        p = (const char *)p + k;
        n -= (size_t)k;
        off += (uint64_t)k;
    }
    return 0;
}

static int shorten(struct serial_log *log, struct err *err)
{
    size_t want = (size_t)min_u64(log->size, KEPT), got = 0;
    AUTO(freep) char *text = malloc(KEPT);
    const char *newline, *from = text;
    int r;

    if (!text)
        return FAIL(err, ERR_NOMEM, "console log");
    while (got < want) {
        ssize_t k =
            pread(log->fd, text + got, want - got, (off_t)(log->size - want + got));

        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return FAIL_SYS(err, errno, "console log");
        if (k == 0)
            break; /* somebody cut it */
        got += (size_t)k;
    }
    newline = memchr(text, '\n', got);
    if (newline)
        from = newline + 1;
    got -= (size_t)(from - text);
    r = put(log, from, got, 0, err);
    if (r < 0)
        return r;
    if (ftruncate(log->fd, (off_t)got) < 0)
        return FAIL_SYS(err, errno, "console log");
    log->size = got;
    return 0;
}

int serial_log_write(struct serial_log *log, struct bytes b, struct err *err)
{
    int r = 0;

    if (b.n > KEPT)
        b = bytes_of(b.p + b.n - KEPT, KEPT);
    if (log->size + b.n > MACHINE_LOG_MAX)
        r = shorten(log, err);
    if (r == 0)
        r = put(log, b.p, b.n, log->size, err);
    if (r == 0)
        log->size += b.n;
    return r;
}
