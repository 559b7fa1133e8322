/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policies.c: setup, sleep, remote desktop, network and the like */
#include <stdio.h>
#include <strings.h>

#include "base/scoped.h"
#include "guest/windows/windows.h"

enum {
    STATE_MAX = 64 << 10, /* bytes of State.ini */
    INTERFACES_MAX = 32,
};

/* ---- setup */

/* State.ini is UTF-16 with a mark, or ASCII. */
static const char *image_state(struct guest *g, struct bytes b)
{
    static const char word[] = "ImageState=";
    char text[4096];
    struct bytes line;

    if (b.n >= 2 && b.p[0] == 0xff && b.p[1] == 0xfe) {
        text_utf16le(text, sizeof text, bytes_sub(b, 2, b.n - 2));
        b = bytes_of(text, strlen(text));
    }
    while (text_next_line(&b, &line)) {
        line = text_trim(line);
        if (text_starts(line, word))
            return guest_text(
                g, bytes_sub(line, sizeof word - 1, line.n - (sizeof word - 1)));
    }
    return "";
}

static int look_at_setup(struct windows *w, struct err *err)
{
    AUTO(buf_fini) struct buf b = {.max = STATE_MAX};
    uint32_t running = 0;
    int r = 0;

    if (w->has_software)
        r = registry_value(w->g, &w->software.hive, w->software.hive.root,
                           "Microsoft\\Windows\\CurrentVersion\\Setup\\State",
                           "ImageState", &w->facts->image_state, err);
    if (r == 0 && *w->facts->image_state == '\0') {
        r = tree_read(&w->g->tree, "/Windows/Setup/State/State.ini", &b, err);
        if (r == 1)
            w->facts->image_state = image_state(w->g, buf_bytes(&b));
    }
    if (r >= 0 && w->has_system)
        r = registry_number(&w->system.hive, w->system.hive.root, "Setup",
                            "SystemSetupInProgress", &running, err);
    w->facts->setup_running = running != 0;
    return r < 0 ? r : 0;
}

/* ---- values of the control set */

static const char *san_name(uint32_t policy)
{
    static const char *const names[] = {"", "online-all", "offline-shared", "offline-all",
                                        "offline-internal"};

    return policy < ARRAY_SIZE(names) ? names[policy] : "";
}

static int look_at_pagefiles(struct windows *w, struct err *err)
{
    AUTO(buf_fini) struct buf data = {.max = HIVE_VALUE_MAX};
    struct hive *h = &w->system.hive;
    char text[GUEST_STRING_MAX];
    struct bytes rest;
    uint32_t key, type;
    int r =
        hive_find(h, w->set, "Control\\Session Manager\\Memory Management", &key, err);

    if (r == 1)
        r = hive_value(h, key, "PagingFiles", &type, &data, err);
    if (r <= 0)
        return r;
    rest = buf_bytes(&data);
    while (w->facts->pagefiles.n < WINDOWS_LIST_MAX &&
           hive_next_text(&rest, text, sizeof text))
        windows_add(w, &w->facts->pagefiles, registry_text(w->g, text));
    return 0;
}

static int look_at_control_set(struct windows *w, struct err *err)
{
    struct fact_windows *f = w->facts;
    struct hive *h = &w->system.hive;
    uint32_t n = 0;
    int r = registry_number(h, w->set, "Control\\Terminal Server", "fDenyTSConnections",
                            &n, err);

    if (r == 1)
        f->rdp = n ? "denied" : "allowed";
    if (r >= 0)
        r = registry_number(h, w->set, "Services\\partmgr\\Parameters", "SanPolicy", &n,
                            err);
    if (r == 1)
        f->san_policy = san_name(n);
    if (r >= 0)
        r = registry_number(h, w->set, "Services\\PlugPlay\\Parameters",
                            "DeviceInstallDisabled", &n, err);
    if (r == 1 && n)
        f->install_blocked =
            "SYSTEM: Services\\PlugPlay\\Parameters\\DeviceInstallDisabled";
    n = 0;
    if (r >= 0)
        r = registry_number(h, w->set, "Control\\Session Manager\\Power",
                            "HiberbootEnabled", &n, err);
    f->fast_startup = n == 1;
    return r < 0 ? r : look_at_pagefiles(w, err);
}

static int look_at_restrictions(struct windows *w, struct err *err)
{
    static const char *const names[] = {"DenyUnspecified", "DenyAll"};
    struct hive *h = &w->software.hive;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        uint32_t n = 0;
        int r = registry_number(
            h, h->root, "Policies\\Microsoft\\Windows\\DeviceInstall\\Restrictions",
            names[i], &n, err);

        if (r < 0)
            return r;
        if (n)
            w->facts->install_blocked =
                arena_printf(w->g->arena,
                             "SOFTWARE: Policies\\Microsoft\\Windows\\DeviceInstall\\"
                             "Restrictions\\%s",
                             names[i]);
    }
    return 0;
}

int windows_policies(struct windows *w, struct err *err)
{
    int r = look_at_setup(w, err);

    if (r == 0 && w->has_system)
        r = look_at_control_set(w, err);
    if (r == 0 && w->has_software)
        r = look_at_restrictions(w, err);
    return r;
}

/* ---- network */

/* One that was never set up has neither a lease nor an address. */
static int look_at_interface(void *arg, struct hive *h, uint32_t key, const char *name,
                             struct err *err)
{
    struct windows *w = arg;
    struct fact_interface *f;
    const char *address = "";
    uint32_t dhcp = 0;
    int r = hive_number(h, key, "EnableDHCP", &dhcp, err);

    if (r >= 0)
        r = registry_value(w->g, h, key, "", "IPAddress", &address, err);
    if (r < 0 || w->facts->interfaces.n >= INTERFACES_MAX)
        return r < 0 ? r : 0;
    if (!dhcp && (*address == '\0' || strcmp(address, "0.0.0.0") == 0))
        return 0;
    f = FACT_ADD(w->g->arena, &w->facts->interfaces, fact_interface);
    if (!f)
        return arena_check(w->g->arena, err);
    f->name = registry_text(w->g, name);
    f->method = dhcp ? "dhcp" : "static";
    f->file = "SYSTEM: Services\\Tcpip\\Parameters\\Interfaces";
    return 0;
}

int windows_network(struct windows *w, struct err *err)
{
    struct hive *h = &w->system.hive;
    uint32_t key;
    int r = hive_find(h, w->set, "Services\\Tcpip\\Parameters\\Interfaces", &key, err);

    return r == 1 ? hive_each(h, key, look_at_interface, w, err) : r;
}

/* ---- sleep */

/* After a resume the file begins otherwise. */
int windows_sleep(struct windows *w, struct err *err)
{
    static const char *const marks[] = {"hibr", "HIBR", "rstr", "RSTR"};
    struct tree_node node;
    char head[5] = "";
    int r = tree_find(&w->g->tree, "/hiberfil.sys", &node, err);

    if (r <= 0 || node.st.type != FS_REG || node.st.size < 4)
        return r < 0 ? r : 0;
    r = tree_pread(&w->g->tree, &node, head, 4, 0, err);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(marks); i++)
        if (memcmp(head, marks[i], 4) == 0)
            w->facts->hibernated =
                arena_printf(w->g->arena, "/hiberfil.sys begins with %s", marks[i]);
    return r;
}
