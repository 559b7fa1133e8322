/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/notice/notices.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/scoped.h"
#include "base/text.h"
#include "service/journal.h"
#include "service/metrics.h"
#include "service/notice/notice.h"
#include "store/catalog.h"

enum {
    THREADS_MAX = 64,
    IDLE_MS = 30 * 1000,
    CONNECT_S = 20,
    LEASE_SPARE_S = 15, /* beyond what an attempt may take */
    PAUSE_MAX_S = 6 * 3600,
    FORGET_EVERY_S = 3600,
    FORGET_AT_ONCE = 500,
    SECONDS_OF_A_DAY = 86400,
};

struct courier {
    struct notices *notices;
    pthread_t thread;
    struct watch *watch;
    char holder[64];
};

struct notices {
    struct service *service;
    atomic_bool ending;
    _Atomic int64_t forget_at; /* CLOCK_MONOTONIC, seconds */
    unsigned n;
    struct courier couriers[THREADS_MAX];
};

static int64_t now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* ---- what channels share */

static bool is_ending(void *arg)
{
    struct notices *n = arg;

    return atomic_load(&n->ending);
}

enum notice_end notice_because(struct notice *n, enum notice_end end, const char *fmt,
                               ...)
{
    char text[NOTICE_WHY_MAX];
    va_list ap;
    size_t len;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    len = strlen(text);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    text_clean(n->why, sizeof n->why, bytes_of(text, len), sizeof n->why - 1);
    return end;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct notice *n = arg;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return n->ends(n->arg);
}

void *notice_curl(struct notice *n, const char *url)
{
    CURL *curl = curl_easy_init();
    CURLcode e = curl ? CURLE_OK : CURLE_OUT_OF_MEMORY;

#define SET(option, value) e = e ? e : curl_easy_setopt(curl, option, value)
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    SET(CURLOPT_TIMEOUT, (long)n->service->config->notice_seconds);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, (void *)n);
    SET(CURLOPT_USERAGENT, "imgportd");
#undef SET
    if (e == CURLE_OK)
        return curl;
    curl_easy_cleanup(curl);
    return NULL;
}

bool notice_channel_is_on(const struct config *c, enum channel channel)
{
    switch (channel) {
    case CHANNEL_MAIL:
        return *c->smtp != '\0';
    case CHANNEL_SMS:
        return *c->sms_endpoint != '\0';
    case CHANNEL_WEBHOOK:
        return true;
    case CHANNELS:
        break;
    }
    return false;
}

/* ---- one delivery */

static enum notice_end attempt(struct notice *n)
{
    static enum notice_end (*const sends[CHANNELS])(struct notice *) = {
        [CHANNEL_MAIL] = mail_send,
        [CHANNEL_SMS] = sms_send,
        [CHANNEL_WEBHOOK] = webhook_send,
    };
    const struct delivery *d = n->delivery;

    if (!d->is_wanted)
        return notice_because(n, NOTICE_NEVER, "unsubscribed");
    /* Whoever had it before died of it, or with it, each time. */
    if (d->attempt > OUTBOX_ATTEMPTS_MAX)
        return notice_because(n, NOTICE_NEVER, "no attempt came to an end");
    if ((unsigned)d->channel >= CHANNELS ||
        !notice_channel_is_on(n->service->config, d->channel))
        return notice_because(n, NOTICE_LATER, "this channel is not configured");
    return sends[d->channel](n);
}

static void report(const struct notice *n, const char *result)
{
    const struct delivery *d = n->delivery;
    struct json_out line;
    char labels[64];

    snprintf(labels, sizeof labels, "channel=\"%s\",result=\"%s\"",
             channel_name(d->channel), result);
    metric_add(
        metrics_series(n->service->metrics, METRIC_COUNTER, "imgport_notices_total",
                       "Attempts to deliver a notice, by channel and result", labels),
        1);
    journal_begin(&line, "notice");
    json_out_text(&line, "result", result);
    json_out_text(&line, "id", n->id);
    json_out_text(&line, "channel", channel_name(d->channel));
    json_out_text(&line, "address", d->address);
    json_out_text(&line, "account", d->message.account);
    json_out_text(&line, "type", d->message.type);
    json_out_int(&line, "attempt", d->attempt);
    if (*n->why)
        json_out_text(&line, "reason", n->why);
    journal_end(&line);
}

static int64_t pause_after(const struct config *c, int64_t attempts)
{
    int64_t pause = (int64_t)c->retry_seconds;

    for (int64_t i = 1; i < attempts && pause < PAUSE_MAX_S; i++)
        pause *= 2;
    return pause < PAUSE_MAX_S ? pause : PAUSE_MAX_S;
}

static int settle(const struct notice *n, enum notice_end end, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    const struct delivery *d = n->delivery;
    int r = catalog_get(&db, n->service->catalog, err);

    if (r < 0)
        return r;
    if (end == NOTICE_SENT) {
        report(n, "sent");
        return outbox_sent(db, d, err);
    }
    if (end == NOTICE_NEVER || d->attempt >= OUTBOX_ATTEMPTS_MAX) {
        report(n, "failed");
        return outbox_give_up(db, d, n->why, err);
    }
    /* Cut by our own end: at once, by another daemon or the next one. */
    report(n, "put-off");
    return outbox_retry(db, d,
                        n->ends(n->arg) ? 0 : pause_after(n->service->config, d->attempt),
                        n->why, err);
}

