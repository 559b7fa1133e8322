/* SPDX-License-Identifier: GPL-2.0-or-later */
/* remedy_test.c: the very commands, distribution by distribution */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "rules/facts_by_hand.h"
#include "rules/remedy.h"

struct system {
    const char *id, *id_like, *version, *packages, *init;
};

static const struct system debian = {"debian", "", "12", "dpkg", "systemd"};
static const struct system ubuntu14 = {"ubuntu", "debian", "14.04", "dpkg", "upstart"};
static const struct system devuan = {"devuan", "debian", "4", "dpkg", "sysvinit"};
static const struct system centos5 = {"centos", "", "5.11", "rpm", "sysvinit"};
static const struct system centos6 = {"centos", "", "6.10", "rpm", "upstart"};
static const struct system centos7 = {"centos", "rhel fedora", "7.9", "rpm", "systemd"};
static const struct system tencentos = {"tencentos", "rhel centos", "3.1", "rpm",
                                        "systemd"};
static const struct system sles11 = {"sles", "", "11.4", "rpm", "sysvinit"};
static const struct system leap = {"opensuse-leap", "suse opensuse", "15.5", "rpm",
                                   "systemd"};
static const struct system arch = {"arch", "", "", "pacman", "systemd"};
static const struct system alpine = {"alpine", "", "3.19", "apk", "openrc"};
static const struct system gentoo = {"gentoo", "", "2.14", "", "openrc"};
static const struct system strange = {"strange", "", "1", "", ""};

static const struct {
    const struct system *system;
    const char *initramfs, *install, *enable;
} cases[] = {
    {&debian,
     "printf '%s\\n' virtio_blk virtio_pci >> /etc/initramfs-tools/modules\n"
     "update-initramfs -u -k 4.19",
     "apt-get update\napt-get install cloud-init\n",
     "systemctl enable cloud-init-local.service cloud-init.service"},
    {&ubuntu14, "update-initramfs -u -k 4.19", "apt-get install cloud-init",
     "rm -f /etc/init/cloud-init*.override"},
    {&devuan, "update-initramfs -u -k 4.19", "apt-get install cloud-init",
     "update-rc.d cloud-final defaults"},
    {&centos5,
     "mkinitrd -f --allow-missing --with=virtio_blk --preload=virtio_blk "
     "--with=virtio_pci --preload=virtio_pci /boot/initrd-4.19.img 4.19",
     "yum install epel-release\nyum install cloud-init", "chkconfig cloud-init-local on"},
    {&centos6,
     "mkinitrd -f --allow-missing --with=xen-vbd --preload=xen-vbd --with=virtio_blk "
     "--preload=virtio_blk --with=virtio_pci --preload=virtio_pci "
     "/boot/initramfs-4.19.img 4.19",
     "yum install cloud-init", "chkconfig cloud-final on"},
    {&centos7,
     "dracut -f --add-drivers \"virtio_blk virtio_pci\" /boot/initramfs-4.19.img 4.19",
     "yum install cloud-init", "cloud-config.service cloud-final.service"},
    {&tencentos, "dracut -f --add-drivers", "yum install cloud-init",
     "systemctl enable cloud-init-local.service"},
    {&sles11, "INITRD_MODULES:\nvirtio_blk virtio_pci\nmkinitrd -k vmlinuz-4.19",
     "zypper install cloud-init", "chkconfig cloud-init on"},
    {&leap, "dracut -f --add-drivers \"virtio_blk virtio_pci\" /boot/initrd-4.19 4.19",
     "zypper install cloud-init", "systemctl enable cloud-init-local.service"},
    {&arch, "MODULES=(virtio_blk virtio_pci)\nmkinitcpio -P", "pacman -S cloud-init",
     "systemctl enable cloud-init-local.service"},
    {&alpine, "mkinitfs 4.19", "apk add cloud-init\nsetup-cloud-init",
     "rc-update add cloud-init-local boot"},
    {&gentoo, "dracut -f --add-drivers", "emerge cloud-init",
     "rc-update add cloud-final default"},
    {&strange, "Build the initramfs of the kernel 4.19 anew", "Install cloud-init.",
     "systemctl enable cloud-init-local.service"},
};

