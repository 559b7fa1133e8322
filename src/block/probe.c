/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe.c: what a file is, and the reader for it */
#include "block/probe.h"

#include "block/alien.h"

/* One row a format.  The order means nothing: all are asked, and one may answer. */
static const struct image_driver *const drivers[] = {
    &qcow2_driver,
    &vhd_driver,
    &vmdk_driver,
};

enum { MATCHES_MAX = ARRAY_SIZE(drivers) + ALIEN_MATCHES };

struct match {
    const char *name;
    const struct image_driver *driver; /* NULL: known and not taken, see fault */
    enum image_fault fault;
};

struct matches {
    struct match v[MATCHES_MAX];
    unsigned n;
};

static int recognise(struct matches *ret, struct block *file, struct err *err)
{
    struct alien aliens[ALIEN_MATCHES];
    unsigned n = 0;
    int r;

    *ret = (struct matches){0};
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        r = drivers[i]->recognise(file, err);
        if (r < 0)
            return r;
        if (r)
            ret->v[ret->n++] = (struct match){drivers[i]->name, drivers[i], 0};
    }
    r = alien_recognise(aliens, &n, file, err);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < n; i++)
        ret->v[ret->n++] = (struct match){aliens[i].name, NULL, aliens[i].fault};
    if (ret->n)
        return 0;
    r = alien_text(&aliens[0], file, err);
    if (r < 0)
        return r;
    if (r)
        ret->v[ret->n++] = (struct match){aliens[0].name, NULL, aliens[0].fault};
    return 0;
}

/* "qcow2 and gzip" */
static void name_matches(char *to, size_t cap, const struct matches *m)
{
    size_t used = 0;

    to[0] = 0;
    for (unsigned i = 0; i < m->n && used < cap; i++)
        used += (size_t)snprintf(to + used, cap - used, "%s%s", i ? " and " : "",
                                 m->v[i].name);
}

static int refuse_alien(struct image_ctx *ctx, const struct match *m, struct err *err)
{
    snprintf(ctx->info->other, sizeof ctx->info->other, "%s", m->name);
    switch (m->fault) {
    case IMAGE_FAULT_TEXT:
        return IMAGE_FAULT(ctx, err, TEXT, ERR_UNSUPPORTED,
                           "the file is text (%s) and no image", m->name);
    case IMAGE_FAULT_COMPRESSED_FILE:
        return IMAGE_FAULT(ctx, err, COMPRESSED_FILE, ERR_UNSUPPORTED,
                           "the file is packed with %s", m->name);
    case IMAGE_FAULT_ARCHIVE:
        return IMAGE_FAULT(ctx, err, ARCHIVE, ERR_UNSUPPORTED,
                           "the file is an archive (%s)", m->name);
    default:
        return image_fault_set(ctx, m->fault, err, ERR_UNSUPPORTED, __FILE__, __LINE__,
                               "the file is %s, which is not taken", m->name);
    }
}

/* The driver for the file, or its fault.  Of a beginning alone nobody can say that it is
 * no VHD. */
static int choose(const struct image_driver **ret, struct block *file, bool beginning,
                  struct image_ctx *ctx, struct err *err)
{
    const struct image_driver *driver = &raw_driver;
    enum image_format declared = ctx->options->declared;
    struct matches m;
    int r;

    if (file->size == 0)
        return IMAGE_FAULT(ctx, err, EMPTY, ERR_CORRUPT, "the file has no bytes");
    r = recognise(&m, file, err);
    if (r < 0)
        return r;
    if (m.n > 1) {
        name_matches(ctx->info->other, sizeof ctx->info->other, &m);
        return IMAGE_FAULT(ctx, err, POLYGLOT, ERR_CORRUPT,
                           "the file is %s at once, so nobody can say what is in it",
                           ctx->info->other);
    }
    if (m.n == 1 && !m.v[0].driver)
        return refuse_alien(ctx, &m.v[0], err);
    if (m.n == 1)
        driver = m.v[0].driver;
    ctx->info->format = driver->format;
    if (beginning && driver == &raw_driver && declared == IMAGE_VHD)
        declared = IMAGE_RAW;
    if (declared != IMAGE_UNKNOWN && declared != driver->format)
        return IMAGE_FAULT(ctx, err, DECLARED_OTHER, ERR_UNSUPPORTED,
                           "declared %s, but the file is %s", image_format_name(declared),
                           driver->name);
    *ret = driver;
    return 0;
}

/* Is the guest's disk a container again?  Some tool took a container for a disk then, and
 * no guest would start from it.  This is also the first read of guest data: what does not
 * inflate here is a fault of the image. */
int image_refuse_nested(struct block *disk, struct image_ctx *ctx, struct err *err)
{
    struct err why = {0};
    struct matches m;
    int r;

    if (disk->size == 0)
        return 0;
    r = recognise(&m, disk, &why);
    if (r == -ERR_CORRUPT)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT, "%s", why.msg);
    if (r < 0) {
        if (err)
            *err = why;
        return r;
    }
    if (m.n == 0)
        return 0;
    name_matches(ctx->info->other, sizeof ctx->info->other, &m);
    return IMAGE_FAULT(ctx, err, NESTED, ERR_UNSUPPORTED,
                       "the disk inside the %s is itself %s",
                       image_format_name(ctx->info->format), ctx->info->other);
}

int image_begins_as(const struct image_driver **ret, struct block *head,
                    struct image_ctx *ctx, struct err *err)
{
    return choose(ret, head, true, ctx, err);
}

int image_open(struct block **ret, struct image_info *info, struct block *file,
               const struct image_options *options, struct err *err)
{
    static const struct image_options none;
    struct image_ctx ctx = {.options = options ? options : &none, .info = info};
    const struct image_driver *driver = NULL;
    AUTO(block_unrefp) struct block *disk = NULL;
    int r;

    *info = (struct image_info){.file_size = file->size};
    r = choose(&driver, file, false, &ctx, err);
    if (r < 0)
        return r;
    if (ctx.options->backing && driver != &qcow2_driver)
        return FAIL(err, ERR_ARG, "%s stands on no other image, but one is given",
                    driver->name);
    r = driver->open(&disk, file, &ctx, err);
    if (r < 0)
        return r;
    info->virtual_size = disk->size;
    if (driver->survey) {
        r = driver->survey(disk, &ctx, err);
        if (r < 0)
            return r;
    }
    if (driver != &raw_driver) {
        r = image_refuse_nested(disk, &ctx, err);
        if (r < 0)
            return r;
    }
    *ret = TAKE(disk);
    return 0;
}
