/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob_contract.c: what blob.h promises, asked of any store
 *
 *     blob_contract URL [KEY-ID KEY-SECRET]
 *
 * The store is empty before, and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "store/blob.h"

enum { MIB = 1 << 20 };

static struct blobs_options options;
static struct blobs *blobs;

static int set_up(void **state)
{
    struct err err = {0};

    (void)state;
    if (blobs_open(&blobs, &options, &err) == 0)
        return 0;
    print_error("%s\n", err.msg);
    return -1;
}

static int tear_down(void **state)
{
    (void)state;
    blobs_closep(&blobs);
    return 0;
}

static void ok(int r, const struct err *err)
{
    if (r < 0)
        fail_msg("%s", err->msg);
    assert_int_equal(r, 0);
}

/* Byte `at` of every blob of these tests: no two pieces of it are alike. */
static uint8_t byte_at(uint64_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 20) * 13);
}

static int put(const char *key, uint64_t size, uint64_t told, size_t step,
               struct err *err)
{
    AUTO(blob_abortp) struct blob_writer *w = NULL;
    AUTO(freep) uint8_t *piece = malloc(step);
    int r = blob_create(&w, blobs, key, told, err);

    assert_non_null(piece);
    for (uint64_t at = 0; r == 0 && at < size;) {
        size_t n = size - at < step ? (size_t)(size - at) : step;

        for (size_t i = 0; i < n; i++)
            piece[i] = byte_at(at + i);
        r = blob_write(w, piece, n, err);
        at += n;
    }
    return r < 0 ? r : blob_commit(TAKE(w), err);
}

static void expect_bytes(struct blob *o, uint64_t off, size_t n)
{
    struct err err = {0};
    AUTO(freep)
    uint8_t *got = aligned_alloc(BLOB_ALIGN, (n / BLOB_ALIGN + 1) * BLOB_ALIGN);

    assert_non_null(got);
    ok(blob_read(o, got, n, off, &err), &err);
    for (size_t i = 0; i < n; i++)
        if (got[i] != byte_at(off + i))
            fail_msg("byte %zu of a read at %llu", i, (unsigned long long)off);
}

static void expect_all(struct blob *o)
{
    uint64_t size = blob_size(o);

    for (uint64_t at = 0; at < size; at += 4 * MIB)
        expect_bytes(o, at, (size_t)(size - at < 4 * MIB ? size - at : 4 * MIB));
}

static int count_one(void *arg, const char *key, uint64_t size, uint64_t age,
                     struct err *err)
{
    (void)key, (void)size, (void)err;
    assert_true(age < 3600);
    ++*(unsigned *)arg;
    return 0;
}

static unsigned count(const char *prefix)
{
    struct err err = {0};
    unsigned n = 0;

    ok(blob_list(blobs, prefix, count_one, &n, &err), &err);
    return n;
}

static void what_is_written_is_read(void **state)
{
    static const struct {
        const char *name;
        uint64_t size;
        size_t step;
        bool told;
    } cases[] = {
        {"nothing at all, size told", 0, 1, true},
        {"nothing at all, size unknown", 0, 1, false},
        {"one byte", 1, 1, true},
        {"a few bytes in small steps", 1000, 7, false},
        {"a part and a bit, size unknown", 9 * MIB + 5, 300001, false},
        {"exactly two parts, size unknown", 16 * MIB, MIB, false},
        {"the same, size told", 16 * MIB, 65536, true},
        {"a large one, size told, in large steps", 21 * MIB + 1, 5 * MIB, true},
    };
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(blob_closep) struct blob *o = NULL;
        char key[BLOB_KEY_MAX];

        print_message("%s\n", cases[i].name);
        ok(blob_key_make(key, "object", &err), &err);
        ok(put(key, cases[i].size, cases[i].told ? cases[i].size : BLOB_SIZE_UNKNOWN,
               cases[i].step, &err),
           &err);
        ok(blob_open(&o, blobs, key, &err), &err);
        assert_int_equal(blob_size(o), cases[i].size);
        expect_all(o);
        blob_read_once(o);
        expect_all(o);
        ok(blob_delete(blobs, key, &err), &err);
    }
    assert_int_equal(count(""), 0);
}

