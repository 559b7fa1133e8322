/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "block/flow_kind.h"
#include "block/stream_testing.h"
#include "block/unwrap.h"
#include "block/vhd.h"
#include "block/vmdk.h"

enum { KIB = 1024, MIB = 1024 * KIB };

static const struct image_options none;
static const size_t steps[] = {1, 777, MIB};

static void fill(uint8_t *p, size_t n)
{
    uint32_t x = 12345;

    for (size_t i = 0; i < n; i++) {
        x = x * 1103515245 + 12345;
        p[i] = (uint8_t)(x >> 16);
    }
    memset(p + n / 3, 0, n / 4);
}

/* ---- streams */

static void what_is_peeked_at_is_read_as_well(void **state)
{
    static uint8_t data[200 * KIB], got[sizeof data];
    struct bytes head;
    size_t n;

    (void)state;
    fill(data, sizeof data);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        struct mem_stream m = mem_stream_of(bytes_of(data, sizeof data), steps[i]);
        struct stream *s = &m.stream;

        assert_int_equal(stream_peek(&head, s, 10, NULL), 0);
        assert_int_equal(head.n, 10);
        assert_int_equal(stream_read(s, got, 7, &n, NULL), 0);
        assert_int_equal(stream_peek(&head, s, STREAM_PEEK_MAX, NULL), 0);
        assert_int_equal(head.n, STREAM_PEEK_MAX);
        assert_memory_equal(head.p, data + 7, STREAM_PEEK_MAX);
        assert_int_equal(stream_read(s, got + 7, sizeof got, &n, NULL), 0);
        assert_int_equal(n, sizeof data - 7);
        assert_memory_equal(got, data, sizeof data);
        assert_int_equal(s->at, sizeof data);
        assert_int_equal(stream_need(s, got, 1, NULL), -ERR_SHORT);
        mem_stream_fini(&m);
    }
}

/* ---- a disk that arrives, put together again */

struct arrived {
    uint8_t *disk; /* room bytes, zeros where nothing came */
    size_t room;
    uint64_t size;
    enum image_format format;
};

static int arrive(struct arrived *ret, struct flow *f, struct err *err)
{
    uint64_t off = 0, len = 0, held[4];
    unsigned n = 0;
    int r;

    flow_begin(f, 64 * KIB, MIB);
    memset(ret->disk, 0, ret->room);
    while ((r = flow_next(f, &off, &len, err)) > 0) {
        assert_true(range_within(off, len, ret->room));
        held[n++] = off;
        r = block_read(flow_disk(f), ret->disk + off, (size_t)len, off, err);
        if (r < 0)
            return r;
        /* What was not dropped can be read again. */
        assert_int_equal(
            block_read(flow_disk(f), ret->disk + held[0], 512, held[0], NULL), 0);
        if (n == ARRAY_SIZE(held)) {
            flow_drop(f);
            memmove(held, held + 1, sizeof held - sizeof *held);
            n--;
        }
    }
    ret->size = flow_size(f);
    ret->format = flow_info(f)->format;
    return r;
}

/* Offers p as it is to flow_open(). */
static int arrive_as(struct arrived *ret, const uint8_t *p, size_t n, size_t step,
                     enum image_format declared, struct err *err)
{
    struct mem_stream m = mem_stream_of(bytes_of(p, n), step);
    struct image_options options = {.declared = declared};
    AUTO(flow_closep) struct flow *f = NULL;
    struct image_info info;
    int r = flow_open(&f, &info, &m.stream, &options, err);

    if (r > 0)
        r = arrive(ret, f, err);
    else if (r == 0)
        r = 1; /* wants a file */
    flow_closep(&f);
    mem_stream_fini(&m);
    return r;
}

/* ---- raw and fixed VHD */

static void footer(uint8_t f[VHD_FOOTER_SIZE], uint32_t type, const char *creator,
                   uint64_t size, uint16_t cylinders)
{
    memset(f, 0, VHD_FOOTER_SIZE);
    memcpy(f, "conectix", 8);
    store_be32(f + 8, 2);
    store_be32(f + 12, 0x10000);
    store_be64(f + 16, UINT64_MAX);
    memcpy(f + 28, creator, 4);
    store_be64(f + 40, size);
    store_be64(f + 48, size);
    store_be16(f + 56, cylinders);
    f[58] = 16;
    f[59] = 63;
    store_be32(f + 60, type);
    store_be32(f + VHD_FOOTER_SUM,
               vhd_checksum(bytes_of(f, VHD_FOOTER_SIZE), VHD_FOOTER_SUM));
}

