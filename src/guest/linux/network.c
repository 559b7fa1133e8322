/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network.c: which network files a guest has */
#include "guest/linux/network.h"

#include <fnmatch.h>
#include <stdio.h>

#include "guest/collect.h"
#include "guest/linux/units.h"

enum {
    NETWORK_FILE_MAX = 256 * 1024, /* bytes of one file */
    SOURCE_DEPTH_MAX = 4,          /* of interfaces files that include others */
    SOURCE_FILES_MAX = 128,
};

struct net {
    struct guest *g;
    struct fact_network *n;
    unsigned depth, files;
};

static const char *guest_path(struct guest *g, const char *dir, const char *name)
{
    return arena_printf(g->arena, "%s/%s", dir, name);
}

/* A path for the facts; file names are the guest's choice. */
static const char *shown(struct guest *g, const char *path)
{
    return guest_text(g, bytes_of(path, strlen(path)));
}

/* ---- ifupdown */

static int read_interfaces(struct net *net, const char *path, struct err *err);

/* run-parts(8) names, which is what source-directory takes. */
static bool is_plain_name(const char *name)
{
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789_-")] == '\0';
}

static int source(void *arg, struct bytes pattern, bool folder, struct err *err)
{
    struct net *net = arg;
    struct guest *g = net->g;
    const char *path = arena_strn(g->arena, (const char *)pattern.p, pattern.n);
    struct tree_names names;
    const char *dir, *base;
    int r;

    if (*path != '/')
        path = guest_path(g, "/etc/network", path);
    base = strrchr(path, '/');
    if (!base++)
        return arena_check(g->arena, err);
    if (!folder && !strpbrk(path, "*?["))
        return read_interfaces(net, path, err);
    dir = folder ? path : arena_strn(g->arena, path, (size_t)(base - path));
    r = guest_names(g, dir, true, &names, err);
    for (size_t i = 0; i < names.names.n && r >= 0; i++) {
        const char *name = names.names.v[i];

        if (folder ? is_plain_name(name) : fnmatch(base, name, FNM_PERIOD) == 0)
            r = read_interfaces(net, guest_path(g, dir, name), err);
    }
    return r < 0 ? r : 0;
}

static int read_interfaces(struct net *net, const char *path, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    const struct ifupdown_reader reader = {source, net};
    int r;

    if (net->depth >= SOURCE_DEPTH_MAX || net->files++ >= SOURCE_FILES_MAX)
        return 0;
    r = guest_read(net->g, path, NETWORK_FILE_MAX, true, &b, err);
    if (r <= 0)
        return r;
    net->depth++;
    r = network_ifupdown(net->n, net->g->arena, shown(net->g, path), buf_bytes(&b),
                         &reader, err);
    net->depth--;
    return r;
}

/* ---- folders of files */

typedef void parser(struct fact_network *ret, struct arena *a, const char *file,
                    struct bytes text);

static bool is_backup(const char *name)
{
    static const char *const ends[] = {"~",       ".bak",     ".orig",    ".old",
                                       ".rpmnew", ".rpmorig", ".rpmsave", ".swp"};

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        if (text_ends(bytes_of(name, strlen(name)), ends[i]))
            return true;
    return name[0] == '.';
}

static int read_ifcfg(struct net *net, const char *dir, struct err *err)
{
    struct tree_names names;
    int r = guest_names(net->g, dir, true, &names, err);

    for (size_t i = 0; i < names.names.n && r >= 0; i++) {
        AUTO(buf_fini) struct buf b = {0};
        const char *name = names.names.v[i], *path;

        if (strncmp(name, "ifcfg-", 6) != 0 || is_backup(name) ||
            strcmp(name + 6, "template") == 0 || strncmp(name + 6, "lo", 3) == 0)
            continue;
        path = guest_path(net->g, dir, name);
        r = guest_read(net->g, path, NETWORK_FILE_MAX, true, &b, err);
        if (r == 1)
            network_ifcfg(net->n, net->g->arena, shown(net->g, path), name + 6,
                          buf_bytes(&b));
    }
    return r < 0 ? r : 0;
}

static int read_folder(struct net *net, const char *dir, const char *suffix,
                       parser *parse, struct err *err)
{
    struct tree_names names;
    int r = guest_names(net->g, dir, true, &names, err);

    for (size_t i = 0; i < names.names.n && r >= 0; i++) {
        AUTO(buf_fini) struct buf b = {0};
        const char *name = names.names.v[i], *path;

        if (!text_ends(bytes_of(name, strlen(name)), suffix) || is_backup(name))
            continue;
        path = guest_path(net->g, dir, name);
        r = guest_read(net->g, path, NETWORK_FILE_MAX, true, &b, err);
        if (r == 1)
            parse(net->n, net->g->arena, shown(net->g, path), buf_bytes(&b));
    }
    return r < 0 ? r : 0;
}

