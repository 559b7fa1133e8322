/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/zone_lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "base/uuid.h"
#include "service/folder.h"
#include "service/job/job.h"
#include "service/journal.h"
#include "store/instance.h"

#define HOST_FILE "host"

enum { BEAT_MAX_MS = 10 * 1000 }; /* far below ZONE_AWAY_S */

/* Of a filesystem that guests write to, what is promised to none of them: the catalogue
 * may lie on it, and ends of instances are recorded there. */
enum { RESERVE_PERCENT = 5 };
static const uint64_t reserve_min = (uint64_t)1 << 30, reserve_max = (uint64_t)32 << 30;

struct zone_lease {
    struct service *service;
    char host[UUID_TEXT], process[UUID_TEXT];
    int lock; /* the file, locked */
    int wake; /* eventfd of the thread */
    pthread_t thread;
    bool has_thread, has_zone;
    atomic_bool ending;
    atomic_llong until_ms; /* CLOCK_MONOTONIC: the lease */
};

/* ---- who this is */

/* The one that is written there, or a new one. */
static int read_host(struct zone_lease *z, const char *path, struct err *err)
{
    ssize_t n = pread(z->lock, z->host, UUID_TEXT - 1, 0);
    int r;

    if (n < 0)
        return FAIL_SYS(err, errno, "%s", path);
    if (n == UUID_TEXT - 1)
        return 0;
    r = uuid_make(z->host, err);
    if (r < 0)
        return r;
    if (pwrite(z->lock, z->host, UUID_TEXT - 1, 0) != UUID_TEXT - 1 || fsync(z->lock) < 0)
        return FAIL_SYS(err, errno, "%s", path);
    return 0;
}

