/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cli/cloud.h"
#include "cli/cmd.h"
#include "cli/release.h"
#include "cli/verb.h"

static const struct cloud_column columns[] = {
    {N_("TASK"), "TaskId"},         {N_("KIND"), "Kind"},   {N_("IMAGE"), "ImageId"},
    {N_("STATE"), "State"},         {N_("PHASE"), "Phase"}, {N_("REASON"), "Reason"},
    {N_("CREATED"), "CreatedTime"},
};

struct options {
    struct cloud c;
    const char *image;
    bool report;
};

static int list(struct options *o)
{
    AUTO(json_releasep) json_t *all = NULL;
    json_t *params = json_object();
    int r;

    if (o->image)
        json_object_set_new(params, "ImageId", json_string(o->image));
    r = cloud_list(&all, &o->c, CLOUD_OWN, "DescribeImportTasks", "TaskSet", params);
    return r == EXIT_OK
               ? cloud_print_answer(&o->c, all, "TaskSet", columns, ARRAY_SIZE(columns))
               : r;
}

static int show(struct options *o, const char *id)
{
    AUTO(json_releasep) json_t *answer = NULL;
    struct imgport_error e = {.exit_status = EXIT_REFUSED};
    const json_t *task;
    int r = cloud_call(&answer, &o->c, CLOUD_OWN, "DescribeImportTasks",
                       json_pack("{s:[s], s:b}", "TaskIds", id, "WithReport", o->report));

    if (r != EXIT_OK)
        return r;
    task = json_array_get(json_object_get(answer, "TaskSet"), 0);
    if (!task) {
        snprintf(e.message, sizeof e.message, _("there is no task %s of yours"), id);
        return cmd_fail(&e);
    }
    if (o->c.json)
        return cloud_print_json(task);
    cloud_print_fields(task);
    return EXIT_OK;
}

static int cancel(const struct command *self, struct options *o, const char *id)
{
    AUTO(json_releasep) json_t *answer = NULL;
    uint64_t number;
    int r;

    if (!text_u64(&number, bytes_of(id, strlen(id))) || number > INT64_MAX)
        return cmd_usage(self, _("\"%s\" is no number of a task"), id);
    r = cloud_call(&answer, &o->c, CLOUD_OWN, "CancelImportTask",
                   json_pack("{s:I}", "TaskId", (json_int_t)number));
    return r == EXIT_OK && o->c.json ? cloud_print_json(answer) : r;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct options o = {0};
    const struct option_row rows[] = {CLOUD_ROWS(o.c),
                                      {"image", 0, &o.image, NULL},
                                      {"report", 0, NULL, &o.report},
                                      {NULL, 0, NULL, NULL}};
    const char *words[2] = {NULL};
    bool is_list;
    int r = cmd_parse(self, argc, argv, rows, words, 1, 2);

    if (r >= 0)
        return r;
    is_list = strcmp(words[0], "list") == 0;
    if (!is_list && strcmp(words[0], "show") != 0 && strcmp(words[0], "cancel") != 0 &&
        strcmp(words[0], "wait") != 0)
        return cmd_usage(self, _("unknown word \"%s\""), words[0]);
    if (is_list && words[1])
        return cmd_usage(self, _("one argument too many: %s"), words[1]);
    if (!is_list && !words[1])
        return cmd_usage(self, _("an argument is missing"));
    r = verb_options(self, rows, words[0],
                     is_list                         ? "image"
                     : strcmp(words[0], "show") == 0 ? "report"
                                                     : "");
    if (r != EXIT_OK)
        return r;
    r = cloud_open(&o.c, self, argc, argv);
    if (r >= 0)
        return r;
    if (is_list)
        return list(&o);
    if (strcmp(words[0], "show") == 0)
        return show(&o, words[1]);
    if (strcmp(words[0], "cancel") == 0)
        return cancel(self, &o, words[1]);
    return cloud_follow(NULL, &o.c, words[1], false);
}

const struct command cmd_task = {
    .name = "task",
    .summary = N_("tasks of an image service"),
    .help =
        N_("Usage: imgport task list [--image IMAGE] [OPTION ...]\n"
           "       imgport task show TASK [--report] [OPTION ...]\n"
           "       imgport task cancel TASK [OPTION ...]\n"
           "       imgport task wait TASK|IMAGE [OPTION ...]\n"
           "\n"
           "Imports, copies and exports of an image service.  wait follows one until it\n"
           "ends, of an image the last one; its exit status is 1 where it failed.  Who\n"
           "asks and where is told as for imgport image.\n"
           "\n"
           "Options:\n"
           "  --image IMAGE      tasks of this image only\n"
           "  --report           with the report of the check\n"
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
