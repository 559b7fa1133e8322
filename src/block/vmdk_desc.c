/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdk_desc.c: the text that says what a VMDK is made of
 *
 *     # Disk DescriptorFile
 *     version=1
 *     CID=fffffffe
 *     parentCID=ffffffff
 *     createType="twoGbMaxExtentFlat"
 *     RW 4192256 FLAT "disk-f001.vmdk" 0
 *     RW 2048 ZERO
 *     ddb.adapterType = "lsilogic"
 */
#include <inttypes.h>
#include <strings.h>

#include "base/checked.h"
#include "base/text.h"
#include "block/vmdk.h"

enum { SHOWN_MAX = 60 };

void vmdk_desc_fini(struct vmdk_desc *d)
{
    free(d->extents);
    *d = (struct vmdk_desc){0};
}

static const char *shown(char buf[SHOWN_MAX + 1], struct bytes b)
{
    text_clean(buf, SHOWN_MAX + 1, b, SHOWN_MAX);
    return buf;
}

static bool is_nocase(struct bytes b, const char *s)
{
    return b.n == strlen(s) && strncasecmp((const char *)b.p, s, b.n) == 0;
}

/* "key = value" into its halves. */
static bool split(struct bytes line, struct bytes *key, struct bytes *value)
{
    const uint8_t *eq = line.n ? memchr(line.p, '=', line.n) : NULL;
    size_t at;

    if (!eq)
        return false;
    at = (size_t)(eq - line.p);
    *key = text_trim(bytes_sub(line, 0, at));
    *value = text_unquote(text_trim(bytes_sub(line, at + 1, line.n - at - 1)));
    return true;
}

/* The header line that VMware writes, or, as qemu has it, nothing but comments and blank
 * lines before a version. */
bool vmdk_desc_is(struct bytes text)
{
    struct bytes line, key, value;

    for (bool first = true; text_next_line(&text, &line); first = false) {
        line = text_trim(line);
        if (first && is_nocase(line, "# Disk DescriptorFile"))
            return true;
        if (line.n && line.p[0] != '#')
            return split(line, &key, &value) && is_nocase(key, "version") &&
                   (text_is(value, "1") || text_is(value, "2") || text_is(value, "3"));
    }
    return false;
}

bool vmdk_desc_name_is_plain(struct bytes name)
{
    if (name.n == 0 || name.n > VMDK_NAME_MAX || text_is(name, ".") ||
        text_is(name, ".."))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < ' ' || name.p[i] == 0x7f || name.p[i] == '/' || name.p[i] == '\\')
            return false;
    return true;
}

static const struct {
    const char *name;
    enum vmdk_extent_type type;
} extent_types[] = {
    {"SPARSE", VMDK_EXTENT_SPARSE},
    {"FLAT", VMDK_EXTENT_FLAT},
    {"ZERO", VMDK_EXTENT_ZERO},
};

/* The kinds that exist and that we do not read.  Others are refused as unknown. */
static const struct {
    const char *name;
    enum image_fault fault;
    const char *why;
} refused_types[] = {
    {"vmfsSparse", IMAGE_FAULT_DELTA, "a snapshot of ESXi"},
    {"seSparse", IMAGE_FAULT_DELTA, "a snapshot of ESXi"},
    {"vmfsRDM", IMAGE_FAULT_DELTA, "a raw device map"},
    {"vmfsRDMP", IMAGE_FAULT_DELTA, "a raw device map"},
    {"vmfsRawDeviceMap", IMAGE_FAULT_DELTA, "a raw device map"},
    {"vmfsPassthroughRawDeviceMap", IMAGE_FAULT_DELTA, "a raw device map"},
    {"vmfsRaw", IMAGE_FAULT_DELTA, "a device of the host"},
    {"fullDevice", IMAGE_FAULT_DELTA, "a device of the host"},
    {"partitionedDevice", IMAGE_FAULT_DELTA, "a device of the host"},
    {"vmfs", IMAGE_FAULT_CREATE_TYPE, "a disk in a datastore of ESXi"},
    {"vmfsThin", IMAGE_FAULT_CREATE_TYPE, "a disk in a datastore of ESXi"},
    {"vmfsEagerZeroedThick", IMAGE_FAULT_CREATE_TYPE, "a disk in a datastore of ESXi"},
    {"custom", IMAGE_FAULT_CREATE_TYPE, "made by hand"},
};

