/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage.c: a cluster is free when its entry of the FAT is 0 */
#include "fs/usage.h"
#include "base/checked.h"
#include "fs/fat/fat.h"

/* Bytes of the FAT in one read: whole entries of every size, and pairs of FAT12. */
enum { PIECE = 12 << 10 };

static bool is_free(const struct fat *f, const uint8_t *piece, uint32_t i)
{
    if (f->bits == 32)
        return (load_le32(piece + (size_t)i * 4) & 0x0fffffff) == 0;
    if (f->bits == 16)
        return load_le16(piece + (size_t)i * 2) == 0;
    return (load_le16(piece + i + i / 2) >> (i & 1 ? 4 : 0) & 0xfff) == 0;
}

int fat_usage(struct fs *fs, struct fs_usage *to, struct err *err)
{
    struct fat *f = fat_of(fs);
    uint32_t per_piece = PIECE * 8 / f->bits, end = FAT_FIRST + f->clusters;
    uint8_t piece[PIECE];
    int r = fs_usage_upto(to, f->data_start, false, err);

    for (uint32_t first = 0; r == 0 && first < end; first += per_piece) {
        uint32_t n = (uint32_t)min_u64(per_piece, end - first);
        size_t bytes = (size_t)div_up((uint64_t)n * f->bits, 8);

        r = block_read(f->cache, piece, bytes,
                       f->fat_start + (uint64_t)first * f->bits / 8, err);
        for (uint32_t i = first ? 0 : FAT_FIRST; r == 0 && i < n; i++)
            r = fs_usage_upto(to, to->pos + f->cluster_size, is_free(f, piece, i), err);
    }
    return r;
}
