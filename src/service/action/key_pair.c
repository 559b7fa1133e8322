/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ImportKeyPair, DescribeKeyPairs, DeleteKeyPairs: public keys that instances are given.
 * An instance keeps what it was given when the pair is deleted. */
#include <string.h>

#include <openssl/evp.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "service/action/instance.h"
#include "store/instance.h"

enum { PAIRS_MAX = 100 };

int key_pair_check_id(struct call *c, const char *id)
{
    if (strncmp(id, "skey-", 5) == 0 && strlen(id) == 13 &&
        strspn(id + 5, "0123456789abcdefghijklmnopqrstuvwxyz") == 8)
        return 0;
    return call_error(c, "InvalidKeyPairId.Malformed", _("\"%.60s\" is no key pair id"),
                      id);
}

/* A kind, base64 that begins by naming the kind again, and perhaps a comment. */
static bool is_public_key(const char *key)
{
    static const char *const kinds[] = {
        "ssh-ed25519",         "ssh-rsa",
        "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com",
    };
    size_t kind = strcspn(key, " "), n, k = 0;
    unsigned char head[48];

    while (k < ARRAY_SIZE(kinds) &&
           (strlen(kinds[k]) != kind || strncmp(kinds[k], key, kind) != 0))
        k++;
    if (k == ARRAY_SIZE(kinds) || !key[kind])
        return false;
    if (!text_is_line(key))
        return false;
    key += kind + 1;
    n = strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
    if (n < 64 || n % 4 != 0 || (key[n] != '\0' && key[n] != ' '))
        return false;
    return EVP_DecodeBlock(head, (const unsigned char *)key, 64) == 48 && head[0] == 0 &&
           head[1] == 0 && head[2] == 0 && head[3] == kind &&
           memcmp(head + 4, kinds[k], kind) == 0;
}

struct adding {
    struct key_pair pair;
    char id[KEY_PAIR_ID_SIZE];
};

static int add(struct db *db, void *arg, struct err *err)
{
    struct adding *x = arg;

    return key_pair_new(x->id, db, &x->pair, PAIRS_MAX, err);
}

int action_import_key_pair(struct call *c)
{
    struct adding x = {.pair = {.owner = c->account.uin,
                                .name = call_text(c, "KeyName"),
                                .public_key = call_text(c, "PublicKey")}};
    struct err err = {0};
    int r;

    if (!text_is_line(x.pair.name))
        return call_error(c, "InvalidKeyPairName.Malformed",
                          _("KeyName is one line of text"));
    if (!is_public_key(x.pair.public_key))
        return call_error(c, "InvalidPublicKey.Malformed",
                          _("PublicKey is no line of OpenSSH's authorized_keys"));
    r = catalog_tx(c->service->catalog, add, &x, &err);
    if (r == REFUSED_NAME)
        return call_error(c, "InvalidKeyPairName.Duplicate",
                          _("another key pair has this name"));
    if (r == REFUSED_QUOTA)
        return call_error(c, "InvalidKeyPair.LimitExceeded",
                          _("an account has at most %d key pairs"), PAIRS_MAX);
    if (r != 0)
        return call_refused(c, r, &err);
    json_out_text(&c->reply, "KeyId", x.id);
    return 0;
}

static void write_pair(struct json_out *o, const struct key_pair *k)
{
    char created[ISO_TIME];

    iso_time(created, k->created);
    json_out_begin(o, NULL);
    json_out_text(o, "KeyId", k->id);
    json_out_text(o, "KeyName", k->name);
    json_out_int(o, "ProjectId", 0);
    json_out_text(o, "PublicKey", k->public_key);
    json_out_null(o, "PrivateKey");
    json_out_text(o, "CreatedTime", created);
    json_out_end(o);
}

static bool is_asked_for(const struct call *c, const char *id)
{
    size_t n = call_count(c, "KeyIds");

    for (size_t i = 0; i < n; i++)
        if (strcmp(call_text_at(c, "KeyIds", i), id) == 0)
            return true;
    return n == 0;
}

int action_describe_key_pairs(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(catalog_put) struct db *db = NULL;
    int64_t offset = call_int(c, "Offset", 0), limit = call_int(c, "Limit", 20);
    int64_t total = 0;
    struct key_pair *pairs;
    size_t n = 0;
    struct err err = {0};
    int r;

    for (size_t i = 0; i < call_count(c, "KeyIds"); i++)
        if (key_pair_check_id(c, call_text_at(c, "KeyIds", i)) < 0)
            return -1;
    r = catalog_get(&db, c->service->catalog, &err);
    if (r == 0)
        r = key_pair_list(&pairs, &n, &arena, db, c->account.uin, &err);
    if (r != 0)
        return call_refused(c, r, &err);
    json_out_begin_list(&c->reply, "KeyPairSet");
    for (size_t i = 0; i < n; i++) {
        if (!is_asked_for(c, pairs[i].id))
            continue;
        if (total >= offset && total < offset + limit)
            write_pair(&c->reply, &pairs[i]);
        total++;
    }
    json_out_end_list(&c->reply);
    json_out_int(&c->reply, "TotalCount", total);
    return 0;
}

static int delete_all(struct db *db, void *arg, struct err *err)
{
    struct call *c = arg;
    int r = 0;

    for (size_t i = 0; r == 0 && i < call_count(c, "KeyIds"); i++) {
        const char *id = call_text_at(c, "KeyIds", i);

        r = key_pair_delete(db, c->account.uin, id, err);
        if (r == REFUSED_NONE)
            return call_error(c, "InvalidKeyPairId.NotFound",
                              _("there is no key pair %.60s"), id);
    }
    return r;
}

int action_delete_key_pairs(struct call *c)
{
    struct err err = {0};

    for (size_t i = 0; i < call_count(c, "KeyIds"); i++)
        if (key_pair_check_id(c, call_text_at(c, "KeyIds", i)) < 0)
            return -1;
    return call_refused(c, catalog_tx(c->service->catalog, delete_all, c, &err), &err);
}
