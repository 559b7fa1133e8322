/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives are made here, and packed with the encoders of the libraries (gzip with
 * zlib, which is not what reads it).  tests/guest/ does the same with the tools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "guest/kernel/cpio.h"
#include "guest/kernel/initramfs.h"
#include "guest/kernel/unpack.h"

/* ---- making them */

static void put(struct buf *b, const void *p, size_t n)
{
    struct err err = {0};

    assert_int_equal(buf_append(b, p, n, &err), 0);
}

static void zeros(struct buf *b, size_t n)
{
    while (n--)
        put(b, "", 1);
}

static void align(struct buf *b, size_t start)
{
    while ((b->n - start) % 4)
        zeros(b, 1);
}

/* An archive starts at `start` of b. */
static void add(struct buf *b, size_t start, const char *magic, uint32_t mode,
                const char *name, const char *body, size_t body_n)
{
    char head[CPIO_HEADER + 1];

    snprintf(head, sizeof head, "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
             magic, 1u, mode, 0u, 0u, 1u, 0u, (unsigned)body_n, 0u, 0u, 0u, 0u,
             (unsigned)strlen(name) + 1, 0u);
    put(b, head, CPIO_HEADER);
    put(b, name, strlen(name) + 1);
    align(b, start);
    put(b, body, body_n);
    align(b, start);
}

static void add_file(struct buf *b, size_t start, const char *name, size_t n)
{
    AUTO(buf_fini) struct buf body = {0};

    for (size_t i = 0; i < n; i++) {
        char c = (char)(i * 7 + i / 91);

        put(&body, &c, 1);
    }
    add(b, start, "070701", S_IFREG | 0644, name, buf_str(&body), n);
}

static void trailer(struct buf *b, size_t start)
{
    add(b, start, "070701", 0, "TRAILER!!!", "", 0);
}

static void early(struct buf *b)
{
    size_t start = b->n;

    add(b, start, "070701", S_IFDIR | 0755, "kernel", "", 0);
    add_file(b, start, "kernel/x86/microcode/GenuineIntel.bin", 5000);
    trailer(b, start);
    zeros(b, 256);
}

static void main_archive(struct buf *b)
{
    size_t start = b->n;

    add(b, start, "070701", S_IFDIR | 0755, ".", "", 0);
    add(b, start, "070701", S_IFREG | 0755, "./init", "#!/bin/sh\n", 10);
    add(b, start, "070702", S_IFREG | 0644, "/conf/modules", "virtio_blk\n", 11);
    add(b, start, "070701", S_IFLNK | 0777, "lib", "usr/lib", 7);
    add_file(b, start, "usr/lib/modules/6.1/virtio_blk.ko", 70001);
    add_file(b, start, "usr/lib/modules/6.1/virtio_pci.ko", 300000);
    trailer(b, start);
}

#define MAIN_NAMES                                                                      \
    "4:. f:init f:conf/modules=virtio_blk\n l:lib f:usr/lib/modules/6.1/virtio_blk.ko " \
    "f:usr/lib/modules/6.1/virtio_pci.ko "
#define EARLY_NAMES "4:kernel f:kernel/x86/microcode/GenuineIntel.bin "

static void pack_gzip(struct buf *to, struct bytes b)
{
    z_stream s = {0};
    struct err err = {0};

    assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(buf_reserve(to, deflateBound(&s, b.n), &err), 0);
    s.next_in = (Bytef *)(uintptr_t)b.p;
    s.avail_in = (uInt)b.n;
    s.next_out = (Bytef *)to->p + to->n;
    s.avail_out = (uInt)(to->cap - to->n);
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    to->n += s.total_out;
    deflateEnd(&s);
}

static void pack_bzip2(struct buf *to, struct bytes b)
{
    unsigned n = (unsigned)b.n * 2 + 600;
    struct err err = {0};

    assert_int_equal(buf_reserve(to, n, &err), 0);
    assert_int_equal(BZ2_bzBuffToBuffCompress(to->p + to->n, &n, (char *)(uintptr_t)b.p,
                                              (unsigned)b.n, 1, 0, 0),
                     BZ_OK);
    to->n += n;
}

