/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_hive.c: every key and value of a hive; bit 0 of the first byte repairs the
 * checksum of its first block, the rest is a sparse image */
#include "fuzz/fuzz.h"

#include <assert.h>

#include "base/bytes.h"
#include "fuzz/sparse.h"
#include "guest/windows/hive.h"

enum { STEPS = 3000, DEPTH = 12 };

struct visit {
    unsigned steps, depth;
};

static int visit_key(void *arg, struct hive *h, uint32_t key, const char *name,
                     struct err *err)
{
    struct visit *v = arg;
    struct err local = {0};
    char text[256];
    uint32_t number;
    int r = 0;

    (void)err;
    assert(strlen(name) < HIVE_NAME_MAX);
    if (++v->steps > STEPS)
        return 1;
    (void)hive_text(h, key, "Path", text, sizeof text, &local);
    err_clear(&local);
    (void)hive_number(h, key, "Start", &number, &local);
    err_clear(&local);
    if (v->depth < DEPTH) {
        v->depth++;
        r = hive_each(h, key, visit_key, v, &local);
        v->depth--;
    }
    return r > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[SPARSE_MAX];
    AUTO(block_unrefp) struct block *dev = NULL;
    struct visit v = {0};
    struct err err = {0};
    struct hive h;
    uint32_t sum = 0, key;

    if (size < 1)
        return 0;
    size = sparse_unpack(image, data + 1, size - 1, 4096);
    if (data[0] & 1) {
        for (size_t i = 0; i < 508; i += 4)
            sum ^= load_le32(image + i);
        store_le32(image + 508, sum == UINT32_MAX ? UINT32_MAX - 1 : sum ? sum : 1);
    }
    if (block_mem_open(&dev, image, size, &err) < 0 || hive_open(&h, dev, &err) < 0)
        return 0;
    if (hive_each(&h, h.root, visit_key, &v, &err) < 0)
        assert(err.code != ERR_IO);
    (void)hive_find(&h, h.root, "Select\\Current", &key, NULL);
    return 0;
}