enum { DISK = 7 * MIB + 512, ROOM = 16 * MIB };
#define CYLINDER (16ull * 63 * 512)

static const struct {
    const char *name;
    uint32_t type; /* of a footer behind the disk; 0: none */
    size_t cut;    /* bytes missing at its end */
    const char *creator;
    uint64_t size; /* that it says */
    uint16_t cylinders;
    enum image_format declared;
    enum err_code want; /* or else: */
    enum image_format format;
    uint64_t disk;
} ends[] = {
    {"raw", 0, 0, "", 0, 0, IMAGE_UNKNOWN, 0, IMAGE_RAW, DISK},
    {"raw, declared", 0, 0, "", 0, 0, IMAGE_RAW, 0, IMAGE_RAW, DISK},
    {"raw, declared VHD", 0, 0, "", 0, 0, IMAGE_VHD, ERR_UNSUPPORTED, 0, 0},
    {"a fixed VHD", VHD_FIXED, 0, "win ", DISK, 1, IMAGE_UNKNOWN, 0, IMAGE_VHD, DISK},
    {"without the last byte, as of old", VHD_FIXED, 1, "win ", DISK, 1, 0, 0, IMAGE_VHD,
     DISK},
    {"without the last two: raw", VHD_FIXED, 2, "win ", DISK, 1, 0, 0, IMAGE_RAW,
     DISK + 510},
    {"declared", VHD_FIXED, 0, "win ", DISK, 1, IMAGE_VHD, 0, IMAGE_VHD, DISK},
    {"declared raw", VHD_FIXED, 0, "win ", DISK, 1, IMAGE_RAW, ERR_UNSUPPORTED, 0, 0},
    {"its geometry says less", VHD_FIXED, 0, "vpc ", DISK, 14, 0, 0, IMAGE_VHD,
     14 * CYLINDER},
    {"it says a MiB less", VHD_FIXED, 0, "win ", DISK - MIB, 1, 0, 0, IMAGE_VHD,
     DISK - MIB},
    {"it says more than 2 MiB less", VHD_FIXED, 0, "win ", DISK - 4 * MIB, 1, 0,
     ERR_UNSUPPORTED, 0, 0},
    {"it says more", VHD_FIXED, 0, "win ", DISK + 512, 1, 0, ERR_CORRUPT, 0, 0},
    {"a dynamic one without its head", VHD_DYNAMIC, 0, "win ", DISK, 1, 0, ERR_CORRUPT, 0,
     0},
    {"a differencing one", VHD_DIFFERENCING, 0, "win ", DISK, 1, 0, ERR_UNSUPPORTED, 0,
     0},
};

static void the_end_tells_raw_and_vhd_apart(void **state)
{
    static uint8_t file[DISK + VHD_FOOTER_SIZE], room[ROOM];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        struct arrived got = {.disk = room, .room = sizeof room};
        struct err err = {0};
        size_t n = DISK;
        int r;

        fill(file, DISK);
        if (ends[i].type) {
            footer(file + DISK, ends[i].type, ends[i].creator, ends[i].size,
                   ends[i].cylinders);
            n += VHD_FOOTER_SIZE - ends[i].cut;
        }
        r = arrive_as(&got, file, n, i % 2 ? 777 : MIB, ends[i].declared, &err);
        if (r != -(int)ends[i].want || err.code != ends[i].want)
            fail_msg("%s: %d, %s", ends[i].name, r, err.msg);
        if (r < 0)
            continue;
        if (got.size != ends[i].disk || got.format != ends[i].format ||
            memcmp(room, file, got.size) != 0 ||
            !bytes_are_zero(bytes_of(room + got.size, MIB)))
            fail_msg("%s: another disk, of %" PRIu64 " bytes", ends[i].name, got.size);
    }
}

