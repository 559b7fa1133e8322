/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_btrfs.c: a whole walk through btrfs; bit 0 of the first byte repairs the checksums
 * of the superblock and of every block that looks like a node of it, the rest is a sparse
 * image (make_btrfs.py) */
#include "fuzz/fuzz.h"

#include <assert.h>

#include "fuzz/btrfs_sums.h"
#include "fuzz/fuzz_tree.h"
#include "fuzz/sparse.h"

static int visit_subvolume(void *arg, const struct fs_subvolume *s, struct err *err)
{
    AUTO(fs_closep) struct fs *sub = NULL;
    struct fuzz_visit *v = arg;
    struct err local = {0};

    (void)err;
    assert(memchr(s->path, 0, sizeof s->path));
    if (fs_subvolume_open(&sub, v->fs, s->id, &local) < 0)
        return 0;
    fuzz_tree_within(v, sub);
    return v->steps > FUZZ_STEPS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[SPARSE_MAX];
    AUTO(block_unrefp) struct block *dev = NULL;
    AUTO(fs_closep) struct fs *fs = NULL;
    struct fs_ident id = {.type = FS_BTRFS};
    struct fuzz_visit v = {0};
    struct err err = {0};

    if (size < 1)
        return 0;
    (void)sparse_unpack(image, data + 1, size - 1, 64 * 1024);
    if (data[0] & 1)
        btrfs_sums_repair(image, sizeof image);
    if (block_mem_open(&dev, image, sizeof image, &err) < 0)
        return 0;
    if (fs_open(&fs, &id, dev, &err) < 0) {
        assert(err.code != ERR_NONE && err.code != ERR_IO);
        return 0;
    }
    v.fs = fs;
    fuzz_tree_within(&v, fs);
    (void)fs_subvolumes(fs, visit_subvolume, &v, &err);
    return 0;
}
