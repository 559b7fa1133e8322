/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imgportd: the image service */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "api/session.h"
#include "base/scoped.h"
#include "imgport/imgport.h"
#include "rules/profile.h"
#include "service/api.h"
#include "service/cos/endpoint.h"
#include "service/folder.h"
#include "service/job/host.h"
#include "service/job/jobs.h"
#include "service/job/zone_lease.h"
#include "service/journal.h"
#include "service/metrics.h"
#include "service/notice/notices.h"
#include "service/server.h"
#include "service/status.h"
#include "store/blob.h"
#include "store/catalog.h"
#include "store/instance.h"

static const char help[] =
    "Usage: imgportd [--config FILE] [--check | --take-over]\n"
    "\n"
    "The image service: API 3.0, object endpoint and jobs in one process that stays in "
    "the\n"
    "foreground.  Without a configuration it listens on 127.0.0.1:8780 and keeps what it "
    "has\n"
    "in one folder.\n"
    "\n"
    "Options:\n"
    "  --config FILE  in place of $IMGPORTD_CONF and /etc/imgport/imgportd.conf\n"
    "  --check        read the configuration, say what is wrong with it, and end\n"
    "  --take-over    let the zone of the configuration have another host than the one "
    "whose\n"
    "                 instances it has, since that one is gone for good, and end\n"
    "  --help         this text\n"
    "  --version      the version\n"
    "\n"
    "SIGTERM and SIGINT finish what is under way and end; SIGHUP opens the log again.\n"
    "imgportd.conf(5) documents the configuration, imgport-account(1) makes accounts.\n";

static int complain(const struct err *err)
{
    fprintf(stderr, "imgportd: %s\n", err->msg);
    return err_code_exit(err->code);
}

static void say(void *arg, bool fault, const char *phrase)
{
    (void)arg;
    (void)fault;
    fprintf(stderr, "imgportd: [instances] %s\n", phrase);
}

/* A connection is a descriptor, and so is much else. */
static void raise_descriptors(const struct config *c)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur < c->connections_max + 1024) {
        limit.rlim_cur = limit.rlim_max < c->connections_max + 1024
                             ? limit.rlim_max
                             : c->connections_max + 1024;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Everything that serves, in the order in which it is made; taken down in the other. */
struct daemon {
    struct service service;
    struct api *api;
    struct cos_endpoint *cos;
    struct server *server;
};

static void daemon_fini(struct daemon *d)
{
    if (d->server)
        server_stop(d->server);
    jobs_stop(d->service.jobs);
    host_stop(d->service.host);
    zone_lease_end(d->service.zone);
    notices_stop(d->service.notices);
    api_free(d->api);
    cos_endpoint_free(d->cos);
    blobs_close(d->service.blobs);
    if (d->service.catalog)
        catalog_close(d->service.catalog);
    metrics_free(d->service.metrics);
}

static int serve_until(const sigset_t *signals)
{
    int got;

    for (;;) {
        if (sigwait(signals, &got) != 0)
            return -1;
        if (got != SIGHUP)
            return got;
        journal_reopen();
    }
}

static int name_profile(struct service *s, struct arena *arena, struct err *err)
{
    s->profile_id = arena_printf(arena, "%s %s", profile_name(s->profile),
                                 profile_version(s->profile));
    return arena_check(arena, err);
}

static int run(const struct config *config, struct arena *arena, const sigset_t *signals,
               struct err *err)
{
    AUTO(daemon_fini) struct daemon d = {.service.config = config};
    struct http_handler status = status_handler(&d.service);
    const struct http_handler *handlers[8];
    size_t n = 0;
    int r;

    r = metrics_new(&d.service.metrics, err);
    if (r == 0)
        r = session_profile(&d.service.profile, arena, config->profile, err);
    if (r == 0)
        r = name_profile(&d.service, arena, err);
    if (r == 0)
        r = folder_make(config->data, err);
    if (r == 0)
        r = catalog_open(&d.service.catalog, config->catalog, NULL, err);
    if (r == 0 && config->jobs && *config->zone)
        r = zone_lease_begin(&d.service.zone, &d.service, err);
    if (r == 0)
        r = blobs_open(&d.service.blobs,
                       &(struct blobs_options){
                           .url = config->objects,
                           .key_id = config->s3_key_id,
                           .key_secret = config->s3_key_secret,
                           .region = config->s3_region,
                       },
                       err);
    if (r == 0)
        r = cos_endpoint_new(&d.cos, &d.service, err);
    if (r == 0)
        r = api_new(&d.api, &d.service, err);
    if (r < 0)
        return r;
    handlers[n++] = &status;
    handlers[n++] = cos_handler(d.cos);
    handlers[n++] = api_handler(d.api);
    r = server_start(&d.server,
                     &(struct server_options){
                         .config = config,
                         .handlers = handlers,
                         .n_handlers = n,
                         .metrics = d.service.metrics,
                     },
                     err);
    if (r < 0)
        return r;
    if (d.service.zone)
        r = host_start(&d.service.host, &d.service, err);
    if (r == 0 && config->jobs)
        r = jobs_start(&d.service.jobs, &d.service, err);
    if (r == 0 && config->notices)
        r = notices_start(&d.service.notices, &d.service, err);
    if (r < 0)
        return r;
    journal_message("start", NULL, "imgportd %s listens on %s, port %u",
                    imgport_version(), config->listen, server_port(d.server));
    r = serve_until(signals);
    journal_message("stop", NULL, "signal %d: what is under way is finished", r);
    return 0;
}

static int take_over(const struct config *config, struct err *err)
{
    AUTO(catalog_closep) struct catalog *catalog = NULL;
    AUTO(catalog_put) struct db *db = NULL;
    int r = *config->zone ? catalog_open(&catalog, config->catalog, NULL, err)
                          : FAIL(err, ERR_ARG, "the configuration names no zone");

    if (r == 0)
        r = catalog_get(&db, catalog, err);
    if (r == 0)
        r = zone_take_over(db, config->zone, err);
    if (r == REFUSED_LEASE)
        return FAIL(
            err, ERR_CONFLICT,
            "zone %s has no host, or an imgportd is it: that one has to end, or to "
            "be not heard of for its lease-seconds",
            config->zone);
    return r;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'n'},
        {"take-over", no_argument, NULL, 't'},    {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {0},
    };
    AUTO(arena_fini) struct arena arena = {0};
    const struct config *config;
    const char *path = NULL;
    struct err err = {0};
    sigset_t signals;
    bool check = false, take = false;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            path = optarg;
            break;
        case 'n':
            check = true;
            break;
        case 't':
            take = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        case 'v':
            printf("imgportd %s\n", imgport_version());
            return 0;
        default:
            return 2; /* getopt has said what is wrong */
        }
    }
    if (optind < argc) {
        fprintf(stderr, "imgportd: one argument too many: %s\n", argv[optind]);
        return 2;
    }
    if (config_load(&config, &arena, path, &err) < 0) {
        complain(&err);
        return 2;
    }
    if (take && !check)
        return take_over(config, &err) < 0 ? complain(&err) : 0;
    if (!check && journal_open(config->log, &err) < 0)
        return complain(&err);
    if (check)
        return config->jobs && *config->zone && host_check(config, say, NULL) ? 2 : 0;
    /* Every thread inherits this: signals come to sigwait() only. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors(config);
    return run(config, &arena, &signals, &err) < 0 ? complain(&err) : 0;
}
