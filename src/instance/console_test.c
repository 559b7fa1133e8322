/* SPDX-License-Identifier: GPL-2.0-or-later */
/* console_test.c: pieces of consoles as machines said them, and what they mean */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "instance/console.h"

#define NONCE "0f3c9a77b2d14e58"
#define HOST  "imgport-0f3c9a77"

/* SeaBIOS 1.16, GRUB 2.06, Linux 6.1, initramfs-tools, systemd 252 and cloud-init 22.4 of
 * Debian 12; dracut 059; OVMF of 2022.11. */
#define SEABIOS                                                               \
    "\033c\033[?7l\033[2J\033[0mSeaBIOS (version 1.16.2-debian-1.16.2-1)\r\n" \
    "Booting from Hard Disk...\r\n"
#define OVMF                                                                            \
    "\033[2J\033[01;01H\033[=3h\033[2J\033[01;01HBdsDxe: loading Boot0001 \"UEFI Misc " \
    "Device\" from PciRoot(0x0)/Pci(0x4,0x0)\r\n"                                       \
    "BdsDxe: starting Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x4,0x0)\r\n"
#define GRUB                                                                            \
    "GRUB loading.\r\n\033[0;30;47mWelcome to GRUB!\r\n\r\n\033[H\033[J\033[1;1H\033"   \
    "[?25l\033[m\033[H\033[J\033[1;1H\033[2;24HGNU GRUB  version 2.06-13+deb12u2\n\r\n" \
    "\r\033[m\033[4;2H+------+\033[5;2H|\r      Press enter to boot the selected OS\n"  \
    "\rLoading Linux 6.1.0-56-cloud-amd64 ...\n\rLoading initial ramdisk ...\n\r"
#define KERNEL                                                                           \
    "[    0.000000] Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org)" \
    "\r\n[    0.000000] Command line: root=UUID=6a8e1c52 ro console=ttyS0\r\n"           \
    "[    2.169700] Run /init as init process\r\n"                                       \
    "Loading, please wait...\r\r\n"
#define MOUNTED                                                                        \
    "Begin: Mounting root file system ... Begin: Running /scripts/local-top ... done." \
    "\r\nWill now check root file system ... [    3.9] raid6: skip\r\n"                \
    "[    4.037316] EXT4-fs (vda1): mounted filesystem with ordered data mode.\r\n"
#define SYSTEMD                                                                         \
    "[    4.525836] systemd[1]: systemd 252.39-1~deb12u2 running in system mode (+PAM)" \
    "\r\n[\033[0;32m  OK  \033[0m] Reached target \033[0;1;39mbasic.target\033[0m\r\r\n"
#define NO_VIRTIO                                                                       \
    "Begin: Running /scripts/local-block ... done.\r\ndone.\r\n"                        \
    "Gave up waiting for root file system device.  Common problems:\r\n"                \
    " - Missing modules (cat /proc/modules; ls /dev)\r\n"                               \
    "ALERT!  UUID=6a8e1c52-94d3-4d5e-9b1e-0d7f3c2b5a01 does not exist.  Dropping to a " \
    "shell!\r\n"
#define CLOUD_INIT                                                                     \
    "[   17.3] cloud-init[198]: Cloud-init v. 22.4.2 running 'init-local' at Sat, 21 " \
    "Nov 2026 10:00:00 +0000. Up 17.02 seconds.\r\n"
#define LOGIN "Debian GNU/Linux 12 debian ttyS0\r\n\r\ndebian login: "

