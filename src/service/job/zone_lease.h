/* SPDX-License-Identifier: GPL-2.0-or-later */
/* zone_lease.h: this daemon is the host of its zone, and no other one is
 *
 *     FOLDER/host          who the host is, whichever process; locked while one is at
 * work
 *
 * A thread says so in the catalogue again and again, with what there is for instances.
 * Whoever is killed has its zone again at once, since the lock of the folder is free; on
 * another folder, as on another machine, only when the lease is over, and while the zone
 * has instances only after zone_take_over().  One that lost its zone, having slept for
 * longer than that, leaves its instances alone until it has the zone again.
 *
 * Any thread. */
#pragma once

#include <stdbool.h>

#include "service/call.h"

struct zone_lease;

/* ERR_CONFLICT: another one is the host. */
int zone_lease_begin(struct zone_lease **ret, struct service *s, struct err *err);
/* May instances be touched? */
bool zone_lease_held(const struct zone_lease *z);
/* The same, after a start that may have taken longer than the lease: ERR_CONFLICT. */
int zone_lease_renew(struct zone_lease *z, struct err *err);
/* Another host may have it from now on.  NULL is fine. */
void zone_lease_end(struct zone_lease *z);
