/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SyncImages: an image becomes another one in each region that is named; a shared image
 * becomes an own one where it is. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "rules/profile.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "service/job/copy.h"
#include "store/task.h"

struct sync {
    struct call *c;
    struct arena *arena;
    const struct config_region *to[CONFIG_LIST_MAX];
    char ids[CONFIG_LIST_MAX][IMAGE_ID_SIZE];
    size_t n;
};

/* ---- which regions */

static bool is_listed(const profile_names *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i], name) == 0)
            return true;
    return false;
}

enum copy_group { COPY_MAINLAND, COPY_FINANCE, COPY_OVERSEAS, COPY_NONE };

static enum copy_group copy_group(const struct config_region *r)
{
    switch ((enum region_group)r->group) {
    case REGION_MAINLAND:
        return COPY_MAINLAND;
    case REGION_FINANCE:
        return COPY_FINANCE;
    case REGION_HONGKONG:
    case REGION_OVERSEAS:
    case REGION_AMERICA:
        return COPY_OVERSEAS;
    case REGION_TAIPEI:
        break;
    }
    return COPY_NONE;
}

static int check_group(struct call *c, const struct config_region *to)
{
    enum copy_group from = copy_group(c->region), group = copy_group(to);

    if (!profile_service(c->service->profile)->copy_own_group)
        return 0;
    if (group == COPY_NONE)
        return call_error(c, "InvalidRegion.Unavailable", _("%s takes no copies"),
                          to->id);
    if (from != group)
        return call_error(c, "UnsupportedOperation.Region",
                          _("images of %s are not copied to %s"), c->region->id, to->id);
    return 0;
}

static int check_region(struct call *c, const struct config_region *to)
{
    const profile_names *list = &profile_service(c->service->profile)->copy_regions;

    if (to == c->region)
        return 0; /* what is right for the same region depends on the image */
    if (list->n == 0)
        return check_group(c, to);
    if (!is_listed(list, c->region->id))
        return call_error(c, "UnsupportedOperation.Region",
                          _("images of %s are not copied to other regions"),
                          c->region->id);
    if (!is_listed(list, to->id))
        return call_error(c, "InvalidRegion.Unavailable", _("%s takes no copies"),
                          to->id);
    return 0;
}

static int read_regions(struct sync *s)
{
    struct call *c = s->c;

    for (size_t i = 0; i < call_count(c, "DestinationRegions"); i++) {
        const char *id = call_text_at(c, "DestinationRegions", i);
        const struct config_region *to = config_region(c->service->config, id);

        if (!to)
            return call_error(c, "InvalidRegion.NotFound", _("there is no region %.60s"),
                              id);
        for (size_t k = 0; k < s->n; k++)
            if (s->to[k] == to)
                return call_error(c, "InvalidParameterValue.InvalidRegion",
                                  _("%s is named twice"), to->id);
        if (check_region(c, to) < 0)
            return -1;
        s->to[s->n++] = to; /* there are no more regions than places */
    }
    return 0;
}

/* ---- which images */

static int check_shared(struct sync *s, const struct image *i)
{
    struct call *c = s->c;

    if (profile_service(c->service->profile)->shares_only_create)
        return call_error(c, "InvalidParameterValue.InvalidImageId",
                          _("%s is shared with you: it makes instances, and no copies"),
                          i->id);
    if (s->n != 1 || s->to[0] != c->region)
        return call_error(c, "InvalidParameterValue.InvalidRegion",
                          _("%s is shared with you: it is copied within %s only"), i->id,
                          c->region->id);
    return 0;
}

static int check_own(struct sync *s, const struct image *i)
{
    for (size_t k = 0; k < s->n; k++)
        if (s->to[k] == s->c->region)
            return call_error(s->c, "InvalidParameterValue.InvalidRegion",
                              _("%s is in %s already"), i->id, s->to[k]->id);
    return 0;
}

static int may_copy(struct sync *s, const struct image *i)
{
    struct call *c = s->c;
    bool shared = i->view == VIEW_SHARED;

    if (i->kind != IMAGE_CUSTOM || (!shared && !image_is_own(c, i)))
        return call_error(c, "InvalidParameterValue.InvalidImageId",
                          _("%s is no custom image"), i->id);
    if (IMAGE_IN(i->state) & IMAGE_IN_WORK)
        return call_error(c, "InvalidParameterValue.InvalidImageState",
                          _("%s is in state %s"), i->id, image_state_name(i->state));
    if (i->state != IMAGE_NORMAL)
        return call_error(c, "InvalidImageId.IncorrectState", _("%s is in state %s"),
                          i->id, image_state_name(i->state));
    if (*i->disks && strcmp(i->disks, "[]") != 0)
        return call_error(c, "InvalidParameter.InstanceImageNotSupport",
                          _("%s has data disks, so it cannot be copied"), i->id);
    return shared ? check_shared(s, i) : check_own(s, i);
}

