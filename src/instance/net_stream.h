/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_stream.h: frames on QEMU's stream: u32 length, big-endian, and as many bytes
 *
 * What is longer than a frame may be is read over.  Pure; one thread at a time. */
#pragma once

#include "instance/net_frame.h"

enum { NET_STREAM_HEAD = 4 };

struct net_stream {
    uint8_t buf[NET_STREAM_HEAD + NET_FRAME_MAX];
    size_t n;      /* bytes of it */
    uint32_t skip; /* bytes to be read over */
};

/* Takes from *rest.  True: *frame is the next one, until the next call.  False: *rest is
 * used up. */
bool net_stream_next(struct bytes *frame, struct net_stream *s, struct bytes *rest);
