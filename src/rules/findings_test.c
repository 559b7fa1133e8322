/* SPDX-License-Identifier: GPL-2.0-or-later */
/* findings_test.c: every check fires on the facts it is about, with its evidence and its
 * remedy, and none fires on a good guest
 *
 *     findings_test po-of-the-build */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "rules/facts_by_hand.h"

#define MIB ((uint64_t)1 << 20)

static const char *catalogues;

static struct fact_linux *lin(struct facts *f)
{
    return f->linux_;
}

static struct fact_mount *mount(struct facts *f, struct arena *a, const char *spec,
                                const char *target, const char *kind)
{
    struct fact_mount *m = LIST_ADD(a, &f->linux_->fstab);

    assert_non_null(m);
    *m = (struct fact_mount){7, spec, target, "ext4", "defaults", kind, true, true};
    return m;
}

static struct fact_interface *nic(struct facts *f, struct arena *a, const char *name)
{
    struct fact_interface *n = LIST_ADD(a, &f->linux_->network.interfaces);

    assert_non_null(n);
    *n = (struct fact_interface){name, "dhcp", "/etc/netplan/x.yaml", "", false};
    return n;
}

static void residue(struct arena *a, void *list, const char *kind, const char *path)
{
    LIST(struct fact_residue) *l = list;
    struct fact_residue *r = LIST_ADD(a, l);

    assert_non_null(r);
    *r = (struct fact_residue){kind, path, 12};
}

/* A change is a statement over f (facts), a (arena) and q (request). */
#define CHANGE(name, ...)                                                       \
    static void name(struct facts *f, struct arena *a, struct rules_request *q) \
    {                                                                           \
        (void)f;                                                                \
        (void)a;                                                                \
        (void)q;                                                                \
        __VA_ARGS__;                                                            \
    }

CHANGE(raw_only, f->image.format = "vhdx-of-tomorrow")
CHANGE(image_dirty, f->image.dirty = true)
CHANGE(image_corrupt, f->image.fault = "corrupt-bit"; f->partition_table = "")
CHANGE(gpt_backup, f->partition_table = "gpt"; f->disk.bios_boot = true;
       f->disk.gpt_backup_ok = false)
CHANGE(gpt_primary, f->partition_table = "gpt"; f->disk.bios_boot = true;
       f->disk.gpt_primary_ok = false)
CHANGE(hybrid, f->partition_table = "gpt"; f->disk.bios_boot = true;
       f->disk.hybrid = true)
CHANGE(not_strict, f->partition_table = "gpt"; f->disk.bios_boot = true;
       f->disk.protective_strict = false)
CHANGE(overlap, f->disk.overlap_a = 1; f->disk.overlap_b = 3)
CHANGE(inactive, f->partitions.v[0].active = false)
CHANGE(gpt_no_bios_boot, f->partition_table = "gpt"; f->partitions.v[0].active = false)
CHANGE(esp_empty, f->disk.esp = f->disk.esp_looked = true)
CHANGE(uefi_only, f->firmware.v[0] = "uefi")
CHANGE(no_boot_code, f->disk.boot_code = "")
CHANGE(odd_boot_code, f->disk.boot_code = "unknown")
CHANGE(grub_alone, f->boot->modules_exist = false)
CHANGE(dead_boot_sector, f->disk.boot_code = "windows"; f->disk.active_sector = "none")
CHANGE(half_extlinux, f->boot->loader = "extlinux"; f->disk.boot_code = "syslinux";
       f->disk.active_sector = "none")
CHANGE(xfs, f->root->filesystem = "xfs")
CHANGE(unclean, f->partitions.v[0].fs->clean = false)
CHANGE(unmounted, f->partitions.v[0].fs->needs_recovery = true)
CHANGE(stale, f->partitions.v[0].fs->stale_possible = true;
       f->partitions.v[0].fs->stale_reason = "log is dirty")
CHANGE(check_by_count, f->partitions.v[0].fs->mount_count = 30;
       f->partitions.v[0].fs->max_mount_count = 30)
CHANGE(check_by_time, f->partitions.v[0].fs->last_checked = 1000000;
       f->partitions.v[0].fs->check_interval = 86400; q->now = 1000000 + 10 * 86400)
