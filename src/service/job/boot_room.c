/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/boot_room.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "api/stage.h"

enum {
    MEMORY_MIB = 1024, /* 512 of the guest, what emulating it takes, the disk's server */
    DISK_MIB = 512,    /* a system that starts writes logs, and grows its filesystem */
};

static atomic_uint running;

/* One that cannot be asked has some. */
static bool has_memory(void)
{
    FILE *f = fopen("/proc/meminfo", "re");
    unsigned long long kib = (unsigned long long)MEMORY_MIB << 10;
    char line[128];

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib >= (unsigned long long)MEMORY_MIB << 10;
}

static bool has_disk(void)
{
    struct statvfs fs;

    return statvfs(stage_folder(), &fs) != 0 ||
           (uint64_t)fs.f_bavail * fs.f_frsize >= (uint64_t)DISK_MIB << 20;
}

/* Who is counted looks, so that two do not take the same room. */
bool boot_room_take(unsigned max)
{
    if (atomic_fetch_add(&running, 1) < max && has_memory() && has_disk())
        return true;
    atomic_fetch_sub(&running, 1);
    return false;
}

void boot_room_give(void)
{
    atomic_fetch_sub(&running, 1);
}
