/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs_hostile.c: a good btrfs with one field spoilt, checksums right again, and the
 * very sentence that follows.
 *
 *     btrfs_hostile SEED      (the one of fuzz_btrfs that has a tree of two levels) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "fs/btrfs/format.h"
#include "fs/fs.h"
#include "fuzz/btrfs_sums.h"
#include "fuzz/sparse.h"

enum {
    NODE = BTRFS_SUMS_NODE,
    ROOT = 256, /* inode of the root */
    INLINE,     /* inodes of its files, in the order of make_btrfs.py */
    ZLIB,
    LZO,
    ZSTD,
    REGULAR,
    LINK,
    FILE_MAX = 20000,
    SEED_MAX = 64 * 1024,
};

enum where {
    SUPER, /* offset in the superblock */
    HEAD,  /* ... in the first node of a tree */
    ITEM,  /* ... in the data of an item */
    PLACE, /* ... in its entry of the leaf: key 17, offset 4, size 4 */
};

enum { CHUNK_AT = 811 + BTRFS_KEY_SIZE }; /* the chunk in the superblock */

#define K(objectid, type, offset)                                 \
    {                                                             \
        (uint64_t)(objectid), (uint8_t)(type), (uint64_t)(offset) \
    }
#define CHUNK    3, K(256, BTRFS_CHUNK_ITEM, 1 << 20)
#define INODE(n) 5, K(n, BTRFS_INODE_ITEM, 0)
#define INDEX(n) 5, K(ROOT, BTRFS_DIR_INDEX, n)
#define DATA(n)  5, K(n, BTRFS_EXTENT_DATA, 0)
#define ROOT5    1, K(5, BTRFS_ROOT_ITEM, 0)
#define NONE     0, K(0, 0, 0)

