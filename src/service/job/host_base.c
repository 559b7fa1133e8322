/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What disks stand on: blobs as files.  A row of the catalogue names the blob before it
 * is fetched (of the instance, or of an image that its task uses), so that one who drops
 * it sees that.
 *
 * One fetches or drops a blob at a time; others of them go on meanwhile. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "service/job/host_parts.h"
#include "service/journal.h"

enum { PIECE = 1 << 20, ASK_MS = 200 /* whether what is waited for is still wanted */ };

/* ---- one at a time */

/* Somebody is at this blob. */
struct base_claim {
    struct base_claim *next;
    const char *blob;
};

static bool is_claimed(const struct host *h, const char *blob)
{
    for (const struct base_claim *c = h->claims; c; c = c->next)
        if (strcmp(c->blob, blob) == 0)
            return true;
    return false;
}

/* Waits until nobody else is. */
static int claim_begin(struct base_claim *c, struct host *h, const char *blob,
                       int (*goes_on)(void *arg, struct err *err), void *arg,
                       struct err *err)
{
    int r = 0;

    c->blob = blob;
    pthread_mutex_lock(&h->bases);
    while (r == 0 && is_claimed(h, blob)) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += ASK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&h->bases_free, &h->bases, &until);
        if (goes_on) {
            pthread_mutex_unlock(&h->bases);
            r = goes_on(arg, err);
            pthread_mutex_lock(&h->bases);
        }
    }
    if (r == 0) {
        c->next = h->claims;
        h->claims = c;
    }
    pthread_mutex_unlock(&h->bases);
    return r;
}

/* false: somebody else is. */
static bool claim_try(struct base_claim *c, struct host *h, const char *blob)
{
    bool is_free;

    c->blob = blob;
    pthread_mutex_lock(&h->bases);
    is_free = !is_claimed(h, blob);
    if (is_free) {
        c->next = h->claims;
        h->claims = c;
    }
    pthread_mutex_unlock(&h->bases);
    return is_free;
}

static void claim_end(const struct base_claim *c, struct host *h)
{
    struct base_claim **at = &h->claims;

    pthread_mutex_lock(&h->bases);
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    pthread_cond_broadcast(&h->bases_free);
    pthread_mutex_unlock(&h->bases);
}

/* ---- the files */

/* "image/1-1-0" is a file of its own: "image_1-1-0.qcow2". */
static int base_path(char ret[PATH_MAX], const struct host *h, const char *blob,
                     struct err *err)
{
    char name[BLOB_KEY_MAX + 16];

    snprintf(name, sizeof name, "%.*s.qcow2", BLOB_KEY_MAX, blob);
    for (char *p = name; *p; p++)
        if (*p == '/')
            *p = '_';
    return host_path(ret, h, HOST_BASES, name, err);
}

