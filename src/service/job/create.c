/* SPDX-License-Identifier: GPL-2.0-or-later */
/* create.c: an image of an instance's system disk
 *
 *     copy       the overlay as it is at one moment: the machine is off, or its
 * filesystems are frozen by the guest's agent for as long as that takes convert overlay
 * and image as one qcow2 into blob image/..., without what makes the system the one that
 * it is finish     the image is NORMAL, its owner is told */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "api/disk.h"
#include "base/checked.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "instance/agent.h"
#include "service/job/deposit.h"
#include "service/job/host_parts.h"
#include "service/job/instance.h"
#include "service/job/sum.h"
#include "service/job/tell.h"
#include "service/journal.h"

enum {
    PING_MS = 3 * 1000,
    AGENT_MS = 60 * 1000, /* what the guest holds is written first */
    PIECE = 64 << 20,
    GIB = 1 << 30
};

static void json_freep(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

/* ---- copy */

static int copy_bytes(int to, int from, struct job *j, struct err *err)
{
    ssize_t n;

    if (ioctl(to, FICLONE, from) == 0)
        return 0;
    while ((n = copy_file_range(from, NULL, to, NULL, PIECE, 0)) > 0) {
        int r = job_goes_on(j, err);

        if (r < 0)
            return r;
    }
    return n == 0 ? 0 : FAIL_SYS(err, errno, "copy of a disk");
}

/* Of this task: another one may have begun before this one's file is gone. */
static int snapshot_path(char ret[PATH_MAX], const struct work *w, struct err *err)
{
    char name[48];

    snprintf(name, sizeof name, "snapshot-%lld.qcow2", (long long)w->job->task->id);
    return host_path(ret, w->host, w->i.id, name, err);
}

static int copy_disk(struct work *w, struct err *err)
{
    AUTO(closep) int from = -1;
    AUTO(closep) int to = -1;
    char disk[PATH_MAX], snapshot[PATH_MAX];
    int r = host_path(disk, w->host, w->i.id, HOST_DISK, err);

    if (r == 0)
        r = snapshot_path(snapshot, w, err);
    if (r < 0)
        return r;
    from = open(disk, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return FAIL_SYS(err, errno, "%s", disk);
    to = open(snapshot, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0)
        return FAIL_SYS(err, errno, "%s", snapshot);
    r = copy_bytes(to, from, w->job, err);
    /* That it is there is written next. */
    return r == 0 && fsync(to) < 0 ? FAIL_SYS(err, errno, "%s", snapshot) : r;
}

/* The guest has written what it holds, then the machine has: so the file is whole. */
static int copy_paused(struct work *w, struct machine *m, struct err *err)
{
    struct err late = {0};
    int r = machine_pause(m, err), after;

    if (r == 0)
        r = copy_disk(w, err);
    after = machine_resume(m, &late);
    if (r == 0 && after < 0) {
        *err = late;
        return after;
    }
    return r;
}

/* As an attempt that was cut may have left it. */
static void let_go_on(struct machine *m)
{
    bool frozen;

    (void)machine_resume(m, NULL);
    if (agent_is_frozen(&frozen, m, PING_MS, NULL) == 0 && frozen)
        (void)agent_thaw(m, AGENT_MS, NULL);
}

static int copy_frozen(struct work *w, struct machine *m, struct job_failure *why,
                       struct err *err)
{
    struct err agent = {0};
    unsigned n;
    int r;

    let_go_on(m);
    r = agent_ping(m, PING_MS, &agent);
    if (r == 0) {
        r = agent_freeze(&n, m, AGENT_MS, &agent);
        if (r < 0)
            (void)agent_thaw(m, AGENT_MS, NULL);
    }
    if (r < 0)
        return job_fail(why, "NoGuestAgent", "freeze",
                        _("the guest's agent does not hold its filesystems still (%s): "
                          "install qemu-guest-agent, stop the instance, or set "
                          "ForcePoweroff"),
                        agent.msg);
    r = copy_paused(w, m, err);
    if (agent_thaw(m, AGENT_MS, &agent) < 0)
        journal_message("instance-trouble", &agent, "%s stays frozen", w->i.id);
    return r;
}

static bool is_set(const struct work *w, const char *name)
{
    return json_is_true(json_object_get(w->params, name));
}

static int copy_off(struct work *w, struct job_failure *why, struct err *err)
{
    int r = work_power_off(w, "SOFT_FIRST", why, err);

    if (r == 0)
        r = copy_disk(w, err);
    if (r == 0 && is_set(w, "runs"))
        r = work_boot(w, err);
    return r;
}

static int copy(struct work *w, struct job_failure *why, struct err *err)
{
    AUTO(json_freep) json_t *had = NULL;
    AUTO(json_freep) json_t *done = json_object();
    char path[PATH_MAX];
    struct machine *m;
    int r = job_result(&had, w->job, "copy", err);

    if (r == 0 && had)
        r = snapshot_path(path, w, err);
    if (r < 0 || (had && access(path, R_OK) == 0))
        return r;
    job_step(w->job, "copy", w->job->service->config->store_seconds);
    r = host_take(&m, w->host, &w->i, err);
    if (r < 0)
        return r;
    if (r > 0 && !is_set(w, "power_off")) {
        r = copy_frozen(w, m, why, err);
        host_give(w->host, m);
    } else {
        if (r > 0)
            host_give(w->host, m);
        r = copy_off(w, why, err);
    }
    if (r == 0 && !done)
        r = FAIL(err, ERR_NOMEM, "result of a step");
    return r == 0 ? job_step_done(w->job, "copy", done, CREATE_CONVERT, err) : r;
}

/* ---- convert */

static int convert_into(json_t **ret, struct work *w, struct deposit *out,
                        const char *key, struct err *err)
{
    struct mend_edits edits = {.identity = true};
    struct imgport_source base = {.format = "qcow2"};
    struct imgport_convert_options o = {
        .source = {.format = "qcow2", .base = &base},
        .dest = key,
        .dest_is_open = true,
        .dest_fd = out->fd,
        .progress = work_progress,
        .progress_arg = w->job,
    };
    char disk[PATH_MAX], path[PATH_MAX], *text = NULL;
    struct imgport_error error;
    struct mend_report mended = {0};
    const char *note;
    int r = snapshot_path(disk, w, err);

    if (r == 0)
        r = host_base(path, w->host, w->i.blob, work_goes_on, w->job, err);
    if (r < 0)
        return r;
    o.source.path = disk;
    base.path = path;
    if (disk_convert(&text, &mended, &o, &edits, &error) < 0)
        return work_library_failed(w, &error, err);
    note = mended.outcome == MEND_DONE || mended.outcome == MEND_NOTHING ? ""
           : *mended.why                                                 ? mended.why
                         : mend_outcome_name(mended.outcome);
    *ret = json_loads(text, 0, NULL);
    imgport_free(text);
    if (*ret && json_object_set_new(*ret, "note", json_string(note)) == 0)
        return 0;
    return FAIL(err, ERR_NOMEM, "result of a step");
}

static int run_convert(json_t **ret, struct work *w, struct err *err)
{
    AUTO(deposit_close) struct deposit out = DEPOSIT_NONE;
    AUTO(json_freep) json_t *sizes = NULL;
    char key[BLOB_KEY_MAX], sha256[DEPOSIT_SHA256];
    uint64_t size = 0;
    int r;

    job_blob_key(key, w->job, "image", 0);
    r = deposit_begin(&out, w->job, key, err);
    if (r == 0)
        r = convert_into(&sizes, w, &out, key, err);
    if (r == 0)
        r = deposit_commit(&size, sha256, &out, w->job, err);
    if (r < 0)
        return r;
    *ret = json_pack("{s:s, s:I, s:I, s:s, s:s}", "blob", key, "size", (json_int_t)size,
                     "virtual_size",
                     json_integer_value(json_object_get(sizes, "virtual_size")), "sha256",
                     sha256, "note", json_string_value(json_object_get(sizes, "note")));
    return *ret ? 0 : FAIL(err, ERR_NOMEM, "result of a step");
}

static int convert(json_t **ret, struct work *w, struct err *err)
{
    int r = job_result(ret, w->job, CREATE_CONVERT, err);

    if (r < 0 || *ret)
        return r;
    job_step(w->job, CREATE_CONVERT, w->job->service->config->convert_seconds);
    r = run_convert(ret, w, err);
    return r == 0 ? job_step_done(w->job, CREATE_CONVERT, *ret, CREATE_FINISH, err) : r;
}

/* ---- finish */

static const char *text_of(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));

    return s ? s : "";
}

