/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/scoped.h"
#include "base/text.h"
#include "service/notice/address.h"

#define CONFIG_PATH "/etc/imgport/imgportd.conf"

enum key_kind {
    KEY_TEXT,   /* const char * */
    KEY_WORDS,  /* config_words */
    KEY_NUMBER, /* uint64_t, within min and max */
    KEY_SIZE,   /* uint64_t bytes, with KiB, MiB, GiB or TiB */
    KEY_BOOL,   /* bool */
    KEY_GROUP,  /* uint32_t: a word of group_words */
};

struct key {
    const char *name;
    enum key_kind kind;
    size_t offset; /* within what the section fills */
    uint64_t min, max;
};

#define AT(type, member) offsetof(struct type, member)
#define SECONDS_MAX      604800
#define DAYS_MAX         36500

static const struct key service_keys[] = {
    {"listen", KEY_TEXT, AT(config, listen)},
    {"data", KEY_TEXT, AT(config, data)},
    {"catalog", KEY_TEXT, AT(config, catalog)},
    {"objects", KEY_TEXT, AT(config, objects)},
    {"profile", KEY_TEXT, AT(config, profile)},
    {"regions", KEY_WORDS, AT(config, region_ids)},
    {"support", KEY_TEXT, AT(config, support)},
    {"log", KEY_TEXT, AT(config, log)},
    {NULL},
};

static const struct key server_keys[] = {
    {"tls-certificate", KEY_TEXT, AT(config, tls_certificate)},
    {"tls-key", KEY_TEXT, AT(config, tls_key)},
    {"threads", KEY_NUMBER, AT(config, threads), 0, 256},
    {"workers", KEY_NUMBER, AT(config, workers), 1, 256},
    {"connections-max", KEY_NUMBER, AT(config, connections_max), 1, 1000000},
    {"connections-per-address", KEY_NUMBER, AT(config, connections_per_address), 0,
     1000000},
    {"idle-seconds", KEY_NUMBER, AT(config, idle_seconds), 1, SECONDS_MAX},
    {"stop-seconds", KEY_NUMBER, AT(config, stop_seconds), 0, SECONDS_MAX},
    {"rate", KEY_NUMBER, AT(config, rate), 0, 1000000},
    {"clock-window", KEY_NUMBER, AT(config, clock_window), 1, SECONDS_MAX},
    {NULL},
};

static const struct key objects_keys[] = {
    {"one-time-links", KEY_BOOL, AT(config, one_time_links)},
    {"s3-key-id", KEY_TEXT, AT(config, s3_key_id)},
    {"s3-key-secret", KEY_TEXT, AT(config, s3_key_secret)},
    {"s3-region", KEY_TEXT, AT(config, s3_region)},
    {NULL},
};

static const struct key jobs_keys[] = {
    {"run", KEY_BOOL, AT(config, jobs)},
    {"at-once", KEY_NUMBER, AT(config, jobs_max), 1, 64},
    {"staging-max", KEY_SIZE, AT(config, staging_max)},
    {"fetch-seconds", KEY_NUMBER, AT(config, fetch_seconds), 1, SECONDS_MAX},
    {"check-seconds", KEY_NUMBER, AT(config, check_seconds), 1, SECONDS_MAX},
    {"boot-seconds", KEY_NUMBER, AT(config, boot_seconds), 1, 86400},
    {"boots-at-once", KEY_NUMBER, AT(config, boots_max), 1, 64},
    {"convert-seconds", KEY_NUMBER, AT(config, convert_seconds), 1, SECONDS_MAX},
    {"store-seconds", KEY_NUMBER, AT(config, store_seconds), 1, SECONDS_MAX},
    {"lease-seconds", KEY_NUMBER, AT(config, lease_seconds), 1, 3600},
    {NULL},
};

