/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/cloud.h"
#include "cli/cmd.h"
#include "cli/export.h"
#include "cli/release.h"
#include "cli/report.h"
#include "cli/upload.h"
#include "cli/verb.h"

static const struct cloud_column columns[] = {
    {N_("IMAGE"), "ImageId"},       {N_("NAME"), "ImageName"}, {N_("TYPE"), "ImageType"},
    {N_("STATE"), "ImageState"},    {N_("GIB"), "ImageSize"},  {N_("SYSTEM"), "OsName"},
    {N_("CREATED"), "CreatedTime"},
};

struct options {
    struct cloud c;
    const char *type, *name, *platform;                       /* list */
    const char *os_type, *os_version, *arch, *boot, *license; /* import */
    const char *description, *family, *format, *prefix, *output;
    bool force, dry_run, wait, overwrite;
};

static void put_flag(json_t *o, const char *name, bool flag)
{
    if (flag)
        json_object_set_new(o, name, json_true());
}

/* A call whose answer has nothing to read but for programs. */
static int quiet(struct options *o, const char *action, json_t *params)
{
    AUTO(json_releasep) json_t *answer = NULL;
    int r = cloud_call(&answer, &o->c, CLOUD_CVM, action, params);

    return r == EXIT_OK && o->c.json ? cloud_print_json(answer) : r;
}

/* ---- verbs */

static void put_filter(json_t *filters, const char *name, const char *value)
{
    if (value)
        json_array_append_new(filters,
                              json_pack("{s:s, s:[s]}", "Name", name, "Values", value));
}

static int do_list(const struct command *self, struct options *o, const struct words *w)
{
    static const struct {
        const char *word, *type;
    } types[] = {
        {"private", "PRIVATE_IMAGE"},
        {"public", "PUBLIC_IMAGE"},
        {"shared", "SHARED_IMAGE"},
        {"market", "MARKET_IMAGE"},
    };
    AUTO(json_releasep) json_t *all = NULL;
    const char *type = NULL;
    json_t *params, *filters;
    int r;

    (void)w;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (o->type && strcmp(o->type, types[i].word) == 0)
            type = types[i].type;
    if (o->type && !type)
        return cmd_usage(self,
                         _("unknown type \"%s\"; known are private, public, shared "
                           "and market"),
                         o->type);
    params = json_object();
    filters = json_array();
    put_filter(filters, "image-type", type);
    put_filter(filters, "image-name", o->name);
    put_filter(filters, "platform", o->platform);
    if (json_array_size(filters) > 0)
        json_object_set(params, "Filters", filters);
    json_decref(filters);
    r = cloud_list(&all, &o->c, CLOUD_CVM, "DescribeImages", "ImageSet", params);
    return r == EXIT_OK
               ? cloud_print_answer(&o->c, all, "ImageSet", columns, ARRAY_SIZE(columns))
               : r;
}

static int do_show(const struct command *self, struct options *o, const struct words *w)
{
    AUTO(json_releasep) json_t *answer = NULL;
    struct imgport_error e = {.exit_status = EXIT_REFUSED};
    const json_t *image;
    int r = cloud_call(&answer, &o->c, CLOUD_CVM, "DescribeImages",
                       json_pack("{s:[s]}", "ImageIds", w->v[0]));

    (void)self;
    if (r != EXIT_OK)
        return r;
    image = json_array_get(json_object_get(answer, "ImageSet"), 0);
    if (!image) {
        snprintf(e.message, sizeof e.message, _("there is no image %s here"), w->v[0]);
        return cmd_fail(&e);
    }
    if (o->c.json)
        return cloud_print_json(image);
    cloud_print_fields(image);
    return EXIT_OK;
}

static json_t *import_params(const struct options *o, const char *name)
{
    json_t *p = json_object();

    put_text(p, "ImageName", name);
    put_text(p, "OsType", o->os_type);
    put_text(p, "OsVersion", o->os_version);
    put_text(p, "Architecture", o->arch ? o->arch : "x86_64");
    put_text(p, "BootMode", o->boot);
    put_text(p, "LicenseType", o->license);
    put_text(p, "ImageDescription", o->description);
    put_text(p, "ImageFamily", o->family);
    put_flag(p, "Force", o->force);
    return p;
}

