/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "fs/usage.h"

struct told {
    char text[256];
    unsigned stop_at; /* the area that is too many; 0: none */
    unsigned n;
};

static int note(void *arg, const struct fs_area *a, struct err *err)
{
    struct told *t = arg;
    size_t n = strlen(t->text);

    if (++t->n == t->stop_at)
        return FAIL(err, ERR_CANCELED, "enough");
    snprintf(t->text + n, sizeof t->text - n, "%s%llu+%llu ", a->is_free ? "free " : "",
             (unsigned long long)a->start, (unsigned long long)a->length);
    return 0;
}

/* A filesystem that tells what a table says. */
static const struct step {
    uint64_t end;
    bool is_free;
} * steps;
static size_t steps_n;

static int tell_steps(struct fs *fs, struct fs_usage *to, struct err *err)
{
    int r = 0;

    (void)fs;
    for (size_t i = 0; i < steps_n && r == 0; i++)
        r = fs_usage_upto(to, steps[i].end, steps[i].is_free, err);
    return r;
}

static int tell_bits(struct fs *fs, struct fs_usage *to, struct err *err)
{
    static const uint8_t bits[] = {0x0f, 0xff, 0xff, 0, 0, 0x80, 0xfe};

    (void)fs;
    return fs_usage_bits(to, bits, sizeof bits * 8 - 3, 4, err);
}

static int use(const struct fs_driver *driver, struct told *told, struct err *err)
{
    static const uint8_t bytes[1000];
    AUTO(block_unrefp) struct block *dev = NULL;
    struct fs fs = {.driver = driver};

    assert_int_equal(block_mem_open(&dev, bytes, sizeof bytes, err), 0);
    fs.dev = dev;
    return fs_usage(&fs, note, told, err);
}

static void test_steps(void **state)
{
    static const struct fs_driver driver = {.name = "steps", .usage = tell_steps};
    static const struct {
        const char *name;
        struct step v[4];
        size_t n;
        unsigned stop_at;
        const char *want, *message;
    } cases[] = {
        {"nothing at all", {{0}}, 0, 0, "", ""},
        {"neighbours of a kind are one",
         {{10, false}, {20, false}, {30, true}, {40, true}},
         4,
         0,
         "0+20 free 20+20 ",
         ""},
        {"an empty one changes nothing",
         {{10, true}, {10, false}, {20, true}},
         3,
         0,
         "free 0+20 ",
         ""},
        {"backwards",
         {{10, true}, {5, false}},
         2,
         0,
         "free 0+10 ",
         "an area ends at byte 5, the one before at 10, the device at 1000"},
        {"past the device, and what was before is told",
         {{10, true}, {20, false}, {1001, true}},
         3,
         0,
         "free 0+10 10+10 ",
         "an area ends at byte 1001, the one before at 20, the device at 1000"},
        {"to its last byte", {{1000, true}}, 1, 0, "free 0+1000 ", ""},
        {"whoever has enough ends it",
         {{10, true}, {20, false}, {30, true}, {40, false}},
         4,
         2,
         "free 0+10 ",
         "enough"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct told told = {.stop_at = cases[i].stop_at};
        struct err err = {0};
        int r;

        steps = cases[i].v;
        steps_n = cases[i].n;
        r = use(&driver, &told, &err);
        if (strcmp(told.text, cases[i].want) != 0 ||
            (r < 0) != (*cases[i].message != 0) || strcmp(err.msg, cases[i].message) != 0)
            fail_msg("%s: %d \"%s\" \"%s\"", cases[i].name, r, told.text, err.msg);
    }
}

static void test_bits(void **state)
{
    static const struct fs_driver driver = {.name = "bits", .usage = tell_bits};
    struct told told = {.n = 0};
    struct err err = {0};

    (void)state;
    assert_int_equal(use(&driver, &told, &err), 0);
    assert_string_equal(told.text,
                        "0+16 free 16+16 32+64 free 96+92 188+4 free 192+4 196+16 ");
}

static void test_none(void **state)
{
    static const struct fs_driver driver = {.name = "dumb"};
    struct told told = {.n = 0};
    struct err err = {0};

    (void)state;
    assert_int_equal(use(&driver, &told, &err), -ERR_UNSUPPORTED);
    assert_string_equal(err.msg, "dumb: what is free is not read");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
