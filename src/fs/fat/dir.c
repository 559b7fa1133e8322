/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dir.c: directory entries, short and long names */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "fs/fat/fat.h"

enum {
    LONG_UNITS = 13,   /* UTF-16 units of one entry */
    LONG_ENTRIES = 20, /* entries of one long name */
    LONG_LAST = 0x40,  /* marks the entry that is stored first and holds the name's end */
    DELETED = 0xe5,
    LOWER_BASE = 0x08, /* a short name that is written in small letters */
    LOWER_EXTENSION = 0x10,
};

/* A long name under way: its pieces stand in front of the short entry, the last first. */
struct long_name {
    unsigned left;    /* pieces still to come; 0 and n: complete */
    unsigned entries; /* 0: none under way */
    uint8_t sum;      /* of the short name it belongs to */
    uint8_t raw[LONG_ENTRIES * LONG_UNITS * 2];
};

struct found {
    uint64_t at; /* bytes on the device */
    const uint8_t *raw;
    size_t name_n, short_n;
    char name[FS_NAME_MAX + 1]; /* the long one where there is one */
    char short_name[FS_NAME_MAX + 1];
};

typedef int found_fn(void *arg, struct fat *f, const struct found *e, struct err *err);

static uint8_t short_sum(const uint8_t *raw)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < 11; i++)
        sum = ((sum & 1) << 7 | (sum & 0xff) >> 1) + raw[i];
    return (uint8_t)sum;
}

static void long_add(struct long_name *l, const uint8_t *raw)
{
    unsigned number = raw[0] & 0x3f;
    uint8_t *to;

    if (raw[0] & LONG_LAST) {
        memset(l->raw, 0, sizeof l->raw);
        l->entries = l->left = number;
        l->sum = raw[13];
    }
    if (!number || number > LONG_ENTRIES || number != l->left || raw[13] != l->sum) {
        l->entries = l->left = 0;
        return;
    }
    l->left--;
    to = l->raw + (size_t)l->left * LONG_UNITS * 2;
    memcpy(to, raw + 1, 10);
    memcpy(to + 10, raw + 14, 12);
    memcpy(to + 22, raw + 28, 4);
}

/* 0: there is none, or none that a path could hold. */
static size_t long_take(struct long_name *l, const uint8_t *raw,
                        char ret[FS_NAME_MAX + 1])
{
    char name[LONG_ENTRIES * LONG_UNITS * 3 + 4];
    size_t n;

    if (!l->entries || l->left || l->sum != short_sum(raw))
        return 0;
    n = text_utf16le(name, sizeof name,
                     bytes_of(l->raw, (size_t)l->entries * LONG_UNITS * 2));
    if (n > FS_NAME_MAX || memchr(name, '/', n) || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return 0;
    memcpy(ret, name, n + 1);
    return n;
}

static size_t put_short(char *to, const uint8_t *raw, size_t n, bool lower)
{
    size_t out = 0;

    while (n && raw[n - 1] == ' ')
        n--;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = raw[i];

        if (lower && c >= 'A' && c <= 'Z')
            c = (uint8_t)(c + ('a' - 'A'));
        /* Which code page it was is not stored. */
        if (c < 0x20 || c >= 0x7f || c == '/')
            c = '_';
        to[out++] = (char)c;
    }
    return out;
}

static size_t short_take(const uint8_t *raw, char ret[FS_NAME_MAX + 1])
{
    size_t n = put_short(ret, raw, 8, raw[12] & LOWER_BASE), ext;

    ret[n] = '.';
    ext = put_short(ret + n + 1, raw + 8, 3, raw[12] & LOWER_EXTENSION);
    if (ext)
        n += 1 + ext;
    ret[n] = 0;
    return n;
}

