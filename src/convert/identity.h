/* SPDX-License-Identifier: GPL-2.0-or-later */
/* identity.h: the name that a container gives to its content
 *
 * VHD wants a UUID and VMDK a content id, so that a difference file finds the disk it was
 * made from.  Random ones would make two conversions of one disk differ; here they follow
 * from the disk: its size, which clusters hold data, the whole of the first of them
 * (partition table, boot sectors, the first superblock with its times) and the beginning
 * of each other. */
#pragma once

#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/hash.h"
#include "convert/sink.h"

enum { IDENTITY_WHOLE = 16, IDENTITY_PART = 64 };

struct identity {
    uint64_t sum, count;
};

static inline void identity_mix(struct identity *i, uint64_t value)
{
    uint8_t b[16];

    store_le64(b, i->sum);
    store_le64(b + 8, value);
    i->sum = xxh64(b, sizeof b);
}

static inline void identity_add(struct identity *i, const struct cluster *c)
{
    size_t n =
        i->count++ < IDENTITY_WHOLE ? c->length : min_u64(c->length, IDENTITY_PART);

    identity_mix(i, c->index);
    identity_mix(i, xxh64(c->p, n));
}

/* A UUID of version 8, RFC 9562: made in a way of our own. */
static inline void identity_uuid(uint8_t ret[16], const struct identity *i)
{
    struct identity more = *i;

    identity_mix(&more, 1);
    store_be64(ret, more.sum);
    identity_mix(&more, 2);
    store_be64(ret + 8, more.sum);
    ret[6] = (uint8_t)((ret[6] & 0x0f) | 0x80);
    ret[8] = (uint8_t)((ret[8] & 0x3f) | 0x80);
}
