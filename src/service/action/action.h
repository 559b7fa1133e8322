/* SPDX-License-Identifier: GPL-2.0-or-later */
/* action.h: the functions of actions.def */
#pragma once

#include "service/call.h"

#define ACTION(name, version, flags, symbol) int action_##symbol(struct call *c);
#include "service/actions.def"
#undef ACTION

/* Of a transaction whose dry run has come to its end without a refusal: undo. */
enum { DRY_RUN_ENDS = 1000 };
