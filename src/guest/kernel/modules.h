/* SPDX-License-Identifier: GPL-2.0-or-later */
/* modules.h: what one kernel has built in and what it has as modules
 *
 *   /boot/config-V                CONFIG_VIRTIO_BLK=y
 *   /lib/modules/V/modules.builtin   kernel/drivers/block/virtio_blk.ko
 *   /lib/modules/V/modules.dep       kernel/.../virtio_blk.ko.xz: kernel/.../virtio.ko.xz
 *
 * Module names are compared as the kernel does, "-" being "_", without folder and suffix.
 * Tables are built once, then immutable. */
#pragma once

#include "guest/collect.h"

enum {
    MODULES_TEXT_MAX = 8 << 20, /* bytes of modules.dep, modules.builtin, config */
    MODULES_MAX = 65536,        /* lines of modules.dep */
    MODULE_NAME_MAX = 64,       /* Linux: MODULE_NAME_LEN */
    MODULE_CLOSURE_MAX = 64,    /* modules that one needs, itself included */
};

/* Writes the module's name of a path ("kernel/fs/ext4/ext4.ko.xz", "virtio-pci"); false
 * when it is too long or empty. */
bool module_name(char ret[MODULE_NAME_MAX], struct bytes path);

/* Does a path end like a module file: .ko, .ko.xz, .ko.zst, .ko.gz? */
bool module_is_file(struct bytes path);

struct module {
    struct bytes path;  /* in the folder of the modules */
    struct bytes needs; /* paths, blanks between */
};

struct module_table {
    struct buf text;     /* what rows point into */
    struct module *rows; /* owned */
    size_t n;
    uint32_t *slots; /* owned: hash of the name to row number plus one; 0 empty */
    size_t slots_n;  /* power of two */
};

/* Takes the text over: lines of modules.dep or modules.builtin. */
int module_table_make(struct module_table *ret, struct buf *text, struct err *err);
void module_table_fini(struct module_table *t);
const struct module *module_table_find(const struct module_table *t, const char *name);

/* The value of a kernel option: 'y', 'm', 'n' for "is not set" or not there. */
char kernel_option(struct bytes config, const char *name);

/* Everything about the modules of one kernel. */
struct modules {
    const char *dir;         /* "/lib/modules/V"; "" no such folder */
    const char *config_path; /* "" none */
    struct buf config;
    struct module_table dep, builtin;
    bool unread; /* dep, builtin or config is there and could not be read */
    bool has_dep, has_builtin;
};

int modules_load(struct modules *ret, struct guest *g, const char *version,
                 struct err *err);
void modules_fini(struct modules *m);

/* Names of what `name` needs, itself first, at most MODULE_CLOSURE_MAX; what is built in
 * is left out. */
struct module_closure {
    char name[MODULE_CLOSURE_MAX][MODULE_NAME_MAX];
    unsigned n;
};
void modules_closure(const struct modules *m, const char *name,
                     struct module_closure *ret);
