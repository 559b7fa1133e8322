/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel.c: which kernels a guest has, and which of them starts
 *
 * The union of images in /boot, folders in /lib/modules and the default entry's kernel.
 * Only the default's initramfs is unpacked: what that costs is most of a check, and the
 * others do not start.  For them, a driver that is not built in is "unknown". */
#include <ctype.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "guest/boot/boot.h"
#include "guest/boot/uki.h"
#include "guest/kernel/kernel.h"

enum {
    KERNELS_MAX = 64,     /* listed */
    SETUP_HEADER = 0x210, /* bytes of a bzImage that are read (Documentation/x86/boot) */
    VERSION_TEXT = 128,
};

struct found {
    const char *image;   /* "/boot/vmlinuz-V"; "" none */
    const char *suffix;  /* of the image's name: "V", "linux", "" */
    const char *version; /* as uname -r has it; "" unknown */
    bool modules;        /* /lib/modules/V is there */
    bool is_default;
    struct tree_node node; /* of the image */
};

struct kernels {
    struct guest *g;
    struct found list[KERNELS_MAX];
    size_t n;
    struct tree_names boot, modules; /* names in /boot, /lib/modules */
};

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* ---- versions */

/* Fit to be a name in a path. */
static bool is_version(const char *s)
{
    if (!isdigit((unsigned char)*s) || strlen(s) > VERSION_TEXT)
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("._+~-", *s))
            return false;
    return true;
}

static bool has_modules(const struct kernels *ks, const char *version)
{
    for (size_t i = 0; i < ks->modules.names.n; i++)
        if (same(ks->modules.names.v[i], version))
            return true;
    return false;
}

/* A unified image says so itself, or its kernel does. */
static int version_of_uki(struct kernels *ks, struct block **file, const char **ret,
                          struct err *err)
{
    AUTO(block_unrefp) struct block *part = NULL;
    struct uki uki;
    int r = uki_read(&uki, *file, err);

    if (r == 1)
        r = uki_text(ret, &uki, UKI_UNAME, *file, ks->g->arena, err);
    if (r == -ERR_CORRUPT || r == -ERR_LIMIT) {
        err_clear(err); /* other images are programs, too, and whoever starts it tells */
        return 0;
    }
    if (r < 0 || !uki.part[UKI_LINUX].there)
        return r;
    if (r == 0)
        r = uki_open(&part, &uki, UKI_LINUX, *file, err);
    if (r == 1) {
        block_unref(*file);
        *file = TAKE(part);
    }
    return r;
}

/* The version that a bzImage has in its setup header: "6.1.0-13-amd64 (builder) #1 ...".
 * "" when it is none. */
static int version_inside(struct kernels *ks, const struct tree_node *node,
                          const char **ret, struct err *err)
{
    AUTO(block_unrefp) struct block *b = NULL;
    uint8_t head[SETUP_HEADER], text[VERSION_TEXT];
    size_t n = 0, room;
    uint64_t at;
    int r;

    *ret = "";
    if (node->st.size < sizeof head)
        return 0;
    r = guest_file_open(&b, ks->g, node, err);
    if (r == 0)
        r = version_of_uki(ks, &b, ret, err);
    if (r >= 0 && is_version(*ret))
        return 0;
    *ret = "";
    if (r >= 0 && b->size < sizeof head)
        return 0;
    if (r >= 0)
        r = block_read(b, head, sizeof head, 0, err);
    if (r < 0)
        return r;
    at = (uint64_t)load_le16(head + 0x20e) + 0x200;
    if (memcmp(head + 0x202, "HdrS", 4) != 0 || at == 0x200 || at >= b->size)
        return 0;
    room = (size_t)min_u64(sizeof text, b->size - at);
    r = block_read(b, text, room, at, err);
    while (r == 0 && n < room && isgraph(text[n]))
        n++;
    *ret = arena_strn(ks->g->arena, (const char *)text, n);
    if (!is_version(*ret))
        *ret = "";
    return r;
}

/* ---- finding them */

/* What follows "vmlinuz-" and its like in a name; NULL: no kernel. */
static const char *image_suffix(const char *name)
{
    static const char *const prefixes[] = {
        "vmlinuz", "vmlinux", "bzImage", "zImage", "Image", "kernel-genkernel-x86_64",
        "kernel",
    };
    static const char *const never[] = {
        "*.gz",  "*.hmac",       "*.old",      "*.sig",      "*.signed",
        "*.bak", "*.efi.signed", "*-rescue-*", "*.dpkg-bak", "kernel.h",
    };

    for (size_t i = 0; i < ARRAY_SIZE(never); i++)
        if (fnmatch(never[i], name, 0) == 0)
            return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        const char *rest = name + strlen(prefixes[i]);

        if (!starts(name, prefixes[i]))
            continue;
        if (*rest == '-')
            return rest + 1;
        /* "kernel" alone is a folder of ostree more often than an image. */
        return *rest == '\0' && !same(prefixes[i], "kernel") ? rest : NULL;
    }
    return NULL;
}

