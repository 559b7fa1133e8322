/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an image is, and which there are. */
#include "service/action/image.h"

#include <string.h>
#include <strings.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/action/action.h"
#include "service/action/query.h"

void image_write(struct json_out *o, const char *key, const struct image *i)
{
    char created[ISO_TIME];

    iso_time(created, i->created);
    json_out_begin(o, key);
    json_out_text(o, "ImageId", i->id);
    json_out_text(o, "OsName", i->os_name);
    json_out_text(o, "ImageType", image_view_name(i->view));
    json_out_text(o, "CreatedTime", created);
    json_out_text(o, "ImageName", i->name);
    json_out_text(o, "ImageDescription", i->description);
    json_out_int(o, "ImageSize", i->size_gib);
    /* What ImportImage calls arm_64. */
    json_out_text(o, "Architecture",
                  strcmp(i->architecture, "arm_64") == 0 ? "arm" : i->architecture);
    json_out_text(o, "ImageState", image_state_name(i->state));
    json_out_text(o, "Platform", i->platform);
    json_out_text(o, "ImageCreator", i->source == SOURCE_OFFICIAL ? "tencent" : i->owner);
    json_out_text(o, "ImageSource", image_source_name(i->source));
    if (i->sync_percent < 0)
        json_out_null(o, "SyncPercent");
    else
        json_out_int(o, "SyncPercent", i->sync_percent);
    json_out_bool(o, "IsSupportCloudinit", i->cloud_init);
    json_out_raw(o, "SnapshotSet", *i->snapshots ? i->snapshots : "[]");
    json_out_raw(o, "Tags", *i->tags ? i->tags : "[]");
    json_out_text(o, "LicenseType", i->license);
    json_out_text(o, "ImageFamily", i->family);
    json_out_bool(o, "ImageDeprecated", i->deprecated);
    json_out_null(o, "CdcCacheStatus");
    json_out_end(o);
}

int action_describe_image_quota(struct call *c)
{
    int64_t quota = call_image_quota(c);

    json_out_int(&c->reply, "ImageNumQuota", quota < INT32_MAX ? quota : INT32_MAX);
    return 0;
}

/* --- DescribeImages --- */

static const struct filter_name filter_names[] = {
    {"image-id", FILTER_ID, NULL},
    {"image-type", FILTER_TYPE, NULL},
    {"image-name", FILTER_NAME, NULL},
    {"platform", FILTER_PLATFORM, NULL},
    {"tag-key", FILTER_TAG_KEY, NULL},
    {"tag-value", FILTER_TAG_VALUE, NULL},
    /* There are no dedicated clusters here, so nothing is in one. */
    {"dedicated-cluster-id", FILTER_NOTHING, NULL},
    {"cdc-cache-status", FILTER_NOTHING, NULL},
    /* Ours: the guides let a person choose by these. */
    {"image-state", FILTER_STATE, NULL},
    {"image-family", FILTER_FAMILY, NULL},
    {"architecture", FILTER_ARCHITECTURE, NULL},
    {"os-name", FILTER_OS_NAME, NULL},
};

struct query {
    struct image_query q;
    struct image_filter filters[IMAGE_FILTERS_MAX];
    const char *values[IMAGE_FILTERS_MAX][8];
    const char *ids[IMAGE_VALUES_MAX];
};

static int check_values(struct call *c, const struct image_filter *f)
{
    for (size_t i = 0; i < f->n_values; i++) {
        if (f->key == FILTER_ID && call_check_image_id(c, f->values[i]) < 0)
            return -1;
        if (f->key == FILTER_TYPE && image_view_from_name(f->values[i]) < 0)
            return call_error(c, "InvalidParameterValue",
                              _("\"%.60s\" is no type of images"), f->values[i]);
    }
    return 0;
}

static int read_filter(struct call *c, void *arg, const json_t *given)
{
    struct query *to = arg;
    const json_t *values = json_object_get(given, "Values");
    const struct filter_name *name;
    size_t n = to->q.n_filters;
    struct image_filter *f = &to->filters[n];

    *f = (struct image_filter){.key = FILTER_TAG, .values = to->values[n]};
    if (query_filter(&name, &f->tag, c, given, filter_names, ARRAY_SIZE(filter_names)) <
        0)
        return -1;
    if (name)
        f->key = (enum image_filter_key)name->key;
    /* The table allows fewer than there are places. */
    for (; f->n_values < json_array_size(values); f->n_values++)
        to->values[n][f->n_values] =
            json_string_value(json_array_get(values, f->n_values));
    to->q.n_filters++;
    return check_values(c, f);
}

static int read_query(struct call *c, struct query *to)
{
    static const struct query_form form = {
        .ids = "ImageIds",
        .both = "InvalidParameter.InvalidParameterCoexistImageIdsFilters",
        .why = N_("ImageIds and Filters exclude each other"),
        .check_id = call_check_image_id,
        .read_filter = read_filter,
    };

    to->q = (struct image_query){
        .account = c->account.uin,
        .region = c->region->id,
        .ids = to->ids,
        .filters = to->filters,
        .offset = call_int(c, "Offset", 0),
        .limit = call_int(c, "Limit", 20),
    };
    return query_read(c, &form, to->ids, &to->q.n_ids, to);
}

/* Every image here starts on every type. */
static int check_instance_type(struct call *c)
{
    const char *type = call_text(c, "InstanceType");

    if (!type || !*type || config_is_type(type))
        return 0;
    return call_error(c, "InvalidInstanceType.Malformed",
                      _("\"%.60s\" is no type of instances"), type);
}

int action_describe_images(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(catalog_put) struct db *db = NULL;
    struct image_list list;
    struct query query;
    struct err err = {0};
    int r;

    if (read_query(c, &query) < 0 || check_instance_type(c) < 0)
        return -1;
    r = catalog_get(&db, c->service->catalog, &err);
    if (r == 0)
        r = image_list(&list, &arena, db, &query.q, &err);
    if (r != 0)
        return call_refused(c, r, &err);
    json_out_int(&c->reply, "TotalCount", list.total);
    json_out_begin_list(&c->reply, "ImageSet");
    for (size_t i = 0; i < list.n; i++)
        image_write(&c->reply, NULL, &list.v[i]);
    json_out_end_list(&c->reply);
    return 0;
}

int action_describe_image_from_family(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(catalog_put) struct db *db = NULL;
    struct image image;
    struct err err = {0};
    int r = catalog_get(&db, c->service->catalog, &err);

    if (r == 0)
        r = image_of_family(&image, &arena, db, c->account.uin, c->region->id,
                            call_text(c, "ImageFamily"), &err);
    if (r == REFUSED_NONE)
        json_out_null(&c->reply, "Image");
    else if (r != 0)
        return call_refused(c, r, &err);
    else
        image_write(&c->reply, "Image", &image);
    return 0;
}
