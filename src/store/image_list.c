/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which images an account sees, in one statement.
 *
 *     c       how many they are: a sum over the ways of seeing them
 *     page    the newest, merged from one index for each way
 *     i       the rows of the page
 *
 * The ways exclude each other: a custom image is one's own or shared, the others are
 * offered to everybody.  Counting and merging walk indexes that hold all they ask for; to
 * collect all numbers first and sort them was measured at twice the cost. */
#include "store/image.h"

#include <assert.h>
#include <stdlib.h>

#include "base/scoped.h"
#include "store/image_row.h"
#include "store/sql.h"

/* Parameters that every way uses. */
struct seeing {
    struct sql *q;
    struct arena *arena;
    const struct image_query *query;
    size_t account, region; /* 0: not yet a parameter */
    const char *filters;    /* " AND ..." of what was asked for, the same in every way */
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

/* Made once and said for each way, so that values are parameters once. */
static void make_filters(struct seeing *s)
{
    const struct image_query *query = s->query;
    size_t begin = s->q->text.n;

    if (query->n_ids > 0) {
        sql_add(s->q, " AND ");
        sql_in_texts(s->q, "i.id", query->ids, query->n_ids);
    }
    for (size_t i = 0; i < query->n_filters; i++) {
        sql_add(s->q, " AND ");
        add_filter(s, &query->filters[i]);
    }
    s->filters = arena_strn(s->arena, buf_str(&s->q->text) + begin, s->q->text.n - begin);
    s->q->text.n = begin;
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

/* "image i WHERE ...": the images that are seen in one way. */
static void add_way(struct seeing *s, enum image_view view)
{
    static const char *const from[IMAGE_VIEWS] = {
        [VIEW_PRIVATE] = "image i WHERE i.kind = 0 AND ",
        /* As the index says it, which an engine must recognise. */
        [VIEW_PUBLIC] = "image i WHERE i.kind = 1 AND i.kind <> 0 AND i.state = 1 AND ",
        [VIEW_SHARED] = ("image_share h JOIN image i ON i.id = h.image "
                         "WHERE i.kind = 0 AND i.state = 1 AND "),
        [VIEW_MARKET] = "image i WHERE i.kind = 2 AND i.kind <> 0 AND i.state = 1 AND ",
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
    sql_add(s->q, s->filters);
}

/* The operator's eye: one way, which sees everything. */
static void add_everything(struct seeing *s, unsigned views)
{
    unsigned kinds = (views & VIEW_IN(VIEW_PRIVATE) ? 1u << IMAGE_CUSTOM : 0) |
                     (views & VIEW_IN(VIEW_PUBLIC) ? 1u << IMAGE_PUBLIC : 0) |
                     (views & VIEW_IN(VIEW_MARKET) ? 1u << IMAGE_MARKET : 0);

    sql_add(s->q, "image i WHERE ");
    if (s->query->region) {
        add_region(s, "i.region");
        sql_add(s->q, " AND ");
    }
    sql_in_mask(s->q, "i.kind", kinds);
    sql_add(s->q, s->filters);
}

/* Each way once, after `head` (which may name the way by its number) and between
 * `between`. */
static void add_ways(struct seeing *s, unsigned views, const char *between, bool count)
{
    static const char *const heads[IMAGE_VIEWS] = {
        [VIEW_PRIVATE] = "SELECT i.no AS no, 0 AS way FROM ",
        [VIEW_PUBLIC] = "SELECT i.no AS no, 1 AS way FROM ",
        [VIEW_SHARED] = "SELECT i.no AS no, 2 AS way FROM ",
        [VIEW_MARKET] = "SELECT i.no AS no, 3 AS way FROM ",
    };
    bool first = true;

    if (!s->query->account) {
        sql_add(s->q,
                count ? "(SELECT COUNT(*) FROM " : "SELECT i.no AS no, -1 AS way FROM ");
        add_everything(s, views);
        sql_add(s->q, count ? ")" : "");
        return;
    }
    for (enum image_view v = 0; v < IMAGE_VIEWS; v++) {
        if (!(views & VIEW_IN(v)))
            continue;
        sql_add(s->q, first ? "" : between);
        sql_add(s->q, count ? "(SELECT COUNT(*) FROM " : heads[v]);
        add_way(s, v);
        sql_add(s->q, count ? ")" : "");
        first = false;
    }
}

static void compile(struct sql *q, struct arena *arena, const struct image_query *query,
                    unsigned views)
{
    struct seeing s = {.q = q, .arena = arena, .query = query};

    make_filters(&s);
    sql_add(q, "SELECT c.n, page.way, ");
    sql_add(q, image_columns);
    sql_add(q, " FROM (SELECT ");
    add_ways(&s, views, " + ", true);
    /* One row at least, so that the number is told of an empty page as well. */
    sql_add(q, " AS n) c LEFT JOIN (");
    add_ways(&s, views, " UNION ALL ", false);
    sql_add(q, " ORDER BY no DESC LIMIT ");
    sql_arg(q, db_int(query->limit));
    sql_add(q, " OFFSET ");
    sql_arg(q, db_int(query->offset));
    sql_add(q, ") page ON 1 = 1 LEFT JOIN image i ON i.no = page.no");
}

static int newest_first(const void *a, const void *b)
{
    const struct image *x = a, *y = b;

    return (x->no < y->no) - (x->no > y->no);
}

/* Engines keep the order of the page, but promise nothing; to have them sort whole rows
 * again costs more than to look. */
static void sort(struct image *v, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (v[i - 1].no < v[i].no) {
            qsort(v, n, sizeof *v, newest_first);
            return;
        }
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
            if (query->account)
                image->view = (enum image_view)db_col_int(&rows, 1);
        }
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    sort(list.v, list.n);
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
