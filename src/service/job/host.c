/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/host.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/place.h"
#include "base/scoped.h"
#include "service/folder.h"
#include "service/job/host_parts.h"
#include "service/job/told.h"
#include "service/job/zone_lease.h"
#include "service/journal.h"
#include "service/metadata.h"

int host_path(char ret[PATH_MAX], const struct host *h, const char *id, const char *name,
              struct err *err)
{
    int n = snprintf(ret, PATH_MAX, "%s/%s%s%s", h->folder, id, name ? "/" : "",
                     name ? name : "");

    return n < PATH_MAX ? 0 : FAIL(err, ERR_LIMIT, "%s: the path is too long", id);
}

/* ---- the table of machines */

/* The one of this name that counts: others are only held by somebody still. */
static struct guest *find(struct host *h, const char *id)
{
    for (size_t k = 0; k < h->n_guests; k++)
        if (strcmp(h->guests[k]->id, id) == 0 && !h->guests[k]->forgotten)
            return h->guests[k];
    return NULL;
}

/* Takes the machine, also when it fails. */
static int keep(struct host *h, const char *id, struct machine *m, struct err *err)
{
    AUTO(machine_closep) struct machine *machine = m;
    struct guest *g = calloc(1, sizeof *g), **more;

    if (!g)
        return FAIL(err, ERR_NOMEM, "no memory for a machine");
    snprintf(g->id, sizeof g->id, "%s", id);
    pthread_mutex_lock(&h->lock);
    more = realloc(h->guests, (h->n_guests + 1) * sizeof *more);
    if (more) {
        h->guests = more;
        g->machine = TAKE(machine);
        h->guests[h->n_guests++] = g;
    }
    pthread_mutex_unlock(&h->lock);
    if (!more) {
        free(g);
        return FAIL(err, ERR_NOMEM, "no memory for a machine");
    }
    return 0;
}

static void let_go(struct guest *g)
{
    machine_close(g->machine);
    free(g);
}

void host_give(struct host *h, const struct machine *m)
{
    struct guest *dead = NULL;

    pthread_mutex_lock(&h->lock);
    for (size_t k = 0; k < h->n_guests; k++) {
        struct guest *g = h->guests[k];

        if (g->machine != m)
            continue;
        g->refs--;
        if (g->refs == 0 && g->forgotten) {
            dead = g;
            h->guests[k] = h->guests[--h->n_guests];
        }
        break;
    }
    pthread_mutex_unlock(&h->lock);
    if (dead)
        let_go(dead);
}

/* `m`: only if it is this one; NULL: whichever it is. */
static void forget(struct host *h, const char *id, const struct machine *m)
{
    const struct machine *gone = NULL;
    struct guest *g;

    pthread_mutex_lock(&h->lock);
    g = find(h, id);
    if (g && (!m || g->machine == m)) {
        g->forgotten = true;
        g->refs++;
        gone = g->machine;
    }
    pthread_mutex_unlock(&h->lock);
    if (gone || !m)
        metadata_remove(h->metadata, id);
    if (gone)
        host_give(h, gone);
}

void host_forget(struct host *h, const char *id)
{
    forget(h, id, NULL);
}

/* ---- one machine */

static int answer_metadata(struct host *h, const struct instance *i, struct err *err)
{
    AUTO(arena_fini) struct arena arena = {0};
    struct instance_settings settings;
    char folder[PATH_MAX];
    int r = told_settings(&settings, &arena, h->service->config, i, err);

    if (r == 0)
        r = host_path(folder, h, i->id, NULL, err);
    return r == 0 ? metadata_add(h->metadata, folder, &settings, err) : r;
}

struct guest *host_known(struct host *h, const char *id)
{
    struct guest *g;

    pthread_mutex_lock(&h->lock);
    g = find(h, id);
    if (g)
        g->refs++;
    pthread_mutex_unlock(&h->lock);
    return g;
}

/* 1: it runs and is in the table. */
static int adopt(struct host *h, const struct instance *i, struct err *err)
{
    AUTO(machine_closep) struct machine *m = NULL;
    char folder[PATH_MAX];
    int r = host_path(folder, h, i->id, NULL, err);

    if (r == 0)
        r = machine_adopt(&m, h->hypervisor, folder, err);
    if (r <= 0)
        return r;
    r = answer_metadata(h, i, err);
    if (r == 0)
        r = keep(h, i->id, TAKE(m), err);
    if (r < 0)
        return r;
    journal_message("instance-adopted", NULL, "%s", i->id);
    return 1;
}

