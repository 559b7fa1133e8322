/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu_user.h: who the programs of a machine run as; private to the driver */
#pragma once

#include "instance/hypervisor_parts.h"

/* With hardware's help it has the group that opens /dev/kvm as well.  The same one for
 * each call about a folder, and one that no folder beside it has. ERR_LIMIT: none is
 * left. */
int qemu_user(struct machine_user *ret, const struct hypervisor *h, int folder,
              struct err *err);
