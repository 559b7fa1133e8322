/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_parts.h: a host's own memory; for host*.c only */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "service/job/host.h"

#define HOST_DISK  "disk.qcow2"
#define HOST_DRIVE "drive.iso"
#define HOST_BASES "images"

/* A machine that runs. */
struct guest {
    char id[INSTANCE_ID_SIZE];
    struct machine *machine;
    unsigned refs;
    /* CLOCK_MONOTONIC, ms; 0: never.  Of the thread alone. */
    int64_t told;    /* that its disk fails */
    int64_t retried; /* whether there is room for its disk */
    bool forgotten;  /* goes with its last reference */
};

struct metadata;
struct base_claim;
struct host_trouble;

struct host {
    struct service *service;
    char *folder;
    struct hypervisor *hypervisor;
    struct metadata *metadata;
    pthread_t thread;
    bool has_thread;
    atomic_bool ending;
    int wake;              /* eventfd of the thread */
    pthread_mutex_t lock;  /* of the table */
    pthread_mutex_t bases; /* of the next two */
    pthread_cond_t bases_free;
    struct base_claim *claims; /* who is at a blob in HOST_BASES */
    struct guest **guests;
    size_t n_guests;
    struct host_trouble *troubles; /* of the thread alone */
    int64_t left; /* CLOCK_MONOTONIC, ms: when those that were given up were looked for */
};

/* Of those in the table, without a look at it; NULL: none.  Borrowed as of host_take().
 */
struct guest *host_known(struct host *h, const char *id);
/* host_take(), with what was seen. */
int host_take_seen(struct machine **ret, struct machine_status *ret_status,
                   struct host *h, const struct instance *i, struct err *err);

/* A look at all machines that are to run; what is wrong with one is logged. */
int host_look(struct host *h, struct err *err);
/* The thread: again and again, until h->ending. */
void *host_look_main(void *host);
void host_look_fini(struct host *h);

/* host_base_drop() for the thread, which waits for nobody.  false: somebody is at it. */
bool host_base_try_drop(struct host *h, const char *blob);
/* Away with what nothing stands on. */
int host_bases_sweep(struct host *h, struct err *err);
