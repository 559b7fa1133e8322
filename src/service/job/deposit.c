/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/deposit.h"

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

/* Of a file that is read once. */
struct sums {
    EVP_MD_CTX *sha256, *md5;
    bool is_object; /* md5 is wanted */
};

static void sums_fini(struct sums *s)
{
    EVP_MD_CTX_free(s->sha256);
    EVP_MD_CTX_free(s->md5);
}

static int sums_begin(struct sums *s, struct err *err)
{
    s->sha256 = EVP_MD_CTX_new();
    s->md5 = EVP_MD_CTX_new();
    return s->sha256 && s->md5 && EVP_DigestInit_ex(s->sha256, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestInit_ex(s->md5, EVP_md5(), NULL) == 1
               ? 0
               : FAIL(err, ERR_NOMEM, "no memory for a copy");
}

static int sums_add(struct sums *s, const uint8_t *p, size_t n, struct err *err)
{
    return EVP_DigestUpdate(s->sha256, p, n) == 1 &&
                   (!s->is_object || EVP_DigestUpdate(s->md5, p, n) == 1)
               ? 0
               : FAIL(err, ERR_NOMEM, "digest");
}

static int sums_end(char *ret, EVP_MD_CTX *digest, struct err *err)
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (EVP_DigestFinal_ex(digest, raw, &n) != 1)
        return FAIL(err, ERR_NOMEM, "digest");
    for (unsigned i = 0; i < n; i++)
        snprintf(ret + 2 * i, 3, "%02x", raw[i]);
    return 0;
}

/* Sums the file and, when `w` is given, copies it there. */
static int sum_file(struct sums *s, struct blob_writer *w, int fd, uint64_t size,
                    struct job *j, struct err *err)
{
    AUTO(freep) uint8_t *buf = malloc(PIECE);
    int r = buf ? sums_begin(s, err) : FAIL(err, ERR_NOMEM, "no memory for a copy");

    for (off_t at = 0; r == 0;) {
        ssize_t n = pread(fd, buf, PIECE, at);

        if (n < 0)
            return FAIL_SYS(err, errno, "read what was converted");
        if (n == 0)
            break;
        r = job_goes_on(j, err);
        if (r == 0)
            r = sums_add(s, buf, (size_t)n, err);
        if (r == 0 && w)
            r = blob_write(w, buf, (size_t)n, err);
        at += n;
        if (s->is_object)
            job_progress(j, at, (int64_t)size);
    }
    return r;
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

int deposit_take_file(struct deposit *ret, int fd, const char *key, struct err *err)
{
    struct deposit d = DEPOSIT_NONE;

    d.fd = d.copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (d.copy < 0)
        return FAIL_SYS(err, errno, "one more descriptor");
    snprintf(d.key, sizeof d.key, "%s", key);
    *ret = d;
    return 0;
}

static int commit(uint64_t *ret_size, struct sums *s, struct deposit *d, struct job *j,
                  struct err *err)
{
    struct stat st;
    int r = 0;

    if (fstat(d->fd, &st) < 0)
        return FAIL_SYS(err, errno, "size of what was converted");
    if (d->copy >= 0)
        r = blob_create(&d->writer, j->service->blobs, d->key, (uint64_t)st.st_size, err);
    else if (s) /* the sync that follows finds it under way */
        (void)sync_file_range(d->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (r == 0 && s)
        r = sum_file(s, d->copy >= 0 ? d->writer : NULL, d->fd, (uint64_t)st.st_size, j,
                     err);
    if (r < 0)
        return r;
    d->fd = -1;
    r = blob_commit(TAKE(d->writer), err);
    if (r == 0)
        *ret_size = (uint64_t)st.st_size;
    return r;
}

int deposit_commit(uint64_t *ret_size, char ret_sha256[DEPOSIT_SHA256], struct deposit *d,
                   struct job *j, struct err *err)
{
    AUTO(sums_fini) struct sums s = {0};
    bool is_read = d->copy >= 0;
    int r = commit(ret_size, is_read ? &s : NULL, d, j, err);

    *ret_sha256 = '\0';
    return r == 0 && is_read ? sums_end(ret_sha256, s.sha256, err) : r;
}

int deposit_commit_object(uint64_t *ret_size, char ret_sha256[DEPOSIT_SHA256],
                          char ret_md5[DEPOSIT_MD5], struct deposit *d, struct job *j,
                          struct err *err)
{
    AUTO(sums_fini) struct sums s = {.is_object = true};
    int r = commit(ret_size, &s, d, j, err);

    if (r == 0)
        r = sums_end(ret_sha256, s.sha256, err);
    return r == 0 ? sums_end(ret_md5, s.md5, err) : r;
}

int deposit_sum(char ret_sha256[DEPOSIT_SHA256], char ret_md5[DEPOSIT_MD5],
                struct blob *blob, struct job *j,
                void (*told)(struct job *j, int64_t done, int64_t total), struct err *err)
{
    AUTO(sums_fini) struct sums s = {.is_object = ret_md5 != NULL};
    AUTO(freep) uint8_t *buf = aligned_alloc(BLOB_ALIGN, PIECE);
    uint64_t size = blob_size(blob);
    int r = buf ? sums_begin(&s, err) : FAIL(err, ERR_NOMEM, "no memory for a copy");

    for (uint64_t off = 0; r == 0 && off < size;) {
        size_t n = min_u64(PIECE, size - off);

        r = job_goes_on(j, err);
        if (r == 0)
            r = blob_read(blob, buf, n, off, err);
        if (r == 0)
            r = sums_add(&s, buf, n, err);
        if (r < 0)
            return r;
        off += n;
        told(j, (int64_t)off, (int64_t)size);
    }
    if (r == 0)
        r = sums_end(ret_sha256, s.sha256, err);
    return r == 0 && ret_md5 ? sums_end(ret_md5, s.md5, err) : r;
}
