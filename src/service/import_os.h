/* SPDX-License-Identifier: GPL-2.0-or-later */
/* import_os.h: the systems and versions that ImportImage takes by name
 *
 * Which systems is the profile's affair; which versions are named is a list of our own,
 * since the guides name none for Linux and the vendor's example stands still at 2019. Any
 * thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "rules/profile.h"

enum { IMPORT_OS_VERSIONS_MAX = 24 };

struct import_os {
    const char *name; /* OsType, as "CentOS" */
    enum system_type type;
    const char *versions[IMPORT_OS_VERSIONS_MAX]; /* NULL-terminated */
    bool unlisted; /* in the set of versions only, as the vendor has it for Redhat */
};

/* The i-th system that the profile takes; NULL past the end. */
const struct import_os *import_os_at(const struct profile *p, size_t i);

/* NULL: the profile does not take it. */
const struct import_os *import_os_find(const struct profile *p, const char *type);

bool import_os_has_version(const struct import_os *os, const char *version);

/* "x86_64", "i386", "arm_64" in the words of the API: does the profile take it for the
 * system? */
bool import_os_has_arch(const struct profile *p, const struct import_os *os,
                        const char *arch);

/* OsName of an image: "CentOS 7 64位", "Windows Server 2016 64位". */
void import_os_name(char *to, size_t size, const struct import_os *os,
                    const char *version, const char *arch);
