/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convert/vmdk_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HEADS = 255, TRACK_SECTORS = 63 };

uint64_t vmdk_write_tables(uint64_t virtual_size)
{
    return max_u64(div_up(virtual_size, (uint64_t)VMDK_GTES_MAX * CONVERT_CLUSTER), 1);
}

int vmdk_write_limit(uint64_t virtual_size, struct err *err)
{
    if (virtual_size > VMDK_SIZE_MAX)
        return FAIL(err, ERR_LIMIT,
                    "vmdk: a disk of %" PRIu64 " bytes, limit %llu (64 TiB)",
                    virtual_size, VMDK_SIZE_MAX);
    return 0;
}

void vmdk_write_header(uint8_t h[VMDK_SECTOR], uint64_t virtual_size,
                       const struct vmdk_shape *shape)
{
    memset(h, 0, VMDK_SECTOR);
    memcpy(h, "KDMV", 4);
    store_le32(h + 4, shape->version);
    store_le32(h + 8, shape->flags);
    store_le64(h + 12, virtual_size / VMDK_SECTOR);
    store_le64(h + 20, VMDK_GRAIN_SECTORS);
    store_le64(h + 28, 1);
    store_le64(h + 36, VMDK_DESC_SECTORS);
    store_le32(h + 44, VMDK_GTES_MAX);
    store_le64(h + 48, shape->redundant);
    store_le64(h + 56, shape->directory);
    store_le64(h + 64, shape->overhead);
    memcpy(h + 73, "\n \r\n", 4); /* tells a transfer that took the file for text */
    store_le16(h + 77, shape->compression);
}

static bool can_be_quoted(const char *name)
{
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < ' ' || *p == '"' || *p == 0x7f)
            return false;
    return *name && strlen(name) <= VMDK_NAME_MAX;
}

void vmdk_write_descriptor(uint8_t ret[VMDK_DESC_SECTORS * VMDK_SECTOR],
                           const char *create_type, const char *name,
                           uint64_t virtual_size, const struct identity *identity)
{
    uint64_t sectors = virtual_size / VMDK_SECTOR;
    uint32_t cid = (uint32_t)identity->sum;

    /* All ones say "no parent" and may not name a content. */
    if (cid == UINT32_MAX)
        cid = 0;
    memset(ret, 0, VMDK_DESC_SECTORS * VMDK_SECTOR);
    snprintf((char *)ret, VMDK_DESC_SECTORS * VMDK_SECTOR,
             "# Disk DescriptorFile\n"
             "version=1\n"
             "CID=%08" PRIx32 "\n"
             "parentCID=ffffffff\n"
             "createType=\"%s\"\n"
             "\n"
             "# Extent description\n"
             "RW %" PRIu64 " SPARSE \"%s\"\n"
             "\n"
             "# The Disk Data Base\n"
             "#DDB\n"
             "\n"
             "ddb.virtualHWVersion = \"4\"\n"
             "ddb.geometry.cylinders = \"%" PRIu64 "\"\n"
             "ddb.geometry.heads = \"%d\"\n"
             "ddb.geometry.sectors = \"%d\"\n"
             "ddb.adapterType = \"lsilogic\"\n",
             cid, create_type, sectors, can_be_quoted(name) ? name : "disk.vmdk",
             sectors / HEADS / TRACK_SECTORS, HEADS, TRACK_SECTORS);
}
