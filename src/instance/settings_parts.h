/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings_parts.h: what the files of settings share */
#pragma once

#include <jansson.h>

#include "instance/settings.h"

static inline bool has(const char *s)
{
    return s && *s;
}

/* Copies both.  Running out is sticky in the arena. */
void documents_add(struct documents *d, struct arena *a, const char *path,
                   struct bytes text);
/* Takes the reference; NULL is what was left of running out of memory. */
int documents_add_json(struct documents *d, struct arena *a, const char *path,
                       json_t *taken, struct err *err);
void documents_sort(struct documents *d);

/* "52:54:00:BF:B3:51", as the vendor writes it. */
const char *mac_upper(struct arena *a, const char *mac);

/* openstack/latest/… of settings that were checked. */
int openstack_documents(struct documents *d, struct arena *a,
                        const struct instance_settings *s, struct err *err);
