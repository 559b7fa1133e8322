/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasks of every kind, and the messages that tell their end. */
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "store/message.h"
#include "store/task.h"

enum { LIMIT_USUAL = 20 };

static void write_time(struct json_out *o, const char *key, int64_t seconds)
{
    char text[ISO_TIME];

    iso_time(text, seconds);
    json_out_text(o, key, seconds ? text : NULL);
}

/* -1 is not known. */
static void write_bytes(struct json_out *o, const char *key, int64_t n)
{
    if (n < 0)
        json_out_null(o, key);
    else
        json_out_int(o, key, n);
}

static int write_task(struct call *c, struct arena *a, struct db *db,
                      const struct task *t, struct err *err)
{
    struct json_out *o = &c->reply;
    const char *report = NULL;
    int r = 0;

    json_out_begin(o, NULL);
    json_out_int(o, "TaskId", t->id);
    json_out_text(o, "Kind", task_kind_name(t->kind));
    json_out_text(o, "ImageId", t->image);
    json_out_text(o, "Region", t->region);
    json_out_text(o, "State", task_state_name(t->state));
    json_out_text(o, "Step", t->step);
    json_out_text(o, "Phase", t->phase);
    write_bytes(o, "BytesDone", t->bytes_done);
    write_bytes(o, "BytesTotal", t->bytes_total);
    write_bytes(o, "SecondsLeft", t->seconds_left);
    json_out_int(o, "Attempt", t->attempt);
    json_out_bool(o, "CancelAsked", t->cancel_asked);
    json_out_text(o, "Reason", t->reason);
    json_out_text(o, "SubCause", t->sub_cause);
    json_out_text(o, "Detail", t->detail);
    json_out_text(o, "Profile", t->profile);
    write_time(o, "CreatedTime", t->created);
    write_time(o, "StartedTime", t->started);
    write_time(o, "EndedTime", t->ended);
    if (call_bool(c, "WithReport")) {
        r = *t->image ? image_get_report(&report, a, db, t->image, err)
                      : (int)REFUSED_NONE;
        json_out_raw(o, "Report", r == 0 ? report : NULL);
    }
    json_out_end(o);
    return r < 0 ? r : 0;
}

enum { IDS_MAX = 100 };

static int read_ids(int64_t ids[IDS_MAX], size_t *n, struct call *c)
{
    const json_t *list = call_list(c, "TaskIds"), *id;
    size_t i;

    *n = 0;
    json_array_foreach(list, i, id)
    {
        uint64_t v;
        const char *text = json_string_value(id);

        if (!text || !text_u64(&v, bytes_of(text, strlen(text))) || v > INT64_MAX)
            return call_error(c, "InvalidParameterValue",
                              _("\"%.60s\" is no number of a task"), text ? text : "");
        if (*n < IDS_MAX)
            ids[(*n)++] = (int64_t)v;
    }
    return 0;
}

int action_describe_import_tasks(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(catalog_put) struct db *db = NULL;
    int64_t ids[IDS_MAX];
    struct task_query q = {
        .account = c->account.uin,
        .region = c->region->id,
        .image = call_text(c, "ImageId"),
        .ids = ids,
        /* DescribeInstances tells of the first; nobody asked for the second. */
        .kinds = TASK_OF_ALL & ~TASK_OF(TASK_INSTANCE) & ~TASK_OF(TASK_SUM),
        .offset = call_int(c, "Offset", 0),
        .limit = call_int(c, "Limit", LIMIT_USUAL),
    };
    struct task_list list;
    struct err err = {0};
    int r = read_ids(ids, &q.n_ids, c);

    if (r != 0)
        return r;
    r = catalog_get(&db, c->service->catalog, &err);
    if (r == 0)
        r = task_list(&list, &arena, db, &q, &err);
    if (r != 0)
        return call_refused(c, r, &err);
    json_out_int(&c->reply, "TotalCount", list.total);
    json_out_begin_list(&c->reply, "TaskSet");
    for (size_t i = 0; r == 0 && i < list.n; i++)
        r = write_task(c, &arena, db, &list.v[i], &err);
    json_out_end_list(&c->reply);
    return r == 0 ? 0 : call_refused(c, r, &err);
}

