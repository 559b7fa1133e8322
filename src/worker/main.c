/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imgport-worker: the only process that parses image bytes
 *
 * Started by the broker with a socket, the source and for a conversion the output
 * (wire.h). Takes one job, enters the sandbox, does it, says what it found, and exits. */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <jansson.h>

#include "base/frame.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/scoped.h"
#include "base/text.h"
#include "block/unwrap.h"
#include "convert/verify.h"
#include "guest/facts_json.h"
#include "guest/inspect.h"
#include "mend/edit_json.h"
#include "mend/mend.h"
#include "worker/arrive.h"
#include "worker/map.h"
#include "worker/start.h"
#include "worker/wire_block.h"

enum { PROGRESS_MS = 100 };

static void json_unrefp(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

static void say_step(void *arg, const char *name)
{
    (void)arg;
    wire_say(WIRE_STEP, name, strlen(name));
}

static int say_json(uint8_t type, const json_t *j, struct err *err)
{
    AUTO(freep) char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

    if (!text)
        return FAIL(err, ERR_NOMEM, "report");
    wire_say(type, text, strlen(text));
    return 0;
}

static void say_error(const struct err *e)
{
    AUTO(json_unrefp)
    json_t *j = json_pack("{s:s, s:i, s:s}", "code", err_code_name(e->code), "sys",
                          e->sys, "message", e->msg);
    struct err err = {0};

    if (say_json(WIRE_ERROR, j, &err) < 0)
        wire_say(WIRE_ERROR, "{}", 2);
}

/* A frame wakes the broker up; nobody looks ten times a second. */
static int say_progress(void *arg, const struct convert_progress *p)
{
    static int64_t said;
    static const char *phase = "";
    uint8_t raw[WIRE_PROGRESS_SIZE];
    struct timespec now = {0};
    int64_t ms;

    (void)arg;
    clock_gettime(CLOCK_MONOTONIC, &now);
    ms = now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
    if (ms - said < PROGRESS_MS && strcmp(phase, p->phase) == 0)
        return 0;
    said = ms;
    phase = p->phase;
    store_le64(raw, p->done);
    store_le64(raw + 8, p->total);
    store_le64(raw + 16, p->written);
    wire_say(WIRE_PROGRESS, raw, sizeof raw);
    return 0;
}

static void note_file(struct map_files *files, const struct block *b, const char *name)
{
    if (files->n == ARRAY_SIZE(files->v))
        return;
    files->v[files->n].block = b;
    text_clean(files->v[files->n].name, sizeof files->v->name,
               bytes_of(name, strlen(name)), WIRE_NAME_MAX);
    files->n++;
}

/* image_sibling_fn: asks the broker, who opens it beneath the source's folder. */
static int ask_sibling(struct block **ret, void *arg, const char *name, struct err *err)
{
    AUTO(wire_answer_fini) struct wire_answer a = {.fd = -1};
    struct map_files *files = arg;
    int r;

    r = wire_ask(&a, WIRE_SIBLING, name, strlen(name), err);
    if (r < 0)
        return r;
    if (a.type == WIRE_FILE && a.fd >= 0) {
        r = block_file_open(ret, a.fd, err);
        if (r < 0)
            return r;
        a.fd = -1;
        note_file(files, *ret, name);
        return 0;
    }
    if (a.type != WIRE_NO_FILE)
        return FAIL(err, ERR_IO, "the broker's answer makes no sense");
    return wire_no(&a, err);
}

struct job {
    const char *name;   /* "inspect", "map", "convert", "mend", "start" or "serve" */
    json_int_t remote;  /* bytes of a source that the broker reads; -1 */
    bool stream;        /* the source is a pipe */
    uint64_t stage_max; /* bytes of it that may be kept in a file */
    uint64_t size_limit, size_stop; /* of an inspection */
    struct convert_options convert;
    bool verify;
    struct image_options image;
    const char *base; /* format of what the source stands on, or ""; NULL: it does not */
    struct mend_edits edits;
    struct overlay_file overlay; /* of "mend" */
};

static bool is_convert(const struct job *job)
{
    return strcmp(job->name, "convert") == 0;
}

static bool is_mend(const struct job *job)
{
    return strcmp(job->name, "mend") == 0;
}

static bool is_start(const struct job *job)
{
    return strcmp(job->name, "start") == 0;
}

static bool is_serve(const struct job *job)
{
    return strcmp(job->name, "serve") == 0;
}

/* As in requests and results. */
static const char *const compressions[] = {
    [CONVERT_PLAIN] = "none",
    [CONVERT_ZLIB] = "zlib",
    [CONVERT_ZSTD] = "zstd",
    [CONVERT_USUAL] = "",
};

static int parse_compression(enum convert_compression *ret, const char *name,
                             struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(compressions); i++) {
        if (strcmp(compressions[i], name) != 0)
            continue;
        *ret = (enum convert_compression)i;
        return 0;
    }
    return FAIL(err, ERR_ARG, "unknown compression \"%s\"", name);
}

