/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "fs/fat/fat.h"

enum {
    SECTOR = 512,
    SECTORS = 64,
    TABLE = SECTOR, /* where things lie */
    ROOT = 2 * SECTOR,
    DATA = 3 * SECTOR, /* cluster 2 */
    CLUSTERS = SECTORS - 3,
    DIR_ENTRY = ROOT + FAT_ENTRY,
    LONG_ENTRY = ROOT + 2 * FAT_ENTRY,
};

static uint8_t image[SECTORS * SECTOR];

static void set_next(unsigned cluster, unsigned next)
{
    uint8_t *p = image + TABLE + cluster + cluster / 2;

    if (cluster & 1)
        store_le16(p, (uint16_t)((load_le16(p) & 0x00f) | next << 4));
    else
        store_le16(p, (uint16_t)((load_le16(p) & 0xf000) | next));
}

static void fill_entry(uint8_t *p, const char *name, uint8_t attr, uint16_t cluster,
                       uint32_t size)
{
    memcpy(p, name, 11);
    p[11] = attr;
    store_le16(p + 26, cluster);
    store_le32(p + 28, size);
}

static uint8_t sum_of(const uint8_t *p)
{
    uint8_t sum = 0;

    for (int i = 0; i < 11; i++)
        sum = (uint8_t)((sum >> 1 | sum << 7) + p[i]);
    return sum;
}

/* FAT12: A.TXT in clusters 2 and 3, the folder DIR in 4, and a file with the long name
 * "Long name" in front of its short one. */
static void fill(void)
{
    static const char name[] = "Long name";
    uint8_t *p = image + LONG_ENTRY;

    memset(image, 0, sizeof image);
    store_le16(image + 11, SECTOR);
    image[13] = 1;
    store_le16(image + 14, 1);
    image[16] = 1;
    store_le16(image + 17, SECTOR / FAT_ENTRY);
    store_le16(image + 19, SECTORS);
    store_le16(image + 22, 1);
    set_next(0, 0xff8);
    set_next(1, 0xfff);
    set_next(2, 3);
    set_next(3, 0xfff);
    set_next(4, 0xfff);
    set_next(5, 0xfff);
    fill_entry(image + ROOT, "A       TXT", 0, 2, 700);
    fill_entry(image + DIR_ENTRY, "DIR        ", FAT_ATTR_DIR, 4, 0);
    fill_entry(p + FAT_ENTRY, "LONGNA~1   ", 0, 5, 100);
    p[0] = 0x41;
    p[11] = FAT_ATTR_LONG;
    p[13] = sum_of(p + FAT_ENTRY);
    for (unsigned i = 0; i < 13; i++) {
        unsigned at = i < 5 ? 1 + 2 * i : i < 11 ? 14 + 2 * (i - 5) : 28 + 2 * (i - 11);

        store_le16(p + at, i < sizeof name ? (uint8_t)name[i] : 0xffff);
    }
}

static int open_image(struct fs **ret, struct err *err)
{
    AUTO(block_unrefp) struct block *dev = NULL;
    int r = block_mem_open(&dev, image, sizeof image, err);

    return r < 0 ? r : fat_driver.open(ret, dev, err);
}

struct spoil {
    const char *name; /* what is wrong */
    unsigned at, bytes;
    uint64_t value;
    const char *want; /* the message, "" for none */
};

static void spoil(const struct spoil *s)
{
    fill();
    for (unsigned i = 0; i < s->bytes; i++)
        image[s->at + i] = (uint8_t)(s->value >> (8 * i));
}

static void same(const struct spoil *s, int r, const struct err *err)
{
    if (strcmp(err->msg, s->want) != 0)
        print_message("%s:\n", s->name);
    assert_string_equal(err->msg, s->want);
    assert_int_equal(r < 0, *s->want != 0);
}

