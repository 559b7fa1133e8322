/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hive_test.c: a hive built in memory, then spoilt one field at a time */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/scoped.h"
#include "guest/windows/hive_make.h"

static uint8_t image[HIVE_MAKE_MAX];

/*  root ── Alpha ── Beta: Number = 7, Text = "größe", Many = "a" "bc", Big (40000 bytes)
 *      ├── alpha-2
 *      └── Key000 ... Key299 */
struct made {
    struct hive_make make;
    uint32_t root, alpha, alpha_2, beta, list, keys, beta_values;
};

static void build(struct made *m, enum hive_make_list kind)
{
    static uint8_t big[40000];
    uint32_t keys[302], values[5];
    size_t n = 0;

    memset(big, 'b', sizeof big);
    hive_make_init(&m->make, image);
    values[0] = hive_make_value(&m->make, "Number", HIVE_DWORD, "\7\0\0\0", 4);
    values[1] =
        hive_make_value(&m->make, "Text", HIVE_SZ, "g\0r\0\xf6\0\xdf\0e\0\0\0", 12);
    values[2] =
        hive_make_value(&m->make, "Many", HIVE_MULTI_SZ, "a\0\0\0b\0c\0\0\0\0\0", 12);
    values[3] = hive_make_value(&m->make, "Big", HIVE_SZ, big, sizeof big);
    values[4] = hive_make_value(&m->make, "", HIVE_SZ, "d\0\0\0", 4);
    m->beta = hive_make_key(&m->make, "Beta", 0, 0, values, 5);
    m->beta_values = hive_make_last_list(&m->make);
    m->list = hive_make_list(&m->make, HIVE_MAKE_LF, &m->beta, 1);
    m->alpha = keys[n++] = hive_make_key(&m->make, "Alpha", m->list, 1, NULL, 0);
    m->alpha_2 = keys[n++] = hive_make_key(&m->make, "alpha-2", 0, 0, NULL, 0);
    for (unsigned i = 0; i < 300; i++) {
        char name[16];

        snprintf(name, sizeof name, "Key%03u", i);
        keys[n++] = hive_make_key(&m->make, name, 0, 0, NULL, 0);
    }
    m->keys = hive_make_list(&m->make, kind, keys, n);
    m->root = hive_make_key(&m->make, "ROOT", m->keys, (uint32_t)n, NULL, 0);
    hive_make_finish(&m->make, m->root);
}

/* Opens what lies in the image now. */
static int open_image(struct hive *ret, struct block **dev, const struct made *m,
                      struct err *err)
{
    err_clear(err);
    assert_int_equal(block_mem_open(dev, image, hive_make_size(&m->make), err), 0);
    return hive_open(ret, *dev, err);
}

/* ---- what is there is found */

static int count_key(void *arg, struct hive *h, uint32_t key, const char *name,
                     struct err *err)
{
    unsigned *n = arg;

    (void)h, (void)key, (void)name, (void)err;
    (*n)++;
    return 0;
}

static int count_value(void *arg, const char *name, uint32_t type, struct err *err)
{
    unsigned *n = arg;

    (void)err;
    assert_true(type == HIVE_SZ || type == HIVE_DWORD || type == HIVE_MULTI_SZ);
    *n += *name == '\0' ? 100 : 1;
    return 0;
}

static void test_finds(void **state)
{
    static const struct {
        const char *path;
        bool found;
    } paths[] = {
        {"", true},
        {"Alpha", true},
        {"ALPHA\\beta", true},
        {"Alpha\\Bet", false},
        {"Alpha\\Betaa", false},
        {"alpha-2", true},
        {"Key000", true},
        {"key299", true},
        {"Key300", false},
        {"Beta", false},
        {"Alpha\\Beta\\x", false},
        {"\xc3\xbc", false},
    };
    static const struct {
        const char *prefix;
        unsigned n;
    } prefixes[] = {
        {"", 302},    {"al", 2},     {"ALPHA", 2},  {"alpha-", 1},
        {"Key", 300}, {"key01", 10}, {"Key299", 1}, {"Key2990", 0},
        {"A", 2},     {"0", 0},      {"zz", 0},
    };
    static const enum hive_make_list kinds[] = {HIVE_MAKE_LF, HIVE_MAKE_LH, HIVE_MAKE_LI,
                                                HIVE_MAKE_RI};

    (void)state;
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        AUTO(block_unrefp) struct block *dev = NULL;
        struct err err = {0};
        struct hive h;
        struct made m;
        uint32_t key;

        build(&m, kinds[k]);
        assert_int_equal(open_image(&h, &dev, &m, &err), 0);
        assert_false(h.dirty);
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
            if (hive_find(&h, h.root, paths[i].path, &key, &err) != paths[i].found)
                fail_msg("list %zu: %s: %s", k, paths[i].path, err.msg);
        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
            unsigned n = 0;

            assert_int_equal(
                hive_each_from(&h, h.root, prefixes[i].prefix, count_key, &n, &err), 0);
            if (n != prefixes[i].n)
                fail_msg("list %zu: %u keys begin with %s", k, n, prefixes[i].prefix);
        }
    }
}

