/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hive.c: base block, cells, keys and values of a registry hive */
#include "guest/windows/hive.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"

enum {
    BASE = 4096,
    BIN_MIN = 4096,
    NK_HEAD = 76,
    VK_HEAD = 20,
    KEY_LATIN1 = 0x20,
    VALUE_LATIN1 = 1,
    NO_CELL = -1,
    BIG_PIECE = 16344, /* bytes of one piece of a value that fits into no cell */
    LISTS_DEEP = 2,    /* an "ri" names lists that name keys */
};

int hive_open(struct hive *ret, struct block *dev, struct err *err)
{
    uint8_t b[512];
    struct hive h = {.dev = dev};
    uint32_t sum = 0;
    int r;

    if (dev->size < BASE + BIN_MIN || dev->size > HIVE_MAX)
        return FAIL(err, dev->size > HIVE_MAX ? ERR_LIMIT : ERR_CORRUPT,
                    "hive of %" PRIu64 " bytes", dev->size);
    r = block_read(dev, b, sizeof b, 0, err);
    if (r < 0)
        return r;
    if (memcmp(b, "regf", 4) != 0)
        return FAIL(err, ERR_CORRUPT, "no hive: it does not begin with regf");
    for (size_t i = 0; i < 508; i += 4)
        sum ^= load_le32(b + i);
    if (sum == UINT32_MAX)
        sum = UINT32_MAX - 1;
    else if (sum == 0)
        sum = 1;
    if (sum != load_le32(b + 508))
        return FAIL(err, ERR_CORRUPT, "hive: checksum of the first block");
    if (load_le32(b + 20) != 1 || load_le32(b + 24) < 3 || load_le32(b + 24) > 6)
        return FAIL(err, ERR_UNSUPPORTED, "hive: version %" PRIu32 ".%" PRIu32,
                    load_le32(b + 20), load_le32(b + 24));
    h.dirty = load_le32(b + 4) != load_le32(b + 8);
    h.root = load_le32(b + 36);
    h.size = load_le32(b + 40);
    if (h.size % BIN_MIN || !range_within(BASE, h.size, dev->size))
        return FAIL(err, ERR_CORRUPT,
                    "hive: %" PRIu32 " bytes of bins in a file of %" PRIu64, h.size,
                    dev->size);
    *ret = h;
    return 0;
}

/* n bytes at `skip` of the cell's content, which begins behind its size. */
static int cell_read(struct hive *h, uint32_t cell, uint32_t skip, void *buf, size_t n,
                     struct err *err)
{
    uint8_t raw[4];
    uint32_t size;
    int r;

    if (++h->steps > HIVE_STEPS_MAX)
        return FAIL(err, ERR_LIMIT, "hive: more than %d cells read", HIVE_STEPS_MAX);
    if (cell % 8 || !range_within(cell, 8, h->size))
        return FAIL(err, ERR_CORRUPT, "hive: no cell at %" PRIu32, cell);
    r = block_read(h->dev, raw, sizeof raw, BASE + (uint64_t)cell, err);
    if (r < 0)
        return r;
    size = 0u - load_le32(raw); /* negative: in use */
    if (size < 8 || size > INT32_MAX || !range_within(cell, size, h->size) ||
        !range_within(skip, n, size - 4))
        return FAIL(err, ERR_CORRUPT, "hive: cell at %" PRIu32 ": %zu bytes at %" PRIu32,
                    cell, n, skip);
    return block_read(h->dev, buf, n, BASE + (uint64_t)cell + 4 + skip, err);
}

/* A name of n bytes as UTF-8. */
static int name_read(struct hive *h, uint32_t cell, uint32_t skip, uint16_t n,
                     bool latin1, char ret[HIVE_NAME_MAX], struct err *err)
{
    uint8_t raw[HIVE_NAME_MAX / 2], wide[HIVE_NAME_MAX];
    int r;

    ret[0] = '\0';
    if (n > sizeof raw)
        return FAIL(err, ERR_CORRUPT, "hive: name of %u bytes", n);
    r = cell_read(h, cell, skip, raw, n, err);
    if (r < 0)
        return r;
    for (size_t i = 0; latin1 && i < n; i++) {
        wide[2 * i] = raw[i];
        wide[2 * i + 1] = 0;
    }
    text_utf16le(ret, HIVE_NAME_MAX,
                 latin1 ? bytes_of(wide, 2 * (size_t)n) : bytes_of(raw, n));
    return 0;
}

