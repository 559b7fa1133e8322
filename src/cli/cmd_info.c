/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "api/session.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/cmd.h"
#include "cli/progress.h"
#include "cli/release.h"
#include "cli/report.h"

static int run(const struct command *self, int argc, char **argv)
{
    bool as_json = false, private_redirects = false;
    const char *source = NULL, *format = NULL, *style = NULL;
    const struct option_row rows[] = {
        {"json", 0, NULL, &as_json},   {NULL, 'f', &format, NULL},
        {"progress", 0, &style, NULL}, {"private-redirects", 0, NULL, &private_redirects},
        {NULL, 0, NULL, NULL},
    };
    AUTO(text_releasep) char *text = NULL;
    AUTO(json_releasep) json_t *facts = NULL;
    struct imgport_error error;
    struct progress progress;
    struct term term;
    char shown[SESSION_SHOWN_MAX];
    int r = cmd_parse(self, argc, argv, rows, &source, 1, 1);

    if (r >= 0)
        return r;
    if (!progress_style(&progress, style))
        return cmd_usage(self, _("--progress takes json"));
    progress_init(&progress);
    r = imgport_info(&text,
                     &(struct imgport_info_options){
                         .source = {source, format, private_redirects},
                         .progress = progress_tell,
                         .progress_arg = &progress,
                     },
                     &error);
    progress_end(&progress);
    progress_die_if_signaled();
    if (r < 0)
        return cmd_fail_job(self, as_json, source, NULL, &error);
    facts = json_loads(text, 0, NULL);
    if (as_json) {
        puts(text);
    } else if (!report_is_only_error(facts, source)) {
        term_init(&term, stdout);
        report_print_facts(&term, facts, session_shown(shown, source));
    }
    return report_saw_everything(facts) ? EXIT_OK : EXIT_TROUBLE;
}

const struct command cmd_info = {
    .name = "info",
    .summary = N_("what is in an image"),
    .help = N_(
        "Usage: imgport info [OPTION ...] SOURCE\n"
        "\n"
        "Tells the format, the partitions, the system, its kernels and their drivers.\n"
        "SOURCE is a disk image (raw, VHD, QCOW2 or VMDK): a file, a block device,\n"
        "- (standard input) or an http:// or https:// URL.\n"
        "\n"
        "Options:\n"
        "  --json        the facts as JSON\n"
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