int host_take_seen(struct machine **ret, struct machine_status *ret_status,
                   struct host *h, const struct instance *i, struct err *err)
{
    struct guest *g = host_known(h, i->id);
    struct machine_status status;
    struct machine *m;
    int r = 1;

    if (!g) {
        r = adopt(h, i, err);
        g = r > 0 ? host_known(h, i->id) : NULL;
    }
    if (!g)
        return r < 0 ? r : 0;
    m = g->machine;
    r = machine_query(&status, m, err);
    if (r == 0 && status.state != MACHINE_OFF) {
        *ret = m;
        *ret_status = status;
        return 1;
    }
    if (r == 0)
        forget(h, i->id, m);
    host_give(h, m);
    return r;
}

int host_take(struct machine **ret, struct host *h, const struct instance *i,
              struct err *err)
{
    struct machine_status ignored;

    return host_take_seen(ret, &ignored, h, i, err);
}

/* Of a type that the configuration has no more, none. */
static struct machine_limits limits_of(const struct config *c, const struct instance *i)
{
    const struct config_type *t = config_type(c, i->type);

    if (!t)
        return (struct machine_limits){0};
    return (struct machine_limits){
        .disk_bytes = t->disk_bytes,
        .disk_operations = t->disk_operations,
        .host_cpus = (unsigned)t->host_cpus,
        .nice = (unsigned)t->nice,
    };
}

static int describe(struct machine_spec *spec, struct host *h, const struct instance *i,
                    char paths[4][PATH_MAX], struct err *err)
{
    int r = host_path(paths[0], h, i->id, NULL, err);

    *spec = (struct machine_spec){
        .id = i->id,
        .folder = paths[0],
        .uuid = i->uuid,
        .memory = (unsigned)i->memory_mib,
        .cpus = (unsigned)i->cpu,
        .cx16 = strcmp(i->platform, "Windows") == 0,
        .firmware = strcmp(i->boot_mode, "UEFI") == 0 ? FIRMWARE_UEFI : FIRMWARE_BIOS,
        .disk.path = paths[1],
        .base_kind = BASE_QCOW2,
        .base.path = paths[2],
        .config_drive.path = paths[3],
        .manufacturer = "OpenStack Foundation",
        .limits = limits_of(h->service->config, i),
        .product = "OpenStack Nova", /* by which cloud-init asks for metadata */
    };
    if (r == 0)
        r = host_path(paths[1], h, i->id, HOST_DISK, err);
    if (r == 0)
        r = host_path(paths[3], h, i->id, HOST_DRIVE, err);
    if (r == 0)
        r = told_mac(spec->mac, i, err);
    return r == 0 ? told_network(&spec->network, h->service->config, i, err) : r;
}

int host_boot(struct host *h, const struct instance *i,
              int (*goes_on)(void *arg, struct err *err), void *arg, struct err *err)
{
    AUTO(machine_closep) struct machine *m = NULL;
    AUTO(freep) char(*paths)[PATH_MAX] = calloc(4, PATH_MAX);
    struct machine_spec spec;
    int r = paths ? host_kill(h, i->id, err) : FAIL(err, ERR_NOMEM, "machine");

    if (r == 0)
        r = describe(&spec, h, i, paths, err);
    if (r == 0)
        r = host_base(paths[2], h, i->blob, goes_on, arg, err);
    if (r == 0)
        r = machine_define(&m, h->hypervisor, &spec, err);
    if (r == 0)
        r = answer_metadata(h, i, err);
    if (r == 0)
        r = machine_start(m, err);
    return r == 0 ? keep(h, i->id, TAKE(m), err) : r;
}

int host_kill(struct host *h, const char *id, struct err *err)
{
    char folder[PATH_MAX];
    int r = host_path(folder, h, id, NULL, err);
    struct stat st;

    host_forget(h, id);
    if (r < 0 || stat(folder, &st) < 0)
        return r;
    return machine_end(h->hypervisor, folder, err);
}

