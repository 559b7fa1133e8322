/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/kernel/initramfs_testing.h"

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

void archive_put(struct buf *b, const void *p, size_t n)
{
    struct err err = {0};

    assert_int_equal(buf_append(b, p, n, &err), 0);
}

void archive_zeros(struct buf *b, size_t n)
{
    while (n--)
        archive_put(b, "", 1);
}

static void archive_align(struct buf *b, size_t start)
{
    while ((b->n - start) % 4)
        archive_zeros(b, 1);
}

/* An archive starts at `start` of b. */
void archive_add(struct buf *b, size_t start, const char *magic, uint32_t mode,
                 const char *name, const char *body, size_t body_n)
{
    char head[CPIO_HEADER + 1];

    snprintf(head, sizeof head, "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
             magic, 1u, mode, 0u, 0u, 1u, 0u, (unsigned)body_n, 0u, 0u, 0u, 0u,
             (unsigned)strlen(name) + 1, 0u);
    archive_put(b, head, CPIO_HEADER);
    archive_put(b, name, strlen(name) + 1);
    archive_align(b, start);
    archive_put(b, body, body_n);
    archive_align(b, start);
}

static void archive_add_file(struct buf *b, size_t start, const char *name, size_t n)
{
    AUTO(buf_fini) struct buf body = {0};

    for (size_t i = 0; i < n; i++) {
        char c = (char)(i * 7 + i / 91);

        archive_put(&body, &c, 1);
    }
    archive_add(b, start, "070701", S_IFREG | 0644, name, buf_str(&body), n);
}

void archive_trailer(struct buf *b, size_t start)
{
    archive_add(b, start, "070701", 0, "TRAILER!!!", "", 0);
}

void archive_early(struct buf *b)
{
    size_t start = b->n;

    archive_add(b, start, "070701", S_IFDIR | 0755, "kernel", "", 0);
    archive_add_file(b, start, "kernel/x86/microcode/GenuineIntel.bin", 5000);
    archive_trailer(b, start);
    archive_zeros(b, 256);
}

void archive_main(struct buf *b)
{
    size_t start = b->n;

    archive_add(b, start, "070701", S_IFDIR | 0755, ".", "", 0);
    archive_add(b, start, "070701", S_IFREG | 0755, "./init", "#!/bin/sh\n", 10);
    archive_add(b, start, "070702", S_IFREG | 0644, "/conf/modules", "virtio_blk\n", 11);
    archive_add(b, start, "070701", S_IFLNK | 0777, "lib", "usr/lib", 7);
    archive_add_file(b, start, "usr/lib/modules/6.1/virtio_blk.ko", 70001);
    archive_add_file(b, start, "usr/lib/modules/6.1/virtio_pci.ko", 300000);
    archive_trailer(b, start);
}

void pack_gzip(struct buf *to, struct bytes b)
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

void pack_zstd(struct buf *to, struct bytes b)
{
    struct err err = {0};
    size_t n;

    assert_int_equal(buf_reserve(to, ZSTD_compressBound(b.n), &err), 0);
    n = ZSTD_compress(to->p + to->n, to->cap - to->n, b.p, b.n, 3);
    assert_false(ZSTD_isError(n));
    to->n += n;
}

void archive_le32(struct buf *b, uint32_t v)
{
    uint8_t raw[4];

    store_le32(raw, v);
    archive_put(b, raw, 4);
}

static void put_be32(struct buf *b, uint32_t v)
{
    uint8_t raw[4];

    store_be32(raw, v);
    archive_put(b, raw, 4);
}

void pack_lz4(struct buf *to, struct bytes b)
{
    static char packed[1 << 20];
    int n = LZ4_compress_default((const char *)b.p, packed, (int)b.n, sizeof packed);

    assert_true(n > 0);
    archive_le32(to, 0x184c2102);
    archive_le32(to, (uint32_t)n);
    archive_put(to, packed, (size_t)n);
}

/* In blocks of 100000 bytes; the checksums are there and not right. */
static void pack_lzo_flags(struct buf *to, struct bytes b, uint32_t flags)
{
    static uint8_t packed[200000];
    static uint8_t work[LZO1X_1_MEM_COMPRESS];

    archive_put(to, "\x89LZO\0\r\n\x1a\n\x10\x30\x20\xa0\x09\x40\x01\x05", 17);
    put_be32(to, flags);
    put_be32(to, 0100644);
    put_be32(to, 0);
    put_be32(to, 0);
    archive_put(to, "\4name", 5);
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
        archive_put(to, stored ? b.p + off : packed, stored ? n : got);
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

void pack_none(struct buf *to, struct bytes b)
{
    archive_put(to, b.p, b.n);
}

const struct packer packers[PACKERS] = {
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

bool seen_want(void *arg, const char *name, uint64_t size)
{
    (void)arg;
    (void)size;
    return strncmp(name, "conf/", 5) == 0;
}

int seen_entry(void *arg, const struct initramfs_entry *e, struct err *err)
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

int seen_read(struct block *b, struct seen *s, struct initramfs_info *info,
              struct err *err)
{
    struct initramfs_reader reader = {.entry = seen_entry, .want = seen_want, .arg = s};

    buf_clear(&s->text);
    return initramfs_read(b, &reader, info, err);
}

int seen_read_buf(const struct buf *b, struct seen *s, struct initramfs_info *info,
                  struct err *err)
{
    AUTO(block_unrefp) struct block *block = NULL;

    assert_int_equal(block_mem_open(&block, buf_str(b), b->n, err), 0);
    return seen_read(block, s, info, err);
}

void seen_fini(struct seen *s)
{
    buf_fini(&s->text);
}
