/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/admin.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "service/config.h"
#include "service/folder.h"
#include "service/iso_time.h"
#include "store/account.h"
#include "store/catalog.h"

enum { ADMIN_ARENA_MAX = 64 << 20, NAME_MAX_BYTES = 60 };

struct admin {
    struct arena arena;
    const struct config *config;
    struct catalog *catalog;
};

int admin_open(struct admin **ret, const char *config, struct err *err)
{
    struct admin *a = calloc(1, sizeof *a);
    int r;

    if (!a)
        return FAIL(err, ERR_NOMEM, "administration");
    a->arena.max = ADMIN_ARENA_MAX;
    r = config_load(&a->config, &a->arena, config, err);
    if (r == 0)
        r = folder_make(a->config->data, err);
    if (r == 0)
        r = catalog_open(&a->catalog, a->config->catalog,
                         &(struct catalog_options){.connections = 2}, err);
    if (r < 0) {
        admin_close(a);
        return r;
    }
    *ret = a;
    return 0;
}

void admin_close(struct admin *a)
{
    if (!a)
        return;
    if (a->catalog)
        catalog_close(a->catalog);
    arena_fini(&a->arena);
    free(a);
}

/* --- for printing --- */

static json_t *quota_json(int64_t quota)
{
    return quota < 0 ? json_null() : json_integer(quota);
}

static json_t *account_json(const struct account *a)
{
    char created[ISO_TIME];

    iso_time(created, a->created);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:o, s:o, s:s}", "Uin",
                     a->uin, "AppId", a->app_id, "Name", a->name, "Language", a->language,
                     "State", account_state_name(a->state), "Operator", a->is_operator,
                     "ImportPermission", permission_name(a->import_permission),
                     "ImportReason", a->import_reason, "ImageQuota",
                     quota_json(a->image_quota), "ShareQuota", quota_json(a->share_quota),
                     "Created", created);
}

static json_t *key_json(const struct key *k, bool with_secret)
{
    char created[ISO_TIME];
    json_t *j;

    iso_time(created, k->created);
    j = json_pack("{s:s, s:s, s:s}", "SecretId", k->secret_id, "State",
                  k->active ? "active" : "disabled", "Created", created);
    if (j && with_secret)
        json_object_set_new(j, "SecretKey", json_string(k->secret_key));
    return j;
}

static int give(json_t **ret, json_t *j, struct err *err)
{
    if (!j)
        return FAIL(err, ERR_NOMEM, "answer");
    *ret = j;
    return 0;
}

/* --- accounts --- */

/* What a transaction is given and gives. */
struct change {
    struct admin *admin;
    const char *who, *secret_id;
    const struct admin_account *wanted;
    bool on, found; /* the account */
    struct account account;
    struct key key;
};

static int refused(int r, const struct change *ch, struct err *err)
{
    if (r <= 0)
        return r;
    if (r == REFUSED_NAME)
        return FAIL(err, ERR_CONFLICT, _("there is an account %s already"),
                    ch->wanted->name);
    if (r == REFUSED_QUOTA)
        return FAIL(err, ERR_CONFLICT, _("%s has %d keys, and no more are given"),
                    ch->who, KEYS_MAX);
    if (ch->found)
        return FAIL(err, ERR_NOTFOUND, _("%s has no key %s"), ch->who, ch->secret_id);
    return FAIL(err, ERR_NOTFOUND, _("there is no account %s"), ch->who);
}

/* A number could be another account's uin. */
static int check_name(const char *name, struct err *err)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return FAIL(err, ERR_ARG, _("a control character in the name"));
    if (n == 0 || n > NAME_MAX_BYTES || strspn(name, "0123456789") == n)
        return FAIL(err, ERR_ARG,
                    _("a name has 1 to %d bytes and is not a number, unlike \"%.80s\""),
                    NAME_MAX_BYTES, name);
    return 0;
}

static int find(struct change *ch, struct db *db, struct err *err)
{
    int r = account_find(&ch->account, &ch->admin->arena, db, ch->who, err);

    ch->found = r == 0;
    return r;
}

static void apply(struct account *a, const struct admin_account *w)
{
    if (w->name)
        a->name = w->name;
    if (w->language)
        a->language = w->language;
    if (w->is_operator >= 0)
        a->is_operator = w->is_operator;
    if (w->may_import >= 0)
        a->import_permission = w->may_import ? PERMISSION_GRANTED : PERMISSION_REFUSED;
    if (w->image_quota >= 0 || w->image_quota == ADMIN_AS_PROFILE)
        a->image_quota = w->image_quota < 0 ? -1 : w->image_quota;
    if (w->share_quota >= 0 || w->share_quota == ADMIN_AS_PROFILE)
        a->share_quota = w->share_quota < 0 ? -1 : w->share_quota;
    if (w->active >= 0)
        a->state = w->active ? ACCOUNT_ACTIVE : ACCOUNT_DISABLED;
}