int host_clear(struct host *h, const char *id, struct err *err)
{
    char path[PATH_MAX];
    struct dirent *e;
    DIR *dir;
    int r = host_kill(h, id, err);

    if (r == 0)
        r = host_path(path, h, id, NULL, err);
    if (r < 0)
        return r;
    dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? 0 : FAIL_SYS(err, errno, "%s", path);
    while ((e = readdir(dir)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    return rmdir(path) == 0 || errno == ENOENT ? 0 : FAIL_SYS(err, errno, "%s", path);
}

/* ---- start and stop */

void host_stop(struct host *h)
{
    if (!h)
        return;
    atomic_store(&h->ending, true);
    if (h->wake >= 0)
        (void)eventfd_write(h->wake, 1);
    if (h->has_thread)
        pthread_join(h->thread, NULL);
    for (size_t k = 0; k < h->n_guests; k++)
        let_go(h->guests[k]);
    free(h->guests);
    host_look_fini(h);
    metadata_end(h->metadata);
    hypervisor_close(h->hypervisor);
    closep(&h->wake);
    pthread_mutex_destroy(&h->lock);
    pthread_mutex_destroy(&h->bases);
    pthread_cond_destroy(&h->bases_free);
    free(h->folder);
    free(h);
}

static void host_stopp(struct host **h)
{
    host_stop(*h);
}

/* `helper` holds a path of the options. */
static int read_options(struct hypervisor_options *ret, char helper[PATH_MAX],
                        const struct config *c, struct err *err)
{
    struct hypervisor_options o = {
        .program = *c->hypervisor ? c->hypervisor : NULL,
        .helper = helper,
        .user = *c->instance_user ? c->instance_user : NULL,
        .uefi = *c->uefi ? c->uefi : NULL,
    };
    int r = place_net(helper, err);

    if (r == 0)
        r = config_users(&o.users.first, &o.users.last, c->instance_users, err);
    if (r < 0)
        return r;
    if (!accelerator_from_name(&o.accelerator, c->accelerator))
        return FAIL(err, ERR_ARG, "no accelerator %s", c->accelerator);
    *ret = o;
    return 0;
}

static int open_hypervisor(struct host *h, struct err *err)
{
    struct hypervisor_options o;
    char helper[PATH_MAX];
    int r = read_options(&o, helper, h->service->config, err);

    if (r < 0)
        return r;
    if (o.users.last)
        o.users.last--; /* that one is of machines that imports start */
    return hypervisor_open(&h->hypervisor, &o, err);
}

unsigned host_check(const struct config *config,
                    void (*say)(void *arg, bool fault, const char *phrase), void *arg)
{
    struct hypervisor_options o;
    char helper[PATH_MAX];
    struct err err = {0};

    if (read_options(&o, helper, config, &err) == 0)
        return hypervisor_check(&o, say, arg);
    say(arg, true, err.msg);
    return 1;
}

static int make_folders(struct host *h, struct err *err)
{
    char path[PATH_MAX];
    int r = folder_make(h->folder, err);

    if (r == 0)
        r = host_path(path, h, HOST_BASES, NULL, err);
    return r == 0 ? folder_make(path, err) : r;
}

int host_start(struct host **ret, struct service *s, struct err *err)
{
    AUTO(host_stopp) struct host *h = calloc(1, sizeof *h);
    int e, r;

    if (!h)
        return FAIL(err, ERR_NOMEM, "no memory for a host");
    pthread_mutex_init(&h->lock, NULL);
    pthread_mutex_init(&h->bases, NULL);
    pthread_cond_init(&h->bases_free, NULL);
    h->service = s;
    h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->folder = realpath(s->config->instances, NULL);
    if (!h->folder)
        h->folder = strdup(s->config->instances);
    if (h->wake < 0 || !h->folder)
        return FAIL(err, ERR_NOMEM, "no memory for a host");
    r = make_folders(h, err);
    if (r == 0)
        r = open_hypervisor(h, err);
    if (r == 0)
        r = metadata_start(&h->metadata, err);
    if (r == 0)
        r = host_bases_sweep(h, err);
    if (r == 0)
        r = zone_lease_renew(s->zone, err);
    if (r == 0)
        r = host_look(h, err);
    if (r < 0)
        return r;
    e = pthread_create(&h->thread, NULL, host_look_main, h);
    if (e)
        return FAIL_SYS(err, e, "start a thread for instances");
    h->has_thread = true;
    *ret = TAKE(h);
    return 0;
}
