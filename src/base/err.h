/* SPDX-License-Identifier: GPL-2.0-or-later */
/* err.h: one error object, on the caller's stack
 *
 * A function that can fail takes `struct err *err` last and returns 0 or a negative
 * `enum err_code`.  FAIL() sets code and message and evaluates to that value, so the two
 * cannot drift:
 *
 *     return FAIL(err, ERR_CORRUPT, "gpt header: entry size %u, need %d", size,
 * GPT_ENTRY_MIN);
 *
 * The first error wins; callers add context with err_prefix() and never re-report.  A
 * message is one phrase: no capital, no full stop, no newline; it names the thing, the
 * value and the rule.  `err` may be NULL only where failure is expected and unimportant.
 */
#pragma once

#include <stdbool.h>

enum err_code {
    ERR_NONE = 0,
#define ERR(symbol, name, exit_status, http, sentence) ERR_##symbol,
#include "base/codes.def"
#undef ERR
    ERR_CODE_MAX,
};

enum { ERR_MSG_MAX = 400 };

struct err {
    enum err_code code; /* ERR_NONE while nothing has failed */
    int sys;            /* errno when the kernel said so, else 0 */
    const char *file;   /* where FAIL() stood; for debugging only */
    int line;
    char msg[ERR_MSG_MAX]; /* cut, never overrun */
};

#define FAIL(err, code, ...) err_set((err), (code), 0, __FILE__, __LINE__, __VA_ARGS__)
/* The same for a failed system call: appends the text of errno `sys`. */
#define FAIL_SYS(err, sys, ...) \
    err_set((err), ERR_IO, (sys), __FILE__, __LINE__, __VA_ARGS__)

/* Returns -code.  Does nothing but return when *err already holds an error. */
int err_set(struct err *err, enum err_code code, int sys, const char *file, int line,
            const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Puts "<text>: " in front of the message.  Does nothing when there is no error. */
void err_prefix(struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void err_clear(struct err *err);

/* Names from codes.def; "none" for ERR_NONE.  err_code_from_name() answers ERR_CODE_MAX
 * for a name it does not know. */
const char *err_code_name(enum err_code code);
enum err_code err_code_from_name(const char *name);
int err_code_exit(enum err_code code);
int err_code_http(enum err_code code);
const char *err_code_sentence(enum err_code code);

/* A message as the calling thread's language has it (base/i18n.h): in English itself; in
 * others what kind of failure it is, with the English message in brackets.  `code` is a
 * name; under one that is none the message is nobody's error, and stays.  ret may not be
 * msg. */
enum { ERR_TOLD_MAX = 2048 };
const char *err_told(char ret[ERR_TOLD_MAX], const char *code, const char *msg);
