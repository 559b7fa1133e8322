/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/network.h"

#include <ctype.h>
#include <stdio.h>

#include "base/scoped.h"
#include "guest/facts_table.h"
#include "guest/linux/settings.h"

enum { INTERFACES_MAX = 256, NET_TEXT_MAX = 128 };

static const char *text_of(struct arena *a, struct bytes b)
{
    return b.n ? arena_text(a, b, NET_TEXT_MAX) : "";
}

/* NULL when there are too many, or no memory. */
static struct fact_interface *add(struct fact_network *n, struct arena *a,
                                  const char *file, struct bytes name)
{
    struct fact_interface *i;

    if (n->interfaces.n >= INTERFACES_MAX || text_is(name, "lo"))
        return NULL;
    i = FACT_ADD(a, &n->interfaces, fact_interface);
    if (i) {
        i->name = name.n ? text_of(a, name) : "*";
        i->file = file;
        i->method = "manual";
    }
    return i;
}

static bool has_colon(struct bytes address)
{
    return address.n && memchr(address.p, ':', address.n);
}

/* ---- ifupdown */

static struct fact_interface *find_or_add(struct fact_network *n, struct arena *a,
                                          const char *file, struct bytes name)
{
    const char *clean = text_of(a, name);

    for (size_t i = 0; i < n->interfaces.n; i++)
        if (strcmp(n->interfaces.v[i].name, clean) == 0 &&
            strcmp(n->interfaces.v[i].file, file) == 0)
            return &n->interfaces.v[i];
    return add(n, a, file, name);
}

static struct fact_interface *iface_stanza(struct fact_network *n, struct arena *a,
                                           const char *file, struct bytes rest)
{
    struct bytes name = {0}, family = {0}, method = {0};
    struct fact_interface *i;

    text_next_word(&rest, &name);
    text_next_word(&rest, &family);
    text_next_word(&rest, &method);
    i = name.n ? find_or_add(n, a, file, name) : NULL;
    if (!i)
        return NULL;
    if (text_is(family, "inet6")) {
        i->ipv6 |= method.n && !text_is(method, "manual");
        return i;
    }
    if (text_is(method, "dhcp") || text_is(method, "bootp"))
        i->method = "dhcp";
    else if (text_is(method, "static"))
        i->method = "static";
    return i;
}

int network_ifupdown(struct fact_network *ret, struct arena *a, const char *file,
                     struct bytes text, const struct ifupdown_reader *reader,
                     struct err *err)
{
    struct fact_interface *in = NULL;
    struct bytes line;

    while (text_next_line(&text, &line)) {
        struct bytes rest = text_trim(line), word;
        bool folder;
        int r;

        if (!text_next_word(&rest, &word) || word.p[0] == '#')
            continue;
        folder = text_is(word, "source-directory");
        if (folder || text_is(word, "source")) {
            in = NULL;
            while (reader && text_next_word(&rest, &word)) {
                r = reader->source(reader->arg, word, folder, err);
                if (r < 0)
                    return r;
            }
        } else if (text_is(word, "iface")) {
            in = iface_stanza(ret, a, file, rest);
        } else if (text_is(word, "auto") || text_starts(word, "allow-") ||
                   text_is(word, "mapping")) {
            in = NULL;
        } else if (in && text_is(word, "hwaddress")) {
            /* "hwaddress ether 52:54:..." or without the class */
            while (text_next_word(&rest, &word))
                if (has_colon(word))
                    in->mac = text_of(a, word);
        } else if (in && text_is(word, "address") && text_next_word(&rest, &word)) {
            in->ipv6 |= has_colon(word);
        }
    }
    return 0;
}

/* ---- ifcfg */

static bool ifcfg_is(struct bytes text, const char *key, const char *value)
{
    struct bytes v;

    return settings_shell(text, key, &v) && text_is(v, value);
}

static bool ifcfg_true(struct bytes text, const char *key)
{
    struct bytes v;

    return settings_shell(text, key, &v) && settings_is_true(v);
}