static const struct {
    const char *name;
    enum where where;
    uint64_t tree;
    struct btrfs_key key;
    size_t at;
    unsigned width;
    uint64_t value;
    const char *read; /* a file to be read, NULL: the root is listed */
    enum err_code code;
    const char *message; /* its end */
} cases[] = {
    {"sectors of 3 bytes", SUPER, NONE, 144, 4, 3, NULL, ERR_CORRUPT, "sector size 3"},
    {"nodes of 128 KiB", SUPER, NONE, 148, 4, 131072, NULL, ERR_CORRUPT,
     "node size 131072"},
    {"nodes smaller than sectors", SUPER, NONE, 148, 4, 2048, NULL, ERR_CORRUPT,
     "node size 2048"},
    {"too many system chunks", SUPER, NONE, 160, 4, 2049, NULL, ERR_CORRUPT,
     "superblock: 2049 bytes of system chunks"},
    {"system chunks that end in a key", SUPER, NONE, 160, 4, 10, NULL, ERR_CORRUPT,
     "system chunk with a key of type 0"},
    {"system chunks that end in a chunk", SUPER, NONE, 160, 4, 60, NULL, ERR_CORRUPT,
     "chunk 1048576: 0 stripes"},
    {"a system chunk of another type", SUPER, NONE, 811 + 8, 1, 1, NULL, ERR_CORRUPT,
     "system chunk with a key of type 1"},
    {"a system chunk without stripes", SUPER, NONE, CHUNK_AT + 44, 2, 0, NULL,
     ERR_CORRUPT, "chunk 1048576: 0 stripes"},
    {"a system chunk of 65535 stripes", SUPER, NONE, CHUNK_AT + 44, 2, 65535, NULL,
     ERR_CORRUPT, "chunk 1048576: 65535 stripes"},
    {"a tree of nine levels", SUPER, NONE, 198, 1, 9, NULL, ERR_CORRUPT,
     "tree of 9 levels"},
    {"a root at an odd address", SUPER, NONE, 80, 1, 1, NULL, ERR_CORRUPT,
     "a tree at an odd address"},
    {"a root in no chunk", SUPER, NONE, 84, 4, 1, NULL, ERR_CORRUPT, " is in no chunk"},
    {"no device", SUPER, NONE, 201, 8, 0, NULL, ERR_CORRUPT, "device 0 of 1"},
    {"larger than its device", SUPER, NONE, 209, 8, UINT64_MAX, NULL, ERR_CORRUPT,
     "but the device has 262144 bytes"},
    {"a checksum nobody knows", SUPER, NONE, 196, 2, 4, NULL, ERR_UNSUPPORTED,
     "checksum of kind 4"},
    {"a dump of metadata alone", SUPER, NONE, 60, 1, 2, NULL, ERR_UNSUPPORTED,
     "a dump of metadata alone"},
    {"an incompatible feature nobody knows", SUPER, NONE, 188 + 7, 1, 0x80, NULL,
     ERR_UNSUPPORTED, "feature we do not read: FEATURE_I63"},
    {"extent tree of version 2", SUPER, NONE, 188, 4, 0x2341, NULL, ERR_UNSUPPORTED,
     "feature we do not read: EXTENT_TREE_V2"},

    {"a chunk of no size", ITEM, CHUNK, 0, 8, 0, NULL, ERR_CORRUPT,
     "chunk 1048576: 0 bytes"},
    {"a chunk that wraps", ITEM, CHUNK, 0, 8, UINT64_MAX - 4095, NULL, ERR_CORRUPT,
     "chunk 1048576: 18446744073709547520 bytes"},
    {"a striped chunk", ITEM, CHUNK, 24, 8, 0x84, NULL, ERR_UNSUPPORTED,
     "RAID5 over 1 devices is not read"},
    {"a profile nobody knows", ITEM, CHUNK, 24, 8, 1 << 20, NULL, ERR_UNSUPPORTED,
     "profile 0x100000"},
    {"a chunk on another device", ITEM, CHUNK, 48, 8, 2, NULL, ERR_UNSUPPORTED,
     "is on another device, one of 1"},
    {"a chunk past the end", ITEM, CHUNK, 56, 8, 1 << 30, NULL, ERR_CORRUPT,
     "is past the end of the device"},
    {"a chunk whose place wraps", ITEM, CHUNK, 56, 8, UINT64_MAX, NULL, ERR_CORRUPT,
     "is past the end of the device"},

    {"more items than fit", HEAD, 5, K(0, 0, 0), 96, 4, 65535, NULL, ERR_CORRUPT,
     "65535 items"},
    {"no items in a node", HEAD, 5, K(0, 0, 0), 96, 4, 0, NULL, ERR_CORRUPT, "0 items"},
    {"a level that is not the expected one", HEAD, 5, K(0, 0, 0), 100, 1, 7, NULL,
     ERR_CORRUPT, "level 7, must be 1"},
    {"an old node", HEAD, 5, K(0, 0, 0), 80, 8, 8, NULL, ERR_CORRUPT,
     "generation 8, must be 9 (it was overwritten)"},
    {"a node of another tree", HEAD, 5, K(0, 0, 0), 88, 8, 7, NULL, ERR_CORRUPT,
     "it belongs to tree 7"},
    {"a node that was written elsewhere", HEAD, 5, K(0, 0, 0), 48, 4, 12, NULL,
     ERR_CORRUPT, "it says it is node 12"},
    {"a pointer back to its own node", HEAD, 5, K(0, 0, 0), 101 + 17, 8, 0, NULL,
     ERR_CORRUPT, "logical address 0 is in no chunk"},
    {"a pointer with another key", HEAD, 5, K(0, 0, 0), 101 + 9, 1, 1, NULL, ERR_CORRUPT,
     "its first key is not the one above it"},
    {"data outside of the leaf", PLACE, INODE(INLINE), 17, 4, UINT32_MAX, "inline",
     ERR_CORRUPT, "data outside of the leaf"},
    {"data within the items", PLACE, INODE(INLINE), 17, 4, 0, "inline", ERR_CORRUPT,
     "data outside of the leaf"},
    {"keys out of order", PLACE, INODE(INLINE), 0, 8, 1, "inline", ERR_CORRUPT,
     "keys out of order"},

    {"a short inode", PLACE, INODE(INLINE), 21, 4, 100, "inline", ERR_CORRUPT,
     "item of 100 bytes"},
    {"a file of negative size", ITEM, INODE(INLINE), 16, 8, UINT64_MAX, "inline",
     ERR_CORRUPT, "size 18446744073709551615"},
    {"no inode", PLACE, INODE(INLINE), 8, 1, 2, "inline", ERR_CORRUPT,
     "there is no such inode"},
    {"an entry without a name", ITEM, INDEX(2), 27, 2, 0, NULL, ERR_CORRUPT,
     "an entry with a name of 0 bytes"},
    {"a name past the item", ITEM, INDEX(2), 27, 2, 255, NULL, ERR_CORRUPT,
     "an entry with a name of 255 bytes"},
    {"data past the item", ITEM, INDEX(2), 25, 2, 9, NULL, ERR_CORRUPT,
     "an entry with a name of 6 bytes"},
    {"an entry that is cut off", PLACE, INDEX(2), 21, 4, 29, NULL, ERR_CORRUPT,
     "an entry that is cut off"},
    {"a slash in a name", ITEM, INDEX(2), 31, 1, '/', NULL, ERR_CORRUPT,
     "a name that cannot be"},
    {"an entry that leads to an extent", ITEM, INDEX(2), 8, 1, BTRFS_EXTENT_DATA, NULL,
     ERR_CORRUPT, "an entry that leads to an item of type 108"},
    {"an entry that leads to a small number", ITEM, INDEX(2), 0, 8, 5, NULL, ERR_CORRUPT,
     "an entry that leads to an item of type 1"},
    {"an inode number of 64 bits", ITEM, INDEX(2), 0, 8, UINT64_MAX, NULL, ERR_LIMIT,
     "inode 18446744073709551615: more than 48 bits"},

    {"an extent of type 3", ITEM, DATA(INLINE), 20, 1, 3, "inline", ERR_CORRUPT,
     "extent of type 3"},
    {"a compression nobody knows", ITEM, DATA(INLINE), 16, 1, 4, "inline",
     ERR_UNSUPPORTED, "compression of kind 4"},
    {"an encrypted extent", ITEM, DATA(INLINE), 17, 1, 1, "inline", ERR_UNSUPPORTED,
     "encrypted"},
    {"a short extent item", PLACE, DATA(INLINE), 21, 4, 20, "inline", ERR_CORRUPT,
     "extent item of 20 bytes"},
    {"a short regular extent", PLACE, DATA(REGULAR), 21, 4, 52, "regular", ERR_CORRUPT,
     "extent item of 52 bytes"},
    {"an extent of no size", ITEM, DATA(REGULAR), 45, 8, 0, "regular", ERR_CORRUPT,
     "extent of 0 bytes at offset 0"},
    {"an extent that wraps", ITEM, DATA(REGULAR), 45, 8, UINT64_MAX - 4095, "regular",
     ERR_CORRUPT, "more than is stored"},
    {"an extent that begins past what is stored", ITEM, DATA(REGULAR), 37, 8, 4096,
     "regular", ERR_CORRUPT, "extent at offset 0: more than is stored"},
    {"an extent in no chunk", ITEM, DATA(REGULAR), 25, 4, 77, "regular", ERR_CORRUPT,
     " is in no chunk"},
    {"a compressed extent of 4 GiB", ITEM, DATA(ZLIB), 8, 8, UINT64_C(1) << 32, "zlib",
     ERR_LIMIT, "compressed extent of 4294967296 bytes in 4096, limit 131072"},
    {"a compressed extent stored in 1 MiB", ITEM, DATA(ZLIB), 29, 8, 1 << 20, "zlib",
     ERR_LIMIT, "compressed extent of 8192 bytes in 1048576, limit 131072"},
    {"inline data of 1 MiB", ITEM, DATA(ZSTD), 8, 8, 1 << 20, "zstd", ERR_CORRUPT,
     "inline data of 1048576 bytes"},
    {"zlib that is none", ITEM, DATA(ZSTD), 16, 1, BTRFS_ZLIB, "zstd", ERR_CORRUPT,
     "zlib: bad data"},
    {"zstd that is none", ITEM, DATA(LZO), 16, 1, BTRFS_ZSTD, "lzo", ERR_CORRUPT,
     "zstd: bad data"},
    {"LZO that is none", ITEM, DATA(ZSTD), 16, 1, BTRFS_LZO, "zstd", ERR_CORRUPT,
     "lzo: 4247762216 bytes of 19"},

    {"a short root item", PLACE, ROOT5, 21, 4, 238, NULL, ERR_CORRUPT,
     "subvolume 5: item of 238 bytes"},
    {"a subvolume of nine levels", ITEM, ROOT5, 238, 1, 9, NULL, ERR_CORRUPT,
     "subvolume 5: tree of 9 levels"},
    {"a subvolume in no chunk", ITEM, ROOT5, 176, 8, 4096, NULL, ERR_CORRUPT,
     "logical address 4096 is in no chunk"},
    {"a subvolume that is being deleted", ITEM, ROOT5, 216, 4, 0, NULL, ERR_CORRUPT,
     "the default subvolume 5 does not exist"},
    {"a default that does not exist", ITEM, 1, K(6, BTRFS_DIR_ITEM, 2378154706), 0, 8,
     777, NULL, ERR_CORRUPT, "the default subvolume 777 does not exist"},
};

