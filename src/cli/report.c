/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/report.h"

#include <string.h>

#include "api/report.h"
#include "api/session.h"
#include "base/err.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cli/layout.h"
#include "cli/units.h"

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static uint64_t number(const json_t *o, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(o, key));
}

static void print_error(const struct term *t, const json_t *error, const char *message)
{
    const char *subject = text(error, "subject");

    fputs("  ", t->out);
    term_print(t, STYLE_WARNING, "%s%s%s: ", text(error, "layer"), *subject ? ", " : "",
               subject);
    term_wrap(t, 2, true, STYLE_PLAIN, message);
}

/* Of the facts, which are in English. */
static const char *problem_told(char ret[ERR_TOLD_MAX], const json_t *problem)
{
    return err_told(ret, text(problem, "code"), text(problem, "message"));
}

static void print_verdict(const struct term *t, const json_t *report)
{
    const char *verdict = text(report, "verdict"), *code = text(report, "code");
    const char *profile = text(report, "profile");
    const json_t *error = json_object_get(report, "error");

    if (strcmp(verdict, "accepted") == 0) {
        term_print(t, STYLE_GOOD, "%s", _("accepted"));
        fprintf(t->out, _(" by %s"), profile);
    } else if (strcmp(verdict, "refused") == 0) {
        term_print(t, STYLE_BAD, "%s", _("refused"));
        fprintf(t->out, _(" by %s"), profile);
        if (*code)
            term_print(t, STYLE_BAD, ": %s", code);
    } else {
        term_print(t, STYLE_WARNING, "%s", _("undecided"));
        fprintf(t->out, _(" for %s: not everything could be looked at"), profile);
    }
    fputc('\n', t->out);
    if (json_is_object(error))
        print_error(t, error, text(error, "message"));
}

static void print_image(const struct term *t, const json_t *image, const char *source)
{
    char size[UNITS_MAX], file[UNITS_MAX], q[UNITS_MAX];

    term_print(t, STYLE_BOLD, "%s\n", source);
    if (strcmp(text(image, "fault"), "unreachable") == 0) /* nothing of it was seen */
        return;
    fprintf(t->out, "  %s%s%s", text(image, "format"), *text(image, "kind") ? " " : "",
            text(image, "kind"));
    if (*text(image, "other"))
        fprintf(t->out, " (%s)", text(image, "other"));
    if (number(image, "virtual_size"))
        fprintf(t->out, _(", disk of %s"),
                units_bytes(size, number(image, "virtual_size")));
    fprintf(t->out, _(", file of %s"), units_bytes(file, number(image, "file_size")));
    if (number(image, "qcow2_size"))
        fprintf(t->out,
                json_is_true(json_object_get(image, "qcow2_size_exact"))
                    ? _(", %s as qcow2")
                    : _(", at most %s as qcow2"),
                units_bytes(q, number(image, "qcow2_size")));
    fputc('\n', t->out);
}

static void print_kernel(const struct term *t, const json_t *kernel)
{
    const json_t *drivers = json_object_get(kernel, "drivers");
    static const char *const shown[] = {"virtio_blk", "virtio_net", "virtio_pci"};

    fprintf(t->out, _("  kernel %s:"), text(kernel, "version"));
    for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
        const char *state = text(drivers, shown[i]);
        bool good = strcmp(state, "builtin") == 0 || strcmp(state, "initramfs") == 0;

        fprintf(t->out, "%s %s ", i ? "," : "", shown[i]);
        term_print(t, good ? STYLE_GOOD : STYLE_WARNING, "%s", state);
    }
    fputc('\n', t->out);
}

static void print_system(const struct term *t, const json_t *facts)
{
    const json_t *os = json_object_get(facts, "os");
    const json_t *root = json_object_get(facts, "root");
    const json_t *cloud = json_object_get(facts, "cloud_init");
    const json_t *kernel;
    size_t i;

    if (json_is_object(os) && !json_is_object(root))
        fprintf(t->out, "  %s\n",
                *text(os, "name") ? text(os, "name") : text(os, "type"));
    else if (json_is_object(os))
        fprintf(t->out, _("  %s, %s, root on %s (%s)\n"),
                *text(os, "name") ? text(os, "name") : text(os, "type"),
                *text(os, "arch") ? text(os, "arch") : _("unknown processor"),
                text(root, "device"), text(root, "filesystem"));
    json_array_foreach(json_object_get(facts, "kernels"), i,
                       kernel) if (json_is_true(json_object_get(kernel, "default")))
        print_kernel(t, kernel);
    if (json_is_object(cloud)) {
        bool installed = json_is_true(json_object_get(cloud, "installed"));

        fprintf(t->out, "  %s %s%s\n",
                strcmp(text(os, "type"), "windows") == 0 ? "cloudbase-init"
                                                         : "cloud-init",
                !installed                ? _("not installed")
                : *text(cloud, "version") ? text(cloud, "version")
                                          : _("installed"),
                installed && !json_is_true(json_object_get(cloud, "enabled"))
                    ? _(", not enabled")
                    : "");
    }
}