/* Strings stay in *j. */
static int parse_convert(struct job *ret, json_t *j, struct err *err)
{
    struct convert_options o = {.fd = WIRE_OUTPUT, .progress = say_progress};
    const char *output, *compression;
    int threads, cluster, clone_unit, verify = 0, direct = 0;

    if (json_unpack(j, "{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:b}", "output", &output,
                    "kind", &o.kind, "name", &o.name, "compression", &compression,
                    "cluster", &cluster, "clone_unit", &clone_unit, "threads", &threads,
                    "verify", &verify, "direct", &direct) < 0 ||
        threads < 0 || cluster < 0 || clone_unit < 0 || clone_unit & (clone_unit - 1))
        return FAIL(err, ERR_ARG, "request: not of the form");
    o.threads = (unsigned)threads;
    o.threads_least = ret->remote >= 0 ? WIRE_READERS : 0;
    o.cluster = (uint32_t)cluster;
    o.direct = direct ? WIRE_DIRECT : 0;
    o.clone_unit = (uint32_t)clone_unit;
    o.format = image_format_from_name(output);
    ret->convert = o;
    ret->verify = verify;
    return parse_compression(&ret->convert.compression, compression, err);
}

/* Strings stay in *j. */
static int parse_mend(struct job *ret, json_t *j, struct err *err)
{
    struct overlay_file o = {0};
    json_int_t size;

    if (json_unpack(j, "{s:s, s:s, s:I}", "backing", &o.backing, "backing_format",
                    &o.backing_format, "size", &size) < 0 ||
        size < 0)
        return FAIL(err, ERR_ARG, "request: not of the form");
    o.size = (uint64_t)size;
    ret->overlay = o;
    return 0;
}

/* Strings stay in *j. */
static int parse_job(struct job *ret, json_t *j, struct arena *a, struct err *err)
{
    json_int_t size_limit = 0, size_stop = 0, remote = -1, stage_max = 0;
    const char *name, *format, *base = NULL;
    const json_t *edits = NULL;
    int siblings, stream = 0, r = 0;
    struct job job = {0};

    if (json_unpack(j, "{s:s, s:s, s:b, s?I, s?I, s?I, s?b, s?I, s?s, s?o}", "job", &name,
                    "format", &format, "siblings", &siblings, "size_limit", &size_limit,
                    "size_stop", &size_stop, "remote", &remote, "stream", &stream,
                    "stage_max", &stage_max, "base", &base, "edits", &edits) < 0 ||
        size_limit < 0 || size_stop < 0 || stage_max < 0)
        return FAIL(err, ERR_ARG, "request: not of the form");
    job.name = name;
    job.base = base;
    job.remote = remote;
    job.stream = stream;
    job.stage_max = (uint64_t)stage_max;
    job.size_limit = (uint64_t)size_limit;
    job.size_stop = (uint64_t)size_stop;
    if (*format)
        job.image.declared = image_format_from_name(format);
    if (job.image.declared == IMAGE_FORMAT_MAX)
        return FAIL(err, ERR_ARG, "unknown format \"%s\"", format);
    if (siblings)
        job.image.sibling = ask_sibling;
    if (edits)
        r = mend_edits_from_json(&job.edits, a, edits, err);
    if (r < 0)
        return r;
    *ret = job;
    if (is_mend(ret))
        return parse_mend(ret, j, err);
    return is_convert(ret) ? parse_convert(ret, j, err) : 0;
}

