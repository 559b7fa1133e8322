/* SPDX-License-Identifier: GPL-2.0-or-later */
/* seed CATALOG: images and accounts straight into a catalogue, for tests and measurements
 *
 * Standard input has a JSON object a line: "owner" (a uin), "region", "name" and what
 * else an image has; or "account", a name.  "count" makes so many, numbered.  Prints the
 * ids and uins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/scoped.h"
#include "store/account.h"
#include "store/catalog.h"
#include "store/image.h"

static const char *text(const json_t *j, const char *key, const char *otherwise)
{
    const char *s = json_string_value(json_object_get(j, key));

    return s ? s : otherwise;
}

static int64_t number(const json_t *j, const char *key, int64_t otherwise)
{
    const json_t *v = json_object_get(j, key);

    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

struct seed {
    const char *account; /* its name; or NULL: an image */
    struct image image;
    char id[IMAGE_ID_SIZE];
    struct tag tags[16];
    size_t n_tags;
};

static int add(struct db *db, void *arg, struct err *err)
{
    struct seed *s = arg;
    AUTO(arena_fini) struct arena arena = {0};
    struct account made;
    int r;

    if (!s->account)
        return image_new(s->id, db, &s->image, INT64_MAX, s->tags, s->n_tags, err);
    r = account_new(
        &made, &arena, db,
        &(struct account){
            .name = s->account, .language = "en", .image_quota = -1, .share_quota = -1},
        err);
    if (r == 0)
        snprintf(s->id, sizeof s->id, "%s", made.uin);
    return r;
}

static void fill(struct seed *s, const json_t *j)
{
    const json_t *tags = json_object_get(j, "tags");
    const char *key;
    json_t *value;

    s->account = text(j, "account", NULL);
    s->image = (struct image){
        .owner = text(j, "owner", ""),
        .region = text(j, "region", "ap-guangzhou"),
        .name = text(j, "name", "image"),
        .description = text(j, "description", ""),
        .kind = (enum image_kind)image_kind_from_name(text(j, "kind", "custom")),
        .state = (enum image_state)image_state_from_name(text(j, "state", "NORMAL")),
        .os_name = text(j, "os_name", "Debian 12 64位"),
        .platform = text(j, "platform", "Debian"),
        .os_type = text(j, "os_type", "Debian"),
        .os_version = text(j, "os_version", "12"),
        .architecture = text(j, "architecture", "x86_64"),
        .size_gib = number(j, "size_gib", 10),
        .virtual_size = number(j, "virtual_size", (int64_t)10 << 30),
        .file_size = number(j, "file_size", (int64_t)1 << 30),
        .blob = text(j, "blob", ""),
        .sha256 = "",
        .source = (enum image_source)image_source_from_name(
            text(j, "source", "EXTERNAL_IMPORT")),
        .license = text(j, "license", "TencentCloud"),
        .boot_mode = "Legacy BIOS",
        .cloud_init = !json_is_false(json_object_get(j, "cloud_init")),
        .family = text(j, "family", ""),
        .sync_percent = -1,
        .price = number(j, "price", 0),
        .source_image = text(j, "source_image", ""),
        .snapshots =
            text(j, "snapshots",
                 "[{\"SnapshotId\":\"snap-0a1b2c3d\",\"DiskUsage\":\"SYSTEM_DISK\","
                 "\"DiskSize\":10}]"),
        .disks = text(j, "disks", "[]"),
        .reason = "",
        .sub_cause = "",
        .detail = "",
        .profile = "tencent-2022",
        .seller = "",
    };
    json_object_foreach((json_t *)(uintptr_t)tags, key, value)
    {
        if (s->n_tags < ARRAY_SIZE(s->tags))
            s->tags[s->n_tags++] = (struct tag){key, json_string_value(value)};
    }
}

static int seed_line(struct catalog *c, const char *line, struct err *err)
{
    json_t *j = json_loads(line, 0, NULL);
    int64_t count = number(j, "count", 1);
    struct seed s = {0};
    const char **named, *base;
    int r = 0;

    if (!json_is_object(j))
        return FAIL(err, ERR_ARG, "no JSON object: %s", line);
    fill(&s, j);
    named = s.account ? &s.account : &s.image.name;
    base = *named;
    for (int64_t i = 0; r == 0 && i < count; i++) {
        char name[128];

        if (count > 1) {
            snprintf(name, sizeof name, "%s-%03d", base, (int)i);
            *named = name;
        }
        r = catalog_tx(c, add, &s, err);
        if (r == 0)
            puts(s.id);
        else if (r > 0)
            r = FAIL(err, ERR_CONFLICT, "%s", refusal_name(r));
    }
    json_decref(j);
    return r;
}

int main(int argc, char **argv)
{
    AUTO(catalog_closep) struct catalog *c = NULL;
    AUTO(freep) char *line = NULL;
    struct err err = {0};
    size_t cap = 0;
    int r;

    if (argc != 2) {
        fputs("usage: seed CATALOG <LINES\n", stderr);
        return 2;
    }
    r = catalog_open(&c, argv[1], NULL, &err);
    while (r == 0 && getline(&line, &cap, stdin) > 0)
        r = seed_line(c, line, &err);
    if (r < 0)
        fprintf(stderr, "seed: %s\n", err.msg);
    return r < 0;
}
