/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules_boot.c: section P from the root on, filesystems and the default boot entry */
#include "base/scoped.h"
#include "rules/judge.h"
#include "rules/remedy.h"

enum {
    FREE_ROOT = 100 << 20, /* bytes: what virt-v2v asks for, too */
    FREE_BOOT = 50 << 20,
    FREE_OTHER = 10 << 20,
    FREE_FULL = 1 << 20, /* a root with less cannot even take its settings */
    FREE_INODES = 100,
};

/* One opened filesystem, of a partition or a logical volume. */
struct opened {
    const char *device;
    const char *filesystem;
    const char *role;
    const struct fact_fs *fs;
};

static bool opened_at(struct judge *j, size_t i, struct opened *ret)
{
    const struct facts *f = j->facts;

    if (i < f->partitions.n) {
        const struct fact_partition *p = &f->partitions.v[i];

        *ret =
            (struct opened){partition_text(j, p->index), p->filesystem, p->role, p->fs};
        return true;
    }
    i -= f->partitions.n;
    if (i < f->logical_volumes.n) {
        const struct fact_volume *v = &f->logical_volumes.v[i];

        *ret = (struct opened){v->name, v->filesystem, v->role, v->fs};
        return true;
    }
    return false;
}

void rule_clean(struct judge *j, const struct check *c)
{
    struct opened o;

    for (size_t i = 0; opened_at(j, i, &o); i++) {
        const char *detail;

        if (!o.fs || (o.fs->clean && !o.fs->needs_recovery && !o.fs->stale_possible))
            continue;
        detail = o.fs->needs_recovery
                     ? _("the filesystem was not unmounted: its journal waits for "
                         "recovery")
                     : _("the filesystem is not marked clean");
        if (o.fs->stale_possible)
            detail = TEXT(j,
                          _("%s; what was read may be older than what was written "
                            "(%s)"),
                          detail, o.fs->stale_reason);
        finding_add(j, c, LEVEL_WARNING, o.device, detail,
                    o.fs->needs_recovery
                        ? _("The disk was copied from a running machine. Shut the "
                            "machine down and copy it again, or copy a snapshot of it.")
                        : remedy_check(j));
    }
}

void rule_check_due(struct judge *j, const struct check *c)
{
    uint64_t now = j->request->now;
    struct opened o;

    for (size_t i = 0; opened_at(j, i, &o); i++) {
        const char *why = NULL;

        if (!o.fs)
            continue;
        if (o.fs->max_mount_count && o.fs->mount_count >= o.fs->max_mount_count)
            why = TEXT(j, _("mounted %u times, checked every %u times"),
                       o.fs->mount_count, o.fs->max_mount_count);
        else if (now && o.fs->check_interval && o.fs->last_checked > 0 &&
                 now > (uint64_t)o.fs->last_checked &&
                 now - (uint64_t)o.fs->last_checked > o.fs->check_interval)
            why = TEXT(j, _("last checked %u days ago, checked every %u days"),
                       (unsigned)((now - (uint64_t)o.fs->last_checked) / 86400),
                       o.fs->check_interval / 86400);
        if (why)
            finding_add(j, c, LEVEL_NOTE, o.device,
                        TEXT(j, _("the next start checks the filesystem: %s"), why),
                        remedy_check(j));
    }
}

static const char *clean_up_commands(struct judge *j)
{
    switch (family_of(j->facts->os)) {
    case FAMILY_DEBIAN:
        return "apt-get clean; apt-get autoremove --purge";
    case FAMILY_REDHAT:
    case FAMILY_REDHAT6:
    case FAMILY_REDHAT5:
        return "yum clean all";
    case FAMILY_SUSE:
    case FAMILY_SUSE11:
        return "zypper clean --all";
    case FAMILY_ARCH:
        return "pacman -Scc";
    case FAMILY_WINDOWS:
        return "cleanmgr /lowdisk";
    default:
        return "";
    }
}

void rule_free_space(struct judge *j, const struct check *c)
{
    struct opened o;

    for (size_t i = 0; opened_at(j, i, &o); i++) {
        bool root = same(o.role, "root"), full;
        uint64_t floor = root ? FREE_ROOT : same(o.role, "boot") ? FREE_BOOT : FREE_OTHER;
        const char *remedy;

        if (!o.fs || o.fs->total_bytes < floor || same(o.role, "esp") ||
            same(o.role, "usr"))
            continue;
        remedy = remedy_lines(j, _("Make room:"), clean_up_commands(j),
                              family_of(j->facts->os) == FAMILY_WINDOWS
                                  ? ""
                                  : "du -xh / | sort -h | tail -n 30",
                              NULL);
        full = root && (o.fs->free_bytes < FREE_FULL ||
                        (o.fs->total_inodes && o.fs->free_inodes == 0));
        if (o.fs->free_bytes < floor)
            finding_add(j, c, full ? LEVEL_ERROR : LEVEL_WARNING, o.device,
                        TEXT(j, _("%s are free; %s should be"),
                             size_text(j, o.fs->free_bytes), size_text(j, floor)),
                        remedy);
        if (o.fs->total_inodes && o.fs->free_inodes < FREE_INODES)
            finding_add(j, c, full ? LEVEL_ERROR : LEVEL_WARNING, o.device,
                        TEXT(j, _("%s of %s inodes are free: no more files fit"),
                             number_text(j, o.fs->free_inodes),
                             number_text(j, o.fs->total_inodes)),
                        remedy);
    }
}

/* The kernel is not on this disk: what the cloud then starts has no partition to go on
 * with. */
