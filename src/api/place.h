/* SPDX-License-Identifier: GPL-2.0-or-later */
/* place.h: where our own files are
 *
 * Looked for in this order: the folder that $IMGPORT_ROOT names; the folder of the
 * running program, when imgport-worker lies beside it (a build tree); where it was
 * installed. */
#pragma once

#include <limits.h>

#include "base/err.h"

/* Path of the worker's binary. */
int place_worker(char ret[PATH_MAX], struct err *err);

/* Path of imgport-net, for instance/hypervisor.h. */
int place_net(char ret[PATH_MAX], struct err *err);

/* Folders of profiles and of message catalogues; they may not exist. */
int place_profiles(char ret[PATH_MAX], struct err *err);
int place_messages(char ret[PATH_MAX], struct err *err);
