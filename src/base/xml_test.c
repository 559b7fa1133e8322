/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "base/xml.h"

/* The document as "name(" and "text)name " events. */
static int told(struct buf *to, const char *doc, struct err *err)
{
    AUTO(xml_fini) struct xml x = XML_OF(bytes_of(doc, strlen(doc)));
    int r;

    while ((r = xml_next(&x, err)) > 0) {
        if (r == XML_OPEN)
            buf_printf(to, NULL, "%.*s(", (int)x.name.n, (const char *)x.name.p);
        else
            buf_printf(to, NULL, "%s)", buf_str(&x.text));
    }
    return r;
}

static void documents_are_read(void **state)
{
    static const struct {
        const char *name, *doc, *want; /* NULL: refused */
    } cases[] = {
        {"one element", "<a/>", "a()"},
        {"text", "<a>x y</a>", "a(x y)"},
        {"an etag in entities", "<E>&quot;ab&quot;</E>", "E(\"ab\")"},
        {"numbers", "<E>&#34;&#x4e2d;&#x1F600;</E>", "E(\"\xe4\xb8\xad\xf0\x9f\x98\x80)"},
        {"parts",
         "<?xml version=\"1.0\"?>\n<C><P><N>1</N><T>a</T></P>\n<P><N>2</N><T/></P></C>\n",
         "C(P(N(1)T(a))P(N(2)T()))"},
        {"prefixes and attributes", "<x:a xmlns:x=\"u>v\" b='\"'><x:b>1</x:b></x:a>",
         "a(b(1))"},
        {"comments", "<!-- < --><a><!-- </a> -->1<!-- -->2</a>", "a(12)"},
        {"blanks around", " \n<a > 1 </a >\n ", "a( 1 )"},
        {"nothing", "", NULL},
        {"only blanks", "  ", NULL},
        {"no end", "<a>", NULL},
        {"no end of a tag", "<a", NULL},
        {"another end", "<a></b>", NULL},
        {"an end too many", "<a/></a>", NULL},
        {"two documents", "<a/><b/>", NULL},
        {"text before", "x<a/>", NULL},
        {"text behind", "<a/>x", NULL},
        {"an entity behind", "<a/>&lt;", NULL},
        {"an unknown entity", "<a>&b;</a>", NULL},
        {"an entity without an end", "<a>&lt</a>", NULL},
        {"a NUL", "<a>&#0;</a>", NULL},
        {"half a surrogate pair", "<a>&#xd800;</a>", NULL},
        {"beyond Unicode", "<a>&#x110000;</a>", NULL},
        {"a document type", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", NULL},
        {"CDATA", "<a><![CDATA[x]]></a>", NULL},
        {"a comment without an end", "<a><!-- </a>", NULL},
        {"a tag in a tag", "<a <b>", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(buf_fini) struct buf got = {0};
        int r = told(&got, cases[i].doc, NULL);

        print_message("%s\n", cases[i].name);
        if (cases[i].want) {
            assert_int_equal(r, 0);
            assert_string_equal(buf_str(&got), cases[i].want);
        } else {
            assert_int_equal(r, -ERR_CORRUPT);
        }
    }
}

static void limits_hold(void **state)
{
    AUTO(buf_fini) struct buf doc = {0}, got = {0};

    (void)state;
    for (int i = 0; i < XML_DEPTH_MAX + 1; i++)
        buf_puts(&doc, "<a>", NULL);
    assert_int_equal(told(&got, buf_str(&doc), NULL), -ERR_LIMIT);
    buf_clear(&doc);
    buf_puts(&doc, "<a>", NULL);
    for (int i = 0; i < XML_TEXT_MAX + 1; i++)
        buf_puts(&doc, "x", NULL);
    buf_puts(&doc, "</a>", NULL);
    assert_int_equal(told(&got, buf_str(&doc), NULL), -ERR_LIMIT);
    buf_clear(&doc);
    buf_puts(&doc, "<", NULL);
    for (int i = 0; i < 300; i++)
        buf_puts(&doc, "x", NULL);
    buf_puts(&doc, "/>", NULL);
    assert_int_equal(told(&got, buf_str(&doc), NULL), -ERR_LIMIT);
}

static void what_is_escaped_comes_back(void **state)
{
    static const char raw[] = "a<b>&\"c\"'\t\r\n\xe4\xb8\xad&lt;";
    AUTO(buf_fini) struct buf doc = {0}, got = {0}, want = {0};

    (void)state;
    assert_int_equal(xml_put(&doc, "K", raw, NULL), 0);
    assert_int_equal(told(&got, buf_str(&doc), NULL), 0);
    buf_printf(&want, NULL, "K(%s)", raw);
    assert_string_equal(buf_str(&got), buf_str(&want));
    buf_clear(&doc);
    assert_int_equal(xml_escape(&doc, "a\1b\33", NULL), 0);
    assert_string_equal(buf_str(&doc), "a?b?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_read),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(what_is_escaped_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