static void test_values(void **state)
{
    AUTO(buf_fini) struct buf data = {.max = HIVE_VALUE_MAX};
    AUTO(block_unrefp) struct block *dev = NULL;
    struct err err = {0};
    struct bytes rest;
    struct made m;
    struct hive h;
    uint32_t number, type, key;
    unsigned n = 0;
    char text[32];

    (void)state;
    build(&m, HIVE_MAKE_LH);
    assert_int_equal(open_image(&h, &dev, &m, &err), 0);
    assert_int_equal(hive_find(&h, h.root, "Alpha\\Beta", &key, &err), 1);
    assert_int_equal(hive_number(&h, key, "NUMBER", &number, &err), 1);
    assert_int_equal(number, 7);
    assert_int_equal(hive_number(&h, key, "Text", &number, &err), 0);
    assert_int_equal(hive_text(&h, key, "text", text, sizeof text, &err), 1);
    assert_string_equal(text, "gr\xc3\xb6\xc3\x9f"
                              "e");
    assert_int_equal(hive_text(&h, key, "Number", text, sizeof text, &err), 0);
    assert_int_equal(hive_text(&h, key, "", text, sizeof text, &err), 1);
    assert_string_equal(text, "d");
    assert_int_equal(hive_text(&h, key, "Tex", text, sizeof text, &err), 0);
    assert_int_equal(hive_value(&h, key, "Big", &type, &data, &err), 1);
    assert_int_equal(data.n, 40000);
    assert_true(data.p[0] == 'b' && data.p[16344] == 'b' && data.p[39999] == 'b');
    assert_int_equal(hive_value(&h, key, "Many", &type, &data, &err), 1);
    rest = buf_bytes(&data);
    assert_true(hive_next_text(&rest, text, sizeof text));
    assert_string_equal(text, "a");
    assert_true(hive_next_text(&rest, text, sizeof text));
    assert_string_equal(text, "bc");
    assert_false(hive_next_text(&rest, text, sizeof text));
    assert_int_equal(hive_each_value(&h, key, count_value, &n, &err), 0);
    assert_int_equal(n, 104);
}

/* A text without an end, or with half a letter at its end. */
static void test_texts(void **state)
{
    struct bytes rest = bytes_of("a\0b", 3);
    char text[8];

    (void)state;
    assert_true(hive_next_text(&rest, text, sizeof text));
    assert_string_equal(text, "a");
    assert_int_equal(rest.n <= 1, 1);
    assert_false(hive_next_text(&rest, text, sizeof text));
}

/* ---- what is spoilt is told */

struct spoilt {
    const char *name;
    uint32_t (*at)(const struct made *m); /* byte of the file */
    uint32_t value;
    unsigned size;
    bool sum;         /* the checksum of the first block is made anew */
    const char *want; /* of the message; NULL: it opens, and everything can be read */
};

#define PLACE(name, expression)                     \
    static uint32_t at_##name(const struct made *m) \
    {                                               \
        (void)m;                                    \
        return expression;                          \
    }

enum { CELL = 4096 + 4 }; /* where the content of the cell at 0 begins */

