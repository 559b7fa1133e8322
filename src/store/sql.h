/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sql.h: what the subjects of the catalogue share when they make and read SQL
 *
 * A statement that depends on what is asked for (filters) is built from constant pieces;
 * values are only ever added as parameters. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "store/db.h"

static inline const char *sql_or_empty(const char *s)
{
    return s ? s : "";
}

/* A text column in the arena; "" for NULL, and without a copy when it is empty. */
static inline const char *sql_text(struct arena *arena, const struct db_rows *rows,
                                   int col)
{
    const char *s = db_col_text(rows, col);

    return s && *s ? arena_str(arena, s) : "";
}

struct sql {
    struct buf text;
    struct db_arg args[DB_ARGS_MAX];
    size_t n_args;
    /* Sticky: the first failure. */
    int failed;
    struct err *err;
};

static inline void sql_fini(struct sql *q)
{
    buf_fini(&q->text);
}

/* Appends a constant text. */
void sql_add(struct sql *q, const char *text);
/* Appends "$n" for a new parameter, and answers n. */
size_t sql_arg(struct sql *q, struct db_arg a);
/* Appends "$n" again. */
void sql_again(struct sql *q, size_t n);

/* Appends "(column IN ($1, $2, ...))".  The number of parameters is rounded up by saying
 * the last one again, so that few different texts need to be prepared.  n = 0: "(1 = 0)".
 */
void sql_in(struct sql *q, const char *column, const struct db_arg *args, size_t n);
void sql_in_texts(struct sql *q, const char *column, const char *const *words, size_t n);
/* The same for the set bits of a mask: the numbers of an enum. */
void sql_in_mask(struct sql *q, const char *column, unsigned mask);

/* A pattern for "@LIKE $n ESCAPE '!'" that matches texts which contain `word`. */
const char *sql_contains(struct arena *arena, const char *word);
