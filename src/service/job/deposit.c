/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/deposit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "api/stage.h"
#include "base/checked.h"
#include "base/scoped.h"

enum { PIECE = 1 << 20 };

static int write_all(int fd, const uint8_t *p, size_t n, struct err *err)
{
    while (n) {
        ssize_t put = write(fd, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return FAIL_SYS(err, errno, "a temporary file in %s", stage_folder());
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

static int copy_blob(int to, struct job *j, struct blob *from, struct err *err)
{
    AUTO(freep) uint8_t *buf = malloc(PIECE);
    uint64_t size = blob_size(from);

    if (!buf)
        return FAIL(err, ERR_NOMEM, "no memory for a copy");
    for (uint64_t off = 0; off < size;) {
        size_t n = min_u64(PIECE, size - off);
        int r = job_goes_on(j, err);

        if (r == 0)
            r = blob_read(from, buf, n, off, err);
        if (r == 0)
            r = write_all(to, buf, n, err);
        if (r < 0)
            return r;
        off += n;
    }
    return 0;
}

void deposit_file_close(struct deposit_file *f)
{
    blob_close(f->blob);
    closep(&f->copy);
    f->blob = NULL;
    f->fd = -1;
}

int deposit_open(struct deposit_file *ret, struct job *j, const char *key,
                 struct err *err)
{
    AUTO(deposit_file_close) struct deposit_file f = DEPOSIT_FILE_NONE;
    int r = blob_open(&f.blob, j->service->blobs, key, err);

    if (r < 0)
        return r;
    f.fd = blob_fd(f.blob);
    if (f.fd < 0) {
        f.copy = stage_open(err);
        if (f.copy < 0)
            return f.copy;
        r = copy_blob(f.copy, j, f.blob, err);
        if (r < 0)
            return r;
        f.fd = f.copy;
    }
    *ret = f;
    f = (struct deposit_file)DEPOSIT_FILE_NONE;
    return 0;
}

static int work_folder(char *ret, size_t room, const struct service *s, struct err *err)
{
    if ((size_t)snprintf(ret, room, "%s/work", s->config->data) >= room)
        return FAIL(err, ERR_LIMIT, "the name of the data folder is too long");
    if (mkdir(ret, 0700) < 0 && errno != EEXIST)
        return FAIL_SYS(err, errno, "folder %s", ret);
    return 0;
}

int deposit_work_path(char *ret, size_t room, const struct job *j, size_t n,
                      struct err *err)
{
    int r = work_folder(ret, room, j->service, err);
    size_t at;

    if (r < 0)
        return r;
    at = strlen(ret);
    if ((size_t)snprintf(ret + at, room - at, "/%" PRId64 "-%" PRId64 "-%zu.qcow2",
                         j->task->id, j->lease->attempt, n) >= room - at)
        return FAIL(err, ERR_LIMIT, "the name of the data folder is too long");
    return 0;
}

static void digest_freep(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}

/* Sums the file and, when `w` is given, copies it there. */
static int sum_file(char ret[DEPOSIT_SHA256], struct blob_writer *w, int fd,
                    struct job *j, struct err *err)
{
    AUTO(freep) uint8_t *buf = malloc(PIECE);
    AUTO(digest_freep) EVP_MD_CTX *digest = EVP_MD_CTX_new();
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n_raw = 0;

    if (!buf || !digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
        return FAIL(err, ERR_NOMEM, "no memory for a copy");
    for (off_t at = 0;;) {
        ssize_t n = pread(fd, buf, PIECE, at);
        int r = job_goes_on(j, err);

        if (r < 0)
            return r;
        if (n < 0)
            return FAIL_SYS(err, errno, "read what was converted");
        if (n == 0)
            break;
        if (EVP_DigestUpdate(digest, buf, (size_t)n) != 1)
            return FAIL(err, ERR_NOMEM, "sha-256");
        r = w ? blob_write(w, buf, (size_t)n, err) : 0;
        if (r < 0)
            return r;
        at += n;
    }
    if (EVP_DigestFinal_ex(digest, raw, &n_raw) != 1)
        return FAIL(err, ERR_NOMEM, "sha-256");
    for (unsigned i = 0; i < n_raw; i++)
        snprintf(ret + 2 * i, 3, "%02x", raw[i]);
    return 0;
}

void deposit_close(struct deposit *d)
{
    blob_abortp(&d->writer);
    closep(&d->copy);
    d->fd = -1;
}

int deposit_begin(struct deposit *ret, struct job *j, const char *key, struct err *err)
{
    AUTO(deposit_close) struct deposit d = DEPOSIT_NONE;
    int r = blob_create(&d.writer, j->service->blobs, key, BLOB_SIZE_UNKNOWN, err);

    if (r < 0)
        return r;
    d.fd = blob_writer_fd(d.writer);
    if (d.fd < 0) {
        blob_abortp(&d.writer);
        d.fd = d.copy = stage_open(err);
        if (d.copy < 0)
            return d.copy;
    }
    snprintf(d.key, sizeof d.key, "%s", key);
    *ret = d;
    d = (struct deposit)DEPOSIT_NONE;
    return 0;
}

int deposit_commit(uint64_t *ret_size, char ret_sha256[DEPOSIT_SHA256], struct deposit *d,
                   struct job *j, struct err *err)
{
    struct stat st;
    int r = 0;

    if (fstat(d->fd, &st) < 0)
        return FAIL_SYS(err, errno, "size of what was converted");
    if (d->copy >= 0)
        r = blob_create(&d->writer, j->service->blobs, d->key, (uint64_t)st.st_size, err);
    else /* the sync that follows finds it under way */
        (void)sync_file_range(d->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (r == 0)
        r = sum_file(ret_sha256, d->copy >= 0 ? d->writer : NULL, d->fd, j, err);
    if (r < 0)
        return r;
    d->fd = -1;
    r = blob_commit(TAKE(d->writer), err);
    if (r == 0)
        *ret_size = (uint64_t)st.st_size;
    return r;
}

int deposit_file(uint64_t *ret_size, char ret_sha256[DEPOSIT_SHA256], struct job *j,
                 const char *path, const char *key, struct err *err)
{
    AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    AUTO(blob_abortp) struct blob_writer *w = NULL;
    struct stat st;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0)
        return FAIL_SYS(err, errno, "open what was converted");
    r = blob_create(&w, j->service->blobs, key, (uint64_t)st.st_size, err);
    if (r == 0)
        r = sum_file(ret_sha256, w, fd, j, err);
    if (r == 0)
        r = blob_commit(TAKE(w), err);
    if (r == 0)
        *ret_size = (uint64_t)st.st_size;
    return r;
}

/* "12-1-0.qcow2", and ".12-1-0.qcow2.XXXXXXXX.imgport" while it is written. */
static bool parse_name(int64_t *task, int64_t *attempt, const char *name)
{
    return sscanf(name + (*name == '.'), "%" SCNd64 "-%" SCNd64 "-", task, attempt) == 2;
}

int deposit_sweep(const struct service *s,
                  int (*wanted)(bool *ret, void *arg, int64_t task, int64_t attempt,
                                struct err *err),
                  void *arg, struct err *err)
{
    char folder[4096];
    int r = work_folder(folder, sizeof folder, s, err);
    DIR *d = r < 0 ? NULL : opendir(folder);
    struct dirent *e;

    if (r < 0)
        return r;
    if (!d)
        return FAIL_SYS(err, errno, "folder %s", folder);
    while (r == 0 && (e = readdir(d))) {
        int64_t task, attempt;
        bool keep = false;

        if (!parse_name(&task, &attempt, e->d_name))
            continue;
        r = wanted(&keep, arg, task, attempt, err);
        if (r == 0 && !keep)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    return r;
}