static const struct row {
    const char *sentence;
    const char *said;
    enum console_stage stage;
    enum console_stop stop;
    const char *words; /* other things that are true: S settings, r d n of cloud-init */
    const char *last;  /* how the last evidence begins; NULL: there is none */
} rows[] = {
    {"nothing was said", "", CONSOLE_SILENT, CONSOLE_GOES_ON, "", NULL},
    {"the firmware has begun", SEABIOS, CONSOLE_FIRMWARE, CONSOLE_GOES_ON, "",
     "Booting from Hard Disk..."},
    {"a disk of zeros",
     SEABIOS "Boot failed: not a bootable disk\r\n\r\nBooting from Floppy...\r\n"
             "Boot failed: could not read the boot disk\r\n\r\nNo bootable device.\r\n",
     CONSOLE_FIRMWARE, CONSOLE_NO_BOOT, "", "No bootable device."},
    {"UEFI finds nothing and opens its shell",
     "BdsDxe: failed to load Boot0001 \"UEFI Misc Device\": Not Found\r\n"
     "UEFI Interactive Shell v2.2\r\nPress ESC in 5 seconds\r\nShell> ",
     CONSOLE_FIRMWARE, CONSOLE_NO_BOOT, "", "Shell>"},
    {"a loader without settings", SEABIOS "GRUB loading.\r\nWelcome to GRUB!\r\n\ngrub> ",
     CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "", "grub>"},
    {"a loader that misses its own folder",
     SEABIOS "GRUB loading.\r\nerror: file `/boot/grub/i386-pc/normal.mod' not found.\n"
             "Entering rescue mode...\r\ngrub rescue> ",
     CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "", "grub rescue>"},
    {"a loader that misses the kernel",
     SEABIOS GRUB "error: file `/boot/vmlinuz-6.1' not found.\n"
                  "error: you need to load the kernel first.\n"
                  "\rPress any key to continue...",
     CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "", "Press any key to continue..."},
    {"a prompt that nobody answers, and the default entry starts",
     SEABIOS "SYSLINUX 6.04 EDD Copyright (C) 1994-2015 H. Peter Anvin et al\r\nboot: "
             "\r\nLoading /boot/vmlinuz... ok\r\n" KERNEL,
     CONSOLE_INITRAMFS, CONSOLE_GOES_ON, "", "[    2.169700] Run /init"},
    {"a word of the loader from the kernel is nothing", KERNEL "[    2.2] boot:",
     CONSOLE_INITRAMFS, CONSOLE_GOES_ON, "", "[    2.169700] Run /init"},
    {"a kernel has begun, by UEFI", OVMF GRUB KERNEL, CONSOLE_INITRAMFS, CONSOLE_GOES_ON,
     "", "[    2.169700] Run /init"},
    {"a kernel without initramfs and without the driver of the disk",
     "[    0.0] Linux version 6.1.0\r\n"
     "[    1.1] VFS: Cannot open root device \"vda1\" or unknown-block(0,0)\r\n"
     "[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on "
     "unknown-block(0,0)\r\n[    1.3] CPU: 0 PID: 1 Comm: swapper/0\r\n",
     CONSOLE_KERNEL, CONSOLE_KERNEL_NO_ROOT, "", "[    1.2] Kernel panic"},
    {"a kernel that panics for another reason",
     "[    0.0] Linux version 6.1.0\r\n[    0.2] Kernel panic - not syncing: "
     "System is deadlocked on memory\r\n",
     CONSOLE_KERNEL, CONSOLE_KERNEL_FAILED, "", "[    0.2] Kernel panic"},
    {"... for one of a host that was busy",
     "[    0.0] Linux version 6.1.0\r\n[    0.2] Kernel panic - not syncing: IO-APIC + "
     "timer doesn't work!  Boot with apic=debug\r\n",
     CONSOLE_KERNEL, CONSOLE_KERNEL_FAULT, "", "[    0.2] Kernel panic"},
    {"... even when the system has begun",
     KERNEL MOUNTED SYSTEMD
     "[   9.1] Kernel panic - not syncing: Attempted to kill init!\n",
     CONSOLE_USERLAND, CONSOLE_KERNEL_FAILED, "", "[   9.1] Kernel panic"},
    {"no virtio in the initramfs", SEABIOS GRUB KERNEL NO_VIRTIO "(initramfs) ",
     CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "", "(initramfs)"},
    {"an exception of the kernel while a system runs",
     KERNEL "[    3.1] EXT4-fs (vda1): mounted filesystem\r\n"
            "[    9.0] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\r\n"
            "[    9.1] Kernel panic - not syncing: Fatal exception in interrupt\r\n",
     CONSOLE_ROOT, CONSOLE_KERNEL_FAULT, "", "[    9.1] Kernel panic"},
    {"... while an initramfs does",
     KERNEL "[    2.1] Kernel panic - not syncing: Fatal exception\r\n",
     CONSOLE_INITRAMFS, CONSOLE_KERNEL_FAULT, "", "[    2.1] Kernel panic"},
    {"... at its start",
     "[    0.0] Linux version 6.1.0\r\n[    0.2] Kernel panic - not syncing: Fatal "
     "exception\r\n",
     CONSOLE_KERNEL, CONSOLE_KERNEL_FAILED, "", "[    0.2] Kernel panic"},
    {"... with panic=3",
     KERNEL NO_VIRTIO "Rebooting automatically due to panic= boot argument\r\n",
     CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "", "ALERT!  UUID=6a8e1c52-94d3"},
    {"an init of the initramfs that ends",
     KERNEL
     "[    3.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x100\n",
     CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "", "[    3.2] Kernel panic"},
    {"the same in dracut",
     "[    0.0] Linux version 6.1.0\r\n[    1.9] Run /init as init process\r\n"
     "[    2.2] systemd[1]: systemd 252.39 running in system mode (+PAM)\r\n"
     "[    2.3] systemd[1]: Running in initial RAM disk.\r\n"
     "[  130.1] dracut-initqueue[285]: Warning: dracut-initqueue: starting timeout "
     "scripts\r\n[  190.1] dracut-initqueue[285]: Warning: Could not boot.\r\n"
     "Generating \"/run/initramfs/rdsosreport.txt\"\r\n"
     "Press Enter for maintenance\r\n(or press Control-D to continue): ",
     CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "", "Press Enter for maintenance"},
    {"dracut waits, and gives up on waiting",
     "[    1.9] Run /init as init process\r\n"
     "[  580.7] dracut-initqueue[246]: Warning: dracut-initqueue: starting timeout "
     "scripts\r\n[  587.4] dracut-initqueue[246]: Warning: dracut-initqueue: timeout, "
     "still "
     "waiting for following initqueue hooks:\r\n",
     CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "", "[  587.4] dracut-initqueue[246]"},
    {"the root is mounted", KERNEL MOUNTED, CONSOLE_ROOT, CONSOLE_GOES_ON, "",
     "[    4.037316] EXT4-fs (vda1): mounted"},
    {"... and is XFS", KERNEL "[    3.1] XFS (dm-0): Ending clean mount\r\n",
     CONSOLE_ROOT, CONSOLE_GOES_ON, "", "[    3.1] XFS (dm-0)"},
    {"what is mounted has no init",
     KERNEL MOUNTED "Target filesystem doesn't have requested /sbin/init.\r\n",
     CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "", "Target filesystem doesn't"},
    {"... and nothing is an init",
     KERNEL MOUNTED "No init found. Try passing init= bootarg.\r\n", CONSOLE_INITRAMFS,
     CONSOLE_NO_ROOT, "", "No init found."},
    {"... and a shell is what is left", KERNEL MOUNTED "\r\n(initramfs) ",
     CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "", "(initramfs)"},
    {"the same words of the system itself are nothing",
     KERNEL MOUNTED SYSTEMD "No init found\r\n", CONSOLE_USERLAND, CONSOLE_GOES_ON, "",
     "[    4.525836] systemd[1]: systemd 252"},
    {"systemd runs", KERNEL MOUNTED SYSTEMD, CONSOLE_USERLAND, CONSOLE_GOES_ON, "",
     "[    4.525836] systemd[1]: systemd 252"},
    {"systemd within an initramfs is not the system",
     "[    1.9] Run /init as init process\r\n"
     "[    2.2] systemd[1]: systemd 252.39 running in system mode (+PAM)\r\n",
     CONSOLE_INITRAMFS, CONSOLE_GOES_ON, "", "[    1.9] Run /init"},
    {"a device of fstab that does not come",
     KERNEL MOUNTED SYSTEMD
     "[\033[0;1;31m TIME \033[0m] Timed out waiting for device /dev/sdb1.\r\n"
     "[\033[0;1;33mDEPEND\033[0m] Dependency failed for \033[0;1;39mlocal-fs.target"
     "\033[0m - Local File Systems.\r\n"
     "You are in emergency mode. After logging in, type \"journalctl -xb\"\r\n",
     CONSOLE_USERLAND, CONSOLE_EMERGENCY, "", "You are in emergency mode."},
    {"a login prompt", KERNEL MOUNTED SYSTEMD LOGIN, CONSOLE_LOGIN, CONSOLE_GOES_ON, "",
     "debian login:"},
    {"a prompt without a word before it, as with quiet", SEABIOS LOGIN, CONSOLE_LOGIN,
     CONSOLE_GOES_ON, "", "debian login:"},
    {"a prompt with the host name of the settings", SEABIOS "x\r\n" HOST " login: ",
     CONSOLE_LOGIN, CONSOLE_GOES_ON, "S", HOST " login:"},
    {"that host name elsewhere is nothing", KERNEL "Hostname set to <" HOST ">.\r\n",
     CONSOLE_INITRAMFS, CONSOLE_GOES_ON, "", "[    2.169700] Run /init"},
    {"the nonce",
     KERNEL MOUNTED SYSTEMD CLOUD_INIT LOGIN "\r\nimgport: settings taken " NONCE "\r\n",
     CONSOLE_LOGIN, CONSOLE_GOES_ON, "SNr", "imgport: settings taken"},
    {"a word that has the nonce within is not it", KERNEL "x" NONCE "\r\n" NONCE "0\r\n",
     CONSOLE_INITRAMFS, CONSOLE_GOES_ON, "", "[    2.169700] Run /init"},
    {"cloud-init has begun", KERNEL MOUNTED SYSTEMD CLOUD_INIT, CONSOLE_USERLAND,
     CONSOLE_GOES_ON, "r", "[   17.3] cloud-init[198]: Cloud-init v. 22.4.2 running"},
    {"cloud-init has ended without a source of data",
     CLOUD_INIT "Cloud-init v. 22.4.2 finished at Sat, 21 Nov 2026 10:01:00 +0000. "
                "Datasource DataSourceNone.  Up 60.10 seconds\r\n",
     CONSOLE_SILENT, CONSOLE_GOES_ON, "rdn", "Cloud-init v. 22.4.2 finished"},
    {"... with one",
     CLOUD_INIT "[   61.1] cloud-init[512]: Cloud-init v. 22.4.2 finished at Sat. "
                "Datasource DataSourceConfigDrive [net,ver=2][source=/dev/sr0].\r\n",
     CONSOLE_SILENT, CONSOLE_GOES_ON, "rd", "[   61.1] cloud-init[512]"},
};

