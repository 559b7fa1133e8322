/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "rules/facts_by_hand.h"

#define MIB ((uint64_t)1 << 20)

const struct rules_request request_none = {
    .os_type = "",
    .os_version = "",
    .arch = "",
    .license = "",
};

struct fact_partition *facts_partition(struct facts *f, struct arena *a, uint32_t index,
                                       const char *filesystem)
{
    struct fact_partition *p = LIST_ADD(a, &f->partitions);

    assert_non_null(p);
    *p = (struct fact_partition){
        .index = index,
        .start = index * MIB,
        .size = MIB,
        .type = "83",
        .type_name = "Linux",
        .name = "",
        .filesystem = filesystem,
        .uuid = "",
        .label = "",
        .part_uuid = "",
        .role = "",
    };
    return p;
}

static struct fact_fs *good_fs(struct arena *a)
{
    struct fact_fs *fs = arena_alloc(a, sizeof *fs);

    assert_non_null(fs);
    *fs = (struct fact_fs){
        .total_bytes = 2048 * MIB,
        .free_bytes = 1024 * MIB,
        .total_inodes = 131072,
        .free_inodes = 100000,
        .clean = true,
        .stale_reason = "",
        .features = "has_journal extent 64bit",
    };
    return fs;
}

static void good_kernel(struct facts *f, struct arena *a)
{
    struct fact_kernel *k = LIST_ADD(a, &f->kernels);

    assert_non_null(k);
    *k = (struct fact_kernel){
        .version = "6.1.0-50-amd64",
        .image = "/boot/vmlinuz-6.1.0-50-amd64",
        .is_default = true,
        .initramfs = "/boot/initrd.img-6.1.0-50-amd64",
        .initramfs_format = "zstd",
        .initramfs_tool = "initramfs-tools",
        .config = "/boot/config-6.1.0-50-amd64",
        .modules = "/lib/modules/6.1.0-50-amd64",
        .distribution = true,
        .drivers =
            {
                .virtio_blk = "initramfs",
                .virtio_net = "initramfs",
                .virtio_pci = "initramfs",
                .virtio_scsi = "initramfs",
                .root_fs = "builtin",
                .dm = "",
                .nvme = "builtin",
                .ahci = "module",
                .ata_piix = "module",
                .hv_storvsc = "module",
                .hv_netvsc = "module",
                .ena = "absent",
                .xen_blkfront = "module",
                .hv_vmbus = "module",
                .gve = "module",
                .udf = "module",
                .vfat = "module",
            },
    };
}

static void good_boot(struct facts *f, struct arena *a)
{
    f->boot = arena_alloc(a, sizeof *f->boot);
    assert_non_null(f->boot);
    *f->boot = (struct fact_boot){
        .loader = "grub2",
        .config = "/boot/grub/grub.cfg",
        .loader_version = "2.06",
        .entry = "Debian GNU/Linux",
        .saved = "",
        .kernel = "/boot/vmlinuz-6.1.0-50-amd64",
        .initramfs = "/boot/initrd.img-6.1.0-50-amd64",
        .cmdline = "root=UUID=1 ro console=ttyS0",
        .kernel_exists = true,
        .initramfs_exists = true,
        .root = "UUID=1",
        .root_resolves = true,
        .root_by_id = true,
        .serial_console = true,
        .modules_exist = true,
        .device_map = "",
        .problem = "",
        .hypervisor = "",
        .usr = "",
        .deployment = "",
    };
}

static void good_linux(struct facts *f, struct arena *a)
{
    struct fact_mount *m;
    struct fact_interface *n;

    f->linux_ = arena_alloc(a, sizeof *f->linux_);
    assert_non_null(f->linux_);
    *f->linux_ = (struct fact_linux){
        .network = {.method = "dhcp", .nic_rules = ""},
        .growpart = true,
        .root_last = true,
        .sshd = true,
        .sshd_enabled = true,
        .ssh_keys_regenerated = true,
        .firewall = "",
        .selinux = "",
        .rtc = "utc",
        .shadow = "ok",
        .root_password = "locked",
    };
    m = LIST_ADD(a, &f->linux_->fstab);
    n = LIST_ADD(a, &f->linux_->network.interfaces);
    assert_true(m && n);
    *m = (struct fact_mount){1, "UUID=1", "/", "ext4", "defaults", "disk", true, true};
    *n = (struct fact_interface){"eth0", "dhcp", "/etc/network/interfaces", "", false};
}

void facts_good(struct facts *f, struct arena *a)
{
    struct fact_partition *p;
    const char **firmware;

    facts_init(f);
    f->image.format = "qcow2";
    f->image.kind = "v3";
    f->image.fault = "none";
    f->image.virtual_size = 2050 * MIB;
    f->image.file_size = 600 * MIB;
    f->image.qcow2_size = 900 * MIB;
    f->partition_table = "mbr";
    f->disk.boot_signature = true;
    f->disk.boot_code = "grub";
    f->disk.grub_core = 45992;
    f->disk.gpt_primary_ok = f->disk.gpt_backup_ok = f->disk.protective_strict = true;
    p = facts_partition(f, a, 1, "ext4");
    p->active = true;
    p->uuid = "1";
    p->role = "root";
    p->fs = good_fs(a);
    firmware = LIST_ADD(a, &f->firmware);
    f->root = arena_alloc(a, sizeof *f->root);
    f->os = arena_alloc(a, sizeof *f->os);
    f->cloud_init = arena_alloc(a, sizeof *f->cloud_init);
    assert_true(firmware && f->root && f->os && f->cloud_init);
    *firmware = "bios";
    *f->root = (struct fact_root){"partition 1", "ext4", "1", "", "", "", ""};
    *f->os = (struct fact_os){
        "linux",  "debian",          "",     "12",     "Debian GNU/Linux 12 (bookworm)",
        "x86_64", "/etc/os-release", "dpkg", "systemd"};
    good_kernel(f, a);
    good_boot(f, a);
    good_linux(f, a);
    *f->cloud_init = (struct fact_cloud_init){
        .installed = true,
        .evidence = "/usr/bin/cloud-init",
        .enabled = true,
        .disabled_by = "",
        .version = "22.4.2",
        .datasources_from = "",
        .config_2_where = "",
    };
}

