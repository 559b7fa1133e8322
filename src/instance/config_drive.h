/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_drive.h: the settings as a CD-ROM that cloud-init looks for
 *
 * ISO 9660 with Rock Ridge and Joliet, label "config-2" (in small letters, beyond the
 * standard and as everybody has it): blkid -L config-2 finds it, and so does
 * cloudbase-init.  Files belong to root and are readable by nobody else, since a hash
 * lies in them. */
#pragma once

#include "instance/settings.h"

enum { CONFIG_DRIVE_MAX = 4 << 20 }; /* bytes; usual is 80 KiB */

/* Writes the image to fd from its start, and nothing else: not closed, not synced.  The
 * same settings give the same bytes.  Locks internally. */
int config_drive_write(int fd, const struct instance_settings *s, struct err *err);
