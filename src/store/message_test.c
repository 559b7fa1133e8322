/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "store/message.h"
#include "store/testing.h"

static void post(struct testing *t, const char *account, const char *type)
{
    OK(message_post(t->db,
                    &(struct message_new){
                        .account = account,
                        .type = type,
                        .subject = "导入失败",
                        .body = "line 1\nline 2",
                        .data = "{\"code\":\"InvalidUrl\"}",
                        .task = 77,
                        .image = "img-12345678",
                    },
                    &err));
}

static int64_t subscribe(struct testing *t, const char *account, const char *type,
                         enum channel channel, const char *address, bool verified)
{
    int64_t id;

    OK(subscription_add(&id, t->db,
                        &(struct subscription){
                            .account = account,
                            .type = type,
                            .channel = channel,
                            .address = address,
                            .verified = verified,
                        },
                        &err));
    return id;
}

static int empty(void **state)
{
    testing_exec(*state, "DELETE FROM outbox");
    return 0;
}

static void test_messages_are_their_account_s(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), b = testing_account(t);
    struct message_query q = {.account = a.uin, .limit = 10};
    struct message_list l;

    post(t, a.uin, "import-failed");
    post(t, a.uin, "other");
    post(t, b.uin, "import-failed");
    OK(message_list(&l, &t->arena, t->db, &q, &err));
    assert_int_equal(l.total, 2);
    assert_string_equal(l.v[0].type, "other");
    assert_string_equal(l.v[1].subject, "导入失败");
    assert_string_equal(l.v[1].body, "line 1\nline 2");
    assert_string_equal(l.v[1].data, "{\"code\":\"InvalidUrl\"}");
    assert_string_equal(l.v[1].image, "img-12345678");
    assert_int_equal(l.v[1].task, 77);
    assert_false(l.v[1].is_read);
    CHECK(REFUSED_NONE, message_set_read(t->db, b.uin, l.v[1].id, &err));
    OK(message_set_read(t->db, a.uin, l.v[1].id, &err));
    q.only_unread = true;
    OK(message_list(&l, &t->arena, t->db, &q, &err));
    assert_int_equal(l.total, 1);
    assert_string_equal(l.v[0].type, "other");
    q = (struct message_query){.account = a.uin,
                               .type = "import-failed",
                               .image = "img-12345678",
                               .task = 77,
                               .limit = 10};
    OK(message_list(&l, &t->arena, t->db, &q, &err));
    assert_int_equal(l.total, 1);
    q.task = 78;
    OK(message_list(&l, &t->arena, t->db, &q, &err));
    assert_int_equal(l.total, 0);
}

static int ask_for(struct testing *t, const char *account, int64_t id, const char *code,
                   struct err *err)
{
    struct subscription s;
    int r = subscription_get(&s, &t->arena, t->db, account, id, err);

    return r != 0 ? r
                  : subscription_ask(t->db, &s, code,
                                     &(struct message_new){
                                         .account = account,
                                         .type = MESSAGE_PROOF,
                                         .subject = "code",
                                         .body = code,
                                     },
                                     err);
}

static void a_minute_passes(struct testing *t)
{
    testing_exec(t, "UPDATE subscription SET asked = asked - 61");
    testing_exec(t, "UPDATE message SET created = created - 61");
}

