/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "fs/ext/journal.h"

enum {
    UNIT = 1024,
    BLOCKS = 32,
    FIRST = 1,
    FLAG_ESCAPED = 1,
    FLAG_SAME = 2,
    FLAG_LAST = 8
};

#define MAGIC UINT32_C(0xc03b3998)

/* A log under construction: no checksums, 32 bits. */
struct fixture {
    uint8_t log[BLOCKS * UNIT];
    uint32_t at, sequence;
    struct journal *journal;
    struct journal_look look;
    struct err err;
};

static uint8_t *block_at(struct fixture *f, uint32_t n)
{
    return f->log + (size_t)n * UNIT;
}

static uint8_t *next(struct fixture *f)
{
    uint8_t *p = block_at(f, f->at++);

    if (f->at == BLOCKS)
        f->at = FIRST;
    memset(p, 0, UNIT);
    return p;
}

static uint8_t *header(struct fixture *f, uint32_t type)
{
    uint8_t *p = next(f);

    store_be32(p, MAGIC);
    store_be32(p + 4, type);
    store_be32(p + 8, f->sequence);
    return p;
}

static void begin(struct fixture *f, uint32_t start, uint32_t sequence)
{
    journal_close(f->journal);
    memset(f, 0, sizeof *f);
    store_be32(f->log, MAGIC);
    store_be32(f->log + 4, 4);
    store_be32(f->log + 12, UNIT);
    store_be32(f->log + 16, BLOCKS);
    store_be32(f->log + 20, FIRST);
    store_be32(f->log + 24, sequence);
    store_be32(f->log + 28, start);
    f->at = start;
    f->sequence = sequence;
}

static void tags(struct fixture *f, const uint32_t *blocks, unsigned n, uint16_t flags)
{
    uint8_t *p = header(f, 1) + 12;

    for (unsigned i = 0; i < n; i++) {
        store_be32(p, blocks[i]);
        store_be16(p + 6, (uint16_t)(flags | (i ? FLAG_SAME : 0) |
                                     (i + 1 == n ? FLAG_LAST : 0)));
        p += i ? 8 : 8 + 16;
    }
    for (unsigned i = 0; i < n; i++) {
        uint8_t *data = next(f);

        snprintf((char *)data + 4, UNIT - 4, "%u in %u", blocks[i], f->sequence);
    }
}

static void commit(struct fixture *f)
{
    header(f, 2);
    f->sequence++;
}

static void transaction(struct fixture *f, uint32_t block)
{
    tags(f, &block, 1, 0);
    commit(f);
}

static void put_revoke(struct fixture *f, uint32_t block)
{
    uint8_t *p = header(f, 5);

    store_be32(p + 12, 20);
    store_be32(p + 16, block);
}

static int open_log(struct fixture *f)
{
    AUTO(block_unrefp) struct block *b = NULL;

    journal_close(f->journal);
    f->journal = NULL;
    err_clear(&f->err);
    assert_int_equal(block_mem_open(&b, f->log, sizeof f->log, &f->err), 0);
    return journal_open(&f->journal, &f->look, b, UNIT, &f->err);
}

static void has(struct fixture *f, uint32_t block, const char *text)
{
    char buf[UNIT];

    assert_true(f->journal && journal_has(f->journal, block));
    assert_int_equal(journal_read(f->journal, buf, block, &f->err), 0);
    assert_string_equal(buf + 4, text);
}

static struct fixture f;

static int fini(void **state)
{
    (void)state;
    journal_close(f.journal);
    f.journal = NULL;
    return 0;
}

static void test_newest_copy(void **state)
{
    static const uint32_t blocks[] = {100, 101, 102};

    (void)state;
    begin(&f, FIRST, 5);
    tags(&f, blocks, 3, 0);
    commit(&f);
    transaction(&f, 101);
    assert_int_equal(open_log(&f), 0);
    assert_true(f.look.in_use);
    assert_string_equal(f.look.problem, "");
    has(&f, 100, "100 in 5");
    has(&f, 101, "101 in 6");
    has(&f, 102, "102 in 5");
    assert_false(journal_has(f.journal, 99));
}

static void test_clean(void **state)
{
    (void)state;
    begin(&f, FIRST, 5);
    transaction(&f, 100);
    store_be32(f.log + 28, 0);
    assert_int_equal(open_log(&f), 0);
    assert_null(f.journal);
    assert_false(f.look.in_use);
}

