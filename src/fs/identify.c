/* SPDX-License-Identifier: GPL-2.0-or-later */
/* identify.c: what lies on a block, by its magic numbers
 *
 * One row a kind, in the order in which they are asked: containers of other things first
 * (blkid does the same), since a filesystem's superblock may survive under them.  Names,
 * UUIDs and labels are spelt as blkid spells them, because fstab and grub.cfg are written
 * from its answers. */
#include <string.h>

#include "fs/identify.h"

static const char *const type_names[FS_TYPE_MAX] = {
    [FS_UNKNOWN] = "unknown",
    [FS_EMPTY] = "empty",
    [FS_EXT2] = "ext2",
    [FS_EXT3] = "ext3",
    [FS_EXT4] = "ext4",
    [FS_XFS] = "xfs",
    [FS_BTRFS] = "btrfs",
    [FS_NTFS] = "ntfs",
    [FS_VFAT] = "vfat",
    [FS_EXFAT] = "exfat",
    [FS_SWAP] = "swap",
    [FS_LVM2] = "LVM2_member",
    [FS_MDRAID] = "linux_raid_member",
    [FS_LUKS] = "crypto_LUKS",
    [FS_BITLOCKER] = "BitLocker",
    [FS_ISO9660] = "iso9660",
    [FS_UDF] = "udf",
    [FS_SQUASHFS] = "squashfs",
    [FS_F2FS] = "f2fs",
    [FS_REISERFS] = "reiserfs",
    [FS_JFS] = "jfs",
    [FS_ZFS] = "zfs_member",
    [FS_UFS] = "ufs",
    [FS_REFS] = "ReFS",
    [FS_HFSPLUS] = "hfsplus",
    [FS_APFS] = "apfs",
    [FS_VMFS] = "VMFS_volume_member",
};

const char *fs_type_name(enum fs_type type)
{
    return type < FS_TYPE_MAX ? type_names[type] : "unknown";
}

enum fs_type fs_type_from_name(const char *name)
{
    for (unsigned i = 0; i < FS_TYPE_MAX; i++)
        if (strcmp(name, type_names[i]) == 0)
            return i;
    return FS_TYPE_MAX;
}

int look_read(struct look *l, void *buf, size_t n, uint64_t off)
{
    if (l->failed < 0)
        return l->failed;
    if (!range_within(off, n, l->dev->size)) {
        memset(buf, 0, n);
        return 0;
    }
    if (off + n <= l->start.n)
        memcpy(buf, l->start.p + off, n);
    else
        l->failed = block_read(l->dev, buf, n, off, l->err);
    return l->failed;
}

void look_uuid(struct fs_ident *id, const uint8_t *raw)
{
    if (!bytes_are_zero(bytes_of(raw, 16)))
        uuid_format(id->uuid, raw);
}

void look_label(struct fs_ident *id, struct bytes raw)
{
    const uint8_t *nul = raw.n ? memchr(raw.p, 0, raw.n) : NULL;

    if (nul)
        raw.n = (size_t)(nul - raw.p);
    while (raw.n && (raw.p[raw.n - 1] == ' ' || raw.p[raw.n - 1] == '\n'))
        raw.n--;
    text_clean(id->label, sizeof id->label, raw, sizeof id->label - 1);
}

void look_label_utf16(struct fs_ident *id, struct bytes raw)
{
    char text[FS_LABEL_MAX * 4];
    size_t n = text_utf16le(text, sizeof text, raw);

    look_label(id, bytes_of(text, n));
}

static bool luks(struct look *l, struct fs_ident *id)
{
    uint16_t version = load_be16(l->start.p + 6);

    if (!bytes_at(l->start, 0, "LUKS\xba\xbe", 6) || version < 1 || version > 2)
        return false;
    if (version == 2)
        look_label(id, bytes_sub(l->start, 24, 48));
    memcpy(id->uuid, l->start.p + 168, sizeof id->uuid - 1);
    if (strspn(id->uuid, "0123456789abcdefABCDEF-") != strlen(id->uuid))
        id->uuid[0] = 0;
    return true;
}

/* The label of a physical volume lies in one of the first four sectors. */
static bool lvm2(struct look *l, struct fs_ident *id)
{
    static const uint8_t groups[] = {6, 4, 4, 4, 4, 4, 6};

    for (size_t at = 0; at < 4 * 512; at += 512) {
        const uint8_t *sector = l->start.p + at;
        uint32_t offset = load_le32(sector + 20);
        char *to = id->uuid;

        if (!bytes_at(l->start, at, "LABELONE", 8) ||
            !bytes_at(l->start, at + 24, "LVM2 001", 8) ||
            load_le64(sector + 8) != at / 512 || offset < 32 || offset > 512 - 32)
            continue;
        for (size_t g = 0, from = offset; g < sizeof groups; g++) {
            if (g)
                *to++ = '-';
            for (unsigned i = 0; i < groups[g]; i++) {
                char c = (char)sector[from++];

                if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                      (c >= 'A' && c <= 'Z'))) {
                    id->uuid[0] = 0;
                    return true;
                }
                *to++ = c;
            }
        }
        *to = 0;
        return true;
    }
    return false;
}

