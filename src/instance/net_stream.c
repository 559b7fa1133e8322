/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/net_stream.h"

#include <string.h>

#include "base/checked.h"

static void take(struct net_stream *s, struct bytes *rest, size_t up_to)
{
    size_t n = min_size(up_to - s->n, rest->n);

    if (n)
        memcpy(s->buf + s->n, rest->p, n);
    s->n += n;
    *rest = bytes_of(rest->p + n, rest->n - n);
}

bool net_stream_next(struct bytes *frame, struct net_stream *s, struct bytes *rest)
{
    while (rest->n) {
        uint32_t length;

        if (s->skip) {
            size_t n = min_size(s->skip, rest->n);

            *rest = bytes_of(rest->p + n, rest->n - n);
            s->skip -= (uint32_t)n;
            continue;
        }
        if (s->n < NET_STREAM_HEAD)
            take(s, rest, NET_STREAM_HEAD);
        if (s->n < NET_STREAM_HEAD)
            break;
        length = load_be32(s->buf);
        if (length == 0 || length > NET_FRAME_MAX) {
            s->skip = length;
            s->n = 0;
            continue;
        }
        take(s, rest, NET_STREAM_HEAD + length);
        if (s->n == NET_STREAM_HEAD + length) {
            *frame = bytes_of(s->buf + NET_STREAM_HEAD, length);
            s->n = 0;
            return true;
        }
    }
    return false;
}
