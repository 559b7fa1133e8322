/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "instance/net_stream.h"

enum { SYN = 2, RST = 4, ACK = 16, FIN = 1, URG = 32, GUEST_PORT = 40000 };

static const struct machine_network network = {
    .metadata = true,
    .address = 0x0a010203, /* 10.1.2.3 */
    .gateway = 0x0a010201,
    .prefix = 24,
    .dns = {0x08080808, 0x01010101},
};
static const uint8_t guest_mac[6] = {0x52, 0x54, 0, 1, 2, 3};

/* The sum over a pseudo header and all behind the IP header, by the book. */
static uint16_t tcp_sum(const uint8_t *ip, size_t total)
{
    uint32_t sum = 6 + (uint32_t)(total - 20);

    for (size_t i = 12; i < 20; i += 2)
        sum += load_be16(ip + i);
    for (size_t i = 20; i + 1 < total; i += 2)
        sum += load_be16(ip + i);
    if (total & 1)
        sum += (uint32_t)ip[total - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static uint16_t ip_sum(const uint8_t *ip)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < 20; i += 2)
        sum += load_be16(ip + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

struct tcp {
    uint32_t from, to;
    uint16_t from_port, to_port;
    unsigned flags;
    uint32_t seq, ack;
    size_t payload;
};

static struct net_frame tcp_frame(struct tcp t)
{
    struct net_frame f = {.n = 54 + t.payload};
    uint8_t *ip = f.p + 14;

    memcpy(f.p, "\2\0\0\0\0\1", 6);
    memcpy(f.p + 6, guest_mac, 6);
    store_be16(f.p + 12, 0x0800);
    ip[0] = 0x45;
    store_be16(ip + 2, (uint16_t)(40 + t.payload));
    ip[8] = 64;
    ip[9] = 6;
    store_be32(ip + 12, t.from);
    store_be32(ip + 16, t.to);
    store_be16(ip + 10, ip_sum(ip));
    store_be16(ip + 20, t.from_port);
    store_be16(ip + 22, t.to_port);
    store_be32(ip + 24, t.seq);
    store_be32(ip + 28, t.ack);
    ip[32] = 0x50;
    ip[33] = (uint8_t)t.flags;
    memset(ip + 40, 'x', t.payload);
    store_be16(ip + 36, tcp_sum(ip, 40 + t.payload));
    return f;
}

static struct tcp syn(void)
{
    return (struct tcp){network.address, NET_METADATA, GUEST_PORT, 80, SYN, 100, 0, 0};
}

static enum net_verdict in(struct net_frame *ret, struct net *n,
                           const struct net_frame *f)
{
    return net_from_guest(ret, n, bytes_of(f->p, f->n), 0);
}

static bool is_right(const struct net_frame *f)
{
    return ip_sum(f->p + 14) == 0 && tcp_sum(f->p + 14, f->n - 14) == 0;
}

static void test_both_ways(void **state)
{
    static const size_t payloads[] = {0, 1, 2, 999, 1460};
    struct net_frame f, out;
    struct net n;
    struct tcp t = syn();

    (void)state;
    net_init(&n, &network, 0);
    for (size_t i = 0; i < ARRAY_SIZE(payloads); i++) {
        t.flags = i ? ACK : SYN;
        t.payload = payloads[i];
        f = tcp_frame(t);
        assert_int_equal(in(&out, &n, &f), NET_PASS);
        assert_true(is_right(&out));
        assert_int_equal(out.n, f.n);
        assert_int_equal(load_be32(out.p + 26), NET_INNER_GUEST);
        assert_int_equal(load_be32(out.p + 30), NET_METADATA);
        assert_memory_equal(out.p + 54, f.p + 54, t.payload);

        f = tcp_frame((struct tcp){NET_METADATA, NET_INNER_GUEST, 80, GUEST_PORT,
                                   ACK | (i ? 0 : SYN), 500, 101, payloads[i]});
        assert_int_equal(net_to_guest(&out, &n, bytes_of(f.p, f.n)), NET_PASS);
        assert_true(is_right(&out));
        assert_int_equal(load_be32(out.p + 26), NET_METADATA);
        assert_int_equal(load_be32(out.p + 30), network.address);
        assert_memory_equal(out.p, guest_mac, 6);
    }
    /* A sum that was wrong does not become right. */
    f = tcp_frame(syn());
    f.p[14 + 36] ^= 1;
    assert_int_equal(in(&out, &n, &f), NET_PASS);
    assert_false(is_right(&out));
    /* A frame that is padded, as short ones are. */
    f = tcp_frame(syn());
    memset(f.p + f.n, 0xee, 6);
    f.n += 6;
    assert_int_equal(in(&out, &n, &f), NET_PASS);
    assert_int_equal(out.n, 54);
    /* Another address of its own: answers go there from then on. */
    t = syn();
    t.from = 0xc0a80007;
    f = tcp_frame(t);
    assert_int_equal(in(&out, &n, &f), NET_PASS);
    f = tcp_frame(
        (struct tcp){NET_METADATA_EC2, NET_INNER_GUEST, 80, GUEST_PORT, ACK, 5, 1, 9});
    assert_int_equal(net_to_guest(&out, &n, bytes_of(f.p, f.n)), NET_PASS);
    assert_int_equal(load_be32(out.p + 30), 0xc0a80007);
    assert_true(is_right(&out));
}

/* One thing wrong with a frame, and it is gone. */
static void test_dropped(void **state)
{
    static const struct {
        const char *name;
        struct tcp tcp;
        size_t at; /* a byte to be changed; 0: none */
        uint8_t value;
        bool mend; /* the sum of the IP header, behind that */
    } cases[] = {
        {"another port", {0x0a010203, NET_METADATA, 1, 8080, SYN}},
        {"port 0 of the server", {0x0a010203, NET_METADATA, 1, 0, SYN}},
        {"the host as libslirp has it", {0x0a010203, NET_INNER_HOST, 1, 80, SYN}},
        {"libslirp's DNS", {0x0a010203, NET_INNER_HOST + 1, 1, 80, SYN}},
        {"the gateway", {0x0a010203, 0x0a010201, 1, 80, SYN}},
        {"the host's loopback", {0x0a010203, 0x7f000001, 1, 80, SYN}},
        {"somebody out there", {0x0a010203, 0x01010101, 1, 80, SYN}},
        {"everybody", {0x0a010203, 0xffffffff, 1, 80, SYN}},
        {"from the loopback", {0x7f000001, NET_METADATA, 1, 80, SYN}},
        {"from nowhere", {0, NET_METADATA, 1, 80, SYN}},
        {"from a group", {0xe0000001, NET_METADATA, 1, 80, SYN}},
        {"from the server itself", {NET_METADATA_EC2, NET_METADATA, 1, 80, SYN}},
        {"SYN and FIN", {0x0a010203, NET_METADATA, 1, 80, SYN | FIN}},
        {"SYN and RST", {0x0a010203, NET_METADATA, 1, 80, SYN | RST}},
        {"SYN and ACK", {0x0a010203, NET_METADATA, 1, 80, SYN | ACK}},
        {"no flag", {0x0a010203, NET_METADATA, 1, 80, 0}},
        {"urgent data", {0x0a010203, NET_METADATA, 1, 80, ACK | URG}},
        {"IPv6", {0x0a010203, NET_METADATA, 1, 80, SYN}, 12, 0x86},
        {"a VLAN", {0x0a010203, NET_METADATA, 1, 80, SYN}, 12, 0x81},
        {"from a group's MAC", {0x0a010203, NET_METADATA, 1, 80, SYN}, 6, 1},
        {"options of IP", {0x0a010203, NET_METADATA, 1, 80, SYN}, 14, 0x46, true},
        {"a header too short", {0x0a010203, NET_METADATA, 1, 80, SYN}, 14, 0x44, true},
        {"IP version 5", {0x0a010203, NET_METADATA, 1, 80, SYN}, 14, 0x55, true},
        {"a first fragment", {0x0a010203, NET_METADATA, 1, 80, SYN}, 20, 0x20, true},
        {"a later fragment", {0x0a010203, NET_METADATA, 1, 80, SYN}, 21, 1, true},
        {"longer than the frame", {0x0a010203, NET_METADATA, 1, 80, SYN}, 17, 41, true},
        {"shorter than its header", {0x0a010203, NET_METADATA, 1, 80, SYN}, 17, 19, true},
        {"without all of TCP", {0x0a010203, NET_METADATA, 1, 80, SYN}, 17, 39, true},
        {"a wrong sum", {0x0a010203, NET_METADATA, 1, 80, SYN}, 22, 63},
        {"TCP options past the end", {0x0a010203, NET_METADATA, 1, 80, SYN}, 46, 0x60},
        {"a TCP header too short", {0x0a010203, NET_METADATA, 1, 80, SYN}, 46, 0x40},
        {"ICMP", {0x0a010203, NET_METADATA, 1, 80, SYN}, 23, 1, true},
        {"UDP that is no DHCP", {0x0a010203, NET_METADATA, 1, 80, SYN}, 23, 17, true},
    };
    struct net_frame f, out;
    struct net n;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        net_init(&n, &network, 0);
        f = tcp_frame(cases[i].tcp);
        if (cases[i].at)
            f.p[cases[i].at] = cases[i].value;
        if (cases[i].mend) {
            store_be16(f.p + 24, 0);
            store_be16(f.p + 24, ip_sum(f.p + 14));
        }
        if (in(&out, &n, &f) != NET_DROP)
            fail_msg("%s came through", cases[i].name);
    }
    /* Cut at any length. */
    f = tcp_frame(syn());
    for (f.n = 0; f.n < 54; f.n++) {
        net_init(&n, &network, 0);
        assert_int_equal(in(&out, &n, &f), NET_DROP);
    }
    /* Without metadata, not even this. */
    f = tcp_frame(syn());
    net_init(&n, &(struct machine_network){0}, 0);
    assert_int_equal(in(&out, &n, &f), NET_DROP);
}

/* What comes from libslirp is no more trusted. */
static void test_to_guest(void **state)
{
    static const struct {
        const char *name;
        struct tcp tcp;
    } cases[] = {
        {"from another address", {0x01010101, NET_INNER_GUEST, 80, 1, ACK}},
        {"from another port", {NET_METADATA, NET_INNER_GUEST, 81, 1, ACK}},
        {"to another address", {NET_METADATA, 0x0a010203, 80, 1, ACK}},
    };
    struct net_frame f, out;
    struct net n;

    (void)state;
    net_init(&n, &network, 0);
    f = tcp_frame((struct tcp){NET_METADATA, NET_INNER_GUEST, 80, 1, ACK});
    assert_int_equal(net_to_guest(&out, &n, bytes_of(f.p, f.n)), NET_DROP); /* to whom? */
    f = tcp_frame(syn());
    assert_int_equal(in(&out, &n, &f), NET_PASS);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        f = tcp_frame(cases[i].tcp);
        if (net_to_guest(&out, &n, bytes_of(f.p, f.n)) != NET_DROP)
            fail_msg("%s came through", cases[i].name);
    }
}

