/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer.h: what a server says before the body (RFC 9110)
 *
 * Every byte of it is a stranger's: nothing is kept that has no limit, and what is shown
 * is made printable. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    ANSWER_WORDS_MAX = 96,
    ANSWER_ETAG_MAX = 256,
    ANSWER_LOCATION_MAX = 8192,
};

struct answer {
    unsigned status;              /* 0: none yet, or none that makes sense */
    char words[ANSWER_WORDS_MAX]; /* "206 Partial Content" */
    char etag[ANSWER_ETAG_MAX];   /* with its quotes; "": none, weak or not of the form */
    char location[ANSWER_LOCATION_MAX]; /* "": none, or longer than that */
    uint64_t length;                    /* of the body; 0: not said */
    bool has_range;                     /* Content-Range was there and makes sense: */
    uint64_t first, last, size;
};

/* A status line, which begins the answer anew, or a header field.  n bytes, a line end
 * among them or not. */
void answer_take(struct answer *a, const char *line, size_t n);

bool answer_is_redirect(const struct answer *a);

/* The server may answer something else in a moment. */
bool answer_may_get_better(const struct answer *a);

/* Where a redirect of `url` leads: an http or https URL, and not from the second to the
 * first.  The caller's. */
int answer_target(char **ret, const struct answer *a, const char *url, struct err *err);

/* "bytes 0-1023/4096": false when it is not of that form or contradicts itself. */
bool answer_parse_range(const char *text, uint64_t *ret_first, uint64_t *ret_last,
                        uint64_t *ret_size);
