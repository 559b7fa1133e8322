/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "base/scoped.h"
#include "store/instance.h"
#include "store/instance_row.h"
#include "store/sql.h"

enum { IDS_MAX = 128 };

/* "(column = $n OR ...)" of values that are numbers as texts. */
static void add_numbers(struct sql *q, const char *column, const char *compare,
                        const struct instance_filter *f)
{
    sql_add(q, "(1 = 0");
    for (size_t i = 0; i < f->n_values; i++) {
        sql_add(q, " OR ");
        sql_add(q, column);
        sql_add(q, compare);
        sql_arg(q, db_int(strtoll(f->values[i], NULL, 10)));
    }
    sql_add(q, ")");
}

static void add_addresses(struct sql *q, const struct instance_filter *f)
{
    sql_add(q, "(1 = 0");
    for (size_t i = 0; i < f->n_values; i++) {
        unsigned a, b, c, d;

        if (sscanf(f->values[i], "%3u.%3u.%3u.%3u", &a, &b, &c, &d) != 4)
            continue;
        sql_add(q, " OR t.address = ");
        sql_arg(q, db_int((int64_t)a << 24 | (int64_t)b << 16 | (int64_t)c << 8 | d));
    }
    sql_add(q, ")");
}

static void add_names(struct sql *q, struct arena *arena, const struct instance_filter *f)
{
    sql_add(q, "(1 = 0");
    for (size_t i = 0; i < f->n_values; i++) {
        sql_add(q, " OR t.name @LIKE ");
        sql_arg(q, db_text(sql_contains(arena, f->values[i])));
        sql_add(q, " ESCAPE '!'");
    }
    sql_add(q, ")");
}

static void add_states(struct sql *q, const struct instance_filter *f)
{
    unsigned mask = 0;

    for (size_t i = 0; i < f->n_values; i++) {
        int state = instance_state_from_name(f->values[i]);

        if (state >= 0)
            mask |= INSTANCE_IN(state);
    }
    sql_in_mask(q, "t.state", mask);
}

static void add_tags(struct sql *q, const struct instance_filter *f)
{
    sql_add(q, "EXISTS (SELECT 1 FROM instance_tag g WHERE g.instance = t.id AND ");
    if (f->key == INSTANCE_FILTER_TAG) {
        sql_add(q, "g.tag_key = ");
        sql_arg(q, db_text(f->tag));
        sql_add(q, " AND ");
    }
    sql_in_texts(q, f->key == INSTANCE_FILTER_TAG_KEY ? "g.tag_key" : "g.tag_value",
                 f->values, f->n_values);
    sql_add(q, ")");
}

static void add_filter(struct sql *q, struct arena *arena,
                       const struct instance_filter *f)
{
    static const char *const columns[INSTANCE_FILTERS] = {
        [INSTANCE_FILTER_ZONE] = "t.zone", [INSTANCE_FILTER_ID] = "t.id",
        [INSTANCE_FILTER_UUID] = "t.uuid", [INSTANCE_FILTER_IMAGE] = "t.image",
        [INSTANCE_FILTER_TYPE] = "t.type",
    };

    sql_add(q, " AND ");
    switch (f->key) {
    case INSTANCE_FILTER_ZONE:
    case INSTANCE_FILTER_ID:
    case INSTANCE_FILTER_UUID:
    case INSTANCE_FILTER_IMAGE:
    case INSTANCE_FILTER_TYPE:
        sql_in_texts(q, columns[f->key], f->values, f->n_values);
        break;
    case INSTANCE_FILTER_NAME:
        add_names(q, arena, f);
        break;
    case INSTANCE_FILTER_STATE:
        add_states(q, f);
        break;
    case INSTANCE_FILTER_ADDRESS:
        add_addresses(q, f);
        break;
    case INSTANCE_FILTER_PROJECT:
        add_numbers(q, "t.project", " = ", f);
        break;
    case INSTANCE_FILTER_SINCE:
        add_numbers(q, "t.created", " >= ", f);
        break;
    case INSTANCE_FILTER_UNTIL:
        add_numbers(q, "t.created", " <= ", f);
        break;
    case INSTANCE_FILTER_TAG_KEY:
    case INSTANCE_FILTER_TAG_VALUE:
    case INSTANCE_FILTER_TAG:
        add_tags(q, f);
        break;
    case INSTANCE_FILTER_NOTHING:
    case INSTANCE_FILTERS:
        sql_add(q, "1 = 0");
        break;
    }
}

static void add_text(struct sql *q, const char *condition, const char *value)
{
    if (!value)
        return;
    sql_add(q, condition);
    sql_arg(q, db_text(value));
}

static void compile(struct sql *q, struct arena *arena,
                    const struct instance_query *query)
{
    sql_page_begin(q, "instance");
    add_text(q, " AND t.owner = ", query->account);
    add_text(q, " AND t.region = ", query->region);
    add_text(q, " AND t.zone = ", query->zone);
    if (query->states) {
        sql_add(q, " AND ");
        sql_in_mask(q, "t.state", query->states);
    }
    if (query->n_ids > 0) {
        sql_add(q, " AND ");
        sql_in_texts(q, "t.id", query->ids, query->n_ids);
    }
    for (size_t i = 0; i < query->n_filters; i++)
        add_filter(q, arena, &query->filters[i]);
    sql_page_end(q, "instance", instance_columns, query->offset, query->limit);
}

int instance_list(struct instance_list *ret, struct arena *arena, struct db *db,
                  const struct instance_query *query, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    AUTO(sql_fini) struct sql q;
    LIST(struct instance) list = {0};
    int64_t total = 0;
    int r;

    sql_init(&q, err);
    if (query->n_ids > IDS_MAX)
        return FAIL(err, ERR_LIMIT, "instances: %zu ids, limit %d", query->n_ids,
                    IDS_MAX);
    compile(&q, arena, query);
    r = arena_check(arena, err);
    if (r == 0)
        r = sql_query(&rows, db, &q);
    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct instance *i;

        r = 0;
        total = db_col_int(&rows, 0);
        if (db_col_is_null(&rows, 1))
            continue;
        i = LIST_ADD(arena, &list);
        if (i)
            *i = instance_read(&rows, 2, arena);
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = (struct instance_list){list.v, list.n, total};
    return 0;
}