static struct tcp nth(unsigned i)
{
    struct tcp t = syn();

    t.from_port = (uint16_t)(1000 + i);
    return t;
}

static void test_limits(void **state)
{
    struct net_frame f, out;
    struct net n;
    unsigned passed = 0;

    (void)state;
    net_init(&n, &network, 0);
    for (unsigned i = 0; i < 1000; i++) {
        f = tcp_frame(nth(i));
        passed += in(&out, &n, &f) == NET_PASS;
    }
    assert_int_equal(passed, NET_HALF_OPEN_MAX);
    /* One asks again: it is known. */
    f = tcp_frame(nth(0));
    assert_int_equal(in(&out, &n, &f), NET_PASS);
    /* A place is not had back by acknowledging what was never answered, nor wrongly. */
    f = tcp_frame((struct tcp){network.address, NET_METADATA, 1000, 80, ACK, 101, 1, 0});
    in(&out, &n, &f);
    f = tcp_frame(
        (struct tcp){NET_METADATA, NET_INNER_GUEST, 80, 1000, SYN | ACK, 7, 101});
    net_to_guest(&out, &n, bytes_of(f.p, f.n));
    f = tcp_frame((struct tcp){network.address, NET_METADATA, 1000, 80, ACK, 101, 9, 0});
    in(&out, &n, &f);
    f = tcp_frame(nth(2000));
    assert_int_equal(in(&out, &n, &f), NET_DROP);
    /* Rightly, it is. */
    f = tcp_frame((struct tcp){network.address, NET_METADATA, 1000, 80, ACK, 101, 8, 0});
    assert_int_equal(in(&out, &n, &f), NET_PASS);
    f = tcp_frame(nth(2000));
    assert_int_equal(in(&out, &n, &f), NET_PASS);
    /* Later they are forgotten, but the rate holds. */
    passed = 0;
    for (unsigned i = 0; i < 1000; i++) {
        f = tcp_frame(nth(i));
        if (net_from_guest(&out, &n, bytes_of(f.p, f.n), NET_HALF_OPEN_MS + 1) ==
            NET_PASS)
            passed++;
        f = tcp_frame((struct tcp){NET_METADATA, NET_INNER_GUEST, 80,
                                   (uint16_t)(1000 + i), RST | ACK, 7, 101});
        net_to_guest(&out, &n, bytes_of(f.p, f.n));
    }
    assert_int_equal(passed, NET_SYN_BURST);
    f = tcp_frame(nth(3000));
    assert_int_equal(net_from_guest(&out, &n, bytes_of(f.p, f.n),
                                    NET_HALF_OPEN_MS + 1 + 1000 / NET_SYN_A_SECOND + 1),
                     NET_PASS);
}

