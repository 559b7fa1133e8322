/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/facts_json.h"

#include <inttypes.h>

#include "base/scoped.h"
#include "base/text.h"
#include "guest/facts_table.h"

/* Every LIST() has this layout, whatever it holds. */
struct any_list {
    void *v;
    size_t n, cap;
};

/* ---- out */

/* As arena_text() leaves it?  The backslash is what it escapes with, so it may stand. */
static bool is_clean(struct bytes s)
{
    while (s.n) {
        const uint8_t *slash = memchr(s.p, '\\', s.n);
        size_t n = slash ? (size_t)(slash - s.p) : s.n;

        if (text_clean(NULL, 0, bytes_sub(s, 0, n), SIZE_MAX) != n)
            return false;
        s = bytes_sub(s, n + (slash != NULL), s.n - n - (slash != NULL));
    }
    return true;
}

/* A string that a collector forgot to set or to clean must not cost the report. */
static json_t *string_to_json(const char *s)
{
    struct bytes raw = bytes_of(s ? s : "", s ? strlen(s) : 0);
    AUTO(freep) char *clean = NULL;
    size_t n;

    if (raw.n <= FACTS_STRING_MAX && is_clean(raw))
        return json_stringn((const char *)raw.p, raw.n);
    n = text_clean(NULL, 0, raw, FACTS_STRING_MAX - 3);
    clean = malloc(n + 1);
    if (!clean)
        return NULL;
    text_clean(clean, n + 1, raw, FACTS_STRING_MAX - 3);
    return json_string(clean);
}

/* JSON's integers are signed in the library we use.  Nothing real is larger. */
static json_t *u64_to_json(uint64_t v)
{
    return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static json_t *struct_to_json(const void *at, const struct fact_table *table);

static json_t *list_to_json(const struct any_list *list, const struct fact_field *f)
{
    json_t *ret = json_array();

    for (size_t i = 0; ret && i < list->n; i++) {
        json_t *item =
            f->kind == FACT_STRINGS
                ? string_to_json(((const char *const *)list->v)[i])
                : struct_to_json((const char *)list->v + i * f->of->size, f->of);

        /* Takes the reference of a good item; refuses NULL. */
        if (json_array_append_new(ret, item) < 0) {
            json_decref(ret);
            return NULL;
        }
    }
    return ret;
}

static json_t *field_to_json(const void *p, const struct fact_field *f)
{
    struct any_list list;
    const char *string;
    const void *pointer;
    bool flag;
    uint32_t u32;
    uint64_t u64;
    int64_t i64;

#define LOAD(v) memcpy(&(v), p, sizeof(v))
    switch (f->kind) {
    case FACT_BOOL:
        LOAD(flag);
        return json_boolean(flag);
    case FACT_U32:
        LOAD(u32);
        return json_integer(u32);
    case FACT_U64:
        LOAD(u64);
        return u64_to_json(u64);
    case FACT_I64:
        LOAD(i64);
        return json_integer(i64);
    case FACT_STRING:
        LOAD(string);
        return string_to_json(string);
    case FACT_STRUCT:
        return struct_to_json(p, f->of);
    case FACT_POINTER:
        LOAD(pointer);
        return pointer ? struct_to_json(pointer, f->of) : json_null();
    case FACT_STRINGS:
    case FACT_LIST:
        LOAD(list);
        return list_to_json(&list, f);
    }
#undef LOAD
    return NULL;
}

static json_t *struct_to_json(const void *at, const struct fact_table *table)
{
    json_t *ret = json_object();

    for (size_t i = 0; ret && i < table->n; i++) {
        const struct fact_field *f = &table->fields[i];
        json_t *value = field_to_json((const char *)at + f->offset, f);

        if (json_object_set_new_nocheck(ret, f->key, value) < 0) {
            json_decref(ret);
            return NULL;
        }
    }
    return ret;
}

json_t *facts_to_json(const struct facts *f)
{
    return struct_to_json(f, &facts_table);
}

/* ---- in */

struct decoder {
    struct arena *a;
    size_t start; /* a->used when we began */
};

static int budget(const struct decoder *d, struct err *err)
{
    if (d->a->used - d->start > FACTS_ARENA_MAX)
        return FAIL(err, ERR_LIMIT, "facts: more than %d bytes", FACTS_ARENA_MAX);
    return arena_check(d->a, err);
}

static int string_from_json(const char **ret, const json_t *json, struct decoder *d,
                            struct err *err)
{
    struct bytes s;

    if (!json_is_string(json))
        return FAIL(err, ERR_CORRUPT, "not a string");
    s = bytes_of(json_string_value(json), json_string_length(json));
    if (s.n > FACTS_STRING_MAX)
        return FAIL(err, ERR_CORRUPT, "string of %zu bytes, limit %d", s.n,
                    FACTS_STRING_MAX);
    if (!is_clean(s))
        return FAIL(err, ERR_CORRUPT, "string with control characters");
    *ret = s.n ? arena_strn(d->a, (const char *)s.p, s.n) : "";
    return budget(d, err);
}

static int struct_from_json(void *at, const struct fact_table *table, const json_t *json,
                            struct decoder *d, struct err *err);

static int list_from_json(struct any_list *ret, const struct fact_field *f,
                          const json_t *json, struct decoder *d, struct err *err)
{
    size_t size = f->kind == FACT_STRINGS ? sizeof(const char *) : f->of->size;
    size_t n = json_array_size(json);

    if (!json_is_array(json))
        return FAIL(err, ERR_CORRUPT, "not a list");
    if (n > FACTS_LIST_MAX)
        return FAIL(err, ERR_CORRUPT, "list of %zu, limit %d", n, FACTS_LIST_MAX);
    *ret = (struct any_list){0};
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(json, i);
        void *p = arena_list_add(d->a, &ret->v, &ret->n, &ret->cap, size);
        int r = budget(d, err);

        if (r == 0 && f->kind == FACT_STRINGS)
            r = string_from_json(p, item, d, err);
        else if (r == 0)
            r = struct_from_json(p, f->of, item, d, err);
        if (r < 0) {
            err_prefix(err, "%zu", i);
            return r;
        }
    }
    return 0;
}

