/* SPDX-License-Identifier: GPL-2.0-or-later */
/* initramfs_odd_test.c: what is odd in an initramfs, or wrong, or over a limit */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "guest/kernel/initramfs_testing.h"

static void make_empty(struct buf *b)
{
    (void)b;
}

static void make_zeros(struct buf *b)
{
    archive_zeros(b, 70000);
}

static void make_text(struct buf *b)
{
    archive_put(b, "hello", 5);
}

static void make_odc(struct buf *b)
{
    archive_put(b, "070707", 6);
    for (int i = 0; i < 200; i++)
        archive_put(b, "0", 1);
}

static void make_junk_behind(struct buf *b)
{
    AUTO(buf_fini) struct buf plain = {0};

    archive_early(&plain);
    pack_gzip(b, buf_bytes(&plain));
    archive_put(b, "junk", 4);
}

static void make_plain_behind_gzip_unaligned(struct buf *b)
{
    AUTO(buf_fini) struct buf plain = {0};

    archive_early(&plain);
    pack_gzip(b, buf_bytes(&plain));
    while (b->n % 4 != 1)
        archive_zeros(b, 1);
    archive_early(b);
}

static void make_plain_behind_lz4(struct buf *b)
{
    AUTO(buf_fini) struct buf plain = {0};

    archive_early(&plain);
    pack_lz4(b, buf_bytes(&plain));
    archive_early(b);
}

static void make_lz4_in_a_row(struct buf *b)
{
    AUTO(buf_fini) struct buf plain = {0};

    archive_early(&plain);
    pack_lz4(b, buf_bytes(&plain));
    pack_lz4(b, buf_bytes(&plain));
}

static void make_no_trailer(struct buf *b)
{
    archive_add(b, 0, "070701", S_IFREG | 0644, "a", "1", 1);
}

static void make_skipped(struct buf *b)
{
    static char name[5000];

    memset(name, 'n', sizeof name - 1);
    archive_add(b, 0, "070701", S_IFREG | 0644, "a", "1", 1);
    archive_add(b, 0, "070701", S_IFREG | 0644, name, "123", 3);
    archive_add(b, 0, "070701", S_IFDIR | 0755, "folder with a body", "12345", 5);
    archive_add(b, 0, "070701", S_IFLNK | 0777, "link too long", name, 4097);
    archive_add(b, 0, "070701", S_IFREG | 0644, "b", "", 0);
    archive_trailer(b, 0);
    archive_add(b, 0, "070701", S_IFREG | 0644, "c", "", 0);
}

static void make_bad_hex(struct buf *b)
{
    archive_add(b, 0, "070701", S_IFREG | 0644, "a", "1", 1);
    b->p[60] = 'x';
}

static void make_name_without_end(struct buf *b)
{
    archive_add(b, 0, "070701", S_IFREG | 0644, "a", "1", 1);
    b->p[CPIO_HEADER + 1] = 'x';
}

static void make_bootconfig(struct buf *b)
{
    archive_early(b);
    archive_put(b, "kernel.x = 1\n\0\0\0", 16);
    archive_le32(b, 16);
    archive_le32(b, 99);
    archive_put(b, "#BOOTCONFIG\n", 12);
    archive_zeros(b, 2);
}

static void make_lz4_frame(struct buf *b)
{
    archive_put(b, "\x04\x22\x4d\x18 and so on", 13);
}

static void make_lz4_bad_magic(struct buf *b)
{
    archive_put(b, "\x02\x21\x00\x00 and so on", 13);
}

static void make_lz4_huge_block(struct buf *b)
{
    archive_le32(b, 0x184c2102);
    archive_le32(b, 0x7fffffff);
    archive_put(b, "data", 4);
}

static void make_gzip_bad_sum(struct buf *b)
{
    AUTO(buf_fini) struct buf plain = {0};

    archive_early(&plain);
    pack_gzip(b, buf_bytes(&plain));
    b->p[b->n - 6] ^= 1;
}

static void make_zstd_window(struct buf *b)
{
    /* Frame header descriptor 0, window descriptor 31 << 3: far over 128 MiB. */
    archive_put(b, "\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00", 9);
}

