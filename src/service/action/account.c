/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The permission to import: asked for by an account, given by the operator. */
#include "store/account.h"

#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/action/action.h"
#include "service/iso_time.h"

static const char *reason_of(const struct call *c)
{
    const char *s = call_text(c, "Reason");

    return s ? s : "";
}

static int ask(struct db *db, void *arg, struct err *err)
{
    const struct call *c = arg;

    return account_ask_import(db, c->account.uin, reason_of(c), err);
}

int action_apply_import_permission(struct call *c)
{
    struct err err = {0};
    int r = catalog_tx(c->service->catalog, ask, c, &err);

    if (r == REFUSED_STATE)
        return call_error(c, "ResourceInUse",
                          _("the permission was asked for, or granted, already"));
    return call_refused(c, r, &err);
}

static int answer(struct db *db, void *arg, struct err *err)
{
    const struct call *c = arg;
    bool grant = strcmp(call_text(c, "Permission"), "GRANT") == 0;

    return account_answer_import(db, call_text(c, "AccountId"),
                                 grant ? PERMISSION_GRANTED : PERMISSION_REFUSED,
                                 reason_of(c), err);
}

int action_answer_import_permission(struct call *c)
{
    struct err err = {0};
    int r = catalog_tx(c->service->catalog, answer, c, &err);

    return call_refused(c, r == REFUSED_NONE ? (int)REFUSED_ACCOUNT : r, &err);
}

static void write_account(struct json_out *o, const struct account *a)
{
    char created[ISO_TIME];

    iso_time(created, a->created);
    json_out_begin(o, NULL);
    json_out_text(o, "AccountId", a->uin);
    json_out_text(o, "AppId", a->app_id);
    json_out_text(o, "Name", a->name);
    json_out_text(o, "State", account_state_name(a->state));
    json_out_text(o, "ImportPermission", permission_name(a->import_permission));
    json_out_text(o, "Reason", a->import_reason);
    json_out_text(o, "CreatedTime", created);
    json_out_end(o);
}

/* The caller's own account; for the operator every one. */
int action_describe_accounts(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {0};
    AUTO(catalog_put) struct db *db = NULL;
    struct account_list list = {0};
    struct account own;
    struct err err = {0};
    int r = catalog_get(&db, c->service->catalog, &err);

    if (r == 0 && c->account.is_operator)
        r = account_list(&list, &arena, db, &err);
    else if (r == 0)
        r = account_get(&own, &arena, db, c->account.uin, &err);
    if (r != 0)
        return call_refused(c, r, &err);
    if (!c->account.is_operator)
        list = (struct account_list){&own, 1};
    json_out_text(&c->reply, "AccountId", c->account.uin); /* of who asks */
    json_out_int(&c->reply, "TotalCount", (int64_t)list.n);
    json_out_begin_list(&c->reply, "AccountSet");
    for (size_t i = 0; i < list.n; i++)
        write_account(&c->reply, &list.v[i]);
    json_out_end_list(&c->reply);
    return 0;
}
