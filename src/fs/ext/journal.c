/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ext/journal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/crc.h"
#include "base/log.h"
#include "fs/ext/journal_map.h"

enum {
    JBD_SUPER = 1024,
    JBD_HEADER = 12,
    JBD_TAIL = 4, /* checksum at the end of descriptors and revokes */
    JBD_BLOCKS_MIN = 1024,
    JBD_FAST_COMMIT_BLOCKS = 256, /* when the superblock says 0 */
    JBD_TAGS_END = 0,
};

#define JBD_MAGIC UINT32_C(0xc03b3998)

enum jbd_type {
    JBD_DESCRIPTOR = 1,
    JBD_COMMIT = 2,
    JBD_SUPER_V1 = 3,
    JBD_SUPER_V2 = 4,
    JBD_REVOKE = 5,
};

enum jbd_feature {
    JBD_CHECKSUM = 0x1, /* compatible; the rest incompatible */
    JBD_FEATURE_REVOKE = 0x1,
    JBD_64BIT = 0x2,
    JBD_ASYNC_COMMIT = 0x4,
    JBD_CSUM_V2 = 0x8,
    JBD_CSUM_V3 = 0x10,
    JBD_FAST_COMMIT = 0x20,
    JBD_INCOMPAT_KNOWN = 0x3f,
};

enum jbd_tag_flag {
    JBD_ESCAPED = 0x1, /* the data began with the magic number, zeroed in the log */
    JBD_SAME_UUID = 0x2,
    JBD_LAST_TAG = 0x8,
};

enum pass { PASS_SCAN, PASS_REVOKE, PASS_REPLAY };

struct journal {
    struct block *log; /* own reference */
    uint32_t block_size;
    uint32_t first, last; /* the ring, in blocks of the log; last is past its end */
    uint32_t start, sequence;
    uint32_t end; /* sequence of the first transaction that is not whole */
    uint32_t compat, incompat, seed;
    struct journal_map mapped;  /* block -> newest copy */
    struct journal_map revoked; /* block -> last sequence that revokes it */
    uint8_t *buf;               /* one block */
    struct journal_look *look;  /* while opening */
};

/* State of one pass. */
struct walk {
    enum pass pass;
    uint32_t at, sequence, steps;
    bool suspect; /* a checksum of this transaction is wrong: leftover or damage? */
    uint32_t crc; /* of the transaction so far (JBD_CHECKSUM) */
    uint64_t last_commit; /* seconds */
};

static void problem(struct journal *j, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void problem(struct journal *j, const char *fmt, ...)
{
    va_list ap;

    if (j->look->problem[0])
        return;
    va_start(ap, fmt);
    vsnprintf(j->look->problem, sizeof j->look->problem, fmt, ap);
    va_end(ap);
}

/* The log's way of crc32c has no inversion. */
static uint32_t jbd_crc(uint32_t seed, const void *p, size_t n)
{
    return ~crc32c(~seed, p, n);
}

/* CRC-32 with the most significant bit first, for logs of 2008 to 2012. */
static uint32_t crc32_be(uint32_t crc, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        crc ^= (uint32_t)p[i] << 24;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 0x80000000 ? crc << 1 ^ 0x04c11db7 : crc << 1;
    }
    return crc;
}

static bool has_checksums(const struct journal *j)
{
    return j->incompat & (JBD_CSUM_V2 | JBD_CSUM_V3);
}

/* A block whose checksum, stored at `at`, covers all of it with that field zeroed. */
static bool block_checksum_ok(const struct journal *j, size_t at)
{
    uint32_t stored = load_be32(j->buf + at), sum;

    store_be32(j->buf + at, 0);
    sum = jbd_crc(j->seed, j->buf, j->block_size);
    store_be32(j->buf + at, stored);
    return sum == stored;
}

static int log_read(const struct journal *j, uint8_t *buf, uint32_t block,
                    struct err *err)
{
    return block_read(j->log, buf, j->block_size, (uint64_t)block * j->block_size, err);
}

static uint32_t next_block(const struct journal *j, uint32_t at)
{
    return at + 1 == j->last ? j->first : at + 1;
}

/* ---- superblock */

