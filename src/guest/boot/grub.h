/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grub.h: what the two halves of GRUB 2 share
 *
 *   grub_commands.c   what commands of grub.cfg do
 *   grub.c            which entry they leave as the default, and what that says */
#pragma once

#include "guest/boot/boot.h"
#include "guest/boot/grub_script.h"

struct menu_entry {
    const char *title, *id;
    bool submenu;
    struct bytes body;
    struct grub_words params;
    const struct bls_entry *bls; /* instead of a body */
    struct boot_file bls_dir;    /* fs: where its paths lie */
};

struct menu {
    LIST(struct menu_entry) entries;
};

struct grub {
    struct guest *g;
    struct arena arena;
    struct grub_script script;
    struct menu *menu; /* that is being filled */
    struct boot_choice *ret;
    const char *next_config; /* path as GRUB has it; "" none */
    unsigned files;
};

/* A command of the language's caller; `arg` is the struct grub. */
int grub_command(void *arg, const struct grub_words *w, struct bytes body,
                 struct err *err);

/* 1 and the text of a file as GRUB names it, which lives as long as x; 0 not there. */
int grub_read(struct grub *x, const char *path, struct bytes *ret, struct err *err);

/* "fsN", which is what a device is called once it was found. */
const char *grub_device_name(struct grub *x, const struct guest_fs *fs);

/* Words from `from` on with blanks between, cut to BOOT_CMDLINE_MAX. */
const char *grub_join(struct grub *x, const struct grub_words *w, size_t from);
