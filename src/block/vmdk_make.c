/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/vmdk_make.h"

#include <assert.h>
#include <libdeflate.h>
#include <string.h>

#include "block/vmdk.h"

/* Grains in the order in which they are written. */
static const unsigned order[] = {2, 1, 9};
enum {
    STREAM_MAX = 64 << 10,
    PACKED_FLAGS = 1 | VMDK_FLAG_COMPRESSED | VMDK_FLAG_MARKERS
};

void vmdk_make_want(uint8_t *want)
{
    memset(want, 0, MAKE_DISK);
    for (size_t i = 0; i < ARRAY_SIZE(order); i++)
        for (unsigned j = 0; j < MAKE_GRAIN; j++) {
            size_t at = order[i] * MAKE_GRAIN + j;

            if (at < MAKE_DISK)
                want[at] = (uint8_t)(j / 16 * (order[i] + 3) + 1);
        }
}

static void put_header(uint8_t *p, uint32_t version, uint32_t flags, uint64_t directory)
{
    memset(p, 0, MAKE_SECTOR);
    memcpy(p, "KDMV", 4);
    store_le32(p + FIELD_VERSION, version);
    store_le32(p + FIELD_FLAGS, flags);
    store_le64(p + FIELD_CAPACITY, MAKE_CAPACITY);
    store_le64(p + FIELD_GRAIN_SIZE, MAKE_GRAIN_SECTORS);
    store_le64(p + FIELD_DESC_OFFSET, MAKE_DESCRIPTOR);
    store_le64(p + FIELD_DESC_SIZE, 1);
    store_le32(p + FIELD_GTES, MAKE_GTES);
    store_le64(p + FIELD_DIRECTORY, directory);
    store_le64(p + FIELD_OVERHEAD, 2);
    memcpy(p + FIELD_NEWLINES, "\n \r\n", 4);
    store_le16(p + FIELD_COMPRESSION, (flags & VMDK_FLAG_COMPRESSED) != 0);
}

static void put_descriptor(uint8_t *p, const char *type)
{
    int n = snprintf((char *)p, MAKE_SECTOR,
                     "# Disk DescriptorFile\nversion=1\nCID=12345678\n"
                     "parentCID=ffffffff\ncreateType=\"%s\"\n\n"
                     "RW %d SPARSE \"disk.vmdk\"\n\nddb.adapterType = \"lsilogic\"\n",
                     type, MAKE_CAPACITY);

    assert(n > 0 && n < MAKE_SECTOR);
}

void vmdk_make_sparse(uint8_t *p)
{
    static const unsigned sectors[] = {MAKE_GRAIN2, MAKE_GRAIN1, MAKE_GRAIN9};
    uint8_t want[MAKE_DISK + MAKE_GRAIN];

    memset(p, 0, MAKE_SPARSE_SIZE);
    vmdk_make_want(want);
    put_header(p, 2, VMDK_FLAG_NEWLINE_TEST | VMDK_FLAG_ZERO_GRAIN, MAKE_DIRECTORY);
    put_descriptor(p + MAKE_DESCRIPTOR * MAKE_SECTOR, "monolithicSparse");
    store_le32(p + MAKE_DIRECTORY * MAKE_SECTOR, MAKE_TABLE0);
    store_le32(p + MAKE_DIRECTORY * MAKE_SECTOR + 8, MAKE_TABLE2);
    store_le32(p + MAKE_TABLE0 * MAKE_SECTOR + 3 * 4, 1);
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        size_t from = order[i] * MAKE_GRAIN;
        size_t n = from + MAKE_GRAIN > MAKE_DISK ? MAKE_DISK - from : MAKE_GRAIN;
        unsigned table = order[i] / MAKE_GTES ? MAKE_TABLE2 : MAKE_TABLE0;

        store_le32(p + table * MAKE_SECTOR + order[i] % MAKE_GTES * 4, sectors[i]);
        memcpy(p + sectors[i] * MAKE_SECTOR, want + from, n);
    }
}

/* A marker and the sector it announces; the sector's offset. */
static size_t put_marker(uint8_t *p, size_t *n, uint64_t sectors, uint32_t type)
{
    size_t at = *n;

    store_le64(p + at, sectors);
    store_le32(p + at + 12, type);
    *n += MAKE_SECTOR * (1 + (size_t)sectors);
    return at + MAKE_SECTOR;
}

/* Returns its sector. */
static uint32_t put_grain(uint8_t *p, size_t *n, unsigned grain, const uint8_t *data)
{
    struct libdeflate_compressor *z = libdeflate_alloc_compressor(6);
    size_t at = *n, left = MAKE_DISK - grain * (size_t)MAKE_GRAIN, size;

    assert(z);
    size = libdeflate_zlib_compress(z, data, left < MAKE_GRAIN ? left : MAKE_GRAIN,
                                    p + at + VMDK_MARKER_SIZE, MAKE_GRAIN);
    libdeflate_free_compressor(z);
    assert(size);
    store_le64(p + at, grain * (uint64_t)MAKE_GRAIN_SECTORS);
    store_le32(p + at + 8, (uint32_t)size);
    *n += (VMDK_MARKER_SIZE + size + MAKE_SECTOR - 1) / MAKE_SECTOR * MAKE_SECTOR;
    return (uint32_t)(at / MAKE_SECTOR);
}

uint8_t *vmdk_make_stream(size_t *ret_size)
{
    uint8_t *p = calloc(1, STREAM_MAX);
    uint8_t want[MAKE_DISK];
    uint32_t grain[MAKE_GTES * 3] = {0};
    size_t n = 2 * MAKE_SECTOR, table[3] = {0}, directory, footer;

    assert(p);
    vmdk_make_want(want);
    put_header(p, 3, PACKED_FLAGS, VMDK_DIRECTORY_AT_END);
    put_descriptor(p + MAKE_SECTOR, "streamOptimized");
    for (size_t i = 0; i < ARRAY_SIZE(order); i++)
        grain[order[i]] = put_grain(p, &n, order[i], want + order[i] * MAKE_GRAIN);
    for (unsigned t = 0; t < 3; t += 2) {
        table[t] = put_marker(p, &n, 1, 1);
        for (unsigned i = 0; i < MAKE_GTES; i++)
            store_le32(p + table[t] + 4 * i, grain[t * MAKE_GTES + i]);
    }
    directory = put_marker(p, &n, 1, 2);
    for (unsigned t = 0; t < 3; t++)
        store_le32(p + directory + 4 * t, (uint32_t)(table[t] / MAKE_SECTOR));
    footer = put_marker(p, &n, 1, 3);
    put_header(p + footer, 3, PACKED_FLAGS, directory / MAKE_SECTOR);
    put_marker(p, &n, 0, 0);
    assert(n <= STREAM_MAX);
    *ret_size = n;
    return p;
}

struct vmdk_make_places vmdk_make_find(const uint8_t *p, size_t n)
{
    struct vmdk_make_places r = {.footer = n - 2 * MAKE_SECTOR};
    size_t table2;

    r.directory = MAKE_SECTOR * load_le32(p + r.footer + FIELD_DIRECTORY);
    r.table0 = MAKE_SECTOR * load_le32(p + r.directory);
    table2 = MAKE_SECTOR * load_le32(p + r.directory + 8);
    r.grain[0] = MAKE_SECTOR * load_le32(p + r.table0 + 2 * 4);
    r.grain[1] = MAKE_SECTOR * load_le32(p + r.table0 + 1 * 4);
    r.grain[2] = MAKE_SECTOR * load_le32(p + table2 + 1 * 4);
    return r;
}
