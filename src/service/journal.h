/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal.h: what imgportd writes down: one JSON object a line
 *
 *     struct json_out line;
 *
 *     journal_begin(&line, "job");
 *     json_out_int(&line, "task", t->id);
 *     journal_end(&line);
 *
 * Every line has time and event.  Requests have "request", tasks "task", so that a line
 * can be followed.  Never what an image holds, and no secrets.  Locks internally (one
 * write() a line, so that lines of several daemons in one file stay whole). */
#pragma once

#include "service/json_out.h"

/* "stderr" or a path; a file is appended to.  Until then lines go to stderr. */
int journal_open(const char *where, struct err *err);
/* Opens the same path again: it was moved away. */
void journal_reopen(void);

void journal_begin(struct json_out *line, const char *event);
void journal_end(struct json_out *line);

/* A line with nothing but a message, and what failed when err is not NULL. */
void journal_message(const char *event, const struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
