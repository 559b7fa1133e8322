/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grub_script.h: the scripting language of GRUB 2, as far as settings use it
 *
 * Quotes, variables, if, for, while, until, functions, commands with a block.  Runs on
 * text that may be hostile: GRUB_STEPS_MAX commands and words in all, GRUB_DEPTH_MAX
 * levels of anything.  What commands do is the caller's (grub.c).  Text must outlive the
 * script, strings live in its arena.  One thread. */
#pragma once

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

enum {
    GRUB_STEPS_MAX = 200000,
    GRUB_DEPTH_MAX = 32,
    GRUB_WORDS_MAX = 4096,    /* of one command */
    GRUB_WORD_MAX = 64 << 10, /* bytes of one word */
    GRUB_ARENA_MAX = 8 << 20, /* bytes of strings in all */
    GRUB_VARIABLES_MAX = 1024,
};

struct grub_words {
    LIST(const char *) w;
};

struct grub_variable {
    const char *name, *value;
};

struct grub_function {
    const char *name;
    struct bytes body;
};

struct grub_script {
    struct arena *arena; /* with a budget; borrowed */
    /* Runs a command that is no part of the language.  `body` is the text of its block,
     * p NULL when there is none.  Sets script->ok; negative ends everything. */
    int (*command)(void *arg, const struct grub_words *words, struct bytes body,
                   struct err *err);
    void *arg;
    bool ok; /* the last command succeeded */
    LIST(struct grub_variable) variables;
    LIST(struct grub_function) functions;
    const struct grub_words *params; /* $1 ...; NULL none */
    unsigned steps, depth;
    enum {
        GRUB_STAYING,
        GRUB_BREAKING,
        GRUB_RETURNING,
    } leaving;
};

/* Runs text; `params` become $1 and so on.  Negative: a limit, or the caller's error. */
int grub_run(struct grub_script *s, struct bytes text, const struct grub_words *params,
             struct err *err);

/* Appends the words of a line, expanded, and runs nothing. */
int grub_split(struct grub_script *s, struct bytes text, struct grub_words *to,
               struct err *err);

const char *grub_get(const struct grub_script *s, const char *name); /* "" not set */
int grub_set(struct grub_script *s, const char *name, const char *value, struct err *err);

/* Is what stands between "[" and "]" true?  Questions about files ('f', 'd', 'e', 's')
 * go to `test`. */
typedef int grub_file_test(void *arg, char what, const char *path, bool *ret,
                           struct err *err);
int grub_condition(bool *ret, const char *const *v, size_t n, grub_file_test *test,
                   void *arg, struct err *err);
