/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree.c: from the root of a tree to an item, and on to the next
 *
 * Every leaf that is entered must begin behind the last key seen, so no walk meets a node
 * twice, however the pointers are forged. */
#include <inttypes.h>

#include "fs/btrfs/btrfs.h"

static void drop(struct btrfs_path *p, unsigned levels)
{
    for (unsigned i = 0; i < levels; i++) {
        btrfs_node_unref(p->node[i]);
        p->node[i] = NULL;
        p->slot[i] = 0;
    }
}

void btrfs_path_fini(struct btrfs_path *p)
{
    drop(p, BTRFS_LEVELS);
}

static int fail(const struct btrfs_path *p, int r, struct err *err)
{
    err_prefix(err, "tree %" PRIu64, p->root->id);
    return r;
}

/* How many of a node's keys are at most this one. */
static unsigned count_up_to(const struct btrfs_node *n, const struct btrfs_key *key)
{
    unsigned lo = 0, hi = n->items;

    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;
        struct btrfs_key k = btrfs_node_key(n, mid);

        if (btrfs_key_compare(&k, key) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The node below the pointer that p stands on at `level`. */
static int descend(struct btrfs_path *p, unsigned level, struct err *err)
{
    const struct btrfs_node *n = p->node[level];
    const uint8_t *raw =
        n->raw + BTRFS_HEADER_SIZE + p->slot[level] * BTRFS_POINTER_SIZE + BTRFS_KEY_SIZE;
    struct btrfs_key first = btrfs_node_key(n, p->slot[level]);
    const struct btrfs_want want = {
        .at = load_le64(raw),
        .generation = load_le64(raw + 8),
        .level = level - 1,
        .tree = p->root->id,
        .first = &first,
    };

    p->slot[level - 1] = 0;
    return btrfs_node_get(&p->node[level - 1], p->b, &want, err);
}

static int start(struct btrfs_path *p, struct err *err)
{
    const struct btrfs_want want = {
        .at = p->root->at,
        .generation = p->root->generation,
        .level = p->root->level,
        .tree = p->root->id,
    };

    drop(p, BTRFS_LEVELS);
    return btrfs_node_get(&p->node[want.level], p->b, &want, err);
}

static int stand(struct btrfs_path *p)
{
    p->key = btrfs_node_key(p->node[0], p->slot[0]);
    p->item = btrfs_node_item(p->node[0], p->slot[0]);
    return 1;
}

int btrfs_seek(struct btrfs_path *p, const struct btrfs_key *key, struct err *err)
{
    int r = start(p, err);
    unsigned n;

    for (unsigned level = p->root->level; level > 0 && r == 0; level--) {
        n = count_up_to(p->node[level], key);
        p->slot[level] = n ? n - 1 : 0;
        r = descend(p, level, err);
    }
    if (r < 0)
        return fail(p, r, err);
    n = count_up_to(p->node[0], key);
    p->slot[0] = n ? n - 1 : 0;
    p->before_first = n == 0;
    return n ? stand(p) : 0;
}

/* The next leaf: 1; 0 at the end. */
static int next_leaf(struct btrfs_path *p, struct err *err)
{
    unsigned level = 1;
    struct btrfs_key first;
    int r = 0;

    while (level <= p->root->level && p->slot[level] + 1 >= p->node[level]->items)
        level++;
    if (level > p->root->level)
        return 0;
    drop(p, level);
    p->slot[level]++;
    for (; level > 0 && r == 0; level--)
        r = descend(p, level, err);
    if (r < 0)
        return fail(p, r, err);
    first = btrfs_node_key(p->node[0], 0);
    if (btrfs_key_compare(&first, &p->key) <= 0)
        return fail(
            p,
            FAIL(err, ERR_CORRUPT, "node %" PRIu64 ": keys out of order", p->node[0]->at),
            err);
    return 1;
}

int btrfs_next(struct btrfs_path *p, struct err *err)
{
    int r;

    if (p->before_first) {
        p->before_first = false;
        return p->node[0]->items ? stand(p) : 0;
    }
    if (p->slot[0] + 1 < p->node[0]->items) {
        p->slot[0]++;
        return stand(p);
    }
    r = next_leaf(p, err);
    return r == 1 ? stand(p) : r;
}

int btrfs_seek_from(struct btrfs_path *p, const struct btrfs_key *key, struct err *err)
{
    int r = btrfs_seek(p, key, err);

    if (r < 0 || (r == 1 && btrfs_key_compare(&p->key, key) == 0))
        return r;
    return btrfs_next(p, err);
}

int btrfs_find(struct btrfs_path *p, const struct btrfs_key *key, struct err *err)
{
    int r = btrfs_seek(p, key, err);

    return r == 1 ? btrfs_key_compare(&p->key, key) == 0 : r;
}
