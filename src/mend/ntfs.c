/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ntfs.c: NTFS, written by libntfs-3g over an overlay
 *
 * The library allocates by $Bitmap and frees what runs say, so before it writes, and
 * after, every run of every record is looked at.  The log must be closed, and is not
 * written. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/ntfs/ntfs.h"
#include "mend/driver.h"

#include <ntfs-3g/dir.h>
#include <ntfs-3g/mft.h>
#include <ntfs-3g/runlist.h>
#include <ntfs-3g/unistr.h>

enum {
    CLUSTERS_MAX = 1 << 29, /* that are counted: 64 MiB of memory */
    RECORDS_MAX = 16 << 20,
    BITMAP_CHUNK = 64 << 10,
};

struct mend_ntfs {
    struct mend_fs fs;
    struct overlay *o; /* borrowed */
    struct ntfs *n;
    uint8_t *claimed; /* a bit a cluster, while it is looked at */
};

static struct mend_ntfs *ntfs_of_mend(struct mend_fs *fs)
{
    return CONTAINER_OF(fs, struct mend_ntfs, fs);
}

static int write_device(void *arg, const void *p, size_t n, uint64_t off, struct err *err)
{
    return overlay_write(arg, p, n, off, err);
}

static void mend_ntfs_close(struct mend_fs *fs)
{
    struct mend_ntfs *m = ntfs_of_mend(fs);

    if (m->n)
        fs_close(&m->n->fs);
    free(m->claimed);
    free(m);
}

static int mend_ntfs_open(struct mend_fs **ret, struct overlay *o, struct err *err)
{
    struct mend_ntfs *m = calloc(1, sizeof *m);
    int r;

    if (!m)
        return FAIL(err, ERR_NOMEM, "filesystem");
    m->fs.driver = &mend_ntfs;
    m->o = o;
    r = ntfs_open_writable(&m->n, overlay_block(o), write_device, o, err);
    if (r < 0) {
        mend_ntfs_close(&m->fs);
        return r;
    }
    *ret = &m->fs;
    return 0;
}

/* ---- look */

static int claim(struct mend_ntfs *m, uint64_t ino, int64_t lcn, int64_t length,
                 struct err *err)
{
    for (uint64_t c = (uint64_t)lcn; c < (uint64_t)(lcn + length); c++) {
        if (m->claimed[c / 8] >> c % 8 & 1)
            return FAIL(err, ERR_CORRUPT,
                        "MFT record %" PRIu64 ": cluster %" PRIu64 " is claimed twice",
                        ino, c);
        m->claimed[c / 8] = (uint8_t)(m->claimed[c / 8] | 1u << c % 8);
    }
    return 0;
}

static int claim_runs(struct mend_ntfs *m, uint64_t ino, const ATTR_RECORD *a,
                      struct err *err)
{
    runlist_element *rl = ntfs_mapping_pairs_decompress(m->n->volume, a, NULL);
    int r = 0;

    if (!rl)
        return ntfs_fail(m->n, err, "MFT record", ino);
    for (const runlist_element *e = rl; e->length > 0 && r == 0; e++) {
        if (e->lcn < 0)
            continue;
        if (!range_within((uint64_t)e->lcn, (uint64_t)e->length,
                          (uint64_t)m->n->volume->nr_clusters))
            r = FAIL(err, ERR_CORRUPT, "MFT record %" PRIu64 ": a run leaves the volume",
                     ino);
        else
            r = claim(m, ino, e->lcn, e->length, err);
    }
    free(rl);
    return r;
}

/* What the reader's check let through keeps its lengths within the record. */
static int look_at_record(struct mend_ntfs *m, uint64_t ino, const uint8_t *record,
                          struct err *err)
{
    size_t size = m->n->volume->mft_record_size, at = load_le16(record + 20);

    if (memcmp(record, "FILE", 4) != 0 || !(load_le16(record + 22) & 1))
        return 0;
    while (at + 16 <= size && load_le32(record + at) != 0xffffffff) {
        uint32_t n = load_le32(record + at + 4);
        const void *a = record + at;

        if (n < 16 || n % 8 || n > size - at)
            return FAIL(err, ERR_CORRUPT,
                        "MFT record %" PRIu64 ": attribute of %" PRIu32 " bytes", ino, n);
        if (record[at + 8]) {
            int r = claim_runs(m, ino, a, err);

            if (r < 0)
                return r;
        }
        at += n;
    }
    return 0;
}