static const struct odd {
    const char *name;
    void (*make)(struct buf *b);
    int result;
    const char *names;
    const char *message; /* part of it; NULL none */
} odd[] = {
    {"an empty file", make_empty, -ERR_CORRUPT, "", "no archive in it"},
    {"nothing but zeros", make_zeros, -ERR_CORRUPT, "", "no archive in it"},
    {"text", make_text, -ERR_UNSUPPORTED, "", "no compressor of Linux"},
    {"cpio -H odc", make_odc, -ERR_UNSUPPORTED, "", "old portable format"},
    {"junk behind gzip", make_junk_behind, -ERR_CORRUPT, EARLY_NAMES, "junk"},
    {"cpio behind gzip, not aligned", make_plain_behind_gzip_unaligned, -ERR_CORRUPT,
     EARLY_NAMES, "junk"},
    {"cpio behind lz4 without padding", make_plain_behind_lz4, -ERR_CORRUPT, EARLY_NAMES,
     "lz4: block of"},
    {"lz4 frames in a row", make_lz4_in_a_row, 0, EARLY_NAMES EARLY_NAMES, NULL},
    {"no trailer", make_no_trailer, 0, "f:a ", NULL},
    {"entries that Linux steps over", make_skipped, 0, "f:a f:b f:c ", NULL},
    {"a header that is not hexadecimal", make_bad_hex, -ERR_CORRUPT, "", "hexadecimal"},
    {"a name without its end", make_name_without_end, -ERR_CORRUPT, "",
     "without its end"},
    {"boot options appended", make_bootconfig, 0, EARLY_NAMES, NULL},
    {"the modern lz4 frame", make_lz4_frame, -ERR_UNSUPPORTED, "", "begins with 04 22"},
    {"half an lz4 magic", make_lz4_bad_magic, -ERR_UNSUPPORTED, "", "legacy frame"},
    {"an lz4 block of 2 GiB", make_lz4_huge_block, -ERR_CORRUPT, "", "lz4: block of"},
    {"gzip, wrong checksum", make_gzip_bad_sum, -ERR_CORRUPT, "", "checksum"},
    {"zstd with a window of 4 TiB", make_zstd_window, -ERR_LIMIT, "", "window over"},
};

static void test_odd(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        AUTO(buf_fini) struct buf file = {0};
        AUTO(seen_fini) struct seen s = {0};
        struct initramfs_info info;
        struct err err = {0};
        int r;

        odd[i].make(&file);
        r = seen_read_buf(&file, &s, &info, &err);
        if (r != odd[i].result)
            fail_msg("%s: %d %s", odd[i].name, r, err.msg);
        assert_string_equal(buf_str(&s.text), odd[i].names);
        if (odd[i].message && !strstr(err.msg, odd[i].message))
            fail_msg("%s: %s", odd[i].name, err.msg);
    }
}

static void test_limits(void **state)
{
    AUTO(buf_fini) struct buf one = {0}, file = {0};
    AUTO(seen_fini) struct seen s = {0};
    struct initramfs_reader none = {.entry = seen_entry, .arg = &s};
    AUTO(block_unrefp) struct block *b = NULL;
    struct initramfs_info info;
    struct err err = {0};

    (void)state;
    /* 257 empty archives. */
    for (int i = 0; i < 257; i++)
        pack_zstd(&file, bytes_of("", 0));
    assert_int_equal(seen_read_buf(&file, &s, &info, &err), -ERR_LIMIT);
    assert_non_null(strstr(err.msg, "more than 256 archives"));

    /* One file of almost 2 GiB in 64 KiB: a frame of repeated zeros. */
    err_clear(&err);
    buf_clear(&file);
    archive_add(&one, 0, "070701", S_IFREG | 0644, "a", "", 0);
    memcpy(one.p + 54, "7fffffff", 8);
    archive_put(&file, "\x28\xb5\x2f\xfd\x00\x58", 6);
    archive_put(&file, (char[]){(char)(one.n << 3), (char)(one.n >> 5), 0},
                3); /* raw block */
    archive_put(&file, one.p, one.n);
    for (int i = 0; i < 16400; i++)
        archive_put(&file, "\x02\x00\x10\x00", 4); /* 128 KiB of zeros */
    assert_int_equal(block_mem_open(&b, file.p, file.n, &err), 0);
    assert_int_equal(initramfs_read(b, &none, &info, &err), -ERR_LIMIT);
    assert_non_null(strstr(err.msg, "2047 MiB"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