static int write_all(int fd, const uint8_t *p, size_t n, struct err *err)
{
    while (n) {
        ssize_t put = write(fd, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return FAIL_SYS(err, errno, "the image of an instance");
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

static int copy(int to, struct blob *from, int (*goes_on)(void *arg, struct err *err),
                void *arg, struct err *err)
{
    AUTO(freep) uint8_t *buf = malloc(PIECE);
    uint64_t size = blob_size(from);

    if (!buf)
        return FAIL(err, ERR_NOMEM, "no memory for a copy");
    for (uint64_t off = 0; off < size;) {
        size_t n = min_u64(PIECE, size - off);
        int r = goes_on ? goes_on(arg, err) : 0;

        if (r == 0)
            r = blob_read(from, buf, n, off, err);
        if (r == 0)
            r = write_all(to, buf, n, err);
        if (r < 0)
            return r;
        off += n;
    }
    return fsync(to) == 0 ? 0 : FAIL_SYS(err, errno, "the image of an instance");
}

static bool link_file(const char *path, int fd)
{
    char name[64];

    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, name, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

static int fetch(const char *path, struct host *h, const char *key,
                 int (*goes_on)(void *arg, struct err *err), void *arg, struct err *err)
{
    AUTO(blob_closep) struct blob *blob = NULL;
    AUTO(closep) int fd = -1;
    char part[PATH_MAX];
    int r = blob_open(&blob, h->service->blobs, key, err);

    if (r < 0)
        return r;
    if (blob_fd(blob) >= 0 && link_file(path, blob_fd(blob)))
        return 0;
    if (snprintf(part, sizeof part, "%s.part", path) >= PATH_MAX)
        return FAIL(err, ERR_LIMIT, "%s: the path is too long", path);
    fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return FAIL_SYS(err, errno, "%s", part);
    r = copy(fd, blob, goes_on, arg, err);
    if (r == 0 && rename(part, path) < 0)
        r = FAIL_SYS(err, errno, "%s", path);
    if (r < 0)
        unlink(part);
    return r;
}

int host_base(char ret[PATH_MAX], struct host *h, const char *blob,
              int (*goes_on)(void *arg, struct err *err), void *arg, struct err *err)
{
    struct base_claim claim;
    int r = base_path(ret, h, blob, err);

    if (r < 0)
        return r;
    if (!*blob)
        return FAIL(err, ERR_NOTFOUND, "the image has no bytes");
    r = claim_begin(&claim, h, blob, goes_on, arg, err);
    if (r < 0)
        return r;
    if (access(ret, R_OK) < 0)
        r = fetch(ret, h, blob, goes_on, arg, err);
    claim_end(&claim, h);
    return r;
}

static int is_used(bool *ret, struct host *h, const char *blob, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int r = catalog_get(&db, h->service->catalog, err);

    return r < 0 ? r : instance_uses_blob(ret, db, h->service->config->zone, blob, err);
}

/* Of a blob that the caller has claimed. */
static void drop(struct host *h, const char *blob)
{
    char path[PATH_MAX];
    struct err err = {0};
    bool used = true;
    int r = base_path(path, h, blob, &err);

    if (r == 0)
        r = is_used(&used, h, blob, &err);
    if (r == 0 && !used)
        unlink(path);
    if (r < 0)
        journal_message("instance-trouble", &err, "%s stays", blob);
}

void host_base_drop(struct host *h, const char *blob)
{
    struct base_claim claim;
    struct err ignored; /* nobody is asked */

    if (!*blob || claim_begin(&claim, h, blob, NULL, NULL, &ignored) < 0)
        return;
    drop(h, blob);
    claim_end(&claim, h);
}

bool host_base_try_drop(struct host *h, const char *blob)
{
    struct base_claim claim;

    if (!*blob)
        return true;
    if (!claim_try(&claim, h, blob))
        return false;
    drop(h, blob);
    claim_end(&claim, h);
    return true;
}

int host_bases_sweep(struct host *h, struct err *err)
{
    char path[PATH_MAX], blob[BLOB_KEY_MAX];
    struct dirent *e;
    DIR *dir;
    int r = host_path(path, h, HOST_BASES, NULL, err);

    dir = r == 0 ? opendir(path) : NULL;
    if (!dir)
        return r < 0 ? r : FAIL_SYS(err, errno, "%s", path);
    while ((e = readdir(dir))) {
        size_t n = strlen(e->d_name);
        char *slash;

        if (n > 5 && strcmp(e->d_name + n - 5, ".part") == 0)
            unlinkat(dirfd(dir), e->d_name, 0);
        if (n <= 6 || n - 6 >= sizeof blob || strcmp(e->d_name + n - 6, ".qcow2") != 0)
            continue;
        memcpy(blob, e->d_name, n - 6);
        blob[n - 6] = '\0';
        /* As image/ and the others are named: one slash, before anything else. */
        slash = strchr(blob, '_');
        if (slash)
            *slash = '/';
        host_base_drop(h, blob);
    }
    closedir(dir);
    return 0;
}
