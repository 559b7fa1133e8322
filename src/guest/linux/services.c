/* SPDX-License-Identifier: GPL-2.0-or-later */
/* services.c: how one gets into the machine, and what it does at its first start */
#include <fnmatch.h>
#include <stdio.h>

#include "guest/collect.h"
#include "guest/linux/settings.h"
#include "guest/linux/units.h"

enum { RULES_MAX = 1 << 20 }; /* bytes of a firewall's file */

/* The first of the paths that is a file: 1, 0, negative. */
static int any_file(struct guest *g, const char *const *paths, struct err *err)
{
    for (; *paths; paths++) {
        int r = guest_has_file(g, *paths, true, err);

        if (r != 0)
            return r;
    }
    return 0;
}

/* ---- disk */

static const struct fact_partition *last_partition(const struct facts *f)
{
    const struct fact_partition *last = NULL;

    for (size_t i = 0; i < f->partitions.n; i++) {
        const struct fact_partition *p = &f->partitions.v[i];

        if (p->size && !p->extended && (!last || p->start > last->start))
            last = p;
    }
    return last;
}

/* Can the root take what is added at the end of the disk?  A group grows with any of its
 * physical volumes. */
static bool root_is_last(const struct guest *g)
{
    const struct fact_partition *last = last_partition(g->facts);

    if (!g->root || !last || g->root->partition)
        return g->root && g->root->partition == last;
    for (unsigned i = 0; i < g->fs_n; i++)
        if (g->fs[i].partition == last && g->fs[i].group && g->root->group)
            return strcmp(g->fs[i].group, g->root->group) == 0;
    return false;
}

static int find_growpart(struct guest *g, struct fact_linux *l, struct err *err)
{
    static const char *const paths[] = {
        "/usr/bin/growpart",
        "/usr/sbin/growpart",
        "/bin/growpart",
        "/usr/local/bin/growpart",
        /* Container Linux and Fedora CoreOS do it by themselves. */
        "/usr/lib/systemd/system/extend-filesystems.service",
        "/usr/lib/dracut/modules.d/40ignition-ostree/ignition-ostree-growfs.sh",
        NULL,
    };
    int r = any_file(g, paths, err);

    l->growpart = r == 1;
    return r;
}

/* ---- ssh */

static int count_host_keys(struct guest *g, struct fact_linux *l, struct err *err)
{
    struct tree_names names;
    int r = guest_names(g, "/etc/ssh", true, &names, err);

    for (size_t i = 0; i < names.names.n; i++)
        l->ssh_host_keys += fnmatch("ssh_host_*_key", names.names.v[i], 0) == 0;
    return r;
}

/* cloud-init deletes and makes them anew for every instance.  The others only make what
 * is not there. */
static int find_keygen(struct guest *g, struct fact_linux *l, struct err *err)
{
    static const char *const units[] = {
        "sshd-keygen", "sshd-keygen.target", "sshd-keygen@rsa",
        "ssh-keygen",  "sshdgenkeys",        "regenerate-ssh-host-keys",
        NULL};
    static const char *const scripts[] = {
        "/etc/rc.local", "/etc/rc.d/rc.local", "/etc/init.d/sshd",
        "/usr/sbin/sshd-gen-keys-start", "/etc/init.d/ssh"};
    const struct fact_cloud_init *c = g->facts->cloud_init;
    enum unit_state state;
    const char *where;
    int r;

    l->ssh_keys_regenerated = c && c->installed && c->enabled;
    if (l->ssh_keys_regenerated || l->ssh_host_keys)
        return 0;
    r = unit_state_any(g, units, true, &state, &where, err);
    l->ssh_keys_regenerated = state == UNIT_ENABLED || state == UNIT_DISABLED;
    for (size_t i = 0; i < ARRAY_SIZE(scripts) && r >= 0; i++) {
        AUTO(buf_fini) struct buf b = {0};

        if (l->ssh_keys_regenerated)
            break;
        r = guest_read(g, scripts[i], GUEST_TEXT_MAX, true, &b, err);
        l->ssh_keys_regenerated =
            r == 1 && (text_find(buf_bytes(&b), "ssh-keygen") >= 0 ||
                       text_find(buf_bytes(&b), "sshd-keygen") >= 0);
    }
    return r < 0 ? r : 0;
}

static int find_sshd(struct guest *g, struct fact_linux *l, struct err *err)
{
    static const char *const paths[] = {"/usr/sbin/sshd",       "/usr/bin/sshd",
                                        "/sbin/sshd",           "/usr/sbin/dropbear",
                                        "/usr/local/sbin/sshd", NULL};
    static const char *const units[] = {"sshd",       "ssh",      "sshd.socket",
                                        "ssh.socket", "dropbear", NULL};
    enum unit_state state;
    const char *where;
    int r = any_file(g, paths, err);

    if (r <= 0)
        return r;
    l->sshd = true;
    r = unit_state_any(g, units, true, &state, &where, err);
    l->sshd_enabled = state == UNIT_ENABLED;
    if (r >= 0)
        r = count_host_keys(g, l, err);
    return r >= 0 ? find_keygen(g, l, err) : r;
}

