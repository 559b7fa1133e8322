/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings.h: the three grammars that settings files are written in, as far as we need
 *
 * Made for answering "what does it say for this key", not for checking files: garbage is
 * skipped, never an error.  Results are windows on the text.  Any thread. */
#pragma once

#include "base/bytes.h"
#include "base/text.h"

/* Shell assignments: KEY=value, KEY="value", KEY = value, export KEY=value.  The last one
 * wins, as it would in a shell.  The window is without quotes and comments.  Escapes and
 * $references stay as they are. */
bool settings_shell(struct bytes text, const char *key, struct bytes *ret);

/* Is the value yes, true, on or 1, in any case? */
bool settings_is_true(struct bytes value);

/* Sections of keys:
 *     [Section]
 *     Key=value       # and ; begin a comment at the start of a line only */
struct ini {
    struct bytes rest; /* set to the text before the first call */
    struct bytes section, key, value;
};

/* The next key of any section; false at the end. */
bool ini_next(struct ini *i);

/* YAML's block form, one line a step:
 *     network:
 *       ethernets:
 *         eth0:                 depth 3: path network, ethernets; key "eth0"
 *           addresses:
 *             - 10.0.0.2/24     item, under network, ethernets, eth0, addresses
 *           match: {macaddress: aa:bb}   value "{macaddress: aa:bb}"
 * Flow values that go over several lines are joined up to YAML_FLOW_MAX bytes: they end
 * where brackets balance. */
enum { YAML_DEPTH_MAX = 16, YAML_FLOW_MAX = 16384 };

struct yaml {
    struct bytes rest; /* set to the text before the first call */
    struct {
        size_t indent;
        struct bytes key;
    } path[YAML_DEPTH_MAX]; /* of the lines above this one */
    unsigned depth;
    struct bytes key, value; /* unquoted; key is empty for a plain item */
    bool item;               /* began with "- " */
    bool deeper;             /* internal: the last line may have lines below it */
    size_t indent;           /* internal: of the last line */
};

bool yaml_next(struct yaml *y);

/* Is the line below exactly these keys?  NULL takes any one key. */
bool yaml_under(const struct yaml *y, const char *const *keys, unsigned n);

/* Elements of "[a, 'b', c]", or the value itself when it is no list.  Nested ones come as
 * their parts. */
bool yaml_flow_next(struct bytes *rest, struct bytes *item);
