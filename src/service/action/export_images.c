/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ExportImages: the disks of custom images become objects of a bucket in their region. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "service/cos/place.h"
#include "service/job/export.h"
#include "store/bucket.h"
#include "store/task.h"

enum {
    IMAGES_MAX = 10,
    EXPORTS_MAX = 10, /* open tasks of an account in a region */
};

#define ROLE "CVM_QcsRole" /* the one that there is: it may write to own buckets */

struct export
{
    struct call *c;
    struct arena arena;
    const char *format;
    const char *images[IMAGES_MAX];
    size_t n;
    json_t *disks;
    int64_t id;
};

static void export_fini(struct export *x)
{
    json_decref(x->disks);
    arena_fini(&x->arena);
}

/* ---- what is asked for */

static bool is_prefix(const char *s)
{
    if (*s == '/')
        return false;
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            return false;
    return true;
}

static int check_prefixes(struct call *c)
{
    size_t n = call_count(c, "FileNamePrefixList");

    if (call_has(c, "FileNamePrefixList") && n != call_count(c, "ImageIds"))
        return call_error(c, "InvalidParameterValue.InvalidFileNamePrefixList",
                          _("FileNamePrefixList has one name for each image, or is not "
                            "there"));
    for (size_t i = 0; i < n; i++)
        if (!is_prefix(call_text_at(c, "FileNamePrefixList", i)))
            return call_error(c, "InvalidParameterValue.InvalidFileNamePrefixList",
                              _("\"%.60s\" is no beginning of an object's name"),
                              call_text_at(c, "FileNamePrefixList", i));
    return 0;
}

static int read_images(struct export *x)
{
    struct call *c = x->c;
    size_t n = call_count(c, "ImageIds");

    /* The other choice, SnapshotIds, is not open to the public. */
    if (n == 0)
        return call_error(c, "InvalidParameter.ImageIdsSnapshotIdsMustOne",
                          _("ImageIds says what is exported"));
    for (size_t i = 0; i < n && i < IMAGES_MAX; i++) {
        const char *id = call_text_at(c, "ImageIds", i);

        if (call_check_image_id(c, id) < 0)
            return -1;
        for (size_t k = 0; k < x->n; k++)
            if (strcmp(x->images[k], id) == 0)
                return call_error(c, "InvalidParameterValue.InvalidImageId",
                                  _("%s is named twice"), id);
        x->images[x->n++] = id;
    }
    return check_prefixes(c);
}

static int check_role(struct call *c)
{
    const char *role = call_text(c, "RoleName");

    if (role && strcmp(role, ROLE) != 0)
        return call_error(c, "AuthFailure.CamRoleNameAuthenticateFailed",
                          _("there is no role %.60s, only %s"), role, ROLE);
    return 0;
}

static int check_bucket(struct export *x, struct db *db, struct err *err)
{
    struct call *c = x->c;
    const char *name = call_text(c, "BucketName");
    struct bucket bucket;
    int r;

    if (!cos_is_bucket(bytes_of(name, strlen(name))))
        return call_error(c, "InvalidParameterValue.InvalidAppIdFormat",
                          _("\"%.60s\" is no name of a bucket, which ends in the app id"),
                          name);
    r = bucket_get(&bucket, &x->arena, db, name, err);
    if (r < 0)
        return r;
    if (r == REFUSED_NONE || strcmp(bucket.region, c->region->id) != 0)
        return call_error(c, "InvalidParameterValue.BucketNotFound",
                          _("there is no bucket %.60s in %s"), name, c->region->id);
    if (strcmp(bucket.owner, c->account.uin) != 0)
        return call_error(c, "InvalidParameterValue.InvalidBucketPermissionForExport",
                          _("%.60s is no bucket of yours"), name);
    return 0;
}

/* ---- what may be exported */

