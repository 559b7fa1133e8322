/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2_hostile.c: good images with one field spoilt, and the refusal that must follow
 *
 *   0x0000 header │ 0x1000 refcount table │ 0x2000 refcount block │ 0x3000 L1 │
 *   0x4000 L2 │ 0x5000 data of guest cluster 0 │ … in the image with 4 KiB clusters */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "block/image_testing.h"
#include "block/qcow2_make.h"

enum {
    REFTABLE = 0x1000,
    L1 = 0x3000,
    L2 = 0x4000,
    SNAPSHOTS = 0x9000,
    EXTENSIONS = 112,
};

static void put(struct qcow2_make *m, uint64_t guest, bool compressed)
{
    uint8_t data[1 << 16];

    qcow2_make_pattern(data, (size_t)m->cluster_size, (unsigned)guest + 1);
    if (compressed)
        qcow2_make_compressed(m, guest, data);
    else
        qcow2_make_data(m, guest, data);
}

/* Guest clusters: data, compressed, zero, zero and allocated, data; and one snapshot. */
static void make_plain(struct qcow2_make *m)
{
    char features[96] = "\0\5time travel";
    uint64_t snapshots;

    qcow2_make_init(m, &(struct qcow2_make_options){3, 12, .size = 5 << 12});
    put(m, 0, false);
    put(m, 1, true);
    qcow2_make_zero(m, 2, false);
    qcow2_make_zero(m, 3, true);
    put(m, 4, false);
    snapshots = qcow2_make_room(m, 4096, 4096);
    assert_int_equal(snapshots, SNAPSHOTS);
    qcow2_poke(m, FIELD_NB_SNAPSHOTS, 4, 1);
    qcow2_poke(m, FIELD_SNAPSHOTS_OFFSET, 8, snapshots);
    qcow2_poke(m, snapshots, 8, L1);
    qcow2_poke(m, snapshots + 8, 4, 1);
    qcow2_poke(m, snapshots + 36, 4, 16);
    qcow2_make_extension(m, EXTENSIONS, 0x6803f857, features, sizeof features);
    memcpy(m->p + 0x400, "base.img", 8);
}

/* An L2 table right behind the data: 0x5000 data of guest cluster 0, 0x6000 L2. */
static void make_two_tables(struct qcow2_make *m)
{
    qcow2_make_init(m, &(struct qcow2_make_options){3, 12, .size = 600 << 12});
    put(m, 0, false);
    put(m, 599, false);
}

static void make_version_2(struct qcow2_make *m)
{
    qcow2_make_init(m, &(struct qcow2_make_options){2, 12, .size = 2 << 12});
    put(m, 0, false);
}

static void make_extended(struct qcow2_make *m)
{
    qcow2_make_init(m, &(struct qcow2_make_options){3, 14, true, .size = 3 << 14});
    put(m, 0, false);
    put(m, 1, true);
    put(m, 2, false);
}

static void make_zstd(struct qcow2_make *m)
{
    qcow2_make_init(m,
                    &(struct qcow2_make_options){3, 12, .zstd = true, .size = 1 << 12});
    put(m, 0, true);
}

#define FAULT(name, message) IMAGE_FAULT_##name, message

