/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/net_dhcp.h"

#include <string.h>

enum {
    UDP = 8,
    FIXED = 236, /* BOOTP up to the options' cookie */
    COOKIE = 0x63825363,
    TO_SERVER = 67,
    TO_CLIENT = 68,
    PAYLOAD_MIN = 300, /* what some BOOTP clients insist on */
    OPTION_MASK = 1,
    OPTION_ROUTER = 3,
    OPTION_DNS = 6,
    OPTION_WANTED = 50,
    OPTION_LEASE = 51,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_END = 255,
    DISCOVER = 1,
    OFFER,
    REQUEST,
    DECLINE,
    ACK,
    NAK,
    RELEASE,
    INFORM,
};

struct question {
    uint32_t id;
    uint16_t flags;
    uint32_t has;    /* ciaddr: an address it uses already */
    uint8_t mac[16]; /* chaddr */
    uint32_t wanted, server;
    unsigned type;
};

static void take_option(struct question *q, unsigned code, struct bytes value)
{
    if (code == OPTION_TYPE && value.n == 1)
        q->type = value.p[0];
    else if (code == OPTION_WANTED && value.n == 4)
        q->wanted = load_be32(value.p);
    else if (code == OPTION_SERVER && value.n == 4)
        q->server = load_be32(value.p);
}

static bool decode(struct question *ret, struct bytes udp)
{
    struct cursor c = cursor(udp);
    struct question q = {0};
    uint16_t from = cursor_be16(&c), to = cursor_be16(&c), length = cursor_be16(&c);

    if (from != TO_CLIENT || to != TO_SERVER || length < UDP + FIXED || length > udp.n)
        return false;
    c = cursor_at(bytes_of(udp.p, length), UDP);
    /* BOOTREQUEST, Ethernet, 6 bytes of address, any number of hops */
    if (cursor_u8(&c) != 1 || cursor_u8(&c) != 1 || cursor_u8(&c) != 6)
        return false;
    cursor_skip(&c, 1);
    q.id = cursor_be32(&c);
    cursor_skip(&c, 2);
    q.flags = cursor_be16(&c);
    q.has = cursor_be32(&c);
    cursor_skip(&c, 12);
    cursor_copy(&c, q.mac, sizeof q.mac);
    cursor_skip(&c, 192);
    if (cursor_be32(&c) != COOKIE)
        return false;
    while (cursor_left(&c)) {
        unsigned code = cursor_u8(&c), n;
        const uint8_t *p;

        if (code == 0)
            continue;
        if (code == OPTION_END)
            break;
        n = cursor_u8(&c);
        p = cursor_take(&c, n);
        if (p)
            take_option(&q, code, bytes_of(p, n));
    }
    if (c.bad)
        return false;
    *ret = q;
    return true;
}

/* 0: no answer. */
static unsigned decide(const struct question *q, const struct machine_network *n)
{
    uint32_t asks = q->wanted ? q->wanted : q->has;

    switch (q->type) {
    case DISCOVER:
        return OFFER;
    case REQUEST:
        if (q->server && q->server != n->gateway)
            return 0; /* it took somebody else's offer */
        return asks == n->address ? ACK : NAK;
    case INFORM:
        return ACK;
    default:
        return 0;
    }
}

static uint8_t *put_address(uint8_t *p, unsigned code, uint32_t value)
{
    p[0] = (uint8_t)code;
    p[1] = 4;
    store_be32(p + 2, value);
    return p + 6;
}

static uint8_t *put_options(uint8_t *p, unsigned type, bool lease,
                            const struct machine_network *n)
{
    unsigned dns = 0;

    store_be32(p, COOKIE);
    p[4] = OPTION_TYPE;
    p[5] = 1;
    p[6] = (uint8_t)type;
    p = put_address(p + 7, OPTION_SERVER, n->gateway);
    if (type != NAK) {
        if (lease)
            p = put_address(p, OPTION_LEASE, DHCP_LEASE_S);
        p = put_address(p, OPTION_MASK, UINT32_MAX << (32 - n->prefix));
        p = put_address(p, OPTION_ROUTER, n->gateway);
        while (dns < MACHINE_DNS_MAX && n->dns[dns])
            dns++;
        if (dns) {
            *p++ = OPTION_DNS;
            *p++ = (uint8_t)(4 * dns);
            for (unsigned i = 0; i < dns; i++, p += 4)
                store_be32(p, n->dns[i]);
        }
    }
    *p++ = OPTION_END;
    return p;
}

bool net_dhcp(struct net_frame *ret, const struct machine_network *n, struct bytes udp)
{
    uint8_t body[PAYLOAD_MIN + 64] = {0};
    struct question q;
    unsigned type;
    size_t used;

    if (!decode(&q, udp))
        return false;
    type = decide(&q, n);
    if (type == 0)
        return false;
    body[0] = 2;
    body[1] = 1;
    body[2] = 6;
    store_be32(body + 4, q.id);
    store_be16(body + 10, q.flags);
    if (type == ACK)
        store_be32(body + 12, q.has);
    if (type != NAK && q.type != INFORM)
        store_be32(body + 16, n->address);
    if (type != NAK)
        store_be32(body + 20, n->gateway);
    memcpy(body + 28, q.mac, sizeof q.mac);
    used = (size_t)(put_options(body + FIXED, type, q.type != INFORM, n) - body);
    net_put_udp(ret, n->gateway, TO_SERVER, TO_CLIENT,
                bytes_of(body, used < PAYLOAD_MIN ? PAYLOAD_MIN : used));
    return true;
}