/* One entry: what `fn` says, 0 to go on. */
static int one_entry(struct fat *f, struct long_name *l, const uint8_t *raw, uint64_t at,
                     found_fn *fn, void *arg, struct err *err)
{
    struct found e = {.at = at, .raw = raw};

    if (raw[0] == DELETED) {
        l->entries = 0;
        return 0;
    }
    if ((raw[11] & 0x3f) == FAT_ATTR_LONG) {
        long_add(l, raw);
        return 0;
    }
    e.short_n = short_take(raw, e.short_name);
    e.name_n = long_take(l, raw, e.name);
    l->entries = 0;
    if ((raw[11] & FAT_ATTR_VOLUME) || raw[0] == '.' || !e.short_n)
        return 0;
    if (!e.name_n) {
        e.name_n = e.short_n;
        memcpy(e.name, e.short_name, sizeof e.name);
    }
    return fn(arg, f, &e, err);
}

/* The entries of [at, at + n) of the device: 1 and *stop when the directory ends there or
 * `fn` stopped, with what it said in *said. */
static int some_entries(struct fat *f, struct long_name *l, uint64_t at, uint64_t n,
                        found_fn *fn, void *arg, int *said, struct err *err)
{
    uint8_t raw[1024];

    while (n) {
        size_t len = (size_t)min_u64(n, sizeof raw);
        int r = block_read(f->cache, raw, len, at, err);

        if (r < 0)
            return r;
        for (size_t i = 0; i + FAT_ENTRY <= len; i += FAT_ENTRY) {
            if (raw[i] == 0)
                return 1;
            *said = one_entry(f, l, raw + i, at + i, fn, arg, err);
            if (*said)
                return 1;
        }
        at += len;
        n -= len;
    }
    return 0;
}

static uint32_t first_cluster(const struct fat *f, const uint8_t *raw)
{
    uint32_t high = f->bits == 32 ? load_le16(raw + 20) : 0;

    return high << 16 | load_le16(raw + 26);
}

static int each(struct fat *f, uint32_t cluster, found_fn *fn, void *arg, struct err *err)
{
    struct long_name l = {0};
    uint64_t done = 0;
    int r, said = 0;

    if (!cluster) {
        r = some_entries(f, &l, f->root_start, f->root_bytes, fn, arg, &said, err);
        return r < 0 ? r : said;
    }
    if (cluster < FAT_FIRST || cluster - FAT_FIRST >= f->clusters)
        return FAIL(err, ERR_CORRUPT, "directory in cluster %" PRIu32, cluster);
    do {
        r = some_entries(f, &l, fat_cluster_at(f, cluster), f->cluster_size, fn, arg,
                         &said, err);
        if (r)
            return r < 0 ? r : said;
        done += f->cluster_size;
        if (done >= FAT_DIR_MAX)
            return FAIL(err, ERR_CORRUPT, "directory of more than %d bytes", FAT_DIR_MAX);
        r = fat_next(f, &cluster, err);
    } while (r == 1);
    return r;
}

/* Times are the local ones of a zone that is not stored; taken as UTC. */
static int64_t dos_time(uint16_t date, uint16_t time)
{
    static const uint16_t before[] = {0,   31,  59,  90,  120, 151,
                                      181, 212, 243, 273, 304, 334};
    unsigned year = 1980 + (date >> 9), month = date >> 5 & 15, day = date & 31;
    int64_t days;

    if (month < 1 || month > 12 || day < 1)
        return 0;
    days = (int64_t)(year - 1970) * 365 + (year - 1969) / 4 - (year > 2100) +
           before[month - 1] + (day - 1);
    if (month > 2 && year % 4 == 0 && year != 2100)
        days++;
    return days * 86400 + (time >> 11) * 3600 + (time >> 5 & 63) * 60 + (time & 31) * 2;
}

static void fill_stat(struct fs_stat *ret, const uint8_t *raw, uint64_t at)
{
    bool dir = raw[11] & FAT_ATTR_DIR;
    uint32_t write = raw[11] & FAT_ATTR_READ_ONLY ? 0 : 0200;

    *ret = (struct fs_stat){
        .ino = at / FAT_ENTRY,
        .type = dir ? FS_DIR : FS_REG,
        .mode = (dir ? 0040555u : 0100444u) | write,
        .size = dir ? 0 : load_le32(raw + 28),
        .mtime = dos_time(load_le16(raw + 24), load_le16(raw + 22)),
    };
}

