/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules_kernel.c: section L, the kernels and the drivers that find the root
 *
 * The kernel that starts by default is judged; what others lack is a note. */
#include "base/scoped.h"
#include "rules/judge.h"
#include "rules/remedy.h"

static const char *image_of(const struct fact_kernel *k)
{
    return k->image[0] ? k->image : k->version;
}

void rule_kernel_own(struct judge *j, const struct check *c)
{
    const struct fact_kernel *k = kernel_default(j->facts);

    if (!k || k->distribution)
        return;
    finding_add(j, c, LEVEL_WARNING, image_of(k),
                TEXT(j, _("the default kernel %s is not one of the distribution's own"),
                     k->version),
                remedy_kernel(j));
}

void rule_kernel_xen(struct judge *j, const struct check *c)
{
    const struct fact_boot *b = j->facts->boot;

    if (b && b->hypervisor[0])
        finding_add(
            j, c, LEVEL_WARNING, b->config,
            TEXT(j, _("the default boot entry \"%s\" starts the hypervisor %s first"),
                 b->entry, b->hypervisor),
            remedy_lines(j, _("Let an entry without it start by default, then:"),
                         remedy_loader_config(j), NULL));
    for (size_t i = 0; i < j->facts->kernels.n; i++) {
        const struct fact_kernel *k = &j->facts->kernels.v[i];

        if (k->xen_only)
            finding_add(
                j, c, k->is_default ? LEVEL_ERROR : LEVEL_NOTE, image_of(k),
                TEXT(j, _("the kernel %s starts as a Xen guest only"), k->version),
                remedy_kernel(j));
    }
}

/* ---- L05 to L07: one decision */

enum state { /* from the best to the worst */
             STATE_BUILTIN,
             STATE_INITRAMFS,
             STATE_UNKNOWN,
             STATE_MODULE,
             STATE_ABSENT,
};

static enum state state_of(const char *s)
{
    return same(s, "builtin")     ? STATE_BUILTIN
           : same(s, "initramfs") ? STATE_INITRAMFS
           : same(s, "module")    ? STATE_MODULE
           : same(s, "absent")    ? STATE_ABSENT
                                  : STATE_UNKNOWN;
}

/* The best state of a group, of which one driver is enough. */
static enum state group_state(const struct fact_kernel *k, const profile_names *group)
{
    enum state best = STATE_ABSENT;

    for (size_t i = 0; i < group->n; i++) {
        enum state s = state_of(driver_state(&k->drivers, group->v[i]));

        if (s < best)
            best = s;
    }
    return group->n ? best : STATE_BUILTIN;
}

/* "virtio_blk/virtio_scsi": one is enough. */
static const char *group_text(struct judge *j, const profile_names *group)
{
    const char *all = "";

    for (size_t i = 0; i < group->n; i++)
        all = TEXT(j, "%s%s%s", all, i ? "/" : "", group->v[i]);
    return all;
}

/* "virtio_blk virtio_net virtio_pci": what an initramfs of this profile should hold. */
static const char *wanted_drivers(struct judge *j)
{
    const struct policy *p = j->policy;
    const profile_names *groups[] = {&p->disk_drivers, &p->network_drivers,
                                     &p->bus_drivers};
    const char *all = "";

    for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
        if (groups[i]->n)
            all = TEXT(j, "%s%s%s", all, all[0] ? " " : "", groups[i]->v[0]);
    return all;
}

/* Which check speaks of a driver in this state. */
static const char *state_check(const struct fact_kernel *k, enum state s)
{
    switch (s) {
    case STATE_MODULE:
        return "L07";
    case STATE_ABSENT:
        return k->modules[0] ? "L05" : "L06";
    default:
        return "";
    }
}

static const char *initramfs_evidence(struct judge *j, const struct fact_kernel *k,
                                      const char *driver)
{
    if (k->initramfs[0] == '\0')
        return TEXT(j,
                    _("the kernel %s has %s as a module in %s, but starts without an "
                      "initramfs"),
                    k->version, driver, k->modules);
    return TEXT(j,
                _("the kernel %s has %s as a module in %s, but its initramfs %s "
                  "does not hold it"),
                k->version, driver, k->modules, k->initramfs);
}

/* Whether the default kernel has a driver could not be seen. */
static void driver_unclear(struct judge *j, const struct fact_kernel *k,
                           const char *driver)
{
    if (k->is_default)
        judge_unclear(j, "initramfs", "unsupported", k->initramfs,
                      TEXT(j, "whether %s is there was not seen", driver));
}

