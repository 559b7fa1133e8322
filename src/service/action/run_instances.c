/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RunInstances, and what it would cost.  What can be said at once is said here; the
 * zone's daemon makes the machines. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <openssl/evp.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "base/uuid.h"
#include "instance/settings.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "service/action/instance.h"

enum {
    DISK_USUAL = 50, /* GiB */
    DISK_MAX = 1024,
    NAME_MAX_BYTES = SETTINGS_NAME_MAX + 1,
    DIGEST = 65,
};

struct run {
    struct call *c;
    struct arena *arena;  /* of the request */
    struct arena scratch; /* of one run of the transaction */
    const struct config_type *type;
    struct login login;
    struct made_password *made; /* one an instance, or NULL */
    struct tag tags[TAGS_MAX];
    size_t n_tags, count;
    char digest[DIGEST]; /* of the request, for its token */
    struct image image;
    int64_t disk_gib, price;
    json_t *ids; /* answered */
};

static void run_fini(struct run *x)
{
    json_decref(x->ids);
    free(x->made);
    arena_fini(&x->scratch);
}

/* ---- what is asked for */

static const char *member(const struct call *c, const char *object, const char *name)
{
    return json_string_value(json_object_get(json_object_get(c->params, object), name));
}

static int64_t number(const struct call *c, const char *object, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(c->params, object), name));
}

static int check_zone(struct call *c)
{
    const char *zone = member(c, "Placement", "Zone");

    if (config_zone_region(c->service->config, zone) != c->region)
        return call_error(c, "InvalidZone.MismatchRegion", _("%.60s is no zone of %s"),
                          zone, c->region->id);
    return 0;
}

static int find_type(const struct config_type **ret, struct call *c)
{
    const char *name = call_text(c, "InstanceType");

    *ret = name ? config_type(c->service->config, name) : &c->service->config->types.v[0];
    if (*ret)
        return 0;
    if (!config_is_type(name))
        return call_error(c, "InvalidInstanceType.Malformed",
                          _("\"%.60s\" is no type of instances"), name);
    return call_error(c, "InvalidParameterValue.InstanceTypeNotFound",
                      _("there is no type %.60s"), name);
}

/* What a zone here does not have. */
static int check_absent(struct call *c)
{
    const char *vpc = member(c, "VirtualPrivateCloud", "VpcId");
    const char *subnet = member(c, "VirtualPrivateCloud", "SubnetId");

    if (call_count(c, "DataDisks") > 0)
        return call_error(c, "UnsupportedOperation.InvalidDisk",
                          _("instances have no data disks here"));
    if (call_count(c, "SecurityGroupIds") > 0)
        return call_error(c, "InvalidSecurityGroupId.NotFound",
                          _("there is no security group %.60s"),
                          call_text_at(c, "SecurityGroupIds", 0));
    if (number(c, "InternetAccessible", "InternetMaxBandwidthOut") > 0 ||
        json_is_true(json_object_get(json_object_get(c->params, "InternetAccessible"),
                                     "PublicIpAssigned")))
        return call_error(c, "InvalidParameter.InternetAccessibleNotSupported",
                          _("instances have no public address here"));
    if (vpc && strcmp(vpc, "DEFAULT") != 0)
        return call_error(c, "InvalidParameterValue.VpcIdNotExist",
                          _("there is no network %.60s: the only one is DEFAULT"), vpc);
    if (subnet && strcmp(subnet, "DEFAULT") != 0)
        return call_error(c, "InvalidParameterValue.SubnetNotExist",
                          _("there is no subnet %.60s: the only one is DEFAULT"), subnet);
    return 0;
}

static int check_token(struct call *c)
{
    const char *token = call_text(c, "ClientToken");

    for (const char *p = token; p && *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p > '~')
            return call_error(c, "InvalidParameterValue.IncorrectFormat",
                              _("ClientToken is printable ASCII"));
    return 0;
}

