/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state.c: is what lies on the disk all that was written?
 *
 * Three witnesses.  The flag of $Volume is set by an unmount that never came.  The log
 * begins with two restart pages; the newer one tells whether somebody still has it open.
 * Windows 8 and later write version 2.0 of it, go back to 1.1 when they let go of the
 * volume, and do not for a fast startup.  hiberfil.sys begins with a word that tells
 * whether a session waits in it. */
#include <string.h>

#include "base/checked.h"
#include "fs/ntfs/ntfs.h"

enum {
    PAGE_MIN = 512,
    PAGE_MAX = 64 << 10, /* of the log; Windows has 4 KiB */
    SECTOR = 512,
    NO_CLIENT = 0xffff,
    IS_CLEAN = 2,
};

static const char *const reasons[] = {
    [NTFS_STATE_CLEAN] = "",
    [NTFS_STATE_DIRTY] = "the volume is marked as in use",
    [NTFS_STATE_OPEN] = "its log was not closed, and is not replayed",
    [NTFS_STATE_DAMAGED] = "its log is damaged",
    [NTFS_STATE_CACHED] =
        "its log is that of a running Windows, or of one shut down by Fast Startup",
    [NTFS_STATE_HIBERNATED] = "Windows is hibernated, and keeps a part of it in memory",
};

/* Puts back the ends of sectors; false: torn or no restart page. */
static bool page_whole(uint8_t *page, size_t n)
{
    size_t at = load_le16(page + 4), count = load_le16(page + 6);

    if ((memcmp(page, "RSTR", 4) != 0 && memcmp(page, "CHKD", 4) != 0) ||
        count != n / SECTOR + 1 || at % 2 || at < 30 || at + 2 * count > SECTOR - 2)
        return false;
    for (size_t i = 1; i < count; i++) {
        uint8_t *end = page + i * SECTOR - 2;

        if (memcmp(end, page + at, 2) != 0)
            return false;
        memcpy(end, page + at + 2 * i, 2);
    }
    return load_le16(page + 24) + 16u <= n;
}

bool ntfs_restart_page(uint8_t *page, size_t n, uint64_t *lsn, enum ntfs_state *ret)
{
    const uint8_t *area;

    if (!page_whole(page, n))
        return false;
    area = page + load_le16(page + 24);
    *lsn = load_le64(area);
    if (load_le16(page + 28) == 2 && load_le16(page + 26) == 0)
        *ret = NTFS_STATE_CACHED;
    else if (load_le16(area + 12) != NO_CLIENT && !(load_le16(area + 14) & IS_CLEAN))
        *ret = NTFS_STATE_OPEN;
    else
        *ret = NTFS_STATE_CLEAN;
    return true;
}

/* mkntfs and ntfs-3g leave a log of nothing but ones. */
static bool is_blank(const uint8_t *p, size_t n)
{
    return p[0] == 0xff && memcmp(p, p + 1, n - 1) == 0;
}

static int look_at_log(struct fs *fs, enum ntfs_state *ret, struct err *err)
{
    AUTO(freep) uint8_t *page = NULL;
    struct fs_stat st;
    uint64_t newest = 0, lsn;
    enum ntfs_state state;
    uint8_t head[SECTOR];
    size_t size;
    bool any = false, torn = false;
    int r = ntfs_stat_node(&st, fs, FILE_LogFile, err);

    *ret = NTFS_STATE_DAMAGED;
    if (r < 0 || st.size < sizeof head)
        return r;
    r = ntfs_read(fs, &st, head, sizeof head, 0, err);
    if (r < 0)
        return r;
    if (is_blank(head, sizeof head)) {
        *ret = NTFS_STATE_CLEAN;
        return 0;
    }
    /* The first page may be the torn one. */
    size = memcmp(head, "RSTR", 4) == 0 ? load_le32(head + 16) : 4096;
    if (size < PAGE_MIN || size > PAGE_MAX || size & (size - 1) || st.size < 2 * size)
        return 0;
    page = malloc(size);
    if (!page)
        return FAIL(err, ERR_NOMEM, "restart page");
    for (unsigned i = 0; i < 2; i++) {
        r = ntfs_read(fs, &st, page, size, i * size, err);
        if (r < 0)
            return r;
        if (!ntfs_restart_page(page, size, &lsn, &state)) {
            torn |= memcmp(page, "RSTR", 4) == 0;
            continue;
        }
        if (any && lsn <= newest)
            continue;
        any = true;
        newest = lsn;
        *ret = state;
    }
    /* The torn one was being written last. */
    if (torn && *ret == NTFS_STATE_CLEAN)
        *ret = NTFS_STATE_DAMAGED;
    return 0;
}

static int look_at_hiberfil(struct fs *fs, enum ntfs_state *ret, struct err *err)
{
    static const char name[] = "hiberfil.sys";
    struct fs_stat st;
    uint8_t head[4];
    int r = ntfs_find(&st, fs, fs->root, name, sizeof name - 1, err);

    *ret = NTFS_STATE_CLEAN;
    if (r <= 0 || st.type != FS_REG || st.size < sizeof head)
        return r;
    r = ntfs_read(fs, &st, head, sizeof head, 0, err);
    if (r == 0 && (memcmp(head, "hibr", 4) == 0 || memcmp(head, "HIBR", 4) == 0))
        *ret = NTFS_STATE_HIBERNATED;
    return r;
}

int ntfs_look_at_state(struct fs *fs, bool dirty, struct fs_info *info, struct err *err)
{
    static int (*const look[])(struct fs *, enum ntfs_state *,
                               struct err *) = {look_at_log, look_at_hiberfil};
    enum ntfs_state worst = dirty ? NTFS_STATE_DIRTY : NTFS_STATE_CLEAN, state;
    struct err unread = {0};
    size_t used;

    info->clean = !dirty;
    for (size_t i = 0; i < ARRAY_SIZE(look); i++)
        if (look[i](fs, &state, &unread) >= 0 && state > worst)
            worst = state;
    /* A volume that is damaged there may still be read elsewhere. */
    if (unread.code == ERR_IO || unread.code == ERR_NOMEM)
        return FAIL(err, unread.code, "%s", unread.msg);
    info->needs_recovery = worst != NTFS_STATE_CLEAN;
    info->stale_possible = info->needs_recovery || unread.code;
    used = (size_t)snprintf(info->stale_reason, sizeof info->stale_reason, "%s",
                            reasons[worst]);
    if (unread.code)
        snprintf(info->stale_reason + used, sizeof info->stale_reason - used, "%s%s",
                 used ? "; " : "", unread.msg);
    return 0;
}
