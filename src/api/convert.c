/* SPDX-License-Identifier: GPL-2.0-or-later */
/* convert.c: imgport_convert(): the worker writes, the broker names */
#include <errno.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "api/digest.h"
#include "api/disk.h"
#include "api/disk_convert.h"
#include "api/output.h"
#include "api/session.h"
#include "api/stage.h"
#include "base/checked.h"
#include "base/scoped.h"
#include "block/image.h"

enum { CLONE_UNIT_MAX = 64 * 1024 };

static int check_words(const struct imgport_convert_options *o, struct err *err)
{
    static const char *const compressions[] = {"none", "zlib", "zstd"};
    bool known = false;

    if (o->source.format && image_format_from_name(o->source.format) == IMAGE_FORMAT_MAX)
        return FAIL(err, ERR_ARG,
                    "unknown format \"%s\"; known are raw, qcow2, vhd (vpc), vmdk",
                    o->source.format);
    if (o->format && image_format_from_name(o->format) == IMAGE_FORMAT_MAX)
        return FAIL(err, ERR_ARG,
                    "unknown output format \"%s\"; known are qcow2, raw, vhd (vpc), vmdk",
                    o->format);
    for (size_t i = 0; i < ARRAY_SIZE(compressions); i++)
        known |= !o->compression || strcmp(o->compression, compressions[i]) == 0;
    if (!known)
        return FAIL(err, ERR_ARG,
                    "unknown compression \"%s\"; known are none, zlib, zstd",
                    o->compression);
    if (o->dest_is_open)
        return 0;
    if (strcmp(o->dest, "-") == 0)
        return FAIL(err, ERR_ARG,
                    "standard output is not written to: DEST is a file (./- for one of "
                    "that name)");
    if (session_is_url(o->dest))
        return FAIL(err, ERR_ARG, "URLs are not written to: DEST is a file");
    return 0;
}

static const char *format_of(const struct imgport_convert_options *o)
{
    return o->format ? image_format_name(image_format_from_name(o->format)) : "qcow2";
}

/* In blocks of what many bytes the file may share what others have, if it may. */
static int clone_unit_of(int fd, const struct imgport_convert_options *o)
{
    struct statfs fs;

    if (o->no_reflink || fstatfs(fd, &fs) < 0 || fs.f_bsize <= 0 ||
        fs.f_bsize > CLONE_UNIT_MAX || fs.f_bsize & (fs.f_bsize - 1))
        return 0;
    /* Whole pages, so that no page is partly shared and partly written. */
    return (int)max_u64((uint64_t)fs.f_bsize, (uint64_t)sysconf(_SC_PAGESIZE));
}

static int make_request(json_t **ret, const struct imgport_convert_options *o, int output,
                        struct err *err)
{
    const char *slash = strrchr(o->dest, '/');

    *ret = json_pack("{s:s, s:s, s:b, s:s, s:s, s:o, s:s, s:i, s:i, s:i, s:b, s:I}",
                     "job", "convert", "format", o->source.format ? o->source.format : "",
                     "siblings", 1, "output", format_of(o), "kind",
                     o->subformat ? o->subformat : "", "name",
                     session_text(slash ? slash + 1 : o->dest), "compression",
                     o->compression ? o->compression : "", "cluster",
                     (int)o->cluster_size, "clone_unit", clone_unit_of(output, o),
                     "threads", (int)o->threads, "verify", (int)o->verify, "stage_max",
                     (json_int_t)(o->stage_max ? o->stage_max : STAGE_MAX));
    return *ret ? 0 : FAIL(err, ERR_NOMEM, "request");
}

/* All is written; the last moments to change one's mind. */
static int tell_end(const struct imgport_convert_options *o, json_int_t size,
                    struct err *err)
{
    struct imgport_progress p = {
        .phase = o->no_sync || o->dest_is_open ? "convert" : "sync",
        .step = "",
        .done = (uint64_t)size,
        .total = (uint64_t)size,
        .written = (uint64_t)size,
    };

    if (o->progress && o->progress(o->progress_arg, &p) != 0)
        return FAIL(err, ERR_CANCELED, "canceled");
    return 0;
}

