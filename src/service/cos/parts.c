/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/cos/parts.h"

#include <string.h>

#include "base/scoped.h"
#include "base/text.h"
#include "base/xml.h"
#include "store/bucket.h"

static bool is_etag(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (!((b.p[i] >= '0' && b.p[i] <= '9') || (b.p[i] >= 'a' && b.p[i] <= 'f')))
            return false;
    return b.n == 32;
}

static int end_element(struct cos_part *p, const struct xml *x, struct err *err)
{
    struct bytes text = text_trim(buf_bytes(&x->text));
    uint64_t n;

    if (text_is(x->name, "PartNumber")) {
        if (!text_u64(&n, text) || n < 1 || n > PART_MAX)
            return FAIL(err, ERR_CORRUPT, "a part's number is none from 1 to %d",
                        PART_MAX);
        p->number = (unsigned)n;
    } else if (text_is(x->name, "ETag")) {
        text = text_unquote(text);
        if (!is_etag(text))
            return FAIL(err, ERR_CORRUPT, "a part's ETag is no MD5");
        memcpy(p->etag, text.p, 32);
    }
    return 0;
}

int cos_parts_read(struct cos_parts *ret, struct arena *a, struct bytes body,
                   struct err *err)
{
    AUTO(xml_fini) struct xml x = XML_OF(body);
    LIST(struct cos_part) parts = {0};
    struct cos_part p = {0};
    int r;

    while ((r = xml_next(&x, err)) > 0) {
        if (r == XML_OPEN && x.depth == 1 && !text_is(x.name, "CompleteMultipartUpload"))
            return FAIL(err, ERR_CORRUPT, "not a CompleteMultipartUpload");
        if (r == XML_OPEN && text_is(x.name, "Part"))
            p = (struct cos_part){0};
        if (r == XML_CLOSE && text_is(x.name, "Part")) {
            struct cos_part *to;

            if (!p.number || !*p.etag)
                return FAIL(err, ERR_CORRUPT, "a part without number or ETag");
            if (parts.n == PART_MAX)
                return FAIL(err, ERR_LIMIT, "more than %d parts", PART_MAX);
            to = LIST_ADD(a, &parts);
            if (to)
                *to = p;
        } else if (r == XML_CLOSE) {
            r = end_element(&p, &x, err);
            if (r < 0)
                return r;
        }
    }
    if (r == 0)
        r = arena_check(a, err);
    if (r < 0)
        return r;
    if (parts.n == 0)
        return FAIL(err, ERR_CORRUPT, "no part is named");
    *ret = (struct cos_parts){parts.v, parts.n};
    return 0;
}
