/* SPDX-License-Identifier: GPL-2.0-or-later */
/* seeds_lvm2.c: seeds for fuzz_lvm2 and fuzz_lvm2_text
 *
 *     seeds_lvm2 tests/fuzz/corpora */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "fuzz/sparse.h"
#include "volume/lvm2_make.h"

static const struct {
    const char *name, *volumes;
    size_t at;
} seeds[] = {
    {"linear",
     LVM2_VOLUME("root", LVM2_LINEAR("1", "0", "2", "\"pv0\", 2")
                             LVM2_LINEAR("2", "2", "2", "\"pv1\", 5")),
     MAKE_RING},
    {"striped",
     LVM2_VOLUME("root", LVM2_SEGMENT("1", "0", "6",
                                      "type = \"striped\" stripe_count = 2 stripe_size "
                                      "= 2 stripes = [\"pv0\", 1, \"pv1\", 0]")),
     MAKE_RING},
    {"raid1",
     LVM2_VOLUME("root", LVM2_SEGMENT("1", "0", "2",
                                      "type = \"raid1\" device_count = 2 raids = "
                                      "[\"m_0\", \"r_0\", \"m_1\", \"r_1\"]"))
         LVM2_HIDDEN("r_0", LVM2_LINEAR("1", "0", "2", "\"pv0\", 4"))
             LVM2_HIDDEN("r_1", LVM2_LINEAR("1", "0", "2", "\"pv1\", 6")),
     MAKE_RING},
    {"mirror",
     LVM2_VOLUME("root", LVM2_SEGMENT("1", "0", "2",
                                      "type = \"mirror\" mirrors = [\"pv0\", 3, \"pv1\", "
                                      "3]")),
     MAKE_RING},
    {"snapshot",
     LVM2_VOLUME("root", LVM2_LINEAR("1", "0", "2", "\"pv0\", 2"))
         LVM2_VOLUME("snap", LVM2_LINEAR("1", "0", "2", "\"pv0\", 5"))
             LVM2_HIDDEN("snapshot0", LVM2_SEGMENT("1", "0", "2",
                                                   "type = \"snapshot\" origin = "
                                                   "\"root\" cow_store = \"snap\"")),
     MAKE_RING},
    {"thin",
     LVM2_VOLUME("root",
                 LVM2_SEGMENT("1", "0", "2", "type = \"thin\" thin_pool = \"pool\"")),
     MAKE_RING},
    {"wrapped", LVM2_VOLUME("root", LVM2_LINEAR("1", "0", "3", "\"pv0\", 2")),
     MAKE_AREA_SIZE - 100},
};

static FILE *create(const char *folder, const char *target, const char *name)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s/%s", folder, target, name);
    f = fopen(path, "wb");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

/* The extents hold nothing that a reader looks at. */
static void put_sparse(FILE *f, const uint8_t *image, size_t n)
{
    fputc(3, f);
    for (size_t at = 0; at < n; at += SPARSE_UNIT) {
        static const uint8_t zeros[SPARSE_UNIT];
        size_t unit = at / SPARSE_UNIT;

        if (at % MAKE_PV >= MAKE_DATA || memcmp(image + at, zeros, SPARSE_UNIT) == 0)
            continue;
        fputc((int)(unit & 255), f);
        fputc((int)(unit >> 8), f);
        fputc(1, f);
        fwrite(image + at, 1, SPARSE_UNIT, f);
    }
    /* So that the second physical volume has its extents. */
    fputc((int)((n / SPARSE_UNIT - 1) & 255), f);
    fputc((int)((n / SPARSE_UNIT - 1) >> 8), f);
    fputc(1, f);
    fwrite(image + n - SPARSE_UNIT, 1, SPARSE_UNIT, f);
}

int main(int argc, char **argv)
{
    static uint8_t image[2 * MAKE_PV];
    char text[MAKE_TEXT];

    if (argc != 2)
        return 2;
    for (size_t i = 0; i < ARRAY_SIZE(seeds); i++) {
        FILE *f = create(argv[1], "lvm2_text", seeds[i].name);

        lvm2_make_text(text, 3, seeds[i].volumes);
        fputs(text, f);
        fclose(f);
        lvm2_make_pv(image, 0, text, seeds[i].at);
        lvm2_make_pv(image + MAKE_PV, 1, text, seeds[i].at);
        f = create(argv[1], "lvm2", seeds[i].name);
        put_sparse(f, image, sizeof image);
        fclose(f);
    }
    return 0;
}
