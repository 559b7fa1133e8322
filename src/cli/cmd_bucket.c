/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/cloud.h"
#include "cli/cmd.h"
#include "cli/release.h"
#include "cli/storage.h"
#include "cli/verb.h"

struct options {
    struct cloud c;
};

static int add(void *arg, const struct object_bucket *b, struct err *err)
{
    json_t *row = json_pack("{s:s, s:s, s:s}", "BucketName", b->name, "Region", b->region,
                            "CreatedTime", b->created);

    return json_array_append_new(arg, row) < 0
               ? FAIL(err, ERR_IO, "a bucket whose name is no text")
               : 0;
}

static int do_list(const struct command *self, struct options *o, const struct words *w)
{
    static const struct cloud_column columns[] = {
        {N_("BUCKET"), "BucketName"},
        {N_("REGION"), "Region"},
        {N_("CREATED"), "CreatedTime"},
    };
    AUTO(json_releasep) json_t *list = json_array();
    AUTO(json_releasep) json_t *answer = NULL;
    struct object_client client = storage_client(&o->c, NULL);
    struct err err = {0};

    (void)self;
    (void)w;
    if (object_client_buckets(&client, add, list, &err) < 0)
        return storage_fail(NULL, &err);
    answer = json_pack("{s:I, s:O}", "TotalCount", (json_int_t)json_array_size(list),
                       "BucketSet", list);
    return cloud_print_answer(&o->c, answer, "BucketSet", columns, ARRAY_SIZE(columns));
}

static int do_create(const struct command *self, struct options *o, const struct words *w)
{
    AUTO(buf_fini) struct buf name = {0};
    struct object_client client;
    struct err err = {0};
    int r = storage_bucket(&name, &o->c, w->v[0]);

    (void)self;
    if (r != EXIT_OK)
        return r;
    client = storage_client(&o->c, buf_str(&name));
    if (object_client_make_bucket(&client, NULL, &err) < 0)
        return storage_fail(NULL, &err);
    if (o->c.json) {
        AUTO(json_releasep)
        json_t *made = json_pack("{s:s, s:s}", "BucketName", buf_str(&name), "Region",
                                 client.region);

        return cloud_print_json(made);
    }
    cloud_print_line(stdout, buf_str(&name));
    return EXIT_OK;
}

static int do_delete(const struct command *self, struct options *o, const struct words *w)
{
    AUTO(buf_fini) struct buf name = {0};
    struct object_client client;
    struct err err = {0};
    int r = storage_bucket(&name, &o->c, w->v[0]);

    (void)self;
    if (r != EXIT_OK)
        return r;
    client = storage_client(&o->c, buf_str(&name));
    return object_client_drop_bucket(&client, &err) < 0 ? storage_fail(NULL, &err)
                                                        : EXIT_OK;
}

static const struct verb verbs[] = {
    {"list", 0, 0, "", do_list},
    {"create", 1, 1, "", do_create},
    {"delete", 1, 1, "", do_delete},
    {NULL, 0, 0, NULL, NULL},
};

static int run(const struct command *self, int argc, char **argv)
{
    struct options o = {0};
    const struct option_row rows[] = {CLOUD_ROWS(o.c), {NULL, 0, NULL, NULL}};

    return verb_run(self, argc, argv, rows, verbs, &o.c, &o);
}

const struct command cmd_bucket = {
    .name = "bucket",
    .summary = N_("buckets of an image service"),
    .help = N_(
        "Usage: imgport bucket list\n"
        "       imgport bucket create|delete BUCKET\n"
        "\n"
        "Where images are imported from and exported to; imgport object fills them.\n"
        "A BUCKET without -APPID behind its name is one of the account's own.  create\n"
        "makes it in the region, and prints its whole name.  Who asks and where is\n"
        "told as for imgport image.\n"
        "\n"
        "Options:\n"
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