/* Whether it runs is seen anew: while its disk was copied nobody else could tell. */
static struct instance_change free_again(struct work *w, enum operation_state state)
{
    struct instance_change c = INSTANCE_CHANGE_NOTHING;
    struct err ignored = {0};
    struct machine *m;
    int r = host_take(&m, w->host, &w->i, &ignored);

    c.task = 0;
    c.operation_state = (int)state;
    if (r > 0)
        host_give(w->host, m);
    if (r >= 0)
        c.state = r > 0 ? INSTANCE_RUNNING : INSTANCE_STOPPED;
    return c;
}

static struct image_change image_done(struct work *w, const json_t *made)
{
    struct image_change c = IMAGE_CHANGE_NOTHING;
    int64_t size = json_integer_value(json_object_get(made, "virtual_size"));

    c.state = IMAGE_NORMAL;
    c.blob = text_of(made, "blob");
    c.sha256 = text_of(made, "sha256");
    c.file_size = json_integer_value(json_object_get(made, "size"));
    c.virtual_size = size;
    c.size_gib = (int64_t)div_up((uint64_t)size, GIB);
    c.sync_percent = IMAGE_PERCENT_NONE;
    c.snapshots =
        arena_printf(w->job->arena,
                     "[{\"SnapshotId\":\"snap-%.20s\",\"DiskUsage\":"
                     "\"SYSTEM_DISK\",\"DiskSize\":%lld}]",
                     w->job->task->image + strlen("img-"), (long long)c.size_gib);
    return c;
}

