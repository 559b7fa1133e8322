/* SPDX-License-Identifier: GPL-2.0-or-later */
/* initramfs_test.c: every compressor, alone and behind every other, whole and cut */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guest/kernel/initramfs_testing.h"
#include "guest/kernel/unpack.h"

static void test_every_packer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++)
        for (int front = 0; front < 2; front++) {
            AUTO(buf_fini) struct buf plain = {0}, file = {0};
            AUTO(seen_fini) struct seen s = {0};
            struct initramfs_info info;
            struct err err = {0};

            print_message("%s%s\n", packers[i].name, front ? ", early segment" : "");
            archive_main(&plain);
            if (front)
                archive_early(&file);
            packers[i].pack(&file, buf_bytes(&plain));
            archive_zeros(&file, 5);
            assert_int_equal(seen_read_buf(&file, &s, &info, &err), 0);
            assert_string_equal(buf_str(&s.text),
                                front ? EARLY_NAMES MAIN_NAMES : MAIN_NAMES);
            assert_string_equal(info.format, packers[i].format);
            assert_int_equal(info.entries, front ? 8 : 6);
            assert_int_equal(info.segments,
                             front && packers[i].pack != pack_none ? 2 : 1);
            assert_true(info.unpacked >= plain.n);
        }
}

static void test_every_pair(void **state)
{
    AUTO(buf_fini) struct buf one = {0}, two = {0};

    (void)state;
    archive_main(&one);
    archive_early(&two);
    for (size_t i = 1; i < ARRAY_SIZE(packers); i++)
        for (size_t k = 0; k < ARRAY_SIZE(packers); k++) {
            AUTO(buf_fini) struct buf file = {0};
            AUTO(seen_fini) struct seen s = {0};
            struct initramfs_info info;
            struct err err = {0};

            packers[i].pack(&file, buf_bytes(&one));
            /* Plain cpio must be aligned; lz4 takes what follows for a block, but zeros.
             */
            if (packers[k].pack == pack_none || packers[i].pack == pack_lz4)
                archive_zeros(&file, (4 - file.n % 4) % 4 + 4);
            packers[k].pack(&file, buf_bytes(&two));
            assert_int_equal(seen_read_buf(&file, &s, &info, &err), 0);
            assert_string_equal(buf_str(&s.text), MAIN_NAMES EARLY_NAMES);
            assert_string_equal(info.format, packers[i].format);
        }
}

static void test_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
        AUTO(block_unrefp) struct block *mem = NULL, *bytewise = NULL;
        AUTO(buf_fini) struct buf plain = {0}, file = {0}, got = {0};
        AUTO(seen_fini) struct seen s = {0};
        AUTO(unpack_closep) struct unpack *u = NULL;
        struct initramfs_info info;
        struct bytes chunk;
        struct err err = {0};
        struct feed feed;

        archive_main(&plain);
        packers[i].pack(&file, buf_bytes(&plain));
        archive_put(&file, "end", 3);
        assert_int_equal(block_mem_open(&mem, file.p, file.n, &err), 0);
        if (packers[i].pack != pack_none) {
            /* A window of one byte: every state of the decoder is cut everywhere. */
            feed_init(&feed, mem, file.n, 1);
            assert_int_equal(feed_need(&feed, 2, &err), 0);
            assert_int_equal(
                unpack_open(&u, unpack_kind_find(feed_held(&feed)), &feed, &err), 0);
            while (unpack_next(u, &chunk, &err) > 0)
                archive_put(&got, chunk.p, chunk.n);
            assert_int_equal(err.code, ERR_NONE);
            assert_int_equal(got.n, plain.n);
            assert_memory_equal(got.p, plain.p, plain.n);
            assert_int_equal(feed_tell(&feed), file.n - 3);
            feed_fini(&feed);
        }
        file.n -= 3;
        block_unrefp(&mem);
        assert_int_equal(block_mem_open(&mem, file.p, file.n, &err), 0);
        assert_int_equal(block_bytewise_open(&bytewise, mem, &err), 0);
        assert_int_equal(seen_read(bytewise, &s, &info, &err), 0);
        assert_string_equal(buf_str(&s.text), MAIN_NAMES);
    }
}

static void test_cpio_bytewise(void **state)
{
    AUTO(buf_fini) struct buf plain = {0};
    AUTO(seen_fini) struct seen s = {0};
    struct initramfs_reader reader = {.entry = seen_entry, .want = seen_want, .arg = &s};
    static struct cpio c;
    struct err err = {0};
    unsigned entries = 0;

    (void)state;
    archive_main(&plain);
    cpio_begin(&c, &reader, &entries, 0);
    for (size_t i = 0; i < plain.n; i++) {
        struct bytes in = bytes_of(plain.p + i, 1);

        assert_int_equal(cpio_push(&c, &in, &err), 0);
        assert_int_equal(in.n, 0);
    }
    assert_true(cpio_is_whole(&c));
    assert_string_equal(buf_str(&s.text), MAIN_NAMES);
}

static void test_cut_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
        AUTO(buf_fini) struct buf plain = {0}, file = {0};
        AUTO(seen_fini) struct seen s = {0};
        size_t whole;

        archive_main(&plain);
        packers[i].pack(&file, buf_bytes(&plain));
        whole = file.n;
        for (size_t n = 1; n<whole; n += whole> 100000 ? 997 : 97) {
            struct initramfs_info info;
            struct err err = {0};
            int r;

            file.n = n;
            r = seen_read_buf(&file, &s, &info, &err);
            if (r != -ERR_CORRUPT && !(r == -ERR_UNSUPPORTED && n < 4))
                fail_msg("%s cut at %zu: %d %s", packers[i].name, n, r, err.msg);
            assert_int_equal(strncmp(MAIN_NAMES, buf_str(&s.text), s.text.n), 0);
        }
    }
}

static void test_stop(void **state)
{
    AUTO(buf_fini) struct buf plain = {0}, file = {0};
    AUTO(seen_fini) struct seen s = {.stop = "lib"};
    struct initramfs_info info;
    struct err err = {0};

    (void)state;
    archive_main(&plain);
    pack_gzip(&file, buf_bytes(&plain));
    assert_int_equal(seen_read_buf(&plain, &s, &info, &err), 7);
    assert_int_equal(info.entries, 4);
    assert_int_equal(seen_read_buf(&file, &s, &info, &err), 7);
    assert_int_equal(info.entries, 4);
    assert_int_equal(err.code, ERR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_packer), cmocka_unit_test(test_every_pair),
        cmocka_unit_test(test_pieces),       cmocka_unit_test(test_cpio_bytewise),
        cmocka_unit_test(test_cut_off),      cmocka_unit_test(test_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
