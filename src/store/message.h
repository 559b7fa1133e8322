/* SPDX-License-Identifier: GPL-2.0-or-later */
/* message.h: what is told to accounts, and the outbox from which it is delivered
 *
 * A message is written in the transaction of what it tells.  For every verified
 * subscription that matches it an outbox row is made with it; delivery claims rows under
 * a lease and may deliver twice after a crash, never not at all. */
#pragma once

#include "base/arena.h"
#include "store/db.h"

enum channel { CHANNEL_MAIL, CHANNEL_SMS, CHANNEL_WEBHOOK, CHANNELS };
const char *channel_name(enum channel c); /* "mail" */
int channel_from_name(const char *name);

struct message_new {
    const char *account;        /* uin */
    const char *type;           /* a word: "import-succeeded"; what subscriptions name */
    const char *subject, *body; /* in the account's language */
    const char *data;           /* JSON for webhooks and templates; NULL: "{}" */
    int64_t task;               /* 0: none */
    const char *image;          /* NULL: none */
};

struct message {
    int64_t id;
    const char *account, *type, *subject, *body, *data, *image;
    int64_t task;
    int64_t created;
    bool is_read;
};

struct message_list {
    struct message *v;
    size_t n;
    int64_t total;
};

int message_post(struct db *db, const struct message_new *m, struct err *err);

/* What is sent to an address to prove that it is theirs: message_list() does not show it,
 * for its code must be read there. */
#define MESSAGE_PROOF "address-proof"

/* To one address and nobody else. */
int message_post_to(struct db *db, const struct message_new *m, enum channel channel,
                    const char *address, struct err *err);

struct message_query {
    const char *account;
    const char *type;  /* NULL: all */
    const char *image; /* NULL: all */
    int64_t task;      /* 0: all */
    bool only_unread;
    int64_t offset, limit;
};

/* Newest first. */
int message_list(struct message_list *ret, struct arena *arena, struct db *db,
                 const struct message_query *q, struct err *err);
/* REFUSED_NONE: the account has no such message. */
int message_set_read(struct db *db, const char *account, int64_t id, struct err *err);

/* Settled deliveries of messages older than deliveries_s seconds, and messages older than
 * messages_s that no delivery waits for, `limit` of each at most.  *ret: how many. */
int message_forget(int64_t *ret, struct db *db, int64_t deliveries_s, int64_t messages_s,
                   int64_t limit, struct err *err);

struct subscription {
    int64_t id;
    const char *account;
    const char *type; /* "*": every type */
    enum channel channel;
    const char *address; /* mail address, telephone number, URL */
    bool verified;       /* nothing is sent to it before */
    const char *secret;  /* deliveries to a webhook are signed with it; "" */
    int64_t created;
};

struct subscription_list {
    struct subscription *v;
    size_t n;
};

enum {
    SUBSCRIPTIONS_MAX = 50, /* of an account */
    PROOFS_PER_DAY = 20,    /* so that nobody's telephone is rung all day */
    PROOF_TRIES = 5,        /* wrong codes until a new one must be sent */
};

/* Reads account, type, channel, address, verified.  The same one again changes nothing.
 * An address that the account has proved for another type needs no other proof.
 * REFUSED_QUOTA, REFUSED_ACCOUNT. */
int subscription_add(int64_t *ret_id, struct db *db, const struct subscription *s,
                     struct err *err);
/* REFUSED_NONE: not theirs. */
int subscription_remove(struct db *db, const char *account, int64_t id, struct err *err);
/* Sends `m`, which tells the code, to the address of *s (by id, account, channel,
 * address).  REFUSED_BUSY: the last one was a moment ago, or it is verified.
 * REFUSED_DAY. */
int subscription_ask(struct db *db, const struct subscription *s, const char *code,
                     const struct message_new *m, struct err *err);
/* REFUSED_NONE: not theirs.  REFUSED_STATE: another code, an old one, or too many wrong
 * ones since it was sent. */
int subscription_verify(struct db *db, const char *account, int64_t id, const char *code,
                        struct err *err);
/* REFUSED_NONE: not theirs. */
int subscription_get(struct subscription *ret, struct arena *arena, struct db *db,
                     const char *account, int64_t id, struct err *err);
int subscription_list(struct subscription_list *ret, struct arena *arena, struct db *db,
                      const char *account, struct err *err);

/* One delivery that is due, with its message. */
struct delivery {
    int64_t id;
    enum channel channel;
    const char *address;
    int64_t attempt; /* with this one */
    char holder[64];
    const char *language; /* of the account */
    const char *secret;   /* of the subscription; "" */
    bool is_wanted;       /* false: unsubscribed since */
    struct message message;
};

enum { OUTBOX_ATTEMPTS_MAX = 20 };

/* As task_claim().  REFUSED_NONE: nothing is due; *ret_due (may be NULL): when it will.
 */
int outbox_claim(struct delivery *ret, int64_t *ret_due, struct arena *arena,
                 struct db *db, const char *holder, int64_t lease_s, struct err *err);
/* REFUSED_LEASE in each: another has claimed it since. */
int outbox_sent(struct db *db, const struct delivery *d, struct err *err);
int outbox_retry(struct db *db, const struct delivery *d, int64_t delay_s,
                 const char *why, struct err *err);
/* No retry can help; kept with its reason. */
int outbox_give_up(struct db *db, const struct delivery *d, const char *why,
                   struct err *err);

struct outbox_counts {
    int64_t waiting, sent, given_up;
};
int outbox_count(struct outbox_counts *ret, struct db *db, struct err *err);

/* What became of a message's deliveries, for the account that owns it. */
struct delivery_state {
    enum channel channel;
    const char *address, *detail; /* detail: the last failure */
    int state;                    /* 0 waiting, 1 sent, 2 given up */
    int64_t attempt;
};

struct delivery_states {
    struct delivery_state *v;
    size_t n;
};

const char *delivery_state_name(int state); /* "waiting" */
int delivery_list(struct delivery_states *ret, struct arena *arena, struct db *db,
                  int64_t message, struct err *err);
