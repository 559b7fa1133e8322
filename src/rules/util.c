/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/judge.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/scoped.h"
#include "base/text.h"

bool names_have(const profile_names *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (same(list->v[i], name))
            return true;
    return false;
}

const char *names_joined(struct judge *j, const profile_names *list)
{
    const char *all = "";

    for (size_t i = 0; i < list->n; i++)
        all = TEXT(j, "%s%s%s", all, i ? ", " : "", list->v[i]);
    return all;
}

const char *size_text(struct judge *j, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    uint64_t unit = 1024;
    size_t i = 0;

    if (bytes < unit)
        return TEXT(j, "%" PRIu64 " B", bytes);
    while (i + 1 < ARRAY_SIZE(units) && bytes / 1024 >= unit) {
        unit *= 1024;
        i++;
    }
    if (bytes % unit == 0)
        return TEXT(j, "%" PRIu64 " %s", bytes / unit, units[i]);
    return TEXT(j, "%.1f %s", (double)bytes / (double)unit, units[i]);
}

const char *number_text(struct judge *j, uint64_t n)
{
    return TEXT(j, "%" PRIu64, n);
}

/* The number at the start of *s, and *s moved behind it. */
static uint64_t version_part(const char **s)
{
    uint64_t n = 0;

    while (**s >= '0' && **s <= '9') {
        n = n > UINT32_MAX ? n : n * 10 + (uint64_t)(**s - '0');
        (*s)++;
    }
    return n;
}

bool version_less(const char *a, const char *b)
{
    for (;;) {
        uint64_t x = version_part(&a), y = version_part(&b);

        if (x != y)
            return x < y;
        if (*b != '.')
            return false;
        b++;
        if (*a == '.')
            a++;
        else
            a = "";
    }
}

/* "7" takes "7" and "7.9", not "70"; "2008-R2" takes "2008 R2". */
static bool version_takes(const char *listed, const char *version)
{
    for (; *listed; listed++, version++)
        if (*listed != *version && !(*listed == '-' && *version == ' '))
            return false;
    return *version == '\0' || *version == '.';
}

/* "Standard" takes ServerStandard, ServerStandardCore, ServerStandardEval. */
static bool edition_takes(const profile_names *listed, const char *edition)
{
    static const char server[] = "Server";

    if (listed->n == 0 || edition[0] == '\0')
        return true;
    if (starts(edition, server))
        edition += sizeof server - 1;
    for (size_t i = 0; i < listed->n; i++)
        if (starts(edition, listed->v[i]))
            return true;
    return false;
}

static bool system_takes(const struct profile_system *s, const char *id,
                         const char *version, const char *edition)
{
    if (!names_have(&s->ids, id) || !edition_takes(&s->editions, edition))
        return false;
    if (s->versions.n == 0 || version[0] == '\0')
        return true;
    for (size_t i = 0; i < s->versions.n; i++)
        if (version_takes(s->versions.v[i], version))
            return true;
    return false;
}

const struct profile_system *system_find(const struct judge *j, const struct fact_os *os)
{
    const struct profile_system *any = NULL;
    const char *edition = j->facts->windows ? j->facts->windows->edition : "";

    for (size_t i = 0; i < j->profile->systems.n; i++) {
        const struct profile_system *s = &j->profile->systems.v[i];

        if (s->type != j->type)
            continue;
        if (system_takes(s, os->id, os->version, edition))
            return s;
        if (names_have(&s->ids, "*"))
            any = s;
    }
    return any;
}

const struct fact_kernel *kernel_default(const struct facts *f)
{
    for (size_t i = 0; i < f->kernels.n; i++)
        if (f->kernels.v[i].is_default)
            return &f->kernels.v[i];
    return NULL;
}

static const struct {
    const char *name;
    size_t offset;
} drivers[] = {
#define DRIVER(name)                               \
    {                                              \
#name, offsetof(struct fact_drivers, name) \
    }
    DRIVER(virtio_blk), DRIVER(virtio_net), DRIVER(virtio_pci),   DRIVER(virtio_scsi),
    DRIVER(nvme),       DRIVER(ahci),       DRIVER(ata_piix),     DRIVER(hv_storvsc),
    DRIVER(hv_netvsc),  DRIVER(ena),        DRIVER(xen_blkfront), DRIVER(hv_vmbus),
    DRIVER(gve),        DRIVER(udf),        DRIVER(vfat),
#undef DRIVER
};

bool facts_know_driver(const char *name, enum system_type type)
{
    static const char *const windows[] = {"viostor", "vioscsi", "netkvm"};

    for (size_t i = 0; type == SYSTEM_WINDOWS && i < ARRAY_SIZE(windows); i++)
        if (same(windows[i], name))
            return true;
    if (type == SYSTEM_WINDOWS)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
        if (same(drivers[i].name, name))
            return true;
    return false;
}

const char *driver_state(const struct fact_drivers *d, const char *driver)
{
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
        if (same(drivers[i].name, driver))
            return *(const char *const *)(const void *)((const char *)d +
                                                        drivers[i].offset);
    return "unknown";
}

const char *partition_text(struct judge *j, uint32_t index)
{
    return TEXT(j, _("partition %u"), index);
}

const char *device_text(struct judge *j, const char *device)
{
    static const char partition[] = "partition ";
    struct bytes b = bytes_of(device, strlen(device));
    uint64_t index;

    if (!starts(device, partition) ||
        !text_u64(&index, bytes_sub(b, strlen(partition), b.n - strlen(partition))) ||
        index > UINT32_MAX)
        return device;
    return partition_text(j, (uint32_t)index);
}