static void any_range_is_read(void **state)
{
    static const struct {
        uint64_t off;
        size_t n;
    } ranges[] = {
        {0, 1},           {12 * MIB - 1, 1},
        {4095, 2},        {5 * MIB + 3, 64},
        {5 * MIB, 1000},  {5 * MIB + 1000, 4 * MIB},
        {0, 100000},      {100000, 1},
        {100001, 300000}, {12 * MIB, 0},
    };
    static const uint64_t beyond[] = {12 * MIB + 1, UINT64_MAX};
    AUTO(blob_closep) struct blob *o = NULL;
    struct err err = {0};
    char byte[2];

    (void)state;
    ok(put("t/ranges", 12 * MIB, 12 * MIB, MIB, &err), &err);
    ok(blob_open(&o, blobs, "t/ranges", &err), &err);
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
        expect_bytes(o, ranges[i].off, ranges[i].n);
    for (size_t i = 0; i < ARRAY_SIZE(beyond); i++)
        assert_int_equal(blob_read(o, byte, 1, beyond[i], NULL), -ERR_SHORT);
    assert_int_equal(blob_read(o, byte, 2, 12 * MIB - 1, NULL), -ERR_SHORT);
    ok(blob_delete(blobs, "t/ranges", &err), &err);
}

static void nothing_is_there_before_the_commit(void **state)
{
    static const uint64_t sizes[] = {10 * MIB, BLOB_SIZE_UNKNOWN};
    static const char piece[9 * MIB];
    struct err err = {0};
    struct blob *o;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        AUTO(blob_abortp) struct blob_writer *w = NULL;

        ok(blob_create(&w, blobs, "t/never", sizes[i], &err), &err);
        ok(blob_write(w, piece, sizeof piece, &err), &err);
        assert_int_equal(blob_open(&o, blobs, "t/never", NULL), -ERR_NOTFOUND);
        assert_int_equal(count(""), 0);
    }
    assert_int_equal(blob_open(&o, blobs, "t/never", NULL), -ERR_NOTFOUND);
    assert_int_equal(count(""), 0);
}

static void a_size_that_was_told_is_kept(void **state)
{
    struct err err = {0};
    struct blob *o;

    (void)state;
    assert_int_equal(put("t/short", 9, 10, 3, NULL), -ERR_SHORT);
    assert_int_equal(put("t/long", 12, 10, 3, NULL), -ERR_ARG);
    assert_int_equal(put("t/short", 9 * MIB, 10 * MIB, MIB, NULL), -ERR_SHORT);
    assert_int_equal(blob_open(&o, blobs, "t/short", NULL), -ERR_NOTFOUND);
    assert_int_equal(blob_open(&o, blobs, "t/long", &err), -ERR_NOTFOUND);
}

static void a_deleted_blob_is_gone(void **state)
{
    struct err err = {0};
    struct blob *o;

    (void)state;
    ok(put("t/gone", 5, 5, 5, &err), &err);
    ok(blob_delete(blobs, "t/gone", &err), &err);
    assert_int_equal(blob_open(&o, blobs, "t/gone", NULL), -ERR_NOTFOUND);
    ok(blob_delete(blobs, "t/gone", &err), &err);
    ok(blob_delete(blobs, "never/was/there", &err), &err);
}

static int delete_one(void *arg, const char *key, uint64_t size, uint64_t age,
                      struct err *err)
{
    (void)size, (void)age;
    ++*(unsigned *)arg;
    return blob_delete(blobs, key, err);
}

static int stop_at_once(void *arg, const char *key, uint64_t size, uint64_t age,
                        struct err *err)
{
    (void)key, (void)size, (void)age;
    ++*(unsigned *)arg;
    return FAIL(err, ERR_CANCELED, "enough");
}

/* Where a store cannot, it says so: then it is copied. */
static void a_second_name_lives_by_itself(void **state)
{
    AUTO(blob_closep) struct blob *o = NULL;
    struct err err = {0}, why = {0};
    int r;

    (void)state;
    ok(put("object/ab/first", 100000, 100000, 4096, &err), &err);
    r = blob_link(blobs, "object/ab/first", "staging/second", &why);
    assert_true(r == 0 || r == -ERR_UNSUPPORTED);
    ok(blob_delete(blobs, "object/ab/first", &err), &err);
    if (r == 0) {
        ok(blob_open(&o, blobs, "staging/second", &err), &err);
        assert_int_equal(blob_size(o), 100000);
        expect_bytes(o, 0, 100000);
    } else {
        assert_int_equal(blob_open(&o, blobs, "staging/second", NULL), -ERR_NOTFOUND);
    }
    ok(blob_delete(blobs, "staging/second", &err), &err);
    assert_int_equal(count(""), 0);
}

