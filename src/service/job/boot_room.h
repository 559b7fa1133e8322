/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot_room.h: room for the machines that imports start
 *
 * They are not those of a zone, so its memory does not bound them: so many at once, and
 * none when this machine has no memory or disk for one.  Any thread. */
#pragma once

#include <stdbool.h>

/* At most `max` at once.  True: boot_room_give() is to follow. */
bool boot_room_take(unsigned max);
void boot_room_give(void);
