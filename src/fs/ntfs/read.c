/* SPDX-License-Identifier: GPL-2.0-or-later */
/* read.c: the value of an attribute, along the runs that the library decoded
 *
 * What is packed is so by units of 16 clusters.  One that has all its clusters is as it
 * is, one that has none is zeros, and one that has some in front is packed in them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/ntfs/ntfs.h"

enum { UNIT_MAX = 1 << 20, LCN_OF_HOLE = -1 };

struct value {
    struct ntfs *n;
    ntfs_attr *na;
    uint64_t ino;
    const runlist_element *near; /* where the last search ended */
};

void ntfs_attr_closep(ntfs_attr **na)
{
    if (*na)
        ntfs_attr_close(*na);
}

/* The run of a cluster and how many there are from it on. */
static int find_run(struct value *v, uint64_t vcn, int64_t *lcn, uint64_t *count,
                    struct err *err)
{
    const runlist_element *rl =
        v->near && (uint64_t)v->near->vcn <= vcn ? v->near : v->na->rl;

    while (rl && rl->length > 0 && (uint64_t)(rl->vcn + rl->length) <= vcn)
        rl++;
    if (!rl || rl->length <= 0 || (uint64_t)rl->vcn > vcn ||
        (rl->lcn < 0 && rl->lcn != LCN_OF_HOLE))
        return FAIL(err, ERR_CORRUPT,
                    "MFT record %" PRIu64 ": no run for cluster %" PRIu64, v->ino, vcn);
    v->near = rl;
    *count = (uint64_t)(rl->vcn + rl->length) - vcn;
    *lcn = rl->lcn < 0 ? LCN_OF_HOLE : rl->lcn + (int64_t)(vcn - (uint64_t)rl->vcn);
    return 0;
}

static int read_plain(struct value *v, uint8_t *to, size_t len, uint64_t off,
                      struct err *err)
{
    uint32_t cluster = v->n->shape.cluster;

    while (len) {
        uint64_t count = 0, within = off % cluster;
        int64_t lcn = 0;
        size_t piece;
        int r = find_run(v, off / cluster, &lcn, &count, err);

        if (r < 0)
            return r;
        piece = (size_t)min_u64(len, count * cluster - within);
        if (lcn == LCN_OF_HOLE)
            memset(to, 0, piece);
        else
            r = block_read(v->n->cache, to, piece, (uint64_t)lcn * cluster + within, err);
        if (r < 0)
            return r;
        to += piece;
        off += piece;
        len -= piece;
    }
    return 0;
}

/* How many of the clusters of a unit are there; they are the first ones. */
static int count_clusters(struct value *v, uint64_t vcn, uint64_t all, uint64_t *ret,
                          struct err *err)
{
    bool hole = false;

    *ret = 0;
    for (uint64_t i = 0, count; i < all; i += count) {
        int64_t lcn;
        int r = find_run(v, vcn + i, &lcn, &count, err);

        if (r < 0)
            return r;
        count = min_u64(count, all - i);
        if (lcn == LCN_OF_HOLE) {
            hole = true;
            continue;
        }
        if (hole)
            return FAIL(err, ERR_CORRUPT,
                        "MFT record %" PRIu64 ": hole within the packed unit at cluster "
                        "%" PRIu64,
                        v->ino, vcn);
        *ret += count;
    }
    return 0;
}

/* Fills n->unit, unless it has that unit. */
static int load_unit(struct value *v, uint64_t vcn, struct err *err)
{
    AUTO(freep) uint8_t *packed = NULL;
    struct ntfs *n = v->n;
    uint64_t all = v->na->compression_block_clusters, there;
    size_t size = (size_t)all * n->shape.cluster;
    int r;

    if (n->unit && n->unit_ino == v->ino && n->unit_vcn == vcn && n->unit_size == size)
        return 0;
    n->unit_size = 0;
    free(n->unit);
    n->unit = malloc(size);
    packed = malloc(size);
    if (!n->unit || !packed)
        return FAIL(err, ERR_NOMEM, "packed unit");
    r = count_clusters(v, vcn, all, &there, err);
    if (r == 0 && there == all)
        r = read_plain(v, n->unit, size, vcn * n->shape.cluster, err);
    else if (r == 0 && there == 0)
        memset(n->unit, 0, size);
    else if (r == 0) {
        size_t len = (size_t)there * n->shape.cluster;

        r = read_plain(v, packed, len, vcn * n->shape.cluster, err);
        if (r == 0)
            r = ntfs_unpack(n->unit, size, packed, len, err);
    }
    if (r < 0)
        return r;
    n->unit_ino = v->ino;
    n->unit_vcn = vcn;
    n->unit_size = size;
    return 0;
}

static int read_packed(struct value *v, uint8_t *to, size_t len, uint64_t off,
                       struct err *err)
{
    uint64_t size = (uint64_t)v->na->compression_block_clusters * v->n->shape.cluster;

    if (size == 0 || size > UNIT_MAX)
        return FAIL(err, ERR_UNSUPPORTED,
                    "MFT record %" PRIu64 ": packed by %" PRIu64 " bytes, limit %d",
                    v->ino, size, UNIT_MAX);
    while (len) {
        size_t within = (size_t)(off % size), piece = (size_t)min_u64(len, size - within);
        int r = load_unit(v, off / size * v->na->compression_block_clusters, err);

        if (r < 0)
            return r;
        memcpy(to, v->n->unit + within, piece);
        to += piece;
        off += piece;
        len -= piece;
    }
    return 0;
}

static int read_runs(struct value *v, uint8_t *to, size_t len, uint64_t off,
                     struct err *err)
{
    uint64_t written = (uint64_t)v->na->initialized_size;
    size_t real = off < written ? (size_t)min_u64(len, written - off) : 0;

    errno = 0;
    if (ntfs_attr_map_whole_runlist(v->na) < 0)
        return ntfs_fail(v->n, err, "runs of MFT record", v->ino);
    memset(to + real, 0, len - real);
    return v->na->data_flags & ATTR_COMPRESSION_MASK ? read_packed(v, to, real, off, err)
                                                     : read_plain(v, to, real, off, err);
}

int ntfs_value_read(struct ntfs *n, ntfs_attr *na, void *buf, size_t len, uint64_t off,
                    struct err *err)
{
    struct value v = {.n = n, .na = na, .ino = na->ni->mft_no};

    if (!range_within(off, len, (uint64_t)na->data_size))
        return FAIL(err, ERR_CORRUPT,
                    "MFT record %" PRIu64 ": attribute %#x of %" PRId64
                    " bytes, need %zu at %" PRIu64,
                    v.ino, le32_to_cpu(na->type), na->data_size, len, off);
    if (na->data_flags & ATTR_IS_ENCRYPTED)
        return FAIL(err, ERR_UNSUPPORTED, "MFT record %" PRIu64 ": encrypted", v.ino);
    if (NAttrNonResident(na))
        return read_runs(&v, buf, len, off, err);
    errno = 0;
    return ntfs_attr_pread(na, (s64)off, (s64)len, buf) == (s64)len
               ? 0
               : ntfs_fail(n, err, "value in MFT record", v.ino);
}
