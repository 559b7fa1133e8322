/* SPDX-License-Identifier: GPL-2.0-or-later */
/* release.h: letting go of what the library handed out, for AUTO() */
#pragma once

#include <jansson.h>

#include "imgport/imgport.h"

static inline void json_releasep(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

static inline void text_releasep(char **s)
{
    imgport_free(*s);
    *s = NULL;
}
