/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob_dir.c: blobs as files of one folder
 *
 *     ROOT/.tmp/<random>          being written, its writer holds a lock on it
 *     ROOT/object/3f/3f9c...      whole
 *
 * Where the filesystem can, a file being written has no name at all (O_TMPFILE), so
 * nothing is left of a writer that dies.  Every name is resolved beneath ROOT, through no
 * link. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "base/text.h"
#include "store/blob_dir.h"
#include "store/blob_driver.h"

#define TEMP_FOLDER ".tmp"

enum {
    TEMP_TRIES = 100,
    TEMP_NAME = 24,
    WRITE_BEHIND = 16 << 20, /* bytes; so that the sync at the end has little to do */
    /* Of one write(): with more of them the page cache takes larger folios, thus memory
     * that was not used lately, which costs six times as much on a virtual machine whose
     * host gives memory at its first touch. */
    WRITE_MAX = 64 << 10,
    /* Blobs of at least so many bytes go past the page cache, as far as their pieces are
     * aligned: that spares a copy, and what others have in the cache. */
    DIRECT_MIN = 16 << 20,
    DIRECT_ALIGN = 4096, /* in the file and in memory; no filesystem here asks for more */
    DEPTH_MAX = 16,      /* of folders below ROOT */
    /* What uploads leave free, a hundredth of the disk within these: a catalogue on the
     * same disk needs room before anything can be deleted. */
    RESERVE_MIN = 4 << 20,
    RESERVE_MAX = 64 << 20,
    RESERVE_STEP = 256 << 10, /* bytes from one look to the next */
};

struct dir {
    struct blobs blobs;
    int root, temp;
    bool named; /* the filesystem knows no files without a name */
};

struct dir_writer {
    struct blob_writer writer;
    struct dir *dir;
    char temp[TEMP_NAME]; /* "": it has no name */
    uint64_t behind;      /* up to here the kernel was asked to write */
    uint64_t size;        /* as announced */
    bool direct;          /* it writes past the page cache */
};

static struct dir *dir_of(struct blobs *b)
{
    return CONTAINER_OF(b, struct dir, blobs);
}

static int open_beneath(int root, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .resolve =
            (uint64_t)RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, root, path, &how, sizeof how);

    return (int)fd;
}