static void test_an_address_is_proved(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), b = testing_account(t);
    int64_t id = subscribe(t, a.uin, "*", CHANNEL_MAIL, "a@example.org", false), other;
    struct message_query q = {.account = a.uin, .limit = 10};
    struct subscription_list l;
    struct message_list messages;
    struct delivery d;

    CHECK(REFUSED_STATE, subscription_verify(t->db, a.uin, id, "", &err));
    CHECK(REFUSED_NONE, ask_for(t, b.uin, id, "1234", &err));
    OK(ask_for(t, a.uin, id, "1234", &err));
    CHECK(REFUSED_BUSY, ask_for(t, a.uin, id, "5678", &err));
    /* The code goes to the address, and is not to be read anywhere else. */
    OK(outbox_claim(&d, NULL, &t->arena, t->db, "me", 60, &err));
    assert_string_equal(d.address, "a@example.org");
    assert_string_equal(d.message.body, "1234");
    assert_true(d.is_wanted);
    OK(message_list(&messages, &t->arena, t->db, &q, &err));
    assert_int_equal(messages.total, 0);
    post(t, a.uin, "x");
    CHECK(REFUSED_NONE, outbox_claim(&d, NULL, &t->arena, t->db, "me", 60, &err));

    CHECK(REFUSED_STATE, subscription_verify(t->db, a.uin, id, "9999", &err));
    CHECK(REFUSED_STATE, subscription_verify(t->db, a.uin, id, "", &err));
    CHECK(REFUSED_NONE, subscription_verify(t->db, b.uin, id, "1234", &err));
    other = subscribe(t, a.uin, "x", CHANNEL_MAIL, "a@example.org", false);
    OK(subscription_verify(t->db, a.uin, id, "1234", &err));
    CHECK(REFUSED_STATE, subscription_verify(t->db, a.uin, id, "1234", &err));
    OK(subscription_list(&l, &t->arena, t->db, a.uin, &err));
    assert_int_equal(l.n, 2);
    assert_int_equal(l.v[1].id, other);
    /* It is the address that is proved, whatever comes there. */
    assert_true(l.v[0].verified && l.v[1].verified);
    subscribe(t, a.uin, "y", CHANNEL_MAIL, "a@example.org", false);
    OK(subscription_list(&l, &t->arena, t->db, a.uin, &err));
    assert_true(l.v[2].verified);
}

static void test_codes_are_not_guessed(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    int64_t id = subscribe(t, a.uin, "*", CHANNEL_SMS, "+8613800000000", false);

    OK(ask_for(t, a.uin, id, "1234", &err));
    for (int i = 0; i < PROOF_TRIES; i++)
        CHECK(REFUSED_STATE, subscription_verify(t->db, a.uin, id, "0000", &err));
    CHECK(REFUSED_STATE, subscription_verify(t->db, a.uin, id, "1234", &err));
    for (int i = 1; i < PROOFS_PER_DAY; i++) {
        a_minute_passes(t);
        OK(ask_for(t, a.uin, id, "5678", &err));
    }
    a_minute_passes(t);
    CHECK(REFUSED_DAY, ask_for(t, a.uin, id, "9999", &err));
    testing_exec(t, "UPDATE subscription SET asked = asked - 86400");
    CHECK(REFUSED_STATE, subscription_verify(t->db, a.uin, id, "5678", &err));
    testing_exec(t, "UPDATE subscription SET asked = asked + 86400");
    OK(subscription_verify(t->db, a.uin, id, "5678", &err));
}

static void test_an_address_is_asked_once_a_minute(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    int64_t id = subscribe(t, a.uin, "*", CHANNEL_SMS, "+8613800000000", false), other;

    OK(ask_for(t, a.uin, id, "1234", &err));
    other = subscribe(t, a.uin, "x", CHANNEL_SMS, "+8613800000000", false);
    CHECK(REFUSED_BUSY, ask_for(t, a.uin, other, "5678", &err));
    OK(subscription_remove(t->db, a.uin, id, &err));
    id = subscribe(t, a.uin, "*", CHANNEL_SMS, "+8613800000000", false);
    CHECK(REFUSED_BUSY, ask_for(t, a.uin, id, "5678", &err));
    OK(ask_for(t, a.uin, subscribe(t, a.uin, "*", CHANNEL_SMS, "+8613800000001", false),
               "5678", &err));
    a_minute_passes(t);
    OK(ask_for(t, a.uin, other, "5678", &err));
}

