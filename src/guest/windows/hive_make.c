/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/windows/hive_make.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

enum { BASE = 4096, BIN_HEAD = 32, BIG = 16344, PART = 100, PARTS_MAX = 64 };

static uint8_t *cell_at(struct hive_make *m, uint32_t cell)
{
    return m->image + BASE + cell + 4;
}

static uint32_t new_cell(struct hive_make *m, size_t n)
{
    uint32_t cell = m->used, size = (uint32_t)((n + 4 + 7) & ~(size_t)7);

    assert(BASE + (size_t)m->used + size < HIVE_MAKE_MAX);
    store_le32(m->image + BASE + cell, 0u - size);
    m->used += size;
    return cell;
}

void hive_make_init(struct hive_make *m, uint8_t *image)
{
    memset(image, 0, HIVE_MAKE_MAX);
    *m = (struct hive_make){.image = image, .used = BIN_HEAD};
}

/* A value that fits into no cell is a list of pieces. */
static uint32_t new_data(struct hive_make *m, const uint8_t *data, uint32_t n)
{
    uint32_t cell, list, head;

    if (n <= BIG) {
        cell = new_cell(m, n);
        memcpy(cell_at(m, cell), data, n);
        return cell;
    }
    list = new_cell(m, 4 * (n / BIG + 1));
    for (uint32_t at = 0, i = 0; at < n; at += BIG, i++) {
        uint32_t piece = n - at < BIG ? n - at : BIG;

        cell = new_cell(m, piece);
        memcpy(cell_at(m, cell), data + at, piece);
        store_le32(cell_at(m, list) + 4 * i, cell);
    }
    head = new_cell(m, 8);
    memcpy(cell_at(m, head), "db", 2);
    store_le16(cell_at(m, head) + 2, (uint16_t)(n / BIG + 1));
    store_le32(cell_at(m, head) + 4, list);
    return head;
}

uint32_t hive_make_value(struct hive_make *m, const char *name, uint32_t type,
                         const void *data, uint32_t n)
{
    size_t len = strlen(name);
    uint32_t cell = n > 4 ? new_data(m, data, n) : 0, vk = new_cell(m, 20 + len);
    uint8_t *p = cell_at(m, vk);

    memcpy(p, "vk", 2);
    store_le16(p + 2, (uint16_t)len);
    store_le32(p + 4, n > 4 ? n : n | 0x80000000u);
    store_le32(p + 8, cell);
    if (n <= 4)
        memcpy(p + 8, data, n);
    store_le32(p + 12, type);
    store_le16(p + 16, 1);
    memcpy(p + 20, name, len);
    return vk;
}

uint32_t hive_make_key(struct hive_make *m, const char *name, uint32_t list,
                       uint32_t list_n, const uint32_t *values, uint32_t values_n)
{
    size_t len = strlen(name);
    uint32_t cells = values_n ? new_cell(m, 4 * (size_t)values_n) : 0;
    uint32_t key = new_cell(m, 76 + len);
    uint8_t *p = cell_at(m, key);

    for (uint32_t i = 0; i < values_n; i++)
        store_le32(cell_at(m, cells) + 4 * i, values[i]);
    m->last_list = cells;
    memcpy(p, "nk", 2);
    store_le16(p + 2, 0x20);
    store_le32(p + 20, list_n);
    store_le32(p + 28, list_n ? list : UINT32_MAX);
    store_le32(p + 36, values_n);
    store_le32(p + 40, values_n ? cells : UINT32_MAX);
    store_le16(p + 72, (uint16_t)len);
    memcpy(p + 76, name, len);
    return key;
}

static uint32_t hash_of(struct hive_make *m, uint32_t key)
{
    const uint8_t *p = cell_at(m, key);
    uint32_t hash = 0;

    for (unsigned i = 0; i < load_le16(p + 72); i++) {
        uint8_t c = p[76 + i];

        hash = hash * 37 + (c >= 'a' && c <= 'z' ? c - 32u : c);
    }
    return hash;
}

uint32_t hive_make_list(struct hive_make *m, enum hive_make_list kind,
                        const uint32_t *keys, size_t n)
{
    static const char *const marks[] = {"lf", "lh", "li", "ri", "ri"};
    unsigned unit = kind == HIVE_MAKE_LF || kind == HIVE_MAKE_LH ? 8 : 4;
    uint32_t parts[PARTS_MAX], list;
    size_t parts_n = 0;

    if (kind == HIVE_MAKE_RI) {
        for (size_t at = 0; at < n; at += PART) {
            assert(parts_n < PARTS_MAX);
            parts[parts_n++] =
                hive_make_list(m, HIVE_MAKE_LH, keys + at, n - at < PART ? n - at : PART);
        }
        keys = parts;
        n = parts_n;
    }
    list = new_cell(m, 4 + n * unit);
    memcpy(cell_at(m, list), marks[kind], 2);
    store_le16(cell_at(m, list) + 2, (uint16_t)n);
    for (size_t i = 0; i < n; i++) {
        uint8_t *p = cell_at(m, list) + 4 + i * unit;

        store_le32(p, keys[i]);
        if (kind == HIVE_MAKE_LH)
            store_le32(p + 4, hash_of(m, keys[i]));
        else if (kind == HIVE_MAKE_LF)
            memcpy(p + 4, cell_at(m, keys[i]) + 76, 4);
    }
    return list;
}

