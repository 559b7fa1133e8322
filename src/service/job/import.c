/* SPDX-License-Identifier: GPL-2.0-or-later */
/* import.c: a link becomes an image
 *
 *     fetch-n    the object of disk n into blob staging/...
 *     check P    the system disk against profile P, by the sandboxed worker
 *     boot       the system disk is started, where the profile or the request asks
 *     convert-n  disk n as qcow2 into blob image/...
 *     finish     the image is NORMAL, its owner is told; the staged blobs go */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "rules/profile.h"
#include "service/job/boot_room.h"
#include "service/job/deposit.h"
#include "service/job/fetch.h"
#include "service/job/import.h"
#include "service/job/library.h"
#include "service/job/sum.h"
#include "service/job/tell.h"
#include "service/job/verdict.h"
#include "store/bucket.h"
#include "store/image.h"

struct import {
    struct job *job;
    json_t *params; /* as import_params() made them */
    size_t disks;   /* with the system disk */
};

static void import_fini(struct import *im)
{
    json_decref(im->params);
}

static void json_freep(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

static const char *param(const struct import *im, const char *name)
{
    return job_text(im->params, name);
}

static const char *disk_url(const struct import *im, size_t n)
{
    const char *s =
        json_string_value(json_array_get(json_object_get(im->params, "urls"), n));

    return s ? s : "";
}

static const char *step_name(char ret[32], const char *step, size_t n)
{
    snprintf(ret, 32, "%s-%zu", step, n);
    return ret;
}

static int import_read(struct import *ret, struct job *j, struct err *err)
{
    ret->job = j;
    ret->params = json_loads(j->task->params, 0, NULL);
    ret->disks = json_array_size(json_object_get(ret->params, "urls"));
    return ret->disks ? 0 : FAIL(err, ERR_CORRUPT, "the task has no parameters");
}

/* A blob of a step whose result was refused, since another has the task, is named
 * nowhere. */
static int unnamed(struct job *j, const char *key, int r)
{
    if (r == REFUSED_LEASE)
        (void)blob_delete(j->service->blobs, key, NULL);
    return r;
}

/* ---- fetch */

struct fetched_step {
    struct job *job;
    const struct fetched *got;
    const char *step, *result, *next;
};

/* At once: a link is never spent without what it was spent for. */
static int write_fetched(struct db *db, void *arg, struct err *err)
{
    const struct fetched_step *s = arg;
    int r =
        s->got->signature ? link_spend(db, s->got->signature, s->got->expires, err) : 0;

    return r != 0 ? r
                  : task_step_done(db, s->job->lease, s->step, s->result, s->next, err);
}

static int fetch_done(struct job *j, const struct fetched *got, const char *step,
                      const char *key, const char *next, struct job_failure *why,
                      struct err *err)
{
    AUTO(json_freep)
    json_t *done = json_pack("{s:s, s:I}", "blob", key, "size", (json_int_t)got->size);
    AUTO(freep) char *text = done ? json_dumps(done, JSON_COMPACT) : NULL;
    struct fetched_step s = {j, got, step, text, next};
    int r = text ? job_persist(j, write_fetched, &s, err)
                 : FAIL(err, ERR_NOMEM, "result of a step");

    if (r != REFUSED_USED)
        return r;
    (void)blob_delete(j->service->blobs, key, NULL);
    return fetch_refused("has been used", 403, why);
}

static int fetch_disk(struct import *im, size_t n, struct job_failure *why,
                      struct err *err)
{
    const struct service *s = im->job->service;
    AUTO(json_freep) json_t *done = NULL;
    char step[32], key[BLOB_KEY_MAX];
    struct fetched got;
    int r = job_result(&done, im->job, step_name(step, "fetch", n), err);

    if (r < 0 || done)
        return r;
    job_step(im->job, "fetch", s->config->fetch_seconds);
    job_blob_key(key, im->job, "staging", n);
    r = fetch_object(&got, im->job, disk_url(im, n),
                     config_region(s->config, im->job->task->region), key, why, err);
    if (r == 0)
        r = unnamed(im->job, key,
                    fetch_done(im->job, &got, step, key,
                               n + 1 < im->disks ? "fetch" : "check", why, err));
    return r;
}

/* The staged bytes of disk n as a file. */
static int open_staged(struct deposit_file *ret, struct import *im, size_t n,
                       struct err *err)
{
    AUTO(json_freep) json_t *done = NULL;
    char step[32];
    const char *key;
    int r = job_result(&done, im->job, step_name(step, "fetch", n), err);

    if (r < 0)
        return r;
    key = json_string_value(json_object_get(done, "blob"));
    return key ? deposit_open(ret, im->job, key, err)
               : FAIL(err, ERR_CORRUPT, "step %s has no result", step);
}

/* ---- check */

static int run_check(json_t **ret, struct import *im, struct err *err)
{
    AUTO(deposit_file_close) struct deposit_file file = DEPOSIT_FILE_NONE;
    int r = open_staged(&file, im, 0, err);

    if (r < 0)
        return r;
    return library_check(
        ret, im->job,
        &(struct imgport_check_options){
            .source = {.path = disk_url(im, 0), .is_open = true, .fd = file.fd},
            .force = json_is_true(json_object_get(im->params, "force")),
            .os_type = param(im, "os_type"),
            .os_version = param(im, "os_version"),
            .arch = param(im, "architecture"),
            .license = param(im, "license"),
            .language = im->job->account->language,
        },
        err);
}

/* Of an image that kills it, or because memory was short. */
static bool worker_died(const json_t *report)
{
    return strcmp(job_text(json_object_get(report, "error"), "layer"), "worker") == 0;
}

enum { CHECKS = 3 }; /* with those whose worker died */

/* A daemon with other rules that goes on with the import judges it anew. */
static const char *check_step(struct job *j)
{
    return arena_printf(j->arena, "check %s", j->service->profile_id);
}

static int check(json_t **ret, struct import *im, struct err *err)
{
    const char *step = check_step(im->job);
    int r = arena_check(im->job->arena, err);

    if (r == 0)
        r = job_result(ret, im->job, step, err);
    if (r < 0 || *ret)
        return r;
    job_step(im->job, "check", im->job->service->config->check_seconds);
    for (unsigned n = 0; n < CHECKS && (n == 0 || worker_died(*ret)); n++) {
        json_decref(*ret);
        *ret = NULL;
        r = run_check(ret, im, err);
        if (r < 0)
            break;
    }
    return r < 0 ? r : job_step_done(im->job, step, *ret, "convert", err);
}

/* ---- boot */

/* Beside the time that the machine has. */
enum { BOOT_BESIDE_S = 300 };

/* Of users that are one each, the last one is not an instance's. */
static const char *boot_user(char number[16], const struct config *c)
{
    uint32_t first = 0, last = 0;

    if (*c->instance_user)
        return c->instance_user;
    if (config_users(&first, &last, c->instance_users, NULL) < 0 || !last)
        return NULL;
    snprintf(number, 16, "%u", last);
    return number;
}

static int run_boot(json_t **ret, struct import *im, struct err *err)
{
    const struct config *config = im->job->service->config;
    AUTO(deposit_file_close) struct deposit_file file = DEPOSIT_FILE_NONE;
    enum imgport_verdict verdict;
    struct imgport_error error;
    char *text = NULL, number[16];
    int r = open_staged(&file, im, 0, err);

    if (r < 0)
        return r;
    r = imgport_boot(
        &text, &verdict,
        &(struct imgport_boot_options){
            .source = {.path = disk_url(im, 0), .is_open = true, .fd = file.fd},
            .profile = config->profile,
            .force = json_is_true(json_object_get(im->params, "force")),
            .accelerator = config->accelerator,
            .timeout = (unsigned)config->boot_seconds,
            .user = boot_user(number, config),
            .language = im->job->account->language,
            .progress = library_progress,
            .progress_arg = im->job,
        },
        &error);
    return library_report(ret, r, text, im->job, &error, err);
}

/* For as long as a store may take; how long it waits outlasts its claims. */
static int wait_for_room(struct import *im, struct job_failure *why, struct err *err)
{
    AUTO(json_freep) json_t *waits = NULL;
    json_int_t now = (json_int_t)time(NULL);
    int r = job_result(&waits, im->job, "boot-waits", err);

    if (r < 0)
        return r;
    if (!waits) {
        waits = json_pack("{s:I}", "since", now);
        r = waits ? job_step_done(im->job, "boot-waits", waits, "boot", err)
                  : FAIL(err, ERR_NOMEM, "result of a step");
    } else if (now - json_integer_value(json_object_get(waits, "since")) >
               (json_int_t)im->job->service->config->store_seconds) {
        return job_fail(why, "InternalError", "time-limit", "%s",
                        _("a step took longer than this service allows"));
    }
    return r == 0 ? JOB_WAITS : r;
}

static int boot_in_room(json_t **ret, struct import *im, struct job_failure *why,
                        struct err *err)
{
    const struct config *config = im->job->service->config;
    int r;

    if (!boot_room_take((unsigned)config->boots_max))
        return wait_for_room(im, why, err);
    job_step(im->job, "boot", config->boot_seconds + BOOT_BESIDE_S);
    r = run_boot(ret, im, err);
    boot_room_give();
    return r;
}

enum { BOOTS = 3 }; /* with those that were cut, perhaps by the image itself */

/* 0: it is not to be tried again. */
static int count_cut(struct import *im, const json_t *report, struct err *err)
{
    AUTO(json_freep) json_t *had = NULL, *cut = NULL;
    json_int_t times;
    int r = job_result(&had, im->job, "boot-cut", err);

    if (r < 0)
        return r;
    times = json_integer_value(json_object_get(had, "times")) + 1;
    if (times >= BOOTS)
        return 0;
    cut = json_pack("{s:I}", "times", times);
    r = cut ? job_step_done(im->job, "boot-cut", cut, "boot", err)
            : FAIL(err, ERR_NOMEM, "result of a step");
    return r != 0 ? r
                  : FAIL(err, ERR_IO, "a start that was cut: %s",
                         job_text(json_object_get(report, "error"), "message"));
}

static int boot(struct import *im, struct job_failure *why, struct err *err)
{
    const struct service *s = im->job->service;
    AUTO(json_freep) json_t *report = NULL;
    int r;

    if (!json_is_true(json_object_get(im->params, "boot_probe")) &&
        !profile_service(s->profile)->boot_probe)
        return 0;
    r = job_result(&report, im->job, "boot", err);
    if (r == 0 && !report) {
        r = boot_in_room(&report, im, why, err);
        if (r == 0 && verdict_boot_was_cut(report))
            r = count_cut(im, report, err);
        if (r == 0)
            r = job_step_done(im->job, "boot", report, "convert", err);
    }
    return r == 0 ? verdict_judge_boot(report, why) : r;
}

/* ---- convert */

/* The size that was really written decides. */
static int judge_size(const struct import *im, const json_t *disk,
                      struct job_failure *why)
{
    uint64_t max = profile_qcow2_size_max(im->job->service->profile);
    uint64_t size = (uint64_t)json_integer_value(json_object_get(disk, "size"));

    if (max == 0 || size <= max)
        return 0;
    return job_fail(why, "InvalidFormatSize", "qcow2-size",
                    _("as qcow2 it has %llu bytes, the limit is %llu"),
                    (unsigned long long)size, (unsigned long long)max);
}

static int run_convert(json_t **ret, struct import *im, size_t n, struct job_failure *why,
                       struct err *err)
{
    AUTO(deposit_file_close) struct deposit_file file = DEPOSIT_FILE_NONE;
    AUTO(deposit_close) struct deposit out = DEPOSIT_NONE;
    AUTO(json_freep) json_t *sizes = NULL;
    struct imgport_error error;
    char key[BLOB_KEY_MAX], sha256[DEPOSIT_SHA256];
    uint64_t size = 0;
    char *text;
    int r = open_staged(&file, im, n, err);

    job_blob_key(key, im->job, "image", n);
    if (r == 0)
        r = deposit_begin(&out, im->job, key, err);
    if (r < 0)
        return r;
    r = imgport_convert(
        &text,
        &(struct imgport_convert_options){
            .source = {.path = disk_url(im, n), .is_open = true, .fd = file.fd},
            .dest = key,
            .dest_is_open = true,
            .dest_fd = out.fd,
            .progress = library_progress,
            .progress_arg = im->job,
        },
        &error);
    if (r < 0) {
        /* The system disk was read before; a data disk is judged here. */
        if (n && (strcmp(error.code, "corrupt") == 0 ||
                  strcmp(error.code, "unsupported") == 0 ||
                  strcmp(error.code, "short") == 0 || strcmp(error.code, "limit") == 0))
            return job_fail(why, "InvalidFormatSize", "data-disk", _("data disk %zu: %s"),
                            n, error.message);
        return library_failed(im->job, &error, err);
    }
    sizes = json_loads(text, 0, NULL);
    imgport_free(text);
    r = deposit_commit(&size, sha256, &out, im->job, err);
    if (r < 0)
        return r;
    *ret = json_pack(
        "{s:s, s:I, s:I, s:s}", "blob", key, "size", (json_int_t)size, "virtual_size",
        json_integer_value(json_object_get(sizes, "virtual_size")), "sha256", sha256);
    return *ret ? 0 : FAIL(err, ERR_NOMEM, "result of a step");
}

static int convert_disk(json_t **ret, struct import *im, size_t n,
                        struct job_failure *why, struct err *err)
{
    char step[32];
    int r = job_result(ret, im->job, step_name(step, "convert", n), err);

    if (r == 0 && !*ret) {
        job_step(im->job, "convert", im->job->service->config->convert_seconds);
        r = run_convert(ret, im, n, why, err);
        if (r == 0)
            r = unnamed(im->job, job_text(*ret, "blob"),
                        job_step_done(im->job, step, *ret,
                                      n + 1 < im->disks ? "convert" : "finish", err));
    }
    return r == 0 ? judge_size(im, *ret, why) : r;
}

/* ---- finish */

enum { GIB = 1 << 30 };

static int64_t gib_of(const json_t *disk)
{
    return (int64_t)div_up(
        (uint64_t)json_integer_value(json_object_get(disk, "virtual_size")), GIB);
}

/* One snapshot a disk, as the vendor's answers have; ids follow from the image's. */
static char *snapshots(const struct import *im, json_t *const *disks)
{
    AUTO(json_freep) json_t *list = json_array();

    for (size_t n = 0; n < im->disks; n++) {
        char id[JOB_SNAPSHOT_SIZE];

        job_snapshot_id(id, im->job, n);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:I}", "SnapshotId", id, "DiskUsage",
                                        n ? "DATA_DISK" : "SYSTEM_DISK", "DiskSize",
                                        (json_int_t)gib_of(disks[n])));
    }
    return list ? json_dumps(list, JSON_COMPACT) : NULL;
}

