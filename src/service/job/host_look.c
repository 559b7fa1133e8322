/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking after the machines of a host: what they say, and that those that are told to
 * run do. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/scoped.h"
#include "service/job/host_parts.h"
#include "service/job/instance.h"
#include "service/job/job.h"
#include "service/job/zone_lease.h"
#include "service/journal.h"
#include "store/task.h"

enum {
    LOOK_MS = 1000,    /* between two looks at all machines */
    TELL_MS = 60000,   /* between two words on a disk that fails */
    RETRY_MS = 5000,   /* between two tries to let a machine go on */
    SETTLED_MS = 2000, /* after one it goes on, or stands still again */
    LEFT_MS = 10000,   /* between two looks for instances that were given up */
    SILENT_MS = 1000,  /* a look that takes longer, and in vain, holds up the others */
    AWAY_MS = 5000,    /* between two looks at such a machine; each time twice as long */
    AWAY_MAX_MS = 60000,
    ROOM_MIN = 64 << 20, /* bytes: with less no machine is tried */
    LIST_MAX = 100,      /* rows of the catalogue at once */
};

/* ---- what is wrong, said when it changes */

struct host_trouble {
    struct host_trouble *next;
    char id[INSTANCE_ID_SIZE]; /* "": of the look at all of them */
    char said[ERR_MSG_MAX];
    bool left;  /* of one that was given up: those are not in each look */
    bool still; /* in the look under way */
    /* Of a machine that does not answer, whose looks are put off; 0: they are not. */
    int64_t again, pause; /* CLOCK_MONOTONIC, ms; ms */
    int64_t changes;      /* of its row: another machine may run by now */
};

/* NULL: nothing is wrong with it. */
static struct host_trouble *note(struct host *h, const char *id, const struct err *wrong)
{
    struct host_trouble **at = &h->troubles, *t;

    while (*at && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    t = *at;
    if (!wrong && t) {
        journal_message("instance-answers", NULL, "%s: as it should be again",
                        *id ? id : "the instances");
        *at = t->next;
        free(t);
    }
    if (!wrong)
        return NULL;
    if (!t) {
        t = *at = calloc(1, sizeof *t);
        if (t)
            snprintf(t->id, sizeof t->id, "%s", id);
    }
    if (!t || strcmp(t->said, wrong->msg) != 0)
        journal_message("instance-trouble", wrong, "%s",
                        *id ? id : "the instances were not looked at");
    if (t) {
        snprintf(t->said, sizeof t->said, "%s", wrong->msg);
        t->still = true;
        t->left = false;
    }
    return t;
}

static void note_left(struct host *h, const char *id, const struct err *wrong)
{
    struct host_trouble *t = note(h, id, wrong);

    if (t)
        t->left = true;
}

/* Those that nobody looks at any more.  left: those that were given up were looked at. */
static void forget_troubles(struct host *h, bool left)
{
    struct host_trouble **at = &h->troubles;

    while (*at) {
        struct host_trouble *t = *at;

        if (t->still || (t->left && !left)) {
            t->still = false;
            at = &t->next;
        } else {
            *at = t->next;
            free(t);
        }
    }
}

void host_look_fini(struct host *h)
{
    while (h->troubles) {
        struct host_trouble *t = h->troubles;

        h->troubles = t->next;
        free(t);
    }
}

/* ---- one machine */

/* Has it been so long since?  Then it is now. */
static bool is_time(int64_t *at, int64_t ms)
{
    int64_t now = job_now_ms();

    if (*at && now - *at < ms)
        return false;
    *at = now;
    return true;
}

/* The machine that the caller holds. */
static struct guest *guest_of(struct host *h, const struct machine *m)
{
    struct guest *found = NULL;

    pthread_mutex_lock(&h->lock);
    for (size_t k = 0; k < h->n_guests; k++)
        if (h->guests[k]->machine == m)
            found = h->guests[k];
    pthread_mutex_unlock(&h->lock);
    return found;
}

/* What the machine has said; a helper that died is replaced on the way.  Of its disk once
 * a minute: a guest may read a bad sector without end. */
static int listen_to(bool *ret_gone, struct guest *g, struct machine *m, const char *id,
                     struct err *err)
{
    struct machine_event e;
    int r;

