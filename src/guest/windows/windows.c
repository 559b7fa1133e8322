/* SPDX-License-Identifier: GPL-2.0-or-later */
/* windows.c: version, drivers and agent of a Windows system, out of its registry
 *
 * Key names as Microsoft documents them; CriticalDeviceDatabase binds devices up to 2008
 * R2, DriverDatabase (in SYSTEM, from Windows 10 on in a hive of its own) after that. */
#include <stdio.h>

#include "base/checked.h"
#include "guest/collect.h"
#include "guest/windows/hive.h"

enum { LINE = 16 << 10, LINES = 32, TEXT = 1024 };

/* A file of the guest as a block. */
struct file_block {
    struct block block;
    struct tree *tree;
    struct tree_node node;
};

static int file_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    struct file_block *f = CONTAINER_OF(b, struct file_block, block);

    return tree_pread(f->tree, &f->node, buf, n, off, err);
}

static void file_close(struct block *b)
{
    free(CONTAINER_OF(b, struct file_block, block));
}

static const struct block_driver file_driver = {
    .name = "guest file",
    .read = file_read,
    .close = file_close,
};

struct registry {
    struct block *file, *cache;
    struct hive hive;
};

static void registry_fini(struct registry *r)
{
    block_unref(r->cache);
    block_unref(r->file);
}

/* 1, 0 there is no such file, negative. */
static int open_registry(struct guest *g, const char *path, struct registry *ret,
                         struct err *err)
{
    struct file_block *f;
    struct tree_node node;
    int r = tree_find(&g->tree, path, &node, err);

    if (r <= 0)
        return r;
    f = calloc(1, sizeof *f);
    if (!f)
        return FAIL(err, ERR_NOMEM, "registry");
    f->tree = &g->tree;
    f->node = node;
    block_init(&f->block, &file_driver, node.st.size);
    ret->file = &f->block;
    r = block_cache_open(&ret->cache, ret->file, LINE, LINES, err);
    if (r == 0)
        r = hive_open(&ret->hive, ret->cache, err);
    if (r == 0)
        g->facts->windows->hives_stale |= ret->hive.dirty;
    return r < 0 ? r : 1;
}

static const char *text_of(struct guest *g, const char *s)
{
    return guest_text(g, bytes_of(s, strlen(s)));
}

/* "2012-R2" out of "Windows Server 2012 R2 Standard", "2008" out of "Windows Server (R)
 * 2008 Standard", "10" out of "Windows 10 Pro". */
static const char *version_of(struct guest *g, const char *product)
{
    const char *p = product + strcspn(product, "0123456789");
    size_t n = strspn(p, "0123456789.");

    return arena_printf(g->arena, "%.*s%s", (int)n, p,
                        strncmp(p + n, " R2", 3) == 0 ? "-R2" : "");
}

static int look_at_software(struct guest *g, struct err *err)
{
    AUTO(registry_fini) struct registry reg = {0};
    struct fact_windows *w = g->facts->windows;
    struct fact_os *os = g->facts->os;
    char product[TEXT], edition[TEXT], build[TEXT];
    uint32_t key;
    int r = open_registry(g, "/Windows/System32/config/SOFTWARE", &reg, err);

    if (r == 0)
        return FAIL(err, ERR_NOTFOUND, "no such file");
    if (r == 1)
        r = hive_find(&reg.hive, reg.hive.root, "Microsoft\\Windows NT\\CurrentVersion",
                      &key, err);
    if (r == 0)
        return FAIL(err, ERR_CORRUPT, "no key CurrentVersion");
    if (r == 1)
        r = hive_text(&reg.hive, key, "ProductName", product, sizeof product, err);
    if (r >= 0)
        r = hive_text(&reg.hive, key, "EditionID", edition, sizeof edition, err);
    if (r >= 0)
        r = hive_text(&reg.hive, key, "CurrentBuildNumber", build, sizeof build, err);
    if (r < 0)
        return r;
    w->product = os->name = text_of(g, product);
    w->edition = text_of(g, edition);
    w->build = text_of(g, build);
    os->version = version_of(g, w->product);
    os->source = "/Windows/System32/config/SOFTWARE";
    return 0;
}