CHANGE(little_space, f->partitions.v[0].fs->free_bytes = 99 * MIB)
CHANGE(no_inodes, f->partitions.v[0].fs->free_inodes = 99)
CHANGE(unclear_default, f->boot->problem = "a script chooses")
CHANGE(no_initramfs, f->boot->initramfs_exists = false)
CHANGE(declared_unlisted, q->os_type = "Slackware")
CHANGE(declared_other, q->os_type = "Ubuntu")
CHANGE(declared_version, q->os_type = "Debian"; q->os_version = "11")
CHANGE(other_linux, f->os->id = "void"; f->os->name = "Void")
CHANGE(declared_arm, q->arch = "arm_64")
CHANGE(riscv, f->os->arch = "riscv64")
CHANGE(own_kernel, f->kernels.v[0].distribution = false)
CHANGE(xen_kernel, f->kernels.v[0].xen_only = true)
CHANGE(blk_absent, f->kernels.v[0].drivers.virtio_blk = "absent")
CHANGE(no_modules, f->kernels.v[0].drivers.virtio_pci = "absent";
       f->kernels.v[0].modules = f->kernels.v[0].config = "")
CHANGE(blk_module, f->kernels.v[0].drivers.virtio_blk = "module")
CHANGE(all_modules, f->kernels.v[0].drivers.virtio_blk = "module";
       f->kernels.v[0].drivers.virtio_pci = "module";
       f->kernels.v[0].drivers.virtio_net = "module")
CHANGE(net_module, f->kernels.v[0].drivers.virtio_net = "module")
CHANGE(no_initrd_line, f->kernels.v[0].drivers.virtio_blk = "module";
       f->kernels.v[0].initramfs = "")
CHANGE(dm_module, f->kernels.v[0].drivers.dm = "module")
CHANGE(fs_absent, f->kernels.v[0].drivers.root_fs = "absent")
CHANGE(blocklist, struct fact_blocked *b = LIST_ADD(a, &lin(f)->blocked);
       *b = (struct fact_blocked){"virtio_net", "kernel command line"})
CHANGE(ci_absent, f->cloud_init->installed = false)
CHANGE(ci_absent_forced, f->cloud_init->installed = false; q->force = true)
CHANGE(ci_off, f->cloud_init->enabled = false;
       f->cloud_init->disabled_by = "/etc/cloud/cloud-init.disabled")
CHANGE(ci_off_cmdline, f->cloud_init->enabled = false;
       f->cloud_init->disabled_by = "kernel command line")
CHANGE(ci_sources, const char **s = LIST_ADD(a, &f->cloud_init->datasources); *s = "Ec2";
       f->cloud_init->datasources_from = "/etc/cloud/cloud.cfg")
CHANGE(ci_old, f->cloud_init->version = "0.7.9")
CHANGE(no_growpart, lin(f)->growpart = false)
CHANGE(root_not_last, lin(f)->root_last = false)
CHANGE(fstab_gone, mount(f, a, "UUID=9", "/srv", "disk")->resolves = false)
CHANGE(fstab_root_gone, lin(f)->fstab.v[0].resolves = false)
CHANGE(usr_gone, mount(f, a, "UUID=9", "/usr", "disk")->resolves = false;
       f->cloud_init->installed = lin(f)->growpart = lin(f)->sshd = false)
CHANGE(fstab_device, mount(f, a, "/dev/sda2", "/srv", "disk")->by_id = false)
CHANGE(fstab_hostile, mount(f, a, "/dev/$(reboot)'x", "/srv", "disk")->by_id = false)
CHANGE(fstab_nfs, mount(f, a, "srv:/x", "/srv", "network"))
CHANGE(fstab_vboxsf, mount(f, a, "share", "/srv", "shared-folder"))
CHANGE(swap, lin(f)->swap_on_disk = 512 * MIB)
CHANGE(root_by_device, f->boot->root = "/dev/sda1"; f->boot->root_by_id = false)
CHANGE(root_by_vda, f->boot->root = "/dev/vda1"; f->boot->root_by_id = false)
CHANGE(device_map, f->boot->device_map = "(hd0) /dev/hda")
CHANGE(grub_legacy, f->boot->loader = "grub-legacy"; f->boot->loader_version = "0.97")
CHANGE(grub_198, f->boot->loader_version = "1.98")
CHANGE(linux16, f->boot->linux16_uefi = true)
CHANGE(no_serial, f->boot->serial_console = false)
CHANGE(fixed_address, lin(f)->network.method = "static";
       lin(f)->network.interfaces.v[0].method = "static")
