/* SPDX-License-Identifier: GPL-2.0-or-later */
/* account.h: accounts, their keys, and what was accepted only once */
#pragma once

#include "base/arena.h"
#include "store/db.h"

enum account_state { ACCOUNT_ACTIVE, ACCOUNT_DISABLED };
enum permission {
    PERMISSION_NONE,
    PERMISSION_ASKED,
    PERMISSION_GRANTED,
    PERMISSION_REFUSED
};

const char *account_state_name(enum account_state s);
const char *permission_name(enum permission p);

/* Strings live in the arena that was passed. */
struct account {
    const char *uin;      /* "100" and nine digits */
    const char *app_id;   /* "125" and seven digits */
    const char *name;     /* unique; what the operator calls it */
    const char *language; /* "zh", "en" */
    enum account_state state;
    bool is_operator;
    enum permission import_permission;
    const char *import_reason; /* what was said when it was asked for, or refused; "" */
    int64_t image_quota;       /* -1: what the profile says */
    int64_t share_quota;       /* -1: what the profile says */
    int64_t balance;           /* 1/10,000 of the currency unit; nothing spends it yet */
    int64_t created;
};

struct account_list {
    struct account *v;
    size_t n;
};

/* Makes uin and app_id.  Reads name, language, is_operator, import_permission and the two
 * quotas of `a`.  REFUSED_NAME.  *ret in arena. */
int account_new(struct account *ret, struct arena *arena, struct db *db,
                const struct account *a, struct err *err);
/* By uin.  REFUSED_NONE. */
int account_get(struct account *ret, struct arena *arena, struct db *db, const char *uin,
                struct err *err);
/* By uin, app_id or name, for people. */
int account_find(struct account *ret, struct arena *arena, struct db *db,
                 const char *word, struct err *err);
int account_list(struct account_list *ret, struct arena *arena, struct db *db,
                 struct err *err);
/* Writes name, language, state, is_operator, import_permission, import_reason, quotas and
 * balance of a->uin.  REFUSED_NONE, REFUSED_NAME. */
int account_set(struct db *db, const struct account *a, struct err *err);
/* In a transaction: what concerns this account and is counted runs one after the other
 * from here to the commit.  REFUSED_NONE. */
int account_lock(struct db *db, const char *uin, struct err *err);

/* In a transaction that changes accounts or keys: what is kept of them in memory,
 * anywhere, is old from its commit on. */
int account_changed(struct db *db, struct err *err);

/* Asks for the import permission: NONE or REFUSED becomes ASKED.  REFUSED_STATE when it
 * is asked or granted already. */
int account_ask_import(struct db *db, const char *uin, const char *reason,
                       struct err *err);
/* GRANTED or REFUSED by the operator.  REFUSED_NONE. */
int account_answer_import(struct db *db, const char *uin, enum permission p,
                          const char *reason, struct err *err);

struct key {
    char secret_id[40];  /* "AKID" and 32 letters and digits */
    char secret_key[40]; /* 32 letters and digits */
    bool active;
    int64_t created;
};

struct key_list {
    struct key *v;
    size_t n;
};

/* REFUSED_NONE: no such account.  REFUSED_QUOTA: it has KEYS_MAX. */
enum { KEYS_MAX = 5 };
int key_new(struct key *ret, struct db *db, const char *uin, struct err *err);
int key_list(struct key_list *ret, struct arena *arena, struct db *db, const char *uin,
             struct err *err);
/* REFUSED_NONE: the account has no such key. */
int key_set_active(struct db *db, const char *uin, const char *secret_id, bool active,
                   struct err *err);
int key_delete(struct db *db, const char *uin, const char *secret_id, struct err *err);

/* Takes a nonce of a v1 signature: 0 once, REFUSED_USED after that, by any daemon.
 * `timestamp` is the request's; what is older than `keep_s` seconds is forgotten now and
 * then (pass twice the clock window or more). */
int nonce_take(struct db *db, const char *secret_id, int64_t timestamp, uint64_t nonce,
               int64_t keep_s, struct err *err);
