/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/scoped.h"

enum {
    TEMP_TRIES = 100,
    TEMP_EXTRA = 18, /* dots, eight digits, "imgport" */
    WRITE_BEHIND = 32 << 20,
};

static int split(struct output *o, const char *dest, struct err *err)
{
    const char *slash = strrchr(dest, '/');
    const char *name = slash ? slash + 1 : dest;
    AUTO(freep)
    char *dir = slash ? strndup(dest, (size_t)(slash - dest) + 1) : strdup(".");

    if (!dir)
        return FAIL(err, ERR_NOMEM, "path");
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return FAIL(err, ERR_ARG, "is a folder, not the name of a file");
    if (strlen(name) > NAME_MAX)
        return FAIL_SYS(err, ENAMETOOLONG, "name");
    strcpy(o->name, name);
    o->folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (o->folder < 0)
        return FAIL_SYS(err, errno, "open folder %s", dir);
    return 0;
}

static int may_replace(const struct output *o, int source, struct err *err)
{
    struct stat old, src;

    if (fstatat(o->folder, o->name, &old, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : FAIL_SYS(err, errno, "stat");
    if (fstat(source, &src) == 0 && src.st_dev == old.st_dev && src.st_ino == old.st_ino)
        return FAIL(err, ERR_ARG, "is the source itself");
    if (!S_ISREG(old.st_mode) && !S_ISLNK(old.st_mode))
        return FAIL(err, ERR_ARG, "exists and is not a regular file");
    if (!o->overwrite)
        return FAIL(err, ERR_ARG, "exists; --overwrite replaces it");
    return 0;
}

static int make_temp(struct output *o, struct err *err)
{
    for (int i = 0; i < TEMP_TRIES; i++) {
        uint32_t n;

        if (getrandom(&n, sizeof n, 0) != sizeof n)
            return FAIL_SYS(err, errno, "random name");
        /* A long name is cut: the hidden one must fit where it does. */
        snprintf(o->temp, sizeof o->temp, ".%.*s.%08x.imgport", NAME_MAX - TEMP_EXTRA,
                 o->name, n);
        o->fd = openat(o->folder, o->temp,
                       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (o->fd >= 0)
            return 0;
        o->temp[0] = '\0';
        if (errno != EEXIST)
            return FAIL_SYS(err, errno, "create a file beside it");
    }
    return FAIL(err, ERR_IO, "no free name for a temporary file");
}

int output_open(struct output *ret, const char *dest, bool overwrite, int source,
                struct err *err)
{
    struct output o = {.fd = -1, .direct = -1, .folder = -1, .overwrite = overwrite};
    int r = split(&o, dest, err);

    if (r == 0)
        r = may_replace(&o, source, err);
    if (r == 0)
        r = make_temp(&o, err);
    if (r < 0) {
        output_close(&o);
        return r;
    }
    *ret = o;
    return 0;
}

int output_borrow(struct output *ret, int fd, int source, struct err *err)
{
    int flags = fcntl(fd, F_GETFL);
    struct stat st, src;

    if (flags < 0 || fstat(fd, &st) < 0)
        return FAIL_SYS(err, errno, "descriptor %d", fd);
    if ((flags & O_ACCMODE) != O_RDWR || (flags & O_APPEND) || !S_ISREG(st.st_mode) ||
        st.st_size != 0)
        return FAIL(err, ERR_ARG, "is not an empty file that can be read and written");
    if (fstat(source, &src) == 0 && src.st_dev == st.st_dev && src.st_ino == st.st_ino)
        return FAIL(err, ERR_ARG, "is the source itself");
    *ret =
        (struct output){.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3), .direct = -1, .folder = -1};
    return ret->fd < 0 ? FAIL_SYS(err, errno, "descriptor %d", fd) : 0;
}

void output_written(struct output *o, uint64_t written)
{
    if (o->no_sync || written < o->behind + WRITE_BEHIND)
        return;
    o->behind = written;
    /* Where it fails, the sync has more to do, and tells what is wrong. */
    (void)sync_file_range(o->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

int output_direct(struct output *o)
{
    char path[40];

    snprintf(path, sizeof path, "/proc/self/fd/%d", o->fd);
    if (o->direct < 0)
        o->direct = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
    return o->direct;
}

int output_sync(struct output *o, struct err *err)
{
    if (o->no_sync || o->folder < 0)
        return 0;
    return fsync(o->fd) < 0 ? FAIL_SYS(err, errno, "sync") : 0;
}

int output_commit(struct output *o, struct err *err)
{
    int failed = 0;

    if (o->folder < 0)
        return 0;
    if (!o->overwrite) {
        /* Somebody may have made DEST meanwhile. */
        if (renameat2(o->folder, o->temp, o->folder, o->name, RENAME_NOREPLACE) < 0)
            failed = errno;
        if (failed == EEXIST)
            return FAIL(err, ERR_CONFLICT, "was made by somebody else meanwhile");
    }
    if (o->overwrite || failed == EINVAL || failed == ENOSYS)
        failed = renameat(o->folder, o->temp, o->folder, o->name) < 0 ? errno : 0;
    if (failed)
        return FAIL_SYS(err, failed, "rename");
    o->temp[0] = '\0';
    if (o->no_sync)
        return 0;
    /* The name must be as durable as the bytes; a folder that cannot be synced (some
     * network filesystems) has no better to offer. */
    if (fsync(o->folder) < 0 && errno != EINVAL && errno != EROFS)
        return FAIL_SYS(err, errno, "sync of the folder");
    return 0;
}

void output_close(struct output *o)
{
    if (o->temp[0] && o->folder >= 0)
        unlinkat(o->folder, o->temp, 0);
    o->temp[0] = '\0';
    closep(&o->fd);
    closep(&o->direct);
    closep(&o->folder);
}