CHANGE(nic_rules, lin(f)->network.nic_rules = "/etc/udev/rules.d/70-persistent-net.rules")
CHANGE(mac, lin(f)->network.interfaces.v[0].mac = "00:50:56:00:00:01")
CHANGE(second_nic, nic(f, a, "ens3"))
CHANGE(ipv6, lin(f)->network.interfaces.v[0].ipv6 = true)
CHANGE(rhel, f->os->id = "rhel"; f->os->version = "7.9"; f->os->name = "RHEL 7.9")
CHANGE(rhel_declared, f->os->id = "rhel"; q->license = "TencentCloud")
CHANGE(no_sshd, lin(f)->sshd = false)
CHANGE(sshd_off, lin(f)->sshd_enabled = false)
CHANGE(no_host_keys, lin(f)->ssh_keys_regenerated = false)
CHANGE(firewall, lin(f)->firewall = "nftables: policy drop")
CHANGE(selinux, lin(f)->selinux = "enforcing"; lin(f)->selinux_relabel_needed = true)
CHANGE(local_time, lin(f)->rtc = "local")
CHANGE(vmware, residue(a, &lin(f)->tools, "vmware", "/usr/bin/vmtoolsd"))
CHANGE(qemu_ga, residue(a, &lin(f)->tools, "qemu-ga", "/usr/sbin/qemu-ga"))
CHANGE(no_shadow, lin(f)->shadow = "missing")
CHANGE(empty_password, lin(f)->root_password = "empty")
CHANGE(immutable, lin(f)->resolv_conf_immutable = true)
CHANGE(resolv_own, lin(f)->resolv_conf_own = true)
CHANGE(machine_id, residue(a, &lin(f)->residues, "machine-id", "/etc/machine-id"))
CHANGE(many_keys, lin(f)->ssh_keys_regenerated = false; lin(f)->ssh_host_keys = 6;
       for (int i = 0; i < 6; i++)
           residue(a, &lin(f)->residues, "host-key", "/etc/ssh/ssh_host_x_key"))
CHANGE(secrets, residue(a, &lin(f)->residues, "credentials", "/root/.aws/credentials"))

CHANGE(vhd_odd, f->image.format = "vhd"; f->image.kind = "fixed";
       f->image.virtual_size = 2050 * MIB + 512)
CHANGE(vhd_dynamic, f->image.format = "vhd"; f->image.kind = "dynamic")
CHANGE(vmdk_flat, f->image.format = "vmdk"; f->image.kind = "monolithicFlat")
CHANGE(raw_odd, f->image.format = "raw"; f->image.kind = "")
CHANGE(file_200, f->image.file_size = 200 * 1024 * MIB)
CHANGE(udf_absent, f->kernels.v[0].drivers.udf = "absent")
CHANGE(nvme_module, f->kernels.v[0].drivers.nvme = "module")
CHANGE(udf_blocked, struct fact_blocked *b = LIST_ADD(a, &lin(f)->blocked);
       *b = (struct fact_blocked){"udf", "/etc/modprobe.d/cis.conf:4"})
CHANGE(systemd_boot, f->boot->loader = "systemd-boot")
CHANGE(lvm, f->root->device = "vg/root"; facts_partition(f, a, 2, "LVM2_member"))

#define D22 "tencent-2022"
#define D16 "tencent-2016"
#define D23 "tencent-2023"
#define KVM "generic-kvm"

