/* SPDX-License-Identifier: GPL-2.0-or-later */
/* instance.h: the catalogue of instances, of the zones they run in, and of key pairs
 *
 *     PENDING ─► RUNNING ◄─► STOPPED      by way of STARTING, STOPPING, REBOOTING
 *        └─► LAUNCH_FAILED                any of them ─► TERMINATING ─► the row is gone
 *
 * An instance whose `task` is not 0 is being worked on: only that task changes it.  What
 * was seen from outside (a machine that is gone) is written by instance_seen(), which
 * changes nothing when anything else happened meanwhile: it may be told of one whose task
 * lets it alone.
 *
 * An image cannot be deleted while an instance's disk stands on it (image_delete()). */
#pragma once

#include "base/arena.h"
#include "store/db.h"
#include "store/image.h"

enum instance_state {
    INSTANCE_PENDING,
    INSTANCE_LAUNCH_FAILED,
    INSTANCE_RUNNING,
    INSTANCE_STOPPED,
    INSTANCE_STARTING,
    INSTANCE_STOPPING,
    INSTANCE_REBOOTING,
    INSTANCE_TERMINATING,
    INSTANCE_STATES,
};
#define INSTANCE_IN(state) (1u << (state))
#define INSTANCE_IN_ANY    ((1u << INSTANCE_STATES) - 1)
/* Those that need, or may need, the memory of their host. */
#define INSTANCE_IN_MEMORY                                             \
    (INSTANCE_IN(INSTANCE_PENDING) | INSTANCE_IN(INSTANCE_RUNNING) |   \
     INSTANCE_IN(INSTANCE_STARTING) | INSTANCE_IN(INSTANCE_STOPPING) | \
     INSTANCE_IN(INSTANCE_REBOOTING))

enum operation_state {
    OPERATION_NONE,
    OPERATION_OPERATING,
    OPERATION_SUCCESS,
    OPERATION_FAILED,
    OPERATION_STATES,
};

const char *instance_state_name(enum instance_state s);   /* "RUNNING" */
int instance_state_from_name(const char *name);           /* -1: there is none */
const char *operation_state_name(enum operation_state s); /* "SUCCESS"; NONE: "" */

/* Strings are never NULL.  When it is made by task_new() of the same transaction, `task`
 * is that task. */
struct instance {
    int64_t no;
    const char *id; /* ins-xxxxxxxx; instance_new() makes it */
    const char *region, *zone;
    const char *owner; /* uin */
    const char *name;
    const char *type; /* "S5.SMALL1" */
    int64_t cpu, memory_mib;
    int64_t price; /* 1/10,000 of the currency unit an hour, with the image's */
    const char *image, *blob; /* what the disk stands on */
    int64_t virtual_size;     /* of that image, bytes */
    const char *os_name, *platform, *architecture, *boot_mode; /* as of the image */
    bool cloud_init;  /* the image has it; else its settings are for a forced one */
    const char *disk; /* disk-xxxxxxxx; instance_new() makes it */
    const char *disk_type;
    int64_t disk_gib;
    int64_t disk_due; /* of the disk that a task is making for it; 0: none */
    bool stalled;     /* it stands still: there is no room for what its disk takes */
    int64_t address;  /* IPv4; 0: instance_new() takes one that is free */
    const char *mac;  /* instance_new() makes it: "52:54:00:BF:B3:51" */
    const char *uuid; /* of the machine */
    const char
        *incarnation; /* a UUID as well: of its disk, another one with each reset */
    const char *hostname;
    const char *password;       /* crypt(3); "": none is set */
    const char *secret;         /* see the table */
    const char *keys, *key_ids; /* JSON: lists of texts */
    const char *user_data;      /* base64 */
    int64_t project;
    enum instance_state state;
    int64_t task;          /* what works on it; 0: nothing */
    const char *operation; /* "RunInstances"; "" */
    enum operation_state operation_state;
    const char *operation_request, *operation_code, *operation_message;
    const char *tags; /* JSON: [{"Key", "Value"}], ordered by key */
    int64_t changes;
    int64_t created;
    const char *license; /* of its image, while that is there; "" */
    bool away;           /* its zone is, as of ZONE_AWAY_S */
};

