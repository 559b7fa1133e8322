/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/cmd.h"
#include "cli/release.h"

static int list(void)
{
    AUTO(text_releasep) char *text = NULL;
    AUTO(json_releasep) json_t *profiles = NULL;
    struct imgport_error error;
    const json_t *p;
    size_t i;

    if (imgport_profile_list(&text, &error) < 0)
        return cmd_fail(&error);
    profiles = json_loads(text, 0, NULL);
    json_array_foreach(profiles, i, p)
    {
        const char *name = json_string_value(json_object_get(p, "name"));

        printf("%-20s %s%s\n", name, json_string_value(json_object_get(p, "title")),
               strcmp(name, imgport_profile_default()) == 0 ? _(" (default)") : "");
    }
    return EXIT_OK;
}

static int show(const char *name)
{
    AUTO(text_releasep) char *text = NULL;
    struct imgport_error error;

    if (imgport_profile_show(&text, name, &error) < 0)
        return cmd_fail(&error);
    fputs(text, stdout);
    return EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
    const struct option_row rows[] = {{NULL, 0, NULL, NULL}};
    const char *words[2] = {NULL, NULL};
    int r = cmd_parse(self, argc, argv, rows, words, 1, 2);

    if (r >= 0)
        return r;
    if (strcmp(words[0], "list") == 0)
        return words[1] ? cmd_usage(self, _("one argument too many: %s"), words[1])
                        : list();
    if (strcmp(words[0], "show") == 0)
        return words[1] ? show(words[1]) : cmd_usage(self, _("show needs a name"));
    return cmd_usage(self, _("unknown word \"%s\""), words[0]);
}

const struct command cmd_profile = {
    .name = "profile",
    .summary = N_("the rules there are"),
    .help = N_("Usage: imgport profile list\n"
               "       imgport profile show NAME\n"
               "\n"
               "Lists the installed profiles, or prints one: a file that can be copied, "
               "changed\n"
               "and given to check --profile by its path.\n"
               "\n"
               "Options:\n"
               "  --lang LANG   zh or en\n"
               "  --help        this text\n"
               "  --version     the version\n"),
    .run = run,
};