/* ---- drivers */

struct device {
    const char *driver, *path;
    const char *ids[2]; /* how a name in the databases begins, behind the bus */
};

static const struct device devices[] = {
    {"viostor",
     "/Windows/System32/drivers/viostor.sys",
     {"ven_1af4&dev_1001", "ven_1af4&dev_1042"}},
    {"vioscsi",
     "/Windows/System32/drivers/vioscsi.sys",
     {"ven_1af4&dev_1004", "ven_1af4&dev_1048"}},
    {"netkvm",
     "/Windows/System32/drivers/netkvm.sys",
     {"ven_1af4&dev_1000", "ven_1af4&dev_1041"}},
};

static int is_bound(void *arg, struct hive *h, uint32_t key, const char *name,
                    struct err *err)
{
    const struct device *d = arg;
    size_t skip = strncasecmp(name, "pci#", 4) == 0 ? 4 : 0;

    (void)h, (void)key, (void)err;
    for (size_t i = 0; i < ARRAY_SIZE(d->ids); i++)
        if (strncasecmp(name + skip, d->ids[i], strlen(d->ids[i])) == 0)
            return 1;
    return 0;
}

/* 1: the database below `path` has the device. */
static int look_bound(struct hive *h, uint32_t from, const char *path,
                      const struct device *d, struct err *err)
{
    struct device copy = *d;
    uint32_t key;
    int r = hive_find(h, from, path, &key, err);

    return r == 1 ? hive_each(h, key, is_bound, &copy, err) : r;
}

static int look_at_driver(struct guest *g, struct hive *h, uint32_t set,
                          const struct device *d, struct fact_windows_driver *ret,
                          struct err *err)
{
    char path[64], text[TEXT];
    uint32_t key;
    int r = tree_has_file(&g->tree, d->path, err);

    ret->name = d->driver;
    ret->file = r == 1;
    ret->start = 4;
    snprintf(path, sizeof path, "Services\\%s", d->driver);
    if (r >= 0)
        r = hive_find(h, set, path, &key, err);
    if (r == 1) {
        ret->service = true;
        r = hive_number(h, key, "Start", &ret->start, err);
        if (r >= 0)
            r = hive_text(h, key, "ImagePath", text, sizeof text, err);
        if (r == 1)
            ret->image_path = text_of(g, text);
    }
    if (r >= 0)
        r = look_bound(h, set, "Control\\CriticalDeviceDatabase", d, err);
    if (r == 0)
        r = look_bound(h, h->root, "DriverDatabase\\DeviceIds\\PCI", d, err);
    ret->bound = r == 1;
    return r < 0 ? r : 0;
}

/* From Windows 10 on the driver database is a hive of its own. */
static int look_at_database(struct guest *g, struct err *err)
{
    AUTO(registry_fini) struct registry reg = {0};
    struct fact_windows *w = g->facts->windows;
    int r = open_registry(g, "/Windows/System32/config/DRIVERS", &reg, err);

    for (size_t i = 0; r == 1 && i < w->drivers.n; i++) {
        int bound = look_bound(&reg.hive, reg.hive.root, "DriverDatabase\\DeviceIds\\PCI",
                               &devices[i], err);

        if (bound < 0)
            return bound;
        w->drivers.v[i].bound |= bound == 1;
    }
    return r < 0 ? r : 0;
}

static int look_at_agent(struct guest *g, struct hive *h, uint32_t set, struct err *err)
{
    struct fact_windows *w = g->facts->windows;
    uint32_t key, start = 4;
    char text[TEXT];
    int r = hive_find(h, set, "Services\\cloudbase-init", &key, err);

    if (r <= 0)
        return r;
    r = hive_number(h, key, "Start", &start, err);
    if (r >= 0)
        r = hive_text(h, key, "ImagePath", text, sizeof text, err);
    if (r < 0)
        return r;
    w->agent_installed = true;
    w->agent_started = start == 2;
    w->agent_evidence =
        arena_printf(g->arena, "service cloudbase-init: %s", text_of(g, text));
    return 0;
}

