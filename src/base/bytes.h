/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bytes.h: the one way from raw bytes to values
 *
 * `struct bytes` is a borrowed window.  `struct cursor` reads it front to back and is
 * sticky: the first read past the end sets `bad`, every later read gives 0, and the
 * decoder asks once at its end.  No struct is ever laid over a buffer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *p;
    size_t n;
};

static inline struct bytes bytes_of(const void *p, size_t n)
{
    return (struct bytes){p, n};
}

/* [off, off + n) of b; empty when that does not lie within b. */
static inline struct bytes bytes_sub(struct bytes b, size_t off, size_t n)
{
    if (off > b.n || n > b.n - off)
        return (struct bytes){b.p, 0};
    return (struct bytes){b.p + off, n};
}

static inline bool bytes_at(struct bytes b, size_t off, const char *magic, size_t n)
{
    return off <= b.n && n <= b.n - off && memcmp(b.p + off, magic, n) == 0;
}

static inline bool bytes_are_zero(struct bytes b)
{
    return b.n == 0 || (b.p[0] == 0 && memcmp(b.p, b.p + 1, b.n - 1) == 0);
}

static inline uint16_t load_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

static inline uint64_t load_le64(const uint8_t *p)
{
    return (uint64_t)load_le32(p) | (uint64_t)load_le32(p + 4) << 32;
}

static inline uint16_t load_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           (uint32_t)p[3];
}

static inline uint64_t load_be64(const uint8_t *p)
{
    return (uint64_t)load_be32(p) << 32 | (uint64_t)load_be32(p + 4);
}

static inline void store_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void store_le32(uint8_t *p, uint32_t v)
{
    store_le16(p, (uint16_t)v);
    store_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void store_le64(uint8_t *p, uint64_t v)
{
    store_le32(p, (uint32_t)v);
    store_le32(p + 4, (uint32_t)(v >> 32));
}

static inline void store_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void store_be32(uint8_t *p, uint32_t v)
{
    store_be16(p, (uint16_t)(v >> 16));
    store_be16(p + 2, (uint16_t)v);
}

static inline void store_be64(uint8_t *p, uint64_t v)
{
    store_be32(p, (uint32_t)(v >> 32));
    store_be32(p + 4, (uint32_t)v);
}

struct cursor {
    struct bytes b;
    size_t pos;
    bool bad;
};

static inline struct cursor cursor(struct bytes b)
{
    return (struct cursor){.b = b};
}

static inline struct cursor cursor_at(struct bytes b, size_t pos)
{
    return (struct cursor){.b = b, .pos = pos, .bad = pos > b.n};
}

/* The next n bytes, or NULL (and bad) when there are not that many. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
    const uint8_t *p;

    if (c->bad || n > c->b.n - c->pos) {
        c->bad = true;
        return NULL;
    }
    p = c->b.p + c->pos;
    c->pos += n;
    return p;
}

static inline size_t cursor_left(const struct cursor *c)
{
    return c->bad ? 0 : c->b.n - c->pos;
}

static inline void cursor_skip(struct cursor *c, size_t n)
{
    (void)cursor_take(c, n);
}

static inline void cursor_copy(struct cursor *c, void *to, size_t n)
{
    const uint8_t *p = cursor_take(c, n);

    if (p)
        memcpy(to, p, n);
    else
        memset(to, 0, n);
}

#define CURSOR_READ(name, type, n, load)               \
    static inline type cursor_##name(struct cursor *c) \
    {                                                  \
        const uint8_t *p = cursor_take(c, n);          \
                                                       \
        return p ? load(p) : 0;                        \
    }

#define load_u8(p) (*(p))
CURSOR_READ(u8, uint8_t, 1, load_u8)
CURSOR_READ(le16, uint16_t, 2, load_le16)
CURSOR_READ(le32, uint32_t, 4, load_le32)
CURSOR_READ(le64, uint64_t, 8, load_le64)
CURSOR_READ(be16, uint16_t, 2, load_be16)
CURSOR_READ(be32, uint32_t, 4, load_be32)
CURSOR_READ(be64, uint64_t, 8, load_be64)
#undef CURSOR_READ
#undef load_u8