static char *data_disks(const struct import *im, json_t *const *disks)
{
    AUTO(json_freep) json_t *list = json_array();

    for (size_t n = 1; n < im->disks; n++)
        json_array_append(list, disks[n]);
    return list ? json_dumps(list, JSON_COMPACT) : NULL;
}

static int write_end(struct import *im, const json_t *report, json_t *const *disks,
                     struct err *err)
{
    AUTO(freep) char *text = json_dumps(report, JSON_COMPACT);
    AUTO(freep) char *snaps = snapshots(im, disks);
    AUTO(freep) char *data = data_disks(im, disks);
    const json_t *facts = json_object_get(report, "facts");
    struct image_change change = IMAGE_CHANGE_NOTHING;
    struct message_new message;
    struct task_end end = {
        .state = TASK_DONE,
        .image = im->job->task->image,
        .image_from = IMAGE_IN(IMAGE_IMPORTING),
        .image_change = &change,
        .report = text,
        .messages = &message,
        .n_messages = 1,
    };
    int r;

    if (!text || !snaps || !data)
        return FAIL(err, ERR_NOMEM, "report");
    change.state = IMAGE_NORMAL;
    change.blob = job_text(disks[0], "blob");
    change.sha256 = job_text(disks[0], "sha256");
    change.file_size = json_integer_value(json_object_get(disks[0], "size"));
    change.virtual_size = json_integer_value(json_object_get(disks[0], "virtual_size"));
    change.size_gib = gib_of(disks[0]);
    change.snapshots = snaps;
    change.disks = data;
    change.profile = im->job->service->profile_id;
    change.cloud_init =
        json_is_true(json_object_get(json_object_get(facts, "cloud_init"), "installed"));
    r = tell_import_done(&message, im->job, param(im, "name"), err);
    return r < 0 ? r : sum_finish(im->job, &end, err);
}

