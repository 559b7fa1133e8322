/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing and deleting images.  Rules are judged on rows that are locked, inside the
 * transaction that writes, so that two requests at once cannot both be right. */
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "service/journal.h"
#include "store/blob.h"
#include "store/share.h"

/* A transaction of an action.  A rule that refuses answers by call_error() and undoes
 * everything by a negative number. */
struct change {
    struct call *c;
    struct arena *arena; /* emptied at each run */
    const char *blobs[128];
    size_t n_blobs;
};

static int see(struct image *ret, struct change *ch, struct db *db, const char *id,
               struct err *err)
{
    int r = call_check_image_id(ch->c, id);

    if (r == 0)
        r = image_see(ret, ch->arena, db, ch->c->account.uin, ch->c->region->id, id, true,
                      err);
    if (r == REFUSED_NONE)
        return call_error(ch->c, "InvalidImageId.NotFound", _("there is no image %s"),
                          id);
    return r;
}

static int run(struct call *c, db_fn *fn)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    struct change ch = {.c = c, .arena = &arena};
    struct err err = {0};
    int r = catalog_tx(c->service->catalog, fn, &ch, &err);

    if (r == DRY_RUN_ENDS)
        return 0;
    if (r != 0)
        return call_refused(c, r, &err);
    for (size_t i = 0; i < ch.n_blobs; i++) {
        struct err local = {0};

        /* The images are gone already: what stays behind is swept later. */
        if (c->service->blobs && blob_delete(c->service->blobs, ch.blobs[i], &local) < 0)
            journal_message("blob", &local, "request %s: blob %s is left to the sweep",
                            c->request_id, ch.blobs[i]);
    }
    return 0;
}

/* --- ModifyImageAttribute --- */

static bool is_family(const char *s)
{
    return strspn(s,
                  "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") ==
           strlen(s);
}

static int may_modify(struct call *c, const struct image *i)
{
    if (i->view == VIEW_SHARED)
        return call_error(c, "UnsupportedOperation.SharedImageModifyUnsupported",
                          _("%s is shared with you: only its owner may change it"),
                          i->id);
    if (!image_is_own(c, i))
        return call_error(c, "InvalidImageId.NotFound",
                          _("there is no image %s of yours"), i->id);
    if (i->shares > 0)
        return call_error(c, "UnsupportedOperation.SharedImageModifyUnsupported",
                          _("%s is shared: cancel that first"), i->id);
    if (i->state != IMAGE_NORMAL)
        return call_error(c, "InvalidImageId.IncorrectState", _("%s is in state %s"),
                          i->id, image_state_name(i->state));
    return 0;
}

static int modify(struct db *db, void *arg, struct err *err)
{
    struct change *ch = arg;
    struct call *c = ch->c;
    struct image_change to = IMAGE_CHANGE_NOTHING;
    struct image image;
    int r = see(&image, ch, db, call_text(c, "ImageId"), err);

    if (r == 0)
        r = may_modify(c, &image);
    if (r == 0)
        r = call_count_operation(c, db, err);
    if (r != 0)
        return r;
    to.name = call_text(c, "ImageName");
    to.description = call_text(c, "ImageDescription");
    to.family = call_text(c, "ImageFamily");
    if (call_has(c, "ImageDeprecated"))
        to.deprecated = call_bool(c, "ImageDeprecated");
    return image_change(db, image.id, IMAGE_IN(IMAGE_NORMAL), &to, err);
}

int action_modify_image_attribute(struct call *c)
{
    const char *family = call_text(c, "ImageFamily");

    if (family && !is_family(family))
        return call_error(c, "InvalidParameterValue.InvalidImageFamily",
                          _("\"%.60s\" is no name of a family"), family);
    return run(c, modify);
}

/* --- DeleteImages --- */

static int may_delete(struct call *c, const struct image *i)
{
    if (i->view == VIEW_SHARED)
        return call_error(c, "InvalidParameterValue.InvalidImageIdIsShared",
                          _("%s is shared with you: only its owner may delete it"),
                          i->id);
    if (!image_is_own(c, i) || i->kind != IMAGE_CUSTOM)
        return call_error(c, "InvalidParameterValue.InvalidImageId",
                          _("%s is no custom image"), i->id);
    if (IMAGE_IN(i->state) & IMAGE_IN_WORK)
        return call_error(c, "InvalidImageId.IncorrectState", _("%s is in state %s"),
                          i->id, image_state_name(i->state));
    if (i->shares > 0)
        return call_error(c, "InvalidImageId.InShared",
                          _("%s is shared: cancel that first"), i->id);
    return 0;
}

/* Copies may stand on the same bytes. */
static int note_blob(struct change *ch, struct db *db, const char *blob, struct err *err)
{
    bool used;
    int r;

    if (!*blob || ch->n_blobs == ARRAY_SIZE(ch->blobs))
        return 0; /* what finds no place is the sweep's */
    r = image_uses_blob(&used, db, blob, err);
    if (r == 0 && !used)
        ch->blobs[ch->n_blobs++] = blob;
    return r;
}

/* The data disks of an image: a list of objects that name their blob. */
static int note_disks(struct change *ch, struct db *db, const struct image *i,
                      struct err *err)
{
    json_t *disks = json_loads(i->disks, 0, NULL), *disk;
    size_t n;
    int r = 0;

    json_array_foreach(disks, n, disk)
    {
        const char *blob = json_string_value(json_object_get(disk, "blob"));

        if (r == 0 && blob)
            r = note_blob(ch, db, arena_str(ch->arena, blob), err);
    }
    json_decref(disks);
    return r;
}

