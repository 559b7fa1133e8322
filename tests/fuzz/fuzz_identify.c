/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_identify.c: what lies on a block; the input is a sparse image */
#include "fuzz/fuzz.h"

#include <assert.h>

#include "base/text.h"
#include "fs/fs.h"
#include "fuzz/sparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[SPARSE_MAX];
    AUTO(block_unrefp) struct block *dev = NULL;
    struct fs_ident id;
    struct err err = {0};
    char clean[FS_LABEL_MAX];

    size = sparse_unpack(image, data, size, 512);
    if (block_mem_open(&dev, image, size, &err) < 0)
        return 0;
    assert(fs_identify(&id, dev, &err) == 0);
    assert(id.type < FS_TYPE_MAX && strlen(id.uuid) < sizeof id.uuid);
    /* Fit for a screen: no byte that cleaning would still change, but for its own \xNN.
     */
    text_clean(clean, sizeof clean, bytes_of(id.label, strlen(id.label)),
               sizeof clean - 1);
    assert(strchr(id.label, '\\') || strcmp(clean, id.label) == 0);
    return 0;
}