/* ---- the copies */

static int add_image(struct sync *s, struct db *db, const struct image *from,
                     const struct config_region *to, char id[IMAGE_ID_SIZE],
                     struct err *err)
{
    struct call *c = s->c;
    const char *name = call_text(c, "ImageName");
    struct image image = *from;
    int r;

    image.region = to->id;
    image.owner = c->account.uin;
    image.name = name ? name : from->name;
    image.state = IMAGE_SYNCING;
    image.blob = image.sha256 = "";
    image.file_size = 0;
    image.snapshots = "[]";
    image.sync_percent = 0;
    image.source_image = from->id;
    image.publish = PUBLISH_NONE;
    image.deprecated = false;
    r = image_new(id, db, &image, call_image_quota(c), NULL, 0, err);
    if (r == REFUSED_NAME)
        return call_error(c, "InvalidImageName.Duplicate",
                          _("there is an image named \"%.60s\" already"), image.name);
    if (r == REFUSED_QUOTA)
        return call_error(c, "ImageQuotaLimitExceeded",
                          _("%s has as many custom images as the account may have"),
                          to->id);
    return r;
}

static int add_copy(struct sync *s, struct db *db, const struct image *from, size_t n,
                    struct err *err)
{
    struct call *c = s->c;
    const char *name = call_text(c, "ImageName");
    AUTO(freep)
    char *params = copy_params(from->id, name ? name : from->name);
    struct task task = {
        .kind = TASK_COPY,
        .image = s->ids[n],
        .account = c->account.uin,
        .region = s->to[n]->id,
        .request_id = c->request_id,
        .params = params,
        .step = "verify",
        .bytes_total = from->file_size,
        .profile = from->profile,
        .uses = &from->id,
        .n_uses = 1,
    };
    int64_t id;
    int r = params ? add_image(s, db, from, s->to[n], s->ids[n], err)
                   : FAIL(err, ERR_NOMEM, "no memory for a task");

    return r == 0 ? task_new(&id, db, &task, err) : r;
}

static int begin(struct db *db, void *arg, struct err *err)
{
    struct sync *s = arg;
    struct call *c = s->c;
    const char *id = call_text_at(c, "ImageIds", 0);
    struct image image;
    int r = image_see(&image, s->arena, db, c->account.uin, c->region->id, id, true, err);

    if (r == 0)
        r = may_copy(s, &image);
    for (size_t i = 0; r == 0 && i < s->n; i++)
        r = add_copy(s, db, &image, i, err);
    if (r == 0)
        r = call_count_operation(c, db, err);
    return r == 0 && call_bool(c, "DryRun") ? DRY_RUN_ENDS : r;
}

static int check_encryption(struct call *c)
{
    if (call_bool(c, "Encrypt"))
        return call_error(c, "UnsupportedOperation.SyncEncryptImageNotSupport",
                          _("copies are not encrypted here"));
    if (call_has(c, "KmsKeyId"))
        return call_error(c, "InvalidParameter.InvalidKmsKeyId",
                          _("KmsKeyId is for encrypted copies"));
    return 0;
}

int action_sync_images(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(freep) struct sync *s = calloc(1, sizeof *s);
    struct err err = {0};
    int r;

    if (!s) {
        FAIL(&err, ERR_NOMEM, "no memory for a copy");
        return call_fail(c, &err);
    }
    s->c = c;
    s->arena = &arena;
    if (call_check_image_id(c, call_text_at(c, "ImageIds", 0)) < 0 ||
        check_encryption(c) < 0 || read_regions(s) < 0)
        return -1;
    r = catalog_tx(c->service->catalog, begin, s, &err);
    if (r != 0 && r != DRY_RUN_ENDS)
        return call_refused(c, r, &err);
    json_out_begin_list(&c->reply, "ImageSet");
    for (size_t i = 0; r == 0 && call_bool(c, "ImageSetRequired") && i < s->n; i++) {
        json_out_begin(&c->reply, NULL);
        json_out_text(&c->reply, "ImageId", s->ids[i]);
        json_out_text(&c->reply, "Region", s->to[i]->id);
        json_out_end(&c->reply);
    }
    json_out_end_list(&c->reply);
    return 0;
}