static int lock_folder(struct zone_lease *z, struct err *err)
{
    const char *folder = z->service->config->instances;
    char path[PATH_MAX];
    int r = folder_make(folder, err);

    if (r < 0)
        return r;
    if (snprintf(path, sizeof path, "%s/%s", folder, HOST_FILE) >= PATH_MAX)
        return FAIL(err, ERR_LIMIT, "%s: the path is too long", folder);
    z->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (z->lock < 0)
        return FAIL_SYS(err, errno, "%s", path);
    if (flock(z->lock, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? FAIL(err, ERR_CONFLICT,
                          "another imgportd has the instances in %s: it has to end first",
                          folder)
                   : FAIL_SYS(err, errno, "%s", path);
    return read_host(z, path, err);
}

/* ---- what there is */

/* What CreateImage copies is beside what was promised, and gone when it is stored. */
static bool is_snapshot(const char *name)
{
    return strncmp(name, "snapshot-", 9) == 0;
}

/* Of the files of one instance; what is gone meanwhile has none. */
static uint64_t bytes_in(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    uint64_t sum = 0;
    struct stat st;

    if (!dir) {
        closep(&fd);
        return 0;
    }
    while ((e = readdir(dir)))
        if (!is_snapshot(e->d_name) &&
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode))
            sum += (uint64_t)st.st_blocks * 512;
    closedir(dir);
    return sum;
}

static uint64_t reserve_of(const struct statvfs *fs)
{
    uint64_t all = (uint64_t)fs->f_blocks * fs->f_frsize;

    return min_u64(max_u64(all / 100 * RESERVE_PERCENT, reserve_min), reserve_max);
}

/* What is free but for the reserve, and what instances have taken of it: the sum stays
 * while they grow. */
static int measure(uint64_t *ret, const char *folder, struct err *err)
{
    struct statvfs fs;
    const struct dirent *e;
    DIR *dir;
    uint64_t sum, reserve;

    if (statvfs(folder, &fs) < 0)
        return FAIL_SYS(err, errno, "%s", folder);
    sum = (uint64_t)fs.f_bavail * fs.f_frsize;
    dir = opendir(folder);
    if (!dir)
        return FAIL_SYS(err, errno, "%s", folder);
    while ((e = readdir(dir)))
        if (strncmp(e->d_name, "ins-", 4) == 0)
            sum += bytes_in(dirfd(dir), e->d_name);
    closedir(dir);
    reserve = reserve_of(&fs);
    *ret = sum > reserve ? sum - reserve : 0;
    return 0;
}

static int describe(struct zone *ret, const struct config *c, struct err *err)
{
    struct config_subnet subnet;
    uint64_t disk = c->instance_disk;
    int r = config_subnet(&subnet, c->subnet, err);

    if (r == 0 && !disk)
        r = measure(&disk, c->instances, err);
    if (r < 0)
        return r;
    *ret = (struct zone){
        .name = c->zone,
        .region = config_zone_region(c, c->zone)->id,
        .memory_mib = (int64_t)(c->instance_memory >> 20),
        .disk_gib = (int64_t)((disk >> 20) * c->disk_overcommit / 100 >> 10),
        .subnet = subnet.first,
        .prefix = subnet.prefix,
    };
    return 0;
}

/* ---- the lease */

static int hold(struct zone_lease *z, bool start, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    const struct config *c = z->service->config;
    int64_t lease_s = (int64_t)c->lease_seconds, now = job_now_ms();
    struct zone_holder by = {z->host, z->process, lease_s};
    struct zone zone;
    int r = describe(&zone, c, err);

    if (r == 0)
        r = catalog_get(&db, z->service->catalog, err);
    if (r == 0)
        r = zone_hold(db, &zone, &by, start, err);
    if (r == 0)
        atomic_store(&z->until_ms, now + lease_s * 1000);
    return r;
}

bool zone_lease_held(const struct zone_lease *z)
{
    return job_now_ms() < atomic_load(&z->until_ms);
}

static int fail_taken(const struct zone_lease *z, struct err *err)
{
    return FAIL(err, ERR_CONFLICT,
                "another imgportd is the host of zone %s: this one can be it only when "
                "that one has ended, or was not heard of for its lease-seconds",
                z->service->config->zone);
}

int zone_lease_renew(struct zone_lease *z, struct err *err)
{
    int r = hold(z, false, err);

    return r == REFUSED_LEASE ? fail_taken(z, err) : r;
}

static int beat_ms(const struct config *c)
{
    int64_t ms = (int64_t)c->lease_seconds * 1000 / 3;

    return (int)(ms < BEAT_MAX_MS ? ms : BEAT_MAX_MS);
}

/* Said when it changes. */
static void beat(struct zone_lease *z, bool *lost, bool *failed)
{
    const char *zone = z->service->config->zone;
    struct err err = {0};
    int r = hold(z, false, &err);

    if (r == REFUSED_LEASE) {
        atomic_store(&z->until_ms, 0);
        if (!*lost)
            journal_message("zone-lost", NULL,
                            "another imgportd is the host of %s by now: the instances "
                            "here are left alone",
                            zone);
    } else if (r == 0 && *lost) {
        journal_message("zone-held", NULL, "this is the host of %s again", zone);
    }
    if (r < 0 && !*failed)
        journal_message("zone-trouble", &err, "%s: its lease stays as it is", zone);
    *failed = r < 0;
    if (r >= 0)
        *lost = r == REFUSED_LEASE;
}

static void *lease_main(void *arg)
{
    struct zone_lease *z = arg;
    struct pollfd f = {.fd = z->wake, .events = POLLIN};
    bool lost = false, failed = false;

    for (;;) {
        poll(&f, 1, beat_ms(z->service->config));
        if (atomic_load(&z->ending))
            return NULL;
        beat(z, &lost, &failed);
    }
}

/* ---- begin and end */

static void give_back(struct zone_lease *z)
{
    AUTO(catalog_put) struct db *db = NULL;
    struct err err = {0};
    int r = catalog_get(&db, z->service->catalog, &err);

    if (r == 0)
        r = zone_let_go(db, z->service->config->zone, z->process, &err);
    if (r < 0)
        journal_message("zone-trouble", &err, "%s: its lease runs out by itself",
                        z->service->config->zone);
}

void zone_lease_end(struct zone_lease *z)
{
    if (!z)
        return;
    atomic_store(&z->ending, true);
    if (z->wake >= 0)
        (void)eventfd_write(z->wake, 1);
    if (z->has_thread)
        pthread_join(z->thread, NULL);
    if (z->has_zone)
        give_back(z);
    closep(&z->wake);
    closep(&z->lock);
    free(z);
}

static void zone_lease_endp(struct zone_lease **z)
{
    zone_lease_end(*z);
}

int zone_lease_begin(struct zone_lease **ret, struct service *s, struct err *err)
{
    AUTO(zone_lease_endp) struct zone_lease *z = calloc(1, sizeof *z);
    int e, r;

    if (!z)
        return FAIL(err, ERR_NOMEM, "no memory for a zone");
    z->service = s;
    z->lock = -1;
    z->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (z->wake < 0)
        return FAIL_SYS(err, errno, "eventfd");
    r = uuid_make(z->process, err);
    if (r == 0)
        r = lock_folder(z, err);
    if (r == 0)
        r = hold(z, true, err);
    if (r == REFUSED_LEASE)
        return fail_taken(z, err);
    if (r < 0)
        return r;
    z->has_zone = true;
    e = pthread_create(&z->thread, NULL, lease_main, z);
    if (e)
        return FAIL_SYS(err, e, "start a thread for a zone");
    z->has_thread = true;
    *ret = TAKE(z);
    return 0;
}