    *ret_gone = false;
    while ((r = machine_next_event(&e, m, err)) > 0) {
        *ret_gone |= e.kind == MACHINE_GONE;
        if (e.kind == MACHINE_DISK_ERROR && is_time(&g->told, TELL_MS))
            journal_message("instance-trouble", NULL, "%s: its disk fails", id);
    }
    return r;
}

/* ---- no room for its disk */

static bool has_room(const struct host *h)
{
    struct statvfs fs;

    return statvfs(h->folder, &fs) == 0 &&
           (uint64_t)fs.f_bavail * fs.f_frsize >= ROOM_MIN;
}

/* What the row says of it; the log hears of it when that changes.  REFUSED_STATE:
 * something else happened to it since. */
static int say_stalled(struct db *db, const struct instance *i, bool stalled,
                       struct err *err)
{
    struct instance_change change = INSTANCE_CHANGE_NOTHING;
    int r;

    if (i->stalled == stalled)
        return 0;
    change.stalled = stalled;
    r = instance_seen(db, i, &change, err);
    if (r == 0)
        journal_message(stalled ? "instance-stalled" : "instance-goes-on", NULL,
                        stalled ? "%s stands still: there is no room for what its disk "
                                  "takes"
                                : "%s goes on: there is room for its disk again",
                        i->id);
    return r;
}

/* No task has come to it since the look began. */
static int is_idle(bool *ret, struct db *db, const struct instance *i,
                   struct arena *arena, struct err *err)
{
    struct instance now;
    int r = instance_get(&now, arena, db, NULL, NULL, i->id, false, err);

    *ret = r == 0 && !now.task && now.state == INSTANCE_RUNNING;
    return r < 0 ? r : 0;
}

/* It tries what it could not write again when it goes on, so nothing is lost.  One that a
 * task works on is left to that: it may read the disk. */
static int look_for_room(struct host *h, struct db *db, struct guest *g,
                         const struct instance *i, enum machine_state state,
                         struct arena *arena, struct err *err)
{
    bool idle = false;
    int r;

    if (state != MACHINE_FULL) {
        if (g->retried && job_now_ms() - g->retried < SETTLED_MS)
            return 0;
        r = say_stalled(db, i, false, err);
        return r < 0 ? r : 0;
    }
    r = say_stalled(db, i, true, err);
    if (r == 0 && !i->task && has_room(h) && is_time(&g->retried, RETRY_MS))
        r = is_idle(&idle, db, i, arena, err);
    if (r == 0 && idle)
        r = machine_resume(g->machine, err);
    return r < 0 ? r : 0;
}

/* The task that makes an image of it may have powered it off, until it has its copy. */
static int may_be_off(bool *ret, struct db *db, const struct instance *i,
                      struct arena *arena, struct err *err)
{
    struct task task;
    int r;

    *ret = false;
    if (!i->task)
        return 0;
    r = task_get(&task, arena, db, NULL, i->task, err);
    if (r == 0)
        *ret = task.kind != TASK_CREATE || (strcmp(task.step, CREATE_CONVERT) != 0 &&
                                            strcmp(task.step, CREATE_FINISH) != 0);
    return r < 0 ? r : 0;
}

/* Has what does not answer ended?  That is heard without a question. */
static bool has_ended(struct host *h, const char *id)
{
    struct guest *g = host_known(h, id);
    struct pollfd p = {.events = POLLIN};
    bool gone = false;

    if (!g)
        return false;
    p.fd = machine_event_fd(g->machine);
    if (poll(&p, 1, 0) > 0)
        listen_to(&gone, g, g->machine, id, NULL);
    host_give(h, g->machine);
    return gone;
}

/* One that does not answer takes its whole time at each look: it is asked less often. */
static bool is_put_off(struct host *h, const struct instance *i)
{
    struct host_trouble *t = h->troubles;

    while (t && strcmp(t->id, i->id) != 0)
        t = t->next;
    if (!t || t->changes != i->changes || job_now_ms() >= t->again || has_ended(h, i->id))
        return false;
    t->still = true;
    return true;
}

static void put_off(struct host_trouble *t, const struct instance *i, bool silent)
{
    bool again = silent && t->pause && t->changes == i->changes;

    t->pause = !silent ? 0 : again ? t->pause * 2 : AWAY_MS;
    if (t->pause > AWAY_MAX_MS)
        t->pause = AWAY_MAX_MS;
    t->again = job_now_ms() + t->pause;
    t->changes = i->changes;
}

/* The catalogue says that it runs.  *silent: it was waited for, in vain. */
static int look_at(bool *silent, struct host *h, struct db *db, const struct instance *i,
                   struct arena *arena, struct err *err)
{
    struct instance_change change = INSTANCE_CHANGE_NOTHING;
    struct machine_status status;
    struct machine *m;
    int64_t began;
    bool may, gone;
    /* Before the look: a task that goes on afterwards has started it again. */
    int r = may_be_off(&may, db, i, arena, err);

