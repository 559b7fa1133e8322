/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules_disk.c: section P up to the root, the partition table and what lies in it */
#include "base/scoped.h"
#include "rules/judge.h"
#include "rules/remedy.h"

/* The rule of the system's type counts, once there is a system; before, the widest. */
static uint32_t tables_taken(const struct judge *j)
{
    return j->policy->tables ? j->policy->tables : j->profile->tables;
}

static bool is_gpt(const struct judge *j)
{
    return same(j->facts->partition_table, "gpt");
}

static bool has_table(const struct judge *j)
{
    return is_gpt(j) || same(j->facts->partition_table, "mbr");
}

void rule_boot_record(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;
    const char *remedy;

    if (has_table(j) || f->disk.whole[0])
        return;
    remedy = remedy_lines(j,
                          _("Export the whole system disk of the machine, from its "
                            "first sector on, not one partition or volume of it."),
                          NULL);
    if (f->disk.all_zero)
        finding_add(j, c, LEVEL_ERROR, "", _("the disk holds nothing but zeros"), remedy);
    else if (!f->disk.boot_signature)
        finding_add(j, c, LEVEL_ERROR, "",
                    _("there is no boot record: bytes 510 and 511 are not 55 AA"),
                    remedy);
    else
        finding_add(j, c, LEVEL_ERROR, "", _("the boot record names no partition"),
                    remedy);
}

void rule_table_kind(struct judge *j, const struct check *c)
{
    uint32_t bit = table_bit(j->facts->partition_table);

    if (!bit)
        return;
    if (!(bit & tables_taken(j)))
        finding_add(j, c, LEVEL_ERROR, "partition_table",
                    is_gpt(j) ? _("the disk has a GPT, and the cloud takes MBR only")
                              : _("the disk has an MBR, and the cloud takes GPT only"),
                    is_gpt(j) ? remedy_to_mbr(j) : "");
    else if (is_gpt(j) && j->profile->gpt_needs_esp && !j->facts->disk.esp)
        finding_add(j, c, LEVEL_ERROR, "partition_table",
                    _("the disk has a GPT without an EFI system partition, and the cloud "
                      "starts a GPT by UEFI only"),
                    remedy_to_mbr(j));
}

void rule_gpt_copies(struct judge *j, const struct check *c)
{
    const struct fact_disk *d = &j->facts->disk;

    if (!is_gpt(j) || (d->gpt_primary_ok && d->gpt_backup_ok))
        return;
    finding_add(j, c, LEVEL_WARNING, "partition_table",
                d->gpt_primary_ok ? _("the backup copy of the GPT is missing or damaged")
                : d->gpt_backup_ok
                    ? _("the first copy of the GPT is damaged; the backup was used")
                    : _("both copies of the GPT are damaged"),
                remedy_lines(j, "sgdisk -e /dev/vda", NULL));
}

void rule_gpt_hybrid(struct judge *j, const struct check *c)
{
    const struct fact_disk *d = &j->facts->disk;

    if (!is_gpt(j) || (d->protective_strict && !d->hybrid))
        return;
    finding_add(j, c, LEVEL_WARNING, "partition_table",
                d->hybrid ? _("a hybrid MBR stands beside the GPT: which of both counts "
                              "depends on who reads")
                          : _("the MBR beside the GPT is not a plain protective one"),
                remedy_lines(j, _("In gdisk, write a fresh protective MBR (x, n, w):"),
                             "gdisk /dev/vda", NULL));
}

void rule_partition_bounds(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;

    for (size_t i = 0; i < f->partitions.n; i++) {
        const struct fact_partition *p = &f->partitions.v[i];

        if (p->past_end)
            finding_add_code(
                j, c, LEVEL_ERROR, ANSWER_INVALID_FORMAT_SIZE,
                partition_text(j, p->index),
                TEXT(j,
                     _("the partition starts at byte %s and ends past the disk, which "
                       "has %s bytes: the image is truncated"),
                     number_text(j, p->start), number_text(j, f->image.virtual_size)),
                _("Copy the image again and compare its size and checksum with the "
                  "original's."));
    }
    if (f->disk.overlap_a)
        finding_add(j, c, LEVEL_ERROR, partition_text(j, f->disk.overlap_a),
                    TEXT(j, _("partitions %u and %u share bytes of the disk"),
                         f->disk.overlap_a, f->disk.overlap_b),
                    remedy_lines(j,
                                 _("One of both destroys the other. Look at the table "
                                   "and correct it:"),
                                 "fdisk -l /dev/vda", NULL));
}

/* It has a loader and a way to start of its own. */
static bool is_other_system(const struct judge *j)
{
    return j->type_known && j->type == SYSTEM_OTHER;
}

