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
    h.sequence[0] = load_le32(b + 4);
    h.sequence[1] = load_le32(b + 8);
    h.dirty = h.sequence[0] != h.sequence[1];
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

/* ---- lists of keys */

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

/* Order of the first n bytes of the name against the prefix, as the lists have it. */
static int compare(const char *name, const char *prefix, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t a = (uint8_t)upper(name[i]), b = (uint8_t)upper(prefix[i]);

        if (a != b)
            return a < b ? -1 : 1;
    }
    return 0;
}

static bool same_name(const char *a, const char *b, size_t bn)
{
    return strlen(a) == bn && compare(a, b, bn) == 0;
}

/* What an "lh" list keeps beside each key. */
static uint32_t name_hash(const char *name, size_t n)
{
    uint32_t hash = 0;

    for (size_t i = 0; i < n; i++)
        hash = hash * 37 + (uint8_t)upper(name[i]);
    return hash;
}

struct each {
    hive_key_fn *fn;
    void *arg;
    const char *prefix; /* NULL: all */
    const char *only;   /* NULL: all; keys with another hash are passed over */
    size_t n;           /* bytes of either */
    bool ascii;         /* of `only`: its hash is the one that Windows makes */
};

struct list {
    uint32_t at;
    unsigned count, unit;
    bool hashed, of_lists;
};

static int list_open(struct list *ret, struct hive *h, uint32_t at, struct err *err)
{
    uint8_t head[4];
    int r = cell_read(h, at, 0, head, sizeof head, err);

    if (r < 0)
        return r;
    *ret = (struct list){.at = at, .count = load_le16(head + 2), .unit = 4};
    if (memcmp(head, "lf", 2) == 0 || memcmp(head, "lh", 2) == 0)
        ret->unit = 8;
    else if (memcmp(head, "li", 2) != 0 && memcmp(head, "ri", 2) != 0)
        return FAIL(err, ERR_CORRUPT, "hive: cell at %" PRIu32 " is no list of keys", at);
    ret->hashed = head[1] == 'h';
    ret->of_lists = head[0] == 'r';
    return 0;
}

static int key_name(struct hive *h, uint32_t key, char name[HIVE_NAME_MAX],
                    struct err *err)
{
    uint8_t nk[NK_HEAD];
    int r = key_head(h, key, nk, err);

    if (r < 0)
        return r;
    return name_read(h, key, NK_HEAD, load_le16(nk + 72), load_le16(nk + 2) & KEY_LATIN1,
                     name, err);
}

static int list_entry(struct hive *h, const struct list *l, unsigned i, uint8_t raw[8],
                      struct err *err)
{
    return cell_read(h, l->at, 4 + i * l->unit, raw, l->unit, err);
}

