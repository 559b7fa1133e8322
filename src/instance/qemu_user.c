/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu_user.c: a user of its own for each machine
 *
 * Its number is the group of the machine's folder, which gives that group no right: the
 * folder stays ours, since what lies in it (the note of what runs, by which we kill) is
 * not to be written by a guest that broke out.  The folders beside it are the book of the
 * numbers that are taken; who reads it, or adds to it, holds the lock of what they lie
 * in. */
#include "instance/qemu_user.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scoped.h"

enum { LOCK_TRIES = 500, LOCK_PAUSE_US = 20000 };

static void dir_closep(DIR **d)
{
    if (*d)
        closedir(*d);
}

static bool is_ours(const struct hypervisor *h, gid_t n)
{
    return n >= h->users.first && n <= h->users.last;
}

/* `taken` has a byte a number. */
static int read_book(uint8_t *taken, const struct hypervisor *h, int around,
                     const struct stat *self, struct err *err)
{
    AUTO(closep) int fd = openat(around, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(dir_closep) DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    struct stat st;

    if (!d)
        return FAIL_SYS(err, errno, "read the folder of machines");
    fd = -1;
    while ((errno = 0, e = readdir(d))) {
        if (fstatat(around, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno != ENOENT)
                return FAIL_SYS(err, errno, "%s", e->d_name);
            continue;
        }
        if (is_ours(h, st.st_gid) &&
            (st.st_ino != self->st_ino || st.st_dev != self->st_dev))
            taken[st.st_gid - h->users.first] = 1;
    }
    return errno ? FAIL_SYS(err, errno, "read the folder of machines") : 0;
}

/* For a while: what is around may be a folder of all, whose lock anybody can hold. */
static bool lock(int fd)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return false;
        usleep(LOCK_PAUSE_US);
    }
    return false;
}

static int take_number(gid_t *ret, const struct hypervisor *h, int folder,
                       struct err *err)
{
    uint32_t n = h->users.last - h->users.first + 1, free_one = 0;
    AUTO(closep) int around = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(freep) uint8_t *taken = calloc(1, n);
    struct stat self;
    int r;

    if (!taken)
        return FAIL(err, ERR_NOMEM, "users");
    if (around < 0 || !lock(around) || fstat(folder, &self) < 0)
        return FAIL_SYS(err, errno, "the folder of machines");
    r = read_book(taken, h, around, &self, err);
    if (r < 0)
        return r;
    *ret = self.st_gid;
    if (is_ours(h, self.st_gid) && !taken[self.st_gid - h->users.first])
        return 0;
    while (free_one < n && taken[free_one])
        free_one++;
    if (free_one == n)
        return FAIL(err, ERR_LIMIT, "no user is left for another machine (%u of them)",
                    n);
    *ret = h->users.first + free_one;
    return fchown(folder, (uid_t)-1, *ret) < 0
               ? FAIL_SYS(err, errno, "give the machine's folder to group %u", *ret)
               : 0;
}

int qemu_user(struct machine_user *ret, const struct hypervisor *h, int folder,
              struct err *err)
{
    struct machine_user user = h->user;
    gid_t number = 0;
    int r = h->users.first ? take_number(&number, h, folder, err) : 0;

    if (r < 0)
        return r;
    if (number)
        user = (struct machine_user){true, number, number, 0};
    if (h->accelerator == ACCELERATOR_HARDWARE)
        user.extra = h->kvm;
    *ret = user;
    return 0;
}