void rule_bios_start(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;

    if (!has_table(j) || has_firmware(f, "uefi") || is_other_system(j))
        return;
    for (size_t i = 0; i < f->partitions.n; i++)
        if (f->partitions.v[i].active)
            return; /* on a GPT, the legacy boot attribute */
    if (is_gpt(j)) {
        if (!f->disk.bios_boot)
            finding_add(j, c, LEVEL_WARNING, "partition_table",
                        _("the GPT has no BIOS boot partition: GRUB then depends on the "
                          "place of its files"),
                        "");
        return;
    }
    finding_add(j, c, LEVEL_WARNING, "partition_table",
                _("no partition is marked active: some BIOS then starts nothing"),
                remedy_active(j));
}

void rule_esp_loader(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;
    bool uefi_only = !has_firmware(f, "bios") || (is_gpt(j) && j->profile->gpt_needs_esp);

    if (f->disk.esp && !f->disk.esp_looked && uefi_only)
        judge_unclear(j, "fat", "unsupported", "EFI System",
                      "the EFI system partition, from which alone the disk starts, could "
                      "not be read");
    if (!f->disk.esp || !f->disk.esp_looked || f->disk.esp_loader[0])
        return;
    finding_add(j, c, uefi_only ? LEVEL_ERROR : LEVEL_WARNING, "",
                _("the EFI system partition has no \\EFI\\BOOT\\BOOTX64.EFI or "
                  "BOOTAA64.EFI, the only names that a new machine starts"),
                remedy_loader(j, true));
}

void rule_firmware(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;

    for (size_t i = 0; i < f->firmware.n; i++)
        if (firmware_bit(f->firmware.v[i]) & j->profile->firmware)
            return;
    if (f->firmware.n == 0)
        return; /* P06, P07 and P09 say what is missing */
    finding_add(j, c, LEVEL_ERROR, "firmware",
                j->profile->firmware == FIRMWARE_BIOS
                    ? _("the disk starts by UEFI only, and the cloud offers a BIOS")
                    : _("the disk starts by BIOS only, and the cloud offers UEFI"),
                j->profile->firmware == FIRMWARE_BIOS ? remedy_loader(j, false)
                                                      : remedy_loader(j, true));
}

/* That of an installer medium of syslinux knows where its next stage lies. */
static bool starts_active(const struct facts *f)
{
    return f->disk.installer[0] == '\0' &&
           (same(f->disk.boot_code, "syslinux") || same(f->disk.boot_code, "windows"));
}

/* A core image that is smaller cannot hold the modules that the menu needs: normal.mod
 * alone is larger. */
enum { CORE_WITH_MODULES = 96 << 10 };

static bool is_grub_cfg(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && same(slash, "/grub.cfg");
}

/* Its boot record and core image are there; what that loads is nowhere on a disk of which
 * all was seen. */
static bool lacks_modules(const struct judge *j)
{
    const struct facts *f = j->facts;
    const struct fact_boot *b = f->boot;

    return b && same(f->disk.boot_code, "grub") && same(b->loader, "grub2") &&
           is_grub_cfg(b->config) && f->disk.grub_core &&
           f->disk.grub_core < CORE_WITH_MODULES && !b->modules_exist &&
           !b->boot_missing && f->problems.n == 0;
}

void rule_boot_code(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;

    if (!has_table(j) || has_firmware(f, "uefi") || j->facts->disk.esp_loader[0] ||
        is_other_system(j))
        return;
    if (f->disk.boot_code[0] == '\0')
        finding_add(j, c, LEVEL_WARNING, "",
                    _("the boot record holds no code: a BIOS has nothing to start"),
                    remedy_loader(j, false));
    else if (same(f->disk.boot_code, "unknown"))
        finding_add(j, c, LEVEL_WARNING, "",
                    _("the code in the boot record is no loader that we know"), "");
    else if (starts_active(f) && same(f->disk.active_sector, "none"))
        finding_add(j, c, LEVEL_ERROR, "",
                    _("the boot record only starts the active partition, whose own boot "
                      "sector has no code: a loader is not installed there"),
                    remedy_loader(j, false));
    else if (lacks_modules(j))
        finding_add(
            j, c, LEVEL_WARNING, "i386-pc/normal.mod",
            _("GRUB's core image is on the disk, but not the modules that it loads "
              "from beside its settings: it stops at a rescue prompt"),
            remedy_loader(j, false));
}