/* 1 there is a log to walk, 0 there is none or it is not ours to walk. */
static int super_decode(struct journal *j, uint8_t raw[JBD_SUPER])
{
    struct cursor c = cursor(bytes_of(raw, JBD_SUPER));
    uint32_t magic = cursor_be32(&c), type = cursor_be32(&c), block_size, blocks, fast;
    const uint8_t *uuid;

    cursor_skip(&c, 4);
    block_size = cursor_be32(&c);
    blocks = cursor_be32(&c);
    j->first = cursor_be32(&c);
    j->sequence = cursor_be32(&c);
    j->start = cursor_be32(&c);
    cursor_skip(&c, 4);
    if (magic != JBD_MAGIC || (type != JBD_SUPER_V1 && type != JBD_SUPER_V2)) {
        problem(j, "the journal has no superblock");
        return 0;
    }
    j->compat = cursor_be32(&c);
    j->incompat = cursor_be32(&c);
    cursor_skip(&c, 4);
    uuid = cursor_take(&c, 16);
    if (type == JBD_SUPER_V1)
        j->compat = j->incompat = 0;
    j->look->in_use = j->start != 0;
    if (j->start == 0 && !(j->incompat & JBD_FAST_COMMIT))
        return 0;
    if (j->incompat & ~(uint32_t)JBD_INCOMPAT_KNOWN) {
        problem(j, "the journal has unknown features %#" PRIx32, j->incompat);
        return 0;
    }
    j->seed = jbd_crc(~UINT32_C(0), uuid, 16);
    if (has_checksums(j)) {
        uint32_t stored = load_be32(raw + 252);

        store_be32(raw + 252, 0);
        if (jbd_crc(~UINT32_C(0), raw, JBD_SUPER) != stored) {
            problem(j, "the checksum of the journal's superblock is wrong");
            return 0;
        }
    }
    j->last = blocks;
    fast = load_be32(raw + 84) ? load_be32(raw + 84) : JBD_FAST_COMMIT_BLOCKS;
    if ((j->incompat & JBD_FAST_COMMIT) && blocks >= fast &&
        blocks - fast >= JBD_BLOCKS_MIN)
        j->last = blocks - fast;
    if (block_size != j->block_size || blocks > j->log->size / j->block_size ||
        j->first == 0 || j->first >= j->last ||
        (j->start && (j->start < j->first || j->start >= j->last))) {
        problem(j, "the geometry of the journal is wrong");
        return 0;
    }
    return 1;
}

/* ---- tags of a descriptor */

struct tag {
    uint64_t block;
    uint32_t flags, checksum;
};

/* Sizes grew with the features; version 2 has two bytes that nothing uses. */
static size_t tag_size(const struct journal *j)
{
    if (j->incompat & JBD_CSUM_V3)
        return 16;
    return 8 + (j->incompat & JBD_64BIT ? 4u : 0u) +
           (j->incompat & JBD_CSUM_V2 ? 2u : 0u);
}

static bool next_tag(const struct journal *j, size_t *at, struct tag *ret)
{
    size_t size = tag_size(j), end = j->block_size - (has_checksums(j) ? JBD_TAIL : 0u);
    const uint8_t *p = j->buf + *at;
    uint32_t high;

    if (*at == JBD_TAGS_END || *at + size > end)
        return false;
    ret->block = load_be32(p);
    if (j->incompat & JBD_CSUM_V3) {
        ret->flags = load_be32(p + 4);
        high = load_be32(p + 8);
        ret->checksum = load_be32(p + 12);
    } else {
        ret->checksum = load_be16(p + 4);
        ret->flags = load_be16(p + 6);
        high = j->incompat & JBD_64BIT ? load_be32(p + 8) : 0;
    }
    if (j->incompat & JBD_64BIT)
        ret->block |= (uint64_t)high << 32;
    *at += size + (ret->flags & JBD_SAME_UUID ? 0 : 16);
    if (ret->flags & JBD_LAST_TAG)
        *at = JBD_TAGS_END;
    return true;
}

static int map_tag(struct journal *j, const struct walk *w, const struct tag *t,
                   struct err *err)
{
    const struct journal_copy *revoke = journal_map_find(&j->revoked, t->block);
    struct journal_copy copy = {
        .block = t->block,
        .at = w->at,
        .sequence = w->sequence,
        .checksum = t->checksum,
        .escaped = t->flags & JBD_ESCAPED,
    };

    if (revoke && (int32_t)(w->sequence - revoke->sequence) <= 0)
        return 0;
    return journal_map_put(&j->mapped, &copy, JOURNAL_MAPPED_MAX, err);
}

