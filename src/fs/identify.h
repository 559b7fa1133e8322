/* SPDX-License-Identifier: GPL-2.0-or-later */
/* identify.h: what the recognisers of identify*.c share; private to src/fs */
#pragma once

#include "base/bytes.h"
#include "base/checked.h"
#include "base/text.h"
#include "base/uuid.h"
#include "fs/fs.h"

enum { LOOK_START = 68 * 1024 }; /* up to the superblocks at 64 KiB */

struct look {
    struct block *dev;
    struct bytes start; /* always LOOK_START bytes; zeros past the block's end */
    struct err *err;
    int failed; /* the first read that failed, and with it the whole look */
};

/* Zeros when the range does not lie within the block. */
int look_read(struct look *l, void *buf, size_t n, uint64_t off);

/* Leaves the field empty when the UUID is all zeros. */
void look_uuid(struct fs_ident *id, const uint8_t *raw);
/* Up to the first NUL, without trailing blanks, made printable. */
void look_label(struct fs_ident *id, struct bytes raw);
void look_label_utf16(struct fs_ident *id, struct bytes raw);

/* One recogniser a kind: true when it is one; fills uuid and label. */
bool look_ext2(struct look *l, struct fs_ident *id);
bool look_ext3(struct look *l, struct fs_ident *id);
bool look_ext4(struct look *l, struct fs_ident *id);
bool look_ntfs(struct look *l, struct fs_ident *id);
bool look_exfat(struct look *l, struct fs_ident *id);
bool look_vfat(struct look *l, struct fs_ident *id);
bool look_iso9660(struct look *l, struct fs_ident *id);
bool look_udf(struct look *l, struct fs_ident *id);
