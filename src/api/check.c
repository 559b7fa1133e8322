/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check.c: imgport_check() and imgport_info(): the worker looks, the rules judge */
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "api/digest.h"
#include "api/place.h"
#include "api/report.h"
#include "api/session.h"
#include "base/checked.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "block/image.h"
#include "guest/facts_json.h"

struct look {
    const struct imgport_source *source;
    uint64_t size_limit, size_stop; /* as inspect_options */
    bool scan;                      /* also a remote source, for its size */
    const char *sha256;             /* what the file must have; NULL */
    imgport_progress_fn *progress;
    void *progress_arg;
};

static int make_request(json_t **ret, const struct look *l, struct err *err)
{
    const char *format = l->source->format;

    if (format && image_format_from_name(format) == IMAGE_FORMAT_MAX)
        return FAIL(err, ERR_ARG,
                    "unknown format \"%s\"; known are raw, qcow2, vhd (vpc), vmdk",
                    format);
    *ret = json_pack("{s:s, s:s, s:b, s:I, s:I}", "job", "inspect", "format",
                     format ? format : "", "siblings", 1, "size_limit",
                     (json_int_t)l->size_limit, "size_stop", (json_int_t)l->size_stop);
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

/* A server that answers and refuses says something about the image: there is none. */
static int add_refusal(struct facts *f, struct arena *a, const struct err *why,
                       struct err *err)
{
    f->image.fault = image_fault_name(IMAGE_FAULT_UNREACHABLE);
    f->image.fault_detail =
        arena_text(a, bytes_of(why->msg, strlen(why->msg)), ERR_MSG_MAX);
    return f->image.fault_detail ? 0 : arena_check(a, err);
}

/* The sum that was declared, against that of the file.  A container that is not taken
 * anyway is not summed. */
static int compare_sum(struct facts *f, struct arena *a, const struct look *l,
                       const struct session_source *source, struct err *err)
{
    struct digest_source remote = {session_read_remote, source->remote};
    uint64_t done = 0, total = f->image.file_size;
    char sum[DIGEST_TEXT] = "", detail[256];
    int r;

    if (!l->sha256 || strcmp(f->image.fault, image_fault_name(IMAGE_FAULT_NONE)) != 0)
        return 0;
    if (source->remote)
        remote_expect_all(source->remote);
    r = source->remote
            ? digest_run(sum, &remote, &done, total, l->progress, l->progress_arg, err)
            : digest_file(sum, source->fd, &done, total, l->progress, l->progress_arg,
                          err);
    if (r < 0 || strcasecmp(sum, l->sha256) == 0)
        return r;
    snprintf(detail, sizeof detail, "the file has SHA-256 %s, declared is %s", sum,
             l->sha256);
    f->image.fault = image_fault_name(IMAGE_FAULT_DIGEST);
    f->image.fault_detail =
        arena_text(a, bytes_of(detail, strlen(detail)), sizeof detail);
    return f->image.fault_detail ? 0 : arena_check(a, err);
}

/* Facts of the source, whatever happened: what could not be done is one of their
 * problems. Negative only for usage, cancellation and memory. */
static int look(struct facts *ret, struct arena *a, const struct look *l, struct err *err)
{
    AUTO(session_source_close) struct session_source source = SESSION_SOURCE_NONE;
    AUTO(json_unrefp) json_t *request = NULL, *answer = NULL;
    struct broker_result result;
    struct session_run run = {
        .source = &source,
        .output = -1,
        .direct = -1,
        .phase = "inspect",
        .progress = l->progress,
        .progress_arg = l->progress_arg,
    };
    struct err why = {0};
    int r;

    facts_init(ret);
    r = make_request(&request, l, err);
    if (r < 0)
        return r;
    r = session_source_open(&source, l->source, false, l->progress, l->progress_arg,
                            &why);
    if (r == -ERR_CANCELED)
        return FAIL(err, ERR_CANCELED, "%s", why.msg);
    if (r == -ERR_NOTFOUND && session_is_url(l->source->path))
        return add_refusal(ret, a, &why, err);
    if (r < 0)
        return add_problem(ret, a, "source", &why, err);
    run.request = request;
    /* Without the limit nobody looks for zeros, and the size stays a bound. */
    if (source.remote && !l->scan &&
        json_object_set_new(request, "size_limit", json_integer(0)) < 0)
        return FAIL(err, ERR_NOMEM, "request");
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
    r = compare_sum(ret, a, l, &source, &why);
    if (r == -ERR_CANCELED)
        return FAIL(err, ERR_CANCELED, "%s", why.msg);
    return r < 0 ? add_problem(ret, a, "source", &why, err) : 0;
}

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
    const char *language = i18n_language(options->language ? options->language : "en");
    const struct i18n_catalog *before;
    struct i18n_catalog *catalog;
    char dir[PATH_MAX];
    int r = place_messages(dir, err);

    if (r < 0)
        return r;
    catalog = strcmp(language, "en") == 0 ? NULL : i18n_load(dir, language);
    before = i18n_use(catalog);
    r = judge(ret, verdict, a, facts, v, n, options, err);
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
        r = look(&facts, &a, &l, &err);
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
    int r = look(&facts, &a, &l, &err);

    if (r == 0) {
        j = facts_to_json(&facts);
        r = session_dump(ret, j, &err);
    }
    return r < 0 ? session_fail(error, &err) : 0;
}
