/* SPDX-License-Identifier: GPL-2.0-or-later */
/* remedy.h: what to do, with the very commands for the system at hand
 *
 * Lines parted by \n: sentences are in the report's language, commands are meant to be
 * pasted into a root shell of the guest.  Whatever came from the image is quoted for the
 * shell before it stands in a command. */
#pragma once

#include "rules/judge.h"

/* How a system makes its initramfs and installs packages. */
enum family {
    FAMILY_UNKNOWN,
    FAMILY_DEBIAN,  /* initramfs-tools, apt */
    FAMILY_REDHAT,  /* dracut, yum or dnf */
    FAMILY_REDHAT6, /* CentOS and Red Hat 6: dracut behind mkinitrd, chkconfig */
    FAMILY_REDHAT5, /* CentOS and Red Hat 5: mkinitrd with --with */
    FAMILY_SUSE,    /* dracut, zypper */
    FAMILY_SUSE11,  /* INITRD_MODULES, mkinitrd */
    FAMILY_ARCH,
    FAMILY_ALPINE,
    FAMILY_GENTOO,
    FAMILY_WINDOWS,
};

enum family family_of(const struct fact_os *os);

/* Joins the lines up to NULL, empty ones left out. */
const char *remedy_lines(struct judge *j, ...) __attribute__((sentinel));

/* `word` as one word for a shell. */
const char *shell_word(struct judge *j, const char *word);

/* Put `drivers` ("virtio_blk virtio_pci") into the initramfs of a kernel. */
const char *remedy_initramfs(struct judge *j, const struct fact_kernel *k,
                             const char *drivers);

/* Install a kernel that has the drivers. */
const char *remedy_kernel(struct judge *j);

/* Write the boot loader's configuration anew. */
const char *remedy_loader_config(struct judge *j);

const char *remedy_agent_install(struct judge *j);
const char *remedy_agent_enable(struct judge *j);

/* Put a boot loader where a BIOS, or UEFI, finds it. */
const char *remedy_loader(struct judge *j, bool uefi);

/* Mark the partition that a BIOS starts. */
const char *remedy_active(struct judge *j);

/* Check a filesystem. */
const char *remedy_check(struct judge *j);

/* From GPT to MBR without losing partitions. */
const char *remedy_to_mbr(struct judge *j);

/* Install one package. */
const char *remedy_package(struct judge *j, const char *package);

/* Enable one service at boot. */
const char *remedy_service(struct judge *j, const char *service);
