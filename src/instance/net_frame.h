/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_frame.h: what of a guest's frames gets through, and as what
 *
 *   guest                     here                           libslirp
 *   who has GATEWAY? ───────► answered
 *   DHCP ───────────────────► answered
 *   TCP a.b.c.d:p ──────────► from 169.254.0.15:p ─────────► to 169.254.0.23:80
 *                                                            or 169.254.169.254:80
 *   TCP to a.b.c.d:p ◄─────── to a.b.c.d ◄────────────────── to 169.254.0.15:p
 *   all else ───────────────► nothing
 *
 * Whatever address the guest has, libslirp sees one and the same: its network never
 * changes, and it parses TCP of one shape, and nothing else.  Both sides are hostile: the
 * guest always, libslirp once a guest has taken it over.
 *
 * Pure: bytes in, bytes out, the time as a number.  One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "instance/hypervisor.h"

enum {
    NET_FRAME_MAX = 1514, /* an MTU of 1500 */
    NET_HALF_OPEN_MAX = 32,
    NET_HALF_OPEN_MS = 100000, /* libslirp gives up after some 95 s */
    NET_SYN_BURST = 64,        /* connections at once, */
    NET_SYN_A_SECOND = 32,     /* and lasting */
};

/* libslirp's side. */
#define NET_INNER_NETWORK UINT32_C(0xa9fe0000) /* 169.254.0.0/16 */
#define NET_INNER_HOST    UINT32_C(0xa9fe0002)
#define NET_INNER_GUEST   UINT32_C(0xa9fe000f)
#define NET_METADATA      UINT32_C(0xa9fe0017) /* 169.254.0.23 */
#define NET_METADATA_EC2  UINT32_C(0xa9fea9fe) /* 169.254.169.254, and OpenStack's */

/* A connection that the guest began, until it acknowledges libslirp's answer. */
struct net_half_open {
    int64_t until; /* ms; 0: free */
    uint32_t to;
    uint32_t ack; /* what it will acknowledge, once `answered` */
    uint16_t port;
    bool answered;
};

struct net {
    struct machine_network network; /* with nothing left to a default */
    uint8_t mac[6];                 /* the guest's, as it last spoke; zero: not yet */
    uint32_t address;               /* likewise, of its TCP */
    struct net_half_open half_open[NET_HALF_OPEN_MAX];
    int64_t syn_credit, syn_at; /* thousandths of a connection; ms */
};

struct net_frame {
    uint8_t p[NET_FRAME_MAX];
    size_t n;
};

enum net_verdict {
    NET_DROP,
    NET_ANSWER, /* *ret goes back to where the frame came from */
    NET_PASS,   /* *ret goes on to the other side */
};

void net_init(struct net *n, const struct machine_network *network, int64_t now_ms);

enum net_verdict net_from_guest(struct net_frame *ret, struct net *n, struct bytes frame,
                                int64_t now_ms);
enum net_verdict net_to_guest(struct net_frame *ret, struct net *n, struct bytes frame);

/* A datagram to everybody, from the gateway's MAC; `payload` fits. */
void net_put_udp(struct net_frame *ret, uint32_t from, uint16_t from_port,
                 uint16_t to_port, struct bytes payload);

/* "I am 169.254.0.15", for libslirp: said once, it need not ask. */
void net_introduce(struct net_frame *ret);
