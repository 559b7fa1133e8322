/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verdict_test.c: the case table of the command line's contract, profile by profile */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "rules/facts_by_hand.h"

#define GIB ((uint64_t)1 << 30)

#define OK    "accepted"
#define URL   "refused InvalidUrl"
#define FMT   "refused InvalidFormatSize"
#define PART  "refused PartitionNotPresent"
#define ROOT  "refused RootPartitionNotFound"
#define VIRT  "refused VirtioNotInstall"
#define CI    "refused CloudInitNotInstalled"
#define NO    "refused"
#define MAYBE "undecided"

static const char *const profiles[] = {"tencent-2016", "tencent-2016-intl",
                                       "tencent-2018", "tencent-2022",
                                       "tencent-2023", "generic-kvm"};
enum { PROFILES = ARRAY_SIZE(profiles) };

static void good(struct facts *f, struct arena *a)
{
    (void)f;
    (void)a;
}

static void dirty_journal(struct facts *f, struct arena *a)
{
    (void)a;
    f->partitions.v[0].fs->clean = false;
    f->partitions.v[0].fs->needs_recovery = true;
}

static void no_cloud_init(struct facts *f, struct arena *a)
{
    (void)a;
    f->cloud_init->installed = f->cloud_init->enabled = false;
}

static void cloud_init_disabled(struct facts *f, struct arena *a)
{
    (void)a;
    f->cloud_init->enabled = false;
    f->cloud_init->disabled_by = "/etc/cloud/cloud-init.disabled";
}

static void no_virtio_in_initramfs(struct facts *f, struct arena *a)
{
    struct fact_drivers *d = &f->kernels.v[0].drivers;

    (void)a;
    d->virtio_blk = d->virtio_net = d->virtio_pci = d->virtio_scsi = "module";
}

static void no_virtio_at_all(struct facts *f, struct arena *a)
{
    struct fact_drivers *d = &f->kernels.v[0].drivers;

    (void)a;
    d->virtio_blk = d->virtio_net = d->virtio_pci = d->virtio_scsi = "absent";
}

static void virtio_scsi_only(struct facts *f, struct arena *a)
{
    (void)a;
    f->kernels.v[0].drivers.virtio_blk = "absent";
}

static void virtio_unknown(struct facts *f, struct arena *a)
{
    struct fact_drivers *d = &f->kernels.v[0].drivers;

    d->virtio_blk = d->virtio_net = d->virtio_pci = d->virtio_scsi = "unknown";
    facts_problem(f, a, "initramfs", f->kernels.v[0].initramfs, false);
}

static void virtio_not_seen(struct facts *f, struct arena *a)
{
    (void)a;
    f->kernels.v[0].drivers.virtio_blk = f->kernels.v[0].drivers.virtio_scsi = "unknown";
}

static void network_module_on_root(struct facts *f, struct arena *a)
{
    (void)a;
    f->kernels.v[0].drivers.virtio_net = "module";
}

static void root_driver_missing(struct facts *f, struct arena *a)
{
    (void)a;
    f->kernels.v[0].drivers.root_fs = "module";
}

static void second_kernel_bad(struct facts *f, struct arena *a)
{
    struct fact_kernel *k = LIST_ADD(a, &f->kernels);

    *k = f->kernels.v[0];
    k->is_default = false;
    k->version = "5.10.0-1-amd64";
    k->drivers.virtio_blk = k->drivers.virtio_pci = k->drivers.virtio_net = "absent";
    k->drivers.root_fs = "absent";
    k->drivers.virtio_scsi = "absent";
}

static void gpt(struct facts *f, struct arena *a)
{
    facts_partition(f, a, 2, "unknown")->type = "21686148-6449-6E6F-744E-656564454649";
    f->partition_table = "gpt";
    f->disk.bios_boot = true;
}

static void gpt_esp(struct facts *f, struct arena *a)
{
    const char **firmware = LIST_ADD(a, &f->firmware);

    gpt(f, a);
    *firmware = "uefi";
    f->disk.esp = f->disk.esp_looked = true;
    f->disk.esp_loader = "/EFI/BOOT/BOOTX64.EFI";
}

static void gpt_uefi_only(struct facts *f, struct arena *a)
{
    gpt_esp(f, a);
    f->firmware.v[0] = "uefi";
}

