/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/sql.h"

#include <stdio.h>

int sql_copy(char *to, size_t cap, const struct db_rows *rows, int col, struct err *err)
{
    const char *s = db_col_text(rows, col);

    if (!s)
        return FAIL(err, ERR_NOMEM, "catalogue: a column");
    if ((size_t)snprintf(to, cap, "%s", s) >= cap)
        return FAIL(err, ERR_CORRUPT, "catalogue: a column of %zu bytes, limit %zu",
                    strlen(s), cap - 1);
    return 0;
}

void sql_add(struct sql *q, const char *text)
{
    if (q->failed == 0)
        q->failed = buf_puts(&q->text, text, q->err);
}

void sql_again(struct sql *q, size_t n)
{
    if (q->failed == 0)
        q->failed = buf_printf(&q->text, q->err, "$%zu", n);
}

size_t sql_arg(struct sql *q, struct db_arg a)
{
    if (q->n_args == DB_ARGS_MAX) {
        if (q->failed == 0)
            q->failed =
                FAIL(q->err, ERR_LIMIT, "query: more than %d values", DB_ARGS_MAX);
        return 1;
    }
    q->args[q->n_args++] = a;
    sql_again(q, q->n_args);
    return q->n_args;
}

void sql_in(struct sql *q, const char *column, const struct db_arg *args, size_t n)
{
    size_t want = 1;

    if (n == 0) {
        sql_add(q, "(1 = 0)");
        return;
    }
    while (want < n)
        want *= 2;
    sql_add(q, "(");
    sql_add(q, column);
    sql_add(q, " IN (");
    for (size_t i = 0; i < want; i++) {
        if (i > 0)
            sql_add(q, ", ");
        if (i < n)
            sql_arg(q, args[i]);
        else
            sql_arg(q, args[n - 1]);
    }
    sql_add(q, "))");
}

enum { IN_MAX = 128 };

void sql_in_texts(struct sql *q, const char *column, const char *const *words, size_t n)
{
    struct db_arg args[IN_MAX];

    if (n > IN_MAX) {
        if (q->failed == 0)
            q->failed = FAIL(q->err, ERR_LIMIT, "query: %zu values, limit %d", n, IN_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++)
        args[i] = db_text(words[i]);
    sql_in(q, column, args, n);
}

void sql_in_mask(struct sql *q, const char *column, unsigned mask)
{
    struct db_arg args[32];
    size_t n = 0;

    for (unsigned i = 0; i < 32; i++)
        if (mask >> i & 1)
            args[n++] = db_int(i);
    sql_in(q, column, args, n);
}

int sql_query(struct db_rows *ret, struct db *db, const struct sql *q)
{
    if (q->failed)
        return q->failed;
    return db_query(ret, db, buf_str(&q->text), q->args, q->n_args, q->err);
}

void sql_page_begin(struct sql *q, const char *table)
{
    sql_add(q, "WITH seen AS @MATERIAL (SELECT t.no AS no FROM ");
    sql_add(q, table);
    sql_add(q, " t WHERE 1 = 1");
}

void sql_page_end(struct sql *q, const char *table, const char *columns, int64_t offset,
                  int64_t limit)
{
    sql_add(q, "), page AS (SELECT no FROM seen ORDER BY no DESC LIMIT ");
    sql_arg(q, db_int(limit));
    sql_add(q, " OFFSET ");
    sql_arg(q, db_int(offset));
    sql_add(q, ") SELECT c.n, page.no, ");
    sql_add(q, columns);
    sql_add(q, " FROM (SELECT COUNT(*) AS n FROM seen) c LEFT JOIN page ON 1 = 1 "
               "LEFT JOIN ");
    sql_add(q, table);
    sql_add(q, " x ON x.no = page.no ORDER BY page.no DESC");
}

const char *sql_contains(struct arena *arena, const char *word)
{
    size_t n = strlen(word), at = 0;
    char *p = arena_alloc(arena, 2 * n + 3);

    if (!p)
        return "";
    p[at++] = '%';
    for (size_t i = 0; i < n; i++) {
        if (strchr("%_!", word[i]))
            p[at++] = '!';
        p[at++] = word[i];
    }
    p[at++] = '%';
    p[at] = '\0';
    return p;
}