enum { INSTANCE_ID_SIZE = 16 };

/* Inserts under the zone's lock; makes id, disk and mac, and an address where none is
 * given.  `quota`: of the account in the region; what the zone has is a limit too.
 * REFUSED_ACCOUNT; REFUSED_NONE: no such zone; REFUSED_QUOTA; REFUSED_FULL: the zone has
 * no memory or address left; REFUSED_DISK; REFUSED_USED: the address is another's. */
int instance_new(char ret_id[INSTANCE_ID_SIZE], struct db *db, const struct instance *i,
                 int64_t quota, const struct tag *tags, size_t n_tags, struct err *err);

/* account NULL: whoever's.  REFUSED_NONE.  lock: as image_get(). */
int instance_get(struct instance *ret, struct arena *arena, struct db *db,
                 const char *account, const char *region, const char *id, bool lock,
                 struct err *err);

enum instance_filter_key {
    INSTANCE_FILTER_ZONE,
    INSTANCE_FILTER_ID,
    INSTANCE_FILTER_UUID,
    INSTANCE_FILTER_NAME, /* contains, letters of either case */
    INSTANCE_FILTER_STATE,
    INSTANCE_FILTER_ADDRESS, /* "10.0.0.7" */
    INSTANCE_FILTER_PROJECT,
    INSTANCE_FILTER_IMAGE,
    INSTANCE_FILTER_TYPE,
    INSTANCE_FILTER_TAG_KEY,
    INSTANCE_FILTER_TAG_VALUE,
    INSTANCE_FILTER_TAG,   /* tag:<key> */
    INSTANCE_FILTER_SINCE, /* created at this time or later: seconds as a text */
    INSTANCE_FILTER_UNTIL,
    INSTANCE_FILTER_NOTHING, /* never matches */
    INSTANCE_FILTERS,
};

struct instance_filter {
    enum instance_filter_key key;
    const char *tag;
    const char *const *values;
    size_t n_values;
};

struct instance_query {
    const char *account; /* NULL: every account */
    const char *region;  /* NULL: every region */
    const char *zone;    /* NULL: every zone */
    unsigned states;     /* INSTANCE_IN(...); 0: all */
    const char *const *ids;
    size_t n_ids;
    const struct instance_filter *filters; /* joined by "and" */
    size_t n_filters;
    int64_t offset, limit;
};

struct instance_list {
    struct instance *v;
    size_t n;
    int64_t total;
};

/* Newest first. */
int instance_list(struct instance_list *ret, struct arena *arena, struct db *db,
                  const struct instance_query *q, struct err *err);

/* What to write; NULL and negative numbers leave a column as it is. */
struct instance_change {
    int state;    /* enum instance_state, or -1 */
    int64_t task; /* -1 */
    const char *operation;
    int operation_state; /* enum operation_state, or -1 */
    const char *operation_request, *operation_code, *operation_message;
    const char *image, *blob;
    int64_t virtual_size;
    const char *os_name, *platform, *architecture, *boot_mode;
    int cloud_init;
    int64_t disk_gib, price;
    int64_t disk_due;
    int stalled;
    const char *incarnation, *hostname, *password, *secret, *keys, *key_ids, *user_data;
};
#define INSTANCE_CHANGE_NOTHING                                                       \
    {                                                                                 \
        .state = -1, .task = -1, .operation_state = -1, .virtual_size = -1,           \
        .cloud_init = -1, .disk_gib = -1, .price = -1, .disk_due = -1, .stalled = -1, \
    }

/* Compare and set: only while its state is one of `from` and what works on it is `task`
 * (0: nothing does).  REFUSED_NONE, REFUSED_STATE, REFUSED_BUSY. */
int instance_change(struct db *db, const char *id, unsigned from, int64_t task,
                    const struct instance_change *change, struct err *err);
/* What was seen of it when its row was `i`: REFUSED_STATE when it is not so any more. */
int instance_seen(struct db *db, const struct instance *i,
                  const struct instance_change *change, struct err *err);
/* By the task that works on it.  REFUSED_NONE, REFUSED_BUSY. */
int instance_delete(struct db *db, const char *id, int64_t task, struct err *err);

