/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node.c: nodes of trees, checked when they are read and kept for the next look
 *
 * Header: checksum 32, fsid 16, address 8, flags 8, chunk tree's uuid 16, generation 8,
 * owner 8, items 4, level 1.  A leaf's items come next, their data from the end back. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/btrfs/btrfs.h"

void btrfs_nodes_init(struct btrfs *b)
{
    pthread_mutex_init(&b->nodes.lock, NULL);
    b->nodes.n =
        (unsigned)min_u64(BTRFS_NODES_MAX, BTRFS_NODES_BYTES / b->super.node_size);
}

void btrfs_node_unref(struct btrfs_node *n)
{
    if (n && atomic_fetch_sub(&n->refs, 1) == 1)
        free(n);
}

static void node_unrefp(struct btrfs_node **n)
{
    btrfs_node_unref(*n);
    *n = NULL;
}

void btrfs_nodes_fini(struct btrfs *b)
{
    if (!b->nodes.n)
        return;
    for (unsigned i = 0; i < b->nodes.n; i++)
        btrfs_node_unref(b->nodes.node[i]);
    pthread_mutex_destroy(&b->nodes.lock);
}

static struct btrfs_node *kept(struct btrfs_nodes *c, uint64_t at)
{
    struct btrfs_node *found = NULL;

    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < c->n && !found; i++)
        if (c->node[i] && c->node[i]->at == at) {
            found = c->node[i];
            c->used[i] = ++c->clock;
            atomic_fetch_add(&found->refs, 1);
        }
    pthread_mutex_unlock(&c->lock);
    return found;
}

static void keep(struct btrfs_nodes *c, struct btrfs_node *n)
{
    struct btrfs_node *old;
    unsigned victim = 0;

    atomic_fetch_add(&n->refs, 1);
    pthread_mutex_lock(&c->lock);
    for (unsigned i = 1; i < c->n; i++)
        if (c->used[i] < c->used[victim])
            victim = i;
    old = c->node[victim];
    c->node[victim] = n;
    c->used[victim] = ++c->clock;
    pthread_mutex_unlock(&c->lock);
    btrfs_node_unref(old);
}

struct btrfs_key btrfs_node_key(const struct btrfs_node *n, unsigned slot)
{
    size_t size = n->level ? BTRFS_POINTER_SIZE : BTRFS_ITEM_SIZE;

    return btrfs_key_load(n->raw + BTRFS_HEADER_SIZE + slot * size);
}

struct bytes btrfs_node_item(const struct btrfs_node *n, unsigned slot)
{
    const uint8_t *p =
        n->raw + BTRFS_HEADER_SIZE + slot * BTRFS_ITEM_SIZE + BTRFS_KEY_SIZE;

    return bytes_of(n->raw + BTRFS_HEADER_SIZE + load_le32(p), load_le32(p + 4));
}

/* Keys in order, data within the leaf and behind the items. */
static int check_items(const struct btrfs_node *n, uint32_t node_size, struct err *err)
{
    size_t room = node_size - BTRFS_HEADER_SIZE;
    size_t size = n->level ? BTRFS_POINTER_SIZE : BTRFS_ITEM_SIZE;
    struct btrfs_key last = {0}, key;

    if (n->items > room / size || (n->level && n->items == 0))
        return FAIL(err, ERR_CORRUPT, "%u items", n->items);
    for (unsigned i = 0; i < n->items; i++, last = key) {
        key = btrfs_node_key(n, i);
        if (i && btrfs_key_compare(&last, &key) >= 0)
            return FAIL(err, ERR_CORRUPT, "item %u: keys out of order", i);
        if (n->level == 0) {
            const uint8_t *p =
                n->raw + BTRFS_HEADER_SIZE + i * BTRFS_ITEM_SIZE + BTRFS_KEY_SIZE;
            uint32_t off = load_le32(p);

            if (off < n->items * BTRFS_ITEM_SIZE ||
                !range_within(off, load_le32(p + 4), room))
                return FAIL(err, ERR_CORRUPT, "item %u: data outside of the leaf", i);
        }
    }
    return 0;
}

