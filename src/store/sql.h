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

/* A text column in the arena; without a copy when it is empty, and "" for NULL.  An
 * engine without memory gives NULL as well, which is told as a failure of the arena. */
static inline const char *sql_text(struct arena *arena, const struct db_rows *rows,
                                   int col)
{
    const char *s = db_col_text(rows, col);

    if (!s && !db_col_is_null(rows, col))
        arena->failed = true;
    return s && *s ? arena_str(arena, s) : "";
}

/* A text column that is never NULL, into an array of `cap` bytes. */
int sql_copy(char *to, size_t cap, const struct db_rows *rows, int col, struct err *err);

struct sql {
    struct buf text;
    struct db_arg args[DB_ARGS_MAX];
    size_t n_args;
    /* Sticky: the first failure. */
    int failed;
    struct err *err;
};

/* Not all of it is zeroed: its array is large, and only what is counted is read. */
static inline void sql_init(struct sql *q, struct err *err)
{
    q->text = (struct buf){0};
    q->n_args = 0;
    q->failed = 0;
    q->err = err;
}

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

/* Runs what was made, or answers why it was not. */
int sql_query(struct db_rows *ret, struct db *db, const struct sql *q);

/* Begins a list: "no" of the rows of `table t` that match what is added next. */
void sql_page_begin(struct sql *q, const char *table);
/* Ends it: rows of (how many match, no or null, columns...), newest first; one row with a
 * null when the page is empty.  Columns are those of `table x`. */
void sql_page_end(struct sql *q, const char *table, const char *columns, int64_t offset,
                  int64_t limit);

/* A pattern for "@LIKE $n ESCAPE '!'" that matches texts which contain `word`. */
const char *sql_contains(struct arena *arena, const char *word);
