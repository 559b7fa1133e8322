/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings_openstack.c: the documents of OpenStack that cloud-init and cloudbase-init
 * read, from a drive and over HTTP */
#include <ctype.h>
#include <string.h>

#include "base/scoped.h"
#include "instance/settings_parts.h"

#define AT "openstack/latest/"

/* Two keys of one name are both wanted. */
static json_t *public_keys(const struct instance_settings *s, struct arena *a)
{
    AUTO(json_decrefp) json_t *keys = json_object();

    for (size_t i = 0; i < s->n_keys; i++) {
        const char *name = s->keys[i].name;

        if (json_object_get(keys, name))
            name = arena_printf(a, "%s-%zu", name, i);
        if (json_object_set_new(keys, name, json_string(s->keys[i].text)) < 0)
            return NULL;
    }
    return TAKE(keys);
}

static int meta_data(struct documents *d, struct arena *a,
                     const struct instance_settings *s, struct err *err)
{
    AUTO(json_decrefp) json_t *keys = public_keys(s, a);
    const char *pass = has(s->admin_password) ? s->admin_password : NULL;

    if (!keys)
        return FAIL(err, ERR_NOMEM, "ssh keys");
    return documents_add_json(
        d, a, AT "meta_data.json",
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:O*, s:s*, s:{s:s, s:s, s:s*, s:s*}}",
                  "uuid", s->incarnation, "name", has(s->name) ? s->name : s->hostname,
                  "hostname", s->hostname, "availability_zone", s->zone, "launch_index",
                  0, "public_keys", s->n_keys ? keys : NULL, "admin_pass", pass, "meta",
                  "instance_id", s->id, "region", s->region, "image_id",
                  has(s->image_id) ? s->image_id : NULL, "instance_type",
                  has(s->instance_type) ? s->instance_type : NULL),
        err);
}

/* The gateway stands there twice: what renders for ifupdown makes of a route alone a
 * `route add` that needs net-tools and says nothing when they are missing.  So do name
 * servers, as some renderers look at the network only, others at the services. */
static json_t *network(const struct instance_net *n)
{
    AUTO(json_decrefp) json_t *net = NULL;
    AUTO(json_decrefp) json_t *dns = json_array();

    if (n->dhcp)
        return json_pack("{s:s, s:s, s:s}", "id", "network0", "type", "ipv4_dhcp", "link",
                         "eth0");
    net = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", "network0", "type", "ipv4", "link",
                    "eth0", "ip_address", n->ip, "netmask", n->mask);
    for (size_t i = 0; i < n->n_dns; i++)
        if (json_array_append_new(dns, json_string(n->dns[i])) < 0)
            return NULL;
    if (!net || !dns)
        return NULL;
    if (has(n->gateway) &&
        (json_object_set_new(net, "gateway", json_string(n->gateway)) < 0 ||
         json_object_set_new(net, "routes",
                             json_pack("[{s:s, s:s, s:s}]", "network", "0.0.0.0",
                                       "netmask", "0.0.0.0", "gateway", n->gateway)) < 0))
        return NULL;
    if (n->n_dns && json_object_set(net, "dns_nameservers", dns) < 0)
        return NULL;
    return TAKE(net);
}

static json_t *services(const struct instance_net *n)
{
    AUTO(json_decrefp) json_t *list = json_array();

    for (size_t i = 0; i < n->n_dns; i++)
        if (json_array_append_new(
                list, json_pack("{s:s, s:s}", "type", "dns", "address", n->dns[i])) < 0)
            return NULL;
    return TAKE(list);
}

/* In small letters, since cloud-init compares it with what the kernel says. */
static const char *mac_lower(char ret[18], const char *mac)
{
    for (size_t i = 0; i < 18; i++)
        ret[i] = (char)tolower((unsigned char)mac[i]);
    return ret;
}

static int network_data(struct documents *d, struct arena *a,
                        const struct instance_settings *s, struct err *err)
{
    char mac[18];

    return documents_add_json(
        d, a, AT "network_data.json",
        json_pack("{s:[{s:s, s:s, s:s, s:n}], s:[o], s:o}", "links", "id", "eth0", "type",
                  "phy", "ethernet_mac_address", mac_lower(mac, s->net.mac), "mtu",
                  "networks", network(&s->net), "services", services(&s->net)),
        err);
}

/* Beneath what the image's owner wrote into cloud.cfg.d nothing is changed but what was
 * asked for: the password, root's right to use a key, the name in /etc/hosts. */
static json_t *cloud_config(const struct instance_settings *s, struct arena *a)
{
    const char *user = has(s->user) ? s->user : "root";
    AUTO(json_decrefp) json_t *c = json_pack("{s:s}", "manage_etc_hosts", "localhost");

    if (!c)
        return NULL;
    /* A list as text is what versions before 22.2 know, and later ones will not. */
    if (has(s->password_hash)) {
        const char *line = arena_printf(a, "%s:%s\n", user, s->password_hash);

        if (json_object_set_new(c, "ssh_pwauth", json_true()) < 0 ||
            json_object_set_new(c, "chpasswd",
                                json_pack("{s:b, s:s, s:[{s:s, s:s, s:s}]}", "expire", 0,
                                          "list", line, "users", "name", user, "password",
                                          s->password_hash, "type", "hash")) < 0)
            return NULL;
    }
    if ((s->n_keys || has(s->password_hash)) && strcmp(user, "root") == 0 &&
        json_object_set_new(c, "disable_root", json_false()) < 0)
        return NULL;
    return TAKE(c);
}

/* cloud-init takes the member of its own name, and its text as it would user data. */
static int vendor_data(struct documents *d, struct arena *a,
                       const struct instance_settings *s, struct err *err)
{
    AUTO(json_decrefp) json_t *config = cloud_config(s, a);
    AUTO(freep) char *yaml = config ? json_dumps(config, 0) : NULL;

    if (!yaml)
        return FAIL(err, ERR_NOMEM, "vendor data");
    return documents_add_json(
        d, a, AT "vendor_data.json",
        json_pack("{s:s}", "cloud-init", arena_printf(a, "#cloud-config\n%s\n", yaml)),
        err);
}

int openstack_documents(struct documents *d, struct arena *a,
                        const struct instance_settings *s, struct err *err)
{
    int r;

    if ((r = meta_data(d, a, s, err)) < 0 || (r = network_data(d, a, s, err)) < 0 ||
        (!s->windows && (r = vendor_data(d, a, s, err)) < 0))
        return r;
    if (s->user_data.n)
        documents_add(d, a, AT "user_data", s->user_data);
    return 0;
}