static int digest_remote(char ret[DIGEST_TEXT], struct remote *remote, uint64_t *done,
                         uint64_t total, const struct imgport_convert_options *o,
                         struct err *err)
{
    struct digest_source source = {session_read_remote, remote};

    return digest_run(ret, &source, done, total, o->progress, o->progress_arg, err);
}

/* What was written, and before it what was read unless it was summed as it came, once
 * more from the beginning. */
static int digest_both(char from[DIGEST_TEXT], char to[DIGEST_TEXT],
                       const struct session_source *source, int output,
                       const struct imgport_convert_options *o, struct err *err)
{
    char shown[SESSION_SHOWN_MAX];
    off_t a = source->fd < 0 ? 0 : lseek(source->fd, 0, SEEK_END);
    off_t b = lseek(output, 0, SEEK_END);
    uint64_t done = 0, total;
    int r = 0;

    if (a < 0 || b < 0)
        return FAIL_SYS(err, errno, "size of the files");
    total = (source->remote ? remote_size(source->remote) : (uint64_t)a) + (uint64_t)b;
    if (source->remote)
        r = digest_remote(from, source->remote, &done, total, o, err);
    else if (source->fd >= 0)
        r = digest_file(from, source->fd, &done, total, o->progress, o->progress_arg,
                        err);
    if (r < 0) {
        err_prefix(err, "%s", session_shown(shown, o->source.path));
        return r;
    }
    return digest_file(to, output, &done, total, o->progress, o->progress_arg, err);
}

/* `from` is the source's sum where it came by a pump. */
static int finish(json_t **ret, struct output *out, const struct session_source *source,
                  char from[DIGEST_TEXT], const json_t *answer,
                  const struct imgport_convert_options *o, struct err *err)
{
    char to[DIGEST_TEXT] = "";
    json_int_t virtual_size = 0, data_bytes = 0, file_size = 0, cloned = 0;
    const char *format, *packing, *kind, *compression;
    int r;

    if (json_unpack((json_t *)(uintptr_t)answer,
                    "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "source_format", &format,
                    "packing", &packing, "kind", &kind, "compression", &compression,
                    "virtual_size", &virtual_size, "data_bytes", &data_bytes, "file_size",
                    &file_size, "cloned_bytes", &cloned) < 0)
        return FAIL(err, ERR_CORRUPT, "the worker's result makes no sense");
    r = o->checksum ? digest_both(from, to, source, out->fd, o, err) : 0;
    if (r == 0 && !o->no_sync)
        r = tell_end(o, file_size, err);
    if (r == 0)
        r = output_sync(out, err);
    if (r == 0)
        r = tell_end(o, file_size, err);
    if (r == 0)
        r = output_commit(out, err);
    if (r < 0)
        return r;
    *ret = json_pack(
        "{s:o, s:s, s:s*, s:o, s:s, s:s*, s:s, s:I, s:I, s:I, s:I, s:s*, s:s*}", "source",
        session_text(o->source.path), "source_format", format, "source_packing",
        *packing ? packing : NULL, "dest", session_text(o->dest), "dest_format",
        format_of(o), "dest_subformat", *kind ? kind : NULL, "compression", compression,
        "virtual_size", virtual_size, "data_bytes", data_bytes, "file_size", file_size,
        "cloned_bytes", cloned, "source_sha256", *from ? from : NULL, "dest_sha256",
        *to ? to : NULL);
    return *ret ? 0 : FAIL(err, ERR_NOMEM, "report");
}

/* What the source turned out to be when it was over goes before all that the worker made
 * of it: of a download that broke it says only that it is cut. */
static int run_worker(struct broker_result *result, char sum[DIGEST_TEXT],
                      const struct session_run *run, struct err *err)
{
    struct pump *pump = run->source->pump;
    struct err why = {0}, broke = {0};
    const char *text = "";
    int r = session_run(result, run, &why);

    if (pump && r != -ERR_CANCELED && pump_end(&text, pump, &broke) < 0) {
        json_decref(result->json);
        result->json = NULL;
        *err = broke;
        return -(int)broke.code;
    }
    if (r < 0) {
        *err = why;
        return r;
    }
    if (pump && !*text)
        return FAIL(err, ERR_CORRUPT, "the worker did not read all of it");
    snprintf(sum, DIGEST_TEXT, "%s", text);
    return 0;
}

