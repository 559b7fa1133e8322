/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sums_ext.c: metadata_csum of ext4
 *
 * Which inode a block belongs to, libext2fs tells of the sound image; the sums of a
 * directory's blocks it makes as well, since where they lie depends on what is in them.
 */
#include <ext2fs/ext2fs.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/crc.h"
#include "mutate/sums.h"

enum { OWNED_MAX = 65536 };

struct owned {
    uint64_t block;
    ext2_ino_t ino;
    bool directory; /* or a node of the tree of extents */
};

struct sums_ext {
    ext2_filsys fs;
    uint64_t at;
    struct owned *owned;
    size_t n;
    bool directory; /* what is walked now */
    ext2_ino_t ino;
};

/* Neither inverted at the beginning nor at the end. */
static uint32_t raw_crc(uint32_t seed, const void *p, size_t n)
{
    return ~crc32c(~seed, p, n);
}

static int note_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t count, blk64_t ref,
                      int ref_off, void *arg)
{
    struct sums_ext *e = arg;

    (void)fs;
    (void)ref;
    (void)ref_off;
    if ((e->directory || count < 0) && e->n < OWNED_MAX)
        e->owned[e->n++] = (struct owned){*block, e->ino, e->directory && count >= 0};
    return 0;
}

static void note_blocks(struct sums_ext *e)
{
    ext2_inode_scan scan;
    struct ext2_inode inode;

    if (ext2fs_open_inode_scan(e->fs, 0, &scan))
        return;
    while (ext2fs_get_next_inode(scan, &e->ino, &inode) == 0 && e->ino) {
        e->directory = LINUX_S_ISDIR(inode.i_mode);
        if (inode.i_links_count && ext2fs_inode_has_valid_blocks2(e->fs, &inode) &&
            (e->directory || inode.i_flags & EXT4_EXTENTS_FL))
            (void)ext2fs_block_iterate3(e->fs, e->ino, BLOCK_FLAG_READ_ONLY, NULL,
                                        note_block, e);
    }
    ext2fs_close_inode_scan(scan);
}

struct sums_ext *sums_ext_open(const struct image *image, uint64_t at)
{
    struct sums_ext *e = calloc(1, sizeof *e);
    char name[4096];

    if (!e)
        return NULL;
    snprintf(name, sizeof name, "%s?offset=%llu", image->path, (unsigned long long)at);
    e->at = at;
    e->owned = calloc(OWNED_MAX, sizeof *e->owned);
    if (e->owned && ext2fs_open(name, EXT2_FLAG_64BITS | EXT2_FLAG_IGNORE_CSUM_ERRORS, 0,
                                0, unix_io_manager, &e->fs))
        e->fs = NULL;
    if (!e->fs || !ext2fs_has_feature_metadata_csum(e->fs->super)) {
        sums_ext_close(e);
        return NULL;
    }
    note_blocks(e);
    return e;
}

void sums_ext_close(struct sums_ext *e)
{
    if (e && e->fs)
        ext2fs_free(e->fs);
    if (e)
        free(e->owned);
    free(e);
}

static bool touched(const struct image *image, uint64_t at)
{
    for (size_t i = 0; i < image->saved_n; i++)
        if (image->saved[i].off == round_down(at, IMAGE_PAGE))
            return true;
    return false;
}

/* NULL: not within the image, or not changed. */
static uint8_t *changed(const struct sums_ext *e, const struct image *image, uint64_t off,
                        size_t n)
{
    off += e->at;
    return range_within(off, n, image->whole) && touched(image, off) ? image->p + off
                                                                     : NULL;
}

static void repair_inodes(const struct sums_ext *e, struct image *image, dgrp_t group)
{
    uint64_t table = ext2fs_inode_table_loc(e->fs, group);
    size_t size = EXT2_INODE_SIZE(e->fs->super);

    for (uint32_t i = 0; i < e->fs->super->s_inodes_per_group; i++) {
        uint64_t off = table * e->fs->blocksize + (uint64_t)i * size;
        uint8_t *p = changed(e, image, off, size), number[4];
        uint32_t sum;

        if (!p || bytes_are_zero(bytes_of(p, size)))
            continue;
        store_le16(p + 124, 0);
        if (size > 128 && load_le16(p + 128) >= 4)
            store_le16(p + 130, 0);
        store_le32(number, group * e->fs->super->s_inodes_per_group + i + 1);
        sum = raw_crc(e->fs->csum_seed, number, sizeof number);
        sum = raw_crc(sum, p + 100, 4); /* its generation */
        sum = raw_crc(sum, p, size);
        store_le16(p + 124, (uint16_t)sum);
        if (size > 128 && load_le16(p + 128) >= 4)
            store_le16(p + 130, (uint16_t)(sum >> 16));
    }
}

static void repair_group(const struct sums_ext *e, struct image *image, dgrp_t group)
{
    size_t size = EXT2_DESC_SIZE(e->fs->super), per = e->fs->blocksize / size;
    uint64_t block = ext2fs_descriptor_block_loc2(e->fs, e->fs->super->s_first_data_block,
                                                  (dgrp_t)(group / per));
    uint8_t number[4],
        *p = changed(e, image, block * e->fs->blocksize + group % per * size, size);
    uint32_t sum;

    if (!p)
        return;
    store_le16(p + 30, 0);
    store_le32(number, group);
    sum = raw_crc(e->fs->csum_seed, number, sizeof number);
    store_le16(p + 30, (uint16_t)raw_crc(sum, p, size));
}

/* A block of its own for the library, which trusts that one is all there. */
static void repair_directory(const struct sums_ext *e, const struct owned *o, uint8_t *p)
{
    uint8_t *copy = malloc(e->fs->blocksize);

    if (!copy)
        return;
    memcpy(copy, p, e->fs->blocksize);
    if (ext2fs_dir_block_csum_set(e->fs, o->ino, (struct ext2_dir_entry *)(void *)copy) ==
        0)
        memcpy(p, copy, e->fs->blocksize);
    free(copy);
}

static void repair_extents(const struct sums_ext *e, const struct owned *o, uint8_t *p)
{
    size_t tail = 12 + 12 * (size_t)load_le16(p + 4);
    struct ext2_inode inode;
    uint8_t raw[4];
    uint32_t sum;

    if (tail + 4 > e->fs->blocksize || ext2fs_read_inode(e->fs, o->ino, &inode))
        return;
    store_le32(raw, o->ino);
    sum = raw_crc(e->fs->csum_seed, raw, sizeof raw);
    store_le32(raw, inode.i_generation);
    sum = raw_crc(sum, raw, sizeof raw);
    store_le32(p + tail, raw_crc(sum, p, tail));
}

/* Whatever is written to lies in a page that is saved already. */
void sums_ext_repair(const struct sums_ext *e, struct image *image)
{
    uint8_t *super = changed(e, image, 1024, 1024);

    for (dgrp_t g = 0; g < e->fs->group_desc_count; g++) {
        repair_inodes(e, image, g);
        repair_group(e, image, g);
    }
    for (size_t i = 0; i < e->n; i++) {
        const struct owned *o = &e->owned[i];
        uint8_t *p = changed(e, image, o->block * e->fs->blocksize, e->fs->blocksize);

        if (p && o->directory)
            repair_directory(e, o, p);
        else if (p)
            repair_extents(e, o, p);
    }
    if (super)
        store_le32(super + 1020, raw_crc(~UINT32_C(0), super, 1020));
}
