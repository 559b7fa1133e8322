/* SPDX-License-Identifier: GPL-2.0-or-later */
/* embedded.h: the initramfs that is built into a kernel image (CONFIG_INITRAMFS_SOURCE)
 *
 *   bzImage              setup code, then a packed ELF file      x86
 *   EFI "zimg"           a packed raw image in a PE program      arm64, riscv, loongarch
 *   "ARM\x64"            a raw image, packed by gzip or not      arm64
 *     ...
 *     .init.ramfs        archives, packed or not, on a multiple of 4
 *
 * Where it begins is known to the kernel's code only, so it is looked for.  Every kernel
 * has one; that of most holds /dev/console and no more.  One thread. */
#pragma once

#include "guest/kernel/initramfs.h"

enum {
    EMBEDDED_IMAGE_MAX = 256 << 20,    /* bytes of an image, packed */
    EMBEDDED_UNPACKED_MAX = 512 << 20, /* ... and unpacked */
    EMBEDDED_PROBES_MAX = 1024,        /* places that begin like a packed archive */
};

/* The entries of all archives in an image go to the reader, as by initramfs_read().
 * *known: it is an image of these kinds.  What it answers is what the reader did; 0 also
 * for an image without archives (info->segments), negative for one that cannot be
 * unpacked. */
int embedded_read(struct block *image, const struct initramfs_reader *reader,
                  struct initramfs_info *info, bool *known, struct err *err);
