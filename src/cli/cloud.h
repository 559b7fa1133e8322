/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cloud.h: what the commands that ask a service share
 *
 * Where the service is and who asks comes from options, then the environment
 * (IMGPORT_ENDPOINT; TENCENTCLOUD_SECRET_ID, _SECRET_KEY, _REGION as the vendor's tools
 * have them), then ~/.config/imgport/client.conf, then what imgportd has without a
 * configuration. */
#pragma once

#include <stdio.h>

#include <jansson.h>

#include "cli/cmd.h"
#include "service/client.h"

enum { CLOUD_TEXT_MAX = 512 };

struct cloud {
    /* Filled by the options. */
    const char *endpoint, *secret_id, *secret_key, *region, *ca_file;
    bool json;
    /* What the file said. */
    char file_endpoint[CLOUD_TEXT_MAX], file_id[CLOUD_TEXT_MAX], file_key[CLOUD_TEXT_MAX],
        file_region[CLOUD_TEXT_MAX], file_ca[CLOUD_TEXT_MAX];
    struct client client;
    /* Says what is left to do, where following a task or a fetch ends early; may be NULL.
     */
    void (*tell_left)(const void *arg);
    const void *left;
    json_t **done;   /* [opt] gets a task that is DONE, in place of it being printed */
    char app_id[24]; /* of who asks, once it was asked for (storage.h); else "" */
};

/* The rows of every such command, and their names. */
#define CLOUD_OPTIONS "endpoint secret-id secret-key region ca json"
#define CLOUD_ROWS(c)                                                               \
    {"endpoint", 0, &(c).endpoint, NULL}, {"secret-id", 0, &(c).secret_id, NULL},   \
        {"secret-key", 0, &(c).secret_key, NULL}, {"region", 0, &(c).region, NULL}, \
        {"ca", 0, &(c).ca_file, NULL},                                              \
    {                                                                               \
        "json", 0, NULL, &(c).json                                                  \
    }

/* The command line has text only, which can be sent.  -1: go on; otherwise the exit
 * status, and one sentence was said. */
int cloud_open(struct cloud *c, const struct command *self, int argc, char **argv);

enum cloud_version { CLOUD_CVM, CLOUD_OWN };

/* Takes `params` (NULL: none).  0: *ret is the answer.  Otherwise the exit status, and
 * one sentence was said: EXIT_REFUSED when the service will not, EXIT_TROUBLE when it
 * failed or did not answer.  What only reads is asked again for a few seconds where the
 * service says that it was asked too often. */
int cloud_call(json_t **ret, struct cloud *c, enum cloud_version version,
               const char *action, json_t *params);

/* All pages of a list: *ret is {"TotalCount": N, set: [...]}.  Takes params. */
int cloud_list(json_t **ret, struct cloud *c, enum cloud_version version,
               const char *action, const char *set, json_t *params);

/* Calls tell_left(). */
void cloud_tell_left(const struct cloud *c);

/* Follows a task until it ends, with a line of progress on a terminal, also while the
 * service is away for a minute; not, where that task was not `begun` or seen before.
 * EXIT_OK: it is done.  EXIT_REFUSED: it failed or was canceled, and the reason was
 * told.  *over, where it is wanted: the end was seen, and not the service lost. */
int cloud_follow(bool *over, struct cloud *c, const char *task, bool begun);

struct cloud_column {
    const char *title; /* marked by N_() */
    const char *member;
};

/* Rows of a list, their columns below each other. */
void cloud_print_table(const json_t *list, const struct cloud_column *columns, size_t n);
/* The list `set` of an answer as a table, or as --json wants it the answer; EXIT_OK. */
int cloud_print_answer(const struct cloud *c, const json_t *answer, const char *set,
                       const struct cloud_column *columns, size_t n);
/* Every member of an object that is not null. */
void cloud_print_fields(const json_t *object);
/* A line of text (NULL: an empty one): as it is where a terminal cannot be hurt by it,
 * else as text_clean() has it. */
void cloud_print_line(FILE *to, const char *text);
/* As JSON; EXIT_OK. */
int cloud_print_json(const json_t *j);
