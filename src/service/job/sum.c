/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sum.c: the sum of an image, which copies of it are held against
 *
 * Of what was written as a file, nothing is in memory any more: to read all of it again
 * takes as long as to convert it, and nobody who waits for the image needs the sum. */
#include "service/job/sum.h"

#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/job/deposit.h"

/* ---- the task */

static int sum_blob(char ret[DEPOSIT_SHA256], struct job *j, const char *key,
                    struct job_failure *why, struct err *err)
{
    AUTO(blob_closep) struct blob *blob = NULL;
    struct err local = {0};
    int r = blob_open(&blob, j->service->blobs, key, &local);

    if (r == -ERR_NOTFOUND)
        return job_fail(why, "InternalError", "bytes-missing", "%s",
                        _("the bytes of the image are not in the store"));
    if (r < 0) {
        *err = local;
        return r;
    }
    job_step(j, "sum", j->service->config->store_seconds);
    return deposit_sum(ret, NULL, blob, j, job_progress, err);
}

/* It may go at any time: then nobody needs its sum. */
static int write_end(struct job *j, const char *sha256, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    struct image_change change = IMAGE_CHANGE_NOTHING;
    struct task_end end = {
        .state = TASK_DONE,
        .image = j->task->image,
        .image_from = IMAGE_IN(IMAGE_NORMAL),
        .image_change = &change,
    };
    int r = catalog_get(&db, j->service->catalog, err);

    change.sha256 = sha256;
    if (r == 0 && sha256)
        r = task_finish(db, j->lease, &end, err);
    if (r == REFUSED_NONE || r == REFUSED_STATE || (r == 0 && !sha256))
        r = task_finish(db, j->lease, &(struct task_end){.state = TASK_DONE}, err);
    return r;
}

static int sum_run(struct job *j, struct job_failure *why, struct err *err)
{
    char sha256[DEPOSIT_SHA256];
    struct image image;
    struct db *db;
    int r = catalog_get(&db, j->service->catalog, err);

    if (r < 0)
        return r;
    r = image_get(&image, j->arena, db, j->task->image, false, err);
    catalog_put(&db);
    if (r < 0)
        return r;
    if (r == REFUSED_NONE || image.state != IMAGE_NORMAL || *image.sha256)
        return write_end(j, NULL, err);
    r = sum_blob(sha256, j, image.blob, why, err);
    return r == 0 ? write_end(j, sha256, err) : r;
}

static int sum_end(struct job *j, enum task_state state, const struct job_failure *why,
                   struct err *err)
{
    return job_end(j, &(struct task_end){.image = NULL}, state, why, err);
}

const struct job_kind sum_job = {
    .kind = TASK_SUM,
    .run = sum_run,
    .end = sum_end,
};

/* ---- beginning */

struct finish {
    const struct job *job;
    const struct task_end *end;
};

static int finish(struct db *db, void *arg, struct err *err)
{
    const struct finish *f = arg;
    const struct task *of = f->job->task;
    const char *sha256 = f->end->image_change->sha256;
    int64_t id;
    int r = task_finish(db, f->job->lease, f->end, err);

    if (r != 0 || (sha256 && *sha256))
        return r;
    return task_new(&id, db,
                    &(struct task){
                        .kind = TASK_SUM,
                        .image = of->image,
                        .account = of->account,
                        .region = of->region,
                        .request_id = of->request_id,
                        .step = "sum",
                        .bytes_total = -1,
                    },
                    err);
}

int sum_finish(struct job *j, const struct task_end *end, struct err *err)
{
    return catalog_tx(j->service->catalog, finish, &(struct finish){j, end}, err);
}
