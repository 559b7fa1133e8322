/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/boot.h"

#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/report.h"

struct word {
    const char *word, *text;
};

static const struct word stages[] = {
    {"silent", N_("nothing was said")},
    {"firmware", N_("the firmware")},
    {"loader", N_("the boot loader")},
    {"kernel", N_("the kernel")},
    {"initramfs", N_("the initramfs")},
    {"root", N_("the root filesystem is mounted")},
    {"userland", N_("the system starts")},
    {"login", N_("the login")},
    {"settings", N_("it took its settings")},
};

static const struct word stops[] = {
    {"no-boot", N_("the firmware finds nothing to start")},
    {"loader", N_("the boot loader does not go on")},
    {"kernel", N_("the kernel gives up")},
    {"kernel-fault", N_("the kernel broke, which may be the machine's fault")},
    {"kernel-no-root", N_("the kernel finds no root filesystem")},
    {"initramfs-no-root", N_("the initramfs finds no root filesystem")},
    {"emergency", N_("the system gives up and asks for maintenance")},
    {"no-settings", N_("the system starts, but takes no settings")},
    {"ended", N_("the machine ended by itself")},
    {"time", N_("time ran out")},
};

static const char *find(const struct word *v, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].word, word) == 0)
            return i18n_text(v[i].text);
    return word;
}

const char *boot_stage(const char *reached)
{
    return find(stages, ARRAY_SIZE(stages), reached);
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static double seconds_of(const json_t *o)
{
    return (double)json_integer_value(json_object_get(o, "ms")) / 1000;
}

static const char *outcome(const json_t *report)
{
    const char *stopped = text(report, "stopped");

    if (*stopped)
        return find(stops, ARRAY_SIZE(stops), stopped);
    if (strcmp(text(report, "reached"), "nothing") == 0)
        return _("nothing was started");
    return boot_stage(text(report, "reached"));
}

static void print_verdict(const struct term *t, const json_t *report)
{
    const char *verdict = text(report, "verdict");
    const json_t *error = json_object_get(report, "error");

    if (strcmp(verdict, "accepted") == 0)
        term_print(t, STYLE_GOOD, "%s", _("starts"));
    else if (strcmp(verdict, "refused") == 0)
        term_print(t, STYLE_BAD, "%s", _("does not start as it has to"));
    else
        term_print(t, STYLE_WARNING, "%s", _("undecided"));
    fprintf(t->out, ": %s\n", outcome(report));
    if (!json_is_object(error))
        return;
    fputs("  ", t->out);
    term_print(t, STYLE_WARNING, "%s: ", text(error, "layer"));
    term_wrap(t, 2, true, STYLE_PLAIN, text(error, "message"));
}

static void print_lines(const struct term *t, const char *title, const json_t *lines)
{
    const json_t *l;
    size_t i;

    if (json_array_size(lines) == 0)
        return;
    fputc('\n', t->out);
    term_print(t, STYLE_BOLD, "%s\n", title);
    json_array_foreach(lines, i, l)
    {
        fprintf(t->out, "  %6.1f s  ", seconds_of(l));
        term_print(t, STYLE_DIM, "%s\n", text(l, "line"));
    }
}

static void print_how(const struct term *t, const json_t *report)
{
    bool quick = strcmp(text(report, "mode"), "quick") == 0;

    if (strcmp(text(report, "reached"), "nothing") == 0)
        return;
    /* How it was started, what ran it, for how long. */
    fprintf(t->out, _("  %s, %s, %.0f s\n"),
            quick ? _("kernel and initramfs alone") : text(report, "firmware"),
            text(report, "accelerator"), seconds_of(report));
}

static void print_check(const struct term *t, const json_t *report)
{
    const json_t *check = json_object_get(report, "check");
    const json_t *agrees = json_object_get(check, "agrees");
    const char *code = text(check, "code");

    fputc('\n', t->out);
    /* Profile, verdict, code. */
    fprintf(t->out, _("The check by %s says: %s%s%s\n"), text(report, "profile"),
            text(check, "verdict"), *code ? ", " : "", code);
    if (json_is_false(agrees))
        term_print(t, STYLE_WARNING, "%s\n",
                   _("That is not what was seen here: the start is the stronger proof."));
}

static void print_finding(const struct term *t, json_t *finding)
{
    AUTO(json_decrefp) json_t *list = json_array();

    if (!json_is_object(finding) || !list || json_array_append(list, finding) < 0)
        return;
    report_print_findings(t, list);
}

bool boot_is_only_error(const json_t *report, const char *source)
{
    const json_t *error = json_object_get(report, "error");

    if (strcmp(text(error, "layer"), "source") != 0 ||
        strcmp(text(report, "reached"), "nothing") != 0)
        return false;
    report_complain(source, text(error, "message"));
    return true;
}

void boot_print(const struct term *t, const json_t *report)
{
    bool stopped = *text(report, "stopped");

    print_verdict(t, report);
    print_how(t, report);
    print_lines(t, _("What its console said"), json_object_get(report, "evidence"));
    if (stopped)
        print_lines(t, _("Its last lines"), json_object_get(report, "last_lines"));
    print_finding(t, json_object_get(report, "finding"));
    print_check(t, report);
}
