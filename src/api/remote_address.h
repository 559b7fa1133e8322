/* SPDX-License-Identifier: GPL-2.0-or-later */
/* remote_address.h: which addresses a redirect may not lead to */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

/* An address that is not for the whole Internet: loopback, link-local, private, shared,
 * multicast, reserved (RFC 6890), also when it is wrapped in IPv6.  Anything that is
 * neither IPv4 nor IPv6 counts as private. */
bool remote_address_is_private(const struct sockaddr *a);