static const struct {
    void (*change)(struct facts *f, struct arena *a, struct rules_request *q);
    const char *profile, *id;
    enum finding_level level;
    const char *detail, *remedy; /* words of them */
} cases[] = {
    {raw_only, D22, "C05", LEVEL_ERROR, "vhdx-of-tomorrow", "imgport convert"},
    {vhd_dynamic, "azure", "C05", LEVEL_ERROR, "dynamic; the cloud takes fixed",
     "subformat=fixed,force_size IMAGE"},
    {vmdk_flat, "aws", "C05", LEVEL_ERROR, "monolithicFlat", "subformat=streamOptimized"},
    {raw_only, "aws", "C05", LEVEL_ERROR, "vhdx-of-tomorrow", "-O vmdk"},
    {vhd_odd, "azure", "C21", LEVEL_ERROR, "no multiple of 1 MiB",
     "qemu-img resize -f raw DISK.raw 2150629376\nqemu-img convert -f raw -O vpc"},
    {raw_odd, "gcp", "C21", LEVEL_ERROR, "no multiple of 1 GiB", "DISK.raw 3221225472"},
    {file_200, "huawei", "C22", LEVEL_ERROR, "200 GiB", "fstrim"},
    {image_dirty, D22, "C13", LEVEL_WARNING, "interrupted", "qemu-img check -r all"},
    {image_corrupt, D22, "C13", LEVEL_ERROR, "marked corrupt", "qemu-img check"},
    {gpt_backup, KVM, "P03", LEVEL_WARNING, "backup", "sgdisk -e"},
    {gpt_primary, KVM, "P03", LEVEL_WARNING, "first copy", "sgdisk -e"},
    {hybrid, KVM, "P04", LEVEL_WARNING, "hybrid", "gdisk"},
    {not_strict, KVM, "P04", LEVEL_WARNING, "not a plain protective one", "gdisk"},
    {overlap, D22, "P05", LEVEL_ERROR, "1 and 3", "fdisk -l"},
    {inactive, D22, "P06", LEVEL_WARNING, "active", "set 1 boot on"},
    {gpt_no_bios_boot, KVM, "P06", LEVEL_WARNING, "BIOS boot", ""},
    {esp_empty, KVM, "P07", LEVEL_WARNING, "BOOTX64.EFI", "grub-install"},
    {uefi_only, D22, "P08", LEVEL_ERROR, "UEFI only", "i386-pc /dev/vda"},
    {no_boot_code, D22, "P09", LEVEL_WARNING, "no code", "grub-install"},
    {odd_boot_code, D22, "P09", LEVEL_WARNING, "no loader", ""},
    {grub_alone, D22, "P09", LEVEL_WARNING, "rescue prompt", "grub-install"},
    {half_extlinux, D22, "P09", LEVEL_ERROR, "not installed there",
     "extlinux --install /boot/extlinux"},
    {dead_boot_sector, D22, "P09", LEVEL_ERROR, "not installed there", "grub-install"},
    {gpt_no_bios_boot, D22, "P02", LEVEL_ERROR, "MBR only", "sgdisk --gpttombr=1 "},
    {xfs, D16, "P18", LEVEL_ERROR, "xfs, and the cloud takes ext3, ext4", "ext3, ext4"},
    {unclean, D22, "P19", LEVEL_WARNING, "not marked clean", "e2fsck -f"},
    {stale, D22, "P19", LEVEL_WARNING, "log is dirty", "e2fsck -f"},
    {unmounted, D22, "P19", LEVEL_WARNING, "journal", "Shut the machine down"},
    {check_by_count, D22, "P20", LEVEL_NOTE, "mounted 30 times", "e2fsck -f"},
    {check_by_time, D22, "P20", LEVEL_NOTE, "10 days ago", "e2fsck -f"},
    {little_space, D22, "P21", LEVEL_WARNING, "99 MiB are free", "apt-get clean"},
    {no_inodes, D22, "P21", LEVEL_WARNING, "99 of 131072", "apt-get clean"},
    {unclear_default, D22, "P22", LEVEL_WARNING, "a script chooses", "update-grub"},
    {no_initramfs, D22, "P22", LEVEL_ERROR, "not there",
     "update-initramfs -u -k 6.1.0-50-amd64"},
    {declared_unlisted, D22, "L01", LEVEL_ERROR, "\"Slackware\"", ""},
    {declared_other, D22, "L01", LEVEL_WARNING, "\"Ubuntu\" is declared",
     "Declare Debian."},
    {declared_version, D22, "L01", LEVEL_WARNING, "version 11", "Declare 12."},
    {other_linux, D23, "L01", LEVEL_NOTE, "Void", "Declare Other Linux."},
    {other_linux, D22, "L01", LEVEL_ERROR, "Void is not", "listed systems"},
    {declared_arm, D23, "L02", LEVEL_ERROR, "arm_64 is declared", "Declare x86_64."},
    {riscv, KVM, "L02", LEVEL_ERROR, "riscv64", ""},
    {own_kernel, D22, "L03", LEVEL_WARNING, "6.1.0-50", "linux-image-amd64"},
    {xen_kernel, D22, "L04", LEVEL_ERROR, "Xen guest", "linux-image-amd64"},
    {blk_absent, D22, "L05", LEVEL_ERROR, "no virtio_blk", "linux-image-amd64"},
    {no_modules, D22, "L06", LEVEL_ERROR, "virtio_pci", "linux-image-amd64"},
    {blk_module, D22, "L07", LEVEL_ERROR, "virtio_blk as a module",
     "printf '%s\\n' virtio_blk virtio_net virtio_pci >> /etc/initramfs-tools/modules\n"
     "update-initramfs -u -k 6.1.0-50-amd64"},
    {all_modules, D22, "L07", LEVEL_ERROR,
     "has virtio_blk, virtio_pci, virtio_net as a module", "update-initramfs"},
    {net_module, D22, "L07", LEVEL_WARNING, "virtio_net as a module", "update-initramfs"},
    {no_initrd_line, D22, "L07", LEVEL_ERROR, "without an initramfs", "update-initramfs"},
    {dm_module, D22, "L07", LEVEL_ERROR, "logical volume", "update-initramfs"},
    {fs_absent, D22, "L07", LEVEL_ERROR, "no driver for the root's filesystem", ""},
    {blocklist, D22, "L08", LEVEL_ERROR, "virtio_net", "update-initramfs"},
    {udf_blocked, "azure", "L08", LEVEL_WARNING, "driver udf", "Remove the line"},
    {udf_absent, "azure", "L09", LEVEL_WARNING, "has no udf", "linux-image-amd64"},
    {nvme_module, "aws", "L09", LEVEL_WARNING, "nvme as a module", "update-initramfs"},
    {lvm, "azure", "P15", LEVEL_WARNING, "LVM volume", "plain partition"},
    {systemd_boot, "gcp", "L20", LEVEL_ERROR, "systemd-boot; the cloud takes grub2",
     "GRUB"},
    {swap, "azure", "L18", LEVEL_WARNING, "512 MiB", ""},
    {no_serial, "openstack", "L21", LEVEL_WARNING, "serial", "console=ttyS0"},
    {ci_absent, D22, "L10", LEVEL_ERROR, "not installed",
     "apt-get install cloud-init\nsystemctl enable cloud-init-local.service "
     "cloud-init.service cloud-config.service cloud-final.service"},
    {ci_absent, KVM, "L10", LEVEL_WARNING, "not installed", "apt-get"},
    {ci_absent_forced, D22, "L10", LEVEL_NOTE, "forced", "apt-get"},
    {ci_absent_forced, D22, "L14", LEVEL_WARNING, "config-2", "blkid -L config-2"},
    {ci_off, D22, "L11", LEVEL_ERROR, "cloud-init.disabled",
     "rm -f /etc/cloud/cloud-init.disabled\nsystemctl enable"},
    {ci_off_cmdline, D22, "L11", LEVEL_ERROR, "command line", "cloud-init=disabled"},
    {ci_sources, D22, "L12", LEVEL_WARNING, "[ Ec2 ]", "[ ConfigDrive, TencentCloud ]"},
    {ci_old, D22, "L13", LEVEL_NOTE, "0.7.9", "apt-get install"},
    {no_growpart, D22, "L15", LEVEL_WARNING, "growpart", "cloud-guest-utils"},
    {root_not_last, D22, "L15", LEVEL_WARNING, "last partition", ""},
    {fstab_gone, D22, "L16", LEVEL_WARNING, "UUID=9, mounted on /srv", "blkid"},
    {fstab_root_gone, D22, "L16", LEVEL_ERROR, "mounted on /,", "blkid"},
    {usr_gone, D22, "L16", LEVEL_ERROR, "mounted on /usr,", "holds /usr"},
    {fstab_device, D22, "L16", LEVEL_WARNING, "/dev/sda2", "blkid -s UUID /dev/sda2"},
    {fstab_hostile, D22, "L16", LEVEL_WARNING, "reboot",
     "blkid -s UUID '/dev/$(reboot)'\\''x'"},
    {fstab_nfs, D22, "L17", LEVEL_WARNING, "network filesystem", "nofail"},
    {fstab_vboxsf, D22, "L17", LEVEL_WARNING, "shared folder", "nofail"},
    {swap, D22, "L18", LEVEL_NOTE, "512 MiB", ""},
    {root_by_device, D22, "L19", LEVEL_WARNING, "root=/dev/sda1", "update-grub"},
    {root_by_vda, D22, "L19", LEVEL_NOTE, "root=/dev/vda1", "update-grub"},
    {device_map, D22, "L19", LEVEL_WARNING, "(hd0) /dev/hda", "device.map"},
    {grub_legacy, D22, "L20", LEVEL_WARNING, "0.97", ""},
    {grub_198, D22, "L20", LEVEL_WARNING, "1.98", ""},
    {linux16, D22, "L20", LEVEL_WARNING, "linux16", "update-grub"},
    {no_serial, D22, "L21", LEVEL_NOTE, "serial", "console=ttyS0"},
    {fixed_address, D22, "L22", LEVEL_WARNING, "eth0", "iface eth0 inet dhcp"},
    {nic_rules, D22, "L23", LEVEL_WARNING, "bound", "rm -f /etc/udev/rules.d/70"},
    {mac, D22, "L23", LEVEL_WARNING, "00:50:56:00:00:01", "HWADDR"},
    {second_nic, D16, "L24", LEVEL_WARNING, "ens3", "iface eth0 inet dhcp"},
    {ipv6, D16, "L24", LEVEL_WARNING, "IPv6", "IPv6"},
    {ipv6, "tencent-2018", "L24", LEVEL_WARNING, "IPv6", "IPv6"},
    {rhel, D16, "L25", LEVEL_NOTE, "declared as BYOL", "--license BYOL"},
    {rhel_declared, D16, "L25", LEVEL_ERROR, "BYOL", "--license BYOL"},
    {no_sshd, D22, "L26", LEVEL_WARNING, "no SSH server", "openssh-server"},
    {sshd_off, D22, "L26", LEVEL_WARNING, "by itself", "systemctl enable ssh"},
    {no_host_keys, D22, "L26", LEVEL_WARNING, "no SSH host keys", "ssh-keygen -A"},
    {firewall, D22, "L27", LEVEL_WARNING, "policy drop", "22"},
    {selinux, D22, "L28", LEVEL_WARNING, "enforcing", "autorelabel"},
    {local_time, D22, "L29", LEVEL_NOTE, "local time", "--utc"},
    {vmware, D22, "L30", LEVEL_WARNING, "vmtoolsd", "apt-get purge open-vm-tools"},
    {qemu_ga, D22, "L30", LEVEL_NOTE, "qemu-ga", ""},
    {no_shadow, D22, "L31", LEVEL_WARNING, "no /etc/shadow", "pwconv"},
    {empty_password, D22, "L31", LEVEL_WARNING, "empty password", "passwd -l"},
    {immutable, D22, "L31", LEVEL_WARNING, "immutable", "chattr -i"},
    {resolv_own, D22, "L31", LEVEL_NOTE, "name servers", "resolv.conf"},
    {machine_id, D22, "L32", LEVEL_WARNING, "/etc/machine-id", ": > /etc/machine-id"},
    {many_keys, D22, "L32", LEVEL_WARNING, "and 2 more", "ssh_host_"},
    {secrets, D22, "L32", LEVEL_WARNING, ".aws", "Remove"},
};

