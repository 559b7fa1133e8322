/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd.h: the commands of imgport
 *
 * A command is a row in main.c and a file cmd_<name>.c.  run() gets its own words,
 * argv[0] being the command's name, and returns the exit status. */
#pragma once

#include <stdbool.h>

#include "imgport/imgport.h"

enum exit_status {
    EXIT_OK = 0,
    EXIT_REFUSED = 1,
    EXIT_USAGE = 2,
    EXIT_TROUBLE = 3,
};

struct command {
    const char *name;
    const char *summary; /* marked by N_() */
    const char *help;    /* usage and options, marked by N_(); ends in a newline */
    int (*run)(const struct command *self, int argc, char **argv);
};

extern const struct command cmd_account, cmd_boot, cmd_bucket, cmd_check, cmd_convert,
    cmd_image, cmd_info, cmd_instance, cmd_map, cmd_message, cmd_object, cmd_profile,
    cmd_region, cmd_task;

/* One option of a command.  With an argument, *text gets it; without, *flag is set. */
struct option_row {
    const char *name; /* "profile"; NULL: only the short form */
    char letter;      /* 0: only the long form */
    const char **text;
    bool *flag;
};

/* Reads options (anywhere among the words) and then between min and max other words into
 * operands[].  -1: go on.  Otherwise the exit status: --help and --version were served,
 * or the usage was wrong and one sentence said so.  --help, --version and --lang are
 * known to every command. */
int cmd_parse(const struct command *self, int argc, char **argv,
              const struct option_row *rows, const char **operands, int min, int max);

/* "imgport check: SENTENCE" on stderr; EXIT_USAGE. */
int cmd_usage(const struct command *self, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "imgport: MESSAGE" on stderr, made safe to print and as err_told() has it; the error's
 * exit status. */
int cmd_fail(const struct imgport_error *error);

/* The same for a job; with --json also one object on stdout, in place of what the job
 * would have printed: {"imgport", "source", "dest", "error"}, without a dest NULL. */
int cmd_fail_job(const struct command *self, bool as_json, const char *source,
                 const char *dest, const struct imgport_error *error);

/* The language asked for by --lang or the environment: "en", "zh_CN".  `explicit_only`:
 * "en" unless --lang was given (JSON). */
const char *cmd_language(bool explicit_only);
