/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/params.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "service/call.h"
#include "service/query.h"

enum { TEXT_MAX = 4096 }; /* characters, where a row names no limit */

/* "Filters.0.Values": where in the parameters we are, for messages. */
struct path {
    char text[PARAM_NAME_MAX * 2];
};

static struct path path_of(const struct path *parent, const char *name)
{
    struct path p;

    if (parent && *parent->text)
        snprintf(p.text, sizeof p.text, "%.120s.%.120s", parent->text, name);
    else
        snprintf(p.text, sizeof p.text, "%.120s", name);
    return p;
}

static struct path path_at(const struct path *parent, size_t i)
{
    char number[24];

    snprintf(number, sizeof number, "%zu", i);
    return path_of(parent, number);
}

bool param_is_common(const char *name)
{
    static const char *const names[] = {
        "Action",    "Version",         "Region", "SecretId", "Timestamp",     "Nonce",
        "Signature", "SignatureMethod", "Token",  "Language", "RequestClient",
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static const struct param *find_param(const struct param *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

/* Characters, not bytes: the limits of the guides count what a person sees. */
static int64_t characters(const char *s)
{
    int64_t n = 0;

    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);

    for (const char *p = choices; p; p = strchr(p, '|')) {
        p += *p == '|';
        if (strncmp(p, value, n) == 0 && (p[n] == '|' || p[n] == '\0'))
            return true;
    }
    return false;
}

static const char *code_of(const struct param *p)
{
    return p->code ? p->code : "InvalidParameterValue";
}

static int check_text(struct call *c, const struct param *p, const struct path *at,
                      const json_t *v)
{
    const char *text = json_string_value(v);
    int64_t n, max = p->max ? p->max : TEXT_MAX;

    if (!text)
        return call_error(c, "InvalidParameter", _("%s is not a string"), at->text);
    if (strlen(text) != json_string_length(v))
        return call_error(c, "InvalidParameter", _("%s has a NUL character"), at->text);
    n = characters(text);
    if (n > max)
        return call_error(c, p->code ? p->code : "InvalidParameterValue.TooLarge",
                          _("%s has %lld characters; %lld are allowed"), at->text,
                          (long long)n, (long long)max);
    if (n < p->min)
        return call_error(c, code_of(p), _("%s is too short"), at->text);
    if (p->choices && !is_choice(p->choices, text))
        return call_error(c, code_of(p), _("%s is \"%.60s\"; allowed are %s"), at->text,
                          text, p->choices);
    return 0;
}

static int check_object(struct call *c, const struct param *table, const struct path *at,
                        const json_t *given, unsigned depth);

static int check_single(struct call *c, const struct param *p, const struct path *at,
                        const json_t *v, unsigned depth)
{
    switch (p->type) {
    case PARAM_TEXT:
    case PARAM_TEXTS:
        return check_text(c, p, at, v);
    case PARAM_INT:
        if (!json_is_integer(v))
            return call_error(c, "InvalidParameter", _("%s is not a whole number"),
                              at->text);
        if ((p->min || p->max) &&
            (json_integer_value(v) < p->min || json_integer_value(v) > p->max))
            return call_error(c, code_of(p), _("%s is %lld; allowed are %lld to %lld"),
                              at->text, (long long)json_integer_value(v),
                              (long long)p->min, (long long)p->max);
        return 0;
    case PARAM_BOOL:
        return json_is_boolean(v)
                   ? 0
                   : call_error(c, "InvalidParameter", _("%s is neither true nor false"),
                                at->text);
    case PARAM_OBJECT:
    case PARAM_OBJECTS:
        return check_object(c, p->members, at, v, depth + 1);
    }
    return call_error(c, "InvalidParameter", _("%s is not a string"), at->text);
}

static int check_list(struct call *c, const struct param *p, const struct path *at,
                      const json_t *v, unsigned depth)
{
    size_t max = p->items ? p->items : PARAM_ITEMS_MAX, i;
    const json_t *item;

    if (!json_is_array(v))
        return call_error(c, "InvalidParameter", _("%s is not a list"), at->text);
    if (json_array_size(v) > max)
        return call_error(
            c, p->items_code ? p->items_code : "InvalidParameterValue.LimitExceeded",
            _("%s has %zu values; %zu are allowed"), at->text, json_array_size(v), max);
    if (p->required && json_array_size(v) == 0)
        return call_error(c, "MissingParameter", _("%s is missing"), at->text);
    json_array_foreach(v, i, item)
    {
        struct path here = path_at(at, i);
        int r = check_single(c, p, &here, item, depth);

        if (r < 0)
            return r;
    }
    return 0;
}

static int check_object(struct call *c, const struct param *table, const struct path *at,
                        const json_t *given, unsigned depth)
{
    const struct param *p;
    const char *name;
    json_t *v;
    int r;

    if (!json_is_object(given))
        return call_error(c, "InvalidParameter", _("%s is not an object"), at->text);
    if (depth > PARAM_DEPTH_MAX)
        return call_error(c, "InvalidParameter", _("%s is nested too deeply"), at->text);
    json_object_foreach((json_t *)(uintptr_t)given, name, v)
    {
        struct path here = path_of(at, name);

        if (!find_param(table, name))
            return call_error(c, "UnknownParameter", _("there is no parameter %s"),
                              here.text);
    }
    for (p = table; p->name; p++) {
        struct path here = path_of(at, p->name);

        v = json_object_get(given, p->name);
        if (!v || json_is_null(v)) {
            if (p->required)
                return call_error(c, "MissingParameter", _("%s is missing"), here.text);
            continue;
        }
        r = p->type == PARAM_TEXTS || p->type == PARAM_OBJECTS
                ? check_list(c, p, &here, v, depth)
                : check_single(c, p, &here, v, depth);
        if (r < 0)
            return r;
    }
    return 0;
}

int params_check(struct call *c, const struct param *table, const json_t *given)
{
    return check_object(c, table, NULL, given, 0);
}

/* --- flattened names --- */

/* The member `key` of an object, made as an object where it is missing. */
static json_t *descend(json_t *object, const char *key)
{
    json_t *child = json_object_get(object, key);

    if (child)
        return json_is_object(child) ? child : NULL;
    child = json_object();
    if (!child || json_object_set_new(object, key, child) < 0)
        return NULL;
    return child;
}

static int put_flat(json_t *root, const char *name, struct bytes value, struct err *err)
{
    char key[PARAM_NAME_MAX];
    unsigned depth = 0;

    for (;;) {
        const char *dot = strchr(name, '.');
        size_t n = dot ? (size_t)(dot - name) : strlen(name);

        if (n == 0 || n >= sizeof key || ++depth > PARAM_DEPTH_MAX)
            return FAIL(err, ERR_ARG, "a name that is empty, too long or too deep");
        memcpy(key, name, n);
        key[n] = '\0';
        if (!dot)
            break;
        root = descend(root, key);
        if (!root)
            return FAIL(err, ERR_ARG, "%.60s has a value and members", key);
        name = dot + 1;
    }
    if (json_object_get(root, key))
        return FAIL(err, ERR_ARG, "%.60s stands there twice", key);
    /* json_stringn() refuses what is not UTF-8. */
    if (json_object_set_new(root, key, json_stringn((const char *)value.p, value.n)) < 0)
        return FAIL(err, ERR_ARG, "%.60s is not UTF-8", key);
    return 0;
}

/* The index that a member's name is; -1: it is none. */
static long index_of(const char *key)
{
    size_t n = strlen(key);

    if (n == 0 || n > 6)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!isdigit((unsigned char)key[i]))
            return -1;
    return strtol(key, NULL, 10);
}

struct item {
    long index;
    json_t *value;
};

static int by_index(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

static json_t *listed(json_t *object);

/* An object whose names are numbers is a list, in their order. */
static json_t *as_list(json_t *object)
{
    AUTO(freep) struct item *items = calloc(json_object_size(object) + 1, sizeof *items);
    size_t n = 0;
    const char *key;
    json_t *value, *list = json_array();

    if (!items || !list) {
        json_decref(list);
        return NULL;
    }
    json_object_foreach(object, key, value)
    {
        items[n].index = index_of(key);
        if (items[n].index < 0) {
            json_decref(list);
            return NULL;
        }
        items[n++].value = value;
    }
    qsort(items, n, sizeof *items, by_index);
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(list, listed(items[i].value)) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* A new reference to the value with its lists made; depth is bounded by put_flat(). */
static json_t *listed(json_t *value)
{
    const char *key;
    json_t *member, *copy;

    if (!json_is_object(value))
        return json_incref(value);
    copy = json_object_size(value) > 0 ? as_list(value) : NULL;
    if (copy)
        return copy;
    copy = json_object();
    json_object_foreach(value, key, member)
    {
        if (json_object_set_new_nocheck(copy, key, listed(member)) < 0) {
            json_decref(copy);
            return NULL;
        }
    }
    return copy;
}

static void decref(json_t **j)
{
    json_decref(*j);
}

int params_unflatten(json_t **ret, struct bytes query, struct err *err)
{
    AUTO(decref) json_t *flat = json_object();
    AUTO(buf_fini) struct buf name = {.max = PARAM_NAME_MAX}, value = {0};
    struct query_pair pair;
    unsigned count = 0;
    json_t *done;
    int r;

    while ((r = query_next(&pair, &query, err)) > 0) {
        if (++count > PARAM_COUNT_MAX)
            return FAIL(err, ERR_ARG, "more than %d parameters", PARAM_COUNT_MAX);
        buf_clear(&name);
        buf_clear(&value);
        if (query_decode(&name, pair.name, true, err) < 0 ||
            query_decode(&value, pair.value, true, err) < 0)
            return -(int)ERR_ARG;
        if (param_is_common(buf_str(&name)))
            continue;
        if (strlen(buf_str(&name)) != name.n)
            return FAIL(err, ERR_ARG, "a name with a NUL character");
        r = put_flat(flat, buf_str(&name), bytes_of(buf_str(&value), value.n), err);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    done = json_object_size(flat) > 0 ? listed(flat) : json_incref(flat);
    if (!done)
        return FAIL(err, ERR_NOMEM, "parameters");
    *ret = done;
    return 0;
}

/* --- types --- */

static int type_value(json_t *holder, const char *key, size_t index, const json_t *v,
                      const struct param *p)
{
    const char *text = json_string_value(v);
    json_t *typed = NULL;

    if (!text)
        return 0;
    if (p->type == PARAM_INT) {
        char *end;
        long long n = strtoll(text, &end, 10);

        if (end != text && *end == '\0' && n != LLONG_MAX && n != LLONG_MIN)
            typed = json_integer(n);
    } else if (p->type == PARAM_BOOL) {
        if (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0)
            typed = json_true();
        else if (strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0)
            typed = json_false();
    }
    if (!typed)
        return 0;
    return key ? json_object_set_new(holder, key, typed)
               : json_array_set_new(holder, index, typed);
}

int params_type(json_t *object, const struct param *table, struct err *err)
{
    for (const struct param *p = table; p->name; p++) {
        json_t *v = json_object_get(object, p->name), *item;
        size_t i;
        int r = 0;

        if (!v)
            continue;
        if (p->type == PARAM_OBJECT && json_is_object(v))
            r = params_type(v, p->members, err);
        else if (p->type == PARAM_OBJECTS && json_is_array(v))
            json_array_foreach(v, i, item) r =
                r < 0 ? r : params_type(item, p->members, err);
        else
            r = type_value(object, p->name, 0, v, p);
        if (r < 0)
            return FAIL(err, ERR_NOMEM, "parameters");
    }
    return 0;
}
