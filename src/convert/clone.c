/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convert/clone.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/checked.h"
#include "base/log.h"

/* A call costs about as much as to write 8 KiB, and the place of each piece that is
 * shared has to be kept. */
enum { LEAST = 64 * 1024 };

static int clone_file_range(int to, int from, uint64_t where, uint64_t n, uint64_t off)
{
    struct file_clone_range range = {
        .src_fd = from,
        .src_offset = where,
        .src_length = n,
        .dest_offset = off,
    };

    return ioctl(to, FICLONERANGE, &range) < 0 ? errno : 0;
}

void clone_begin(struct clone *c, struct block *disk, uint64_t unit, clone_fn *call)
{
    *c = (struct clone){
        .disk = disk,
        .unit = unit,
        .call = call ? call : clone_file_range,
        .refused = !disk || !unit,
    };
}

/* How many of the n bytes at `off` of the output can be shared with l, *ret_head bytes
 * after its beginning. */
static uint64_t shareable(const struct clone *c, const struct location *l, uint64_t n,
                          uint64_t off, uint64_t *ret_head)
{
    uint64_t head = -off & (c->unit - 1);

    if (l->extent.kind != EXTENT_DATA || l->compressed || block_file_fd(l->file) < 0 ||
        ((l->where ^ off) & (c->unit - 1)) || l->where >= l->file->size)
        return 0;
    /* A container may name what lies behind the end of its file. */
    n = min_u64(min_u64(n, l->extent.length), l->file->size - l->where);
    n = n > head ? round_down(n - head, c->unit) : 0;
    *ret_head = head;
    return n >= LEAST ? n : 0;
}

/* The run at `guest`, which often is the rest of the last one. */
static bool look(struct location *ret, struct clone *c, uint64_t guest)
{
    struct err ignored = {0};
    uint64_t in;

    if (guest >= c->disk->size) /* padding */
        return false;
    if (guest < c->at || guest - c->at >= c->last.extent.length) {
        c->last.extent.length = 0;
        if (block_locate(c->disk, &c->last, guest, &ignored) < 0)
            return false;
        c->at = guest;
    }
    in = guest - c->at;
    *ret = c->last;
    ret->where += in;
    ret->extent.length -= in;
    return true;
}

bool clone_run(struct clone *c, uint64_t *ret, int fd, uint64_t guest, uint64_t n,
               uint64_t off)
{
    struct location l = {.file = NULL};
    uint64_t before = 0, head = 0, share = 0;
    int failed;

    while (!c->refused && !share && before < n && look(&l, c, guest + before)) {
        share = shareable(c, &l, n - before, off + before, &head);
        before += share ? head : min_u64(l.extent.length, n - before);
    }
    *ret = share ? before : n;
    if (!share || before)
        return false;
    failed = c->call(fd, block_file_fd(l.file), l.where, share, off);
    if (failed) {
        log_debug(LOG_CONVERT, "blocks are not shared: %s", strerror(failed));
        c->refused = true;
        atomic_store_explicit(&c->works, false, memory_order_relaxed);
        *ret = n;
        return false;
    }
    atomic_store_explicit(&c->works, true, memory_order_relaxed);
    c->bytes += share;
    *ret = share;
    return true;
}

bool clone_expects(struct clone *c, uint64_t guest, uint64_t n)
{
    struct err ignored = {0};

    if (!atomic_load_explicit(&c->works, memory_order_relaxed))
        return false;
    while (n) {
        struct location l;
        uint64_t head = 0, have;

        if (block_locate(c->disk, &l, guest, &ignored) < 0)
            return false;
        have = min_u64(n, l.extent.length);
        if (shareable(c, &l, have, guest, &head) != have)
            return false;
        guest += have;
        n -= have;
    }
    return true;
}
