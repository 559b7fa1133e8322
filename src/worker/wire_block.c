/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "worker/wire_block.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/checked.h"
#include "base/frame.h"

/* One conversation at a time: a conversion reads in several threads and tells its
 * progress from another. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void wire_say(uint8_t type, const void *p, size_t n)
{
    struct err err = {0};

    pthread_mutex_lock(&lock);
    if (frame_send(WIRE_SOCKET, type, p, n, -1, &err) < 0)
        _exit(3);
    pthread_mutex_unlock(&lock);
}

int wire_ask(uint8_t type, const void *p, size_t n, uint8_t *ret_type, struct buf *reply,
             int *fd, struct err *err)
{
    int r;

    pthread_mutex_lock(&lock);
    r = frame_send(WIRE_SOCKET, type, p, n, -1, err);
    if (r == 0)
        r = frame_recv(WIRE_SOCKET, ret_type, reply, fd, err);
    pthread_mutex_unlock(&lock);
    if (r < 0)
        return r;
    return r == 0 ? FAIL(err, ERR_IO, "the broker is gone") : 0;
}

int wire_no(const struct buf *reply, struct err *err)
{
    json_t *j = json_loadb(reply->p ? (const char *)reply->p : "", reply->n, 0, NULL);
    const char *code = "", *message = "";
    int r;

    if (json_unpack(j, "{s:s, s:s}", "code", &code, "message", &message) < 0 ||
        err_code_from_name(code) >= ERR_CODE_MAX || err_code_from_name(code) == ERR_NONE)
        r = FAIL(err, ERR_IO, "the broker's answer makes no sense");
    else
        r = FAIL(err, err_code_from_name(code), "%s", message);
    json_decref(j);
    return r;
}

static int wire_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    AUTO(buf_fini) struct buf reply = {.max = WIRE_DATA_MAX};
    uint8_t *to = buf;

    (void)b;
    while (n) {
        uint32_t step = (uint32_t)min_u64(n, WIRE_DATA_MAX);
        uint8_t question[WIRE_READ_SIZE], type = 0;
        int r;

        store_le64(question, off);
        store_le32(question + 8, step);
        r = wire_ask(WIRE_READ, question, sizeof question, &type, &reply, NULL, err);
        if (r < 0)
            return r;
        if (type == WIRE_NO_FILE)
            return wire_no(&reply, err);
        if (type != WIRE_DATA || reply.n != step)
            return FAIL(err, ERR_IO, "the broker's answer makes no sense");
        memcpy(to, reply.p, step);
        to += step;
        off += step;
        n -= step;
    }
    return 0;
}

static int wire_extent(struct block *b, struct extent *ret, uint64_t off, struct err *err)
{
    (void)err;
    *ret = (struct extent){EXTENT_DATA, b->size - off};
    return 0;
}

static void wire_close(struct block *b)
{
    free(b);
}

static const struct block_driver wire_driver = {
    .name = "remote",
    .read = wire_read,
    .extent = wire_extent,
    .close = wire_close,
};

int wire_block_open(struct block **ret, uint64_t size, struct err *err)
{
    struct block *b = malloc(sizeof *b);

    if (!b)
        return FAIL(err, ERR_NOMEM, "remote source");
    block_init(b, &wire_driver, size);
    *ret = b;
    return 0;
}
