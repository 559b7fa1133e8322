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

enum { PAGE = 100 };

/* ---- the task */

struct end {
    struct job *job;
    const char *sha256; /* NULL: it is not wanted any more */
};

/* The image may go at any time: then nobody needs its sum. */
static int write_end(struct db *db, void *arg, struct err *err)
{
    const struct end *e = arg;
    struct image_change change = IMAGE_CHANGE_NOTHING;
    struct task_end end = {
        .state = TASK_DONE,
        .image = e->job->task->image,
        .image_from = IMAGE_IN(IMAGE_NORMAL),
        .image_change = &change,
    };
    int r;

    change.sha256 = e->sha256;
    r = e->sha256 ? task_finish(db, e->job->lease, &end, err) : REFUSED_NONE;
    if (r == REFUSED_NONE || r == REFUSED_STATE)
        r = task_finish(db, e->job->lease, &(struct task_end){.state = TASK_DONE}, err);
    return r;
}

/* The blob that is to be summed; "" when none is. */
static int wanted(const char **ret, struct job *j, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    struct image image;
    int r = catalog_get(&db, j->service->catalog, err);

    if (r == 0)
        r = image_get(&image, j->arena, db, j->task->image, false, err);
    if (r < 0)
        return r;
    *ret = r == 0 && image.state == IMAGE_NORMAL && !*image.sha256 ? image.blob : "";
    return 0;
}

/* It is not there: is the image still? */
static int blob_missing(struct job *j, struct job_failure *why, struct err *err)
{
    const char *key;
    int r = wanted(&key, j, err);

    if (r < 0)
        return r;
    return *key ? job_fail(why, "InternalError", "bytes-missing", "%s",
                           _("the bytes of the image are not in the store"))
                : job_persist(j, write_end, &(struct end){j, NULL}, err);
}

static int sum_run(struct job *j, struct job_failure *why, struct err *err)
{
    AUTO(blob_closep) struct blob *blob = NULL;
    char sha256[DEPOSIT_SHA256];
    struct err local = {0};
    const char *key;
    int r = wanted(&key, j, err);

    if (r < 0)
        return r;
    if (!*key)
        return job_persist(j, write_end, &(struct end){j, NULL}, err);
    r = blob_open(&blob, j->service->blobs, key, &local);
    if (r == -ERR_NOTFOUND)
        return blob_missing(j, why, err);
    if (r < 0) {
        *err = local;
        return r;
    }
    job_step(j, "sum", j->service->config->store_seconds);
    blob_read_once(blob);
    r = deposit_sum(sha256, NULL, blob, j, job_progress, err);
    return r == 0 ? job_persist(j, write_end, &(struct end){j, sha256}, err) : r;
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

static int begin(struct db *db, const char *image, const char *account,
                 const char *region, const char *request_id, struct err *err)
{
    int64_t id;

    return task_new(&id, db,
                    &(struct task){
                        .kind = TASK_SUM,
                        .image = image,
                        .account = account,
                        .region = region,
                        .request_id = request_id,
                        .step = "sum",
                        .bytes_total = -1,
                    },
                    err);
}

static int finish(struct db *db, void *arg, struct err *err)
{
    const struct finish *f = arg;
    const struct task *of = f->job->task;
    const char *sha256 = f->end->image_change->sha256;
    int r = task_finish(db, f->job->lease, f->end, err);

    if (r != 0 || (sha256 && *sha256))
        return r;
    return begin(db, of->image, of->account, of->region, of->request_id, err);
}

int sum_finish(struct job *j, const struct task_end *end, struct err *err)
{
    return catalog_tx(j->service->catalog, finish, &(struct finish){j, end}, err);
}

/* A page of those that have none: it is theirs that failed, or was given up. */
struct page {
    struct arena arena;
    const char *after;
    const char **ids;
    size_t n;
};

static int begin_page(struct db *db, void *arg, struct err *err)
{
    struct page *p = arg;
    int r = image_without_sum(&p->ids, &p->n, &p->arena, db, p->after, PAGE, err);

    for (size_t i = 0; r == 0 && i < p->n; i++) {
        struct image image;

        r = image_get(&image, &p->arena, db, p->ids[i], true, err);
        if (r == 0)
            r = begin(db, image.id, image.owner, image.region, "", err);
        else if (r == REFUSED_NONE)
            r = 0;
    }
    return r;
}

int sum_all(struct service *s, struct err *err)
{
    AUTO(arena_fini) struct arena arena = {0};
    const char *after = "";
    size_t n;

    do {
        struct page p = {.after = after};
        int r = catalog_tx(s->catalog, begin_page, &p, err);

        n = p.n;
        after = r == 0 && n ? arena_str(&arena, p.ids[n - 1]) : "";
        arena_fini(&p.arena);
        if (r == 0)
            r = arena_check(&arena, err);
        if (r < 0)
            return r;
    } while (n == PAGE);
    return 0;
}