/* *over, where it is wanted: nothing reads `link` any more. */
static int import_link(bool *over, struct options *o, const json_t *params,
                       const char *link, bool dry_run, bool wait)
{
    AUTO(json_releasep) json_t *answer = NULL;
    json_t *p = json_deep_copy(params);
    const char *id;
    int r;

    put_text(p, "ImageUrl", link);
    put_flag(p, "DryRun", dry_run);
    r = cloud_call(&answer, &o->c, CLOUD_CVM, "ImportImage", p);
    if (over)
        *over = r == EXIT_REFUSED;
    if (r != EXIT_OK)
        return r;
    id = json_string_value(json_object_get(answer, "ImageId"));
    if (wait && id)
        return cloud_follow(over, &o->c, id, true);
    if (o->c.json && dry_run == o->dry_run)
        return cloud_print_json(answer);
    if (id)
        cloud_print_line(stdout, id);
    return EXIT_OK;
}

/* What the service would refuse anyway is not uploaded before. */
static int import_file(struct options *o, const json_t *params, const char *file)
{
    AUTO(upload_fini) struct upload u = {.fd = -1};
    bool over = false;
    int r = upload_open(&u, &o->c, file);

    if (r == EXIT_OK)
        r = import_link(NULL, o, params, buf_str(&u.link), true, false);
    if (r != EXIT_OK || o->dry_run)
        return r;
    r = upload_send(&u, &o->c);
    if (r != EXIT_OK)
        return r;
    r = import_link(&over, o, params, buf_str(&u.link), false, true);
    if (over)
        upload_drop(&u, &o->c);
    else
        upload_keep(&u);
    return r;
}

static int do_import(const struct command *self, struct options *o, const struct words *w)
{
    AUTO(json_releasep) json_t *params = NULL;

    if (!o->os_type || !o->os_version)
        return cmd_usage(self, _("import wants --os-type and --os-version; imgport image "
                                 "systems lists them"));
    params = import_params(o, w->v[0]);
    return strstr(w->v[1], "://")
               ? import_link(NULL, o, params, w->v[1], o->dry_run, o->wait)
               : import_file(o, params, w->v[1]);
}

/* What an import would come to. */
static int do_check(const struct command *self, struct options *o, const struct words *w)
{
    AUTO(json_releasep) json_t *answer = NULL;
    const json_t *report;
    const char *verdict, *code, *detail;
    json_t *p = json_object();
    struct term term;
    int r;

    (void)self;
    put_text(p, "ImageUrl", w->v[0]);
    put_text(p, "OsType", o->os_type);
    put_text(p, "OsVersion", o->os_version);
    put_text(p, "Architecture", o->arch);
    put_text(p, "LicenseType", o->license);
    put_flag(p, "Force", o->force);
    r = cloud_call(&answer, &o->c, CLOUD_OWN, "CheckImage", p);
    if (r != EXIT_OK)
        return r;
    verdict = json_string_value(json_object_get(answer, "Verdict"));
    code = json_string_value(json_object_get(answer, "Code"));
    detail = json_string_value(json_object_get(answer, "Detail"));
    report = json_object_get(answer, "Report");
    r = verdict && strcmp(verdict, "accepted") == 0  ? EXIT_OK
        : verdict && strcmp(verdict, "refused") == 0 ? EXIT_REFUSED
                                                     : EXIT_TROUBLE;
    if (o->c.json) {
        cloud_print_json(answer);
        return r;
    }
    if (json_is_object(report)) {
        term_init(&term, stdout);
        report_print(&term, report);
    } else {
        struct imgport_error e = {.exit_status = r};

        snprintf(e.message, sizeof e.message, "%.400s (%.90s)", detail ? detail : "",
                 code ? code : "");
        return cmd_fail(&e);
    }
    return r;
}

/* Each to its end, whatever became of those before. */
static int follow_copies(struct options *o, const json_t *copies)
{
    const json_t *copy;
    size_t i;
    int worst = EXIT_OK;

    json_array_foreach(copies, i, copy)
    {
        int r;

        o->c.client.region = json_string_value(json_object_get(copy, "Region"));
        r = cloud_follow(NULL, &o->c, json_string_value(json_object_get(copy, "ImageId")),
                         true);
        worst = r > worst ? r : worst;
    }
    return worst;
}

static int do_copy(const struct command *self, struct options *o, const struct words *w)
{
    static const struct cloud_column made[] = {{N_("IMAGE"), "ImageId"},
                                               {N_("REGION"), "Region"}};
    AUTO(json_releasep) json_t *answer = NULL;
    json_t *p = json_pack("{s:[s], s:o, s:b}", "ImageIds", w->v[0], "DestinationRegions",
                          words_json(w, 1), "ImageSetRequired", 1);
    int r;

    (void)self;
    put_text(p, "ImageName", o->name);
    put_flag(p, "DryRun", o->dry_run);
    r = cloud_call(&answer, &o->c, CLOUD_CVM, "SyncImages", p);
    if (r != EXIT_OK)
        return r;
    if (o->wait && !o->dry_run)
        return follow_copies(o, json_object_get(answer, "ImageSet"));
    return cloud_print_answer(&o->c, answer, "ImageSet", made, ARRAY_SIZE(made));
}