static void assert_row(const struct row *row, const struct console *c)
{
    const char *last = c->evidence_n ? c->evidence[c->evidence_n - 1].text : NULL;

    assert_string_equal(console_stage_name(c->stage), console_stage_name(row->stage));
    assert_string_equal(console_stop_name(c->stop), console_stop_name(row->stop));
    assert_int_equal(c->has_settings, strchr(row->words, 'S') != NULL);
    assert_int_equal(c->has_nonce, strchr(row->words, 'N') != NULL);
    assert_int_equal(c->cloud_init_runs, strchr(row->words, 'r') != NULL);
    assert_int_equal(c->cloud_init_done, strchr(row->words, 'd') != NULL);
    assert_int_equal(c->cloud_init_nothing, strchr(row->words, 'n') != NULL);
    assert_int_equal(last != NULL, row->last != NULL);
    if (last && strncmp(last, row->last, strlen(row->last)) != 0)
        assert_string_equal(last, row->last);
}

static struct console *take(const char *said, size_t step)
{
    struct console *c = malloc(sizeof *c);
    size_t n = strlen(said);

    assert_non_null(c);
    console_init(c, NONCE, HOST);
    for (size_t i = 0; i < n; i += step)
        console_take(c, bytes_of(said + i, step < n - i ? step : n - i), (double)i);
    return c;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(freep) struct console *c = take(rows[i].said, SIZE_MAX / 2);

