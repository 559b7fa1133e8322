/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/boot.h"
#include "cli/cmd.h"
#include "cli/progress.h"
#include "cli/release.h"

/* A whole number above 0; NULL is 0. */
static bool parse_number(unsigned *ret, const char *s)
{
    char *end;
    unsigned long n;

    *ret = 0;
    if (!s)
        return true;
    n = strtoul(s, &end, 10);
    if (*s < '0' || *s > '9' || *end || n == 0 || n > 1 << 20)
        return false;
    *ret = (unsigned)n;
    return true;
}

static int run(const struct command *self, int argc, char **argv)
{
    static const int statuses[] = {
        [IMGPORT_ACCEPTED] = EXIT_OK,
        [IMGPORT_REFUSED] = EXIT_REFUSED,
        [IMGPORT_UNDECIDED] = EXIT_TROUBLE,
    };
    struct imgport_boot_options options = {.quick = false};
    const char *style = NULL, *timeout = NULL, *memory = NULL;
    bool as_json = false;
    const struct option_row rows[] = {
        {"json", 0, NULL, &as_json},
        {"profile", 0, &options.profile, NULL},
        {"force", 0, NULL, &options.force},
        {"quick", 0, NULL, &options.quick},
        {"timeout", 0, &timeout, NULL},
        {"memory", 0, &memory, NULL},
        {"accel", 0, &options.accelerator, NULL},
        {"user", 0, &options.user, NULL},
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
    if (!parse_number(&options.timeout, timeout))
        return cmd_usage(self, _("--timeout takes seconds"));
    if (!parse_number(&options.memory, memory))
        return cmd_usage(self, _("--memory takes MiB"));
    progress_init(&progress);
    options.language = cmd_language(as_json);
    options.progress = progress_tell;
    options.progress_arg = &progress;
    r = imgport_boot(&text, &verdict, &options, &error);
    progress_end(&progress);
    progress_die_if_signaled();
    if (r < 0)
        return cmd_fail_job(self, as_json, options.source.path, NULL, &error);
    if (as_json) {
        puts(text);
        return statuses[verdict];
    }
    report = json_loads(text, 0, NULL);
    if (boot_is_only_error(report, options.source.path))
        return EXIT_TROUBLE;
    term_init(&term, stdout);
    boot_print(&term, report);
    return statuses[verdict];
}

const struct command cmd_boot = {
    .name = "boot",
    .summary = N_("does it start, and take its settings"),
    .help = N_(
        "Usage: imgport boot [OPTION ...] SOURCE\n"
        "\n"
        "Starts a disk image on virtual hardware as a cloud has it (virtio), with\n"
        "settings of its own, and says how far it came, by the lines of its console.\n"
        "Nothing is written to SOURCE.  SOURCE is a file, a block device, - (standard\n"
        "input) or an http:// or https:// URL.  It takes a minute or more, and QEMU.\n"
        "\n"
        "Options:\n"
        "  --quick            only kernel and initramfs, until the root is mounted\n"
        "  --profile NAME     the rules that a check is made by, and whether settings\n"
        "                     are needed\n"
        "  --force            as a forced import: settings are not needed\n"
        "  --timeout SECONDS  how long to wait (600)\n"
        "  --memory MIB       of the machine (512)\n"
        "  --accel HOW        tcg (emulated, the default), kvm, or probe: try\n"
        "  --user NAME        who QEMU runs as, if root starts it (nobody)\n"
        "  --json             the report as JSON\n"
        "  -f FORMAT          SOURCE is declared to be raw, qcow2, vhd (vpc) or vmdk\n"
        "  --progress=json    progress as lines of JSON on standard error\n"
        "  --private-redirects  a URL may lead to a private address\n"
        "  --lang LANG        zh or en\n"
        "  --help             this text\n"
        "  --version          the version\n"
        "\n"
        "Exit status: 0 it starts, 1 it does not, or takes no settings, 2 wrong usage,\n"
        "3 it could not be tried, or time ran out.\n"),
    .run = run,
};
