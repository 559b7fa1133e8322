/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "convert/convert_testing.h"

static uint8_t noise(uint64_t off)
{
    uint64_t x = (off + 1) * UINT64_C(0x9e3779b97f4a7c15);

    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint8_t)(x >> 56 | 1);
}

static uint8_t fill_at(enum fill fill, uint64_t off)
{
    return fill == NOISE  ? noise(off)
           : fill == TEXT ? (uint8_t)("port of entry\n"[off % 14])
                          : 0;
}

int testing_disk_extent(struct block *b, struct extent *ret, uint64_t off,
                        struct err *err)
{
    struct disk *d = CONTAINER_OF(b, struct disk, block);
    uint64_t end = b->size;

    (void)err;
    *ret = (struct extent){EXTENT_HOLE, 0};
    for (unsigned i = 0; i < d->count && ret->kind == EXTENT_HOLE; i++) {
        const struct piece *p = &d->pieces[i];

        if (off >= p->offset && off - p->offset < p->length) {
            ret->kind = EXTENT_DATA;
            end = p->offset + p->length;
        } else if (p->offset > off) {
            end = min_u64(end, p->offset);
        }
    }
    ret->length = end - off;
    if (d->solid)
        *ret = (struct extent){EXTENT_DATA, b->size - off};
    return 0;
}

int testing_disk_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    struct disk *d = CONTAINER_OF(b, struct disk, block);
    bool touched = d->solid;

    memset(buf, 0, n);
    for (unsigned i = 0; i < d->count; i++) {
        const struct piece *p = &d->pieces[i];
        uint64_t from = max_u64(off, p->offset);
        uint64_t to = min_u64(off + n, p->offset + p->length);

        touched = touched || from < to;
        for (uint64_t at = from; at < to; at++)
            ((uint8_t *)buf)[at - off] = fill_at(p->fill, at);
    }
    return touched ? 0 : FAIL(err, ERR_IO, "a hole was read");
}

void testing_disk_close(struct block *b)
{
    (void)b;
}

const struct block_driver testing_disk_driver = {
    .name = "test disk",
    .read = testing_disk_read,
    .extent = testing_disk_extent,
    .close = testing_disk_close,
};

const struct piece mixed[MIXED_PIECES] = {
    {0, 1 * KIB, NOISE}, /* a disk that begins with text is refused */
    {1 * KIB, 3 * KIB, TEXT},
    {100 * KIB, 700, NOISE},
    {1 * MIB - 5, 10, TEXT},
    {2 * MIB, 3 * MIB, NOISE},
    {6 * MIB + 1, 2 * MIB, TEXT},
    {9 * MIB, 1 * MIB, ZEROS},
    {11 * MIB, 100 * KIB, NOISE},
    {12 * MIB, 100 * KIB, TEXT},
    {13 * MIB, 64 * KIB, NOISE},
    {13 * MIB + 64 * KIB, 64 * KIB, TEXT},
    {13 * MIB + 128 * KIB, 64 * KIB, NOISE},
    {13 * MIB + 192 * KIB, 700 * KIB, TEXT},
};

int testing_file(void)
{
    int fd = memfd_create("convert_testing", 0);

    assert_true(fd >= 0);
    return fd;
}

uint64_t testing_size(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return (uint64_t)st.st_size;
}

void testing_read(int fd, void *buf, size_t n, uint64_t off)
{
    assert_int_equal(pread(fd, buf, n, (off_t)off), n);
}

bool testing_same(int a, int b)
{
    static uint8_t pa[MIB], pb[MIB];
    uint64_t size = testing_size(a);

    if (size != testing_size(b))
        return false;
    for (uint64_t off = 0; off < size; off += MIB) {
        size_t n = (size_t)min_u64(MIB, size - off);

        testing_read(a, pa, n, off);
        testing_read(b, pb, n, off);
        if (memcmp(pa, pb, n) != 0)
            return false;
    }
    return true;
}

const struct testing_kind testing_kinds[TESTING_KINDS] = {
    {"qcow2", IMAGE_QCOW2, "", CONVERT_PLAIN, 0, 512},
    {"qcow2, zlib", IMAGE_QCOW2, "", CONVERT_ZLIB, 0, 512},
    {"qcow2, zstd", IMAGE_QCOW2, "", CONVERT_ZSTD, 0, 512},
    {"qcow2 of 512 B", IMAGE_QCOW2, "", CONVERT_PLAIN, 512, 512},
    {"qcow2 of 512 B, zlib", IMAGE_QCOW2, "", CONVERT_ZLIB, 512, 512},
    {"qcow2 of 4 KiB, zstd", IMAGE_QCOW2, "", CONVERT_ZSTD, 4 * KIB, 512},
    {"qcow2 of 2 MiB", IMAGE_QCOW2, "", CONVERT_PLAIN, 2 * MIB, 512},
    {"qcow2 of 2 MiB, zlib", IMAGE_QCOW2, "", CONVERT_ZLIB, 2 * MIB, 512},
    {"raw", IMAGE_RAW, "", CONVERT_PLAIN, 0, 512},
    {"vhd, dynamic", IMAGE_VHD, "", CONVERT_PLAIN, 0, MIB},
    {"vhd, fixed", IMAGE_VHD, "fixed", CONVERT_PLAIN, 0, MIB},
    {"vmdk, monolithicSparse", IMAGE_VMDK, "monolithicSparse", CONVERT_PLAIN, 0, 512},
    {"vmdk, streamOptimized", IMAGE_VMDK, "streamOptimized", CONVERT_USUAL, 0, 512},
};

int convert_direct(struct convert_result *ret, int fd, int direct, struct block *source,
                   const struct testing_kind *k, unsigned threads, struct err *err)
{
    return convert_run(ret,
                       &(struct convert_options){
                           .source = source,
                           .fd = fd,
                           .direct = direct,
                           .format = k->format,
                           .kind = k->kind,
                           .name = "a disk.vmdk",
                           .compression = k->compression,
                           .cluster = k->cluster,
                           .threads = threads,
                       },
                       err);
}

int convert_kind(struct convert_result *ret, int fd, struct block *source,
                 const struct testing_kind *k, unsigned threads, struct err *err)
{
    return convert_direct(ret, fd, 0, source, k, threads, err);
}
