/* SPDX-License-Identifier: GPL-2.0-or-later */
/* facts.h: what was seen in an image, as one plain struct
 *
 * The contract between who looks (block, volume, fs, guest: in the sandboxed worker) and
 * who judges (rules: in the broker).  Facts are collected in an arena, printed as JSON by
 * facts_json.h, sent over the wire in that form and read back by it, so whatever is added
 * here is added to the table there (a test notices when it is not).
 *
 * Rules of this struct
 *   - A string is never NULL: "" means "not seen".  It is printable UTF-8 (arena_text()).
 *   - A pointer to a struct may be NULL: "does not exist" or "was not reached".
 *   - Absence and ignorance differ.  What could not be looked at is an entry in
 * `problems`, and the field that would hold the answer is left at its "unknown" value.
 *   - Sizes and offsets are bytes.
 *
 * Built once, immutable afterwards, any thread. */
#pragma once

#include "base/arena.h"

typedef LIST(const char *) fact_strings;

/* ---- looking failed */

/* One place where we could not look: not "it is missing", but "it could not be read".
 * Any of these makes a verdict undecided unless something certain refuses the image. */
struct fact_problem {
    const char
        *layer; /* "block", "qcow2", "ext4", "xfs", "lvm2", "initramfs", "guest" ... */
    const char *code;    /* err_code_name(): "corrupt", "unsupported", "io", "limit" */
    const char *subject; /* "partition 2", "/boot/initrd.img-6.1.0" */
    const char *message; /* one phrase, with the offset where it helps */
    bool minor; /* it keeps only advice from being given: never makes undecided */
};

/* ---- container */

struct fact_image {
    const char *format; /* "raw" ... ; "unknown" */
    const char *kind;   /* "v3", "streamOptimized" */
    const char *other;  /* what it is instead: "VHDX", "gzip"; "" */
    const char *creator;
    uint64_t virtual_size; /* 0 while not known */
    uint64_t file_size;
    uint64_t qcow2_size;   /* as uncompressed qcow2 with 64 KiB clusters; 0 not known */
    bool qcow2_size_exact; /* false: from extents alone, an upper bound */
    uint64_t data_size;    /* bytes that extents call data */
    uint32_t cluster_size;
    bool compressed, dirty;
    uint32_t internal_snapshots;
    const char *fault;        /* image_fault_name(); "none" */
    const char *fault_detail; /* evidence; "" */
};

/* ---- partitions and filesystems */

/* What one filesystem says of itself, where it could be opened. */
struct fact_fs {
    uint64_t total_bytes, free_bytes;
    uint64_t total_inodes, free_inodes; /* 0 and 0: no such count */
    bool clean, needs_recovery, stale_possible;
    const char *stale_reason;
    int64_t last_checked;
    uint32_t mount_count, max_mount_count, check_interval;
    const char *features; /* "has_journal extent 64bit ..." */
};

struct fact_partition {
    uint32_t index;
    uint64_t start, size;
    const char *type;      /* "83", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B" */
    const char *type_name; /* "Linux" */
    const char *name;      /* GPT name */
    bool active, logical, extended, past_end;
    const char *filesystem; /* fs_type_name(): "ext4", "swap", "LVM2_member", "unknown" */
    const char *uuid, *label;
    const char *part_uuid; /* PARTUUID as Linux has it: "1a2b3c4d-01" for MBR; "" none */
    /* "root", "boot", "usr", "esp", "swap", "bios-boot", "data", "" */
    const char *role;
    /* Which of two partitions for /usr starts (GPT attributes of Container Linux). */
    uint32_t priority, tries;
    bool successful;
    struct fact_fs *fs; /* NULL: not opened */
};

struct fact_volume {  /* logical volume */
    const char *name; /* "vg/root" */
    uint64_t size;
    const char *filesystem, *uuid, *label;
    const char *role;
    struct fact_fs *fs;
};

