/* SPDX-License-Identifier: GPL-2.0-or-later */
/* open.c: mounting, what the volume says of itself, and the driver table */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "fs/ntfs/ntfs.h"

#include <ntfs-3g/logging.h>
#include <ntfs-3g/unistr.h>

static void init_library(void)
{
    ntfs_log_set_handler(ntfs_log_handler_null);
    ntfs_set_char_encoding("utf8");
}

/* Of a volume so big that its bitmap is not read to the end, the free clusters seen. */
static int count_free(struct ntfs *n, uint64_t *ret, struct err *err)
{
    uint8_t chunk[16 << 10];
    uint64_t clusters =
                 min_u64((uint64_t)n->volume->nr_clusters, UINT64_C(8) * NTFS_BITMAP_MAX),
             bytes = div_up(clusters, 8), used = 0;

    for (uint64_t off = 0; off < bytes; off += sizeof chunk) {
        size_t want = (size_t)min_u64(sizeof chunk, bytes - off);
        int r = ntfs_value_read(n, n->volume->lcnbmp_na, chunk, want, off, err);

        if (r < 0)
            return r;
        for (size_t i = 0; i < want; i++)
            used += (unsigned)__builtin_popcount(chunk[i]);
    }
    *ret = (clusters - min_u64(used, clusters)) * n->volume->cluster_size;
    return 0;
}

static int fill_info(struct ntfs *n, struct err *err)
{
    struct fs_info *info = &n->info;
    int r = fs_identify(&info->ident, n->cache, err);

    if (r == 0)
        r = count_free(n, &info->free_bytes, err);
    if (r < 0)
        return r;
    info->block_size = n->volume->cluster_size;
    info->total_bytes = (uint64_t)n->volume->nr_clusters * n->volume->cluster_size;
    snprintf(info->features, sizeof info->features, "ntfs%u.%u", n->volume->major_ver,
             n->volume->minor_ver);
    return ntfs_look_at_state(&n->fs, n->volume->flags & VOLUME_IS_DIRTY, info, err);
}

static void ntfs_info(struct fs *fs, struct fs_info *ret)
{
    *ret = ntfs_of(fs)->info;
}

static int ntfs_has_xattr(struct fs *fs, const struct fs_stat *node, const char *name,
                          struct err *err)
{
    (void)fs, (void)node, (void)name, (void)err;
    return 0;
}

static void ntfs_close(struct fs *fs)
{
    struct ntfs *n = ntfs_of(fs);

    ntfs_forget_file(n);
    if (n->volume)
        ntfs_umount(n->volume, TRUE);
    free(n->unit);
    block_unref(n->cache);
    block_unref(fs->dev);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

static void ntfs_closep(struct ntfs **n)
{
    if (*n)
        ntfs_close(&(*n)->fs);
}

static void lock_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(lock, &attr);
    pthread_mutexattr_destroy(&attr);
}

static int mount(struct ntfs *n, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    unsigned long flags = NTFS_MNT_RDONLY | NTFS_MNT_FORENSIC | NTFS_MNT_IGNORE_HIBERFILE;
    struct ntfs_device *dev;

    pthread_once(&once, init_library);
    dev = ntfs_device_alloc("imgport", 0, &ntfs_io, n);
    if (!dev)
        return FAIL(err, ERR_NOMEM, "filesystem");
    errno = 0;
    n->volume = ntfs_device_mount(dev, n->write ? NTFS_MNT_NONE : flags);
    if (!n->volume) {
        int r =
            n->io.code
                ? FAIL(err, n->io.code, "system files: %s", n->io.msg)
                : FAIL(err, errno == ENOMEM ? ERR_NOMEM : ERR_CORRUPT,
                       "system files cannot be read (the library's code is %d)", errno);

        ntfs_device_free(dev);
        return r;
    }
    if (n->write)
        n->volume->state &= ~(1ul << NV_CaseSensitive); /* as Windows looks for names */
    else
        NVolSetCaseSensitive(n->volume);
    return 0;
}

static int look_at_boot(struct ntfs *n, struct err *err)
{
    uint8_t boot[NTFS_SECTOR];
    int r = block_read(n->cache, boot, sizeof boot, 0, err);

    return r < 0 ? r : ntfs_boot_decode(&n->shape, boot, n->cache->size, err);
}

static int open_volume(struct ntfs **ret, struct block *dev, ntfs_write_fn *write,
                       void *arg, struct err *err)
{
    AUTO(ntfs_closep) struct ntfs *n = calloc(1, sizeof *n);
    int r = 0;

    if (!n)
        return FAIL(err, ERR_NOMEM, "filesystem");
    n->write = write;
    n->write_arg = arg;
    n->fs = (struct fs){.driver = &ntfs_driver, .root = FILE_root};
    n->fs.dev = block_ref(dev);
    lock_init(&n->lock);
    if (write)
        n->cache = block_ref(dev); /* none: it would not see what is written */
    else
        r = block_cache_open(&n->cache, dev, NTFS_CACHE_LINE, NTFS_CACHE_LINES, err);
    if (r == 0)
        r = look_at_boot(n, err);
    if (r < 0)
        return r;
    ntfs_enter(n);
    r = mount(n, err);
    if (r == 0)
        r = fill_info(n, err);
    r = ntfs_leave(n, r, err);
    if (r < 0)
        return r;
    *ret = TAKE(n);
    return 0;
}

static int ntfs_open(struct fs **ret, struct block *dev, struct err *err)
{
    struct ntfs *n = NULL;
    int r = open_volume(&n, dev, NULL, NULL, err);

    if (r == 0)
        *ret = &n->fs;
    return r;
}

int ntfs_open_writable(struct ntfs **ret, struct block *dev, ntfs_write_fn *write,
                       void *arg, struct err *err)
{
    return open_volume(ret, dev, write, arg, err);
}

int ntfs_finish(struct ntfs *n, struct err *err)
{
    int r = 0;

    ntfs_enter(n);
    ntfs_forget_file(n);
    if (ntfs_umount(n->volume, FALSE) < 0)
        r = ntfs_fail(n, err, "volume", 0);
    n->volume = NULL;
    return ntfs_leave(n, r, err);
}

const struct fs_driver ntfs_driver = {
    .name = "ntfs",
    .open = ntfs_open,
    .info = ntfs_info,
    .lookup = ntfs_find,
    .stat = ntfs_stat_node,
    .readdir = ntfs_list,
    .read = ntfs_read,
    .readlink = ntfs_readlink,
    .has_xattr = ntfs_has_xattr,
    .usage = ntfs_usage,
    .close = ntfs_close,
};