static int receive_job(struct job *ret, json_t **keep, struct arena *a, struct err *err)
{
    AUTO(buf_fini) struct buf b = {.max = WIRE_REQUEST_MAX};
    uint8_t type = 0;
    int r = frame_recv(WIRE_SOCKET, &type, &b, NULL, err);

    if (r < 0)
        return r;
    if (r == 0 || type != WIRE_REQUEST)
        return FAIL(err, ERR_ARG, "request: none came");
    *keep = json_loadb(buf_str(&b), b.n, 0, NULL);
    if (!*keep)
        return FAIL(err, ERR_ARG, "request: not JSON");
    return parse_job(ret, *keep, a, err);
}

static int enter_sandbox(const struct job *job, uint64_t source_size, struct err *err)
{
    bool writes = is_convert(job) || is_mend(job);
    struct sandbox_limits limits = {
        .memory = writes ? WIRE_CONVERT_MEMORY : WIRE_CHECK_MEMORY,
        .files = WIRE_FILES_MAX,
        .truncate = writes || is_start(job),
        .clone = is_convert(job) && job->convert.clone_unit ? WIRE_OUTPUT : 0,
    };

    if (!is_convert(job))
        limits.cpu_seconds = is_mend(job)    ? WIRE_MEND_CPU
                             : is_serve(job) ? WIRE_SERVE_CPU
                                             : WIRE_CHECK_CPU;
    if (job->size_limit && source_size > job->size_limit)
        limits.cpu_seconds += source_size / WIRE_SCAN_BYTES_A_SECOND;
#ifdef IMGPORT_SANITIZED
    (void)limits;
    (void)err;
    return 0;
#else
    if (getenv("IMGPORT_NO_SANDBOX"))
        return 0;
    return sandbox_enter(&limits, err);
#endif
}

static int inspect(const struct job *job, struct block *source, struct err *err)
{
    AUTO(arena_fini) struct arena arena = {.max = FACTS_ARENA_MAX};
    AUTO(json_unrefp) json_t *j = NULL;
    struct inspect_options options = {
        .image = &job->image,
        .size_limit = job->size_limit,
        .size_stop = job->size_stop,
        .step = say_step,
    };
    static const struct start_files files = {WIRE_OUTPUT, WIRE_DIRECT};
    struct facts facts;
    int r = is_start(job) ? start_look(&facts, &arena, source, &options, &files, err)
                          : inspect_file(&facts, &arena, source, &options, err);

    if (r < 0)
        return r;
    say_step(NULL, "report");
    j = facts_to_json(&facts);
    return say_json(WIRE_FACTS, j, err);
}

static int map(const struct job *job, struct block *source, struct err *err)
{
    struct inspect_options options = {.image = &job->image, .step = say_step};

    return map_run(source, &options, job->image.sibling_arg, err);
}

/* The disk with the edits in it; sealed. */
static int open_mended(struct overlay **ret, struct mend_report *report,
                       struct block *disk, uint64_t size, const struct job *job,
                       struct err *err)
{
    AUTO(overlay_unrefp) struct overlay *o = NULL;
    int r;

    *report = (struct mend_report){.outcome = MEND_NOTHING};
    r = overlay_open(&o, disk, size, err);
    if (r == 0 && mend_wants(&job->edits))
        r = mend_run(report, o, &job->edits, say_step, NULL, err);
    if (r < 0)
        return r;
    overlay_seal(o);
    *ret = TAKE(o);
    return 0;
}

