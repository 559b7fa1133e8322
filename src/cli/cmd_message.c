/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cli/cloud.h"
#include "cli/cmd.h"
#include "cli/release.h"
#include "cli/verb.h"

static const struct cloud_column columns[] = {
    {N_("MESSAGE"), "MessageId"},
    {N_("READ"), "Read"},
    {N_("CREATED"), "CreatedTime"},
    {N_("SUBJECT"), "Subject"},
};

struct options {
    struct cloud c;
    const char *image;
    bool unread;
};

static int all(json_t **ret, struct options *o)
{
    json_t *params = json_object();

    if (o->image)
        json_object_set_new(params, "ImageId", json_string(o->image));
    if (o->unread)
        json_object_set_new(params, "Unread", json_true());
    return cloud_list(ret, &o->c, CLOUD_OWN, "DescribeMessages", "MessageSet", params);
}

static int list(struct options *o)
{
    AUTO(json_releasep) json_t *messages = NULL;
    int r = all(&messages, o);

    return r == EXIT_OK ? cloud_print_answer(&o->c, messages, "MessageSet", columns,
                                             ARRAY_SIZE(columns))
                        : r;
}

/* A line of it, which a terminal cannot be hurt by. */
static void print_line(struct bytes line)
{
    char clean[2048];

    text_clean(clean, sizeof clean, line, sizeof clean - 1);
    puts(clean);
}

static void print(const json_t *message)
{
    const char *subject = json_string_value(json_object_get(message, "Subject"));
    const char *body = json_string_value(json_object_get(message, "Body"));
    struct bytes text = bytes_of(body ? body : "", body ? strlen(body) : 0), line;

    if (subject)
        print_line(bytes_of(subject, strlen(subject)));
    putchar('\n');
    while (text_next_line(&text, &line))
        print_line(line);
}

/* Who has seen it has read it. */
static int show(struct options *o, json_int_t id)
{
    AUTO(json_releasep) json_t *messages = NULL;
    AUTO(json_releasep) json_t *answer = NULL;
    struct imgport_error e = {.exit_status = EXIT_REFUSED};
    const json_t *row, *found = NULL;
    size_t i;
    int r = all(&messages, o);

    if (r != EXIT_OK)
        return r;
    json_array_foreach(json_object_get(messages, "MessageSet"), i, row)
    {
        if (json_integer_value(json_object_get(row, "MessageId")) == id)
            found = row;
    }
    if (!found) {
        snprintf(e.message, sizeof e.message, _("there is no message %lld of yours"),
                 (long long)id);
        return cmd_fail(&e);
    }
    if (o->c.json)
        cloud_print_json(found);
    else
        print(found);
    return cloud_call(&answer, &o->c, CLOUD_OWN, "ReadMessage",
                      json_pack("{s:I}", "MessageId", id));
}

static int run(const struct command *self, int argc, char **argv)
{
    struct options o = {0};
    const struct option_row rows[] = {CLOUD_ROWS(o.c),
                                      {"image", 0, &o.image, NULL},
                                      {"unread", 0, NULL, &o.unread},
                                      {NULL, 0, NULL, NULL}};
    const char *words[2] = {NULL};
    uint64_t id = 0;
    bool is_list;
    int r = cmd_parse(self, argc, argv, rows, words, 1, 2);

    if (r >= 0)
        return r;
    is_list = strcmp(words[0], "list") == 0;
    if (!is_list && strcmp(words[0], "show") != 0)
        return cmd_usage(self, _("unknown word \"%s\""), words[0]);
    if (is_list && words[1])
        return cmd_usage(self, _("one argument too many: %s"), words[1]);
    if (!is_list && !words[1])
        return cmd_usage(self, _("an argument is missing"));
    if (!is_list &&
        (!text_u64(&id, bytes_of(words[1], strlen(words[1]))) || id > INT64_MAX))
        return cmd_usage(self, _("\"%s\" is no number of a message"), words[1]);
    r = verb_options(self, rows, words[0], is_list ? "image unread" : "");
    if (r != EXIT_OK)
        return r;
    r = cloud_open(&o.c, self, argc, argv);
    if (r >= 0)
        return r;
    return is_list ? list(&o) : show(&o, (json_int_t)id);
}

const struct command cmd_message = {
    .name = "message",
    .summary = N_("messages of an image service"),
    .help =
        N_("Usage: imgport message list [--unread] [--image IMAGE]\n"
           "       imgport message show MESSAGE\n"
           "\n"
           "What an image service tells an account: what became of imports, copies and\n"
           "exports, and the passwords it made for instances.  show marks one as read.\n"
           "Who asks and where is told as for imgport image.\n"
           "\n"
           "Options:\n"
           "  --unread           only those that were not read\n"
           "  --image IMAGE      only those on this image\n"
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