static const struct key notice_keys[] = {
    {"run", KEY_BOOL, AT(config, notices)},
    {"at-once", KEY_NUMBER, AT(config, notices_max), 1, 64},
    {"attempt-seconds", KEY_NUMBER, AT(config, notice_seconds), 1, 3600},
    {"retry-seconds", KEY_NUMBER, AT(config, retry_seconds), 1, 86400},
    {"keep-deliveries", KEY_NUMBER, AT(config, deliveries_days), 1, DAYS_MAX},
    {"keep-messages", KEY_NUMBER, AT(config, messages_days), 1, DAYS_MAX},
    {"smtp", KEY_TEXT, AT(config, smtp)},
    {"smtp-user", KEY_TEXT, AT(config, smtp_user)},
    {"smtp-password", KEY_TEXT, AT(config, smtp_password)},
    {"smtp-tls", KEY_TEXT, AT(config, smtp_tls)},
    {"smtp-ca", KEY_TEXT, AT(config, smtp_ca)},
    {"mail-from", KEY_TEXT, AT(config, mail_from)},
    {"sms-endpoint", KEY_TEXT, AT(config, sms_endpoint)},
    {"sms-id", KEY_TEXT, AT(config, sms_id)},
    {"sms-key", KEY_TEXT, AT(config, sms_key)},
    {"sms-region", KEY_TEXT, AT(config, sms_region)},
    {"sms-app", KEY_TEXT, AT(config, sms_app)},
    {"sms-sign", KEY_TEXT, AT(config, sms_sign)},
    {"sms-template", KEY_TEXT, AT(config, sms_template)},
    {"sms-code-template", KEY_TEXT, AT(config, sms_code_template)},
    {"webhook-hosts", KEY_WORDS, AT(config, webhook_hosts)},
    {NULL},
};

static const struct key instances_keys[] = {
    {"zone", KEY_TEXT, AT(config, zone)},
    {"folder", KEY_TEXT, AT(config, instances)},
    {"per-account", KEY_NUMBER, AT(config, instances_max), 0, 100000},
    {"at-once", KEY_NUMBER, AT(config, operations_max), 1, 32},
    {"memory", KEY_SIZE, AT(config, instance_memory)},
    {"disk", KEY_SIZE, AT(config, instance_disk)},
    {"disk-overcommit", KEY_NUMBER, AT(config, disk_overcommit), 100, 10000},
    {"subnet", KEY_TEXT, AT(config, subnet)},
    {"dns", KEY_WORDS, AT(config, dns)},
    {"start-seconds", KEY_NUMBER, AT(config, start_seconds), 1, SECONDS_MAX},
    {"power-off-seconds", KEY_NUMBER, AT(config, power_off_seconds), 1, 3600},
    {"program", KEY_TEXT, AT(config, hypervisor)},
    {"accelerator", KEY_TEXT, AT(config, accelerator)},
    {"user", KEY_TEXT, AT(config, instance_user)},
    {"users", KEY_TEXT, AT(config, instance_users)},
    {"uefi", KEY_TEXT, AT(config, uefi)},
    {NULL},
};

static const struct key type_keys[] = {
    {"cpu", KEY_NUMBER, AT(config_type, cpu), 1, 64},
    {"memory", KEY_SIZE, AT(config_type, memory)},
    {"price", KEY_NUMBER, AT(config_type, price), 0, 1000000000},
    {"disk-bytes", KEY_SIZE, AT(config_type, disk_bytes)},
    {"disk-operations", KEY_NUMBER, AT(config_type, disk_operations), 0, 1000000000},
    {"host-cpus", KEY_NUMBER, AT(config_type, host_cpus), 0, 1024},
    {"nice", KEY_NUMBER, AT(config_type, nice), 0, 19},
    {NULL},
};

