/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_out.h: JSON written as it goes, without a tree
 *
 *     json_out_begin_list(&o, "ImageSet");
 *     json_out_begin(&o, NULL);
 *     json_out_text(&o, "ImageId", id);
 *     json_out_end(&o);
 *     json_out_end_list(&o);
 *
 * `key` is NULL within a list.  Keys are ours and are not escaped; values are, and what
 * is not UTF-8 in them becomes U+FFFD.  Running out of memory, or over buf.max, is
 * sticky: ask json_out_check() at the end.  One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct json_out {
    struct buf buf;
    bool comma;  /* the next member needs one before it */
    bool failed; /* sticky */
};

void json_out_begin(struct json_out *o, const char *key); /* { */
void json_out_end(struct json_out *o);
void json_out_begin_list(struct json_out *o, const char *key); /* [ */
void json_out_end_list(struct json_out *o);

void json_out_text(struct json_out *o, const char *key,
                   const char *value); /* NULL: null */
void json_out_int(struct json_out *o, const char *key, int64_t value);
void json_out_bool(struct json_out *o, const char *key, bool value);
void json_out_null(struct json_out *o, const char *key);
/* Text that is JSON already (from the catalogue); "" or NULL: null. */
void json_out_raw(struct json_out *o, const char *key, const char *json);

int json_out_check(const struct json_out *o, struct err *err);
