/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.h: debug messages by subsystem, to a sink the program sets
 *
 *     IMGPORT_DEBUG=block,ext imgport check disk.raw
 *
 * The library reports errors by struct err and logs nothing else.  Never log what an
 * image holds.  Locks internally. */
#pragma once

#include <stdbool.h>

#define LOG_SUBSYSTEMS(X)                                  \
    X(BLOCK, "block", "formats: headers, tables, extents") \
    X(VOLUME, "volume", "partition tables")                \
    X(FS, "fs", "filesystems and path walks")              \
    X(GUEST, "guest", "what was looked for and found")     \
    X(RULES, "rules", "which rule fired and why")          \
    X(CONVERT, "convert", "batches, tickets, writes")      \
    X(WORKER, "worker", "broker and worker talking")

enum log_subsystem {
#define X(symbol, name, help) LOG_##symbol,
    LOG_SUBSYSTEMS(X)
#undef X
        LOG_SUBSYSTEM_MAX,
};

/* Turns subsystems on: names separated by commas, or "all".  False for a name it does not
 * know.  Call before starting threads. */
bool log_enable(const char *names);

/* NULL (the default) writes to stderr. */
void log_set_sink(void (*sink)(void *arg, enum log_subsystem sub, const char *line),
                  void *arg);

bool log_is_on(enum log_subsystem sub);
const char *log_subsystem_name(enum log_subsystem sub);
const char *log_subsystem_help(enum log_subsystem sub);

#define log_debug(sub, ...)                \
    do {                                   \
        if (log_is_on(sub))                \
            log_write((sub), __VA_ARGS__); \
    } while (0)

void log_write(enum log_subsystem sub, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
