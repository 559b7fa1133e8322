/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/net_frame.h"

#include <assert.h>
#include <string.h>

#include "instance/net_dhcp.h"

enum {
    ETHER = 14,
    TYPE_IP = 0x0800,
    TYPE_ARP = 0x0806,
    IP = 20,
    TCP = 20,
    UDP = 8,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    HTTP_PORT = 80,
    FLAG_FIN = 1,
    FLAG_SYN = 2,
    FLAG_RST = 4,
    FLAG_ACK = 16,
    FLAG_URG = 32,
    ARP = 28,
    ARP_REQUEST = 1,
    ARP_REPLY = 2,
    CREDIT = 1000, /* of one connection */
};

/* Ours, locally administered: the gateway as the guest sees it, and the guest as libslirp
 * sees it. */
static const uint8_t gateway_mac[6] = {0x02, 0x69, 0x6d, 0x67, 0x00, 0x01};
static const uint8_t inner_mac[6] = {0x02, 0x69, 0x6d, 0x67, 0x00, 0x02};
static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

void net_init(struct net *n, const struct machine_network *network, int64_t now_ms)
{
    *n = (struct net){.network = *network};
    if (!n->network.address) {
        n->network.address = UINT32_C(0x0a00020f); /* 10.0.2.15 */
        n->network.gateway = UINT32_C(0x0a000202);
        n->network.prefix = 24;
    }
    n->address = n->network.address;
    n->syn_credit = NET_SYN_BURST * CREDIT;
    n->syn_at = now_ms;
}

static bool is_metadata(uint32_t address)
{
    return address == NET_METADATA || address == NET_METADATA_EC2;
}

/* The sum that IP, TCP and UDP use, not yet inverted. */
static uint16_t sum16(struct bytes b)
{
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < b.n; i += 2)
        sum += load_be16(b.p + i);
    if (b.n & 1)
        sum += (uint32_t)b.p[b.n - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* RFC 1624, equation 3: a sum that was wrong stays wrong. */
static uint16_t sum_replaced(uint16_t sum, uint32_t before, uint32_t after)
{
    uint32_t s = (uint16_t)~sum;

    s += (uint16_t) ~(before >> 16) + (uint32_t)(uint16_t)~before;
    s += (after >> 16) + (uint16_t)after;
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)~s;
}

static void put_ether(uint8_t *p, const uint8_t to[6], const uint8_t from[6],
                      uint16_t type)
{
    memcpy(p, to, 6);
    memcpy(p + 6, from, 6);
    store_be16(p + 12, type);
}

static void put_ip_sum(uint8_t *ip)
{
    store_be16(ip + 10, 0);
    store_be16(ip + 10, (uint16_t)~sum16(bytes_of(ip, IP)));
}

/* RFC 826; both sides Ethernet and IPv4. */
static void put_arp(struct net_frame *ret, uint16_t what, const uint8_t from_mac[6],
                    uint32_t from, const uint8_t to_mac[6], uint32_t to)
{
    uint8_t *a = ret->p + ETHER;

    put_ether(ret->p, to_mac, from_mac, TYPE_ARP);
    store_be16(a, 1);
    store_be16(a + 2, TYPE_IP);
    a[4] = 6;
    a[5] = 4;
    store_be16(a + 6, what);
    memcpy(a + 8, from_mac, 6);
    store_be32(a + 14, from);
    memcpy(a + 18, to_mac, 6);
    store_be32(a + 24, to);
    ret->n = ETHER + ARP;
}

/* Without a sum, which IPv4 allows. */
void net_put_udp(struct net_frame *ret, uint32_t from, uint16_t from_port,
                 uint16_t to_port, struct bytes payload)
{
    uint8_t *ip = ret->p + ETHER, *udp = ip + IP;

    assert(payload.n <= NET_FRAME_MAX - ETHER - IP - UDP);
    put_ether(ret->p, everybody, gateway_mac, TYPE_IP);
    memset(ip, 0, IP + UDP);
    ip[0] = 0x45;
    store_be16(ip + 2, (uint16_t)(IP + UDP + payload.n));
    ip[8] = 64;
    ip[9] = PROTO_UDP;
    store_be32(ip + 12, from);
    store_be32(ip + 16, UINT32_MAX);
    put_ip_sum(ip);
    store_be16(udp, from_port);
    store_be16(udp + 2, to_port);
    store_be16(udp + 4, (uint16_t)(UDP + payload.n));
    memcpy(udp + UDP, payload.p, payload.n);
    ret->n = ETHER + IP + UDP + payload.n;
}

