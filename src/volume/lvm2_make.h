/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lvm2_make.h: for tests, two small physical volumes in memory
 *
 *   512 label │ 4096 metadata area: header, ring │ 16384 extents of 4 KiB, twelve
 *
 * Extent n of the first is full of 'A' + n, of the second of 'a' + n. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    MAKE_LABEL = 512,
    MAKE_AREA = 4096,
    MAKE_RING = 512, /* from the area's beginning */
    MAKE_AREA_SIZE = 12288,
    MAKE_DATA = 16384,
    MAKE_EXTENT = 4096,
    MAKE_EXTENTS = 12,
    MAKE_PV = MAKE_DATA + MAKE_EXTENTS * MAKE_EXTENT,
    MAKE_TEXT = 8192, /* room for a description */
};

/* The pieces of a description; a volume is its segments. */
#define LVM2_VOLUME(name, segments) \
    name " { status = [\"READ\", \"VISIBLE\"]\n" segments "}\n"
#define LVM2_HIDDEN(name, segments) name " { status = [\"READ\"]\n" segments "}\n"
#define LVM2_SEGMENT(n, start, count, rest) \
    "segment" n " { start_extent = " start " extent_count = " count " " rest " }\n"
#define LVM2_LINEAR(n, start, count, place) \
    LVM2_SEGMENT(n, start, count,           \
                 "type = \"striped\" stripe_count = 1 stripes = [ " place " ]")

/* The description of a group of both physical volumes with these logical volumes. */
void lvm2_make_text(char text[MAKE_TEXT], unsigned seqno, const char *volumes);

/* `pv` holds MAKE_PV bytes.  The text, and the NUL behind it, goes into the ring `at`
 * bytes from the area's beginning; NULL: the area is empty. */
void lvm2_make_pv(uint8_t *pv, unsigned number, const char *text, size_t at);

/* Checksums of label, area and text as they are now, where those can be found. */
void lvm2_make_sums(uint8_t *pv, size_t size);
