/* SPDX-License-Identifier: GPL-2.0-or-later */
/* call.h: one call of an action, with no sockets inside
 *
 * A call arrives here with its signature verified and its parameters checked against
 * their table (params.h): required ones are there, none is unknown, types and limits
 * hold.  An action is a function
 *
 *     int action_delete_images(struct call *c)
 *     {
 *         if (...)
 *             return call_error(c, "InvalidImageId.InShared", "...", id);
 *         json_out_int(&c->reply, "TotalCount", n);        members of "Response"
 *         return 0;
 *     }
 *
 * run with the language of the request in use (base/i18n.h), on a worker thread when its
 * row in actions.def says ACTION_SLOW, else in the event loop, where it may read the
 * catalogue but not write.  To add an action: its row in actions.def, its parameters in
 * params.c, the function, the tests. */
#pragma once

#include <stdarg.h>

#include <jansson.h>

#include "service/config.h"
#include "service/json_out.h"
#include "store/catalog.h"

struct blobs;
struct host;
struct jobs;
struct metrics;
struct notices;
struct zone_lease;
struct profile;

/* The versions that are served: the vendor's, and that of our own actions. */
#define VERSION_CVM "2017-03-12"
#define VERSION_OWN "2026-11-20"

/* What every action can reach.  Immutable once serving, any thread; the parts lock by
 * their own rules. */
struct service {
    const struct config *config;
    const struct profile *profile;
    const char *profile_id; /* its name and version: what images are judged by */
    struct catalog *catalog;
    struct blobs *blobs;
    struct zone_lease *zone; /* NULL: no instances run here */
    struct host *host;       /* likewise */
    struct jobs *jobs;       /* NULL: none run here */
    struct notices *notices; /* likewise */
    struct metrics *metrics;
};

enum { CALL_CODE_MAX = 80, CALL_MESSAGE_MAX = 512 };

struct call {
    struct service *service;
    const char *request_id;
    const struct action *action;
    const struct config_region
        *region;               /* NULL: the action takes none and none was named */
    bool zh;                   /* the language of the answer */
    struct key_holder account; /* who asks: a copy */
    const json_t *params;      /* an object; absent optional ones are absent */

    struct json_out reply;    /* open object: "Response" */
    char code[CALL_CODE_MAX]; /* "": no error */
    char message[CALL_MESSAGE_MAX];
};

/* Sets the error that is answered, and returns a negative number: the first one stays. */
int call_error(struct call *c, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for what failed on our side: InternalError with the support contact; the
 * error's own words go to the log only. */
int call_fail(struct call *c, const struct err *err);
/* And for what failed in a task: the message names it, so that support can find it. */
int call_fail_task(struct call *c, int64_t task, const struct err *err);

/* A parameter that the table has checked.  Absent: NULL, `otherwise`, false, 0 members.
 */
const char *call_text(const struct call *c, const char *name);
int64_t call_int(const struct call *c, const char *name, int64_t otherwise);
bool call_bool(const struct call *c, const char *name);
bool call_has(const struct call *c, const char *name);
size_t call_count(const struct call *c, const char *name);
const char *call_text_at(const struct call *c, const char *name, size_t i);
const json_t *call_list(const struct call *c, const char *name);

/* Inside the transaction of an action that is ACTION_DAILY: one more operation of the
 * day, where the profile limits them and the call is no DryRun.  0, REFUSED_DAY or
 * negative. */
int call_count_operation(struct call *c, struct db *db, struct err *err);
/* How many images the account may have in a region, and with how many accounts it may
 * share one; INT64_MAX: no limit. */
int64_t call_image_quota(const struct call *c);
int64_t call_share_quota(const struct call *c);
/* The form of an id: InvalidImageId.Malformed. */
int call_check_image_id(struct call *c, const char *id);
/* What a function of the catalogue gave: 0 stays 0, a refusal that the action did not
 * answer itself becomes the code that fits most actions, what failed becomes call_fail().
 */
int call_refused(struct call *c, int r, const struct err *err);

enum action_flag {
    ACTION_SLOW = 1 << 0,      /* writes: runs on a worker thread */
    ACTION_NO_REGION = 1 << 1, /* Region may be absent */
    ACTION_DAILY = 1 << 2,     /* counts among the operations of a day, unless DryRun */
    ACTION_OPERATOR = 1 << 3,  /* for the operator's accounts only */
};

struct param;

struct action {
    const char *name;
    const char *version;
    unsigned flags;             /* enum action_flag */
    const struct param *params; /* ends in a row without a name */
    int (*run)(struct call *c);
};

/* NULL: no such action in that version. */
const struct action *action_find(const char *name, const char *version);
const struct action *action_at(size_t i); /* NULL past the end */
