/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an instance is, and which there are. */
#include "service/action/instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "service/action/query.h"
#include "store/task.h"

/* ---- as answers write it */

static void write_address(char to[16], int64_t address)
{
    snprintf(to, 16, "%u.%u.%u.%u", (unsigned)(address >> 24 & 255),
             (unsigned)(address >> 16 & 255), (unsigned)(address >> 8 & 255),
             (unsigned)(address & 255));
}

static void write_network(struct json_out *o, const struct instance *i)
{
    char address[16];

    write_address(address, i->address);
    json_out_begin_list(o, "PrivateIpAddresses");
    json_out_text(o, NULL, address);
    json_out_end_list(o);
    json_out_begin_list(o, "PublicIpAddresses");
    json_out_end_list(o);
    json_out_begin(o, "InternetAccessible");
    json_out_int(o, "InternetMaxBandwidthOut", 0);
    json_out_bool(o, "PublicIpAssigned", false);
    json_out_end(o);
    json_out_begin(o, "VirtualPrivateCloud");
    json_out_text(o, "VpcId", "DEFAULT");
    json_out_text(o, "SubnetId", "DEFAULT");
    json_out_bool(o, "AsVpcGateway", false);
    json_out_end(o);
    json_out_begin_list(o, "SecurityGroupIds");
    json_out_end_list(o);
    json_out_begin_list(o, "IPv6Addresses");
    json_out_end_list(o);
    json_out_begin_list(o, "PublicIPv6Addresses");
    json_out_end_list(o);
    json_out_bool(o, "EnableJumboFrame", false);
}

/* What machines here are never part of, as the vendor writes it of one that is not. */
static void write_absent(struct json_out *o)
{
    json_out_null(o, "RenewFlag"); /* of what is paid before */
    json_out_null(o, "ExpiredTime");
    json_out_text(o, "StopChargingMode", "NOT_APPLICABLE");
    json_out_text(o, "IsolatedSource", "NOTISOLATED");
    json_out_bool(o, "DisableApiTermination", false);
    json_out_text(o, "CamRoleName", "");
    json_out_text(o, "HpcClusterId", "");
    json_out_text(o, "DedicatedClusterId", "");
    json_out_text(o, "DisasterRecoverGroupId", "");
    json_out_begin_list(o, "DisasterRecoverGroupIds");
    json_out_end_list(o);
    json_out_begin_list(o, "RdmaIpAddresses");
    json_out_end_list(o);
}

static void write_disks(struct json_out *o, const struct instance *i)
{
    json_out_begin(o, "SystemDisk");
    json_out_text(o, "DiskType", i->disk_type);
    json_out_text(o, "DiskId", i->disk);
    json_out_int(o, "DiskSize", i->disk_gib);
    json_out_end(o);
    json_out_begin_list(o, "DataDisks");
    json_out_end_list(o);
}

static void write_operation(struct json_out *o, const struct instance *i)
{
    bool any = i->operation_state != OPERATION_NONE;

    json_out_text(o, "LatestOperation", any ? i->operation : NULL);
    json_out_text(o, "LatestOperationState",
                  any ? operation_state_name(i->operation_state) : NULL);
    json_out_text(o, "LatestOperationRequestId", any ? i->operation_request : NULL);
    json_out_text(o, "LatestOperationErrorMsg",
                  i->stalled && i->state == INSTANCE_RUNNING
                      ? _("it stands still: its host has no room for what its disk "
                          "takes; it goes on when there is room")
                  : i->task && i->away
                      ? _("it waits for the host of its zone, which was not heard of for "
                          "a while")
                  : *i->operation_message ? i->operation_message
                                          : NULL);
}