/* One finding for all virtio drivers of a kernel that are in the state of this check. */
static void judge_virtio(struct judge *j, const struct check *c,
                         const struct fact_kernel *k)
{
    const struct policy *p = j->policy;
    const struct {
        const profile_names *names;
        bool finds_root;
    } groups[] = {
        {&p->disk_drivers, true},
        {&p->bus_drivers, true},
        {&p->network_drivers, false},
    };
    bool module = same(c->row.id, "L07"), fatal = false;
    enum finding_level level = k->is_default ? LEVEL_ERROR : LEVEL_NOTE;
    const char *lacking = "", *detail;

    for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
        enum state s = group_state(k, groups[i].names);
        const char *names = group_text(j, groups[i].names);

        if (s == STATE_UNKNOWN)
            driver_unclear(j, k, names);
        if (!same(c->row.id, state_check(k, s)))
            continue;
        lacking = TEXT(j, "%s%s%s", lacking, lacking[0] ? ", " : "", names);
        fatal |= groups[i].finds_root || !module;
    }
    if (lacking[0] == '\0')
        return;
    if (!fatal && level == LEVEL_ERROR)
        level = LEVEL_WARNING;
    if (module)
        detail = initramfs_evidence(j, k, lacking);
    else if (same(c->row.id, "L05"))
        detail = TEXT(j,
                      _("the kernel %s has no %s, neither built in nor as a module "
                        "(looked at %s and %s)"),
                      k->version, lacking, k->config[0] ? k->config : "-",
                      k->modules[0] ? k->modules : "-");
    else
        detail = TEXT(j,
                      _("the kernel %s has neither its modules in /lib/modules nor %s "
                        "built in"),
                      k->version, lacking);
    finding_add(j, c, level, module && k->initramfs[0] ? k->initramfs : image_of(k),
                detail,
                module ? remedy_initramfs(j, k, wanted_drivers(j)) : remedy_kernel(j));
}

/* What the root needs beside virtio has the code of a root that is not found. */
static void judge_root_driver(struct judge *j, const struct check *c,
                              const struct fact_kernel *k, const char *state,
                              const char *what)
{
    enum state s = state_of(state);
    const char *detail;

    if (state[0] && s == STATE_UNKNOWN)
        driver_unclear(j, k, what);
    if (!same(c->row.id, "L07") || (s != STATE_MODULE && s != STATE_ABSENT))
        return;
    detail = s == STATE_ABSENT
                 ? TEXT(j, _("the kernel %s has no driver for %s"), k->version, what)
                 : TEXT(j,
                        _("the initramfs of the kernel %s does not hold the driver for "
                          "%s"),
                        k->version, what);
    finding_add_code(j, c, k->is_default ? LEVEL_ERROR : LEVEL_NOTE,
                     ANSWER_ROOT_PARTITION_NOT_FOUND,
                     k->initramfs[0] ? k->initramfs : image_of(k), detail,
                     remedy_initramfs(j, k, wanted_drivers(j)));
}

void rule_drivers(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;

    for (size_t i = 0; i < f->kernels.n; i++) {
        const struct fact_kernel *k = &f->kernels.v[i];

        judge_virtio(j, c, k);
        judge_root_driver(j, c, k, k->drivers.root_fs,
                          TEXT(j, _("the root's filesystem (%s)"), f->root->filesystem));
        judge_root_driver(j, c, k, k->drivers.dm, _("the root's logical volume"));
    }
}

static bool is_wanted(const struct judge *j, const char *module)
{
    const struct policy *p = j->policy;

    return names_have(&p->disk_drivers, module) || names_have(&p->bus_drivers, module) ||
           names_have(&p->network_drivers, module);
}

/* Its lack is worth a warning (L09), so is its being blocked. */
static bool is_welcome(const struct judge *j, const char *module)
{
    return names_have(&j->policy->more_drivers, module) ||
           names_have(&j->policy->module_drivers, module);
}

void rule_drivers_blocked(struct judge *j, const struct check *c)
{
    const struct fact_kernel *k = kernel_default(j->facts);
    const struct fact_linux *l = j->facts->linux_;

    for (size_t i = 0; l && i < l->blocked.n; i++) {
        const struct fact_blocked *b = &l->blocked.v[i];

        if (!is_wanted(j, b->module) && !is_welcome(j, b->module))
            continue;
        if (k && same(driver_state(&k->drivers, b->module), "builtin"))
            continue; /* what is built in cannot be kept from loading */
        finding_add(j, c, is_wanted(j, b->module) ? LEVEL_ERROR : LEVEL_WARNING, b->where,
                    TEXT(j, _("the driver %s is kept from being loaded"), b->module),
                    remedy_lines(j, _("Remove the line or word that names it, then:"),
                                 k ? remedy_initramfs(j, k, wanted_drivers(j)) : "",
                                 NULL));
    }
}

static void judge_more(struct judge *j, const struct check *c,
                       const struct fact_kernel *k, const char *driver, bool in_initramfs)
{
    enum state s = state_of(driver_state(&k->drivers, driver));

    if (s == STATE_MODULE && in_initramfs)
        finding_add(j, c, LEVEL_WARNING, image_of(k), initramfs_evidence(j, k, driver),
                    remedy_initramfs(j, k, driver));
    else if (s == STATE_ABSENT)
        finding_add(j, c, LEVEL_WARNING, image_of(k),
                    TEXT(j, _("the kernel %s has no %s"), k->version, driver),
                    remedy_kernel(j));
}

void rule_drivers_more(struct judge *j, const struct check *c)
{
    const struct fact_kernel *k = kernel_default(j->facts);
    const struct policy *p = j->policy;

    for (size_t i = 0; k && i < p->more_drivers.n; i++)
        judge_more(j, c, k, p->more_drivers.v[i], true);
    for (size_t i = 0; k && i < p->module_drivers.n; i++)
        judge_more(j, c, k, p->module_drivers.v[i], false);
}
