/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_keeper.h: what imgport-net's first process can do once it hears a guest
 *
 * It starts copies of itself, connects to sockets of this host by their names, and uses
 * what it holds.  It opens no file, runs no program, and has no other network.  Its
 * children enter a narrower sandbox before they look at a frame (net_slirp.c). */
#pragma once

#include "base/err.h"

/* ERR_UNSUPPORTED when the kernel has no seccomp filter. */
int net_keeper_confine(struct err *err);
