/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exchange.h: one request and its answer, between libmicrohttpd and a handler
 *
 *     first call ── begin ──► body: none, collected, or data piece by piece
 *                                    │
 *                   answer ◄── end ◄─┘            close when it left, or broke
 *
 * libmicrohttpd calls server-side code again and again: once with the headers, with each
 * piece, once at the end, and again after every resume.  `stage` says which answer the
 * next call is due. */
#pragma once

#include <microhttpd.h>
#include <stdatomic.h>

#include "service/server.h"
#include "service/workers.h"

struct server {
    const struct config *config;
    const struct http_handler *const *handlers;
    size_t n_handlers;
    struct metrics *metrics;
    struct workers *workers;
    struct MHD_Daemon *daemon;
    int listener;
    unsigned port;
    atomic_bool stopping;
    atomic_int under_way; /* requests between begin() and close() */
    struct metric *connections;
};

/* The four callbacks of the library. */
void *exchange_open(void *server, const char *uri, struct MHD_Connection *conn);
enum MHD_Result exchange_step(void *server, struct MHD_Connection *conn, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **exchange);
void exchange_close(void *server, struct MHD_Connection *conn, void **exchange,
                    enum MHD_RequestTerminationCode why);