static const struct hostile_case plain_cases[] = {
    {"version 0", POKE(FIELD_VERSION, "\0\0\0\0"),
     FAULT(VERSION, "qcow2 header: version 0, need 2 or 3")},
    {"version 4", POKE(FIELD_VERSION, "\0\0\0\4"),
     FAULT(VERSION, "qcow2 header: version 4, need 2 or 3")},
    {"backing file", POKE(FIELD_BACKING_OFFSET, "\0\0\0\0\0\0\4\0\0\0\0\x08"),
     FAULT(BACKING_FILE, "qcow2 header: the image needs the backing file \"base.img\"")},
    {"backing file without a name", POKE(FIELD_BACKING_OFFSET, "\0\0\0\0\0\0\4\0"),
     FAULT(BACKING_FILE,
           "qcow2 header: the image needs a backing file, with its name at offset 1024")},
    {"backing file's name past the end",
     POKE(FIELD_BACKING_OFFSET, "\0\xff\0\0\0\0\4\0\0\0\0\5"),
     FAULT(BACKING_FILE, "qcow2 header: the image needs a backing file, with its name at "
                         "offset 71776119061218304")},
    {"clusters of 256 bytes", POKE(FIELD_CLUSTER_BITS, "\0\0\0\x08"),
     FAULT(VERSION, "qcow2 header: cluster bits 8, need 9 to 21")},
    {"clusters of 4 MiB", POKE(FIELD_CLUSTER_BITS, "\0\0\0\x16"),
     FAULT(VERSION, "qcow2 header: cluster bits 22, need 9 to 21")},
    {"cluster bits over every shift", POKE(FIELD_CLUSTER_BITS, "\xff\xff\xff\xff"),
     FAULT(VERSION, "qcow2 header: cluster bits 4294967295, need 9 to 21")},
    {"other cluster bits than the tables were written for",
     POKE(FIELD_CLUSTER_BITS, "\0\0\0\x10"),
     FAULT(CORRUPT,
           "qcow2 l1 table: offset 0x3000 is not a multiple of the cluster size 65536")},
    {"a disk larger than L1 maps", POKE(FIELD_SIZE, "\0\0\0\0\1\0\0\0"),
     FAULT(CORRUPT, "qcow2 l1 table: 1 entries, a disk of 16777216 bytes needs 8")},
    {"a disk larger than any L1 maps", POKE(FIELD_SIZE, "\x7f\0\0\0\0\0\0\0"),
     FAULT(TOO_LARGE, "qcow2 header: a disk of 9151314442816847872 bytes needs "
                      "4363686772736 entries in the l1 table, limit 4194304")},
    {"the largest number as size", POKE(FIELD_SIZE, "\xff\xff\xff\xff\xff\xff\xff\xff"),
     FAULT(TOO_LARGE, "qcow2 header: a disk of 18446744073709551615 bytes needs "
                      "8796093022208 entries in the l1 table, limit 4194304")},
    {"AES", POKE(FIELD_CRYPT, "\0\0\0\1"),
     FAULT(ENCRYPTED, "qcow2 header: encryption method 1 (AES)")},
    {"LUKS", POKE(FIELD_CRYPT, "\0\0\0\2"),
     FAULT(ENCRYPTED, "qcow2 header: encryption method 2 (LUKS)")},
    {"an encryption nobody knows", POKE(FIELD_CRYPT, "\0\0\0\x63"),
     FAULT(ENCRYPTED, "qcow2 header: encryption method 99")},
    {"no L1", POKE(FIELD_L1_SIZE, "\0\0\0\0"),
     FAULT(CORRUPT, "qcow2 l1 table: 0 entries, a disk of 20480 bytes needs 1")},
    {"L1 of 32 MiB and one entry", POKE(FIELD_L1_SIZE, "\0\x40\0\1"),
     FAULT(TOO_LARGE, "qcow2 l1 table: 4194305 entries, limit 4194304")},
    {"the largest L1 of all", POKE(FIELD_L1_SIZE, "\xff\xff\xff\xff"),
     FAULT(TOO_LARGE, "qcow2 l1 table: 4294967295 entries, limit 4194304")},
    {"L1 that goes on past the end", POKE(FIELD_L1_SIZE, "\0\0\x10\0"),
     FAULT(TRUNCATED,
           "qcow2 l1 table: 32768 bytes at offset 12288, but the file ends at 40960")},
    {"L1 over the header", POKE(FIELD_L1_OFFSET, "\0\0\0\0\0\0\0\0"),
     FAULT(CORRUPT, "qcow2 l1 table: offset 0 lies in the header")},
    {"L1 not aligned", POKE(FIELD_L1_OFFSET, "\0\0\0\0\0\0\x30\1"),
     FAULT(CORRUPT,
           "qcow2 l1 table: offset 0x3001 is not a multiple of the cluster size 4096")},
    {"L1 past the end", POKE(FIELD_L1_OFFSET, "\0\0\0\0\1\0\0\0"),
     FAULT(TRUNCATED,
           "qcow2 l1 table: 8 bytes at offset 16777216, but the file ends at 40960")},
    {"L1 where a sum wraps", POKE(FIELD_L1_OFFSET, "\xff\xff\xff\xff\xff\xff\xf0\0"),
     FAULT(CORRUPT,
           "qcow2 l1 table: offset 0xfffffffffffff000 is over the format's 56 bits")},
    {"L1 over the refcount table", POKE(FIELD_L1_OFFSET, "\0\0\0\0\0\0\x10\0"),
     FAULT(CORRUPT,
           "qcow2 refcount table: at offset 4096 it overlaps the l1 table at 4096")},
    {"refcount table over the header", POKE(FIELD_REFTABLE_OFFSET, "\0\0\0\0\0\0\0\0"),
     FAULT(CORRUPT, "qcow2 refcount table: offset 0 lies in the header")},
    {"refcount table not aligned", POKE(FIELD_REFTABLE_OFFSET, "\0\0\0\0\0\0\x10\x10"),
     FAULT(CORRUPT, "qcow2 refcount table: offset 0x1010 is not a multiple of the "
                    "cluster size 4096")},
    {"refcount table past the end", POKE(FIELD_REFTABLE_OFFSET, "\0\0\0\0\0\1\x10\0"),
     FAULT(
         TRUNCATED,
         "qcow2 refcount table: 4096 bytes at offset 69632, but the file ends at 40960")},
    {"no refcount table", POKE(FIELD_REFTABLE_CLUSTERS, "\0\0\0\0"),
     FAULT(CORRUPT, "qcow2 refcount table: 0 clusters, need at least 1")},
    {"refcount table over 8 MiB", POKE(FIELD_REFTABLE_CLUSTERS, "\0\0\x08\1"),
     FAULT(TOO_LARGE, "qcow2 refcount table: 8392704 bytes, limit 8388608")},
    {"the largest refcount table of all",
     POKE(FIELD_REFTABLE_CLUSTERS, "\xff\xff\xff\xff"),
     FAULT(TOO_LARGE, "qcow2 refcount table: 17592186040320 bytes, limit 8388608")},
    {"refcount table that goes on past the end",
     POKE(FIELD_REFTABLE_CLUSTERS, "\0\0\0\x40"),
     FAULT(TRUNCATED, "qcow2 refcount table: 262144 bytes at offset 4096, but the file "
                      "ends at 40960")},
    {"too many snapshots", POKE(FIELD_NB_SNAPSHOTS, "\0\1\0\1"),
     FAULT(TOO_LARGE, "qcow2 header: 65537 snapshots, limit 65536")},
    {"more snapshots than the table has", POKE(FIELD_NB_SNAPSHOTS, "\0\0\xff\0"),
     FAULT(TRUNCATED, "qcow2 entry 102 of the snapshot table: at offset 40960, but the "
                      "file ends at 40960")},
    {"snapshot table not aligned", POKE(FIELD_SNAPSHOTS_OFFSET, "\0\0\0\0\0\0\x90\x08"),
     FAULT(CORRUPT, "qcow2 snapshot table: offset 0x9008 is not a multiple of the "
                    "cluster size 4096")},
    {"snapshot table past the end", POKE(FIELD_SNAPSHOTS_OFFSET, "\0\0\0\0\1\0\0\0"),
     FAULT(TRUNCATED, "qcow2 snapshot table: 40 bytes at offset 16777216, but the file "
                      "ends at 40960")},
    {"snapshot's L1 not aligned", POKE(SNAPSHOTS, "\0\0\0\0\0\0\x30\1"),
     FAULT(CORRUPT, "qcow2 entry 0 of the snapshot table: offset 0x3001 is not a "
                    "multiple of the cluster size 4096")},
    {"snapshot's L1 too large", POKE(SNAPSHOTS + 8, "\xff\0\0\0"),
     FAULT(TOO_LARGE, "qcow2 entry 0 of the snapshot table: 4278190080 entries in its l1 "
                      "table, limit 4194304")},
    {"snapshot's extra data too large", POKE(SNAPSHOTS + 36, "\0\0\4\1"),
     FAULT(TOO_LARGE,
           "qcow2 entry 0 of the snapshot table: 1025 bytes of extra data, limit 1024")},
    {"corrupt bit", POKE(FIELD_INCOMPATIBLE, "\0\0\0\0\0\0\0\2"),
     FAULT(CORRUPT_BIT, "qcow2 header: the image is marked corrupt")},
    {"external data file", POKE(FIELD_INCOMPATIBLE, "\0\0\0\0\0\0\0\4"),
     FAULT(DATA_FILE, "qcow2 header: the guest's data lie in an external file")},
    {"compression bit without a type", POKE(FIELD_INCOMPATIBLE, "\0\0\0\0\0\0\0\x08"),
     FAULT(CORRUPT, "qcow2 header: compression type 0, but its feature bit is set")},
    {"extended L2 entries with small clusters",
     POKE(FIELD_INCOMPATIBLE, "\0\0\0\0\0\0\0\x10"),
     FAULT(CORRUPT,
           "qcow2 header: extended l2 entries with cluster bits 12, need at least 14")},
    {"unknown feature with a name", POKE(FIELD_INCOMPATIBLE, "\0\0\0\0\0\0\0\x20"),
     FAULT(UNKNOWN_FEATURE,
           "qcow2 header: incompatible feature bit 5 (time travel) is unknown")},
    {"unknown feature without a name", POKE(FIELD_INCOMPATIBLE, "\x80\0\0\0\0\0\0\0"),
     FAULT(UNKNOWN_FEATURE, "qcow2 header: incompatible feature bit 63 is unknown")},
    {"refcounts of 128 bits", POKE(FIELD_REFCOUNT_ORDER, "\0\0\0\7"),
     FAULT(CORRUPT, "qcow2 header: refcount order 7, need at most 6")},
    {"refcount order over every shift", POKE(FIELD_REFCOUNT_ORDER, "\xff\xff\xff\xff"),
     FAULT(CORRUPT, "qcow2 header: refcount order 4294967295, need at most 6")},
    {"header of 103 bytes", POKE(FIELD_HEADER_LENGTH, "\0\0\0\x67"),
     FAULT(VERSION, "qcow2 header: length 103, need a multiple of 8 from 104 to the "
                    "cluster size 4096")},
    {"header of 108 bytes", POKE(FIELD_HEADER_LENGTH, "\0\0\0\x6c"),
     FAULT(VERSION, "qcow2 header: length 108, need a multiple of 8 from 104 to the "
                    "cluster size 4096")},
    {"header of more than a cluster", POKE(FIELD_HEADER_LENGTH, "\0\0\x10\x08"),
     FAULT(VERSION, "qcow2 header: length 4104, need a multiple of 8 from 104 to the "
                    "cluster size 4096")},
    {"compression type without its bit", POKE(FIELD_COMPRESSION, "\1"),
     FAULT(CORRUPT, "qcow2 header: compression type 1, but its feature bit is not set")},
    {"compression type nobody knows", POKE(FIELD_COMPRESSION, "\2"),
     FAULT(UNKNOWN_FEATURE,
           "qcow2 header: compression type 2, need 0 (zlib) or 1 (zstd)")},
    {"extension longer than the header's cluster",
     POKE(EXTENSIONS + 4, "\xff\xff\xff\xff"),
     FAULT(CORRUPT, "qcow2 header extension 0x6803f857: 4294967295 bytes at offset 120, "
                    "but the header area ends at 4096")},
    {"name of an external data file",
     POKE(EXTENSIONS, "DATA\0\0\0\x08"
                      "guest.\x1b["),
     FAULT(DATA_FILE,
           "qcow2 header: the guest's data lie in the external file \"guest.\\x1b[\"")},
    {"format of a backing file that is not named",
     POKE(EXTENSIONS, "\xe2\x79\x2a\xca\0\0\0\x60raw"),
     FAULT(BACKING_FILE,
           "qcow2 header: the format of a backing file is given, but no backing file")},
    {"refcount block not aligned", POKE(REFTABLE, "\0\0\0\0\0\0\x22\0"),
     FAULT(CORRUPT, "qcow2 refcount block 0: offset 0x2200 is not a multiple of the "
                    "cluster size 4096")},
    {"refcount table with reserved bits", POKE(REFTABLE, "\0\0\0\0\0\0\x20\1"),
     FAULT(CORRUPT, "qcow2 refcount block 0: reserved bits are set")},
    {"refcount block past the end", POKE(REFTABLE + 8, "\0\0\0\0\0\1\0\0"),
     FAULT(TRUNCATED, "qcow2 refcount block 1: 4096 bytes at offset 65536, but the file "
                      "ends at 40960")},
    {"refcount block over L1", POKE(REFTABLE, "\0\0\0\0\0\0\x30\0"),
     FAULT(
         CORRUPT,
         "qcow2: the l2 table or refcount block at offset 12288 overlaps the l1 table")},
    {"refcount block twice", POKE(REFTABLE + 8, "\0\0\0\0\0\0\x20\0"),
     FAULT(CORRUPT, "qcow2: two l2 tables or refcount blocks at offset 8192")},
    {"L1 entry with reserved bits", POKE(L1, "\x80\0\0\0\0\0\x40\1"),
     FAULT(CORRUPT, "qcow2 l2 table 0: reserved bits are set")},
    {"L2 not aligned", POKE(L1, "\x80\0\0\0\0\0\x42\0"),
     FAULT(CORRUPT,
           "qcow2 l2 table 0: the offset is not a multiple of the cluster size")},
    {"L2 in the header's cluster of another size", POKE(L1, "\x80\0\0\0\0\0\x10\0"),
     FAULT(CORRUPT, "qcow2: the l2 table or refcount block at offset 4096 overlaps the "
                    "refcount table")},
    {"L2 past the end", POKE(L1, "\x80\0\0\0\1\0\0\0"),
     FAULT(
         TRUNCATED,
         "qcow2 l2 table 0: 4096 bytes at offset 16777216, but the file ends at 40960")},
    {"L2 that is L1", POKE(L1, "\x80\0\0\0\0\0\x30\0"),
     FAULT(
         CORRUPT,
         "qcow2: the l2 table or refcount block at offset 12288 overlaps the l1 table")},
    {"L2 that is a refcount block", POKE(L1, "\x80\0\0\0\0\0\x20\0"),
     FAULT(CORRUPT, "qcow2: two l2 tables or refcount blocks at offset 8192")},
    {"cluster with reserved bits", POKE(L2, "\x80\0\0\0\0\0\x50\2"),
     FAULT(CORRUPT, "qcow2 cluster of guest offset 0: reserved bits are set")},
    {"cluster not aligned", POKE(L2, "\x80\0\0\0\0\0\x52\0"),
     FAULT(CORRUPT, "qcow2 cluster of guest offset 0: the offset is not a multiple of "
                    "the cluster size")},
    {"cluster past the end", POKE(L2, "\x80\0\0\0\0\0\xf0\0"),
     FAULT(
         TRUNCATED,
         "qcow2 cluster of guest offset 0: at offset 61440, but the file ends at 40960")},
    {"zero cluster past the end", POKE(L2, "\x80\0\0\0\0\0\xf0\1"),
     FAULT(
         TRUNCATED,
         "qcow2 cluster of guest offset 0: at offset 61440, but the file ends at 40960")},
    {"cluster over the refcount table", POKE(L2, "\x80\0\0\0\0\0\x10\0"),
     FAULT(CORRUPT, "qcow2 cluster of guest offset 0: at offset 4096 it overlaps the "
                    "refcount table")},
    {"cluster over a refcount block", POKE(L2, "\x80\0\0\0\0\0\x20\0"),
     FAULT(CORRUPT, "qcow2 cluster of guest offset 0: at offset 8192 it overlaps an l2 "
                    "table or refcount block")},
    {"cluster over L1", POKE(L2, "\x80\0\0\0\0\0\x30\0"),
     FAULT(CORRUPT,
           "qcow2 cluster of guest offset 0: at offset 12288 it overlaps the l1 table")},
    {"last cluster over L1", POKE(L2 + 4 * 8, "\x80\0\0\0\0\0\x30\0"),
     FAULT(CORRUPT, "qcow2 cluster of guest offset 16384: at offset 12288 it overlaps "
                    "the l1 table")},
    {"cluster over its own L2", POKE(L2, "\x80\0\0\0\0\0\x40\0"),
     FAULT(CORRUPT, "qcow2 cluster of guest offset 0: at offset 16384 it overlaps an l2 "
                    "table or refcount block")},
    {"compressed cluster over the header", POKE(L2, "\x40\0\0\0\0\0\0\0"),
     FAULT(CORRUPT,
           "qcow2 cluster of guest offset 0: at offset 0 it overlaps the header")},
    {"compressed cluster over L2", POKE(L2, "\x40\0\0\0\0\0\x4a\xbc"),
     FAULT(CORRUPT, "qcow2 cluster of guest offset 0: at offset 19132 it overlaps an l2 "
                    "table or refcount block")},
    {"compressed cluster past the end", POKE(L2, "\x40\0\0\0\0\1\0\0"),
     FAULT(
         TRUNCATED,
         "qcow2 cluster of guest offset 0: at offset 65536, but the file ends at 40960")},
    {"compressed cluster with a stream that is none, over the end",
     POKE(L2, "\x7c\0\0\0\0\0\x9f\xf0"),
     FAULT(
         TRUNCATED,
         "qcow2 cluster of guest offset 0: at offset 40944, but the file ends at 40960")},
};