/* One copy, as it is on the device. */
static int read_copy(struct btrfs_node *n, struct btrfs *b, uint64_t at, struct err *err)
{
    const struct btrfs_super *s = &b->super;
    int r = block_read(b->cache, n->raw, s->node_size, at, err);

    if (r < 0)
        return r;
    if (!btrfs_sum_ok(s->sum_type, bytes_of(n->raw, s->node_size)))
        return FAIL(err, ERR_CORRUPT, "checksum mismatch");
    if (load_le64(n->raw + 48) != n->at)
        return FAIL(err, ERR_CORRUPT, "it says it is node %" PRIu64,
                    load_le64(n->raw + 48));
    if (memcmp(n->raw + 32, s->meta, sizeof s->meta) != 0)
        return FAIL(err, ERR_CORRUPT, "it is of another filesystem");
    n->generation = load_le64(n->raw + 80);
    n->owner = load_le64(n->raw + 88);
    n->items = load_le32(n->raw + 96);
    n->level = n->raw[100];
    if (n->level >= BTRFS_LEVELS)
        return FAIL(err, ERR_CORRUPT, "level %u", n->level);
    return check_items(n, s->node_size, err);
}

/* A write that was lost leaves an old node with a right checksum in one of the copies, so
 * whatever is wrong with one, the next is tried. */
static int check_want(const struct btrfs_node *n, const struct btrfs_want *want,
                      struct err *err)
{
    struct btrfs_key first;
    bool own = want->tree == BTRFS_TOP_LEVEL || want->tree >= BTRFS_FIRST_FREE;

    if (n->level != want->level)
        return FAIL(err, ERR_CORRUPT, "level %u, must be %u", n->level, want->level);
    if (n->generation != want->generation)
        return FAIL(err, ERR_CORRUPT,
                    "generation %" PRIu64 ", must be %" PRIu64 " (it was overwritten)",
                    n->generation, want->generation);
    /* Subvolumes share nodes: any of them may be the owner. */
    if (own ? n->owner != BTRFS_TOP_LEVEL && n->owner < BTRFS_FIRST_FREE
            : n->owner != want->tree)
        return FAIL(err, ERR_CORRUPT, "it belongs to tree %" PRIu64, n->owner);
    if (!want->first)
        return 0;
    if (n->items == 0)
        return FAIL(err, ERR_CORRUPT, "an empty leaf");
    first = btrfs_node_key(n, 0);
    if (btrfs_key_compare(&first, want->first) != 0)
        return FAIL(err, ERR_CORRUPT, "its first key is not the one above it");
    return 0;
}

static int node_read(struct btrfs_node **ret, struct btrfs *b,
                     const struct btrfs_want *want, struct err *err)
{
    AUTO(node_unrefp) struct btrfs_node *n = malloc(sizeof *n + b->super.node_size);
    struct btrfs_place place;
    int r;

    if (!n)
        return FAIL(err, ERR_NOMEM, "node");
    *n = (struct btrfs_node){.at = want->at};
    atomic_init(&n->refs, 1);
    r = btrfs_map(&place, b, want->at, b->super.node_size, err);
    if (r < 0)
        return r;
    if (place.n < b->super.node_size)
        return FAIL(err, ERR_CORRUPT, "it lies in two chunks");
    r = -ERR_CORRUPT;
    for (unsigned i = 0; i < place.copies && r == -ERR_CORRUPT; i++) {
        err_clear(err);
        r = read_copy(n, b, place.at[i], err);
        if (r == 0)
            r = check_want(n, want, err);
    }
    if (r == 0)
        *ret = TAKE(n);
    return r;
}

int btrfs_node_get(struct btrfs_node **ret, struct btrfs *b,
                   const struct btrfs_want *want, struct err *err)
{
    AUTO(node_unrefp) struct btrfs_node *n = kept(&b->nodes, want->at);
    struct err local = {0};
    int r;

    if (n) {
        r = check_want(n, want, &local);
    } else {
        r = node_read(&n, b, want, &local);
        if (r == 0)
            keep(&b->nodes, n);
    }
    if (r < 0)
        return FAIL(err, local.code, "node %" PRIu64 ": %s", want->at, local.msg);
    *ret = TAKE(n);
    return 0;
}
