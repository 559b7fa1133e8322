/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convert/sink.h"

static const struct sink_driver *const sinks[] = {
    &qcow2_sink,
};

const struct sink_driver *sink_find(enum image_format format)
{
    for (size_t i = 0; i < ARRAY_SIZE(sinks); i++)
        if (sinks[i]->format == format)
            return sinks[i];
    return NULL;
}

void sink_closep(struct sink **s)
{
    if (*s)
        (*s)->driver->close(*s);
    *s = NULL;
}
