/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/scoped.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "store/instance.h"

int action_describe_regions(struct call *c)
{
    const struct config *config = c->service->config;

    json_out_int(&c->reply, "TotalCount", (int64_t)config->regions.n);
    json_out_begin_list(&c->reply, "RegionSet");
    for (size_t i = 0; i < config->regions.n; i++) {
        const struct config_region *r = &config->regions.v[i];

        json_out_begin(&c->reply, NULL);
        json_out_text(&c->reply, "Region", r->id);
        json_out_text(&c->reply, "RegionName", c->zh ? r->name_zh : r->name_en);
        json_out_text(&c->reply, "RegionState", "AVAILABLE");
        json_out_end(&c->reply);
    }
    json_out_end_list(&c->reply);
    return 0;
}

/* "广州三区", "Guangzhou Zone 3" */
static void zone_name(char *to, size_t size, const struct call *c, uint64_t n)
{
    static const char *const digits[] = {"零", "一", "二", "三", "四", "五",
                                         "六", "七", "八", "九", "十"};

    if (!c->zh)
        snprintf(to, size, "%s Zone %" PRIu64, c->region->city_en, n);
    else if (n <= 10)
        snprintf(to, size, "%s%s区", c->region->city_zh, digits[n]);
    else
        snprintf(to, size, "%s%" PRIu64 "区", c->region->city_zh, n);
}

static bool is_away(const struct zone *zones, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(zones[i].name, name) == 0)
            return zones[i].away;
    return false; /* one that never had a host has images all the same */
}

int action_describe_zones(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    AUTO(catalog_put) struct db *db = NULL;
    struct zone *zones = NULL;
    size_t n_zones = 0;
    struct err err = {0};
    int r = catalog_get(&db, c->service->catalog, &err);

    if (r == 0)
        r = zone_list(&zones, &n_zones, &arena, db, c->region->id, &err);
    if (r != 0)
        return call_refused(c, r, &err);
    json_out_int(&c->reply, "TotalCount", (int64_t)c->region->zones);
    json_out_begin_list(&c->reply, "ZoneSet");
    for (uint64_t n = 1; n <= c->region->zones; n++) {
        char zone[128], name[256], id[24];

        snprintf(zone, sizeof zone, "%.100s-%" PRIu64, c->region->id, n);
        snprintf(id, sizeof id, "%" PRIu64, c->region->zone_id + n - 1);
        zone_name(name, sizeof name, c, n);
        json_out_begin(&c->reply, NULL);
        json_out_text(&c->reply, "Zone", zone);
        json_out_text(&c->reply, "ZoneName", name);
        json_out_text(&c->reply, "ZoneId", id);
        json_out_text(&c->reply, "ZoneState",
                      is_away(zones, n_zones, zone) ? "UNAVAILABLE" : "AVAILABLE");
        json_out_end(&c->reply);
    }
    json_out_end_list(&c->reply);
    return 0;
}