static struct net_frame arp(uint16_t what, uint32_t from, uint32_t to)
{
    struct net_frame f = {.n = 42};

    memset(f.p, 0xff, 6);
    memcpy(f.p + 6, guest_mac, 6);
    store_be16(f.p + 12, 0x0806);
    memcpy(f.p + 14, "\0\1\10\0\6\4", 6);
    store_be16(f.p + 20, what);
    memcpy(f.p + 22, guest_mac, 6);
    store_be32(f.p + 28, from);
    store_be32(f.p + 38, to);
    return f;
}

static void test_arp(void **state)
{
    static const struct {
        const char *name;
        uint16_t what;
        uint32_t to;
        bool answered;
    } cases[] = {
        {"who has the gateway", 1, 0x0a010201, true},
        {"who has the metadata address", 1, NET_METADATA, true},
        {"who has the other one", 1, NET_METADATA_EC2, true},
        {"who has my own address", 1, 0x0a010203, false},
        {"who has a neighbour's", 1, 0x0a010204, false},
        {"an answer", 2, 0x0a010201, false},
    };
    struct net_frame f, out;
    struct net n;

    (void)state;
    net_init(&n, &network, 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        f = arp(cases[i].what, network.address, cases[i].to);
        if ((in(&out, &n, &f) == NET_ANSWER) != cases[i].answered)
            fail_msg("%s", cases[i].name);
    }
    f = arp(1, network.address, network.gateway);
    assert_int_equal(in(&out, &n, &f), NET_ANSWER);
    assert_memory_equal(out.p, guest_mac, 6);
    assert_int_equal(load_be16(out.p + 20), 2);
    assert_int_equal(load_be32(out.p + 28), network.gateway);
    f.n = 41;
    assert_int_equal(in(&out, &n, &f), NET_DROP);
    /* libslirp asks who the guest is. */
    f = arp(1, NET_INNER_HOST, NET_INNER_GUEST);
    assert_int_equal(net_to_guest(&out, &n, bytes_of(f.p, f.n)), NET_ANSWER);
    assert_int_equal(load_be32(out.p + 28), NET_INNER_GUEST);
}