static void other_beginnings(void **state)
{
    static const struct {
        const char *name, *magic;
        int want;
    } heads[] = {
        {"a qcow2 wants a file", "QFI\xfb\0\0\0\3", 1},
        {"a dynamic VHD wants a file", "conectix", 1},
        {"a gzip is refused", "\x1f\x8b\x08", -ERR_UNSUPPORTED},
        {"a web page is refused", "<html>", -ERR_UNSUPPORTED},
        {"VHDX is refused", "vhdxfile", -ERR_UNSUPPORTED},
    };
    static uint8_t file[DISK], room[ROOM];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
        struct arrived got = {.disk = room, .room = sizeof room};
        struct err err = {0};

        memset(file, heads[i].want == -ERR_UNSUPPORTED ? ' ' : 0, sizeof file);
        memcpy(file, heads[i].magic, i == 0 ? 8 : strlen(heads[i].magic));
        if (arrive_as(&got, file, sizeof file, MIB, 0, &err) != heads[i].want)
            fail_msg("%s: %s", heads[i].name, err.msg);
    }
    /* What is short can be read like a file. */
    {
        struct arrived got = {.disk = room, .room = sizeof room};

        assert_int_equal(arrive_as(&got, file, 1000, 1, 0, NULL), 1);
    }
}

static void a_read_that_fails_is_told(void **state)
{
    static uint8_t file[DISK], room[ROOM];
    static const uint64_t at[] = {1, 70 * KIB, 5 * MIB, DISK};

    (void)state;
    fill(file, sizeof file);
    for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
        struct mem_stream m = mem_stream_of(bytes_of(file, sizeof file), 4096);
        struct arrived got = {.disk = room, .room = sizeof room};
        struct image_info info;
        struct flow *f = NULL;
        struct err err = {0};
        int r;

        m.broken = at[i];
        r = flow_open(&f, &info, &m.stream, &none, &err);
        if (r > 0)
            r = arrive(&got, f, &err);
        assert_int_equal(r, -ERR_IO);
        assert_string_equal(err.msg, "injected fault");
        flow_close(f);
        mem_stream_fini(&m);
    }
}

/* ---- streamOptimized: a disk of 80 grains of 64 KiB, 16 to a table */

enum { GRAIN = 64 * KIB, GRAINS = 80, GTES = 16, TABLES = GRAINS / GTES };

struct maker {
    uint8_t *p; /* zeroed */
    size_t n;
    uint32_t grain[GRAINS], table[TABLES]; /* sectors */
};

static void put_header(uint8_t *h, uint64_t directory, uint64_t overhead)
{
    memcpy(h, "KDMV", 4);
    store_le32(h + 4, 3);
    store_le32(h + 8, VMDK_FLAG_NEWLINE_TEST | VMDK_FLAG_COMPRESSED | VMDK_FLAG_MARKERS);
    store_le64(h + 12, GRAINS * GRAIN / VMDK_SECTOR);
    store_le64(h + 20, GRAIN / VMDK_SECTOR);
    store_le64(h + 28, 1);
    store_le64(h + 36, 1);
    store_le32(h + 44, GTES);
    store_le64(h + 56, directory);
    store_le64(h + 64, overhead);
    memcpy(h + 73, "\n \r\n", 4);
    store_le16(h + 77, 1);
}

static void put_marker(struct maker *m, uint64_t sectors, uint32_t type)
{
    store_le64(m->p + m->n, sectors);
    store_le32(m->p + m->n + 12, type);
    m->n += VMDK_SECTOR;
}

static void put_grain(struct maker *m, unsigned g, const uint8_t *disk)
{
    uLongf n = GRAIN + 1000;

    assert_int_equal(
        compress2(m->p + m->n + VMDK_MARKER_SIZE, &n, disk + (size_t)g * GRAIN, GRAIN, 1),
        Z_OK);
    store_le64(m->p + m->n, (uint64_t)g * GRAIN / VMDK_SECTOR);
    store_le32(m->p + m->n + 8, (uint32_t)n);
    m->grain[g] = (uint32_t)(m->n / VMDK_SECTOR);
    m->n = round_up(m->n + VMDK_MARKER_SIZE + n, VMDK_SECTOR);
}

static void put_table(struct maker *m, unsigned t)
{
    put_marker(m, 1, VMDK_MARKER_TABLE);
    m->table[t] = (uint32_t)(m->n / VMDK_SECTOR);
    for (unsigned i = 0; i < GTES; i++)
        store_le32(m->p + m->n + (size_t)i * 4, m->grain[t * GTES + i]);
    m->n += VMDK_SECTOR;
}