static void drop_snapshot(struct work *w)
{
    char path[PATH_MAX];

    if (snapshot_path(path, w, NULL) == 0)
        unlink(path);
}

static int write_end(struct work *w, const json_t *made, struct err *err)
{
    struct image_change image = image_done(w, made);
    struct instance_change instance = free_again(w, OPERATION_SUCCESS);
    struct message_new message;
    struct task_end end = {
        .state = TASK_DONE,
        .image = w->job->task->image,
        .image_from = IMAGE_IN(IMAGE_CREATING),
        .image_change = &image,
        .instance = w->i.id,
        .instance_change = &instance,
        .messages = &message,
        .n_messages = 1,
    };
    int r = tell_create_done(&message, w->job, work_text(w, "name"), w->i.id,
                             text_of(made, "note"), err);

    return r < 0 ? r : sum_finish(w->job, &end, err);
}

static int create_run(struct job *j, struct job_failure *why, struct err *err)
{
    AUTO(work_fini) struct work w = {0};
    AUTO(json_freep) json_t *made = NULL;
    const char *keep;
    int r = work_read(&w, j, why, err);

    if (r == 0)
        r = copy(&w, why, err);
    if (r == 0)
        r = convert(&made, &w, err);
    if (r == 0)
        r = write_end(&w, made, err);
    if (r != 0)
        return r;
    drop_snapshot(&w);
    keep = text_of(made, "blob");
    job_drop_blobs(j, "image", 1, &keep, 1);
    return 0;
}

/* It goes on as it was before: where it was powered off for this, it starts again; one
 * that went off by itself does not. */
static void restart(struct work *w)
{
    bool ours = is_set(w, "power_off") && w->i.state == INSTANCE_RUNNING;
    struct machine *m;
    struct err err = {0};
    int r = is_set(w, "runs") ? host_take(&m, w->host, &w->i, &err) : 0;

    if (r > 0) {
        let_go_on(m);
        host_give(w->host, m);
    } else if (r == 0 && is_set(w, "runs") && ours) {
        r = host_boot(w->host, &w->i, NULL, NULL, &err);
    }
    if (r < 0)
        journal_message("instance-trouble", &err, "%s", w->i.id);
}

static int create_end(struct job *j, enum task_state state, const struct job_failure *why,
                      struct err *err)
{
    AUTO(work_fini) struct work w = {0};
    struct image_change image = job_image_failed(IMAGE_CREATEFAILED, why);
    struct instance_change instance;
    struct message_new message;
    struct task_end end = {
        .image = j->task->image,
        .image_from = IMAGE_IN(IMAGE_CREATING),
        .image_change = &image,
        .messages = &message,
        .n_messages = 1,
    };
    struct job_failure ignored;
    int r = work_read(&w, j, &ignored, err);

    if (r < 0)
        return r;
    image.sync_percent = IMAGE_PERCENT_NONE;
    if (r == 0) {
        restart(&w);
        drop_snapshot(&w);
        instance = free_again(&w, OPERATION_FAILED);
        instance.operation_code = why->reason;
        instance.operation_message = why->detail;
        end.instance = w.i.id;
        end.instance_change = &instance;
    }
    r = tell_create_failed(&message, j, work_text(&w, "name"),
                           work_text(&w, WORK_INSTANCE), why, err);
    if (r == 0)
        r = job_end(j, &end, state, why, err);
    if (r == 0)
        job_drop_blobs(j, "image", 1, NULL, 0);
    return r;
}

const struct job_kind create_job = {
    .kind = TASK_CREATE,
    .run = create_run,
    .end = create_end,
};