uint32_t hive_make_last_list(const struct hive_make *m)
{
    return m->last_list;
}

size_t hive_make_size(const struct hive_make *m)
{
    return BASE + ((size_t)m->used + 4095) / 4096 * 4096;
}

void hive_make_sum(uint8_t *image)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < 508; i += 4)
        sum ^= load_le32(image + i);
    store_le32(image + 508, sum == UINT32_MAX ? UINT32_MAX - 1 : sum == 0 ? 1 : sum);
}

void hive_make_finish(struct hive_make *m, uint32_t root)
{
    uint8_t *p = m->image;

    memcpy(p, "regf", 4);
    store_le32(p + 4, 1);
    store_le32(p + 8, 1);
    store_le32(p + 20, 1);
    store_le32(p + 24, 5);
    store_le32(p + 32, 1);
    store_le32(p + 36, root);
    store_le32(p + 40, (uint32_t)(hive_make_size(m) - BASE));
    store_le32(p + 44, 1);
    memcpy(p + BASE, "hbin", 4);
    store_le32(p + BASE + 8, (uint32_t)(hive_make_size(m) - BASE));
    hive_make_sum(p);
}

/* ---- out of rows */

enum { KEYS_MAX = 64, VALUES_MAX = 16, PATH_N = 256, DEPTH_MAX = 12 };

static uint32_t row_value(struct hive_make *m, const struct hive_row *row)
{
    uint8_t wide[512], number[4];
    size_t n = 0;

    if (!row->text) {
        store_le32(number, row->number);
        return hive_make_value(m, row->name, HIVE_DWORD, number, 4);
    }
    do {
        assert(n + 2 <= sizeof wide);
        wide[n] = (uint8_t)row->text[n / 2];
        wide[n + 1] = 0;
        n += 2;
    } while (row->text[n / 2 - 1]);
    return hive_make_value(m, row->name, HIVE_SZ, wide, (uint32_t)n);
}

/* The next part of a path below `prefix`; 0 when it is none. */
static size_t part_below(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);

    if (strncmp(path, prefix, n) != 0 || (n && path[n] != '\\'))
        return 0;
    return strcspn(path + n + (n > 0), "\\");
}

static int by_name(const void *a, const void *b)
{
    return strcasecmp(a, b);
}

static uint32_t key_of_rows(struct hive_make *m, const struct hive_row *rows,
                            const char *prefix, unsigned depth)
{
    char names[KEYS_MAX][64];
    uint32_t keys[KEYS_MAX], values[VALUES_MAX], list;
    size_t n = 0, values_n = 0, skip = strlen(prefix) + (*prefix != '\0');
    const char *name = strrchr(prefix, '\\');

    assert(depth < DEPTH_MAX);
    for (const struct hive_row *row = rows; row->path; row++) {
        size_t len = part_below(row->path, prefix), i;

        if (strcmp(row->path, prefix) == 0 && row->name) {
            assert(values_n < VALUES_MAX);
            values[values_n++] = row_value(m, row);
        }
        for (i = 0; len && i < n; i++)
            if (strlen(names[i]) == len && memcmp(names[i], row->path + skip, len) == 0)
                break;
        if (len == 0 || i < n)
            continue;
        assert(n < KEYS_MAX && len < sizeof names[0]);
        memcpy(names[n], row->path + skip, len);
        names[n++][len] = '\0';
    }
    qsort(names, n, sizeof names[0], by_name);
    for (size_t i = 0; i < n; i++) {
        char path[PATH_N];

        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "\\" : "", names[i]);
        keys[i] = key_of_rows(m, rows, path, depth + 1);
    }
    list = n ? hive_make_list(m, HIVE_MAKE_LH, keys, n) : 0;
    return hive_make_key(m,
                         name      ? name + 1
                         : *prefix ? prefix
                                   : "ROOT",
                         list, (uint32_t)n, values, (uint32_t)values_n);
}

void hive_make_rows(struct hive_make *m, uint8_t *image, const struct hive_row *rows)
{
    hive_make_init(m, image);
    hive_make_finish(m, key_of_rows(m, rows, "", 0));
}
