/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "block/image_testing.h"
#include "block/vmdk.h"
#include "block/vmdk_make.h"

/* Files beside a descriptor. */
struct folder {
    const char *name[3];
    struct bytes content[3];
    unsigned asked;
};

static int folder_open(struct block **ret, void *arg, const char *name, struct err *err)
{
    struct folder *f = arg;

    f->asked++;
    for (size_t i = 0; i < ARRAY_SIZE(f->name); i++)
        if (f->name[i] && strcmp(name, f->name[i]) == 0)
            return block_mem_open(ret, f->content[i].p, f->content[i].n, err);
    return FAIL(err, ERR_NOTFOUND, "%s", name);
}

static int open_in(struct block **ret, struct image_info *info, const void *p, size_t n,
                   struct folder *folder, struct err *err)
{
    struct image_options options = {.sibling = folder ? folder_open : NULL,
                                    .sibling_arg = folder};
    AUTO(block_unrefp) struct block *file = NULL;

    *err = (struct err){0};
    assert_int_equal(block_mem_open(&file, p, n, err), 0);
    return image_open(ret, info, file, &options, err);
}

/* ---- sparse and stream */

static void check_disk(struct block *disk)
{
    static const struct {
        enum extent_kind plain;
        unsigned grains;
    } runs[] = {
        {EXTENT_HOLE, 1},
        {EXTENT_DATA, 2},
        {EXTENT_ZERO, 1},
        {EXTENT_HOLE, 5}, /* table 1, which is missing, and grain 8 */
    };
    uint8_t want[MAKE_DISK], got[MAKE_DISK];
    struct err err = {0};
    struct extent e;
    uint64_t off = 0;

    vmdk_make_want(want);
    assert_int_equal(disk->size, MAKE_DISK);
    assert_int_equal(block_read(disk, got, MAKE_DISK, 0, &err), 0);
    assert_memory_equal(got, want, MAKE_DISK);
    for (size_t at = 0; at + 700 < MAKE_DISK; at += 613) {
        assert_int_equal(block_read(disk, got, 700, at, &err), 0);
        assert_memory_equal(got, want + at, 700);
    }
    image_testing_extents(disk, want);
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        assert_int_equal(block_extent(disk, &e, off + 5, &err), 0);
        if (e.kind != EXTENT_HOLE || runs[i].plain != EXTENT_ZERO)
            assert_int_equal(e.kind, runs[i].plain);
        off += runs[i].grains * MAKE_GRAIN;
        if (e.kind == runs[i].plain)
            assert_true(e.length >= runs[i].grains * MAKE_GRAIN - 5);
    }
    assert_int_equal(block_extent(disk, &e, off, &err), 0);
    assert_int_equal(e.kind, EXTENT_DATA);
    assert_int_equal(e.length, MAKE_GRAIN / 2);
}

static void test_sparse(void **state)
{
    AUTO(block_unrefp) struct block *disk = NULL;
    uint8_t image[MAKE_SPARSE_SIZE];
    struct image_info info;
    struct err err;

    (void)state;
    vmdk_make_sparse(image);
    image[FIELD_UNCLEAN] = 1;
    assert_int_equal(image_testing_open(&disk, &info, image, sizeof image, &err), 0);
    assert_int_equal(info.format, IMAGE_VMDK);
    assert_string_equal(info.kind, "monolithicSparse");
    assert_int_equal(info.virtual_size, MAKE_DISK);
    assert_int_equal(info.cluster_size, MAKE_GRAIN);
    assert_true(info.dirty);
    assert_false(info.compressed);
    check_disk(disk);
}

static void test_stream(void **state)
{
    AUTO(block_unrefp) struct block *disk = NULL;
    size_t n;
    AUTO(freep) uint8_t *image = vmdk_make_stream(&n);
    struct image_info info;
    struct err err;

    (void)state;
    assert_int_equal(image_testing_open(&disk, &info, image, n, &err), 0);
    assert_string_equal(info.kind, "streamOptimized");
    assert_true(info.compressed);
    assert_false(info.dirty);
    check_disk(disk);
}

