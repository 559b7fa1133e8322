/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drivers.c: the virtio drivers, their services, and what binds a device to them
 *
 * Up to 2008 R2 a disk is bound before anything is installed by CriticalDeviceDatabase in
 * the control set; from 2012 on by DriverDatabase, which lies in SYSTEM, and from Windows
 * 10 on in a hive of its own.  A device that was there once is bound below Enum. */
#include <stdio.h>
#include <strings.h>

#include "base/scoped.h"
#include "guest/pe.h"
#include "guest/windows/windows.h"

enum { IDS = 2 };

struct device {
    const char *driver, *path;
    const char *ids[IDS]; /* how names of virtio 0.9 and 1.0 devices begin */
};

static const struct device devices[] = {
    {"viostor",
     "/Windows/System32/drivers/viostor.sys",
     {"VEN_1AF4&DEV_1001", "VEN_1AF4&DEV_1042"}},
    {"vioscsi",
     "/Windows/System32/drivers/vioscsi.sys",
     {"VEN_1AF4&DEV_1004", "VEN_1AF4&DEV_1048"}},
    {"netkvm",
     "/Windows/System32/drivers/netkvm.sys",
     {"VEN_1AF4&DEV_1000", "VEN_1AF4&DEV_1041"}},
};

struct look {
    struct windows *w;
    const struct device *device;
    struct fact_windows_driver *ret;
    const char *where; /* which database */
};

static int bind(struct look *l, const char *name)
{
    l->ret->bound = true;
    l->ret->binding =
        arena_printf(l->w->g->arena, "%s: %s", l->where, registry_text(l->w->g, name));
    return 1;
}

/* A key that is there, and names the driver as its service. */
static int names_service(struct look *l, struct hive *h, uint32_t key, struct err *err)
{
    char text[256];
    int r = hive_text(h, key, "Service", text, sizeof text, err);

    return r == 1 ? strcasecmp(text, l->device->driver) == 0 : r;
}

static int critical(void *arg, struct hive *h, uint32_t key, const char *name,
                    struct err *err)
{
    struct look *l = arg;
    int r = names_service(l, h, key, err);

    return r == 1 ? bind(l, name) : r;
}

/* The names of the values are those of the INF files that know the device. */
static int any_value(void *arg, const char *name, uint32_t type, struct err *err)
{
    (void)arg, (void)type, (void)err;
    return *name != '\0';
}

static int database(void *arg, struct hive *h, uint32_t key, const char *name,
                    struct err *err)
{
    int r = hive_each_value(h, key, any_value, NULL, err);

    return r == 1 ? bind(arg, name) : r;
}

static int instance(void *arg, struct hive *h, uint32_t key, const char *name,
                    struct err *err)
{
    (void)name;
    return names_service(arg, h, key, err);
}

static int enumerated(void *arg, struct hive *h, uint32_t key, const char *name,
                      struct err *err)
{
    int r = hive_each(h, key, instance, arg, err);

    return r == 1 ? bind(arg, name) : r;
}

/* 1: a key below `path`, beginning as the device's names do, binds it. */
static int look_below(struct look *l, struct hive *h, uint32_t from, const char *path,
                      const char *bus, hive_key_fn *fn, struct err *err)
{
    uint32_t key;
    int r = hive_find(h, from, path, &key, err);

    if (r <= 0)
        return r;
    r = 0;
    for (size_t i = 0; i < IDS && r == 0; i++) {
        char prefix[64];

        snprintf(prefix, sizeof prefix, "%s%s", bus, l->device->ids[i]);
        r = hive_each_from(h, key, prefix, fn, l, err);
    }
    return r;
}

static int look_at_binding(struct look *l, struct err *err)
{
    struct windows *w = l->w;
    struct hive *h = &w->system.hive;
    int r = 0;

    if (w->build < WINDOWS_8) {
        l->where = "CriticalDeviceDatabase";
        r = look_below(l, h, w->set, "Control\\CriticalDeviceDatabase", "PCI#", critical,
                       err);
    }
    if (r == 0 && (w->build >= WINDOWS_8 || w->build == 0)) {
        l->where = "DriverDatabase";
        r = look_below(l, h, h->root, "DriverDatabase\\DeviceIds\\PCI", "", database,
                       err);
        if (r == 0 && w->has_drivers)
            r = look_below(l, &w->drivers.hive, w->drivers.hive.root,
                           "DriverDatabase\\DeviceIds\\PCI", "", database, err);
    }
    if (r == 0) {
        l->where = "Enum\\PCI";
        r = look_below(l, h, w->set, "Enum\\PCI", "", enumerated, err);
    }
    return r < 0 ? r : 0;
}

/* From Windows 8 on the value "0" of this key is in force in place of Start. */
static int look_at_override(struct look *l, uint32_t service, struct err *err)
{
    uint32_t start = 0;
    int r =
        registry_number(&l->w->system.hive, service, "StartOverride", "0", &start, err);

    if (r == 1)
        l->ret->overridden = start > l->ret->start;
    return r;
}

static int look_at_service(struct look *l, struct err *err)
{
    struct hive *h = &l->w->system.hive;
    char path[64];
    uint32_t key;
    int r;

    snprintf(path, sizeof path, "Services\\%s", l->device->driver);
    r = hive_find(h, l->w->set, path, &key, err);
    if (r <= 0)
        return r;
    l->ret->service = true;
    r = hive_number(h, key, "Start", &l->ret->start, err);
    if (r >= 0)
        r = registry_value(l->w->g, h, key, "", "ImagePath", &l->ret->image_path, err);
    if (r < 0)
        return r;
    if (*l->ret->image_path)
        l->ret->path = registry_path(l->w->g, l->ret->image_path);
    return look_at_override(l, key, err);
}

/* What the file says of itself.  When it cannot be read, it is there all the same. */
static int look_at_program(struct look *l, const struct tree_node *node, struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL;
    struct guest *g = l->w->g;
    struct pe pe;
    int r = registry_file(&file, &g->tree, node, err);

    if (r == 0)
        r = pe_read(&pe, file, err);
    if (r == 0) {
        l->ret->machine = pe.machine;
        l->ret->version = arena_str(g->arena, pe.version);
    } else if (r == -ERR_CORRUPT && !guest_is_fatal(g, r) &&
               strstr(err->msg, "program")) {
        err_clear(err);
        l->ret->machine = "none";
        return 0;
    }
    return r < 0 && !guest_is_fatal(g, r)
               ? guest_problem(g, "guest", l->ret->path, true, err)
               : r;
}

static int look_at_file(struct look *l, struct err *err)
{
    struct tree_node node;
    int r = *l->ret->path ? tree_find(&l->w->g->tree, l->ret->path, &node, err) : 0;

    if (r <= 0 || node.st.type != FS_REG)
        return r < 0 ? r : 0;
    l->ret->file = true;
    l->ret->read_only = !(node.st.mode & 0222);
    return look_at_program(l, &node, err);
}

int windows_drivers(struct windows *w, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(devices); i++) {
        struct look l = {.w = w, .device = &devices[i]};

        l.ret = FACT_ADD(w->g->arena, &w->facts->drivers, fact_windows_driver);
        if (!l.ret)
            return arena_check(w->g->arena, err);
        l.ret->name = devices[i].driver;
        l.ret->path = devices[i].path;
        l.ret->start = 4;
        r = look_at_service(&l, err);
        if (r >= 0)
            r = look_at_file(&l, err);
        if (r >= 0)
            r = look_at_binding(&l, err);
        if (r < 0)
            w->facts->drivers.n--; /* half of it would look like "not there" */
    }
    return r < 0 ? r : 0;
}