static const struct key region_keys[] = {
    {"name-en", KEY_TEXT, AT(config_region, name_en)},
    {"name-zh", KEY_TEXT, AT(config_region, name_zh)},
    {"city-en", KEY_TEXT, AT(config_region, city_en)},
    {"city-zh", KEY_TEXT, AT(config_region, city_zh)},
    {"group", KEY_GROUP, AT(config_region, group)},
    {"zones", KEY_NUMBER, AT(config_region, zones), 1, 99},
    {"zone-id", KEY_NUMBER, AT(config_region, zone_id), 1, 999999999},
    {"cos-endpoint", KEY_TEXT, AT(config_region, cos_endpoint)},
    {"cos-domains", KEY_WORDS, AT(config_region, cos_domains)},
    {NULL},
};

static const struct section {
    const char *name;
    const struct key *keys;
} sections[] = {
    {"service", service_keys}, {"server", server_keys}, {"objects", objects_keys},
    {"jobs", jobs_keys},       {"notice", notice_keys}, {"instances", instances_keys},
};

static const struct {
    const char *name;
    enum region_group group;
} group_words[] = {
    {"mainland", REGION_MAINLAND}, {"finance", REGION_FINANCE},
    {"hongkong", REGION_HONGKONG}, {"taipei", REGION_TAIPEI},
    {"overseas", REGION_OVERSEAS}, {"america", REGION_AMERICA},
};

static const struct config_region vendor_regions[] = {
#define REGION(id, group, name_en, name_zh, city_en, city_zh, zone_id, zones) \
    {id, name_en, name_zh, city_en, city_zh, REGION_##group, zones, zone_id, ""},
#include "service/regions.def"
#undef REGION
};

static const struct config_type usual_types[] = {
    {"S5.SMALL1", 1, (uint64_t)1 << 30, 0},  {"S5.SMALL2", 1, (uint64_t)2 << 30, 0},
    {"S5.MEDIUM2", 2, (uint64_t)2 << 30, 0}, {"S5.MEDIUM4", 2, (uint64_t)4 << 30, 0},
    {"S5.LARGE8", 4, (uint64_t)8 << 30, 0},
};

/* The parser's position and what the current section fills. */
struct parser {
    struct arena *a;
    struct config *c;
    const char *file;
    unsigned line;
    const struct key *keys; /* NULL before the first section */
    const char *section;
    void *target;
    uint64_t seen; /* bit i: keys[i] was given in this section */
    unsigned sections_seen;
};

#define BAD(ps, err, ...) bad((ps), (err), __LINE__, __VA_ARGS__)

static int __attribute__((format(printf, 4, 5)))
bad(const struct parser *ps, struct err *err, int line, const char *fmt, ...)
{
    char text[ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_set(err, ERR_ARG, 0, __FILE__, line, "%s:%u: %s", ps->file, ps->line,
                   text);
}

static const char *shown(const struct parser *ps, struct bytes b)
{
    return arena_text(ps->a, b, 60);
}

static int parse_words(const struct parser *ps, const struct key *k, config_words *list,
                       struct bytes value, struct err *err)
{
    struct bytes word;

    list->n = 0;
    while (text_next_word(&value, &word)) {
        const char **item;

        if (list->n == CONFIG_LIST_MAX)
            return BAD(ps, err, "%s: more than %d words", k->name, CONFIG_LIST_MAX);
        item = LIST_ADD(ps->a, list);
        if (!item)
            return arena_check(ps->a, err);
        *item = arena_text(ps->a, word, CONFIG_LINE_MAX);
        for (size_t i = 0; i + 1 < list->n; i++)
            if (strcmp(list->v[i], *item) == 0)
                return BAD(ps, err, "%s: \"%s\" stands there twice", k->name, *item);
    }
    return 0;
}

static int parse_size(uint64_t *ret, const struct parser *ps, struct bytes value,
                      struct err *err)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        uint64_t n;

        if (text_ends(value, units[i].name) &&
            text_u64(&n, text_trim(bytes_sub(value, 0, value.n - 3))) && n > 0 &&
            checked_mul(ret, n, (uint64_t)1 << units[i].shift))
            return 0;
    }
    return BAD(ps, err, "bad size \"%s\": want a number and KiB, MiB, GiB or TiB",
               shown(ps, value));
}

