/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/boot_verdict.h"

#include <string.h>

#include "base/scoped.h"

enum { IDS_MAX = 14 };

/* What a check may have found where a start stops so. */
static const struct stop {
    const char *name;
    const char *ids[IDS_MAX];
} stops[] = {
    {"no-boot", {"P01", "P10", "P11", "P12", "P13", "P05", "P06", "P07", "P08", "P09"}},
    {"loader", {"P13", "P14", "P22", "P12", "P16", "P10", "P11", "P18", "P09", "P05"}},
    {"kernel", {"L04", "L02", "L05", "P05"}},
    {"kernel-fault", {NULL}},
    {"kernel-no-root", {"L05", "L07", "L06", "P22", "P14", "P05"}},
    {"initramfs-no-root",
     {"L07", "L05", "L06", "L08", "P14", "P17", "P22", "L19", "P05"}},
    {"emergency", {"L16", "L17", "P19", "P21", "P14", "P05"}},
    {"no-settings", {"L10", "L11", "L12", "L14", "L13"}},
    {"ended", {"L07", "L05", "L04", "P22", "L28", "P05"}},
    {"time", {"L21", "L17", "L16"}},
    {"", {NULL}},
};

/* With one of these, as an error, a check says that the system does not start; the others
 * are what a cloud does not take. */
static const char *const starts_not[] = {
    "P01", "P05", "P07", "P09", "P10", "P11", "P12", "P13", "P14",
    "P17", "P22", "L02", "L04", "L05", "L06", "L07", "L08", NULL,
};

static const char *const settings_not[] = {"L10", "L11", NULL};

static const struct stop *find_stop(const char *name)
{
    const struct stop *s = stops;

    while (*s->name && strcmp(s->name, name) != 0)
        s++;
    return s;
}

/* What was to be shown was seen, whatever came then. */
static bool is_proven(const struct boot_seen *seen)
{
    return seen->quick ? seen->console->stage >= CONSOLE_ROOT
                       : seen->console->has_settings;
}

static const char *stop_of(const struct boot_seen *seen)
{
    const struct console *c = seen->console;

    if (is_proven(seen) || seen->end == BOOT_LOST)
        return "";
    if (c->stop != CONSOLE_GOES_ON)
        return console_stop_name(c->stop);
    if (c->stage == CONSOLE_FIRMWARE && seen->end == BOOT_DECIDED)
        return console_stop_name(CONSOLE_NO_BOOT);
    /* More time could bring settings, but nobody needs them. */
    if (!seen->quick && c->stage == CONSOLE_LOGIN &&
        (seen->end == BOOT_DECIDED ||
         (seen->end == BOOT_TIMED_OUT && !seen->settings_needed)))
        return "no-settings";
    if (seen->end == BOOT_ENDED)
        return "ended";
    return "time";
}

static enum verdict verdict_of(const struct boot_seen *seen, const char *stop)
{
    if (!*stop)
        return is_proven(seen) ? VERDICT_ACCEPTED : VERDICT_UNDECIDED;
    if (seen->trouble || strcmp(stop, "time") == 0)
        return VERDICT_UNDECIDED;
    /* The system runs, and ends itself: nothing says why. */
    if (strcmp(stop, "kernel-fault") == 0)
        return VERDICT_UNDECIDED;
    if (strcmp(stop, "ended") == 0 && seen->console->stage >= CONSOLE_ROOT)
        return VERDICT_UNDECIDED;
    if (strcmp(stop, "no-settings") == 0 && !seen->settings_needed)
        return VERDICT_ACCEPTED;
    return VERDICT_REFUSED;
}

bool boot_starts_anew(const struct console *c, unsigned restarts)
{
    return c->stage >= CONSOLE_ROOT && c->stop == CONSOLE_GOES_ON &&
           restarts < BOOT_RESTARTS_MAX;
}

struct boot_verdict boot_judge(const struct boot_seen *seen)
{
    const struct console *c = seen->console;
    const struct stop *stop;
    enum verdict verdict;
    bool is_explained;

    if (seen->end == BOOT_NOT_STARTED)
        return (struct boot_verdict){VERDICT_UNDECIDED, "nothing", "",
                                     find_stop("")->ids};
    stop = find_stop(stop_of(seen));
    verdict = verdict_of(seen, stop->name);
    /* What ran out of time may have a reason that a check knows. */
    is_explained = verdict != VERDICT_UNDECIDED ||
                   (!seen->trouble && strcmp(stop->name, "time") == 0);
    return (struct boot_verdict){
        .verdict = verdict,
        .reached = c->has_settings ? "settings" : console_stage_name(c->stage),
        .stopped = stop->name,
        .ids = is_explained ? stop->ids : find_stop("")->ids,
    };
}

static bool is_among(const char *const *ids, const char *id)
{
    while (*ids && strcmp(*ids, id) != 0)
        ids++;
    return *ids != NULL;
}

static const struct finding *find(const struct report *report, const char *id,
                                  enum finding_level least)
{
    for (size_t i = 0; i < report->findings.n; i++) {
        const struct finding *f = &report->findings.v[i];

        if (f->level >= least && strcmp(f->id, id) == 0)
            return f;
    }
    return NULL;
}

/* Partitions that end past the disk, or lie in each other: whatever the start stumbled
 * over, that is why. */
static const char spoilt[] = "P05";

const struct finding *boot_finding(const struct boot_verdict *v,
                                   const struct report *report)
{
    if (is_among(v->ids, spoilt) && find(report, spoilt, LEVEL_ERROR))
        return find(report, spoilt, LEVEL_ERROR);
    for (enum finding_level least = LEVEL_ERROR; least > LEVEL_OFF; least--)
        for (const char *const *id = v->ids; *id; id++) {
            const struct finding *f = find(report, *id, least);

            if (f)
                return f;
        }
    return NULL;
}

void boot_weigh(struct boot_verdict *v, const struct boot_seen *seen,
                const struct report *report)
{
    if (!seen->emulated || !seen->console->waited_for_device ||
        strcmp(v->stopped, console_stop_name(CONSOLE_EMERGENCY)) != 0 ||
        boot_finding(v, report))
        return;
    v->verdict = VERDICT_UNDECIDED;
    v->ids = find_stop("")->ids;
}

static bool has_any(const struct report *report, const char *const *ids,
                    enum finding_level least)
{
    for (size_t i = 0; i < report->findings.n; i++)
        if (report->findings.v[i].level >= least &&
            is_among(ids, report->findings.v[i].id))
            return true;
    return false;
}

int boot_agrees(const struct boot_verdict *v, const struct boot_seen *seen,
                const struct report *report)
{
    bool starts = !has_any(report, starts_not, LEVEL_ERROR);

    if (seen->end == BOOT_NOT_STARTED || v->verdict == VERDICT_UNDECIDED ||
        report->verdict == VERDICT_UNDECIDED)
        return -1;
    if (strcmp(v->stopped, "no-settings") == 0)
        return starts && boot_finding(v, report);
    if (*v->stopped)
        return boot_finding(v, report) != NULL;
    return starts && (seen->quick || !has_any(report, settings_not, LEVEL_NOTE));
}
