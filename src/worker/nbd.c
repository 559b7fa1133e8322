/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "worker/nbd.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/checked.h"

#define NBD_MAGIC        UINT64_C(0x4e42444d41474943) /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define NBD_REPLY_MAGIC  UINT64_C(0x0003e889045565a9)
enum { NBD_REQUEST_MAGIC = 0x25609513, NBD_SIMPLE_MAGIC = 0x67446698 };

/* Of both sides, by the same bits. */
enum { FIXED_NEWSTYLE = 1 << 0, NO_ZEROES = 1 << 1 };
/* Of the export. */
enum { HAS_FLAGS = 1 << 0, IS_READ_ONLY = 1 << 1 };
enum nbd_option {
    OPTION_EXPORT_NAME = 1,
    OPTION_ABORT = 2,
    OPTION_LIST = 3,
    OPTION_INFO = 6,
    OPTION_GO = 7,
};
enum nbd_reply { REPLY_ACK = 1, REPLY_SERVER = 2, REPLY_INFO = 3 };
#define REPLY_UNSUPPORTED (UINT32_C(1) << 31 | 1)
#define REPLY_INVALID     (UINT32_C(1) << 31 | 3)
#define REPLY_UNKNOWN     (UINT32_C(1) << 31 | 6)
#define REPLY_TOO_BIG     (UINT32_C(1) << 31 | 9)
enum { INFO_EXPORT = 0, INFO_BLOCK_SIZE = 3 };
enum nbd_command { COMMAND_READ = 0, COMMAND_WRITE = 1, COMMAND_DISC = 2 };
/* Errors have numbers of their own, which are those of Linux. */
enum nbd_error {
    NBD_OK = 0,
    NBD_EPERM = 1,
    NBD_EIO = 5,
    NBD_ENOMEM = 12,
    NBD_EINVAL = 22
};

enum {
    OPTION_SIZE = 16,  /* of an option's head */
    REPLY_SIZE = 20,   /* of its reply's */
    REQUEST_SIZE = 28, /* of a request */
    SIMPLE_SIZE = 16,  /* of its reply's head */
    EXPORT_SIZE = 10,  /* size and flags */
    EXPORT_ZEROES = 124,
    DRAIN_SIZE = 16384,
    PREFERRED = 65536, /* clusters and blocks of images are no larger, mostly */
};

struct nbd {
    int sock;
    struct block *disk;
    struct err *trouble;
    bool no_zeroes;
};

/* Functions here answer 1: go on, 0: the client is gone, negative: it is to be left. */

static bool is_gone(int error)
{
    return error == EPIPE || error == ECONNRESET;
}

