/* SPDX-License-Identifier: GPL-2.0-or-later */
/* import.h: what ImportImage hands to the job */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Checked by the action. */
struct import_request {
    const char *const *urls; /* the system disk, then data disks */
    size_t n_urls;
    const char *name;
    const char *os_type, *os_version;
    const char *architecture; /* x86_64, i386, arm_64 */
    const char *license;      /* TencentCloud, BYOL */
    bool force;
    bool boot_probe; /* it has to start */
};

/* The params of its task, as JSON, the caller's; NULL: no memory. */
char *import_params(const struct import_request *q);
