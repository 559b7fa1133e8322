/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reparse.c: files that are something else
 *
 * A reparse point begins with a tag (u32) and the length of what follows (u16, u16 zero).
 * Symlinks and junctions have there, as offsets and lengths (u16 each) into what comes
 * behind, the name for the system and the one for people; a symlink has 32 bits more, of
 * which the lowest says that its target is relative.  The name for the system of an
 * absolute one begins with \??\, then a drive letter or a volume. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "fs/ntfs/ntfs.h"

enum { HEADER = 8, RELATIVE = 1, LX_VERSION = 2 };

#define TAG_JUNCTION 0xa0000003u
#define TAG_SYMLINK  0xa000000cu
#define TAG_LX_LINK  0xa000001du
#define TAG_WOF      0x80000017u
#define TAG_DEDUP    0x80000013u
#define TAG_SOCKET   0x80000023u
#define TAG_FIFO     0x80000024u
#define TAG_CHAR     0x80000025u
#define TAG_BLOCK    0x80000026u

int ntfs_reparse_read(struct ntfs *n, ntfs_inode *ni, struct ntfs_reparse *ret,
                      struct err *err)
{
    AUTO(ntfs_attr_closep) ntfs_attr *na = NULL;
    int r;

    *ret = (struct ntfs_reparse){0};
    if (!(ni->flags & FILE_ATTR_REPARSE_POINT))
        return 0;
    errno = 0;
    na = ntfs_attr_open(ni, AT_REPARSE_POINT, AT_UNNAMED, 0);
    if (!na)
        return ntfs_fail(n, err, "reparse point of MFT record", ni->mft_no);
    if (na->data_size < HEADER || na->data_size > (s64)sizeof ret->raw)
        return FAIL(err, ERR_CORRUPT,
                    "MFT record %" PRIu64 ": reparse point of %" PRId64 " bytes",
                    ni->mft_no, na->data_size);
    ret->n = (size_t)na->data_size;
    r = ntfs_value_read(n, na, ret->raw, ret->n, 0, err);
    if (r == 0)
        ret->tag = load_le32(ret->raw);
    return r;
}

enum ntfs_kind ntfs_reparse_kind(uint32_t tag, bool folder)
{
    switch (tag) {
    case 0:
        return NTFS_PLAIN;
    case TAG_JUNCTION:
    case TAG_SYMLINK:
    case TAG_LX_LINK:
        return NTFS_LINK;
    case TAG_SOCKET:
    case TAG_FIFO:
    case TAG_CHAR:
    case TAG_BLOCK:
        return NTFS_SPECIAL;
    default:
        return folder ? NTFS_PLAIN : NTFS_ELSEWHERE;
    }
}

const char *ntfs_reparse_why(uint32_t tag)
{
    switch (tag) {
    case TAG_WOF:
        return "compressed by Windows itself (CompactOS, WOF), not by the filesystem";
    case TAG_DEDUP:
        return "deduplicated, its data is elsewhere";
    default:
        return "its content is made by a driver of Windows";
    }
}

/* A target in UTF-8, with backslashes. */
static int put_target(struct buf *ret, const char *name, size_t n, bool relative,
                      struct err *err)
{
    static const char device[] = "\\??\\";
    size_t from = ret->n, skip = 0;
    int r;

    if (!relative) {
        /* The system's drive is C:, and links are read in the tree of the system. */
        if (n >= 7 && memcmp(name, device, 4) == 0 && (name[4] | 32) == 'c' &&
            name[5] == ':' && name[6] == '\\')
            skip = 6;
        else
            return FAIL(err, ERR_UNSUPPORTED, "a link to another volume, %.200s", name);
    }
    r = buf_append(ret, name + skip, n - skip, err);
    for (size_t i = from; i < ret->n; i++)
        if (ret->p[i] == '\\')
            ret->p[i] = '/';
    return r;
}

static int windows_target(struct buf *ret, const struct ntfs_reparse *p, struct err *err)
{
    size_t names = HEADER + (p->tag == TAG_SYMLINK ? 12 : 8), at, n;
    char text[FS_LINK_MAX];

    if (p->n < names)
        return FAIL(err, ERR_CORRUPT, "link of %zu bytes", p->n);
    at = load_le16(p->raw + HEADER);
    n = load_le16(p->raw + HEADER + 2);
    if (!range_within(at, n, p->n - names) || n % 2)
        return FAIL(err, ERR_CORRUPT, "link with a name of %zu bytes at %zu of %zu", n,
                    at, p->n - names);
    /* Three bytes of UTF-8 for two of UTF-16, at most. */
    if (n / 2 * 3 >= sizeof text)
        return FAIL(err, ERR_LIMIT, "link with a name of %zu bytes", n);
    n = text_utf16le(text, sizeof text, bytes_of(p->raw + names + at, n));
    return put_target(ret, text, n,
                      p->tag == TAG_SYMLINK && load_le32(p->raw + HEADER + 8) & RELATIVE,
                      err);
}

int ntfs_reparse_target(struct buf *ret, const struct ntfs_reparse *p, struct err *err)
{
    if (p->tag != TAG_LX_LINK)
        return windows_target(ret, p, err);
    if (p->n < HEADER + 4 || load_le32(p->raw + HEADER) != LX_VERSION)
        return FAIL(err, ERR_CORRUPT, "link of Linux of %zu bytes", p->n);
    return buf_append(ret, p->raw + HEADER + 4, p->n - HEADER - 4, err);
}
