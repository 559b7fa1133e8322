/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics.h: counters for /metrics (Prometheus text format 0.0.4)
 *
 * Counting takes no lock: every series is an atomic that lives as long as the registry.
 * Locks internally where series are made and printed. */
#pragma once

#include <stdint.h>

#include "base/buf.h"

enum {
    METRICS_SERIES_MAX = 2048, /* labels come from tables of ours, never from a request */
};

enum metric_kind {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_SECONDS, /* a counter of microseconds, printed in seconds */
};

struct metrics;
struct metric; /* one series: a name and its labels */

int metrics_new(struct metrics **ret, struct err *err);
void metrics_free(struct metrics *m);

/* The series of this name and labels, made on first use: `labels` as in `kind="import"`,
 * "" none.  Keep the pointer where it is counted often.  Never NULL: past the limit, and
 * without memory, it is a series that is not printed.  name and help are static. */
struct metric *metrics_series(struct metrics *m, enum metric_kind kind, const char *name,
                              const char *help, const char *labels);
void metric_add(struct metric *s, int64_t n);
void metric_set(struct metric *s, int64_t n);

/* A gauge that is asked when the page is read; fn runs on a worker thread. */
int metrics_ask(struct metrics *m, const char *name, const char *help,
                int64_t (*fn)(void *arg), void *arg, struct err *err);

int metrics_print(struct metrics *m, struct buf *to, struct err *err);