static int key_head(struct hive *h, uint32_t key, uint8_t raw[NK_HEAD], struct err *err)
{
    int r = cell_read(h, key, 0, raw, NK_HEAD, err);

    if (r == 0 && memcmp(raw, "nk", 2) != 0)
        return FAIL(err, ERR_CORRUPT, "hive: cell at %" PRIu32 " is no key", key);
    return r;
}

struct each {
    hive_key_fn *fn;
    void *arg;
};

static int each_in(struct hive *h, uint32_t list, unsigned depth, const struct each *e,
                   struct err *err)
{
    uint8_t head[4], raw[8];
    unsigned count, unit;
    int r = cell_read(h, list, 0, head, sizeof head, err);

    if (r < 0)
        return r;
    count = load_le16(head + 2);
    unit = memcmp(head, "lf", 2) == 0 || memcmp(head, "lh", 2) == 0 ? 8 : 4;
    if (unit == 4 && memcmp(head, "li", 2) != 0 && memcmp(head, "ri", 2) != 0)
        return FAIL(err, ERR_CORRUPT, "hive: cell at %" PRIu32 " is no list of keys",
                    list);
    for (unsigned i = 0; i < count; i++) {
        r = cell_read(h, list, 4 + i * unit, raw, unit, err);
        if (r < 0)
            return r;
        if (memcmp(head, "ri", 2) == 0) {
            if (depth + 1 == LISTS_DEEP)
                return FAIL(err, ERR_CORRUPT, "hive: lists of lists of lists");
            r = each_in(h, load_le32(raw), depth + 1, e, err);
        } else {
            uint8_t nk[NK_HEAD];
            char name[HIVE_NAME_MAX];
            uint32_t key = load_le32(raw);

            r = key_head(h, key, nk, err);
            if (r == 0)
                r = name_read(h, key, NK_HEAD, load_le16(nk + 72),
                              load_le16(nk + 2) & KEY_LATIN1, name, err);
            if (r == 0)
                r = e->fn(e->arg, h, key, name, err);
        }
        if (r)
            return r;
    }
    return 0;
}

int hive_each(struct hive *h, uint32_t key, hive_key_fn *fn, void *arg, struct err *err)
{
    const struct each e = {fn, arg};
    uint8_t nk[NK_HEAD];
    int r = key_head(h, key, nk, err);

    if (r < 0 || load_le32(nk + 20) == 0 || load_le32(nk + 28) == (uint32_t)NO_CELL)
        return r;
    return each_in(h, load_le32(nk + 28), 0, &e, err);
}

static bool same_name(const char *a, const char *b, size_t bn)
{
    if (strlen(a) != bn)
        return false;
    for (size_t i = 0; i < bn; i++) {
        char x = a[i], y = b[i];

        if (x >= 'A' && x <= 'Z')
            x = (char)(x + 32);
        if (y >= 'A' && y <= 'Z')
            y = (char)(y + 32);
        if (x != y)
            return false;
    }
    return true;
}

struct search {
    const char *name;
    size_t n;
    uint32_t key;
};

static int match(void *arg, struct hive *h, uint32_t key, const char *name,
                 struct err *err)
{
    struct search *s = arg;

    (void)h, (void)err;
    s->key = key;
    return same_name(name, s->name, s->n);
}

int hive_find(struct hive *h, uint32_t from, const char *path, uint32_t *ret,
              struct err *err)
{
    uint32_t key = from;

    while (*path) {
        struct search s = {.name = path, .n = strcspn(path, "\\")};
        int r = hive_each(h, key, match, &s, err);

        if (r <= 0)
            return r;
        key = s.key;
        path += s.n;
        path += *path == '\\';
    }
    *ret = key;
    return 1;
}

