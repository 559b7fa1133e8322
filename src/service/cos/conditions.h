/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conditions.h: ranges and conditions of a GET, RFC 9110.  Pure, any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* "bytes=1-3", "bytes=5-", "bytes=-4": 1, and which bytes.  0: no range that is
 * understood, or more than one: the whole is answered.  Negative: it begins beyond the
 * end. */
int cos_range(const char *range, uint64_t size, uint64_t *ret_first,
              uint64_t *ret_length);

struct cos_conditions {
    const char *if_match, *if_none_match; /* NULL: not sent */
    const char *if_modified_since, *if_unmodified_since;
};

/* 0, 304 or 412.  etag without quotes; modified in UTC seconds. */
int cos_condition(const struct cos_conditions *c, const char *etag, int64_t modified);

/* May a range be answered?  Only for the content that the client has a part of. */
bool cos_if_range(const char *if_range, const char *etag);