/* Does a disk in this zone stand on the blob, or will one, by a task that is not ended?
 */
int instance_uses_blob(bool *ret, struct db *db, const char *zone, const char *blob,
                       struct err *err);

/* -- instances whose host is away */

/* The row goes, whatever worked on it, and its host, should it come back, is told by
 * instance_left_list().  The row is locked, and the zone away.  An image that its task
 * was making is the caller's to fail. */
int instance_give_up(struct db *db, const struct instance *i, struct err *err);

struct instance_left {
    const char *id, *blob;
    bool cleared; /* before */
};
/* Those of a zone that its host is to take away; at most a hundred. */
int instance_left_list(struct instance_left **ret, size_t *ret_n, struct arena *arena,
                       struct db *db, const char *zone, struct err *err);
/* It did.  For a day it is listed again, so that what a task of before had under way is
 * taken away as well; then it is forgotten. */
int instance_left_cleared(struct db *db, const char *id, struct err *err);

/* -- zones */

enum { ZONE_AWAY_S = 60 }; /* a host that was not heard of for so long is away */

struct zone {
    const char *name, *region;
    int64_t memory_mib, disk_gib; /* for all instances */
    int64_t subnet, prefix;       /* addresses of instances */
    int64_t seen;                 /* when its host said so last */
    bool away;                    /* as of ZONE_AWAY_S */
};

/* Who says so. */
struct zone_holder {
    const char *host;    /* the same after each start */
    const char *process; /* another one after each */
    int64_t lease_s;
};

/* What the host of a zone has, and that it is its host for lease_s from now.  start: it
 * was not until now, and what a process of this host held before is free.  REFUSED_LEASE:
 * another one is.  ERR_CONFLICT, for whoever reads the log: none is, but the last one was
 * another and has instances still. */
int zone_hold(struct db *db, const struct zone *zone, const struct zone_holder *by,
              bool start, struct err *err);
/* Any host may have it. */
int zone_let_go(struct db *db, const char *zone, const char *process, struct err *err);
/* The same, whatever its last host has there.  REFUSED_LEASE: somebody is its host, or
 * there is no such zone. */
int zone_take_over(struct db *db, const char *zone, struct err *err);
/* Is there so much more?  Locks the zone.  REFUSED_NONE, REFUSED_FULL, REFUSED_DISK. */
int zone_room(struct db *db, const char *zone, int64_t memory_mib, int64_t disk_gib,
              struct err *err);
/* Locks the zone.  REFUSED_NONE. */
int zone_is_away(bool *ret, struct db *db, const char *zone, struct err *err);
/* region NULL: all.  In the order of names. */
int zone_list(struct zone **ret, size_t *ret_n, struct arena *arena, struct db *db,
              const char *region, struct err *err);

/* -- tokens of RunInstances */

/* REFUSED_NONE: not used yet.  0: *ret is the JSON that it was answered with, and
 * *ret_request the digest of that request. */
int client_token_find(const char **ret, const char **ret_request, struct arena *arena,
                      struct db *db, const char *account, const char *region,
                      const char *token, struct err *err);
/* Forgets those older than a day on the way.  REFUSED_USED. */
int client_token_add(struct db *db, const char *account, const char *region,
                     const char *token, const char *request, const char *instances,
                     struct err *err);

/* -- keys for logging in */

struct key_pair {
    const char *id; /* skey-xxxxxxxx */
    const char *owner, *name, *public_key;
    int64_t created;
};
enum { KEY_PAIR_ID_SIZE = 16 };

/* REFUSED_NAME, REFUSED_QUOTA, REFUSED_ACCOUNT. */
int key_pair_new(char ret_id[KEY_PAIR_ID_SIZE], struct db *db, const struct key_pair *k,
                 int64_t quota, struct err *err);
/* REFUSED_NONE. */
int key_pair_get(struct key_pair *ret, struct arena *arena, struct db *db,
                 const char *owner, const char *id, struct err *err);
/* Newest first. */
int key_pair_list(struct key_pair **ret, size_t *ret_n, struct arena *arena,
                  struct db *db, const char *owner, struct err *err);
int key_pair_delete(struct db *db, const char *owner, const char *id, struct err *err);
