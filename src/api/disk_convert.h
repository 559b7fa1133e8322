/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disk_convert.h: what disk.c and convert.c share of edits */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "mend/edit.h"

/* Puts them into a request, if there are any. */
int disk_request_edits(json_t *request, const struct mend_edits *edits, struct err *err);

/* MEND_NOTHING when the worker says nothing of edits. */
int disk_take_report(struct mend_report *ret, const json_t *answer, struct err *err);

/* The edits were left out, since the worker died over them. */
void disk_blame_worker(struct mend_report *ret, const struct err *why);
