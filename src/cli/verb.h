/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verb.h: commands that ask a service for one of many things: a verb, and words behind it
 */
#pragma once

#include "cli/cloud.h"

enum { WORDS_MAX = 64 };

/* What stands behind the verb. */
struct words {
    const char *const *v;
    size_t n;
};

struct options; /* each command's own */

struct verb {
    const char *name; /* NULL: the table ends */
    size_t min, max;  /* words behind it */
    /* What it has beside CLOUD_OPTIONS: "prefix unfinished"; of -o "o". */
    const char *options;
    int (*run)(const struct command *self, struct options *o, const struct words *w);
};

/* Reads the command line into the options that `rows` name, `c` among them, and does what
 * its verb says, which refuses options that others have.  The exit status of the command.
 */
int verb_run(const struct command *self, int argc, char **argv,
             const struct option_row *rows, const struct verb *verbs, struct cloud *c,
             struct options *o);

/* EXIT_OK, or EXIT_USAGE: an option was given that this verb does not have. */
int verb_options(const struct command *self, const struct option_row *rows,
                 const char *verb, const char *options);

/* The words from this one on as an array. */
json_t *words_json(const struct words *w, size_t from);

/* Sets a member; options that were not given (NULL) are not sent. */
void put_text(json_t *o, const char *name, const char *text);
