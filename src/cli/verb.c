/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/verb.h"

#include <string.h>

#include "base/i18n.h"

json_t *words_json(const struct words *w, size_t from)
{
    json_t *list = json_array();

    for (size_t i = from; i < w->n; i++)
        json_array_append_new(list, json_string(w->v[i]));
    return list;
}

void put_text(json_t *o, const char *name, const char *text)
{
    if (text)
        json_object_set_new(o, name, json_string(text));
}

static bool is_listed(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = list; (at = strstr(at, word)); at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

int verb_options(const struct command *self, const struct option_row *rows,
                 const char *verb, const char *options)
{
    for (; rows->text || rows->flag; rows++) {
        const char letter[] = {rows->letter, '\0'};
        const char *name = rows->name ? rows->name : letter;
        bool is_given = rows->text ? *rows->text != NULL : *rows->flag;

        if (is_given && !is_listed(CLOUD_OPTIONS, name) && !is_listed(options, name))
            return cmd_usage(self, _("%s has no option %s%s"), verb,
                             rows->name ? "--" : "-", name);
    }
    return EXIT_OK;
}

int verb_run(const struct command *self, int argc, char **argv,
             const struct option_row *rows, const struct verb *verbs, struct cloud *c,
             struct options *o)
{
    const char *words[WORDS_MAX + 1] = {NULL};
    struct words behind = {.v = words + 1};
    const struct verb *verb = verbs;
    int r = cmd_parse(self, argc, argv, rows, words, 1, WORDS_MAX);

    if (r >= 0)
        return r;
    while (words[behind.n + 1])
        behind.n++;
    while (verb->name && strcmp(words[0], verb->name) != 0)
        verb++;
    if (!verb->name)
        return cmd_usage(self, _("unknown word \"%s\""), words[0]);
    if (behind.n < verb->min)
        return cmd_usage(self, _("an argument is missing"));
    if (behind.n > verb->max)
        return cmd_usage(self, _("one argument too many: %s"), words[verb->max + 1]);
    r = verb_options(self, rows, verb->name, verb->options);
    if (r != EXIT_OK)
        return r;
    r = cloud_open(c, self, argc, argv);
    return r >= 0 ? r : verb->run(self, o, &behind);
}