static int check_names(struct run *x)
{
    const char *name = call_text(x->c, "InstanceName");
    char text[NAME_MAX_BYTES];

    if (name && !text_is_line(name))
        return call_error(x->c, "InvalidParameterValue",
                          _("InstanceName is one line of text"));
    if (name && name_of(text, sizeof text, name, 0, x->count) < 0)
        return call_error(x->c, "InvalidParameterValue",
                          _("\"%.60s\" has a pattern that is none"), name);
    if (x->login.has_host_name &&
        name_of(text, sizeof text, x->login.host_name, 0, x->count) < 0)
        return call_error(x->c, "InvalidParameterValue.IllegalHostName",
                          _("\"%.60s\" has a pattern that is none"), x->login.host_name);
    return 0;
}

static void read_tags(struct run *x)
{
    const json_t *spec, *tag;
    size_t i, k;

    json_array_foreach(call_list(x->c, "TagSpecification"), i, spec)
    {
        json_array_foreach(json_object_get(spec, "Tags"), k, tag)
        {
            const char *value = json_string_value(json_object_get(tag, "Value"));

            if (x->n_tags < TAGS_MAX)
                x->tags[x->n_tags++] = (struct tag){
                    json_string_value(json_object_get(tag, "Key")), value ? value : ""};
        }
    }
}

static int check_tags(struct run *x)
{
    read_tags(x);
    for (size_t i = 0; i < x->n_tags; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(x->tags[i].key, x->tags[k].key) == 0)
                return call_error(x->c, "InvalidParameterValue.DuplicateTags",
                                  _("the tag %.60s is named twice"), x->tags[i].key);
    return 0;
}

static int read_counts(struct run *x)
{
    struct call *c = x->c;
    const json_t *addresses = json_object_get(
        json_object_get(c->params, "VirtualPrivateCloud"), "PrivateIpAddresses");

    x->count = (size_t)call_int(c, "InstanceCount", 1);
    if (call_int(c, "MinCount", 1) > (int64_t)x->count)
        return call_error(c, "InvalidParameterValue.InvalidParameterMinCount",
                          _("MinCount is over InstanceCount"));
    if (json_array_size(addresses) > 0 && json_array_size(addresses) != x->count)
        return call_error(c, "InvalidParameterValue",
                          _("PrivateIpAddresses has one address for each instance, or is "
                            "not there"));
    return 0;
}

/* Members in the order of their names, whatever the order they came in. */
static int digest(struct run *x)
{
    AUTO(freep) char *text = json_dumps(x->c->params, JSON_COMPACT | JSON_SORT_KEYS);
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct err err = {0};

    if (!text || EVP_Digest(text, strlen(text), raw, &n, EVP_sha256(), NULL) != 1) {
        FAIL(&err, ERR_NOMEM, "sha-256");
        return call_fail(x->c, &err);
    }
    for (unsigned i = 0; i < n && i < 32; i++)
        snprintf(x->digest + 2 * i, 3, "%02x", raw[i]);
    return 0;
}

static int read_request(struct run *x)
{
    struct call *c = x->c;
    int r = check_zone(c);

    if (r == 0)
        r = call_check_image_id(c, call_text(c, "ImageId"));
    if (r == 0)
        r = find_type(&x->type, c);
    if (r == 0)
        r = read_counts(x);
    if (r == 0)
        r = check_absent(c);
    if (r == 0)
        r = login_read(&x->login, c, x->arena);
    if (r == 0)
        r = check_names(x);
    if (r == 0)
        r = check_token(c);
    if (r == 0)
        r = check_tags(x);
    return r == 0 ? digest(x) : r;
}

/* Hashing takes a while, which is not to be spent within a transaction. */
static int make_passwords(struct run *x)
{
    struct err err = {0};
    int r = 0;

    if (!login_needs_password(&x->login))
        return 0;
    x->made = calloc(x->count, sizeof *x->made);
    if (!x->made)
        r = FAIL(&err, ERR_NOMEM, "no memory for passwords");
    for (size_t i = 0; r == 0 && i < x->count; i++)
        r = login_make(&x->made[i], &err);
    return r == 0 ? 0 : call_fail(x->c, &err);
}

/* ---- against the image */

