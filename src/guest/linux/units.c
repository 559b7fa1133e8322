/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/units.h"

#include <ctype.h>

static const char *const unit_dirs[] = {
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
};

/* Does anything stand at the path, a dangling link too? */
static int is_there(struct guest *g, const char *path, bool minor, struct err *err)
{
    struct tree_node node;

    return guest_lfind(g, path, minor, &node, err);
}

/* 1: linked to /dev/null. */
static int is_masked(struct guest *g, const char *path, bool minor, struct err *err)
{
    const char *target;
    int r = guest_readlink(g, path, minor, &target, err);

    return r == 1 ? strcmp(target, "/dev/null") == 0 : r;
}

static int systemd_wanted(struct guest *g, const char *unit, bool minor,
                          const char **where, struct err *err)
{
    static const char *const by[] = {
        "multi-user.target", "cloud-init.target", "sysinit.target",
        "basic.target",      "default.target",    "network-online.target",
        "sockets.target",    "graphical.target",  "network.target",
    };

    for (size_t i = 0; i < ARRAY_SIZE(unit_dirs); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(by); j++) {
            const char *path =
                arena_printf(g->arena, "%s/%s.wants/%s", unit_dirs[i], by[j], unit);
            int r = is_there(g, path, minor, err);

            if (r == 1)
                *where = path;
            if (r != 0)
                return r;
        }
    }
    return 0;
}

static int systemd_state(struct guest *g, const char *unit, bool minor,
                         enum unit_state *ret, const char **where, struct err *err)
{
    bool present = false;
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(unit_dirs); i++) {
        const char *path = arena_printf(g->arena, "%s/%s", unit_dirs[i], unit);

        r = is_there(g, path, minor, err);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        r = is_masked(g, path, minor, err);
        if (r < 0)
            return r;
        if (!present)
            *where = path;
        if (r == 1 && !present) { /* the first folder wins */
            *ret = UNIT_MASKED;
            return 0;
        }
        present = true;
    }
    r = systemd_wanted(g, unit, minor, where, err);
    if (r < 0)
        return r;
    *ret = r ? UNIT_ENABLED : present ? UNIT_DISABLED : UNIT_ABSENT;
    return 0;
}

/* S20sshd for "sshd" */
static bool starts_service(const char *link, const char *name)
{
    return link[0] == 'S' && isdigit((unsigned char)link[1]) &&
           isdigit((unsigned char)link[2]) && strcmp(link + 3, name) == 0;
}

static int sysv_state(struct guest *g, const char *name, bool minor, enum unit_state *ret,
                      const char **where, struct err *err)
{
    static const char *const dirs[] = {
        "/etc/rc3.d",      "/etc/rc2.d",      "/etc/rc5.d",        "/etc/rcS.d",
        "/etc/rc.d/rc3.d", "/etc/rc.d/rc5.d", "/etc/init.d/rc3.d", "/etc/init.d/boot.d",
    };
    const char *path = arena_printf(g->arena, "/etc/init.d/%s", name);
    int r = is_there(g, path, minor, err);

    if (r <= 0)
        return r;
    *ret = UNIT_DISABLED;
    *where = path;
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        struct tree_names names;

        r = guest_names(g, dirs[i], minor, &names, err);
        if (r < 0)
            return r;
        for (size_t j = 0; j < names.names.n; j++) {
            if (!starts_service(names.names.v[j], name))
                continue;
            *ret = UNIT_ENABLED;
            *where = arena_printf(g->arena, "%s/%s", dirs[i], names.names.v[j]);
            return 0;
        }
    }
    return 0;
}

static int upstart_state(struct guest *g, const char *name, bool minor,
                         enum unit_state *ret, const char **where, struct err *err)
{
    const char *path = arena_printf(g->arena, "/etc/init/%s.conf", name);
    AUTO(buf_fini) struct buf b = {0};
    int r = is_there(g, path, minor, err);

    if (r <= 0)
        return r;
    *ret = UNIT_ENABLED;
    *where = path;
    path = arena_printf(g->arena, "/etc/init/%s.override", name);
    r = guest_read(g, path, GUEST_TEXT_MAX, minor, &b, err);
    if (r == 1 && text_find(buf_bytes(&b), "manual") >= 0) {
        *ret = UNIT_DISABLED;
        *where = path;
    }
    return r;
}

static int openrc_state(struct guest *g, const char *name, bool minor,
                        enum unit_state *ret, const char **where, struct err *err)
{
    static const char *const levels[] = {"default", "boot", "sysinit"};

    for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
        const char *path =
            arena_printf(g->arena, "/etc/runlevels/%s/%s", levels[i], name);
        int r = is_there(g, path, minor, err);

        if (r < 0)
            return r;
        if (r == 1) {
            *ret = UNIT_ENABLED;
            *where = path;
            return 0;
        }
    }
    return 0;
}

typedef int state_fn(struct guest *g, const char *name, bool minor, enum unit_state *ret,
                     const char **where, struct err *err);

int unit_state(struct guest *g, const char *name, bool minor, enum unit_state *ret,
               const char **where, struct err *err)
{
    static state_fn *const others[] = {
        upstart_state,
        openrc_state,
        sysv_state,
    };
    const char *init = g->facts->os ? g->facts->os->init : "";
    const char *unit =
        strchr(name, '.') ? name : arena_printf(g->arena, "%s.service", name);
    enum unit_state state = UNIT_ABSENT;
    int r = 0;

    *ret = UNIT_ABSENT;
    *where = "";
    if (!*init || strcmp(init, "systemd") == 0)
        r = systemd_state(g, unit, minor, ret, where, err);
    /* systemd starts System V scripts too, where it has no unit of that name. */
    for (size_t i = 0; i < ARRAY_SIZE(others) && r >= 0 && *ret == UNIT_ABSENT; i++) {
        state = UNIT_ABSENT;
        r = others[i](g, name, minor, &state, where, err);
        *ret = state;
    }
    return r < 0 ? r : 0;
}

int unit_state_any(struct guest *g, const char *const *names, bool minor,
                   enum unit_state *ret, const char **where, struct err *err)
{
    *ret = UNIT_ABSENT;
    *where = "";
    for (; *names; names++) {
        enum unit_state state;
        const char *at;
        int r = unit_state(g, *names, minor, &state, &at, err);

        if (r < 0)
            return r;
        if (state > *ret) {
            *ret = state;
            *where = at;
        }
    }
    return 0;
}
