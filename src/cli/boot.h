/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot.h: the report of `imgport boot` for people */
#pragma once

#include <jansson.h>

#include "cli/term.h"

void boot_print(const struct term *t, const json_t *report);

/* As report_is_only_error(): the source could not be opened. */
bool boot_is_only_error(const json_t *report, const char *source);

/* "userland", "initramfs" ... as a phrase in the reader's language: for the progress. */
const char *boot_stage(const char *reached);
