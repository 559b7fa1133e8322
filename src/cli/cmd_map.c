/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/session.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/cmd.h"
#include "cli/map.h"
#include "cli/progress.h"
#include "cli/release.h"
#include "cli/report.h"

struct job {
    const struct map_printer *printer;
    void *state;
    const char *source;
    struct progress progress;
    bool printing; /* no line of progress any more where the report may be */
    bool missed;   /* something could not be looked at */
};

/* Nobody reads it: the rest need not be looked for. */
static int is_lost(void)
{
    return ferror(stdout) != 0;
}

static int layout(void *arg, const char *text)
{
    struct job *job = arg;
    AUTO(json_releasep) json_t *facts = json_loads(text, 0, NULL);
    char shown[SESSION_SHOWN_MAX];

    progress_end(&job->progress);
    job->printing = true;
    job->missed = !report_saw_everything(facts);
    job->printer->layout(job->state, facts, session_shown(shown, job->source));
    return is_lost();
}

static int list(void *arg, const char *device)
{
    struct job *job = arg;

    job->printer->list(job->state, device);
    return is_lost();
}

static int run_piece(void *arg, const struct imgport_run *r)
{
    struct job *job = arg;

    job->printer->run(job->state, r);
    return is_lost();
}

static int problem(void *arg, const char *message)
{
    struct job *job = arg;

    job->missed = true;
    job->printer->problem(job->state, message);
    return is_lost();
}

static int tell(void *arg, const struct imgport_progress *what)
{
    struct job *job = arg;

    if (job->printing && !job->progress.as_json)
        return progress_signal() != 0;
    return progress_tell(&job->progress, what);
}

static int map(struct job *job, const struct imgport_source *source)
{
    struct imgport_error error;
    int r = imgport_map(
        &(struct imgport_map_options){
            .source = *source,
            .layout = layout,
            .list = list,
            .run = run_piece,
            .problem = problem,
            .arg = job,
            .progress = tell,
            .progress_arg = job,
        },
        &error);

    if (!job->printing)
        progress_end(&job->progress);
    progress_die_if_signaled();
    job->printer->end(job->state, r < 0 ? error.message : NULL);
    if (is_lost())
        return EXIT_TROUBLE; /* main() says so */
    if (r < 0)
        return cmd_fail(&error);
    return job->missed ? EXIT_TROUBLE : EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
    bool as_json = false, as_svg = false;
    struct imgport_source source = {0};
    const char *style = NULL;
    const struct option_row rows[] = {
        {"json", 0, NULL, &as_json},
        {"svg", 0, NULL, &as_svg},
        {NULL, 'f', &source.format, NULL},
        {"progress", 0, &style, NULL},
        {"private-redirects", 0, NULL, &source.private_redirects},
        {NULL, 0, NULL, NULL},
    };
    AUTO(freep) void *state = NULL;
    struct job job = {.printer = &map_text};
    int r = cmd_parse(self, argc, argv, rows, &source.path, 1, 1);

    if (r >= 0)
        return r;
    if (!progress_style(&job.progress, style))
        return cmd_usage(self, _("--progress takes json"));
    if (as_json && as_svg)
        return cmd_usage(self, _("--json and --svg exclude each other"));
    if (as_json)
        job.printer = &map_json;
    if (as_svg)
        job.printer = &map_svg;
    state = calloc(1, job.printer->size);
    if (!state)
        return EXIT_TROUBLE;
    job.state = state;
    job.source = source.path;
    progress_init(&job.progress);
    return map(&job, &source);
}

const struct command cmd_map = {
    .name = "map",
    .summary = N_("where its bytes are stored, and what is free"),
    .help = N_(
        "Usage: imgport map [OPTION ...] SOURCE\n"
        "\n"
        "Tells which parts of the disk are stored, where in the file, and which are\n"
        "zeros or holes.  SOURCE is a disk image (raw, VHD, QCOW2 or VMDK): a file, a\n"
        "block device, - (standard input) or an http:// or https:// URL.\n"
        "\n"
        "Options:\n"
        "  --json        the same as JSON, with the areas of each filesystem\n"
        "  --svg         a picture of the disk, its partitions and filesystems\n"
        "  -f FORMAT     SOURCE is declared to be raw, qcow2, vhd (vpc) or vmdk\n"
        "  --progress=json\n"
        "                progress as lines of JSON on standard error\n"
        "  --private-redirects\n"
        "                a URL may lead to a private address\n"
        "  --lang LANG   zh or en\n"
        "  --help        this text\n"
        "  --version     the version\n"),
    .run = run,
};
