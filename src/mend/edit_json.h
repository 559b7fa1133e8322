/* SPDX-License-Identifier: GPL-2.0-or-later */
/* edit_json.h: edits and reports between broker and worker
 *
 *     {"identity": true,
 *      "list": [{"op": "write", "system": "linux", "path": "/etc/hostname",
 *                "mode": 420, "content": "76310a"}]}        hexadecimal
 *     {"outcome": "done", "why": "", "changed": 3}
 *
 * Each side believes nothing of the other. */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "mend/edit.h"

/* A new reference in *ret.  ERR_ARG for what is over a limit of edit.h, or a path that is
 * not absolute or names "." or "..". */
int mend_edits_to_json(json_t **ret, const struct mend_edits *edits, struct err *err);

/* Into the arena; strings may stay in j. */
int mend_edits_from_json(struct mend_edits *ret, struct arena *a, const json_t *j,
                         struct err *err);

/* A new reference; NULL: no memory. */
json_t *mend_report_to_json(const struct mend_report *report);

/* What the worker says: its text is made printable. */
int mend_report_from_json(struct mend_report *ret, const json_t *j, struct err *err);
