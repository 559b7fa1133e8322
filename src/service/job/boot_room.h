/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot_room.h: room for the machines that imports start
 *
 * They are not those of a zone, so its memory does not bound them: so many at once, and
 * none when this machine has no memory or disk for one.  Any thread. */
#pragma once

#include "service/job/job.h"

/* Waits until there is room, or the job is to stop.  0: boot_room_give() is to follow. */
int boot_room_take(struct job *j, struct err *err);
void boot_room_give(void);
