/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ResetInstance: a new disk on the same image or another one, and settings anew. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/uuid.h"
#include "rules/profile.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "service/action/instance.h"

struct reset {
    struct call *c;
    struct arena *arena;
    struct login login;
    struct made_password made;
};

static int see_image(struct image *ret, struct reset *x, struct arena *arena,
                     struct db *db, const struct instance *i, struct err *err)
{
    struct call *c = x->c;
    const char *asked = call_text(c, "ImageId"), *id = asked && *asked ? asked : i->image;
    int r = image_see(ret, arena, db, c->account.uin, c->region->id, id, true, err);

    /* The share may be gone from which it was made. */
    if (r == REFUSED_NONE)
        return call_error(c, "InvalidImageId.NotFound", _("there is no image %s"), id);
    if (r != 0)
        return r;
    if (profile_service(c->service->profile)->shares_only_create &&
        ret->kind == IMAGE_CUSTOM && !image_is_own(c, ret))
        return call_error(c, "InvalidParameterValue.InvalidImageIdForRetsetInstance",
                          _("%s is shared with you: it makes instances, and resets none"),
                          id);
    return image_may_start(c, ret);
}

static int host_name(char *to, size_t cap, struct reset *x, const struct instance *i,
                     const struct image *image)
{
    bool windows = image_is_windows(image);
    const char *name = x->login.has_host_name ? x->login.host_name : i->hostname;

    if (host_name_is_legal(name, windows)) {
        snprintf(to, cap, "%s", name);
        return 0;
    }
    if (x->login.has_host_name)
        return call_error(x->c, "InvalidParameterValue.IllegalHostName",
                          _("\"%.60s\" is no name for a host"), name);
    host_name_make(to, cap, i->address, image); /* it was for another system */
    return 0;
}

static json_t *describe(struct reset *x, const struct instance *i,
                        const struct image *image, const char *incarnation,
                        const char *host, const char *keys)
{
    bool made = login_needs_password(&x->login), windows = image_is_windows(image);
    const char *text = made ? x->made.text : x->login.password;

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "image", image->id,
                     "incarnation", incarnation, "hostname", host, "password",
                     made ? x->made.hash : x->login.hash, "secret", windows ? text : "",
                     "keys", keys, "key_ids", x->login.key_ids, "user_data",
                     x->login.has_user_data ? x->login.user_data : i->user_data);
}

/* What is to be once the disk is there; until then it is the task's. */
static int plan(struct reset *x, struct db *db, struct arena *arena,
                const struct instance *i, const struct image *image, const char *keys,
                struct err *err)
{
    const struct config_type *type = config_type(x->c->service->config, i->type);
    char host[128], incarnation[UUID_TEXT];
    struct instance_change change = INSTANCE_CHANGE_NOTHING;
    int64_t price, gib;
    json_t *then;
    int r = host_name(host, sizeof host, x, i, image);

    if (r == 0)
        r = disk_size(&gib, x->c, image, i->disk_gib);
    if (r == 0)
        r = zone_room(db, i->zone, i->state == INSTANCE_STOPPED ? i->memory_mib : 0,
                      gib - i->disk_gib, err);
    if (r == 0)
        r = image_price(&price, x->c, arena, db, image, err);
    if (r == 0)
        r = uuid_make(incarnation, err);
    if (r != 0)
        return r;
    price += type ? (int64_t)type->price : 0;
    then = describe(x, i, image, incarnation, host, keys);
    if (!then || json_object_set_new(then, "disk_gib", json_integer(gib)) < 0 ||
        json_object_set_new(then, "price", json_integer(price)) < 0) {
        json_decref(then);
        return FAIL(err, ERR_NOMEM, "no memory for a task");
    }
    change.state = INSTANCE_REBOOTING;
    change.disk_due = gib;
    r = instance_begin(x->c, db, i, "reset", then, image->id, &change, err);
    if (r == 0 && login_needs_password(&x->login))
        r = login_tell(x->c, db, i->id, i->name, image, x->made.text, err);
    return r;
}

static int begin(struct db *db, void *arg, struct err *err)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    struct reset *x = arg;
    const char *keys;
    struct instance i;
    struct image image;
    int r =
        instance_take(&i, x->c, &arena, db, call_text(x->c, "InstanceId"),
                      INSTANCE_IN(INSTANCE_RUNNING) | INSTANCE_IN(INSTANCE_STOPPED), err);

    if (r == 0)
        r = see_image(&image, x, &arena, db, &i, err);
    if (r == 0)
        r = login_check(&keys, x->c, &x->login, &arena, db, &image, err);
    return r == 0 ? plan(x, db, &arena, &i, &image, keys, err) : r;
}

int action_reset_instance(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    struct reset x = {.c = c, .arena = &arena};
    const char *image = call_text(c, "ImageId");
    struct err err = {0};

    if (instance_check_id(c, call_text(c, "InstanceId")) < 0 ||
        (image && *image && call_check_image_id(c, image) < 0) ||
        login_read(&x.login, c, &arena) < 0)
        return -1;
    if (login_needs_password(&x.login) && login_make(&x.made, &err) < 0)
        return call_fail(c, &err);
    return instance_refused(c, catalog_tx(c->service->catalog, begin, &x, &err), &err);
}