static const char *const taken_types[] = {
    "monolithicSparse",   "streamOptimized",      "monolithicFlat",
    "twoGbMaxExtentFlat", "twoGbMaxExtentSparse",
};

static int check_create_type(struct bytes type, struct image_ctx *ctx, struct err *err)
{
    char buf[SHOWN_MAX + 1];

    if (!type.n)
        return IMAGE_FAULT(ctx, err, CREATE_TYPE, ERR_CORRUPT,
                           "vmdk descriptor: no createType");
    snprintf(ctx->info->kind, sizeof ctx->info->kind, "%s", shown(buf, type));
    for (size_t i = 0; i < ARRAY_SIZE(taken_types); i++)
        if (text_is(type, taken_types[i]))
            return 0;
    for (size_t i = 0; i < ARRAY_SIZE(refused_types); i++)
        if (text_is(type, refused_types[i].name))
            return image_fault_set(
                ctx, refused_types[i].fault, err, ERR_UNSUPPORTED, __FILE__, __LINE__,
                "vmdk: createType \"%s\", %s, is not taken", buf, refused_types[i].why);
    return IMAGE_FAULT(ctx, err, CREATE_TYPE, ERR_UNSUPPORTED,
                       "vmdk: createType \"%s\" is not known", buf);
}

static bool is_access(struct bytes word)
{
    return text_is(word, "RW") || text_is(word, "RDONLY") || text_is(word, "NOACCESS");
}

static int bad_line(struct bytes line, struct image_ctx *ctx, struct err *err)
{
    char buf[SHOWN_MAX + 1];

    return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                       "vmdk descriptor: cannot make sense of \"%s\"", shown(buf, line));
}

/* The quoted name at the start of *rest. */
static bool take_name(struct bytes *rest, struct bytes *name)
{
    const uint8_t *end;
    struct bytes b = text_trim(*rest);

    if (b.n < 2 || b.p[0] != '"')
        return false;
    end = memchr(b.p + 1, '"', b.n - 1);
    if (!end)
        return false;
    *name = bytes_sub(b, 1, (size_t)(end - b.p) - 1);
    *rest = bytes_sub(b, name->n + 2, b.n - name->n - 2);
    return true;
}

/* Type and what follows it: "name" for sparse, "name" and offset for flat. */
static bool parse_target(struct vmdk_desc_extent *e, struct bytes type, struct bytes rest)
{
    e->type = VMDK_EXTENT_OTHER;
    for (size_t i = 0; i < ARRAY_SIZE(extent_types); i++)
        if (text_is(type, extent_types[i].name))
            e->type = extent_types[i].type;
    switch (e->type) {
    case VMDK_EXTENT_SPARSE:
        return take_name(&rest, &e->name);
    case VMDK_EXTENT_FLAT:
        return take_name(&rest, &e->name) && text_u64(&e->offset, text_trim(rest));
    case VMDK_EXTENT_ZERO:
    case VMDK_EXTENT_OTHER:
        break;
    }
    return true;
}

static int parse_extent(struct vmdk_desc *d, struct bytes line, struct image_ctx *ctx,
                        struct err *err)
{
    const uint64_t max = VMDK_SIZE_MAX / VMDK_SECTOR;
    struct bytes rest = line, access, sectors, type;
    struct vmdk_desc_extent *e;

