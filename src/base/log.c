/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/scoped.h"

static const struct {
    const char *name, *help;
} subsystems[] = {
#define X(symbol, name, help) {name, help},
    LOG_SUBSYSTEMS(X)
#undef X
};

/* Set once at start, read by every thread afterwards. */
static unsigned mask;
static void (*sink_fn)(void *arg, enum log_subsystem sub, const char *line);
static void *sink_arg;

bool log_enable(const char *names)
{
    while (*names) {
        size_t n = strcspn(names, ",");
        bool known = n == 3 && memcmp(names, "all", 3) == 0;

        if (known)
            mask = ~0u;
        for (unsigned i = 0; i < LOG_SUBSYSTEM_MAX; i++) {
            if (strlen(subsystems[i].name) != n ||
                memcmp(subsystems[i].name, names, n) != 0)
                continue;
            mask |= 1u << i;
            known = true;
        }
        if (!known)
            return false;
        names += n + (names[n] == ',');
    }
    return true;
}

void log_set_sink(void (*sink)(void *arg, enum log_subsystem sub, const char *line),
                  void *arg)
{
    sink_fn = sink;
    sink_arg = arg;
}

bool log_is_on(enum log_subsystem sub)
{
    return mask >> sub & 1;
}

const char *log_subsystem_name(enum log_subsystem sub)
{
    return subsystems[sub].name;
}

const char *log_subsystem_help(enum log_subsystem sub)
{
    return subsystems[sub].help;
}

void log_write(enum log_subsystem sub, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    int n;

    n = snprintf(line, sizeof line, "%s: ", subsystems[sub].name);
    va_start(ap, fmt);
    vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    va_end(ap);
    if (sink_fn) {
        sink_fn(sink_arg, sub, line);
        return;
    }
    /* One write a line, so that threads and processes do not mix theirs. */
    strcat(line, "\n");
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        return;
}