void instance_write(struct json_out *o, const struct instance *i)
{
    bool windows = strncmp(i->platform, "Windows", 7) == 0;
    char created[ISO_TIME];

    iso_time(created, i->created);
    json_out_begin(o, NULL);
    json_out_begin(o, "Placement");
    json_out_text(o, "Zone", i->zone);
    json_out_int(o, "ProjectId", i->project);
    json_out_end(o);
    json_out_text(o, "InstanceId", i->id);
    json_out_text(o, "InstanceName", i->name);
    json_out_text(o, "InstanceType", i->type);
    json_out_int(o, "CPU", i->cpu);
    json_out_int(o, "Memory", (i->memory_mib + 1023) / 1024);
    json_out_begin(o, "CpuTopology");
    json_out_int(o, "CoreCount", i->cpu);
    json_out_int(o, "ThreadPerCore", 1);
    json_out_end(o);
    json_out_text(o, "InstanceState", instance_state_name(i->state));
    json_out_text(o, "RestrictState", "NORMAL");
    json_out_text(o, "InstanceChargeType", "POSTPAID_BY_HOUR");
    write_disks(o, i);
    write_network(o, i);
    json_out_text(o, "ImageId", i->image);
    json_out_text(o, "OsName", i->os_name);
    json_out_text(o, "LicenseType", *i->license ? i->license : NULL);
    json_out_text(o, "HostName", i->hostname);
    json_out_text(o, "CreatedTime", created);
    json_out_begin(o, "LoginSettings");
    json_out_raw(o, "KeyIds", *i->key_ids ? i->key_ids : "[]");
    json_out_end(o);
    json_out_text(o, "DefaultLoginUser", windows ? "Administrator" : "root");
    json_out_int(o, "DefaultLoginPort", windows ? 3389 : 22);
    json_out_raw(o, "Tags", *i->tags ? i->tags : "[]");
    json_out_text(o, "Uuid", i->uuid);
    write_operation(o, i);
    write_absent(o);
    json_out_end(o);
}

/* ---- what actions share */

int instance_check_id(struct call *c, const char *id)
{
    if (strncmp(id, "ins-", 4) == 0 && strlen(id) == 12 &&
        strspn(id + 4, "0123456789abcdefghijklmnopqrstuvwxyz") == 8)
        return 0;
    return call_error(c, "InvalidInstanceId.Malformed", _("\"%.60s\" is no instance id"),
                      id);
}

int instance_check_ids(struct call *c)
{
    for (size_t i = 0; i < call_count(c, "InstanceIds"); i++) {
        const char *id = call_text_at(c, "InstanceIds", i);

        if (instance_check_id(c, id) < 0)
            return -1;
        for (size_t k = 0; k < i; k++)
            if (strcmp(call_text_at(c, "InstanceIds", k), id) == 0)
                return call_error(c, "InvalidParameterValue", _("%s is named twice"), id);
    }
    return 0;
}

static int wrong_state(struct call *c, const struct instance *i)
{
    static const char *const codes[INSTANCE_STATES] = {
        [INSTANCE_PENDING] = "UnsupportedOperation.InstanceStatePending",
        [INSTANCE_LAUNCH_FAILED] = "UnsupportedOperation.InstanceStateLaunchFailed",
        [INSTANCE_RUNNING] = "UnsupportedOperation.InstanceStateRunning",
        [INSTANCE_STOPPED] = "UnsupportedOperation.InstanceStateStopped",
        [INSTANCE_STARTING] = "UnsupportedOperation.InstanceStateStarting",
        [INSTANCE_STOPPING] = "UnsupportedOperation.InstanceStateStopping",
        [INSTANCE_REBOOTING] = "UnsupportedOperation.InstanceStateRebooting",
        [INSTANCE_TERMINATING] = "UnsupportedOperation.InstanceStateTerminating",
    };

    return call_error(c, codes[i->state], _("%s is in state %s"), i->id,
                      instance_state_name(i->state));
}

int instance_take(struct instance *ret, struct call *c, struct arena *arena,
                  struct db *db, const char *id, unsigned from, struct err *err)
{
    int r = instance_get(ret, arena, db, c->account.uin, c->region->id, id, true, err);

    if (r == REFUSED_NONE)
        return call_error(c, "InvalidInstanceId.NotFound", _("there is no instance %s"),
                          id);
    if (r != 0)
        return r;
    if (!(from & INSTANCE_IN(ret->state)))
        return wrong_state(c, ret);
    if (ret->task)
        return call_error(c, "OperationDenied.InstanceOperationInProgress",
                          _("%s of %s is under way"), ret->operation, id);
    if (ret->away)
        return call_error(c, "ResourceUnavailable",
                          _("the host of %s was not heard of for a while"), ret->zone);
    return 0;
}

