/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/cmd.h"
#include "cli/release.h"
#include "service/admin.h"

struct options {
    const char *config, *name, *language, *images, *shares;
    bool json, is_operator, import;
};

static void admin_closep(struct admin **a)
{
    admin_close(*a);
}

static int complain(const struct err *err)
{
    struct imgport_error error = {.exit_status = err_code_exit(err->code)};

    snprintf(error.message, sizeof error.message, "%s", err->msg);
    return cmd_fail(&error);
}

/* One line of a table, or its JSON. */
static void print_account(const json_t *j)
{
    printf("%s  %s  %-20s %s  %-8s  %s%s\n", json_string_value(json_object_get(j, "Uin")),
           json_string_value(json_object_get(j, "AppId")),
           json_string_value(json_object_get(j, "Name")),
           json_string_value(json_object_get(j, "Language")),
           json_string_value(json_object_get(j, "State")),
           json_string_value(json_object_get(j, "ImportPermission")),
           json_is_true(json_object_get(j, "Operator")) ? _("  operator") : "");
}

static void print_fields(const json_t *j)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)j, key, v)
    {
        AUTO(freep) char *text = NULL;

        if (json_is_array(v))
            continue;
        if (!json_is_string(v))
            text = json_dumps(v, JSON_ENCODE_ANY);
        printf("%-17s %s\n", key, text ? text : json_string_value(v));
    }
}

static int print(const json_t *j, const struct options *o)
{
    const json_t *item, *keys = json_object_get(j, "Keys");
    size_t i;

    if (o->json) {
        json_dumpf(j, stdout, JSON_INDENT(2));
        putchar('\n');
        return EXIT_OK;
    }
    if (!json_is_array(j))
        print_fields(j);
    json_array_foreach(j, i, item) print_account(item);
    json_array_foreach(keys, i, item) printf(
        "%-17s %s  %s\n", "Key", json_string_value(json_object_get(item, "SecretId")),
        json_string_value(json_object_get(item, "State")));
    return EXIT_OK;
}

static bool read_quota(long long *ret, const char *text)
{
    char *end;

    if (!text)
        return true;
    if (strcmp(text, "profile") == 0) {
        *ret = ADMIN_AS_PROFILE;
        return true;
    }
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return end != text && *end == '\0' && *ret >= 0 && errno == 0;
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(word, *words) != 0)
        words++;
    return *words;
}

static int run_keys(const struct command *self, struct admin *a, const struct options *o,
                    const char *const *words)
{
    AUTO(json_releasep) json_t *j = NULL;
    const char *verb = words[1], *who = words[2], *id = words[3];
    static const char *const of_keys[] = {"enable", "disable", "delete", NULL};
    bool is_new = verb && strcmp(verb, "new") == 0;
    struct err err = {0};
    int r;

    if (verb && !is_new && !is_one_of(verb, of_keys))
        return cmd_usage(self, _("unknown word \"%s\""), verb);
    if (!verb || !who || (!id && !is_new))
        return cmd_usage(self, _("an argument is missing"));
    if (is_new && id)
        return cmd_usage(self, _("one argument too many: %s"), id);
    if (is_new)
        r = admin_key_new(&j, a, who, &err);
    else if (strcmp(verb, "delete") == 0)
        r = admin_key_delete(a, who, id, &err);
    else
        r = admin_key_set(a, who, id, verb[0] == 'e', &err);
    if (r < 0)
        return complain(&err);
    return j ? print(j, o) : EXIT_OK;
}