static int check_kind(struct call *c, const struct image *i)
{
    switch (i->view) {
    case VIEW_PUBLIC:
        return call_error(c, "UnsupportedOperation.PublicImageExportUnsupported",
                          _("%s is a public image: only custom ones are exported"),
                          i->id);
    case VIEW_MARKET:
        return call_error(c, "UnsupportedOperation.MarketImageExportUnsupported",
                          _("%s is of the marketplace: only custom ones are exported"),
                          i->id);
    case VIEW_SHARED:
        return call_error(c, "UnsupportedOperation.SharedImageExportUnsupported",
                          _("%s is shared with you: only its owner may export it"),
                          i->id);
    default:
        break;
    }
    if (strncmp(i->os_type, "Windows", 7) == 0 || strcmp(i->platform, "Windows") == 0)
        return call_error(c, "UnsupportedOperation.WindowsImageExportUnsupported",
                          _("%s is a Windows system, which is not exported"), i->id);
    if (strcmp(i->os_type, "Redhat") == 0)
        return call_error(c, "UnsupportedOperation.RedHatImageExportUnsupported",
                          _("%s is a Red Hat system, which is not exported"), i->id);
    return 0;
}

static int may_export(struct export *x, const struct image *i)
{
    struct call *c = x->c;
    int r = check_kind(c, i);

    if (r < 0)
        return r;
    if (i->state != IMAGE_NORMAL || !*i->blob)
        return call_error(c, "InvalidParameterValue.InvalidImageState",
                          _("%s is in state %s"), i->id, image_state_name(i->state));
    return 0;
}

/* ---- the disks */

static int check_size(struct export *x, const struct image *i, int64_t file_size,
                      int64_t virtual_size)
{
    int64_t size = strcmp(x->format, "RAW") == 0 ? virtual_size : file_size;

    if (size < 0 || (uint64_t)size > x->c->service->config->staging_max)
        return call_error(x->c, "UnsupportedOperation.ImageTooLargeExportUnsupported",
                          _("%s has more bytes than this service exports"), i->id);
    return 0;
}

/* "<prefix>_<image>_system_<snapshot>.raw"; usage as the snapshot has it. */
static int add_disk(struct export *x, const struct image *i, size_t image,
                    const char *blob, const json_t *snapshot, struct err *err)
{
    const char *prefix = call_text_at(x->c, "FileNamePrefixList", image);
    const char *id = json_string_value(json_object_get(snapshot, "SnapshotId"));
    const char *usage = json_string_value(json_object_get(snapshot, "DiskUsage"));
    bool is_system = usage && strcmp(usage, "SYSTEM_DISK") == 0;
    const char *key =
        arena_printf(&x->arena, "%s%s%s_%s_%s.%s", prefix ? prefix : "",
                     prefix && *prefix ? "_" : "", i->id, is_system ? "system" : "data",
                     id ? id : "snap", export_extension(x->format));
    int r = arena_check(&x->arena, err);

    if (r == 0 && strlen(key) > OBJECT_KEY_MAX)
        return call_error(x->c, "InvalidParameterValue.InvalidFileNamePrefixList",
                          _("\"%.60s\" makes the name of the object too long"), prefix);
    if (r == 0 && !export_add_disk(x->disks, i->id, blob, key))
        r = FAIL(err, ERR_NOMEM, "no memory for a task");
    return r;
}

static int add_disks(struct export *x, const struct image *i, size_t image,
                     struct err *err)
{
    json_auto_t *snapshots = json_loads(i->snapshots, 0, NULL);
    json_auto_t *disks = json_loads(i->disks, 0, NULL);
    int r = check_size(x, i, i->file_size, i->virtual_size);

