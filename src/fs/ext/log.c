/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.c: the journal's inode as a block, so that its reader needs no filesystem
 *
 * Where the file lies is read once: later the reader is asked from inside the library,
 * which must not be called again then. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/ext/ext.h"

enum {
    LOG_RUNS_MAX = 1 << 16,
    LOG_SIZE_MAX = 1 << 30, /* blocks would be u32; nobody makes one over a few GiB */
};

struct run {
    uint64_t logical, physical, count; /* blocks */
};

struct log_block {
    struct block block;
    struct block *dev; /* own reference */
    uint32_t unit;
    struct run *runs; /* ascending; what is between them is a hole */
    size_t n, cap;
    struct err err;
};

static struct log_block *log_of(struct block *b)
{
    return CONTAINER_OF(b, struct log_block, block);
}

/* The run that holds the logical block, or the next one after it; NULL at the end. */
static const struct run *find_run(const struct log_block *l, uint64_t logical)
{
    size_t lo = 0, hi = l->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (l->runs[mid].logical + l->runs[mid].count <= logical)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < l->n ? &l->runs[lo] : NULL;
}

static int log_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    const struct log_block *l = log_of(b);
    char *to = buf;

    while (n) {
        uint64_t logical = off / l->unit, skip = off % l->unit;
        const struct run *run = find_run(l, logical);
        uint64_t len = n;

        if (!run || run->logical > logical) {
            if (run)
                len = min_u64(n, (run->logical - logical) * l->unit - skip);
            memset(to, 0, (size_t)len);
        } else {
            uint64_t in = logical - run->logical, at;
            int r;

            len = min_u64(n, (run->count - in) * l->unit - skip);
            if (!checked_mul(&at, run->physical + in, l->unit))
                return FAIL(err, ERR_CORRUPT, "journal: block %" PRIu64, run->physical);
            r = block_read(l->dev, to, (size_t)len, at + skip, err);
            if (r < 0)
                return r;
        }
        to += len;
        n -= (size_t)len;
        off += len;
    }
    return 0;
}

static void log_close(struct block *b)
{
    struct log_block *l = log_of(b);

    block_unref(l->dev);
    free(l->runs);
    free(l);
}

static const struct block_driver log_driver = {
    .name = "journal",
    .read = log_read,
    .close = log_close,
};

static int add_block(ext2_filsys fs, blk64_t *physical, e2_blkcnt_t logical, blk64_t ref,
                     int ref_offset, void *arg)
{
    struct log_block *l = arg;
    struct run *last = l->n ? &l->runs[l->n - 1] : NULL;

    (void)fs, (void)ref, (void)ref_offset;
    if (logical < 0 || *physical == 0)
        return 0;
    if (last && (uint64_t)logical == last->logical + last->count &&
        *physical == last->physical + last->count) {
        last->count++;
        return 0;
    }
    if (last && (uint64_t)logical < last->logical + last->count) {
        FAIL(&l->err, ERR_CORRUPT, "journal: blocks out of order");
        return BLOCK_ABORT;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16;
        struct run *v = cap > LOG_RUNS_MAX ? NULL : realloc(l->runs, cap * sizeof *v);

        if (!v) {
            FAIL(&l->err, cap > LOG_RUNS_MAX ? ERR_LIMIT : ERR_NOMEM,
                 "journal: %zu pieces", cap);
            return BLOCK_ABORT;
        }
        l->runs = v;
        l->cap = cap;
    }
    l->runs[l->n++] = (struct run){(uint64_t)logical, *physical, 1};
    return 0;
}

int ext_log_open(struct block **ret, struct ext *e, uint64_t ino, struct err *err)
{
    AUTO(block_unrefp) struct block *b = NULL;
    struct ext2_inode_large inode;
    struct log_block *l;
    uint64_t size;
    errcode_t code;
    int r = ext_inode(e, &inode, ino, err);

    if (r < 0)
        return r;
    size = inode.i_size | (uint64_t)inode.i_size_high << 32;
    if (!LINUX_S_ISREG(inode.i_mode) || size / e->super.block_size > LOG_SIZE_MAX)
        return FAIL(err, ERR_CORRUPT, "journal: inode %" PRIu64 " is no journal", ino);
    l = calloc(1, sizeof *l);
    if (!l)
        return FAIL(err, ERR_NOMEM, "journal");
    l->unit = e->super.block_size;
    l->dev = block_ref(e->cache);
    block_init(&l->block, &log_driver, size);
    b = &l->block;
    code = ext2fs_block_iterate3(e->lib, (ext2_ino_t)ino, BLOCK_FLAG_READ_ONLY, NULL,
                                 add_block, l);
    if (l->err.code)
        return FAIL(err, l->err.code, "%s", l->err.msg);
    if (code)
        return ext_fail(e, err, code, "journal");
    *ret = TAKE(b);
    return 0;
}