/* The disk below its partitions. */
struct fact_disk {
    bool all_zero;         /* every byte we may call data is zero, or there is no data */
    bool boot_signature;   /* 55 AA */
    const char *boot_code; /* "grub", "syslinux", "windows", "unknown", "" none */
    uint32_t grub_core;    /* bytes of the core image that GRUB's boot record loads,
                              unpacked;    0: not known */
    const char *active_sector; /* the first one of the active partition: "code" (it ends
                                  with 55 AA), "none"; "" nothing is active or was read */
    const char *whole; /* filesystem or LVM straight on the disk: "ext4"; "" none */
    const char *whole_label;
    const char
        *installer; /* why it is an installer medium: "ISO 9660 'Debian 12'"; "" not */
    uint32_t overlap_a, overlap_b; /* partitions that share bytes; 0: none */
    bool bios_boot, esp;
    const char *esp_loader; /* "/EFI/BOOT/BOOTX64.EFI"; "" none seen */
    bool esp_looked;        /* the EFI system partition could be read */
    bool gpt_primary_ok, gpt_backup_ok, protective_strict, hybrid;
    const char *uuid;          /* of the GPT, in lower case; "" none */
    const char *table_problem; /* "" */
    const char
        *dynamic; /* why it is a dynamic disk of Windows: "partition 1 has type 42";
                     "" it is not */
};

/* ---- root and system */

struct fact_root {
    const char *device;     /* "partition 1", "vg/root" */
    const char *filesystem; /* "ext4" */
    const char *uuid, *label;
    const char *subvolume; /* path from the top level: "@rootfs"; "" none */
    const char
        *usr; /* where /usr of Container Linux lies: "partition 3"; "" in the root */
    const char *deployment; /* of ostree: "/ostree/deploy/NAME/deploy/SUM.0"; "" none */
};

/* A filesystem that looked like something: P12, P13, P16. */
struct fact_candidate {
    const char *device, *filesystem;
    const char
        *what;       /* "root", "boot", "installer", "data", "windows", "usr", "ostree" */
    const char *why; /* the paths that told */
};

struct fact_os {
    const char *type;     /* "linux", "windows", "freebsd", "other" */
    const char *id;       /* os-release ID or our name for older ones: "debian", "centos",
                             "rhel", "ubuntu", "opensuse", "sles", "coreos", "flatcar",
                             "centos-stream", "tencentos", "uos" ... */
    const char *id_like;  /* blanks between */
    const char *version;  /* "12", "7.9", "6.10" */
    const char *name;     /* PRETTY_NAME or the release file's line */
    const char *arch;     /* "x86_64", "i386", "arm64", "riscv64" ...; "" unknown */
    const char *source;   /* file that told: "/etc/os-release" */
    const char *packages; /* "dpkg", "rpm", "apk", "pacman", "" */
    const char *init;     /* "systemd", "sysvinit", "upstart", "openrc", "" */
};

/* ---- kernels and boot */

/* For one driver in one kernel: "builtin", "initramfs", "module" (on the root filesystem
 * only), "absent", or "unknown" (could not look: see problems). */
struct fact_drivers {
    const char *virtio_blk, *virtio_net, *virtio_pci, *virtio_scsi;
    const char *root_fs; /* driver of the root's filesystem; "builtin" ... as above */
    const char *dm;      /* dm-mod; "" where root needs none */
    const char *nvme, *ahci, *ata_piix, *hv_storvsc, *hv_netvsc, *ena, *xen_blkfront;
    const char *hv_vmbus, *gve;
    const char *udf, *vfat; /* of settings that come on a medium */
};