static const struct hostile_case version_2_cases[] = {
    {"zero flag in version 2", POKE(L2 + 8, "\0\0\0\0\0\0\0\1"),
     FAULT(CORRUPT, "qcow2 cluster of guest offset 4096: the zero flag is set, which "
                    "this version or kind of table does not have")},
    {"extension behind the header of version 2", POKE(72, "DATA\0\0\0\4away"),
     FAULT(DATA_FILE,
           "qcow2 header: the guest's data lie in the external file \"away\"")},
    {"extension behind one that is padded",
     POKE(72, "junk\0\0\0\5hello\0\0\0"
              "DATA\0\0\0\4away"),
     FAULT(DATA_FILE,
           "qcow2 header: the guest's data lie in the external file \"away\"")},
    {"junk behind the header of version 2", POKE(72, "junk\x7f\0\0\0"),
     FAULT(CORRUPT, "qcow2 header extension 0x6a756e6b: 2130706432 bytes at offset 80, "
                    "but the header area ends at 4096")},
};

static const struct hostile_case two_tables_cases[] = {
    {"second of two neighbours over L2", POKE(L2 + 8, "\x80\0\0\0\0\0\x60\0"),
     FAULT(CORRUPT, "qcow2 cluster of guest offset 0: at offset 20480 it overlaps an l2 "
                    "table or refcount block")},
    {"L2 twice", POKE(L1, "\x80\0\0\0\0\0\x60\0"),
     FAULT(CORRUPT, "qcow2: two l2 tables or refcount blocks at offset 24576")},
};

