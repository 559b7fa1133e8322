/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules_linux.c: section L, the system itself and how it starts */
#include "base/scoped.h"
#include "rules/judge.h"
#include "rules/remedy.h"

/* ---- L01, L02, L25: which system */

static const char *listed_names(struct judge *j)
{
    const char *all = "";

    for (size_t i = 0; i < j->profile->systems.n; i++) {
        const struct profile_system *s = &j->profile->systems.v[i];

        all = TEXT(j, "%s%s%s", all, i ? ", " : "", s->name);
        if (s->editions.n)
            all = TEXT(j, "%s (%s)", all, names_joined(j, &s->editions));
    }
    return all;
}

static bool is_listed_name(const struct judge *j, const char *name)
{
    for (size_t i = 0; i < j->profile->systems.n; i++)
        if (same(j->profile->systems.v[i].name, name) ||
            (same(name, "Windows") && j->profile->systems.v[i].type == SYSTEM_WINDOWS))
            return true;
    return false;
}

/* What the caller declares has to be on the list, and should be what we saw. */
static void judge_declared(struct judge *j, const struct check *c,
                           const struct fact_os *os, const struct profile_system *seen)
{
    const char *declared = j->request->os_type;
    const char *version = j->request->os_version;

    if (declared[0] == '\0')
        return;
    if (!is_listed_name(j, declared)) {
        finding_add(j, c, LEVEL_ERROR, "os-type",
                    TEXT(j, _("\"%s\" is declared, which the cloud does not list (%s)"),
                         declared, listed_names(j)),
                    seen ? TEXT(j, _("Declare %s."), seen->name)
                         : _("Declare one of the listed systems, if the image holds it, "
                             "or take a profile that lists this one."));
        return;
    }
    if (!seen)
        return;
    if (!same(seen->name, declared) && !same(declared, "Other Linux") &&
        !(same(declared, "Windows") && seen->type == SYSTEM_WINDOWS))
        finding_add(j, c, LEVEL_WARNING, "os-type",
                    TEXT(j, _("\"%s\" is declared, but the image holds %s (%s)"),
                         declared, os->name[0] ? os->name : os->id, os->source),
                    TEXT(j, _("Declare %s."), seen->name));
    else if (version[0] && os->version[0] && !starts(os->version, version) &&
             same(seen->name, declared))
        finding_add(j, c, LEVEL_WARNING, "os-version",
                    TEXT(j, _("version %s is declared, but the image holds %s (%s)"),
                         version, os->version, os->source),
                    TEXT(j, _("Declare %s."), os->version));
}

void rule_system_listed(struct judge *j, const struct check *c)
{
    const struct fact_os unread = {
        .type = j->type == SYSTEM_WINDOWS ? "windows" : "freebsd",
        .id = j->type == SYSTEM_WINDOWS ? "windows" : "freebsd",
        .version = "",
        .name = j->type == SYSTEM_WINDOWS ? "Windows" : "FreeBSD",
        .source = "",
    };
    const struct fact_os *os = j->facts->os ? j->facts->os : &unread;
    const struct profile_system *s;

    if (j->profile->systems.n == 0)
        return;
    if (!j->type_known) {
        judge_declared(j, c, os, NULL);
        return;
    }
    s = system_find(j, os);
    judge_declared(j, c, os, s);
    if (!s)
        finding_add(j, c, LEVEL_ERROR, os->source,
                    TEXT(j, _("%s is not a system that the cloud lists (%s)"),
                         os->name[0] ? os->name
                         : os->id[0] ? os->id
                                     : _("a system without a release file"),
                         listed_names(j)),
                    _("The import is refused at its parameters. Install one of the "
                      "listed systems, or take a profile that lists this one."));
    else if (names_have(&s->ids, "*"))
        finding_add(j, c, LEVEL_NOTE, os->source,
                    TEXT(j, _("%s is not listed by its name; it counts as %s"),
                         os->name[0] ? os->name : os->id, s->name),
                    TEXT(j, _("Declare %s."), s->name));
}

static const char *declared_arch(const struct judge *j)
{
    return same(j->request->arch, "arm_64") ? "arm64" : j->request->arch;
}

