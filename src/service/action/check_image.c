/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CheckImage: what an import of this link would come to, without one.  The object is read
 * as a task would read it and judged by the sandboxed worker; nothing is kept, and a link
 * of ours that serves once is not spent.
 *
 * Who calls waits for the answer, so time is short; and a thread waits with it, so there
 * are few at once. */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/action/action.h"
#include "service/job/deposit.h"
#include "service/job/fetch.h"
#include "service/job/library.h"
#include "service/job/sweep.h"
#include "service/job/verdict.h"

enum {
    CHECK_S = 50,   /* SDKs wait for 60 */
    CHECKS_MAX = 4, /* at once in this daemon */
};

static atomic_uint checks;

static void leave(const bool *entered)
{
    if (*entered)
        atomic_fetch_sub(&checks, 1);
}

static int judge(json_t **ret, struct call *c, struct job *j, const char *key,
                 struct err *err)
{
    AUTO(deposit_file_close) struct deposit_file file = DEPOSIT_FILE_NONE;
    int r = deposit_open(&file, j, key, err);

    if (r < 0)
        return r;
    return library_check(
        ret, j,
        &(struct imgport_check_options){
            .source = {.path = call_text(c, "ImageUrl"), .is_open = true, .fd = file.fd},
            .force = call_bool(c, "Force"),
            .os_type = call_text(c, "OsType"),
            .os_version = call_text(c, "OsVersion"),
            .arch = call_text(c, "Architecture"),
            .license = call_text(c, "LicenseType"),
            .language = c->zh ? "zh" : "en",
        },
        err);
}

static int make_key(char ret[BLOB_KEY_MAX], struct err *err)
{
    uint32_t unique = 0;

    if (getrandom(&unique, sizeof unique, 0) != sizeof unique)
        return FAIL_SYS(err, errno, "random key");
    snprintf(ret, BLOB_KEY_MAX, SWEEP_CHECKED "/%lld-%" PRIu32 "-0",
             (long long)time(NULL), unique);
    return 0;
}

static int read_and_judge(json_t **ret, struct call *c, struct job *j,
                          struct job_failure *why, struct err *err)
{
    char key[BLOB_KEY_MAX];
    struct fetched got;
    int r = make_key(key, err);

    if (r == 0)
        r = fetch_object(&got, j, call_text(c, "ImageUrl"), c->region, key, why, err);
    if (r != 0)
        return r;
    r = judge(ret, c, j, key, err);
    (void)blob_delete(c->service->blobs, key, NULL); /* what stays is swept */
    return r;
}

static int answer(struct call *c, const json_t *report, const struct job_failure *why)
{
    AUTO(freep) char *text = report ? json_dumps(report, JSON_COMPACT) : NULL;
    const char *verdict = json_string_value(json_object_get(report, "verdict"));
    struct json_out *o = &c->reply;

    if (!verdict) /* it could not be read: a link that is wrong, or time */
        verdict = strcmp(why->reason, "InternalError") == 0 ? "undecided" : "refused";
    json_out_text(o, "Verdict", verdict);
    json_out_text(o, "Code", *why->reason ? why->reason : NULL);
    json_out_text(o, "SubCause", why->sub_cause);
    json_out_text(o, "Detail", why->detail);
    json_out_raw(o, "Report", text);
    return 0;
}

static int check(struct call *c, struct job *j)
{
    json_auto_t *report = NULL;
    struct job_failure why = {.reason = ""};
    struct err err = {0};
    int r = read_and_judge(&report, c, j, &why, &err);

    if (r < 0 && job_stopped(j) == JOB_LATE)
        r = job_fail(&why, "InternalError", "time-limit",
                     _("it takes more than %d seconds, which an import would have"),
                     CHECK_S);
    if (r == 0)
        r = verdict_judge(report, &why);
    return r < 0 ? call_fail(c, &err) : answer(c, report, &why);
}

int action_check_image(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {0};
    AUTO(leave) bool entered = atomic_fetch_add(&checks, 1) < CHECKS_MAX;
    struct job_pulse pulse = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .done = -1, .total = -1, .sync_percent = -1};
    struct job j = {.service = c->service, .arena = &arena, .pulse = &pulse};

    if (!entered) {
        atomic_fetch_sub(&checks, 1);
        return call_error(c, "RequestLimitExceeded",
                          _("%d images are being checked already: try it later"),
                          CHECKS_MAX);
    }
    job_step(&j, "check", CHECK_S);
    return check(c, &j);
}