enum { EXTENDED_L2 = 0x10000 };

static const struct hostile_case extended_cases[] = {
    {"subcluster stored and zero", POKE(EXTENDED_L2 + 8, "\0\0\0\1\xff\xff\xff\xff"),
     FAULT(CORRUPT,
           "qcow2 cluster of guest offset 0: a subcluster is both stored and zero")},
    {"subclusters stored nowhere", POKE(EXTENDED_L2, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"),
     FAULT(CORRUPT, "qcow2 cluster of guest offset 0: subclusters are stored nowhere")},
    {"subclusters in a compressed cluster",
     POKE(EXTENDED_L2 + 16 + 8, "\0\0\0\1\0\0\0\0"),
     FAULT(CORRUPT,
           "qcow2 cluster of guest offset 16384: a compressed cluster has subclusters")},
    {"zero flag beside subclusters", POKE(EXTENDED_L2 + 7, "\1"),
     FAULT(CORRUPT, "qcow2 cluster of guest offset 0: the zero flag is set, which this "
                    "version or kind of table does not have")},
};

static const struct hostile_case zstd_cases[] = {
    {"zstd without its bit", POKE(FIELD_INCOMPATIBLE + 7, "\0"),
     FAULT(CORRUPT, "qcow2 header: compression type 1, but its feature bit is not set")},
    {"the bit without zstd", POKE(FIELD_COMPRESSION, "\0"),
     FAULT(CORRUPT, "qcow2 header: compression type 0, but its feature bit is set")},
};

static void run(void (*make)(struct qcow2_make *), const struct hostile_case *cases,
                size_t n)
{
    AUTO(qcow2_make_fini) struct qcow2_make m;
    AUTO(block_unrefp) struct block *disk = NULL;
    struct image_info info;
    struct err err;

    make(&m);
    assert_int_equal(image_testing_open(&disk, &info, m.p, m.n, &err), 0);
    image_testing_hostile(cases, n, m.p, m.n, NULL);
}

static void test_plain(void **state)
{
    (void)state;
    run(make_plain, plain_cases, ARRAY_SIZE(plain_cases));
}

static void test_two_tables(void **state)
{
    (void)state;
    run(make_two_tables, two_tables_cases, ARRAY_SIZE(two_tables_cases));
}

static void test_version_2(void **state)
{
    (void)state;
    run(make_version_2, version_2_cases, ARRAY_SIZE(version_2_cases));
}

static void test_extended(void **state)
{
    (void)state;
    run(make_extended, extended_cases, ARRAY_SIZE(extended_cases));
}

static void test_zstd(void **state)
{
    (void)state;
    run(make_zstd, zstd_cases, ARRAY_SIZE(zstd_cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),     cmocka_unit_test(test_two_tables),
        cmocka_unit_test(test_version_2), cmocka_unit_test(test_extended),
        cmocka_unit_test(test_zstd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
