/* SPDX-License-Identifier: GPL-2.0-or-later */
/* windows.h: what the collectors of a Windows system share
 *
 * The hives are opened once.  A collector runs only when the hive that it needs is open,
 * and fails as a whole: what it wrote until then stays, and its subject is a problem. */
#pragma once

#include "guest/windows/registry.h"

enum {
    WINDOWS_VISTA = 6000,  /* builds: BCD in place of boot.ini */
    WINDOWS_8 = 9200,      /* DriverDatabase in place of CriticalDeviceDatabase */
    WINDOWS_LIST_MAX = 64, /* elements of one list in the facts */
};

struct windows {
    struct guest *g;
    struct fact_windows *facts;
    struct registry system, software, drivers;
    bool has_system, has_software, has_drivers;
    uint32_t set; /* key of the current control set, with has_system */
    uint32_t build;
};

int windows_version(struct windows *w, struct err *err);  /* SOFTWARE */
int windows_updates(struct windows *w, struct err *err);  /* SOFTWARE */
int windows_machine(struct windows *w, struct err *err);  /* the kernel's file */
int windows_drivers(struct windows *w, struct err *err);  /* SYSTEM */
int windows_boot(struct windows *w, struct err *err);     /* BCD */
int windows_agent(struct windows *w, struct err *err);    /* SYSTEM */
int windows_services(struct windows *w, struct err *err); /* SYSTEM: filters, tools */
int windows_policies(struct windows *w, struct err *err); /* SOFTWARE, SYSTEM */
int windows_network(struct windows *w, struct err *err);  /* SYSTEM */
int windows_sleep(struct windows *w, struct err *err);    /* hiberfil.sys */
int windows_pending(struct windows *w, struct err *err);  /* files */

/* Appends a text, up to WINDOWS_LIST_MAX of them. */
void windows_add(struct windows *w, fact_strings *list, const char *text);

/* A file that a service or the like names, by a path of Windows.  1, 0, negative. */
int windows_has_file(struct windows *w, const char *path, struct err *err);

/* "2012-R2" by the build number, else out of the product's name. */
const char *windows_version_name(struct arena *a, uint32_t build, bool server,
                                 const char *product);