static void pack_lzma_stream(struct buf *to, struct bytes b, lzma_stream *s)
{
    struct err err = {0};

    assert_int_equal(buf_reserve(to, b.n * 2 + 600, &err), 0);
    s->next_in = b.p;
    s->avail_in = b.n;
    s->next_out = (uint8_t *)to->p + to->n;
    s->avail_out = to->cap - to->n;
    assert_int_equal(lzma_code(s, LZMA_FINISH), LZMA_STREAM_END);
    to->n += s->total_out;
    lzma_end(s);
}

static void pack_xz(struct buf *to, struct bytes b)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_options_lzma options;
    lzma_filter filters[3] = {{LZMA_FILTER_X86, NULL}, {LZMA_FILTER_LZMA2, &options}};

    assert_false(lzma_lzma_preset(&options, 1));
    filters[2].id = LZMA_VLI_UNKNOWN;
    assert_int_equal(lzma_stream_encoder(&s, filters, LZMA_CHECK_CRC32), LZMA_OK);
    pack_lzma_stream(to, b, &s);
}

static void pack_lzma(struct buf *to, struct bytes b)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_options_lzma options;

    assert_false(lzma_lzma_preset(&options, 6));
    assert_int_equal(lzma_alone_encoder(&s, &options), LZMA_OK);
    pack_lzma_stream(to, b, &s);
}

static void pack_zstd(struct buf *to, struct bytes b)
{
    struct err err = {0};
    size_t n;

    assert_int_equal(buf_reserve(to, ZSTD_compressBound(b.n), &err), 0);
    n = ZSTD_compress(to->p + to->n, to->cap - to->n, b.p, b.n, 3);
    assert_false(ZSTD_isError(n));
    to->n += n;
}

static void put_le32(struct buf *b, uint32_t v)
{
    uint8_t raw[4];

    store_le32(raw, v);
    put(b, raw, 4);
}

static void put_be32(struct buf *b, uint32_t v)
{
    uint8_t raw[4];

    store_be32(raw, v);
    put(b, raw, 4);
}

static void pack_lz4(struct buf *to, struct bytes b)
{
    static char packed[1 << 20];
    int n = LZ4_compress_default((const char *)b.p, packed, (int)b.n, sizeof packed);

    assert_true(n > 0);
    put_le32(to, 0x184c2102);
    put_le32(to, (uint32_t)n);
    put(to, packed, (size_t)n);
}

/* In blocks of 100000 bytes; the checksums are there and not right. */
static void pack_lzo_flags(struct buf *to, struct bytes b, uint32_t flags)
{
    static uint8_t packed[200000];
    static uint8_t work[LZO1X_1_MEM_COMPRESS];

    put(to, "\x89LZO\0\r\n\x1a\n\x10\x30\x20\xa0\x09\x40\x01\x05", 17);
    put_be32(to, flags);
    put_be32(to, 0100644);
    put_be32(to, 0);
    put_be32(to, 0);
    put(to, "\4name", 5);
    put_be32(to, 0);
    for (size_t off = 0; off < b.n;) {
        size_t n = b.n - off < 100000 ? b.n - off : 100000;
        lzo_uint got = sizeof packed;
        bool stored;

        assert_int_equal(lzo1x_1_compress(b.p + off, n, packed, &got, work), LZO_E_OK);
        stored = got >= n;
        put_be32(to, (uint32_t)n);
        put_be32(to, (uint32_t)(stored ? n : got));
        for (int bit = 0; bit < 10; bit++)
            if (flags & 1u << bit && !(stored && (bit == 1 || bit == 9)))
                put_be32(to, 0);
        put(to, stored ? b.p + off : packed, stored ? n : got);
        off += n;
    }
    put_be32(to, 0);
}

static void pack_lzo(struct buf *to, struct bytes b)
{
    pack_lzo_flags(to, b, 1);
}

static void pack_lzo_sums(struct buf *to, struct bytes b)
{
    pack_lzo_flags(to, b, 1u << 0 | 1u << 1 | 1u << 8 | 1u << 9);
}

static void pack_none(struct buf *to, struct bytes b)
{
    put(to, b.p, b.n);
}