/* qemu reads compressed grains without markers too; the length is then not known. */
static void test_stream_without_markers(void **state)
{
    AUTO(block_unrefp) struct block *disk = NULL;
    size_t n;
    AUTO(freep) uint8_t *image = vmdk_make_stream(&n);
    struct vmdk_make_places at = vmdk_make_find(image, n);
    struct image_info info;
    struct err err;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        memmove(image + at.grain[i], image + at.grain[i] + VMDK_MARKER_SIZE,
                load_le32(image + at.grain[i] + 8));
    image[FIELD_FLAGS + 2] = 1;
    assert_int_equal(image_testing_open(&disk, &info, image, n, &err), 0);
    check_disk(disk);
}

static void test_faults(void **state)
{
    uint8_t sparse[MAKE_SPARSE_SIZE], want[MAKE_DISK];
    size_t n;
    AUTO(freep) uint8_t *stream = vmdk_make_stream(&n);

    (void)state;
    vmdk_make_want(want);
    vmdk_make_sparse(sparse);
    image_testing_faults(sparse, sizeof sparse, want, MAKE_DISK, NULL);
    image_testing_faults(stream, n, want, MAKE_DISK, NULL);
}

/* What the survey leaves for reads to find in a stream: they say so, and where. */
static void test_bad_grains(void **state)
{
    static const struct {
        const char *sentence;
        size_t at;
        const char *says;
    } cases[] = {
        {"a marker of another sector", 0, "its marker says"},
        {"a marker of no bytes", 8, "its marker says"},
        {"a marker of 16 MiB", 11, "its marker says"},
        {"a stream that was changed", 40, "do not inflate to 4096"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(block_unrefp) struct block *disk = NULL;
        size_t n;
        AUTO(freep) uint8_t *image = vmdk_make_stream(&n);
        uint8_t *marker = image + vmdk_make_find(image, n).grain[1];
        uint8_t got[MAKE_GRAIN];
        struct image_info info;
        struct err err;

        if (cases[i].at == 8)
            store_le32(marker + 8, 0);
        else
            marker[cases[i].at] ^= 1;
        assert_int_equal(image_testing_open(&disk, &info, image, n, &err), 0);
        if (block_read(disk, got, 100, MAKE_GRAIN, &err) != -ERR_CORRUPT ||
            !strstr(err.msg, cases[i].says))
            fail_msg("%s: %s", cases[i].sentence, err.msg);
        err_clear(&err);
        assert_int_equal(block_read(disk, got, MAKE_GRAIN, 2 * MAKE_GRAIN, &err), 0);
    }
}

/* Grain 9 has the last sector, where the look for a container in the container reads. */
static void test_bad_last_grain(void **state)
{
    AUTO(block_unrefp) struct block *disk = NULL;
    size_t n;
    AUTO(freep) uint8_t *image = vmdk_make_stream(&n);
    struct image_info info;
    struct err err;

    (void)state;
    image[vmdk_make_find(image, n).grain[2] + 40] ^= 1;
    assert_int_equal(image_testing_open(&disk, &info, image, n, &err), -ERR_CORRUPT);
    assert_int_equal(info.fault, IMAGE_FAULT_CORRUPT);
    assert_non_null(strstr(info.fault_detail, "do not inflate to 2048"));
}

struct reader {
    struct block *disk;
    const uint8_t *want;
    unsigned seed;
    bool good;
};

static void *read_here_and_there(void *arg)
{
    struct reader *r = arg;
    uint8_t got[3 * MAKE_GRAIN];

    r->good = true;
    for (unsigned i = 0; i < 2000 && r->good; i++) {
        size_t off = (size_t)rand_r(&r->seed) % MAKE_DISK;
        size_t n = (size_t)rand_r(&r->seed) % sizeof got;
        struct err err = {0};

        n = n < MAKE_DISK - off ? n : MAKE_DISK - off;
        r->good = block_read(r->disk, got, n, off, &err) == 0 &&
                  memcmp(got, r->want + off, n) == 0;
    }
    return NULL;
}

static void test_threads(void **state)
{
    enum { THREADS = 4 };
    AUTO(block_unrefp) struct block *disk = NULL;
    size_t n;
    AUTO(freep) uint8_t *image = vmdk_make_stream(&n);
    uint8_t want[MAKE_DISK];
    struct reader readers[THREADS];
    pthread_t threads[THREADS];
    struct image_info info;
    struct err err;

    (void)state;
    vmdk_make_want(want);
    assert_int_equal(image_testing_open(&disk, &info, image, n, &err), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){disk, want, i + 1, false};
        assert_int_equal(
            pthread_create(&threads[i], NULL, read_here_and_there, &readers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < THREADS; i++)
        assert_true(readers[i].good);
}

/* An empty disk of 2 TiB: one hole, found in the directory alone. */
static void test_large_and_empty(void **state)
{
    enum { TABLES = 65536, DIRECTORY = 2 * 512, SIZE = DIRECTORY + TABLES * 4 };
    AUTO(block_unrefp) struct block *file = NULL, *count = NULL, *disk = NULL;
    AUTO(freep) uint8_t *image = calloc(1, SIZE);
    uint8_t small[MAKE_SPARSE_SIZE];
    atomic_uint accesses = 0;
    struct image_info info;
    struct err err = {0};
    struct extent e;
    unsigned before;

    (void)state;
    assert_non_null(image);
    vmdk_make_sparse(small);
    memcpy(image, small, 2 * 512);
    store_le64(image + FIELD_CAPACITY, (2ull << 40) / 512);
    store_le64(image + FIELD_GRAIN_SIZE, 128);
    store_le32(image + FIELD_GTES, 512);
    assert_int_equal(block_mem_open(&file, image, SIZE, &err), 0);
    assert_int_equal(block_fault_open(&count, file, 0, &accesses, &err), 0);
    assert_int_equal(image_open(&disk, &info, count, NULL, &err), 0);
    before = accesses;
    assert_int_equal(block_extent(disk, &e, 0, &err), 0);
    assert_int_equal(e.kind, EXTENT_HOLE);
    assert_int_equal(e.length, 2ull << 40);
    assert_int_equal(accesses, before);
}

/* ---- split and flat */

#define HEAD                                                               \
    "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n" \
    "createType="

static void test_split_flat(void **state)
{
    static const char text[] = HEAD "\"twoGbMaxExtentFlat\"\r\n"
                                    "RW 2 FLAT \"a b.vmdk\" 1\r\n"
                                    "RW 3 ZERO\r\n"
                                    "RDONLY 1 FLAT \"c.vmdk\" 0\r\n";
    AUTO(block_unrefp) struct block *disk = NULL;
    uint8_t a[3 * 512], c[512], got[6 * 512];
    struct folder folder = {.name = {"a b.vmdk", "c.vmdk"},
                            .content = {bytes_of(a, sizeof a), bytes_of(c, sizeof c)}};
    struct image_info info;
    struct err err;
    struct extent e;

    (void)state;
    memset(a, 1, 512);
    memset(a + 512, 2, 1024);
    memset(c, 3, sizeof c);
    assert_int_equal(open_in(&disk, &info, text, sizeof text - 1, &folder, &err), 0);
    assert_string_equal(info.kind, "twoGbMaxExtentFlat");
    assert_int_equal(info.file_size, sizeof text - 1 + sizeof a + sizeof c);
    assert_int_equal(disk->size, sizeof got);
    assert_int_equal(block_read(disk, got, sizeof got, 0, &err), 0);
    assert_memory_equal(got, a + 512, 1024);
    assert_true(bytes_are_zero(bytes_of(got + 1024, 3 * 512)));
    assert_memory_equal(got + 5 * 512, c, 512);
    assert_int_equal(block_extent(disk, &e, 1024 + 7, &err), 0);
    assert_int_equal(e.kind, EXTENT_HOLE);
    assert_int_equal(e.length, 3 * 512 - 7);
    assert_int_equal(block_extent(disk, &e, 100, &err), 0);
    assert_int_equal(e.kind, EXTENT_DATA);
    assert_int_equal(e.length, 924);
}

static void test_split_sparse(void **state)
{
    static const char text[] = HEAD "twoGbMaxExtentSparse\n"
                                    "RW 76 SPARSE \"s1.vmdk\"\n"
                                    "RW 70 SPARSE \"s2.vmdk\"\n";
    AUTO(block_unrefp) struct block *disk = NULL;
    uint8_t s[MAKE_SPARSE_SIZE], want[2 * MAKE_DISK], got[2 * MAKE_DISK];
    struct folder folder = {.name = {"s1.vmdk", "s2.vmdk"},
                            .content = {bytes_of(s, sizeof s), bytes_of(s, sizeof s)}};
    struct image_info info;
    struct err err;

    (void)state;
    vmdk_make_sparse(s);
    memset(s + FIELD_DESC_OFFSET, 0, 16);
    vmdk_make_want(want);
    vmdk_make_want(want + MAKE_DISK);
    assert_int_equal(open_in(&disk, &info, text, sizeof text - 1, &folder, &err), 0);
    assert_int_equal(disk->size, 146 * 512);
    assert_int_equal(block_read(disk, got, 146 * 512, 0, &err), 0);
    assert_memory_equal(got, want, 146 * 512);
    image_testing_extents(disk, want);
    assert_int_equal(info.file_size, sizeof text - 1 + 2 * sizeof s);
    /* Without its descriptor an extent is no disk. */
    block_unrefp(&disk);
    assert_int_equal(image_testing_open(&disk, &info, s, sizeof s, &err),
                     -ERR_UNSUPPORTED);
    assert_int_equal(info.fault, IMAGE_FAULT_CREATE_TYPE);
}

/* An error of the folder is no fault of the image, a file that is not there is one. */
static int folder_broken(struct block **ret, void *arg, const char *name, struct err *err)
{
    (void)ret;
    (void)arg;
    (void)name;
    return FAIL(err, ERR_IO, "the cable is loose");
}

static void test_broken_folder(void **state)
{
    static const char text[] = HEAD "\"monolithicFlat\"\nRW 1 FLAT \"x\" 0\n";
    struct image_options options = {.sibling = folder_broken};
    AUTO(block_unrefp) struct block *disk = NULL, *file = NULL;
    struct image_info info;
    struct err err = {0};

    (void)state;
    assert_int_equal(block_mem_open(&file, text, sizeof text - 1, &err), 0);
    assert_int_equal(image_open(&disk, &info, file, &options, &err), -ERR_IO);
    assert_string_equal(err.msg, "vmdk extent \"x\": the cable is loose");
    assert_int_equal(info.fault, IMAGE_FAULT_NONE);
}

/* ---- descriptors */

static const struct {
    const char *sentence, *text;
    enum image_fault fault;
    const char *message;
} desc_cases[] = {
    {"a name with a slash", HEAD "\"monolithicFlat\"\nRW 1 FLAT \"a/b\" 0\n",
     IMAGE_FAULT_FOREIGN_EXTENT,
     "vmdk: extent \"a/b\" is no plain name of a file beside the descriptor"},
    {"an absolute name", HEAD "\"monolithicFlat\"\nRW 1 FLAT \"/etc/shadow\" 0\n",
     IMAGE_FAULT_FOREIGN_EXTENT,
     "vmdk: extent \"/etc/shadow\" is no plain name of a file beside the descriptor"},
    {"a name that climbs", HEAD "\"monolithicFlat\"\nRW 1 FLAT \"..\" 0\n",
     IMAGE_FAULT_FOREIGN_EXTENT,
     "vmdk: extent \"..\" is no plain name of a file beside the descriptor"},
    {"a name of Windows", HEAD "\"monolithicFlat\"\nRW 1 FLAT \"C:\\x\" 0\n",
     IMAGE_FAULT_FOREIGN_EXTENT,
     "vmdk: extent \"C:\\x5cx\" is no plain name of a file beside the descriptor"},
    {"an empty name", HEAD "\"monolithicFlat\"\nRW 1 FLAT \"\" 0\n",
     IMAGE_FAULT_FOREIGN_EXTENT,
     "vmdk: extent \"\" is no plain name of a file beside the descriptor"},
    {"a name with a control character", HEAD "\"monolithicFlat\"\nRW 1 FLAT \"a\tb\" 0\n",
     IMAGE_FAULT_FOREIGN_EXTENT,
     "vmdk: extent \"a\\x09b\" is no plain name of a file beside the descriptor"},
    {"an extent that is not there", HEAD "\"monolithicFlat\"\nRW 1 FLAT \"gone\" 0\n",
     IMAGE_FAULT_MISSING_EXTENT, "vmdk: extent \"gone\" is not there: gone"},
    {"a flat extent past its file", HEAD "\"monolithicFlat\"\nRW 2 FLAT \"file\" 0\n",
     IMAGE_FAULT_TRUNCATED,
     "vmdk: a flat extent of 1024 bytes at offset 0, but its file ends at 512"},
    {"a flat extent that begins past its file",
     HEAD "\"monolithicFlat\"\nRW 1 FLAT \"file\" 1\n", IMAGE_FAULT_TRUNCATED,
     "vmdk: a flat extent of 512 bytes at offset 512, but its file ends at 512"},
    {"a sparse extent that is none",
     HEAD "\"twoGbMaxExtentSparse\"\nRW 1 SPARSE \"file\"\n", IMAGE_FAULT_CORRUPT,
     "vmdk extent: no sparse header at its start"},
    {"a sparse extent in a flat disk", HEAD "\"monolithicFlat\"\nRW 1 SPARSE \"file\"\n",
     IMAGE_FAULT_CORRUPT,
     "vmdk descriptor: extent 0 does not belong to a monolithicFlat"},
    {"no extent", HEAD "\"monolithicFlat\"\n", IMAGE_FAULT_CORRUPT,
     "vmdk descriptor: it names no extent"},
    {"an extent of nothing", HEAD "\"monolithicFlat\"\nRW 0 FLAT \"file\" 0\n",
     IMAGE_FAULT_CORRUPT,
     "vmdk descriptor: cannot make sense of \"RW 0 FLAT \"file\" 0\""},
    {"a flat extent without its offset", HEAD "\"monolithicFlat\"\nRW 1 FLAT \"file\"\n",
     IMAGE_FAULT_CORRUPT, "vmdk descriptor: cannot make sense of \"RW 1 FLAT \"file\"\""},
    {"a name without its end", HEAD "\"monolithicFlat\"\nRW 1 FLAT \"file 0\n",
     IMAGE_FAULT_CORRUPT, "vmdk descriptor: cannot make sense of \"RW 1 FLAT \"file 0\""},
    {"an extent over all limits",
     HEAD "\"monolithicFlat\"\nRW 18446744073709551615 FLAT \"file\" 0\n",
     IMAGE_FAULT_TOO_LARGE,
     "vmdk descriptor: an extent of 18446744073709551615 sectors at sector 0"},
    {"an extent nobody may read", HEAD "\"monolithicFlat\"\nNOACCESS 1 FLAT \"file\" 0\n",
     IMAGE_FAULT_CREATE_TYPE,
     "vmdk descriptor: an extent that nobody may read (NOACCESS)"},
    {"a newer version", "# Disk DescriptorFile\nversion=9\ncreateType=\"vmfs\"\n",
     IMAGE_FAULT_VERSION, "vmdk descriptor: version 9, only 1 to 3 are known"},
    {"no kind", "# Disk DescriptorFile\nversion=1\n", IMAGE_FAULT_CREATE_TYPE,
     "vmdk descriptor: no createType"},
    {"a kind nobody knows", HEAD "\"qubits\"\n", IMAGE_FAULT_CREATE_TYPE,
     "vmdk: createType \"qubits\" is not known"},
    {"two kinds", HEAD "\"monolithicFlat\"\ncreateType=\"vmfs\"\n", IMAGE_FAULT_CORRUPT,
     "vmdk descriptor: createType is given twice"},
    {"a datastore's disk", HEAD "\"vmfs\"\nRW 1 VMFS \"x-flat.vmdk\"\n",
     IMAGE_FAULT_CREATE_TYPE,
     "vmdk: createType \"vmfs\", a disk in a datastore of ESXi, is not taken"},
    {"a snapshot of ESXi", HEAD "\"vmfsSparse\"\nRW 1 VMFSSPARSE \"x-delta.vmdk\"\n",
     IMAGE_FAULT_DELTA,
     "vmdk: createType \"vmfsSparse\", a snapshot of ESXi, is not taken"},
    {"a newer snapshot of ESXi", HEAD "\"seSparse\"\n", IMAGE_FAULT_DELTA,
     "vmdk: createType \"seSparse\", a snapshot of ESXi, is not taken"},
    {"a raw device map", HEAD "\"vmfsRawDeviceMap\"\n", IMAGE_FAULT_DELTA,
     "vmdk: createType \"vmfsRawDeviceMap\", a raw device map, is not taken"},
    {"a host's disk", HEAD "\"fullDevice\"\nRW 1 FLAT \"\\\\.\\PhysicalDrive0\" 0\n",
     IMAGE_FAULT_DELTA,
     "vmdk: createType \"fullDevice\", a device of the host, is not taken"},
    {"a parent",
     "# Disk DescriptorFile\nversion=1\nparentCID=0badf00d\n"
     "createType=\"monolithicFlat\"\n",
     IMAGE_FAULT_DELTA, "vmdk: parentCID is 0badf00d, so another disk lies below"},
    {"a parent by name", HEAD "\"monolithicFlat\"\nparentFileNameHint=\"base.vmdk\"\n",
     IMAGE_FAULT_DELTA, "vmdk: its parent is \"base.vmdk\", so another disk lies below"},
    {"an encrypted disk", HEAD "\"monolithicFlat\"\nencryption.keySafe = \"x\"\n",
     IMAGE_FAULT_ENCRYPTED, "vmdk descriptor: the disk is encrypted"},
    {"the descriptor of a sparse disk alone",
     HEAD "\"monolithicSparse\"\nRW 1 SPARSE \"file\"\n", IMAGE_FAULT_CORRUPT,
     "vmdk: a monolithicSparse whose descriptor is a file of its own"},
};

static void test_descriptors(void **state)
{
    static const uint8_t file[512];
    struct folder folder = {.name = {"file"}, .content = {bytes_of(file, sizeof file)}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(desc_cases); i++) {
        AUTO(block_unrefp) struct block *disk = NULL;
        struct image_info info;
        struct err err;

        if (open_in(&disk, &info, desc_cases[i].text, strlen(desc_cases[i].text), &folder,
                    &err) == 0)
            fail_msg("%s: opened", desc_cases[i].sentence);
        if (info.fault != desc_cases[i].fault ||
            strcmp(err.msg, desc_cases[i].message) != 0)
            fail_msg("%s: %s: %s", desc_cases[i].sentence, image_fault_name(info.fault),
                     err.msg);
    }
}

static void test_lone_descriptor(void **state)
{
    static const char text[] = HEAD "\"monolithicFlat\"\nRW 1 FLAT \"x-flat.vmdk\" 0\n";
    AUTO(block_unrefp) struct block *disk = NULL;
    struct image_info info;
    struct err err;

    (void)state;
    assert_true(open_in(&disk, &info, text, sizeof text - 1, NULL, &err) < 0);
    assert_int_equal(info.fault, IMAGE_FAULT_LONE_DESCRIPTOR);
    assert_string_equal(err.msg, "vmdk: this is a descriptor, its data are in "
                                 "\"x-flat.vmdk\", which is not at hand");
}

static void test_descriptor_limits(void **state)
{
    AUTO(buf_fini) struct buf b = {0};
    struct folder folder = {0};
    AUTO(block_unrefp) struct block *disk = NULL;
    struct image_info info;
    struct err err = {0};

    (void)state;
    buf_puts(&b, HEAD "\"twoGbMaxExtentFlat\"\n", &err);
    for (int i = 0; i <= VMDK_EXTENTS_MAX; i++)
        buf_puts(&b, "RW 1 FLAT \"x\" 0\n", &err);
    assert_true(open_in(&disk, &info, b.p, b.n, &folder, &err) < 0);
    assert_int_equal(info.fault, IMAGE_FAULT_TOO_LARGE);
    assert_string_equal(err.msg, "vmdk descriptor: more than 1024 extents");
    while (b.n <= VMDK_DESC_MAX)
        buf_puts(&b, "################\n", &err);
    assert_true(open_in(&disk, &info, b.p, b.n, &folder, &err) < 0);
    assert_int_equal(info.fault, IMAGE_FAULT_TOO_LARGE);
    assert_int_equal(folder.asked, 0);
}

static void test_what_is_a_descriptor(void **state)
{
    (void)state;
    static const struct {
        const char *sentence, *text;
        bool is;
    } cases[] = {
        {"VMware's first line", "# Disk DescriptorFile\n", true},
        {"in small letters", "# disk descriptorfile\r\nfoo", true},
        {"comments and a version", "#\n\n # hello\n version = 2\n", true},
        {"a version that is not known", "#\nversion=7\n", false},
        {"a shell script", "#!/bin/sh\nversion() { }\n", false},
        {"nothing", "", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (vmdk_desc_is(bytes_of(cases[i].text, strlen(cases[i].text))) != cases[i].is)
            fail_msg("%s", cases[i].sentence);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_without_markers),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_bad_grains),
        cmocka_unit_test(test_bad_last_grain),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_large_and_empty),
        cmocka_unit_test(test_split_flat),
        cmocka_unit_test(test_split_sparse),
        cmocka_unit_test(test_broken_folder),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_lone_descriptor),
        cmocka_unit_test(test_descriptor_limits),
        cmocka_unit_test(test_what_is_a_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
