/* SPDX-License-Identifier: GPL-2.0-or-later */
/* notice.h: one delivery being made, as the functions of its channel see it
 *
 * A channel answers what became of it and says why in notice.why, which is kept with the
 * delivery and shown to whoever owns it: what the other side said, cleaned, and no
 * secret. */
#pragma once

#include "service/call.h"
#include "store/message.h"

enum notice_end {
    NOTICE_SENT,
    NOTICE_LATER, /* it may go another time */
    NOTICE_NEVER, /* the other side will not have it */
};

enum { NOTICE_WHY_MAX = 300, NOTICE_ID_MAX = 48 };

struct notice {
    const struct service *service;
    const struct delivery *delivery;
    char id[NOTICE_ID_MAX]; /* the same in every attempt: "<message>-<delivery>" */
    bool (*ends)(void *);   /* the daemon stops: give up soon */
    void *arg;
    char why[NOTICE_WHY_MAX];
};

enum notice_end mail_send(struct notice *n);
enum notice_end sms_send(struct notice *n);
enum notice_end webhook_send(struct notice *n);

/* Is it configured? */
bool notice_channel_is_on(const struct config *c, enum channel channel);

/* Sets n->why, cleaned; its value is `end`. */
enum notice_end notice_because(struct notice *n, enum notice_end end, const char *fmt,
                               ...) __attribute__((format(printf, 3, 4)));

/* What every transfer of a channel has: time limits, no proxy, an end when the daemon
 * stops.  NULL: no memory.  curl_easy_cleanup() it. */
void *notice_curl(struct notice *n, const char *url);
