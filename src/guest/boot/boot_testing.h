/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot_testing.h: a system with settings of a boot loader, and what must be seen in it;
 * for tests only */
#pragma once

#include "guest/boot/boot.h"
#include "guest/guest_test_fs.h"

/* UUIDs of its root and of its /boot. */
#define ROOT "11111111-2222-3333-4444-555555555555"
#define BOOT "99999999-8888-7777-6666-555555555555"

struct boot_case {
    const char *name;
    const struct test_file *root, *boot; /* boot: a filesystem at /boot; NULL none */
    bool unmounted;                      /* fstab does not name it */
    bool esp, bios;
    const char *loader, *entry, *kernel, *initramfs, *cmdline;
    const char *expect; /* "kernel initramfs resolves by-id serial linux16-uefi" */
    const char *problem, *map, *saved;
};

/* Fails the test, with the name of the case printed, where they differ. */
void boot_case_check(const struct boot_case *c);

/* Makes it partition `index`; the first is called "system" and has PARTUUID 0A0B0C0D-01.
 */
void boot_case_partition(struct guest_fs *fs, struct fact_partition *p, unsigned index);