/* The first entry that is not before the prefix. */
static int list_search(struct hive *h, const struct list *l, const struct each *e,
                       unsigned *ret, struct err *err)
{
    unsigned low = 0, high = l->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        char name[HIVE_NAME_MAX];
        uint8_t raw[8];
        int r = list_entry(h, l, middle, raw, err);

        if (r == 0)
            r = key_name(h, load_le32(raw), name, err);
        if (r < 0)
            return r;
        /* A shorter name is before: its NUL is less than any letter. */
        if (compare(name, e->prefix, min_size(e->n, strlen(name) + 1)) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret = low;
    return 0;
}

static int each_key(struct hive *h, uint32_t key, const struct each *e, bool *past,
                    struct err *err)
{
    char name[HIVE_NAME_MAX];
    int r = key_name(h, key, name, err);

    if (r < 0)
        return r;
    *past = e->prefix && compare(name, e->prefix, min_size(e->n, strlen(name) + 1)) != 0;
    return *past ? 0 : e->fn(e->arg, h, key, name, err);
}

static int each_in(struct hive *h, uint32_t at, unsigned depth, const struct each *e,
                   struct err *err)
{
    struct list l;
    unsigned i = 0;
    bool past = false;
    int r = list_open(&l, h, at, err);

    if (r == 0 && e->prefix && !l.of_lists)
        r = list_search(h, &l, e, &i, err);
    if (r == 0 && l.of_lists && depth + 1 == LISTS_DEEP)
        r = FAIL(err, ERR_CORRUPT, "hive: lists of lists of lists");
    for (; r == 0 && i < l.count && !past; i++) {
        uint8_t raw[8];

        r = list_entry(h, &l, i, raw, err);
        if (r < 0)
            return r;
        if (l.of_lists)
            r = each_in(h, load_le32(raw), depth + 1, e, err);
        else if (!e->only || !e->ascii || !l.hashed ||
                 load_le32(raw + 4) == name_hash(e->only, e->n))
            r = each_key(h, load_le32(raw), e, &past, err);
    }
    return r;
}

static int each(struct hive *h, uint32_t key, const struct each *e, struct err *err)
{
    uint8_t nk[NK_HEAD];
    int r = key_head(h, key, nk, err);

    if (r < 0 || load_le32(nk + 20) == 0 || load_le32(nk + 28) == (uint32_t)NO_CELL)
        return r;
    return each_in(h, load_le32(nk + 28), 0, e, err);
}

int hive_each(struct hive *h, uint32_t key, hive_key_fn *fn, void *arg, struct err *err)
{
    return each(h, key, &(struct each){.fn = fn, .arg = arg}, err);
}

int hive_each_from(struct hive *h, uint32_t key, const char *prefix, hive_key_fn *fn,
                   void *arg, struct err *err)
{
    const struct each e = {
        .fn = fn,
        .arg = arg,
        .prefix = prefix,
        .n = strlen(prefix),
    };

    return each(h, key, &e, err);
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

static bool is_ascii(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((uint8_t)s[i] >= 0x80)
            return false;
    return true;
}

int hive_find(struct hive *h, uint32_t from, const char *path, uint32_t *ret,
              struct err *err)
{
    uint32_t key = from;

    while (*path) {
        struct search s = {.name = path, .n = strcspn(path, "\\")};
        const struct each e = {
            .fn = match,
            .arg = &s,
            .only = s.name,
            .n = s.n,
            .ascii = is_ascii(s.name, s.n),
        };
        int r = each(h, key, &e, err);

        if (r <= 0)
            return r;
        key = s.key;
        path += s.n;
        path += *path == '\\';
    }
    *ret = key;
    return 1;
}

/* ---- values */

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

/* Calls fn with each value's head and name. */
struct value_each {
    int (*fn)(struct value_each *e, const uint8_t vk[VK_HEAD], const char *name,
              struct err *err);
};

static int values(struct hive *h, uint32_t key, struct value_each *e, struct err *err)
{
    uint8_t nk[NK_HEAD], vk[VK_HEAD], raw[4];
    int r = key_head(h, key, nk, err);
    uint32_t count = r == 0 ? load_le32(nk + 36) : 0;

    for (uint32_t i = 0; r == 0 && i < count; i++) {
        char name[HIVE_NAME_MAX];
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
                          load_le16(vk + 16) & VALUE_LATIN1, name, err);
        if (r == 0)
            r = e->fn(e, vk, name, err);
    }
    return r;
}

struct value_names {
    struct value_each each;
    hive_value_fn *fn;
    void *arg;
};

static int tell_name(struct value_each *e, const uint8_t vk[VK_HEAD], const char *name,
                     struct err *err)
{
    struct value_names *v = CONTAINER_OF(e, struct value_names, each);

    return v->fn(v->arg, name, load_le32(vk + 12), err);
}

int hive_each_value(struct hive *h, uint32_t key, hive_value_fn *fn, void *arg,
                    struct err *err)
{
    struct value_names v = {.each.fn = tell_name, .fn = fn, .arg = arg};

    return values(h, key, &v.each, err);
}

struct value_search {
    struct value_each each;
    const char *name;
    uint8_t vk[VK_HEAD];
};

static int match_value(struct value_each *e, const uint8_t vk[VK_HEAD], const char *name,
                       struct err *err)
{
    struct value_search *s = CONTAINER_OF(e, struct value_search, each);

    (void)err;
    memcpy(s->vk, vk, VK_HEAD);
    return same_name(name, s->name, strlen(s->name));
}

int hive_value(struct hive *h, uint32_t key, const char *name, uint32_t *type,
               struct buf *data, struct err *err)
{
    struct value_search s = {.each.fn = match_value, .name = name};
    int r = values(h, key, &s.each, err);

    buf_clear(data);
    if (r <= 0)
        return r;
    *type = load_le32(s.vk + 12);
    r = value_data(h, s.vk, data, err);
    return r < 0 ? r : 1;
}

bool hive_next_text(struct bytes *rest, char *ret, size_t cap)
{
    size_t n = 0;

    while (n + 1 < rest->n && load_le16(rest->p + n) != 0)
        n += 2;
    if (n == 0)
        return false;
    text_utf16le(ret, cap, bytes_sub(*rest, 0, n));
    n = min_size(n + 2, rest->n);
    *rest = bytes_sub(*rest, n, rest->n - n);
    return true;
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