static void json_freep(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

int instance_begin(struct call *c, struct db *db, const struct instance *i,
                   const char *step, json_t *given, const char *image,
                   struct instance_change *change, struct err *err)
{
    AUTO(json_freep) json_t *params = given ? given : json_object();
    AUTO(freep) char *text = NULL;
    struct task task = {
        .kind = TASK_INSTANCE,
        .account = i->owner,
        .region = i->region,
        .zone = i->zone,
        .request_id = c->request_id,
        .step = step,
        .bytes_total = -1,
        .uses = &image,
        .n_uses = image ? 1 : 0,
    };
    int r;

    if (json_object_set_new(params, "instance", json_string(i->id)) == 0 &&
        json_object_set_new(params, "step", json_string(step)) == 0)
        task.params = text = json_dumps(params, JSON_COMPACT);
    r = text ? task_new(&change->task, db, &task, err)
             : FAIL(err, ERR_NOMEM, "no memory for a task");
    if (r != 0)
        return r;
    change->operation = c->action->name;
    change->operation_state = OPERATION_OPERATING;
    change->operation_request = c->request_id;
    change->operation_code = change->operation_message = "";
    return instance_change(db, i->id, INSTANCE_IN_ANY, 0, change, err);
}

int instance_refused(struct call *c, int r, const struct err *err)
{
    if (r == REFUSED_FULL)
        return call_error(c, "ResourceInsufficient.SpecifiedInstanceType",
                          _("the zone has no room for it now"));
    if (r == REFUSED_DISK)
        return call_error(c, "ResourceInsufficient.CloudDiskSoldOut",
                          _("the zone has no room for such a disk now"));
    if (r == REFUSED_QUOTA)
        return call_error(c, "LimitExceeded.InstanceQuota",
                          _("the account has as many instances here as it may have"));
    return call_refused(c, r, err);
}

/* ---- which there are */

static const struct filter_name filter_names[] = {
    {"zone", INSTANCE_FILTER_ZONE, NULL},
    {"project-id", INSTANCE_FILTER_PROJECT, NULL},
    {"instance-id", INSTANCE_FILTER_ID, NULL},
    {"uuid", INSTANCE_FILTER_UUID, NULL},
    {"instance-name", INSTANCE_FILTER_NAME, NULL},
    {"instance-state", INSTANCE_FILTER_STATE, NULL},
    {"private-ip-address", INSTANCE_FILTER_ADDRESS, NULL},
    {"tag-key", INSTANCE_FILTER_TAG_KEY, NULL},
    {"tag-value", INSTANCE_FILTER_TAG_VALUE, NULL},
    {"creation-start-time", INSTANCE_FILTER_SINCE, NULL},
    {"creation-end-time", INSTANCE_FILTER_UNTIL, NULL},
    {"instance-charge-type", INSTANCE_FILTER_NOTHING, "POSTPAID_BY_HOUR"},
    {"vpc-id", INSTANCE_FILTER_NOTHING, "DEFAULT"},
    {"subnet-id", INSTANCE_FILTER_NOTHING, "DEFAULT"},
    /* Of what there is not, nothing has any. */
    {"host-id", INSTANCE_FILTER_NOTHING, NULL},
    {"dedicated-cluster-id", INSTANCE_FILTER_NOTHING, NULL},
    {"security-group-id", INSTANCE_FILTER_NOTHING, NULL},
    {"public-ip-address", INSTANCE_FILTER_NOTHING, NULL},
    {"ipv6-address", INSTANCE_FILTER_NOTHING, NULL},
    /* Ours. */
    {"image-id", INSTANCE_FILTER_IMAGE, NULL},
    {"instance-type", INSTANCE_FILTER_TYPE, NULL},
};

enum { FILTERS_MAX = 10, VALUES_MAX = 5, IDS_MAX = 100 };

struct query {
    struct instance_query q;
    struct instance_filter filters[FILTERS_MAX];
    const char *values[FILTERS_MAX][VALUES_MAX];
    const char *ids[IDS_MAX];
    struct arena *arena;
};

/* A time as the seconds that the catalogue compares. */
static int read_time(struct call *c, struct query *to, const char **value)
{
    struct tm t = {0};
    const char *end = strptime(*value, "%Y-%m-%dT%H:%M:%SZ", &t);

    if (!end)
        end = strptime(*value, "%Y-%m-%d %H:%M:%S", &t);
    if (!end || *end)
        return call_error(c, "InvalidParameterValue.InvalidTimeFormat",
                          _("\"%.60s\" is no time such as 2026-11-20T08:00:00Z"), *value);
    *value = arena_printf(to->arena, "%lld", (long long)timegm(&t));
    return 0;
}

static int check_value(struct call *c, struct query *to, enum instance_filter_key key,
                       const char **value)
{
    if (key == INSTANCE_FILTER_ID)
        return instance_check_id(c, *value);
    if (key == INSTANCE_FILTER_SINCE || key == INSTANCE_FILTER_UNTIL)
        return read_time(c, to, value);
    if (key == INSTANCE_FILTER_STATE && instance_state_from_name(*value) < 0)
        return call_error(c, "InvalidParameterValue",
                          _("\"%.60s\" is no state of instances"), *value);
    return 0;
}

static int read_filter(struct call *c, void *arg, const json_t *given)
{
    struct query *to = arg;
    const json_t *values = json_object_get(given, "Values");
    const struct filter_name *name;
    size_t n = to->q.n_filters;
    struct instance_filter *f = &to->filters[n];
    bool all = false;
    int r = 0;

    *f = (struct instance_filter){.key = INSTANCE_FILTER_TAG, .values = to->values[n]};
    if (query_filter(&name, &f->tag, c, given, filter_names, ARRAY_SIZE(filter_names)) <
        0)
        return -1;
    if (name)
        f->key = (enum instance_filter_key)name->key;
    for (; r == 0 && f->n_values < json_array_size(values); f->n_values++) {
        const char **value = &to->values[n][f->n_values];

        *value = json_string_value(json_array_get(values, f->n_values));
        r = check_value(c, to, f->key, value);
        all |= name && name->of_all && strcmp(*value, name->of_all) == 0;
    }
    to->q.n_filters += !all;
    return r;
}

static int read_query(struct call *c, struct query *to)
{
    static const struct query_form form = {
        .ids = "InstanceIds",
        .both = "InvalidParameter",
        .why = N_("InstanceIds and Filters exclude each other"),
        .check_id = instance_check_id,
        .read_filter = read_filter,
    };

    to->q = (struct instance_query){
        .account = c->account.uin,
        .region = c->region->id,
        .ids = to->ids,
        .filters = to->filters,
        .offset = call_int(c, "Offset", 0),
        .limit = call_int(c, "Limit", 20),
    };
    return query_read(c, &form, to->ids, &to->q.n_ids, to);
}

static int list(struct instance_list *ret, struct arena *arena, struct call *c)
{
    AUTO(catalog_put) struct db *db = NULL;
    struct query query = {.arena = arena};
    struct err err = {0};
    int r;

    if (read_query(c, &query) < 0)
        return -1;
    r = catalog_get(&db, c->service->catalog, &err);
    if (r == 0)
        r = instance_list(ret, arena, db, &query.q, &err);
    return call_refused(c, r, &err);
}

int action_describe_instances(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    struct instance_list all;

    if (list(&all, &arena, c) < 0)
        return -1;
    json_out_int(&c->reply, "TotalCount", all.total);
    json_out_begin_list(&c->reply, "InstanceSet");
    for (size_t i = 0; i < all.n; i++)
        instance_write(&c->reply, &all.v[i]);
    json_out_end_list(&c->reply);
    return 0;
}

int action_describe_instances_status(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    struct instance_list all;

    if (list(&all, &arena, c) < 0)
        return -1;
    json_out_int(&c->reply, "TotalCount", all.total);
    json_out_begin_list(&c->reply, "InstanceStatusSet");
    for (size_t i = 0; i < all.n; i++) {
        json_out_begin(&c->reply, NULL);
        json_out_text(&c->reply, "InstanceId", all.v[i].id);
        json_out_text(&c->reply, "InstanceState", instance_state_name(all.v[i].state));
        json_out_end(&c->reply);
    }
    json_out_end_list(&c->reply);
    return 0;
}