static int mend(const struct job *job, struct block *source, struct err *err)
{
    AUTO(overlay_unrefp) struct overlay *o = NULL;
    AUTO(block_unrefp) struct block *disk = NULL;
    AUTO(json_unrefp) json_t *j = NULL;
    struct overlay_file file = job->overlay;
    struct mend_report report;
    struct image_info info;
    int r;

    say_step(NULL, "recognise");
    r = image_open(&disk, &info, source, &job->image, err);
    if (r < 0)
        return r;
    if (file.size == 0)
        file.size = (disk->size + 511) / 512 * 512;
    if (file.size < disk->size)
        return FAIL(err, ERR_ARG, "disk of %llu bytes, but the image has %llu",
                    (unsigned long long)file.size, (unsigned long long)disk->size);
    r = open_mended(&o, &report, disk, file.size, job, err);
    if (r < 0)
        return r;
    say_step(NULL, "write");
    r = overlay_write_file(WIRE_OUTPUT, &file, o, err);
    if (r < 0)
        return r;
    j = json_pack("{s:I, s:o}", "size", (json_int_t)file.size, "mended",
                  mend_report_to_json(&report));
    return say_json(WIRE_RESULT, j, err);
}

static int verify(const struct convert_options *options, struct err *err)
{
    AUTO(block_unrefp) struct block *written = NULL;
    int r;

    say_step(NULL, "verify");
    r = block_file_open(&written, WIRE_OUTPUT, err);
    return r < 0 ? r : convert_verify(options, written, err);
}

/* `info` may be known only when all is converted. */
static int convert_disk(const struct job *job, const struct convert_options *options,
                        const struct image_info *info, const char *packing,
                        const struct mend_report *report, struct err *err)
{
    AUTO(json_unrefp) json_t *j = NULL;
    struct convert_result result;
    int r;

    say_step(NULL, "convert");
    r = convert_run(&result, options, err);
    if (r == 0 && job->verify)
        r = verify(options, err);
    if (r < 0)
        return r;
    j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "source_format",
                  image_format_name(info->format), "packing", packing, "kind",
                  result.kind, "compression", compressions[result.compression],
                  "virtual_size", (json_int_t)result.virtual_size, "data_bytes",
                  (json_int_t)result.data_bytes, "file_size",
                  (json_int_t)result.file_size, "cloned_bytes",
                  (json_int_t)result.cloned_bytes);
    if (report && json_object_set_new(j, "mended", mend_report_to_json(report)) < 0)
        return FAIL(err, ERR_NOMEM, "report");
    return say_json(WIRE_RESULT, j, err);
}

static int convert_file(const struct job *job, struct block *file, const char *packing,
                        struct image_info *info, struct err *err)
{
    AUTO(block_unrefp) struct block *disk = NULL;
    AUTO(overlay_unrefp) struct overlay *o = NULL;
    struct convert_options options = job->convert;
    struct mend_report report;
    int r = image_open(&disk, info, file, &job->image, err);

    if (r < 0)
        return r;
    options.source = disk;
    if (!mend_wants(&job->edits))
        return convert_disk(job, &options, info, packing, NULL, err);
    r = open_mended(&o, &report, disk, disk->size, job, err);
    if (r < 0)
        return r;
    options.source = overlay_block(o);
    return convert_disk(job, &options, info, packing, &report, err);
}

/* While it arrives, or, where that cannot be, when all of it is in a file. */
static int convert_plain(const struct job *job, struct stream *in, const char *packing,
                         struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL;
    AUTO(flow_closep) struct flow *flow = NULL;
    struct convert_options options = job->convert;
    struct tally tally = {0};
    struct image_info info;
    int r = flow_open(&flow, &info, in, &job->image, err);

    if (r < 0)
        return r;
    if (r > 0 && (flow_size(flow) != FLOW_SIZE_LATER || !convert_needs_size(&options))) {
        options.flow = flow;
        options.tally = job->verify ? &tally : NULL;
        return convert_disk(job, &options, flow_info(flow), packing, NULL, err);
    }
    say_step(NULL, "download");
    r = arrive_whole(&file, in, job->stage_max, err);
    return r < 0 ? r : convert_file(job, file, packing, &info, err);
}

