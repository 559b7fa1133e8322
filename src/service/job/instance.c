/* SPDX-License-Identifier: GPL-2.0-or-later */
/* instance.c: what is done to an instance, by the daemon of its zone
 *
 *     run         disk and drive, then it starts         PENDING ─► RUNNING,
 * LAUNCH_FAILED start       it starts                                STARTING ─► RUNNING,
 * STOPPED stop        the guest is asked, or the power goes    STOPPING ─► STOPPED,
 * RUNNING reboot      both                                   REBOOTING ─► RUNNING,
 * STOPPED reset       a new disk and drive, then it starts   REBOOTING ─► RUNNING,
 * STOPPED terminate   nothing is left of it
 *
 * A task that was cut is done again from its start: whatever it had running is ended
 * first, whatever it had written is written again. */
#include "service/job/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/journal.h"
#include "store/image.h"

enum {
    ASK_AGAIN_MS = 10 * 1000, /* a guest that starts does not listen yet */
    LOOK_MS = 200,
};

void work_fini(struct work *w)
{
    json_decref(w->params);
}

const char *work_text(const struct work *w, const char *name)
{
    const char *s = json_string_value(json_object_get(w->params, name));

    return s ? s : "";
}

int work_read(struct work *ret, struct job *j, struct job_failure *why, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int r = catalog_get(&db, j->service->catalog, err);

    ret->job = j;
    ret->host = j->service->host;
    ret->params = json_loads(j->task->params, 0, NULL);
    if (r == 0)
        r = instance_get(&ret->i, j->arena, db, NULL, NULL, work_text(ret, WORK_INSTANCE),
                         false, err);
    if (r == REFUSED_NONE || (r == 0 && ret->i.task != j->task->id))
        return job_fail(why, "InternalError", "instance-gone", "%s",
                        _("the instance is not there any more"));
    return r;
}

/* ---- on and off */

int work_goes_on(void *arg, struct err *err)
{
    return job_goes_on(arg, err);
}

int work_boot(struct work *w, struct err *err)
{
    job_step(w->job, "start", w->job->service->config->start_seconds);
    return host_boot(w->host, &w->i, work_goes_on, w->job, err);
}

/* Asks again now and then, and leaves the machine as it is in the end. */
static int ask(struct work *w, struct machine *m, struct job_failure *why,
               struct err *err)
{
    int64_t begin = job_now_ms(), asked = 0;
    int64_t end = begin + (int64_t)w->job->service->config->power_off_seconds * 1000;
    struct machine_status status;
    int r = 0;

    while (r == 0 && job_now_ms() < end) {
        if (!asked || job_now_ms() - asked > ASK_AGAIN_MS) {
            r = machine_stop(m, STOP_ASK, err);
            asked = job_now_ms();
        }
        if (r == 0)
            r = machine_query(&status, m, err);
        if (r == 0 && status.state == MACHINE_OFF)
            return 0;
        if (r == 0)
            r = job_goes_on(w->job, err);
        usleep(LOOK_MS * 1000);
    }
    return r < 0 ? r
                 : job_fail(why, "OperationTimeout", "power-off",
                            _("the guest did not power off within %llu seconds"),
                            (unsigned long long)(end - begin) / 1000);
}

static int power_off(struct work *w, struct machine *m, const char *how,
                     struct job_failure *why, struct err *err)
{
    struct machine_patience patience = {
        .patience_ms = (unsigned)w->job->service->config->power_off_seconds * 1000,
        .still_wanted = work_goes_on,
        .arg = w->job,
    };

    if (strcmp(how, "SOFT_FIRST") == 0)
        return machine_stop_kindly(m, &patience, NULL, err);
    return ask(w, m, why, err);
}

int work_power_off(struct work *w, const char *how, struct job_failure *why,
                   struct err *err)
{
    struct machine *m;
    int r;

    job_step(w->job, "stop", 0);
    if (strcmp(how, "HARD") == 0)
        return host_kill(w->host, w->i.id, err);
    r = host_take(&m, w->host, &w->i, err);
    if (r <= 0)
        return r;
    r = power_off(w, m, how, why, err);
    host_give(w->host, m);
    return r == 0 ? host_kill(w->host, w->i.id, err) : r;
}

/* ---- the end of a task */

