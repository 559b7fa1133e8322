/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.h: what is inside a profile, for the rules only */
#pragma once

#include "rules/profile.h"

enum {
    FORMAT_RAW = 1 << 0,
    FORMAT_QCOW2 = 1 << 1,
    FORMAT_VHD = 1 << 2,
    FORMAT_VMDK = 1 << 3,
};
enum { TABLES_MBR = 1 << 0, TABLES_GPT = 1 << 1 };
enum { FIRMWARE_BIOS = 1 << 0, FIRMWARE_UEFI = 1 << 1 };

enum agent_rule {
    AGENT_OFF,      /* not judged */
    AGENT_WARNING,  /* its absence is worth a word */
    AGENT_REQUIRED, /* its absence refuses the image, unless the import is forced */
};

/* [linux], [windows], [other]: what holds for systems of one type. */
struct policy {
    uint32_t tables;                /* TABLE_*; 0: as the profile */
    uint32_t archs;                 /* ARCH_*; 0: as the profile */
    profile_names filesystems;      /* of the root; empty: every one */
    profile_names features_refused; /* of that filesystem, as its superblock names them */
    bool lvm_refused;
    uint32_t agent; /* enum agent_rule: cloud-init or cloudbase-init */
    const char *agent_version_min;
    profile_names datasources; /* one of these has to be allowed; empty: not judged */
    /* Drivers: of each group one has to be there; empty: not judged. */
    profile_names disk_drivers, network_drivers, bus_drivers;
    profile_names more_drivers;   /* all of these (L09) */
    profile_names module_drivers; /* these too, and on the root is enough (L09) */
    profile_names boot_loaders;   /* fact_boot.loader (L20); empty: every one */
    const char *nic;              /* the only network interface there may be; "" any */
    bool ipv6_refused;
};

struct level_override { /* a line of [levels] */
    const char *id;
    enum finding_level level;
};

struct profile {
    const char *name, *title, *source;
    char version[17];
    uint32_t formats, tables, firmware, archs;
    bool gpt_needs_esp;
    uint32_t sections_seen;                    /* the parser's */
    uint64_t virtual_size_max, qcow2_size_max; /* bytes, inclusive; 0: no limit */
    uint64_t file_size_max;                    /* the same, of the file as it is */
    uint64_t raw_multiple, vhd_multiple; /* the disk's size is a multiple (C21); 0: any */
    profile_names vhd_kinds, vmdk_kinds; /* fact_image.kind; empty: every one */
    struct policy policy[SYSTEM_TYPE_MAX];
    struct profile_service service;
    LIST(struct profile_system) systems;
    LIST(struct level_override) levels;
};

/* The bit of a word in the vocabulary of its key; 0 for a word it does not know. */
uint32_t format_bit(const char *name);
uint32_t table_bit(const char *name);
uint32_t firmware_bit(const char *name);
uint32_t arch_bit(const char *name);
bool facts_know_driver(const char *name, enum system_type type);