static void gpt_esp_empty(struct facts *f, struct arena *a)
{
    gpt_esp(f, a);
    f->firmware.n = 1;
    f->disk.esp_loader = "";
}

static void zeros(struct facts *f, struct arena *a)
{
    (void)a;
    facts_without_root(f);
    f->partitions.n = 0;
    f->firmware.n = 0;
    f->partition_table = "none";
    f->disk.boot_signature = false;
    f->disk.boot_code = "";
    f->disk.all_zero = true;
}

static void no_boot_record(struct facts *f, struct arena *a)
{
    zeros(f, a);
    f->disk.all_zero = false;
}

static void filesystem_on_disk(struct facts *f, struct arena *a)
{
    no_boot_record(f, a);
    f->disk.whole = "ext4";
}

static void lvm_on_disk(struct facts *f, struct arena *a)
{
    no_boot_record(f, a);
    f->disk.whole = "LVM2_member";
}

static void boot_only(struct facts *f, struct arena *a)
{
    struct fact_candidate *c = LIST_ADD(a, &f->candidates);

    facts_without_root(f);
    *c = (struct fact_candidate){"partition 1", "ext4", "boot", "/grub, /vmlinuz"};
}

static void data_only(struct facts *f, struct arena *a)
{
    struct fact_candidate *c = LIST_ADD(a, &f->candidates);

    facts_without_root(f);
    *c = (struct fact_candidate){"partition 1", "ext4", "data", "/photos"};
}

static void data_gpt(struct facts *f, struct arena *a)
{
    data_only(f, a);
    gpt(f, a);
}

static void iso(struct facts *f, struct arena *a)
{
    zeros(f, a);
    f->disk.all_zero = false;
    f->disk.installer = "ISO 9660 'Debian 12'";
}

static void iso_hybrid(struct facts *f, struct arena *a)
{
    (void)a;
    facts_without_root(f);
    f->disk.installer = "ISO 9660 'Debian 12'";
}

static void iso_refused_by_block(struct facts *f, struct arena *a)
{
    zeros(f, a);
    f->partition_table = "";
    f->image.format = "unknown";
    f->image.fault = "not-taken";
    f->image.other = "ISO 9660";
}

static void luks_root(struct facts *f, struct arena *a)
{
    boot_only(f, a);
    facts_partition(f, a, 2, "crypto_LUKS");
}

static void lvm_incomplete(struct facts *f, struct arena *a)
{
    const char **problem = LIST_ADD(a, &f->volume_problems);

    boot_only(f, a);
    facts_partition(f, a, 2, "LVM2_member");
    *problem = "vg: physical volume 2 of 2 is not on this disk";
}

static void lvm_empty(struct facts *f, struct arena *a)
{
    boot_only(f, a);
    facts_partition(f, a, 2, "LVM2_member");
}

static void overlapping(struct facts *f, struct arena *a)
{
    (void)a;
    f->disk.overlap_a = 1;
    f->disk.overlap_b = 2;
}

static void past_end(struct facts *f, struct arena *a)
{
    facts_without_root(f);
    facts_partition(f, a, 2, "unknown")->past_end = true;
}

static void boot_elsewhere(struct facts *f, struct arena *a)
{
    (void)a;
    f->boot->boot_missing = true;
    f->kernels.n = 0;
    f->boot->kernel_exists = false;
}

static void no_kernel(struct facts *f, struct arena *a)
{
    (void)a;
    f->kernels.n = 0;
    f->boot->kernel_exists = f->boot->initramfs_exists = false;
    f->boot->kernel = f->boot->initramfs = f->boot->root = "";
}

static void modules_without_kernel(struct facts *f, struct arena *a)
{
    no_kernel(f, a);
    f->kernels.n = 1;
    f->kernels.v[0].image = "";
}

static void entry_without_kernel(struct facts *f, struct arena *a)
{
    (void)a;
    f->boot->kernel_exists = false;
}

static void entry_without_initramfs(struct facts *f, struct arena *a)
{
    (void)a;
    f->boot->initramfs_exists = false;
}

static void entry_without_root(struct facts *f, struct arena *a)
{
    (void)a;
    f->boot->root_resolves = false;
}

static void default_not_clear(struct facts *f, struct arena *a)
{
    (void)a;
    f->boot->problem = "the entry is chosen by a script";
}

