/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/scoped.h"

enum { JOURNAL_LINE_MAX = 16 * 1024 };

static atomic_int journal_fd = STDERR_FILENO;
static char *journal_path; /* NULL: stderr; set once, before threads */

int journal_open(const char *where, struct err *err)
{
    int fd;

    if (strcmp(where, "stderr") == 0)
        return 0;
    fd = open(where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return FAIL_SYS(err, errno, "log %s", where);
    journal_path = strdup(where);
    atomic_store(&journal_fd, fd);
    return 0;
}

void journal_reopen(void)
{
    int fd, old;

    if (!journal_path)
        return;
    fd = open(journal_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return; /* the old one still takes lines */
    old = atomic_load(&journal_fd);
    /* In place, so that a writer that has the number never has a closed one. */
    dup3(fd, old, O_CLOEXEC);
    close(fd);
}

void journal_begin(struct json_out *line, const char *event)
{
    static _Thread_local time_t second;
    static _Thread_local char text[32];
    struct timespec now;
    char stamp[48];

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != second) {
        struct tm tm;

        second = now.tv_sec;
        gmtime_r(&second, &tm);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    }
    snprintf(stamp, sizeof stamp, "%s.%03ldZ", text, now.tv_nsec / 1000000);
    *line = (struct json_out){.buf.max = JOURNAL_LINE_MAX};
    json_out_begin(line, NULL);
    json_out_text(line, "time", stamp);
    json_out_text(line, "event", event);
}

void journal_end(struct json_out *line)
{
    json_out_end(line);
    if (!line->failed && buf_puts(&line->buf, "\n", NULL) == 0) {
        ssize_t n = write(atomic_load(&journal_fd), line->buf.p, line->buf.n);

        (void)n; /* there is nobody left to tell */
    }
    buf_fini(&line->buf);
}

void journal_message(const char *event, const struct err *err, const char *fmt, ...)
{
    struct json_out line;
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    journal_begin(&line, event);
    json_out_text(&line, "message", text);
    if (err && err->code != ERR_NONE) {
        json_out_text(&line, "code", err_code_name(err->code));
        json_out_text(&line, "error", err->msg);
    }
    journal_end(&line);
}
