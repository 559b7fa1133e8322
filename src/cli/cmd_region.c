/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/cloud.h"
#include "cli/cmd.h"
#include "cli/release.h"

static int run(const struct command *self, int argc, char **argv)
{
    static const struct cloud_column regions[] = {{N_("REGION"), "Region"},
                                                  {N_("NAME"), "RegionName"},
                                                  {N_("STATE"), "RegionState"}};
    static const struct cloud_column zones[] = {
        {N_("ZONE"), "Zone"}, {N_("NAME"), "ZoneName"}, {N_("STATE"), "ZoneState"}};
    AUTO(json_releasep) json_t *answer = NULL;
    struct cloud c = {0};
    const struct option_row rows[] = {CLOUD_ROWS(c), {NULL, 0, NULL, NULL}};
    const char *words[1] = {NULL};
    bool of_regions;
    int r = cmd_parse(self, argc, argv, rows, words, 1, 1);

    if (r >= 0)
        return r;
    of_regions = strcmp(words[0], "list") == 0;
    if (!of_regions && strcmp(words[0], "zones") != 0)
        return cmd_usage(self, _("unknown word \"%s\""), words[0]);
    r = cloud_open(&c, self, argc, argv);
    if (r >= 0)
        return r;
    r = cloud_call(&answer, &c, CLOUD_CVM,
                   of_regions ? "DescribeRegions" : "DescribeZones", NULL);
    if (r != EXIT_OK)
        return r;
    return of_regions
               ? cloud_print_answer(&c, answer, "RegionSet", regions, ARRAY_SIZE(regions))
               : cloud_print_answer(&c, answer, "ZoneSet", zones, ARRAY_SIZE(zones));
}

const struct command cmd_region = {
    .name = "region",
    .summary = N_("regions of an image service"),
    .help =
        N_("Usage: imgport region list|zones [OPTION ...]\n"
           "\n"
           "Lists the regions of an image service, or the zones of one.  Who asks and\n"
           "where is told as for imgport image.\n"
           "\n"
           "Options:\n"
           "  --endpoint URL     the service, as http://127.0.0.1:8780\n"
           "  --secret-id ID     who asks\n"
           "  --secret-key KEY   that key's secret; better in the environment\n"
           "  --region REGION    ap-guangzhou, where none is told\n"
           "  --ca FILE          certificates to trust\n"
           "  --json             the answer as JSON\n"
           "  --lang LANG        zh or en\n"
           "  --help             this text\n"
           "  --version          the version\n"),
    .run = run,
};