static void xfs_root(struct facts *f, struct arena *a)
{
    (void)a;
    f->root->filesystem = f->partitions.v[0].filesystem = "xfs";
}

static void lvm_root(struct facts *f, struct arena *a)
{
    struct fact_volume *v = LIST_ADD(a, &f->logical_volumes);

    *v = (struct fact_volume){
        "vg/root", GIB, "ext4", "1", "", "root", f->partitions.v[0].fs,
    };
    f->partitions.v[0].fs = NULL;
    f->partitions.v[0].filesystem = "LVM2_member";
    f->root->device = "vg/root";
}

static void unlisted(struct facts *f, struct arena *a)
{
    (void)a;
    f->os->id = "rocky";
    f->os->id_like = "rhel centos fedora";
    f->os->version = "9.3";
    f->os->name = "Rocky Linux 9.3";
}

static void nobody_lists(struct facts *f, struct arena *a)
{
    (void)a;
    f->os->id = "void";
    f->os->name = "Void";
}

static void red_hat(struct facts *f, struct arena *a)
{
    (void)a;
    f->os->id = "rhel";
    f->os->version = "7.9";
    f->os->name = "Red Hat Enterprise Linux 7.9";
}

static void freebsd(struct facts *f, struct arena *a)
{
    (void)a;
    facts_without_root(f);
    f->partitions.v[0].filesystem = "ufs";
    f->partitions.v[0].fs = NULL;
}

static void hurd(struct facts *f, struct arena *a)
{
    (void)a;
    f->os->type = "other";
    f->os->id = "hurd";
}

static void windows_unread(struct facts *f, struct arena *a)
{
    struct fact_candidate *c = LIST_ADD(a, &f->candidates);

    facts_without_root(f);
    f->partitions.v[0].filesystem = "ntfs";
    f->partitions.v[0].fs = NULL;
    *c = (struct fact_candidate){"partition 1", "ntfs", "windows", "label"};
    facts_problem(f, a, "ntfs", "partition 1", false);
}

static void unread_filesystem(struct facts *f, struct arena *a)
{
    data_only(f, a);
    facts_partition(f, a, 2, "xfs");
}

static void damaged_filesystem(struct facts *f, struct arena *a)
{
    data_only(f, a);
    facts_partition(f, a, 2, "ext4");
    facts_problem(f, a, "ext4", "partition 2", false);
}

static void table_unread(struct facts *f, struct arena *a)
{
    zeros(f, a);
    f->partition_table = "";
    facts_problem(f, a, "block", "", false);
}

static void only_advice_lost(struct facts *f, struct arena *a)
{
    facts_problem(f, a, "guest", "/etc/fstab", true);
}

static void arm(struct facts *f, struct arena *a)
{
    (void)a;
    f->os->arch = "arm64";
}

static void virtual_600(struct facts *f, struct arena *a)
{
    (void)a;
    f->image.virtual_size = 600 * GIB;
}

static void virtual_500(struct facts *f, struct arena *a)
{
    (void)a;
    f->image.virtual_size = 500 * GIB;
}

static void virtual_50(struct facts *f, struct arena *a)
{
    (void)a;
    f->image.virtual_size = 50 * GIB;
    f->image.qcow2_size = 50 * GIB;
}

static void qcow2_51_bound(struct facts *f, struct arena *a)
{
    (void)a;
    f->image.virtual_size = 60 * GIB;
    f->image.qcow2_size = 50 * GIB + 1;
}

static void qcow2_51_exact(struct facts *f, struct arena *a)
{
    qcow2_51_bound(f, a);
    f->image.qcow2_size_exact = true;
}

static void container(struct facts *f, const char *fault)
{
    zeros(f, NULL);
    f->partition_table = "";
    f->image.fault = fault;
}

static void truncated(struct facts *f, struct arena *a)
{
    (void)a;
    container(f, "truncated");
}

static void vhdx(struct facts *f, struct arena *a)
{
    (void)a;
    container(f, "not-taken");
    f->image.format = "unknown";
    f->image.other = "VHDX";
}

static void web_page(struct facts *f, struct arena *a)
{
    (void)a;
    container(f, "text");
}

static void fault_of_tomorrow(struct facts *f, struct arena *a)
{
    (void)a;
    container(f, "a-fault-without-a-row");
}

