/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profile.h: a cloud's rules as data
 *
 * A profile is a text file; profiles/README.md documents every key.  Parsing does no I/O:
 * the text comes from the caller. */
#pragma once

#include "rules/finding.h"

enum {
    PROFILE_TEXT_MAX = 256 * 1024,
    PROFILE_LINE_MAX = 4096,
    PROFILE_LIST_MAX = 256, /* words of one list, and systems of one profile */
};

struct profile; /* opaque outside rules; immutable, any thread; lives in its arena */

typedef LIST(const char *) profile_names;

enum { ARCH_X86_64 = 1 << 0, ARCH_I386 = 1 << 1, ARCH_ARM64 = 1 << 2 };

enum system_type {
    SYSTEM_LINUX,
    SYSTEM_WINDOWS,
    SYSTEM_OTHER, /* FreeBSD and the like */
    SYSTEM_TYPE_MAX,
};

/* One [system NAME]: an entry of the cloud's own list of systems. */
struct profile_system {
    const char *name; /* as the cloud's list has it: "CentOS", "Windows Server 2008 R2" */
    enum system_type type;
    profile_names ids;      /* fact_os.id of it; "*": any other of this type */
    profile_names versions; /* "7" takes 7 and 7.9; empty: every version */
    profile_names editions; /* Windows; empty: every edition */
    uint32_t archs;         /* ARCH_* bits; 0: as the profile */
    const char *license;    /* "BYOL": brings its own licence; "" */
};

/* What only a service asks: [service]. */
struct profile_service {
    uint64_t images_per_region;   /* 0: no limit is named */
    uint64_t shares_per_image;    /* accounts one image may be shared to */
    uint64_t operations_per_day;  /* imports, copies and so on */
    bool import_permission;       /* an account asks for the right to import first */
    bool one_time_links;          /* a signed link to an object serves one full GET */
    bool boot_probe;              /* an import starts the image before it takes it */
    const char *cos_links;        /* "any", "own-region", "own-region-overseas" */
    profile_names copy_regions;   /* images are copied among these; empty: all */
    bool copy_own_group;          /* of those only within the mainland, among finance
                                     regions, or overseas; Taipei takes part in none */
    bool shares_only_create;      /* a received share makes instances, and nothing else */
    const char *linux_settings;   /* file in the guest that carries its settings; "" */
    const char *windows_settings; /* the same, from the root of the system drive */
};

/* `file` names the text in messages: "profiles/x.profile:12: unknown key \"fomats\"". */
int profile_parse(const struct profile **ret, struct arena *a, const char *file,
                  struct bytes text, struct err *err);

const char *profile_name(const struct profile *p);
/* 16 hexadecimal digits that change when a line does that is no comment. */
const char *profile_version(const struct profile *p);
const char *profile_title(const struct profile *p);  /* one line for a list */
const char *profile_source(const struct profile *p); /* the document the rules are from */
/* Bytes; 0: no limit.  Who has only an upper bound of the qcow2 size needs the exact one
 * when the bound exceeds this limit. */
uint64_t profile_qcow2_size_max(const struct profile *p);
/* ARCH_* bits of the systems of a type. */
uint32_t profile_archs(const struct profile *p, enum system_type type);
/* Is a system of this type refused without cloud-init, unless the import is forced? */
bool profile_needs_agent(const struct profile *p, enum system_type type);
/* NULL past the end.  No systems at all: every system is taken. */
const struct profile_system *profile_system_at(const struct profile *p, size_t i);
const struct profile_service *profile_service(const struct profile *p);
