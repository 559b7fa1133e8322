/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/look.h"

#include <string.h>
#include <strings.h>

#include "api/digest.h"
#include "base/scoped.h"
#include "block/image.h"
#include "guest/facts_json.h"

static int make_request(json_t **ret, const struct look *l, struct err *err)
{
    const char *format = l->source->format;

    if (format && image_format_from_name(format) == IMAGE_FORMAT_MAX)
        return FAIL(err, ERR_ARG,
                    "unknown format \"%s\"; known are raw, qcow2, vhd (vpc), vmdk",
                    format);
    *ret = json_pack("{s:s, s:s, s:b, s:I, s:I}", "job", l->files ? "start" : "inspect",
                     "format", format ? format : "", "siblings", 1, "size_limit",
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

static int look(struct facts *ret, struct session_source *source, struct arena *a,
                const struct look *l, struct err *err)
{
    AUTO(json_unrefp) json_t *request = NULL, *answer = NULL;
    struct broker_result result;
    struct session_run run = {
        .source = source,
        .output = l->files ? l->kernel : -1,
        .direct = l->files ? l->initramfs : -1,
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
    r = session_source_open(source, l->source, false, l->progress, l->progress_arg, &why);
    if (r == -ERR_CANCELED)
        return FAIL(err, ERR_CANCELED, "%s", why.msg);
    if (r == -ERR_NOTFOUND && session_is_url(l->source->path))
        return add_refusal(ret, a, &why, err);
    if (r < 0)
        return add_problem(ret, a, "source", &why, err);
    run.request = request;
    /* Without the limit nobody looks for zeros, and the size stays a bound. */
    if (source->remote && !l->scan &&
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
    r = compare_sum(ret, a, l, source, &why);
    if (r == -ERR_CANCELED)
        return FAIL(err, ERR_CANCELED, "%s", why.msg);
    return r < 0 ? add_problem(ret, a, "source", &why, err) : 0;
}

int look_run(struct facts *ret, struct session_source *opened, struct arena *a,
             const struct look *l, struct err *err)
{
    AUTO(session_source_close) struct session_source own = SESSION_SOURCE_NONE;

    if (!opened)
        opened = &own;
    *opened = (struct session_source)SESSION_SOURCE_NONE;
    return look(ret, opened, a, l, err);
}
