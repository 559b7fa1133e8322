/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svg.h: the little of SVG that a picture of a disk needs, written to a stream
 *
 * Coordinates are pixels.  Text may be anything: what XML or a reader cannot stand is
 * replaced, and what does not fit is cut. */
#pragma once

#include <stdint.h>
#include <stdio.h>

/* Text between tags or in an attribute, at most so many columns of it. */
void svg_escape(FILE *to, const char *text, int columns);

/* <text>; `columns` as above. */
void svg_text(FILE *to, double x, double y, const char *class, const char *text,
              int columns);

/* <rect>, and a tooltip unless that is NULL. */
void svg_rect(FILE *to, double x, double y, double w, double h, const char *class,
              const char *tip);

static inline double least(double a, double b)
{
    return a < b ? a : b;
}

static inline double most(double a, double b)
{
    return a > b ? a : b;
}

enum { SVG_COLUMNS = 1152 }; /* of a strip: a pixel each */

/* How much of each column of a strip is of one kind: 0 to 1. */
struct svg_share {
    float v[SVG_COLUMNS];
};

/* Adds [start, start + length) of a whole of `size`. */
void svg_share_add(struct svg_share *s, uint64_t start, uint64_t length, uint64_t size);

/* A strip of columns with its left upper corner at (x, y), h high: `s` of each from where
 * `below` (NULL: nothing) ends upwards.  What is not nothing can be seen. */
void svg_columns(FILE *to, double x, double y, double h, const char *class,
                 const struct svg_share *below, const struct svg_share *s);
