/* SPDX-License-Identifier: GPL-2.0-or-later */
/* object.h: what object.c and upload.c share */
#pragma once

#include "store/bucket.h"

/* object_put() as a part of a larger transaction. */
int object_put_in_tx(struct dead_blobs *dead, struct arena *arena, struct db *db,
                     const struct object *o, const struct object_pieces *pieces,
                     struct err *err);

/* Appends the texts in the first column of a query with one parameter. */
int dead_collect(struct dead_blobs *dead, struct arena *arena, struct db *db,
                 const char *sql, struct db_arg arg, struct err *err);

/* What stands before and with the first delimiter behind the prefix; false: none. */
bool list_prefix_of(struct bytes *ret, const char *key, const struct list_query *q);