        print_message("%s\n", rows[i].sentence);
        assert_row(&rows[i], c);
    }
}

/* A prompt is seen wherever a piece ends, so a stop may come and go; the end is the same,
 * and so is the evidence, but for those. */
static void test_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(freep) struct console *c = take(rows[i].said, 1);

        print_message("byte by byte: %s\n", rows[i].sentence);
        assert_row(&rows[i], c);
    }
}

static void test_limits(void **state)
{
    AUTO(freep) struct console *c = take("", 1);
    static char line[100000];

    (void)state;
    memset(line, 'x', sizeof line);
    console_take(c, bytes_of(line, sizeof line), 1);
    for (unsigned i = 0; i < 1000; i++) {
        console_take(c, bytes_of("\033]0;never ended", 14), 2);
        console_take(c, bytes_of("\n\033[31;1mKernel panic - not syncing\x01\xff\n", 37),
                     2);
    }
    assert_int_equal(c->evidence_n, CONSOLE_EVIDENCE_MAX);
    assert_string_equal(c->evidence[0].text, "Kernel panic - not syncing\\xff");
    assert_int_equal(c->tail_n, 1001);
    assert_int_equal(strlen(c->tail[0].text), strlen(c->evidence[0].text));
}

static void test_times(void **state)
{
    AUTO(freep) struct console *c = take("", 1);

    (void)state;
    console_take(c, bytes_of(SEABIOS "Linux ver", sizeof SEABIOS + 8), 1.5);
    console_take(c, bytes_of("sion 6\ndebian login:", 20), 7.25);
    assert_int_equal(c->evidence_n, 4);
    assert_true(c->evidence[0].at < 2 && c->evidence[2].at > 7);
    assert_string_equal(c->evidence[2].text, "Linux version 6");
}

static void test_restart(void **state)
{
    AUTO(freep) struct console *c = take(KERNEL MOUNTED SYSTEMD CLOUD_INIT "x " NONCE, 7);

    (void)state;
    console_restart(c, 1e4);
    assert_int_equal(c->stage, CONSOLE_SILENT);
    assert_true(c->has_settings && !c->cloud_init_runs && c->evidence_n);
    console_take(c, bytes_of(SEABIOS, sizeof SEABIOS - 1), 2e4);
    assert_int_equal(c->stage, CONSOLE_FIRMWARE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_limits),  cmocka_unit_test(test_times),
        cmocka_unit_test(test_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
