/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_ask.h: socket() and connect() as libslirp finds them in this program
 *
 * libslirp makes its connection to the metadata server by these two, and the dynamic
 * linker takes ours before the C library's.  So a connection can be had without the right
 * to make one: socket() asks for it, connect() has nothing left to do. */
#pragma once

/* Who is asked; -1: every socket() is refused. */
void net_ask_set(int fd);
