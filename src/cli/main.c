/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imgport: the command line */
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/place.h"
#include "api/session.h"
#include "base/err.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cli/cmd.h"
#include "cli/term.h"

enum { MESSAGE_MAX = 1600 };

static const struct command *const commands[] = {
    &cmd_info,     &cmd_check,   &cmd_boot,    &cmd_convert, &cmd_map,
    &cmd_profile,  &cmd_account, &cmd_image,   &cmd_bucket,  &cmd_object,
    &cmd_instance, &cmd_task,    &cmd_message, &cmd_region,
};

static const char *asked_language; /* --lang; set once before anything is printed */

static void print_help(FILE *to)
{
    fputs(_("Usage: imgport COMMAND [OPTION ...] [ARGUMENT ...]\n"
            "\n"
            "Says whether a cloud will accept a machine image and what must change, and\n"
            "converts it.\n"
            "\n"
            "Commands:\n"),
          to);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, i18n_text(commands[i]->summary));
    fputs(_("\n"
            "Options:\n"
            "  --help        this text; imgport COMMAND --help tells more\n"
            "  --version     the version\n"
            "  --lang LANG   zh or en; else as the environment says\n"
            "\n"
            "Exit status: 0 done or accepted, 1 refused, 2 wrong usage, 3 could not look "
            "or\n"
            "could not write.\n"),
          to);
}

static int print_version(void)
{
    printf("imgport %s\n", imgport_version());
    return EXIT_OK;
}

int cmd_usage(const struct command *self, const char *fmt, ...)
{
    char text[1024], clean[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    text_clean(clean, sizeof clean, bytes_of(text, strlen(text)), sizeof clean - 1);
    if (self)
        fprintf(stderr, _("imgport %s: %s (see: imgport %s --help)\n"), self->name, clean,
                self->name);
    else
        fprintf(stderr, _("imgport: %s (see: imgport --help)\n"), clean);
    return EXIT_USAGE;
}

/* Safe to print: the message of an error names what others named. */
static const char *clean_message(char ret[MESSAGE_MAX], const char *message)
{
    text_clean(ret, MESSAGE_MAX, bytes_of(message, strlen(message)), MESSAGE_MAX - 1);
    return ret;
}

int cmd_fail(const struct imgport_error *error)
{
    char message[MESSAGE_MAX], told[ERR_TOLD_MAX];

    fprintf(stderr, "imgport: %s\n",
            err_told(told, error->code, clean_message(message, error->message)));
    return error->exit_status;
}

int cmd_fail_job(const struct command *self, bool as_json, const char *source,
                 const char *dest, const struct imgport_error *error)
{
    AUTO(json_unrefp) json_t *report = NULL;
    bool in_english = strcmp(cmd_language(true), "en") == 0;
    char message[MESSAGE_MAX], told[ERR_TOLD_MAX];

    if (!as_json)
        return cmd_fail(error);
    clean_message(message, error->message);
    report = json_pack("{s:s, s:o, s:o*, s:{s:s, s:s, s:s, s:s}}", "imgport",
                       imgport_version(), "source", session_text(source), "dest",
                       dest ? session_text(dest) : NULL, "error", "layer", self->name,
                       "code", error->code, "subject", "", "message",
                       in_english ? message : err_told(told, error->code, message));
    if (report) {
        json_dumpf(report, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    return cmd_fail(error);
}

const char *cmd_language(bool explicit_only)
{
    if (!asked_language && explicit_only)
        return "en";
    return i18n_language(asked_language);
}

enum { OPT_HELP = 256, OPT_VERSION, OPT_LANG, OPT_ROWS };

/* Long options and the short string for getopt_long() from our rows. */
static void make_options(struct option *longs, char *shorts,
                         const struct option_row *rows)
{
    size_t n = 0;

    longs[n++] = (struct option){"help", no_argument, NULL, OPT_HELP};
    longs[n++] = (struct option){"version", no_argument, NULL, OPT_VERSION};
    longs[n++] = (struct option){"lang", required_argument, NULL, OPT_LANG};
    *shorts++ = ':'; /* tells a missing argument from an unknown option */
    for (int i = 0; rows[i].text || rows[i].flag; i++) {
        if (rows[i].name)
            longs[n++] = (struct option){rows[i].name,
                                         rows[i].text ? required_argument : no_argument,
                                         NULL, OPT_ROWS + i};
        if (rows[i].letter) {
            *shorts++ = rows[i].letter;
            if (rows[i].text)
                *shorts++ = ':';
        }
    }
    longs[n] = (struct option){0};
    *shorts = '\0';
}

static void take_row(const struct option_row *row)
{
    if (row->text)
        *row->text = optarg;
    else
        *row->flag = true;
}

/* The word that getopt_long() stumbled over: of letters in a row, only the one. */
static const char *bad_option(char **argv, char letter[3])
{
    if (optopt == 0 || optopt >= OPT_HELP)
        return argv[optind - 1];
    snprintf(letter, 3, "-%c", optopt);
    return letter;
}

int cmd_parse(const struct command *self, int argc, char **argv,
              const struct option_row *rows, const char **operands, int min, int max)
{
    struct option longs[40];
    char shorts[64], letter[3];
    int c, n;

    make_options(longs, shorts, rows);
    opterr = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (c == OPT_HELP) {
            fputs(i18n_text(self->help), stdout);
            return EXIT_OK;
        }
        if (c == OPT_VERSION)
            return print_version();
        if (c == ':')
            return cmd_usage(self, _("%s needs an argument"), bad_option(argv, letter));
        if (c == '?')
            return cmd_usage(self, _("unknown option %s"), bad_option(argv, letter));
        if (c >= OPT_ROWS)
            take_row(&rows[c - OPT_ROWS]);
        for (int i = 0; c < OPT_HELP && (rows[i].text || rows[i].flag); i++)
            if (rows[i].letter == c)
                take_row(&rows[i]);
    }
    n = argc - optind;
    if (n < min)
        return cmd_usage(self, _("an argument is missing"));
    if (n > max)
        return cmd_usage(self, _("one argument too many: %s"), argv[optind + max]);
    for (int i = 0; i < n; i++) {
        operands[i] = argv[optind + i];
        if (!*operands[i]) /* an unset variable of a script */
            return cmd_usage(self, _("an argument is empty"));
    }
    return -1;
}

/* --lang stands anywhere and decides the language of everything, so it is looked for
 * first. The words stay where they are. */
static bool find_language(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--lang=", 7) == 0)
            asked_language = argv[i] + 7;
        else if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc)
            asked_language = argv[++i];
    }
    return !asked_language || strncmp(asked_language, "zh", 2) == 0 ||
           strncmp(asked_language, "en", 2) == 0;
}

