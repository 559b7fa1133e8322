/* SPDX-License-Identifier: GPL-2.0-or-later */
/* export.h: what ExportImages hands to the job */
#pragma once

#include <stdbool.h>

#include <jansson.h>

/* One disk of an image, and the object that it becomes.  False: no memory. */
bool export_add_disk(json_t *disks, const char *image, const char *blob, const char *key);

/* The params of its task, as JSON, the caller's; NULL: no memory.  format: as
 * ExportFormat names it.  Takes over `disks`. */
char *export_params(const char *bucket, const char *format, json_t *disks);

/* "raw", "qcow2", "vhd", "vmdk": what such an object's name ends in. */
const char *export_extension(const char *format);
