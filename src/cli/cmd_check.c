/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/cmd.h"
#include "cli/compare.h"
#include "cli/progress.h"
#include "cli/release.h"
#include "cli/report.h"

static int run(const struct command *self, int argc, char **argv)
{
    static const int statuses[] = {
        [IMGPORT_ACCEPTED] = EXIT_OK,
        [IMGPORT_REFUSED] = EXIT_REFUSED,
        [IMGPORT_UNDECIDED] = EXIT_TROUBLE,
    };
    struct imgport_check_options options = {0};
    bool as_json = false;
    const char *style = NULL;
    const struct option_row rows[] = {
        {"json", 0, NULL, &as_json},
        {"profile", 0, &options.profile, NULL},
        {"force", 0, NULL, &options.force},
        {"os-type", 0, &options.os_type, NULL},
        {"os-version", 0, &options.os_version, NULL},
        {"arch", 0, &options.arch, NULL},
        {"license", 0, &options.license, NULL},
        {"sha256", 0, &options.sha256, NULL},
        {"scan", 0, NULL, &options.scan}, /* files are scanned anyway */
        {NULL, 'f', &options.source.format, NULL},
        {"progress", 0, &style, NULL},
        {"private-redirects", 0, NULL, &options.source.private_redirects},
        {NULL, 0, NULL, NULL},
    };
    AUTO(text_releasep) char *text = NULL;
    AUTO(json_releasep) json_t *report = NULL;
    enum imgport_verdict verdict;
    struct imgport_error error;
    struct progress progress;
    struct term term;
    int r = cmd_parse(self, argc, argv, rows, &options.source.path, 1, 1);

    if (r >= 0)
        return r;
    if (!progress_style(&progress, style))
        return cmd_usage(self, _("--progress takes json"));
    progress_init(&progress);
    options.language = cmd_language(as_json);
    options.progress = progress_tell;
    options.progress_arg = &progress;
    r = imgport_check(&text, &verdict, &options, &error);
    progress_end(&progress);
    progress_die_if_signaled();
    if (r < 0)
        return cmd_fail_job(self, as_json, options.source.path, NULL, &error);
    if (as_json) {
        puts(text);
        return statuses[verdict];
    }
    report = json_loads(text, 0, NULL);
    if (report_is_only_error(json_object_get(report, "facts"), options.source.path))
        return EXIT_TROUBLE;
    term_init(&term, stdout);
    if (json_object_get(report, "reports"))
        compare_print(&term, report);
    else
        report_print(&term, report);
    return statuses[verdict];
}

const struct command cmd_check = {
    .name = "check",
    .summary = N_("will a cloud accept it, and what must change"),
    .help =
        N_("Usage: imgport check [OPTION ...] SOURCE\n"
           "\n"
           "Judges a disk image by the rules of a cloud, without booting, mounting or\n"
           "uploading it, and says what to change.  SOURCE is a file, a block device, -\n"
           "(standard input) or an http:// or https:// URL.\n"
           "\n"
           "Options:\n"
           "  --profile NAME     the rules: a name (imgport profile list) or a file;\n"
           "                     several, with commas between, make a table\n"
           "  --force            as a forced import: cloud-init is not asked for\n"
           "  --os-type T        the system the import request will declare\n"
           "  --os-version V     its version\n"
           "  --arch A           its processor: x86_64, i386 or arm64\n"
           "  --license BYOL     its licence is your own\n"
           "  --sha256 SUM       the checksum that the file must have\n"
           "  --scan             read a remote image whole where its size decides\n"
           "  --json             the report as JSON\n"
           "  -f FORMAT          SOURCE is declared to be raw, qcow2, vhd (vpc) or vmdk\n"
           "  --progress=json    progress as lines of JSON on standard error\n"
           "  --private-redirects  a URL may lead to a private address\n"
           "  --lang LANG        zh or en\n"
           "  --help             this text\n"
           "  --version          the version\n"
           "\n"
           "Exit status: 0 accepted, 1 refused, 2 wrong usage, 3 could not look.\n"),
    .run = run,
};