struct fact_kernel {
    const char *version;   /* "6.1.0-50-amd64" */
    const char *image;     /* "/boot/vmlinuz-6.1.0-50-amd64"; "" none */
    bool is_default;       /* JSON: "default" */
    const char *initramfs; /* "/boot/initrd.img-..."; "" none */
    uint64_t initramfs_size;
    const char
        *initramfs_format;      /* "zstd", "gzip", "none" ...; early segments left out */
    const char *initramfs_tool; /* "initramfs-tools", "dracut", "tiny-initramfs",
                                   "mkinitrd", "" */
    const char *config;         /* where built-in was read: "/boot/config-...",
                                   "/lib/modules/.../modules.builtin"; "" neither */
    const char *modules;        /* "/lib/modules/6.1.0-50-amd64"; "" no such folder */
    bool xen_only;              /* L04 */
    bool distribution; /* named and owned like a kernel of the distribution (L03) */
    struct fact_drivers drivers;
};

/* modprobe.d "blacklist" / "install X /bin/true", or a word of the command line (L08). */
struct fact_blocked {
    const char *module; /* "virtio_blk" */
    const char *where;  /* "/etc/modprobe.d/x.conf:3" or "kernel command line" */
};

struct fact_boot {
    const char *loader; /* "grub2", "grub-legacy", "extlinux", "syslinux", "systemd-boot",
                           "uki" (firmware starts the kernel), "" */
    const char *config; /* "/boot/grub/grub.cfg" */
    const char *loader_version; /* L20; "" unknown */
    const char *entry;          /* title of the default entry; "" none */
    const char *saved;          /* saved_entry of grubenv; "" */
    const char *kernel,
        *initramfs;               /* paths as the guest sees them, mount points applied */
    fact_strings initramfs_files; /* all of them, if the entry has several; the last one
                                     is `initramfs` */
    const char *cmdline;
    bool kernel_exists, initramfs_exists; /* initramfs: every file of them */
    const char *root;                     /* value of root=; "" none */
    bool root_resolves; /* it names a filesystem of this disk, and that is the root */
    bool root_by_id;    /* UUID=, LABEL=, PARTUUID=, a logical volume: not /dev/sda1 */
    const char *usr;    /* what the command line mounts as /usr; "" nothing */
    bool usr_resolves;  /* it names a filesystem of this disk, and that is /usr */
    const char *deployment; /* value of ostree=; "" none */
    bool deployment_exists; /* ... and that is the root */
    bool serial_console;    /* L21 */
    bool linux16_uefi;      /* L20: a UEFI entry that uses linux16 */
    const char
        *device_map;     /* first stale line of device.map ("(hd0) /dev/sda"); "" (L19) */
    const char *problem; /* the default could not be determined: why; "" */
    const char *hypervisor; /* "/boot/xen-4.17-amd64.gz" starts below the kernel; "" */
    bool modules_exist;     /* of GRUB for a BIOS, beside its settings or elsewhere; only
                               looked for when disk.grub_core is known */
    bool no_entry;     /* no settings of a loader, or settings with nothing to start */
    bool boot_missing; /* /boot is a mount point in fstab, and its filesystem is not here
                        */
};

/* ---- cloud-init */

struct fact_cloud_init {
    bool installed;       /* JSON null when there is no root: pointer is NULL */
    const char *evidence; /* "/usr/bin/cloud-init", "dpkg: cloud-init 22.4.2-1" */
    bool enabled;
    const char *disabled_by; /* "/etc/cloud/cloud-init.disabled", "kernel command line",
                                "no unit is enabled"; "" */
    const char *version;
    fact_strings datasources; /* datasource_list after merging; empty: the default, all */
    const char *datasources_from; /* file that set it last; "" */
    bool config_2_reader;         /* L14: something else reads config-2 at boot */
    const char *config_2_where;
};

/* ---- Ignition, which sets up Container Linux and Fedora CoreOS */

struct fact_ignition {
    bool installed;
    const char *evidence; /* "/usr/bin/ignition" */
    const char *platform; /* where it looks for settings: "openstack"; "" not said */
    bool first_start;     /* it runs at the next start */
    const char *coreos_cloudinit; /* "/usr/bin/coreos-cloudinit"; "" not there */
};