static void root_full(struct facts *f, struct arena *a)
{
    (void)a;
    f->partitions.v[0].fs->free_bytes = 0;
}

static void two_roots(struct facts *f, struct arena *a)
{
    for (int i = 0; i < 2; i++) {
        struct fact_candidate *c = LIST_ADD(a, &f->candidates);

        *c = (struct fact_candidate){"partition 1", "ext4", "root", "/etc, /bin"};
    }
}

static void blocked(struct facts *f, struct arena *a)
{
    struct fact_blocked *b = LIST_ADD(a, &f->linux_->blocked);

    *b = (struct fact_blocked){"virtio_blk", "/etc/modprobe.d/x.conf:3"};
}

static void fstab_root_missing(struct facts *f, struct arena *a)
{
    (void)a;
    f->linux_->fstab.v[0].resolves = false;
}

static const struct {
    const char *name;
    void (*change)(struct facts *f, struct arena *a);
    bool force;
    const char
        *want[PROFILES]; /* in the order of profiles[]; [0] alone: the same by all */
} cases[] = {
    {"good: accepted by all", good, false, {OK}},
    {"dirty journal: accepted by all", dirty_journal, false, {OK}},
    {"no cloud-init", no_cloud_init, false, {OK, OK, CI, CI, CI, OK}},
    {"no cloud-init, forced", no_cloud_init, true, {OK}},
    {"cloud-init disabled", cloud_init_disabled, false, {OK, OK, CI, CI, CI, OK}},
    {"cloud-init disabled, forced", cloud_init_disabled, true, {OK}},
    {"no virtio in the initramfs", no_virtio_in_initramfs, false, {VIRT}},
    {"no virtio in the initramfs, forced", no_virtio_in_initramfs, true, {VIRT}},
    {"no virtio at all", no_virtio_at_all, false, {VIRT}},
    {"virtio-scsi is enough where a host may offer it",
     virtio_scsi_only,
     false,
     {VIRT, VIRT, VIRT, VIRT, VIRT, OK}},
    {"initramfs not readable: nobody says virtio is missing",
     virtio_unknown,
     false,
     {MAYBE}},
    {"a driver that nobody looked for", virtio_not_seen, false, {MAYBE}},
    {"network driver on the root only", network_module_on_root, false, {OK}},
    {"driver of the root's filesystem not in the initramfs",
     root_driver_missing,
     false,
     {ROOT}},
    {"a kernel that is not the default lacks everything", second_kernel_bad, false, {OK}},
    {"GPT without an EFI system partition", gpt, false, {PART, PART, OK, PART, PART, OK}},
    {"GPT with BIOS and UEFI loaders", gpt_esp, false, {PART, PART, OK, PART, OK, OK}},
    {"GPT that starts by UEFI only",
     gpt_uefi_only,
     false,
     {PART, PART, PART, PART, OK, OK}},
    {"GPT with an empty EFI system partition",
     gpt_esp_empty,
     false,
     {PART, PART, OK, PART, PART, OK}},
    {"zeros", zeros, false, {PART}},
    {"no boot record", no_boot_record, false, {PART}},
    {"a filesystem straight on the disk", filesystem_on_disk, false, {PART}},
    {"LVM straight on the disk", lvm_on_disk, false, {PART}},
    {"overlapping partitions", overlapping, false, {PART}},
    {"a partition that ends past the disk", past_end, false, {FMT}},
    {"/boot is on another disk", boot_elsewhere, false, {PART}},
    {"no kernel on the disk", no_kernel, false, {PART}},
    {"modules on the disk, but no kernel", modules_without_kernel, false, {PART}},
    {"the default entry's kernel is not there", entry_without_kernel, false, {PART}},
    {"the default entry's initramfs is not there",
     entry_without_initramfs,
     false,
     {ROOT}},
    {"the default entry's root is not there", entry_without_root, false, {ROOT}},
    {"the default entry is not clear", default_not_clear, false, {OK}},
    {"boot partition only", boot_only, false, {ROOT}},
    {"data disk only", data_only, false, {ROOT}},
    {"data disk with a GPT: the first code of the list",
     data_gpt,
     false,
     {PART, PART, ROOT, PART, PART, ROOT}},
    {"ISO", iso, false, {ROOT}},
    {"ISO with a partition table", iso_hybrid, false, {ROOT}},
    {"ISO that block refuses by name", iso_refused_by_block, false, {ROOT}},
    {"encrypted root", luks_root, false, {ROOT}},
    {"LVM of which a physical volume is elsewhere", lvm_incomplete, false, {ROOT}},
    {"LVM without a volume", lvm_empty, false, {ROOT}},
    {"two systems", two_roots, false, {ROOT}},
    {"XFS root", xfs_root, false, {ROOT, ROOT, OK, OK, OK, OK}},
    {"root on LVM", lvm_root, false, {OK}},
    {"root without free space", root_full, false, {ROOT}},
    {"root of fstab does not exist", fstab_root_missing, false, {ROOT}},
    {"virtio_blk on the block list", blocked, false, {VIRT}},
    {"a system some do not list", unlisted, false, {NO, NO, NO, NO, OK, OK}},
    {"a system nobody lists by name", nobody_lists, false, {NO, NO, NO, NO, OK, OK}},
    {"Red Hat", red_hat, false, {OK, OK, NO, NO, OK, OK}},
    {"FreeBSD is recognised, not read", freebsd, false, {NO, NO, NO, NO, MAYBE, MAYBE}},
    {"a system that is read and not judged", hurd, false, {NO, NO, NO, NO, NO, MAYBE}},
    {"Windows that cannot be read", windows_unread, false, {MAYBE}},
    {"no root, but a filesystem nobody read", unread_filesystem, false, {MAYBE}},
    {"no root, and a damaged filesystem", damaged_filesystem, false, {MAYBE}},
    {"the file cannot be read", table_unread, false, {MAYBE}},
    {"only advice is lost", only_advice_lost, false, {OK}},
    {"64-bit ARM", arm, false, {ROOT, ROOT, ROOT, ROOT, OK, OK}},
    {"virtual size 600 GiB", virtual_600, false, {FMT, FMT, FMT, FMT, FMT, OK}},
    {"virtual size 500 GiB is inclusive", virtual_500, false, {FMT, FMT, OK, OK, OK, OK}},
    {"50 GiB is inclusive", virtual_50, false, {OK}},
    {"qcow2 size over the limit at most",
     qcow2_51_bound,
     false,
     {FMT, FMT, MAYBE, MAYBE, MAYBE, OK}},
    {"qcow2 size over the limit", qcow2_51_exact, false, {FMT, FMT, FMT, FMT, FMT, OK}},
    {"truncated container", truncated, false, {FMT}},
    {"VHDX", vhdx, false, {FMT}},
    {"web page", web_page, false, {URL}},
    {"a container fault without a row", fault_of_tomorrow, false, {FMT}},
};

