/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inside.h: the GET of a link that is answered here, without a connection
 *
 * The same request as it would come by HTTP, judged by the same code: signature, time,
 * rights, and links that serve once.  Where the bytes are is told instead of the bytes.
 */
#pragma once

#include "service/call.h"
#include "store/object.h"

struct cos_inside {
    unsigned status;  /* 200, or as the endpoint refuses */
    const char *told; /* with a refusal: its XML */
    uint64_t size;
    struct object_pieces pieces;
    /* To be spent (link_spend) by who takes the bytes; NULL: the link serves often. */
    const char *signature;
    int64_t expires;
};

/* `host` and `target` as in the request's first lines.  Negative: could not look. */
int cos_get_inside(struct cos_inside *ret, struct arena *arena, struct service *service,
                   const char *host, const char *target, struct err *err);