struct writing {
    const struct imgport_convert_options *options;
    struct output *out;
};

static int tell_written(void *arg, const struct imgport_progress *p)
{
    struct writing *w = arg;

    output_written(w->out, p->written);
    return w->options->progress ? w->options->progress(w->options->progress_arg, p) : 0;
}

static bool is_about_output(const struct err *err)
{
    return err->sys == ENOSPC || err->sys == EDQUOT || err->sys == EFBIG;
}

/* *end tells whether it was the worker that died. */
static int convert(json_t **ret, struct mend_report *mended,
                   const struct imgport_convert_options *o,
                   const struct mend_edits *edits, enum broker_end *end, struct err *err)
{
    AUTO(session_source_close) struct session_source source = SESSION_SOURCE_NONE;
    AUTO(output_close) struct output out = {.fd = -1, .direct = -1, .folder = -1};
    AUTO(json_unrefp) json_t *request = NULL, *answer = NULL;
    struct broker_result result = {.json = NULL};
    char shown[SESSION_SHOWN_MAX], sum[DIGEST_TEXT] = "";
    struct writing writing = {o, &out};
    struct session_run run = {
        .source = &source,
        .phase = "convert",
        .progress = tell_written,
        .progress_arg = &writing,
    };
    int r = check_words(o, err);

    *end = BROKER_ERROR;
    if (r < 0)
        return r;
    r = session_source_open(&source, &o->source, !mend_wants(edits), o->progress,
                            o->progress_arg, err);
    if (r == 0) {
        r = o->dest_is_open ? output_borrow(&out, o->dest_fd, source.fd, err)
                            : output_open(&out, o->dest, o->overwrite, source.fd, err);
        err_prefix(err, "%s", o->dest);
    } else {
        err_prefix(err, "%s", session_shown(shown, o->source.path));
    }
    if (r < 0)
        return r;
    r = make_request(&request, o, out.fd, err);
    if (r == 0)
        r = disk_request_edits(request, edits, err);
    if (r < 0)
        return r;
    out.no_sync = o->no_sync;
    run.direct = o->no_sync ? -1 : output_direct(&out);
    if (json_object_set_new(request, "direct", json_boolean(run.direct >= 0)) < 0)
        return FAIL(err, ERR_NOMEM, "request");
    if (source.remote)
        remote_expect_all(source.remote);
    run.request = request;
    run.output = out.fd;
    r = run_worker(&result, sum, &run, err);
    answer = result.json;
    *end = result.end;
    if (r == 0)
        r = disk_take_report(mended, answer, err);
    if (r < 0) {
        err_prefix(err, "%s",
                   is_about_output(err) ? o->dest : session_shown(shown, o->source.path));
        return r;
    }
    r = finish(ret, &out, &source, sum, answer, o, err);
    err_prefix(err, "%s", o->dest);
    return r;
}

int imgport_convert(char **ret, const struct imgport_convert_options *options,
                    struct imgport_error *error)
{
    struct mend_report mended;

    return disk_convert(ret, &mended, options, NULL, error);
}

/* What was written to a file of the caller's before the worker died goes. */
static int convert_without(json_t **ret, struct mend_report *mended,
                           const struct imgport_convert_options *o, const struct err *why,
                           struct err *err)
{
    enum broker_end end;
    int r;

    if (o->dest_is_open && ftruncate(o->dest_fd, 0) < 0)
        return FAIL_SYS(err, errno, "%s", o->dest);
    r = convert(ret, mended, o, NULL, &end, err);
    disk_blame_worker(mended, why);
    return r;
}

int disk_convert(char **ret, struct mend_report *mended,
                 const struct imgport_convert_options *options,
                 const struct mend_edits *edits, struct imgport_error *error)
{
    AUTO(json_unrefp) json_t *result = NULL;
    struct err err = {0}, why = {0};
    enum broker_end end;
    int r = convert(&result, mended, options, edits, &end, &why);

    if (r < 0 && end == BROKER_DEAD && mend_wants(edits))
        r = convert_without(&result, mended, options, &why, &err);
    else
        err = why;
    if (r == 0)
        r = session_dump(ret, result, &err);
    return r < 0 ? session_fail(error, &err) : 0;
}
