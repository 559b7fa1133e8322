/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cloudinit.c: will cloud-init run at the next boot, and what will it listen to?
 *
 * Installed means that the program and its configuration are there.  A package that was
 * removed leaves configuration and unit links behind, and dpkg still lists it; a package
 * that was installed by pip is in no list.  So the files decide and lists only tell the
 * version. */
#include "guest/linux/cloudinit.h"

#include <ctype.h>
#include <stdio.h>

#include "guest/collect.h"
#include "guest/linux/settings.h"
#include "guest/linux/units.h"

enum {
    DPKG_STATUS_MAX = 32 << 20, /* bytes; 2000 packages are about 3 MiB */
    DATASOURCES_MAX = 64,
    SCRIPT_MAX = 256 * 1024, /* bytes of a script or unit that is searched */
    SCRIPTS_MAX = 512,       /* files searched for config-2 */
};

/* ---- texts */

static void add_datasource(fact_strings *list, struct arena *a, struct bytes name)
{
    const char **p;

    if (name.n == 0 || list->n >= DATASOURCES_MAX)
        return;
    p = LIST_ADD(a, list);
    if (p)
        *p = arena_text(a, name, 64);
}

bool cloud_datasource_list(fact_strings *ret, struct arena *a, struct bytes text)
{
    static const char *const under[] = {"datasource_list"};
    struct yaml y = {.rest = text};
    fact_strings list = {0};
    bool set = false;

    while (yaml_next(&y)) {
        struct bytes rest = y.value, item;

        if (y.depth == 0 && text_is(y.key, "datasource_list")) {
            list = (fact_strings){0};
            set = y.value.n == 0 || y.value.p[0] == '[';
            while (set && yaml_flow_next(&rest, &item))
                add_datasource(&list, a, item);
        } else if (set && y.item && y.key.n == 0 && yaml_under(&y, under, 1)) {
            add_datasource(&list, a, y.value);
        }
    }
    /* "datasource_list:" with nothing is null, which leaves the default. */
    if (list.n == 0)
        return false;
    *ret = list;
    return true;
}

bool dpkg_find(struct dpkg_package *ret, struct bytes status, const char *name)
{
    struct bytes line;
    bool found = false;

    *ret = (struct dpkg_package){0};
    while (text_next_line(&status, &line)) {
        if (line.n == 0 && found)
            break;
        if (text_starts(line, "Package:"))
            found = text_is(text_trim(bytes_sub(line, 8, line.n - 8)), name);
        else if (found && text_starts(line, "Status:"))
            ret->status = text_trim(bytes_sub(line, 7, line.n - 7));
        else if (found && text_starts(line, "Version:"))
            ret->version = text_trim(bytes_sub(line, 8, line.n - 8));
    }
    return found;
}

struct bytes package_upstream(struct bytes v)
{
    const uint8_t *colon = v.n ? memchr(v.p, ':', v.n) : NULL;

    if (colon)
        v = bytes_sub(v, (size_t)(colon - v.p) + 1, v.n - (size_t)(colon - v.p) - 1);
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] == '-' || v.p[i] == '+' || v.p[i] == '~')
            return bytes_sub(v, 0, i);
    return v;
}

/* ---- installed, version */

static int find_program(struct guest *g, const char **ret, struct err *err)
{
    static const char *const paths[] = {
        "/usr/bin/cloud-init", "/usr/local/bin/cloud-init",
        "/opt/cloud-init/bin/cloud-init", "/usr/sbin/cloud-init"};

    *ret = "";
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        int r = guest_has_file(g, paths[i], false, err);

        if (r == 1)
            *ret = paths[i];
        if (r != 0)
            return r;
    }
    return 0;
}

static int find_config(struct guest *g, struct err *err)
{
    static const char *const paths[] = {"/etc/cloud/cloud.cfg",
                                        "/usr/etc/cloud/cloud.cfg",
                                        "/usr/local/etc/cloud/cloud.cfg"};
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(paths) && r == 0; i++)
        r = guest_has_file(g, paths[i], false, err);
    return r;
}

static int read_dpkg(struct guest *g, struct fact_cloud_init *c, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct dpkg_package p;
    const char *version;
    int r = guest_read(g, "/var/lib/dpkg/status", DPKG_STATUS_MAX, true, &b, err);

    if (r <= 0 || !dpkg_find(&p, buf_bytes(&b), "cloud-init"))
        return r;
    version = guest_text(g, p.version);
    if (!c->installed) {
        c->evidence = arena_printf(g->arena, "dpkg: cloud-init %s: %s", version,
                                   guest_text(g, p.status));
    } else if (text_ends(p.status, " installed")) {
        c->evidence = arena_printf(g->arena, "dpkg: cloud-init %s", version);
        c->version = guest_text(g, package_upstream(p.version));
    }
    return 0;
}

