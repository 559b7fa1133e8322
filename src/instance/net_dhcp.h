/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_dhcp.h: one lease, always the same (RFC 2131, RFC 2132)
 *
 * libslirp's own server tells a restricted guest no gateway, so that it would not find
 * the metadata address, and knows no address but its first. */
#pragma once

#include "instance/net_frame.h"

enum { DHCP_LEASE_S = 86400 };

/* `udp`: header and payload.  True: *ret is the answer, a whole frame to everybody. */
bool net_dhcp(struct net_frame *ret, const struct machine_network *network,
              struct bytes udp);
