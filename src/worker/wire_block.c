/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "worker/wire_block.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/checked.h"
#include "base/frame.h"

/* A thread that waits for its answer. */
struct question {
    uint32_t number;
    struct wire_answer *answer;
    bool done;
    struct question *next;
};

static pthread_mutex_t sending = PTHREAD_MUTEX_INITIALIZER;

static struct {
    pthread_mutex_t lock; /* of all the rest */
    pthread_cond_t came;
    struct question *waiting;
    uint32_t last;   /* number */
    bool receiving;  /* somebody does, without the lock */
    struct err over; /* why nobody gets an answer any more */
} wire = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};

static int send_frame(uint8_t type, const void *p, size_t n, struct err *err)
{
    int r;

    pthread_mutex_lock(&sending);
    r = frame_send(WIRE_SOCKET, type, p, n, -1, err);
    pthread_mutex_unlock(&sending);
    return r;
}

void wire_say(uint8_t type, const void *p, size_t n)
{
    struct err err = {0};

    if (send_frame(type, p, n, &err) < 0)
        _exit(3);
}

void wire_answer_fini(struct wire_answer *a)
{
    closep(&a->fd);
    buf_fini(&a->buf);
}

static void hand_over(struct wire_answer *from)
{
    struct question *q = wire.waiting;

    while (q && (from->buf.n < WIRE_NUMBER ||
                 load_le32((const uint8_t *)from->buf.p) != q->number))
        q = q->next;
    if (!q || q->done) {
        FAIL(&wire.over, ERR_IO, "the broker's answer makes no sense");
        return;
    }
    *q->answer = *from;
    q->answer->payload = bytes_of(from->buf.p + WIRE_NUMBER, from->buf.n - WIRE_NUMBER);
    q->done = true;
    from->fd = -1;
    from->buf = (struct buf){0};
}

/* Receives an answer, whosever it is; the lock is held before and after. */
static void receive(void)
{
    AUTO(wire_answer_fini)
    struct wire_answer a = {.fd = -1, .buf = {.max = WIRE_NUMBER + WIRE_DATA_MAX}};
    struct err err = {0};
    int r;

    wire.receiving = true;
    pthread_mutex_unlock(&wire.lock);
    r = frame_recv(WIRE_SOCKET, &a.type, &a.buf, &a.fd, &err);
    pthread_mutex_lock(&wire.lock);
    wire.receiving = false;
    if (r > 0)
        hand_over(&a);
    else if (r == 0)
        FAIL(&wire.over, ERR_IO, "the broker is gone");
    else
        wire.over = err;
    pthread_cond_broadcast(&wire.came);
}

static void leave(struct question *q)
{
    struct question **at = &wire.waiting;

    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
}

static int wait_for(struct question *q, struct err *err)
{
    while (!q->done && !wire.over.code) {
        if (wire.receiving)
            pthread_cond_wait(&wire.came, &wire.lock);
        else
            receive();
    }
    if (q->done)
        return 0;
    if (err)
        *err = wire.over;
    return -(int)wire.over.code;
}

int wire_ask(struct wire_answer *ret, uint8_t type, const void *p, size_t n,
             struct err *err)
{
    uint8_t payload[WIRE_NUMBER + WIRE_NAME_MAX];
    struct question q = {.answer = ret};
    int r;

    *ret = (struct wire_answer){.fd = -1};
    if (n > WIRE_NAME_MAX)
        return FAIL(err, ERR_LIMIT, "a question of %zu bytes", n);
    pthread_mutex_lock(&wire.lock);
    q.number = ++wire.last;
    q.next = wire.waiting;
    wire.waiting = &q;
    pthread_mutex_unlock(&wire.lock);
    store_le32(payload, q.number);
    if (n)
        memcpy(payload + WIRE_NUMBER, p, n);
    r = send_frame(type, payload, WIRE_NUMBER + n, err);
    pthread_mutex_lock(&wire.lock);
    if (r == 0)
        r = wait_for(&q, err);
    leave(&q);
    pthread_mutex_unlock(&wire.lock);
    return r;
}

int wire_no(const struct wire_answer *a, struct err *err)
{
    json_t *j = json_loadb((const char *)a->payload.p, a->payload.n, 0, NULL);
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

static int read_some(uint8_t *to, uint32_t n, uint64_t off, struct err *err)
{
    AUTO(wire_answer_fini) struct wire_answer a = {.fd = -1};
    uint8_t question[WIRE_READ_SIZE - WIRE_NUMBER];
    int r;

    store_le64(question, off);
    store_le32(question + 8, n);
    r = wire_ask(&a, WIRE_READ, question, sizeof question, err);
    if (r < 0)
        return r;
    if (a.type == WIRE_NO_FILE)
        return wire_no(&a, err);
    if (a.type != WIRE_DATA || a.payload.n != n)
        return FAIL(err, ERR_IO, "the broker's answer makes no sense");
    memcpy(to, a.payload.p, n);
    return 0;
}

static int wire_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    uint8_t *to = buf;

    (void)b;
    while (n) {
        uint32_t step = (uint32_t)min_u64(n, WIRE_DATA_MAX);
        int r = read_some(to, step, off, err);

        if (r < 0)
            return r;
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
