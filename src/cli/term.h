/* SPDX-License-Identifier: GPL-2.0-or-later */
/* term.h: what the terminal can show */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum term_style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_GOOD,    /* green */
    STYLE_BAD,     /* red */
    STYLE_WARNING, /* yellow */
    STYLE_INFO,    /* cyan */
};

struct term {
    FILE *out;
    bool tty;
    bool colour; /* tty, and neither NO_COLOR nor TERM=dumb */
    bool utf8;   /* box drawing and block characters may be used */
    int width;   /* columns; 80 where nobody says */
};

/* Looks at the stream and the environment.  Call after setlocale(). */
void term_init(struct term *t, FILE *out);

/* Prints text in a style; nothing but the text where there is no colour. */
void term_print(const struct term *t, enum term_style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints text in lines that fit, each behind `indent` blanks (the first one too unless
 * `hanging`).  Newlines in the text stay; a line that is all one word is not cut. */
void term_wrap(const struct term *t, int indent, bool hanging, enum term_style style,
               const char *text);

/* Columns of a UTF-8 text: two for the wide characters of Chinese, Japanese and Korean.
 */
int term_columns(const char *text, size_t n);