static int convert_stream(const struct job *job, struct stream *in, struct err *err)
{
    AUTO(stream_closep) struct stream *unpacked = NULL;
    const char *packing = "";
    int r;

    say_step(NULL, "recognise");
    r = flow_unwrap(&unpacked, &packing, in, &job->image, err);
    if (r < 0)
        return r;
    r = convert_plain(job, unpacked ? unpacked : in, packing, err);
    if (unpacked)
        err_prefix(err, "packed with %s", packing);
    return r;
}

/* A file that was packed whole is read in order, like a stream. */
static int convert(const struct job *job, struct block *source, struct err *err)
{
    AUTO(stream_closep) struct stream *in = NULL;
    struct image_info info;
    struct err why = {0};
    int r;

    say_step(NULL, "recognise");
    r = convert_file(job, source, "", &info, &why);
    if (r == 0)
        return 0;
    if (info.fault != IMAGE_FAULT_COMPRESSED_FILE || !unwrap_knows(info.other)) {
        *err = why;
        return r;
    }
    r = stream_block_open(&in, source, err);
    return r < 0 ? r : convert_stream(job, in, err);
}

/* The guest's disk of what the source stands on. */
static int open_base(struct block **ret, struct job *job, struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL;
    struct image_options options = {.declared = IMAGE_UNKNOWN};
    struct image_info info;
    int r;

    if (*job->base)
        options.declared = image_format_from_name(job->base);
    if (options.declared == IMAGE_FORMAT_MAX)
        return FAIL(err, ERR_ARG, "unknown format \"%s\"", job->base);
    r = block_file_open(&file, WIRE_BASE, err);
    if (r == 0)
        r = image_open(ret, &info, file, &options, err);
    if (r < 0)
        err_prefix(err, "base");
    job->image.backing = *ret;
    return r;
}

static int work(struct err *err)
{
    AUTO(block_unrefp) struct block *source = NULL, *base = NULL;
    AUTO(arena_fini) struct arena arena = {.max = 4 * WIRE_REQUEST_MAX};
    AUTO(stream_closep) struct stream *stream = NULL;
    AUTO(json_unrefp) json_t *keep = NULL;
    struct map_files files = {.n = 0};
    struct job job;
    int r;

    r = receive_job(&job, &keep, &arena, err);
    if (r < 0)
        return r;
    job.image.sibling_arg = &files;
    if (job.stream)
        r = stream_fd_open(&stream, WIRE_SOURCE, err);
    else if (job.remote >= 0)
        r = wire_block_open(&source, (uint64_t)job.remote, err);
    else
        r = block_file_open(&source, WIRE_SOURCE, err);
    if (r < 0)
        return r;
    say_step(NULL, "sandbox");
    r = enter_sandbox(&job, source ? source->size : 0, err);
    if (r < 0)
        return r;
    if (job.base)
        r = open_base(&base, &job, err);
    if (r < 0)
        return r;
    if (is_mend(&job))
        return mend(&job, source, err);
    if (job.stream)
        return convert_stream(&job, stream, err);
    if (is_convert(&job))
        return convert(&job, source, err);
    if (is_serve(&job))
        return start_serve(source, &job.image, WIRE_OUTPUT, err);
    return strcmp(job.name, "map") == 0 ? map(&job, source, err)
                                        : inspect(&job, source, err);
}

int main(int argc, char **argv)
{
    const char *debug = getenv("IMGPORT_DEBUG");
    struct err err = {0};

    (void)argv;
    if (argc != 1 || fcntl(WIRE_SOURCE, F_GETFD) < 0) {
        fputs("imgport-worker is started by imgport, not by hand\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* One heap for all threads: an arena a thread would spend the address space. */
    mallopt(M_ARENA_MAX, 1);
    if (debug)
        log_enable(debug);
    if (work(&err) < 0)
        say_error(&err);
    return 0;
}