void network_ifcfg(struct fact_network *ret, struct arena *a, const char *file,
                   const char *name, struct bytes text)
{
    static const char *const addresses[] = {"IPADDR", "IPADDR0", "IPADDR1", "IPADDR_0"};
    static const char *const macs[] = {"HWADDR", "MACADDR", "LLADDR"};
    struct bytes device = bytes_of(name, strlen(name)), proto = {0}, v;
    struct fact_interface *i;
    bool address = false, off;

    settings_shell(text, "DEVICE", &device);
    i = add(ret, a, file, device);
    if (!i)
        return;
    settings_shell(text, "BOOTPROTO", &proto);
    for (size_t j = 0; j < ARRAY_SIZE(addresses); j++)
        if (settings_shell(text, addresses[j], &v) && v.n) {
            address = true;
            i->ipv6 |= has_colon(v);
        }
    for (size_t j = 0; j < ARRAY_SIZE(macs) && !*i->mac; j++)
        if (settings_shell(text, macs[j], &v))
            i->mac = text_of(a, v);
    off = (settings_shell(text, "ONBOOT", &v) && !settings_is_true(v)) ||
          ifcfg_is(text, "STARTMODE", "off") || ifcfg_is(text, "STARTMODE", "manual");
    if (off)
        i->method = "manual";
    else if (text_starts(proto, "dhcp") || text_is(proto, "bootp"))
        i->method = "dhcp";
    else if (address)
        i->method = "static";
    i->ipv6 |= ifcfg_true(text, "IPV6INIT") || ifcfg_true(text, "IPV6_AUTOCONF") ||
               ifcfg_true(text, "DHCPV6C") || text_is(proto, "dhcp6") ||
               (settings_shell(text, "IPV6ADDR", &v) && v.n);
}

/* ---- netplan */

static void netplan_address(struct fact_interface *i, struct bytes item)
{
    if (item.n == 0)
        return;
    if (has_colon(item))
        i->ipv6 = true;
    if (strcmp(i->method, "manual") == 0)
        i->method = "static";
}

static void netplan_match(struct fact_interface *i, struct arena *a, struct bytes value)
{
    long at = text_find(value, "macaddress:");
    struct bytes rest, item;

    if (at < 0)
        return;
    rest = bytes_sub(value, (size_t)at + 11, value.n - (size_t)at - 11);
    if (yaml_flow_next(&rest, &item))
        i->mac = text_of(a, item);
}

static void netplan_key(struct fact_interface *i, struct arena *a, const struct yaml *y)
{
    struct bytes rest = y->value, item;

    if (text_is(y->key, "dhcp4") && settings_is_true(y->value)) {
        i->method = "dhcp";
    } else if (text_is(y->key, "dhcp6") && settings_is_true(y->value)) {
        i->ipv6 = true;
    } else if (text_is(y->key, "macaddress")) {
        i->mac = text_of(a, y->value);
    } else if (text_is(y->key, "match")) {
        netplan_match(i, a, y->value);
    } else if (text_is(y->key, "addresses")) {
        while (yaml_flow_next(&rest, &item))
            netplan_address(i, item);
    }
}

void network_netplan(struct fact_network *ret, struct arena *a, const char *file,
                     struct bytes text)
{
    static const char *const kinds[] = {"network", NULL};
    static const char *const interface[] = {"network", NULL, NULL};
    static const char *const addresses[] = {"network", NULL, NULL, "addresses"};
    static const char *const match[] = {"network", NULL, NULL, "match"};
    struct fact_interface *in = NULL;
    struct yaml y = {.rest = text};

    while (yaml_next(&y)) {
        if (yaml_under(&y, kinds, 2)) {
            bool link =
                text_is(y.path[1].key, "ethernets") || text_is(y.path[1].key, "bonds") ||
                text_is(y.path[1].key, "bridges") || text_is(y.path[1].key, "vlans");

            in = link && y.key.n ? add(ret, a, file, y.key) : NULL;
        } else if (in && (yaml_under(&y, interface, 3) || yaml_under(&y, match, 4))) {
            netplan_key(in, a, &y);
        } else if (in && y.item && yaml_under(&y, addresses, 4)) {
            /* "10.0.0.2/24", or with options "10.0.0.2/24:" below which they stand */
            netplan_address(in, y.key.n ? y.key : y.value);
        }
    }
}

/* ---- NetworkManager */

void network_keyfile(struct fact_network *ret, struct arena *a, const char *file,
                     struct bytes text)
{
    struct ini i = {.rest = text};
    struct bytes name = {0}, type = {0}, mac = {0}, method = {0};
    struct bytes method6 = bytes_of("auto", 4); /* what NetworkManager takes for unset */
    struct fact_interface *ret_i;

