/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot.h: what the readers of boot loaders' settings share
 *
 *   boot.c       finds the settings, asks one reader, fills facts->boot
 *   grub.c       GRUB 2: runs grub.cfg (grub_script.c) as far as choosing an entry goes
 *   bls.c        /loader/entries, for GRUB's blscfg and for systemd-boot
 *   systemd.c    systemd-boot: those, and unified images (uki.c) in /EFI/Linux
 *   grub_old.c   GRUB legacy
 *   extlinux.c   extlinux and syslinux
 *
 * A loader sees one filesystem at a time and no mount points: paths here are those of the
 * loader ("/vmlinuz" on the filesystem of /boot), with the filesystem beside them.
 * Strings are bytes of the guest, not cleaned, in the guest's arena.  One thread. */
#pragma once

#include "guest/collect.h"

enum {
    BOOT_CONFIG_MAX = 1 << 20,   /* bytes of one file of settings */
    BOOT_ENTRIES_MAX = 1024,     /* menu entries that are listed */
    BOOT_INITRDS_MAX = 16,       /* initramfs files of one entry */
    BOOT_CMDLINE_MAX = 16 << 10, /* bytes of a command line */
};

struct boot_file {
    const struct guest_fs *fs; /* NULL: the loader names a device that is not here */
    const char *path;          /* on that filesystem; "" none */
};

/* The entry that would start. */
struct boot_entry {
    const char *title;
    struct boot_file kernel;
    LIST(struct boot_file) initrds;
    const char *options;    /* words after the kernel */
    const char *hypervisor; /* what starts below the kernel; NULL, "" nothing */
    bool linux16;           /* GRUB: the 16-bit protocol of BIOS */
};

/* What a reader found. */
struct boot_choice {
    struct boot_entry entry;
    bool found;          /* there is an entry, with or without a kernel */
    const char *saved;   /* saved_entry, or what the loader calls so; "" */
    const char *problem; /* what is odd; "" */
};

/* ---- boot.c: files as a loader sees them.  1, 0, negative like guest_read() and its
 * kin: what cannot be read is recorded and looks like "not there". */

int boot_read(struct guest *g, const struct guest_fs *fs, const char *path, size_t max,
              struct buf *ret, struct err *err);
int boot_has(struct guest *g, const struct guest_fs *fs, const char *path,
             enum fs_node_type type, uint64_t *size, struct err *err);
/* A regular file that only advice depends on. */
int boot_has_for_advice(struct guest *g, const struct guest_fs *fs, const char *path,
                        struct err *err);
int boot_names(struct guest *g, const struct guest_fs *fs, const char *path,
               struct tree_names *ret, struct err *err);

/* A regular file as a block, while the guest lives. */
int boot_open(struct block **ret, struct guest *g, const struct guest_fs *fs,
              const char *path, struct err *err);

/* Is it Xen by its name: "/boot/xen-4.17-amd64.gz"? */
bool boot_is_xen(const char *path);

/* Appends words to a command line, with one blank between. */
const char *boot_join(struct guest *g, const char *a, const char *b);

/* Folder of a path, "" for the root; in the arena. */
const char *boot_dirname(struct guest *g, const char *path);

/* Without "//", "." and "..": an entry may have "//vmlinuz" where /boot is a filesystem,
 * and extlinux "../vmlinuz", which is right with and without one.  In the arena. */
const char *boot_straight(struct guest *g, const char *path);

/* Partition `index` of the disk, or NULL. */
const struct guest_fs *boot_partition(struct guest *g, unsigned index);

/* Compares versions as rpm does: runs of digits as numbers, runs of letters as text, "~"
 * before everything. */
int boot_vercmp(struct bytes a, struct bytes b);

/* ---- the readers.  0 with ret->found, or negative when the inspection is over. */

/* grub.cfg at `config`. */
int boot_grub(struct boot_choice *ret, struct guest *g, struct boot_file config,
              struct err *err);
/* An archive with a grub.cfg in it. */
int boot_grub_tar(struct boot_choice *ret, struct guest *g, struct boot_file config,
                  struct err *err);
/* loader.conf of systemd-boot; `config` may be a file that does not exist. */
int boot_systemd(struct boot_choice *ret, struct guest *g, struct boot_file config,
                 struct err *err);
/* An EFI program that firmware starts; found when it is a unified kernel image. */
int boot_uki(struct boot_choice *ret, struct guest *g, struct boot_file config,
             struct err *err);
/* A folder of entries for GRUB, whose own settings could not be found. */
int boot_bls(struct boot_choice *ret, struct guest *g, struct boot_file config,
             struct err *err);
int boot_grub_legacy(struct boot_choice *ret, struct guest *g, struct boot_file config,
                     struct err *err);
int boot_extlinux(struct boot_choice *ret, struct guest *g, struct boot_file config,
                  struct err *err);

/* ---- tar.c */

/* The content of the first file of that name. */
bool boot_tar_find(struct bytes *ret, struct bytes tar, const char *name);

/* ---- boot_facts.c */

/* Is /boot a mount of its own that names nothing of this disk? */
bool boot_is_missing(const struct guest *g);

/* Fills in what follows from a choice, and what stands beside it: loader_version,
 * device_map.  `fs` holds the loader's settings; NULL: no loader was found. */
int boot_facts(struct guest *g, struct fact_boot *boot, const struct boot_choice *choice,
               const struct guest_fs *fs, struct err *err);

/* ---- bls.c */

struct bls_entry {
    const char *id; /* file name without ".conf" */
    const char *title, *version, *sort_key, *kernel, *options;
    const char *efi; /* a program to start instead of a kernel; "" none */
    fact_strings initrds;
    const struct guest_fs *fs; /* where its paths lie */
    bool bad;                  /* it was tried and did not start */
};

struct bls_entries {
    LIST(struct bls_entry) list;
};

/* Is "KEY VALUE" of this key?  Then *line becomes the value. */
bool bls_key_is(struct bytes *line, const char *key);

/* Every entry of a folder, the newest first as GRUB's blscfg sorts them. */
int bls_read(struct bls_entries *ret, struct guest *g, const struct guest_fs *fs,
             const char *dir, struct err *err);
