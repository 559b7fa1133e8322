/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/disk.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "api/disk_convert.h"
#include "api/output.h"
#include "api/session.h"
#include "base/scoped.h"
#include "mend/edit_json.h"
#include "mend/overlay.h"

int disk_request_edits(json_t *request, const struct mend_edits *edits, struct err *err)
{
    json_t *j;
    int r;

    if (!mend_wants(edits))
        return 0;
    r = mend_edits_to_json(&j, edits, err);
    if (r == 0 && json_object_set_new(request, "edits", j) < 0)
        return FAIL(err, ERR_NOMEM, "request");
    return r;
}

int disk_take_report(struct mend_report *ret, const json_t *answer, struct err *err)
{
    const json_t *j = json_object_get(answer, "mended");

    *ret = (struct mend_report){.outcome = MEND_NOTHING};
    return j ? mend_report_from_json(ret, j, err) : 0;
}

void disk_blame_worker(struct mend_report *ret, const struct err *why)
{
    *ret = (struct mend_report){.outcome = MEND_DAMAGED};
    snprintf(ret->why, sizeof ret->why, "the edits were given up: %.*s", MEND_WHY_MAX / 2,
             why->msg);
}

static int check_options(const struct disk_options *o, struct err *err)
{
    if (o->base.path)
        return 0;
    if (!o->size)
        return FAIL(err, ERR_ARG, "a disk over an unseen image needs a size");
    if (mend_wants(o->edits))
        return FAIL(err, ERR_ARG, "a disk over an unseen image has no edits");
    return 0;
}

/* Nobody looks at the image: there is nothing in it but its size. */
static int make_unseen(struct disk_made *ret, const struct disk_options *o,
                       const struct output *out, struct err *err)
{
    struct overlay_file file = {o->size, o->backing, o->backing_format};

    *ret = (struct disk_made){.size = o->size};
    return overlay_write_file(out->fd, &file, NULL, err);
}

static int make_request(json_t **ret, const struct disk_options *o,
                        const struct mend_edits *edits, struct err *err)
{
    *ret = json_pack("{s:s, s:s, s:b, s:s, s:s, s:I}", "job", "mend", "format",
                     o->base.format ? o->base.format : "", "siblings", 1, "backing",
                     o->backing, "backing_format", o->backing_format, "size",
                     (json_int_t)o->size);
    if (!*ret)
        return FAIL(err, ERR_ARG, "name of the base: not UTF-8, or no memory");
    return disk_request_edits(*ret, edits, err);
}

static int make_by_worker(struct disk_made *ret, const struct disk_options *o,
                          const struct mend_edits *edits,
                          const struct session_source *source, const struct output *out,
                          enum broker_end *end, struct err *err)
{
    AUTO(json_unrefp) json_t *request = NULL, *answer = NULL;
    struct broker_result result = {.json = NULL};
    struct session_run run = {
        .source = source,
        .output = out->fd,
        .direct = -1,
        .phase = "convert",
        .progress = o->progress,
        .progress_arg = o->progress_arg,
    };
    struct disk_made made = {0};
    json_int_t size = 0;
    int r = make_request(&request, o, edits, err);

    *end = BROKER_ERROR;
    if (r < 0)
        return r;
    run.request = request;
    r = session_run(&result, &run, err);
    answer = result.json;
    *end = result.end;
    if (r < 0)
        return r;
    if (json_unpack(answer, "{s:I}", "size", &size) < 0 || size <= 0)
        return FAIL(err, ERR_CORRUPT, "the worker's result makes no sense");
    made.size = (uint64_t)size;
    r = disk_take_report(&made.mended, answer, err);
    if (r == 0)
        *ret = made;
    return r;
}

/* A worker that dies over the edits must not keep a machine from starting. */
static int make_seen(struct disk_made *ret, const struct disk_options *o,
                     const struct session_source *source, struct output *out,
                     struct err *err)
{
    enum broker_end end;
    struct err why = {0};
    int r = make_by_worker(ret, o, o->edits, source, out, &end, &why);

    if (r < 0 && end == BROKER_DEAD && mend_wants(o->edits)) {
        if (ftruncate(out->fd, 0) < 0)
            return FAIL_SYS(err, errno, "write");
        r = make_by_worker(ret, o, NULL, source, out, &end, err);
        disk_blame_worker(&ret->mended, &why);
        return r;
    }
    if (r < 0)
        *err = why;
    return r;
}

static int make(struct disk_made *ret, const struct disk_options *o, struct err *err)
{
    AUTO(session_source_close) struct session_source source = SESSION_SOURCE_NONE;
    AUTO(output_close) struct output out = {.fd = -1, .direct = -1, .folder = -1};
    char shown[SESSION_SHOWN_MAX];
    int r = check_options(o, err);

    if (r < 0)
        return r;
    if (o->base.path) {
        r = session_source_open(&source, &o->base, false, o->progress, o->progress_arg,
                                err);
        if (r < 0) {
            err_prefix(err, "%s", session_shown(shown, o->base.path));
            return r;
        }
    }
    r = o->dest_is_open ? output_borrow(&out, o->dest_fd, source.fd, err)
                        : output_open(&out, o->dest, o->overwrite, source.fd, err);
    if (r == 0) {
        out.no_sync = o->no_sync;
        r = o->base.path ? make_seen(ret, o, &source, &out, err)
                         : make_unseen(ret, o, &out, err);
    }
    if (r == 0)
        r = output_sync(&out, err);
    if (r == 0)
        r = output_commit(&out, err);
    err_prefix(err, "%s", o->dest);
    return r;
}

int disk_make(struct disk_made *ret, const struct disk_options *options,
              struct imgport_error *error)
{
    struct err err = {0};

    return make(ret, options, &err) < 0 ? session_fail(error, &err) : 0;
}
