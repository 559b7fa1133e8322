/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What instances may be, and where. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "store/instance.h"

/* "S5" of "S5.MEDIUM4". */
static const char *family_of(struct arena *arena, const char *type)
{
    return arena_strn(arena, type, strcspn(type, "."));
}

struct offer {
    const char *zone, *family, *type, *charge;
    bool away; /* the zone's host */
};

/* 1: the filters leave it; -1: there is no such filter. */
static int passes(struct call *c, const struct offer *o)
{
    const struct {
        const char *name, *value;
    } known[] = {
        {"zone", o->zone},
        {"instance-family", o->family},
        {"instance-type", o->type},
        {"instance-charge-type", o->charge},
    };
    const json_t *f;
    size_t i;

    json_array_foreach(call_list(c, "Filters"), i, f)
    {
        const char *name = json_string_value(json_object_get(f, "Name"));
        const json_t *values = json_object_get(f, "Values");
        bool match = false;
        size_t k = 0;

        while (k < ARRAY_SIZE(known) && strcmp(known[k].name, name) != 0)
            k++;
        if (k == ARRAY_SIZE(known))
            return call_error(c, "InvalidFilter", _("there is no filter \"%.60s\""),
                              name);
        for (size_t v = 0; v < json_array_size(values); v++)
            match |=
                strcmp(json_string_value(json_array_get(values, v)), known[k].value) == 0;
        if (!match)
            return 0;
    }
    return 1;
}

static int64_t gib_of(const struct config_type *t)
{
    return (int64_t)((t->memory + ((uint64_t)1 << 30) - 1) >> 30);
}

static void write_config(struct json_out *o, const struct offer *of,
                         const struct config_type *t)
{
    json_out_begin(o, NULL);
    json_out_text(o, "Zone", of->zone);
    json_out_text(o, "InstanceType", t->name);
    json_out_text(o, "InstanceFamily", of->family);
    json_out_int(o, "GPU", 0);
    json_out_int(o, "CPU", (int64_t)t->cpu);
    json_out_int(o, "Memory", gib_of(t));
    json_out_int(o, "FPGA", 0);
    json_out_end(o);
}

static void write_offer(struct json_out *o, const struct offer *of,
                        const struct config_type *t)
{
    char price[48];

    snprintf(price, sizeof price, "%llu.%04llu", (unsigned long long)t->price / 10000,
             (unsigned long long)t->price % 10000);
    json_out_begin(o, NULL);
    json_out_text(o, "Zone", of->zone);
    json_out_text(o, "InstanceType", t->name);
    json_out_text(o, "InstanceChargeType", of->charge);
    json_out_text(o, "InstanceFamily", of->family);
    json_out_int(o, "Cpu", (int64_t)t->cpu);
    json_out_int(o, "Memory", gib_of(t));
    json_out_text(o, "TypeName", of->family);
    json_out_text(o, "Status", of->away ? "SOLD_OUT" : "SELL");
    json_out_begin(o, "Price");
    json_out_raw(o, "UnitPrice", price);
    json_out_text(o, "ChargeUnit", "HOUR");
    json_out_end(o);
    json_out_end(o);
}

/* Every type in every zone that has a host. */
static int list(struct call *c, const char *key,
                void (*write)(struct json_out *o, const struct offer *of,
                              const struct config_type *t))
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(catalog_put) struct db *db = NULL;
    const struct config *config = c->service->config;
    struct zone *zones;
    size_t n = 0;
    struct err err = {0};
    int r = catalog_get(&db, c->service->catalog, &err);

    if (r == 0)
        r = zone_list(&zones, &n, &arena, db, c->region->id, &err);
    if (r != 0)
        return call_refused(c, r, &err);
    json_out_begin_list(&c->reply, key);
    for (size_t z = 0; r >= 0 && z < n; z++)
        for (size_t i = 0; r >= 0 && i < config->types.n; i++) {
            const struct config_type *t = &config->types.v[i];
            struct offer o = {zones[z].name, family_of(&arena, t->name), t->name,
                              "POSTPAID_BY_HOUR", zones[z].away};

            r = passes(c, &o);
            if (r > 0)
                write(&c->reply, &o, t);
        }
    json_out_end_list(&c->reply);
    return r < 0 ? r : 0;
}

int action_describe_instance_type_configs(struct call *c)
{
    return list(c, "InstanceTypeConfigSet", write_config);
}

int action_describe_zone_instance_config_infos(struct call *c)
{
    return list(c, "InstanceTypeQuotaSet", write_offer);
}
