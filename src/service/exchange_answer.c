/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exchange_answer.c: an answer becomes a response of the library's */
#include <string.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "service/exchange_parts.h"
#include "service/journal.h"

static void work_read(struct work *w)
{
    struct exchange *x = CONTAINER_OF(w, struct exchange, work);
    uint64_t left = x->read_length - x->read_at;
    struct err err = {0};
    int64_t n = x->read(x->read_arg, x->read_at, x->read_buf,
                        (size_t)min_u64(left, HTTP_PIECE_MAX), &err);

    if (n <= 0) {
        x->read_failed = true;
        journal_message("answer", &err, "request %s: the answer broke off", x->req.id);
    } else {
        x->read_n = (size_t)n;
    }
    MHD_resume_connection(x->conn);
}

static ssize_t read_answer(void *arg, uint64_t pos, char *to, size_t max)
{
    struct exchange *x = arg;
    size_t n;

    if (x->read_failed)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (pos >= x->read_at && pos < x->read_at + x->read_n) {
        n = min_size(max, (size_t)(x->read_at + x->read_n - pos));
        memcpy(to, x->read_buf + (pos - x->read_at), n);
        x->req.sent = pos + n;
        return (ssize_t)n;
    }
    x->read_at = pos;
    x->read_n = 0;
    (void)exchange_hand_over(x, work_read);
    return 0;
}

static struct MHD_Response *make_response(struct exchange *x)
{
    struct http_answer *a = &x->answer;
    struct MHD_Response *r;

    if (a->no_body)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (a->read || a->head_only) {
        x->read = TAKE(a->read);
        x->read_arg = a->read_arg;
        x->read_close = TAKE(a->read_close);
        x->read_length = a->length;
        if (x->read && !a->head_only && a->length > 0) {
            x->read_buf = malloc(HTTP_PIECE_MAX);
            if (!x->read_buf)
                return NULL;
        }
        return MHD_create_response_from_callback(a->length, HTTP_PIECE_MAX, read_answer,
                                                 x, NULL);
    }
    if (a->fd >= 0) {
        r = MHD_create_response_from_fd_at_offset64(a->length, a->fd, a->offset);
        if (r)
            a->fd = -1; /* the library's now */
        return r;
    }
    r = MHD_create_response_from_buffer(a->body.n, a->body.p, MHD_RESPMEM_MUST_FREE);
    if (r)
        a->body = (struct buf){0};
    return r;
}

enum MHD_Result exchange_answer(struct exchange *x)
{
    struct http_answer *a = &x->answer;
    struct MHD_Response *r;
    enum MHD_Result done;

    x->stage = STAGE_ANSWER;
    if (x->cut)
        return MHD_NO;
    if (a->status == 0)
        a->status = 500;
    x->status = a->status;
    if (!a->read && a->fd < 0 && !a->head_only)
        a->length = a->body.n;
    r = make_response(x);
    if (!r)
        return MHD_NO;
    for (size_t i = 0; i < a->n_headers; i++)
        if (MHD_add_response_header(r, a->headers[i].name, a->headers[i].value) == MHD_NO)
            journal_message("answer", NULL, "request %s: header %s cannot be sent",
                            x->req.id, a->headers[i].name);
    if (atomic_load_explicit(&x->server->stopping, memory_order_relaxed))
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    done = MHD_queue_response(x->conn, x->status, r);
    MHD_destroy_response(r);
    return done;
}