int image_may_start(struct call *c, const struct image *image)
{
    if (image->state != IMAGE_NORMAL)
        return call_error(c, "InvalidParameterValue.InvalidImageState",
                          _("%s is in state %s"), image->id,
                          image_state_name(image->state));
    if (strcmp(image->architecture, "arm_64") == 0)
        return call_error(c, "InvalidParameterValue.InvalidImageForGivenInstanceType",
                          _("%s is for %s, which no type of instances is"), image->id,
                          image->architecture);
    if (*image->disks && strcmp(image->disks, "[]") != 0)
        return call_error(c, "InvalidParameter.InstanceImageNotSupport",
                          _("%s has data disks, so no instance starts from it"),
                          image->id);
    return 0;
}

int disk_size(int64_t *ret, struct call *c, const struct image *image, int64_t least)
{
    int64_t asked = number(c, "SystemDisk", "DiskSize");

    if (least < image->size_gib)
        least = image->size_gib;
    if (asked && (asked < least || asked > DISK_MAX))
        return call_error(c, "InvalidParameterValue.Range",
                          _("the system disk has %lld to %d GB"), (long long)least,
                          DISK_MAX);
    *ret = asked ? asked : least;
    return 0;
}

static int see_image(struct run *x, struct db *db, bool lock, struct err *err)
{
    struct call *c = x->c;
    const char *id = call_text(c, "ImageId");
    bool sized = number(c, "SystemDisk", "DiskSize") > 0;
    int64_t hour;
    int r = image_see(&x->image, &x->scratch, db, c->account.uin, c->region->id, id, lock,
                      err);

    if (r == REFUSED_NONE)
        return call_error(c, "InvalidImageId.NotFound", _("there is no image %s"), id);
    if (r == 0)
        r = image_may_start(c, &x->image);
    if (r == 0)
        r = disk_size(&x->disk_gib, c, &x->image, sized ? 0 : DISK_USUAL);
    if (r == 0)
        r = image_price(&hour, c, &x->scratch, db, &x->image, err);
    if (r == 0)
        x->price = (int64_t)x->type->price + hour;
    return r;
}

/* ---- the instances */

static int host_name(char *to, size_t cap, struct run *x, size_t k, int64_t address)
{
    bool windows = image_is_windows(&x->image);

    if (!x->login.has_host_name) {
        host_name_make(to, cap, address, &x->image);
        return 0;
    }
    if (name_of(to, cap, x->login.host_name, k, x->count) < 0 ||
        !host_name_is_legal(to, windows))
        return call_error(x->c, "InvalidParameterValue.IllegalHostName",
                          _("\"%.60s\" is no name for a host"), x->login.host_name);
    return 0;
}

/* The address that was asked for; 0: any. */
static int read_address(int64_t *ret, struct run *x, const struct zone *zone, size_t k)
{
    const json_t *list = json_object_get(
        json_object_get(x->c->params, "VirtualPrivateCloud"), "PrivateIpAddresses");
    const char *text = json_string_value(json_array_get(list, k));
    struct in_addr address;
    int64_t n, size = INT64_C(1) << (32 - zone->prefix);

    *ret = 0;
    if (!text)
        return 0;
    if (inet_pton(AF_INET, text, &address) != 1)
        return call_error(x->c, "InvalidParameterValue.IPAddressMalformed",
                          _("\"%.60s\" is no address"), text);
    n = ntohl(address.s_addr);
    if (n < zone->subnet + 2 || n >= zone->subnet + size - 1)
        return call_error(x->c, "VpcAddrNotInSubNet",
                          _("%s is not among the addresses of the zone"), text);
    *ret = n;
    return 0;
}

static int find_zone(struct zone *ret, struct run *x, struct db *db, struct err *err)
{
    const char *name = member(x->c, "Placement", "Zone");
    struct zone *list;
    size_t n;
    int r = zone_list(&list, &n, &x->scratch, db, x->c->region->id, err);

    for (size_t i = 0; r == 0 && i < n; i++)
        if (strcmp(list[i].name, name) == 0) {
            *ret = list[i];
            return !ret->away
                       ? 0
                       : call_error(x->c, "ResourceInsufficient.AvailabilityZoneSoldOut",
                                    _("the host of %s was not heard of for a while"),
                                    name);
        }
    return r != 0 ? r
                  : call_error(x->c, "InvalidParameterValue.ZoneNotSupported",
                               _("no host runs instances in %s"), name);
}