void net_introduce(struct net_frame *ret)
{
    put_arp(ret, ARP_REPLY, inner_mac, NET_INNER_GUEST, everybody, NET_INNER_HOST);
}

struct arp {
    uint8_t mac[6];
    uint32_t from, to;
};

/* Only a question is of interest. */
static bool decode_arp(struct arp *ret, struct bytes frame)
{
    struct cursor c = cursor_at(frame, ETHER);
    uint8_t head[6];
    struct arp a;

    cursor_copy(&c, head, sizeof head);
    if (cursor_be16(&c) != ARP_REQUEST || memcmp(head, "\0\1\10\0\6\4", 6) != 0)
        return false;
    cursor_copy(&c, a.mac, sizeof a.mac);
    a.from = cursor_be32(&c);
    cursor_skip(&c, 6);
    a.to = cursor_be32(&c);
    if (c.bad)
        return false;
    *ret = a;
    return true;
}

static enum net_verdict answer_arp(struct net_frame *ret, const struct net *n,
                                   struct bytes frame)
{
    struct arp a;

    if (!decode_arp(&a, frame) || (a.to != n->network.gateway && !is_metadata(a.to)))
        return NET_DROP;
    put_arp(ret, ARP_REPLY, gateway_mac, a.to, a.mac, a.from);
    return NET_ANSWER;
}

struct packet {
    uint8_t protocol;
    uint32_t from, to;
    struct bytes all;  /* with the IP header, without what pads the frame */
    struct bytes body; /* behind the IP header */
};

/* Without options, whole, and with a right sum. */
static bool decode_ip(struct packet *ret, struct bytes frame)
{
    struct bytes b = bytes_sub(frame, ETHER, frame.n - ETHER);
    uint16_t total;

    if (b.n < IP || b.p[0] != 0x45)
        return false;
    total = load_be16(b.p + 2);
    if (total < IP || total > b.n || (load_be16(b.p + 6) & 0x3fff) ||
        sum16(bytes_of(b.p, IP)) != 0xffff)
        return false;
    *ret = (struct packet){
        .protocol = b.p[9],
        .from = load_be32(b.p + 12),
        .to = load_be32(b.p + 16),
        .all = bytes_of(b.p, total),
        .body = bytes_of(b.p + IP, total - IP),
    };
    return true;
}

/* Could a machine have it? */
static bool is_host_address(uint32_t a)
{
    return a >> 24 != 0 && a >> 24 != 127 && a < UINT32_C(0xe0000000) && !is_metadata(a);
}

/* Urgent data and strange flags are code of libslirp that nobody needs. */
static bool is_plain_tcp(struct bytes tcp)
{
    size_t header = tcp.n < TCP ? 0 : (size_t)(tcp.p[12] >> 4) * 4;
    unsigned flags = header < TCP || header > tcp.n ? 0 : tcp.p[13];

    if (flags & FLAG_URG)
        return false;
    if (flags & FLAG_SYN)
        return !(flags & (FLAG_FIN | FLAG_RST));
    return flags & (FLAG_ACK | FLAG_RST);
}

static struct net_half_open *find_half_open(struct net *n, uint32_t to, uint16_t port)
{
    for (unsigned i = 0; i < NET_HALF_OPEN_MAX; i++)
        if (n->half_open[i].until && n->half_open[i].to == to &&
            n->half_open[i].port == port)
            return &n->half_open[i];
    return NULL;
}

/* libslirp has no limit of its own to what a guest may begin. */
static bool may_begin(struct net *n, uint32_t to, uint16_t port, int64_t now)
{
    struct net_half_open *place = find_half_open(n, to, port);

    if (place && place->until > now)
        return true; /* it asks again */
    if (now > n->syn_at) {
        n->syn_credit += (now - n->syn_at) * NET_SYN_A_SECOND;
        if (n->syn_credit > NET_SYN_BURST * CREDIT)
            n->syn_credit = NET_SYN_BURST * CREDIT;
        n->syn_at = now;
    }
    for (unsigned i = 0; i < NET_HALF_OPEN_MAX && !place; i++)
        if (n->half_open[i].until <= now)
            place = &n->half_open[i];
    if (!place || n->syn_credit < CREDIT)
        return false;
    n->syn_credit -= CREDIT;
    *place =
        (struct net_half_open){.until = now + NET_HALF_OPEN_MS, .to = to, .port = port};
    return true;
}

