/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "service/action/action.h"

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

int action_describe_zones(struct call *c)
{
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
        json_out_text(&c->reply, "ZoneState", "AVAILABLE");
        json_out_end(&c->reply);
    }
    json_out_end_list(&c->reply);
    return 0;
}
