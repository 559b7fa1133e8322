/* SPDX-License-Identifier: GPL-2.0-or-later */
/* release.h: what files say a Linux distribution is called */
#pragma once

#include "guest/facts.h"

/* os-release(5).  Sets id (normalised), id_like, version and name; false when the text
 * names no distribution. */
bool release_from_os_release(struct fact_os *ret, struct arena *a, struct bytes text);

/* A one-line release file: "CentOS release 6.10 (Final)", "SUSE Linux Enterprise Server
 * 11 (x86_64)" with VERSION and PATCHLEVEL below it.  False for a name we do not know. */
bool release_from_line(struct fact_os *ret, struct arena *a, struct bytes text);

/* The architecture of an ELF file by its first bytes; "" when it is none. */
const char *release_elf_arch(struct bytes head);
