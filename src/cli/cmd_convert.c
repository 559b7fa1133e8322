/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cli/cmd.h"
#include "cli/progress.h"
#include "cli/release.h"
#include "cli/units.h"

enum { THREADS_MAX = 64 };

static int not_yet(const char *what)
{
    fprintf(stderr, _("imgport: %s comes with a later version\n"), what);
    return EXIT_TROUBLE;
}

static void print_result(const json_t *r)
{
    char disk[UNITS_MAX], data[UNITS_MAX], file[UNITS_MAX];

    printf(
        _("%s: disk of %s, %s of data, file of %s\n"),
        json_string_value(json_object_get(r, "dest")),
        units_bytes(disk,
                    (uint64_t)json_integer_value(json_object_get(r, "virtual_size"))),
        units_bytes(data, (uint64_t)json_integer_value(json_object_get(r, "data_bytes"))),
        units_bytes(file, (uint64_t)json_integer_value(json_object_get(r, "file_size"))));
}

static int run(const struct command *self, int argc, char **argv)
{
    struct imgport_convert_options options = {0};
    bool as_json = false, checksum = false, verify = false;
    const char *words[2] = {NULL, NULL}, *threads = NULL;
    const struct option_row rows[] = {
        {NULL, 'O', &options.format, NULL},
        {NULL, 'c', &options.compression, NULL},
        {NULL, 'j', &threads, NULL},
        {NULL, 'f', &options.source.format, NULL},
        {"overwrite", 0, NULL, &options.overwrite},
        {"checksum", 0, NULL, &checksum},
        {"verify", 0, NULL, &verify},
        {"json", 0, NULL, &as_json},
        {NULL, 0, NULL, NULL},
    };
    AUTO(text_releasep) char *text = NULL;
    AUTO(json_releasep) json_t *result = NULL;
    struct imgport_error error;
    struct progress progress;
    uint64_t n = 0;
    int r = cmd_parse(self, argc, argv, rows, words, 2, 2);

    if (r >= 0)
        return r;
    if (threads &&
        (!text_u64(&n, bytes_of(threads, strlen(threads))) || n == 0 || n > THREADS_MAX))
        return cmd_usage(self, _("-j takes a number from 1 to %d"), THREADS_MAX);
    if (checksum)
        return not_yet("--checksum");
    if (verify)
        return not_yet("--verify");
    progress_init(&progress);
    options.source.path = words[0];
    options.dest = words[1];
    options.threads = (unsigned)n;
    options.progress = progress_tell;
    options.progress_arg = &progress;
    r = imgport_convert(&text, &options, &error);
    progress_end(&progress);
    if (r < 0) {
        progress_die_if_signaled();
        return cmd_fail(&error);
    }
    if (as_json) {
        puts(text);
        return EXIT_OK;
    }
    result = json_loads(text, 0, NULL);
    print_result(result);
    return EXIT_OK;
}

const struct command cmd_convert = {
    .name = "convert",
    .summary = N_("make a qcow2 of it"),
    .help = N_(
        "Usage: imgport convert [OPTION ...] SOURCE DEST\n"
        "\n"
        "Writes the disk in SOURCE to DEST, which appears under its name only when it\n"
        "is whole and on the disk.\n"
        "\n"
        "Options:\n"
        "  -O FORMAT     qcow2 (the only one so far)\n"
        "  -c METHOD     compress clusters: none, zlib or zstd\n"
        "  -j N          threads; else one a processor\n"
        "  -f FORMAT     SOURCE is declared to be raw, qcow2, vhd (vpc) or vmdk\n"
        "  --overwrite   replace DEST when it exists\n"
        "  --checksum    not in this version\n"
        "  --verify      not in this version\n"
        "  --json        sizes and formats as JSON\n"
        "  --lang LANG   zh or en\n"
        "  --help        this text\n"
        "  --version     the version\n"),
    .run = run,
};
