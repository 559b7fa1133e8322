/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cloudinit.h: the texts that tell about cloud-init */
#pragma once

#include "guest/facts.h"

/* datasource_list of one configuration file.  True when it sets one; *ret then holds its
 * elements. */
bool cloud_datasource_list(fact_strings *ret, struct arena *a, struct bytes text);

struct dpkg_package {
    struct bytes status, version; /* "install ok installed", "22.4.2-1"; empty: none */
};

/* One package in dpkg's status file.  False when it is not listed. */
bool dpkg_find(struct dpkg_package *ret, struct bytes status, const char *name);

/* "22.4.2" of "1:22.4.2-1+deb12u1". */
struct bytes package_upstream(struct bytes version);