/* apk's list: a paragraph a package, P: its name, V: its version. */
static int read_apk(struct guest *g, struct fact_cloud_init *c, struct err *err)
{
    static const char *const paths[] = {"/lib/apk/db/installed",
                                        "/usr/lib/apk/db/installed"};
    AUTO(buf_fini) struct buf b = {0};
    struct bytes rest, line;
    bool found = false;
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(paths) && r == 0; i++)
        r = guest_read(g, paths[i], DPKG_STATUS_MAX, true, &b, err);
    rest = buf_bytes(&b);
    while (r == 1 && !*c->version && text_next_line(&rest, &line)) {
        if (text_starts(line, "P:") || line.n == 0)
            found = text_is(line, "P:cloud-init");
        else if (found && text_starts(line, "V:"))
            c->version = guest_text(g, package_upstream(bytes_sub(line, 2, line.n - 2)));
    }
    return r;
}

/* "cloud_init-22.4.2.dist-info", "cloud_init-0.7.9-py2.7.egg-info" */
static struct bytes version_of_folder(const char *name)
{
    struct bytes b = bytes_of(name, strlen(name));
    long end;

    if (!text_starts(b, "cloud_init-") && !text_starts(b, "cloud-init-"))
        return bytes_sub(b, 0, 0);
    b = bytes_sub(b, 11, b.n - 11);
    end = text_find(b, "-py");
    if (end < 0)
        end = text_find(b, ".dist-info");
    if (end < 0)
        end = text_find(b, ".egg-info");
    return bytes_sub(b, 0, end < 0 ? 0 : (size_t)end);
}

static int read_python_version(struct guest *g, struct fact_cloud_init *c,
                               const char *dir, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct tree_names names;
    struct bytes v;
    int r = guest_names(g, dir, true, &names, err);

    for (size_t i = 0; i < names.names.n && !*c->version && r >= 0; i++)
        c->version = guest_text(g, version_of_folder(names.names.v[i]));
    if (r < 0 || *c->version)
        return r;
    r = guest_read(g, arena_printf(g->arena, "%s/cloudinit/version.py", dir),
                   GUEST_TEXT_MAX, true, &b, err);
    if (r == 1 && settings_shell(buf_bytes(&b), "__VERSION__", &v))
        c->version = guest_text(g, v);
    return r;
}

static int find_python_version(struct guest *g, struct fact_cloud_init *c,
                               struct err *err)
{
    static const char *const libs[] = {"/usr/lib", "/usr/local/lib", "/usr/lib64"};
    static const char *const packages[] = {"dist-packages", "site-packages"};
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(libs) && r >= 0; i++) {
        struct tree_names names;

        r = guest_names(g, libs[i], true, &names, err);
        for (size_t j = 0; j < names.names.n && r >= 0; j++) {
            if (strncmp(names.names.v[j], "python", 6) != 0)
                continue;
            for (size_t k = 0; k < ARRAY_SIZE(packages) && r >= 0 && !*c->version; k++)
                r = read_python_version(g, c,
                                        arena_printf(g->arena, "%s/%s/%s", libs[i],
                                                     names.names.v[j], packages[k]),
                                        err);
        }
    }
    return r < 0 ? r : 0;
}

/* ---- enabled */

/* The value of a word "name=value" on the default command line. */
static bool on_command_line(const struct guest *g, const char *word)
{
    const char *cmdline = g->facts->boot ? g->facts->boot->cmdline : "";
    struct bytes rest = bytes_of(cmdline, strlen(cmdline)), w;

    while (text_next_word(&rest, &w))
        if (text_is(w, word))
            return true;
    return false;
}

/* cloud-init's own generator adds its target to multi-user.target at boot, unless the
 * command line, then a file, say no. */
static int generator_says(struct guest *g, struct fact_cloud_init *c, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct bytes policy;
    int r;

    if (on_command_line(g, "cloud-init=disabled")) {
        c->disabled_by = "kernel command line";
        return 0;
    }
    r = on_command_line(g, "cloud-init=enabled")
            ? 0
            : guest_has_file(g, "/etc/cloud/cloud-init.disabled", false, err);
    if (r == 1)
        c->disabled_by = "/etc/cloud/cloud-init.disabled";
    if (r != 0)
        return r;
    r = guest_read(g, "/etc/cloud/ds-identify.cfg", GUEST_TEXT_MAX, false, &b, err);
    if (r == 1) {
        struct yaml y = {.rest = buf_bytes(&b)};

        while (yaml_next(&y)) {
            policy = y.value;
            if (text_is(y.key, "policy") && text_starts(policy, "disabled"))
                c->disabled_by = "/etc/cloud/ds-identify.cfg";
        }
    }
    return r;
}

