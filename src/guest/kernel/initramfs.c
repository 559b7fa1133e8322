/* SPDX-License-Identifier: GPL-2.0-or-later */
/* initramfs.c: the segments of an initramfs, in the order the kernel takes them
 *
 * The loop of init/initramfs.c: a '0' on a multiple of 4 begins plain cpio, a zero is
 * padding, anything else must be the magic of a compressor, and what that unpacks to is
 * cpio again, with padding and further archives inside. */
#include "guest/kernel/initramfs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "guest/kernel/cpio.h"
#include "guest/kernel/unpack.h"

enum {
    FILE_MAX = 1 << 30, /* bytes of the file itself */
    SEGMENTS_MAX = 256,
    PLAIN_WINDOW = 8 << 10, /* read at once where bodies are stepped over */
};

static const char bootconfig_magic[12] = "#BOOTCONFIG\n";

/* Boot options may be appended for the kernel, which cuts them off first: data, le32 size
 * of it, le32 checksum, magic, and up to three zeros from the loader. */
static int find_end(struct block *file, uint64_t *ret, struct err *err)
{
    uint8_t tail[8 + sizeof bootconfig_magic + 3];
    size_t n = (size_t)min_u64(sizeof tail, file->size);
    struct bytes b = bytes_of(tail, n);
    int r = block_read(file, tail, n, file->size - n, err);

    if (r < 0)
        return r;
    *ret = file->size;
    for (size_t i = 8; i + sizeof bootconfig_magic <= n; i++) {
        uint64_t at = file->size - n + i - 8;
        uint32_t size = load_le32(tail + i - 8);

        if (bytes_at(b, i, bootconfig_magic, sizeof bootconfig_magic) && size <= at) {
            *ret = at - size;
            return 0;
        }
    }
    return 0;
}

struct reading {
    struct feed feed;
    struct cpio *cpio; /* owned */
    uint64_t unpacked_max;
    struct initramfs_info *info;
};

static int count_unpacked(struct reading *rd, uint64_t n, struct err *err)
{
    if (n > rd->unpacked_max - rd->info->unpacked)
        return FAIL(err, ERR_LIMIT, "more than %" PRIu64 " MiB unpacked",
                    rd->unpacked_max >> 20);
    rd->info->unpacked += n;
    return 0;
}

