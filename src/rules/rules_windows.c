/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules_windows.c: section N, the disk that Windows lies on and how it starts */
#include "base/scoped.h"
#include "rules/judge.h"
#include "rules/remedy.h"

static bool on_filesystem(const struct facts *f, const char *name)
{
    return same(f->root->filesystem, name);
}

/* What is said of the boot files then is beside the point. */
static bool on_volume(const struct facts *f)
{
    return strchr(f->root->device, '/') != NULL;
}

void rule_windows_filesystem(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;

    if (on_volume(f)) {
        finding_add(j, c, LEVEL_ERROR, f->root->device,
                    _("Windows lies on a logical volume, from which nothing starts it"),
                    _("Copy the system to a plain partition of a new disk."));
        return;
    }
    if (on_filesystem(f, "ntfs"))
        return;
    finding_add(j, c, LEVEL_ERROR, device_text(j, f->root->device),
                TEXT(j, _("Windows lies on %s; the system volume has to be NTFS"),
                     f->root->filesystem),
                on_filesystem(f, "vfat") ? "convert C: /fs:ntfs"
                                         : _("Install Windows on NTFS."));
}

/* ---- N10, N11: how it starts */

static const char *bcdboot(struct judge *j)
{
    return has_firmware(j->facts, "uefi") && !has_firmware(j->facts, "bios")
               ? remedy_lines(j,
                              _("From the recovery console, with S: on the EFI system "
                                "partition:"),
                              "bcdboot C:\\Windows /s S: /f UEFI", NULL)
               : remedy_lines(j,
                              _("From the recovery console, with S: on the active "
                                "partition:"),
                              "bcdboot C:\\Windows /s S: /f BIOS", NULL);
}

static const char *boot_subject(struct judge *j, const struct fact_windows_boot *b)
{
    return *b->device ? TEXT(j, "%s: %s", device_text(j, b->device), b->store) : b->store;
}

void rule_windows_store(struct judge *j, const struct check *c)
{
    const struct fact_windows_boot *b = j->facts->windows->boot;

    if (!b || on_volume(j->facts))
        return;
    if (*b->store == '\0')
        finding_add(j, c, LEVEL_ERROR, device_text(j, b->device),
                    _("there is no boot configuration (BCD)"), bcdboot(j));
    else if (*b->problem)
        finding_add(j, c, LEVEL_ERROR, boot_subject(j, b),
                    TEXT(j, _("the boot configuration leads nowhere: %s"), b->problem),
                    bcdboot(j));
}

void rule_windows_manager(struct judge *j, const struct check *c)
{
    const struct fact_windows_boot *b = j->facts->windows->boot;

    if (b && *b->manager == '\0' && !on_volume(j->facts))
        finding_add(j, c, LEVEL_ERROR, device_text(j, b->device),
                    _("the boot manager (bootmgr, or bootmgfw.efi for UEFI) is not on "
                      "the partition that starts"),
                    bcdboot(j));
}

/* ---- N12, N13: is what we read what Windows would read? */

void rule_windows_hives(struct judge *j, const struct check *c)
{
    const struct fact_windows *w = j->facts->windows;

    for (size_t i = 0; i < w->hives.n; i++) {
        const struct fact_windows_hive *h = &w->hives.v[i];

        if (same(h->state, "missing"))
            finding_add(j, c, LEVEL_ERROR, h->path,
                        TEXT(j, _("the hive %s of the registry is not there"), h->name),
                        _("Restore the hive from a backup, or take the disk of a machine "
                          "that starts."));
        else if (same(h->state, "damaged"))
            finding_add(j, c, LEVEL_ERROR, h->path,
                        TEXT(j,
                             _("the hive %s of the registry is damaged, and no log "
                               "mends it: %s"),
                             h->name, h->detail),
                        _("Restore the hive from a backup, or take the disk of a machine "
                          "that starts."));
        else if (h->stale)
            finding_add(j, c, LEVEL_WARNING, h->path,
                        TEXT(j,
                             _("the hive %s was not written to its end; its log, which "
                               "is not applied, may hold newer values (%s)"),
                             h->name, h->detail),
                        _("Start Windows once, shut it down and take the disk again."));
    }
}

void rule_windows_sleep(struct judge *j, const struct check *c)
{
    const struct fact_windows *w = j->facts->windows;

    if (*w->hibernated)
        finding_add(j, c, LEVEL_ERROR, "/hiberfil.sys",
                    TEXT(j,
                         w->fast_startup
                             ? _("Windows was not shut down, only put to sleep by Fast "
                                 "Startup: %s")
                             : _("Windows was not shut down, but hibernated: %s"),
                         w->hibernated),
                    remedy_lines(j, _("In Windows, as administrator:"),
                                 "powercfg /hibernate off", "shutdown /s /t 0", NULL));
}

/* ---- N14, N15: disks that nobody else can read */

void rule_dynamic_disk(struct judge *j, const struct check *c)
{
    const char *why = j->facts->disk.dynamic;

    if (*why)
        finding_add(j, c, LEVEL_ERROR, "partition_table",
                    TEXT(j, _("this is a dynamic disk of Windows: %s"), why),
                    _("Clone the system to a basic disk: Windows converts a dynamic disk "
                      "back only once it is empty."));
}

void rule_bitlocker(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;

    for (size_t i = 0; i < f->partitions.n; i++) {
        const struct fact_partition *p = &f->partitions.v[i];

        if (!same(p->filesystem, "BitLocker"))
            continue;
        finding_add(j, c, f->root || j->blind ? LEVEL_WARNING : LEVEL_ERROR,
                    partition_text(j, p->index),
                    _("the volume is encrypted by BitLocker"),
                    remedy_lines(j, _("In Windows, as administrator; it takes a while:"),
                                 "manage-bde -off C:", "manage-bde -status", NULL));
    }
}