/* ---- firewall: does something that starts at boot close the port of ssh? (L27) */

static bool opens_ssh(struct bytes text)
{
    static const char *const words[] = {
        "dport 22",    "dport { 22", "dport {22", "dports 22", "dport ssh",
        "dport { ssh", "tcp/22",     "22/tcp",    "tcp/ssh",   "service=\"ssh\""};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (text_find(text, words[i]) >= 0)
            return true;
    return false;
}

/* A saved table of iptables-save(8). */
static const char *iptables_verdict(struct bytes text)
{
    struct bytes line;
    const char *ret = "";

    while (text_next_line(&text, &line)) {
        line = text_trim(line);
        if (text_starts(line, ":INPUT DROP"))
            ret = "policy DROP";
        else if (text_is(line, "-A INPUT -j DROP") ||
                 text_is(line, "-A INPUT -j REJECT") ||
                 text_starts(line, "-A INPUT -j REJECT --reject-with"))
            ret = "everything else is dropped";
        else if (text_is(line, "-A INPUT -j ACCEPT"))
            return "";
    }
    return ret;
}

static const char *nftables_verdict(struct bytes text)
{
    long at = text_find(text, "hook input");
    struct bytes body;

    if (at < 0)
        return "";
    body = bytes_sub(text, (size_t)at, text.n - (size_t)at);
    return text_find(body, "policy drop") >= 0 ? "policy drop" : "";
}

static const char *ufw_verdict(struct bytes text)
{
    struct bytes v;

    return settings_shell(text, "ENABLED", &v) && settings_is_true(v) ? "enabled" : "";
}

/* firewalld opens what its default zone lists, and all zones but two list ssh as shipped.
 */
static int look_at_firewalld(struct guest *g, struct fact_linux *l, struct err *err)
{
    static const char *const units[] = {"firewalld", NULL};
    static const char *const dirs[] = {"/etc/firewalld/zones",
                                       "/usr/lib/firewalld/zones"};
    AUTO(buf_fini) struct buf b = {0};
    struct bytes zone = bytes_of("public", 6);
    enum unit_state state;
    const char *where;
    int r = unit_state_any(g, units, true, &state, &where, err);

    if (r < 0 || state != UNIT_ENABLED)
        return r;
    r = guest_read(g, "/etc/firewalld/firewalld.conf", RULES_MAX, true, &b, err);
    if (r == 1)
        settings_shell(buf_bytes(&b), "DefaultZone", &zone);
    for (size_t i = 0; i < ARRAY_SIZE(dirs) && r >= 0; i++) {
        AUTO(buf_fini) struct buf z = {0};
        const char *name = guest_text(g, zone);
        const char *path = arena_printf(g->arena, "%s/%s.xml", dirs[i], name);

        if (strchr(name, '/'))
            return 0;
        r = guest_read(g, path, RULES_MAX, true, &z, err);
        if (r != 1)
            continue;
        if (text_find(buf_bytes(&z), "target=\"ACCEPT\"") < 0 &&
            text_find(buf_bytes(&z), "<service name=\"ssh\"") < 0 &&
            text_find(buf_bytes(&z), "port=\"22\"") < 0)
            l->firewall =
                arena_printf(g->arena, "firewalld: zone %s has no ssh in %s", name, path);
        return 0;
    }
    return r < 0 ? r : 0;
}

static int find_firewall(struct guest *g, struct fact_linux *l, struct err *err)
{
    static const struct {
        const char *what, *unit, *path,
            *more; /* more: where ports are opened; NULL none */
        const char *(*verdict)(struct bytes text);
    } rows[] = {
        {"nftables", "nftables", "/etc/nftables.conf", NULL, nftables_verdict},
        {"nftables", "nftables", "/etc/sysconfig/nftables.conf", NULL, nftables_verdict},
        {"iptables", "iptables", "/etc/sysconfig/iptables", NULL, iptables_verdict},
        {"iptables", "netfilter-persistent", "/etc/iptables/rules.v4", NULL,
         iptables_verdict},
        {"iptables", "iptables-persistent", "/etc/iptables/rules.v4", NULL,
         iptables_verdict},
        {"iptables", "iptables", "/etc/iptables/rules-save", NULL, iptables_verdict},
        {"ufw", "ufw", "/etc/ufw/ufw.conf", "/etc/ufw/user.rules", ufw_verdict},
        {"ufw", "ufw", "/etc/ufw/ufw.conf", "/lib/ufw/user.rules", ufw_verdict},
    };
    int r = look_at_firewalld(g, l, err);

    for (size_t i = 0; i < ARRAY_SIZE(rows) && r >= 0 && !*l->firewall; i++) {
        AUTO(buf_fini) struct buf b = {0}, more = {0};
        enum unit_state state;
        const char *where, *verdict;

        r = guest_read(g, rows[i].path, RULES_MAX, true, &b, err);
        if (r != 1)
            continue;
        r = unit_state(g, rows[i].unit, true, &state, &where, err);
        if (r < 0 || state != UNIT_ENABLED)
            continue;
        if (rows[i].more) {
            r = guest_read(g, rows[i].more, RULES_MAX, true, &more, err);
            if (r != 1)
                continue;
        }
        verdict = rows[i].verdict(buf_bytes(&b));
        if (*verdict && !opens_ssh(buf_bytes(rows[i].more ? &more : &b)))
            l->firewall = arena_printf(g->arena, "%s: %s in %s, port 22 is not opened",
                                       rows[i].what, verdict,
                                       rows[i].more ? rows[i].more : rows[i].path);
    }
    return r < 0 ? r : 0;
}