static void blobs_are_listed_by_prefix(void **state)
{
    static const char *const keys[] = {"a/1", "a/2", "a/b/3", "ab/4", "b/5"};
    struct err err = {0};
    unsigned n = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        ok(put(keys[i], i, i, 1, &err), &err);
    assert_int_equal(count(""), 5);
    assert_int_equal(count("a/"), 3);
    assert_int_equal(count("a"), 4);
    assert_int_equal(count("a/b"), 1);
    assert_int_equal(count("c"), 0);
    assert_int_equal(blob_list(blobs, "", stop_at_once, &n, NULL), -ERR_CANCELED);
    assert_int_equal(n, 1);
    n = 0;
    ok(blob_list(blobs, "", delete_one, &n, &err), &err);
    assert_int_equal(n, 5);
    assert_int_equal(count(""), 0);
}

static void keys_that_are_none_are_refused(void **state)
{
    static const char *const keys[] = {
        "",       "/",      "/a",   "a/",  "a//b", "../a",
        "a/../b", ".tmp/a", "a/.b", "a b", "a\nb", "ä",
    };
    char large[BLOB_KEY_MAX + 10];
    struct blob *o;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        assert_int_equal(put(keys[i], 0, 0, 1, NULL), -ERR_ARG);
        assert_int_equal(blob_open(&o, blobs, keys[i], NULL), -ERR_ARG);
        assert_int_equal(blob_delete(blobs, keys[i], NULL), -ERR_ARG);
    }
    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    assert_int_equal(put(large, 0, 0, 1, NULL), -ERR_ARG);
    large[BLOB_KEY_MAX - 1] = '\0';
    assert_true(blob_key_is_valid(large));
}

static void *put_some(void *arg)
{
    for (unsigned i = 0; i < 5; i++) {
        struct err err = {0};
        char key[BLOB_KEY_MAX];

        snprintf(key, sizeof key, "many/%c%u", *(const char *)arg, i);
        if (put(key, MIB + i, MIB + i, 100000, &err) < 0)
            return arg;
    }
    return NULL;
}

static void threads_write_at_once(void **state)
{
    pthread_t threads[4];
    struct err err = {0};
    unsigned n = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, put_some, (void *)(uintptr_t) & "abcd"[i]),
            0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(count("many/"), 20);
    ok(blob_list(blobs, "many/", delete_one, &n, &err), &err);
}

static void the_store_is_well(void **state)
{
    struct err err = {0};

    (void)state;
    ok(blobs_check(blobs, &err), &err);
    ok(blobs_sweep_unfinished(blobs, 0, &err), &err);
    assert_int_equal(count(""), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(any_range_is_read),
        cmocka_unit_test(nothing_is_there_before_the_commit),
        cmocka_unit_test(a_size_that_was_told_is_kept),
        cmocka_unit_test(a_deleted_blob_is_gone),
        cmocka_unit_test(a_second_name_lives_by_itself),
        cmocka_unit_test(blobs_are_listed_by_prefix),
        cmocka_unit_test(keys_that_are_none_are_refused),
        cmocka_unit_test(threads_write_at_once),
        cmocka_unit_test(the_store_is_well),
    };
    char made[] = "/tmp/blob_contract.XXXXXX", url[64], command[64];
    int failed;

    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: blob_contract URL|dir [KEY-ID KEY-SECRET]\n");
        return 2;
    }
    options = (struct blobs_options){.url = argv[1]};
    if (argc == 4) {
        options.key_id = argv[2];
        options.key_secret = argv[3];
    }
    if (strcmp(argv[1], "dir") == 0) {
        if (!mkdtemp(made))
            return 1;
        snprintf(url, sizeof url, "dir:%s", made);
        options.url = url;
    }
    failed = cmocka_run_group_tests(tests, set_up, tear_down);
    if (strcmp(argv[1], "dir") == 0) {
        snprintf(command, sizeof command, "rm -rf %s", made);
        if (system(command) != 0)
            return 1;
    }
    return failed;
}
