/* SPDX-License-Identifier: GPL-2.0-or-later */
/* StartInstances, StopInstances, RebootInstances, TerminateInstances: all that are named,
 * or none. */
#include "base/i18n.h"
#include "base/scoped.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "service/action/instance.h"
#include "service/job/tell.h"
#include "store/task.h"

struct changing {
    struct call *c;
    unsigned from;
    enum instance_state to;
    const char *step, *how;
    bool needs_memory;
    bool ends; /* whether or not its host is there to do it */
};

/* An image that a task was making of it fails with it, and its owner is told, who is the
 * caller. */
static int fail_image(struct changing *x, struct arena *arena, struct db *db,
                      const struct instance *i, struct err *err)
{
    struct job_failure why = {0};
    struct image_change failed;
    struct message_new message;
    struct image image;
    struct task task;
    struct job j = {.service = x->c->service, .arena = arena, .task = &task};
    int r = task_get(&task, arena, db, NULL, i->task, err);

    if (r != 0 || task.kind != TASK_CREATE)
        return r < 0 ? r : 0;
    r = image_get(&image, arena, db, task.image, false, err);
    if (r != 0)
        return r < 0 ? r : 0;
    job_fail(&why, "Canceled", "", "%s",
             _("the instance was terminated while its host was away"));
    failed = job_image_failed(IMAGE_CREATEFAILED, &why);
    failed.sync_percent = IMAGE_PERCENT_NONE;
    r = image_change(db, task.image, IMAGE_IN(IMAGE_CREATING), &failed, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = tell_create_failed(&message, &j, image.name, i->id, &why, err);
    return r == 0 ? message_post(db, &message, err) : r;
}

/* Of a host that is away nobody knows when it comes back: what it has of the instance it
 * takes away then.  1: done. */
static int give_up(struct changing *x, struct arena *arena, struct db *db, const char *id,
                   struct err *err)
{
    struct instance i;
    bool away = false;
    int r =
        instance_get(&i, arena, db, x->c->account.uin, x->c->region->id, id, true, err);

    if (r == 0)
        r = zone_is_away(&away, db, i.zone, err);
    if (r != 0 || !away)
        return r < 0 ? r : 0;
    r = i.task ? fail_image(x, arena, db, &i, err) : 0;
    if (r == 0)
        r = instance_give_up(db, &i, err);
    return r == 0 ? 1 : r;
}

static int change_one(struct changing *x, struct arena *arena, struct db *db,
                      const char *id, struct err *err)
{
    struct instance_change change = INSTANCE_CHANGE_NOTHING;
    struct instance i;
    int r = x->ends ? give_up(x, arena, db, id, err) : 0;

    if (r != 0)
        return r == 1 ? 0 : r;
    r = instance_take(&i, x->c, arena, db, id, x->from, err);

    if (r == 0 && x->needs_memory)
        r = zone_room(db, i.zone, i.memory_mib, 0, err);
    if (r != 0)
        return r;
    change.state = (int)x->to;
    return instance_begin(x->c, db, &i, x->step, json_pack("{s:s}", "how", x->how), NULL,
                          &change, err);
}

static int begin(struct db *db, void *arg, struct err *err)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    struct changing *x = arg;
    int r = 0;

    for (size_t i = 0; r == 0 && i < call_count(x->c, "InstanceIds"); i++)
        r = change_one(x, &arena, db, call_text_at(x->c, "InstanceIds", i), err);
    return r;
}

static int run(struct changing *x)
{
    struct err err = {0};

    if (instance_check_ids(x->c) < 0)
        return -1;
    return instance_refused(x->c, catalog_tx(x->c->service->catalog, begin, x, &err),
                            &err);
}

int action_start_instances(struct call *c)
{
    return run(&(struct changing){
        .c = c,
        .from = INSTANCE_IN(INSTANCE_STOPPED),
        .to = INSTANCE_STARTING,
        .step = "start",
        .how = "",
        .needs_memory = true,
    });
}

/* StopType, or the older way to say it. */
static int read_how(const char **ret, struct call *c, const char *older)
{
    const char *how = call_text(c, "StopType");

    if (how && call_has(c, older))
        return call_error(c, "InvalidParameterCombination",
                          _("StopType and %s exclude each other"), older);
    *ret = how ? how : call_bool(c, older) ? "SOFT_FIRST" : "SOFT";
    return 0;
}

int action_stop_instances(struct call *c)
{
    struct changing x = {
        .c = c,
        .from = INSTANCE_IN(INSTANCE_RUNNING),
        .to = INSTANCE_STOPPING,
        .step = "stop",
    };

    return read_how(&x.how, c, "ForceStop") < 0 ? -1 : run(&x);
}

int action_reboot_instances(struct call *c)
{
    struct changing x = {
        .c = c,
        .from = INSTANCE_IN(INSTANCE_RUNNING),
        .to = INSTANCE_REBOOTING,
        .step = "reboot",
    };

    return read_how(&x.how, c, "ForceReboot") < 0 ? -1 : run(&x);
}

/* One that never ran can go as well: nobody else would take it away. */
int action_terminate_instances(struct call *c)
{
    return run(&(struct changing){
        .c = c,
        .from = INSTANCE_IN(INSTANCE_RUNNING) | INSTANCE_IN(INSTANCE_STOPPED) |
                INSTANCE_IN(INSTANCE_LAUNCH_FAILED),
        .to = INSTANCE_TERMINATING,
        .step = "terminate",
        .how = "",
        .ends = true,
    });
}
