/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot.c: the boot sector
 *
 *     11 u16 bytes of a sector      48 u64 cluster of the MFT
 *     13 u8  sectors of a cluster   56 u64 cluster of its mirror
 *     40 u64 sectors                64 s8  clusters of a record    68 s8 of an index
 * block
 *
 * Where a number is of clusters, a negative one is the logarithm of a number of bytes. */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "fs/ntfs/check.h"

/* 0: no size that there could be. */
static uint32_t size_of(uint8_t stored, uint32_t cluster, uint32_t max)
{
    uint64_t bytes;

    if (stored < 128)
        bytes = (uint64_t)stored * cluster;
    else
        bytes = 256 - stored < 32 ? UINT64_C(1) << (256 - stored) : 0;
    return bytes >= NTFS_SECTOR && bytes <= max && is_power_of_2(bytes) ? (uint32_t)bytes
                                                                        : 0;
}

static int decode_sizes(struct ntfs_shape *s, const uint8_t *boot, struct err *err)
{
    /* From 2 MiB on a logarithm too, so 0x80 is 128 sectors and 0xf4 4096. */
    uint32_t per_cluster = boot[13] <= 128       ? boot[13]
                           : 256 - boot[13] < 16 ? 1u << (256 - boot[13])
                                                 : 0;

    s->sector = load_le16(boot + 11);
    if (!is_power_of_2(s->sector) || s->sector < NTFS_SECTOR || s->sector > 4096)
        return FAIL(err, ERR_CORRUPT, "boot sector: sectors of %" PRIu32 " bytes",
                    s->sector);
    s->cluster = s->sector * per_cluster;
    if (!is_power_of_2(per_cluster) || s->cluster > NTFS_CLUSTER_MAX)
        return FAIL(err, ERR_CORRUPT, "boot sector: clusters of %#x sectors", boot[13]);
    s->record = size_of(boot[64], s->cluster, NTFS_RECORD_MAX);
    if (!s->record)
        return FAIL(err, ERR_CORRUPT, "boot sector: MFT records of size code %#x",
                    boot[64]);
    s->index = size_of(boot[68], s->cluster, NTFS_INDEX_MAX);
    if (!s->index)
        return FAIL(err, ERR_CORRUPT, "boot sector: index blocks of size code %#x",
                    boot[68]);
    return 0;
}

int ntfs_boot_decode(struct ntfs_shape *ret, const uint8_t *boot, uint64_t device,
                     struct err *err)
{
    static const unsigned where[] = {48, 56};
    struct ntfs_shape s = {0};
    uint64_t sectors = load_le64(boot + 40), first[2];
    int r;

    if (memcmp(boot + 3, "NTFS    ", 8) != 0)
        return FAIL(err, ERR_CORRUPT, "boot sector: no mark of NTFS");
    r = decode_sizes(&s, boot, err);
    if (r < 0)
        return r;
    if (sectors > device / s.sector)
        return FAIL(err, ERR_CORRUPT,
                    "boot sector: volume of %" PRIu64 " sectors of %" PRIu32
                    " bytes, but there are %" PRIu64 " bytes",
                    sectors, s.sector, device);
    s.clusters = sectors / (s.cluster / s.sector);
    for (unsigned i = 0; i < 2; i++) {
        first[i] = load_le64(boot + where[i]);
        /* Four records, which is what the mirror has. */
        if (first[i] == 0 ||
            !range_within(first[i], div_up(4 * s.record, s.cluster), s.clusters))
            return FAIL(err, ERR_CORRUPT,
                        "boot sector: MFT%s at cluster %" PRIu64 " of %" PRIu64,
                        i ? " mirror" : "", first[i], s.clusters);
    }
    s.mft = first[0] * s.cluster;
    s.mirror = first[1] * s.cluster;
    *ret = s;
    return 0;
}