static void test_a_webhook_has_one_secret(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), b = testing_account(t);
    struct subscription_list l, theirs;
    struct delivery d;

    subscribe(t, a.uin, "*", CHANNEL_WEBHOOK, "https://x", true);
    subscribe(t, a.uin, "other", CHANNEL_WEBHOOK, "https://x", true);
    subscribe(t, a.uin, "*", CHANNEL_WEBHOOK, "https://y", true);
    subscribe(t, b.uin, "*", CHANNEL_WEBHOOK, "https://x", true);
    subscribe(t, b.uin, "*", CHANNEL_MAIL, "b@example.org", true);
    OK(subscription_list(&l, &t->arena, t->db, a.uin, &err));
    OK(subscription_list(&theirs, &t->arena, t->db, b.uin, &err));
    assert_int_equal(strlen(l.v[0].secret), 32);
    assert_string_equal(l.v[0].secret, l.v[1].secret);
    assert_string_not_equal(l.v[0].secret, l.v[2].secret);
    assert_string_not_equal(l.v[0].secret, theirs.v[0].secret);
    assert_string_equal(theirs.v[1].secret, "");
    post(t, b.uin, "other");
    OK(subscription_remove(t->db, b.uin, theirs.v[1].id, &err));
    for (int i = 0; i < 2; i++) {
        bool webhook;

        OK(outbox_claim(&d, NULL, &t->arena, t->db, "me", 60, &err));
        webhook = d.channel == CHANNEL_WEBHOOK;
        assert_string_equal(d.secret, webhook ? theirs.v[0].secret : "");
        assert_int_equal(d.is_wanted, webhook); /* the other is unsubscribed */
    }
}

static void test_old_ones_are_forgotten(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct message_query q = {.account = a.uin, .limit = 10};
    struct delivery_states states;
    struct message_list l;
    struct delivery d;
    int64_t n = 0;

    subscribe(t, a.uin, "*", CHANNEL_MAIL, "a@example.org", true);
    testing_exec(t, "DELETE FROM message");
    post(t, a.uin, "sent");
    post(t, a.uin, "waits");
    OK(outbox_claim(&d, NULL, &t->arena, t->db, "me", 60, &err));
    OK(outbox_sent(t->db, &d, &err));
    OK(message_forget(&n, t->db, 100, 1000, 10, &err));
    assert_int_equal(n, 0);
    testing_exec(t, "UPDATE message SET created = created - 200");
    OK(message_forget(&n, t->db, 100, 1000, 10, &err));
    assert_int_equal(n, 1);
    OK(message_list(&l, &t->arena, t->db, &q, &err));
    assert_int_equal(l.total, 2);
    OK(delivery_list(&states, &t->arena, t->db, l.v[1].id, &err));
    assert_int_equal(states.n, 0);
    OK(delivery_list(&states, &t->arena, t->db, l.v[0].id, &err));
    assert_int_equal(states.n, 1);
    assert_string_equal(delivery_state_name(states.v[0].state), "waiting");
    testing_exec(t, "UPDATE message SET created = created - 2000");
    OK(message_forget(&n, t->db, 100, 1000, 10, &err));
    assert_int_equal(n, 1);
    OK(message_list(&l, &t->arena, t->db, &q, &err));
    assert_int_equal(l.total, 1);
    assert_string_equal(l.v[0].type, "waits");
}

static void test_subscriptions(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), b = testing_account(t);
    struct subscription_list l;
    int64_t id = subscribe(t, a.uin, "*", CHANNEL_MAIL, "a@example.org", false), more;

    assert_int_equal(subscribe(t, a.uin, "*", CHANNEL_MAIL, "a@example.org", false), id);
    OK(subscription_list(&l, &t->arena, t->db, a.uin, &err));
    assert_int_equal(l.n, 1);
    assert_false(l.v[0].verified);
    assert_string_equal(l.v[0].address, "a@example.org");
    for (int i = 1; i < SUBSCRIPTIONS_MAX; i++)
        subscribe(t, a.uin, "*", CHANNEL_SMS, arena_printf(&t->arena, "%d", i), true);
    CHECK(REFUSED_QUOTA,
          subscription_add(&more, t->db,
                           &(struct subscription){
                               .account = a.uin, .type = "*", .address = "one more"},
                           &err));
    CHECK(REFUSED_ACCOUNT,
          subscription_add(
              &more, t->db,
              &(struct subscription){.account = "1", .type = "*", .address = "x"}, &err));
    CHECK(REFUSED_NONE, subscription_remove(t->db, b.uin, id, &err));
    OK(subscription_remove(t->db, a.uin, id, &err));
    CHECK(REFUSED_NONE, subscription_remove(t->db, a.uin, id, &err));
}