static int read_all(struct net *net, struct err *err)
{
    static const struct {
        const char *dir, *suffix;
        parser *parse;
    } folders[] = {
        {"/etc/netplan", ".yaml", network_netplan},
        {"/usr/lib/netplan", ".yaml", network_netplan},
        {"/etc/NetworkManager/system-connections", "", network_keyfile},
        {"/usr/lib/NetworkManager/system-connections", "", network_keyfile},
        {"/etc/systemd/network", ".network", network_networkd},
        /* What Flatcar and CoreOS run with; other files there are for containers. */
        {"/usr/lib/systemd/network", "zz-default.network", network_networkd},
        {"/etc/wicked/ifconfig", ".xml", network_wicked},
    };
    int r = read_interfaces(net, "/etc/network/interfaces", err);

    if (r >= 0)
        r = read_ifcfg(net, "/etc/sysconfig/network-scripts", err);
    if (r >= 0)
        r = read_ifcfg(net, "/etc/sysconfig/network", err);
    for (size_t i = 0; i < ARRAY_SIZE(folders) && r >= 0; i++)
        r = read_folder(net, folders[i].dir, folders[i].suffix, folders[i].parse, err);
    return r < 0 ? r : 0;
}

/* ---- names of interfaces */

static int find_nic_rules(struct net *net, struct err *err)
{
    static const struct {
        const char *dir, *name;
    } rows[] = {
        {"/etc/udev/rules.d", "persistent-net"}, /* 70-, and Debian's z25_ */
        {"/etc/udev/rules.d", "net_persistent"}, /* SUSE's 30- */
        {"/etc/systemd/network", ".link"},
    };
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(rows) && r >= 0; i++) {
        struct tree_names names;

        r = guest_names(net->g, rows[i].dir, true, &names, err);
        for (size_t j = 0; j < names.names.n && r >= 0; j++) {
            AUTO(buf_fini) struct buf b = {0};
            const char *path = guest_path(net->g, rows[i].dir, names.names.v[j]);

            if (!strstr(names.names.v[j], rows[i].name) || is_backup(path))
                continue;
            /* Debian keeps a generator beside what it generates. */
            if (strstr(names.names.v[j], "generator"))
                continue;
            r = guest_read(net->g, path, NETWORK_FILE_MAX, true, &b, err);
            if (r == 1 && network_pins_names(buf_bytes(&b))) {
                net->n->nic_rules = shown(net->g, path);
                return 0;
            }
        }
    }
    return r < 0 ? r : 0;
}

static bool ifnames_off(const struct guest *g)
{
    const char *cmdline = g->facts->boot ? g->facts->boot->cmdline : "";
    struct bytes rest = bytes_of(cmdline, strlen(cmdline)), word;

    while (text_next_word(&rest, &word))
        if (text_is(word, "net.ifnames=0"))
            return true;
    return false;
}

/* Without a configured interface: cloud-init writes one at boot, NetworkManager and
 * dhcpcd ask DHCP by themselves. */
static int method_without_files(struct guest *g, const char **ret, struct err *err)
{
    static const char *const daemons[] = {"NetworkManager", "dhcpcd", NULL};
    const struct fact_cloud_init *c = g->facts->cloud_init;
    enum unit_state state;
    const char *where;
    int r;

    *ret = "cloud-init";
    if (c && c->installed && c->enabled)
        return 0;
    r = unit_state_any(g, daemons, true, &state, &where, err);
    *ret = state == UNIT_ENABLED ? "dhcp" : "none";
    return r;
}

int linux_network(struct guest *g, struct err *err)
{
    struct fact_linux *l = guest_linux(g);
    size_t problems = g->facts->problems.n;
    struct net net = {.g = g};
    int r;

    if (!l)
        return arena_check(g->arena, err);
    net.n = &l->network;
    l->network.method = "unknown";
    l->network.ifnames_off = ifnames_off(g);
    r = read_all(&net, err);
    if (r == 0)
        r = find_nic_rules(&net, err);
    if (r < 0 || g->facts->problems.n > problems)
        return r;
    l->network.method = network_method(&l->network);
    return *l->network.method ? 0 : method_without_files(g, &l->network.method, err);
}
