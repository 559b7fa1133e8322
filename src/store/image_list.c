/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which images an account sees, in one statement.
 *
 *     seen    numbers of the images, from one index for each way of seeing them
 *     page    the newest of them
 *     the rows of the page, with the number of all that were seen
 *
 * The ways exclude each other: a custom image is one's own or shared, the others are
 * offered to everybody. */
#include "store/image.h"

#include <assert.h>

#include "base/scoped.h"
#include "store/image_row.h"
#include "store/sql.h"

/* Parameters that every way uses. */
struct seeing {
    struct sql *q;
    struct arena *arena;
    const struct image_query *query;
    size_t account, region; /* 0: not yet a parameter */
};

static void add_shared_arg(struct seeing *s, size_t *n, const char *value)
{
    if (*n)
        sql_again(s->q, *n);
    else
        *n = sql_arg(s->q, db_text(value));
}

static void add_region(struct seeing *s, const char *column)
{
    sql_add(s->q, column);
    sql_add(s->q, " = ");
    add_shared_arg(s, &s->region, s->query->region);
}

static void add_account(struct seeing *s, const char *column)
{
    sql_add(s->q, column);
    sql_add(s->q, " = ");
    add_shared_arg(s, &s->account, s->query->account);
}

static void add_contains(struct seeing *s, const char *column,
                         const struct image_filter *f)
{
    sql_add(s->q, "(1 = 0");
    for (size_t i = 0; i < f->n_values; i++) {
        sql_add(s->q, " OR ");
        sql_add(s->q, column);
        sql_add(s->q, " @LIKE ");
        sql_arg(s->q, db_text(sql_contains(s->arena, f->values[i])));
        sql_add(s->q, " ESCAPE '!'");
    }
    sql_add(s->q, ")");
}

static void add_states(struct seeing *s, const struct image_filter *f)
{
    unsigned mask = 0;

    for (size_t i = 0; i < f->n_values; i++) {
        int state = image_state_from_name(f->values[i]);

        if (state >= 0)
            mask |= IMAGE_IN(state);
    }
    sql_in_mask(s->q, "i.state", mask);
}

static void add_filter(struct seeing *s, const struct image_filter *f)
{
    static const char has_tag[] =
        "EXISTS (SELECT 1 FROM image_tag t WHERE t.image = i.id AND ";
    struct sql *q = s->q;

    switch (f->key) {
    case FILTER_ID:
        sql_in_texts(q, "i.id", f->values, f->n_values);
        break;
    case FILTER_NAME:
        add_contains(s, "i.name", f);
        break;
    case FILTER_PLATFORM:
        add_contains(s, "i.platform", f);
        break;
    case FILTER_OS_NAME:
        add_contains(s, "i.os_name", f);
        break;
    case FILTER_TAG_KEY:
    case FILTER_TAG_VALUE:
        sql_add(q, has_tag);
        sql_in_texts(q, f->key == FILTER_TAG_KEY ? "t.tag_key" : "t.tag_value", f->values,
                     f->n_values);
        sql_add(q, ")");
        break;
    case FILTER_TAG:
        sql_add(q, has_tag);
        sql_add(q, "t.tag_key = ");
        sql_arg(q, db_text(f->tag));
        sql_add(q, " AND ");
        sql_in_texts(q, "t.tag_value", f->values, f->n_values);
        sql_add(q, ")");
        break;
    case FILTER_STATE:
        add_states(s, f);
        break;
    case FILTER_FAMILY:
        sql_in_texts(q, "i.family", f->values, f->n_values);
        break;
    case FILTER_ARCHITECTURE:
        sql_in_texts(q, "i.architecture", f->values, f->n_values);
        break;
    case FILTER_TYPE: /* decides which ways are looked at */
        sql_add(q, "1 = 1");
        break;
    case FILTER_NOTHING:
    case IMAGE_FILTERS:
        sql_add(q, "1 = 0");
        break;
    }
}

/* What was asked for, of whatever is seen. */
static void add_filters(struct seeing *s)
{
    const struct image_query *query = s->query;

    if (query->n_ids > 0) {
        sql_add(s->q, " AND ");
        sql_in_texts(s->q, "i.id", query->ids, query->n_ids);
    }
    for (size_t i = 0; i < query->n_filters; i++) {
        sql_add(s->q, " AND ");
        add_filter(s, &query->filters[i]);
    }
}

/* The ways of seeing that the filters by type leave. */
static unsigned views_of(const struct image_query *query)
{
    unsigned views = (1u << IMAGE_VIEWS) - 1;

    for (size_t i = 0; i < query->n_filters; i++) {
        const struct image_filter *f = &query->filters[i];
        unsigned named = 0;

        if (f->key != FILTER_TYPE)
            continue;
        for (size_t k = 0; k < f->n_values; k++) {
            int view = image_view_from_name(f->values[k]);

            if (view >= 0)
                named |= VIEW_IN(view);
        }
        views &= named;
    }
    return views;
}