static int parse_value(const struct parser *ps, const struct key *k, struct bytes value,
                       struct err *err)
{
    void *to = (char *)ps->target + k->offset;
    uint64_t n;

    switch (k->kind) {
    case KEY_TEXT:
        *(const char **)to = arena_text(ps->a, value, CONFIG_LINE_MAX);
        return 0;
    case KEY_WORDS:
        return parse_words(ps, k, to, value, err);
    case KEY_NUMBER:
        if (!text_u64(&n, value) || n < k->min || n > k->max)
            return BAD(ps, err, "%s: \"%s\" is no number from %llu to %llu", k->name,
                       shown(ps, value), (unsigned long long)k->min,
                       (unsigned long long)k->max);
        *(uint64_t *)to = n;
        return 0;
    case KEY_SIZE:
        return parse_size(to, ps, value, err);
    case KEY_BOOL:
        if (!text_is(value, "yes") && !text_is(value, "no"))
            return BAD(ps, err, "%s: \"%s\" is neither yes nor no", k->name,
                       shown(ps, value));
        *(bool *)to = text_is(value, "yes");
        return 0;
    case KEY_GROUP:
        for (size_t i = 0; i < ARRAY_SIZE(group_words); i++)
            if (text_is(value, group_words[i].name)) {
                *(uint32_t *)to = group_words[i].group;
                return 0;
            }
        return BAD(ps, err, "%s: unknown word \"%s\"", k->name, shown(ps, value));
    }
    return BAD(ps, err, "%s: no such kind of key", k->name);
}

/* The region of this id, made with what is known of the vendor's when it is new. */
static struct config_region *region_of(const struct parser *ps, const char *id)
{
    struct config_region *r;

    for (size_t i = 0; i < ps->c->regions.n; i++)
        if (strcmp(ps->c->regions.v[i].id, id) == 0)
            return &ps->c->regions.v[i];
    if (ps->c->regions.n == CONFIG_LIST_MAX)
        return NULL;
    r = LIST_ADD(ps->a, &ps->c->regions);
    if (!r)
        return NULL;
    *r = (struct config_region){.id = id,
                                .name_en = id,
                                .name_zh = id,
                                .city_en = id,
                                .city_zh = id,
                                .zones = 1,
                                .zone_id = 1,
                                .cos_endpoint = ""};
    for (size_t i = 0; i < ARRAY_SIZE(vendor_regions); i++)
        if (strcmp(vendor_regions[i].id, id) == 0)
            *r = vendor_regions[i];
    return r;
}

static int type_begin(struct parser *ps, struct bytes name, struct err *err)
{
    struct config_type *t = NULL;

    if (!config_is_type(arena_text(ps->a, name, 60)))
        return BAD(ps, err, "\"%s\" is no type of instances: want FAMILY.SIZE",
                   shown(ps, name));
    if (config_type(ps->c, arena_text(ps->a, name, 60)))
        return BAD(ps, err, "duplicate section [%s]", ps->section);
    if (ps->c->types.n < CONFIG_LIST_MAX)
        t = LIST_ADD(ps->a, &ps->c->types);
    if (!t)
        return BAD(ps, err, "more than %d types of instances", CONFIG_LIST_MAX);
    *t = (struct config_type){arena_text(ps->a, name, 60), 1, (uint64_t)1 << 30, 0};
    ps->keys = type_keys;
    ps->target = t;
    return 0;
}