static struct instance describe(struct run *x, const struct zone *zone, const char *name,
                                const char *uuid, const char *incarnation)
{
    const char *disk_type = member(x->c, "SystemDisk", "DiskType");
    const struct image *i = &x->image;

    return (struct instance){
        .region = x->c->region->id,
        .zone = zone->name,
        .owner = x->c->account.uin,
        .name = name,
        .type = x->type->name,
        .cpu = (int64_t)x->type->cpu,
        .memory_mib = (int64_t)(x->type->memory >> 20),
        .price = x->price,
        .image = i->id,
        .blob = i->blob,
        .virtual_size = i->virtual_size,
        .os_name = i->os_name,
        .platform = i->platform,
        .architecture = i->architecture,
        .boot_mode = i->boot_mode,
        .cloud_init = i->cloud_init,
        .disk_type = disk_type ? disk_type : "CLOUD_PREMIUM",
        .disk_gib = x->disk_gib,
        .uuid = uuid,
        .incarnation = incarnation,
        .password = x->login.hash,
        .secret = image_is_windows(i) ? x->login.password : "",
        .key_ids = x->login.key_ids,
        .user_data = x->login.user_data,
        .project = number(x->c, "Placement", "ProjectId"),
        .state = INSTANCE_PENDING,
    };
}

static int add_one(struct run *x, struct db *db, const struct zone *zone,
                   const char *keys, size_t k, struct err *err)
{
    struct call *c = x->c;
    const char *given = call_text(c, "InstanceName");
    const char *pattern = given && *given ? given : NULL;
    char name[NAME_MAX_BYTES], host[NAME_MAX_BYTES], uuid[UUID_TEXT];
    char incarnation[UUID_TEXT], id[INSTANCE_ID_SIZE];
    struct instance_change change = INSTANCE_CHANGE_NOTHING;
    struct instance i;
    int r;

    if (name_of(name, sizeof name, pattern ? pattern : _("Unnamed"), k,
                pattern ? x->count : 1) < 0)
        return call_error(c, "InvalidInstanceName.TooLong", _("the name is too long"));
    r = uuid_make(uuid, err);
    if (r == 0)
        r = uuid_make(incarnation, err);
    if (r < 0)
        return r;
    i = describe(x, zone, name, uuid, incarnation);
    i.keys = keys;
    if (x->made) {
        i.password = x->made[k].hash;
        i.secret = image_is_windows(&x->image) ? x->made[k].text : "";
    }
    r = read_address(&i.address, x, zone, k);
    if (r == 0)
        r = instance_new(id, db, &i, (int64_t)c->service->config->instances_max, x->tags,
                         x->n_tags, err);
    if (r == REFUSED_USED)
        return call_error(c, "VpcIpIsUsed", _("another instance has this address"));
    if (r == 0)
        r = instance_get(&i, &x->scratch, db, NULL, NULL, id, false, err);
    if (r == 0)
        r = host_name(host, sizeof host, x, k, i.address);
    if (r != 0)
        return r;
    change.hostname = host;
    r = instance_begin(c, db, &i, "run", NULL, NULL, &change, err);
    if (r == 0 && x->made)
        r = login_tell(c, db, id, name, &x->image, x->made[k].text, err);
    if (r == 0 && json_array_append_new(x->ids, json_string(id)) < 0)
        r = FAIL(err, ERR_NOMEM, "answer");
    return r;
}

/* As many as there is room for, when that is enough. */
static int add_all(struct run *x, struct db *db, struct err *err)
{
    int64_t least = call_int(x->c, "MinCount", (int64_t)x->count);
    struct zone zone;
    const char *keys;
    int r = find_zone(&zone, x, db, err);

    if (r == 0)
        r = login_check(&keys, x->c, &x->login, &x->scratch, db, &x->image, err);
    for (size_t k = 0; r == 0 && k < x->count; k++) {
        r = add_one(x, db, &zone, keys, k, err);
        if ((r == REFUSED_FULL || r == REFUSED_DISK || r == REFUSED_QUOTA) &&
            (int64_t)k >= least)
            return 0;
    }
    return r;
}

