/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ext/features.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/scoped.h"

/* Read-only compatible bits never hinder a reader. */
static const struct {
    enum ext_word word;
    uint8_t bit;
    bool refuse; /* an incompatible bit that changes what we would read */
    const char *name;
} features[] = {
    {EXT_WORD_COMPAT, 0, false, "dir_prealloc"},
    {EXT_WORD_COMPAT, 1, false, "imagic_inodes"},
    {EXT_WORD_COMPAT, 2, false, "has_journal"},
    {EXT_WORD_COMPAT, 3, false, "ext_attr"},
    {EXT_WORD_COMPAT, 4, false, "resize_inode"},
    {EXT_WORD_COMPAT, 5, false, "dir_index"},
    {EXT_WORD_COMPAT, 6, false, "lazy_bg"},
    {EXT_WORD_COMPAT, 8, false, "snapshot_bitmap"},
    {EXT_WORD_COMPAT, 9, false, "sparse_super2"},
    {EXT_WORD_COMPAT, 10, false, "fast_commit"},
    {EXT_WORD_COMPAT, 11, false, "stable_inodes"},
    {EXT_WORD_COMPAT, 12, false, "orphan_file"},
    {EXT_WORD_INCOMPAT, 0, true, "compression"},
    {EXT_WORD_INCOMPAT, 1, false, "filetype"},
    {EXT_WORD_INCOMPAT, 2, false, "needs_recovery"},
    {EXT_WORD_INCOMPAT, 3, true, "journal_dev"},
    {EXT_WORD_INCOMPAT, 4, false, "meta_bg"},
    {EXT_WORD_INCOMPAT, 6, false, "extent"},
    {EXT_WORD_INCOMPAT, 7, false, "64bit"},
    {EXT_WORD_INCOMPAT, 8, false, "mmp"},
    {EXT_WORD_INCOMPAT, 9, false, "flex_bg"},
    {EXT_WORD_INCOMPAT, 10, false, "ea_inode"},
    {EXT_WORD_INCOMPAT, 12, true, "dirdata"},
    {EXT_WORD_INCOMPAT, 13, false, "metadata_csum_seed"},
    {EXT_WORD_INCOMPAT, 14, false, "large_dir"},
    {EXT_WORD_INCOMPAT, 15, false, "inline_data"},
    {EXT_WORD_INCOMPAT, 16, false, "encrypt"},
    {EXT_WORD_INCOMPAT, 17, false, "casefold"},
    {EXT_WORD_RO_COMPAT, 0, false, "sparse_super"},
    {EXT_WORD_RO_COMPAT, 1, false, "large_file"},
    {EXT_WORD_RO_COMPAT, 3, false, "huge_file"},
    {EXT_WORD_RO_COMPAT, 4, false, "uninit_bg"},
    {EXT_WORD_RO_COMPAT, 5, false, "dir_nlink"},
    {EXT_WORD_RO_COMPAT, 6, false, "extra_isize"},
    {EXT_WORD_RO_COMPAT, 7, false, "snapshot"},
    {EXT_WORD_RO_COMPAT, 8, false, "quota"},
    {EXT_WORD_RO_COMPAT, 9, false, "bigalloc"},
    {EXT_WORD_RO_COMPAT, 10, false, "metadata_csum"},
    {EXT_WORD_RO_COMPAT, 11, false, "replica"},
    {EXT_WORD_RO_COMPAT, 12, false, "read-only"},
    {EXT_WORD_RO_COMPAT, 13, false, "project"},
    {EXT_WORD_RO_COMPAT, 14, false, "shared_blocks"},
    {EXT_WORD_RO_COMPAT, 15, false, "verity"},
    {EXT_WORD_RO_COMPAT, 16, false, "orphan_present"},
};

static const char *feature_name(enum ext_word word, unsigned bit)
{
    for (size_t i = 0; i < ARRAY_SIZE(features); i++)
        if (features[i].word == word && features[i].bit == bit)
            return features[i].name;
    return NULL;
}

void ext_features_format(char *to, size_t cap, const uint32_t words[EXT_WORDS])
{
    size_t n = 0;

    to[0] = 0;
    for (enum ext_word w = 0; w < EXT_WORDS; w++)
        for (unsigned bit = 0; bit < 32 && n < cap; bit++) {
            const char *name = feature_name(w, bit);
            char number[16];

            if (!(words[w] >> bit & 1))
                continue;
            if (!name) {
                snprintf(number, sizeof number, "FEATURE_%c%u", "CIR"[w], bit);
                name = number;
            }
            n += (size_t)snprintf(to + n, cap - n, "%s%s", n ? " " : "", name);
        }
}

uint32_t ext_incompat_known(void)
{
    uint32_t known = 0;

    for (size_t i = 0; i < ARRAY_SIZE(features); i++)
        if (features[i].word == EXT_WORD_INCOMPAT && !features[i].refuse)
            known |= UINT32_C(1) << features[i].bit;
    return known;
}
