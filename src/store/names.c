/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of enums, as they stand in the catalogue and in answers. */
#include <assert.h>
#include <string.h>

#include "base/scoped.h"
#include "store/account.h"
#include "store/image.h"
#include "store/instance.h"
#include "store/message.h"
#include "store/task.h"

static int word_index(const char *const *words, size_t n, const char *name)
{
    for (size_t i = 0; name && i < n; i++)
        if (strcmp(words[i], name) == 0)
            return (int)i;
    return -1;
}

/* X_name(), and X_from_name() with -1 for an unknown word. */
#define NAME_OF(fn, type, words)               \
    const char *fn##_name(type v)              \
    {                                          \
        assert((size_t)v < ARRAY_SIZE(words)); \
        return words[v];                       \
    }
#define NAME_FROM(fn, words)                               \
    int fn##_from_name(const char *name)                   \
    {                                                      \
        return word_index(words, ARRAY_SIZE(words), name); \
    }

const char *refusal_name(int refusal)
{
    static const char *const words[] = {
        [REFUSED_NONE] = "no such thing",
        [REFUSED_STATE] = "wrong state",
        [REFUSED_NAME] = "name taken",
        [REFUSED_QUOTA] = "quota used up",
        [REFUSED_DAY] = "operations of the day used up",
        [REFUSED_SHARED] = "shared",
        [REFUSED_SHARE_LIMIT] = "shared with too many",
        [REFUSED_ACCOUNT] = "no such account",
        [REFUSED_SELF] = "own account",
        [REFUSED_USED] = "used already",
        [REFUSED_LEASE] = "lease lost",
        [REFUSED_BUSY] = "a task works on it",
        [REFUSED_INSTANCE] = "an instance stands on it",
        [REFUSED_FULL] = "no room in the zone",
        [REFUSED_DISK] = "no room for its disk in the zone",
    };

    assert(refusal >= REFUSED_NONE && (size_t)refusal < ARRAY_SIZE(words));
    return words[refusal];
}

static const char *const account_states[] = {"active", "disabled"};
NAME_OF(account_state, enum account_state, account_states)

static const char *const permissions[] = {"none", "asked", "granted", "refused"};
NAME_OF(permission, enum permission, permissions)

static const char *const image_states[] = {
    "CREATING", "NORMAL", "CREATEFAILED", "SYNCING", "IMPORTING", "IMPORTFAILED",
};
NAME_OF(image_state, enum image_state, image_states)
NAME_FROM(image_state, image_states)

static const char *const image_kinds[] = {"custom", "public", "market"};
NAME_OF(image_kind, enum image_kind, image_kinds)
NAME_FROM(image_kind, image_kinds)

static const char *const image_views[] = {
    "PRIVATE_IMAGE",
    "PUBLIC_IMAGE",
    "SHARED_IMAGE",
    "MARKET_IMAGE",
};
NAME_OF(image_view, enum image_view, image_views)
NAME_FROM(image_view, image_views)

static const char *const image_sources[] = {
    "OFFICIAL",
    "CREATE_IMAGE",
    "EXTERNAL_IMPORT",
};
NAME_OF(image_source, enum image_source, image_sources)
NAME_FROM(image_source, image_sources)

static const char *const publish_states[] = {
    "", "submitted", "reviewed", "published", "refused",
};
NAME_OF(publish_state, enum publish_state, publish_states)
NAME_FROM(publish_state, publish_states)

static const char *const task_kinds[] = {
    "import", "export", "copy", "recheck", "sum", "instance", "create",
};
NAME_OF(task_kind, enum task_kind, task_kinds)
NAME_FROM(task_kind, task_kinds)

static const char *const task_states[] = {
    "QUEUED", "RUNNING", "DONE", "FAILED", "CANCELED",
};
NAME_OF(task_state, enum task_state, task_states)
NAME_FROM(task_state, task_states)

static const char *const channels[] = {"mail", "sms", "webhook"};
NAME_OF(channel, enum channel, channels)
NAME_FROM(channel, channels)

static const char *const instance_states[] = {
    "PENDING",  "LAUNCH_FAILED", "RUNNING",   "STOPPED",
    "STARTING", "STOPPING",      "REBOOTING", "TERMINATING",
};
NAME_OF(instance_state, enum instance_state, instance_states)
NAME_FROM(instance_state, instance_states)

static const char *const operation_states[] = {"", "OPERATING", "SUCCESS", "FAILED"};
NAME_OF(operation_state, enum operation_state, operation_states)