static void windows_driver(struct fact_windows *w, struct arena *a, const char *name,
                           uint32_t start)
{
    struct fact_windows_driver *d = LIST_ADD(a, &w->drivers);

    assert_non_null(d);
    *d = (struct fact_windows_driver){
        .name = name,
        .path = arena_printf(a, "/Windows/System32/drivers/%s.sys", name),
        .file = true,
        .machine = "x86_64",
        .version = "62.93.104.24000",
        .service = true,
        .start = start,
        .image_path = "",
        .bound = true,
        .binding = "DriverDatabase: VEN_1AF4",
    };
}

void facts_windows(struct facts *f, struct arena *a)
{
    struct fact_windows *w;
    struct fact_interface *n;

    facts_good(f, a);
    f->boot = NULL;
    f->kernels.n = 0;
    f->linux_ = NULL;
    f->disk.boot_code = "windows";
    f->disk.dynamic = "";
    f->partitions.v[0].filesystem = "ntfs";
    f->root->filesystem = "ntfs";
    *f->os = (struct fact_os){.type = "windows",
                              .id = "windows",
                              .id_like = "",
                              .version = "2012-R2",
                              .name = "Windows Server 2012 R2 Standard",
                              .arch = "x86_64",
                              .source = "/Windows/System32/config/SOFTWARE",
                              .packages = "",
                              .init = ""};
    f->cloud_init->evidence = "service cloudbase-init";
    w = f->windows = arena_alloc(a, sizeof *w);
    assert_non_null(w);
    *w = (struct fact_windows){.product = f->os->name,
                               .edition = "ServerStandard",
                               .kernel = "6.3",
                               .release = "",
                               .service_pack = "",
                               .build = "9600",
                               .install = "Server",
                               .licence = "",
                               .control_set = 1,
                               .hibernated = "",
                               .image_state = "IMAGE_STATE_COMPLETE",
                               .sha2 = "",
                               .install_blocked = "",
                               .rdp = "allowed",
                               .san_policy = ""};
    windows_driver(w, a, "viostor", 0);
    windows_driver(w, a, "vioscsi", 0);
    windows_driver(w, a, "netkvm", 3);
    n = LIST_ADD(a, &w->interfaces);
    w->boot = arena_alloc(a, sizeof *w->boot);
    assert_true(n && w->boot);
    *n = (struct fact_interface){"{1}", "dhcp", "SYSTEM", "", false};
    *w->boot = (struct fact_windows_boot){
        "partition 1", "/bootmgr",    "/Boot/BCD",
        "{2}",         "Windows",     "/Windows/system32/winload.exe",
        true,          "partition 1", ""};
}

void facts_without_root(struct facts *f)
{
    f->root = NULL;
    f->os = NULL;
    f->boot = NULL;
    f->kernels.n = 0;
    f->cloud_init = NULL;
    f->linux_ = NULL;
    for (size_t i = 0; i < f->partitions.n; i++)
        f->partitions.v[i].role = "data";
}

void facts_problem(struct facts *f, struct arena *a, const char *layer,
                   const char *subject, bool minor)
{
    struct fact_problem *p = LIST_ADD(a, &f->problems);

    assert_non_null(p);
    *p = (struct fact_problem){layer, "unsupported", subject, "unknown feature", minor};
}

const struct profile *profile_load(struct arena *a, const char *name)
{
    AUTO(buf_fini) struct buf b = {.max = PROFILE_TEXT_MAX};
    AUTO(fclosep) FILE *file = NULL;
    const struct profile *p = NULL;
    struct err err = {0};
    char path[512], chunk[4096];
    size_t n;

    snprintf(path, sizeof path, "%s/%s.profile", PROFILES_DIR, name);
    file = fopen(path, "r");
    if (!file)
        fail_msg("%s cannot be opened", path);
    while ((n = fread(chunk, 1, sizeof chunk, file)))
        assert_int_equal(buf_append(&b, chunk, n, &err), 0);
    if (profile_parse(&p, a, path, buf_bytes(&b), &err) < 0)
        fail_msg("%s", err.msg);
    return p;
}

struct report judge_facts(struct arena *a, const struct facts *f, const char *profile,
                          const struct rules_request *request)
{
    struct report r;
    struct err err = {0};

    if (rules_judge(&r, a, f, profile_load(a, profile), request, &err) < 0)
        fail_msg("%s: %s", profile, err.msg);
    return r;
}

const struct finding *finding_of(const struct report *r, const char *id)
{
    for (size_t i = 0; i < r->findings.n; i++)
        if (strcmp(r->findings.v[i].id, id) == 0)
            return &r->findings.v[i];
    return NULL;
}

const char *report_text(struct arena *a, const struct report *r)
{
    const char *code = answer_code_name(r->code);

    return arena_printf(a, "%s%s%s", verdict_name(r->verdict), code ? " " : "",
                        code ? code : "");
}
