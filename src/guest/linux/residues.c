/* SPDX-License-Identifier: GPL-2.0-or-later */
/* residues.c: what an image should not carry into other machines
 *
 * Only that a file is there and how large it is leaves this file.  Contents are looked at
 * where the answer needs it (a hash, a machine id), in memory that is wiped afterwards.
 */
#include <fnmatch.h>
#include <stdio.h>

#include "guest/collect.h"
#include "guest/linux/settings.h"

enum {
    RESIDUES_MAX = 256, /* of one list */
    HOMES_MAX = 64,     /* home folders that are looked into */
    LOG_DEPTH_MAX = 4,
    LOG_FILES_MAX = 20000,
    SHADOW_MAX = 4 << 20,
};

static void add(struct guest *g, fact_residues *list, const char *kind, const char *path,
                uint64_t size)
{
    struct fact_residue *r;

    if (list->n >= RESIDUES_MAX)
        return;
    r = FACT_ADD(g->arena, list, fact_residue);
    if (!r)
        return;
    r->kind = kind;
    r->path = guest_text(g, bytes_of(path, strlen(path)));
    r->size = size;
}

/* A path that is there: files that are not empty, and folders. */
static int add_path(struct guest *g, fact_residues *list, const char *kind,
                    const char *path, struct err *err)
{
    struct tree_node node;
    int r = guest_lfind(g, path, true, &node, err);

    if (r == 1 && (node.st.type == FS_DIR || (node.st.type == FS_REG && node.st.size)))
        add(g, list, kind, path, node.st.type == FS_DIR ? 0 : node.st.size);
    return r < 0 ? r : 0;
}

/* Names in a folder that match. */
static int add_matching(struct guest *g, fact_residues *list, const char *kind,
                        const char *dir, const char *pattern, struct err *err)
{
    struct tree_names names;
    int r = guest_names(g, dir, true, &names, err);

    for (size_t i = 0; i < names.names.n && r >= 0; i++)
        if (fnmatch(pattern, names.names.v[i], 0) == 0)
            r = add_path(g, list, kind,
                         arena_printf(g->arena, "%s/%s", dir, names.names.v[i]), err);
    return r < 0 ? r : 0;
}

/* ---- L30 */

static int find_tools(struct guest *g, struct fact_linux *l, struct err *err)
{
    static const struct {
        const char *kind, *dir, *pattern;
    } rows[] = {
        {"vmware", "/usr/bin", "vmtoolsd"},
        {"vmware", "/usr/sbin", "vmtoolsd"},
        {"vmware", "/etc", "vmware-tools"},
        {"vmware", "/usr/lib", "vmware-tools"},
        {"virtualbox", "/usr/sbin", "VBoxService"},
        {"virtualbox", "/usr/bin", "VBoxClient"},
        {"virtualbox", "/opt", "VBoxGuestAdditions-*"},
        {"xen", "/usr/sbin", "xe-daemon"},
        {"xen", "/usr/sbin", "xe-linux-distribution"},
        {"xen", "/usr/sbin", "xenstore-guest-agent"},
        {"parallels", "/usr/bin", "prltoolsd"},
        {"parallels", "/usr/lib", "parallels-tools"},
        {"qemu-ga", "/usr/bin", "qemu-ga"},
        {"qemu-ga", "/usr/sbin", "qemu-ga"},
        {"hyperv", "/usr/sbin", "hv_kvp_daemon"},
        {"hyperv", "/usr/sbin", "hypervkvpd"},
        {"hyperv", "/usr/libexec/hypervkvpd", "hypervkvpd"},
    };
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(rows) && r >= 0; i++) {
        if (strchr(rows[i].pattern, '*'))
            r = add_matching(g, &l->tools, rows[i].kind, rows[i].dir, rows[i].pattern,
                             err);
        else
            r = add_path(g, &l->tools, rows[i].kind,
                         arena_printf(g->arena, "%s/%s", rows[i].dir, rows[i].pattern),
                         err);
    }
    return r;
}

/* ---- L31 */

/* The hash field of root's line; false when there is none.  "root:x:0:..." of passwd is
 * no shadow line, but this is given shadow only. */
static bool root_hash(struct bytes text, struct bytes *ret)
{
    struct bytes line;

    while (text_next_line(&text, &line)) {
        const uint8_t *end;

        if (!text_starts(line, "root:"))
            continue;
        line = bytes_sub(line, 5, line.n - 5);
        end = line.n ? memchr(line.p, ':', line.n) : NULL;
        if (!end)
            return false;
        *ret = bytes_sub(line, 0, (size_t)(end - line.p));
        return true;
    }
    return false;
}

