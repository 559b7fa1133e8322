/* SPDX-License-Identifier: GPL-2.0-or-later */
/* features.h: the three feature words of an ext superblock, and their names
 *
 * Names are those of e2fsprogs (dumpe2fs), so that a report can be compared with it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Those that the code asks for by name. */
enum ext_feature {
    EXT_HAS_JOURNAL = 0x4, /* compatible */
    EXT_FAST_COMMIT = 0x400,
    EXT_FILETYPE = 0x2, /* incompatible */
    EXT_RECOVER = 0x4,
    EXT_JOURNAL_DEV = 0x8,
    EXT_META_BG = 0x10,
    EXT_64BIT = 0x80,
    EXT_INLINE_DATA = 0x8000,
    EXT_SPARSE_SUPER = 0x1, /* read-only compatible */
    EXT_LARGE_FILE = 0x2,
    EXT_BTREE_DIR = 0x4,
    EXT_BIGALLOC = 0x200,
};

enum ext_word { EXT_WORD_COMPAT, EXT_WORD_INCOMPAT, EXT_WORD_RO_COMPAT, EXT_WORDS };

/* Writes the names of the bits, blanks between, in the order of the words and bits; a bit
 * without a name as "FEATURE_I17" (e2fsprogs' way).  Cut to cap. */
void ext_features_format(char *to, size_t cap, const uint32_t words[EXT_WORDS]);

/* Incompatible bits that we and the library read right. */
uint32_t ext_incompat_known(void);