static int section_begin(struct parser *ps, struct bytes title, struct err *err)
{
    ps->section = shown(ps, title);
    ps->seen = 0;
    if (text_starts(title, "region ")) {
        struct bytes id = text_trim(bytes_sub(title, 7, title.n - 7));
        struct config_region *r = region_of(ps, arena_text(ps->a, id, 60));

        if (!r)
            return BAD(ps, err, "more than %d regions", CONFIG_LIST_MAX);
        ps->keys = region_keys;
        ps->target = r;
        return 0;
    }
    if (text_starts(title, "instance-type "))
        return type_begin(ps, text_trim(bytes_sub(title, 14, title.n - 14)), err);
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        if (!text_is(title, sections[i].name))
            continue;
        if (ps->sections_seen >> i & 1)
            return BAD(ps, err, "duplicate section [%s]", ps->section);
        ps->sections_seen |= 1U << i;
        ps->keys = sections[i].keys;
        ps->target = ps->c;
        return 0;
    }
    return BAD(ps, err, "unknown section [%s]", ps->section);
}

static int parse_line(struct parser *ps, struct bytes line, struct err *err)
{
    const uint8_t *eq;
    struct bytes name, value;

    if (line.n > CONFIG_LINE_MAX)
        return BAD(ps, err, "line longer than %d bytes", CONFIG_LINE_MAX);
    line = text_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return 0;
    if (line.p[0] == '[') {
        if (line.p[line.n - 1] != ']')
            return BAD(ps, err, "section without \"]\"");
        return section_begin(ps, text_trim(bytes_sub(line, 1, line.n - 2)), err);
    }
    eq = memchr(line.p, '=', line.n);
    if (!eq)
        return BAD(ps, err, "neither a section nor \"key = value\": \"%s\"",
                   shown(ps, line));
    name = text_trim(bytes_sub(line, 0, (size_t)(eq - line.p)));
    value = text_trim(bytes_of(eq + 1, line.n - (size_t)(eq + 1 - line.p)));
    if (!ps->keys)
        return BAD(ps, err, "key \"%s\" before the first section", shown(ps, name));
    for (unsigned i = 0; ps->keys[i].name; i++) {
        if (!text_is(name, ps->keys[i].name))
            continue;
        if (ps->seen >> i & 1)
            return BAD(ps, err, "duplicate key \"%s\"", ps->keys[i].name);
        ps->seen |= (uint64_t)1 << i;
        return parse_value(ps, &ps->keys[i], value, err);
    }
    return BAD(ps, err, "unknown key \"%s\" in [%s]", shown(ps, name), ps->section);
}

static const char *default_data(struct arena *a)
{
    const char *home = secure_getenv("HOME"), *data = secure_getenv("XDG_DATA_HOME");
    const char *state = secure_getenv("STATE_DIRECTORY"); /* systemd's */

    if (state && *state == '/' && !strchr(state, ':'))
        return arena_str(a, state);
    if (geteuid() == 0 || (!home && !data))
        return "/var/lib/imgportd";
    return data && *data ? arena_printf(a, "%s/imgportd", data)
                         : arena_printf(a, "%s/.local/share/imgportd", home);
}

static struct config defaults(void)
{
    return (struct config){
        .listen = "127.0.0.1:8780",
        .data = "",
        .catalog = "",
        .objects = "",
        .profile = "tencent-2022",
        .support = "",
        .log = "stderr",
        .tls_certificate = "",
        .tls_key = "",
        .workers = 16,
        .connections_max = 4096,
        .idle_seconds = 60,
        .stop_seconds = 30,
        .rate = 10,
        .clock_window = 300,
        .jobs = true,
        .jobs_max = 2,
        .staging_max = (uint64_t)200 << 30,
        .fetch_seconds = 6 * 3600,
        .check_seconds = 600,
        .boot_seconds = 900,
        .boots_max = 1,
        .convert_seconds = 6 * 3600,
        .store_seconds = 6 * 3600,
        .lease_seconds = 30,
        .zone = "",
        .instances = "",
        .instances_max = 20,
        .operations_max = 2,
        .instance_memory = (uint64_t)4 << 30,
        .disk_overcommit = 100,
        .subnet = "10.66.0.0/20",
        .start_seconds = 1800,
        .power_off_seconds = 120,
        .hypervisor = "",
        .accelerator = "tcg",
        .instance_user = "",
        .instance_users = "",
        .uefi = "",
        .notices = true,
        .notices_max = 4,
        .notice_seconds = 60,
        .retry_seconds = 30,
        .deliveries_days = 30,
        .messages_days = 365,
        .smtp = "",
        .smtp_user = "",
        .smtp_password = "",
        .smtp_tls = "try",
        .smtp_ca = "",
        .mail_from = "",
        .sms_endpoint = "",
        .sms_id = "",
        .sms_key = "",
        .sms_app = "",
        .sms_sign = "",
        .sms_template = "",
        .sms_code_template = "",
        .sms_region = "ap-guangzhou",
        .s3_key_id = "",
        .s3_key_secret = "",
        .s3_region = "us-east-1",
    };
}

