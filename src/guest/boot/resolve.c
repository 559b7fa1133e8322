/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve.c: what a fstab or root= spec names
 *
 * Identities ("UUID=", "/dev/disk/by-label/...", a logical volume) go with the disk.
 * "/dev/sda2" means partition 2 of the first disk, which is taken to be this one; on
 * another bus it will be called something else, so it is found, but not by identity. */
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "base/checked.h"
#include "guest/boot/boot.h"

enum { SPEC_MAX = 512 };

static bool same(const char *a, const char *b)
{
    return *a && strcmp(a, b) == 0;
}

static bool same_uuid(const char *a, const char *b)
{
    return *a && strcasecmp(a, b) == 0;
}

static bool by_uuid(const struct guest_fs *fs, const char *value)
{
    return same_uuid(fs->ident.uuid, value);
}

static bool by_label(const struct guest_fs *fs, const char *value)
{
    return same(fs->ident.label, value);
}

static bool by_part_uuid(const struct guest_fs *fs, const char *value)
{
    return fs->partition && same_uuid(fs->partition->part_uuid, value);
}

static bool by_part_label(const struct guest_fs *fs, const char *value)
{
    return fs->partition && same(fs->partition->name, value);
}

/* "vg/lv" */
static bool by_volume(const struct guest_fs *fs, const char *value)
{
    return fs->volume && same(fs->volume->name, value);
}

/* Device mapper joins "vg" and "lv" by "-", and doubles what stands in them. */
static bool by_mapper(const struct guest_fs *fs, const char *value)
{
    const char *name = fs->volume ? fs->volume->name : "";

    if (!*name)
        return false;
    for (; *name; name++, value++) {
        if (*name == '-' && *value++ != '-')
            return false;
        if (*value != (*name == '/' ? '-' : *name))
            return false;
    }
    return !*value;
}

/* The root first: a snapshot of it elsewhere on the disk has the same UUID. */
static const struct guest_fs *find(struct guest *g, const char *value,
                                   bool (*is)(const struct guest_fs *, const char *))
{
    if (g->root && is(g->root, value))
        return g->root;
    for (unsigned i = 0; i < g->fs_n; i++)
        if (is(&g->fs[i], value))
            return &g->fs[i];
    return NULL;
}

const struct guest_fs *boot_partition(struct guest *g, unsigned index)
{
    for (unsigned i = 0; i < g->fs_n; i++)
        if (g->fs[i].partition && g->fs[i].partition->index == index)
            return &g->fs[i];
    return NULL;
}

/* The number at the end of a name, 0 when there is none.  *start is where it begins. */
static unsigned number_at_end(const char *name, size_t *start)
{
    size_t n = strlen(name), i = n;
    uint64_t v;

    while (i > 0 && isdigit((unsigned char)name[i - 1]))
        i--;
    *start = i;
    if (!text_u64(&v, bytes_of(name + i, n - i)) || v > 4096)
        return 0;
    return (unsigned)v;
}

/* "sda2", "vda2", "nvme0n1p2": a partition of the first disk of a bus. */
static const struct guest_fs *by_device(struct guest *g, const char *name)
{
    static const char *const disks[] = {
        "sda", "vda", "xvda", "hda", "nvme0n1p", "mmcblk0p", "ubda", "dasda",
    };
    size_t n;
    unsigned index = number_at_end(name, &n);

    for (size_t i = 0; index && i < ARRAY_SIZE(disks); i++)
        if (n == strlen(disks[i]) && memcmp(name, disks[i], n) == 0)
            return boot_partition(g, index);
    return NULL;
}

/* "/dev/disk/by-id/...-part2" and by-path: names that the old machine gave the disk. */
static const struct guest_fs *by_old_name(struct guest *g, const char *name)
{
    size_t n;
    unsigned index = number_at_end(name, &n);

    return index && n > 5 && memcmp(name + n - 5, "-part", 5) == 0
               ? boot_partition(g, index)
               : NULL;
}

/* "PARTUUID=.../PARTNROFF=1": so many partitions after that one. */
static const struct guest_fs *by_part_offset(struct guest *g, char *value)
{
    static const char mark[] = "/PARTNROFF=";
    char *at = strstr(value, mark);
    const struct guest_fs *fs;
    uint64_t n;

    if (!at)
        return find(g, value, by_part_uuid);
    *at = '\0';
    fs = find(g, value, by_part_uuid);
    at += strlen(mark);
    if (!fs || !text_u64(&n, bytes_of(at, strlen(at))) || n > 4096)
        return NULL;
    return boot_partition(g, fs->partition->index + (unsigned)n);
}

/* Copies a value without quotes, and with the escapes of udev ("\x20") and of fstab
 * ("\040") undone. */
static void unescape(char to[SPEC_MAX], struct bytes b)
{
    size_t n = 0;

    b = text_unquote(text_trim(b));
    for (size_t i = 0; i < b.n && n + 1 < SPEC_MAX;) {
        char digits[4] = {0};
        char *end;

        if (b.p[i] == '\\' && b.n - i >= 4) {
            bool hex = b.p[i + 1] == 'x';
            unsigned long v;

            memcpy(digits, b.p + i + 1, 3);
            v = strtoul(digits + hex, &end, hex ? 16 : 8);
            if (end == digits + 3 && v > 0 && v < 256) {
                to[n++] = (char)v;
                i += 4;
                continue;
            }
        }
        to[n++] = (char)b.p[i++];
    }
    to[n] = '\0';
}

static bool starts(const char **s, const char *prefix)
{
    size_t n = strlen(prefix);

    if (strncmp(*s, prefix, n) != 0)
        return false;
    *s += n;
    return true;
}

const struct guest_fs *guest_resolve(struct guest *g, struct bytes spec, bool *by_id)
{
    static const struct {
        const char *prefix;
        bool (*is)(const struct guest_fs *, const char *);
    } rows[] = {
        {"UUID=", by_uuid},
        {"LABEL=", by_label},
        {"PARTLABEL=", by_part_label},
        {"/dev/disk/by-uuid/", by_uuid},
        {"/dev/disk/by-label/", by_label},
        {"/dev/disk/by-partuuid/", by_part_uuid},
        {"/dev/disk/by-partlabel/", by_part_label},
    };
    char text[SPEC_MAX], value[SPEC_MAX];
    const char *s = text;
    const struct guest_fs *fs;

    unescape(text, spec);
    *by_id = true;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (starts(&s, rows[i].prefix)) {
            unescape(value, bytes_of(s, strlen(s)));
            return find(g, value, rows[i].is);
        }
    if (starts(&s, "PARTUUID=")) {
        unescape(value, bytes_of(s, strlen(s)));
        return by_part_offset(g, value);
    }
    if (starts(&s, "/dev/mapper/"))
        return find(g, s, by_mapper);
    if (strcmp(s, "/dev/root") == 0)
        return g->root;
    *by_id = false;
    if (starts(&s, "/dev/disk/by-id/") || starts(&s, "/dev/disk/by-path/"))
        return by_old_name(g, s);
    if (!starts(&s, "/dev/"))
        return NULL;
    fs = find(g, s, by_volume);
    *by_id = fs != NULL;
    return fs ? fs : by_device(g, s);
}
