/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unpack.h: one compressed stream as chunks of plain bytes
 *
 *   struct feed     bytes of a block in order, through a window
 *   struct unpack   decoder on a feed: a chunk at a time, in the decoder's own memory
 *
 * The eight that Linux knows (lib/decompress.c), told apart by two bytes.  Memory is what
 * the format asks for and bounded: at most 16 MiB for lz4 and lzo (whole blocks), 192 MiB
 * for a dictionary of xz, lzma or zstd, less than 4 MiB for the others.
 *
 * One thread at a time. */
#pragma once

#include "base/bytes.h"
#include "block/block.h"

enum {
    FEED_WINDOW = 1024 << 10,          /* bytes read at once from a compressed stream */
    FEED_HELD_MAX = (8 << 20) + 65536, /* most that is asked for in one piece */
    UNPACK_CHUNK = 128 << 10,          /* output of the streaming decoders */
    UNPACK_LZ4_BLOCK = 8 << 20,        /* Linux: LZ4_DEFAULT_UNCOMPRESSED_CHUNK_SIZE */
    UNPACK_LZO_BLOCK = 256 << 10,      /* Linux: LZO_BLOCK_SIZE */
    UNPACK_XZ_MEMORY = 192 << 20,
    UNPACK_ZSTD_WINDOW_LOG = 27, /* Linux: ZSTD_WINDOWSIZE_MAX, 128 MiB */
};

struct feed {
    struct block *block; /* borrowed */
    uint64_t end;        /* of what may be read */
    uint64_t next;       /* offset of the byte after the held ones */
    size_t window;       /* bytes to read at once */
    uint8_t *buf;        /* held bytes are [pos, n) */
    size_t pos, n, cap;
};

void feed_init(struct feed *f, struct block *block, uint64_t end, size_t window);
void feed_fini(struct feed *f);

/* Offset in the block of the first held byte. */
uint64_t feed_tell(const struct feed *f);
/* Goes to an offset at or after feed_tell(). */
void feed_seek(struct feed *f, uint64_t off);

/* Holds at least n bytes (at most FEED_HELD_MAX), or all that are left.  Returns 0; how
 * many are held is feed_held().n. */
int feed_need(struct feed *f, size_t n, struct err *err);

static inline struct bytes feed_held(const struct feed *f)
{
    return f->buf ? bytes_of(f->buf + f->pos, f->n - f->pos) : (struct bytes){NULL, 0};
}

static inline void feed_eat(struct feed *f, size_t n)
{
    f->pos += n;
}

/* ---- decoders */

struct unpack;
struct unpack_kind;

/* By the first two bytes of a stream; NULL: none that Linux would try. */
const struct unpack_kind *unpack_kind_find(struct bytes head);
const char *unpack_kind_name(const struct unpack_kind *kind); /* "zstd" */

/* The feed stands on the magic, and is borrowed until unpack_close(). */
int unpack_open(struct unpack **ret, const struct unpack_kind *kind, struct feed *feed,
                struct err *err);

/* 1 and the next chunk, which lives until the next call; 0 at the end of the stream, with
 * the feed on the byte after it; ERR_CORRUPT also for a stream that is cut off. */
int unpack_next(struct unpack *u, struct bytes *ret, struct err *err);

void unpack_close(struct unpack *u); /* NULL is fine */

/* What a stream at the start of `packed` holds (own reference taken), as a block of
 * `size` bytes.  Only reads that go from front to back, or no further back than
 * UNPACKED_KEEP, succeed. */
enum { UNPACKED_KEEP = 1 << 20 };
int unpacked_open(struct block **ret, struct block *packed, uint64_t size,
                  struct err *err);

static inline void unpack_closep(struct unpack **u)
{
    unpack_close(*u);
    *u = NULL;
}
