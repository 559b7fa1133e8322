/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"

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

/* FAIL_SYS() leaves the kernel's words at the end, and those say more than a code. */
static const char *sentence_of(enum err_code code, const char *msg)
{
    static const struct {
        int sys;
        const char *sentence;
    } rows[] = {
        {ENOENT, N_("there is no such file or folder")},
        {EACCES, N_("access is not permitted")},
        {EPERM, N_("access is not permitted")},
        {ENOSPC, N_("there is no room left to write to")},
        {EDQUOT, N_("there is no room left to write to")},
        {EFBIG, N_("the file becomes too large")},
        {EISDIR, N_("it is a folder")},
        {ENOTDIR, N_("it lies in no folder")},
        {EROFS, N_("the filesystem is only for reading")},
        {EIO, N_("the device cannot read or write")},
        {ENOMEM, N_("there is too little memory")},
    };
    size_t n = strlen(msg);

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *end = strerrordesc_np(rows[i].sys);
        size_t len = strlen(end);

        if (n > len && strcmp(msg + n - len, end) == 0)
            return rows[i].sentence;
    }
    return codes[code].sentence;
}

const char *err_told(char ret[ERR_TOLD_MAX], const char *code, const char *msg)
{
    enum err_code c = err_code_from_name(code);
    const char *sentence = c == ERR_NONE || c == ERR_CODE_MAX ? "" : sentence_of(c, msg);

    return i18n_beside(ret, ERR_TOLD_MAX, sentence, msg);
}
