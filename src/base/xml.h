/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xml.h: the little XML that object stores speak
 *
 *     AUTO(xml_fini) struct xml x = XML_OF(body);
 *     while ((r = xml_next(&x, err)) > 0) {
 *         if (r == XML_OPEN && text_is(x.name, "Part"))
 *             begin();
 *         else if (r == XML_CLOSE && text_is(x.name, "PartNumber"))
 *             number = buf_str(&x.text);       what stood in it, entities resolved
 *     }
 *
 * Elements and text.  Attributes, comments and processing instructions are read over;
 * prefixes of names are dropped.  A document type is refused, so there are no entities
 * but the five and numbers.  The text is not checked to be UTF-8.  One thread at a time.
 */
#pragma once

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

enum {
    XML_DEPTH_MAX = 16,
    XML_TEXT_MAX = 4096, /* of one element */
};

enum { XML_END = 0, XML_OPEN, XML_CLOSE };

struct xml {
    struct bytes in;
    size_t pos;
    struct bytes name; /* of the element that opened or closed; borrowed from the input */
    struct buf text;   /* at XML_CLOSE: what stood in it behind its last child */
    struct bytes open[XML_DEPTH_MAX]; /* full names of those around */
    unsigned depth;
    bool closing; /* <empty/>: its close is still to be told */
    bool begun;
};

#define XML_OF(bytes)                            \
    {                                            \
        .in = (bytes), .text.max = XML_TEXT_MAX, \
    }

static inline void xml_fini(struct xml *x)
{
    buf_fini(&x->text);
}

/* XML_OPEN, XML_CLOSE, XML_END once the outermost element has closed, or negative:
 * ERR_CORRUPT, ERR_LIMIT. */
int xml_next(struct xml *x, struct err *err);

/* Appends text with & < > " escaped; control characters that XML 1.0 cannot say become
 * "?". */
int xml_escape(struct buf *to, const char *text, struct err *err);
/* <name>text</name> */
int xml_put(struct buf *to, const char *name, const char *text, struct err *err);
