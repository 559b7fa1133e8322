/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "block/block.h"

/* A disk of 100 bytes in two files, as a table has it. */
static struct block files[2];

static const struct piece {
    uint64_t start;
    enum extent_kind kind;
    int file; /* -1: none */
    uint64_t where;
    bool compressed;
} pieces[] = {
    {0, EXTENT_DATA, 0, 50, false},  {10, EXTENT_DATA, 0, 60, false}, /* goes on */
    {20, EXTENT_DATA, 0, 10, false},                                  /* lies elsewhere */
    {25, EXTENT_DATA, 1, 15, false}, /* in another file */
    {30, EXTENT_ZERO, -1, 0, false}, {40, EXTENT_HOLE, -1, 0, false},
    {50, EXTENT_HOLE, -1, 0, false},                                /* goes on */
    {60, EXTENT_DATA, 0, 5, true},   {65, EXTENT_DATA, 0, 7, true}, /* behind it */
    {70, EXTENT_DATA, 0, 6, true},                                  /* before it */
    {75, EXTENT_DATA, 0, 11, false},
};

static int fake_locate(struct block *b, struct location *ret, uint64_t off,
                       struct err *err)
{
    size_t i = 0;
    uint64_t end;

    if (off >= 95)
        return FAIL(err, ERR_IO, "broken");
    while (i + 1 < ARRAY_SIZE(pieces) && pieces[i + 1].start <= off)
        i++;
    end = i + 1 < ARRAY_SIZE(pieces) ? pieces[i + 1].start : b->size;
    *ret = (struct location){
        .extent = {pieces[i].kind, end - off},
        .file = pieces[i].file < 0 ? NULL : &files[pieces[i].file],
        .where = pieces[i].where + (off - pieces[i].start),
        .compressed = pieces[i].compressed,
    };
    return 0;
}

static const struct block_driver fake = {.name = "fake", .locate = fake_locate};

static int note(void *arg, uint64_t start, const struct location *l, struct err *err)
{
    char *text = arg;
    size_t n = strlen(text);

    (void)err;
    snprintf(text + n, 1000 - n, "%llu+%llu %c%s", (unsigned long long)start,
             (unsigned long long)l->extent.length, "DZH"[l->extent.kind],
             l -> compressed ? "c" : "");
    n = strlen(text);
    if (l->file)
        snprintf(text + n, 1000 - n, " %c@%llu", l->file == &files[0] ? 'a' : 'b',
                 (unsigned long long)l->where);
    strcat(text, "\n");
    return 0;
}

static void test_map(void **state)
{
    char text[1000] = "";
    struct err err = {0};
    struct block b;

    (void)state;
    block_init(&b, &fake, 90);
    assert_int_equal(block_map(&b, note, text, &err), 0);
    assert_string_equal(text, "0+20 D a@50\n20+5 D a@10\n25+5 D b@15\n30+10 Z\n40+20 H\n"
                              "60+10 Dc a@5\n70+5 Dc a@6\n75+15 D a@11\n");
}

static int stop(void *arg, uint64_t start, const struct location *l, struct err *err)
{
    (void)arg, (void)start, (void)l;
    return FAIL(err, ERR_CANCELED, "enough");
}

static void test_failures(void **state)
{
    char text[1000] = "";
    struct err err = {0};
    struct block b;

    (void)state;
    block_init(&b, &fake, 90);
    assert_int_equal(block_map(&b, stop, NULL, &err), -ERR_CANCELED);
    err_clear(&err);
    block_init(&b, &fake, 0);
    assert_int_equal(block_map(&b, note, text, &err), 0);
    assert_string_equal(text, "");
}

/* What a container stores past the end of its file is data: reading it says so. */
static void test_stored(void **state)
{
    static const char bytes[10];
    AUTO(block_unrefp) struct block *file = NULL, *part = NULL;
    struct location l;
    struct err err = {0};

    (void)state;
    assert_int_equal(block_mem_open(&file, bytes, sizeof bytes, &err), 0);
    assert_int_equal(block_locate_stored(&l, file, 4, 100, &err), 0);
    assert_true(l.extent.kind == EXTENT_DATA && l.extent.length == 6 && l.where == 4);
    assert_int_equal(block_locate_stored(&l, file, 20, 7, &err), 0);
    assert_true(l.extent.kind == EXTENT_DATA && l.extent.length == 7 && l.where == 20);
    /* A window tells where its bytes are, not that it has them. */
    assert_int_equal(block_window_open(&part, file, 3, 5, &err), 0);
    assert_int_equal(block_locate(part, &l, 1, &err), 0);
    assert_true(l.file == file && l.where == 4 && l.extent.length == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