static struct net_frame dhcp(unsigned type, uint32_t wanted, uint32_t server,
                             uint32_t has)
{
    struct net_frame f = {.n = 14 + 28 + 300};
    uint8_t *ip = f.p + 14, *udp = ip + 20, *b = udp + 8, *o = b + 236;

    memset(f.p, 0xff, 6);
    memcpy(f.p + 6, guest_mac, 6);
    store_be16(f.p + 12, 0x0800);
    ip[0] = 0x45;
    store_be16(ip + 2, 328);
    ip[9] = 17;
    store_be32(ip + 16, 0xffffffff);
    store_be16(ip + 10, ip_sum(ip));
    store_be16(udp, 68);
    store_be16(udp + 2, 67);
    store_be16(udp + 4, 308);
    b[0] = b[1] = 1;
    b[2] = 6;
    store_be32(b + 4, 0x12345678);
    store_be32(b + 12, has);
    memcpy(b + 28, guest_mac, 6);
    memcpy(o, "\x63\x82\x53\x63\x35\x01", 6);
    o[6] = (uint8_t)type;
    o += 7;
    if (wanted) {
        memcpy(o, "\x32\x04", 2);
        store_be32(o + 2, wanted);
        o += 6;
    }
    if (server) {
        memcpy(o, "\x36\x04", 2);
        store_be32(o + 2, server);
        o += 6;
    }
    *o = 0xff;
    return f;
}

