/* SPDX-License-Identifier: GPL-2.0-or-later */
/* others.c: systems that are named and not read
 *
 * No filesystem of the disk holds a root that we can put together.  What the partitions
 * say they are for, and what lies on them, still tells which system it is: the answer is
 * then "undecided" with its name, not "a data disk". */
#include "guest/collect.h"
#include "guest/linux/release.h"

enum { RELEASE_MAX = 64 << 10 }; /* bytes of a release file */

struct kind {
    const char *id, *name, *type;
};

static const struct kind freebsd = {"freebsd", "FreeBSD", "freebsd"};
static const struct kind openbsd = {"openbsd", "OpenBSD", "other"};
static const struct kind netbsd = {"netbsd", "NetBSD", "other"};
static const struct kind solaris = {"solaris", "Solaris or illumos", "other"};
static const struct kind macos = {"macos", "macOS", "other"};
static const struct kind esxi = {"esxi", "VMware ESXi", "other"};
static const struct kind chromeos = {"chromeos", "ChromeOS", "other"};

/* Types of partitions that only one system has.  ZFS' own (6A898CC3...) is not among
 * them: illumos and Linux both use it. */
static const struct {
    const char *type;
    const struct kind *kind;
} by_type[] = {
    {"A5", &freebsd},
    {"83BD6B9D-7F41-11DC-BE0B-001560B84F0F", &freebsd},
    {"516E7CB4-6ECF-11D6-8FF8-00022D09712B", &freebsd},
    {"516E7CB6-6ECF-11D6-8FF8-00022D09712B", &freebsd},
    {"516E7CBA-6ECF-11D6-8FF8-00022D09712B", &freebsd},
    {"A6", &openbsd},
    {"824CC7A0-36A8-11E3-890A-952519AD3F61", &openbsd},
    {"A9", &netbsd},
    {"49F48D5A-B10E-11DC-B99B-0019D1879648", &netbsd},
    {"BF", &solaris},
    {"6A82CB45-1DD2-11B2-99A6-080020736631", &solaris},
    {"6A85CF4D-1DD2-11B2-99A6-080020736631", &solaris},
    {"A8", &macos},
    {"AB", &macos},
    {"AF", &macos},
    {"48465300-0000-11AA-AA11-00306543ECAC", &macos},
    {"7C3457EF-0000-11AA-AA11-00306543ECAC", &macos},
    {"FB", &esxi},
    {"FC", &esxi},
    {"9D275380-40AD-11DB-BF97-000C2911D1B8", &esxi},
    {"AA31E02A-400F-11DB-9590-000C2911D1B8", &esxi},
    {"FE3A2A5D-4F32-41A7-B725-ACCC3285A309", &chromeos},
};

static const struct {
    enum fs_type type;
    const struct kind *kind;
} by_filesystem[] = {
    {FS_HFSPLUS, &macos},
    {FS_APFS, &macos},
    {FS_VMFS, &esxi},
    {FS_UFS,
     &freebsd}, /* the BSDs share it; the type of the partition has told already */
};

static const struct kind *kind_of_type(const char *type)
{
    for (size_t i = 0; i < ARRAY_SIZE(by_type); i++)
        if (strcmp(by_type[i].type, type) == 0)
            return by_type[i].kind;
    return NULL;
}

static const struct kind *kind_of_filesystem(enum fs_type type)
{
    for (size_t i = 0; i < ARRAY_SIZE(by_filesystem); i++)
        if (by_filesystem[i].type == type)
            return by_filesystem[i].kind;
    return NULL;
}

static int note(struct guest *g, const struct kind *kind, const char *device,
                const char *source, struct err *err)
{
    struct fact_os *os = FACT_NEW(g->arena, fact_os);

    if (!os)
        return arena_check(g->arena, err);
    os->type = kind->type;
    os->id = kind->id;
    os->name = kind->name;
    os->source = source;
    g->facts->os = os;
    FAIL(err, ERR_UNSUPPORTED, "%s is recognised, and not read", kind->name);
    return guest_problem(g, "guest", device, false, err);
}