static void wipe(struct buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->cap);
    buf_fini(b);
}

static int find_shadow(struct guest *g, struct fact_linux *l, struct err *err)
{
    AUTO(wipe) struct buf b = {0};
    struct bytes hash;
    int r = guest_has_file(g, "/etc/shadow", true, err);

    if (r <= 0) {
        l->shadow = r == 0 ? "missing" : "unreadable";
        return r;
    }
    r = guest_read(g, "/etc/shadow", SHADOW_MAX, true, &b, err);
    l->shadow = "unreadable";
    if (r != 1 || !root_hash(buf_bytes(&b), &hash))
        return r;
    l->shadow = "ok";
    l->root_password = hash.n == 0                            ? "empty"
                       : hash.p[0] == '!' || hash.p[0] == '*' ? "locked"
                                                              : "set";
    return 0;
}

/* Names servers of the place the image was made at: a plain file that no program keeps.
 */
static bool own_resolv_conf(struct bytes text)
{
    static const char *const keepers[] = {
        "NetworkManager", "resolvconf", "systemd-resolved", "dhclient",
        "dhcpcd",         "cloud-init", "netconfig"};
    struct bytes line, word, rest = text;

    for (size_t i = 0; i < ARRAY_SIZE(keepers); i++)
        if (text_find(text, keepers[i]) >= 0)
            return false;
    while (text_next_line(&rest, &line))
        if (text_next_word(&line, &word) && text_is(word, "nameserver") &&
            text_next_word(&line, &word) && !text_starts(word, "127.") &&
            !text_is(word, "::1"))
            return true;
    return false;
}

static int find_resolv_conf(struct guest *g, struct fact_linux *l, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct tree_node node;
    int r = guest_lfind(g, "/etc/resolv.conf", true, &node, err);

    if (r <= 0 || node.st.type != FS_REG)
        return r < 0 ? r : 0;
    l->resolv_conf_immutable = (node.st.flags & FS_NODE_IMMUTABLE) != 0;
    r = guest_read(g, "/etc/resolv.conf", GUEST_TEXT_MAX, true, &b, err);
    l->resolv_conf_own = r == 1 && own_resolv_conf(buf_bytes(&b));
    return r;
}

/* ---- L32 */

/* An empty file, or the word "uninitialized", makes systemd think up a new one. */
static int find_machine_id(struct guest *g, struct fact_linux *l, struct err *err)
{
    static const char *const paths[] = {"/etc/machine-id", "/var/lib/dbus/machine-id"};
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(paths) && r >= 0; i++) {
        AUTO(wipe) struct buf b = {0};
        struct tree_node node;

        r = guest_lfind(g, paths[i], true, &node, err);
        if (r <= 0 || node.st.type != FS_REG)
            continue;
        r = guest_read(g, paths[i], GUEST_TEXT_MAX, true, &b, err);
        if (r == 1 && text_trim(buf_bytes(&b)).n &&
            !text_is(text_trim(buf_bytes(&b)), "uninitialized"))
            add(g, &l->residues, "machine-id", paths[i], node.st.size);
    }
    return r < 0 ? r : 0;
}

static int find_matching(struct guest *g, struct fact_linux *l, struct err *err)
{
    static const struct {
        const char *kind, *dir, *pattern;
    } rows[] = {
        {"host-key", "/etc/ssh", "ssh_host_*_key"},
        {"cloud-instance", "/var/lib/cloud/instances", "*"},
        {"dhcp-lease", "/var/lib/dhcp", "*lease*"},
        {"dhcp-lease", "/var/lib/dhclient", "*lease*"},
        {"dhcp-lease", "/var/lib/NetworkManager", "*lease*"},
        {"dhcp-lease", "/var/lib/dhcpcd", "*"},
        {"dhcp-lease", "/var/lib/dhcpcd5", "*"},
        {"dhcp-lease", "/var/lib/wicked", "*duid*"},
        {"dhcp-lease", "/var/lib/wicked", "lease-*"},
        {"credentials", "/var/lib/waagent", "*.prv"},
        {"credentials", "/etc/cloud", "*credential*"},
    };
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(rows) && r >= 0; i++)
        r = add_matching(g, &l->residues, rows[i].kind, rows[i].dir, rows[i].pattern,
                         err);
    return r;
}