void rule_architecture(struct judge *j, const struct check *c)
{
    const struct fact_os *os = j->facts->os;
    const struct profile_system *s = system_find(j, os);
    uint32_t taken = s && s->archs      ? s->archs
                     : j->policy->archs ? j->policy->archs
                                        : j->profile->archs;

    if (os->arch[0] == '\0')
        return;
    if (!(arch_bit(os->arch) & taken))
        finding_add(j, c, LEVEL_ERROR, "arch",
                    TEXT(j,
                         _("the system is built for %s, which the cloud does not "
                           "offer for it"),
                         os->arch),
                    _("Install the system for a processor that the cloud offers, or take "
                      "a profile that offers this one."));
    else if (j->request->arch[0] && !same(declared_arch(j), os->arch))
        finding_add(j, c, LEVEL_ERROR, "arch",
                    TEXT(j, _("%s is declared, but the system is built for %s"),
                         j->request->arch, os->arch),
                    TEXT(j, _("Declare %s."), os->arch));
}

void rule_license(struct judge *j, const struct check *c)
{
    const struct profile_system *s = system_find(j, j->facts->os);

    if (!s || s->license[0] == '\0' || same(j->request->license, s->license))
        return;
    finding_add(j, c, j->request->license[0] ? LEVEL_ERROR : LEVEL_NOTE,
                j->facts->os->source,
                TEXT(j, _("%s needs a licence of its own, declared as %s"),
                     j->facts->os->name, s->license),
                remedy_lines(j, "imgport check --license BYOL IMAGE", NULL));
}

/* ---- L15 to L18: disks */

static const char *growpart_package(const struct judge *j)
{
    switch (family_of(j->facts->os)) {
    case FAMILY_DEBIAN:
    case FAMILY_ARCH:
        return "cloud-guest-utils";
    case FAMILY_SUSE:
    case FAMILY_SUSE11:
        return "growpart";
    default:
        return "cloud-utils-growpart";
    }
}

void rule_growpart(struct judge *j, const struct check *c)
{
    const struct fact_linux *l = j->facts->linux_;

    if (!l)
        return;
    if (!l->growpart && !is_advice_unseen(j, "growpart"))
        finding_add(j, c, LEVEL_WARNING, "",
                    _("growpart is not installed: the root keeps its size on a larger "
                      "disk"),
                    remedy_package(j, growpart_package(j)));
    if (!l->root_last)
        finding_add(j, c, LEVEL_WARNING, device_text(j, j->facts->root->device),
                    _("the root is not the last partition: it cannot grow with the "
                      "disk"),
                    "");
}

static bool is_disk_entry(const struct fact_mount *m)
{
    return same(m->kind, "disk") || same(m->kind, "swap");
}

static const char *remedy_mount(struct judge *j, const struct fact_mount *m)
{
    if (same(m->target, "/usr"))
        return _("Take the disk that holds /usr as well, or copy /usr into the root and "
                 "remove its line from /etc/fstab.");
    return remedy_lines(j,
                        same(m->target, "/") ? _("Name the root by its UUID:")
                                             : _("Remove the line, or add nofail to its "
                                                 "options. What is there:"),
                        "blkid", NULL);
}

/* Without / and /usr nothing starts; without another the start may stop and ask. */
void rule_fstab(struct judge *j, const struct check *c)
{
    const struct fact_linux *l = j->facts->linux_;

    for (size_t i = 0; l && i < l->fstab.n; i++) {
        const struct fact_mount *m = &l->fstab.v[i];
        bool needed = same(m->target, "/") || same(m->target, "/usr");
        const char *subject = TEXT(j, "/etc/fstab:%u", m->line);

        if (!is_disk_entry(m))
            continue;
        if (!m->resolves && (needed || !m->nofail))
            finding_add(j, c, needed ? LEVEL_ERROR : LEVEL_WARNING, subject,
                        TEXT(j,
                             _("%s, mounted on %s, names nothing on this disk: the "
                               "start waits for it and may stop there"),
                             m->spec, m->target),
                        remedy_mount(j, m));
        else if (m->resolves && !m->by_id)
            finding_add(j, c, LEVEL_WARNING, subject,
                        TEXT(j,
                             _("%s, mounted on %s, is the name that the disk has on "
                               "the old machine"),
                             m->spec, m->target),
                        remedy_lines(j, _("Put UUID=... in its place:"),
                                     TEXT(j, "blkid -s UUID %s", shell_word(j, m->spec)),
                                     NULL));
    }
}

