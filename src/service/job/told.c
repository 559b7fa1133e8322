/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/told.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/scoped.h"

bool instance_is_windows(const struct instance *i)
{
    return strncmp(i->platform, "Windows", 7) == 0;
}

static const char *dotted(struct arena *arena, uint32_t address)
{
    return arena_printf(arena, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
                        address >> 8 & 255, address & 255);
}

int told_network(struct machine_network *ret, const struct config *config,
                 const struct instance *i, struct err *err)
{
    struct machine_network n = {.metadata = true, .address = (uint32_t)i->address};
    struct config_subnet subnet;
    int r = config_subnet(&subnet, config->subnet, err);

    if (r < 0)
        return r;
    n.gateway = subnet.first + 1;
    n.prefix = subnet.prefix;
    for (size_t k = 0; k < config->dns.n && k < MACHINE_DNS_MAX; k++) {
        struct in_addr a;

        if (inet_pton(AF_INET, config->dns.v[k], &a) != 1)
            return FAIL(err, ERR_ARG, "dns \"%s\" is no address", config->dns.v[k]);
        n.dns[k] = ntohl(a.s_addr);
    }
    *ret = n;
    return 0;
}

int told_mac(uint8_t ret[6], const struct instance *i, struct err *err)
{
    int n = 0;

    if (sscanf(i->mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &ret[0], &ret[1], &ret[2],
               &ret[3], &ret[4], &ret[5], &n) != 6 ||
        i->mac[n])
        return FAIL(err, ERR_CORRUPT, "%s: \"%s\" is no MAC address", i->id, i->mac);
    return 0;
}

static void json_freep(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

static int read_keys(struct instance_settings *s, struct arena *arena, const char *text,
                     struct err *err)
{
    AUTO(json_freep) json_t *list = json_loads(text, 0, NULL);
    size_t n = json_array_size(list);
    struct ssh_key *keys;

    if (n > SETTINGS_KEYS_MAX)
        n = SETTINGS_KEYS_MAX;
    keys = arena_alloc(arena, (n + 1) * sizeof *keys);
    for (size_t k = 0; keys && k < n; k++) {
        const json_t *key = json_array_get(list, k);
        const char *name = json_string_value(json_object_get(key, "name"));
        const char *line = json_string_value(json_object_get(key, "text"));

        keys[k].name = arena_str(arena, name ? name : "");
        keys[k].text = arena_str(arena, line ? line : "");
    }
    s->keys = keys;
    s->n_keys = n;
    return arena_check(arena, err);
}

static int read_user_data(struct instance_settings *s, struct arena *arena,
                          const char *text, struct err *err)
{
    size_t n = strlen(text);
    uint8_t *raw = arena_alloc(arena, n / 4 * 3 + 4);
    int got;

    if (!n || !raw)
        return arena_check(arena, err);
    got = EVP_DecodeBlock(raw, (const uint8_t *)text, (int)n);
    if (got < 0)
        return FAIL(err, ERR_CORRUPT, "user data is no base64");
    got -= (text[n - 1] == '=') + (n > 1 && text[n - 2] == '=');
    s->user_data = bytes_of(raw, (size_t)got);
    return 0;
}

static int read_net(struct instance_net *ret, struct arena *arena,
                    const struct config *config, const struct instance *i,
                    struct err *err)
{
    struct machine_network n;
    int r = told_network(&n, config, i, err);

    if (r < 0)
        return r;
    *ret = (struct instance_net){
        .mac = i->mac,
        .ip = dotted(arena, n.address),
        .mask = dotted(arena, UINT32_MAX << (32 - n.prefix)),
        .gateway = dotted(arena, n.gateway),
        .vpc_id = "DEFAULT",
        .subnet_id = "DEFAULT",
    };
    for (size_t k = 0; k < config->dns.n && k < SETTINGS_DNS_MAX; k++)
        ret->dns[ret->n_dns++] = config->dns.v[k];
    return arena_check(arena, err);
}

int told_settings(struct instance_settings *ret, struct arena *arena,
                  const struct config *config, const struct instance *i, struct err *err)
{
    bool windows = instance_is_windows(i);
    struct instance_settings s = {
        .id = i->id,
        .uuid = i->uuid,
        .incarnation = i->incarnation,
        .name = i->name,
        .hostname = i->hostname,
        .user = windows ? "Administrator" : "root",
        .password_hash = i->password,
        .admin_password = i->secret,
        .region = i->region,
        .zone = i->zone,
        .image_id = i->image,
        .instance_type = i->type,
        .charge_type = "POSTPAID_BY_HOUR",
        .disk_id = i->disk,
        .created = i->created,
        .windows = windows,
        .forced = !i->cloud_init,
    };
    int r = read_keys(&s, arena, i->keys, err);

    if (r == 0)
        r = read_user_data(&s, arena, i->user_data, err);
    if (r == 0)
        r = read_net(&s.net, arena, config, i, err);
    if (r == 0)
        *ret = s;
    return r;
}
