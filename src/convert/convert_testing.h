/* SPDX-License-Identifier: GPL-2.0-or-later */
/* convert_testing.h: disks to convert, files in memory to write.  Include after cmocka.h.
 */
#pragma once

#include "convert/convert.h"

enum { KIB = 1024, MIB = 1024 * KIB };

/* ---- a disk out of a table: data where a piece says so, holes elsewhere */

enum fill {
    ZEROS,
    NOISE, /* does not compress */
    TEXT,  /* does */
};

struct piece {
    uint64_t offset, length;
    enum fill fill;
};

struct disk {
    struct block block;
    const struct piece *pieces;
    unsigned count;
    bool solid; /* owns to no holes */
};

int testing_disk_read(struct block *b, void *buf, size_t n, uint64_t off,
                      struct err *err);
int testing_disk_extent(struct block *b, struct extent *ret, uint64_t off,
                        struct err *err);
void testing_disk_close(struct block *b);
extern const struct block_driver testing_disk_driver;

#define DISK(name, bytes, list, full)                                                  \
    struct disk name = {.pieces = (list), .count = ARRAY_SIZE(list), .solid = (full)}; \
    block_init(&name.block, &testing_disk_driver, (bytes))

/* A disk with all that matters, of so many pieces. */
enum { MIXED_SIZE = 15 * MIB + 77, MIXED_PIECES = 13 };
extern const struct piece mixed[MIXED_PIECES];

/* ---- outputs */

/* Empty, in memory. */
int testing_file(void);
uint64_t testing_size(int fd);
void testing_read(int fd, void *buf, size_t n, uint64_t off);
bool testing_same(int a, int b);

/* ---- everything that is written, with every kind of compression it holds */

struct testing_kind {
    const char *name;
    enum image_format format;
    const char *kind;
    enum convert_compression compression;
    uint32_t cluster;
    uint64_t unit; /* the disk is rounded up to it */
};

enum { TESTING_KINDS = 13 };
extern const struct testing_kind testing_kinds[TESTING_KINDS];

/* direct as in struct convert_options. */
int convert_direct(struct convert_result *ret, int fd, int direct, struct block *source,
                   const struct testing_kind *k, unsigned threads, struct err *err);
int convert_kind(struct convert_result *ret, int fd, struct block *source,
                 const struct testing_kind *k, unsigned threads, struct err *err);
