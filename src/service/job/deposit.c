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

void deposit_close(struct deposit_file *f)
{
    blob_close(f->blob);
    closep(&f->copy);
    f->blob = NULL;
    f->fd = -1;
}

int deposit_open(struct deposit_file *ret, struct job *j, const char *key,
                 struct err *err)
{
    AUTO(deposit_close) struct deposit_file f = DEPOSIT_FILE_NONE;
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

static int fill_blob(struct blob_writer *w, EVP_MD_CTX *digest, int fd, struct job *j,
                     struct err *err)
{
    AUTO(freep) uint8_t *buf = malloc(PIECE);

    if (!buf)
        return FAIL(err, ERR_NOMEM, "no memory for a copy");
    for (;;) {
        ssize_t n = read(fd, buf, PIECE);
        int r = job_goes_on(j, err);

        if (r < 0)
            return r;
        if (n < 0)
            return FAIL_SYS(err, errno, "read what was converted");
        if (n == 0)
            return 0;
        if (EVP_DigestUpdate(digest, buf, (size_t)n) != 1)
            return FAIL(err, ERR_NOMEM, "sha-256");
        r = blob_write(w, buf, (size_t)n, err);
        if (r < 0)
            return r;
    }
}

int deposit_file(uint64_t *ret_size, char ret_sha256[DEPOSIT_SHA256], struct job *j,
                 const char *path, const char *key, struct err *err)
{
    AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    AUTO(digest_freep) EVP_MD_CTX *digest = EVP_MD_CTX_new();
    AUTO(blob_abortp) struct blob_writer *w = NULL;
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct stat st;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0)
        return FAIL_SYS(err, errno, "open what was converted");
    if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
        return FAIL(err, ERR_NOMEM, "sha-256");
    r = blob_create(&w, j->service->blobs, key, (uint64_t)st.st_size, err);
    if (r == 0)
        r = fill_blob(w, digest, fd, j, err);
    if (r == 0 && EVP_DigestFinal_ex(digest, raw, &n) != 1)
        r = FAIL(err, ERR_NOMEM, "sha-256");
    if (r < 0)
        return r;
    r = blob_commit(TAKE(w), err);
    if (r < 0)
        return r;
    *ret_size = (uint64_t)st.st_size;
    for (unsigned i = 0; i < n; i++)
        snprintf(ret_sha256 + 2 * i, 3, "%02x", raw[i]);
    return 0;
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
