/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cli/cloud.h"
#include "cli/cmd.h"
#include "cli/release.h"
#include "cli/verb.h"

static const struct cloud_column columns[] = {
    {N_("INSTANCE"), "InstanceId"},        {N_("NAME"), "InstanceName"},
    {N_("STATE"), "InstanceState"},        {N_("TYPE"), "InstanceType"},
    {N_("ADDRESS"), "PrivateIpAddresses"}, {N_("IMAGE"), "ImageId"},
    {N_("CREATED"), "CreatedTime"},
};

struct options {
    struct cloud c;
    const char *state, *name, *zone, *type, *image, *count, *disk, *host, *password;
    const char *key, *how;
    bool force;
};

/* EXIT_OK, or what is wrong was said. */
static int put_number(json_t *o, const char *name, const char *text,
                      const struct command *self)
{
    uint64_t n;

    if (!text)
        return EXIT_OK;
    if (!text_u64(&n, bytes_of(text, strlen(text))) || n > INT32_MAX)
        return cmd_usage(self, _("\"%s\" is no number"), text);
    json_object_set_new(o, name, json_integer((json_int_t)n));
    return EXIT_OK;
}

/* A call whose answer has nothing to read but for programs, and one text if `shown`. */
static int call(struct options *o, const char *action, json_t *params, const char *shown)
{
    AUTO(json_releasep) json_t *answer = NULL;
    int r = cloud_call(&answer, &o->c, CLOUD_CVM, action, params);
    const json_t *told = shown ? json_object_get(answer, shown) : NULL;

    if (r != EXIT_OK)
        return r;
    if (o->c.json)
        return cloud_print_json(answer);
    if (json_is_string(told))
        cloud_print_line(stdout, json_string_value(told));
    for (size_t i = 0; i < json_array_size(told); i++)
        cloud_print_line(stdout, json_string_value(json_array_get(told, i)));
    return EXIT_OK;
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
    AUTO(json_releasep) json_t *all = NULL;
    json_t *params = json_object(), *filters = json_array();
    int r;

    (void)self;
    (void)w;
    put_filter(filters, "instance-state", o->state);
    put_filter(filters, "instance-name", o->name);
    put_filter(filters, "zone", o->zone);
    put_filter(filters, "image-id", o->image);
    if (json_array_size(filters) > 0)
        json_object_set(params, "Filters", filters);
    json_decref(filters);
    r = cloud_list(&all, &o->c, CLOUD_CVM, "DescribeInstances", "InstanceSet", params);
    return r == EXIT_OK ? cloud_print_answer(&o->c, all, "InstanceSet", columns,
                                             ARRAY_SIZE(columns))
                        : r;
}

static int do_show(const struct command *self, struct options *o, const struct words *w)
{
    AUTO(json_releasep) json_t *answer = NULL;
    struct imgport_error e = {.exit_status = EXIT_REFUSED};
    const json_t *instance;
    int r = cloud_call(&answer, &o->c, CLOUD_CVM, "DescribeInstances",
                       json_pack("{s:[s]}", "InstanceIds", w->v[0]));

    (void)self;
    if (r != EXIT_OK)
        return r;
    instance = json_array_get(json_object_get(answer, "InstanceSet"), 0);
    if (!instance) {
        snprintf(e.message, sizeof e.message, _("there is no instance %s here"), w->v[0]);
        return cmd_fail(&e);
    }
    if (o->c.json)
        return cloud_print_json(instance);
    cloud_print_fields(instance);
    return EXIT_OK;
}

static int put_common(json_t *p, struct options *o, const struct command *self)
{
    json_t *login = json_object(), *disk = json_object();
    int r = put_number(disk, "DiskSize", o->disk, self);

    put_text(login, "Password", o->password);
    if (o->key)
        json_object_set_new(login, "KeyIds", json_pack("[s]", o->key));
    if (json_object_size(login))
        json_object_set(p, "LoginSettings", login);
    if (json_object_size(disk))
        json_object_set(p, "SystemDisk", disk);
    put_text(p, "HostName", o->host);
    json_decref(login);
    json_decref(disk);
    return r;
}

static int do_run(const struct command *self, struct options *o, const struct words *w)
{
    json_t *p = json_pack("{s:s}", "ImageId", w->v[0]);
    int r;

    if (!o->zone) {
        json_decref(p);
        return cmd_usage(self, _("--zone says where it runs"));
    }
    json_object_set_new(p, "Placement", json_pack("{s:s}", "Zone", o->zone));
    put_text(p, "InstanceType", o->type);
    put_text(p, "InstanceName", o->name);
    r = put_number(p, "InstanceCount", o->count, self);
    if (r == EXIT_OK)
        r = put_common(p, o, self);
    if (r == EXIT_OK)
        return call(o, "RunInstances", p, "InstanceIdSet");
    json_decref(p);
    return r;
}

