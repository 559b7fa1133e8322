/* SPDX-License-Identifier: GPL-2.0-or-later */
/* identify_ext.c: ext2, ext3 and ext4 have one superblock and differ in their features */
#include "fs/ext/features.h"
#include "fs/identify.h"

enum {
    EXT_SUPER = 1024,
    /* What the ext2 and ext3 drivers of Linux once took; anything more is ext4. */
    EXT2_INCOMPAT = EXT_FILETYPE | EXT_META_BG,
    EXT3_INCOMPAT = EXT2_INCOMPAT | EXT_RECOVER,
    EXT3_RO_COMPAT = EXT_SPARSE_SUPER | EXT_LARGE_FILE | EXT_BTREE_DIR,
};

struct ext_words {
    bool found;
    uint32_t compat, incompat, ro_compat;
};

static struct ext_words ext_look(struct look *l, struct fs_ident *id)
{
    struct cursor c = cursor_at(l->start, EXT_SUPER + 92);
    const uint8_t *sb = l->start.p + EXT_SUPER;
    struct ext_words w = {.found = load_le16(sb + 56) == 0xef53 &&
                                   load_le32(sb + 24) <= 6 && load_le32(sb) != 0};

    w.compat = cursor_le32(&c);
    w.incompat = cursor_le32(&c);
    w.ro_compat = cursor_le32(&c);
    if (w.incompat & EXT_JOURNAL_DEV)
        w.found = false;
    if (!w.found)
        return w;
    look_uuid(id, sb + 104);
    look_label(id, bytes_of(sb + 120, 16));
    return w;
}

static bool is_ext4_only(const struct ext_words *w)
{
    return (w->incompat & ~(uint32_t)EXT3_INCOMPAT) ||
           (w->ro_compat & ~(uint32_t)EXT3_RO_COMPAT);
}

bool look_ext2(struct look *l, struct fs_ident *id)
{
    struct ext_words w = ext_look(l, id);

    return w.found && !is_ext4_only(&w) && !(w.compat & EXT_HAS_JOURNAL) &&
           !(w.incompat & EXT_RECOVER);
}

bool look_ext3(struct look *l, struct fs_ident *id)
{
    struct ext_words w = ext_look(l, id);

    return w.found && !is_ext4_only(&w) &&
           ((w.compat & EXT_HAS_JOURNAL) || (w.incompat & EXT_RECOVER));
}

bool look_ext4(struct look *l, struct fs_ident *id)
{
    struct ext_words w = ext_look(l, id);

    return w.found && is_ext4_only(&w);
}
