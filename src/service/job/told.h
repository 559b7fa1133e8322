/* SPDX-License-Identifier: GPL-2.0-or-later */
/* told.h: what an instance is told of itself, out of its row */
#pragma once

#include "instance/hypervisor.h"
#include "instance/settings.h"
#include "service/call.h"
#include "store/instance.h"

/* Lives in the arena, and borrows from `i` and the configuration. */
int told_settings(struct instance_settings *ret, struct arena *arena,
                  const struct config *config, const struct instance *i, struct err *err);

/* Addresses as its network card has them. */
int told_network(struct machine_network *ret, const struct config *config,
                 const struct instance *i, struct err *err);
int told_mac(uint8_t ret[6], const struct instance *i, struct err *err);

bool instance_is_windows(const struct instance *i);