    if (r == 0)
        r = add_disk(x, i, image, i->blob, json_array_get(snapshots, 0), err);
    if (call_bool(x->c, "OnlyExportRootDisk"))
        return r;
    for (size_t n = 0; r == 0 && n < json_array_size(disks); n++) {
        const json_t *disk = json_array_get(disks, n);
        const char *blob = json_string_value(json_object_get(disk, "blob"));

        if (!blob)
            continue;
        r = check_size(x, i, json_integer_value(json_object_get(disk, "size")),
                       json_integer_value(json_object_get(disk, "virtual_size")));
        if (r == 0)
            r = add_disk(x, i, image, blob, json_array_get(snapshots, n + 1), err);
    }
    return r;
}

static int add_image(struct export *x, struct db *db, size_t n, struct err *err)
{
    struct call *c = x->c;
    struct image image;
    int r = image_see(&image, &x->arena, db, c->account.uin, c->region->id, x->images[n],
                      true, err);

    if (r == REFUSED_NONE)
        return call_error(c, "InvalidImageId.NotFound", _("there is no image %s"),
                          x->images[n]);
    if (r == 0)
        r = may_export(x, &image);
    return r == 0 ? add_disks(x, &image, n, err) : r;
}

static int check_tasks(struct call *c, struct db *db, struct err *err)
{
    struct task_query q = {
        .account = c->account.uin,
        .region = c->region->id,
        .kinds = TASK_OF(TASK_EXPORT),
        .states = TASK_IN_OPEN,
    };
    int64_t n;
    int r = task_count(&n, db, &q, err);

    if (r == 0 && n >= EXPORTS_MAX)
        return call_error(c, "LimitExceeded.ExportImageTaskLimitExceeded",
                          _("%d exports are under way already"), EXPORTS_MAX);
    return r;
}

static int add_task(struct export *x, struct db *db, struct err *err)
{
    struct call *c = x->c;
    AUTO(freep)
    char *params =
        export_params(call_text(c, "BucketName"), x->format, json_incref(x->disks));
    struct task task = {
        .kind = TASK_EXPORT,
        .image = x->images[0],
        .account = c->account.uin,
        .region = c->region->id,
        .request_id = c->request_id,
        .params = params,
        .step = "put",
        .bytes_total = -1,
        .uses = x->images,
        .n_uses = x->n,
    };

    return params ? task_new(&x->id, db, &task, err)
                  : FAIL(err, ERR_NOMEM, "no memory for a task");
}

static int begin(struct db *db, void *arg, struct err *err)
{
    struct export *x = arg;
    int r = json_array_clear(x->disks) < 0 ? FAIL(err, ERR_NOMEM, "disks") : 0;

    if (r == 0)
        r = check_bucket(x, db, err);
    for (size_t n = 0; r == 0 && n < x->n; n++)
        r = add_image(x, db, n, err);
    if (r == 0)
        r = check_tasks(x->c, db, err);
    if (r == 0)
        r = add_task(x, db, err);
    return r == 0 && call_bool(x->c, "DryRun") ? DRY_RUN_ENDS : r;
}

int action_export_images(struct call *c)
{
    AUTO(export_fini)
    struct export x = {.c = c, .arena = {.max = ACTION_ARENA_MAX}, .disks = json_array()};
    struct err err = {0};
    const json_t *disk;
    size_t i;
    int r;

    x.format = call_text(c, "ExportFormat") ? call_text(c, "ExportFormat") : "RAW";
    if (read_images(&x) < 0 || check_role(c) < 0)
        return -1;
    r = catalog_tx(c->service->catalog, begin, &x, &err);
    if (r != 0 && r != DRY_RUN_ENDS)
        return call_refused(c, r, &err);
    if (r == 0)
        json_out_int(&c->reply, "TaskId", x.id);
    json_out_begin_list(&c->reply, "CosPaths");
    json_array_foreach(x.disks, i, disk)
    {
        const char *key = json_string_value(json_object_get(disk, "key"));

        json_out_text(&c->reply, NULL, arena_printf(&x.arena, "/%s", key ? key : ""));
    }
    json_out_end_list(&c->reply);
    return 0;
}
