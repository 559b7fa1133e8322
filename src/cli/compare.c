/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/compare.h"

#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/release.h"
#include "cli/report.h"

enum { FIRST_COLUMN = 10, GAP = 2 };

static const char *const levels[] = {N_("note"), N_("warning"), N_("error")};

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static int rank(const json_t *finding)
{
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
        if (strcmp(text(finding, "level"), levels[i]) == 0)
            return (int)i;
    return -1;
}

/* The same thing said by two profiles, at whatever level. */
static bool is_same(const json_t *a, const json_t *b)
{
    return strcmp(text(a, "id"), text(b, "id")) == 0 &&
           strcmp(text(a, "subject"), text(b, "subject")) == 0 &&
           strcmp(text(a, "detail"), text(b, "detail")) == 0;
}

/* All findings of all reports, each once, as the profile has it that minds most; errors
 * first, in the order of the reports. */
static json_t *merge(const json_t *reports)
{
    json_t *all = json_array(), *sorted = json_array();
    const json_t *report;
    json_t *f, *seen = NULL;
    size_t i, j, k;

    json_array_foreach(reports, i, report)
    {
        json_array_foreach(json_object_get(report, "findings"), j, f)
        {
            json_array_foreach(all, k, seen)
            {
                if (is_same(f, seen))
                    break;
            }
            if (k == json_array_size(all))
                json_array_append(all, f);
            else if (rank(f) > rank(seen))
                json_array_set(all, k, f);
        }
    }
    for (size_t level = ARRAY_SIZE(levels); level-- > 0;)
        json_array_foreach(all, k, f) if (rank(f) == (int)level)
            json_array_append(sorted, f);
    json_decref(all);
    return sorted;
}

static int width_of(const json_t *report)
{
    const char *cells[] = {text(report, "profile"), text(report, "code"),
                           i18n_text(text(report, "verdict")), _("warning")};
    int width = 0;

    for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
        int columns = term_columns(cells[i], strlen(cells[i]));

        width = columns > width ? columns : width;
    }
    return width + GAP;
}

static void print_cell(const struct term *t, enum term_style style, const char *s,
                       int width)
{
    int pad = width - term_columns(s, strlen(s));

    term_print(t, style, "%s", s);
    fprintf(t->out, "%*s", pad > 0 ? pad : 1, "");
}

static enum term_style style_of(const char *word)
{
    if (strcmp(word, "accepted") == 0)
        return STYLE_GOOD;
    if (strcmp(word, "refused") == 0 || strcmp(word, "error") == 0)
        return STYLE_BAD;
    if (strcmp(word, "undecided") == 0 || strcmp(word, "warning") == 0)
        return STYLE_WARNING;
    return STYLE_DIM;
}

static void print_row(const struct term *t, const json_t *reports, const char *title,
                      const char *key)
{
    const json_t *report;
    size_t i;

    print_cell(t, STYLE_BOLD, title, FIRST_COLUMN);
    json_array_foreach(reports, i, report)
    {
        const char *word = text(report, key);

        print_cell(t, strcmp(key, "profile") == 0 ? STYLE_BOLD : style_of(word),
                   strcmp(key, "verdict") == 0 ? i18n_text(word) : word,
                   width_of(report));
    }
    fputc('\n', t->out);
}

/* How a profile minds the finding; "-" when it does not. */
static const char *level_in(const json_t *report, const json_t *finding)
{
    const json_t *f;
    size_t i;

    json_array_foreach(json_object_get(report, "findings"), i, f)
    {
        if (is_same(f, finding))
            return text(f, "level");
    }
    return "-";
}

static void print_findings_rows(const struct term *t, const json_t *reports,
                                const json_t *findings)
{
    const json_t *f, *report;
    size_t i, k;

    json_array_foreach(findings, i, f)
    {
        print_cell(t, STYLE_BOLD, text(f, "id"), FIRST_COLUMN);
        json_array_foreach(reports, k, report)
        {
            const char *level = level_in(report, f);

            print_cell(t, style_of(level), i18n_text(level), width_of(report));
        }
        term_print(t, STYLE_DIM, "%s\n", text(f, "subject"));
    }
}

void compare_print(const struct term *t, const json_t *report)
{
    const json_t *reports = json_object_get(report, "reports");
    AUTO(json_releasep) json_t *findings = merge(reports);
    const json_t *one;
    size_t i;

    report_print_facts(t, json_object_get(report, "facts"), text(report, "source"));
    fputc('\n', t->out);
    print_row(t, reports, "", "profile");
    print_row(t, reports, _("verdict"), "verdict");
    print_row(t, reports, _("code"), "code");
    print_findings_rows(t, reports, findings);
    report_print_findings(t, findings);
    json_array_foreach(reports, i, one)
    {
        const json_t *error = json_object_get(one, "error");

        if (json_is_object(error))
            term_print(t, STYLE_WARNING, "\n%s: %s\n", text(one, "profile"),
                       text(error, "message"));
    }
}