/* A folder that cannot be synced (some network filesystems) has no better to offer. */
static int sync_folder(int fd, struct err *err)
{
    if (fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
        return FAIL_SYS(err, errno, "sync of a folder of blobs");
    return 0;
}

/* ---- the folder itself */

static int open_folder(const char *path, struct err *err)
{
    int fd;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return FAIL_SYS(err, errno, "objects: make the folder %s", path);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? FAIL_SYS(err, errno, "objects: %s", path) : fd;
}

static int open_temp_folder(int root, struct err *err)
{
    int fd;

    if (mkdirat(root, TEMP_FOLDER, 0700) < 0 && errno != EEXIST)
        return FAIL_SYS(err, errno, "objects: make the folder " TEMP_FOLDER);
    fd = open_beneath(root, TEMP_FOLDER, O_RDONLY | O_DIRECTORY);
    return fd < 0 ? FAIL_SYS(err, errno, "objects: " TEMP_FOLDER) : fd;
}

static bool knows_nameless_files(int folder)
{
    AUTO(closep) int fd = openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

    return fd >= 0;
}

void blob_dir_use_names(struct blobs *b)
{
    dir_of(b)->named = true;
}

static void dir_stop(struct blobs *b)
{
    struct dir *d = dir_of(b);

    closep(&d->root);
    closep(&d->temp);
    free(d);
}

static int dir_start(struct blobs **ret, const struct blobs_options *o, const char *path,
                     struct err *err)
{
    AUTO(freep) struct dir *d = calloc(1, sizeof *d);
    AUTO(closep) int root = -1;
    int r;

    (void)o;
    if (!d)
        return FAIL(err, ERR_NOMEM, "objects");
    r = root = open_folder(path, err);
    if (r >= 0)
        r = d->temp = open_temp_folder(root, err);
    if (r < 0)
        return r;
    d->named = !knows_nameless_files(d->temp);
    d->root = root;
    root = -1;
    *ret = &TAKE(d)->blobs;
    return 0;
}

static int dir_check(struct blobs *b, struct err *err)
{
    struct dir *d = dir_of(b);

    if (faccessat(d->root, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return FAIL_SYS(err, errno, "objects: the folder");
    return 0;
}

/* ---- writing */

static int make_named(struct dir_writer *w, struct err *err)
{
    for (int i = 0; i < TEMP_TRIES; i++) {
        uint64_t n;

        if (getrandom(&n, sizeof n, 0) != sizeof n)
            return FAIL_SYS(err, errno, "random name");
        snprintf(w->temp, sizeof w->temp, "%016" PRIx64, n);
        w->writer.fd = openat(w->dir->temp, w->temp,
                              O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (w->writer.fd < 0 && errno == EEXIST)
            continue;
        if (w->writer.fd < 0) {
            w->temp[0] = '\0';
            return FAIL_SYS(err, errno, "create a blob");
        }
        /* Says to a sweeper that somebody writes.  One that came between the two lines
         * has removed the name; then this is nobody's file. */
        if (flock(w->writer.fd, LOCK_EX | LOCK_NB) == 0) {
            struct stat st;

            if (fstat(w->writer.fd, &st) == 0 && st.st_nlink == 1)
                return 0;
        }
        closep(&w->writer.fd);
    }
    w->temp[0] = '\0';
    return FAIL(err, ERR_IO, "no free name for a blob");
}

static void dir_end(struct blob_writer *writer)
{
    struct dir_writer *w = CONTAINER_OF(writer, struct dir_writer, writer);

    if (w->temp[0])
        unlinkat(w->dir->temp, w->temp, 0);
    closep(&w->writer.fd);
    free(w);
}

static int dir_create(struct blob_writer **ret, struct blobs *b, const char *key,
                      uint64_t size, struct err *err)
{
    AUTO(freep) struct dir_writer *w = calloc(1, sizeof *w);
    int r = 0;

    (void)key;
    if (!w)
        return FAIL(err, ERR_NOMEM, "blob");
    w->dir = dir_of(b);
    if (w->dir->named) {
        r = make_named(w, err);
    } else {
        w->writer.fd = openat(w->dir->temp, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (w->writer.fd < 0)
            r = FAIL_SYS(err, errno, "create a blob");
    }
    if (r < 0)
        return r;
    w->size = size;
    *ret = &TAKE(w)->writer;
    return 0;
}

static int leave_room(const struct blob_writer *w, size_t n, struct err *err)
{
    struct statvfs fs;
    uint64_t reserve, room;

    if (fstatvfs(w->fd, &fs) < 0)
        return FAIL_SYS(err, errno, "room for blob %s", w->key);
    if (fs.f_blocks == 0) /* some network filesystems do not say */
        return 0;
    reserve = (uint64_t)fs.f_blocks * fs.f_frsize / 100;
    reserve = reserve < RESERVE_MIN ? RESERVE_MIN : min_u64(reserve, RESERVE_MAX);
    room = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (room < n || room - n < reserve)
        return FAIL_SYS(err, ENOSPC, "write of blob %s, but for the last %" PRIu64 " MiB",
                        w->key, reserve >> 20);
    return 0;
}

/* Not every filesystem has such a thing: is it so now? */
static bool set_direct(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 &&
           fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

static bool is_aligned(const void *p, size_t n, uint64_t at)
{
    return ((uintptr_t)p | n | at) % DIRECT_ALIGN == 0;
}

static void write_direct(struct dir_writer *w, bool on)
{
    w->direct = set_direct(w->writer.fd, on) && on;
}

static int dir_write(struct blob_writer *writer, const void *p, size_t n, struct err *err)
{
    struct dir_writer *w = CONTAINER_OF(writer, struct dir_writer, writer);
    uint64_t at = writer->written, end = at + n;
    int r = 0;

    if (writer->written == 0 || end / RESERVE_STEP != writer->written / RESERVE_STEP)
        r = leave_room(writer, n, err);
    if (r < 0)
        return r;
    /* Not earlier: who takes the writer as a file writes as it likes. */
    if (at == 0 && w->size >= DIRECT_MIN && is_aligned(p, n, at))
        write_direct(w, true);
    while (n) {
        ssize_t put;

        if (w->direct && !is_aligned(p, n, at))
            write_direct(w, false);
        put = write(writer->fd, p, w->direct ? n : min_size(n, WRITE_MAX));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EINVAL && w->direct) {
            write_direct(w, false);
            continue;
        }
        if (put < 0)
            return FAIL_SYS(err, errno, "write of blob %s", writer->key);
        p = (const char *)p + put;
        n -= (size_t)put;
        at += (uint64_t)put;
    }
    if (!w->direct && end - w->behind >= WRITE_BEHIND) {
        /* Advice: what is wrong with it fsync() tells. */
        sync_file_range(w->writer.fd, (off_t)w->behind, (off_t)(end - w->behind),
                        SYNC_FILE_RANGE_WRITE);
        w->behind = end;
    }
    return 0;
}

/* Opens the folder that `key` lies in, made where it is missing.  The descriptor, or
 * negative. */
static int open_parent(struct dir *d, const char *key, struct err *err)
{
    AUTO(closep) int at = openat(d->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *slash;
    char name[BLOB_KEY_MAX];
    int fd;

    if (at < 0)
        return FAIL_SYS(err, errno, "objects: the folder");
    for (; (slash = strchr(key, '/')); key = slash + 1) {
        snprintf(name, sizeof name, "%.*s", (int)(slash - key), key);
        fd = open_beneath(at, name, O_RDONLY | O_DIRECTORY);
        if (fd < 0 && errno == ENOENT) {
            if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
                return FAIL_SYS(err, errno, "make a folder for blobs");
            fd = sync_folder(at, err);
            if (fd < 0)
                return fd;
            fd = open_beneath(at, name, O_RDONLY | O_DIRECTORY);
        }
        if (fd < 0)
            return FAIL_SYS(err, errno, "the folder %s of blobs", name);
        close(at);
        at = fd;
    }
    fd = at;
    at = -1;
    return fd;
}

/* The file at folder/path (AT_FDCWD and a link of /proc: of a descriptor) gets the name
 * `key`, for good. */
static int give_name(struct dir *d, int folder, const char *path, const char *key,
                     struct err *err)
{
    const char *slash = strrchr(key, '/'), *name = slash ? slash + 1 : key;
    AUTO(closep) int parent = open_parent(d, key, err);
    int flags = folder == AT_FDCWD ? AT_SYMLINK_FOLLOW : 0;

    if (parent < 0)
        return parent;
    if (linkat(folder, path, parent, name, flags) < 0) {
        if (errno == EEXIST)
            return FAIL(err, ERR_CONFLICT, "blob %s is there already", key);
        return FAIL_SYS(err, errno, "blob %s", key);
    }
    return sync_folder(parent, err);
}

static const char *path_of(char ret[32], int fd)
{
    snprintf(ret, 32, "/proc/self/fd/%d", fd);
    return ret;
}

static int dir_commit(struct blob_writer *writer, struct err *err)
{
    struct dir_writer *w = CONTAINER_OF(writer, struct dir_writer, writer);
    char self[32];

    if (fsync(writer->fd) < 0)
        return FAIL_SYS(err, errno, "sync of blob %s", writer->key);
    return w->temp[0]
               ? give_name(w->dir, w->dir->temp, w->temp, writer->key, err)
               : give_name(w->dir, AT_FDCWD, path_of(self, writer->fd), writer->key, err);
}

/* Blobs never change: two names of one file are as good as two files. */
static int dir_link(struct blobs *b, const char *from, const char *to, struct err *err)
{
    AUTO(closep) int fd = open_beneath(dir_of(b)->root, from, O_RDONLY | O_NONBLOCK);
    struct err why = {0};
    char self[32];
    int r;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return FAIL(err, ERR_NOTFOUND, "there is no blob %s", from);
    if (fd < 0)
        return FAIL_SYS(err, errno, "blob %s", from);
    r = give_name(dir_of(b), AT_FDCWD, path_of(self, fd), to, &why);
    if (r == 0)
        return 0;
    if (why.sys == ENOENT) /* deleted meanwhile */
        return FAIL(err, ERR_NOTFOUND, "there is no blob %s any more", from);
    if (why.sys == EMLINK || why.sys == EPERM || why.sys == EOPNOTSUPP)
        return FAIL(err, ERR_UNSUPPORTED, "blob %s: no second name", from);
    if (err)
        *err = why;
    return r;
}

/* ---- reading */

static int dir_open(struct blob **ret, struct blobs *b, const char *key, struct err *err)
{
    AUTO(closep) int fd = open_beneath(dir_of(b)->root, key, O_RDONLY | O_NONBLOCK);
    struct stat st;
    struct blob *o;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return FAIL(err, ERR_NOTFOUND, "there is no blob %s", key);
    if (fd < 0 || fstat(fd, &st) < 0)
        return FAIL_SYS(err, errno, "blob %s", key);
    if (!S_ISREG(st.st_mode))
        return FAIL(err, ERR_NOTFOUND, "blob %s is no file", key);
    o = calloc(1, sizeof *o);
    if (!o)
        return FAIL(err, ERR_NOMEM, "blob");
    o->size = (uint64_t)st.st_size;
    o->fd = fd;
    fd = -1;
    *ret = o;
    return 0;
}

static void dir_close(struct blob *o)
{
    closep(&o->fd);
    free(o);
}

static int dir_read(struct blob *o, void *buf, size_t n, uint64_t off, struct err *err)
{
    while (n) {
        ssize_t got = pread(o->fd, buf, n, (off_t)off);

        if (got < 0 && errno == EINTR)
            continue;
        /* The last bytes, or a filesystem that does not say so before. */
        if (got < 0 && errno == EINVAL && fcntl(o->fd, F_GETFL) & O_DIRECT &&
            set_direct(o->fd, false))
            continue;
        if (got < 0)
            return FAIL_SYS(err, errno, "read of a blob");
        if (got == 0)
            return FAIL(err, ERR_SHORT, "a blob was cut at %" PRIu64 " of %" PRIu64, off,
                        o->size);
        buf = (char *)buf + got;
        off += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

static void dir_read_once(struct blob *o)
{
    (void)set_direct(o->fd, true);
}

static int dir_remove(struct blobs *b, const char *key, struct err *err)
{
    struct dir *d = dir_of(b);
    const char *slash = strrchr(key, '/');
    char parent[BLOB_KEY_MAX] = ".";
    AUTO(closep) int fd = -1;

    if (slash)
        snprintf(parent, sizeof parent, "%.*s", (int)(slash - key), key);
    fd = open_beneath(d->root, parent, O_RDONLY | O_DIRECTORY);
    if (fd >= 0 && unlinkat(fd, slash ? slash + 1 : key, 0) == 0)
        return 0;
    /* Not synced: a deleted blob that comes back has no row, and is swept. */
    return errno == ENOENT || errno == ENOTDIR
               ? 0
               : FAIL_SYS(err, errno, "delete blob %s", key);
}

/* ---- going through all */

struct walk {
    const char *prefix;
    int (*fn)(void *arg, const char *key, uint64_t size, uint64_t age, struct err *err);
    void *arg;
    time_t now;
};

static void closedirp(DIR **d)
{
    if (*d)
        closedir(*d);
}

/* Could a key that begins like `key` (a folder's, with its slash) begin with the prefix?
 */
static bool leads_to(const char *key, const char *prefix)
{
    size_t n = min_size(strlen(key), strlen(prefix));

    return strncmp(key, prefix, n) == 0;
}

/* Takes over fd.  Recursion ends at DEPTH_MAX. */
static int walk_folder(const struct walk *w, int fd, const char *path, unsigned depth,
                       struct err *err)
{
    AUTO(closedirp) DIR *dir = fdopendir(fd);
    struct dirent *e;
    char key[BLOB_KEY_MAX];
    struct stat st;
    int r = 0;

    if (!dir) {
        close(fd);
        return FAIL_SYS(err, errno, "list blobs");
    }
    while (r == 0 && (errno = 0, e = readdir(dir))) {
        if (e->d_name[0] == '.' ||
            snprintf(key, sizeof key, "%s%s", path, e->d_name) >= (int)sizeof key - 1)
            continue;
        if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue; /* deleted meanwhile */
        if (S_ISREG(st.st_mode)) {
            time_t age = w->now - st.st_mtime;

            if (strncmp(key, w->prefix, strlen(w->prefix)) == 0 && blob_key_is_valid(key))
                r = w->fn(w->arg, key, (uint64_t)st.st_size, age > 0 ? (uint64_t)age : 0,
                          err);
        } else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
            int sub;

            strcat(key, "/");
            if (!leads_to(key, w->prefix))
                continue;
            sub = open_beneath(fd, e->d_name, O_RDONLY | O_DIRECTORY);
            if (sub >= 0)
                r = walk_folder(w, sub, key, depth + 1, err);
        }
        errno = 0;
    }
    return r == 0 && errno ? FAIL_SYS(err, errno, "list blobs") : r;
}

static int dir_list(struct blobs *b, const char *prefix,
                    int (*fn)(void *arg, const char *key, uint64_t size, uint64_t age,
                              struct err *err),
                    void *arg, struct err *err)
{
    struct walk w = {prefix, fn, arg, time(NULL)};
    int fd = open_beneath(dir_of(b)->root, ".", O_RDONLY | O_DIRECTORY);

    if (fd < 0)
        return FAIL_SYS(err, errno, "list blobs");
    return walk_folder(&w, fd, "", 0, err);
}

static int dir_sweep(struct blobs *b, uint64_t age, struct err *err)
{
    struct dir *d = dir_of(b);
    int fd = open_beneath(d->root, TEMP_FOLDER, O_RDONLY | O_DIRECTORY);
    AUTO(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    (void)age;
    if (!dir) {
        closep(&fd);
        return FAIL_SYS(err, errno, "list unfinished blobs");
    }
    while ((e = readdir(dir))) {
        AUTO(closep) int one = -1;

        if (e->d_name[0] == '.')
            continue;
        one = open_beneath(d->temp, e->d_name, O_RDONLY | O_NONBLOCK);
        if (one >= 0 && flock(one, LOCK_EX | LOCK_NB) == 0)
            unlinkat(d->temp, e->d_name, 0);
    }
    return 0;
}

const struct blob_driver blob_dir_driver = {
    .scheme = "dir:",
    .start = dir_start,
    .stop = dir_stop,
    .check = dir_check,
    .create = dir_create,
    .write = dir_write,
    .commit = dir_commit,
    .end = dir_end,
    .link = dir_link,
    .open = dir_open,
    .close = dir_close,
    .read = dir_read,
    .read_once = dir_read_once,
    .remove = dir_remove,
    .list = dir_list,
    .sweep = dir_sweep,
};