static int look_into_home(struct guest *g, struct fact_linux *l, const char *home,
                          struct err *err)
{
    static const struct {
        const char *kind, *name;
    } rows[] = {
        {"history", ".bash_history"},
        {"history", ".zsh_history"},
        {"history", ".ash_history"},
        {"history", ".sh_history"},
        {"history", ".mysql_history"},
        {"history", ".psql_history"},
        {"history", ".python_history"},
        {"history", ".lesshst"},
        {"history", ".viminfo"},
        {"credentials", ".aws/credentials"},
        {"credentials", ".tccli/default.credential"},
        {"credentials", ".cos.yaml"},
        {"credentials", ".cos.conf"},
        {"credentials", ".aliyun/config.json"},
        {"credentials", ".ossutilconfig"},
        {"credentials", ".config/gcloud/credentials.db"},
        {"credentials", ".azure/accessTokens.json"},
        {"credentials", ".azure/msal_token_cache.json"},
        {"credentials", ".config/openstack/clouds.yaml"},
        {"credentials", ".docker/config.json"},
        {"credentials", ".kube/config"},
        {"credentials", ".git-credentials"},
        {"credentials", ".netrc"},
        {"credentials", ".pgpass"},
        {"credentials", ".my.cnf"},
        {"credentials", ".ssh/id_rsa"},
        {"credentials", ".ssh/id_dsa"},
        {"credentials", ".ssh/id_ecdsa"},
        {"credentials", ".ssh/id_ed25519"},
    };
    int r = guest_has_dir(g, home, true, err);

    for (size_t i = 0; i < ARRAY_SIZE(rows) && r == 1; i++) {
        int r2 = add_path(g, &l->residues, rows[i].kind,
                          arena_printf(g->arena, "%s/%s", home, rows[i].name), err);

        if (r2 < 0)
            return r2;
    }
    return r < 0 ? r : 0;
}

static int find_in_homes(struct guest *g, struct fact_linux *l, struct err *err)
{
    struct tree_names names;
    int r = look_into_home(g, l, "/root", err);

    if (r >= 0)
        r = guest_names(g, "/home", true, &names, err);
    for (size_t i = 0; r >= 0 && i < names.names.n && i < HOMES_MAX; i++)
        r = look_into_home(g, l, arena_printf(g->arena, "/home/%s", names.names.v[i]),
                           err);
    return r < 0 ? r : 0;
}

/* ---- logs: one entry with the sum */

struct logs {
    struct guest *g;
    uint64_t size;
    unsigned files;
};

static int add_logs(struct logs *logs, const char *dir, unsigned depth, struct err *err)
{
    struct tree_names names;
    int r = guest_names(logs->g, dir, true, &names, err);

    for (size_t i = 0; r >= 0 && i < names.names.n && logs->files < LOG_FILES_MAX; i++) {
        const char *path = arena_printf(logs->g->arena, "%s/%s", dir, names.names.v[i]);
        struct tree_node node;

        logs->files++;
        r = guest_lfind(logs->g, path, true, &node, err);
        if (r != 1)
            continue;
        if (node.st.type == FS_REG)
            logs->size = node.st.size > UINT64_MAX - logs->size
                             ? UINT64_MAX
                             : logs->size + node.st.size;
        else if (node.st.type == FS_DIR && depth < LOG_DEPTH_MAX)
            r = add_logs(logs, path, depth + 1, err);
    }
    return r < 0 ? r : 0;
}

static int find_logs(struct guest *g, struct fact_linux *l, struct err *err)
{
    struct logs logs = {.g = g};
    int r = add_logs(&logs, "/var/log", 0, err);

    if (r == 0 && logs.size)
        add(g, &l->residues, "log", "/var/log", logs.size);
    return r;
}

int linux_residues(struct guest *g, struct err *err)
{
    static int (*const rows[])(struct guest * g, struct fact_linux * l,
                               struct err * err) = {
        find_tools,    find_shadow,   find_resolv_conf, find_machine_id,
        find_matching, find_in_homes, find_logs,
    };
    struct fact_linux *l = guest_linux(g);
    int r = 0;

    if (!l)
        return arena_check(g->arena, err);
    for (size_t i = 0; i < ARRAY_SIZE(rows) && r >= 0; i++)
        r = rows[i](g, l, err);
    return r < 0 ? r : 0;
}