/* The bytes of a value: inside its own cell, in another, or in several. */
static int value_data(struct hive *h, const uint8_t *vk, struct buf *data,
                      struct err *err)
{
    uint32_t n = load_le32(vk + 4), cell = load_le32(vk + 8), list;
    uint8_t head[8], raw[4];
    int r;

    if (n & 0x80000000u) {
        n &= 0x7fffffff;
        return buf_append(data, vk + 8, min_size(n, 4), err);
    }
    if (n > HIVE_VALUE_MAX)
        return FAIL(err, ERR_LIMIT, "hive: value of %" PRIu32 " bytes", n);
    r = buf_reserve(data, n, err);
    if (r < 0 || n == 0)
        return r;
    if (n > BIG_PIECE) {
        r = cell_read(h, cell, 0, head, sizeof head, err);
        if (r < 0)
            return r;
    }
    if (n <= BIG_PIECE || memcmp(head, "db", 2) != 0) {
        r = cell_read(h, cell, 0, data->p, n, err);
        if (r == 0)
            data->n = n;
        return r;
    }
    list = load_le32(head + 4);
    for (uint32_t i = 0; data->n < n && i < load_le16(head + 2); i++) {
        size_t piece = min_size(n - data->n, BIG_PIECE);

        r = cell_read(h, list, i * 4, raw, sizeof raw, err);
        if (r == 0)
            r = cell_read(h, load_le32(raw), 0, data->p + data->n, piece, err);
        if (r < 0)
            return r;
        data->n += piece;
    }
    return data->n == n ? 0 : FAIL(err, ERR_CORRUPT, "hive: a value ends too early");
}

int hive_value(struct hive *h, uint32_t key, const char *name, uint32_t *type,
               struct buf *data, struct err *err)
{
    uint8_t nk[NK_HEAD], vk[VK_HEAD], raw[4];
    int r = key_head(h, key, nk, err);
    uint32_t count = r == 0 ? load_le32(nk + 36) : 0;

    buf_clear(data);
    for (uint32_t i = 0; i < count; i++) {
        char got[HIVE_NAME_MAX];
        uint32_t cell;

        r = cell_read(h, load_le32(nk + 40), i * 4, raw, sizeof raw, err);
        if (r < 0)
            return r;
        cell = load_le32(raw);
        r = cell_read(h, cell, 0, vk, sizeof vk, err);
        if (r == 0 && memcmp(vk, "vk", 2) != 0)
            r = FAIL(err, ERR_CORRUPT, "hive: cell at %" PRIu32 " is no value", cell);
        if (r == 0)
            r = name_read(h, cell, VK_HEAD, load_le16(vk + 2),
                          load_le16(vk + 16) & VALUE_LATIN1, got, err);
        if (r < 0)
            return r;
        if (!same_name(got, name, strlen(name)))
            continue;
        *type = load_le32(vk + 12);
        r = value_data(h, vk, data, err);
        return r < 0 ? r : 1;
    }
    return r;
}

int hive_text(struct hive *h, uint32_t key, const char *name, char *ret, size_t cap,
              struct err *err)
{
    AUTO(buf_fini) struct buf data = {.max = HIVE_VALUE_MAX};
    uint32_t type;
    int r = hive_value(h, key, name, &type, &data, err);

    ret[0] = '\0';
    if (r <= 0)
        return r;
    if (type != HIVE_SZ && type != HIVE_EXPAND_SZ && type != HIVE_MULTI_SZ)
        return 0;
    text_utf16le(ret, cap, buf_bytes(&data));
    return 1;
}

int hive_number(struct hive *h, uint32_t key, const char *name, uint32_t *ret,
                struct err *err)
{
    AUTO(buf_fini) struct buf data = {.max = HIVE_VALUE_MAX};
    uint32_t type;
    int r = hive_value(h, key, name, &type, &data, err);

    if (r <= 0)
        return r;
    if (type != HIVE_DWORD || data.n != 4)
        return 0;
    *ret = load_le32((const uint8_t *)data.p);
    return 1;
}
