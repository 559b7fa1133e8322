/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/sweep.h"

#include <string.h>
#include <time.h>

#include "base/scoped.h"
#include "service/job/job.h"
#include "service/journal.h"
#include "store/bucket.h"
#include "store/image.h"

enum { REQUEST_S = 600 }; /* no request takes so long */

struct sweep {
    struct service *service;
    struct db *db;
};

/* Of an attempt of a task: is it still to be used, now or by a later step? */
static int is_wanted(bool *ret, struct sweep *s, const char *key, int64_t id,
                     struct err *err)
{
    AUTO(arena_fini) struct arena arena = {0};
    struct task task;
    int r = task_get(&task, &arena, s->db, NULL, id, err);

    *ret = false;
    if (r < 0)
        return r;
    /* Even an earlier attempt's blob may be the result of a step; the task's end drops
     * the others. */
    if (r == 0 && (task.state == TASK_QUEUED || task.state == TASK_RUNNING)) {
        *ret = true;
        return 0;
    }
    /* The task first: once it has ended no image or object gets its blob any more. */
    r = image_uses_blob(ret, s->db, key, err);
    return r < 0 || *ret ? r : blob_has_row(ret, s->db, key, err);
}

static int sweep_one(void *arg, const char *key, uint64_t size, uint64_t age,
                     struct err *err)
{
    struct sweep *s = arg;
    int64_t id, attempt;
    bool wanted;
    int r;

    (void)size;
    (void)age;
    if (!job_blob_key_parse(&id, &attempt, key))
        return 0;
    r = is_wanted(&wanted, s, key, id, err);
    if (r < 0 || wanted)
        return r;
    journal_message("sweep", NULL, "blob %s belongs to nothing", key);
    return blob_delete(s->service->blobs, key, err);
}

/* A request is over soon; and beside SQLite no other daemon has one. */
static int sweep_checked(void *arg, const char *key, uint64_t size, uint64_t age,
                         struct err *err)
{
    struct sweep *s = arg;
    bool alone = strncmp(s->service->config->catalog, "sqlite:", 7) == 0;
    int64_t made, unique;

    (void)size;
    (void)age; /* that of the object, when the blob is its second name */
    if (!job_blob_key_parse(&made, &unique, key) ||
        (!alone && time(NULL) < made + REQUEST_S))
        return 0;
    return blob_delete(s->service->blobs, key, err);
}

/* Of what a job uploads in parts, another daemon may be at it. */
static uint64_t stale_after(const struct config *c)
{
    const uint64_t stages[] = {c->fetch_seconds, c->convert_seconds, c->store_seconds};
    uint64_t longest = BLOB_STALE_S / 2;

    for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
        if (stages[i] > longest)
            longest = stages[i];
    return 2 * longest;
}

int sweep_run(struct service *service, struct err *err)
{
    static const char *const kinds[] = {"staging/", "image/", "export/"};
    AUTO(catalog_put) struct db *db = NULL;
    struct sweep s = {.service = service};
    int r = catalog_get(&db, service->catalog, err);

    s.db = db;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++)
        r = blob_list(service->blobs, kinds[i], sweep_one, &s, err);
    if (r == 0)
        r = blob_list(service->blobs, SWEEP_CHECKED "/", sweep_checked, &s, err);
    if (r == 0)
        r = blobs_sweep_unfinished(service->blobs, stale_after(service->config), err);
    return r;
}