static void test_revokes(void **state)
{
    (void)state;
    begin(&f, FIRST, 5);
    transaction(&f, 100);
    transaction(&f, 101);
    put_revoke(&f, 100); /* 100 of 5 and of 7 itself, but not of 8 */
    transaction(&f, 102);
    put_revoke(&f, 101);
    commit(&f);
    transaction(&f, 101);
    assert_int_equal(open_log(&f), 0);
    assert_false(journal_has(f.journal, 100));
    has(&f, 101, "101 in 9");
    has(&f, 102, "102 in 7");
}

static void test_no_commit(void **state)
{
    static const uint32_t block = 101;

    (void)state;
    begin(&f, FIRST, 5);
    transaction(&f, 100);
    tags(&f, &block, 1, 0);
    assert_int_equal(open_log(&f), 0);
    has(&f, 100, "100 in 5");
    assert_false(journal_has(f.journal, 101));
    assert_string_equal(f.look.problem, "");
}

static void test_escaped(void **state)
{
    static const uint32_t block = 100;
    uint8_t buf[UNIT];

    (void)state;
    begin(&f, FIRST, 5);
    tags(&f, &block, 1, FLAG_ESCAPED);
    commit(&f);
    assert_int_equal(open_log(&f), 0);
    assert_int_equal(journal_read(f.journal, buf, 100, &f.err), 0);
    assert_int_equal(load_be32(buf), MAGIC);
}

/* Both the ring and the numbers of transactions go around. */
static void test_wrap(void **state)
{
    (void)state;
    begin(&f, BLOCKS - 4, UINT32_MAX - 1);
    transaction(&f, 100);
    transaction(&f, 101);
    transaction(&f, 100);
    transaction(&f, 102);
    assert_int_equal(f.sequence, 2);
    assert_int_equal(open_log(&f), 0);
    has(&f, 100, "100 in 0");
    has(&f, 101, "101 in 4294967295");
    has(&f, 102, "102 in 1");
}

/* Nothing but descriptors of one transaction: the walk must end. */
static void test_endless(void **state)
{
    (void)state;
    begin(&f, FIRST, 5);
    for (unsigned i = FIRST; i < BLOCKS; i++)
        header(&f, i % 2 ? 1 : 5);
    assert_int_equal(open_log(&f), 0);
    assert_null(f.journal);
    begin(&f, FIRST, 5);
    for (unsigned i = FIRST; i < BLOCKS; i++) {
        uint8_t *p = header(&f, 1);

        for (unsigned at = 12; at + 8 <= UNIT; at += 8)
            store_be16(p + at + 6, FLAG_SAME);
    }
    assert_int_equal(open_log(&f), 0);
    assert_null(f.journal);
}

static void test_superblocks(void **state)
{
    static const struct {
        const char *what;
        unsigned off;
        uint32_t value;
        const char *problem; /* "": replayed */
    } cases[] = {
        {"as it is", 12, UNIT, ""},
        {"version 1 has no features", 4, 3, ""},
        {"no magic", 0, 0, "no superblock"},
        {"another type", 4, 1, "no superblock"},
        {"another block size", 12, 4096, "geometry"},
        {"longer than the file", 16, BLOCKS + 1, "geometry"},
        {"no ring", 16, 1, "geometry"},
        {"first block 0", 20, 0, "geometry"},
        {"starts past the ring", 28, BLOCKS, "geometry"},
        {"unknown feature", 40, 0x40, "unknown features 0x40"},
        {"checksum", 40, 0x10, "checksum"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        begin(&f, FIRST, 5);
        transaction(&f, 100);
        store_be32(f.log + cases[i].off, cases[i].value);
        if (open_log(&f) != 0 || !f.journal != !!cases[i].problem[0] ||
            !strstr(f.look.problem, cases[i].problem))
            fail_msg("%s: %s", cases[i].what, f.look.problem);
    }
}

static void test_short_logs(void **state)
{
    (void)state;
    begin(&f, FIRST, 5);
    for (size_t n = 1; n < sizeof f.log; n += 500) {
        AUTO(block_unrefp) struct block *b = NULL;
        struct journal *j = NULL;

        assert_int_equal(block_mem_open(&b, f.log, n, &f.err), 0);
        assert_int_equal(journal_open(&j, &f.look, b, UNIT, &f.err), 0);
        assert_null(j);
        assert_true(f.look.problem[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_copy), cmocka_unit_test(test_clean),
        cmocka_unit_test(test_revokes),     cmocka_unit_test(test_no_commit),
        cmocka_unit_test(test_escaped),     cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_endless),     cmocka_unit_test(test_superblocks),
        cmocka_unit_test(test_short_logs),
    };

    return cmocka_run_group_tests(tests, NULL, fini);
}
