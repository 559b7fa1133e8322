/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is told of what, and where.  Nothing is sent to an address that was not proved, but
 * the code that proves it. */
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "service/notice/address.h"
#include "service/notice/notice.h"
#include "store/message.h"

enum { CODE_CHARS = 6 };

/* What the transaction of an ADD comes to. */
struct adding {
    struct call *c;
    struct arena *arena;
    struct subscription wanted;
    struct subscription got;
    bool asked;
};

static const char *proof_data(struct arena *a, const struct subscription *s,
                              const char *code)
{
    return arena_printf(a, "{\"SubscriptionId\":%lld,\"Code\":\"%s\"}", (long long)s->id,
                        code);
}

/* The code goes to the address; who reads it there may confirm it here. */
static int send_code(struct adding *a, struct db *db, struct err *err)
{
    const struct call *c = a->c;
    char code[CODE_CHARS + 1];
    struct message_new m = {.account = c->account.uin, .type = MESSAGE_PROOF};
    int r = db_random_id(code, CODE_CHARS, "0123456789", db, err);

    if (r < 0)
        return r;
    m.subject = arena_printf(a->arena, _("%s is the code of this address"), code);
    m.body = arena_printf(
        a->arena,
        _("Account %s asks that notices about its machine images be sent here.\n"
          "If you want them, the code that confirms it is %s (subscription %lld).\n"
          "It holds for one day.  Without it nothing more is sent."),
        c->account.uin, code, (long long)a->got.id);
    m.data = proof_data(a->arena, &a->got, code);
    r = arena_check(a->arena, err);
    return r < 0 ? r : subscription_ask(db, &a->got, code, &m, err);
}

static int add_in_tx(struct db *db, void *arg, struct err *err)
{
    struct adding *a = arg;
    int64_t id;
    int r = subscription_add(&id, db, &a->wanted, err);

    a->asked = false;
    if (r == 0)
        r = subscription_get(&a->got, a->arena, db, a->wanted.account, id, err);
    if (r == 0 && !a->got.verified) {
        r = send_code(a, db, err);
        a->asked = r == 0;
    }
    return r;
}

static int check_type(struct call *c, const char *type)
{
    if (strcmp(type, "*") == 0 ||
        (strspn(type, "abcdefghijklmnopqrstuvwxyz-") == strlen(type) &&
         strcmp(type, MESSAGE_PROOF) != 0))
        return 0;
    return call_error(c, "InvalidParameterValue", _("\"%.64s\" is no type of messages"),
                      type);
}

static int check_address(struct call *c, enum channel channel, const char *address)
{
    if (!address_is_good(channel, address))
        return call_error(c, "InvalidParameterValue",
                          _("\"%.100s\" is no address that %s can reach"), address,
                          channel_name(channel));
    if (channel == CHANNEL_WEBHOOK && address_is_forbidden(c->service->config, address))
        return call_error(c, "InvalidParameterValue",
                          _("\"%.100s\" is a private address"), address);
    return 0;
}

static int add_refused(struct call *c, int r, const struct err *err)
{
    if (r == REFUSED_QUOTA)
        return call_error(c, "LimitExceeded",
                          _("an account has %d subscriptions at most"),
                          SUBSCRIPTIONS_MAX);
    if (r == REFUSED_BUSY)
        return call_error(c, "RequestLimitExceeded",
                          _("a code was sent to this address a moment ago"));
    if (r == REFUSED_DAY)
        return call_error(c, "LimitExceeded", _("%d codes were sent for you today"),
                          PROOFS_PER_DAY);
    return call_refused(c, r, err);
}

static int add(struct call *c, struct arena *arena)
{
    const char *type = call_text(c, "Type"), *address = call_text(c, "Address");
    int channel = channel_from_name(call_text(c, "Channel"));
    struct adding a = {.c = c, .arena = arena};
    struct err err = {0};
    int r;

    if (channel < 0 || !address)
        return call_error(c, "MissingParameter", _("Channel and Address are missing"));
    type = type ? type : "*";
    r = check_type(c, type);
    r = r < 0 ? r : check_address(c, (enum channel)channel, address);
    if (r < 0)
        return r;
    if (!notice_channel_is_on(c->service->config, (enum channel)channel))
        return call_error(c, "UnsupportedOperation", _("this service sends no %s"),
                          channel_name((enum channel)channel));
    a.wanted = (struct subscription){
        .account = c->account.uin,
        .type = type,
        .channel = (enum channel)channel,
        .address = address,
    };
    r = catalog_tx(c->service->catalog, add_in_tx, &a, &err);
    if (r != 0)
        return add_refused(c, r, &err);
    json_out_int(&c->reply, "SubscriptionId", a.got.id);
    json_out_bool(&c->reply, "Verified", a.got.verified);
    json_out_bool(&c->reply, "CodeSent", a.asked);
    if (*a.got.secret)
        json_out_text(&c->reply, "Secret", a.got.secret);
    return 0;
}

/* ---- of one that is there */

static int remove_in_tx(struct db *db, void *arg, struct err *err)
{
    struct call *c = arg;

    return subscription_remove(db, c->account.uin, call_int(c, "SubscriptionId", 0), err);
}

/* Not in a transaction of ours: a wrong code has to be counted. */
static int verify(struct call *c, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int r = catalog_get(&db, c->service->catalog, err);

    return r < 0
               ? r
               : subscription_verify(db, c->account.uin, call_int(c, "SubscriptionId", 0),
                                     call_text(c, "Code"), err);
}

static int change(struct call *c, bool verifies)
{
    struct err err = {0};
    int r;

    if (!call_has(c, "SubscriptionId"))
        return call_error(c, "MissingParameter", _("SubscriptionId is missing"));
    if (verifies && !call_has(c, "Code"))
        return call_error(c, "MissingParameter", _("Code is missing"));
    r = verifies ? verify(c, &err)
                 : catalog_tx(c->service->catalog, remove_in_tx, c, &err);
    if (r == REFUSED_NONE)
        return call_error(c, "ResourceNotFound",
                          _("there is no subscription %lld of yours"),
                          (long long)call_int(c, "SubscriptionId", 0));
    if (r == REFUSED_STATE)
        return call_error(c, "InvalidParameterValue",
                          _("this code is wrong, too old, or was used"));
    return call_refused(c, r, &err);
}

int action_modify_message_subscription(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    const char *operation = call_text(c, "Operation");

    if (strcmp(operation, "ADD") == 0)
        return add(c, &arena);
    return change(c, strcmp(operation, "VERIFY") == 0);
}

int action_describe_message_subscriptions(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(catalog_put) struct db *db = NULL;
    struct subscription_list list;
    struct json_out *o = &c->reply;
    struct err err = {0};
    int r = catalog_get(&db, c->service->catalog, &err);

    if (r == 0)
        r = subscription_list(&list, &arena, db, c->account.uin, &err);
    if (r != 0)
        return call_refused(c, r, &err);
    json_out_int(o, "TotalCount", (int64_t)list.n);
    json_out_begin_list(o, "SubscriptionSet");
    for (size_t i = 0; i < list.n; i++) {
        const struct subscription *s = &list.v[i];
        char created[ISO_TIME];

        iso_time(created, s->created);
        json_out_begin(o, NULL);
        json_out_int(o, "SubscriptionId", s->id);
        json_out_text(o, "Type", s->type);
        json_out_text(o, "Channel", channel_name(s->channel));
        json_out_text(o, "Address", s->address);
        json_out_bool(o, "Verified", s->verified);
        json_out_text(o, "CreatedTime", created);
        json_out_end(o);
    }
    json_out_end_list(o);
    return 0;
}