/* 1: this token was answered before, and that is the answer again. */
static int look_up_token(struct run *x, struct db *db, struct err *err)
{
    struct call *c = x->c;
    const char *token = call_text(c, "ClientToken"), *ids, *request;
    int r;

    if (!token || !*token)
        return 0;
    r = client_token_find(&ids, &request, &x->scratch, db, c->account.uin, c->region->id,
                          token, err);
    if (r != 0)
        return r == REFUSED_NONE ? 0 : r;
    if (strcmp(request, x->digest) != 0)
        return call_error(c, "InvalidParameterValue.Duplicate",
                          _("this ClientToken was used for another request"));
    json_decref(x->ids);
    x->ids = json_loads(ids, 0, NULL);
    return x->ids ? 1 : FAIL(err, ERR_CORRUPT, "the answer to a token is no JSON");
}

static int add_token(struct run *x, struct db *db, struct err *err)
{
    const char *token = call_text(x->c, "ClientToken");
    AUTO(freep) char *text = json_dumps(x->ids, JSON_COMPACT);

    if (!token || !*token)
        return 0;
    if (!text)
        return FAIL(err, ERR_NOMEM, "answer");
    return client_token_add(db, x->c->account.uin, x->c->region->id, token, x->digest,
                            text, err);
}

static int begin(struct db *db, void *arg, struct err *err)
{
    struct run *x = arg;
    int r;

    json_array_clear(x->ids);
    arena_fini(&x->scratch);
    x->scratch = (struct arena){.max = ACTION_ARENA_MAX};
    r = look_up_token(x, db, err);
    if (r != 0)
        return r == 1 ? DRY_RUN_ENDS : r;
    r = see_image(x, db, true, err);
    if (r == 0)
        r = add_all(x, db, err);
    if (r == 0)
        r = add_token(x, db, err);
    if (r == 0 && call_bool(x->c, "DryRun")) {
        json_array_clear(x->ids);
        return DRY_RUN_ENDS;
    }
    return r;
}

int action_run_instances(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(run_fini)
    struct run x = {.c = c, .arena = &arena, .scratch.max = ACTION_ARENA_MAX};
    struct err err = {0};
    const json_t *id;
    size_t i;
    int r;

    x.ids = json_array();
    if (read_request(&x) < 0 || make_passwords(&x) < 0)
        return -1;
    r = catalog_tx(c->service->catalog, begin, &x, &err);
    /* Of two requests with one token at once, the other was first: its answer is there.
     */
    if (r == REFUSED_USED)
        r = catalog_tx(c->service->catalog, begin, &x, &err);
    if (r != 0 && r != DRY_RUN_ENDS)
        return instance_refused(c, r, &err);
    json_out_begin_list(&c->reply, "InstanceIdSet");
    json_array_foreach(x.ids, i, id)
        json_out_text(&c->reply, NULL, json_string_value(id));
    json_out_end_list(&c->reply);
    return 0;
}

/* ---- what it costs */

/* The vendor writes prices as decimal numbers of the currency unit. */
static void write_price(struct json_out *o, const char *key, int64_t price, size_t count)
{
    char text[48];
    uint64_t all = (uint64_t)price * count;

    snprintf(text, sizeof text, "%" PRIu64 ".%04" PRIu64, all / 10000, all % 10000);
    json_out_begin(o, key);
    json_out_raw(o, "UnitPrice", text);
    json_out_raw(o, "UnitPriceDiscount", text);
    json_out_int(o, "Discount", 100);
    json_out_text(o, "ChargeUnit", "HOUR");
    json_out_end(o);
}

int action_inquiry_price_run_instances(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(run_fini)
    struct run x = {.c = c, .arena = &arena, .scratch.max = ACTION_ARENA_MAX};
    AUTO(catalog_put) struct db *db = NULL;
    struct err err = {0};
    int64_t image;
    int r;

    if (read_request(&x) < 0)
        return -1;
    r = catalog_get(&db, c->service->catalog, &err);
    if (r == 0)
        r = see_image(&x, db, false, &err);
    if (r != 0)
        return call_refused(c, r, &err);
    image = x.price - (int64_t)x.type->price;
    json_out_begin(&c->reply, "Price");
    write_price(&c->reply, "InstancePrice", (int64_t)x.type->price, x.count);
    write_price(&c->reply, "ImagePrice", image, x.count);
    write_price(&c->reply, "BandwidthPrice", 0, x.count);
    json_out_end(&c->reply);
    return 0;
}
