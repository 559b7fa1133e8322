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

static void print_result(const json_t *r)
{
    static const struct {
        const char *sum, *name;
    } sums[] = {{"source_sha256", "source"}, {"dest_sha256", "dest"}};
    char disk[UNITS_MAX], data[UNITS_MAX], file[UNITS_MAX];

    printf(
        _("%s: disk of %s, %s of data, file of %s\n"),
        json_string_value(json_object_get(r, "dest")),
        units_bytes(disk,
                    (uint64_t)json_integer_value(json_object_get(r, "virtual_size"))),
        units_bytes(data, (uint64_t)json_integer_value(json_object_get(r, "data_bytes"))),
        units_bytes(file, (uint64_t)json_integer_value(json_object_get(r, "file_size"))));
    /* As sha256sum prints and checks it. */
    for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
        if (json_object_get(r, sums[i].sum))
            printf("%s  %s\n", json_string_value(json_object_get(r, sums[i].sum)),
                   json_string_value(json_object_get(r, sums[i].name)));
}

/* "4096", "64k", "2M", "50G": at most `most`. */
static bool parse_size(uint64_t *ret, const char *text, uint64_t most)
{
    size_t n = strlen(text);
    unsigned shift = 0;
    uint64_t value;

    if (n && strchr("kK", text[n - 1]))
        shift = 10;
    else if (n && text[n - 1] == 'M')
        shift = 20;
    else if (n && text[n - 1] == 'G')
        shift = 30;
    if (!text_u64(&value, bytes_of(text, shift ? n - 1 : n)) || value == 0 ||
        value > most >> shift)
        return false;
    *ret = value << shift;
    return true;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct imgport_convert_options options = {0};
    bool as_json = false;
    const char *words[2] = {NULL, NULL}, *threads = NULL, *cluster = NULL, *style = NULL,
               *stage = NULL, *reflink = NULL;
    const struct option_row rows[] = {
        {NULL, 'O', &options.format, NULL},
        {"subformat", 0, &options.subformat, NULL},
        {NULL, 'c', &options.compression, NULL},
        {"cluster-size", 0, &cluster, NULL},
        {NULL, 'j', &threads, NULL},
        {NULL, 'f', &options.source.format, NULL},
        {"overwrite", 0, NULL, &options.overwrite},
        {"checksum", 0, NULL, &options.checksum},
        {"verify", 0, NULL, &options.verify},
        {"no-sync", 0, NULL, &options.no_sync},
        {"reflink", 0, &reflink, NULL},
        {"json", 0, NULL, &as_json},
        {"progress", 0, &style, NULL},
        {"one-get", 0, NULL, &options.source.one_get},
        {"stage-max", 0, &stage, NULL},
        {"private-redirects", 0, NULL, &options.source.private_redirects},
        {NULL, 0, NULL, NULL},
    };
    AUTO(text_releasep) char *text = NULL;
    AUTO(json_releasep) json_t *result = NULL;
    struct imgport_error error;
    struct progress progress;
    uint64_t n = 0, cluster_size = 0;
    int r = cmd_parse(self, argc, argv, rows, words, 2, 2);

    if (r >= 0)
        return r;
    if (threads &&
        (!text_u64(&n, bytes_of(threads, strlen(threads))) || n == 0 || n > THREADS_MAX))
        return cmd_usage(self, _("-j takes a number from 1 to %d"), THREADS_MAX);
    if (cluster && !parse_size(&cluster_size, cluster, INT32_MAX))
        return cmd_usage(self,
                         _("--cluster-size takes a number of bytes, as 65536 or 64k"));
    if (stage && !parse_size(&options.stage_max, stage, INT64_MAX))
        return cmd_usage(self, _("--stage-max takes a number of bytes, as 50G"));
    if (reflink && strcmp(reflink, "auto") != 0 && strcmp(reflink, "never") != 0)
        return cmd_usage(self, _("--reflink takes auto or never"));
    options.no_reflink = reflink && strcmp(reflink, "never") == 0;
    if (!progress_style(&progress, style))
        return cmd_usage(self, _("--progress takes json"));
    progress_init(&progress);
    options.source.path = words[0];
    options.dest = words[1];
    options.threads = (unsigned)n;
    options.cluster_size = (unsigned)cluster_size;
    options.progress = progress_tell;
    options.progress_arg = &progress;
    r = imgport_convert(&text, &options, &error);
    progress_end(&progress);
    if (r < 0) {
        progress_die_if_signaled();
        return cmd_fail_job(self, as_json, words[0], words[1], &error);
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
    .summary = N_("convert it: to qcow2, raw, vhd or vmdk"),
    .help = N_(
        "Usage: imgport convert [OPTION ...] SOURCE DEST\n"
        "\n"
        "Writes the disk in SOURCE to DEST, which appears under its name only when it\n"
        "is whole and on the disk.  SOURCE is a file, a block device, - (standard "
        "input)\n"
        "or an http:// or https:// URL, and may be packed with gzip, xz or zstd.\n"
        "\n"
        "Options:\n"
        "  -O FORMAT     qcow2 (if none is given), raw, vhd or vmdk\n"
        "  --subformat KIND\n"
        "                of a vhd: dynamic or fixed; of a vmdk: monolithicSparse or\n"
        "                streamOptimized; the first is made if none is given\n"
        "  -c METHOD     compress the clusters of a qcow2: none, zlib or zstd\n"
        "  --cluster-size N\n"
        "                of a qcow2: 512 to 2M, else 64k\n"
        "  -j N          threads; else one a processor\n"
        "  -f FORMAT     SOURCE is declared to be raw, qcow2, vhd (vpc) or vmdk\n"
        "  --overwrite   replace DEST when it exists\n"
        "  --checksum    tell the SHA-256 of both files, read once more\n"
        "  --verify      read DEST back and compare it with SOURCE\n"
        "  --no-sync     do not wait until DEST is on the disk\n"
        "  --reflink WHEN\n"
        "                share blocks with SOURCE where the filesystem can: auto (if\n"
        "                none is given) or never\n"
        "  --json        sizes and formats as JSON\n"
        "  --progress=json\n"
        "                progress as lines of JSON on standard error\n"
        "  --one-get     ask a server once, for all of it, as a link wants that is good\n"
        "                for one access\n"
        "  --stage-max N what has to be a file before it can be read has at most so "
        "many\n"
        "                bytes; else 512G\n"
        "  --private-redirects\n"
        "                a URL may lead to a private address\n"
        "  --lang LANG   zh or en\n"
        "  --help        this text\n"
        "  --version     the version\n"),
    .run = run,
};