static bool has_word(const config_words *list, const char *word)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i], word) == 0)
            return true;
    return false;
}

/* The regions of `regions`, in its order; without that key those that have a section. */
static int order_regions(const struct parser *ps, struct config *c, struct err *err)
{
    __typeof__(c->regions) ordered = {0};

    if (c->region_ids.n == 0 && c->regions.n == 0)
        region_of(ps, "ap-guangzhou");
    if (c->region_ids.n == 0)
        ordered = c->regions;
    for (size_t i = 0; i < c->region_ids.n; i++) {
        const struct config_region *r = region_of(ps, c->region_ids.v[i]);
        struct config_region *to = r ? LIST_ADD(ps->a, &ordered) : NULL;

        if (!to)
            return FAIL(err, ERR_LIMIT, "%s: more than %d regions", ps->file,
                        CONFIG_LIST_MAX);
        *to = *r;
    }
    for (size_t i = 0; c->region_ids.n && i < c->regions.n; i++)
        if (!has_word(&c->region_ids, c->regions.v[i].id))
            return FAIL(err, ERR_ARG, "%s: [region %s] is not among \"regions\"",
                        ps->file, c->regions.v[i].id);
    memcpy(&c->regions, &ordered, sizeof ordered);
    return 0;
}

static int check_notice(const struct parser *ps, const struct config *c, struct err *err)
{
    const char *sms[] = {c->sms_endpoint, c->sms_id,       c->sms_key,
                         c->sms_app,      c->sms_template, c->sms_code_template};
    size_t given = 0;

    if (strcmp(c->smtp_tls, "require") != 0 && strcmp(c->smtp_tls, "try") != 0 &&
        strcmp(c->smtp_tls, "none") != 0)
        return FAIL(err, ERR_ARG, "%s: smtp-tls is require, try or none", ps->file);
    if (*c->smtp && strncmp(c->smtp, "smtp://", 7) != 0 &&
        strncmp(c->smtp, "smtps://", 8) != 0)
        return FAIL(err, ERR_ARG, "%s: smtp begins with smtp:// or smtps://", ps->file);
    if (*c->smtp && !address_is_mail(c->mail_from))
        return FAIL(err, ERR_ARG, "%s: with smtp, mail-from has to be an address",
                    ps->file);
    for (size_t i = 0; i < ARRAY_SIZE(sms); i++)
        given += *sms[i] != '\0';
    if (given != 0 && given != ARRAY_SIZE(sms))
        return FAIL(err, ERR_ARG,
                    "%s: sms-endpoint, sms-id, sms-key, sms-app, sms-template and "
                    "sms-code-template go together",
                    ps->file);
    return 0;
}

