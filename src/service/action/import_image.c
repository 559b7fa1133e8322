/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ImportImage: what can be said at once is said here; the rest is the task's to find. */
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "service/import_os.h"
#include "service/job/cos_url.h"
#include "service/job/import.h"
#include "store/account.h"
#include "store/task.h"

enum { DISKS_MAX = 21 }; /* the system disk and what the table allows */

struct import {
    struct call *c;
    struct image image;
    struct tag tags[TAGS_MAX];
    size_t n_tags;
    const char *params;
    char id[IMAGE_ID_SIZE];
};

static const char *text_or(const struct call *c, const char *name, const char *otherwise)
{
    const char *s = call_text(c, name);

    return s ? s : otherwise;
}

static int check_system(struct call *c, const struct import_os **ret)
{
    const struct profile *p = c->service->profile;
    const char *type = call_text(c, "OsType"), *version = call_text(c, "OsVersion");
    const char *arch = call_text(c, "Architecture");
    const struct import_os *os = import_os_find(p, type);

    if (!os)
        return call_error(c, "InvalidImageOsType.Unsupported",
                          _("\"%.60s\" is not among the systems that are taken "
                            "(DescribeImportImageOs lists them)"),
                          type);
    if (!import_os_has_version(os, version))
        return call_error(c, "InvalidImageOsVersion.Unsupported",
                          _("\"%.60s\" is not among the versions of %s that are taken"),
                          version, os->name);
    if (!import_os_has_arch(p, os, arch))
        return call_error(c, "InvalidImageOsVersion.Unsupported",
                          _("%s is not taken for %s"), os->name, arch);
    *ret = os;
    return 0;
}

/* Who brings a licence of the system, must say so. */
static int check_license(struct call *c, const struct import_os *os)
{
    const char *license = text_or(c, "LicenseType", "TencentCloud");

    for (size_t i = 0;; i++) {
        const struct profile_system *s = profile_system_at(c->service->profile, i);

        if (!s)
            return 0;
        if (strcmp(s->name, os->name) == 0 && *s->license &&
            strcmp(s->license, license) != 0)
            return call_error(c, "InvalidParameterValue.InvalidLicenseType",
                              _("%s is taken with LicenseType %s only"), os->name,
                              s->license);
    }
}

static int check_url(struct call *c, const char *url)
{
    AUTO(arena_fini) struct arena arena = {0};
    struct cos_url parts;

    /* What is a URL, but not of an object, is told by the task as InvalidUrl. */
    if (cos_url_parse(&parts, &arena, url, c->service->config) == COS_FAULT_MALFORMED)
        return call_error(c, "InvalidParameter.InvalidParameterUrlError",
                          _("\"%.200s\" is no http or https link"), url);
    return 0;
}

static int read_urls(const char **urls, size_t *n, struct call *c)
{
    const json_t *list = call_list(c, "ImportImageDataDiskList"), *disk;
    size_t i;
    int r;

    urls[0] = call_text(c, "ImageUrl");
    *n = 1;
    json_array_foreach(list, i, disk)
    {
        const char *url = json_string_value(json_object_get(disk, "ImageUrl"));

        if (url && *n < DISKS_MAX)
            urls[(*n)++] = url;
    }
    r = 0;
    for (i = 0; r == 0 && i < *n; i++)
        r = check_url(c, urls[i]);
    return r;
}

static int read_tags(struct import *im)
{
    const json_t *specs = call_list(im->c, "TagSpecification"), *spec, *tag;
    size_t i, k;

    json_array_foreach(specs, i, spec)
    {
        json_array_foreach(json_object_get(spec, "Tags"), k, tag)
        {
            if (im->n_tags == TAGS_MAX)
                return call_error(im->c, "InvalidParameterValue.LimitExceeded",
                                  _("more than %d tags"), TAGS_MAX);
            im->tags[im->n_tags].key = json_string_value(json_object_get(tag, "Key"));
            im->tags[im->n_tags].value = json_string_value(json_object_get(tag, "Value"));
            if (!im->tags[im->n_tags].value)
                im->tags[im->n_tags].value = "";
            im->n_tags++;
        }
    }
    return 0;
}