static void deliver(struct courier *c, const struct delivery *d)
{
    struct notice n = {
        .service = c->notices->service,
        .delivery = d,
        .ends = is_ending,
        .arg = c->notices,
    };
    struct err err = {0};

    snprintf(n.id, sizeof n.id, "%" PRId64 "-%" PRId64, d->message.id, d->id);
    /* Not settled: the lease runs out, and it is made again. */
    if (settle(&n, attempt(&n), &err) < 0)
        journal_message("notice", &err, "delivery %s cannot be settled", n.id);
}

/* ---- the threads */

static int claim(struct courier *c, struct delivery *d, struct arena *arena,
                 int *ret_wait, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    const struct config *config = c->notices->service->config;
    int64_t due = 0, now = 0;
    int r = catalog_get(&db, c->notices->service->catalog, err);

    *ret_wait = IDLE_MS;
    if (r == 0)
        r = outbox_claim(d, &due, arena, db, c->holder,
                         (int64_t)config->notice_seconds + LEASE_SPARE_S, err);
    if (r == REFUSED_NONE && due && db_now(&now, db, NULL) == 0)
        *ret_wait = due <= now                     ? 100
                    : (due - now) * 1000 > IDLE_MS ? IDLE_MS
                                                   : (int)(due - now) * 1000;
    return r;
}

/* One thread does it, when its time has come. */
static void forget(struct notices *n)
{
    AUTO(catalog_put) struct db *db = NULL;
    const struct config *c = n->service->config;
    int64_t at = atomic_load(&n->forget_at), gone = 1, all = 0;
    struct err err = {0};
    int r = 0;

    if (now_s() < at ||
        !atomic_compare_exchange_strong(&n->forget_at, &at, now_s() + FORGET_EVERY_S))
        return;
    r = catalog_get(&db, n->service->catalog, &err);
    while (r == 0 && gone > 0 && !is_ending(n)) {
        r = message_forget(&gone, db, (int64_t)c->deliveries_days * SECONDS_OF_A_DAY,
                           (int64_t)c->messages_days * SECONDS_OF_A_DAY, FORGET_AT_ONCE,
                           &err);
        all += r == 0 ? gone : 0;
    }
    if (r < 0)
        journal_message("forget", &err, "old messages cannot be forgotten");
    else if (all > 0)
        journal_message("forget", NULL, "%" PRId64 " old messages and deliveries", all);
}

static void *courier_main(void *arg)
{
    struct courier *c = arg;

    while (!is_ending(c->notices)) {
        AUTO(arena_fini) struct arena arena = {0};
        struct err err = {0};
        struct delivery d;
        unsigned told;
        int wait;
        int r = claim(c, &d, &arena, &wait, &err);

        if (r == 0) {
            deliver(c, &d);
            continue;
        }
        if (r < 0) {
            journal_message("notice", &err, "no delivery could be claimed");
            wait = 1000;
        }
        forget(c->notices);
        if (watch_wait(&told, c->watch, wait, &err) < 0)
            usleep(200 * 1000);
    }
    return NULL;
}

static int start_courier(struct notices *n, struct err *err)
{
    struct courier *c = &n->couriers[n->n];
    char host[24] = "";
    uint32_t unique = 0;
    int e, r;

    gethostname(host, sizeof host - 1);
    if (getrandom(&unique, sizeof unique, 0) != sizeof unique)
        return FAIL_SYS(err, errno, "random number");
    snprintf(c->holder, sizeof c->holder, "%.20s:%d:%08" PRIx32 ":%u", host,
             (int)getpid(), unique, n->n);
    c->notices = n;
    r = watch_open(&c->watch, n->service->catalog, WATCH_OUTBOX, err);
    if (r < 0)
        return r;
    e = pthread_create(&c->thread, NULL, courier_main, c);
    if (e) {
        watch_close(c->watch);
        return FAIL_SYS(err, e, "start a thread for notices");
    }
    n->n++;
    return 0;
}

void notices_stop(struct notices *n)
{
    if (!n)
        return;
    atomic_store(&n->ending, true);
    for (unsigned i = 0; i < n->n; i++)
        watch_wake(n->couriers[i].watch);
    for (unsigned i = 0; i < n->n; i++) {
        pthread_join(n->couriers[i].thread, NULL);
        watch_close(n->couriers[i].watch);
    }
    free(n);
}

static void notices_stopp(struct notices **n)
{
    notices_stop(*n);
}

static int64_t waiting(void *arg)
{
    AUTO(catalog_put) struct db *db = NULL;
    const struct service *s = arg;
    struct outbox_counts counts = {.waiting = -1};

    if (catalog_get(&db, s->catalog, NULL) == 0)
        (void)outbox_count(&counts, db, NULL);
    return counts.waiting;
}

int notices_start(struct notices **ret, struct service *service, struct err *err)
{
    AUTO(notices_stopp) struct notices *n = calloc(1, sizeof *n);
    int r;

    if (!n)
        return FAIL(err, ERR_NOMEM, "no memory for notices");
    n->service = service;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    r = metrics_ask(service->metrics, "imgport_notices_waiting",
                    "Deliveries that wait for an attempt", waiting, service, err);
    while (r == 0 && n->n < service->config->notices_max && n->n < THREADS_MAX)
        r = start_courier(n, err);
    if (r < 0)
        return r;
    *ret = TAKE(n);
    return 0;
}