static const char descriptor[] = "# Disk DescriptorFile\n"
                                 "version=1\n"
                                 "CID=12345678\n"
                                 "parentCID=ffffffff\n"
                                 "createType=\"streamOptimized\"\n"
                                 "RW 10240 SPARSE \"disk.vmdk\"\n";

enum what {
    GOOD,
    ALL_TABLES_LAST,
    TABLE_LIES,
    DIRECTORY_LIES,
    GRAIN_TWICE,
    GRAIN_TOO_FAR,
    GRAIN_CUT,
    GRAIN_SPOILT,
    FOOTER_LIES,
    NO_FOOTER,
    NO_END,
    JUNK,
    UNKNOWN_MARKER,
    ENDLESS_TABLE,
};

/* Every third grain is a hole, and so is the third table. */
static bool is_there(unsigned g)
{
    return g % 3 != 1 && g / GTES != 2;
}

static void put_grains(struct maker *m, const uint8_t *disk, enum what what)
{
    for (unsigned g = 0; g < GRAINS; g++) {
        if (is_there(g))
            put_grain(m, g, disk);
        if (g == 20 && what == GRAIN_TWICE)
            put_grain(m, g, disk);
        if (g == 20 && what == UNKNOWN_MARKER)
            put_marker(m, 0, 7);
        if (g == 20 && what == ENDLESS_TABLE)
            put_marker(m, UINT64_MAX / 1024, VMDK_MARKER_TABLE);
        if (what == TABLE_LIES && g == 30)
            m->grain[g]++;
        if (g % GTES == GTES - 1 && g / GTES != 2 && what != ALL_TABLES_LAST)
            put_table(m, g / GTES);
    }
}

static void make(struct maker *m, const uint8_t *disk, enum what what)
{
    uint64_t directory;

    put_header(m->p, VMDK_DIRECTORY_AT_END, 8);
    memcpy(m->p + VMDK_SECTOR, descriptor, sizeof descriptor - 1);
    m->n = 8 * VMDK_SECTOR;
    put_grains(m, disk, what);
    for (unsigned t = 0; t < TABLES && what == ALL_TABLES_LAST; t++)
        put_table(m, t);
    put_marker(m, 1, VMDK_MARKER_DIRECTORY);
    directory = m->n / VMDK_SECTOR;
    for (unsigned t = 0; t < TABLES; t++)
        store_le32(m->p + m->n + (size_t)t * 4,
                   m->table[t] + (what == DIRECTORY_LIES && t == 3));
    m->n += VMDK_SECTOR;
    if (what != NO_FOOTER) {
        put_marker(m, 1, VMDK_MARKER_FOOTER);
        put_header(m->p + m->n, directory + (what == FOOTER_LIES), 8);
        m->n += VMDK_SECTOR;
    }
    if (what != NO_END)
        put_marker(m, 0, VMDK_MARKER_END);
    if (what == JUNK)
        m->p[m->n++] = 'x';
    if (what == GRAIN_TOO_FAR)
        store_le64(m->p + (size_t)m->grain[0] * VMDK_SECTOR, UINT64_C(1) << 40);
    if (what == GRAIN_CUT)
        m->n = (size_t)m->grain[77] * VMDK_SECTOR + 1000;
    if (what == GRAIN_SPOILT)
        m->p[(size_t)m->grain[8] * VMDK_SECTOR + 500] ^= 1;
}

static const struct {
    const char *name;
    enum what what;
    enum err_code want;
    const char *message;
} streams[] = {
    {"as we write it", GOOD, 0, ""},
    {"all tables behind all grains", ALL_TABLES_LAST, 0, ""},
    {"a table that lies", TABLE_LIES, ERR_CORRUPT,
     "vmdk stream: grain table 1 does not say which grains came, and where"},
    {"a directory that lies", DIRECTORY_LIES, ERR_CORRUPT, "where none is"},
    {"a grain that comes twice", GRAIN_TWICE, ERR_UNSUPPORTED,
     "one behind it came before"},
    {"a grain past the end", GRAIN_TOO_FAR, ERR_CORRUPT, "of a disk of 10240"},
    {"a grain that is cut", GRAIN_CUT, ERR_CORRUPT, "in the middle"},
    {"a grain that is spoilt", GRAIN_SPOILT, ERR_CORRUPT, "do not inflate to 65536"},
    {"a footer that lies", FOOTER_LIES, ERR_CORRUPT,
     "vmdk footer: the grain directory is"},
    {"no footer", NO_FOOTER, ERR_CORRUPT, "no footer and end marker"},
    {"no marker of the end", NO_END, ERR_CORRUPT, "no footer and end marker"},
    {"something behind the end", JUNK, ERR_CORRUPT, "something follows"},
    {"a marker that nobody knows", UNKNOWN_MARKER, ERR_CORRUPT, "a marker of type 7"},
    {"a table without end", ENDLESS_TABLE, ERR_CORRUPT, "stands before"},
};