static void test_dhcp(void **state)
{
    static const struct {
        const char *name;
        unsigned type;
        uint32_t wanted, server, has;
        unsigned answer; /* its type; 0: none */
    } cases[] = {
        {"a discovery is offered", 1, 0, 0, 0, 2},
        {"a request is granted", 3, 0x0a010203, 0x0a010201, 0, 5},
        {"a renewal is granted", 3, 0, 0, 0x0a010203, 5},
        {"another address is refused", 3, 0x0a0102ff, 0x0a010201, 0, 6},
        {"another server's offer is nothing to us", 3, 0x0a010203, 0x0a0102fe, 0, 0},
        {"a question for settings is answered", 8, 0, 0, 0x0a010203, 5},
        {"a release is not", 7, 0, 0, 0, 0},
        {"a type that is none", 99, 0, 0, 0, 0},
    };
    static const uint8_t want[] = {53, 1,   2, 54, 4,   10,  1,   2, 1, 51, 4,  0,  1,
                                   81, 128, 1, 4,  255, 255, 255, 0, 3, 4,  10, 1,  2,
                                   1,  6,   8, 8,  8,   8,   8,   1, 1, 1,  1,  255};
    struct net_frame f, out;
    struct net n;

    (void)state;
    net_init(&n, &network, 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        f = dhcp(cases[i].type, cases[i].wanted, cases[i].server, cases[i].has);
        if ((in(&out, &n, &f) == NET_ANSWER) != (cases[i].answer != 0) ||
            (cases[i].answer && out.p[14 + 28 + 242] != cases[i].answer))
            fail_msg("%s", cases[i].name);
    }
    f = dhcp(1, 0, 0, 0);
    assert_int_equal(in(&out, &n, &f), NET_ANSWER);
    assert_int_equal(ip_sum(out.p + 14), 0);
    assert_int_equal(load_be32(out.p + 14 + 28 + 16), network.address);
    assert_memory_equal(out.p + 14 + 28 + 240, want, sizeof want);
    /* An option that goes past the end. */
    f.p[14 + 28 + 241] = 200;
    assert_int_equal(in(&out, &n, &f), NET_DROP);
}

static void test_stream(void **state)
{
    static const uint8_t stream[] = "\0\0\0\3abc\0\0\0\0\0\0\xff\xff";
    static uint8_t rest_of[0xffff + 5];
    struct net_stream s = {0};
    struct bytes frame, rest;
    unsigned n = 0;

    (void)state;
    memcpy(rest_of + 0xffff, "\0\0\0\1x", 5);
    /* A byte at a time. */
    for (size_t i = 0; i < sizeof stream - 1; i++) {
        rest = bytes_of(stream + i, 1);
        if (net_stream_next(&frame, &s, &rest)) {
            assert_int_equal(frame.n, 3);
            assert_memory_equal(frame.p, "abc", 3);
            n++;
        }
        assert_int_equal(rest.n, 0);
    }
    assert_int_equal(n, 1);
    /* What is too long is read over. */
    rest = bytes_of(rest_of, sizeof rest_of);
    assert_true(net_stream_next(&frame, &s, &rest));
    assert_int_equal(frame.n, 1);
    assert_int_equal(frame.p[0], 'x');
    assert_false(net_stream_next(&frame, &s, &rest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways), cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_to_guest),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_arp),       cmocka_unit_test(test_dhcp),
        cmocka_unit_test(test_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