static int look_at_machine(struct guest *g, struct hive *h, uint32_t set, struct err *err)
{
    static const char *const names[][2] = {
        {"AMD64", "x86_64"}, {"x86", "i386"}, {"ARM64", "arm64"}};
    char text[TEXT];
    uint32_t key;
    int r = hive_find(h, set, "Control\\Session Manager\\Environment", &key, err);

    if (r == 1)
        r = hive_text(h, key, "PROCESSOR_ARCHITECTURE", text, sizeof text, err);
    for (size_t i = 0; r == 1 && i < ARRAY_SIZE(names); i++)
        if (strcasecmp(text, names[i][0]) == 0)
            g->facts->os->arch = names[i][1];
    return r < 0 ? r : 0;
}

static int look_at_system(struct guest *g, struct err *err)
{
    AUTO(registry_fini) struct registry reg = {0};
    struct fact_windows *w = g->facts->windows;
    struct hive *h = &reg.hive;
    uint32_t key, set;
    char path[32];
    int r = open_registry(g, "/Windows/System32/config/SYSTEM", &reg, err);

    if (r == 0)
        return FAIL(err, ERR_NOTFOUND, "no such file");
    if (r == 1)
        r = hive_find(h, h->root, "Select", &key, err);
    if (r == 1)
        r = hive_number(h, key, "Current", &w->control_set, err);
    if (r >= 0) {
        snprintf(path, sizeof path, "ControlSet%03u", w->control_set);
        r = r ? hive_find(h, h->root, path, &set, err) : 0;
    }
    if (r == 0)
        return FAIL(err, ERR_CORRUPT, "no current control set");
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(devices); i++) {
        struct fact_windows_driver *d =
            FACT_ADD(g->arena, &w->drivers, fact_windows_driver);

        r = d ? look_at_driver(g, h, set, &devices[i], d, err)
              : arena_check(g->arena, err);
    }
    if (r >= 0)
        r = look_at_agent(g, h, set, err);
    if (r >= 0)
        r = look_at_machine(g, h, set, err);
    return r < 0 ? r : 0;
}

static int look_at_hibernation(struct guest *g, struct err *err)
{
    struct tree_node node;
    uint8_t head[4];
    int r = tree_find(&g->tree, "/hiberfil.sys", &node, err);

    if (r <= 0 || node.st.type != FS_REG || node.st.size < sizeof head)
        return r < 0 ? r : 0;
    r = tree_pread(&g->tree, &node, head, sizeof head, 0, err);
    if (r == 0)
        g->facts->windows->hibernated =
            memcmp(head, "hibr", 4) == 0 || memcmp(head, "HIBR", 4) == 0;
    return r;
}

int windows_facts(struct guest *g, struct err *err)
{
    static const struct {
        const char *subject;
        int (*look)(struct guest *g, struct err *err);
    } rows[] = {
        {"/Windows/System32/config/SOFTWARE", look_at_software},
        {"/Windows/System32/config/SYSTEM", look_at_system},
        {"/Windows/System32/config/DRIVERS", look_at_database},
        {"/hiberfil.sys", look_at_hibernation},
    };

    g->facts->windows = FACT_NEW(g->arena, fact_windows);
    g->facts->os = FACT_NEW(g->arena, fact_os);
    if (!g->facts->windows || !g->facts->os)
        return arena_check(g->arena, err);
    g->facts->os->type = g->facts->os->id = "windows";
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int r = rows[i].look(g, err);

        if (r < 0)
            r = guest_problem(g, "registry", rows[i].subject, false, err);
        if (r < 0)
            return r;
    }
    return 0;
}