static bool fires(const struct report *r, size_t i)
{
    for (size_t k = 0; k < r->findings.n; k++) {
        const struct finding *f = &r->findings.v[k];

        if (strcmp(f->id, cases[i].id) == 0 && f->level == cases[i].level &&
            strstr(f->detail, cases[i].detail) && strstr(f->remedy, cases[i].remedy))
            return true;
    }
    return false;
}

static void show(const struct report *r)
{
    for (size_t k = 0; k < r->findings.n; k++)
        print_message("%s %s: %s\n%s\n", r->findings.v[k].id,
                      finding_level_name(r->findings.v[k].level), r->findings.v[k].detail,
                      r->findings.v[k].remedy);
}

static void test_each_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct rules_request request = request_none;
        struct facts f;
        struct report r;

        facts_good(&f, &a);
        cases[i].change(&f, &a, &request);
        r = judge_facts(&a, &f, cases[i].profile, &request);
        if (fires(&r, i))
            continue;
        show(&r);
        fail_msg("%s by %s: \"%s\" and \"%s\" expected", cases[i].id, cases[i].profile,
                 cases[i].detail, cases[i].remedy);
    }
}

/* What lies in a /usr that is elsewhere was not looked at: only the /usr is missing. */
static void test_usr_gone(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct rules_request request = request_none;
    struct report r;
    struct facts f;

    (void)state;
    facts_good(&f, &a);
    usr_gone(&f, &a, &request);
    r = judge_facts(&a, &f, D22, &request);
    show(&r);
    assert_int_equal(r.findings.n, 1);
    assert_string_equal(r.findings.v[0].id, "L16");
    assert_int_equal(r.code, ANSWER_ROOT_PARTITION_NOT_FOUND);
}