static const struct packer {
    const char *name;
    void (*pack)(struct buf *to, struct bytes b);
    const char *format;
} packers[] = {
    {"plain", pack_none, "none"},
    {"gzip", pack_gzip, "gzip"},
    {"bzip2", pack_bzip2, "bzip2"},
    {"xz with the x86 filter", pack_xz, "xz"},
    {"lzma alone", pack_lzma, "lzma"},
    {"zstd", pack_zstd, "zstd"},
    {"lz4 legacy frame", pack_lz4, "lz4"},
    {"lzo", pack_lzo, "lzo"},
    {"lzo with every checksum", pack_lzo_sums, "lzo"},
};

/* ---- reading them */

struct seen {
    struct buf text;
    const char *stop; /* entry() answers 7 there */
};

static bool want_conf(void *arg, const char *name, uint64_t size)
{
    (void)arg;
    (void)size;
    return strncmp(name, "conf/", 5) == 0;
}

static int see(void *arg, const struct initramfs_entry *e, struct err *err)
{
    struct seen *s = arg;
    int r = buf_printf(&s->text, err, "%s:%s%s%.*s ",
                       S_ISREG(e->mode)   ? "f"
                       : S_ISLNK(e->mode) ? "l"
                       : S_ISDIR(e->mode) ? "4"
                                          : "?",
                       e->name, e->content.n ? "=" : "",
                       (int)(e->content.n < 40 ? e->content.n : 40),
                       e->content.n ? (const char *)e->content.p : "");

    if (r < 0)
        return r;
    return s->stop && strcmp(s->stop, e->name) == 0 ? 7 : 0;
}

static int read_block(struct block *b, struct seen *s, struct initramfs_info *info,
                      struct err *err)
{
    struct initramfs_reader reader = {.entry = see, .want = want_conf, .arg = s};

    buf_clear(&s->text);
    return initramfs_read(b, &reader, info, err);
}

static int read_buf(const struct buf *b, struct seen *s, struct initramfs_info *info,
                    struct err *err)
{
    AUTO(block_unrefp) struct block *block = NULL;

    assert_int_equal(block_mem_open(&block, buf_str(b), b->n, err), 0);
    return read_block(block, s, info, err);
}

static void seen_fini(struct seen *s)
{
    buf_fini(&s->text);
}

static void test_every_packer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++)
        for (int front = 0; front < 2; front++) {
            AUTO(buf_fini) struct buf plain = {0}, file = {0};
            AUTO(seen_fini) struct seen s = {0};
            struct initramfs_info info;
            struct err err = {0};

            print_message("%s%s\n", packers[i].name, front ? ", early segment" : "");
            main_archive(&plain);
            if (front)
                early(&file);
            packers[i].pack(&file, buf_bytes(&plain));
            zeros(&file, 5);
            assert_int_equal(read_buf(&file, &s, &info, &err), 0);
            assert_string_equal(buf_str(&s.text),
                                front ? EARLY_NAMES MAIN_NAMES : MAIN_NAMES);
            assert_string_equal(info.format, packers[i].format);
            assert_int_equal(info.entries, front ? 8 : 6);
            assert_int_equal(info.segments,
                             front && packers[i].pack != pack_none ? 2 : 1);
            assert_true(info.unpacked >= plain.n);
        }
}

static void test_every_pair(void **state)
{
    AUTO(buf_fini) struct buf one = {0}, two = {0};

    (void)state;
    main_archive(&one);
    early(&two);
    for (size_t i = 1; i < ARRAY_SIZE(packers); i++)
        for (size_t k = 0; k < ARRAY_SIZE(packers); k++) {
            AUTO(buf_fini) struct buf file = {0};
            AUTO(seen_fini) struct seen s = {0};
            struct initramfs_info info;
            struct err err = {0};

            packers[i].pack(&file, buf_bytes(&one));
            /* Plain cpio must be aligned; lz4 takes what follows for a block, but zeros.
             */
            if (packers[k].pack == pack_none || packers[i].pack == pack_lz4)
                zeros(&file, (4 - file.n % 4) % 4 + 4);
            packers[k].pack(&file, buf_bytes(&two));
            assert_int_equal(read_buf(&file, &s, &info, &err), 0);
            assert_string_equal(buf_str(&s.text), MAIN_NAMES EARLY_NAMES);
            assert_string_equal(info.format, packers[i].format);
        }
}

