/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/inspect.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/checked.h"
#include "base/log.h"
#include "guest/collect.h"

enum {
    ZERO_CHUNK = 1 << 20,    /* bytes looked at in one read */
    ZERO_BUDGET = 256 << 20, /* bytes of data that may be looked at */
    EXTENTS_MAX = 1 << 20,   /* extents walked while looking for zeros */
    BOOT_SECTOR = 512,
};

static void step(const struct guest *g, const char *name)
{
    log_debug(LOG_GUEST, "step: %s", name);
    if (g->step)
        g->step(g->step_arg, name);
}

static const char *text(struct arena *a, const char *s)
{
    return *s ? arena_text(a, bytes_of(s, strlen(s)), GUEST_STRING_MAX) : "";
}

/* ---- container */

static void image_facts(struct fact_image *ret, struct arena *a,
                        const struct image_info *info)
{
    ret->format = image_format_name(info->format);
    ret->kind = text(a, info->kind);
    ret->other = text(a, info->other);
    ret->creator = text(a, info->creator);
    ret->virtual_size = info->virtual_size;
    ret->file_size = info->file_size;
    ret->cluster_size = info->cluster_size;
    ret->compressed = info->compressed;
    ret->dirty = info->dirty;
    ret->internal_snapshots = info->internal_snapshots;
    ret->fault = image_fault_name(info->fault);
    ret->fault_detail = text(a, info->fault_detail);
}

/* From extents alone, unless the limit makes it worth reading. */
static int image_sizes(struct guest *g, uint64_t limit, uint64_t stop, struct err *err)
{
    struct fact_image *image = &g->facts->image;
    uint64_t bound, data;
    int r = image_qcow2_bound(g->disk, &bound, err);

    if (r == 0)
        r = block_data_size(g->disk, &data, err);
    if (r < 0)
        return guest_problem(g, image->format, "extents", false, err);
    image->qcow2_size = bound;
    image->data_size = data;
    if (limit == 0 || bound <= limit)
        return 0;
    step(g, "size");
    r = image_qcow2_scan(g->disk, max_u64(limit, stop), &bound, err);
    if (r < 0)
        return guest_problem(g, image->format, "size", false, err);
    image->qcow2_size = bound;
    image->qcow2_size_exact = true;
    return 0;
}

/* ---- disk and partitions */

static void disk_facts(struct guest *g, const struct volume_table *t)
{
    struct fact_disk *d = &g->facts->disk;

    g->facts->partition_table = table_kind_name(t->kind);
    d->boot_signature = t->boot_signature;
    d->boot_code = t->boot_code ? t->boot_code : "";
    d->grub_core = t->grub_core;
    d->overlap_a = t->overlap_a;
    d->overlap_b = t->overlap_b;
    d->bios_boot = t->bios_boot;
    d->esp = t->esp;
    d->gpt_primary_ok = t->gpt_primary_ok;
    d->gpt_backup_ok = t->gpt_backup_ok;
    d->protective_strict = t->protective_strict;
    d->hybrid = t->hybrid;
    d->uuid = t->uuid ? t->uuid : "";
    d->table_problem = t->problem ? t->problem : "";
}

/* What firmware could start.  Whether the EFI system partition has a loader is another
 * fact (esp_facts()).  Windows writes its boot code in front of a GPT
 * too, where it only prints an error. */
static void firmware_facts(struct guest *g)
{
    const struct fact_disk *d = &g->facts->disk;
    bool gpt = strcmp(g->facts->partition_table, "gpt") == 0;
    bool code = *d->boot_code && (!gpt || (strcmp(d->boot_code, "windows") != 0 &&
                                           strcmp(d->boot_code, "unknown") != 0));
    const char **p;

    if (d->boot_signature && (code || (gpt && d->bios_boot))) {
        p = LIST_ADD(g->arena, &g->facts->firmware);
        if (p)
            *p = "bios";
    }
    if (d->esp) {
        p = LIST_ADD(g->arena, &g->facts->firmware);
        if (p)
            *p = "uefi";
    }
}

/* Is every byte that extents call data zero?  Bounded: a disk that begins with so many
 * stored zeros gets the answer "no", and is refused for having no boot record instead. */
