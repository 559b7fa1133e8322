/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parts.h: the list of parts that completes an upload.  Pure, any thread. */
#pragma once

#include "base/arena.h"

struct cos_part {
    unsigned number;
    char etag[33]; /* 32 hexadecimal digits, lower case */
};

struct cos_parts {
    struct cos_part *v;
    size_t n; /* at least one, at most 10,000 */
};

/* <CompleteMultipartUpload><Part><PartNumber/><ETag/></Part>...  ERR_CORRUPT, ERR_LIMIT.
 */
int cos_parts_read(struct cos_parts *ret, struct arena *a, struct bytes xml,
                   struct err *err);
