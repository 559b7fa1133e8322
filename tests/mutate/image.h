/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image.h: a real image in memory that is spoilt and put right again
 *
 * The file is mapped privately: a page is copied when it is first written to, and
 * image_restore() copies back what was saved of it, so that a mutant costs what it
 * touches.  As a block it learns which reads a look at the sound image makes: that is
 * where a mutation has an effect.  One thread. */
#pragma once

#include "block/block.h"

enum { IMAGE_PAGE = 4096 };

enum image_trace {
    TRACE_OFF,
    TRACE_METADATA, /* what is read is structure, */
    TRACE_CONTENT,  /* or what a file holds */
};

struct image_read {
    uint64_t off;
    uint32_t n;
    bool content;
};

struct saved_page {
    uint64_t off;
    uint8_t bytes[IMAGE_PAGE];
};

struct image {
    const char *path;
    uint8_t *p;
    uint64_t whole; /* bytes of the file */
    uint64_t size;  /* ... of the mutant */
    bool *stored;   /* a page: not all zeros, or written to */
    enum image_trace trace;
    struct image_read *reads; /* what was read of the sound image, each once; metadata
                                 first, metadata_n of them */
    size_t reads_n, reads_max, metadata_n;
    struct saved_page *saved;
    size_t saved_n;
};

/* Prints what is wrong.  Call image_unload() also after failure. */
bool image_load(struct image *ret, const char *path);
void image_unload(struct image *image);

/* The block borrows the image. */
int image_block(struct block **ret, struct image *image, struct err *err);

/* After the reads were traced. */
void image_learnt(struct image *image);

/* [off, off + n) may be written to from now on; false when it does not lie within the
 * image or too much of it is changed already. */
bool image_touch(struct image *image, uint64_t off, size_t n);

void image_restore(struct image *image);