static uint8_t seed[SEED_MAX], image[SPARSE_MAX];
static size_t seed_n;

/* Where in the image a tree's node begins: the root of it when that has two levels. */
static size_t find_head(uint64_t tree)
{
    size_t found = 0;

    for (size_t at = 0; at + NODE <= sizeof image; at += NODE)
        if (btrfs_sums_is_node(image, at) && at != BTRFS_SUMS_SUPER &&
            load_le64(image + at + 88) == tree && (!found || image[at + 100]))
            found = at;
    if (!found)
        fail_msg("there is no tree %u", (unsigned)tree);
    return found;
}

/* The entry of an item in its leaf; *data is where its content lies. */
static size_t find_item(size_t *data, uint64_t tree, const struct btrfs_key *key)
{
    for (size_t at = 0; at + NODE <= sizeof image; at += NODE) {
        if (!btrfs_sums_is_node(image, at) || at == BTRFS_SUMS_SUPER ||
            load_le64(image + at + 88) != tree || image[at + 100] != 0)
            continue;
        for (uint32_t i = 0; i < load_le32(image + at + 96); i++) {
            size_t entry = at + BTRFS_HEADER_SIZE + i * BTRFS_ITEM_SIZE;
            struct btrfs_key k = btrfs_key_load(image + entry);

            *data = at + BTRFS_HEADER_SIZE + load_le32(image + entry + BTRFS_KEY_SIZE);
            if (btrfs_key_compare(&k, key) == 0)
                return entry;
        }
    }
    fail_msg("there is no item %u", (unsigned)key->objectid);
    return 0;
}