/* ---- SELinux, clock */

static bool on_command_line(const struct guest *g, const char *word)
{
    const char *cmdline = g->facts->boot ? g->facts->boot->cmdline : "";
    struct bytes rest = bytes_of(cmdline, strlen(cmdline)), w;

    while (text_next_word(&rest, &w))
        if (text_is(w, word))
            return true;
    return false;
}

/* Files without labels make an enforcing system refuse nearly everything, login too. */
static int relabel_needed(struct guest *g, struct fact_linux *l, struct err *err)
{
    static const char *const files[] = {"/etc/passwd", "/bin/sh", "/usr/bin/bash"};
    int r = guest_has_file(g, "/.autorelabel", true, err);

    if (r != 0)
        return r; /* it will be done by itself */
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        struct tree_node node;

        r = guest_find(g, files[i], true, &node, err);
        if (r < 0)
            return r;
        if (r == 0 || node.st.type != FS_REG)
            continue;
        r = fs_has_xattr(g->tree.mount[node.mount].fs, &node.st, "security.selinux", err);
        if (r == -ERR_NOMEM)
            return r;
        if (r < 0)
            err_clear(err); /* attributes cannot be read here: nothing is said */
        l->selinux_relabel_needed = r == 0;
        return 0;
    }
    return 0;
}

static int find_selinux(struct guest *g, struct fact_linux *l, struct err *err)
{
    static const char *const modes[] = {"enforcing", "permissive", "disabled"};
    AUTO(buf_fini) struct buf b = {0};
    struct bytes v;
    int r = guest_read(g, "/etc/selinux/config", GUEST_TEXT_MAX, true, &b, err);

    if (r <= 0 || !settings_shell(buf_bytes(&b), "SELINUX", &v))
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        if (text_is(v, modes[i]))
            l->selinux = modes[i];
    if (on_command_line(g, "selinux=0"))
        l->selinux = "disabled";
    else if (on_command_line(g, "enforcing=0") && strcmp(l->selinux, "enforcing") == 0)
        l->selinux = "permissive";
    return *l->selinux && strcmp(l->selinux, "disabled") != 0 ? relabel_needed(g, l, err)
                                                              : 0;
}

/* The third line of adjtime(5) says what the hardware clock runs in. */
static int find_rtc(struct guest *g, struct fact_linux *l, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct bytes rest, line = {0}, v;
    int r = guest_read(g, "/etc/adjtime", GUEST_TEXT_MAX, true, &b, err);

    if (r == 1) {
        rest = buf_bytes(&b);
        for (int i = 0; i < 3; i++)
            if (!text_next_line(&rest, &line))
                return 0;
        if (text_is(text_trim(line), "UTC"))
            l->rtc = "utc";
        else if (text_is(text_trim(line), "LOCAL"))
            l->rtc = "local";
        return 0;
    }
    if (r == 0)
        r = guest_read(g, "/etc/sysconfig/clock", GUEST_TEXT_MAX, true, &b, err);
    if (r == 1 && settings_shell(buf_bytes(&b), "UTC", &v))
        l->rtc = settings_is_true(v) ? "utc" : "local";
    return r;
}

int linux_services(struct guest *g, struct err *err)
{
    static int (*const rows[])(struct guest * g, struct fact_linux * l,
                               struct err * err) = {
        find_growpart, find_sshd, find_firewall, find_selinux, find_rtc,
    };
    struct fact_linux *l = guest_linux(g);
    int r = 0;

    if (!l)
        return arena_check(g->arena, err);
    l->root_last = root_is_last(g);
    for (size_t i = 0; i < ARRAY_SIZE(rows) && r >= 0; i++)
        r = rows[i](g, l, err);
    return r < 0 ? r : 0;
}