void rule_whole_disk(struct judge *j, const struct check *c)
{
    const struct fact_disk *d = &j->facts->disk;

    if (has_table(j) || d->whole[0] == '\0')
        return;
    finding_add(j, c, LEVEL_ERROR, "",
                same(d->whole, "LVM2_member")
                    ? _("an LVM physical volume lies straight on the disk, without a "
                        "partition table")
                    : TEXT(j,
                           _("a filesystem (%s) lies straight on the disk, without a "
                             "partition table"),
                           d->whole),
                remedy_lines(j,
                             _("Export the whole system disk of the machine, from its "
                               "first sector on, not one partition or volume of it."),
                             NULL));
}

void rule_installer(struct judge *j, const struct check *c)
{
    const struct fact_image *i = &j->facts->image;
    const char *why = j->facts->disk.installer;

    if (why[0] == '\0' && same(i->fault, "not-taken") && starts(i->other, "ISO"))
        why = i->other;
    if (why[0] == '\0')
        return;
    j->installer = true;
    finding_add(
        j, c, LEVEL_ERROR, "",
        TEXT(j, _("this is an installer medium, not an installed system: %s"), why),
        _("Install the system on a disk, for example in a virtual machine, and "
          "take that disk."));
}

static bool is_encrypted(const char *filesystem, bool bitlocker)
{
    return same(filesystem, "crypto_LUKS") ||
           (bitlocker && same(filesystem, "BitLocker"));
}

/* The device of the first encrypted volume; NULL: none.  BitLocker is N15's. */
static const char *encrypted_device(struct judge *j, bool bitlocker)
{
    const struct facts *f = j->facts;

    for (size_t i = 0; i < f->partitions.n; i++)
        if (is_encrypted(f->partitions.v[i].filesystem, bitlocker))
            return partition_text(j, f->partitions.v[i].index);
    for (size_t i = 0; i < f->logical_volumes.n; i++)
        if (is_encrypted(f->logical_volumes.v[i].filesystem, bitlocker))
            return f->logical_volumes.v[i].name;
    return NULL;
}

static bool has_lvm(const struct facts *f)
{
    for (size_t i = 0; i < f->partitions.n; i++)
        if (same(f->partitions.v[i].filesystem, "LVM2_member"))
            return true;
    return f->logical_volumes.n > 0 || same(f->disk.whole, "LVM2_member");
}

/* A disk whose every filesystem was looked at, and none is a root. */
static bool has_cut_partition(const struct facts *f)
{
    for (size_t i = 0; i < f->partitions.n; i++)
        if (f->partitions.v[i].past_end)
            return true;
    return false;
}

/* What a truncated image lost may have been the root: P05 tells of it. */
static bool rootless(const struct judge *j)
{
    return has_table(j) && !j->facts->root && !j->blind && !has_cut_partition(j->facts);
}

static const struct fact_candidate *candidate(const struct facts *f, const char *what)
{
    for (size_t i = 0; i < f->candidates.n; i++)
        if (same(f->candidates.v[i].what, what))
            return &f->candidates.v[i];
    return NULL;
}

/* "partition 1: ext4, partition 2: swap" */
static const char *filesystems_text(struct judge *j)
{
    const struct facts *f = j->facts;
    const char *all = "";
    size_t shown = 0;

    for (size_t i = 0; i < f->partitions.n && shown < 16; i++)
        if (!f->partitions.v[i].extended)
            all = TEXT(j, "%s%s%s: %s", all, shown++ ? ", " : "",
                       partition_text(j, f->partitions.v[i].index),
                       f->partitions.v[i].filesystem);
    for (size_t i = 0; i < f->logical_volumes.n && shown < 16; i++)
        all = TEXT(j, "%s%s%s: %s", all, shown++ ? ", " : "",
                   f->logical_volumes.v[i].name, f->logical_volumes.v[i].filesystem);
    return all;
}

void rule_data_disk(struct judge *j, const struct check *c)
{
    const struct fact_candidate *data = candidate(j->facts, "data");

    if (!rootless(j) || encrypted_device(j, true) || has_lvm(j->facts) ||
        candidate(j->facts, "boot"))
        return;
    finding_add(j, c, LEVEL_ERROR, data ? device_text(j, data->device) : "",
                TEXT(j, _("no partition holds a system (%s)"), filesystems_text(j)),
                _("This looks like a data disk. Take the disk that the machine starts "
                  "from."));
}

void rule_boot_only(struct judge *j, const struct check *c)
{
    const struct fact_candidate *boot = candidate(j->facts, "boot");

    if (!rootless(j) || encrypted_device(j, true) || has_lvm(j->facts) || !boot)
        return;
    finding_add(j, c, LEVEL_ERROR, device_text(j, boot->device),
                TEXT(j, _("only a boot partition is on the disk (%s), and no root (%s)"),
                     boot->why, filesystems_text(j)),
                _("The root lies on another disk. Move it to this one, with /boot, and "
                  "take the disk again."));
}

