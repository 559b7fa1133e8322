/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu_probe.h: does a machine run here with that accelerator?
 *
 * That /dev/kvm opens, and that QEMU calls KVM enabled, was seen on hosts where guests
 * then stand still.  So a kernel of 158 bytes is run until it switches its machine off.
 * Up to half a minute, where it does not. */
#pragma once

#include "instance/hypervisor_parts.h"

int qemu_probe(struct hypervisor *h, struct err *err);