static int integer_from_json(int64_t *ret, const json_t *json, int64_t min, int64_t max,
                             struct err *err)
{
    int64_t v = json_integer_value(json);

    if (!json_is_integer(json))
        return FAIL(err, ERR_CORRUPT, "not an integer");
    if (v < min || v > max)
        return FAIL(err, ERR_CORRUPT, "%" PRId64 " is out of range", v);
    *ret = v;
    return 0;
}

static int pointer_from_json(void **ret, const struct fact_table *of, const json_t *json,
                             struct decoder *d, struct err *err)
{
    void *p;
    int r;

    if (json_is_null(json)) {
        *ret = NULL;
        return 0;
    }
    p = arena_alloc(d->a, of->size);
    r = budget(d, err);
    if (r == 0)
        r = struct_from_json(p, of, json, d, err);
    if (r == 0)
        *ret = p;
    return r;
}

static int field_from_json(void *p, const struct fact_field *f, const json_t *json,
                           struct decoder *d, struct err *err)
{
    struct any_list list = {0};
    const char *string = "";
    void *pointer = NULL;
    int64_t v = 0;
    bool flag;
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
    int r;

#define STORE(v) memcpy(p, &(v), sizeof(v))
    switch (f->kind) {
    case FACT_BOOL:
        if (!json_is_boolean(json))
            return FAIL(err, ERR_CORRUPT, "not true or false");
        flag = json_is_true(json);
        STORE(flag);
        return 0;
    case FACT_U32:
        r = integer_from_json(&v, json, 0, UINT32_MAX, err);
        u32 = (uint32_t)v;
        STORE(u32);
        return r;
    case FACT_U64:
        r = integer_from_json(&v, json, 0, INT64_MAX, err);
        u64 = (uint64_t)v;
        STORE(u64);
        return r;
    case FACT_I64:
        r = integer_from_json(&v, json, INT64_MIN, INT64_MAX, err);
        i64 = v;
        STORE(i64);
        return r;
    case FACT_STRING:
        r = string_from_json(&string, json, d, err);
        STORE(string);
        return r;
    case FACT_STRUCT:
        return struct_from_json(p, f->of, json, d, err);
    case FACT_POINTER:
        r = pointer_from_json(&pointer, f->of, json, d, err);
        STORE(pointer);
        return r;
    case FACT_STRINGS:
    case FACT_LIST:
        r = list_from_json(&list, f, json, d, err);
        STORE(list);
        return r;
    }
#undef STORE
    return FAIL(err, ERR_CORRUPT, "no such kind");
}

static int struct_from_json(void *at, const struct fact_table *table, const json_t *json,
                            struct decoder *d, struct err *err)
{
    facts_init_table(at, table);
    if (!json_is_object(json))
        return FAIL(err, ERR_CORRUPT, "not an object");
    for (size_t i = 0; i < table->n; i++) {
        const struct fact_field *f = &table->fields[i];
        const json_t *value = json_object_get(json, f->key);
        int r = value ? field_from_json((char *)at + f->offset, f, value, d, err)
                      : FAIL(err, ERR_CORRUPT, "missing");

        if (r < 0) {
            err_prefix(err, "%s", f->key);
            return r;
        }
    }
    return 0;
}

int facts_from_json(struct facts *ret, const json_t *json, struct arena *a,
                    struct err *err)
{
    struct decoder d = {.a = a, .start = a->used};
    struct facts f;
    int r = struct_from_json(&f, &facts_table, json, &d, err);

    if (r < 0) {
        err_prefix(err, "facts");
        return r;
    }
    *ret = f;
    return 0;
}
