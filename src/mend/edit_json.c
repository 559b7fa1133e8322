/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mend/edit_json.h"

#include <string.h>

#include "base/scoped.h"
#include "base/text.h"

static const char *const ops[] = {
    [MEND_WRITE] = "write",
    [MEND_REMOVE] = "remove",
    [MEND_EMPTY] = "empty",
};

static const char *const systems[] = {
    [MEND_ANY] = "any",
    [MEND_LINUX] = "linux",
    [MEND_WINDOWS] = "windows",
};

static void json_unrefp(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

/* -1: none of them. */
static int index_of(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

static bool is_path(const char *path)
{
    size_t n = strlen(path);

    if (n < 2 || n > MEND_PATH_MAX || path[0] != '/' || path[n - 1] == '/')
        return false;
    for (const char *p = path; *p; p++) {
        size_t len = strcspn(p + 1, "/");

        if (*p != '/')
            continue;
        if (len == 0 || (len == 1 && p[1] == '.') ||
            (len == 2 && p[1] == '.' && p[2] == '.'))
            return false;
    }
    return true;
}

static int check_edit(const struct mend_edit *e, struct err *err)
{
    if (!is_path(e->path))
        return FAIL(err, ERR_ARG, "edit: need an absolute path of at most %d bytes",
                    MEND_PATH_MAX);
    if (e->content.n > MEND_CONTENT_MAX)
        return FAIL(err, ERR_ARG, "edit of %s: %zu bytes, limit %d", e->path,
                    e->content.n, MEND_CONTENT_MAX);
    if (e->mode & ~07777u)
        return FAIL(err, ERR_ARG, "edit of %s: mode %o", e->path, e->mode);
    return 0;
}

static int edit_to_json(json_t *list, const struct mend_edit *e, struct err *err)
{
    AUTO(freep) char *hex = NULL;
    int r = check_edit(e, err);

    if (r < 0)
        return r;
    hex = malloc(2 * e->content.n + 1);
    if (!hex)
        return FAIL(err, ERR_NOMEM, "edits");
    hex[0] = '\0';
    for (size_t i = 0; i < e->content.n; i++)
        snprintf(hex + 2 * i, 3, "%02x", e->content.p[i]);
    if (json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:i, s:s}", "op", ops[e->op],
                                        "system", systems[e->system], "path", e->path,
                                        "mode", (int)e->mode, "content", hex)) < 0)
        return FAIL(err, ERR_ARG, "edits: a path that is not UTF-8, or no memory");
    return 0;
}

int mend_edits_to_json(json_t **ret, const struct mend_edits *edits, struct err *err)
{
    AUTO(json_unrefp) json_t *list = json_array();

    if (edits->n > MEND_EDITS_MAX)
        return FAIL(err, ERR_ARG, "%zu edits, limit %d", edits->n, MEND_EDITS_MAX);
    for (size_t i = 0; i < edits->n; i++) {
        int r = edit_to_json(list, &edits->v[i], err);

        if (r < 0)
            return r;
    }
    *ret = json_pack("{s:b, s:O}", "identity", (int)edits->identity, "list", list);
    return *ret ? 0 : FAIL(err, ERR_NOMEM, "edits");
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int content_from_hex(struct bytes *ret, struct arena *a, const char *hex, size_t n,
                            struct err *err)
{
    uint8_t *p = arena_alloc(a, n / 2 + 1);

    if (!p)
        return arena_check(a, err);
    for (size_t i = 0; i < n; i += 2) {
        int high = digit(hex[i]), low = digit(hex[i + 1]);

        if (high < 0 || low < 0)
            return FAIL(err, ERR_ARG, "edits: not hexadecimal");
        p[i / 2] = (uint8_t)(high << 4 | low);
    }
    *ret = bytes_of(p, n / 2);
    return 0;
}

static int edit_from_json(struct mend_edit *ret, struct arena *a, json_t *j,
                          struct err *err)
{
    const char *op, *system, *path, *hex;
    int mode, which, where, r;
    size_t n;

    if (json_unpack_ex(j, NULL, JSON_STRICT, "{s:s, s:s, s:s, s:i, s:s%}", "op", &op,
                       "system", &system, "path", &path, "mode", &mode, "content", &hex,
                       &n) < 0)
        return FAIL(err, ERR_ARG, "edits: not of the form");
    which = index_of(ops, ARRAY_SIZE(ops), op);
    where = index_of(systems, ARRAY_SIZE(systems), system);
    if (which < 0 || where < 0 || mode < 0 || n % 2 || n > 2 * MEND_CONTENT_MAX)
        return FAIL(err, ERR_ARG, "edits: not of the form");
    *ret = (struct mend_edit){
        .op = (enum mend_op)which,
        .system = (enum mend_system)where,
        .path = path,
        .mode = (uint32_t)mode,
    };
    r = content_from_hex(&ret->content, a, hex, n, err);
    return r < 0 ? r : check_edit(ret, err);
}

int mend_edits_from_json(struct mend_edits *ret, struct arena *a, const json_t *j,
                         struct err *err)
{
    struct mend_edit *v;
    json_t *list;
    int identity;

    if (json_unpack_ex((json_t *)(uintptr_t)j, NULL, JSON_STRICT, "{s:b, s:o}",
                       "identity", &identity, "list", &list) < 0 ||
        !json_is_array(list) || json_array_size(list) > MEND_EDITS_MAX)
        return FAIL(err, ERR_ARG, "edits: not of the form");
    v = arena_alloc(a, (json_array_size(list) + 1) * sizeof *v);
    if (!v)
        return arena_check(a, err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        int r = edit_from_json(&v[i], a, json_array_get(list, i), err);

        if (r < 0)
            return r;
    }
    *ret = (struct mend_edits){v, json_array_size(list), identity};
    return 0;
}

json_t *mend_report_to_json(const struct mend_report *report)
{
    return json_pack("{s:s, s:s, s:i}", "outcome", mend_outcome_name(report->outcome),
                     "why", report->why, "changed", (int)report->changed);
}

int mend_report_from_json(struct mend_report *ret, const json_t *j, struct err *err)
{
    struct mend_report report = {0};
    const char *outcome, *why;
    int changed;

    if (json_unpack((json_t *)(uintptr_t)j, "{s:s, s:s, s:i}", "outcome", &outcome, "why",
                    &why, "changed", &changed) < 0 ||
        changed < 0)
        return FAIL(err, ERR_CORRUPT, "the worker's result makes no sense");
    report.outcome = mend_outcome_from_name(outcome);
    if (report.outcome == MEND_OUTCOME_MAX)
        return FAIL(err, ERR_CORRUPT, "the worker's result makes no sense");
    text_clean(report.why, sizeof report.why, bytes_of(why, strlen(why)),
               sizeof report.why - 1);
    report.changed = (unsigned)changed;
    *ret = report;
    return 0;
}
