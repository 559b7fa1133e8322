/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2_make.h: for tests, small images in memory
 *
 *   cluster 0 header │ 1 refcount table │ 2 refcount block │ 3 L1 │ 4… as things are
 * added
 *
 * Refcounts are all zero: readers do not look at them.  Failures (memory) abort. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum qcow2_field { /* offsets in the header */
                   FIELD_VERSION = 4,
                   FIELD_BACKING_OFFSET = 8,
                   FIELD_BACKING_SIZE = 16,
                   FIELD_CLUSTER_BITS = 20,
                   FIELD_SIZE = 24,
                   FIELD_CRYPT = 32,
                   FIELD_L1_SIZE = 36,
                   FIELD_L1_OFFSET = 40,
                   FIELD_REFTABLE_OFFSET = 48,
                   FIELD_REFTABLE_CLUSTERS = 56,
                   FIELD_NB_SNAPSHOTS = 60,
                   FIELD_SNAPSHOTS_OFFSET = 64,
                   FIELD_INCOMPATIBLE = 72,
                   FIELD_COMPATIBLE = 80,
                   FIELD_AUTOCLEAR = 88,
                   FIELD_REFCOUNT_ORDER = 96,
                   FIELD_HEADER_LENGTH = 100,
                   FIELD_COMPRESSION = 104,
};

struct qcow2_make {
    uint8_t *p; /* the file so far */
    size_t n, cap;
    unsigned version, cluster_bits;
    bool extended, zstd;
    uint64_t cluster_size, size, l1_offset;
};

struct qcow2_make_options {
    unsigned version, cluster_bits;
    bool extended, zstd;
    uint64_t size; /* virtual */
};

void qcow2_make_init(struct qcow2_make *m, const struct qcow2_make_options *o);
void qcow2_make_fini(struct qcow2_make *m);

/* n fresh zeroed bytes at the end of the file, which is first padded to `align`; their
 * offset. */
uint64_t qcow2_make_room(struct qcow2_make *m, size_t n, uint64_t align);

/* Offset of the L2 entry of a guest cluster; adds its table when there is none. */
uint64_t qcow2_make_entry(struct qcow2_make *m, uint64_t guest);

/* Guest clusters, by number.  Each returns the offset in the file. */
uint64_t qcow2_make_data(struct qcow2_make *m, uint64_t guest, const uint8_t *data);
uint64_t qcow2_make_compressed(struct qcow2_make *m, uint64_t guest, const uint8_t *data);
uint64_t qcow2_make_subclusters(struct qcow2_make *m, uint64_t guest, const uint8_t *data,
                                uint32_t stored, uint32_t zero);
/* "Reads as zeros", with a cluster behind it or without. */
uint64_t qcow2_make_zero(struct qcow2_make *m, uint64_t guest, bool allocated);

/* Compress as QEMU does: raw deflate with a window of 4 KiB, or one zstd frame.  The
 * size. */
size_t qcow2_make_deflate(uint8_t *to, size_t cap, const uint8_t *data, size_t n);
size_t qcow2_make_zstd(uint8_t *to, size_t cap, const uint8_t *data, size_t n);

/* A header extension at `off`; the offset behind it. */
uint64_t qcow2_make_extension(struct qcow2_make *m, uint64_t off, uint32_t type,
                              const void *data, uint32_t n);

/* Writes a big-endian number of 1, 4 or 8 bytes into the file. */
void qcow2_poke(struct qcow2_make *m, uint64_t off, unsigned width, uint64_t value);

/* Bytes of one cluster that no other cluster has, and that compress to about half. */
void qcow2_make_pattern(uint8_t *to, size_t n, unsigned seed);
