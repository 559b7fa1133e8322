/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/pe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/scoped.h"

enum {
    MZ_SIZE = 64,
    HEADER_SIZE = 24, /* "PE\0\0" and the COFF header */
    SECTION_SIZE = 40,
    ENTRIES_MAX = 512, /* of one resource directory that are looked at */
    DIRECTORY_SIZE = 16,
    ENTRY_SIZE = 8,
    TYPE_VERSION = 16,
    FIXED_AT = 40, /* VS_FIXEDFILEINFO in VS_VERSIONINFO */
    FIXED_SIZE = 52,
    RESOURCE_DIRECTORY = 2,
    OPTIONAL_32 = 0x10b,
    OPTIONAL_64 = 0x20b,
};

static const uint32_t SUBDIRECTORY = 0x80000000u;

static int pe_part(struct block *dev, void *buf, size_t n, uint64_t off, struct err *err)
{
    if (!range_within(off, n, dev->size))
        return FAIL(err, ERR_CORRUPT, "program: %zu bytes at %" PRIu64 " of %" PRIu64, n,
                    off, dev->size);
    return block_read(dev, buf, n, off, err);
}

static const char *machine_name(uint16_t machine)
{
    static const struct {
        uint16_t machine;
        const char *name;
    } names[] = {
        {0x8664, "x86_64"}, {0x014c, "i386"}, {0xaa64, "arm64"}, {0x0200, "ia64"}};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].machine == machine)
            return names[i].name;
    return "other";
}

struct image {
    struct block *dev;
    uint64_t sections; /* offset of the table */
    unsigned sections_n;
    uint64_t resources; /* offset of the root directory */
};

/* Where in the file the loader would take an address from: 1, 0 nowhere. */
static int file_offset(struct image *im, uint32_t address, uint64_t *ret, struct err *err)
{
    for (unsigned i = 0; i < im->sections_n; i++) {
        uint8_t raw[SECTION_SIZE];
        uint32_t at, size;
        int r = pe_part(im->dev, raw, sizeof raw,
                        im->sections + (uint64_t)i * SECTION_SIZE, err);

        if (r < 0)
            return r;
        at = load_le32(raw + 12);
        size = load_le32(raw + 16);
        if (address < at || address - at >= size)
            continue;
        *ret = (uint64_t)load_le32(raw + 20) + (address - at);
        return 1;
    }
    return 0;
}

/* An entry of a directory: the one with this id, or the first.  1 and where it leads. */
static int find_entry(struct image *im, uint32_t directory, int id, uint32_t *ret,
                      struct err *err)
{
    uint8_t raw[DIRECTORY_SIZE];
    uint64_t at = im->resources + directory;
    unsigned n;
    int r = pe_part(im->dev, raw, sizeof raw, at, err);

    if (r < 0)
        return r;
    n = (unsigned)load_le16(raw + 12) + load_le16(raw + 14);
    for (unsigned i = 0; i < n && i < ENTRIES_MAX; i++) {
        r = pe_part(im->dev, raw, ENTRY_SIZE, at + DIRECTORY_SIZE + i * ENTRY_SIZE, err);
        if (r < 0)
            return r;
        if (id >= 0 && load_le32(raw) != (uint32_t)id)
            continue;
        *ret = load_le32(raw + 4);
        return 1;
    }
    return 0;
}

static int read_version(struct image *im, char ret[PE_VERSION_MAX], struct err *err)
{
    uint8_t raw[FIXED_AT + FIXED_SIZE];
    const uint8_t *fixed = raw + FIXED_AT;
    uint32_t next = SUBDIRECTORY;
    uint64_t at;
    int r = 1;

    /* By type, by name, by language; then the data. */
    for (int level = 0; level < 3 && r == 1; level++) {
        if (!(next & SUBDIRECTORY))
            return 0;
        r = find_entry(im, next & ~SUBDIRECTORY, level == 0 ? TYPE_VERSION : -1, &next,
                       err);
    }
    if (r != 1 || next & SUBDIRECTORY)
        return r < 0 ? r : 0;
    r = pe_part(im->dev, raw, 16, im->resources + next, err);
    if (r == 0)
        r = file_offset(im, load_le32(raw), &at, err);
    if (r == 1)
        r = pe_part(im->dev, raw, sizeof raw, at, err);
    if (r < 0 || load_le32(fixed) != 0xfeef04bdu)
        return r < 0 ? r : 0;
    snprintf(ret, PE_VERSION_MAX, "%u.%u.%u.%u", load_le16(fixed + 10),
             load_le16(fixed + 8), load_le16(fixed + 14), load_le16(fixed + 12));
    return 1;
}

/* Where the resources are: 1, 0 there are none. */
static int find_resources(struct image *im, uint64_t optional, uint16_t optional_n,
                          struct err *err)
{
    uint8_t raw[8];
    unsigned directories, skip;
    uint32_t address;
    int r;

