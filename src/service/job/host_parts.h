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
    int64_t told;   /* CLOCK_MONOTONIC, ms: when its disk was last said to fail */
    bool forgotten; /* goes with its last reference */
};

struct metadata;

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
    pthread_mutex_t bases; /* of what lies in HOST_BASES */
    struct guest **guests;
    size_t n_guests;
};

/* Away with what nothing stands on. */
int host_bases_sweep(struct host *h, struct err *err);
