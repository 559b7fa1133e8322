/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every action's parameters with their limits (API metadata of 2026-08-21), and the table
 * of actions made of actions.def. */
#include <string.h>

#include "service/action/action.h"
#include "service/call.h"
#include "service/tables.h"

static const struct action actions[] = {
#define ACTION(name, version, flags, symbol) \
    {#name, version, flags, params_##symbol, action_##symbol},
#include "service/actions.def"
#undef ACTION
};

const struct action *action_at(size_t i)
{
    return i < sizeof actions / sizeof actions[0] ? &actions[i] : NULL;
}

const struct action *action_find(const char *name, const char *version)
{
    for (size_t i = 0; action_at(i); i++)
        if (strcmp(actions[i].name, name) == 0 &&
            strcmp(actions[i].version, version) == 0)
            return &actions[i];
    return NULL;
}
