/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int exit_status;
    int http;
    const char *sentence;
} codes[] = {
    {"none", 0, 200, "no error"},
#define ERR(symbol, name, exit_status, http, sentence) \
    {name, exit_status, http, sentence},
#include "base/codes.def"
#undef ERR
};

int err_set(struct err *err, enum err_code code, int sys, const char *file, int line,
            const char *fmt, ...)
{
    va_list ap;
    int n;

    assert(code > ERR_NONE && code < ERR_CODE_MAX);
    if (!err || err->code != ERR_NONE)
        return -(int)code;
    err->code = code;
    err->sys = sys;
    err->file = file;
    err->line = line;
    va_start(ap, fmt);
    n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (sys && n >= 0 && (size_t)n < sizeof err->msg) {
        const char *text = strerrordesc_np(sys);

        snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s",
                 text ? text : "unknown error");
    }
    return -(int)code;
}

void err_prefix(struct err *err, const char *fmt, ...)
{
    char prefix[ERR_MSG_MAX];
    char old[ERR_MSG_MAX];
    va_list ap;

    if (!err || err->code == ERR_NONE)
        return;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    memcpy(old, err->msg, sizeof old);
    /* Two full texts and a colon: a cut message is still one that ends in a NUL. */
    if ((size_t)snprintf(err->msg, sizeof err->msg, "%.180s: %.217s", prefix, old) >=
        sizeof err->msg)
        err->msg[sizeof err->msg - 1] = '\0';
}

void err_clear(struct err *err)
{
    if (err)
        *err = (struct err){.code = ERR_NONE};
}

const char *err_code_name(enum err_code code)
{
    assert(code < ERR_CODE_MAX);
    return codes[code].name;
}

enum err_code err_code_from_name(const char *name)
{
    for (unsigned i = 0; i < ERR_CODE_MAX; i++)
        if (strcmp(codes[i].name, name) == 0)
            return (enum err_code)i;
    return ERR_CODE_MAX;
}

int err_code_exit(enum err_code code)
{
    assert(code < ERR_CODE_MAX);
    return codes[code].exit_status;
}

int err_code_http(enum err_code code)
{
    assert(code < ERR_CODE_MAX);
    return codes[code].http;
}

const char *err_code_sentence(enum err_code code)
{
    assert(code < ERR_CODE_MAX);
    return codes[code].sentence;
}
