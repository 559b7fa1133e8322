/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server.h: the sockets: libmicrohttpd with epoll, one event loop a thread, and worker
 * threads for what waits.  Nothing of that library is seen outside server.c. */
#pragma once

#include "service/config.h"
#include "service/http.h"

struct metrics;
struct server;

struct server_options {
    const struct config *config;
    const struct http_handler *const *handlers; /* asked in this order */
    size_t n_handlers;
    struct metrics *metrics;
};

/* Listens and answers from its own threads.  Everything that options point to outlives
 * it. */
int server_start(struct server **ret, const struct server_options *options,
                 struct err *err);

/* The port it listens on (that of `listen`, or the one the kernel chose for 0). */
unsigned server_port(const struct server *s);

/* No new connections; requests under way get config->stop_seconds; then everything is
 * closed and freed. */
void server_stop(struct server *s);