static void kernel_missing(struct judge *j, const struct check *c, const char *subject,
                           const char *detail)
{
    finding_add_code(j, c, LEVEL_ERROR, ANSWER_PARTITION_NOT_PRESENT, subject, detail,
                     remedy_kernel(j));
}

static bool has_kernel_image(const struct facts *f)
{
    for (size_t i = 0; i < f->kernels.n; i++)
        if (f->kernels.v[i].image[0])
            return true;
    return false;
}

/* By the last part of its name: the loader's path to it is not the guest's when /boot is
 * a filesystem of its own. */
static bool is_file_unseen(const struct judge *j, const char *path)
{
    const char *slash = strrchr(path, '/');

    return is_unseen(j, slash ? slash : path);
}

static void boot_initramfs(struct judge *j, const struct check *c)
{
    const struct fact_boot *b = j->facts->boot;
    const struct fact_kernel *k = kernel_default(j->facts);

    if (b->initramfs[0] == '\0' || b->initramfs_exists)
        return;
    for (size_t i = 0; i < b->initramfs_files.n; i++)
        if (is_file_unseen(j, b->initramfs_files.v[i]))
            return;
    finding_add(j, c, LEVEL_ERROR, b->initramfs,
                TEXT(j,
                     _("the default boot entry \"%s\" names an initramfs that is not "
                       "there"),
                     b->entry),
                k ? remedy_initramfs(j, k, "virtio_blk virtio_net virtio_pci")
                  : remedy_loader_config(j));
}

static void boot_root(struct judge *j, const struct check *c)
{
    const struct fact_boot *b = j->facts->boot;

    if (b->root[0] == '\0' || b->root_resolves)
        return;
    finding_add(j, c, LEVEL_ERROR, b->config,
                TEXT(j,
                     _("the default boot entry starts with root=%s, which names no "
                       "root of this disk"),
                     b->root),
                remedy_loader_config(j));
}

static bool is_slot(const struct fact_partition *p)
{
    return starts(p->type, "5DFBF5F4-2848-4BAC-");
}

/* GRUB of Container Linux starts the slot of highest priority that started well before or
 * has tries left, and stops where there is none. */
static bool has_no_slot(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;
    bool any = false;

    for (size_t i = 0; i < f->partitions.n; i++) {
        const struct fact_partition *p = &f->partitions.v[i];

        any |= is_slot(p);
        if (is_slot(p) && p->priority && (p->successful || p->tries))
            return false;
    }
    if (!any || f->root->usr[0] == '\0')
        return false;
    finding_add(
        j, c, LEVEL_ERROR, f->root->usr,
        _("no partition for /usr may be started: by its attributes in the GPT, none "
          "with a priority started well before or has tries left"),
        remedy_lines(j, _("Give the good one a priority and a start that went well:"),
                     "cgpt prioritize -i NUMBER /dev/vda",
                     "cgpt add -i NUMBER -S1 /dev/vda", NULL));
    return true;
}

/* What the command line makes /usr, or the root, of a system that comes in pieces. */
static void boot_pieces(struct judge *j, const struct check *c)
{
    const struct fact_boot *b = j->facts->boot;

    if (b->usr[0] && !b->usr_resolves && j->facts->root->usr[0])
        finding_add(j, c, LEVEL_ERROR, b->config,
                    TEXT(j,
                         _("the default boot entry mounts %s as /usr, and no system lies "
                           "there (there is one on %s)"),
                         b->usr, device_text(j, j->facts->root->usr)),
                    remedy_loader_config(j));
    if (b->deployment[0] && !b->deployment_exists && j->facts->root->deployment[0])
        finding_add(
            j, c, LEVEL_ERROR, b->config,
            TEXT(j,
                 _("the default boot entry starts the deployment %s, which is not "
                   "%s"),
                 b->deployment, j->facts->root->deployment),
            remedy_loader_config(j));
}

/* GRUB, and nothing that it could start.  An EFI loader may carry its settings, or the
 * kernel, within. */
static bool stops_at_prompt(const struct judge *j)
{
    const struct facts *f = j->facts;

    return f->boot->no_entry && same(f->disk.boot_code, "grub") &&
           !has_firmware(f, "uefi") && !judge_has_problem(j);
}

void rule_boot_entry(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;
    const struct fact_boot *b = f->boot;

    if (!f->root || !b || j->type != SYSTEM_LINUX)
        return;
    if (b->boot_missing) {
        finding_add_code(j, c, LEVEL_ERROR, ANSWER_PARTITION_NOT_PRESENT, "/etc/fstab",
                         _("/boot is a partition of its own, and it is not on this disk"),
                         _("Take the disk that holds /boot as well, or copy /boot into "
                           "the root and remove its line from /etc/fstab."));
        return;
    }
    if (!b->kernel_exists && !has_kernel_image(f)) {
        if (!judge_has_problem(j))
            kernel_missing(j, c, "/boot", _("no kernel is installed on this disk"));
        return;
    }
    if (has_no_slot(j, c))
        return;
    if (b->problem[0] && b->no_entry && judge_has_problem(j))
        return; /* they may be where we could not look */
    if (b->problem[0]) {
        finding_add(
            j, c, stops_at_prompt(j) ? LEVEL_ERROR : LEVEL_WARNING, b->config,
            TEXT(j, _("which kernel starts by default is not clear: %s"), b->problem),
            remedy_loader_config(j));
        return;
    }
    if (b->kernel[0] && !b->kernel_exists && !is_file_unseen(j, b->kernel))
        kernel_missing(j, c, b->kernel,
                       TEXT(j,
                            _("the default boot entry \"%s\" names a kernel that is "
                              "not there"),
                            b->entry));
    boot_initramfs(j, c);
    boot_root(j, c);
    boot_pieces(j, c);
}
