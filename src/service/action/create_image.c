/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CreateImage: a custom image of an instance's system disk. */
#include <string.h>
#include <strings.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "service/action/instance.h"
#include "store/task.h"

struct create {
    struct call *c;
    struct tag tags[TAGS_MAX];
    size_t n_tags;
    char id[IMAGE_ID_SIZE];
};

static bool says_true(const struct call *c, const char *name)
{
    const char *s = call_text(c, name);

    return s && strcasecmp(s, "true") == 0;
}

static int check(struct create *x)
{
    struct call *c = x->c;
    const char *id = call_text(c, "InstanceId");
    const json_t *spec, *tag;
    size_t i, k;

    if (call_count(c, "SnapshotIds") > 0 && id)
        return call_error(c, "InvalidParameterConflict",
                          _("InstanceId and SnapshotIds exclude each other"));
    if (call_count(c, "SnapshotIds") > 0)
        return call_error(c, "InvalidParameter.SnapshotNotFound",
                          _("there are no snapshots here: name an instance"));
    if (!id || !*id)
        return call_error(c, "InvalidParameter.SpecifyOneParameter",
                          _("InstanceId says of what the image is made"));
    if (call_count(c, "DataDiskIds") > 0)
        return call_error(c, "InvalidParameter.DataDiskNotBelongSpecifiedInstance",
                          _("instances have no data disks here"));
    json_array_foreach(call_list(c, "TagSpecification"), i, spec)
    {
        json_array_foreach(json_object_get(spec, "Tags"), k, tag)
        {
            if (x->n_tags < TAGS_MAX)
                x->tags[x->n_tags++] =
                    (struct tag){json_string_value(json_object_get(tag, "Key")),
                                 json_string_value(json_object_get(tag, "Value"))};
        }
    }
    for (i = 0; i < x->n_tags; i++)
        if (!x->tags[i].value)
            x->tags[i].value = "";
    return instance_check_id(c, id);
}

/* What the new image has from the one that the instance was made of. */
static int add_image(struct create *x, struct db *db, struct arena *arena,
                     const struct instance *i, struct err *err)
{
    struct call *c = x->c;
    const char *description = call_text(c, "ImageDescription");
    const char *family = call_text(c, "ImageFamily");
    struct image base, image;
    int r = image_get(&base, arena, db, i->image, false, err);

    if (r != 0)
        return r;
    image = (struct image){
        .region = i->region,
        .owner = i->owner,
        .name = call_text(c, "ImageName"),
        .description = description ? description : "",
        .family = family ? family : "",
        .state = IMAGE_CREATING,
        .os_name = i->os_name,
        .platform = i->platform,
        .os_type = base.os_type,
        .os_version = base.os_version,
        .architecture = i->architecture,
        .size_gib = i->disk_gib,
        .source = SOURCE_CREATE_IMAGE,
        .license = base.license,
        .boot_mode = i->boot_mode,
        .cloud_init = i->cloud_init,
        .sync_percent = 0,
        .source_image = i->image,
        .price = base.price,
        .snapshots = "[]",
        .disks = "[]",
        .profile = base.profile,
    };
    r = image_new(x->id, db, &image, call_image_quota(c), x->tags, x->n_tags, err);
    if (r == REFUSED_NAME)
        return call_error(c, "InvalidImageName.Duplicate",
                          _("there is an image named \"%.60s\" already"), image.name);
    if (r == REFUSED_QUOTA)
        return call_error(c, "ImageQuotaLimitExceeded",
                          _("%s has as many custom images as the account may have"),
                          i->region);
    return r;
}

static void json_freep(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

static int add_task(struct create *x, struct db *db, const struct instance *i,
                    struct err *err)
{
    struct call *c = x->c;
    AUTO(json_freep)
    json_t *params = json_pack(
        "{s:s, s:s, s:b, s:b}", "instance", i->id, "name", call_text(c, "ImageName"),
        "power_off", says_true(c, "ForcePoweroff"), "runs", i->state == INSTANCE_RUNNING);
    AUTO(freep) char *text = params ? json_dumps(params, JSON_COMPACT) : NULL;
    struct instance_change change = INSTANCE_CHANGE_NOTHING;
    struct task task = {
        .kind = TASK_CREATE,
        .image = x->id,
        .account = i->owner,
        .region = i->region,
        .zone = i->zone,
        .request_id = c->request_id,
        .params = text,
        .step = "copy",
        .bytes_total = -1,
        .uses = &i->image,
        .n_uses = 1,
    };
    int r = text ? task_new(&change.task, db, &task, err)
                 : FAIL(err, ERR_NOMEM, "no memory for a task");

    if (r != 0)
        return r;
    change.operation = c->action->name;
    change.operation_state = OPERATION_OPERATING;
    change.operation_request = c->request_id;
    change.operation_code = change.operation_message = "";
    return instance_change(db, i->id, INSTANCE_IN_ANY, 0, &change, err);
}

static int begin(struct db *db, void *arg, struct err *err)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    struct create *x = arg;
    struct instance i;
    int r =
        instance_take(&i, x->c, &arena, db, call_text(x->c, "InstanceId"),
                      INSTANCE_IN(INSTANCE_RUNNING) | INSTANCE_IN(INSTANCE_STOPPED), err);

    if (r == 0)
        r = add_image(x, db, &arena, &i, err);
    if (r == 0)
        r = add_task(x, db, &i, err);
    if (r == 0)
        r = call_count_operation(x->c, db, err);
    return r == 0 && call_bool(x->c, "DryRun") ? DRY_RUN_ENDS : r;
}

int action_create_image(struct call *c)
{
    struct create x = {.c = c};
    struct err err = {0};
    int r;

    if (check(&x) < 0)
        return -1;
    r = catalog_tx(c->service->catalog, begin, &x, &err);
    if (r != 0 && r != DRY_RUN_ENDS)
        return call_refused(c, r, &err);
    if (r == 0)
        json_out_text(&c->reply, "ImageId", x.id);
    return 0;
}
