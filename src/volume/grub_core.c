/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grub_core.c: how large the core image is that GRUB's boot record loads
 *
 *   boot record    0x5c  u64  sector of the core image
 *   core image     0x000      one sector that loads the rest
 *                  0x200      ea, a far jump over what follows
 *                  0x208 u32  bytes of it that are packed
 *                  0x20c u32  bytes of them unpacked: kernel and modules
 *
 * So since 2.00 (boot.S, startup_raw.S).  Before that other numbers are there, of which
 * the first is the larger one when there are many modules. */
#include "base/bytes.h"
#include "base/checked.h"
#include "base/text.h"
#include "volume/table.h"

enum { CODE_SIZE = 440, CORE_AT = 0x5c, FAR_JUMP = 0xea, HEAD = 16, CORE_MAX = 2 << 20 };

int grub_core_size(unsigned *ret, struct block *disk, struct bytes sector,
                   struct err *err)
{
    uint64_t at = load_le64(sector.p + CORE_AT);
    uint8_t head[HEAD];
    uint32_t packed, whole;
    int r;

    *ret = 0;
    /* A manager in its place knows nothing of where GRUB lies. */
    if (text_find(bytes_sub(sector, 0, CODE_SIZE), "GRUB ") < 0 || at == 0 ||
        at > disk->size / SECTOR || !range_within((at + 1) * SECTOR, HEAD, disk->size))
        return 0;
    r = block_read(disk, head, sizeof head, (at + 1) * SECTOR, err);
    if (r < 0)
        return r;
    packed = load_le32(head + 8);
    whole = load_le32(head + 12);
    if (head[0] == FAR_JUMP && packed && packed < whole && whole <= CORE_MAX)
        *ret = whole;
    return 0;
}
