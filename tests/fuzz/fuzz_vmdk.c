/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_vmdk.c: a sparse file, or a descriptor
 *
 * What does not begin like a sparse file is a descriptor up to the first NUL; whichever
 * file it asks for is the rest of the input. */
#include "base/scoped.h"
#include "fuzz/fuzz.h"
#include "fuzz/fuzz_disk.h"

static int rest_open(struct block **ret, void *arg, const char *name, struct err *err)
{
    const struct bytes *rest = arg;

    /* Nothing but one plain name may get here. */
    assert(name[0] && !strpbrk(name, "/\\") && strcmp(name, "..") != 0);
    if (name[0] == 'X')
        return FAIL(err, ERR_NOTFOUND, "%s", name);
    return block_mem_open(ret, rest->p, rest->n, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(block_unrefp) struct block *file = NULL;
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    struct bytes head = bytes_of(data, size), rest = {0};
    struct image_options options = {.sibling = rest_open, .sibling_arg = &rest};

    if (nul && !bytes_at(head, 0, "KDMV", 4)) {
        head.n = (size_t)(nul - data);
        rest = bytes_of(nul + 1, size - head.n - 1);
    }
    if (block_mem_open(&file, head.p, head.n, NULL) == 0)
        fuzz_driver(&vmdk_driver, file, &options);
    return 0;
}
