/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cache.c: whole lines of the block below, least recently used goes first */
#include <pthread.h>
#include <string.h>

#include "base/checked.h"
#include "block/block.h"

struct line {
    uint64_t index; /* offset / line_size */
    uint64_t used;  /* clock at the last use; 0: empty */
    char *data;     /* allocated at first use */
};

struct cache_block {
    struct block block;
    struct block *under; /* own reference */
    pthread_mutex_t lock;
    size_t line_size;
    unsigned lines;
    uint64_t clock;
    struct line line[];
};

static struct cache_block *cache_of(struct block *b)
{
    return CONTAINER_OF(b, struct cache_block, block);
}

static struct line *cache_line(struct cache_block *c, uint64_t index, struct err *err)
{
    struct line *victim = &c->line[0];
    uint64_t off = index * c->line_size;
    int r;

    for (unsigned i = 0; i < c->lines; i++) {
        struct line *l = &c->line[i];

        if (l->used && l->index == index) {
            l->used = ++c->clock;
            return l;
        }
        if (l->used < victim->used)
            victim = l;
    }
    if (!victim->data)
        victim->data = malloc(c->line_size);
    if (!victim->data) {
        FAIL(err, ERR_NOMEM, "cache line");
        return NULL;
    }
    victim->used = 0;
    r = block_read(c->under, victim->data,
                   (size_t)min_u64(c->line_size, c->block.size - off), off, err);
    if (r < 0)
        return NULL;
    victim->index = index;
    victim->used = ++c->clock;
    return victim;
}

static int cache_read_locked(struct cache_block *c, char *buf, size_t n, uint64_t off,
                             struct err *err)
{
    while (n) {
        uint64_t index = off / c->line_size;
        size_t at = (size_t)(off % c->line_size);
        size_t take = min_size(n, c->line_size - at);
        struct line *l;

        /* A read of whole lines gains nothing from a copy in the cache. */
        if (at == 0 && n >= 2 * c->line_size) {
            size_t whole = n / c->line_size * c->line_size;
            int r = block_read(c->under, buf, whole, off, err);

            if (r < 0)
                return r;
            take = whole;
        } else {
            l = cache_line(c, index, err);
            if (!l)
                return -(int)(err ? err->code : ERR_IO);
            memcpy(buf, l->data + at, take);
        }
        buf += take;
        n -= take;
        off += take;
    }
    return 0;
}

static int cache_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    struct cache_block *c = cache_of(b);
    int r;

    pthread_mutex_lock(&c->lock);
    r = cache_read_locked(c, buf, n, off, err);
    pthread_mutex_unlock(&c->lock);
    return r;
}

static int cache_extent(struct block *b, struct extent *ret, uint64_t off,
                        struct err *err)
{
    return block_extent(cache_of(b)->under, ret, off, err);
}

static int cache_locate(struct block *b, struct location *ret, uint64_t off,
                        struct err *err)
{
    return block_locate(cache_of(b)->under, ret, off, err);
}

static void cache_close(struct block *b)
{
    struct cache_block *c = cache_of(b);

    for (unsigned i = 0; i < c->lines; i++)
        free(c->line[i].data);
    pthread_mutex_destroy(&c->lock);
    block_unref(c->under);
    free(c);
}

static const struct block_driver cache_driver = {
    .name = "cache",
    .read = cache_read,
    .extent = cache_extent,
    .locate = cache_locate,
    .close = cache_close,
};

int block_cache_open(struct block **ret, struct block *under, size_t line_size,
                     unsigned lines, struct err *err)
{
    struct cache_block *c = calloc(1, sizeof *c + lines * sizeof c->line[0]);

    if (!c)
        return FAIL(err, ERR_NOMEM, "cache");
    c->under = block_ref(under);
    c->line_size = line_size;
    c->lines = lines;
    pthread_mutex_init(&c->lock, NULL);
    block_init(&c->block, &cache_driver, under->size);
    *ret = &c->block;
    return 0;
}