    began = job_now_ms();
    if (r == 0)
        r = host_take_seen(&m, &status, h, i, err);
    *silent = job_now_ms() - began >= SILENT_MS;
    if (r > 0) {
        struct guest *g = guest_of(h, m);

        r = listen_to(&gone, g, m, i->id, err);
        if (r == 0)
            r = look_for_room(h, db, g, i, status.state, arena, err);
        host_give(h, m);
        if (r == 0 && status.state == MACHINE_BROKEN)
            r = FAIL(err, ERR_IO, "the machine stands still: %s", status.word);
        return r;
    }
    if (r < 0 || may)
        return r;
    /* REFUSED_STATE: something else happened meanwhile, which knows better. */
    change.state = INSTANCE_STOPPED;
    change.stalled = 0;
    r = instance_seen(db, i, &change, err);
    if (r == 0)
        journal_message("instance-stopped", NULL, "%s does not run any more", i->id);
    return r < 0 ? r : 0;
}

/* ---- all of them */

static int look_at_all(struct host *h, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    AUTO(arena_fini) struct arena arena = {0};
    struct instance_query q = {.zone = h->service->config->zone,
                               .states = INSTANCE_IN(INSTANCE_RUNNING),
                               .limit = LIST_MAX};
    struct instance_list list;
    int r = catalog_get(&db, h->service->catalog, err);

    do {
        if (r == 0)
            r = instance_list(&list, &arena, db, &q, err);
        if (r < 0)
            return r;
        for (size_t k = 0; k < list.n; k++) {
            const struct instance *i = &list.v[k];
            struct host_trouble *t;
            struct err one = {0};
            bool silent = false;

            if (is_put_off(h, i))
                continue;
            r = look_at(&silent, h, db, i, &arena, &one);
            t = note(h, i->id, r < 0 ? &one : NULL);
            if (t)
                put_off(t, i, silent);
        }
        r = 0;
        q.offset += LIST_MAX;
    } while (q.offset < list.total);
    return 0;
}

/* Those that were given up while this host was away. */
static int clear_left(struct host *h, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    AUTO(arena_fini) struct arena arena = {0};
    struct instance_left *list = NULL;
    size_t n = 0;
    int r = catalog_get(&db, h->service->catalog, err);

    if (r == 0)
        r = instance_left_list(&list, &n, &arena, db, h->service->config->zone, err);
    for (size_t k = 0; r == 0 && k < n; k++) {
        struct err one = {0};

        r = host_clear(h, list[k].id, &one);
        note_left(h, list[k].id, r < 0 ? &one : NULL);
        /* Somebody may be at the blob for hours: another time. */
        if (r == 0 && (list[k].cleared || host_base_try_drop(h, list[k].blob)))
            r = instance_left_cleared(db, list[k].id, err);
        else
            r = 0;
    }
    return r;
}

int host_look(struct host *h, struct err *err)
{
    bool left;
    int r = 0;

    if (!zone_lease_held(h->service->zone))
        return 0;
    left = is_time(&h->left, LEFT_MS);
    if (left)
        r = clear_left(h, err);
    if (r == 0)
        r = look_at_all(h, err);
    if (r == 0)
        forget_troubles(h, left);
    return r;
}

/* Until a machine says something, or for a while. */
static void wait_for_word(struct host *h)
{
    AUTO(freep) struct pollfd *fds = NULL;
    nfds_t n = 1;

    pthread_mutex_lock(&h->lock);
    fds = calloc(h->n_guests + 1, sizeof *fds);
    for (size_t k = 0; fds && k < h->n_guests; k++) {
        int fd = machine_event_fd(h->guests[k]->machine);

        if (fd >= 0 && !h->guests[k]->forgotten)
            fds[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    pthread_mutex_unlock(&h->lock);
    if (!fds) {
        usleep(LOOK_MS * 1000);
        return;
    }
    fds[0] = (struct pollfd){.fd = h->wake, .events = POLLIN};
    /* A task may be listening to the one that speaks: not to be asked without end. */
    if (poll(fds, n, LOOK_MS) > 0 && !atomic_load(&h->ending))
        usleep(50 * 1000);
}

void *host_look_main(void *arg)
{
    struct host *h = arg;

    while (!atomic_load(&h->ending)) {
        struct err err = {0};

        wait_for_word(h);
        if (!atomic_load(&h->ending))
            note(h, "", host_look(h, &err) < 0 ? &err : NULL);
    }
    return NULL;
}