static int do_start(const struct command *self, struct options *o, const struct words *w)
{
    (void)self;
    return call(o, "StartInstances", json_pack("{s:o}", "InstanceIds", words_json(w, 0)),
                NULL);
}

static int off(const struct command *self, struct options *o, const char *action,
               const struct words *w)
{
    json_t *p;

    if (o->force && o->how)
        return cmd_usage(self, _("--how and --force exclude each other"));
    p = json_pack("{s:o}", "InstanceIds", words_json(w, 0));
    put_text(p, "StopType", o->force ? "SOFT_FIRST" : o->how);
    return call(o, action, p, NULL);
}

static int do_stop(const struct command *self, struct options *o, const struct words *w)
{
    return off(self, o, "StopInstances", w);
}

static int do_reboot(const struct command *self, struct options *o, const struct words *w)
{
    return off(self, o, "RebootInstances", w);
}

static int do_terminate(const struct command *self, struct options *o,
                        const struct words *w)
{
    (void)self;
    return call(o, "TerminateInstances",
                json_pack("{s:o}", "InstanceIds", words_json(w, 0)), NULL);
}

static int do_reset(const struct command *self, struct options *o, const struct words *w)
{
    json_t *p = json_pack("{s:s}", "InstanceId", w->v[0]);
    int r = put_common(p, o, self);

    put_text(p, "ImageId", o->image);
    if (r == EXIT_OK)
        return call(o, "ResetInstance", p, NULL);
    json_decref(p);
    return r;
}

static int do_image(const struct command *self, struct options *o, const struct words *w)
{
    json_t *p = json_pack("{s:s, s:s}", "InstanceId", w->v[0], "ImageName", w->v[1]);

    (void)self;
    put_text(p, "ForcePoweroff", o->force ? "true" : NULL);
    return call(o, "CreateImage", p, "ImageId");
}

static const struct verb verbs[] = {
    {"list", 0, 0, "state name zone image", do_list},
    {"show", 1, 1, "", do_show},
    {"run", 1, 1, "zone type name count disk host-name password key", do_run},
    {"start", 1, WORDS_MAX, "", do_start},
    {"stop", 1, WORDS_MAX, "how force", do_stop},
    {"reboot", 1, WORDS_MAX, "how force", do_reboot},
    {"terminate", 1, WORDS_MAX, "", do_terminate},
    {"reset", 1, 1, "image disk host-name password key", do_reset},
    {"image", 2, 2, "force", do_image},
    {NULL, 0, 0, NULL, NULL},
};

static int run(const struct command *self, int argc, char **argv)
{
    struct options o = {0};
    const struct option_row rows[] = {
        CLOUD_ROWS(o.c),
        {"state", 0, &o.state, NULL},
        {"name", 0, &o.name, NULL},
        {"zone", 0, &o.zone, NULL},
        {"type", 0, &o.type, NULL},
        {"image", 0, &o.image, NULL},
        {"count", 0, &o.count, NULL},
        {"disk", 0, &o.disk, NULL},
        {"host-name", 0, &o.host, NULL},
        {"password", 0, &o.password, NULL},
        {"key", 0, &o.key, NULL},
        {"how", 0, &o.how, NULL},
        {"force", 0, NULL, &o.force},
        {NULL, 0, NULL, NULL},
    };

    return verb_run(self, argc, argv, rows, verbs, &o.c, &o);
}

const struct command cmd_instance = {
    .name = "instance",
    .summary = N_("instances of an image service"),
    .help = N_(
        "Usage: imgport instance list [--state S] [--name WORD] [--zone Z] [--image I]\n"
        "       imgport instance show INSTANCE\n"
        "       imgport instance run IMAGE --zone ZONE [OPTION ...]\n"
        "       imgport instance start|stop|reboot|terminate INSTANCE ...\n"
        "       imgport instance reset INSTANCE [--image IMAGE] [OPTION ...]\n"
        "       imgport instance image INSTANCE NAME [--force]\n"
        "\n"
        "run prints the ids of new instances, image that of the image which is made of\n"
        "one.  Who asks and where is told as for imgport image.\n"
        "\n"
        "Options:\n"
        "  --state S          RUNNING, STOPPED and so on\n"
        "  --name NAME        of list: names with this word; else the name to be\n"
        "  --zone ZONE        as ap-guangzhou-1\n"
        "  --type T           as S5.SMALL1\n"
        "  --image IMAGE      that it stands, or is to stand on\n"
        "  --count N          so many at once\n"
        "  --disk N           GB of the system disk\n"
        "  --host-name NAME   of the system\n"
        "  --password P       of its administrator; one is made where none is given\n"
        "  --key KEY          a key pair instead\n"
        "  --how T            SOFT asks the guest, HARD takes the power,\n"
        "                     SOFT_FIRST one after the other\n"
        "  --force            SOFT_FIRST; an image of one that is powered off for it\n"
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
