/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convert/sink.h"

#include <string.h>

static const struct sink_driver *const sinks[] = {
    &qcow2_sink,     &raw_sink,         &vhd_dynamic_sink,
    &vhd_fixed_sink, &vmdk_sparse_sink, &vmdk_stream_sink,
};

const struct sink_driver *sink_find(enum image_format format, const char *kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(sinks); i++)
        if (sinks[i]->format == format && (!*kind || strcmp(sinks[i]->kind, kind) == 0))
            return sinks[i];
    return NULL;
}

void sink_closep(struct sink **s)
{
    if (*s)
        (*s)->driver->close(*s);
    *s = NULL;
}
