/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/remote_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "base/scoped.h"

static bool is_private_v4(uint32_t a)
{
    static const struct {
        uint32_t net;
        unsigned bits;
    } nets[] = {
        {0x00000000, 8},  /* this network */
        {0x0a000000, 8},  /* private */
        {0x64400000, 10}, /* shared, of carriers */
        {0x7f000000, 8},  /* loopback */
        {0xa9fe0000, 16}, /* link-local: metadata services are here */
        {0xac100000, 12}, /* private */
        {0xc0000000, 24}, /* protocol assignments */
        {0xc0000200, 24}, /* documentation */
        {0xc0a80000, 16}, /* private */
        {0xc6120000, 15}, /* benchmarks */
        {0xc6336400, 24}, /* documentation */
        {0xcb007100, 24}, /* documentation */
        {0xe0000000, 3},  /* multicast, reserved, broadcast */
    };

    for (size_t i = 0; i < ARRAY_SIZE(nets); i++)
        if ((a ^ nets[i].net) >> (32 - nets[i].bits) == 0)
            return true;
    return false;
}

static bool is_private_v6(const uint8_t a[16])
{
    static const uint8_t zeros[12], mapped[12] = {[10] = 0xff, [11] = 0xff},
                                    nat64[12] = {0x00, 0x64, 0xff, 0x9b};

    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0 ||
        memcmp(a, zeros, 12) == 0) /* the last: loopback, unspecified, compatible */
        return is_private_v4(load_be32(a + 12));
    if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
        return is_private_v4(load_be32(a + 2));
    /* Global unicast is 2000::/3; of it, Teredo and documentation are not. */
    return (a[0] & 0xe0) != 0x20 || load_be32(a) == 0x20010000 ||
           load_be32(a) == 0x20010db8;
}

bool remote_address_is_private(const struct sockaddr *a)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (a->sa_family == AF_INET) {
        memcpy(&v4, a, sizeof v4);
        return is_private_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (a->sa_family == AF_INET6) {
        memcpy(&v6, a, sizeof v6);
        return is_private_v6(v6.sin6_addr.s6_addr);
    }
    return true;
}
