/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_net.c: a guest that sends what it likes, and a libslirp that does as well
 *
 *   byte 0      bit 0: metadata; bit 1: another network than the default
 *   then        QEMU's stream, cut into pieces whose lengths are in it: u8 length, bit 7:
 *               what follows comes from libslirp; then as many bytes, the frames' sums
 *               made right where bit 6 is set
 *
 * What passes to libslirp is whole TCP from one address to the two of the metadata
 * server, port 80, with a right sum of its header; what goes to the guest is as narrow.
 */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "fuzz/fuzz.h"
#include "instance/net_stream.h"

static uint16_t sum_of(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < n; i += 2)
        sum += load_be16(p + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static bool is_metadata(uint32_t a)
{
    return a == NET_METADATA || a == NET_METADATA_EC2;
}

static void look_at_passed(const struct net_frame *f, bool to_guest)
{
    const uint8_t *ip = f->p + 14, *tcp = ip + 20;

    assert(f->n >= 54 && f->n <= NET_FRAME_MAX);
    assert(load_be16(f->p + 12) == 0x0800 && ip[0] == 0x45 && ip[9] == 6);
    assert(load_be16(ip + 2) == f->n - 14 && (load_be16(ip + 6) & 0x3fff) == 0);
    assert(sum_of(ip, 20) == 0);
    if (to_guest) {
        assert(is_metadata(load_be32(ip + 12)) && load_be16(tcp) == 80);
        return;
    }
    assert(load_be32(ip + 12) == NET_INNER_GUEST && is_metadata(load_be32(ip + 16)));
    assert(load_be16(tcp + 2) == 80 && !(tcp[13] & 32));
    assert((size_t)(tcp[12] >> 4) * 4 >= 20 && (size_t)(tcp[12] >> 4) * 4 <= f->n - 34);
}

static void look_at_answer(const struct net_frame *f)
{
    uint16_t type = load_be16(f->p + 12);

    assert(f->n <= NET_FRAME_MAX);
    assert((type == 0x0806 && f->n == 42) || (type == 0x0800 && f->p[14 + 9] == 17));
}

static void look(const struct net_frame *f, enum net_verdict v, bool to_guest)
{
    if (v == NET_PASS)
        look_at_passed(f, to_guest);
    if (v == NET_ANSWER)
        look_at_answer(f);
}

/* So that a fuzzer gets past the header's sum. */
static void mend(uint8_t *p, size_t n)
{
    if (n < 34)
        return;
    store_be16(p + 24, 0);
    store_be16(p + 24, sum_of(p + 14, 20));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct machine_network other = {
        .address = 0x0a010203, .gateway = 0x0a010201, .prefix = 30, .dns = {1, 2}};
    struct machine_network network = {0};
    struct net_stream stream = {0};
    struct net_frame out;
    struct bytes frame;
    struct net n;
    int64_t now = 0;

    if (size == 0)
        return 0;
    if (data[0] & 2)
        network = other;
    network.metadata = data[0] & 1;
    net_init(&n, &network, 0);
    data++;
    size--;
    while (size) {
        uint8_t head = *data, piece[NET_FRAME_MAX];
        size_t length = min_size((head & 63) * 8u, size - 1);
        struct bytes rest;

        memcpy(piece, data + 1, length);
        data += 1 + length;
        size -= 1 + length;
        if (head & 64)
            mend(piece + (head & 128 ? 0 : NET_STREAM_HEAD),
                 length < NET_STREAM_HEAD ? 0 : length - NET_STREAM_HEAD);
        if (head & 128) {
            look(&out, net_to_guest(&out, &n, bytes_of(piece, length)), true);
            continue;
        }
        rest = bytes_of(piece, length);
        while (net_stream_next(&frame, &stream, &rest))
            look(&out, net_from_guest(&out, &n, frame, now += 7), false);
    }
    return 0;
}
