/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_flow.c: disks that arrive in order
 *
 * The first byte says which kind is tried, how many bytes come at a time and how long
 * pieces are.  What comes as a stream and can be read as a file must be the same disk. */
#include <assert.h>

#include "block/flow_kind.h"
#include "block/probe.h"
#include "block/stream_testing.h"
#include "fuzz/fuzz.h"

enum { BUDGET = 8 << 20, PIECES_MAX = 3000 };

static const struct image_options none;

/* [off, off + n) of the disk, which has come and is not dropped. */
static void compare(struct flow *f, struct block *disk, uint64_t off, uint64_t n)
{
    static uint8_t a[2 << 20], b[2 << 20];
    struct err err = {0};
    int r;

    assert(n <= sizeof a);
    r = block_read(flow_disk(f), a, (size_t)n, off, &err);
    assert((r < 0) == (err.code != ERR_NONE));
    if (r < 0 || !disk || !range_within(off, n, disk->size))
        return;
    if (block_read(disk, b, (size_t)n, off, NULL) == 0)
        assert(memcmp(a, b, (size_t)n) == 0);
}

static void drain(struct flow *f, struct block *disk)
{
    uint64_t off = 0, len = 0, end = 0, all = 0;
    struct err err = {0};
    int r = 1;

    for (unsigned i = 0; r > 0 && all < BUDGET && i < PIECES_MAX; i++) {
        r = flow_next(f, &off, &len, &err);
        if (r <= 0)
            break;
        assert(off >= end && len);
        end = off + len;
        all += len;
        compare(f, disk, off, len);
        flow_drop(f);
    }
    assert((r < 0) == (err.code != ERR_NONE));
    if (r == 0) {
        assert(flow_size(f) != FLOW_SIZE_LATER && end <= flow_size(f));
        if (disk)
            assert(flow_size(f) == disk->size);
    }
}

/* As flow_open() makes sure of. */
static bool begins_raw(struct bytes b)
{
    AUTO(block_unrefp) struct block *block = NULL;
    const struct image_driver *driver = NULL;
    struct image_info info = {0};
    struct image_ctx ctx = {&none, &info};

    return block_mem_open(&block, b.p, b.n, NULL) == 0 &&
           image_begins_as(&driver, block, &ctx, NULL) == 0 && driver == &raw_driver;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 7, 4096, 1 << 20};
    AUTO(block_unrefp) struct block *file = NULL, *disk = NULL;
    struct image_info info = {0}, as_file;
    struct image_ctx ctx = {&none, &info};
    struct mem_stream m;
    struct flow *f = NULL;
    struct err err = {0};
    int r;

    if (size < 2 ||
        (!(data[0] & 1) && !begins_raw(bytes_of(data + 1, min_size(size - 1, 1024)))) ||
        block_mem_open(&file, data + 1, size - 1, NULL) < 0)
        return 0;
    m = mem_stream_of(bytes_of(data + 1, size - 1), steps[data[0] >> 1 & 3]);
    if (image_open(&disk, &as_file, file, NULL, NULL) < 0)
        disk = NULL;
    r = data[0] & 1 ? flow_vmdk_open(&f, &m.stream, &ctx, &err)
                    : flow_raw_open(&f, &m.stream, &none, &err);
    assert((r < 0) == (err.code != ERR_NONE));
    if (f) {
        flow_begin(f, data[0] & 8 ? 4096 : 65536, data[0] & 16 ? 1 << 20 : 2 << 20);
        drain(f, disk);
    }
    flow_close(f);
    mem_stream_fini(&m);
    return 0;
}
