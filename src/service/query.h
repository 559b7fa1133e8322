/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query.h: "a=1&b=%20x", taken apart */
#pragma once

#include "base/buf.h"

struct query_pair {
    struct bytes name, value; /* still encoded; value.p NULL: there was no "=" */
};

/* 1: *ret is the next pair and *rest moved on.  0: end.  Empty pairs ("&&") are skipped;
 * a pair without a name is ERR_ARG. */
int query_next(struct query_pair *ret, struct bytes *rest, struct err *err);

/* Appends the text with its %XX (and, in forms, "+") turned into bytes.  ERR_ARG: a "%"
 * without two digits. */
int query_decode(struct buf *to, struct bytes text, bool form, struct err *err);

/* Appends the text with everything but A-Z a-z 0-9 - _ . ~ (and '/' when `slash`) as %XX,
 * upper case. */
int query_encode(struct buf *to, struct bytes text, bool slash, struct err *err);
