/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include "base/checked.h"
#include "fs/btrfs/btrfs.h"

enum { SECTOR = 4096, PLAIN = 3 * SECTOR };

static void test_names(void **state)
{
    (void)state;
    /* As dump-tree shows it of every filesystem. */
    assert_int_equal(btrfs_name_hash("default", 7), 2378154706u);
}

static void test_features(void **state)
{
    static const struct {
        uint64_t incompat, compat_ro;
        const char *want;
    } cases[] = {
        {0, 0, ""},
        {0x341, 3,
         "MIXED_BACKREF EXTENDED_IREF SKINNY_METADATA NO_HOLES FREE_SPACE_TREE "
         "FREE_SPACE_TREE_VALID"},
        {UINT64_C(1) << 63, 1 << 20, "FEATURE_I63 FEATURE_R20"},
    };
    char text[200], little[12];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        btrfs_features_format(text, sizeof text, cases[i].incompat, cases[i].compat_ro);
        assert_string_equal(text, cases[i].want);
    }
    btrfs_features_format(little, sizeof little, UINT64_MAX, UINT64_MAX);
    assert_string_equal(little, "MIXED_BACKR");
}

static void test_keys(void **state)
{
    static const struct btrfs_key sorted[] = {
        {1, 200, UINT64_MAX}, {2, 1, 0}, {2, 1, 1}, {2, 108, 0}, {UINT64_MAX, 0, 0},
    };

    (void)state;
    for (int i = 0; i < (int)ARRAY_SIZE(sorted); i++)
        for (int j = 0; j < (int)ARRAY_SIZE(sorted); j++)
            assert_int_equal(btrfs_key_compare(&sorted[i], &sorted[j]),
                             (i > j) - (i < j));
}

/* ---- compressed extents */

static uint8_t plain[PLAIN];

static size_t pack_zlib(uint8_t *to, size_t cap)
{
    uLongf n = cap;

    assert_int_equal(compress(to, &n, plain, PLAIN), Z_OK);
    return n;
}

static size_t pack_zstd(uint8_t *to, size_t cap)
{
    size_t n = ZSTD_compress(to, cap, plain, PLAIN, 3);

    assert_false(ZSTD_isError(n));
    return n;
}

static size_t pack_lzo(uint8_t *to, size_t cap)
{
    static uint8_t work[LZO1X_1_MEM_COMPRESS] __attribute__((aligned(16)));
    size_t pos = 4;

    memset(to, 0, cap);
    for (size_t at = 0; at < PLAIN; at += SECTOR) {
        lzo_uint n = 0;

        if (SECTOR - pos % SECTOR < 4)
            pos += SECTOR - pos % SECTOR;
        assert_int_equal(lzo1x_1_compress(plain + at, SECTOR, to + pos + 4, &n, work),
                         LZO_E_OK);
        store_le32(to + pos, (uint32_t)n);
        pos += 4 + n;
    }
    store_le32(to, (uint32_t)pos);
    return pos;
}

static const struct {
    enum btrfs_packing packing;
    const char *name;
    size_t (*pack)(uint8_t *to, size_t cap);
} packings[] = {
    {BTRFS_ZLIB, "zlib", pack_zlib},
    {BTRFS_LZO, "lzo", pack_lzo},
    {BTRFS_ZSTD, "zstd", pack_zstd},
};

static void fill_plain(bool noise)
{
    uint32_t x = 1;

    for (size_t i = 0; i < PLAIN; i++) {
        x = x * 1664525 + 1013904223;
        plain[i] = noise ? (uint8_t)(x >> 24) : (uint8_t)("some text "[i % 10]);
    }
}

static void check_unpack(size_t row, size_t want_n, struct bytes packed)
{
    /* Alone in memory, so that a step too far is seen. */
    AUTO(freep) uint8_t *to = malloc(want_n), *from = malloc(packed.n);
    struct err err = {0};
    int r;

    memcpy(from, packed.p, packed.n);
    r = btrfs_unpack(packings[row].packing, to, want_n, bytes_of(from, packed.n), SECTOR,
                     &err);
    if (r < 0)
        fail_msg("%s, %zu bytes: %s", packings[row].name, want_n, err.msg);
    for (size_t i = 0; i < want_n; i++)
        if (to[i] != (i < PLAIN ? plain[i] : 0))
            fail_msg("%s, %zu bytes: byte %zu", packings[row].name, want_n, i);
}

static void test_unpack(void **state)
{
    static const size_t sizes[] = {1,         SECTOR - 1, SECTOR + 1,
                                   PLAIN - 1, PLAIN,      PLAIN + 9};
    static uint8_t packed[PLAIN + 2 * SECTOR];

    (void)state;
    for (int noise = 0; noise < 2; noise++) {
        fill_plain(noise);
        for (size_t row = 0; row < ARRAY_SIZE(packings); row++)
            for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                size_t n;

                memset(packed, 0, sizeof packed);
                n = packings[row].pack(packed, sizeof packed);
                check_unpack(row, sizes[i], bytes_of(packed, n));
                /* What fills the last sector is not looked at. */
                check_unpack(row, sizes[i],
                             bytes_of(packed, (size_t)round_up(n, SECTOR)));
            }
    }
}

/* Every cut is an error, but the one of zlib's own checksum and the zeros after a frame.
 */
static void test_cut(void **state)
{
    static uint8_t packed[PLAIN + 2 * SECTOR], to[PLAIN];

    (void)state;
    fill_plain(true);
    for (size_t row = 0; row < ARRAY_SIZE(packings); row++) {
        size_t n = packings[row].pack(packed, sizeof packed);

        for (size_t cut = 0; cut + 8 < n; cut += 97) {
            struct err err = {0};
            int r = btrfs_unpack(packings[row].packing, to, PLAIN, bytes_of(packed, cut),
                                 SECTOR, &err);

            if (r != -ERR_CORRUPT)
                fail_msg("%s cut to %zu bytes: %d", packings[row].name, cut, r);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_features),
        cmocka_unit_test(test_keys),  cmocka_unit_test(test_unpack),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