static int do_share(const struct command *self, struct options *o, const struct words *w)
{
    (void)self;
    return quiet(o, "ModifyImageSharePermission",
                 json_pack("{s:s, s:o, s:s}", "ImageId", w->v[0], "AccountIds",
                           words_json(w, 1), "Permission", "SHARE"));
}

static int do_unshare(const struct command *self, struct options *o,
                      const struct words *w)
{
    (void)self;
    return quiet(o, "ModifyImageSharePermission",
                 json_pack("{s:s, s:o, s:s}", "ImageId", w->v[0], "AccountIds",
                           words_json(w, 1), "Permission", "CANCEL"));
}

static int do_shares(const struct command *self, struct options *o, const struct words *w)
{
    static const struct cloud_column with[] = {{N_("ACCOUNT"), "AccountId"},
                                               {N_("CREATED"), "CreatedTime"}};
    AUTO(json_releasep) json_t *answer = NULL;
    int r = cloud_call(&answer, &o->c, CLOUD_CVM, "DescribeImageSharePermission",
                       json_pack("{s:s}", "ImageId", w->v[0]));

    (void)self;
    return r == EXIT_OK ? cloud_print_answer(&o->c, answer, "SharePermissionSet", with,
                                             ARRAY_SIZE(with))
                        : r;
}

static int do_export(const struct command *self, struct options *o, const struct words *w)
{
    return export_image(self, &o->c,
                        &(struct export_order){
                            .image = w->v[0],
                            .bucket = w->v[1],
                            .format = o->format,
                            .prefix = o->prefix,
                            .output = o->output,
                            .dry_run = o->dry_run,
                            .wait = o->wait,
                            .overwrite = o->overwrite,
                        });
}

static int do_set(const struct command *self, struct options *o, const struct words *w)
{
    json_t *p;

    if (!o->name && !o->description && !o->family)
        return cmd_usage(self, _("set wants --name, --description or --family"));
    p = json_pack("{s:s}", "ImageId", w->v[0]);
    put_text(p, "ImageName", o->name);
    put_text(p, "ImageDescription", o->description);
    put_text(p, "ImageFamily", o->family);
    return quiet(o, "ModifyImageAttribute", p);
}

static int do_rename(const struct command *self, struct options *o, const struct words *w)
{
    (void)self;
    return quiet(o, "ModifyImageAttribute",
                 json_pack("{s:s, s:s}", "ImageId", w->v[0], "ImageName", w->v[1]));
}

static int do_delete(const struct command *self, struct options *o, const struct words *w)
{
    json_t *p = json_pack("{s:o}", "ImageIds", words_json(w, 0));

    (void)self;
    put_flag(p, "DryRun", o->dry_run);
    return quiet(o, "DeleteImages", p);
}

static int do_quota(const struct command *self, struct options *o, const struct words *w)
{
    AUTO(json_releasep) json_t *answer = NULL;
    int r = cloud_call(&answer, &o->c, CLOUD_CVM, "DescribeImageQuota", NULL);

    (void)self;
    (void)w;
    if (r != EXIT_OK)
        return r;
    if (o->c.json)
        return cloud_print_json(answer);
    printf("%lld\n",
           (long long)json_integer_value(json_object_get(answer, "ImageNumQuota")));
    return EXIT_OK;
}

static int do_systems(const struct command *self, struct options *o,
                      const struct words *w)
{
    static const struct cloud_column systems[] = {
        {N_("SYSTEM"), "OsName"},
        {N_("VERSIONS"), "OsVersions"},
        {N_("PROCESSORS"), "Architecture"},
    };
    AUTO(json_releasep) json_t *answer = NULL;
    int r = cloud_call(&answer, &o->c, CLOUD_CVM, "DescribeImportImageOs", NULL);

    (void)self;
    (void)w;
    return r == EXIT_OK ? cloud_print_answer(&o->c, answer, "ImportImageOsVersionSet",
                                             systems, ARRAY_SIZE(systems))
                        : r;
}

static const struct verb verbs[] = {
    {"list", 0, 0, "type name platform", do_list},
    {"show", 1, 1, "", do_show},
    {"import", 2, 2,
     "os-type os-version arch boot-mode license description family force dry-run wait",
     do_import},
    {"check", 1, 1, "os-type os-version arch license force", do_check},
    {"copy", 2, WORDS_MAX, "name dry-run wait", do_copy},
    {"share", 2, WORDS_MAX, "", do_share},
    {"unshare", 2, WORDS_MAX, "", do_unshare},
    {"shares", 1, 1, "", do_shares},
    {"export", 2, 2, "format prefix o overwrite dry-run wait", do_export},
    {"set", 1, 1, "name description family", do_set},
    {"rename", 2, 2, "", do_rename},
    {"delete", 1, WORDS_MAX, "dry-run", do_delete},
    {"quota", 0, 0, "", do_quota},
    {"systems", 0, 0, "", do_systems},
    {NULL, 0, 0, NULL, NULL},
};

