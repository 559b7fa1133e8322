/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/progress.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/i18n.h"
#include "cli/boot.h"
#include "cli/units.h"

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
    caught = sig;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool progress_style(struct progress *p, const char *style)
{
    p->as_json = style != NULL;
    return !style || strcmp(style, "json") == 0;
}

void progress_init(struct progress *p)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction sa = {.sa_handler = on_signal};

    p->line[0] = p->phase_name[0] = '\0';
    p->shown = 0;
    p->total = 0;
    term_init(&p->term, stderr);
    p->started = p->phase = now();
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction old;

        /* nohup: a signal that was ignored stays so. */
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &sa, NULL);
    }
}

static void show(struct progress *p, const char *line)
{
    int pad = term_columns(p->line, strlen(p->line)) - term_columns(line, strlen(line));

    fprintf(p->term.out, "\r%s%*s", line, pad > 0 ? pad : 0, "");
    fflush(p->term.out);
    snprintf(p->line, sizeof p->line, "%s", line);
}

static const char *phase_text(const struct imgport_progress *w)
{
    if (strcmp(w->phase, "verify") == 0)
        return _("comparing: ");
    if (strcmp(w->phase, "checksum") == 0)
        return _("checksums: ");
    if (strcmp(w->phase, "upload") == 0)
        return _("uploading: ");
    if (strcmp(w->phase, "fetch") == 0)
        return _("fetching: ");
    return "";
}

static void show_bytes(struct progress *p, const struct imgport_progress *w)
{
    double elapsed = now() - p->phase;
    double rate = elapsed > 0 ? (double)w->done / elapsed : 0;
    char done[UNITS_MAX], total[UNITS_MAX], speed[UNITS_MAX], left[UNITS_MAX];
    unsigned percent = (unsigned)((double)w->done * 100 / (double)w->total);
    char line[512];

    units_bytes(done, w->done);
    units_bytes(total, w->total);
    units_bytes(speed, (uint64_t)rate);
    units_time(left, rate > 0 ? (uint64_t)((double)(w->total - w->done) / rate) + 1 : 0);
    /* Phase, percent, done, total, rate, time left. */
    snprintf(line, sizeof line, _("%s%2u %%  %s of %s  %s/s  %s left"), phase_text(w),
             percent > 99 ? 99 : percent, done, total, speed, left);
    show(p, line);
}

/* Of what comes nobody may have said how much it is. */
static void show_so_far(struct progress *p, const struct imgport_progress *w)
{
    double elapsed = now() - p->phase;
    char done[UNITS_MAX], speed[UNITS_MAX];
    char line[512];

    units_bytes(done, w->done);
    units_bytes(speed, elapsed > 0 ? (uint64_t)((double)w->done / elapsed) : 0);
    /* Phase, done, rate. */
    snprintf(line, sizeof line, _("%s%s so far  %s/s"), phase_text(w), done, speed);
    show(p, line);
}

static void print_json(struct progress *p, const struct imgport_progress *w)
{
    /* Phases and steps are words of ours. */
    fprintf(stderr,
            "{\"phase\": \"%s\", \"step\": \"%s\", \"done\": %" PRIu64
            ", \"total\": %" PRIu64 ", \"written\": %" PRIu64 ", \"seconds\": %.1f}\n",
            w->phase, w->step, w->done, w->total, w->written, now() - p->started);
}

int progress_tell(void *arg, const struct imgport_progress *w)
{
    struct progress *p = arg;
    char line[512];
    bool begins = strcmp(p->phase_name, w->phase) != 0;

    if (caught)
        return 1;
    if (begins) {
        snprintf(p->phase_name, sizeof p->phase_name, "%s", w->phase);
        p->phase = now();
    }
    /* How much it will be is told also where all is done before a tenth of a second. */
    if (p->as_json && (begins || w->total != p->total || now() - p->shown >= 0.1)) {
        p->shown = now();
        p->total = w->total;
        print_json(p, w);
    }
    if (p->as_json)
        return 0;
    /* What is done in half a second needs no line. */
    if (!p->term.tty || now() - p->started < 0.5 || now() - p->shown < 0.1)
        return 0;
    p->shown = now();
    if (strcmp(w->phase, "boot") == 0) {
        char elapsed[UNITS_MAX];

        /* How far it came, how long it took. */
        snprintf(line, sizeof line, _("starting: %s  %s"), boot_stage(w->step),
                 units_time(elapsed, (uint64_t)(now() - p->phase)));
        show(p, line);
    } else if (strcmp(w->phase, "sync") == 0) {
        show(p, _("99 %  waiting for the disk"));
    } else if (w->total && w->done <= w->total) {
        show_bytes(p, w);
    } else if (w->done && !w->total) {
        show_so_far(p, w);
    } else {
        snprintf(line, sizeof line, _("looking: %s"), w->step);
        show(p, line);
    }
    return 0;
}

void progress_end(struct progress *p)
{
    if (p->line[0])
        show(p, "");
    if (p->term.tty && p->shown > 0 && !p->as_json)
        fputs("\r", p->term.out);
    fflush(p->term.out);
}

int progress_signal(void)
{
    return caught;
}

void progress_die_if_signaled(void)
{
    if (!caught)
        return;
    signal(caught, SIG_DFL);
    raise(caught);
}
