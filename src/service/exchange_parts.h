/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exchange_parts.h: what exchange.c and exchange_answer.c share */
#pragma once

#include <netinet/in.h>

#include "service/exchange.h"
#include "service/intake.h"

enum { EXCHANGE_METHOD_MAX = 32 }; /* with its NUL; no longer one is known */

enum stage {
    STAGE_FIRST,  /* nothing was called yet */
    STAGE_BEGAN,  /* begin() is done, by a worker */
    STAGE_BODY,   /* waiting for pieces, or for the end of the body */
    STAGE_DRAIN,  /* there is an answer; the body is read away first */
    STAGE_ENDED,  /* end() is done, by a worker */
    STAGE_ANSWER, /* the answer was handed over */
};

struct exchange {
    struct http_request req;
    struct server *server;
    struct MHD_Connection *conn;
    const struct http_handler *handler;
    struct http_plan plan;
    struct http_answer answer;
    enum stage stage;
    bool began, cut;
    struct work work;
    struct buf body;
    struct intake in; /* of a body that workers take */
    uint64_t received;
    unsigned status;
    struct timespec since;
    uint64_t usec; /* when it was over */
    /* A source being read: */
    http_read_fn *read;
    void *read_arg;
    void (*read_close)(void *arg);
    uint64_t read_length, read_at; /* read_buf holds [read_at, read_at + read_n) */
    size_t read_n;
    bool read_failed;
    char *read_buf;
    char peer[INET6_ADDRSTRLEN];
    char method[EXCHANGE_METHOD_MAX];
    char target[]; /* as sent; then path and query, cut apart */
};

/* Suspends the connection, which `run` resumes. */
enum MHD_Result exchange_hand_over(struct exchange *x, void (*run)(struct work *w));
/* Hands over x->answer. */
enum MHD_Result exchange_answer(struct exchange *x);