void rule_volumes_complete(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;

    if (!rootless(j) || !has_lvm(f) || encrypted_device(j, true))
        return;
    finding_add(j, c, LEVEL_ERROR, "",
                f->volume_problems.n
                    ? TEXT(j, _("the root lies on LVM volumes that are not complete: %s"),
                           f->volume_problems.v[0])
                    : TEXT(j, _("no volume holds a system (%s)"), filesystems_text(j)),
                remedy_lines(j,
                             _("Bring the volume group onto the one disk that is "
                               "imported:"),
                             "pvmove /dev/OTHER-DISK && vgreduce GROUP /dev/OTHER-DISK",
                             NULL));
}

void rule_lvm(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;
    bool root = f->root && strchr(f->root->device, '/');

    if (!j->policy->lvm_refused || !has_lvm(f))
        return;
    finding_add(j, c, root || !f->root ? LEVEL_ERROR : LEVEL_WARNING,
                root ? f->root->device : "",
                root ? _("the root is an LVM volume, which the cloud does not take for "
                         "this kind of system")
                     : _("the disk has LVM, which the cloud does not take for this kind "
                         "of system"),
                _("Copy the system to a plain partition of a new disk."));
}

void rule_several_roots(struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;
    const char *all = "";
    unsigned n = 0;

    for (size_t i = 0; i < f->candidates.n; i++) {
        const struct fact_candidate *k = &f->candidates.v[i];

        if (!same(k->what, "root") && !same(k->what, "windows"))
            continue;
        if (n < 16)
            all = TEXT(j, "%s%s%s", all, n ? ", " : "", device_text(j, k->device));
        n++;
    }
    if (n > 1)
        finding_add(j, c, LEVEL_ERROR, "",
                    TEXT(j, _("%u systems are on the disk (%s)"), n, all),
                    _("Keep one system on the disk and remove the others."));
}

void rule_encrypted(struct judge *j, const struct check *c)
{
    const char *device = encrypted_device(j, false);

    if (!rootless(j) || !device)
        return;
    finding_add(
        j, c, LEVEL_ERROR, device,
        _("the disk has no root that can be read, and this volume is encrypted"),
        _("Decrypt the system first: a cloud cannot ask for a passphrase when it "
          "starts an instance. cryptsetup reencrypt --decrypt does it for LUKS."));
}

static const struct fact_fs *root_fs(const struct facts *f)
{
    for (size_t i = 0; i < f->partitions.n; i++)
        if (same(f->partitions.v[i].role, "root"))
            return f->partitions.v[i].fs;
    for (size_t i = 0; i < f->logical_volumes.n; i++)
        if (same(f->logical_volumes.v[i].role, "root"))
            return f->logical_volumes.v[i].fs;
    return NULL;
}

/* Whole words of fact_fs.features. */
static bool has_feature(const char *features, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = features; (p = strstr(p, name)); p += n)
        if ((p == features || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

static void judge_features(struct judge *j, const struct check *c)
{
    const struct fact_root *root = j->facts->root;
    const struct fact_fs *fs = root_fs(j->facts);

    for (size_t i = 0; fs && i < j->policy->features_refused.n; i++) {
        const char *name = j->policy->features_refused.v[i];

        if (!has_feature(fs->features, name))
            continue;
        finding_add(
            j, c, LEVEL_ERROR, device_text(j, root->device),
            TEXT(j,
                 _("the root has the feature %s of %s, which the cloud does not "
                   "take"),
                 name, root->filesystem),
            starts(root->filesystem, "ext")
                ? remedy_lines(j, _("Take it away, unmounted:"),
                               TEXT(j, "e2fsck -f DEVICE && tune2fs -O ^%s DEVICE", name),
                               NULL)
                : _("Copy the system to a filesystem without it."));
    }
}

void rule_root_filesystem(struct judge *j, const struct check *c)
{
    const struct fact_root *root = j->facts->root;

    if (!root || j->type == SYSTEM_WINDOWS)
        return;
    judge_features(j, c);
    if (j->policy->filesystems.n == 0 ||
        names_have(&j->policy->filesystems, root->filesystem))
        return;
    finding_add(j, c, LEVEL_ERROR, device_text(j, root->device),
                TEXT(j, _("the root is %s, and the cloud takes %s"), root->filesystem,
                     names_joined(j, &j->policy->filesystems)),
                TEXT(j, _("Copy the system to a filesystem of the kind %s."),
                     names_joined(j, &j->policy->filesystems)));
}
