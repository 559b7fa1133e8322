/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/boot_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scoped.h"

static const char prefix[] = "imgport-boot-";
static const char lock_name[] = "lock", lock_unnamed[] = "lock.new";
enum { RANDOM_LETTERS = 6 }; /* of mkdtemp() */

static void dir_closep(DIR **d)
{
    if (*d)
        closedir(*d);
}

static DIR *open_dir(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !d)
        close(fd);
    return d;
}

/* The lock last: without it nobody would know that the rest may go. */
static void empty(int folder)
{
    AUTO(dir_closep) DIR *d = open_dir(folder, ".");
    const struct dirent *e;

    while (d && (e = readdir(d)))
        if (strcmp(e->d_name, lock_name) != 0)
            unlinkat(folder, e->d_name, 0);
    unlinkat(folder, lock_name, 0);
}

static bool is_of_us(int fd, mode_t kind)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == kind &&
           st.st_uid == geteuid() && (st.st_mode & 077) == 0 && st.st_nlink > 0;
}

static void remove_if_left(int around, const char *name)
{
    AUTO(closep)
    int folder = openat(around, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO(closep)
    int lock = folder < 0 ? -1
                          : openat(folder, lock_name,
                                   O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (lock < 0 || !is_of_us(folder, S_IFDIR) || !is_of_us(lock, S_IFREG) ||
        flock(lock, LOCK_EX | LOCK_NB) < 0)
        return;
    /* Somebody else may have done it before we had the lock. */
    if (!is_of_us(lock, S_IFREG))
        return;
    empty(folder);
    unlinkat(around, name, AT_REMOVEDIR);
}

static void remove_left(const char *around)
{
    AUTO(dir_closep) DIR *d = opendir(around);
    const struct dirent *e;

    while (d && (e = readdir(d)))
        if (strncmp(e->d_name, prefix, sizeof prefix - 1) == 0 &&
            strlen(e->d_name) == sizeof prefix - 1 + RANDOM_LETTERS)
            remove_if_left(dirfd(d), e->d_name);
}

/* It gets its name when it is locked, or somebody would take it for one that is left. */
static int make_lock(struct boot_folder *f, struct err *err)
{
    f->lock = openat(f->fd, lock_unnamed, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (f->lock < 0 || flock(f->lock, LOCK_EX | LOCK_NB) < 0 ||
        renameat(f->fd, lock_unnamed, f->fd, lock_name) < 0)
        return FAIL_SYS(err, errno, "lock of %s", f->path);
    return 0;
}

int boot_folder_make(struct boot_folder *ret, const char *around, struct err *err)
{
    AUTO(boot_folder_remove) struct boot_folder f = BOOT_FOLDER_NONE;
    int r;

    remove_left(around);
    if ((size_t)snprintf(f.path, sizeof f.path, "%s/%sXXXXXX", around, prefix) >=
        sizeof f.path) {
        f.path[0] = '\0';
        return FAIL(err, ERR_LIMIT, "temporary folder: its name is too long");
    }
    if (!mkdtemp(f.path)) {
        f.path[0] = '\0';
        return FAIL_SYS(err, errno, "temporary folder in %s", around);
    }
    f.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (f.fd < 0)
        return FAIL_SYS(err, errno, "%s", f.path);
    r = make_lock(&f, err);
    if (r < 0)
        return r;
    *ret = f;
    f = (struct boot_folder)BOOT_FOLDER_NONE;
    return 0;
}

void boot_folder_remove(struct boot_folder *f)
{
    if (f->fd >= 0)
        empty(f->fd);
    if (f->path[0])
        rmdir(f->path);
    closep(&f->fd);
    closep(&f->lock);
    f->path[0] = '\0';
}