static int run(const struct command *self, int argc, char **argv)
{
    struct options o = {0};
    const struct option_row rows[] = {
        CLOUD_ROWS(o.c),
        {"type", 0, &o.type, NULL},
        {"name", 0, &o.name, NULL},
        {"platform", 0, &o.platform, NULL},
        {"os-type", 0, &o.os_type, NULL},
        {"os-version", 0, &o.os_version, NULL},
        {"arch", 0, &o.arch, NULL},
        {"boot-mode", 0, &o.boot, NULL},
        {"license", 0, &o.license, NULL},
        {"description", 0, &o.description, NULL},
        {"family", 0, &o.family, NULL},
        {"format", 0, &o.format, NULL},
        {"prefix", 0, &o.prefix, NULL},
        {NULL, 'o', &o.output, NULL},
        {"overwrite", 0, NULL, &o.overwrite},
        {"force", 0, NULL, &o.force},
        {"dry-run", 0, NULL, &o.dry_run},
        {"wait", 0, NULL, &o.wait},
        {NULL, 0, NULL, NULL},
    };

    return verb_run(self, argc, argv, rows, verbs, &o.c, &o);
}

const struct command cmd_image = {
    .name = "image",
    .summary = N_("images of an image service"),
    .help = N_(
        "Usage: imgport image list [--type T] [--name WORD] [--platform WORD]\n"
        "       imgport image show|shares IMAGE\n"
        "       imgport image import NAME URL|FILE --os-type T --os-version V [OPTION]\n"
        "       imgport image check URL [--os-type T] [--os-version V] [OPTION ...]\n"
        "       imgport image copy IMAGE REGION ... [--name NAME] [--dry-run] [--wait]\n"
        "       imgport image share|unshare IMAGE ACCOUNT ...\n"
        "       imgport image export IMAGE BUCKET [--format F] [--prefix P] [--wait]\n"
        "                            [-o FILE [--overwrite]]\n"
        "       imgport image rename IMAGE NAME\n"
        "       imgport image set IMAGE [--name N] [--description D] [--family F]\n"
        "       imgport image delete IMAGE ... [--dry-run]\n"
        "       imgport image quota|systems\n"
        "\n"
        "import uploads a FILE into the bucket imports-APPID, waits for the import, and\n"
        "deletes the upload.  check says what an import would come to: its exit status\n"
        "is that of imgport check.  export leaves in the bucket what -o fetches.\n"
        "\n"
        "Asks an imgportd, or whatever speaks API 3.0 as it does.  URL is of an object\n"
        "in the service's object store.  What options do not tell, the environment\n"
        "does (IMGPORT_ENDPOINT, TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY,\n"
        "TENCENTCLOUD_REGION), or ~/.config/imgport/client.conf.\n"
        "\n"
        "Options:\n"
        "  --type T           private, public, shared or market\n"
        "  --name NAME        of list: names with this word; else the name to be\n"
        "  --platform WORD    systems with this word\n"
        "  --os-type T        the system of the image, as imgport image systems has it\n"
        "  --os-version V     and its version\n"
        "  --arch A           x86_64, i386 or arm_64\n"
        "  --boot-mode M      \"Legacy BIOS\" or UEFI\n"
        "  --license L        TencentCloud or BYOL\n"
        "  --description D    a text about the image\n"
        "  --family F         the family it belongs to\n"
        "  --force            import although cloud-init is missing\n"
        "  --format F         raw, qcow2, vhd or vmdk\n"
        "  --prefix P         what the names of exported files begin with\n"
        "  -o FILE            fetch what was exported; for several disks a folder\n"
        "  --overwrite        replace FILE\n"
        "  --dry-run          only say whether it would be taken\n"
        "  --wait             follow it to its end\n"
        "  --endpoint URL     the service, as http://127.0.0.1:8780\n"
        "  --secret-id ID     who asks\n"
        "  --secret-key KEY   that key's secret; better in the environment\n"
        "  --region REGION    ap-guangzhou, where none is told\n"
        "  --ca FILE          certificates to trust\n"
        "  --json             the answer as JSON\n"
        "  --lang LANG        zh or en\n"
        "  --help             this text\n"
        "  --version          the version\n"),
    .run = run,
};