static int give(const struct nbd *c, const void *p, size_t n, struct err *err)
{
    struct iovec v = {(void *)(uintptr_t)p, n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

    while (v.iov_len) {
        ssize_t sent = sendmsg(c->sock, &m, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return is_gone(errno) ? 0 : FAIL_SYS(err, errno, "nbd: send");
        v.iov_base = (uint8_t *)v.iov_base + sent;
        v.iov_len -= (size_t)sent;
    }
    return 1;
}

static int take(const struct nbd *c, void *p, size_t n, struct err *err)
{
    struct iovec v = {p, n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

    while (v.iov_len) {
        ssize_t got = recvmsg(c->sock, &m, MSG_CMSG_CLOEXEC);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return is_gone(errno) ? 0 : FAIL_SYS(err, errno, "nbd: receive");
        if (got == 0)
            return 0;
        v.iov_base = (uint8_t *)v.iov_base + got;
        v.iov_len -= (size_t)got;
    }
    return 1;
}

static int forget(const struct nbd *c, uint64_t n, struct err *err)
{
    uint8_t away[DRAIN_SIZE];
    int r = 1;

    while (n && r > 0) {
        size_t step = (size_t)min_u64(n, sizeof away);

        r = take(c, away, step, err);
        n -= step;
    }
    return r;
}

static int greet(struct nbd *c, struct err *err)
{
    uint8_t hello[18], flags[4];
    uint32_t said;
    int r;

    store_be64(hello, NBD_MAGIC);
    store_be64(hello + 8, NBD_OPTION_MAGIC);
    store_be16(hello + 16, FIXED_NEWSTYLE | NO_ZEROES);
    r = give(c, hello, sizeof hello, err);
    if (r > 0)
        r = take(c, flags, sizeof flags, err);
    if (r <= 0)
        return r;
    said = load_be32(flags);
    if (said & ~(uint32_t)(FIXED_NEWSTYLE | NO_ZEROES) || !(said & FIXED_NEWSTYLE))
        return FAIL(err, ERR_CORRUPT, "nbd: client flags %" PRIx32, said);
    c->no_zeroes = said & NO_ZEROES;
    return 1;
}

static int reply(const struct nbd *c, uint32_t option, uint32_t type, const void *p,
                 size_t n, struct err *err)
{
    uint8_t head[REPLY_SIZE];
    int r;

    store_be64(head, NBD_REPLY_MAGIC);
    store_be32(head + 8, option);
    store_be32(head + 12, type);
    store_be32(head + 16, (uint32_t)n);
    r = give(c, head, sizeof head, err);
    return r > 0 ? give(c, p, n, err) : r;
}

static void encode_export(uint8_t to[EXPORT_SIZE], const struct nbd *c)
{
    store_be64(to, c->disk->size);
    store_be16(to + 8, HAS_FLAGS | IS_READ_ONLY);
}

/* The old way to choose: no reply but the export itself, and none at all to a name that
 * is not there. */
static int choose_by_name(const struct nbd *c, struct bytes name, struct err *err)
{
    uint8_t to[EXPORT_SIZE + EXPORT_ZEROES] = {0};

    if (name.n)
        return 0;
    encode_export(to, c);
    return give(c, to, c->no_zeroes ? EXPORT_SIZE : sizeof to, err);
}

/* The name of GO and INFO, behind which stands a list of what they ask. */
static bool decode_choice(struct bytes *name, bool *block_size, struct bytes data)
{
    struct cursor d = cursor(data);
    uint32_t len = cursor_be32(&d);
    const uint8_t *p = cursor_take(&d, len);
    uint16_t n = cursor_be16(&d);

    *name = bytes_of(p, len);
    *block_size = false;
    for (uint16_t i = 0; i < n && !d.bad; i++)
        *block_size |= cursor_be16(&d) == INFO_BLOCK_SIZE;
    return !d.bad && cursor_left(&d) == 0;
}

static int tell(const struct nbd *c, uint32_t option, struct bytes data, bool *chosen,
                struct err *err)
{
    uint8_t export[2 + EXPORT_SIZE], sizes[2 + 12];
    struct bytes name;
    bool block_size;
    int r;

    if (!decode_choice(&name, &block_size, data))
        return reply(c, option, REPLY_INVALID, NULL, 0, err);
    if (name.n)
        return reply(c, option, REPLY_UNKNOWN, NULL, 0, err);
    store_be16(export, INFO_EXPORT);
    encode_export(export + 2, c);
    r = reply(c, option, REPLY_INFO, export, sizeof export, err);
    if (r > 0 && block_size) {
        store_be16(sizes, INFO_BLOCK_SIZE);
        store_be32(sizes + 2, 1);
        store_be32(sizes + 6, PREFERRED);
        store_be32(sizes + 10, NBD_READ_MAX);
        r = reply(c, option, REPLY_INFO, sizes, sizeof sizes, err);
    }
    if (r > 0)
        r = reply(c, option, REPLY_ACK, NULL, 0, err);
    *chosen = option == OPTION_GO;
    return r;
}

static int list(const struct nbd *c, struct bytes data, struct err *err)
{
    static const uint8_t unnamed[4]; /* the length of an empty name */
    int r;

    if (data.n)
        return reply(c, OPTION_LIST, REPLY_INVALID, NULL, 0, err);
    r = reply(c, OPTION_LIST, REPLY_SERVER, unnamed, sizeof unnamed, err);
    return r > 0 ? reply(c, OPTION_LIST, REPLY_ACK, NULL, 0, err) : r;
}

static int take_option(const struct nbd *c, uint32_t option, struct bytes data,
                       bool *chosen, struct err *err)
{
    int r;

    switch (option) {
    case OPTION_EXPORT_NAME:
        *chosen = true;
        return choose_by_name(c, data, err);
    case OPTION_ABORT:
        r = reply(c, option, REPLY_ACK, NULL, 0, err);
        return r < 0 ? r : 0;
    case OPTION_LIST:
        return list(c, data, err);
    case OPTION_INFO:
    case OPTION_GO:
        return tell(c, option, data, chosen, err);
    }
    return reply(c, option, REPLY_UNSUPPORTED, NULL, 0, err);
}

static int negotiate_once(const struct nbd *c, bool *chosen, struct err *err)
{
    uint8_t head[OPTION_SIZE], data[NBD_OPTION_MAX];
    uint32_t option, n;
    int r = take(c, head, sizeof head, err);

    if (r <= 0)
        return r;
    if (load_be64(head) != NBD_OPTION_MAGIC)
        return FAIL(err, ERR_CORRUPT, "nbd: an option without its magic number");
    option = load_be32(head + 8);
    n = load_be32(head + 12);
    if (n > sizeof data && (n > NBD_WRITE_MAX || option == OPTION_EXPORT_NAME))
        return FAIL(err, ERR_LIMIT, "nbd: an option of %" PRIu32 " bytes", n);
    if (n > sizeof data) {
        r = forget(c, n, err);
        return r > 0 ? reply(c, option, REPLY_TOO_BIG, NULL, 0, err) : r;
    }
    r = take(c, data, n, err);
    return r > 0 ? take_option(c, option, bytes_of(data, n), chosen, err) : r;
}

static int negotiate(const struct nbd *c, struct err *err)
{
    bool chosen = false;

    for (unsigned i = 0; i < NBD_OPTIONS_MAX; i++) {
        int r = negotiate_once(c, &chosen, err);

        if (r <= 0 || chosen)
            return r;
    }
    return FAIL(err, ERR_LIMIT, "nbd: more than %d options", NBD_OPTIONS_MAX);
}

static int answer(const struct nbd *c, uint64_t handle, enum nbd_error error,
                  struct err *err)
{
    uint8_t head[SIMPLE_SIZE];

    store_be32(head, NBD_SIMPLE_MAGIC);
    store_be32(head + 4, error);
    store_be64(head + 8, handle);
    return give(c, head, sizeof head, err);
}

static int serve_read(const struct nbd *c, uint64_t handle, uint64_t off, uint32_t n,
                      struct err *err)
{
    AUTO(freep) uint8_t *to = NULL;
    struct err why = {0};
    int r;

    if (n == 0 || n > NBD_READ_MAX || !range_within(off, n, c->disk->size))
        return answer(c, handle, NBD_EINVAL, err);
    to = malloc(n);
    if (!to)
        return answer(c, handle, NBD_ENOMEM, err);
    if (block_read(c->disk, to, n, off, &why) < 0) {
        if (c->trouble && !c->trouble->code)
            *c->trouble = why;
        return answer(c, handle, NBD_EIO, err);
    }
    r = answer(c, handle, NBD_OK, err);
    return r > 0 ? give(c, to, n, err) : r;
}

static int serve_once(const struct nbd *c, struct err *err)
{
    uint8_t raw[REQUEST_SIZE];
    uint64_t handle, off;
    uint16_t command;
    uint32_t n;
    int r = take(c, raw, sizeof raw, err);

    if (r <= 0)
        return r;
    if (load_be32(raw) != NBD_REQUEST_MAGIC)
        return FAIL(err, ERR_CORRUPT, "nbd: a request without its magic number");
    command = load_be16(raw + 6);
    handle = load_be64(raw + 8);
    off = load_be64(raw + 16);
    n = load_be32(raw + 24);
    if (command == COMMAND_DISC)
        return 0;
    if (command == COMMAND_READ)
        return serve_read(c, handle, off, n, err);
    if (command != COMMAND_WRITE)
        return answer(c, handle, NBD_EPERM, err);
    if (n > NBD_WRITE_MAX)
        return FAIL(err, ERR_LIMIT, "nbd: a write of %" PRIu32 " bytes", n);
    r = forget(c, n, err);
    return r > 0 ? answer(c, handle, NBD_EPERM, err) : r;
}

int nbd_serve(int sock, struct block *disk, struct err *trouble, struct err *err)
{
    struct nbd c = {.sock = sock, .disk = disk, .trouble = trouble};
    int r = greet(&c, err);

    if (r > 0)
        r = negotiate(&c, err);
    while (r > 0)
        r = serve_once(&c, err);
    return r;
}