static void expect(const struct system *s, const char *what, const char *got,
                   const char *want)
{
    if (!strstr(got, want))
        fail_msg("%s %s, %s: \"%s\"", s->id, s->version, what, got);
}

static void test_commands(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        const struct system *s = cases[i].system;
        struct fact_kernel *k;
        struct facts f;
        struct judge j = {.a = &a, .facts = &f, .request = &request_none};

        facts_good(&f, &a);
        f.os->id = s->id;
        f.os->id_like = s->id_like;
        f.os->version = s->version;
        f.os->packages = s->packages;
        f.os->init = s->init;
        f.cloud_init->version = "";
        k = &f.kernels.v[0];
        k->version = "4.19";
        k->initramfs = k->initramfs_tool = "";
        expect(s, "initramfs", remedy_initramfs(&j, k, "virtio_blk virtio_pci"),
               cases[i].initramfs);
        expect(s, "install", remedy_agent_install(&j), cases[i].install);
        expect(s, "enable", remedy_agent_enable(&j), cases[i].enable);
        assert_true(remedy_kernel(&j)[0] && remedy_loader_config(&j)[0]);
        assert_true(remedy_service(&j, "sshd")[0] && remedy_package(&j, "x")[0]);
    }
}

static void test_later_cloud_init(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct facts f;
    struct judge j = {.a = &a, .facts = &f, .request = &request_none};

    (void)state;
    facts_good(&f, &a);
    f.cloud_init->version = "25.1";
    expect(&debian, "25.1", remedy_agent_enable(&j), "cloud-init-network.service");
}

/* Whatever an image calls its kernel is one word for the shell. */
static void test_shell_word(void **state)
{
    static const struct {
        const char *word, *want;
    } words[] = {
        {"6.1.0-50-amd64", "6.1.0-50-amd64"},
        {"/boot/initrd.img-6.1_x+y~1", "'/boot/initrd.img-6.1_x+y~1'"},
        {"$(reboot)", "'$(reboot)'"},
        {"a'b", "'a'\\''b'"},
        {"", "''"},
        {"-rf", "'-rf'"},
        {"a b", "'a b'"},
    };
    AUTO(arena_fini) struct arena a = {0};
    struct judge j = {.a = &a};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        assert_string_equal(shell_word(&j, words[i].word), words[i].want);
}

static void test_to_mbr(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct facts f;
    struct judge j = {.a = &a, .facts = &f, .request = &request_none};

    (void)state;
    facts_good(&f, &a);
    facts_partition(&f, &a, 2, "unknown")->role = "bios-boot";
    facts_partition(&f, &a, 3, "swap");
    expect(&debian, "to MBR", remedy_to_mbr(&j), "sgdisk --gpttombr=1:3 /dev/vda\n");
    for (uint32_t i = 4; i < 8; i++)
        facts_partition(&f, &a, i, "ext4");
    expect(&debian, "to MBR", remedy_to_mbr(&j), "parted /dev/vdb mklabel msdos\n");
}

static void test_versions(void **state)
{
    static const struct {
        const char *a, *b;
        bool less;
    } versions[] = {
        {"0.7.9", "17.1", true},       {"17.1", "17.1", false},
        {"17.1.46-86", "17.1", false}, {"17", "17.1", true},
        {"22.4.2", "17.1", false},     {"7.9", "7.10", true},
        {"1.98~2010", "1.99", true},   {"99999999999999999999", "1", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
        if (version_less(versions[i].a, versions[i].b) != versions[i].less)
            fail_msg("%s < %s", versions[i].a, versions[i].b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),   cmocka_unit_test(test_later_cloud_init),
        cmocka_unit_test(test_shell_word), cmocka_unit_test(test_to_mbr),
        cmocka_unit_test(test_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