static int by_partitions(struct guest *g, struct err *err)
{
    struct facts *f = g->facts;

    for (size_t i = 0; i < f->partitions.n; i++) {
        const struct fact_partition *p = &f->partitions.v[i];
        const struct kind *kind = kind_of_type(p->type);

        if (kind)
            return note(
                g, kind, arena_printf(g->arena, "partition %u", p->index),
                arena_printf(g->arena, "partition %u: type %s", p->index, p->type), err);
    }
    for (unsigned i = 0; i < g->fs_n; i++) {
        const struct guest_fs *gf = &g->fs[i];
        const struct kind *kind = kind_of_filesystem(gf->ident.type);

        if (kind)
            return note(g, kind, gf->device,
                        arena_printf(g->arena, "%s: %s", gf->device,
                                     fs_type_name(gf->ident.type)),
                        err);
    }
    return 0;
}

/* ---- a Linux in pieces: its release file lies where a root would not have it */

static struct guest_fs *of_device(struct guest *g, const char *device)
{
    for (unsigned i = 0; i < g->fs_n; i++)
        if (g->fs[i].fs && strcmp(g->fs[i].device, device) == 0)
            return &g->fs[i];
    return NULL;
}

/* 1: named. */
static int read_release(struct guest *g, struct guest_fs *gf, const char *path,
                        struct err *err)
{
    AUTO(buf_fini) struct buf b = {.max = RELEASE_MAX};
    struct fact_os *os;
    struct tree t;
    int r;

    tree_init(&t, gf->fs);
    r = tree_read(&t, path, &b, err);
    if (r < 0)
        return guest_problem(g, fs_type_name(gf->ident.type), gf->device, false, err);
    os = r == 1 ? FACT_NEW(g->arena, fact_os) : NULL;
    if (!os || !release_from_os_release(os, g->arena, buf_bytes(&b)))
        return 0;
    os->type = "linux";
    os->source = arena_printf(g->arena, "%s: %s", gf->device, path);
    g->facts->os = os;
    return 1;
}

static const char *first_name(struct guest *g, struct tree *t, const char *dir, int *r,
                              struct err *err)
{
    struct tree_names names = {0};

    *r = tree_names(t, dir, g->arena, GUEST_NAMES_MAX, &names, err);
    for (size_t i = 0; *r >= 0 && i < names.names.n; i++)
        if (!text_ends(bytes_of(names.names.v[i], strlen(names.names.v[i])), ".origin"))
            return names.names.v[i];
    return NULL;
}

/* /ostree/deploy/NAME/deploy/CHECKSUM.N is a whole root; the first tells as well as any.
 */
static int read_ostree(struct guest *g, struct guest_fs *gf, struct err *err)
{
    const char *dir = "/ostree/deploy", *name;
    struct tree t;
    int r;

    tree_init(&t, gf->fs);
    name = first_name(g, &t, dir, &r, err);
    if (name) {
        dir = arena_printf(g->arena, "%s/%s/deploy", dir, name);
        name = first_name(g, &t, dir, &r, err);
    }
    if (r < 0)
        return guest_problem(g, fs_type_name(gf->ident.type), gf->device, false, err);
    return name ? read_release(
                      g, gf,
                      arena_printf(g->arena, "%s/%s/usr/lib/os-release", dir, name), err)
                : 0;
}

int guest_others(struct guest *g, struct err *err)
{
    struct facts *f = g->facts;

    for (size_t i = 0; i < f->candidates.n; i++) {
        const struct fact_candidate *c = &f->candidates.v[i];
        struct guest_fs *gf = of_device(g, c->device);
        int r = 0;

        if (gf && strcmp(c->what, "usr") == 0) {
            r = read_release(g, gf, "/lib/os-release", err);
            if (r == 0)
                r = read_release(g, gf, "/lib64/os-release", err);
        } else if (gf && strcmp(c->what, "ostree") == 0) {
            r = read_ostree(g, gf, err);
        }
        if (r != 0)
            return r < 0 ? r : 0;
        if (strcmp(c->what, "windows") == 0)
            return 0;
    }
    return by_partitions(g, err);
}