static void test_who_subscribed_is_told_once(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), b = testing_account(t);
    struct delivery d;
    int64_t due = -1;

    subscribe(t, a.uin, "*", CHANNEL_MAIL, "a@example.org", true);
    subscribe(t, a.uin, "import-failed", CHANNEL_MAIL, "a@example.org", true);
    subscribe(t, a.uin, "other", CHANNEL_WEBHOOK, "https://a", true);
    subscribe(t, a.uin, "import-failed", CHANNEL_SMS, "+1", false);
    subscribe(t, b.uin, "*", CHANNEL_MAIL, "b@example.org", true);
    post(t, a.uin, "import-failed");
    OK(outbox_claim(&d, NULL, &t->arena, t->db, "me", 60, &err));
    assert_int_equal(d.channel, CHANNEL_MAIL);
    assert_string_equal(d.address, "a@example.org");
    assert_int_equal(d.attempt, 1);
    assert_string_equal(d.language, "en");
    assert_string_equal(d.message.subject, "导入失败");
    assert_string_equal(d.message.account, a.uin);
    CHECK(REFUSED_NONE, outbox_claim(&d, &due, &t->arena, t->db, "you", 60, &err));
    assert_true(due > 1600000000);
    OK(outbox_sent(t->db, &d, &err));
    CHECK(REFUSED_LEASE, outbox_sent(t->db, &d, &err));
    CHECK(REFUSED_NONE, outbox_claim(&d, &due, &t->arena, t->db, "you", 60, &err));
    assert_int_equal(due, 0);
}

static void test_deliveries_are_tried_again(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct outbox_counts n;
    struct delivery d, old;

    subscribe(t, a.uin, "*", CHANNEL_MAIL, "a@example.org", true);
    post(t, a.uin, "x");
    OK(outbox_claim(&d, NULL, &t->arena, t->db, "me", 60, &err));
    OK(outbox_retry(t->db, &d, 100, "no connection", &err));
    CHECK(REFUSED_NONE, outbox_claim(&d, NULL, &t->arena, t->db, "me", 60, &err));
    testing_exec(t, "UPDATE outbox SET due = @NOW - 1 WHERE due IS NOT NULL");
    OK(outbox_claim(&old, NULL, &t->arena, t->db, "me", 60, &err));
    assert_int_equal(old.attempt, 2);
    /* Its daemon died: another takes over, and the dead one's word counts no more. */
    testing_exec(t, "UPDATE outbox SET due = @NOW - 1 WHERE due IS NOT NULL");
    OK(outbox_claim(&d, NULL, &t->arena, t->db, "me", 60, &err));
    CHECK(REFUSED_LEASE, outbox_give_up(t->db, &old, "no", &err));
    OK(outbox_count(&n, t->db, &err));
    assert_int_equal(n.waiting, 1);
    OK(outbox_give_up(t->db, &d, "550 no such person", &err));
    OK(outbox_count(&n, t->db, &err));
    assert_int_equal(n.waiting, 0);
    assert_int_equal(n.given_up, 1);
    assert_int_equal(n.sent, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_messages_are_their_account_s, empty),
        cmocka_unit_test_setup(test_subscriptions, empty),
        cmocka_unit_test_setup(test_an_address_is_proved, empty),
        cmocka_unit_test_setup(test_codes_are_not_guessed, empty),
        cmocka_unit_test_setup(test_an_address_is_asked_once_a_minute, empty),
        cmocka_unit_test_setup(test_a_webhook_has_one_secret, empty),
        cmocka_unit_test_setup(test_old_ones_are_forgotten, empty),
        cmocka_unit_test_setup(test_who_subscribed_is_told_once, empty),
        cmocka_unit_test_setup(test_deliveries_are_tried_again, empty),
    };

    return cmocka_run_group_tests(tests, testing_open, testing_close);
}