static void test_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
        AUTO(block_unrefp) struct block *mem = NULL, *bytewise = NULL;
        AUTO(buf_fini) struct buf plain = {0}, file = {0}, got = {0};
        AUTO(seen_fini) struct seen s = {0};
        AUTO(unpack_closep) struct unpack *u = NULL;
        struct initramfs_info info;
        struct bytes chunk;
        struct err err = {0};
        struct feed feed;

        main_archive(&plain);
        packers[i].pack(&file, buf_bytes(&plain));
        put(&file, "end", 3);
        assert_int_equal(block_mem_open(&mem, file.p, file.n, &err), 0);
        if (packers[i].pack != pack_none) {
            /* A window of one byte: every state of the decoder is cut everywhere. */
            feed_init(&feed, mem, file.n, 1);
            assert_int_equal(feed_need(&feed, 2, &err), 0);
            assert_int_equal(
                unpack_open(&u, unpack_kind_find(feed_held(&feed)), &feed, &err), 0);
            while (unpack_next(u, &chunk, &err) > 0)
                put(&got, chunk.p, chunk.n);
            assert_int_equal(err.code, ERR_NONE);
            assert_int_equal(got.n, plain.n);
            assert_memory_equal(got.p, plain.p, plain.n);
            assert_int_equal(feed_tell(&feed), file.n - 3);
            feed_fini(&feed);
        }
        file.n -= 3;
        block_unrefp(&mem);
        assert_int_equal(block_mem_open(&mem, file.p, file.n, &err), 0);
        assert_int_equal(block_bytewise_open(&bytewise, mem, &err), 0);
        assert_int_equal(read_block(bytewise, &s, &info, &err), 0);
        assert_string_equal(buf_str(&s.text), MAIN_NAMES);
    }
}

static void test_cpio_bytewise(void **state)
{
    AUTO(buf_fini) struct buf plain = {0};
    AUTO(seen_fini) struct seen s = {0};
    struct initramfs_reader reader = {.entry = see, .want = want_conf, .arg = &s};
    static struct cpio c;
    struct err err = {0};
    unsigned entries = 0;

    (void)state;
    main_archive(&plain);
    cpio_begin(&c, &reader, &entries, 0);
    for (size_t i = 0; i < plain.n; i++) {
        struct bytes in = bytes_of(plain.p + i, 1);

        assert_int_equal(cpio_push(&c, &in, &err), 0);
        assert_int_equal(in.n, 0);
    }
    assert_true(cpio_is_whole(&c));
    assert_string_equal(buf_str(&s.text), MAIN_NAMES);
}

static void test_cut_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
        AUTO(buf_fini) struct buf plain = {0}, file = {0};
        AUTO(seen_fini) struct seen s = {0};
        size_t whole;

        main_archive(&plain);
        packers[i].pack(&file, buf_bytes(&plain));
        whole = file.n;
        for (size_t n = 1; n<whole; n += whole> 100000 ? 997 : 97) {
            struct initramfs_info info;
            struct err err = {0};
            int r;

            file.n = n;
            r = read_buf(&file, &s, &info, &err);
            if (r != -ERR_CORRUPT && !(r == -ERR_UNSUPPORTED && n < 4))
                fail_msg("%s cut at %zu: %d %s", packers[i].name, n, r, err.msg);
            assert_int_equal(strncmp(MAIN_NAMES, buf_str(&s.text), s.text.n), 0);
        }
    }
}

static void test_stop(void **state)
{
    AUTO(buf_fini) struct buf plain = {0}, file = {0};
    AUTO(seen_fini) struct seen s = {.stop = "lib"};
    struct initramfs_info info;
    struct err err = {0};

    (void)state;
    main_archive(&plain);
    pack_gzip(&file, buf_bytes(&plain));
    assert_int_equal(read_buf(&plain, &s, &info, &err), 7);
    assert_int_equal(info.entries, 4);
    assert_int_equal(read_buf(&file, &s, &info, &err), 7);
    assert_int_equal(info.entries, 4);
    assert_int_equal(err.code, ERR_NONE);
}

/* ---- what is odd or wrong */

