/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_slirp.h: the part of imgport-net that libslirp runs in
 *
 * A process of its own, that can only compute, read and write what it holds: no file, no
 * socket, nobody to signal.  Where libslirp connects to the metadata server, it gets the
 * connection from who started us, over `ask`: a byte there, a descriptor back (or a byte
 * alone: there is no server). */
#pragma once

#include "instance/net_frame.h"

enum { NET_ASK = '?', NET_READY = '!' };

/* `stream` is QEMU's, `ask` a SOCK_SEQPACKET; both stay open.  Sends NET_READY over it
 * once the sandbox is closed.  Returns at the end of either, or with an error. */
int net_slirp_run(int stream, int ask, const struct machine_network *network,
                  struct err *err);
