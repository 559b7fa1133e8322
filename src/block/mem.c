/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mem.c: a disk in memory, for tests and fuzzing */
#include <string.h>

#include "block/block.h"

struct mem_block {
    struct block block;
    const char *p;
};

static int mem_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    (void)err;
    memcpy(buf, CONTAINER_OF(b, struct mem_block, block)->p + off, n);
    return 0;
}

static void mem_close(struct block *b)
{
    free(CONTAINER_OF(b, struct mem_block, block));
}

static const struct block_driver mem_driver = {
    .name = "memory",
    .read = mem_read,
    .close = mem_close,
};

int block_mem_open(struct block **ret, const void *p, size_t n, struct err *err)
{
    struct mem_block *m = malloc(sizeof *m);

    if (!m)
        return FAIL(err, ERR_NOMEM, "memory block");
    m->p = p;
    block_init(&m->block, &mem_driver, n);
    *ret = &m->block;
    return 0;
}