static size_t find(enum where where, uint64_t tree, const struct btrfs_key *key)
{
    size_t data = 0, entry;

    if (where == SUPER)
        return BTRFS_SUMS_SUPER;
    if (where == HEAD)
        return find_head(tree);
    entry = find_item(&data, tree, key);
    return where == PLACE ? entry : data;
}

static int nothing(void *arg, const struct fs_dirent *d, struct err *err)
{
    (void)arg;
    (void)d;
    (void)err;
    return 0;
}

static int use(const char *file, struct err *err)
{
    static uint8_t content[FILE_MAX];
    AUTO(block_unrefp) struct block *dev = NULL;
    AUTO(fs_closep) struct fs *fs = NULL;
    const struct fs_ident id = {.type = FS_BTRFS};
    struct fs_stat st;
    int r = block_mem_open(&dev, image, sizeof image, err);

    if (r == 0)
        r = fs_open(&fs, &id, dev, err);
    if (r < 0)
        return r;
    if (!file)
        return fs_readdir(fs, fs->root, nothing, NULL, err);
    r = fs_lookup(&st, fs, fs->root, file, strlen(file), err);
    if (r <= 0)
        return r;
    assert_in_range(st.size, 1, sizeof content);
    return fs_read(fs, &st, content, (size_t)st.size, 0, err);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static void test_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        size_t at;

        sparse_unpack(image, seed, seed_n, 1);
        btrfs_sums_repair(image, sizeof image);
        if (use(cases[i].read, &err) < 0)
            fail_msg("%s: the good one: %s", cases[i].name, err.msg);
        at = find(cases[i].where, cases[i].tree, &cases[i].key) + cases[i].at;
        for (unsigned j = 0; j < cases[i].width; j++)
            image[at + j] = (uint8_t)(cases[i].value >> (8 * j));
        btrfs_sums_repair(image, sizeof image);
        if (use(cases[i].read, &err) != -(int)cases[i].code ||
            !ends_with(err.msg, cases[i].message))
            fail_msg("%s: %d \"%s\"", cases[i].name, err.code, err.msg);
    }
}

/* Any byte of a node that is not what was summed is told as that. */
static void test_sums(void **state)
{
    (void)state;
    for (size_t at = 128 * 1024; at < sizeof image; at += NODE) {
        struct err err = {0};

        sparse_unpack(image, seed, seed_n, 1);
        btrfs_sums_repair(image, sizeof image);
        if (!btrfs_sums_is_node(image, at))
            continue;
        image[at + NODE - 1] ^= 1;
        if (use("regular", &err) < 0)
            assert_true(ends_with(err.msg, "checksum mismatch"));
        else
            assert_int_not_equal(load_le64(image + at + 88), BTRFS_ROOT_TREE);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_sums),
    };
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;

    if (!f || fgetc(f) == EOF)
        return 1;
    seed_n = fread(seed, 1, sizeof seed, f);
    fclose(f);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