/* Without having seen the whole disk nobody can say that no system is on it. */
static void test_truncated(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct report r;
    struct facts f;

    (void)state;
    facts_good(&f, &a);
    facts_without_root(&f);
    f.partitions.v[0].past_end = true;
    f.partitions.v[0].filesystem = "";
    r = judge_facts(&a, &f, "tencent-2022", &request_none);
    show(&r);
    assert_int_equal(r.findings.n, 1);
    assert_string_equal(r.findings.v[0].id, "P05");
    assert_int_equal(r.code, ANSWER_INVALID_FORMAT_SIZE);
}

/* In Chinese, every sentence is; the facts in it are not. */
static void test_chinese(void **state)
{
    struct i18n_catalog *zh = i18n_load(catalogues, "zh_CN");

    (void)state;
    assert_non_null(zh);
    i18n_use(zh);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct rules_request request = request_none;
        struct facts f;
        struct report r;

        facts_good(&f, &a);
        cases[i].change(&f, &a, &request);
        r = judge_facts(&a, &f, cases[i].profile, &request);
        for (size_t k = 0; k < r.findings.n; k++)
            if (!strpbrk(r.findings.v[k].detail, "\xe4\xe5\xe6\xe7\xe8\xe9"))
                fail_msg("%s: %s", r.findings.v[k].id, r.findings.v[k].detail);
    }
    i18n_use(NULL);
    i18n_free(zh);
}

