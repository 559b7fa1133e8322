/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clouds_test.c: verdicts of the profiles of other clouds over facts made by hand */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "rules/facts_by_hand.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

#define OK   "accepted"
#define FMT  "refused InvalidFormatSize"
#define PART "refused PartitionNotPresent"
#define ROOT "refused RootPartitionNotFound"
#define VIRT "refused VirtioNotInstall"

static const char *const profiles[] = {"openstack", "kubevirt", "aliyun", "aws",
                                       "azure",     "gcp",      "huawei"};
enum { PROFILES = ARRAY_SIZE(profiles) };

#define CHANGE(name, ...)                                  \
    static void name(struct facts *f, struct arena *a)     \
    {                                                      \
        struct fact_drivers *d = &f->kernels.v[0].drivers; \
                                                           \
        (void)a;                                           \
        (void)d;                                           \
        __VA_ARGS__;                                       \
    }

CHANGE(qcow2, (void)f)
CHANGE(vhd_fixed, f->image.format = "vhd"; f->image.kind = "fixed")
CHANGE(vhd_dynamic, f->image.format = "vhd"; f->image.kind = "dynamic")
CHANGE(vmdk_stream, f->image.format = "vmdk"; f->image.kind = "streamOptimized")
CHANGE(vmdk_flat, f->image.format = "vmdk"; f->image.kind = "monolithicFlat")
CHANGE(raw_even, f->image.format = "raw"; f->image.kind = "";
       f->image.virtual_size = 3 * GIB)
CHANGE(raw_odd, f->image.format = "raw"; f->image.kind = "";
       f->image.virtual_size = 3 * GIB + MIB)
CHANGE(hyper_v, vhd_fixed(f, a); d->hv_storvsc = d->hv_vmbus = "initramfs";
       d->hv_netvsc = "module")
CHANGE(hyper_v_odd, hyper_v(f, a); f->image.virtual_size += 512)
CHANGE(no_bus, vhd_fixed(f, a); d->hv_storvsc = "builtin")
CHANGE(no_virtio, vhd_fixed(f, a);
       d->virtio_blk = d->virtio_scsi = d->virtio_pci = d->virtio_net = "module")
CHANGE(scsi_only, vhd_fixed(f, a); d->virtio_blk = "module")
CHANGE(sata_only, vhd_fixed(f, a); d->ahci = "initramfs";
       d->virtio_blk = d->virtio_scsi = d->virtio_pci = "module")
CHANGE(no_cloud_init, raw_even(f, a); f->cloud_init->installed = false)
CHANGE(lvm, raw_even(f, a); f->root->device = "vg/root";
       facts_partition(f, a, 2, "LVM2_member"))
CHANGE(f2fs, raw_even(f, a); f->root->filesystem = "f2fs")
CHANGE(alpine, raw_even(f, a); f->os->id = "alpine")
CHANGE(arm, raw_even(f, a); f->os->arch = "arm64")
CHANGE(i386, raw_even(f, a); f->os->arch = "i386")
CHANGE(uefi, raw_even(f, a); f->partition_table = "gpt"; f->firmware.v[0] = "uefi";
       f->disk.esp = f->disk.esp_looked = true;
       f->disk.esp_loader = "/EFI/BOOT/BOOTX64.EFI")
CHANGE(extlinux, raw_even(f, a); f->boot->loader = "extlinux")
CHANGE(virtual_600, raw_even(f, a); f->image.virtual_size = 600 * GIB)
CHANGE(virtual_2000, raw_even(f, a); f->image.virtual_size = 2000 * GIB)
CHANGE(file_200, raw_even(f, a); f->image.file_size = 200 * GIB)

