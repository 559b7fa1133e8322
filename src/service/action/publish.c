/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On an image's way to everybody, and what it costs there
 *
 *     NONE ──Submit──► SUBMITTED ──Review──► REVIEWED ──Publish──► PUBLISHED
 *       ▲                 │                     │                     │
 *       └────Withdraw─────┴──(refused)──────────┴─────────────────────┘
 *
 * A seller submits a custom image to the market, the operator one to be public; the
 * operator tests and publishes both.  Withdrawing makes it a custom image again. */
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "store/message.h"

struct step {
    struct call *c;
    struct arena *arena;
};

static int run(struct call *c, db_fn *fn)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    struct step s = {c, &arena};
    struct err err = {0};
    int r;

    if (call_check_image_id(c, call_text(c, "ImageId")) < 0)
        return -1;
    r = catalog_tx(c->service->catalog, fn, &s, &err);
    return call_refused(c, r, &err);
}

static int wrong_step(struct call *c, const struct image *i)
{
    return call_error(c, "InvalidImageId.IncorrectState",
                      _("%s is in state %s, and on its way to everybody %s"), i->id,
                      image_state_name(i->state), publish_state_name(i->publish));
}

/* The image of the call, whoever owns it, locked; of this region only. */
static int get(struct image *ret, struct step *s, struct db *db, struct err *err)
{
    int r = image_get(ret, s->arena, db, call_text(s->c, "ImageId"), true, err);

    return r == 0 && strcmp(ret->region, s->c->region->id) != 0 ? (int)REFUSED_NONE : r;
}

static int submit(struct db *db, void *arg, struct err *err)
{
    struct step *s = arg;
    struct call *c = s->c;
    struct image_change to = IMAGE_CHANGE_NOTHING;
    bool market = strcmp(call_text(c, "Target"), "MARKET") == 0;
    struct image i;
    int r = get(&i, s, db, err);

    if (r == 0 && !image_is_own(c, &i))
        r = REFUSED_NONE;
    if (r != 0)
        return r;
    if (!market && !c->account.is_operator)
        return call_error(c, "UnauthorizedOperation",
                          _("only the operator makes an image public"));
    if (i.shares > 0)
        return call_error(c, "InvalidImageId.InShared",
                          _("%s is shared: cancel that first"), i.id);
    if (i.kind != IMAGE_CUSTOM ||
        (i.publish != PUBLISH_NONE && i.publish != PUBLISH_REFUSED))
        return wrong_step(c, &i);
    to.publish = PUBLISH_SUBMITTED;
    to.seller = market ? c->account.uin : "";
    to.price = call_int(c, "Price", 0);
    return image_change(db, i.id, IMAGE_IN(IMAGE_NORMAL), &to, err);
}

int action_submit_image(struct call *c)
{
    return run(c, submit);
}

/* The owner is told in the same transaction, in the language of the account that the
 * answer is in: the operator's and the owner's may differ, so it is told in few words. */
static int tell(struct db *db, const struct call *c, const struct image *i,
                const char *outcome, struct err *err)
{
    const char *reason = call_text(c, "Reason");
    struct message_new m = {
        .account = i->owner,
        .type = "image-review",
        .subject = outcome,
        .body = reason ? reason : "",
        .image = i->id,
    };

    return message_post(db, &m, err);
}

static int review(struct db *db, void *arg, struct err *err)
{
    struct step *s = arg;
    struct image_change to = IMAGE_CHANGE_NOTHING;
    bool accept = call_bool(s->c, "Accept");
    struct image i;
    int r = get(&i, s, db, err);

    if (r != 0)
        return r;
    if (i.publish != PUBLISH_SUBMITTED)
        return wrong_step(s->c, &i);
    to.publish = accept ? PUBLISH_REVIEWED : PUBLISH_REFUSED;
    r = image_change(db, i.id, IMAGE_IN(IMAGE_NORMAL), &to, err);
    return r ? r
             : tell(db, s->c, &i, publish_state_name((enum publish_state)to.publish),
                    err);
}

int action_review_image(struct call *c)
{
    return run(c, review);
}