bool report_saw_everything(const json_t *facts)
{
    const json_t *image = json_object_get(facts, "image");
    const char *fault = json_string_value(json_object_get(image, "fault"));
    const json_t *problem;
    size_t i;

    json_array_foreach(
        json_object_get(facts, "problems"), i,
        problem) if (!json_is_true(json_object_get(problem, "minor"))) return false;
    return !fault || strcmp(fault, "none") == 0;
}

void report_complain(const char *source, const char *message)
{
    char clean[4 * SESSION_SHOWN_MAX], shown[SESSION_SHOWN_MAX];

    session_shown(shown, source);
    text_clean(clean, sizeof clean, bytes_of(shown, strlen(shown)), sizeof clean - 1);
    fprintf(stderr, "imgport: %s: %s\n", clean, message);
}

bool report_is_only_error(const json_t *facts, const char *source)
{
    const json_t *problem = json_array_get(json_object_get(facts, "problems"), 0);
    char told[ERR_TOLD_MAX];

    if (*text(json_object_get(facts, "image"), "fault_detail"))
        return false;
    if (*text(json_object_get(facts, "image"), "format") || !problem)
        return false;
    report_complain(source, problem_told(told, problem));
    return true;
}

void report_print_facts(const struct term *t, const json_t *facts, const char *source)
{
    const json_t *image = json_object_get(facts, "image");
    const json_t *problem;
    char told[ERR_TOLD_MAX];
    size_t i;

    print_image(t, image, source);
    if (*text(image, "fault_detail"))
        term_wrap(t, 2, false, STYLE_BAD,
                  report_fault_told(told, sizeof told, text(image, "fault"),
                                    text(image, "fault_detail")));
    layout_print(t, facts);
    print_system(t, facts);
    json_array_foreach(json_object_get(facts, "problems"), i, problem)
        print_error(t, problem, problem_told(told, problem));
}

/* Commands are printed whole, to be copied: no wrapping. */
static void print_remedy(const struct term *t, const char *remedy)
{
    while (*remedy) {
        size_t n = strcspn(remedy, "\n");

        fputs("       ", t->out);
        term_print(t, STYLE_INFO, "%s %.*s\n", t->utf8 ? "→" : "->", (int)n, remedy);
        remedy += n + (remedy[n] == '\n');
    }
}

static void print_finding(const struct term *t, const json_t *f, enum term_style style,
                          const char *last_remedy)
{
    const char *subject = text(f, "subject"), *remedy = text(f, "remedy");

    fputs("  ", t->out);
    term_print(t, style, "%s", text(f, "id"));
    if (*subject)
        term_print(t, STYLE_BOLD, "  %s", subject);
    if (*text(f, "code"))
        term_print(t, STYLE_DIM, "  %s", text(f, "code"));
    fputc('\n', t->out);
    term_wrap(t, 7, false, STYLE_PLAIN, text(f, "detail"));
    if (*remedy && strcmp(remedy, last_remedy) == 0)
        print_remedy(t, _("the same as above"));
    else
        print_remedy(t, remedy);
}

static void print_level(const struct term *t, const json_t *findings, const char *level,
                        const char *title, enum term_style style)
{
    const char *last_remedy = "";
    bool first = true;
    const json_t *f;
    size_t i;

    json_array_foreach(findings, i, f)
    {
        if (strcmp(text(f, "level"), level) != 0)
            continue;
        if (first) {
            fputc('\n', t->out);
            term_print(t, style, "%s\n", title);
        }
        first = false;
        print_finding(t, f, style, last_remedy);
        last_remedy = text(f, "remedy");
    }
}

void report_print_findings(const struct term *t, const json_t *findings)
{
    print_level(t, findings, "error", _("Errors"), STYLE_BAD);
    print_level(t, findings, "warning", _("Warnings"), STYLE_WARNING);
    print_level(t, findings, "note", _("Notes"), STYLE_INFO);
}

void report_print(const struct term *t, const json_t *report)
{
    print_verdict(t, report);
    fputc('\n', t->out);
    report_print_facts(t, json_object_get(report, "facts"), text(report, "source"));
    report_print_findings(t, json_object_get(report, "findings"));
}
