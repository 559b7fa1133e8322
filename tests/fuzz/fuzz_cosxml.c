/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_cosxml.c: bodies of object requests; the first byte chooses which.  What is taken
 * is put into XML again and has to be read the same. */
#include <assert.h>

#include "base/scoped.h"
#include "base/text.h"
#include "base/xml.h"
#include "fuzz/fuzz.h"
#include "service/cos/cos.h"
#include "service/cos/parts.h"

enum { INPUT_MAX = 64 << 10 };

static void parts(struct bytes body)
{
    AUTO(arena_fini) struct arena a = {.max = 4 << 20};
    AUTO(buf_fini) struct buf again = {0};
    struct cos_parts p, q;
    struct err err = {0};

    if (cos_parts_read(&p, &a, body, &err) < 0) {
        assert(err.code);
        return;
    }
    assert(p.n >= 1 && p.n <= PART_MAX);
    assert(buf_puts(&again, "<CompleteMultipartUpload>", NULL) == 0);
    for (size_t i = 0; i < p.n; i++)
        assert(buf_printf(&again, NULL,
                          "<Part><PartNumber>%u</PartNumber><ETag>&quot;%s&quot;</ETag>"
                          "</Part>",
                          p.v[i].number, p.v[i].etag) == 0);
    assert(buf_puts(&again, "</CompleteMultipartUpload>", NULL) == 0);
    assert(cos_parts_read(&q, &a, buf_bytes(&again), &err) == 0 || a.failed);
    if (!a.failed)
        assert(p.n == q.n && memcmp(p.v, q.v, p.n * sizeof *p.v) == 0);
}

static void acl(struct bytes body, enum cos_scope scope)
{
    AUTO(arena_fini) struct arena a = {.max = 4 << 20};
    enum acl got = ACL_DEFAULT;
    const char *grants = NULL;

    if (cos_acl_read(&a, body, scope, "100000000001", &got, &grants, NULL) < 0)
        return;
    assert(got != ACL_DEFAULT);
    assert(scope == COS_OF_BUCKET || got != ACL_PUBLIC_READ_WRITE);
    assert(grants && strspn(grants, "0123456789:,READWITL_ACPFUONC") == strlen(grants));
}

/* Whatever is read as text can be written, and comes back. */
static void texts(struct bytes body)
{
    AUTO(xml_fini) struct xml x = XML_OF(body);
    unsigned steps = 0;
    int r;

    while ((r = xml_next(&x, NULL)) > 0) {
        assert(++steps <= 2 * body.n && x.depth <= XML_DEPTH_MAX);
        if (r == XML_CLOSE && x.text.n && !memchr(x.text.p, 0, x.text.n)) {
            AUTO(buf_fini) struct buf doc = {0};
            bool odd = false;

            for (size_t i = 0; i < x.text.n; i++)
                odd =
                    odd || ((uint8_t)x.text.p[i] < 32 && !strchr("\t\n\r", x.text.p[i]));
            assert(xml_put(&doc, "t", buf_str(&x.text), NULL) == 0);
            {
                AUTO(xml_fini) struct xml y = XML_OF(buf_bytes(&doc));

                assert(xml_next(&y, NULL) == XML_OPEN && xml_next(&y, NULL) == XML_CLOSE);
                assert(odd || strcmp(buf_str(&y.text), buf_str(&x.text)) == 0);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes body;

    if (size < 1 || size > INPUT_MAX)
        return 0;
    body = bytes_of(data + 1, size - 1);
    switch (data[0] & 3) {
    case 0:
        parts(body);
        break;
    case 1:
        acl(body, COS_OF_BUCKET);
        break;
    case 2:
        acl(body, COS_OF_OBJECT);
        break;
    default:
        texts(body);
    }
    return 0;
}