static void grains_come_in_order(void **state)
{
    static uint8_t disk[GRAINS * GRAIN], room[GRAINS * GRAIN];
    static uint8_t file[GRAINS * (GRAIN + 2000)];

    (void)state;
    fill(disk, sizeof disk);
    for (unsigned g = 0; g < GRAINS; g++)
        if (!is_there(g))
            memset(disk + (size_t)g * GRAIN, 0, GRAIN);
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
        struct arrived got = {.disk = room, .room = sizeof room};
        struct maker m = {.p = memset(file, 0, sizeof file)};
        struct err err = {0};
        int r;

        make(&m, disk, streams[i].what);
        r = arrive_as(&got, file, m.n, steps[i % ARRAY_SIZE(steps)], 0, &err);
        if (r != -(int)streams[i].want || !strstr(err.msg, streams[i].message))
            fail_msg("%s: %d, %s", streams[i].name, r, err.msg);
        if (r == 0)
            assert_memory_equal(room, disk, sizeof disk);
    }
}

/* ---- unpacking */

static size_t pack_gzip(uint8_t *to, size_t room, const uint8_t *p, size_t n)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)p,
                  .avail_in = (uInt)n,
                  .next_out = to,
                  .avail_out = (uInt)room};

    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    return z.total_out;
}

static int unpack(uint8_t *to, size_t room, size_t *ret_n, const uint8_t *p, size_t n,
                  size_t step, struct err *err)
{
    struct mem_stream m = mem_stream_of(bytes_of(p, n), step);
    AUTO(stream_closep) struct stream *s = NULL;
    int r = unwrap_open(&s, "gzip", &m.stream, err);

    if (r == 0)
        r = stream_read(s, to, room, ret_n, err);
    stream_closep(&s);
    mem_stream_fini(&m);
    return r;
}

static void what_was_packed_in_pieces_is_one(void **state)
{
    static uint8_t data[300 * KIB], packed[700 * KIB], got[sizeof data + 1];
    size_t half = sizeof data / 2, one, n, all;

    (void)state;
    fill(data, sizeof data);
    one = pack_gzip(packed, sizeof packed, data, half);
    n = one +
        pack_gzip(packed + one, sizeof packed - one, data + half, sizeof data - half);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        struct err err = {0};

        assert_int_equal(unpack(got, sizeof got, &all, packed, n, steps[i], &err), 0);
        assert_int_equal(all, sizeof data);
        assert_memory_equal(got, data, sizeof data);
        /* The first alone is whole; every other cut is one. */
        assert_int_equal(unpack(got, sizeof got, &all, packed, one, steps[i], &err), 0);
        assert_int_equal(all, half);
        for (size_t cut = 1; cut < n; cut += 1 + n / 50) {
            memset(&err, 0, sizeof err);
            if (cut != one)
                assert_int_equal(
                    unpack(got, sizeof got, &all, packed, cut, steps[i], &err),
                    -ERR_CORRUPT);
        }
        packed[n] = 'x';
        memset(&err, 0, sizeof err);
        assert_int_equal(unpack(got, sizeof got, &all, packed, n + 1, steps[i], &err),
                         -ERR_CORRUPT);
        assert_string_equal(err.msg, "something follows the packed stream");
    }
    packed[one - 6] ^= 1; /* the sum of the first */
    assert_int_equal(unpack(got, sizeof got, &all, packed, n, MIB, NULL), -ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_peeked_at_is_read_as_well),
        cmocka_unit_test(the_end_tells_raw_and_vhd_apart),
        cmocka_unit_test(other_beginnings),
        cmocka_unit_test(a_read_that_fails_is_told),
        cmocka_unit_test(grains_come_in_order),
        cmocka_unit_test(what_was_packed_in_pieces_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