/* cloud-init.target is started by multi-user.target or by the generator. */
static int target_starts(struct guest *g, bool *ret, struct err *err)
{
    static const char *const generators[] = {
        "/etc/systemd/system-generators/cloud-init-generator",
        "/usr/lib/systemd/system-generators/cloud-init-generator",
        "/lib/systemd/system-generators/cloud-init-generator",
    };
    enum unit_state state;
    const char *where;
    int r = unit_state(g, "cloud-init.target", false, &state, &where, err);

    *ret = state == UNIT_ENABLED;
    if (r < 0 || *ret || state == UNIT_MASKED)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(generators); i++) {
        struct tree_node node;
        const char *target;

        r = guest_lfind(g, generators[i], false, &node, err);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        r = guest_readlink(g, generators[i], false, &target, err);
        if (r < 0)
            return r;
        *ret = !(r == 1 && strcmp(target, "/dev/null") == 0);
        return 0;
    }
    return 0;
}

static int find_enabled(struct guest *g, struct fact_cloud_init *c, struct err *err)
{
    /* The stage that applies settings had another name from 24.3 on. */
    static const char *const stages[] = {"cloud-init", "cloud-init-network", NULL};
    static const char *const early[] = {"cloud-init-local", "cloud-init-main", NULL};
    enum unit_state state, local;
    const char *where, *at;
    bool target = true;
    int r = unit_state_any(g, stages, false, &state, &where, err);

    if (r == 0)
        r = unit_state_any(g, early, false, &local, &at, err);
    if (r == 0)
        r = generator_says(g, c, err);
    if (r < 0 || *c->disabled_by)
        return r < 0 ? r : 0;
    if (state == UNIT_MASKED || local == UNIT_MASKED) {
        c->disabled_by =
            arena_printf(g->arena, "%s is masked", state == UNIT_MASKED ? where : at);
        return 0;
    }
    if (state == UNIT_ENABLED && strstr(where, "cloud-init.target.wants")) {
        r = target_starts(g, &target, err);
        if (r < 0)
            return r;
    }
    c->enabled = state == UNIT_ENABLED && target;
    if (!c->enabled)
        c->disabled_by = state == UNIT_ENABLED ? "cloud-init.target is not started"
                                               : "no unit is enabled";
    return 0;
}

/* ---- datasources */

static int read_datasources(struct guest *g, struct fact_cloud_init *c, const char *path,
                            struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    int r = guest_read(g, path, GUEST_TEXT_MAX, true, &b, err);

    if (r == 1 && cloud_datasource_list(&c->datasources, g->arena, buf_bytes(&b)))
        c->datasources_from = guest_text(g, bytes_of(path, strlen(path)));
    return r;
}

static int find_datasources(struct guest *g, struct fact_cloud_init *c, struct err *err)
{
    struct tree_names names;
    int r = read_datasources(g, c, "/etc/cloud/cloud.cfg", err);

    if (r >= 0)
        r = guest_names(g, "/etc/cloud/cloud.cfg.d", true, &names, err);
    for (size_t i = 0; r >= 0 && i < names.names.n; i++) {
        const char *name = names.names.v[i];

        if (text_ends(bytes_of(name, strlen(name)), ".cfg"))
            r = read_datasources(
                g, c, arena_printf(g->arena, "/etc/cloud/cloud.cfg.d/%s", name), err);
    }
    return r < 0 ? r : 0;
}

/* ---- who else reads the configuration drive (L14) */

struct search {
    struct guest *g;
    struct fact_cloud_init *c;
    unsigned files;
};

static bool names_config_drive(struct bytes text)
{
    return text_find(text, "config-2") >= 0 || text_find(text, "qcloud_action") >= 0;
}

/* The first absolute path in a line: what ExecStart= or a line of rc.local starts. */
static const char *program_of(struct arena *a, struct bytes line)
{
    size_t n = 0;

    while (line.n && line.p[0] != '/')
        line = bytes_sub(line, 1, line.n - 1);
    while (n < line.n && line.p[n] > ' ' && !strchr("\"';&|()<>", line.p[n]))
        n++;
    return arena_strn(a, (const char *)line.p, n);
}

static int search_script(struct search *s, const char *path, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct tree_node node;
    int r = guest_find(s->g, path, true, &node, err);

    if (r <= 0 || node.st.type != FS_REG || node.st.size > SCRIPT_MAX ||
        s->files++ >= SCRIPTS_MAX)
        return r < 0 ? r : 0;
    r = guest_read(s->g, path, SCRIPT_MAX, true, &b, err);
    if (r == 1 && text_starts(buf_bytes(&b), "#!") && names_config_drive(buf_bytes(&b))) {
        s->c->config_2_reader = true;
        s->c->config_2_where = guest_text(s->g, bytes_of(path, strlen(path)));
    }
    return r;
}

