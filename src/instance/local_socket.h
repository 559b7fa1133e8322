/* SPDX-License-Identifier: GPL-2.0-or-later */
/* local_socket.h: AF_UNIX sockets beneath a folder that is held open
 *
 * By the folder's descriptor, since a path of a socket may have only 107 bytes. */
#pragma once

#include "base/err.h"

/* A listening socket with mode 0600, in place of whatever had the name. */
int local_listen(int *ret, int folder, const char *name, struct err *err);

/* Connects without waiting: a queue that is full is an error (ERR_IO), and so is a socket
 * that nobody listens at (ERR_NOTFOUND). */
int local_connect(int *ret, int folder, const char *name, struct err *err);