/* The account may import, where the profile asks for that. */
static int check_permission(struct call *c)
{
    if (profile_service(c->service->profile)->import_permission && !c->account.may_import)
        return call_error(c, "UnauthorizedOperation.PermissionDenied",
                          _("this account may not import images: apply for it first "
                            "(ApplyImportPermission)"));
    return 0;
}

static int begin(struct db *db, void *arg, struct err *err)
{
    struct import *im = arg;
    struct call *c = im->c;
    struct task task = {
        .kind = TASK_IMPORT,
        .account = c->account.uin,
        .region = c->region->id,
        .request_id = c->request_id,
        .params = im->params,
        .step = "fetch",
        .bytes_total = -1,
        .profile = c->service->profile_id,
    };
    int64_t id;
    int r =
        image_new(im->id, db, &im->image, call_image_quota(c), im->tags, im->n_tags, err);

    if (r == REFUSED_NAME)
        return call_error(c, "InvalidImageName.Duplicate",
                          _("there is an image named \"%.60s\" already"), im->image.name);
    if (r == REFUSED_QUOTA)
        return call_error(c, "ImageQuotaLimitExceeded",
                          _("this region has as many custom images as the account may "
                            "have"));
    task.image = im->id;
    if (r == 0)
        r = call_count_operation(c, db, err);
    if (r == 0)
        r = task_new(&id, db, &task, err);
    return r == 0 && call_bool(c, "DryRun") ? DRY_RUN_ENDS : r;
}

static int prepare(struct import *im, const struct import_os *os, char *os_name,
                   size_t room, char **params)
{
    struct call *c = im->c;
    const char *urls[DISKS_MAX];
    struct import_request q = {
        .urls = urls,
        .name = call_text(c, "ImageName"),
        .os_type = call_text(c, "OsType"),
        .os_version = call_text(c, "OsVersion"),
        .architecture = call_text(c, "Architecture"),
        .license = text_or(c, "LicenseType", "TencentCloud"),
        .force = call_bool(c, "Force"),
        .boot_probe = call_bool(c, "BootProbe"),
    };
    struct err err = {0};
    int r = read_urls(urls, &q.n_urls, c);

    if (r == 0)
        r = read_tags(im);
    if (r != 0)
        return r;
    import_os_name(os_name, room, os, q.os_version, q.architecture);
    *params = import_params(&q);
    if (!*params) {
        FAIL(&err, ERR_NOMEM, "no memory for a task");
        return call_fail(c, &err);
    }
    im->params = *params;
    im->image = (struct image){
        .region = c->region->id,
        .owner = c->account.uin,
        .name = q.name,
        .description = text_or(c, "ImageDescription", ""),
        .kind = IMAGE_CUSTOM,
        .state = IMAGE_IMPORTING,
        .os_name = os_name,
        .platform = q.os_type,
        .os_type = q.os_type,
        .os_version = q.os_version,
        .architecture = q.architecture,
        .blob = "",
        .sha256 = "",
        .source = SOURCE_EXTERNAL_IMPORT,
        .license = q.license,
        .boot_mode = text_or(c, "BootMode", "Legacy BIOS"),
        .family = text_or(c, "ImageFamily", ""),
        .sync_percent = -1,
        .source_image = "",
        .snapshots = "[]",
        .disks = "[]",
        .reason = "",
        .sub_cause = "",
        .detail = "",
        .profile = c->service->profile_id,
        .seller = "",
    };
    return 0;
}

int action_import_image(struct call *c)
{
    AUTO(freep) char *params = NULL;
    struct import im = {.c = c};
    const struct import_os *os = NULL;
    char os_name[160];
    struct err err = {0};
    int r = check_system(c, &os);

    if (r == 0)
        r = check_license(c, os);
    if (r == 0)
        r = prepare(&im, os, os_name, sizeof os_name, &params);
    if (r == 0)
        r = check_permission(c);
    if (r != 0)
        return r;
    r = catalog_tx(c->service->catalog, begin, &im, &err);
    if (r == DRY_RUN_ENDS)
        return 0;
    if (r != 0)
        return call_refused(c, r, &err);
    json_out_text(&c->reply, "ImageId", im.id);
    return 0;
}