static void make_empty(struct buf *b)
{
    (void)b;
}

static void make_zeros(struct buf *b)
{
    zeros(b, 70000);
}

static void make_text(struct buf *b)
{
    put(b, "hello", 5);
}

static void make_odc(struct buf *b)
{
    put(b, "070707", 6);
    for (int i = 0; i < 200; i++)
        put(b, "0", 1);
}

static void make_junk_behind(struct buf *b)
{
    AUTO(buf_fini) struct buf plain = {0};

    early(&plain);
    pack_gzip(b, buf_bytes(&plain));
    put(b, "junk", 4);
}

static void make_plain_behind_gzip_unaligned(struct buf *b)
{
    AUTO(buf_fini) struct buf plain = {0};

    early(&plain);
    pack_gzip(b, buf_bytes(&plain));
    while (b->n % 4 != 1)
        zeros(b, 1);
    early(b);
}

static void make_plain_behind_lz4(struct buf *b)
{
    AUTO(buf_fini) struct buf plain = {0};

    early(&plain);
    pack_lz4(b, buf_bytes(&plain));
    early(b);
}

static void make_lz4_in_a_row(struct buf *b)
{
    AUTO(buf_fini) struct buf plain = {0};

    early(&plain);
    pack_lz4(b, buf_bytes(&plain));
    pack_lz4(b, buf_bytes(&plain));
}

static void make_no_trailer(struct buf *b)
{
    add(b, 0, "070701", S_IFREG | 0644, "a", "1", 1);
}

static void make_skipped(struct buf *b)
{
    static char name[5000];

    memset(name, 'n', sizeof name - 1);
    add(b, 0, "070701", S_IFREG | 0644, "a", "1", 1);
    add(b, 0, "070701", S_IFREG | 0644, name, "123", 3);
    add(b, 0, "070701", S_IFDIR | 0755, "folder with a body", "12345", 5);
    add(b, 0, "070701", S_IFLNK | 0777, "link too long", name, 4097);
    add(b, 0, "070701", S_IFREG | 0644, "b", "", 0);
    trailer(b, 0);
    add(b, 0, "070701", S_IFREG | 0644, "c", "", 0);
}

static void make_bad_hex(struct buf *b)
{
    add(b, 0, "070701", S_IFREG | 0644, "a", "1", 1);
    b->p[60] = 'x';
}

static void make_name_without_end(struct buf *b)
{
    add(b, 0, "070701", S_IFREG | 0644, "a", "1", 1);
    b->p[CPIO_HEADER + 1] = 'x';
}

static void make_bootconfig(struct buf *b)
{
    early(b);
    put(b, "kernel.x = 1\n\0\0\0", 16);
    put_le32(b, 16);
    put_le32(b, 99);
    put(b, "#BOOTCONFIG\n", 12);
    zeros(b, 2);
}

static void make_lz4_frame(struct buf *b)
{
    put(b, "\x04\x22\x4d\x18 and so on", 13);
}

static void make_lz4_bad_magic(struct buf *b)
{
    put(b, "\x02\x21\x00\x00 and so on", 13);
}

static void make_lz4_huge_block(struct buf *b)
{
    put_le32(b, 0x184c2102);
    put_le32(b, 0x7fffffff);
    put(b, "data", 4);
}

static void make_gzip_bad_sum(struct buf *b)
{
    AUTO(buf_fini) struct buf plain = {0};

    early(&plain);
    pack_gzip(b, buf_bytes(&plain));
    b->p[b->n - 6] ^= 1;
}

static void make_zstd_window(struct buf *b)
{
    /* Frame header descriptor 0, window descriptor 31 << 3: far over 128 MiB. */
    put(b, "\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00", 9);
}