/* One address of a packet exchanged, its sums kept as right or wrong as they were. */
static void copy_with(struct net_frame *ret, const struct packet *p, size_t where,
                      uint32_t address)
{
    uint8_t *ip = ret->p + ETHER, *sum = ip + IP + 16;
    uint32_t before = load_be32(p->all.p + where);

    memcpy(ip, p->all.p, p->all.n);
    store_be32(ip + where, address);
    put_ip_sum(ip);
    store_be16(sum, sum_replaced(load_be16(sum), before, address));
    ret->n = ETHER + p->all.n;
}

static enum net_verdict pass_tcp(struct net_frame *ret, struct net *n,
                                 const struct packet *p, int64_t now)
{
    struct net_half_open *begun;
    unsigned flags;
    uint16_t port;

    if (!n->network.metadata || !is_metadata(p->to) || !is_host_address(p->from) ||
        !is_plain_tcp(p->body) || load_be16(p->body.p + 2) != HTTP_PORT)
        return NET_DROP;
    port = load_be16(p->body.p);
    flags = p->body.p[13];
    begun = find_half_open(n, p->to, port);
    if (flags & FLAG_SYN) {
        if (flags & FLAG_ACK || !may_begin(n, p->to, port, now))
            return NET_DROP;
    } else if (begun && flags & FLAG_ACK && begun->answered &&
               load_be32(p->body.p + 8) == begun->ack) {
        begun->until = 0;
    }
    n->address = p->from;
    copy_with(ret, p, 12, NET_INNER_GUEST);
    put_ether(ret->p, gateway_mac, inner_mac, TYPE_IP);
    return NET_PASS;
}

enum net_verdict net_from_guest(struct net_frame *ret, struct net *n, struct bytes frame,
                                int64_t now_ms)
{
    struct packet p;
    uint16_t type;

    if (frame.n < ETHER || frame.n > NET_FRAME_MAX || frame.p[6] & 1)
        return NET_DROP;
    memcpy(n->mac, frame.p + 6, 6);
    type = load_be16(frame.p + 12);
    if (type == TYPE_ARP)
        return answer_arp(ret, n, frame);
    if (type != TYPE_IP || !decode_ip(&p, frame))
        return NET_DROP;
    if (p.protocol == PROTO_TCP)
        return pass_tcp(ret, n, &p, now_ms);
    if (p.protocol == PROTO_UDP)
        return net_dhcp(ret, &n->network, p.body) ? NET_ANSWER : NET_DROP;
    return NET_DROP;
}

enum net_verdict net_to_guest(struct net_frame *ret, struct net *n, struct bytes frame)
{
    struct net_half_open *begun;
    struct packet p;
    struct arp a;
    unsigned flags;

    if (frame.n < ETHER || frame.n > NET_FRAME_MAX)
        return NET_DROP;
    if (load_be16(frame.p + 12) == TYPE_ARP) {
        if (!decode_arp(&a, frame) || a.to != NET_INNER_GUEST)
            return NET_DROP;
        net_introduce(ret);
        return NET_ANSWER;
    }
    if (load_be16(frame.p + 12) != TYPE_IP || !decode_ip(&p, frame) ||
        p.protocol != PROTO_TCP || p.to != NET_INNER_GUEST || !is_metadata(p.from) ||
        p.body.n < TCP || load_be16(p.body.p) != HTTP_PORT ||
        bytes_are_zero(bytes_of(n->mac, 6)))
        return NET_DROP;
    flags = p.body.p[13];
    begun = find_half_open(n, p.from, load_be16(p.body.p + 2));
    if (begun && (flags & (FLAG_SYN | FLAG_ACK)) == (FLAG_SYN | FLAG_ACK)) {
        begun->answered = true;
        begun->ack = load_be32(p.body.p + 4) + 1;
    } else if (begun && flags & FLAG_RST) {
        begun->until = 0; /* refused, and forgotten there */
    }
    copy_with(ret, &p, 16, n->address);
    put_ether(ret->p, n->mac, gateway_mac, TYPE_IP);
    return NET_PASS;
}