static int look_at_records(struct mend_ntfs *m, struct err *err)
{
    ntfs_volume *v = m->n->volume;
    uint64_t records = (uint64_t)v->mft_na->initialized_size >> v->mft_record_size_bits;
    AUTO(freep) uint8_t *record = malloc(v->mft_record_size);
    uint8_t bits = 0;

    if (!record)
        return FAIL(err, ERR_NOMEM, "record");
    if (records > RECORDS_MAX)
        return FAIL(err, ERR_LIMIT, "%" PRIu64 " MFT records, limit %d", records,
                    RECORDS_MAX);
    for (uint64_t ino = 0; ino < records; ino++) {
        int r = 0;

        if (ino % 8 == 0)
            r = ntfs_value_read(m->n, v->mftbmp_na, &bits, 1, ino / 8, err);
        if (r == 0 && !(bits >> ino % 8 & 1))
            continue;
        if (r == 0 && ntfs_mft_record_read(v, ino, (MFT_RECORD *)(void *)record) < 0)
            r = ntfs_fail(m->n, err, "MFT record", ino);
        if (r == 0)
            r = look_at_record(m, ino, record, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Is every cluster that is claimed marked as used? */
static int compare(struct mend_ntfs *m, size_t bytes, struct err *err)
{
    AUTO(freep) uint8_t *used = malloc(BITMAP_CHUNK);

    if (!used)
        return FAIL(err, ERR_NOMEM, "bitmap");
    for (size_t off = 0; off < bytes; off += BITMAP_CHUNK) {
        size_t n = (size_t)min_u64(BITMAP_CHUNK, bytes - off);
        int r = ntfs_value_read(m->n, m->n->volume->lcnbmp_na, used, n, off, err);

        if (r < 0)
            return r;
        for (size_t i = 0; i < n; i++)
            if (m->claimed[off + i] & ~used[i])
                return FAIL(err, ERR_CORRUPT,
                            "a cluster near %zu is in use, but marked free",
                            (off + i) * 8);
    }
    return 0;
}

static int look(struct mend_ntfs *m, struct err *err)
{
    uint64_t clusters = (uint64_t)m->n->volume->nr_clusters;
    size_t bytes = (size_t)div_up(clusters, 8);
    int r;

    if (clusters > CLUSTERS_MAX)
        return FAIL(err, ERR_LIMIT, "%" PRIu64 " clusters, limit %d", clusters,
                    CLUSTERS_MAX);
    m->claimed = calloc(1, bytes);
    if (!m->claimed)
        return FAIL(err, ERR_NOMEM, "clusters");
    r = look_at_records(m, err);
    if (r == 0)
        r = compare(m, bytes, err);
    freep(&m->claimed);
    return r;
}

static int mend_ntfs_look(struct mend_fs *fs, struct err *err)
{
    struct mend_ntfs *m = ntfs_of_mend(fs);

    ntfs_enter(m->n);
    return ntfs_leave(m->n, look(m, err), err);
}

/* ---- files and folders */

static void inode_closep(ntfs_inode **ni)
{
    if (*ni)
        ntfs_inode_close(*ni);
}

static int fail(struct mend_ntfs *m, const char *what, uint64_t ino, struct err *err)
{
    if (errno == ENOSPC && !m->n->io.code)
        return FAIL(err, ERR_LIMIT, "%s: the volume is full", what);
    return ntfs_fail(m->n, err, what, ino);
}

static int inode_open(ntfs_inode **ret, struct mend_ntfs *m, uint64_t ino,
                      struct err *err)
{
    errno = 0;
    *ret = ntfs_inode_open(m->n->volume, ino);
    return *ret ? 0 : fail(m, "MFT record", ino, err);
}

struct name {
    ntfschar *v;
    int n;
};

static void name_fini(struct name *name)
{
    free(name->v);
}

static int name_of(struct name *ret, const char *text, size_t n, struct err *err)
{
    AUTO(freep) char *copy = strndup(text, n);

    ret->n = copy ? ntfs_mbstoucs(copy, &ret->v) : -1;
    if (ret->n <= 0 || ret->n > NTFS_MAX_NAME_LEN)
        return FAIL(err, ERR_UNSUPPORTED, "a name that NTFS cannot have");
    return 0;
}

/* 1, and *ret; 0: there is no such name. */
static int lookup(struct mend_ntfs *m, uint64_t *ret, ntfs_inode *dir,
                  const struct name *name, struct err *err)
{
    errno = 0;
    *ret = ntfs_inode_lookup_by_name(dir, name->v, name->n);
    if (*ret == (uint64_t)-1)
        return errno == ENOENT ? 0 : fail(m, "folder", dir->mft_no, err);
    *ret = MREF(*ret);
    return 1;
}

/* Who may use the folder may use what is in it. */
static int create(struct mend_ntfs *m, ntfs_inode **ret, ntfs_inode *dir,
                  const struct name *name, unsigned type, struct err *err)
{
    le32 security = test_nino_flag(dir, v3_Extensions) ? dir->security_id : 0;

    errno = 0;
    *ret = ntfs_create(dir, security, name->v, (uint8_t)name->n, type);
    return *ret ? 0 : fail(m, "new file", dir->mft_no, err);
}

/* The folder `folders` below *dir, made where it is not. */
static int make_folders(struct mend_ntfs *m, ntfs_inode **dir, const char *folders,
                        struct err *err)
{
    while (*folders) {
        AUTO(name_fini) struct name name = {NULL, 0};
        size_t n = strcspn(folders, "/");
        ntfs_inode *next = NULL;
        uint64_t ino;
        int r = name_of(&name, folders, n, err);

        if (r == 0)
            r = lookup(m, &ino, *dir, &name, err);
        if (r == 1)
            r = inode_open(&next, m, ino, err);
        else if (r == 0)
            r = create(m, &next, *dir, &name, S_IFDIR, err);
        if (r < 0)
            return r;
        ntfs_inode_close(*dir);
        *dir = next;
        folders += n + (folders[n] == '/');
    }
    return 0;
}

static int set_content(struct mend_ntfs *m, ntfs_inode *ni, struct bytes content,
                       struct err *err)
{
    ntfs_attr *na;
    s64 done = 0;
    int r = 0;

    if (ni->mrec->flags & MFT_RECORD_IS_DIRECTORY)
        return FAIL(err, ERR_CORRUPT, "MFT record %" PRIu64 " is a folder",
                    (uint64_t)ni->mft_no);
    errno = 0;
    na = ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0);
    if (!na)
        return fail(m, "MFT record", ni->mft_no, err);
    if (NAttrEncrypted(na) || NAttrCompressed(na))
        r = FAIL(err, ERR_UNSUPPORTED, "a file that is packed or encrypted");
    else if (ntfs_attr_truncate(na, 0) < 0)
        r = fail(m, "MFT record", ni->mft_no, err);
    while (r == 0 && (size_t)done < content.n) {
        s64 n = ntfs_attr_pwrite(na, done, (s64)content.n - done, content.p + done);

        if (n <= 0)
            r = fail(m, "MFT record", ni->mft_no, err);
        else
            done += n;
    }
    ntfs_attr_close(na);
    ntfs_inode_update_times(ni, NTFS_UPDATE_MCTIME);
    return r;
}

static int put(struct mend_ntfs *m, const struct mend_do *d, struct err *err)
{
    AUTO(inode_closep) ntfs_inode *dir = NULL, *ni = NULL;
    AUTO(name_fini) struct name name = {NULL, 0};
    uint64_t ino;
    int r = name_of(&name, d->name, strlen(d->name), err);

    if (r == 0)
        r = inode_open(&dir, m, d->dir, err);
    if (r == 0)
        r = make_folders(m, &dir, d->folders, err);
    if (r == 0)
        r = lookup(m, &ino, dir, &name, err);
    if (r == 1)
        r = inode_open(&ni, m, ino, err);
    else if (r == 0)
        r = create(m, &ni, dir, &name, S_IFREG, err);
    return r < 0 ? r : set_content(m, ni, d->content, err);
}

static int set_content_of(struct mend_ntfs *m, uint64_t ino, struct bytes content,
                          struct err *err)
{
    AUTO(inode_closep) ntfs_inode *ni = NULL;
    int r = inode_open(&ni, m, ino, err);

    return r < 0 ? r : set_content(m, ni, content, err);
}

static int remove_name(struct mend_ntfs *m, const struct mend_do *d, struct err *err)
{
    AUTO(inode_closep) ntfs_inode *dir = NULL, *ni = NULL;
    AUTO(name_fini) struct name name = {NULL, 0};
    uint64_t ino;
    int r = name_of(&name, d->name, strlen(d->name), err);

    if (r == 0)
        r = inode_open(&dir, m, d->dir, err);
    if (r == 0)
        r = lookup(m, &ino, dir, &name, err);
    if (r <= 0 || ino != d->ino) /* removed already, by another wish */
        return r < 0 ? r : 0;
    r = inode_open(&ni, m, ino, err);
    if (r < 0)
        return r;
    errno = 0;
    /* It closes both, whatever comes of it. */
    if (ntfs_delete(m->n->volume, NULL, TAKE(ni), TAKE(dir), name.v, (uint8_t)name.n) < 0)
        return fail(m, "MFT record", ino, err);
    return 0;
}

static int run(struct mend_ntfs *m, const struct mend_do *d, struct err *err)
{
    switch (d->step) {
    case MEND_PUT:
        return put(m, d, err);
    case MEND_CONTENT:
        return set_content_of(m, d->ino, d->content, err);
    case MEND_UNLINK:
    case MEND_RMDIR:
        break;
    }
    return remove_name(m, d, err);
}

static int mend_ntfs_run(struct mend_fs *fs, const struct mend_do *d, struct err *err)
{
    struct mend_ntfs *m = ntfs_of_mend(fs);

    m->n->shape.written = true;
    ntfs_enter(m->n);
    return ntfs_leave(m->n, run(m, d, err), err);
}

static int mend_ntfs_flush(struct mend_fs *fs, struct err *err)
{
    return ntfs_finish(ntfs_of_mend(fs)->n, err);
}

const struct mend_driver mend_ntfs = {
    .open = mend_ntfs_open,
    .look = mend_ntfs_look,
    .run = mend_ntfs_run,
    .flush = mend_ntfs_flush,
    .close = mend_ntfs_close,
};