/* Only logs with JBD_CHECKSUM need to read their data to find their end. */
static int sum_data(struct journal *j, struct walk *w, uint8_t *data, struct err *err)
{
    int r = log_read(j, data, w->at, err);

    if (r == 0)
        w->crc = crc32_be(w->crc, data, j->block_size);
    return r;
}

static int on_descriptor(struct journal *j, struct walk *w, struct err *err)
{
    bool sum = w->pass == PASS_SCAN && (j->compat & JBD_CHECKSUM);
    AUTO(freep) uint8_t *data = sum ? malloc(j->block_size) : NULL;
    size_t at = JBD_HEADER;
    struct tag t;

    if (sum && !data)
        return FAIL(err, ERR_NOMEM, "journal");
    if (sum)
        w->crc = crc32_be(w->crc, j->buf, j->block_size);
    if (w->pass == PASS_SCAN && has_checksums(j) &&
        !block_checksum_ok(j, j->block_size - JBD_TAIL))
        w->suspect = true;
    while (next_tag(j, &at, &t)) {
        int r = 0;

        if (w->steps++ >= j->last - j->first)
            return 0;
        if (w->pass == PASS_REPLAY)
            r = map_tag(j, w, &t, err);
        else if (sum)
            r = sum_data(j, w, data, err);
        if (r < 0)
            return r;
        w->at = next_block(j, w->at);
    }
    return 1;
}

static int on_revoke(struct journal *j, struct walk *w, struct err *err)
{
    size_t item = j->incompat & JBD_64BIT ? 8 : 4;
    size_t end = load_be32(j->buf + JBD_HEADER), tail = has_checksums(j) ? JBD_TAIL : 0u;

    if (w->pass == PASS_SCAN) {
        if (tail && !block_checksum_ok(j, j->block_size - JBD_TAIL))
            w->suspect = true;
        if (end > j->block_size - tail) {
            problem(j, "a list of revoked blocks in the journal is too long");
            return 0;
        }
    }
    for (size_t at = JBD_HEADER + 4; w->pass == PASS_REVOKE && at + item <= end;
         at += item) {
        struct journal_copy copy = {
            .block = item == 8 ? load_be64(j->buf + at) : load_be32(j->buf + at),
            .sequence = w->sequence,
        };
        int r = journal_map_put(&j->revoked, &copy, JOURNAL_REVOKED_MAX, err);

        if (r < 0)
            return r;
    }
    return 1;
}

/* Does the sum over a transaction agree with what its commit block says? */
static bool commit_sum_ok(const struct journal *j, const struct walk *w)
{
    uint8_t type = j->buf[12], size = j->buf[13];
    uint32_t stored = load_be32(j->buf + 16);

    if (has_checksums(j))
        return block_checksum_ok(j, 16);
    if (!(j->compat & JBD_CHECKSUM) || (type == 0 && size == 0 && stored == 0))
        return true;
    return type == 1 && size == 4 && stored == w->crc;
}

/* A transaction with a wrong checksum that is older than the one before it is left over
 * from an earlier life of the log: its end, not damage. */
static int on_commit(struct journal *j, struct walk *w)
{
    uint64_t time = load_be64(j->buf + 48);

    if (w->pass == PASS_SCAN) {
        if (w->suspect || !commit_sum_ok(j, w)) {
            if (time >= w->last_commit)
                problem(j, "transaction %" PRIu32 " of the journal is damaged",
                        w->sequence);
            return 0;
        }
        w->last_commit = time;
        w->crc = ~UINT32_C(0);
    }
    w->sequence++;
    return 1;
}

static int on_block(struct journal *j, struct walk *w, struct err *err)
{
    struct cursor c = cursor(bytes_of(j->buf, JBD_HEADER));
    uint32_t magic = cursor_be32(&c), type = cursor_be32(&c), sequence = cursor_be32(&c);

    if (magic != JBD_MAGIC || sequence != w->sequence)
        return 0;
    w->at = next_block(j, w->at);
    switch (type) {
    case JBD_DESCRIPTOR:
        return on_descriptor(j, w, err);
    case JBD_REVOKE:
        return on_revoke(j, w, err);
    case JBD_COMMIT:
        return on_commit(j, w);
    default:
        return 0;
    }
}