static struct found *add(struct kernels *ks)
{
    struct found *f = ks->n < KERNELS_MAX ? &ks->list[ks->n++] : NULL;

    if (f)
        *f = (struct found){.image = "", .suffix = "", .version = ""};
    return f;
}

static struct found *by_node(struct kernels *ks, const struct tree_node *node)
{
    for (size_t i = 0; i < ks->n; i++)
        if (*ks->list[i].image && ks->list[i].node.mount == node->mount &&
            ks->list[i].node.st.ino == node->st.ino)
            return &ks->list[i];
    return NULL;
}

static struct found *by_version(struct kernels *ks, const char *version)
{
    for (size_t i = 0; i < ks->n && *version; i++)
        if (same(ks->list[i].version, version))
            return &ks->list[i];
    return NULL;
}

/* A name's version is believed when there are modules for it, or nothing better. */
static int find_version(struct kernels *ks, struct found *f, struct err *err)
{
    const char *inside = "";
    int r = 0;

    f->version = is_version(f->suffix) ? f->suffix : "";
    if (!*f->version || !has_modules(ks, f->version)) {
        r = version_inside(ks, &f->node, &inside, err);
        if (r < 0 && !guest_is_fatal(ks->g, r))
            r = guest_problem(ks->g, "guest", f->image, false, err);
        if (*inside && (!*f->version || has_modules(ks, inside)))
            f->version = inside;
    }
    f->modules = has_modules(ks, f->version);
    return r;
}

static int add_image(struct kernels *ks, const char *path, const char *suffix,
                     const struct tree_node *node, struct found **ret, struct err *err)
{
    struct found *f = add(ks);

    *ret = f;
    if (!f)
        return 0;
    f->image = path;
    f->suffix = suffix;
    f->node = *node;
    return find_version(ks, f, err);
}

/* The default entry's kernel first, so that it is never one too many. */
static int add_default(struct kernels *ks, struct err *err)
{
    const struct fact_boot *boot = ks->g->facts->boot;
    const char *name, *suffix;
    struct tree_node node;
    struct found *f;
    int r;

    if (!boot || !*boot->kernel || !boot->kernel_exists)
        return 0;
    r = guest_find(ks->g, boot->kernel, false, &node, err);
    if (r <= 0 || node.st.type != FS_REG)
        return r < 0 ? r : 0;
    name = strrchr(boot->kernel, '/');
    name = name ? name + 1 : boot->kernel;
    suffix = image_suffix(name);
    r = add_image(ks, boot->kernel, suffix ? suffix : "", &node, &f, err);
    if (r == 0 && f)
        f->is_default = true;
    return r;
}

/* Every image in a folder; `unpacked`: only those called vmlinux, which often lie beside
 * a vmlinuz for debuggers. */
