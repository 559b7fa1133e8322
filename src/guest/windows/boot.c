/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot.c: the boot manager and its store (BCD), down to the loader of the default entry
 *
 *   Objects\{9dea862c-...}\Elements\23000003   Element: which object is the default
 *                               24000001            those that are shown, in order
 *   Objects\{default}\Elements\11000001        Element: the device of the loader
 *                              12000002                 its path
 *                              12000004                 the title
 *
 * A device is a structure that Microsoft does not document; what is read of it is what
 * bcdedit shows: "boot", or a partition by its place and the disk's signature (MBR), or
 * by the GUIDs of both (GPT). */
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "guest/windows/windows.h"

#define BOOTMGR "Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}"

enum {
    DEVICE_TYPE = 16,
    DEVICE_BOOT = 5,
    DEVICE_PARTITION = 6,
    DEVICE_PLACE = 32, /* an offset in bytes, or a GUID */
    DEVICE_STYLE = 52, /* 0 GPT, 1 MBR */
    DEVICE_DISK = 56,  /* a signature, or a GUID */
    DEVICE_SIZE = 72,
    DEVICE_MAX = 4096,
    GUID_TEXT = 37,
};

struct place {
    const struct guest_fs *gf;
    const char *manager, *store; /* where they would be */
};

static void guid_text(char ret[GUID_TEXT], const uint8_t *p)
{
    snprintf(ret, GUID_TEXT, "%08" PRIx32 "-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             load_le32(p), load_le16(p + 4), load_le16(p + 6), p[8], p[9], p[10], p[11],
             p[12], p[13], p[14], p[15]);
}

/* ---- the device of an entry */

static const struct guest_fs *fs_of(struct guest *g, const struct fact_partition *p)
{
    for (unsigned i = 0; i < g->fs_n; i++)
        if (g->fs[i].partition == p)
            return &g->fs[i];
    return NULL;
}

/* Is the partition the one that the device names?  *disk: the place is right, but it is
 * another disk's. */
static bool is_named(const struct fact_partition *p, const uint8_t *device, bool *disk)
{
    char text[GUID_TEXT];

    if (load_le32(device + DEVICE_STYLE) == 0) {
        guid_text(text, device + DEVICE_PLACE);
        return strcasecmp(text, p->part_uuid) == 0;
    }
    if (p->start != load_le64(device + DEVICE_PLACE))
        return false;
    snprintf(text, sizeof text, "%08" PRIx32 "-", load_le32(device + DEVICE_DISK));
    *disk = strncasecmp(text, p->part_uuid, strlen(text)) != 0;
    return !*disk;
}

static const struct guest_fs *resolve(struct windows *w, const struct place *at,
                                      struct bytes device)
{
    struct fact_windows_boot *b = w->facts->boot;
    struct facts *f = w->g->facts;
    bool other = false;

    if (device.n < DEVICE_PLACE)
        return NULL;
    if (load_le32(device.p + DEVICE_TYPE) == DEVICE_BOOT) {
        b->target = "boot";
        return at->gf;
    }
    if (load_le32(device.p + DEVICE_TYPE) != DEVICE_PARTITION || device.n < DEVICE_SIZE)
        return NULL;
    for (size_t i = 0; i < f->partitions.n; i++)
        if (is_named(&f->partitions.v[i], device.p, &other)) {
            b->target =
                arena_printf(w->g->arena, "partition %u", f->partitions.v[i].index);
            return fs_of(w->g, &f->partitions.v[i]);
        }
    b->problem = other ? "the device of the entry is a partition of a disk with another "
                         "signature"
                       : "the device of the entry is no partition of this disk";
    return NULL;
}

/* ---- the store */

static int element(struct windows *w, struct hive *h, const char *object,
                   const char *number, const char **ret, struct err *err)
{
    const char *path = arena_printf(w->g->arena, "%s\\Elements\\%s", object, number);

    return registry_value(w->g, h, h->root, path, "Element", ret, err);
}

static int look_at_device(struct windows *w, struct hive *h, const char *object,
                          const struct place *at, const struct guest_fs **ret,
                          struct err *err)
{
    AUTO(buf_fini) struct buf data = {.max = DEVICE_MAX};
    const char *path = arena_printf(w->g->arena, "%s\\Elements\\11000001", object);
    uint32_t key, type;
    int r = hive_find(h, h->root, path, &key, err);

    if (r == 1)
        r = hive_value(h, key, "Element", &type, &data, err);
    if (r == 1)
        *ret = resolve(w, at, buf_bytes(&data));
    else if (r == 0)
        w->facts->boot->problem = "the default entry has no device";
    return r < 0 ? r : 0;
}

static int look_at_loader(struct windows *w, const struct guest_fs *gf, struct err *err)
{
    struct fact_windows_boot *b = w->facts->boot;
    struct tree tree;
    int r;

    if (*b->loader == '\0') {
        b->problem = "the default entry has no loader";
        return 0;
    }
    if (!gf || !gf->fs)
        return 0;
    tree_init(&tree, gf->fs);
    r = tree_has_file(&tree, b->loader, err);
    b->loader_exists = r == 1;
    if (r == 0)
        b->problem = "the loader of the default entry is not there";
    return r < 0 ? r : 0;
}