static const struct {
    const char *name;
    void (*change)(struct facts *f, struct arena *a);
    const char *want[PROFILES];
} cases[] = {
    {"a good guest as qcow2", qcow2, {OK, OK, OK, FMT, FMT, OK, OK}},
    {"as a fixed VHD, without Hyper-V", vhd_fixed, {OK, OK, OK, OK, VIRT, OK, OK}},
    {"as a dynamic VHD", vhd_dynamic, {OK, OK, OK, OK, FMT, OK, OK}},
    {"as a streamed VMDK", vmdk_stream, {OK, OK, OK, OK, FMT, OK, OK}},
    {"as a flat VMDK", vmdk_flat, {OK, OK, OK, FMT, FMT, OK, OK}},
    {"raw, a whole number of GiB", raw_even, {OK, OK, OK, OK, FMT, OK, OK}},
    {"raw, some MiB more", raw_odd, {OK, OK, OK, OK, FMT, FMT, OK}},
    {"drivers of Hyper-V in the initramfs", hyper_v, {OK, OK, OK, OK, OK, OK, OK}},
    {"the same, a sector more", hyper_v_odd, {OK, OK, OK, OK, FMT, OK, OK}},
    {"hv_vmbus not in the initramfs", no_bus, {OK, OK, OK, OK, VIRT, OK, OK}},
    {"no virtio in the initramfs", no_virtio, {VIRT, VIRT, VIRT, OK, VIRT, VIRT, VIRT}},
    {"virtio_scsi alone", scsi_only, {OK, OK, VIRT, OK, VIRT, OK, VIRT}},
    {"SATA alone", sata_only, {VIRT, OK, VIRT, OK, VIRT, VIRT, VIRT}},
    {"no cloud-init", no_cloud_init, {OK, OK, OK, OK, FMT, OK, OK}},
    {"root on LVM", lvm, {OK, OK, OK, OK, FMT, OK, OK}},
    {"F2FS", f2fs, {OK, OK, OK, ROOT, FMT, OK, OK}},
    {"a system that AWS does not list", alpine, {OK, OK, OK, OK, FMT, OK, OK}},
    {"64-bit ARM", arm, {OK, OK, OK, ROOT, FMT, ROOT, OK}},
    {"32 bit", i386, {OK, OK, OK, ROOT, FMT, ROOT, OK}},
    {"GPT, by UEFI only", uefi, {OK, OK, OK, OK, FMT, OK, OK}},
    {"extlinux", extlinux, {OK, OK, OK, OK, FMT, ROOT, OK}},
    {"a disk of 600 GiB", virtual_600, {OK, OK, FMT, OK, FMT, OK, OK}},
    {"a disk of 2000 GiB", virtual_2000, {OK, OK, FMT, FMT, FMT, OK, FMT}},
    {"a file of 200 GiB", file_200, {OK, OK, OK, OK, FMT, OK, FMT}},
};

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (size_t p = 0; p < PROFILES; p++) {
            AUTO(arena_fini) struct arena a = {0};
            struct facts f;
            struct report r;

            facts_good(&f, &a);
            cases[i].change(&f, &a);
            r = judge_facts(&a, &f, profiles[p], &request_none);
            if (strcmp(report_text(&a, &r), cases[i].want[p]) != 0)
                fail_msg("%s, %s: %s, not %s%s%s", cases[i].name, profiles[p],
                         report_text(&a, &r), cases[i].want[p],
                         r.findings.n ? "; first finding: " : "",
                         r.findings.n ? r.findings.v[0].detail : "");
        }
}

/* What a cloud asks for beyond what lets it refuse an image is advice. */
static void test_advice(void **state)
{
    static const struct {
        const char *profile;
        void (*change)(struct facts *f, struct arena *a);
        const char *id; /* a warning of it; "" none of L09 */
    } advice[] = {
        {"aws", vhd_fixed, "L09"},
        {"aws", alpine, "L01"},
        {"azure", hyper_v, ""},
        {"azure", lvm, "P15"},
        {"aliyun", lvm, "P15"},
        {"gcp", raw_even, ""},
        {"openstack", no_cloud_init, "L10"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(advice); i++) {
        AUTO(arena_fini) struct arena a = {0};
        const struct finding *x;
        struct facts f;
        struct report r;

        facts_good(&f, &a);
        advice[i].change(&f, &a);
        r = judge_facts(&a, &f, advice[i].profile, &request_none);
        x = finding_of(&r, advice[i].id[0] ? advice[i].id : "L09");
        if (advice[i].id[0] ? !x || x->level != LEVEL_WARNING : x != NULL)
            fail_msg("%s: %s", advice[i].profile, advice[i].id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_advice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