/* Kept until the process ends: messages point into it. */
static void load_messages(void)
{
    struct err err = {0};
    char dir[PATH_MAX];

    if (strcmp(cmd_language(false), "en") != 0 && place_messages(dir, &err) == 0)
        i18n_use(i18n_load(dir, cmd_language(false)));
}

static int run(int argc, char **argv)
{
    int i = 1;

    while (i < argc && strncmp(argv[i], "--lang", 6) == 0)
        i += strcmp(argv[i], "--lang") == 0 ? 2 : 1;
    if (i >= argc) {
        print_help(stderr); /* wrong usage, however helpful the answer */
        return EXIT_USAGE;
    }
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 ||
        strcmp(argv[i], "help") == 0) {
        print_help(stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[i], "--version") == 0)
        return print_version();
    if (argv[i][0] == '-' && argv[i][1])
        return cmd_usage(NULL, _("unknown option %s"), argv[i]);
    for (size_t k = 0; k < ARRAY_SIZE(commands); k++)
        if (strcmp(argv[i], commands[k]->name) == 0)
            return commands[k]->run(commands[k], argc - i, argv + i);
    return cmd_usage(NULL, _("unknown command \"%s\""), argv[i]);
}

int main(int argc, char **argv)
{
    const char *debug = getenv("IMGPORT_DEBUG");
    int status;

    setlocale(LC_ALL, "");
    if (!find_language(argc, argv))
        return cmd_usage(NULL, "unknown language \"%s\"; known are zh and en",
                         asked_language);
    load_messages();
    if (debug && !log_enable(debug))
        return cmd_usage(NULL, _("IMGPORT_DEBUG names an unknown subsystem: %s"), debug);
    if (getenv("IMGPORT_NO_SANDBOX"))
        fputs(_("imgport: the sandbox is off: IMGPORT_NO_SANDBOX is set\n"), stderr);
    status = run(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs(_("imgport: the report could not be written to standard output\n"), stderr);
        return EXIT_TROUBLE;
    }
    return status;
}