static void add_way(struct seeing *s, enum image_view view)
{
    static const char *const from[IMAGE_VIEWS] = {
        [VIEW_PRIVATE] = "SELECT i.no AS no, 0 AS way FROM image i WHERE i.kind = 0 AND ",
        [VIEW_PUBLIC] = "SELECT i.no AS no, 1 AS way FROM image i "
                        "WHERE i.kind = 1 AND i.kind <> 0 AND i.state = 1 AND ",
        [VIEW_SHARED] = "SELECT i.no AS no, 2 AS way FROM image_share h "
                        "JOIN image i ON i.id = h.image WHERE i.kind = 0 AND "
                        "i.state = 1 AND ",
        [VIEW_MARKET] = "SELECT i.no AS no, 3 AS way FROM image i "
                        "WHERE i.kind = 2 AND i.kind <> 0 AND i.state = 1 AND ",
    };

    sql_add(s->q, from[view]);
    if (view == VIEW_SHARED) {
        add_account(s, "h.account");
        sql_add(s->q, " AND ");
        add_region(s, "h.region");
    } else if (view == VIEW_PRIVATE) {
        add_account(s, "i.owner");
        sql_add(s->q, " AND ");
        add_region(s, "i.region");
    } else {
        add_region(s, "i.region");
    }
    add_filters(s);
}

/* The operator's eye. */
static void add_everything(struct seeing *s, unsigned views)
{
    /* By kind: custom, public, market. */
    unsigned kinds = (views & VIEW_IN(VIEW_PRIVATE) ? 1u << IMAGE_CUSTOM : 0) |
                     (views & VIEW_IN(VIEW_PUBLIC) ? 1u << IMAGE_PUBLIC : 0) |
                     (views & VIEW_IN(VIEW_MARKET) ? 1u << IMAGE_MARKET : 0);

    sql_add(s->q, "SELECT i.no AS no, CASE i.kind WHEN 0 THEN 0 WHEN 1 THEN 1 ELSE 3 END "
                  "AS way FROM image i WHERE ");
    if (s->query->region) {
        add_region(s, "i.region");
        sql_add(s->q, " AND ");
    }
    sql_in_mask(s->q, "i.kind", kinds);
    add_filters(s);
}

static void compile(struct sql *q, struct arena *arena, const struct image_query *query,
                    unsigned views)
{
    struct seeing s = {.q = q, .arena = arena, .query = query};
    bool first = true;

    sql_add(q, "WITH seen AS @MATERIAL (");
    if (!query->account)
        add_everything(&s, views);
    for (enum image_view v = 0; query->account && v < IMAGE_VIEWS; v++) {
        if (!(views & VIEW_IN(v)))
            continue;
        if (!first)
            sql_add(q, " UNION ALL ");
        first = false;
        add_way(&s, v);
    }
    sql_add(q, "), page AS (SELECT no, way FROM seen ORDER BY no DESC LIMIT ");
    sql_arg(q, db_int(query->limit));
    sql_add(q, " OFFSET ");
    sql_arg(q, db_int(query->offset));
    /* With one row at least, so that the number is told of an empty page as well. */
    sql_add(q, ") SELECT c.n, page.way, ");
    sql_add(q, image_columns);
    sql_add(q, " FROM (SELECT COUNT(*) AS n FROM seen) c LEFT JOIN page ON 1 = 1 "
               "LEFT JOIN image i ON i.no = page.no ORDER BY page.no DESC");
}

static int check_query(const struct image_query *q, struct err *err)
{
    assert(q->region || !q->account);
    if (q->n_ids > IMAGE_VALUES_MAX)
        return FAIL(err, ERR_LIMIT, "images: %zu ids, limit %d", q->n_ids,
                    IMAGE_VALUES_MAX);
    if (q->n_filters > IMAGE_FILTERS_MAX)
        return FAIL(err, ERR_LIMIT, "images: %zu filters, limit %d", q->n_filters,
                    IMAGE_FILTERS_MAX);
    return 0;
}

int image_list(struct image_list *ret, struct arena *arena, struct db *db,
               const struct image_query *query, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    AUTO(sql_fini) struct sql q;
    LIST(struct image) list = {0};
    unsigned views = views_of(query);
    int64_t total = 0;
    int r;

    sql_init(&q, err);
    r = check_query(query, err);
    if (r < 0)
        return r;
    if (!views) {
        *ret = (struct image_list){0};
        return 0;
    }
    compile(&q, arena, query, views);
    r = arena_check(arena, err);
    if (r == 0)
        r = sql_query(&rows, db, &q);
    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct image *image;

        r = 0;
        total = db_col_int(&rows, 0);
        if (db_col_is_null(&rows, 1))
            continue;
        image = LIST_ADD(arena, &list);
        if (image) {
            *image = image_read(&rows, 2, arena);
            image->view = (enum image_view)db_col_int(&rows, 1);
        }
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = (struct image_list){list.v, list.n, total};
    return 0;
}

int image_see(struct image *ret, struct arena *arena, struct db *db, const char *account,
              const char *region, const char *id, bool lock, struct err *err)
{
    struct image_list list;
    int r = 0;

    if (lock)
        r = image_get(ret, arena, db, id, true, err);
    if (r == 0)
        r = image_list(&list, arena, db,
                       &(struct image_query){
                           .account = account,
                           .region = region,
                           .ids = &id,
                           .n_ids = 1,
                           .limit = 1,
                       },
                       err);
    if (r != 0)
        return r;
    if (list.n == 0)
        return REFUSED_NONE;
    *ret = list.v[0];
    return 0;
}