static int all_zero(bool *ret, struct block *disk, struct err *err)
{
    AUTO(freep) uint8_t *chunk = malloc(ZERO_CHUNK);
    uint64_t left = ZERO_BUDGET;
    struct extent e;

    if (!chunk)
        return FAIL(err, ERR_NOMEM, "buffer");
    *ret = false;
    for (uint64_t off = 0, n = 0; off < disk->size; off += e.length) {
        int r = block_extent(disk, &e, off, err);

        if (r < 0)
            return r;
        if (n++ > EXTENTS_MAX)
            return 0;
        for (uint64_t done = 0; e.kind == EXTENT_DATA && done < e.length;) {
            size_t want = (size_t)min_u64(ZERO_CHUNK, e.length - done);

            if (want > left)
                return 0;
            r = block_read(disk, chunk, want, off + done, err);
            if (r < 0)
                return r;
            if (!bytes_are_zero(bytes_of(chunk, want)))
                return 0;
            left -= want;
            done += want;
        }
    }
    *ret = true;
    return 0;
}

/* What lies on the disk from its first byte on, past any table: a filesystem without a
 * table, or the ISO 9660 of an installer, which may have tables of all kinds beside it.
 */
static int look_at_whole(struct guest *g, const struct volume_table *t, struct err *err)
{
    struct fact_disk *d = &g->facts->disk;
    struct fs_ident ident = {0};
    int r = fs_identify(&ident, g->disk, err);

    if (r < 0)
        return guest_problem(g, "fs", "disk", false, err);
    if (ident.type == FS_ISO9660) {
        d->whole_label = text(g->arena, ident.label);
        d->installer = arena_printf(g->arena, "ISO 9660 '%s'", d->whole_label);
    }
    if (t->partitions.n)
        return 0;
    if (ident.type != FS_UNKNOWN && ident.type != FS_EMPTY) {
        d->whole = fs_type_name(ident.type);
        d->whole_label = text(g->arena, ident.label);
        return 0;
    }
    if (t->boot_signature || !t->all_zero_start)
        return 0;
    r = all_zero(&d->all_zero, g->disk, err);
    return r < 0 ? guest_problem(g, g->facts->image.format, "disk", false, err) : 0;
}