    while (ini_next(&i)) {
        if (text_is(i.section, "connection") && text_is(i.key, "interface-name"))
            name = i.value;
        else if (text_is(i.section, "connection") && text_is(i.key, "type"))
            type = i.value;
        else if ((text_is(i.section, "ethernet") ||
                  text_is(i.section, "802-3-ethernet")) &&
                 (text_is(i.key, "mac-address") ||
                  text_is(i.key, "cloned-mac-address")) &&
                 has_colon(i.value))
            mac = i.value;
        else if (text_is(i.section, "ipv4") && text_is(i.key, "method"))
            method = i.value;
        else if (text_is(i.section, "ipv6") && text_is(i.key, "method"))
            method6 = i.value;
    }
    if (!text_is(type, "ethernet") && !text_is(type, "802-3-ethernet"))
        return;
    ret_i = add(ret, a, file, name);
    if (!ret_i)
        return;
    ret_i->mac = text_of(a, mac);
    if (method.n == 0 || text_is(method, "auto"))
        ret_i->method = "dhcp";
    else if (text_is(method, "manual"))
        ret_i->method = "static";
    ret_i->ipv6 = text_is(method6, "auto") || text_is(method6, "dhcp") ||
                  text_is(method6, "manual");
}

/* ---- systemd-networkd */

void network_networkd(struct fact_network *ret, struct arena *a, const char *file,
                      struct bytes text)
{
    struct ini i = {.rest = text};
    struct bytes name = {0}, mac = {0}, dhcp = {0};
    bool address = false, ipv6 = false;
    struct fact_interface *ret_i;

    while (ini_next(&i)) {
        bool network = text_is(i.section, "Network");

        if (text_is(i.section, "Match") && text_is(i.key, "Name")) {
            name = i.value;
        } else if (text_is(i.section, "Match") && text_is(i.key, "MACAddress")) {
            mac = i.value;
        } else if (network && text_is(i.key, "DHCP")) {
            dhcp = i.value;
        } else if (text_is(i.key, "Address") &&
                   (network || text_is(i.section, "Address"))) {
            address = true;
            ipv6 |= has_colon(i.value);
        } else if (network && text_is(i.key, "IPv6AcceptRA")) {
            ipv6 |= settings_is_true(i.value);
        }
    }
    ret_i = add(ret, a, file, name);
    if (!ret_i)
        return;
    ret_i->mac = text_of(a, mac);
    if (settings_is_true(dhcp) || text_is(dhcp, "ipv4") || text_is(dhcp, "both") ||
        text_is(dhcp, "v4"))
        ret_i->method = "dhcp";
    else if (address)
        ret_i->method = "static";
    ret_i->ipv6 = ipv6 || settings_is_true(dhcp) || text_is(dhcp, "ipv6") ||
                  text_is(dhcp, "both") || text_is(dhcp, "v6");
}

/* ---- wicked */

/* Enough of its XML: <interface> with <name>, <ipv4:dhcp>, <ipv4:static>, <ipv6...>. */
void network_wicked(struct fact_network *ret, struct arena *a, const char *file,
                    struct bytes text)
{
    while (text.n) {
        long start = text_find(text, "<interface"), end, at;
        struct bytes body, name = {0};
        struct fact_interface *i;

        if (start < 0)
            return;
        body = bytes_sub(text, (size_t)start, text.n - (size_t)start);
        end = text_find(body, "</interface>");
        if (end < 0)
            return;
        text = bytes_sub(body, (size_t)end + 12, body.n - (size_t)end - 12);
        body = bytes_sub(body, 0, (size_t)end);
        at = text_find(body, "<name>");
        if (at >= 0) {
            name = bytes_sub(body, (size_t)at + 6, body.n - (size_t)at - 6);
            at = text_find(name, "<");
            name = bytes_sub(name, 0, at < 0 ? 0 : (size_t)at);
        }
        i = add(ret, a, file, name);
        if (!i)
            continue;
        if (text_find(body, "<ipv4:dhcp") >= 0)
            i->method = "dhcp";
        else if (text_find(body, "<ipv4:static") >= 0)
            i->method = "static";
        i->ipv6 = text_find(body, "<ipv6:") >= 0;
    }
}

/* ---- all of them */

bool network_pins_names(struct bytes text)
{
    struct bytes line;
    bool mac = false, name = false;

    while (text_next_line(&text, &line)) {
        line = text_trim(line);
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
            continue;
        /* SYSFS is what udev called it until 2008 */
        if ((text_find(line, "ATTR{address}==") >= 0 ||
             text_find(line, "SYSFS{address}==") >= 0) &&
            text_find(line, "NAME") >= 0)
            return true;
        mac |= text_starts(line, "MACAddress=");
        name |= text_starts(line, "Name=");
    }
    return mac && name;
}

const char *network_method(const struct fact_network *n)
{
    bool dhcp = false, fixed = false;

    for (size_t i = 0; i < n->interfaces.n; i++) {
        dhcp |= strcmp(n->interfaces.v[i].method, "dhcp") == 0;
        fixed |= strcmp(n->interfaces.v[i].method, "static") == 0;
    }
    return dhcp && fixed ? "mixed" : dhcp ? "dhcp" : fixed ? "static" : "";
}
