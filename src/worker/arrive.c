/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "worker/arrive.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/scoped.h"
#include "worker/wire_block.h"

enum { PIECE = 64 * 1024 };

/* *ret holds the descriptor and its folder's name. */
static int ask_file(struct wire_answer *ret, struct err *err)
{
    int r = wire_ask(ret, WIRE_STAGE, NULL, 0, err);

    if (r < 0)
        return r;
    if (ret->type == WIRE_NO_FILE)
        return wire_no(ret, err);
    if (ret->type != WIRE_FILE || ret->fd < 0)
        return FAIL(err, ERR_IO, "the broker's answer makes no sense");
    return 0;
}

/* Of the kernel's words only the text: the file that is full is not the output. */
static int cannot_keep(const char *folder, int why, struct err *err)
{
    FAIL_SYS(err, why, "keep the source in a temporary file in %s", folder);
    if (err)
        err->sys = 0;
    return -ERR_IO;
}

static int keep(int fd, const uint8_t *p, size_t n, uint64_t off, const char *folder,
                struct err *err)
{
    while (n) {
        ssize_t put = pwrite(fd, p, n, (off_t)off);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return cannot_keep(folder, put < 0 ? errno : ENOSPC, err);
        p += put;
        n -= (size_t)put;
        off += (uint64_t)put;
    }
    return 0;
}

static int keep_all(int fd, struct stream *in, uint64_t most, const char *folder,
                    struct err *err)
{
    AUTO(freep) uint8_t *buf = malloc(PIECE);
    uint64_t off = 0;
    size_t n;

    if (!buf)
        return FAIL(err, ERR_NOMEM, "no memory to keep a stream");
    for (;; off += n) {
        int r = stream_read(in, buf, PIECE, &n, err);

        if (r < 0)
            return r;
        if (n == 0)
            break;
        if (n > most - off)
            return FAIL(err, ERR_LIMIT,
                        "this kind of stream is kept in a temporary file first, and has "
                        "more than the %" PRIu64 " bytes that one may have",
                        most);
        if (!bytes_are_zero(bytes_of(buf, n)))
            r = keep(fd, buf, n, off, folder, err);
        if (r < 0)
            return r;
    }
    return ftruncate(fd, (off_t)off) < 0 ? cannot_keep(folder, errno, err) : 0;
}

int arrive_whole(struct block **ret, struct stream *in, uint64_t most, struct err *err)
{
    AUTO(wire_answer_fini) struct wire_answer stage = {.fd = -1};
    struct bytes head;
    int r = stream_peek(&head, in, STREAM_PEEK_MAX, err);

    if (r < 0)
        return r;
    if (head.n < STREAM_PEEK_MAX)
        return block_mem_open(ret, head.p, head.n, err);
    r = ask_file(&stage, err);
    if (r == 0) /* the buffer ends in a NUL */
        r = keep_all(stage.fd, in, most, (const char *)stage.payload.p, err);
    if (r == 0)
        r = block_file_open(ret, stage.fd, err);
    if (r == 0)
        stage.fd = -1;
    return r;
}