/* Whatever can fire has a row above or in the verdicts; a new check needs one.  Those of
 * Windows are in windows_test.c. */
static void test_all_rows_are_tested(void **state)
{
    static const char *const by_verdict_test[] = {"P01", "P10", "P11", "P12", "P13",
                                                  "P14", "P16", "P17", "C22"};
    const struct check_row *row;

    (void)state;
    for (unsigned i = 0; (row = check_at(i)); i++) {
        bool seen =
            row->id[0] == 'N' || (row->id[0] == 'C' && strcmp(row->id, "C21") != 0);

        for (size_t k = 0; k < ARRAY_SIZE(by_verdict_test); k++)
            seen |= strcmp(row->id, by_verdict_test[k]) == 0;
        for (size_t k = 0; k < ARRAY_SIZE(cases); k++)
            seen |= strcmp(row->id, cases[k].id) == 0;
        if (!seen)
            fail_msg("%s has no test", row->id);
    }
}

CHANGE(fstab_nofail, struct fact_mount *m = mount(f, a, "UUID=9", "/srv", "disk");
       m->resolves = false; m->nofail = true)
CHANGE(fstab_nfs_nofail, mount(f, a, "srv:/x", "/srv", "network")->nofail = true)
CHANGE(keys_made_anew, residue(a, &lin(f)->residues, "host-key", "/etc/ssh/ssh_host_x");
       lin(f)->ssh_keys_regenerated = true)
CHANGE(blocked_builtin, struct fact_blocked *b = LIST_ADD(a, &lin(f)->blocked);
       *b = (struct fact_blocked){"virtio_net", "x"};
       f->kernels.v[0].drivers.virtio_net = "builtin")