/* Blocks may all claim one transaction, so the length of the ring bounds the walk. */
static int walk_log(struct journal *j, enum pass pass, struct err *err)
{
    struct walk w = {
        .pass = pass, .at = j->start, .sequence = j->sequence, .crc = ~UINT32_C(0)};
    int r = 1;

    while (r > 0 && w.steps++ < j->last - j->first) {
        if (pass != PASS_SCAN && w.sequence == j->end)
            break;
        r = log_read(j, j->buf, w.at, err);
        if (r == 0)
            r = on_block(j, &w, err);
    }
    if (pass == PASS_SCAN)
        j->end = w.sequence;
    return r < 0 ? r : 0;
}

/* Fast commits describe changes of inodes and names, not blocks; those that follow the
 * last whole transaction are newer than anything we show. */
static int look_fast_commits(struct journal *j, struct err *err)
{
    enum { TAG_HEAD = 9, HEAD = 8 };

    if (!(j->incompat & JBD_FAST_COMMIT))
        return 0;
    for (uint32_t at = j->last; at < j->last + 2; at++) {
        int r;

        if (!range_within((uint64_t)at * j->block_size, j->block_size, j->log->size))
            return 0;
        r = log_read(j, j->buf, at, err);
        if (r < 0)
            return r;
        if (load_le16(j->buf) == TAG_HEAD && load_le16(j->buf + 2) >= HEAD &&
            load_le32(j->buf + 8) == j->end) {
            j->look->in_use = true;
            problem(j, "the journal ends in fast commits, which are not replayed");
            return 0;
        }
    }
    return 0;
}

static void journal_closep(struct journal **j)
{
    journal_close(*j);
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    journal_map_fini(&j->mapped);
    journal_map_fini(&j->revoked);
    block_unref(j->log);
    free(j->buf);
    free(j);
}

static int replay(struct journal *j, struct err *err)
{
    int r = 0;

    j->end = j->sequence;
    for (enum pass pass = PASS_SCAN; j->start && pass <= PASS_REPLAY && r == 0; pass++)
        r = walk_log(j, pass, err);
    if (r == 0)
        r = look_fast_commits(j, err);
    return r;
}

int journal_open(struct journal **ret, struct journal_look *look, struct block *log,
                 uint32_t block_size, struct err *err)
{
    AUTO(journal_closep) struct journal *j = calloc(1, sizeof *j);
    struct err local = {0};
    uint8_t raw[JBD_SUPER];
    int r;

    *ret = NULL;
    *look = (struct journal_look){0};
    if (!j)
        return FAIL(err, ERR_NOMEM, "journal");
    j->look = look;
    j->log = block_ref(log);
    j->block_size = block_size;
    j->buf = malloc(block_size);
    if (!j->buf)
        return FAIL(err, ERR_NOMEM, "journal");
    if (log->size < sizeof raw) {
        problem(j, "the journal has no superblock");
        return 0;
    }
    r = block_read(log, raw, sizeof raw, 0, err);
    if (r < 0)
        return r;
    if (!super_decode(j, raw))
        return 0;
    r = replay(j, &local);
    if (r == -ERR_LIMIT) {
        /* What is mapped so far is some state between old and new: worse than the old. */
        problem(j, "the journal holds more blocks than we take");
        return 0;
    }
    if (r < 0)
        return FAIL(err, local.code, "journal: %s", local.msg);
    journal_map_fini(&j->revoked);
    j->look = NULL;
    log_debug(LOG_FS, "journal: transactions %" PRIu32 " to %" PRIu32 ", %zu blocks",
              j->sequence, j->end, j->mapped.n);
    if (j->mapped.n)
        *ret = TAKE(j);
    return 0;
}

bool journal_has(const struct journal *j, uint64_t block)
{
    return journal_map_find(&j->mapped, block) != NULL;
}

int journal_read(const struct journal *j, void *buf, uint64_t block, struct err *err)
{
    const struct journal_copy *copy = journal_map_find(&j->mapped, block);
    uint8_t sequence[4];
    uint32_t sum;
    int r = log_read(j, buf, copy->at, err);

    if (r < 0)
        return r;
    if (has_checksums(j)) {
        store_be32(sequence, copy->sequence);
        sum = jbd_crc(jbd_crc(j->seed, sequence, sizeof sequence), buf, j->block_size);
        if ((j->incompat & JBD_CSUM_V3 ? sum : sum & 0xffff) != copy->checksum)
            return FAIL(err, ERR_CORRUPT,
                        "journal: checksum of block %" PRIu64 " in transaction %" PRIu32,
                        block, copy->sequence);
    }
    if (copy->escaped)
        store_be32(buf, JBD_MAGIC);
    return 0;
}
