/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/alien.h"

#include <strings.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/text.h"

enum { SECTOR = 512, TAR_SUM_OFFSET = 148, TAR_SUM_SIZE = 8, TAR_NAME_SIZE = 100 };

struct magic {
    const char *name;
    enum image_fault fault;
    unsigned offset;
    unsigned length;
    const char *bytes;
    /* [opt] What must hold beside the magic. */
    bool (*also)(struct bytes head);
};

static bool qcow_is_v1(struct bytes head)
{
    return bytes_at(head, 4, "\0\0\0\1", 4);
}

static bool luks_is_known(struct bytes head)
{
    return bytes_at(head, 6, "\0\1", 2) || bytes_at(head, 6, "\0\2", 2);
}

/* Level 1 to 9, then a block or, in an empty file, the end of the stream. */
static bool bzip2_is_stream(struct bytes head)
{
    return head.n > 3 && head.p[3] >= '1' && head.p[3] <= '9' &&
           (bytes_at(head, 4, "\x31\x41\x59\x26\x53\x59", 6) ||
            bytes_at(head, 4, "\x17\x72\x45\x38\x50\x90", 6));
}

#define MAGIC(name, fault, offset, bytes)                                 \
    {                                                                     \
        name, IMAGE_FAULT_##fault, offset, sizeof(bytes) - 1, bytes, NULL \
    }
#define MAGIC_ALSO(name, fault, offset, bytes, also)                      \
    {                                                                     \
        name, IMAGE_FAULT_##fault, offset, sizeof(bytes) - 1, bytes, also \
    }

static const struct magic magics[] = {
    MAGIC("VHDX", NOT_TAKEN, 0, "vhdxfile"),
    /* The text before it varies with the owner of VirtualBox and with qemu. */
    MAGIC("VDI", NOT_TAKEN, 64, "\x7f\x10\xda\xbe"),
    MAGIC("QED", NOT_TAKEN, 0, "QED\0"),
    MAGIC_ALSO("QCOW v1", NOT_TAKEN, 0, "QFI\xfb", qcow_is_v1),
    MAGIC("Parallels", NOT_TAKEN, 0, "WithoutFreeSpace"),
    MAGIC("Parallels", NOT_TAKEN, 0, "WithouFreSpacExt"),
    MAGIC("Bochs", NOT_TAKEN, 0, "Bochs Virtual HD Image"),
    MAGIC("cloop", NOT_TAKEN, 0, "#!/bin/sh\n#V2.0 Format\n"),
    MAGIC("EWF", NOT_TAKEN, 0, "EVF\x09\x0d\x0a\xff\0"),
    MAGIC("EWF", NOT_TAKEN, 0, "EVF2\x0d\x0a\x81\0"),
    MAGIC("EWF", NOT_TAKEN, 0, "LVF\x09\x0d\x0a\xff\0"),
    MAGIC("AFF", NOT_TAKEN, 0, "AFF10\x0d\x0a\0"),
    MAGIC("partclone", NOT_TAKEN, 0, "partclone-image"),
    MAGIC("WIM", NOT_TAKEN, 0, "MSWIM\0\0\0"),
    MAGIC_ALSO("LUKS", LUKS, 0, "LUKS\xba\xbe", luks_is_known),
    MAGIC("VMDK COWD", DELTA, 0, "COWD"),
    MAGIC("VMDK SEsparse", DELTA, 0, "\xbe\xba\xfe\xca\0\0\0\0"),
    MAGIC("gzip", COMPRESSED_FILE, 0, "\x1f\x8b\x08"),
    MAGIC("xz", COMPRESSED_FILE, 0,
          "\xfd"
          "7zXZ\0"),
    MAGIC("zstd", COMPRESSED_FILE, 0, "\x28\xb5\x2f\xfd"),
    MAGIC_ALSO("bzip2", COMPRESSED_FILE, 0, "BZh", bzip2_is_stream),
    MAGIC("lz4", COMPRESSED_FILE, 0, "\x04\x22\x4d\x18"),
    MAGIC("lz4", COMPRESSED_FILE, 0, "\x02\x21\x4c\x18"),
    MAGIC("lzop", COMPRESSED_FILE, 0, "\x89LZO\0\x0d\x0a\x1a\x0a"),
    MAGIC("lzip", COMPRESSED_FILE, 0, "LZIP\1"),
    MAGIC("zip", COMPRESSED_FILE, 0, "PK\3\4"),
    MAGIC("zip", COMPRESSED_FILE, 0, "PK\5\6"),
    MAGIC("zip", COMPRESSED_FILE, 0, "PK\7\x08"),
    MAGIC("7z", COMPRESSED_FILE, 0, "7z\xbc\xaf\x27\x1c"),
    MAGIC("rar", COMPRESSED_FILE, 0, "Rar!\x1a\x07"),
    MAGIC("cab", COMPRESSED_FILE, 0, "MSCF\0\0\0\0"),
    MAGIC("cpio", ARCHIVE, 0, "070701"),
    MAGIC("cpio", ARCHIVE, 0, "070702"),
    MAGIC("cpio", ARCHIVE, 0, "070707"),
    MAGIC("ar", ARCHIVE, 0, "!<arch>\n"),
    MAGIC("PDF", ALIEN, 0, "%PDF-"),
    MAGIC("PNG", ALIEN, 0, "\x89PNG\x0d\x0a\x1a\x0a"),
    MAGIC("RPM", ALIEN, 0, "\xed\xab\xee\xdb"),
};

