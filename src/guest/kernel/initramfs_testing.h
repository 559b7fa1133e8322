/* SPDX-License-Identifier: GPL-2.0-or-later */
/* initramfs_testing.h: archives made by hand, and what is seen in them; for tests only
 *
 * They are packed with the encoders of the libraries (gzip with zlib, which is not what
 * reads it).  tests/guests/ has those that the tools make. */
#pragma once

#include "base/buf.h"
#include "guest/kernel/cpio.h"
#include "guest/kernel/initramfs.h"

/* ---- making them: all append, and abort when they cannot */

void archive_put(struct buf *b, const void *p, size_t n);
void archive_zeros(struct buf *b, size_t n);
void archive_le32(struct buf *b, uint32_t v);
/* One entry; the archive starts at `start` of b. */
void archive_add(struct buf *b, size_t start, const char *magic, uint32_t mode,
                 const char *name, const char *body, size_t body_n);
void archive_trailer(struct buf *b, size_t start);
/* Whole ones, with microcode and with a kernel's modules.  What seen_read() sees in them:
 */
void archive_early(struct buf *b);
void archive_main(struct buf *b);
#define MAIN_NAMES                                                                      \
    "4:. f:init f:conf/modules=virtio_blk\n l:lib f:usr/lib/modules/6.1/virtio_blk.ko " \
    "f:usr/lib/modules/6.1/virtio_pci.ko "
#define EARLY_NAMES "4:kernel f:kernel/x86/microcode/GenuineIntel.bin "

/* One archive as they pack it, each of them a row of packers[]. */
void pack_gzip(struct buf *to, struct bytes b);
void pack_zstd(struct buf *to, struct bytes b);
void pack_lz4(struct buf *to, struct bytes b);
void pack_none(struct buf *to, struct bytes b);

struct packer {
    const char *name;
    void (*pack)(struct buf *to, struct bytes b);
    const char *format;
};

enum { PACKERS = 9 };
extern const struct packer packers[PACKERS];

/* ---- reading them */

struct seen {
    struct buf text;  /* "f:init l:lib 4:kernel ": kind and name */
    const char *stop; /* seen_entry() answers 7 there */
};

/* As of struct initramfs_reader; arg is a struct seen. */
int seen_entry(void *arg, const struct initramfs_entry *e, struct err *err);
bool seen_want(void *arg, const char *name, uint64_t size); /* "conf/..." */
int seen_read(struct block *b, struct seen *s, struct initramfs_info *info,
              struct err *err);
int seen_read_buf(const struct buf *b, struct seen *s, struct initramfs_info *info,
                  struct err *err);
void seen_fini(struct seen *s);
