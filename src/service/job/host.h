/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.h: this daemon as the host of a zone */
#pragma once

#include "service/call.h"

/* Says in the catalogue what the zone of this daemon has, so that instances can be asked
 * for there; nothing when it is of no zone. */
int host_announce(struct service *s, struct err *err);