static bool md_1(struct look *l, struct fs_ident *id, uint64_t at)
{
    uint8_t raw[256];

    if (look_read(l, raw, sizeof raw, at) < 0 || load_le32(raw) != 0xa92b4efc ||
        load_le32(raw + 4) != 1 || load_le64(raw + 144) != at / 512)
        return false;
    look_uuid(id, raw + 16);
    look_label(id, bytes_of(raw + 32, 32));
    return true;
}

/* Versions 1.1, 1.2, 1.0 and 0.90 differ in where the superblock is. */
static bool mdraid(struct look *l, struct fs_ident *id)
{
    uint64_t size = l->dev->size;
    uint8_t raw[64], uuid[16];

    if (md_1(l, id, 0) || md_1(l, id, 4096))
        return true;
    if (size < 128 * 1024)
        return false;
    if (md_1(l, id, round_down(size - 8 * 1024, 4096)))
        return true;
    if (look_read(l, raw, sizeof raw, round_down(size, 64 * 1024) - 64 * 1024) < 0 ||
        load_le32(raw) != 0xa92b4efc || load_le32(raw + 4) != 0)
        return false;
    memcpy(uuid, raw + 20, 4);
    memcpy(uuid + 4, raw + 52, 12);
    for (unsigned i = 0; i < 16; i += 4)
        store_be32(uuid + i, load_le32(uuid + i));
    look_uuid(id, uuid);
    return true;
}

static bool bitlocker(struct look *l, struct fs_ident *id)
{
    (void)id;
    return bytes_at(l->start, 3, "-FVE-FS-", 8) ||
           /* BitLocker To Go hides behind a FAT boot sector. */
           (bytes_at(l->start, 3, "MSWIN4.1", 8) &&
            bytes_at(l->start, 424,
                     "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01",
                     16));
}

/* Four uberblocks in the first label: fewer may be left over. */
static bool zfs(struct look *l, struct fs_ident *id)
{
    unsigned found = 0;

    (void)id;
    if (l->dev->size < 64 << 20)
        return false;
    for (uint64_t at = 128 * 1024; at < 256 * 1024 && found < 4; at += 1024) {
        uint8_t raw[8];

        /* A disk that is no ZFS pool must not pay for 128 reads. */
        if (at == 132 * 1024 && !found)
            return false;
        if (look_read(l, raw, sizeof raw, at) < 0)
            return false;
        found += load_le64(raw) == 0x00bab10c || load_be64(raw) == 0x00bab10c;
    }
    return found >= 4;
}

static bool xfs(struct look *l, struct fs_ident *id)
{
    uint32_t block = load_be32(l->start.p + 4);

    if (!bytes_at(l->start, 0, "XFSB", 4) || block < 512 || block > 65536 ||
        !is_power_of_2(block) || load_be32(l->start.p + 88) == 0)
        return false;
    look_uuid(id, l->start.p + 32);
    look_label(id, bytes_sub(l->start, 108, 12));
    return true;
}

static bool btrfs(struct look *l, struct fs_ident *id)
{
    const uint8_t *sb = l->start.p + 64 * 1024;

    if (!bytes_at(l->start, 64 * 1024 + 64, "_BHRfS_M", 8) ||
        load_le64(sb + 48) != 64 * 1024)
        return false;
    look_uuid(id, sb + 32);
    look_label(id, bytes_of(sb + 299, 256));
    return true;
}

/* The signature ends the first page, whatever a page was for the kernel that made it. */
static bool swap(struct look *l, struct fs_ident *id)
{
    for (size_t page = 4096; page <= 65536; page *= 2) {
        if (bytes_at(l->start, page - 10, "SWAP-SPACE", 10))
            return true;
        if (!bytes_at(l->start, page - 10, "SWAPSPACE2", 10) ||
            (load_le32(l->start.p + 1024) != 1 && load_be32(l->start.p + 1024) != 1) ||
            load_le32(l->start.p + 1028) == 0)
            continue;
        look_uuid(id, l->start.p + 1036);
        look_label(id, bytes_sub(l->start, 1052, 16));
        return true;
    }
    return false;
}

static bool squashfs(struct look *l, struct fs_ident *id)
{
    (void)id;
    return bytes_at(l->start, 0, "hsqs", 4) && load_le16(l->start.p + 28) >= 3;
}

static bool f2fs(struct look *l, struct fs_ident *id)
{
    const uint8_t *sb = l->start.p + 1024;

    if (load_le32(sb) != 0xf2f52010 || load_le16(sb + 4) != 1)
        return false;
    look_uuid(id, sb + 108);
    look_label_utf16(id, bytes_of(sb + 124, 1024));
    return true;
}

static bool reiserfs(struct look *l, struct fs_ident *id)
{
    static const size_t places[] = {64 * 1024, 8 * 1024};

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        size_t sb = places[i];
        bool has_uuid = bytes_at(l->start, sb + 52, "ReIsEr2Fs", 9) ||
                        bytes_at(l->start, sb + 52, "ReIsEr3Fs", 9);

        if (!has_uuid && !bytes_at(l->start, sb + 52, "ReIsErFs", 8))
            continue;
        if (has_uuid) {
            look_uuid(id, l->start.p + sb + 84);
            look_label(id, bytes_sub(l->start, sb + 100, 16));
        }
        return true;
    }
    return false;
}