static int delete_one(struct change *ch, struct db *db, const char *id, struct err *err)
{
    struct image image;
    int r = see(&image, ch, db, id, err);

    if (r == 0)
        r = may_delete(ch->c, &image);
    if (r == 0)
        r = image_delete(db, image.id, IMAGE_IN_FAILED | IMAGE_IN(IMAGE_NORMAL), err);
    if (r == 0)
        r = note_blob(ch, db, image.blob, err);
    if (r == 0)
        r = note_disks(ch, db, &image, err);
    return r;
}

static int delete_all(struct db *db, void *arg, struct err *err)
{
    struct change *ch = arg;
    struct call *c = ch->c;
    int r = 0;

    ch->n_blobs = 0;
    for (size_t i = 0; r == 0 && i < call_count(c, "ImageIds"); i++)
        r = delete_one(ch, db, call_text_at(c, "ImageIds", i), err);
    if (r == 0)
        r = call_count_operation(c, db, err);
    return r == 0 && call_bool(c, "DryRun") ? DRY_RUN_ENDS : r;
}

int action_delete_images(struct call *c)
{
    return run(c, delete_all);
}

/* --- shares --- */

/* Of which kinds of images the vendor refuses a share. */
static int may_share(struct call *c, const struct image *i)
{
    if (!image_is_own(c, i) || i->kind != IMAGE_CUSTOM)
        return call_error(c, "UnauthorizedOperation.ImageNotBelongToAccount",
                          _("%s is no image of yours"), i->id);
    if (i->state != IMAGE_NORMAL)
        return call_error(c, "InvalidParameterValue.InvalidImageState",
                          _("%s is in state %s"), i->id, image_state_name(i->state));
    return 0;
}

/* What a share would hand on without the right to it. */
static int may_give(struct call *c, const struct image *i)
{
    if (strcmp(i->os_type, "Redhat") == 0)
        return call_error(c, "FailedOperation.RImageShareFailed",
                          _("%s is a Red Hat system, which cannot be shared"), i->id);
    if (strcmp(i->license, "BYOL") == 0)
        return call_error(c, "FailedOperation.BYOLImageShareFailed",
                          _("%s has a licence of its own, which cannot be shared"),
                          i->id);
    if (*i->disks && strcmp(i->disks, "[]") != 0)
        return call_error(c, "InvalidParameter.InstanceImageNotSupport",
                          _("%s has data disks, so it cannot be shared"), i->id);
    return 0;
}

static int add_shares(struct change *ch, struct db *db, const char *id,
                      const char *const *accounts, size_t n, struct err *err)
{
    struct call *c = ch->c;
    size_t which = 0;
    int r = share_add(&which, db, id, accounts, n, call_share_quota(c), err);

    switch (r) {
    case REFUSED_SELF:
        return call_error(c, "FailedOperation.AccountIsYourSelf",
                          _("this is your own account"));
    case REFUSED_ACCOUNT:
        return call_error(c, "InvalidAccountId.NotFound", _("there is no account %.60s"),
                          accounts[which]);
    case REFUSED_SHARED:
        return call_error(c, "FailedOperation.AccountAlreadyExists",
                          _("the image is shared with %.60s already"), accounts[which]);
    default:
        return r;
    }
}

static int modify_shares(struct db *db, void *arg, struct err *err)
{
    struct change *ch = arg;
    struct call *c = ch->c;
    bool share = strcmp(call_text(c, "Permission"), "SHARE") == 0;
    const char *accounts[64];
    size_t n = 0;
    struct image image;
    int r = see(&image, ch, db, call_text(c, "ImageId"), err);

    for (; n < call_count(c, "AccountIds") && n < ARRAY_SIZE(accounts); n++)
        accounts[n] = call_text_at(c, "AccountIds", n);
    if (r == 0)
        r = may_share(c, &image);
    if (r == 0 && share)
        r = may_give(c, &image);
    if (r == 0)
        r = call_count_operation(c, db, err);
    if (r != 0)
        return r;
    return share ? add_shares(ch, db, image.id, accounts, n, err)
                 : share_cancel(db, image.id, accounts, n, err);
}

int action_modify_image_share_permission(struct call *c)
{
    return run(c, modify_shares);
}

int action_describe_image_share_permission(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(catalog_put) struct db *db = NULL;
    const char *id = call_text(c, "ImageId");
    struct share_list list;
    struct image image;
    struct err err = {0};
    int r;

    if (call_check_image_id(c, id) < 0)
        return -1;
    r = catalog_get(&db, c->service->catalog, &err);
    if (r == 0)
        r = image_see(&image, &arena, db, c->account.uin, c->region->id, id, false, &err);
    if (r == 0 && !image_is_own(c, &image))
        return call_error(c, "UnauthorizedOperation.ImageNotBelongToAccount",
                          _("%s is no image of yours"), id);
    if (r == 0)
        r = share_list(&list, &arena, db, id, &err);
    if (r != 0)
        return call_refused(c, r, &err);
    json_out_begin_list(&c->reply, "SharePermissionSet");
    for (size_t i = 0; i < list.n; i++) {
        char created[ISO_TIME];

        iso_time(created, list.v[i].created);
        json_out_begin(&c->reply, NULL);
        json_out_text(&c->reply, "CreatedTime", created);
        json_out_text(&c->reply, "AccountId", list.v[i].account);
        json_out_end(&c->reply);
    }
    json_out_end_list(&c->reply);
    return 0;
}
