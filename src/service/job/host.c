/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/host.h"

#include "base/scoped.h"
#include "store/instance.h"

int host_announce(struct service *s, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    const struct config *c = s->config;
    struct config_subnet subnet;
    int r;

    if (!*c->zone)
        return 0;
    r = config_subnet(&subnet, c->subnet, err);
    if (r == 0)
        r = catalog_get(&db, s->catalog, err);
    if (r < 0)
        return r;
    return zone_say(db,
                    &(struct zone){
                        .name = c->zone,
                        .region = config_zone_region(c, c->zone)->id,
                        .memory_mib = (int64_t)(c->instance_memory >> 20),
                        .subnet = subnet.first,
                        .prefix = subnet.prefix,
                    },
                    err);
}