static int end_task(struct work *w, struct instance_change *change, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    struct task_end end = {
        .state = TASK_DONE,
        .instance = w->i.id,
        .instance_change = change,
    };
    int r = catalog_get(&db, w->job->service->catalog, err);

    change->task = 0;
    change->disk_due = 0;
    change->stalled = 0;
    change->operation_state = OPERATION_SUCCESS;
    change->operation_message = w->note;
    return r < 0 ? r : task_finish(db, w->job->lease, &end, err);
}

static int end_in(struct work *w, enum instance_state state, struct err *err)
{
    struct instance_change change = INSTANCE_CHANGE_NOTHING;

    change.state = (int)state;
    /* The drive has it by now, and nobody else needs it. */
    change.secret = "";
    return end_task(w, &change, err);
}

/* ---- what is done */

static int run(struct work *w, struct job_failure *why, struct err *err)
{
    int r;

    job_step(w->job, "prepare", w->job->service->config->store_seconds);
    r = host_clear(w->host, w->i.id, err);
    if (r == 0)
        r = work_make_disk(w, why, err);
    if (r == 0)
        r = work_place_disk(w, err);
    if (r == 0)
        r = work_boot(w, err);
    return r == 0 ? end_in(w, INSTANCE_RUNNING, err) : r;
}

static int start(struct work *w, struct job_failure *why, struct err *err)
{
    int r = work_boot(w, err);

    (void)why;
    return r == 0 ? end_in(w, INSTANCE_RUNNING, err) : r;
}

static int stop(struct work *w, struct job_failure *why, struct err *err)
{
    int r = work_power_off(w, work_text(w, "how"), why, err);

    return r == 0 ? end_in(w, INSTANCE_STOPPED, err) : r;
}

static int reboot(struct work *w, struct job_failure *why, struct err *err)
{
    int r = work_power_off(w, work_text(w, "how"), why, err);

    if (r == 0)
        r = work_boot(w, err);
    return r == 0 ? end_in(w, INSTANCE_RUNNING, err) : r;
}

static int terminate(struct work *w, struct job_failure *why, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    struct task_end end = {
        .state = TASK_DONE,
        .instance = w->i.id,
        .instance_delete = true,
    };
    int r = host_clear(w->host, w->i.id, err);

    (void)why;
    if (r == 0)
        r = catalog_get(&db, w->job->service->catalog, err);
    if (r == 0)
        r = task_finish(db, w->job->lease, &end, err);
    catalog_put(&db);
    if (r == 0)
        host_base_drop(w->host, w->i.blob);
    return r;
}

/* ---- reset */

/* The row as it will be. */
static int read_reset(struct work *w, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    struct image *image = &w->image;
    struct instance *i = &w->i;
    int r = catalog_get(&db, w->job->service->catalog, err);

    if (r == 0)
        r = image_get(image, w->job->arena, db, work_text(w, "image"), false, err);
    if (r != 0)
        return r < 0 ? r : FAIL(err, ERR_NOTFOUND, "the image is gone");
    i->image = image->id;
    i->blob = image->blob;
    i->virtual_size = image->virtual_size;
    i->os_name = image->os_name;
    i->platform = image->platform;
    i->architecture = image->architecture;
    i->boot_mode = image->boot_mode;
    i->cloud_init = image->cloud_init;
    i->disk_gib = json_integer_value(json_object_get(w->params, "disk_gib"));
    i->price = json_integer_value(json_object_get(w->params, "price"));
    i->incarnation = work_text(w, "incarnation");
    i->hostname = work_text(w, "hostname");
    i->password = work_text(w, "password");
    i->secret = work_text(w, "secret");
    i->keys = work_text(w, "keys");
    i->key_ids = work_text(w, "key_ids");
    i->user_data = work_text(w, "user_data");
    return 0;
}

static struct instance_change reset_change(const struct instance *i)
{
    struct instance_change c = INSTANCE_CHANGE_NOTHING;

    c.image = i->image;
    c.blob = i->blob;
    c.virtual_size = i->virtual_size;
    c.os_name = i->os_name;
    c.platform = i->platform;
    c.architecture = i->architecture;
    c.boot_mode = i->boot_mode;
    c.cloud_init = i->cloud_init;
    c.disk_gib = i->disk_gib;
    c.price = i->price;
    c.incarnation = i->incarnation;
    c.hostname = i->hostname;
    c.password = i->password;
    c.secret = i->secret;
    c.keys = i->keys;
    c.key_ids = i->key_ids;
    c.user_data = i->user_data;
    return c;
}

struct standing {
    struct work *w;
    const struct instance_change *change;
};

