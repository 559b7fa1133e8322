/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules_windows_drivers.c: section N, what drives the disk and the network
 *
 * File, service and binding are one decision: of the drivers that the cloud takes, the
 * one that is nearest to working is judged, by the first thing that it lacks. */
#include "base/scoped.h"
#include "rules/judge.h"
#include "rules/remedy.h"

enum stage { NO_FILE, NO_SERVICE, NOT_BOUND, WORKS };

enum {
    START_BOOT = 0,
    START_DISABLED = 4,
    WINDOWS_8 = 9200,      /* the first build that trusts SHA-2 by itself */
    SHA2_DRIVER = 17300,   /* the last number of virtio-win 0.1.173's drivers */
    OLDEST_DRIVER = 18500, /* 0.1.185's */
};

static const struct fact_windows_driver *driver_named(const struct judge *j,
                                                      const char *name)
{
    const struct fact_windows *w = j->facts->windows;

    for (size_t i = 0; i < w->drivers.n; i++)
        if (same(w->drivers.v[i].name, name))
            return &w->drivers.v[i];
    return NULL;
}

static bool is_built_for(const struct judge *j, const struct fact_windows_driver *d)
{
    const char *arch = j->facts->os->arch;

    return !*d->machine || !*arch || same(d->machine, arch);
}

static enum stage stage_of(const struct judge *j, const struct fact_windows_driver *d,
                           bool disk)
{
    if (!d->file || !is_built_for(j, d))
        return NO_FILE;
    if (!d->service || (disk ? d->start != START_BOOT : d->start >= START_DISABLED) ||
        d->overridden)
        return NO_SERVICE;
    return d->bound ? WORKS : NOT_BOUND;
}

/* The best of the group; NULL when one of it was not looked at, or there is no group. */
static const struct fact_windows_driver *
best_of(struct judge *j, const profile_names *group, bool disk, enum stage *stage)
{
    const struct fact_windows_driver *best = NULL;

    for (size_t i = 0; i < group->n; i++) {
        const struct fact_windows_driver *d = driver_named(j, group->v[i]);
        enum stage s = d ? stage_of(j, d, disk) : NO_FILE;

        if (!d && best && *stage != WORKS)
            return NULL;
        if (!d)
            continue;
        if (!best || s > *stage) {
            best = d;
            *stage = s;
        }
    }
    for (size_t i = 0; i < group->n && best && *stage != WORKS; i++)
        if (!driver_named(j, group->v[i]))
            return NULL;
    return best;
}

static const char *file_detail(struct judge *j, const struct fact_windows_driver *d,
                               const profile_names *group)
{
    if (!d->file && d->service && *d->image_path)
        return TEXT(j, _("the service %s loads %s, which is not there"), d->name,
                    d->image_path);
    if (!d->file)
        return TEXT(j,
                    _("System32\\drivers has no driver for a virtio disk that the cloud "
                      "takes: %s"),
                    names_joined(j, group));
    if (same(d->machine, "none"))
        return TEXT(j, _("%s.sys is no program"), d->name);
    return TEXT(j, _("%s.sys is built for %s, and the system for %s"), d->name,
                d->machine, j->facts->os->arch);
}

static const char *service_detail(struct judge *j, const struct fact_windows_driver *d)
{
    if (!d->service)
        return TEXT(j, _("%s.sys is there, but control set %u has no service %s"),
                    d->name, j->facts->windows->control_set, d->name);
    if (d->overridden)
        return TEXT(j, _("StartOverride takes the start of the service %s back"),
                    d->name);
    return TEXT(j, _("the service %s has Start %u, and a disk's driver needs 0"), d->name,
                d->start);
}

static const char *install(struct judge *j)
{
    return remedy_lines(
        j,
        _("In Windows, as administrator, with the medium of virtio-win in D: (or attach "
          "a virtio disk once and let Windows install the driver):"),
        "D:\\virtio-win-guest-tools.exe /install /quiet /norestart", NULL);
}

static const char *set_start(struct judge *j, const struct fact_windows_driver *d)
{
    if (!d->service)
        return install(j);
    if (d->overridden)
        return remedy_lines(j, _("In Windows, as administrator:"),
                            TEXT(j,
                                 "reg delete HKLM\\SYSTEM\\CurrentControlSet\\Services\\"
                                 "%s\\StartOverride /f",
                                 d->name),
                            NULL);
    return remedy_lines(j, _("In Windows, as administrator:"),
                        TEXT(j, "sc config %s start= boot", d->name), NULL);
}

static const char *binding_place(const struct judge *j)
{
    const struct fact_windows *w = j->facts->windows;

    return version_less(w->build, "9200") ? "CriticalDeviceDatabase" : "DriverDatabase";
}

static void disk_finding(struct judge *j, const struct check *c, enum stage wanted)
{
    const profile_names *group = &j->policy->disk_drivers;
    enum stage stage = NO_FILE;
    const struct fact_windows_driver *d = best_of(j, group, true, &stage);

    if (!d || stage != wanted)
        return;
    switch (stage) {
    case NO_FILE:
        finding_add(j, c, LEVEL_ERROR, d->path, file_detail(j, d, group), install(j));
        break;
    case NO_SERVICE:
        finding_add(j, c, LEVEL_ERROR, TEXT(j, "Services\\%s", d->name),
                    service_detail(j, d), set_start(j, d));
        break;
    case NOT_BOUND:
        finding_add(j, c, LEVEL_ERROR, TEXT(j, "Services\\%s", d->name),
                    TEXT(j,
                         _("%s is installed, but nothing binds a virtio disk to it (%s, "
                           "Enum\\PCI)"),
                         d->name, binding_place(j)),
                    install(j));
        break;
    case WORKS:
        break;
    }
}