void rule_fstab_network(struct judge *j, const struct check *c)
{
    const struct fact_linux *l = j->facts->linux_;

    for (size_t i = 0; l && i < l->fstab.n; i++) {
        const struct fact_mount *m = &l->fstab.v[i];

        if (m->nofail || (!same(m->kind, "network") && !same(m->kind, "shared-folder")))
            continue;
        finding_add(j, c, LEVEL_WARNING, TEXT(j, "/etc/fstab:%u", m->line),
                    same(m->kind, "network")
                        ? TEXT(j,
                               _("%s on %s is a network filesystem without nofail: "
                                 "the start waits for it"),
                               m->spec, m->target)
                        : TEXT(j, _("%s on %s is a shared folder of the old hypervisor"),
                               m->spec, m->target),
                    _("Remove the line, or add nofail to its options."));
    }
}

void rule_swap(struct judge *j, const struct check *c)
{
    const struct fact_linux *l = j->facts->linux_;

    if (l && l->swap_on_disk)
        finding_add(j, c, LEVEL_NOTE, "",
                    TEXT(j, _("%s of swap lie on the system disk"),
                         size_text(j, l->swap_on_disk)),
                    "");
}

/* ---- L19 to L21: the loader */

void rule_loader_root(struct judge *j, const struct check *c)
{
    const struct fact_boot *b = j->facts->boot;

    if (!b)
        return;
    if (b->root[0] && b->root_resolves && !b->root_by_id)
        finding_add(j, c, starts(b->root, "/dev/vd") ? LEVEL_NOTE : LEVEL_WARNING,
                    b->config,
                    TEXT(j, _("the default boot entry names the root by device: root=%s"),
                         b->root),
                    remedy_loader_config(j));
    if (b->device_map[0])
        finding_add(
            j, c, LEVEL_WARNING, "/boot/grub/device.map",
            TEXT(j, _("device.map names a disk of the old machine: %s"), b->device_map),
            remedy_lines(j, "rm -f /boot/grub/device.map /boot/grub2/device.map", NULL));
}

void rule_loader_version(struct judge *j, const struct check *c)
{
    const struct fact_boot *b = j->facts->boot;

    if (!b)
        return;
    if (b->loader[0] && j->policy->boot_loaders.n &&
        !names_have(&j->policy->boot_loaders, b->loader))
        finding_add(j, c, LEVEL_ERROR, b->config,
                    TEXT(j, _("the boot loader is %s; the cloud takes %s"), b->loader,
                         names_joined(j, &j->policy->boot_loaders)),
                    _("Install GRUB in its place."));
    if (same(b->loader, "grub-legacy") ||
        (same(b->loader, "grub2") && b->loader_version[0] &&
         version_less(b->loader_version, "1.99")))
        finding_add(
            j, c, LEVEL_WARNING, b->config,
            b->loader_version[0]
                ? TEXT(j, _("the boot loader is %s %s, older than GRUB 1.99"), b->loader,
                       b->loader_version)
                : TEXT(j, _("the boot loader is %s, older than GRUB 1.99"), b->loader),
            _("Update GRUB, unless the distribution has no newer one."));
    if (b->linux16_uefi)
        finding_add(j, c, LEVEL_WARNING, b->config,
                    _("the boot entry uses linux16, which does not start by UEFI"),
                    remedy_loader_config(j));
}

void rule_serial_console(struct judge *j, const struct check *c)
{
    const struct fact_boot *b = j->facts->boot;

    if (b && b->cmdline[0] && !b->serial_console)
        finding_add(j, c, LEVEL_NOTE, b->config,
                    _("the kernel does not write to the serial console: when it does not "
                      "start, the cloud's console shows nothing"),
                    remedy_lines(j, _("In /etc/default/grub, add to GRUB_CMDLINE_LINUX:"),
                                 "console=tty0 console=ttyS0,115200", NULL));
}