/* ---- fstab, network, and the rest of section 3 */

struct fact_mount { /* one fstab line */
    uint32_t line;
    const char *spec;   /* "UUID=...", "/dev/sda1", "//server/share" */
    const char *target; /* "/", "none" */
    const char *type, *options;
    const char
        *kind;     /* "disk", "swap", "network", "shared-folder", "pseudo", "removable" */
    bool resolves; /* kind "disk" or "swap": it names something of this disk */
    bool by_id;    /* UUID=, LABEL=, PARTUUID=, /dev/disk/by-*, a logical volume */
    bool nofail;   /* nofail or noauto */
};

struct fact_interface {
    const char *name;   /* "eth0", "ens3", "*" */
    const char *method; /* "dhcp", "static", "manual" */
    const char *file;   /* "/etc/network/interfaces" */
    const char *mac;    /* pinned address; "" */
    bool ipv6;          /* has an IPv6 address or asks for one */
};

struct fact_network {
    const char *method; /* "dhcp", "static", "mixed", "cloud-init", "none", "unknown" */
    LIST(struct fact_interface) interfaces; /* loopback left out */
    const char *nic_rules; /* persistent-net rules file that pins names; "" (L23) */
    bool ifnames_off;      /* net.ifnames=0 in the default command line */
};

struct fact_residue { /* L30, L32 */
    const char *kind; /* "vmware", "virtualbox", "xen", "parallels", "qemu-ga", "hyperv";
                         "machine-id", "host-key", "cloud-instance", "dhcp-lease",
                         "history", "log", "credentials" */
    const char *path;
    uint64_t size;
};

typedef LIST(struct fact_residue) fact_residues;

struct fact_linux {
    LIST(struct fact_mount) fstab;
    struct fact_network network;
    bool growpart;           /* L15 */
    bool root_last;          /* the root, or a physical volume of its group, is the last
                                partition */
    uint64_t swap_on_disk;   /* bytes of swap on this disk (L18) */
    bool sshd, sshd_enabled; /* L26 */
    uint32_t ssh_host_keys;
    bool ssh_keys_regenerated; /* something makes new ones at first boot */
    const char
        *firewall; /* "nftables: policy drop in /etc/nftables.conf"; "" none (L27) */
    const char *selinux; /* "enforcing", "permissive", "disabled", "" (L28) */
    bool selinux_relabel_needed;
    const char *rtc;           /* "utc", "local" (L29) */
    const char *shadow;        /* "ok", "missing", "unreadable" (L31) */
    const char *root_password; /* "set", "locked", "empty", "" unknown; never the hash */
    bool resolv_conf_immutable;
    bool resolv_conf_own;   /* a plain file with name servers of somewhere else */
    fact_residues tools;    /* L30 */
    fact_residues residues; /* L32 */
    LIST(struct fact_blocked) blocked; /* L08 */
};

/* ---- Windows, section 4 */

struct fact_windows_driver {
    const char *name; /* "viostor", "vioscsi", "netkvm" */
    const char
        *path; /* the file that its service loads: "/Windows/System32/drivers/..." */
    bool file; /* it is there */
    bool read_only;
    const char *machine; /* "x86_64" ...; "none" it is no program; "" not looked at */
    const char *version; /* "100.93.104.24000"; "" none */
    bool service;        /* the current control set has its service */
    uint32_t start;      /* 0 boot ... 3 demand, 4 disabled; 4 while `service` is false */
    bool overridden;     /* StartOverride takes its start back */
    const char *image_path; /* of the service, as stored; "" none */
    bool bound;             /* a virtio device is bound to it */
    const char *binding;    /* what binds it: "DriverDatabase: VEN_1AF4&DEV_1001..." */
};

