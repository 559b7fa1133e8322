/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check.c: imgport_check() and imgport_info(): the worker looks, the rules judge */
#include <string.h>
#include <time.h>

#include "api/digest.h"
#include "api/look.h"
#include "api/report.h"
#include "base/checked.h"
#include "base/scoped.h"
#include "guest/facts_json.h"

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

enum { PROFILES_MAX = 16 };

/* The profiles of "a,b,c", or the default. */
static int load_profiles(struct judgement *ret, size_t *n, struct arena *a,
                         const char *names, struct err *err)
{
    *n = 0;
    do {
        size_t len = names ? strcspn(names, ",") : 0;
        AUTO(freep) char *name = names ? strndup(names, len) : NULL;
        int r;

        if (names && !name)
            return FAIL(err, ERR_NOMEM, "profiles");
        if (names && len == 0)
            return FAIL(err, ERR_ARG, "profile: a name is empty");
        if (*n == PROFILES_MAX)
            return FAIL(err, ERR_ARG, "profile: more than %d of them", PROFILES_MAX);
        r = session_profile(&ret[*n].profile, a, name, err);
        if (r < 0)
            return r;
        ++*n;
        names = names && names[len] ? names + len + 1 : NULL;
    } while (names);
    return 0;
}

/* What is enough to tell every profile's limit from the size. */
static void size_limits(struct look *l, const struct judgement *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t limit = profile_qcow2_size_max(v[i].profile);

        if (limit && (!l->size_limit || limit < l->size_limit))
            l->size_limit = limit;
        l->size_stop = max_u64(l->size_stop, limit);
    }
}

/* Refused by one is refused; else undecided by one is undecided. */
static enum verdict worse(enum verdict a, enum verdict b)
{
    if (a == VERDICT_REFUSED || b == VERDICT_REFUSED)
        return VERDICT_REFUSED;
    return a == VERDICT_ACCEPTED ? b : a;
}

static int judge(json_t **ret, enum verdict *verdict, struct arena *a,
                 const struct facts *facts, struct judgement *v, size_t n,
                 const struct imgport_check_options *options, struct err *err)
{
    struct rules_request request = {
        .force = options->force,
        .os_type = or_empty(options->os_type),
        .os_version = or_empty(options->os_version),
        .arch = or_empty(options->arch),
        .license = or_empty(options->license),
        .now = (uint64_t)time(NULL),
    };

    *verdict = VERDICT_ACCEPTED;
    for (size_t i = 0; i < n; i++) {
        int r = rules_judge(&v[i].report, a, facts, v[i].profile, &request, err);

        if (r < 0)
            return r;
        *verdict = worse(*verdict, v[i].report.verdict);
    }
    if (n == 1)
        *ret = report_to_json(&v->report, facts, v->profile, options->source.path);
    else
        *ret = judgements_to_json(v, n, *verdict, facts, options->source.path);
    return *ret ? 0 : FAIL(err, ERR_NOMEM, "report");
}

/* The same with the thread speaking the report's language. */
static int judge_in_language(json_t **ret, enum verdict *verdict, struct arena *a,
                             const struct facts *facts, struct judgement *v, size_t n,
                             const struct imgport_check_options *options, struct err *err)
{
    AUTO(session_language_end) struct session_language language = {.catalog = NULL};
    int r = session_language_begin(&language, options->language, err);

    return r < 0 ? r : judge(ret, verdict, a, facts, v, n, options, err);
}

int imgport_check(char **ret, enum imgport_verdict *verdict,
                  const struct imgport_check_options *options,
                  struct imgport_error *error)
{
    static const enum imgport_verdict verdicts[] = {
        [VERDICT_ACCEPTED] = IMGPORT_ACCEPTED,
        [VERDICT_REFUSED] = IMGPORT_REFUSED,
        [VERDICT_UNDECIDED] = IMGPORT_UNDECIDED,
    };
    AUTO(arena_fini) struct arena a = {.max = FACTS_ARENA_MAX};
    AUTO(json_unrefp) json_t *report = NULL;
    struct judgement judgements[PROFILES_MAX];
    enum verdict v = VERDICT_UNDECIDED;
    struct err err = {0};
    struct facts facts;
    struct look l = {
        .source = &options->source,
        .scan = options->scan,
        .sha256 = options->sha256,
        .progress = options->progress,
        .progress_arg = options->progress_arg,
    };
    size_t n;
    int r = options->sha256 && !digest_is_text(options->sha256)
                ? FAIL(&err, ERR_ARG, "a SHA-256 is 64 hexadecimal digits")
                : 0;

    if (r == 0)
        r = load_profiles(judgements, &n, &a, options->profile, &err);

    if (r == 0) {
        size_limits(&l, judgements, n);
        r = look_run(&facts, NULL, &a, &l, &err);
    }
    if (r == 0)
        r = judge_in_language(&report, &v, &a, &facts, judgements, n, options, &err);
    if (r == 0)
        r = session_dump(ret, report, &err);
    if (r < 0)
        return session_fail(error, &err);
    *verdict = verdicts[v];
    return 0;
}

int imgport_info(char **ret, const struct imgport_info_options *options,
                 struct imgport_error *error)
{
    AUTO(arena_fini) struct arena a = {.max = FACTS_ARENA_MAX};
    AUTO(json_unrefp) json_t *j = NULL;
    struct err err = {0};
    struct facts facts;
    struct look l = {
        .source = &options->source,
        .progress = options->progress,
        .progress_arg = options->progress_arg,
    };
    int r = look_run(&facts, NULL, &a, &l, &err);

    if (r == 0) {
        j = facts_to_json(&facts);
        r = session_dump(ret, j, &err);
    }
    return r < 0 ? session_fail(error, &err) : 0;
}