    if (d->n == VMDK_EXTENTS_MAX)
        return IMAGE_FAULT(ctx, err, TOO_LARGE, ERR_LIMIT,
                           "vmdk descriptor: more than %d extents", VMDK_EXTENTS_MAX);
    if (!d->extents)
        d->extents = calloc(VMDK_EXTENTS_MAX, sizeof *d->extents);
    if (!d->extents)
        return FAIL(err, ERR_NOMEM, "vmdk descriptor: extents");
    e = &d->extents[d->n];
    if (!text_next_word(&rest, &access) || !text_next_word(&rest, &sectors) ||
        !text_u64(&e->sectors, sectors) || !text_next_word(&rest, &type) ||
        !parse_target(e, type, rest))
        return bad_line(line, ctx, err);
    if (text_is(access, "NOACCESS"))
        return IMAGE_FAULT(ctx, err, CREATE_TYPE, ERR_UNSUPPORTED,
                           "vmdk descriptor: an extent that nobody may read (NOACCESS)");
    if (e->sectors == 0)
        return bad_line(line, ctx, err);
    if (e->sectors > max || e->offset > max)
        return IMAGE_FAULT(ctx, err, TOO_LARGE, ERR_LIMIT,
                           "vmdk descriptor: an extent of %" PRIu64
                           " sectors at sector %" PRIu64,
                           e->sectors, e->offset);
    d->n++;
    return 0;
}

/* What the lines said, before it is judged. */
struct said {
    struct bytes version, create_type, parent, parent_hint;
    bool encrypted;
};

static int say_once(struct bytes *to, struct bytes key, struct bytes value,
                    struct image_ctx *ctx, struct err *err)
{
    char buf[SHOWN_MAX + 1];

    /* Two answers could be read as one by us and as the other by the next tool. */
    if (to->p)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk descriptor: %s is given twice", shown(buf, key));
    *to = value;
    return 0;
}

static int parse_line(struct vmdk_desc *d, struct said *said, struct bytes line,
                      struct image_ctx *ctx, struct err *err)
{
    struct bytes rest = line, key, value;

    if (text_next_word(&rest, &key) && is_access(key))
        return parse_extent(d, line, ctx, err);
    if (!split(line, &key, &value))
        return 0;
    if (is_nocase(key, "version"))
        return say_once(&said->version, key, value, ctx, err);
    if (is_nocase(key, "createType"))
        return say_once(&said->create_type, key, value, ctx, err);
    if (is_nocase(key, "parentCID"))
        return say_once(&said->parent, key, value, ctx, err);
    if (is_nocase(key, "parentFileNameHint"))
        return say_once(&said->parent_hint, key, value, ctx, err);
    if (text_starts(key, "encryption."))
        said->encrypted = true;
    return 0;
}

static int judge(const struct said *s, struct image_ctx *ctx, struct err *err)
{
    char buf[SHOWN_MAX + 1];
    uint64_t version = 1;
    int r;

    if (s->version.p && (!text_u64(&version, s->version) || version < 1 || version > 3))
        return IMAGE_FAULT(ctx, err, VERSION, ERR_UNSUPPORTED,
                           "vmdk descriptor: version %s, only 1 to 3 are known",
                           shown(buf, s->version));
    r = check_create_type(s->create_type, ctx, err);
    if (r < 0)
        return r;
    if (s->parent.p && !is_nocase(s->parent, "ffffffff"))
        return IMAGE_FAULT(ctx, err, DELTA, ERR_UNSUPPORTED,
                           "vmdk: parentCID is %s, so another disk lies below",
                           shown(buf, s->parent));
    if (s->parent_hint.n)
        return IMAGE_FAULT(ctx, err, DELTA, ERR_UNSUPPORTED,
                           "vmdk: its parent is \"%s\", so another disk lies below",
                           shown(buf, s->parent_hint));
    if (s->encrypted)
        return IMAGE_FAULT(ctx, err, ENCRYPTED, ERR_UNSUPPORTED,
                           "vmdk descriptor: the disk is encrypted");
    return 0;
}

int vmdk_desc_parse(struct vmdk_desc *ret, struct bytes text, struct image_ctx *ctx,
                    struct err *err)
{
    AUTO(vmdk_desc_fini) struct vmdk_desc d = {0};
    const uint8_t *nul = text.n ? memchr(text.p, 0, text.n) : NULL;
    struct said said = {0};
    struct bytes line;
    int r;

    if (nul) /* filled up to its sectors */
        text.n = (size_t)(nul - text.p);
    while (text_next_line(&text, &line)) {
        line = text_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        r = parse_line(&d, &said, line, ctx, err);
        if (r < 0)
            return r;
    }
    r = judge(&said, ctx, err);
    if (r < 0)
        return r;
    d.create_type = said.create_type;
    *ret = d;
    d.extents = NULL;
    return 0;
}
