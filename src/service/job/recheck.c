/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/recheck.h"

#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/job/deposit.h"
#include "service/job/library.h"
#include "service/job/tell.h"
#include "service/job/verdict.h"
#include "service/journal.h"

enum {
    PAGE = 100,
    SOURCES_MAX = 16, /* copies of copies */
};

static void json_freep(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

/* ---- what was asked for when it was imported */

/* Of the import that it, or what it is a copy of, came from: as tasks tell it, which stay
 * when an image goes. */
static int was_forced(bool *ret, struct job *j, struct db *db, const char *image,
                      struct err *err)
{
    *ret = false;
    for (unsigned n = 0; n < SOURCES_MAX && *image; n++) {
        AUTO(json_freep) json_t *params = NULL;
        struct task_query q = {
            .image = image,
            .kinds = TASK_OF(TASK_IMPORT) | TASK_OF(TASK_COPY),
            .limit = 1,
        };
        struct task_list list;
        int r = task_list(&list, j->arena, db, &q, err);

        if (r < 0 || list.n == 0)
            return r;
        params = json_loads(list.v[0].params, 0, NULL);
        if (list.v[0].kind == TASK_IMPORT) {
            *ret = json_is_true(json_object_get(params, "force"));
            return 0;
        }
        image = arena_str(j->arena, job_text(params, "source"));
    }
    return arena_check(j->arena, err);
}

/* ---- the check */

static int check(json_t **ret, struct job *j, const struct image *image, bool force,
                 int fd, struct err *err)
{
    return library_check(ret, j,
                         &(struct imgport_check_options){
                             .source = {.path = image->id, .is_open = true, .fd = fd},
                             .force = force,
                             .os_type = image->os_type,
                             .os_version = image->os_version,
                             .arch = image->architecture,
                             .license = image->license,
                             .language = j->account->language,
                         },
                         err);
}

static int read_bytes(json_t **ret, struct job *j, const struct image *image, bool force,
                      struct job_failure *why, struct err *err)
{
    AUTO(deposit_file_close) struct deposit_file file = DEPOSIT_FILE_NONE;
    struct err local = {0};
    int r;

    job_step(j, "check", j->service->config->check_seconds);
    r = *image->blob ? deposit_open(&file, j, image->blob, &local) : -ERR_NOTFOUND;
    if (r == -ERR_NOTFOUND)
        return job_fail(why, "InternalError", "bytes-missing", "%s",
                        _("the bytes of the image are not in the store"));
    if (r < 0) {
        *err = local;
        return r;
    }
    return check(ret, j, image, force, file.fd, err);
}

/* ---- the end */

/* It went meanwhile, or nothing is to be said of it. */
static int end_plainly(struct job *j, struct db *db, struct err *err)
{
    return task_finish(db, j->lease, &(struct task_end){.state = TASK_DONE}, err);
}

static const char *word(const json_t *report, const char *name, const char *otherwise)
{
    const char *s = json_string_value(json_object_get(report, name));

    return s ? s : otherwise;
}

/* An image without a report was accepted by whoever made it. */
static bool is_other(const char *before, const json_t *now)
{
    AUTO(json_freep) json_t *old = before ? json_loads(before, 0, NULL) : NULL;

    return strcmp(word(old, "verdict", "accepted"), word(now, "verdict", "")) != 0 ||
           strcmp(word(old, "code", ""), word(now, "code", "")) != 0;
}

static int write_end(struct job *j, const struct image *image, const json_t *report,
                     const struct job_failure *why, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    AUTO(freep) char *text = json_dumps(report, JSON_COMPACT);
    struct image_change change = IMAGE_CHANGE_NOTHING;
    const char *before = NULL;
    struct message_new message;
    struct task_end end = {
        .state = TASK_DONE,
        .image = image->id,
        .image_from = IMAGE_IN(IMAGE_NORMAL),
        .image_change = &change,
        .report = text,
        .messages = &message,
    };
    int r = text ? catalog_get(&db, j->service->catalog, err)
                 : FAIL(err, ERR_NOMEM, "report");

    if (r == 0)
        r = image_get_report(&before, j->arena, db, image->id, err);
    if (r < 0)
        return r;
    change.profile = j->service->profile_id;
    if (is_other(r == 0 ? before : NULL, report)) {
        end.n_messages = 1;
        r = tell_recheck(&message, j, image->name, why, report, err);
        if (r < 0)
            return r;
    }
    r = task_finish(db, j->lease, &end, err);
    return r == REFUSED_NONE || r == REFUSED_STATE ? end_plainly(j, db, err) : r;
}

static int judge(struct job *j, const struct image *image, bool force,
                 struct job_failure *why, struct err *err)
{
    AUTO(json_freep) json_t *report = NULL;
    int r = read_bytes(&report, j, image, force, why, err);

    if (r == 0)
        r = verdict_judge(report, why);
    /* What could not be looked at is not judged. */
    if (r != 0 && strcmp(word(report, "verdict", "undecided"), "undecided") == 0)
        return r;
    return write_end(j, image, report, r == JOB_FAILED ? why : NULL, err);
}

static int recheck_run(struct job *j, struct job_failure *why, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    struct image image;
    bool force;
    int r = catalog_get(&db, j->service->catalog, err);

    if (r == 0)
        r = image_get(&image, j->arena, db, j->task->image, false, err);
    if (r == REFUSED_NONE || (r == 0 && image.state != IMAGE_NORMAL))
        return end_plainly(j, db, err);
    if (r == 0)
        r = was_forced(&force, j, db, image.id, err);
    /* There are few connections, and the check is long. */
    catalog_put(&db);
    return r == 0 ? judge(j, &image, force, why, err) : r;
}

static int recheck_end(struct job *j, enum task_state state,
                       const struct job_failure *why, struct err *err)
{
    return job_end(j, &(struct task_end){.image = NULL}, state, why, err);
}

const struct job_kind recheck_job = {
    .kind = TASK_RECHECK,
    .run = recheck_run,
    .end = recheck_end,
};

/* ---- beginning */

int recheck_begin(int64_t *ret_task, struct db *db, const struct service *s,
                  const struct image *image, const char *request_id, struct err *err)
{
    AUTO(arena_fini) struct arena arena = {0};
    struct task_query q = {
        .image = image->id,
        .kinds = TASK_OF(TASK_RECHECK),
        .states = TASK_IN_OPEN,
        .limit = 1,
    };
    struct task task = {
        .kind = TASK_RECHECK,
        .image = image->id,
        .account = image->owner,
        .region = image->region,
        .request_id = request_id,
        .step = "check",
        .bytes_total = -1,
        .profile = s->profile_id,
    };
    struct task_list list;
    int r = task_list(&list, &arena, db, &q, err);

    if (r == 0 && list.n > 0) {
        *ret_task = list.v[0].id;
        return 0;
    }
    return r == 0 ? task_new(ret_task, db, &task, err) : r;
}

struct beginning {
    struct service *service;
    const char *id;
};

static int begin_one(struct db *db, void *arg, struct err *err)
{
    const struct beginning *b = arg;
    AUTO(arena_fini) struct arena arena = {0};
    struct image image;
    int64_t task;
    int r = image_get(&image, &arena, db, b->id, true, err);

    if (r == REFUSED_NONE ||
        (r == 0 && (image.state != IMAGE_NORMAL ||
                    strcmp(image.profile, b->service->profile_id) == 0)))
        return 0;
    return r == 0 ? recheck_begin(&task, db, b->service, &image, "", err) : r;
}

static int begin_page(char after[IMAGE_ID_SIZE], size_t *ret_n, struct service *s,
                      struct err *err)
{
    AUTO(arena_fini) struct arena arena = {0};
    AUTO(catalog_put) struct db *db = NULL;
    const char **ids = NULL;
    int r = catalog_get(&db, s->catalog, err);

    *ret_n = 0;
    if (r == 0)
        r = image_judged_otherwise(&ids, ret_n, &arena, db, s->profile_id, after, PAGE,
                                   err);
    catalog_put(&db);
    for (size_t i = 0; r == 0 && i < *ret_n; i++) {
        r = catalog_tx(s->catalog, begin_one, &(struct beginning){s, ids[i]}, err);
        snprintf(after, IMAGE_ID_SIZE, "%s", ids[i]);
    }
    return r;
}

int recheck_all(struct service *s, struct err *err)
{
    char after[IMAGE_ID_SIZE] = "";
    size_t n, all = 0;
    int r;

    do {
        r = begin_page(after, &n, s, err);
        if (r < 0)
            return r;
        all += n;
    } while (n == PAGE);
    if (all)
        journal_message("recheck", NULL, "%zu images were judged by other rules than %s",
                        all, s->profile_id);
    return 0;
}