static int count_segment(struct initramfs_info *info, struct err *err)
{
    if (++info->segments > SEGMENTS_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d archives in a row", SEGMENTS_MAX);
    return 0;
}

/* Plain entries from here on.  Leaves the feed on what is none. */
static int read_plain(struct reading *rd, struct err *err)
{
    struct feed *f = &rd->feed;
    struct cpio *c = rd->cpio;

    f->window = PLAIN_WINDOW;
    for (;;) {
        uint64_t jump = cpio_skippable(c), from = feed_tell(f);
        struct bytes held, in;
        int r;

        if (jump > f->end - from)
            return FAIL(err, ERR_CORRUPT, "cpio: the archive is cut off");
        feed_seek(f, from + jump);
        cpio_skip(c, jump);
        r = feed_need(f, 1, err);
        if (r < 0)
            return r;
        held = in = feed_held(f);
        if (held.n == 0) {
            if (!cpio_is_whole(c))
                return FAIL(err, ERR_CORRUPT, "cpio: the archive is cut off");
            return count_unpacked(rd, jump, err);
        }
        r = cpio_push(c, &in, err);
        feed_eat(f, held.n - in.n);
        if (r == 0)
            r = count_unpacked(rd, jump + held.n - in.n, err);
        if (r != 0 || in.n > 0)
            return r;
    }
}

static int read_packed(struct reading *rd, const struct unpack_kind *kind,
                       struct err *err)
{
    AUTO(unpack_closep) struct unpack *u = NULL;
    struct bytes chunk;
    int r;

    rd->feed.window = FEED_WINDOW;
    if (strcmp(rd->info->format, "none") == 0)
        snprintf(rd->info->format, sizeof rd->info->format, "%s", unpack_kind_name(kind));
    r = unpack_open(&u, kind, &rd->feed, err);
    if (r < 0)
        return r;
    while ((r = unpack_next(u, &chunk, err)) > 0) {
        r = count_unpacked(rd, chunk.n, err);
        if (r == 0)
            r = cpio_push(rd->cpio, &chunk, err);
        if (r != 0)
            return r;
        if (chunk.n > 0)
            return FAIL(err, ERR_CORRUPT, "cpio: no magic at the start of an entry");
    }
    if (r == 0 && !cpio_is_whole(rd->cpio))
        return FAIL(err, ERR_CORRUPT, "cpio: the archive ends within an entry");
    return r;
}

static int read_segment(struct reading *rd, const struct initramfs_reader *reader,
                        struct bytes head, struct err *err)
{
    const struct unpack_kind *kind = unpack_kind_find(head);
    uint64_t at = feed_tell(&rd->feed);
    bool plain = head.p[0] == '0' && at % 4 == 0;
    int r;

    if (!plain && !kind)
        return rd->info->segments
                   ? FAIL(err, ERR_CORRUPT, "junk after the archives at byte %" PRIu64,
                          at)
                   : FAIL(err, ERR_UNSUPPORTED,
                          "no archive and no compressor of Linux: begins with %02x %02x",
                          head.p[0], head.n > 1 ? head.p[1] : 0);
    r = count_segment(rd->info, err);
    if (r < 0)
        return r;
    cpio_begin(rd->cpio, reader, &rd->info->entries, plain ? at : 0);
    r = plain ? read_plain(rd, err) : read_packed(rd, kind, err);
    if (r < 0)
        err_prefix(err, "archive at byte %" PRIu64, at);
    return r;
}

static int read_segments(struct reading *rd, const struct initramfs_reader *reader,
                         struct err *err)
{
    struct feed *f = &rd->feed;

    for (;;) {
        struct bytes held;
        size_t zeros = 0;
        int r = feed_need(f, 2, err);

        if (r < 0)
            return r;
        held = feed_held(f);
        while (zeros < held.n && held.p[zeros] == 0)
            zeros++;
        if (held.n == 0)
            break;
        if (zeros) {
            feed_eat(f, zeros);
            continue;
        }
        r = read_segment(rd, reader, held, err);
        if (r != 0)
            return r;
    }
    if (rd->info->segments == 0)
        return FAIL(err, ERR_CORRUPT, "no archive in it, only %" PRIu64 " zero bytes",
                    f->block->size);
    return 0;
}

static uint64_t unpacked_max(const struct initramfs_reader *reader)
{
    uint64_t most = INITRAMFS_UNPACKED_MAX;

    return reader->unpacked_max ? min_u64(reader->unpacked_max, most) : most;
}

int initramfs_read_at(struct block *file, uint64_t from, uint64_t *end,
                      const struct initramfs_reader *reader, struct initramfs_info *info,
                      struct err *err)
{
    AUTO(freep) struct cpio *cpio = malloc(sizeof *cpio);
    struct reading rd = {
        .cpio = cpio, .info = info, .unpacked_max = unpacked_max(reader)};
    const struct unpack_kind *kind;
    int r = cpio ? count_segment(info, err) : FAIL(err, ERR_NOMEM, "initramfs reader");

    if (r < 0)
        return r;
    feed_init(&rd.feed, file, file->size, FEED_WINDOW);
    feed_seek(&rd.feed, from);
    r = feed_need(&rd.feed, 2, err);
    kind = r == 0 ? unpack_kind_find(feed_held(&rd.feed)) : NULL;
    cpio_begin(cpio, reader, &info->entries, 0);
    if (r == 0)
        r = kind ? read_packed(&rd, kind, err) : read_plain(&rd, err);
    *end = feed_tell(&rd.feed);
    feed_fini(&rd.feed);
    /* lz4 has no mark at its end: what follows is no block of it. */
    if (r == -ERR_CORRUPT && cpio_is_whole(cpio) && cpio->started) {
        err_clear(err);
        return 0;
    }
    return r;
}

int initramfs_read(struct block *file, const struct initramfs_reader *reader,
                   struct initramfs_info *info, struct err *err)
{
    AUTO(freep) struct cpio *cpio = malloc(sizeof *cpio);
    struct reading rd = {.cpio = cpio, .info = info};
    uint64_t end;
    int r;

    *info = (struct initramfs_info){.format = "none"};
    if (!cpio)
        return FAIL(err, ERR_NOMEM, "initramfs reader");
    if (file->size > FILE_MAX)
        return FAIL(err, ERR_LIMIT, "initramfs of %" PRIu64 " bytes, limit %d MiB",
                    file->size, FILE_MAX >> 20);
    r = find_end(file, &end, err);
    if (r < 0)
        return r;
    rd.unpacked_max = unpacked_max(reader);
    feed_init(&rd.feed, file, end, FEED_WINDOW);
    r = read_segments(&rd, reader, err);
    feed_fini(&rd.feed);
    return r;
}