static int publish(struct db *db, void *arg, struct err *err)
{
    struct step *s = arg;
    struct image_change to = IMAGE_CHANGE_NOTHING;
    struct image i;
    int r = get(&i, s, db, err);

    if (r != 0)
        return r;
    if (i.publish != PUBLISH_REVIEWED)
        return wrong_step(s->c, &i);
    to.publish = PUBLISH_PUBLISHED;
    to.kind = *i.seller ? IMAGE_MARKET : IMAGE_PUBLIC;
    r = image_change(db, i.id, IMAGE_IN(IMAGE_NORMAL), &to, err);
    return r ? r : tell(db, s->c, &i, publish_state_name(PUBLISH_PUBLISHED), err);
}

int action_publish_image(struct call *c)
{
    return run(c, publish);
}

static int withdraw(struct db *db, void *arg, struct err *err)
{
    struct step *s = arg;
    struct image_change to = IMAGE_CHANGE_NOTHING;
    struct image i;
    int r = get(&i, s, db, err);

    if (r == 0 && !image_is_own(s->c, &i) && !s->c->account.is_operator)
        r = REFUSED_NONE;
    if (r != 0)
        return r;
    if (i.publish == PUBLISH_NONE)
        return wrong_step(s->c, &i);
    to.publish = PUBLISH_NONE;
    to.kind = IMAGE_CUSTOM;
    return image_change(db, i.id, IMAGE_IN(IMAGE_NORMAL), &to, err);
}

int action_withdraw_image(struct call *c)
{
    return run(c, withdraw);
}

/* --- prices --- */

enum { SOURCES_MAX = 8 }; /* a copy of a copy of ... */

/* Public images are free, but Windows in North America; the market asks what the seller
 * does; a custom image costs what it was made from, as long as that is there. */
int image_price(int64_t *ret, const struct call *c, struct arena *arena, struct db *db,
                const struct image *image, struct err *err)
{
    struct image i = *image;

    for (int n = 0; n < SOURCES_MAX && i.kind == IMAGE_CUSTOM && *i.source_image; n++) {
        struct image source;
        int r = image_get(&source, arena, db, i.source_image, false, err);

        if (r == REFUSED_NONE)
            break; /* the price it had is the image's own by now */
        if (r != 0)
            return r;
        i = source;
    }
    *ret = i.price;
    if (i.kind == IMAGE_PUBLIC &&
        !(strncmp(i.os_type, "Windows", 7) == 0 && c->region->group == REGION_AMERICA))
        *ret = 0;
    /* Until it is published, what it will be sold for concerns nobody. */
    if (i.kind == IMAGE_CUSTOM && i.publish != PUBLISH_NONE && !*i.source_image)
        *ret = 0;
    return 0;
}

static int write_price(struct call *c, struct arena *arena, struct db *db, const char *id,
                       struct err *err)
{
    struct image i;
    int64_t price;
    int r = call_check_image_id(c, id);

    if (r == 0)
        r = image_see(&i, arena, db, c->account.uin, c->region->id, id, false, err);
    if (r == REFUSED_NONE)
        return call_error(c, "InvalidImageId.NotFound", _("there is no image %s"), id);
    if (r == 0)
        r = image_price(&price, c, arena, db, &i, err);
    if (r != 0)
        return r;
    json_out_begin(&c->reply, NULL);
    json_out_text(&c->reply, "ImageId", id);
    json_out_int(&c->reply, "Price", price);
    json_out_text(&c->reply, "ChargeUnit", "HOUR");
    json_out_end(&c->reply);
    return 0;
}

int action_inquiry_price_images(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(catalog_put) struct db *db = NULL;
    struct err err = {0};
    int r = catalog_get(&db, c->service->catalog, &err);

    json_out_begin_list(&c->reply, "PriceSet");
    for (size_t i = 0; r == 0 && i < call_count(c, "ImageIds"); i++)
        r = write_price(c, &arena, db, call_text_at(c, "ImageIds", i), &err);
    json_out_end_list(&c->reply);
    return call_refused(c, r, &err);
}