CHANGE(blocked_other, struct fact_blocked *b = LIST_ADD(a, &lin(f)->blocked);
       *b = (struct fact_blocked){"pcspkr", "x"})
CHANGE(not_yet_due, f->partitions.v[0].fs->last_checked = 1000000;
       f->partitions.v[0].fs->check_interval = 86400; q->now = 1000000 + 86400)
CHANGE(ipv6_again, lin(f)->network.interfaces.v[0].ipv6 = true)
CHANGE(nic_again, nic(f, a, "ens3"))
CHANGE(ci_source, const char **s = LIST_ADD(a, &f->cloud_init->datasources);
       *s = "ConfigDrive")
CHANGE(config_2, f->cloud_init->config_2_reader = true; q->force = true)
CHANGE(declared_right, q->os_type = "Debian"; q->os_version = "12"; q->arch = "x86_64")
CHANGE(grub_by_itself, f->disk.active_sector = "none")
CHANGE(grub_in_one, f->boot->modules_exist = false; f->disk.grub_core = 250000)
CHANGE(grub_of_old, f->boot->modules_exist = false; f->disk.grub_core = 0)
CHANGE(grub_in_memory, f->boot->modules_exist = false;
       f->boot->config = "/boot/flatcar/grub/grub.cfg.tar")
CHANGE(grub_unseen, f->boot->modules_exist = false;
       *LIST_ADD(a, &f->problems) = (struct fact_problem){"ext4", "corrupt", "/boot/grub",
                                                          "damaged", true})
CHANGE(extlinux, f->boot->loader = "extlinux"; f->disk.boot_code = "syslinux";
       f->disk.active_sector = "code")
CHANGE(small_boot, facts_partition(f, a, 2, "ext4")->role = "boot";
       f->partitions.v[1].fs = arena_alloc(a, sizeof(struct fact_fs));
       f->partitions.v[1].fs->clean = true; f->partitions.v[1].fs->total_bytes = 1024;
       f->partitions.v[1].fs->stale_reason = "")

/* What looks like the cases above, and is right. */
static void test_quiet(void **state)
{
    static const struct {
        const char *name;
        void (*change)(struct facts *f, struct arena *a, struct rules_request *q);
    } quiet[] = {
        {"fstab entry with nofail", fstab_nofail},
        {"network filesystem with nofail", fstab_nfs_nofail},
        {"host keys that are made anew", keys_made_anew},
        {"a built-in driver cannot be blocked", blocked_builtin},
        {"another driver is blocked", blocked_other},
        {"the check is due tomorrow", not_yet_due},
        {"IPv6 where the profile does not mind", ipv6_again},
        {"two interfaces where the profile does not mind", nic_again},
        {"the cloud's own data source", ci_source},
        {"a forced import of an image with cloud-init", config_2},
        {"a right declaration", declared_right},
        {"GRUB's boot record starts no partition", grub_by_itself},
        {"a core image of GRUB that has room for its modules", grub_in_one},
        {"one whose size is not known", grub_of_old},
        {"one with its settings within", grub_in_memory},
        {"modules that may be where nobody could look", grub_unseen},
        {"extlinux that is installed", extlinux},
        {"a filesystem smaller than what should be free", small_boot},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(quiet); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct rules_request request = request_none;
        struct facts f;
        struct report r;

        facts_good(&f, &a);
        quiet[i].change(&f, &a, &request);
        r = judge_facts(&a, &f, D22, &request);
        show(&r);
        if (r.findings.n)
            fail_msg("%s", quiet[i].name);
    }
}

static void test_good_is_quiet(void **state)
{
    static const char *const profiles[] = {D16, "tencent-2018", D22, D23, KVM};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct facts f;
        struct report r;

        facts_good(&f, &a);
        r = judge_facts(&a, &f, profiles[i], &request_none);
        show(&r);
        assert_int_equal(r.findings.n, 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_check),          cmocka_unit_test(test_usr_gone),
        cmocka_unit_test(test_truncated),           cmocka_unit_test(test_chinese),
        cmocka_unit_test(test_all_rows_are_tested), cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_good_is_quiet),
    };

    assert_int_equal(argc, 2);
    catalogues = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