static void test_boot(void **state)
{
    static const struct spoil rows[] = {
        {"whole", 0, 0, 0, ""},
        {"odd sectors", 11, 2, 500,
         "boot sector: 500 bytes a sector, 1 sectors a cluster, 1 tables of 1 sectors"},
        {"sectors of 8 KiB", 11, 2, 8192,
         "boot sector: 8192 bytes a sector, 1 sectors a cluster, 1 tables of 1 sectors"},
        {"no sectors a cluster", 13, 1, 0,
         "boot sector: 512 bytes a sector, 0 sectors a cluster, 1 tables of 1 sectors"},
        {"three of them", 13, 1, 3,
         "boot sector: 512 bytes a sector, 3 sectors a cluster, 1 tables of 1 sectors"},
        {"nothing reserved", 14, 2, 0,
         "boot sector: 512 bytes a sector, 1 sectors a cluster, 1 tables of 1 sectors"},
        {"no table", 16, 1, 0,
         "boot sector: 512 bytes a sector, 1 sectors a cluster, 0 tables of 1 sectors"},
        {"a table of nothing", 22, 2, 0,
         "boot sector: 512 bytes a sector, 1 sectors a cluster, 1 tables of 0 sectors"},
        {"nothing but tables", 16, 1, 62,
         "boot sector: 64 sectors, of which 64 hold no data, but the device has 32768 "
         "bytes"},
        {"longer than the device", 19, 2, 65,
         "boot sector: 65 sectors, of which 3 hold no data, but the device has 32768 "
         "bytes"},
        {"a root without room", 17, 2, 0, "boot sector: 62 clusters in FAT12"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(fs_closep) struct fs *fs = NULL;
        struct err err = {0};
        int r;

        spoil(&rows[i]);
        r = open_image(&fs, &err);
        same(&rows[i], r, &err);
    }
}

/* What FAT32 has beyond that. */
static void test_boot_32(void **state)
{
    static const struct spoil rows[] = {
        {"whole", 0, 0, 0, ""},
        {"a later version", 42, 2, 1, "boot sector: version 1"},
        {"a root nowhere", 44, 4, 0, "boot sector: root in cluster 0"},
        {"a root behind the end", 44, 4, 64, "boot sector: root in cluster 64"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(fs_closep) struct fs *fs = NULL;
        struct err err = {0};
        int r;

        fill();
        store_le16(image + 17, 0);
        store_le16(image + 22, 0);
        store_le32(image + 36, 1);
        store_le32(image + 44, 2);
        for (unsigned k = 0; k < rows[i].bytes; k++)
            image[rows[i].at + k] = (uint8_t)(rows[i].value >> (8 * k));
        r = open_image(&fs, &err);
        same(&rows[i], r, &err);
    }
}

static void test_chains(void **state)
{
    static const struct spoil rows[] = {
        {"whole", 0, 0, 0, ""},
        {"a chain that ends too early", TABLE + 3, 2, 0xffff,
         "file allocation table: the chain ends at cluster 2, before the file does"},
        {"a chain to a free cluster", TABLE + 3, 1, 0,
         "file allocation table: cluster 2 is followed by 0, and the last one is 62"},
        {"a chain out of the data", TABLE + 3, 1, 63,
         "file allocation table: cluster 2 is followed by 63, and the last one is 62"},
        {"a file in no cluster", ROOT + 26, 2, 0, "first cluster 0, the last one is 62"},
        {"a file behind the end", ROOT + 26, 2, 63,
         "first cluster 63, the last one is 62"},
        {"a file as long as they can be", ROOT + 28, 4, UINT32_MAX,
         "file larger than the filesystem"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(fs_closep) struct fs *fs = NULL;
        static uint8_t buf[sizeof image];
        struct fs_stat st;
        struct err err = {0};
        int r;

        spoil(&rows[i]);
        assert_int_equal(open_image(&fs, &err), 0);
        assert_int_equal(fs_lookup(&st, fs, fs->root, "a.txt", 5, &err), 1);
        /* Its end. */
        r = fs_read(fs, &st, buf, 200, st.size - 200, &err);
        same(&rows[i], r, &err);
    }
}

struct names {
    unsigned n;
    char last[FS_NAME_MAX + 1];
};

static int take_name(void *arg, const struct fs_dirent *d, struct err *err)
{
    struct names *names = arg;

    (void)err;
    names->n++;
    memcpy(names->last, d->name, d->name_n + 1);
    return 0;
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        unsigned at;
        uint8_t value;
        const char *want; /* the third entry */
    } rows[] = {
        {"whole", 0, 0, "Long name"},
        {"of another short name", LONG_ENTRY + 13, 1, "LONGNA~1"},
        {"no last piece", LONG_ENTRY, 1, "LONGNA~1"},
        {"a piece that is missing", LONG_ENTRY, 0x42, "LONGNA~1"},
        {"pieces without a number", LONG_ENTRY, 0x40, "LONGNA~1"},
        {"more pieces than there can be", LONG_ENTRY, 0x7f, "LONGNA~1"},
        {"a slash in it", LONG_ENTRY + 1, '/', "LONGNA~1"},
        {"a name of two characters", LONG_ENTRY + 5, 0, "Lo"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(fs_closep) struct fs *fs = NULL;
        struct names names = {0};
        struct err err = {0};

        fill();
        if (rows[i].at)
            image[rows[i].at] = rows[i].value;
        assert_int_equal(open_image(&fs, &err), 0);
        assert_int_equal(fs_readdir(fs, fs->root, take_name, &names, &err), 0);
        if (strcmp(names.last, rows[i].want) != 0)
            print_message("%s:\n", rows[i].name);
        assert_string_equal(names.last, rows[i].want);
        assert_int_equal(names.n, 3);
    }
}

/* No listing may give these, or a walk goes round. */
static void test_dots(void **state)
{
    AUTO(fs_closep) struct fs *fs = NULL;
    struct names names = {0};
    struct err err = {0};

    (void)state;
    fill();
    store_le16(image + LONG_ENTRY + 1, '.');
    store_le16(image + LONG_ENTRY + 3, '.');
    store_le16(image + LONG_ENTRY + 5, 0);
    assert_int_equal(open_image(&fs, &err), 0);
    assert_int_equal(fs_readdir(fs, fs->root, take_name, &names, &err), 0);
    assert_string_equal(names.last, "LONGNA~1");
}

static void test_folders(void **state)
{
    static const struct spoil rows[] = {
        {"whole", 0, 0, 0, ""},
        {"a folder in the boot sector", DIR_ENTRY + 26, 2, 1,
         "directory entry 33 is no directory"},
        {"a folder behind the end", DIR_ENTRY + 26, 2, 63, "directory in cluster 63"},
        {"a folder that goes round", TABLE + 6, 2, 4,
         "directory of more than 2097152 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(fs_closep) struct fs *fs = NULL;
        struct names names = {0};
        struct fs_stat st;
        struct err err = {0};
        int r;

        spoil(&rows[i]);
        /* Full of files that were deleted. */
        memset(image + DATA + 2 * SECTOR, 0xe5, SECTOR);
        assert_int_equal(open_image(&fs, &err), 0);
        assert_int_equal(fs_lookup(&st, fs, fs->root, "dir", 3, &err), 1);
        r = fs_readdir(fs, st.ino, take_name, &names, &err);
        same(&rows[i], r, &err);
        err_clear(&err);
        r = fs_lookup(&st, fs, st.ino, "none", 4, &err);
        same(&rows[i], r, &err);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boot),   cmocka_unit_test(test_boot_32),
        cmocka_unit_test(test_chains), cmocka_unit_test(test_names),
        cmocka_unit_test(test_dots),   cmocka_unit_test(test_folders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
