/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/digest.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/scoped.h"

enum { STEP = 1024 * 1024 };

/* What a struct digest is: libcrypto's own. */
static EVP_MD_CTX *ctx_of(struct digest *d)
{
    return (EVP_MD_CTX *)(void *)d;
}

int digest_new(struct digest **ret, struct err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        return FAIL(err, ERR_NOMEM, "no memory for a checksum");
    }
    *ret = (struct digest *)(void *)ctx;
    return 0;
}

void digest_freep(struct digest **d)
{
    EVP_MD_CTX_free(ctx_of(*d));
    *d = NULL;
}

int digest_add(struct digest *d, const void *p, size_t n, struct err *err)
{
    return EVP_DigestUpdate(ctx_of(d), p, n) == 1
               ? 0
               : FAIL(err, ERR_NOMEM, "checksum failed");
}

int digest_end(char ret[DIGEST_TEXT], struct digest *d, struct err *err)
{
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (EVP_DigestFinal_ex(ctx_of(d), sum, &n) != 1 || n != (DIGEST_TEXT - 1) / 2)
        return FAIL(err, ERR_NOMEM, "checksum failed");
    for (unsigned i = 0; i < n; i++)
        snprintf(ret + 2 * i, 3, "%02x", sum[i]);
    return 0;
}

static int tell(uint64_t done, uint64_t total, imgport_progress_fn *progress, void *arg,
                struct err *err)
{
    struct imgport_progress p = {"checksum", "", done, total, 0};

    if (progress && progress(arg, &p) != 0)
        return FAIL(err, ERR_CANCELED, "canceled");
    return 0;
}

int digest_run(char ret[DIGEST_TEXT], const struct digest_source *source, uint64_t *base,
               uint64_t total, imgport_progress_fn *progress, void *arg, struct err *err)
{
    AUTO(digest_freep) struct digest *d = NULL;
    AUTO(freep) uint8_t *buf = malloc(STEP);
    uint64_t off = 0;
    int e = digest_new(&d, err);

    if (e < 0)
        return e;
    if (!buf)
        return FAIL(err, ERR_NOMEM, "no memory for a checksum");
    for (;;) {
        size_t got = 0;
        int r = source->read(source->arg, buf, STEP, off, &got, err);

        if (r == 0 && got == 0)
            break;
        if (r == 0)
            r = digest_add(d, buf, got, err);
        off += got;
        *base += got;
        if (r == 0)
            r = tell(*base, total, progress, arg, err);
        if (r < 0)
            return r;
    }
    return digest_end(ret, d, err);
}

static int read_file(void *arg, void *buf, size_t n, uint64_t off, size_t *got,
                     struct err *err)
{
    const int *fd = arg;
    ssize_t r;

    do
        r = pread(*fd, buf, n, (off_t)off);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return FAIL_SYS(err, errno, "read for the checksum");
    *got = (size_t)r;
    return 0;
}

int digest_file(char ret[DIGEST_TEXT], int fd, uint64_t *base, uint64_t total,
                imgport_progress_fn *progress, void *arg, struct err *err)
{
    struct digest_source source = {read_file, &fd};

    return digest_run(ret, &source, base, total, progress, arg, err);
}

bool digest_is_text(const char *text)
{
    size_t n = 0;

    while (isxdigit((unsigned char)text[n]))
        n++;
    return n == DIGEST_TEXT - 1 && text[n] == '\0';
}