static int finish(struct import *im, const json_t *report, json_t *const *disks,
                  struct err *err)
{
    const char **keep;
    int r = write_end(im, report, disks, err);

    if (r != 0)
        return r;
    keep = arena_alloc(im->job->arena, im->disks * sizeof *keep);
    for (size_t n = 0; keep && n < im->disks; n++)
        keep[n] = job_text(disks[n], "blob");
    if (keep)
        job_drop_blobs(im->job, "image", im->disks, keep, im->disks);
    job_drop_blobs(im->job, "staging", im->disks, NULL, 0);
    return 0;
}

/* ---- the whole */

static int convert_all(struct import *im, const json_t *report, struct job_failure *why,
                       struct err *err)
{
    json_t **disks = arena_alloc(im->job->arena, im->disks * sizeof *disks);
    int r = disks ? 0 : FAIL(err, ERR_NOMEM, "disks");

    for (size_t n = 0; r == 0 && n < im->disks; n++)
        r = convert_disk(&disks[n], im, n, why, err);
    if (r == 0)
        r = finish(im, report, disks, err);
    for (size_t n = 0; disks && n < im->disks; n++)
        json_decref(disks[n]);
    return r;
}

static int import_run(struct job *j, struct job_failure *why, struct err *err)
{
    AUTO(import_fini) struct import im = {0};
    AUTO(json_freep) json_t *report = NULL;
    int r = import_read(&im, j, err);

    for (size_t n = 0; r == 0 && n < im.disks; n++)
        r = fetch_disk(&im, n, why, err);
    if (r == 0)
        r = check(&report, &im, err);
    if (r == 0)
        r = verdict_judge(report, why);
    if (r == 0)
        r = boot(&im, why, err);
    return r == 0 ? convert_all(&im, report, why, err) : r;
}