struct fact_windows_hive {
    const char *name; /* "SYSTEM" */
    const char *path;
    const char *state;  /* "ok", "missing", "damaged", "unknown" could not look */
    bool stale;         /* its last change is in its log only, which is not applied */
    const char *detail; /* what is wrong; "" */
};

/* What starts Windows: the boot manager, its store, and the default entry in it. */
struct fact_windows_boot {
    const char *device;  /* of the store, or where the manager was looked for */
    const char *manager; /* "/bootmgr", "/EFI/Microsoft/Boot/bootmgfw.efi"; "" none */
    const char *store;   /* "/Boot/BCD", "/boot.ini"; "" none */
    const char *entry;   /* "{...}": the default; "" none */
    const char *title;   /* "Windows Server 2022" */
    const char *loader;  /* "/Windows/system32/winload.exe" */
    bool loader_exists;
    const char *target;  /* where the entry's system lies: "partition 2", "boot"; "" */
    const char *problem; /* why the default leads nowhere; "" */
};

struct fact_windows_filter { /* of the class of disks */
    const char *name;        /* "partmgr" */
    bool service, file;      /* what it names is there */
};

struct fact_windows {
    const char *product;      /* "Windows Server 2012 R2 Standard", as stored */
    const char *edition;      /* "ServerStandard" */
    const char *kernel;       /* "6.3", "10.0" */
    const char *release;      /* "21H2", "1809"; "" before Windows 10 */
    const char *service_pack; /* "Service Pack 1" */
    const char *build;        /* "9600" */
    uint32_t revision;        /* the number behind the build's; 0 unknown */
    const char *install;      /* "Server", "Server Core", "Client" */
    const char *licence;      /* "oem", "evaluation", "" */
    uint32_t control_set;     /* the current one, by Select */
    LIST(struct fact_windows_hive) hives;
    LIST(struct fact_windows_driver) drivers;
    struct fact_windows_boot *boot;
    const char *hibernated;  /* "/hiberfil.sys begins with HIBR"; "" no */
    bool fast_startup;       /* a shutdown hibernates the kernel */
    const char *image_state; /* "IMAGE_STATE_COMPLETE", "" unknown */
    bool setup_running;      /* SystemSetupInProgress */
    fact_strings pending;    /* why an update is not finished */
    fact_strings updates;    /* installed ones with a known fault: "KB5009624 (...)" */
    const char *sha2;        /* what lets 2008 and 2008 R2 trust SHA-2: "KB4474419" */
    LIST(struct fact_windows_filter) filters;
    fact_residues tools;         /* of other hypervisors; also Xen's hide_devices */
    const char *install_blocked; /* what forbids new devices; "" nothing */
    const char *rdp;             /* "allowed", "denied", "" unknown */
    LIST(struct fact_interface) interfaces;
    const char *san_policy; /* "online-all", "offline-shared", "offline-all",
                               "offline-internal", "" not set */
    fact_strings pagefiles; /* "C:/pagefile.sys 0 0" */
};

/* ---- everything */

struct facts {
    struct fact_image image;
    const char *partition_table; /* "mbr", "gpt", "none"; "" not reached */
    struct fact_disk disk;
    LIST(struct fact_partition) partitions;
    LIST(struct fact_volume) logical_volumes;
    fact_strings volume_problems; /* "vg: thin volume pool is not read" (part of LVM) */
    LIST(struct fact_candidate) candidates;
    struct fact_root *root;
    struct fact_os *os;
    fact_strings firmware; /* "bios", "uefi": what the disk can start from */
    struct fact_boot *boot;
    LIST(struct fact_kernel) kernels;
    struct fact_cloud_init *cloud_init;
    struct fact_ignition *ignition; /* NULL: no Linux was looked at */
    struct fact_linux *linux_;      /* JSON: "linux" */
    struct fact_windows *windows;
    LIST(struct fact_problem) problems;
};

/* Every string "", every pointer NULL. */
void facts_init(struct facts *f);
