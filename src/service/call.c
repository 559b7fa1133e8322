/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "rules/profile.h"
#include "service/journal.h"
#include "store/share.h"

int call_error(struct call *c, const char *code, const char *fmt, ...)
{
    va_list ap;

    if (*c->code)
        return -(int)ERR_ARG;
    snprintf(c->code, sizeof c->code, "%s", code);
    va_start(ap, fmt);
    vsnprintf(c->message, sizeof c->message, fmt, ap);
    va_end(ap);
    return -(int)ERR_ARG;
}

/* "", or " Please ask <support>." */
static void fail(struct call *c, int64_t task, const struct err *err)
{
    const char *support = c->service->config->support;
    char which[64];

    journal_message("failure", err, "request %s, action %s, task %" PRId64, c->request_id,
                    c->action ? c->action->name : "", task);
    if (*c->code)
        return;
    if (task)
        snprintf(which, sizeof which, _("task %lld"), (long long)task);
    else
        snprintf(which, sizeof which, _("request %.36s"), c->request_id);
    if (*support)
        call_error(c, "InternalError", _("the service failed at %s; please tell %s"),
                   which, support);
    else
        call_error(c, "InternalError", _("the service failed at %s"), which);
}

int call_fail(struct call *c, const struct err *err)
{
    fail(c, 0, err);
    return -(int)ERR_IO;
}

int call_fail_task(struct call *c, int64_t task, const struct err *err)
{
    fail(c, task, err);
    return -(int)ERR_IO;
}

const char *call_text(const struct call *c, const char *name)
{
    return json_string_value(json_object_get(c->params, name));
}

int64_t call_int(const struct call *c, const char *name, int64_t otherwise)
{
    const json_t *v = json_object_get(c->params, name);

    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool call_bool(const struct call *c, const char *name)
{
    return json_is_true(json_object_get(c->params, name));
}

bool call_has(const struct call *c, const char *name)
{
    const json_t *v = json_object_get(c->params, name);

    return v && !json_is_null(v);
}

const json_t *call_list(const struct call *c, const char *name)
{
    const json_t *v = json_object_get(c->params, name);

    return json_is_array(v) ? v : NULL;
}

size_t call_count(const struct call *c, const char *name)
{
    return json_array_size(call_list(c, name));
}

const char *call_text_at(const struct call *c, const char *name, size_t i)
{
    return json_string_value(json_array_get(call_list(c, name), i));
}

int call_count_operation(struct call *c, struct db *db, struct err *err)
{
    uint64_t limit = profile_service(c->service->profile)->operations_per_day;

    if (!(c->action->flags & ACTION_DAILY) || limit == 0 || call_bool(c, "DryRun"))
        return 0;
    return day_op_use(db, c->account.uin, c->region->id, (int64_t)limit, err);
}

static int64_t quota(int64_t own, uint64_t profile)
{
    if (own >= 0)
        return own;
    return profile > 0 ? (int64_t)profile : INT64_MAX;
}

int64_t call_image_quota(const struct call *c)
{
    return quota(c->account.image_quota,
                 profile_service(c->service->profile)->images_per_region);
}

int64_t call_share_quota(const struct call *c)
{
    return quota(c->account.share_quota,
                 profile_service(c->service->profile)->shares_per_image);
}

int call_check_image_id(struct call *c, const char *id)
{
    if (strncmp(id, "img-", 4) == 0 && strlen(id) == 12 &&
        strspn(id + 4, "0123456789abcdefghijklmnopqrstuvwxyz") == 8)
        return 0;
    return call_error(c, "InvalidImageId.Malformed", _("\"%.60s\" is no image id"), id);
}

int call_refused(struct call *c, int r, const struct err *err)
{
    if (r == 0)
        return 0;
    if (r < 0)
        return *c->code ? r : call_fail(c, err);
    switch ((enum refusal)r) {
    case REFUSED_NONE:
        return call_error(c, "InvalidImageId.NotFound", _("there is no such image"));
    case REFUSED_STATE:
        return call_error(c, "InvalidImageId.IncorrectState",
                          _("the state of the image does not allow it"));
    case REFUSED_NAME:
        return call_error(c, "InvalidImageName.Duplicate",
                          _("another image has this name"));
    case REFUSED_QUOTA:
        return call_error(c, "ImageQuotaLimitExceeded",
                          _("the account has as many images here as it may have"));
    case REFUSED_DAY:
        return call_error(c, "LimitExceeded",
                          _("the operations of this day are used up in this region"));
    case REFUSED_SHARED:
        return call_error(c, "InvalidImageId.InShared", _("the image is shared"));
    case REFUSED_SHARE_LIMIT:
        return call_error(c, "OverQuota",
                          _("the image is shared with as many accounts as it may be"));
    case REFUSED_ACCOUNT:
        return call_error(c, "InvalidAccountId.NotFound", _("there is no such account"));
    case REFUSED_SELF:
        return call_error(c, "FailedOperation.AccountIsYourSelf",
                          _("this is your own account"));
    case REFUSED_BUSY:
        return call_error(c, "MutexOperation.TaskRunning",
                          _("a task works on the image"));
    case REFUSED_INSTANCE:
        return call_error(c, "InvalidImageId.IncorrectState",
                          _("the disk of an instance stands on the image"));
    case REFUSED_USED:
    case REFUSED_LEASE:
    case REFUSED_FULL:
    case REFUSED_DISK:
        break;
    }
    return call_fail(c, err);
}
