/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/import_os.h"

#include <stdio.h>
#include <string.h>

#include "base/scoped.h"

/* The versions of Windows and of "Other Linux" are placeholders of the vendor's, to be
 * echoed as they are. */
static const struct import_os systems[] = {
    {"CentOS", SYSTEM_LINUX, {"5", "6", "7", "8"}},
    {"CentOS Stream", SYSTEM_LINUX, {"8", "9", "10"}},
    {"Ubuntu",
     SYSTEM_LINUX,
     {"10", "12", "14", "16", "18", "20", "22", "24", "10.04", "12.04", "14.04", "16.04",
      "18.04", "20.04", "22.04", "24.04"}},
    {"Debian", SYSTEM_LINUX, {"6", "7", "8", "9", "10", "11", "12", "13"}},
    {"CoreOS", SYSTEM_LINUX, {"7"}},
    {"OpenSUSE", SYSTEM_LINUX, {"11", "12", "13", "15", "42"}},
    {"SUSE", SYSTEM_LINUX, {"10", "11", "12", "13", "15"}},
    {"Redhat", SYSTEM_LINUX, {"5", "6", "7", "8", "9", "10"}, .unlisted = true},
    {"Fedora",
     SYSTEM_LINUX,
     {"30", "31", "32", "33", "34", "35", "36", "37", "38", "39", "40", "41", "42"}},
    {"AlmaLinux", SYSTEM_LINUX, {"8", "9", "10"}},
    {"Rocky Linux", SYSTEM_LINUX, {"8", "9", "10"}},
    {"TencentOS", SYSTEM_LINUX, {"2", "3", "4"}},
    {"Kylin", SYSTEM_LINUX, {"V10", "V11"}},
    {"UnionTech", SYSTEM_LINUX, {"20", "25"}},
    {"FreeBSD", SYSTEM_OTHER, {"10", "11", "12", "13", "14"}},
    {"Other Linux", SYSTEM_LINUX, {"8"}},
    {"Windows Server 2008", SYSTEM_WINDOWS, {"9"}},
    {"Windows Server 2008 R2", SYSTEM_WINDOWS, {"9"}},
    {"Windows Server 2012", SYSTEM_WINDOWS, {"9"}},
    {"Windows Server 2012 R2", SYSTEM_WINDOWS, {"9"}},
    {"Windows Server 2016", SYSTEM_WINDOWS, {"9"}},
    {"Windows Server 2019", SYSTEM_WINDOWS, {"9"}},
    {"Windows Server 2022", SYSTEM_WINDOWS, {"9"}},
};

static const struct profile_system *profile_system_named(const struct profile *p,
                                                         const char *name)
{
    const struct profile_system *s;

    for (size_t i = 0; (s = profile_system_at(p, i)); i++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

/* A profile without systems takes every one. */
static bool is_taken(const struct profile *p, const char *name)
{
    return !profile_system_at(p, 0) || profile_system_named(p, name);
}

const struct import_os *import_os_at(const struct profile *p, size_t i)
{
    for (size_t k = 0; k < ARRAY_SIZE(systems); k++)
        if (is_taken(p, systems[k].name) && i-- == 0)
            return &systems[k];
    return NULL;
}

const struct import_os *import_os_find(const struct profile *p, const char *type)
{
    for (size_t k = 0; k < ARRAY_SIZE(systems); k++)
        if (strcmp(systems[k].name, type) == 0)
            return is_taken(p, type) ? &systems[k] : NULL;
    return NULL;
}

bool import_os_has_version(const struct import_os *os, const char *version)
{
    for (size_t i = 0; i < IMPORT_OS_VERSIONS_MAX && os->versions[i]; i++)
        if (strcmp(os->versions[i], version) == 0)
            return true;
    return false;
}

bool import_os_has_arch(const struct profile *p, const struct import_os *os,
                        const char *arch)
{
    const struct profile_system *s = profile_system_named(p, os->name);
    uint32_t archs = s && s->archs ? s->archs : profile_archs(p, os->type);
    uint32_t bit = strcmp(arch, "x86_64") == 0   ? ARCH_X86_64
                   : strcmp(arch, "i386") == 0   ? ARCH_I386
                   : strcmp(arch, "arm_64") == 0 ? ARCH_ARM64
                                                 : 0;

    return (archs & bit) != 0;
}

void import_os_name(char *to, size_t size, const struct import_os *os,
                    const char *version, const char *arch)
{
    const char *bits = strcmp(arch, "i386") == 0 ? "32位" : "64位";

    if (os->type == SYSTEM_WINDOWS)
        snprintf(to, size, "%s %s", os->name, bits);
    else
        snprintf(to, size, "%s %s %s", os->name, version, bits);
}
