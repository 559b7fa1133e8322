/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check.c: imgport_check() and imgport_info(): the worker looks, the rules judge */
#include <string.h>
#include <time.h>

#include "api/place.h"
#include "api/report.h"
#include "api/session.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "block/image.h"
#include "guest/facts_json.h"

static int make_request(json_t **ret, const char *format, uint64_t size_limit,
                        struct err *err)
{
    if (format && image_format_from_name(format) == IMAGE_FORMAT_MAX)
        return FAIL(err, ERR_ARG,
                    "unknown format \"%s\"; known are raw, qcow2, vhd (vpc), vmdk",
                    format);
    *ret = json_pack("{s:s, s:s, s:b, s:I}", "job", "inspect", "format",
                     format ? format : "", "siblings", 1, "size_limit",
                     (json_int_t)size_limit);
    return *ret ? 0 : FAIL(err, ERR_NOMEM, "request");
}

/* What was not even begun is a problem among the facts like any other. */
static int add_problem(struct facts *f, struct arena *a, const char *layer,
                       const struct err *why, struct err *err)
{
    struct fact_problem *p = LIST_ADD(a, &f->problems);

    if (!p)
        return arena_check(a, err);
    *p = (struct fact_problem){
        .layer = layer,
        .code = err_code_name(why->code),
        .subject = "",
        .message = arena_text(a, bytes_of(why->msg, strlen(why->msg)), ERR_MSG_MAX),
    };
    return 0;
}

struct look {
    const struct imgport_source *source;
    uint64_t size_limit;
    imgport_progress_fn *progress;
    void *progress_arg;
};

/* Facts of the source, whatever happened: what could not be done is one of their
 * problems. Negative only for usage, cancellation and memory. */
static int look(struct facts *ret, struct arena *a, const struct look *l, struct err *err)
{
    AUTO(session_source_close) struct session_source source = {-1, -1};
    AUTO(json_unrefp) json_t *request = NULL, *answer = NULL;
    struct broker_result result;
    struct session_run run = {
        .source = &source,
        .output = -1,
        .phase = "inspect",
        .progress = l->progress,
        .progress_arg = l->progress_arg,
    };
    struct err why = {0};
    int r;

    facts_init(ret);
    r = make_request(&request, l->source->format, l->size_limit, err);
    if (r < 0)
        return r;
    if (session_source_open(&source, l->source, &why) < 0)
        return add_problem(ret, a, "source", &why, err);
    run.request = request;
    r = session_run(&result, &run, &why);
    if (r == -ERR_CANCELED)
        return FAIL(err, ERR_CANCELED, "%s", why.msg);
    if (r < 0)
        return add_problem(ret, a, result.end == BROKER_DEAD ? "worker" : "source", &why,
                           err);
    answer = result.json;
    r = facts_from_json(ret, answer, a, &why);
    if (r < 0) {
        facts_init(ret);
        return add_problem(ret, a, "worker", &why, err);
    }
    return 0;
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static int judge(json_t **ret, enum verdict *verdict, struct arena *a,
                 const struct facts *facts, const struct profile *profile,
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
    struct report report;
    int r = rules_judge(&report, a, facts, profile, &request, err);

    if (r < 0)
        return r;
    *ret = report_to_json(&report, facts, profile, options->source.path);
    if (!*ret)
        return FAIL(err, ERR_NOMEM, "report");
    *verdict = report.verdict;
    return 0;
}

/* The same with the thread speaking the report's language. */
static int judge_in_language(json_t **ret, enum verdict *verdict, struct arena *a,
                             const struct facts *facts, const struct profile *profile,
                             const struct imgport_check_options *options, struct err *err)
{
    const char *language = i18n_language(options->language ? options->language : "en");
    const struct i18n_catalog *before;
    struct i18n_catalog *catalog;
    char dir[PATH_MAX];
    int r = place_messages(dir, err);

    if (r < 0)
        return r;
    catalog = strcmp(language, "en") == 0 ? NULL : i18n_load(dir, language);
    before = i18n_use(catalog);
    r = judge(ret, verdict, a, facts, profile, options, err);
    i18n_use(before);
    i18n_free(catalog);
    return r;
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
    const struct profile *profile = NULL;
    enum verdict v = VERDICT_UNDECIDED;
    struct err err = {0};
    struct facts facts;
    struct look l = {
        .source = &options->source,
        .progress = options->progress,
        .progress_arg = options->progress_arg,
    };
    int r = session_profile(&profile, &a, options->profile, &err);

    if (r == 0) {
        l.size_limit = profile_qcow2_size_max(profile);
        r = look(&facts, &a, &l, &err);
    }
    if (r == 0)
        r = judge_in_language(&report, &v, &a, &facts, profile, options, &err);
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
    int r = look(&facts, &a, &l, &err);

    if (r == 0) {
        j = facts_to_json(&facts);
        r = session_dump(ret, j, &err);
    }
    return r < 0 ? session_fail(error, &err) : 0;
}
