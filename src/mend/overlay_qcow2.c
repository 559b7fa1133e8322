/* SPDX-License-Identifier: GPL-2.0-or-later */
/* overlay_qcow2.c: an overlay as a file that QEMU and our own reader take
 *
 * What is written is bounded by OVERLAY_CLUSTERS_MAX, so one refcount block counts all of
 * it and everything has its place before the first byte is written.  Specification:
 * docs/interop/qcow2.txt of QEMU. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "mend/overlay.h"

enum {
    CLUSTER = OVERLAY_CLUSTER,
    ENTRIES = CLUSTER / 8,         /* of a table of one cluster */
    REFCOUNTS = CLUSTER / 2,       /* of a refcount block */
    L1_MAX = 32 * 1024 * 1024 / 8, /* entries; QEMU opens no larger table */
    HEADER_SIZE = 104,
    EXTENSION_FORMAT = (int)0xe2792aca, /* of the base */
    AT_REFTABLE = 1,                    /* clusters of the file */
    AT_REFCOUNTS = 2,
    AT_L1 = 3,
};

#define FLAG_COPIED (UINT64_C(1) << 63) /* refcount is exactly one */

static_assert(AT_L1 + L1_MAX / ENTRIES + 2 * OVERLAY_CLUSTERS_MAX <= REFCOUNTS,
              "one refcount block counts all");

struct writer {
    int fd;
    uint64_t l1_entries;
    uint64_t tables; /* L2 tables */
    uint64_t at_l2, at_data;
    uint64_t l2, data;   /* of what comes next: its number */
    uint64_t l1_index;   /* of the table held */
    uint8_t *l1, *table; /* one table; all of L1 */
};

static void writer_fini(struct writer *w)
{
    free(w->l1);
    free(w->table);
}

static int put(int fd, const void *p, size_t n, uint64_t off, struct err *err)
{
    const uint8_t *from = p;

    while (n) {
        ssize_t done = pwrite(fd, from, n, (off_t)off);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return FAIL_SYS(err, errno, "write");
        from += done;
        off += (uint64_t)done;
        n -= (size_t)done;
    }
    return 0;
}

static int count_table(void *arg, uint64_t off, const uint8_t *p, size_t n,
                       struct err *err)
{
    struct writer *w = arg;
    uint64_t index = off / CLUSTER / ENTRIES;

    (void)p, (void)n, (void)err;
    if (w->tables == 0 || index != w->l1_index)
        w->tables++;
    w->l1_index = index;
    return 0;
}

static int put_table(struct writer *w, struct err *err)
{
    uint64_t at = (w->at_l2 + w->l2++) * CLUSTER;

    store_be64(w->l1 + w->l1_index * 8, at | FLAG_COPIED);
    return put(w->fd, w->table, CLUSTER, at, err);
}

static int put_cluster(void *arg, uint64_t off, const uint8_t *p, size_t n,
                       struct err *err)
{
    struct writer *w = arg;
    uint64_t cluster = off / CLUSTER, at = (w->at_data + w->data) * CLUSTER;
    int r = 0;

    if (w->data && cluster / ENTRIES != w->l1_index) {
        r = put_table(w, err);
        memset(w->table, 0, CLUSTER);
    }
    w->l1_index = cluster / ENTRIES;
    w->data++;
    store_be64(w->table + cluster % ENTRIES * 8, at | FLAG_COPIED);
    return r < 0 ? r : put(w->fd, p, n, at, err);
}

static int put_header(int fd, const struct overlay_file *f, uint64_t l1_entries,
                      struct err *err)
{
    size_t format = strlen(f->backing_format), name = strlen(f->backing);
    size_t padded = (format + 7) / 8 * 8;
    size_t at_name = HEADER_SIZE + 8 + padded + 8;
    uint8_t h[HEADER_SIZE + 8 + 64 + 8 + OVERLAY_BACKING_MAX] = {0};