static bool jfs(struct look *l, struct fs_ident *id)
{
    const uint8_t *sb = l->start.p + 32 * 1024;

    if (!bytes_at(l->start, 32 * 1024, "JFS1", 4) ||
        load_le32(sb + 24) != 1u << load_le16(sb + 28) % 32)
        return false;
    look_uuid(id, sb + 136);
    look_label(id, bytes_of(sb + 152, 16));
    return true;
}

/* FreeBSD: UFS2 at 64 KiB, UFS1 at 8 KiB; either byte order. */
static bool ufs(struct look *l, struct fs_ident *id)
{
    static const struct {
        size_t at;
        uint32_t magic;
    } places[] = {
        {64 * 1024, 0x19540119},
        {8 * 1024, 0x00011954},
        {0, 0x19540119},
        {0, 0x00011954},
    };

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        const uint8_t *sb = l->start.p + places[i].at;
        bool little = load_le32(sb + 1372) == places[i].magic;

        if (!little && load_be32(sb + 1372) != places[i].magic)
            continue;
        snprintf(id->uuid, sizeof id->uuid, "%08x%08x",
                 little ? load_le32(sb + 144) : load_be32(sb + 144),
                 little ? load_le32(sb + 148) : load_be32(sb + 148));
        look_label(id, bytes_of(sb + 680, 32));
        return true;
    }
    return false;
}

static bool refs(struct look *l, struct fs_ident *id)
{
    (void)id;
    return bytes_at(l->start, 0, "\0\0\0ReFS\0", 8);
}

/* Apple's TN1150: the volume header is the third sector; "HX" tells case apart. */
static bool hfsplus(struct look *l, struct fs_ident *id)
{
    uint16_t version = load_be16(l->start.p + 1024 + 2);
    uint32_t block = load_be32(l->start.p + 1024 + 40);

    (void)id;
    return ((bytes_at(l->start, 1024, "H+", 2) && version == 4) ||
            (bytes_at(l->start, 1024, "HX", 2) && version == 5)) &&
           block >= 512 && is_power_of_2(block);
}

/* Apple File System Reference: nx_magic behind the header of an object. */
static bool apfs(struct look *l, struct fs_ident *id)
{
    uint32_t block = load_le32(l->start.p + 36);

    if (!bytes_at(l->start, 32, "NXSB", 4) || block < 4096 || block > 65536 ||
        !is_power_of_2(block))
        return false;
    look_uuid(id, l->start.p + 72);
    return true;
}

/* VMFS 3 to 6: the member's header lies 1 MiB into its partition. */
static bool vmfs(struct look *l, struct fs_ident *id)
{
    uint8_t raw[4];

    (void)id;
    return l->dev->size >= 2 << 20 && look_read(l, raw, sizeof raw, 1 << 20) == 0 &&
           load_le32(raw) == 0xc001d00d;
}

static const struct {
    enum fs_type type;
    bool (*is)(struct look *l, struct fs_ident *id);
} rows[] = {
    {FS_MDRAID, mdraid},  {FS_LVM2, lvm2},
    {FS_LUKS, luks},      {FS_BITLOCKER, bitlocker},
    {FS_ZFS, zfs},        {FS_REFS, refs},
    {FS_NTFS, look_ntfs}, {FS_EXFAT, look_exfat},
    {FS_XFS, xfs},        {FS_SQUASHFS, squashfs},
    {FS_EXT2, look_ext2}, {FS_EXT3, look_ext3},
    {FS_EXT4, look_ext4}, {FS_BTRFS, btrfs},
    {FS_F2FS, f2fs},      {FS_REISERFS, reiserfs},
    {FS_JFS, jfs},        {FS_UFS, ufs},
    {FS_SWAP, swap},      {FS_ISO9660, look_iso9660},
    {FS_UDF, look_udf},   {FS_HFSPLUS, hfsplus},
    {FS_APFS, apfs},      {FS_VFAT, look_vfat},
    {FS_VMFS, vmfs},
};

int fs_identify(struct fs_ident *ret, struct block *dev, struct err *err)
{
    AUTO(freep) uint8_t *start = calloc(1, LOOK_START);
    struct look l = {.dev = dev, .start = bytes_of(start, LOOK_START), .err = err};
    int r;

    if (!start)
        return FAIL(err, ERR_NOMEM, "first bytes of a filesystem");
    r = block_read(dev, start, (size_t)min_u64(LOOK_START, dev->size), 0, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fs_ident id = {.type = rows[i].type};
        bool is = rows[i].is(&l, &id);

        if (l.failed < 0)
            return l.failed;
        if (is) {
            *ret = id;
            return 0;
        }
    }
    *ret = (struct fs_ident){.type = bytes_are_zero(l.start) ? FS_EMPTY : FS_UNKNOWN};
    return 0;
}