/* A unit, a job or rc.local: itself, then the scripts that a unit or rc.local starts. */
static int search_starter(struct search *s, const char *path, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct bytes rest, line;
    struct bytes name = bytes_of(path, strlen(path));
    bool unit = text_ends(name, ".service");
    struct tree_node node;
    int r = guest_find(s->g, path, true, &node, err);

    if (r <= 0 || node.st.type != FS_REG || node.st.size > SCRIPT_MAX ||
        s->files++ >= SCRIPTS_MAX)
        return r < 0 ? r : 0;
    r = guest_read(s->g, path, SCRIPT_MAX, true, &b, err);
    if (r <= 0)
        return r;
    if (names_config_drive(buf_bytes(&b))) {
        s->c->config_2_reader = true;
        s->c->config_2_where = guest_text(s->g, bytes_of(path, strlen(path)));
        return 0;
    }
    /* Init scripts are programs themselves; what they call is no more than tools. */
    if (!unit && !text_ends(name, "/rc.local") && !text_ends(name, "/boot.local"))
        return 0;
    rest = buf_bytes(&b);
    while (r >= 0 && !s->c->config_2_reader && text_next_line(&rest, &line)) {
        const char *program;

        line = text_trim(line);
        if (line.n == 0 || line.p[0] == '#' || (unit && !text_starts(line, "ExecStart")))
            continue;
        program = program_of(s->g->arena, line);
        if (*program)
            r = search_script(s, program, err);
    }
    return r < 0 ? r : 0;
}

static int search_folder(struct search *s, const char *dir, struct err *err)
{
    struct tree_names names;
    int r = guest_names(s->g, dir, true, &names, err);

    for (size_t i = 0; i < names.names.n && r >= 0 && !s->c->config_2_reader; i++) {
        const char *name = names.names.v[i];

        /* cloud-init itself does not count. */
        if (strncmp(name, "cloud-", 6) == 0 || strncmp(name, "cloud_", 6) == 0)
            continue;
        r = search_starter(s, arena_printf(s->g->arena, "%s/%s", dir, name), err);
    }
    return r < 0 ? r : 0;
}

/* What systemd starts is linked into a target's folder; scripts of System V are few. */
static int find_config_2_reader(struct guest *g, struct fact_cloud_init *c,
                                struct err *err)
{
    static const char *const folders[] = {
        "/etc/systemd/system/multi-user.target.wants",
        "/etc/systemd/system/sysinit.target.wants",
        "/etc/systemd/system/basic.target.wants",
        "/etc/systemd/system/default.target.wants",
        "/etc/systemd/system/local-fs.target.wants",
        "/etc/systemd/system/network-pre.target.wants",
        "/etc/systemd/system/network.target.wants",
        "/etc/systemd/system/network-online.target.wants",
        "/usr/lib/systemd/system/multi-user.target.wants",
        "/lib/systemd/system/multi-user.target.wants",
        "/etc/init.d",
        "/etc/rc.d/init.d",
        "/etc/init",
        "/etc/local.d",
    };
    static const char *const files[] = {"/etc/rc.local", "/etc/rc.d/rc.local",
                                        "/etc/init.d/boot.local"};
    struct search s = {.g = g, .c = c};
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(files) && r >= 0 && !c->config_2_reader; i++)
        r = search_starter(&s, files[i], err);
    for (size_t i = 0; i < ARRAY_SIZE(folders) && r >= 0 && !c->config_2_reader; i++)
        r = search_folder(&s, folders[i], err);
    return r < 0 ? r : 0;
}

int linux_cloud_init(struct guest *g, struct err *err)
{
    struct fact_cloud_init *c = FACT_NEW(g->arena, fact_cloud_init);
    const char *program;
    int r;

    if (!c)
        return arena_check(g->arena, err);
    g->facts->cloud_init = c;
    r = find_program(g, &program, err);
    if (r == 1)
        r = find_config(g, err);
    if (r < 0)
        return r;
    c->installed = r == 1;
    if (c->installed)
        c->evidence = program;
    r = read_dpkg(g, c, err);
    if (r >= 0 && c->installed && !*c->version)
        r = read_apk(g, c, err);
    if (r >= 0 && c->installed && !*c->version)
        r = find_python_version(g, c, err);
    if (r >= 0 && c->installed)
        r = find_enabled(g, c, err);
    if (r >= 0 && c->installed)
        r = find_datasources(g, c, err);
    return r < 0 ? r : find_config_2_reader(g, c, err);
}
