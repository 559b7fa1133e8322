/* SPDX-License-Identifier: GPL-2.0-or-later */
/* look.h: all that imgport does to an image it did not make
 *
 *   disk         inspect_file(), its facts over the wire and judged; then every partition
 *                and logical volume opened, listed and read within a budget, hives and
 *                initramfs archives on them as well
 *   hive         every key and value
 *   initramfs    every entry
 *
 * What is wrong with an image is an answer; what breaks a contract is an abort. */
#pragma once

#include "mutate/image.h"

/* What a look came to, for statistics. */
struct seen {
    bool taken;  /* the container, hive or archive was opened */
    bool root;   /* a system was found */
    bool judged; /* ... and nothing kept us from looking */
    unsigned filesystems, entries;
};

struct looker;

struct looker *looker_new(void);
void looker_free(struct looker *l);

/* Nothing stays allocated. */
void look(struct looker *l, struct image *image, struct seen *ret);