/* Octal with leading blanks, ended by a NUL or a blank. */
static bool tar_octal(uint32_t *ret, struct bytes field)
{
    uint32_t v = 0;
    size_t i = 0, digits = 0;

    while (i < field.n && field.p[i] == ' ')
        i++;
    for (; i < field.n && field.p[i] >= '0' && field.p[i] <= '7'; i++, digits++)
        v = v << 3 | (uint32_t)(field.p[i] - '0');
    *ret = v;
    return digits > 0 && i < field.n && (field.p[i] == 0 || field.p[i] == ' ');
}

/* Headers before POSIX have no magic, only a sum over the sector, its own field counted
 * as blanks. */
static bool tar_sum_is_right(struct bytes head)
{
    uint32_t want, sum = 0;

    if (head.n < SECTOR || head.p[0] == 0 ||
        !tar_octal(&want, bytes_sub(head, TAR_SUM_OFFSET, TAR_SUM_SIZE)))
        return false;
    for (size_t i = 0; i < SECTOR; i++)
        sum += i - TAR_SUM_OFFSET < TAR_SUM_SIZE ? ' ' : head.p[i];
    return sum == want;
}

static bool tar_is_header(struct bytes head)
{
    return bytes_at(head, 257, "ustar\0", 6) || bytes_at(head, 257, "ustar ", 6) ||
           tar_sum_is_right(head);
}

/* An OVA is a tar whose first member is the OVF descriptor. */
static const char *tar_kind(struct bytes head)
{
    struct bytes name = bytes_sub(head, 0, TAR_NAME_SIZE);

    name.n = strnlen((const char *)name.p, name.n);
    return text_ends(name, ".ovf") ? "OVA" : "tar";
}

/* The UDIF trailer: "koly", version 4, its own size. */
static bool dmg_is_trailer(struct bytes tail)
{
    return bytes_at(tail, 0, "koly\0\0\0\4\0\0\2\0", 12);
}

static int read_head(uint8_t buf[SECTOR], struct bytes *ret, struct block *file,
                     struct err *err)
{
    size_t n = (size_t)min_u64(file->size, SECTOR);

    *ret = bytes_of(buf, n);
    return block_read(file, buf, n, 0, err);
}

static void add(struct alien ret[ALIEN_MATCHES], unsigned *n, const char *name,
                enum image_fault fault)
{
    if (*n < ALIEN_MATCHES)
        ret[(*n)++] = (struct alien){name, fault};
}

int alien_recognise(struct alien ret[ALIEN_MATCHES], unsigned *n, struct block *file,
                    struct err *err)
{
    uint8_t buf[SECTOR], end[SECTOR];
    struct bytes head;
    bool dmg = false;
    int r = read_head(buf, &head, file, err);

    if (r < 0)
        return r;
    if (file->size >= SECTOR) {
        r = block_read(file, end, SECTOR, file->size - SECTOR, err);
        if (r < 0)
            return r;
        dmg = dmg_is_trailer(bytes_of(end, SECTOR));
    }
    *n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
        const struct magic *m = &magics[i];

        /* A DMG starts with its first block, which may be a bzip2 stream (UDBZ). */
        if (dmg && m->fault == IMAGE_FAULT_COMPRESSED_FILE)
            continue;
        if (bytes_at(head, m->offset, m->bytes, m->length) && (!m->also || m->also(head)))
            add(ret, n, m->name, m->fault);
    }
    if (tar_is_header(head))
        add(ret, n, tar_kind(head), IMAGE_FAULT_ARCHIVE);
    if (dmg)
        add(ret, n, "DMG", IMAGE_FAULT_NOT_TAKEN);
    return 0;
}

/* Length of the UTF-8 sequence at p, 0 when it is none.  One that the end of the sector
 * cuts counts for what is there. */
static size_t utf8_length(struct bytes b)
{
    uint8_t c = b.p[0];
    size_t n = c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

    for (size_t i = 1; i < n && i < b.n; i++)
        if ((b.p[i] & 0xc0) != 0x80)
            return 0;
    return min_size(n, b.n);
}

static bool is_text(struct bytes b)
{
    if (b.n == 0)
        return false;
    while (b.n) {
        uint8_t c = b.p[0];
        size_t n = c >= 0x80 ? utf8_length(b)
                             : c == '\t' || c == '\n' || c == '\r' || c == '\f' ||
                                   (c >= ' ' && c < 0x7f);

        if (n == 0)
            return false;
        b = bytes_sub(b, n, b.n - n);
    }
    return true;
}

static bool starts_nocase(struct bytes b, const char *s)
{
    size_t n = strlen(s);

    return b.n >= n && strncasecmp((const char *)b.p, s, n) == 0;
}

static const char *text_kind(struct bytes b)
{
    if (bytes_at(b, 0, "\xef\xbb\xbf", 3))
        b = bytes_sub(b, 3, b.n - 3);
    while (b.n && memchr(" \t\r\n\f", b.p[0], 5))
        b = bytes_sub(b, 1, b.n - 1);
    if (starts_nocase(b, "<!doctype html") || starts_nocase(b, "<html"))
        return "HTML";
    if (starts_nocase(b, "<"))
        return "XML";
    return starts_nocase(b, "{") || starts_nocase(b, "[") ? "JSON" : "text";
}

int alien_text(struct alien *ret, struct block *file, struct err *err)
{
    uint8_t buf[SECTOR];
    struct bytes head;
    int r = read_head(buf, &head, file, err);

    if (r < 0)
        return r;
    if (!is_text(head))
        return 0;
    *ret = (struct alien){text_kind(head), IMAGE_FAULT_TEXT};
    return 1;
}