static const struct odd {
    const char *name;
    void (*make)(struct buf *b);
    int result;
    const char *names;
    const char *message; /* part of it; NULL none */
} odd[] = {
    {"an empty file", make_empty, -ERR_CORRUPT, "", "no archive in it"},
    {"nothing but zeros", make_zeros, -ERR_CORRUPT, "", "no archive in it"},
    {"text", make_text, -ERR_UNSUPPORTED, "", "no compressor of Linux"},
    {"cpio -H odc", make_odc, -ERR_UNSUPPORTED, "", "old portable format"},
    {"junk behind gzip", make_junk_behind, -ERR_CORRUPT, EARLY_NAMES, "junk"},
    {"cpio behind gzip, not aligned", make_plain_behind_gzip_unaligned, -ERR_CORRUPT,
     EARLY_NAMES, "junk"},
    {"cpio behind lz4 without padding", make_plain_behind_lz4, -ERR_CORRUPT, EARLY_NAMES,
     "lz4: block of"},
    {"lz4 frames in a row", make_lz4_in_a_row, 0, EARLY_NAMES EARLY_NAMES, NULL},
    {"no trailer", make_no_trailer, 0, "f:a ", NULL},
    {"entries that Linux steps over", make_skipped, 0, "f:a f:b f:c ", NULL},
    {"a header that is not hexadecimal", make_bad_hex, -ERR_CORRUPT, "", "hexadecimal"},
    {"a name without its end", make_name_without_end, -ERR_CORRUPT, "",
     "without its end"},
    {"boot options appended", make_bootconfig, 0, EARLY_NAMES, NULL},
    {"the modern lz4 frame", make_lz4_frame, -ERR_UNSUPPORTED, "", "begins with 04 22"},
    {"half an lz4 magic", make_lz4_bad_magic, -ERR_UNSUPPORTED, "", "legacy frame"},
    {"an lz4 block of 2 GiB", make_lz4_huge_block, -ERR_CORRUPT, "", "lz4: block of"},
    {"gzip, wrong checksum", make_gzip_bad_sum, -ERR_CORRUPT, "", "checksum"},
    {"zstd with a window of 4 TiB", make_zstd_window, -ERR_LIMIT, "", "window over"},
};

static void test_odd(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        AUTO(buf_fini) struct buf file = {0};
        AUTO(seen_fini) struct seen s = {0};
        struct initramfs_info info;
        struct err err = {0};
        int r;

        odd[i].make(&file);
        r = read_buf(&file, &s, &info, &err);
        if (r != odd[i].result)
            fail_msg("%s: %d %s", odd[i].name, r, err.msg);
        assert_string_equal(buf_str(&s.text), odd[i].names);
        if (odd[i].message && !strstr(err.msg, odd[i].message))
            fail_msg("%s: %s", odd[i].name, err.msg);
    }
}

static void test_limits(void **state)
{
    AUTO(buf_fini) struct buf one = {0}, file = {0};
    AUTO(seen_fini) struct seen s = {0};
    struct initramfs_reader none = {.entry = see, .arg = &s};
    AUTO(block_unrefp) struct block *b = NULL;
    struct initramfs_info info;
    struct err err = {0};

    (void)state;
    /* 257 empty archives. */
    for (int i = 0; i < 257; i++)
        pack_zstd(&file, bytes_of("", 0));
    assert_int_equal(read_buf(&file, &s, &info, &err), -ERR_LIMIT);
    assert_non_null(strstr(err.msg, "more than 256 archives"));

    /* One file of almost 2 GiB in 64 KiB: a frame of repeated zeros. */
    err_clear(&err);
    buf_clear(&file);
    add(&one, 0, "070701", S_IFREG | 0644, "a", "", 0);
    memcpy(one.p + 54, "7fffffff", 8);
    put(&file, "\x28\xb5\x2f\xfd\x00\x58", 6);
    put(&file, (char[]){(char)(one.n << 3), (char)(one.n >> 5), 0}, 3); /* raw block */
    put(&file, one.p, one.n);
    for (int i = 0; i < 16400; i++)
        put(&file, "\x02\x00\x10\x00", 4); /* 128 KiB of zeros */
    assert_int_equal(block_mem_open(&b, file.p, file.n, &err), 0);
    assert_int_equal(initramfs_read(b, &none, &info, &err), -ERR_LIMIT);
    assert_non_null(strstr(err.msg, "2047 MiB"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_packer), cmocka_unit_test(test_every_pair),
        cmocka_unit_test(test_pieces),       cmocka_unit_test(test_cpio_bytewise),
        cmocka_unit_test(test_cut_off),      cmocka_unit_test(test_stop),
        cmocka_unit_test(test_odd),          cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
