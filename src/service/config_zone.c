/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a configuration says of zones and types of instances. */
#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"
#include "instance/hypervisor.h"
#include "instance/settings.h"
#include "service/config.h"

enum { USERS_FIRST = 1000 }; /* below are those of programs */

/* "S5.MEDIUM4": a family, a dot, a size. */
bool config_is_type(const char *name)
{
    static const char letters[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t family = strspn(name, letters), size;

    size = name[family] == '.' ? strspn(name + family + 1, letters) : 0;
    return family > 0 && size > 0 && name[family + 1 + size] == '\0';
}

const struct config_type *config_type(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->types.n; i++)
        if (strcmp(c->types.v[i].name, name) == 0)
            return &c->types.v[i];
    return NULL;
}

const struct config_region *config_zone_region(const struct config *c, const char *zone)
{
    for (size_t i = 0; i < c->regions.n; i++) {
        const struct config_region *r = &c->regions.v[i];
        size_t n = strlen(r->id);
        uint64_t number;

        if (strncmp(zone, r->id, n) == 0 && zone[n] == '-' && zone[n + 1] != '0' &&
            text_u64(&number, bytes_of(zone + n + 1, strlen(zone + n + 1))) &&
            number >= 1 && number <= r->zones)
            return r;
    }
    return NULL;
}

int config_subnet(struct config_subnet *ret, const char *text, struct err *err)
{
    struct in_addr address;
    char dotted[INET_ADDRSTRLEN] = "";
    const char *slash = strchr(text, '/');
    uint64_t prefix;
    uint32_t first;

    if (slash && (size_t)(slash - text) < sizeof dotted)
        memcpy(dotted, text, (size_t)(slash - text));
    if (!slash || inet_pton(AF_INET, dotted, &address) != 1 ||
        !text_u64(&prefix, bytes_of(slash + 1, strlen(slash + 1))) || prefix < 16 ||
        prefix > 29)
        return FAIL(err, ERR_ARG, "subnet \"%s\": want ADDRESS/BITS, 16 to 29 bits",
                    text);
    first = ntohl(address.s_addr);
    if (first & (UINT32_MAX >> prefix))
        return FAIL(err, ERR_ARG, "subnet \"%s\": the address is not its first", text);
    *ret = (struct config_subnet){first, (unsigned)prefix};
    return 0;
}

int config_users(uint32_t *first, uint32_t *last, const char *text, struct err *err)
{
    const char *dash = strchr(text, '-');
    uint64_t v[2] = {0, 0};

    if (*text &&
        (!dash || !text_u64(&v[0], bytes_of(text, (size_t)(dash - text))) ||
         !text_u64(&v[1], bytes_of(dash + 1, strlen(dash + 1))) || v[0] < USERS_FIRST ||
         v[1] <= v[0] || v[1] - v[0] >= MACHINE_USERS_MAX || v[1] > INT32_MAX))
        return FAIL(err, ERR_ARG,
                    "users \"%s\": want FIRST-LAST, from %d on, at most %d of them", text,
                    USERS_FIRST, MACHINE_USERS_MAX);
    *first = (uint32_t)v[0];
    *last = (uint32_t)v[1];
    return 0;
}

int config_check_dns(const config_words *dns, struct err *err)
{
    struct in_addr a;

    for (size_t i = 0; i < dns->n; i++)
        if (inet_pton(AF_INET, dns->v[i], &a) != 1)
            return FAIL(err, ERR_ARG, "dns \"%s\" is no address", dns->v[i]);
    if (dns->n > SETTINGS_DNS_MAX)
        return FAIL(err, ERR_ARG, "dns: %zu name servers, limit %d", dns->n,
                    SETTINGS_DNS_MAX);
    return 0;
}