    if (optional_n < sizeof raw)
        return 0;
    r = pe_part(im->dev, raw, sizeof raw, optional, err);
    if (r < 0)
        return r;
    skip = load_le16(raw) == OPTIONAL_32 ? 96 : load_le16(raw) == OPTIONAL_64 ? 112 : 0;
    if (!skip || optional_n < skip + (RESOURCE_DIRECTORY + 1) * 8)
        return 0;
    r = pe_part(im->dev, raw, 4, optional + skip - 4, err);
    if (r < 0)
        return r;
    directories = load_le32(raw);
    r = pe_part(im->dev, raw, sizeof raw, optional + skip + RESOURCE_DIRECTORY * 8, err);
    if (r < 0)
        return r;
    address = load_le32(raw);
    if (directories <= RESOURCE_DIRECTORY || address == 0)
        return 0;
    return file_offset(im, address, &im->resources, err);
}

static int read_section(struct pe_section *ret, const struct image *im, unsigned i,
                        struct err *err)
{
    uint8_t raw[SECTION_SIZE];
    uint32_t held, size;
    int r =
        pe_part(im->dev, raw, sizeof raw, im->sections + (uint64_t)i * SECTION_SIZE, err);

    if (r < 0)
        return r;
    memcpy(ret->name, raw, 8);
    ret->name[8] = '\0';
    size = load_le32(raw + 8);
    held = load_le32(raw + 16);
    ret->at = load_le32(raw + 20);
    ret->size = size && size < held ? size : held;
    if (!range_within(ret->at, ret->size, im->dev->size))
        return FAIL(err, ERR_CORRUPT,
                    "program: section %u, %" PRIu64 " bytes at %" PRIu64
                    ", is not within its %" PRIu64,
                    i + 1, ret->size, ret->at, im->dev->size);
    return 0;
}

int pe_sections_read(struct pe_sections *ret, struct block *dev, struct err *err)
{
    struct image im = {.dev = dev};
    uint8_t raw[MZ_SIZE];
    uint32_t at;
    int r;

    ret->n = 0;
    if (dev->size < MZ_SIZE)
        return 0;
    r = block_read(dev, raw, MZ_SIZE, 0, err);
    if (r < 0)
        return r;
    at = load_le32(raw + 60);
    if (memcmp(raw, "MZ", 2) != 0 || !range_within(at, HEADER_SIZE, dev->size))
        return 0;
    r = block_read(dev, raw, HEADER_SIZE, at, err);
    if (r < 0 || memcmp(raw, "PE\0\0", 4) != 0)
        return r;
    im.sections_n = load_le16(raw + 6);
    im.sections = (uint64_t)at + HEADER_SIZE + load_le16(raw + 20);
    if (im.sections_n > PE_SECTIONS_MAX)
        return FAIL(err, ERR_LIMIT, "program: %u sections, limit %d", im.sections_n,
                    PE_SECTIONS_MAX);
    for (unsigned i = 0; i < im.sections_n; i++) {
        r = read_section(&ret->v[ret->n], &im, i, err);
        if (r < 0)
            return r;
        ret->n += ret->v[ret->n].size > 0;
    }
    return 1;
}

int pe_read(struct pe *ret, struct block *dev, struct err *err)
{
    struct pe pe = {.version = ""};
    struct image im = {.dev = dev};
    struct err ignored = {0};
    uint8_t raw[MZ_SIZE];
    uint32_t at;
    int r = pe_part(dev, raw, MZ_SIZE, 0, err);

    if (r < 0)
        return r;
    if (memcmp(raw, "MZ", 2) != 0)
        return FAIL(err, ERR_CORRUPT, "no program: it does not begin with MZ");
    at = load_le32(raw + 60);
    r = pe_part(dev, raw, HEADER_SIZE, at, err);
    if (r < 0)
        return r;
    if (memcmp(raw, "PE\0\0", 4) != 0)
        return FAIL(err, ERR_CORRUPT, "no program: no PE header at %" PRIu32, at);
    pe.machine = machine_name(load_le16(raw + 4));
    im.sections_n = load_le16(raw + 6);
    im.sections = (uint64_t)at + HEADER_SIZE + load_le16(raw + 20);
    if (im.sections_n <= PE_SECTIONS_MAX) {
        r = find_resources(&im, (uint64_t)at + HEADER_SIZE, load_le16(raw + 20),
                           &ignored);
        if (r == 1)
            r = read_version(&im, pe.version, &ignored);
        if (r < 0 && r != -ERR_CORRUPT) {
            if (err)
                *err = ignored;
            return r;
        }
        err_clear(&ignored);
    }
    *ret = pe;
    return 0;
}