static int add_folder(struct kernels *ks, const char *dir, const struct tree_names *names,
                      bool unpacked, struct err *err)
{
    for (size_t i = 0; i < names->names.n; i++) {
        const char *name = names->names.v[i], *suffix = image_suffix(name), *path;
        struct tree_node node;
        struct found *f;
        int r;

        if (!suffix || starts(name, "vmlinux") != unpacked)
            continue;
        path = arena_printf(ks->g->arena, "%s/%s", dir, name);
        r = guest_lfind(ks->g, path, false, &node, err);
        if (r < 0)
            return r;
        if (r == 0 || node.st.type != FS_REG)
            continue;
        f = by_node(ks, &node);
        if (f) {
            /* What the entry calls "/vmlinuz" has a better name. */
            f->image = path;
            if (!*f->suffix)
                f->suffix = suffix;
            if (!*f->version)
                r = find_version(ks, f, err);
        } else if (!unpacked || !by_version(ks, suffix)) {
            r = add_image(ks, path, suffix, &node, &f, err);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* Folders that removed kernels left behind hold no list of modules. */
static int add_modules(struct kernels *ks, struct err *err)
{
    for (size_t i = 0; i < ks->modules.names.n; i++) {
        const char *version = ks->modules.names.v[i];
        struct found *f;
        int r;

        if (!is_version(version) || by_version(ks, version))
            continue;
        r = guest_has_file(
            ks->g, arena_printf(ks->g->arena, "/lib/modules/%s/modules.dep", version),
            true, err);
        if (r < 0)
            return r;
        f = r == 1 ? add(ks) : NULL;
        if (!f)
            continue;
        f->suffix = f->version = version;
        f->modules = true;
    }
    return 0;
}

/* ---- the default, when no entry tells */

static struct bytes text_of(const char *s)
{
    return bytes_of(s, strlen(s));
}

static void choose_newest(struct kernels *ks)
{
    struct found *best = NULL;

    for (size_t i = 0; i < ks->n; i++) {
        struct found *f = &ks->list[i];

        if (f->is_default)
            return;
        if (!*f->image)
            continue;
        if (!best || boot_vercmp(text_of(f->version), text_of(best->version)) > 0)
            best = f;
    }
    if (best)
        best->is_default = true;
}

/* ---- the initramfs of a kernel, by its name */

static const char *initramfs_by_name(struct kernels *ks, const struct found *f)
{
    static const char *const forms[] = {
        "initrd.img-%s",
        "initramfs-%s.img",
        "initrd-%s",
        "initrd-%s.img",
        "initramfs-%s",
        "initrd.%s",
        "initramfs-genkernel-x86_64-%s",
    };
    const char *const names[] = {f->version, f->suffix};

    for (size_t n = 0; n < ARRAY_SIZE(names); n++)
        for (size_t i = 0; i < ARRAY_SIZE(forms) && *names[n]; i++) {
            const char *at = strstr(forms[i], "%s");
            const char *want =
                arena_printf(ks->g->arena, "%.*s%s%s", (int)(at - forms[i]), forms[i],
                             names[n], at + 2);

            for (size_t k = 0; k < ks->boot.names.n; k++)
                if (same(ks->boot.names.v[k], want))
                    return arena_printf(ks->g->arena, "/boot/%s", want);
        }
    return "";
}

/* ---- is it the distribution's own? */

/* Names by which a distribution's kernels are known; where nothing is listed we cannot
 * tell, and say nothing against it. */
static const struct {
    const char *id, *patterns[8];
} own_names[] = {
    {"debian",
     {"*[0-9]-amd64", "*[0-9]-cloud-amd64", "*[0-9]-686*", "*[0-9]-*arm*",
      "*[0-9]-rt-amd64", "*[0-9]-486", "*[0-9]-[a-z]*64*"}},
    {"ubuntu", {"*[0-9]-[a-z]*"}},
    {"rhel", {"*.el[0-9]*"}},
    {"centos", {"*.el[0-9]*"}},
    {"almalinux", {"*.el[0-9]*"}},
    {"rocky", {"*.el[0-9]*"}},
    {"ol", {"*.el[0-9]*", "*.el[0-9]uek*"}},
    {"fedora", {"*.fc[0-9]*"}},
    {"amzn", {"*.amzn[0-9]*"}},
    {"opensuse", {"*-default", "*-desktop", "*-pae", "*-kvmsmall", "*-longterm"}},
    {"sles", {"*-default", "*-pae", "*-azure", "*-trace", "*-xen"}},
    {"coreos", {"*-coreos*"}},
    {"flatcar", {"*-flatcar*"}},
    {"arch", {"*-arch[0-9]*", "*-lts", "*-zen*", "*-hardened*"}},
    {"alpine", {"*-virt", "*-lts", "*-vanilla", "*-hardened", "*-virthardened"}},
};

/* Built by others, though named alike. */
static const char *const foreign[] = {"*elrepo*", "*liquorix*", "*xanmod*",    "*-pve",
                                      "*.dirty",  "*-custom*",  "*-microsoft*"};

static bool matches_any(const char *version, const char *const *patterns, size_t n)
{
    for (size_t i = 0; i < n && patterns[i]; i++)
        if (fnmatch(patterns[i], version, 0) == 0)
            return true;
    return false;
}

/* dpkg lists each package's files; a kernel that no package brought has no list. */
static int is_packaged(struct guest *g, const char *version, struct err *err)
{
    static const char *const forms[] = {"linux-image-", "linux-image-unsigned-"};
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(forms) && r == 0; i++)
        r = guest_has_file(
            g, arena_printf(g->arena, "/var/lib/dpkg/info/%s%s.list", forms[i], version),
            true, err);
    return r;
}

static int is_own(struct guest *g, const char *version, bool *ret, struct err *err)
{
    const struct fact_os *os = g->facts->os;
    size_t problems = g->facts->problems.n;
    int r;

    *ret = true;
    if (!os || !*version)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(own_names); i++)
        if (same(os->id, own_names[i].id))
            *ret = matches_any(version, own_names[i].patterns,
                               ARRAY_SIZE(own_names[i].patterns)) &&
                   !matches_any(version, foreign, ARRAY_SIZE(foreign));
    if (!*ret || !same(os->packages, "dpkg"))
        return 0;
    r = is_packaged(g, version, err);
    *ret = r == 1 || g->facts->problems.n > problems;
    return r < 0 ? r : 0;
}

/* ---- facts */

static void own_initramfs(struct kernels *ks, const struct found *f,
                          struct kernel_files *files, struct fact_kernel *k)
{
    const struct fact_boot *boot = ks->g->facts->boot;
    bool by_entry = f->is_default && boot && boot->kernel_exists && *boot->kernel;

    if (by_entry) {
        files->initramfs = boot->initramfs_files;
        k->initramfs = boot->initramfs;
        return;
    }
    k->initramfs = initramfs_by_name(ks, f);
    if (*k->initramfs) {
        const char **p = LIST_ADD(ks->g->arena, &files->initramfs);

        if (p)
            *p = k->initramfs;
    }
}

static int initramfs_size(struct guest *g, struct fact_kernel *k, struct err *err)
{
    struct tree_node node;
    int r = *k->initramfs ? guest_find(g, k->initramfs, false, &node, err) : 0;

    if (r == 1)
        k->initramfs_size = node.st.size;
    return r < 0 ? r : 0;
}

static int kernel_facts(struct kernels *ks, const struct found *f, struct err *err)
{
    struct guest *g = ks->g;
    struct fact_kernel *k = FACT_ADD(g->arena, &g->facts->kernels, fact_kernel);
    const struct fact_kernel *first = g->facts->kernels.v;
    struct kernel_files files = {
        .version = f->version, .image = f->image, .look_inside = f->is_default};
    int r;

    if (!k)
        return arena_check(g->arena, err);
    k->version = guest_text(g, text_of(*f->version ? f->version : f->suffix));
    k->image = guest_text(g, text_of(f->image));
    k->is_default = f->is_default;
    own_initramfs(ks, f, &files, k);
    files.embedded =
        k != first && *first->initramfs && strcmp(first->initramfs, first->image) == 0;
    r = initramfs_size(g, k, err);
    if (r == 0)
        r = is_own(g, f->version, &k->distribution, err);
    return r < 0 ? r : kernel_drivers(g, k, &files, err);
}

static int newest_first(const void *pa, const void *pb)
{
    const struct found *a = pa, *b = pb;

    if (a->is_default != b->is_default)
        return a->is_default ? -1 : 1;
    return boot_vercmp(text_of(b->version), text_of(a->version));
}

static int find_all(struct kernels *ks, struct err *err)
{
    /* Of Container Linux, one image for each partition of /usr. */
    static const char *const slots[] = {"/boot/coreos", "/boot/flatcar"};
    int r = guest_names(ks->g, "/boot", false, &ks->boot, err);

    if (r >= 0)
        r = guest_names(ks->g, "/lib/modules", false, &ks->modules, err);
    if (r >= 0)
        r = add_default(ks, err);
    if (r >= 0)
        r = add_folder(ks, "/boot", &ks->boot, false, err);
    if (r >= 0)
        r = add_folder(ks, "/boot", &ks->boot, true, err);
    for (size_t i = 0; i < ARRAY_SIZE(slots) && r >= 0; i++) {
        struct tree_names names;

        r = guest_names(ks->g, slots[i], false, &names, err);
        if (r >= 0)
            r = add_folder(ks, slots[i], &names, false, err);
    }
    return r < 0 ? r : add_modules(ks, err);
}

int linux_kernels(struct guest *g, struct err *err)
{
    AUTO(freep) struct kernels *ks = calloc(1, sizeof *ks);
    int r;

    if (!ks)
        return FAIL(err, ERR_NOMEM, "kernels");
    ks->g = g;
    r = linux_blocked(g, err);
    if (r == 0)
        r = find_all(ks, err);
    if (r < 0)
        return r;
    /* An entry whose kernel is missing is the default all the same: none of these is. */
    if (!g->facts->boot || !*g->facts->boot->kernel || *g->facts->boot->problem)
        choose_newest(ks);
    qsort(ks->list, ks->n, sizeof *ks->list, newest_first);
    for (size_t i = 0; i < ks->n; i++) {
        r = kernel_facts(ks, &ks->list[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}