PLACE(magic, 0)
PLACE(sequence, 4)
PLACE(major, 20)
PLACE(minor, 24)
PLACE(root, 36)
PLACE(size, 40)
PLACE(sum, 508)
PLACE(root_size, CELL - 4 + m->root)
PLACE(root_mark, CELL + m->root)
PLACE(root_count, CELL + m->root + 20)
PLACE(root_list, CELL + m->root + 28)
PLACE(list_mark, CELL + m->keys)
PLACE(list_count, CELL + m->keys + 2)
PLACE(list_first, CELL + m->keys + 4)
PLACE(alpha_name, CELL + m->alpha + 72)
PLACE(alpha_list, CELL + m->alpha + 28)
PLACE(beta_values, CELL + m->beta + 36)
PLACE(beta_list, CELL + m->beta + 40)
PLACE(beta_first, CELL + m->beta_values)

/* Everything that a reader could ask for. */
static int read_all(struct hive *h, struct err *err)
{
    AUTO(buf_fini) struct buf data = {.max = HIVE_VALUE_MAX};
    uint32_t key, type;
    unsigned n = 0;
    int r = hive_each(h, h->root, count_key, &n, err);

    if (r == 0)
        r = hive_find(h, h->root, "Alpha\\Beta", &key, err);
    if (r == 1)
        r = hive_value(h, key, "no such", &type, &data, err);
    return r;
}

static void test_hostile(void **state)
{
    static const struct spoilt cases[] = {
        {"as it was", at_magic, 0x66676572, 4, true, NULL},
        {"another mark", at_magic, 0x12345678, 4, true, "does not begin with regf"},
        {"a wrong checksum", at_sum, 0x12345678, 4, false, "checksum of the first block"},
        {"version 2", at_major, 2, 4, true, "version 2."},
        {"version 1.2", at_minor, 2, 4, true, "version 1.2"},
        {"version 1.7", at_minor, 7, 4, true, "version 1.7"},
        {"bins of half a page", at_size, 4096 + 2048, 4, true, "bytes of bins"},
        {"bins past the end", at_size, 0x7ffff000, 4, true, "bytes of bins"},
        {"a root past the end", at_root, 0x7ffffff8, 4, true, "no cell at"},
        {"a root between cells", at_root, 36, 4, true, "no cell at 36"},
        {"a cell of no bytes", at_root_size, 0, 4, false, "cell at"},
        {"a free cell", at_root_size, 96, 4, false, "cell at"},
        {"a cell past the end", at_root_size, 0x80000008, 4, false, "cell at"},
        {"a key without its mark", at_root_mark, 0x7878, 2, false, "is no key"},
        {"no keys, by their number", at_root_count, 0, 4, false, NULL},
        {"more keys by number than in the list", at_root_count, 0xffffffff, 4, false,
         NULL},
        {"a list past the end", at_root_list, 0xfffffff8, 4, false, "no cell at"},
        {"no list at all", at_root_list, 0xffffffff, 4, false, NULL},
        {"a list without its mark", at_list_mark, 0x7878, 2, false, "is no list of keys"},
        {"more in the list than its cell has", at_list_count, 0xffff, 2, false,
         "cell at"},
        {"a key of the list past the end", at_list_first, 0xfffffff8, 4, false,
         "no cell at"},
        {"a name longer than its cell", at_alpha_name, 200, 2, false, "cell at"},
        {"a name longer than names are", at_alpha_name, 0xffff, 2, false,
         "name of 65535"},
        {"more values than there are", at_beta_values, 0xffffffff, 4, false, "cell at"},
        {"values past the end", at_beta_list, 0xfffffff0, 4, false, "no cell at"},
        {"a value past the end", at_beta_first, 0xfffffff0, 4, false, "no cell at"},
        {"a numbers' difference is no error", at_sequence, 99, 4, true, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(block_unrefp) struct block *dev = NULL;
        const struct spoilt *c = &cases[i];
        uint8_t raw[4];
        struct err err = {0};
        struct hive h;
        struct made m;
        int r;

        build(&m, HIVE_MAKE_LH);
        store_le32(raw, c->value);
        memcpy(image + c->at(&m), raw, c->size);
        if (c->sum)
            hive_make_sum(image);
        r = open_image(&h, &dev, &m, &err);
        if (r == 0)
            r = read_all(&h, &err);
        if ((r < 0) != (c->want != NULL) || (c->want && !strstr(err.msg, c->want)))
            fail_msg("%s: %d, %s", c->name, r, err.msg);
    }
}

/* Keys that are below themselves, lists that name themselves. */
static void test_loops(void **state)
{
    AUTO(block_unrefp) struct block *dev = NULL, *again = NULL;
    struct err err = {0};
    struct made m;
    struct hive h;
    uint32_t key, ri[2];
    unsigned n = 0;

    (void)state;
    build(&m, HIVE_MAKE_LH);
    store_le32(image + at_alpha_list(&m), m.keys); /* Alpha\Alpha\Alpha ... */
    assert_int_equal(open_image(&h, &dev, &m, &err), 0);
    assert_int_equal(hive_find(&h, h.root, "Alpha\\Alpha\\Alpha\\Alpha", &key, &err), 1);
    assert_int_equal(key, m.alpha);

    build(&m, HIVE_MAKE_LH);
    ri[0] = ri[1] = 0;
    key = hive_make_list(&m.make, HIVE_MAKE_RI_OF, ri, 2);
    store_le32(image + CELL + key + 4, key);
    store_le32(image + CELL + key + 8, key);
    store_le32(image + at_root_list(&m), key);
    hive_make_finish(&m.make, m.root);
    assert_int_equal(open_image(&h, &again, &m, &err), 0);
    assert_int_equal(hive_each(&h, h.root, count_key, &n, &err), -ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "lists of lists of lists"));
}