static int create(struct db *db, void *arg, struct err *err)
{
    struct change *ch = arg;
    struct account wanted = {.language = "zh", .image_quota = -1, .share_quota = -1};
    int r;

    apply(&wanted, ch->wanted);
    if (ch->wanted->may_import <= 0)
        wanted.import_permission = PERMISSION_NONE;
    r = account_new(&ch->account, &ch->admin->arena, db, &wanted, err);
    return r ? r : key_new(&ch->key, db, ch->account.uin, err);
}

int admin_create(json_t **ret, struct admin *a, const struct admin_account *account,
                 struct err *err)
{
    struct change ch = {.admin = a, .wanted = account};
    int r = check_name(account->name, err);
    json_t *j;

    if (r == 0)
        r = refused(catalog_tx(a->catalog, create, &ch, err), &ch, err);
    if (r < 0)
        return r;
    j = account_json(&ch.account);
    json_object_set_new(j, "SecretId", json_string(ch.key.secret_id));
    json_object_set_new(j, "SecretKey", json_string(ch.key.secret_key));
    return give(ret, j, err);
}

int admin_list(json_t **ret, struct admin *a, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    struct account_list list;
    json_t *all;
    int r = catalog_get(&db, a->catalog, err);

    if (r == 0)
        r = account_list(&list, &a->arena, db, err);
    if (r < 0)
        return r;
    all = json_array();
    for (size_t i = 0; all && i < list.n; i++)
        json_array_append_new(all, account_json(&list.v[i]));
    return give(ret, all, err);
}

int admin_show(json_t **ret, struct admin *a, const char *who, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    struct change ch = {.admin = a, .who = who};
    struct key_list keys;
    json_t *j, *list;
    int r = catalog_get(&db, a->catalog, err);

    if (r == 0)
        r = find(&ch, db, err);
    if (r == 0)
        r = key_list(&keys, &a->arena, db, ch.account.uin, err);
    if (r != 0)
        return refused(r, &ch, err);
    j = account_json(&ch.account);
    list = json_array();
    for (size_t i = 0; i < keys.n; i++)
        json_array_append_new(list, key_json(&keys.v[i], false));
    json_object_set_new(j, "Keys", list);
    return give(ret, j, err);
}

static int set(struct db *db, void *arg, struct err *err)
{
    struct change *ch = arg;
    int r = find(ch, db, err);

    if (r == 0) {
        apply(&ch->account, ch->wanted);
        r = account_set(db, &ch->account, err);
    }
    return r;
}

int admin_set(json_t **ret, struct admin *a, const char *who,
              const struct admin_account *account, struct err *err)
{
    struct change ch = {.admin = a, .who = who, .wanted = account};
    int r = account->name ? check_name(account->name, err) : 0;

    if (r == 0)
        r = refused(catalog_tx(a->catalog, set, &ch, err), &ch, err);
    return r < 0 ? r : give(ret, account_json(&ch.account), err);
}

/* --- keys --- */

static int make_key(struct db *db, void *arg, struct err *err)
{
    struct change *ch = arg;
    int r = find(ch, db, err);

    return r ? r : key_new(&ch->key, db, ch->account.uin, err);
}

int admin_key_new(json_t **ret, struct admin *a, const char *who, struct err *err)
{
    struct change ch = {.admin = a, .who = who};
    int r = refused(catalog_tx(a->catalog, make_key, &ch, err), &ch, err);

    return r < 0 ? r : give(ret, key_json(&ch.key, true), err);
}

static int set_key(struct db *db, void *arg, struct err *err)
{
    struct change *ch = arg;
    int r = find(ch, db, err);

    return r ? r : key_set_active(db, ch->account.uin, ch->secret_id, ch->on, err);
}

int admin_key_set(struct admin *a, const char *who, const char *secret_id, bool active,
                  struct err *err)
{
    struct change ch = {.admin = a, .who = who, .secret_id = secret_id, .on = active};

    return refused(catalog_tx(a->catalog, set_key, &ch, err), &ch, err);
}

static int delete_key(struct db *db, void *arg, struct err *err)
{
    struct change *ch = arg;
    int r = find(ch, db, err);

    return r ? r : key_delete(db, ch->account.uin, ch->secret_id, err);
}

int admin_key_delete(struct admin *a, const char *who, const char *secret_id,
                     struct err *err)
{
    struct change ch = {.admin = a, .who = who, .secret_id = secret_id};

    return refused(catalog_tx(a->catalog, delete_key, &ch, err), &ch, err);
}
