/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_btrfs.c: a whole walk through btrfs; bit 0 of the first byte repairs the checksums
 * of the superblock and of every block that looks like a node of it, the rest is a sparse
 * image (make_btrfs.py) */
#include "fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#include "base/crc.h"
#include "fs/fs.h"
#include "fuzz/sparse.h"

enum { STEPS = 1500, DEPTH = 10, READ_MAX = 64 * 1024, READS = 60 };

struct visit {
    struct fs *fs;
    unsigned steps, reads, depth;
};

static char buf[READ_MAX];

static int visit_entry(void *arg, const struct fs_dirent *d, struct err *err)
{
    struct visit *v = arg;
    AUTO(buf_fini) struct buf target = {.max = FS_LINK_MAX};
    struct err local = {0};
    struct fs_stat st;

    assert(d->name_n <= FS_NAME_MAX && d->name[d->name_n] == 0);
    if (++v->steps > STEPS)
        return 1;
    /* One bad file does not end the walk. */
    if (fs_stat(&st, v->fs, d->ino, &local) < 0)
        return 0;
    (void)fs_has_xattr(v->fs, &st, "security.selinux", NULL);
    if (st.type == FS_SYMLINK)
        (void)fs_readlink(&target, v->fs, &st, NULL);
    if (st.type == FS_REG && st.size && v->reads++ < READS) {
        size_t n = st.size < sizeof buf ? (size_t)st.size : sizeof buf;

        (void)fs_read(v->fs, &st, buf, n, 0, NULL);
        (void)fs_read(v->fs, &st, buf, n, st.size - n, NULL);
    }
    if (st.type == FS_DIR && v->depth < DEPTH) {
        int r;

        v->depth++;
        (void)fs_lookup(&st, v->fs, d->ino, "b", 1, NULL);
        r = fs_readdir(v->fs, d->ino, visit_entry, v, &local);
        v->depth--;
        (void)err;
        return r > 0;
    }
    return 0;
}

static void repair(uint8_t *image, size_t size)
{
    enum { SUPER = 64 * 1024, NODE = 4096 };

    if (size < SUPER + NODE)
        return;
    store_le32(image + SUPER, crc32c(0, image + SUPER + 32, NODE - 32));
    for (size_t at = SUPER + NODE; at + NODE <= size; at += NODE)
        if (memcmp(image + at + 32, image + SUPER + 32, 16) == 0)
            store_le32(image + at, crc32c(0, image + at + 32, NODE - 32));
}

static int visit_subvolume(void *arg, const struct fs_subvolume *s, struct err *err)
{
    AUTO(fs_closep) struct fs *sub = NULL;
    struct visit *v = arg;
    struct visit of_sub = {.steps = v->steps, .reads = v->reads};
    struct err local = {0};

    (void)err;
    assert(memchr(s->path, 0, sizeof s->path));
    if (fs_subvolume_open(&sub, v->fs, s->id, &local) < 0)
        return 0;
    of_sub.fs = sub;
    (void)fs_readdir(sub, sub->root, visit_entry, &of_sub, &local);
    v->steps = of_sub.steps;
    return v->steps > STEPS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[SPARSE_MAX];
    AUTO(block_unrefp) struct block *dev = NULL;
    AUTO(fs_closep) struct fs *fs = NULL;
    struct fs_ident id = {.type = FS_BTRFS};
    struct visit v = {0};
    struct err err = {0};
    struct fs_info info;

    if (size < 1)
        return 0;
    (void)sparse_unpack(image, data + 1, size - 1, 64 * 1024);
    if (data[0] & 1)
        repair(image, sizeof image);
    if (block_mem_open(&dev, image, sizeof image, &err) < 0)
        return 0;
    if (fs_open(&fs, &id, dev, &err) < 0) {
        assert(err.code != ERR_NONE && err.code != ERR_IO);
        return 0;
    }
    fs_info(fs, &info);
    assert(info.free_bytes <= info.total_bytes);
    v.fs = fs;
    (void)fs_readdir(fs, fs->root, visit_entry, &v, &err);
    err_clear(&err);
    (void)fs_subvolumes(fs, visit_subvolume, &v, &err);
    return 0;
}
