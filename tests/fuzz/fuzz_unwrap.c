/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_unwrap.c: gzip, xz and zstd around a stream
 *
 * The first byte says which, and how many bytes come at a time. */
#include <assert.h>

#include "block/stream_testing.h"
#include "block/unwrap.h"
#include "fuzz/fuzz.h"

enum { BUDGET = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"gzip", "xz", "zstd", "zstd"};
    static const size_t steps[] = {1, 7, 4096, 1 << 20};
    static uint8_t buf[100000];
    struct mem_stream m;
    struct stream *s;
    struct err err = {0};
    size_t got = 1, all = 0;
    int r;

    if (size < 1)
        return 0;
    m = mem_stream_of(bytes_of(data + 1, size - 1), steps[data[0] >> 2 & 3]);
    r = unwrap_open(&s, names[data[0] & 3], &m.stream, &err);
    while (r == 0 && got && all < BUDGET) {
        r = stream_read(s, buf, data[0] & 16 ? 777 : sizeof buf, &got, &err);
        all += got;
    }
    assert((r < 0) == (err.code != ERR_NONE));
    stream_close(s);
    mem_stream_fini(&m);
    return 0;
}