static int import_end(struct job *j, enum task_state state, const struct job_failure *why,
                      struct err *err)
{
    AUTO(import_fini) struct import im = {0};
    AUTO(json_freep) json_t *report = NULL;
    AUTO(freep) char *text = NULL;
    const char *step = check_step(j);
    struct image_change change = job_image_failed(IMAGE_IMPORTFAILED, why);
    struct message_new message;
    struct task_end end = {
        .image = j->task->image,
        .image_from = IMAGE_IN(IMAGE_IMPORTING),
        .image_change = &change,
        .messages = &message,
        .n_messages = 1,
    };
    int r = import_read(&im, j, err);

    if (r == 0)
        r = arena_check(j->arena, err);
    if (r == 0)
        r = job_result(&report, j, step, err);
    if (r < 0)
        return r;
    text = report ? json_dumps(report, JSON_COMPACT) : NULL;
    end.report = text;
    r = tell_import_failed(&message, j, param(&im, "name"), why, report, err);
    if (r == 0)
        r = job_end(j, &end, state, why, err);
    if (r == 0) {
        job_drop_blobs(j, "image", im.disks, NULL, 0);
        job_drop_blobs(j, "staging", im.disks, NULL, 0);
    }
    return r;
}

const struct job_kind import_job = {
    .kind = TASK_IMPORT,
    .run = import_run,
    .end = import_end,
};

char *import_params(const struct import_request *q)
{
    AUTO(json_freep) json_t *urls = json_array();

    for (size_t i = 0; i < q->n_urls; i++)
        json_array_append_new(urls, json_string(q->urls[i]));
    {
        AUTO(json_freep)
        json_t *o =
            json_pack("{s:O, s:s, s:s, s:s, s:s, s:s, s:b, s:b}", "urls", urls, "name",
                      q->name, "os_type", q->os_type, "os_version", q->os_version,
                      "architecture", q->architecture, "license", q->license, "force",
                      (int)q->force, "boot_probe", (int)q->boot_probe);

        return o ? json_dumps(o, JSON_COMPACT) : NULL;
    }
}