static void partition_facts(struct guest *g, const struct volume_table *t)
{
    struct facts *f = g->facts;

    for (size_t i = 0; i < t->partitions.n; i++) {
        const struct partition *p = &t->partitions.v[i];
        struct fact_partition *ret = FACT_ADD(g->arena, &f->partitions, fact_partition);

        if (!ret)
            return;
        ret->index = p->index;
        ret->start = p->start;
        ret->size = p->size;
        ret->type = p->type;
        ret->type_name = p->type_name;
        ret->name = p->name;
        ret->part_uuid = p->uuid ? p->uuid : "";
        ret->active = p->active;
        ret->logical = p->logical;
        ret->extended = p->extended;
        ret->past_end = p->past_end;
        ret->priority = p->priority;
        ret->tries = p->tries;
        ret->successful = p->successful;
        ret->filesystem = p->block ? fs_type_name(FS_UNKNOWN) : "";
        if (strcmp(p->type, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B") == 0 ||
            strcmp(p->type, "EF") == 0 || strcmp(p->type, "ef") == 0)
            ret->role = "esp";
        else if (strcmp(p->type, "21686148-6449-6E6F-744E-656564454649") == 0)
            ret->role = "bios-boot";
    }
}

/* ---- filesystems */

/* Kinds that could hold a system and have no driver yet, by the name of the layer that
 * will read them; NULL for all others.  Swap, FAT and the like hold none; what is
 * encrypted is a fact, not something we failed to read. */
static const char *unread_layer(enum fs_type type)
{
    static const struct {
        enum fs_type type;
        const char *layer;
    } rows[] = {
        {FS_LVM2, "lvm2"},         {FS_MDRAID, "mdraid"}, {FS_F2FS, "f2fs"},
        {FS_REISERFS, "reiserfs"}, {FS_JFS, "jfs"},       {FS_ZFS, "zfs"},
        {FS_REFS, "refs"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].type == type)
            return rows[i].layer;
    return NULL;
}

static void fs_facts(struct guest *g, struct guest_fs *gf)
{
    struct fact_fs *ret = FACT_NEW(g->arena, fact_fs);
    struct fs_info info;

    if (!ret)
        return;
    fs_info(gf->fs, &info);
    ret->total_bytes = info.total_bytes;
    ret->free_bytes = info.free_bytes;
    ret->total_inodes = info.total_inodes;
    ret->free_inodes = info.free_inodes;
    ret->clean = info.clean;
    ret->needs_recovery = info.needs_recovery;
    ret->stale_possible = info.stale_possible;
    ret->stale_reason = text(g->arena, info.stale_reason);
    ret->last_checked = info.last_checked;
    ret->mount_count = info.mount_count;
    ret->max_mount_count = info.max_mount_count;
    ret->check_interval = info.check_interval;
    ret->features = text(g->arena, info.features);
    if (gf->partition)
        gf->partition->fs = ret;
    else
        gf->volume->fs = ret;
}

static void ident_facts(struct guest *g, struct guest_fs *gf)
{
    const char *name = fs_type_name(gf->ident.type);
    const char *uuid = text(g->arena, gf->ident.uuid);
    const char *label = text(g->arena, gf->ident.label);
    const char *role = gf->ident.type == FS_SWAP ? "swap" : "";
    struct fact_partition *p = gf->partition;
    struct fact_volume *v = gf->volume;

    if (p) {
        p->filesystem = name;
        p->uuid = uuid;
        p->label = label;
        p->role = *role ? role : p->role;
    } else {
        v->filesystem = name;
        v->uuid = uuid;
        v->label = label;
        v->role = role;
    }
}

/* What the plain boot records of DOS, Windows and syslinux load. */
static int boot_sector_facts(struct guest *g, const struct guest_fs *gf, struct err *err)
{
    uint8_t sector[BOOT_SECTOR];
    int r;

    if (!gf->partition || !gf->partition->active || gf->block->size < sizeof sector)
        return 0;
    r = block_read(gf->block, sector, sizeof sector, 0, err);
    if (r < 0)
        return guest_problem(g, "volume", gf->device, false, err);
    g->facts->disk.active_sector =
        load_le16(sector + sizeof sector - 2) == 0xaa55 ? "code" : "none";
    return 0;
}

int guest_open_fs(struct guest *g, struct guest_fs *gf, struct err *err)
{
    const char *layer;
    int r = fs_identify(&gf->ident, gf->block, err);

    if (r < 0)
        return guest_problem(g, "fs", gf->device, false, err);
    ident_facts(g, gf);
    r = boot_sector_facts(g, gf, err);
    if (r < 0)
        return r;
    layer = unread_layer(gf->ident.type);
    if (layer && !(gf->ident.type == FS_LVM2 && gf->partition)) {
        FAIL(err, ERR_UNSUPPORTED, "%s is not read yet", layer);
        return guest_problem(g, layer, gf->device, false, err);
    }
    if (!fs_is_read(gf->ident.type))
        return 0;
    r = fs_open(&gf->fs, &gf->ident, gf->block, err);
    if (r < 0)
        return guest_problem(g, fs_type_name(gf->ident.type), gf->device, false, err);
    fs_facts(g, gf);
    return 0;
}

static int open_all(struct guest *g, const struct volume_table *t, struct err *err)
{
    g->fs_max = (unsigned)t->partitions.n + GUEST_SUBVOLUMES_MAX;
    g->fs = arena_alloc(g->arena, g->fs_max * sizeof *g->fs);
    if (!g->fs)
        return arena_check(g->arena, err);
    for (size_t i = 0; i < t->partitions.n && i < g->facts->partitions.n; i++) {
        const struct partition *p = &t->partitions.v[i];
        struct guest_fs *gf = &g->fs[g->fs_n];
        int r;

        if (!p->block)
            continue;
        gf->device = arena_printf(g->arena, "partition %u", p->index);
        gf->block = p->block;
        gf->partition = &g->facts->partitions.v[i];
        g->fs_n++;
        r = guest_open_fs(g, gf, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The loader that firmware starts which was told of none: that of the first EFI system
 * partition, since firmware takes the first that has one.  Loaders under other names are
 * known to the machine they were installed on, and to no new one. */
static int esp_facts(struct guest *g, struct err *err)
{
    static const char *const names[] = {
        "/EFI/BOOT/BOOTX64.EFI",
        "/EFI/BOOT/BOOTAA64.EFI",
        "/EFI/BOOT/BOOTIA32.EFI",
        NULL,
    };
    struct fact_disk *d = &g->facts->disk;

    for (unsigned i = 0; i < g->fs_n; i++) {
        const struct guest_fs *gf = &g->fs[i];
        struct tree tree;

        if (!gf->fs || !gf->partition || strcmp(gf->partition->role, "esp") != 0)
            continue;
        tree_init(&tree, gf->fs);
        d->esp_looked = true;
        for (const char *const *name = names; *name && !*d->esp_loader; name++) {
            int r = tree_has_file(&tree, *name, err);

            if (r == 1)
                d->esp_loader = *name;
            if (r >= 0)
                continue;
            r = guest_problem(g, fs_type_name(gf->ident.type), gf->device, false, err);
            if (r < 0)
                return r;
            d->esp_looked = *d->esp_loader != '\0';
            return 0;
        }
    }
    return 0;
}

/* ---- the system on the root */

static int look_at_linux(struct guest *g, struct err *err)
{
    /* In this order: fstab mounts what later ones read, boot finds the command line that
     * cloud-init and the network are judged by. */
    static const struct {
        const char *step;
        int (*collect)(struct guest *g, struct err *err);
    } rows[] = {
        {"fstab", linux_fstab},           {"release", linux_release},
        {"boot loader", linux_boot},      {"kernels", linux_kernels},
        {"cloud-init", linux_cloud_init}, {"Ignition", linux_ignition},
        {"network", linux_network},       {"services", linux_services},
        {"residues", linux_residues},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int r;

        step(g, rows[i].step);
        r = rows[i].collect(g, err);
        if (guest_is_fatal(g, r) && r != -ERR_NOMEM)
            return guest_problem(g, "guest", rows[i].step, false, err);
        if (r < 0)
            r = guest_problem(g, "guest", rows[i].step, false, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int look_at_disk(struct guest *g, struct volume_table *t,
                        struct lvm2_groups *groups, struct err *err)
{
    int r;

    step(g, "partition table");
    r = volume_scan(t, g->disk, g->arena, err);
    if (r < 0)
        r = guest_problem(g, "volume", "partition table", false, err);
    if (r < 0)
        return r;
    disk_facts(g, t);
    partition_facts(g, t);
    firmware_facts(g);
    step(g, "disk");
    r = look_at_whole(g, t, err);
    if (r < 0)
        return r;
    step(g, "filesystems");
    r = open_all(g, t, err);
    if (r == 0)
        r = guest_volumes(g, groups, err);
    if (r == 0)
        r = esp_facts(g, err);
    if (r == 0)
        r = windows_dynamic(g, err);
    if (r < 0)
        return r;
    step(g, "root");
    r = root_find(g, err);
    if (r == 0 && g->opened)
        return g->opened(g->opened_arg, g, err);
    if (r == 0 && !g->root)
        return guest_others(g, err);
    if (r < 0)
        return r;
    r = g->windows ? windows_facts(g, err) : look_at_linux(g, err);
    guest_weigh_problems(g);
    return r == 0 && g->looked && !g->windows ? g->looked(g->looked_arg, g, err) : r;
}

static int look(struct guest *g, struct err *err)
{
    AUTO(volume_table_fini) struct volume_table t = {0};
    AUTO(lvm2_groups_fini) struct lvm2_groups groups = {0};
    int r = look_at_disk(g, &t, &groups, err);

    for (unsigned i = 0; i < g->fs_n; i++)
        fs_close(g->fs[i].fs);
    return r < 0 ? r : arena_check(g->arena, err);
}

static void guest_init(struct guest *g, struct facts *f, struct arena *a,
                       struct block *disk, const struct inspect_options *options)
{
    *g = (struct guest){.facts = f, .arena = a, .disk = disk};
    if (options) {
        g->step = options->step;
        g->step_arg = options->step_arg;
        g->opened = options->opened;
        g->opened_arg = options->opened_arg;
        g->looked = options->looked;
        g->looked_arg = options->looked_arg;
    }
}

int inspect_disk(struct facts *ret, struct arena *a, struct block *disk,
                 const struct inspect_options *options, struct err *err)
{
    struct guest g;

    guest_init(&g, ret, a, disk, options);
    return look(&g, err);
}

int inspect_file(struct facts *ret, struct arena *a, struct block *file,
                 const struct inspect_options *options, struct err *err)
{
    AUTO(block_unrefp) struct block *disk = NULL;
    struct image_info info = {0};
    struct guest g;
    int r;

    facts_init(ret);
    guest_init(&g, ret, a, NULL, options);
    step(&g, "recognise");
    r = image_open(&disk, &info, file, options ? options->image : NULL, err);
    image_facts(&ret->image, a, &info);
    if (r < 0 && info.fault != IMAGE_FAULT_NONE && r != -ERR_NOMEM) {
        err_clear(err);
        return arena_check(a, err);
    }
    if (r < 0 && info.format == IMAGE_UNKNOWN)
        return r;
    if (r < 0)
        return guest_problem(&g, ret->image.format, "container", false, err);
    guest_init(&g, ret, a, disk, options);
    step(&g, "extents");
    r = image_sizes(&g, options ? options->size_limit : 0,
                    options ? options->size_stop : 0, err);
    return r < 0 ? r : look(&g, err);
}