static int run_words(const struct command *self, struct admin *a, const struct options *o,
                     const char *const *words)
{
    AUTO(json_releasep) json_t *j = NULL;
    static const char *const of_accounts[] = {"create", "show",   "set",     "grant",
                                              "refuse", "enable", "disable", NULL};
    struct admin_account wanted = ADMIN_ACCOUNT_NOTHING;
    const char *verb = words[0], *who = words[1];
    struct err err = {0};
    int r;

    if (strcmp(verb, "list") == 0) {
        r = admin_list(&j, a, &err);
        return r < 0 ? complain(&err) : print(j, o);
    }
    if (strcmp(verb, "key") == 0)
        return run_keys(self, a, o, words);
    if (!is_one_of(verb, of_accounts))
        return cmd_usage(self, _("unknown word \"%s\""), verb);
    if (!who)
        return cmd_usage(self, _("an argument is missing"));
    if (words[2])
        return cmd_usage(self, _("one argument too many: %s"), words[2]);
    if (!read_quota(&wanted.image_quota, o->images) ||
        !read_quota(&wanted.share_quota, o->shares))
        return cmd_usage(self, _("a quota is a number or \"profile\""));
    wanted.language = o->language;
    wanted.name = o->name;
    if (o->is_operator)
        wanted.is_operator = 1;
    if (o->import)
        wanted.may_import = 1;
    if (strcmp(verb, "create") == 0) {
        wanted.name = who;
        r = admin_create(&j, a, &wanted, &err);
    } else if (strcmp(verb, "show") == 0) {
        r = admin_show(&j, a, who, &err);
    } else {
        if (strcmp(verb, "grant") == 0 || strcmp(verb, "refuse") == 0)
            wanted.may_import = verb[0] == 'g';
        else if (strcmp(verb, "enable") == 0 || strcmp(verb, "disable") == 0)
            wanted.active = verb[0] == 'e';
        r = admin_set(&j, a, who, &wanted, &err);
    }
    return r < 0 ? complain(&err) : print(j, o);
}

static int run(const struct command *self, int argc, char **argv)
{
    AUTO(admin_closep) struct admin *a = NULL;
    struct options o = {NULL};
    const struct option_row rows[] = {
        {"config", 0, &o.config, NULL},
        {"name", 0, &o.name, NULL},
        {"language", 0, &o.language, NULL},
        {"images", 0, &o.images, NULL},
        {"shares", 0, &o.shares, NULL},
        {"operator", 0, NULL, &o.is_operator},
        {"import", 0, NULL, &o.import},
        {"json", 0, NULL, &o.json},
        {NULL, 0, NULL, NULL},
    };
    const char *words[5] = {NULL};
    struct err err = {0};
    int r = cmd_parse(self, argc, argv, rows, words, 1, 4);

    if (r >= 0)
        return r;
    if (o.language && strcmp(o.language, "zh") != 0 && strcmp(o.language, "en") != 0)
        return cmd_usage(self, _("unknown language \"%s\"; known are zh and en"),
                         o.language);
    if (admin_open(&a, o.config, &err) < 0)
        return complain(&err);
    return run_words(self, a, &o, words);
}

const struct command cmd_account = {
    .name = "account",
    .summary = N_("accounts of the image service"),
    .help = N_(
        "Usage: imgport account create NAME [OPTION ...]\n"
        "       imgport account list\n"
        "       imgport account show|grant|refuse|enable|disable WHO\n"
        "       imgport account set WHO [OPTION ...]\n"
        "       imgport account key new WHO\n"
        "       imgport account key enable|disable|delete WHO SECRETID\n"
        "\n"
        "Works on the catalogue of imgportd, which may be running.  create and key new\n"
        "print a SecretKey once; grant and refuse answer for the permission to import.\n"
        "WHO is a uin, an app id or a name.\n"
        "\n"
        "Options:\n"
        "  --config FILE    imgportd's configuration, where it is not the usual one\n"
        "  --name NAME      another name\n"
        "  --language LANG  zh or en: of messages to this account\n"
        "  --images N       images a region; profile: as the profile says\n"
        "  --shares N       accounts an image is shared with; likewise\n"
        "  --operator       may use the operator's actions\n"
        "  --import         may import, without asking first\n"
        "  --json           as JSON\n"
        "  --lang LANG      zh or en\n"
        "  --help           this text\n"
        "  --version        the version\n"),
    .run = run,
};