static int entry_of(struct fat *f, uint64_t ino, uint8_t raw[FAT_ENTRY], struct err *err)
{
    uint64_t start = f->root_bytes ? f->root_start : f->data_start,
             end = f->data_start + (uint64_t)f->clusters * f->cluster_size;

    if (ino < start / FAT_ENTRY || ino >= end / FAT_ENTRY)
        return FAIL(err, ERR_CORRUPT, "no directory entry %" PRIu64, ino);
    return block_read(f->cache, raw, FAT_ENTRY, ino * FAT_ENTRY, err);
}

int fat_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err)
{
    struct fat *f = fat_of(fs);
    uint8_t raw[FAT_ENTRY];
    int r;

    if (ino == FAT_ROOT) {
        *ret = (struct fs_stat){.ino = FAT_ROOT, .type = FS_DIR, .mode = 0040755};
        return 0;
    }
    r = entry_of(f, ino, raw, err);
    if (r == 0)
        fill_stat(ret, raw, ino * FAT_ENTRY);
    return r;
}

static int dir_cluster(struct fat *f, uint64_t dir, uint32_t *ret, struct err *err)
{
    uint8_t raw[FAT_ENTRY];
    int r;

    *ret = f->root_cluster;
    if (dir == FAT_ROOT)
        return 0;
    r = entry_of(f, dir, raw, err);
    if (r < 0)
        return r;
    *ret = first_cluster(f, raw);
    if (!(raw[11] & FAT_ATTR_DIR) || *ret < FAT_FIRST)
        return FAIL(err, ERR_CORRUPT, "directory entry %" PRIu64 " is no directory", dir);
    return 0;
}

struct search {
    struct fs_stat *ret;
    const char *name;
    size_t n;
};

static bool same_letters(const char *a, size_t an, const char *b, size_t bn)
{
    if (an != bn)
        return false;
    for (size_t i = 0; i < an; i++) {
        unsigned char x = (unsigned char)a[i], y = (unsigned char)b[i];

        if (x >= 'A' && x <= 'Z')
            x = (unsigned char)(x + 32);
        if (y >= 'A' && y <= 'Z')
            y = (unsigned char)(y + 32);
        if (x != y)
            return false;
    }
    return true;
}

static int match(void *arg, struct fat *f, const struct found *e, struct err *err)
{
    struct search *s = arg;

    (void)f, (void)err;
    if (!same_letters(s->name, s->n, e->name, e->name_n) &&
        !same_letters(s->name, s->n, e->short_name, e->short_n))
        return 0;
    fill_stat(s->ret, e->raw, e->at);
    return 1;
}

int fat_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
               size_t n, struct err *err)
{
    struct fat *f = fat_of(fs);
    struct search s = {ret, name, n};
    uint32_t cluster;
    int r = dir_cluster(f, dir, &cluster, err);

    return r < 0 ? r : each(f, cluster, match, &s, err);
}

struct listing {
    int (*fn)(void *arg, const struct fs_dirent *d, struct err *err);
    void *arg;
};

static int list_one(void *arg, struct fat *f, const struct found *e, struct err *err)
{
    struct listing *l = arg;
    struct fs_dirent d = {
        .ino = e->at / FAT_ENTRY,
        .type = e->raw[11] & FAT_ATTR_DIR ? FS_DIR : FS_REG,
        .type_known = true,
        .name_n = e->name_n,
    };

    (void)f;
    memcpy(d.name, e->name, e->name_n);
    return l->fn(l->arg, &d, err);
}

int fat_readdir(struct fs *fs, uint64_t dir,
                int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                void *arg, struct err *err)
{
    struct fat *f = fat_of(fs);
    struct listing l = {fn, arg};
    uint32_t cluster;
    int r = dir_cluster(f, dir, &cluster, err);

    return r < 0 ? r : each(f, cluster, list_one, &l, err);
}

int fat_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n, uint64_t off,
             struct err *err)
{
    struct fat *f = fat_of(fs);
    uint8_t raw[FAT_ENTRY];
    int r = entry_of(f, node->ino, raw, err);

    return r < 0 ? r : fat_chain_read(f, first_cluster(f, raw), buf, n, off, err);
}
