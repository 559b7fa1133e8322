/* SPDX-License-Identifier: GPL-2.0-or-later */
/* version.c: which Windows it is, and for which processor */
#include <stdio.h>
#include <strings.h>

#include "base/scoped.h"
#include "guest/pe.h"
#include "guest/windows/windows.h"

const char *windows_version_name(struct arena *a, uint32_t build, bool server,
                                 const char *product)
{
    static const struct {
        uint32_t first, last;
        const char *server, *client;
    } rows[] = {
        {2600, 2600, "", "XP"},         {3790, 3790, "2003", "XP"},
        {6000, 6000, "", "Vista"},      {6001, 6003, "2008", "Vista"},
        {7600, 7601, "2008-R2", "7"},   {9200, 9200, "2012", "8"},
        {9600, 9600, "2012-R2", "8.1"}, {14393, 14393, "2016", "10"},
        {17763, 17763, "2019", "10"},   {20348, 20348, "2022", ""},
        {26100, 26100, "2025", "11"},   {10240, 21999, "", "10"},
        {22000, 26099, "", "11"},
    };
    const char *p = product + strcspn(product, "0123456789");
    size_t n = strspn(p, "0123456789.");

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *name = server ? rows[i].server : rows[i].client;

        if (build >= rows[i].first && build <= rows[i].last && *name)
            return name;
    }
    return arena_printf(a, "%.*s%s", (int)n, p,
                        strncmp(p + n, " R2", 3) == 0 ? "-R2" : "");
}

static const char *licence_of(const char *edition, const char *id)
{
    size_t n = strlen(edition);

    if (n > 4 && strcasecmp(edition + n - 4, "Eval") == 0)
        return "evaluation";
    return strstr(id, "OEM") ? "oem" : "";
}

static bool is_server(const struct fact_windows *f)
{
    if (*f->install) /* "Server", "Server Core", "Client", "Nano Server" */
        return strstr(f->install, "Server") != NULL;
    return strstr(f->product, "Server") != NULL;
}

int windows_version(struct windows *w, struct err *err)
{
    static const char at[] = "Microsoft\\Windows NT\\CurrentVersion";
    struct fact_windows *f = w->facts;
    struct fact_os *os = w->g->facts->os;
    struct hive *h = &w->software.hive;
    const char *id, *old_release = "";
    const struct {
        const char *name, **text;
    } rows[] = {
        {"ProductName", &f->product},
        {"EditionID", &f->edition},
        {"CurrentVersion", &f->kernel},
        {"CSDVersion", &f->service_pack},
        {"CurrentBuildNumber", &f->build},
        {"InstallationType", &f->install},
        {"DisplayVersion", &f->release},
        {"ReleaseId", &old_release},
        {"ProductId", &id},
    };
    uint32_t key, major, minor = 0;
    int r = hive_find(h, h->root, at, &key, err);

    if (r == 0)
        return FAIL(err, ERR_CORRUPT, "hive: no key %s", at);
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(rows); i++)
        r = registry_value(w->g, h, key, "", rows[i].name, rows[i].text, err);
    if (r < 0)
        return r;
    if (*f->product == '\0')
        return FAIL(err, ERR_CORRUPT, "hive: no ProductName in %s", at);
    /* 6.3 is what Windows 10 and later call themselves there. */
    r = registry_number(h, key, "", "CurrentMajorVersionNumber", &major, err);
    if (r == 1)
        r = registry_number(h, key, "", "CurrentMinorVersionNumber", &minor, err);
    if (r == 1)
        f->kernel = arena_printf(w->g->arena, "%u.%u", major, minor);
    if (r >= 0)
        r = registry_number(h, key, "", "UBR", &f->revision, err);
    if (r < 0)
        return r;
    if (*f->release == '\0')
        f->release = old_release;
    f->licence = licence_of(f->edition, id);
    for (const char *p = f->build; *p >= '0' && *p <= '9' && w->build < 1000000; p++)
        w->build = w->build * 10 + (uint32_t)(*p - '0');
    os->name = f->product;
    os->version = windows_version_name(w->g->arena, w->build, is_server(f), f->product);
    os->source = "/Windows/System32/config/SOFTWARE";
    return 0;
}

/* The registry's word, when the kernel itself cannot be asked. */
static int machine_by_registry(struct windows *w, const char **ret, struct err *err)
{
    static const char *const names[][2] = {
        {"AMD64", "x86_64"}, {"x86", "i386"}, {"ARM64", "arm64"}, {"IA64", "ia64"}};
    const char *text = "";
    int r = w->has_system ? registry_value(w->g, &w->system.hive, w->set,
                                           "Control\\Session Manager\\Environment",
                                           "PROCESSOR_ARCHITECTURE", &text, err)
                          : 0;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcasecmp(text, names[i][0]) == 0)
            *ret = names[i][1];
    return r;
}

int windows_machine(struct windows *w, struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL;
    struct fact_os *os = w->g->facts->os;
    struct tree_node node;
    struct pe pe;
    int r = machine_by_registry(w, &os->arch, err);

    if (r == 0)
        r = tree_find(&w->g->tree, "/Windows/System32/ntoskrnl.exe", &node, err);
    if (r <= 0 || node.st.type != FS_REG)
        return r < 0 ? r : 0;
    r = registry_file(&file, &w->g->tree, &node, err);
    if (r == 0)
        r = pe_read(&pe, file, err);
    if (r < 0)
        return r;
    os->arch = pe.machine;
    return 0;
}
