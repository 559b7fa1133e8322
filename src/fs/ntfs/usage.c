/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage.c: $Bitmap has a bit for each cluster */
#include "fs/usage.h"
#include "base/checked.h"
#include "fs/ntfs/ntfs.h"

enum { PIECE = 16 << 10 };

static int tell(struct ntfs *n, struct fs_usage *to, struct err *err)
{
    uint64_t clusters = (uint64_t)n->volume->nr_clusters;
    uint8_t piece[PIECE];
    int r = 0;

    for (uint64_t first = 0; r == 0 && first < clusters; first += PIECE * 8) {
        uint64_t bits = min_u64(PIECE * 8, clusters - first);

        r = ntfs_value_read(n, n->volume->lcnbmp_na, piece, (size_t)div_up(bits, 8),
                            first / 8, err);
        if (r == 0)
            r = fs_usage_bits(to, piece, bits, n->shape.cluster, err);
    }
    return r;
}

int ntfs_usage(struct fs *fs, struct fs_usage *to, struct err *err)
{
    struct ntfs *n = ntfs_of(fs);

    ntfs_enter(n);
    return ntfs_leave(n, tell(n, to, err), err);
}
