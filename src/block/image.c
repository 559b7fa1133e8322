/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image.c: names, faults, and how large a qcow2 would be */
#include "block/image.h"

#include <stdarg.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

static const char *const format_names[IMAGE_FORMAT_MAX] = {
    [IMAGE_UNKNOWN] = "unknown", [IMAGE_RAW] = "raw",   [IMAGE_QCOW2] = "qcow2",
    [IMAGE_VHD] = "vhd",         [IMAGE_VMDK] = "vmdk",
};

static const struct {
    const char *name, *check, *sentence;
} faults[IMAGE_FAULT_MAX] = {
#define FAULT(symbol, name, check, sentence) \
    [IMAGE_FAULT_##symbol] = {name, check, sentence},
#include "block/faults.def"
#undef FAULT
};

const char *image_format_name(enum image_format format)
{
    return format < IMAGE_FORMAT_MAX ? format_names[format] : "unknown";
}

enum image_format image_format_from_name(const char *name)
{
    if (strcmp(name, "vpc") == 0) /* what qemu calls it */
        return IMAGE_VHD;
    for (int i = 0; i < IMAGE_FORMAT_MAX; i++)
        if (strcmp(name, format_names[i]) == 0)
            return (enum image_format)i;
    return IMAGE_FORMAT_MAX;
}

const char *image_fault_name(enum image_fault fault)
{
    return fault < IMAGE_FAULT_MAX ? faults[fault].name : "unknown";
}

enum image_fault image_fault_from_name(const char *name)
{
    for (int i = 0; i < IMAGE_FAULT_MAX; i++)
        if (strcmp(name, faults[i].name) == 0)
            return (enum image_fault)i;
    return IMAGE_FAULT_MAX;
}

const char *image_fault_check(enum image_fault fault)
{
    return fault < IMAGE_FAULT_MAX ? faults[fault].check : "";
}

const char *image_fault_sentence(enum image_fault fault)
{
    return fault < IMAGE_FAULT_MAX ? faults[fault].sentence : "";
}

int image_fault_set(struct image_ctx *ctx, enum image_fault fault, struct err *err,
                    enum err_code code, const char *file, int line, const char *fmt, ...)
{
    char text[ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (ctx->info->fault == IMAGE_FAULT_NONE) {
        ctx->info->fault = fault;
        snprintf(ctx->info->fault_detail, sizeof ctx->info->fault_detail, "%.*s",
                 IMAGE_DETAIL_MAX - 1, text);
    }
    return err_set(err, code, 0, file, line, "%s", text);
}

enum {
    QCOW2_CLUSTER = 64 << 10,
    QCOW2_L2_ENTRIES = QCOW2_CLUSTER / 8, /* so one L2 table maps 512 MiB */
    QCOW2_REFCOUNTS = QCOW2_CLUSTER / 2,  /* 16-bit counts in one refcount block */
    QCOW2_REFTABLE_ENTRIES = QCOW2_CLUSTER / 8,
};

static const uint64_t qcow2_l2_span = (uint64_t)QCOW2_L2_ENTRIES * QCOW2_CLUSTER;

uint64_t image_qcow2_layout(uint64_t virtual_size, uint64_t l2_tables,
                            uint64_t data_clusters)
{
    uint64_t l1 =
        max_u64(div_up(div_up(virtual_size, qcow2_l2_span), QCOW2_L2_ENTRIES), 1);
    uint64_t blocks = 1, table = 1, payload, n;

    if (!checked_add(&payload, 1 + l1, l2_tables) ||
        !checked_add(&payload, payload, data_clusters) ||
        payload > UINT64_MAX / QCOW2_CLUSTER)
        return UINT64_MAX;
    /* Refcounts count the clusters they lie in themselves. */
    for (;;) {
        n = payload + blocks + table;
        if (blocks == div_up(n, QCOW2_REFCOUNTS) &&
            table == div_up(blocks, QCOW2_REFTABLE_ENTRIES))
            break;
        blocks = div_up(n, QCOW2_REFCOUNTS);
        table = div_up(blocks, QCOW2_REFTABLE_ENTRIES);
    }
    return n > UINT64_MAX / QCOW2_CLUSTER ? UINT64_MAX : n * QCOW2_CLUSTER;
}

uint64_t image_qcow2_size(uint64_t virtual_size, uint64_t data_clusters)
{
    return image_qcow2_layout(virtual_size,
                              min_u64(div_up(virtual_size, qcow2_l2_span), data_clusters),
                              data_clusters);
}

/* How many units of `unit` bytes [off, end) touches that were not yet counted; *next is
 * the first unit that was not. */
static uint64_t count_units(uint64_t *next, uint64_t off, uint64_t end, uint64_t unit)
{
    uint64_t first = max_u64(*next, off / unit), last = div_up(end, unit);
    uint64_t n = last > first ? last - first : 0;

    *next = max_u64(*next, last);
    return n;
}

int image_qcow2_bound(struct block *disk, uint64_t *ret, struct err *err)
{
    uint64_t clusters = 0, tables = 0, next_cluster = 0, next_table = 0;

    for (uint64_t off = 0; off < disk->size;) {
        struct extent e;
        int r = block_extent(disk, &e, off, err);

        if (r < 0)
            return r;
        if (e.kind == EXTENT_DATA) {
            clusters += count_units(&next_cluster, off, off + e.length, QCOW2_CLUSTER);
            tables += count_units(&next_table, off, off + e.length, qcow2_l2_span);
        }
        off += e.length;
    }
    *ret = image_qcow2_layout(disk->size, tables, clusters);
    return 0;
}

/* Counts the clusters of [off, off + n) in buf that hold a byte, and the L2 tables for
 * them.  off is a multiple of the cluster. */
static void count_nonzero(uint64_t *clusters, uint64_t *tables, uint64_t *next_table,
                          const uint8_t *buf, size_t n, uint64_t off)
{
    for (size_t at = 0; at < n; at += QCOW2_CLUSTER) {
        size_t len = min_size(QCOW2_CLUSTER, n - at);

        if (bytes_are_zero((struct bytes){buf + at, len}))
            continue;
        *clusters += 1;
        *tables += count_units(next_table, off + at, off + at + len, qcow2_l2_span);
    }
}

int image_qcow2_scan(struct block *disk, uint64_t limit, uint64_t *ret, struct err *err)
{
    enum { BATCH = 16 * QCOW2_CLUSTER };
    AUTO(freep) uint8_t *buf = malloc(BATCH);
    uint64_t clusters = 0, tables = 0, next_table = 0, off = 0, size = 0;

    if (!buf)
        return FAIL(err, ERR_NOMEM, "scan");
    while (off < disk->size &&
           (size = image_qcow2_layout(disk->size, tables, clusters)) <= limit) {
        size_t n = (size_t)min_u64(BATCH, disk->size - off);
        struct extent e;
        int r = block_extent(disk, &e, off, err);

        if (r < 0)
            return r;
        if (e.kind != EXTENT_DATA && e.length >= QCOW2_CLUSTER) {
            off += round_down(e.length, QCOW2_CLUSTER);
            continue;
        }
        r = block_read(disk, buf, n, off, err);
        if (r < 0)
            return r;
        count_nonzero(&clusters, &tables, &next_table, buf, n, off);
        off += n;
    }
    *ret = image_qcow2_layout(disk->size, tables, clusters);
    return 0;
}