static void check_case(size_t i, size_t p)
{
    AUTO(arena_fini) struct arena a = {0};
    struct rules_request request = request_none;
    const char *want = cases[i].want[1] ? cases[i].want[p] : cases[i].want[0];
    struct facts f;
    struct report r;

    facts_good(&f, &a);
    cases[i].change(&f, &a);
    request.force = cases[i].force;
    r = judge_facts(&a, &f, profiles[p], &request);
    if (strcmp(report_text(&a, &r), want) != 0)
        fail_msg("%s, %s: %s, not %s%s%s", cases[i].name, profiles[p],
                 report_text(&a, &r), want, r.findings.n ? "; first finding: " : "",
                 r.findings.n ? r.findings.v[0].detail : "");
    assert_true((r.verdict == VERDICT_UNDECIDED) == (r.error != NULL));
    for (size_t k = 0; k < r.findings.n; k++) {
        const struct finding *x = &r.findings.v[k];

        assert_true(x->id && x->subject && x->detail && x->detail[0] && x->remedy);
        assert_true(k == 0 || x->level <= x[-1].level);
    }
}

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (size_t p = 0; p < PROFILES; p++)
            check_case(i, p);
}

/* The error of an undecided report is the first problem that matters. */
static void test_first_problem(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct facts f;
    struct report r;

    (void)state;
    facts_good(&f, &a);
    facts_problem(&f, &a, "guest", "advice", true);
    facts_problem(&f, &a, "ext4", "partition 2", false);
    r = judge_facts(&a, &f, "tencent-2022", &request_none);
    assert_int_equal(r.verdict, VERDICT_UNDECIDED);
    assert_ptr_equal(r.error, &f.problems.v[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_first_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