void rule_windows_driver_file(struct judge *j, const struct check *c)
{
    disk_finding(j, c, NO_FILE);
}

void rule_windows_driver_service(struct judge *j, const struct check *c)
{
    disk_finding(j, c, NO_SERVICE);
}

void rule_windows_driver_binding(struct judge *j, const struct check *c)
{
    disk_finding(j, c, NOT_BOUND);
}

void rule_windows_network_driver(struct judge *j, const struct check *c)
{
    const profile_names *group = &j->policy->network_drivers;
    enum stage stage = NO_FILE;
    const struct fact_windows_driver *d = best_of(j, group, false, &stage);

    if (!d || stage == WORKS)
        return;
    finding_add(
        j, c, LEVEL_WARNING, d->path,
        stage == NO_FILE ? TEXT(j, _("the network driver %s.sys is not there"), d->name)
        : stage == NO_SERVICE
            ? TEXT(j, _("the network driver %s has no service that starts"), d->name)
            : TEXT(j, _("nothing binds a virtio network card to %s"), d->name),
        install(j));
}

/* "100.93.104.24000" gives 24000: the number of virtio-win's release, times 100. */
static unsigned release_of(const char *version)
{
    const char *dot = strrchr(version, '.');
    unsigned n = 0;

    for (dot = dot ? dot + 1 : ""; *dot >= '0' && *dot <= '9' && n < 1000000; dot++)
        n = n * 10 + (unsigned)(*dot - '0');
    return n;
}

/* Of what the cloud takes. */
static bool is_wanted(const struct judge *j, const struct fact_windows_driver *d)
{
    return d->file && (names_have(&j->policy->disk_drivers, d->name) ||
                       names_have(&j->policy->network_drivers, d->name));
}

void rule_windows_driver_version(struct judge *j, const struct check *c)
{
    const struct fact_windows *w = j->facts->windows;
    bool old = *w->build && version_less(w->build, "9200");

    for (size_t i = 0; i < w->drivers.n; i++) {
        const struct fact_windows_driver *d = &w->drivers.v[i];
        unsigned release = release_of(d->version);

        if (!is_wanted(j, d) || release == 0)
            continue;
        if (old && release > SHA2_DRIVER && !*w->sha2)
            finding_add(j, c, LEVEL_WARNING, d->path,
                        TEXT(j,
                             _("version %s is signed by SHA-2 alone, which this Windows "
                               "does not trust without KB4474419 (or KB3033929 on 2008 "
                               "R2)"),
                             d->version),
                        _("Install the update, or the drivers of virtio-win 0.1.173 or "
                          "before."));
        else if (!old && *w->build && release < OLDEST_DRIVER)
            finding_add(
                j, c, LEVEL_WARNING, d->path,
                TEXT(j, _("version %s is older than virtio-win 0.1.185"), d->version),
                install(j));
    }
}

void rule_windows_driver_mode(struct judge *j, const struct check *c)
{
    const struct fact_windows *w = j->facts->windows;

    for (size_t i = 0; i < w->drivers.n; i++)
        if (is_wanted(j, &w->drivers.v[i]) && w->drivers.v[i].read_only)
            finding_add(j, c, LEVEL_WARNING, w->drivers.v[i].path,
                        _("the driver's file is read-only: no update replaces it"),
                        remedy_lines(j, _("In Windows, as administrator:"),
                                     TEXT(j,
                                          "attrib -r %%SystemRoot%%\\System32\\drivers\\"
                                          "%s.sys",
                                          w->drivers.v[i].name),
                                     NULL));
}

/* ---- N19 to N21: what keeps a driver from its device */

static bool is_own_filter(const char *name)
{
    return strcasecmp(name, "partmgr") == 0;
}

void rule_windows_filters(struct judge *j, const struct check *c)
{
    static const char key[] = "Control\\Class\\{4d36e967-e325-11ce-bfc1-08002be10318}";
    const struct fact_windows *w = j->facts->windows;

    for (size_t i = 0; i < w->filters.n; i++) {
        const struct fact_windows_filter *f = &w->filters.v[i];

        if (is_own_filter(f->name) || (f->service && f->file))
            continue;
        finding_add(j, c, LEVEL_ERROR, key,
                    TEXT(j,
                         f->service ? _("UpperFilters names %s, whose driver is not "
                                        "there: no disk starts with it")
                                    : _("UpperFilters names %s, which has no service "
                                        "that starts: no disk starts with it"),
                         f->name),
                    remedy_lines(j,
                                 TEXT(j,
                                      _("Remove the word %s from UpperFilters of this "
                                        "key:"),
                                      f->name),
                                 TEXT(j, "HKLM\\SYSTEM\\CurrentControlSet\\%s", key),
                                 NULL));
    }
}

void rule_windows_tools(struct judge *j, const struct check *c)
{
    const struct fact_windows *w = j->facts->windows;

    for (size_t i = 0; i < w->tools.n; i++) {
        const struct fact_residue *t = &w->tools.v[i];

        if (same(t->kind, "hide-devices"))
            finding_add(j, c, LEVEL_WARNING, t->path,
                        _("the Xen drivers hide devices of the new machine"),
                        _("Uninstall the Xen drivers in Windows."));
        else
            finding_add(j, c, LEVEL_WARNING, t->path,
                        TEXT(j, _("tools of another hypervisor are left: %s"), t->kind),
                        _("Uninstall the tools in Windows."));
    }
}

void rule_windows_install_blocked(struct judge *j, const struct check *c)
{
    const char *where = j->facts->windows->install_blocked;

    if (*where)
        finding_add(j, c, LEVEL_WARNING, where,
                    _("a policy forbids new devices: those of the new machine get no "
                      "driver"),
                    _("Take the policy back before the machine is exported."));
}
