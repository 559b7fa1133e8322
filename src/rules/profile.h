/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profile.h: a cloud's rules as data
 *
 * A profile is a text file; profiles/README.md documents every key.  Parsing does no I/O:
 * the text comes from the caller. */
#pragma once

#include "rules/finding.h"

enum { PROFILE_TEXT_MAX = 256 * 1024 };

struct profile; /* opaque outside rules; immutable, any thread; lives in its arena */

/* `file` names the text in messages: "profiles/x.profile:12: unknown key \"fomats\"". */
int profile_parse(const struct profile **ret, struct arena *a, const char *file,
                  struct bytes text, struct err *err);

const char *profile_name(const struct profile *p);
const char *profile_title(const struct profile *p); /* one line for a list */
