/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text.h: text that came from a guest, made fit for a screen and for JSON */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* Writes raw as printable UTF-8 to `to` (at most cap bytes with the NUL; to may be NULL
 * when cap is 0) and returns the length of the whole cleaned text, as snprintf does.
 * Invalid UTF-8, control characters and backslashes become \xNN; more than `max` cleaned
 * bytes are cut and end in "...". */
size_t text_clean(char *to, size_t cap, struct bytes raw, size_t max);

/* Takes away a last character that is not whole: s was UTF-8 before it was cut by bytes.
 */
void text_cut(char *s);

/* What a sentence has of a text: all of it, or its beginning and "..."; never more than
 * `max` bytes, and whole characters of what was UTF-8. */
struct text_short {
    char s[512];
};
struct text_short text_short(const char *s, size_t max);

/* One line of text in any language: nothing that text_clean() would escape, but
 * backslashes. */
bool text_is_line(const char *s);

/* UTF-16LE up to its first NUL as UTF-8, always NUL-terminated (cap at least 1; what does
 * not fit is cut); half a surrogate pair becomes U+FFFD.  The length written. */
size_t text_utf16le(char *to, size_t cap, struct bytes raw);

/* One line of a text: sets *line (no newline, no CR before it) and moves *rest on.  False
 * at the end. */
bool text_next_line(struct bytes *rest, struct bytes *line);

/* Without blanks and tabs at both ends. */
struct bytes text_trim(struct bytes b);

/* The next run of non-blanks in *rest; false when there is none. */
bool text_next_word(struct bytes *rest, struct bytes *word);

/* `b` without the quotes around it, single or double, if both stand there. */
struct bytes text_unquote(struct bytes b);

bool text_is(struct bytes b, const char *s);
bool text_starts(struct bytes b, const char *s);
bool text_ends(struct bytes b, const char *s);
/* Offset of s in b, or -1. */
long text_find(struct bytes b, const char *s);

/* Decimal; false when empty, not a number, or over UINT64_MAX. */
bool text_u64(uint64_t *ret, struct bytes b);