    assert(padded <= 64 && name <= OVERLAY_BACKING_MAX);
    memcpy(h, "QFI\xfb", 4);
    store_be32(h + 4, 3);
    store_be64(h + 8, at_name);
    store_be32(h + 16, (uint32_t)name);
    store_be32(h + 20, OVERLAY_CLUSTER_BITS);
    store_be64(h + 24, f->size);
    store_be32(h + 36, (uint32_t)l1_entries);
    store_be64(h + 40, AT_L1 * CLUSTER);
    store_be64(h + 48, AT_REFTABLE * CLUSTER);
    store_be32(h + 56, 1);
    store_be32(h + 96, 4); /* refcounts of 16 bits */
    store_be32(h + 100, HEADER_SIZE);
    store_be32(h + HEADER_SIZE, (uint32_t)EXTENSION_FORMAT);
    store_be32(h + HEADER_SIZE + 4, (uint32_t)format);
    memcpy(h + HEADER_SIZE + 8, f->backing_format, format);
    memcpy(h + at_name, f->backing, name);
    return put(fd, h, at_name + name, 0, err);
}

static int put_refcounts(int fd, uint64_t clusters, struct err *err)
{
    AUTO(freep) uint8_t *block = calloc(1, CLUSTER);
    uint8_t entry[8];
    int r;

    if (!block)
        return FAIL(err, ERR_NOMEM, "refcount block");
    for (uint64_t i = 0; i < clusters; i++)
        store_be16(block + 2 * i, 1);
    r = put(fd, block, CLUSTER, AT_REFCOUNTS * CLUSTER, err);
    store_be64(entry, AT_REFCOUNTS * CLUSTER);
    return r < 0 ? r : put(fd, entry, sizeof entry, AT_REFTABLE * CLUSTER, err);
}

static int check_file(const struct overlay_file *f, struct err *err)
{
    if (f->size == 0 || f->size % 512)
        return FAIL(err, ERR_ARG, "disk of %" PRIu64 " bytes, need sectors of 512",
                    f->size);
    if (div_up(f->size, (uint64_t)CLUSTER * ENTRIES) > L1_MAX)
        return FAIL(err, ERR_LIMIT, "disk of %" PRIu64 " bytes, which no qcow2 can have",
                    f->size);
    if (!*f->backing || strlen(f->backing) > OVERLAY_BACKING_MAX)
        return FAIL(err, ERR_ARG, "name of the base: %zu bytes, need 1 to %d",
                    strlen(f->backing), OVERLAY_BACKING_MAX);
    if (strcmp(f->backing_format, "qcow2") != 0 && strcmp(f->backing_format, "raw") != 0)
        return FAIL(err, ERR_ARG, "format of the base: need qcow2 or raw");
    return 0;
}

static int put_changed(struct writer *w, struct overlay *changed, struct err *err)
{
    int r = overlay_each(changed, put_cluster, w, err);

    if (r == 0 && w->data)
        r = put_table(w, err);
    assert(r < 0 || (w->l2 == w->tables && w->data == overlay_clusters(changed)));
    return r < 0 ? r : put(w->fd, w->l1, w->l1_entries * 8, AT_L1 * CLUSTER, err);
}

int overlay_write_file(int fd, const struct overlay_file *file, struct overlay *changed,
                       struct err *err)
{
    AUTO(writer_fini) struct writer w = {.fd = fd};
    uint64_t clusters;
    int r = check_file(file, err);

    if (r < 0)
        return r;
    w.l1_entries = div_up(file->size, (uint64_t)CLUSTER * ENTRIES);
    if (changed)
        overlay_each(changed, count_table, &w, err);
    w.at_l2 = AT_L1 + div_up(w.l1_entries, ENTRIES);
    w.at_data = w.at_l2 + w.tables;
    clusters = w.at_data + (changed ? overlay_clusters(changed) : 0);
    w.l1 = calloc(w.l1_entries, 8);
    w.table = calloc(1, CLUSTER);
    if (!w.l1 || !w.table)
        return FAIL(err, ERR_NOMEM, "tables");
    /* All clusters are whole: a last one that is cut would not be there for QEMU. */
    if (ftruncate(fd, (off_t)(clusters * CLUSTER)) < 0)
        return FAIL_SYS(err, errno, "write");
    if (changed)
        r = put_changed(&w, changed, err);
    if (r == 0)
        r = put_refcounts(fd, clusters, err);
    return r < 0 ? r : put_header(fd, file, w.l1_entries, err);
}
