/* SPDX-License-Identifier: GPL-2.0-or-later */
/* folder.h: the folder of what the daemon keeps */
#pragma once

#include "base/err.h"

/* Makes it and those above it, where they are missing. */
int folder_make(const char *path, struct err *err);