/* What instances need, if any run here. */
static int check_instances(const struct parser *ps, struct config *c, struct err *err)
{
    static const char *const words[] = {"tcg", "kvm", "probe"};
    struct config_subnet subnet;
    uint32_t first, last;
    bool known = false;
    int r;

    if (c->types.n == 0)
        for (size_t i = 0; i < ARRAY_SIZE(usual_types); i++) {
            struct config_type *t = LIST_ADD(ps->a, &c->types);

            if (!t)
                return arena_check(ps->a, err);
            *t = usual_types[i];
        }
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        known |= strcmp(c->accelerator, words[i]) == 0;
    if (!known)
        return FAIL(err, ERR_ARG, "%s: accelerator is tcg, kvm or probe", ps->file);
    if (*c->zone && !config_zone_region(c, c->zone))
        return FAIL(err, ERR_ARG, "%s: %s is no zone of the regions", ps->file, c->zone);
    if (*c->instance_user && *c->instance_users)
        return FAIL(err, ERR_ARG, "%s: user or users, not both", ps->file);
    r = config_users(&first, &last, c->instance_users, err);
    if (r == 0)
        r = config_check_dns(&c->dns, err);
    return r < 0 ? r : config_subnet(&subnet, c->subnet, err);
}

int config_parse(const struct config **ret, struct arena *a, const char *file,
                 struct bytes text, struct err *err)
{
    struct parser ps = {.a = a, .file = file};
    struct config *c = arena_alloc(a, sizeof *c);
    struct bytes line;
    int r;

    if (!c)
        return arena_check(a, err);
    *c = defaults();
    ps.c = c;
    if (text.n > CONFIG_TEXT_MAX)
        return FAIL(err, ERR_LIMIT, "%s: more than %d bytes", file, CONFIG_TEXT_MAX);
    while (text_next_line(&text, &line)) {
        ps.line++;
        r = parse_line(&ps, line, err);
        if (r < 0)
            return r;
    }
    r = order_regions(&ps, c, err);
    if (r < 0)
        return r;
    if (!*c->data)
        c->data = default_data(a);
    if (!*c->catalog)
        c->catalog = arena_printf(a, "sqlite:%s/catalog.db", c->data);
    if (!*c->objects)
        c->objects = arena_printf(a, "dir:%s/objects", c->data);
    if (!*c->tls_certificate != !*c->tls_key)
        return FAIL(err, ERR_ARG, "%s: tls-certificate and tls-key go together", file);
    if (!*c->instances)
        c->instances = arena_printf(a, "%s/instances", c->data);
    r = check_notice(&ps, c, err);
    if (r == 0)
        r = check_instances(&ps, c, err);
    if (r < 0)
        return r;
    *ret = c;
    return arena_check(a, err);
}

static int read_file(struct buf *ret, const char *path, struct err *err)
{
    AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;

    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, errno, __FILE__,
                       __LINE__, "configuration %s", path);
    while (n > 0) {
        if (buf_reserve(ret, 16 * 1024, err) < 0)
            return -(int)ERR_LIMIT;
        n = read(fd, ret->p + ret->n, 16 * 1024);
        if (n < 0)
            return FAIL_SYS(err, errno, "configuration %s", path);
        ret->n += (size_t)n;
    }
    return 0;
}

int config_load(const struct config **ret, struct arena *a, const char *path,
                struct err *err)
{
    AUTO(buf_fini) struct buf text = {.max = CONFIG_TEXT_MAX + 32 * 1024};
    const char *file = path ? path : secure_getenv("IMGPORTD_CONF");
    bool asked = file && *file;
    struct err local = {0};
    int r;

    if (!asked)
        file = CONFIG_PATH;
    r = read_file(&text, file, &local);
    if (r < 0 && (asked || local.code != ERR_NOTFOUND)) {
        if (err)
            *err = local;
        return r;
    }
    return config_parse(ret, a, file, buf_bytes(&text), err);
}

const struct config_region *config_region(const struct config *c, const char *id)
{
    for (size_t i = 0; i < c->regions.n; i++)
        if (strcmp(c->regions.v[i].id, id) == 0)
            return &c->regions.v[i];
    return NULL;
}