static int write_standing(struct db *db, void *arg, struct err *err)
{
    const struct standing *s = arg;
    int r = task_hold(db, s->w->job->lease, err);

    return r != 0 ? r
                  : instance_change(db, s->w->i.id, INSTANCE_IN_ANY, s->w->job->task->id,
                                    s->change, err);
}

/* The old disk goes when the new one is ready, and before the row says what that stands
 * on: a disk is never started on an image that it was not made for. */
static int reset(struct work *w, struct job_failure *why, struct err *err)
{
    const char *old = w->i.blob;
    struct instance_change change;
    int r = read_reset(w, err);

    job_step(w->job, "prepare", w->job->service->config->store_seconds);
    if (r == 0)
        r = work_make_disk(w, why, err);
    if (r == 0)
        r = host_kill(w->host, w->i.id, err);
    if (r == 0)
        r = work_drop_disk(w, err);
    if (r != 0)
        return r;
    change = reset_change(&w->i);
    r = job_persist(w->job, write_standing, &(struct standing){w, &change}, err);
    if (r == 0)
        r = work_place_disk(w, err);
    if (r == 0)
        r = work_boot(w, err);
    if (r == 0)
        r = end_in(w, INSTANCE_RUNNING, err);
    if (r == 0 && strcmp(old, w->i.blob) != 0)
        host_base_drop(w->host, old);
    return r;
}

/* ---- the kind */

static const struct {
    const char *step;
    int (*run)(struct work *w, struct job_failure *why, struct err *err);
    enum instance_state failed; /* unless it runs */
} steps[] = {
    {"run", run, INSTANCE_LAUNCH_FAILED}, {"start", start, INSTANCE_STOPPED},
    {"stop", stop, INSTANCE_STOPPED},     {"reboot", reboot, INSTANCE_STOPPED},
    {"reset", reset, INSTANCE_STOPPED},   {"terminate", terminate, INSTANCE_STOPPED},
};

static size_t step_of(const struct work *w)
{
    const char *name = work_text(w, "step");
    size_t n = 0;

    while (n < ARRAY_SIZE(steps) && strcmp(steps[n].step, name) != 0)
        n++;
    return n;
}

static int instance_run(struct job *j, struct job_failure *why, struct err *err)
{
    AUTO(work_fini) struct work w = {0};
    int r = work_read(&w, j, why, err);
    size_t n = step_of(&w);

    if (r != 0)
        return r;
    return n < ARRAY_SIZE(steps)
               ? steps[n].run(&w, why, err)
               : FAIL(err, ERR_CORRUPT, "nobody knows how to %s", work_text(&w, "step"));
}

/* An instance that never ran leaves nothing but its row. */
static void put_away(struct work *w, struct instance_change *change)
{
    struct err err = {0};

    change->blob = "";
    if (host_clear(w->host, w->i.id, &err) < 0)
        journal_message("instance-trouble", &err, "%s", w->i.id);
}

static int instance_end(struct job *j, enum task_state state,
                        const struct job_failure *why, struct err *err)
{
    AUTO(work_fini) struct work w = {0};
    struct instance_change change = INSTANCE_CHANGE_NOTHING;
    struct task_end end = {.instance_change = &change};
    struct job_failure ignored;
    struct err local = {0};
    struct machine *m;
    size_t n;
    int r = work_read(&w, j, &ignored, err);

    if (r < 0)
        return r;
    n = step_of(&w);
    if (r == 0 && n < ARRAY_SIZE(steps)) {
        end.instance = w.i.id;
        change.state = (int)steps[n].failed;
        if (steps[n].failed == INSTANCE_LAUNCH_FAILED) {
            put_away(&w, &change);
        } else {
            int runs = host_take(&m, w.host, &w.i, &local);

            /* One that does not answer is there: those who look after it know later. */
            if (runs != 0)
                change.state = INSTANCE_RUNNING;
            if (runs > 0)
                host_give(w.host, m);
        }
        change.task = 0;
        change.disk_due = 0;
        change.operation_state = OPERATION_FAILED;
        change.operation_code = why->reason;
        change.operation_message = why->detail;
    }
    r = job_end(j, &end, state, why, err);
    if (r == 0 && change.blob)
        host_base_drop(w.host, w.i.blob);
    return r;
}

const struct job_kind instance_job = {
    .kind = TASK_INSTANCE,
    .run = instance_run,
    .end = instance_end,
};