/* A hive is only as long as its reader's patience. */
static void test_steps(void **state)
{
    AUTO(block_unrefp) struct block *dev = NULL;
    struct err err = {0};
    struct made m;
    struct hive h;
    unsigned n = 0;
    int r = 0;

    (void)state;
    build(&m, HIVE_MAKE_LI);
    assert_int_equal(open_image(&h, &dev, &m, &err), 0);
    for (unsigned i = 0; r == 0 && i < 10000; i++)
        r = hive_each(&h, h.root, count_key, &n, &err);
    assert_int_equal(r, -ERR_LIMIT);
    assert_true(n < HIVE_STEPS_MAX);
}

static void test_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 511, 512, 4095, 4096, 8191};
    struct made m;

    (void)state;
    build(&m, HIVE_MAKE_LH);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        AUTO(block_unrefp) struct block *dev = NULL;
        struct err err = {0};
        struct hive h;

        if (block_mem_open(&dev, image, sizes[i], &err) < 0)
            continue;
        assert_int_equal(hive_open(&h, dev, &err), -ERR_CORRUPT);
    }
}

/* Values in cells of their own that lie. */
static void test_hostile_values(void **state)
{
    static const struct {
        const char *name;
        uint32_t size, cell;
        int want; /* bytes, or an error */
    } cases[] = {
        {"four bytes in the value itself", 0x80000004, 1, 4},
        {"more bytes in the value itself than fit", 0xffffffff, 1, 4},
        {"none in the value itself", 0x80000000, 1, 0},
        {"no bytes", 0, 0xffffffff, 0},
        {"more than a value may have", 0x7fffffff, 32, -ERR_LIMIT},
        {"past the end", 100, 0xfffffff8, -ERR_CORRUPT},
        {"more than its cell", 4000, 32, -ERR_CORRUPT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(buf_fini) struct buf data = {.max = HIVE_VALUE_MAX};
        AUTO(block_unrefp) struct block *dev = NULL;
        struct err err = {0};
        uint32_t vk, type;
        struct made m;
        struct hive h;
        int r;

        build(&m, HIVE_MAKE_LH);
        vk = load_le32(image + at_beta_first(&m));
        store_le32(image + CELL + vk + 4, cases[i].size);
        store_le32(image + CELL + vk + 8, cases[i].cell);
        assert_int_equal(open_image(&h, &dev, &m, &err), 0);
        r = hive_value(&h, m.beta, "Number", &type, &data, &err);
        if (cases[i].want < 0 ? r != cases[i].want
                              : r != 1 || data.n != (size_t)cases[i].want)
            fail_msg("%s: %d, %zu bytes, %s", cases[i].name, r, data.n, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds), cmocka_unit_test(test_values),
        cmocka_unit_test(test_texts), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_loops), cmocka_unit_test(test_steps),
        cmocka_unit_test(test_sizes), cmocka_unit_test(test_hostile_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
