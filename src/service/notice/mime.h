/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mime.h: a mail as it goes over the wire (RFC 5322, 2045, 2047)
 *
 * Subject and body are any text: whatever stands in them stays in them, since what is not
 * plain is encoded.  The other fields are ours, or checked by address.h. */
#pragma once

#include "base/buf.h"

struct mime {
    const char *from, *to;
    const char *subject, *body; /* UTF-8; the body's lines end in \n */
    const char *id;             /* of Message-ID: "1-2@host" */
    int64_t date;
};

int mime_write(struct buf *ret, const struct mime *m, struct err *err);
