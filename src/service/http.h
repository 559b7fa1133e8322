/* SPDX-License-Identifier: GPL-2.0-or-later */
/* http.h: requests and answers, without the words of the library that carries them
 *
 *     match  event loop       is this request mine?  The first handler that says so
 *                             gets it
 *     begin  loop or worker   method, path and headers are here, no body.  Says where
 *                             the body goes, or fills the answer at once (status not
 *                             0): the body is then read away, or the connection closed
 *     data   loop or worker   a piece of a streamed body, in order
 *     end    loop or worker   the body is complete; fills the answer
 *     close  loop, or worker  always, once, for every begin(): answered, broken or
 *                             stopped.  Headers are gone.  A worker that has a piece
 *                             when the connection goes does it, else the loop
 *
 * The event loop must never wait: no disk writes, no database writes, no network.  A
 * handler that is `slow` gets begin, data and end on worker threads, never two at once
 * for one request; one that is not may ask for that in begin() (plan->slow).  Headers are
 * not to be asked for in data().  While a worker has a piece the next is received, and
 * then the connection waits: a slow reader of a body slows its sender down. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/uuid.h"

enum {
    HTTP_COLLECT_MAX = 10 << 20, /* the largest body that is kept in memory */
    HTTP_HEADERS_MAX = 24,       /* of an answer */
    HTTP_PIECE_MAX = 256 * 1024, /* what a reader is asked for at most */
};

struct http_request {
    /* All borrowed, until close(). */
    const char *method; /* "GET", as sent */
    const char *target; /* as sent: "/path?query", or an absolute URI through a proxy */
    const char
        *path; /* as sent, still percent-encoded, without the query; "/" at least */
    const char *query; /* as sent, behind the "?"; "" none */
    const char *host; /* of an absolute URI, else of the Host header; with its port; "" */
    const char *peer; /* address of the client, no port */
    bool tls;
    bool has_length;
    uint64_t length;     /* of the body, when has_length */
    char id[UUID_TEXT];  /* of this request: in the log and in the answer */
    struct bytes body;   /* HTTP_BODY_COLLECT: complete at end() */
    void *state;         /* the handler's, let go by its close() */
    uint64_t sent;       /* at close(): bytes of the answer's body that left */
    bool complete;       /* at close(): the whole answer left */
    const char *subject; /* [opt] what the access log calls it: an action; static or an
                            allocation that lives until close() */
    const char *account; /* [opt] the same: who asked */
    const char *code;    /* [opt] the same: the error code told; static */
    /* [opt] Its headers, of a request that came by no connection. */
    const char *(*header)(const struct http_request *req, const char *name);
};

/* The value of a header, any case; NULL: not there.  Valid until close(). */
const char *http_header(const struct http_request *req, const char *name);
/* Calls fn for every header, also those that stand there twice. */
void http_each_header(const struct http_request *req,
                      void (*fn)(void *arg, const char *name, const char *value),
                      void *arg);

enum http_body {
    HTTP_BODY_NONE,    /* read away; more than 64 KiB of it closes the connection */
    HTTP_BODY_COLLECT, /* into req->body */
    HTTP_BODY_STREAM,  /* to data() */
};

struct http_plan {
    enum http_body body;
    uint64_t limit; /* bytes; one more and overflow() answers.  COLLECT: at most
                       HTTP_COLLECT_MAX */
    bool slow;      /* data and end on a worker thread */
};

/* Fills buf with at most n bytes from off of the answer (n is never past its end): how
 * many came, at least one, or negative, which breaks the connection. */
typedef int64_t http_read_fn(void *arg, uint64_t off, void *buf, size_t n,
                             struct err *err);

struct http_answer {
    unsigned status; /* 0: none yet */
    struct buf body; /* the answer, unless one of the two below is set */
    int fd;          /* -1, or a file, the server's to close: [offset, offset + length) */
    uint64_t offset, length;
    http_read_fn *read; /* or a source of `length` bytes, read on worker threads */
    void *read_arg;
    void (*read_close)(void *arg); /* [opt] */
    bool head_only;                /* answer to HEAD: `length` is told, nothing is sent */
    bool no_body;                  /* 204, 304: not even a length */
    struct {
        const char *name; /* static */
        char *value;
    } headers[HTTP_HEADERS_MAX];
    size_t n_headers;
};

/* Adds a header; `name` is static, the value is copied.  A CR or LF in it is ERR_ARG. */
int http_answer_header(struct http_answer *a, const char *name, struct err *err,
                       const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void http_answer_fini(struct http_answer *a);

#define HTTP_ANSWER_NONE \
    {                    \
        .fd = -1         \
    }

struct http_handler {
    const char *name; /* in the log and the metrics */
    void *arg;
    bool slow; /* begin, data and end on worker threads */
    bool (*match)(void *arg, const struct http_request *req);
    void (*begin)(void *arg, struct http_request *req, struct http_plan *plan,
                  struct http_answer *a);
    /* [opt] Negative ends the request: *a may hold an answer, else the connection is cut.
     */
    int (*data)(void *arg, struct http_request *req, struct bytes piece,
                struct http_answer *a);
    void (*end)(void *arg, struct http_request *req, struct http_answer *a);
    /* [opt] The body is over plan->limit; default: 413 without a body. */
    void (*overflow)(void *arg, struct http_request *req, struct http_answer *a);
    void (*close)(void *arg, struct http_request *req);
};
