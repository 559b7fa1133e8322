/* SPDX-License-Identifier: GPL-2.0-or-later */
/* catalog_parts.h: the catalogue's own memory; for catalog*.c and watch.c only */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "store/catalog.h"
#include "store/db_driver.h"

/* Keys seen lately, by hash of their id: a slot each, the newcomer takes it. */
enum { KEY_SLOTS = 1024 };

struct key_slot {
    bool full;
    struct key_holder key;
};

struct catalog {
    struct db_home home;
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t returned;
    struct db **idle;
    unsigned n_idle, n_open, max;

    struct key_slot *keys;
    int64_t keys_version;   /* counter 'account' they belong to; 0: not known */
    int64_t keys_checked;   /* ms of the monotonic clock */
    atomic_uint keys_stale; /* this process changed an account */

    struct watch *watches;
};

/* db_home.told of a catalogue. */
void catalog_told(void *catalog, unsigned what);
