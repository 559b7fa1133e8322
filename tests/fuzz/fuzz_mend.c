/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_mend.c: edits on ext and NTFS, as mend_run() makes them on one filesystem
 *
 * Bit 0 of the first byte repairs the checksum of ext's superblock, bit 1 says NTFS, bit
 * 2 skips the first look, so that writing gets what it would refuse; the rest is a sparse
 * image.  What was written and stands our own look must be opened by our reader. */
#define SPARSE_MAX (2 << 20)

#include "fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#include "../ntfs_leaks.h"
#include "base/crc.h"
#include "fs/fs.h"
#include "fuzz/sparse.h"
#include "mend/driver.h"

enum { THINGS_MAX = 12 };

struct names {
    struct fs *fs; /* while they are taken */
    uint64_t root;
    bool folders; /* are removed too */
    unsigned n;
    struct mend_do v[THINGS_MAX];
    char text[THINGS_MAX][FS_NAME_MAX + 1];
};

static void fs_driver_closep(struct mend_fs **fs)
{
    if (*fs)
        (*fs)->driver->close(*fs);
}

/* By turns removed, filled, emptied, and put anew. */
static int take_name(void *arg, const struct fs_dirent *d, struct err *err)
{
    static const char content[5000];
    struct names *l = arg;
    struct mend_do *to = &l->v[l->n];
    struct fs_stat st;

    if (l->n == THINGS_MAX)
        return 1;
    if (strlen(d->name) != d->name_n || fs_stat(&st, l->fs, d->ino, err) < 0) {
        err_clear(err);
        return 0;
    }
    if (st.type == FS_DIR && !l->folders)
        return 0;
    memcpy(l->text[l->n], d->name, d->name_n + 1);
    *to = (struct mend_do){
        .step = st.type == FS_DIR   ? MEND_RMDIR
                : st.type == FS_REG ? (enum mend_step)(l->n % 3)
                                    : MEND_UNLINK,
        .dir = l->fs->root,
        .ino = d->ino,
        .name = l->text[l->n],
        .folders = "",
        .content = bytes_of(content, l->n % 2 ? sizeof content : 0),
    };
    l->n++;
    return 0;
}

static void collect(struct names *ret, struct block *dev, enum fs_type type)
{
    AUTO(fs_closep) struct fs *fs = NULL;
    struct fs_ident id = {.type = type};
    struct err err = {0};

    if (fs_open(&fs, &id, dev, &err) < 0)
        return;
    ret->fs = fs;
    ret->root = fs->root;
    fs_readdir(fs, fs->root, take_name, ret, &err);
}

static int look(const struct mend_driver *driver, struct overlay *o)
{
    AUTO(fs_driver_closep) struct mend_fs *w = NULL;
    struct err err = {0};
    int r = driver->open(&w, o, &err);

    if (r == 0)
        r = driver->look(w, &err);
    assert(r == 0 || err.code != ERR_NONE);
    return r;
}

static int write_all(const struct mend_driver *driver, struct overlay *o,
                     const struct names *l, bool skip_look)
{
    static const struct mend_do fresh = {
        .step = MEND_PUT,
        .name = "new",
        .folders = "a/b",
        .content = {(const uint8_t *)"content", 7},
    };
    AUTO(fs_driver_closep) struct mend_fs *w = NULL;
    struct mend_do put = fresh;
    struct err err = {0};
    int r = driver->open(&w, o, &err);

    if (r == 0 && !skip_look)
        r = driver->look(w, &err);
    for (unsigned i = 0; i < l->n && r == 0; i++)
        r = driver->run(w, &l->v[i], &err);
    put.dir = l->root;
    if (r == 0)
        r = driver->run(w, &put, &err);
    if (r == 0)
        r = driver->flush(w, &err);
    assert(r == 0 || err.code != ERR_NONE);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[SPARSE_MAX];
    static struct names names;
    const struct mend_driver *driver;
    AUTO(block_unrefp) struct block *dev = NULL;
    AUTO(overlay_unrefp) struct overlay *o = NULL;
    AUTO(fs_closep) struct fs *fs = NULL;
    struct fs_ident id;
    struct err err = {0};
    bool ntfs;

    if (size < 1)
        return 0;
    ntfs = data[0] & 2;
    driver = ntfs ? &mend_ntfs : &mend_ext;
    id = (struct fs_ident){.type = ntfs ? FS_NTFS : FS_EXT4};
    sparse_unpack(image, data + 1, size - 1, 512);
    if (data[0] & 1)
        store_le32(image + 1024 + 1020, ~crc32c(0, image + 1024, 1020));
    if (block_mem_open(&dev, image, sizeof image, &err) < 0 ||
        overlay_open(&o, dev, dev->size, &err) < 0)
        return 0;
    memset(&names, 0, sizeof names);
    names.root = ntfs ? 5 : 2;
    names.folders = data[0] & 8;
    collect(&names, dev, id.type);
    if (write_all(driver, o, &names, data[0] & 4) < 0 || look(driver, o) < 0)
        return 0;
    assert(fs_open(&fs, &id, overlay_block(o), &err) == 0 || err.code != ERR_IO);
    return 0;
}