static int look_at_entry(struct windows *w, struct hive *h, const struct place *at,
                         struct err *err)
{
    struct fact_windows_boot *b = w->facts->boot;
    const struct guest_fs *gf = NULL;
    const char *object, *loader = "";
    uint32_t key;
    int r = element(w, h, BOOTMGR, "23000003", &b->entry, err);

    if (r == 0 && *b->entry == '\0') /* then it is the first to be shown */
        r = element(w, h, BOOTMGR, "24000001", &b->entry, err);
    if (r < 0)
        return r;
    if (*b->entry == '\0') {
        b->problem = "the store names no default entry";
        return 0;
    }
    object = arena_printf(w->g->arena, "Objects\\%s", b->entry);
    r = hive_find(h, h->root, object, &key, err);
    if (r == 0)
        b->problem = "the default entry is not in the store";
    if (r <= 0)
        return r;
    r = element(w, h, object, "12000004", &b->title, err);
    if (r == 0)
        r = element(w, h, object, "12000002", &loader, err);
    if (r == 0 && *loader)
        b->loader = registry_path(w->g, loader);
    if (r == 0)
        r = look_at_device(w, h, object, at, &gf, err);
    return r == 0 ? look_at_loader(w, gf, err) : r;
}

static int look_at_store(struct windows *w, const struct place *at, struct err *err)
{
    AUTO(registry_fini) struct registry store = {0};
    struct fact_windows_boot *b = w->facts->boot;
    struct tree tree;
    int r;

    tree_init(&tree, at->gf->fs);
    r = registry_open(&store, &tree, at->store, err);
    if (r == -ERR_CORRUPT) {
        struct err ignored = {0};

        if (registry_has_log(&tree, at->store, &ignored) == 0) {
            b->store = at->store;
            b->problem = guest_text(w->g, bytes_of(err->msg, strlen(err->msg)));
            err_clear(err);
            return 0;
        }
    }
    if (r <= 0)
        return r;
    b->store = at->store;
    return look_at_entry(w, &store.hive, at, err);
}

/* ---- where the manager is */

static bool is_esp(const struct guest_fs *gf)
{
    return gf->partition && strcmp(gf->partition->role, "esp") == 0;
}

static bool is_gpt(const struct guest *g)
{
    return strcmp(g->facts->partition_table, "gpt") == 0;
}

/* A BIOS starts the active partition, and only when none is marked we look further. */
static bool may_start(const struct guest *g, const struct guest_fs *gf, bool efi)
{
    bool any = false;

    if (efi)
        return is_esp(gf);
    for (size_t i = 0; i < g->facts->partitions.n; i++)
        any |= g->facts->partitions.v[i].active;
    return any ? gf->partition && gf->partition->active : gf->fs != NULL;
}

static int look_for(struct windows *w, bool efi, struct err *err)
{
    static const char *const efis[] = {"/EFI/Microsoft/Boot/bootmgfw.efi",
                                       "/EFI/BOOT/BOOTX64.EFI", "/EFI/BOOT/BOOTAA64.EFI",
                                       NULL};
    static const char *const bios[] = {"/bootmgr", NULL}, *const old[] = {"/ntldr", NULL};
    bool before_vista = w->build > 0 && w->build < WINDOWS_VISTA;
    const char *const *names = efi ? efis : before_vista ? old : bios;
    struct fact_windows_boot *b = w->facts->boot;

    for (unsigned i = 0; i < w->g->fs_n; i++) {
        struct place at = {&w->g->fs[i], "",
                           efi ? "/EFI/Microsoft/Boot/BCD" : "/Boot/BCD"};
        struct tree tree;
        int r = 0;

        if (!may_start(w->g, at.gf, efi))
            continue;
        if (!at.gf->fs)
            return FAIL(err, ERR_UNSUPPORTED, "%s, which starts, cannot be read",
                        at.gf->device);
        if (*b->device == '\0')
            b->device = at.gf->device;
        tree_init(&tree, at.gf->fs);
        for (size_t k = 0; names[k] && r == 0; k++) {
            r = tree_has_file(&tree, names[k], err);
            if (r == 1)
                b->manager = names[k];
        }
        if (r < 0)
            return r;
        if (r == 1)
            b->device = at.gf->device;
        if (!before_vista)
            r = look_at_store(w, &at, err);
        else if (tree_has_file(&tree, "/boot.ini", err) == 1)
            b->store = "/boot.ini";
        if (r < 0 || *b->manager || *b->store)
            return r < 0 ? r : 0;
    }
    return 0;
}

int windows_boot(struct windows *w, struct err *err)
{
    struct fact_windows_boot *b = FACT_NEW(w->g->arena, fact_windows_boot);
    bool efi = is_gpt(w->g) && w->g->facts->disk.esp;
    int r;

    if (!b)
        return arena_check(w->g->arena, err);
    w->facts->boot = b;
    r = look_for(w, efi, err);
    if (r == 0 && *b->manager == '\0' && *b->store == '\0')
        r = look_for(w, !efi, err);
    if (r < 0)
        w->facts->boot = NULL; /* nothing is known then */
    return r;
}
