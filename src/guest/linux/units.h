/* SPDX-License-Identifier: GPL-2.0-or-later */
/* units.h: is a service started at boot, whatever starts services there? */
#pragma once

#include "guest/collect.h"

enum unit_state {
    UNIT_ABSENT,   /* nothing would start it and no unit of that name is there */
    UNIT_DISABLED, /* it is there, and nothing starts it */
    UNIT_MASKED,   /* systemd: linked to /dev/null */
    UNIT_ENABLED,
};

/* systemd: linked into a target's .wants; else System V links, upstart jobs and openrc
 * runlevels of that name.  `name` has no suffix for services ("sshd"), and its own for
 * others ("cloud-init.target", "ssh.socket").  *where is the link or file that decided,
 * "" when absent.  `minor` as in guest_problem(). */
int unit_state(struct guest *g, const char *name, bool minor, enum unit_state *ret,
               const char **where, struct err *err);

/* The best state of several, with its evidence; NULL-terminated. */
int unit_state_any(struct guest *g, const char *const *names, bool minor,
                   enum unit_state *ret, const char **where, struct err *err);