static int cancel(struct db *db, void *arg, struct err *err)
{
    struct call *c = arg;

    return task_cancel(db, c->account.uin, call_int(c, "TaskId", 0), err);
}

int action_cancel_import_task(struct call *c)
{
    long long id = call_int(c, "TaskId", 0);
    struct err err = {0};
    int r = catalog_tx(c->service->catalog, cancel, c, &err);

    if (r == REFUSED_NONE)
        return call_error(c, "ResourceNotFound", _("there is no task %lld of yours"), id);
    if (r == REFUSED_STATE)
        return call_error(c, "ResourceUnavailable", _("task %lld has ended"), id);
    return call_refused(c, r, &err);
}

/* ---- messages */

static int write_deliveries(struct json_out *o, struct arena *a, struct db *db,
                            const struct message *m, struct err *err)
{
    struct delivery_states list;
    int r = delivery_list(&list, a, db, m->id, err);

    json_out_begin_list(o, "DeliverySet");
    for (size_t i = 0; r == 0 && i < list.n; i++) {
        const struct delivery_state *d = &list.v[i];

        json_out_begin(o, NULL);
        json_out_text(o, "Channel", channel_name(d->channel));
        json_out_text(o, "Address", d->address);
        json_out_text(o, "State", delivery_state_name(d->state));
        json_out_int(o, "Attempts", d->attempt);
        json_out_text(o, "Detail", d->detail);
        json_out_end(o);
    }
    json_out_end_list(o);
    return r;
}

static int write_message(struct call *c, struct arena *a, struct db *db,
                         const struct message *m, struct err *err)
{
    struct json_out *o = &c->reply;
    int r = 0;

    json_out_begin(o, NULL);
    json_out_int(o, "MessageId", m->id);
    json_out_text(o, "Type", m->type);
    json_out_text(o, "Subject", m->subject);
    json_out_text(o, "Body", m->body);
    json_out_raw(o, "Data", m->data);
    write_bytes(o, "TaskId", m->task ? m->task : -1);
    json_out_text(o, "ImageId", m->image);
    json_out_bool(o, "Read", m->is_read);
    write_time(o, "CreatedTime", m->created);
    if (call_bool(c, "WithDeliveries"))
        r = write_deliveries(o, a, db, m, err);
    json_out_end(o);
    return r;
}

int action_describe_messages(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(catalog_put) struct db *db = NULL;
    struct message_query q = {
        .account = c->account.uin,
        .type = call_text(c, "Type"),
        .image = call_text(c, "ImageId"),
        .task = call_int(c, "TaskId", 0),
        .only_unread = call_bool(c, "Unread"),
        .offset = call_int(c, "Offset", 0),
        .limit = call_int(c, "Limit", LIMIT_USUAL),
    };
    struct message_list list;
    struct err err = {0};
    int r = catalog_get(&db, c->service->catalog, &err);

    if (r == 0)
        r = message_list(&list, &arena, db, &q, &err);
    if (r != 0)
        return call_refused(c, r, &err);
    json_out_int(&c->reply, "TotalCount", list.total);
    json_out_begin_list(&c->reply, "MessageSet");
    for (size_t i = 0; r == 0 && i < list.n; i++)
        r = write_message(c, &arena, db, &list.v[i], &err);
    json_out_end_list(&c->reply);
    return r == 0 ? 0 : call_refused(c, r, &err);
}

static int mark_read(struct db *db, void *arg, struct err *err)
{
    struct call *c = arg;

    return message_set_read(db, c->account.uin, call_int(c, "MessageId", 0), err);
}

int action_read_message(struct call *c)
{
    struct err err = {0};
    int r = catalog_tx(c->service->catalog, mark_read, c, &err);

    if (r == REFUSED_NONE)
        return call_error(c, "ResourceNotFound", _("there is no message %lld of yours"),
                          (long long)call_int(c, "MessageId", 0));
    return call_refused(c, r, &err);
}
