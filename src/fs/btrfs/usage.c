/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage.c: the extent tree has every extent in use, by logical address
 *
 * A chunk puts a range of addresses on the device, whole, once or twice.  So the device
 * is gone through in the order of the chunks on it, and for each of them its part of the
 * extent tree.  What is in no chunk is free. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/btrfs/btrfs.h"
#include "fs/usage.h"

enum {
    EXTENT_TREE = 2,
    EXTENT_ITEM = 168,
    METADATA_ITEM = 169,
    RESERVED = 1 << 20, /* bytes at the beginning that are in no chunk */
};

/* A chunk, as it lies on this device. */
struct piece {
    uint64_t at, logical, size;
};

static int by_place(const void *x, const void *y)
{
    const struct piece *a = x, *b = y;

    return (a->at > b->at) - (a->at < b->at);
}

static struct piece *list_pieces(const struct btrfs *b, size_t *n)
{
    struct piece *v = calloc(b->chunks.n * BTRFS_COPIES + 1, sizeof *v);

    *n = 0;
    for (size_t i = 0; v && i < b->chunks.n; i++)
        for (unsigned k = 0; k < b->chunks.v[i].copies; k++)
            v[(*n)++] = (struct piece){b->chunks.v[i].at[k], b->chunks.v[i].logical,
                                       b->chunks.v[i].size};
    if (v)
        qsort(v, *n, sizeof *v, by_place);
    return v;
}

/* Free, but for the copies of the superblock. */
static int tell_free(struct fs_usage *to, uint64_t end, struct err *err)
{
    static const uint64_t supers[] = {64ull << 20, 256ull << 30};
    int r = 0;

    if (to->pos < RESERVED)
        r = fs_usage_upto(to, min_u64(RESERVED, end), false, err);
    for (size_t i = 0; i < ARRAY_SIZE(supers) && r == 0; i++) {
        uint64_t from = max_u64(supers[i], to->pos);
        uint64_t until = min_u64(supers[i] + BTRFS_SUPER_SIZE, end);

        if (from >= until)
            continue;
        r = fs_usage_upto(to, from, true, err);
        if (r == 0)
            r = fs_usage_upto(to, until, false, err);
    }
    return r == 0 ? fs_usage_upto(to, end, true, err) : r;
}

static int find_extent_tree(struct btrfs_root *ret, struct btrfs *b, struct err *err)
{
    const struct btrfs_root tree = {
        .id = BTRFS_ROOT_TREE,
        .at = b->super.root,
        .generation = b->super.generation,
        .level = b->super.root_level,
    };
    const struct btrfs_key key = {EXTENT_TREE, BTRFS_ROOT_ITEM, 0};
    AUTO(btrfs_path_fini) struct btrfs_path p = btrfs_path(b, &tree);
    int r = btrfs_seek_from(&p, &key, err);

    if (r < 0)
        return r;
    if (r == 0 || p.key.objectid != EXTENT_TREE || p.key.type != BTRFS_ROOT_ITEM ||
        p.item.n < BTRFS_ROOT_SIZE || p.item.p[238] >= BTRFS_LEVELS)
        return FAIL(err, ERR_CORRUPT, "the extent tree is not there");
    *ret = (struct btrfs_root){
        .id = EXTENT_TREE,
        .at = load_le64(p.item.p + 176),
        .generation = load_le64(p.item.p + 160),
        .level = p.item.p[238],
    };
    return 0;
}

/* Length of the extent that the path stands on; 0: it stands on something else. */
static uint64_t extent_length(const struct btrfs *b, const struct btrfs_key *key)
{
    if (key->type == EXTENT_ITEM)
        return key->offset;
    return key->type == METADATA_ITEM ? b->super.node_size : 0;
}

static int tell_piece(struct btrfs *b, const struct btrfs_root *tree,
                      const struct piece *piece, struct fs_usage *to, struct err *err)
{
    const struct btrfs_key first = {piece->logical, 0, 0};
    AUTO(btrfs_path_fini) struct btrfs_path p = btrfs_path(b, tree);
    int r = btrfs_seek_from(&p, &first, err);

    while (r == 1 && p.key.objectid - piece->logical < piece->size) {
        uint64_t skip = p.key.objectid - piece->logical, n = extent_length(b, &p.key);

        if (n) {
            if (!range_within(skip, n, piece->size) || piece->at + skip < to->pos)
                return FAIL(err, ERR_CORRUPT,
                            "extent %" PRIu64 " of %" PRIu64
                            " bytes overlaps the one before, or leaves its chunk",
                            p.key.objectid, n);
            r = tell_free(to, piece->at + skip, err);
            if (r == 0)
                r = fs_usage_upto(to, piece->at + skip + n, false, err);
        }
        if (r >= 0)
            r = btrfs_next(&p, err);
    }
    return r < 0 ? r : tell_free(to, piece->at + piece->size, err);
}

int btrfs_usage(struct fs *fs, struct fs_usage *to, struct err *err)
{
    struct btrfs *b = btrfs_of(fs);
    AUTO(freep) struct piece *v = NULL;
    struct btrfs_root tree;
    size_t n = 0;
    int r = find_extent_tree(&tree, b, err);

    if (r < 0)
        return r;
    v = list_pieces(b, &n);
    if (!v)
        return FAIL(err, ERR_NOMEM, "chunks");
    for (size_t i = 0; i < n; i++) {
        if (!range_within(v[i].at, v[i].size, fs->dev->size) || v[i].at < to->pos)
            return FAIL(err, ERR_CORRUPT,
                        "chunk %" PRIu64 " overlaps another, or leaves the device",
                        v[i].logical);
        r = tell_free(to, v[i].at, err);
        if (r == 0)
            r = tell_piece(b, &tree, &v[i], to, err);
        if (r < 0)
            return r;
    }
    return tell_free(to, max_u64(to->pos, min_u64(b->super.device_bytes, to->size)), err);
}
