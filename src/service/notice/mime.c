/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/notice/mime.h"

#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "base/scoped.h"

enum {
    WORD_BYTES = 39, /* "Subject: " and one encoded word of them are 73 columns */
    LINE_BYTES = 57, /* 76 columns */
    PLAIN_MAX = 60,
};

/* Printable, short, and nothing that reads as an encoded word. */
static bool is_plain(const char *s)
{
    for (const char *p = s; *p; p++)
        if (*p < ' ' || *p > '~')
            return false;
    return strlen(s) <= PLAIN_MAX && !strstr(s, "=?") && *s != ' ';
}

static int put_base64(struct buf *to, const char *p, size_t n, struct err *err)
{
    unsigned char text[4 * ((LINE_BYTES + 2) / 3) + 1];

    EVP_EncodeBlock(text, (const unsigned char *)p, (int)n);
    return buf_puts(to, (const char *)text, err);
}

/* As many bytes as end between two characters. */
static size_t whole_characters(const char *s, size_t max)
{
    size_t n = strlen(s);

    if (n <= max)
        return n;
    n = max;
    while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
        n--;
    return n ? n : max; /* that was no UTF-8 */
}

static int put_subject(struct buf *to, const char *s, struct err *err)
{
    AUTO(buf_fini) struct buf line = {0};
    int r;

    if (is_plain(s))
        return buf_printf(to, err, "Subject: %s\r\n", s);
    r = buf_puts(&line, s, err);
    /* Also within an encoded word a subject is one line. */
    for (size_t i = 0; i < line.n; i++)
        if ((unsigned char)line.p[i] < ' ' || line.p[i] == 0x7f)
            line.p[i] = ' ';
    r = r < 0 ? r : buf_puts(to, "Subject:", err);
    for (const char *p = buf_str(&line); r == 0 && *p;) {
        size_t n = whole_characters(p, WORD_BYTES);

        r = buf_puts(to, p == line.p ? " =?UTF-8?B?" : "\r\n =?UTF-8?B?", err);
        r = r < 0 ? r : put_base64(to, p, n, err);
        r = r < 0 ? r : buf_puts(to, "?=", err);
        p += n;
    }
    return r < 0 ? r : buf_puts(to, "\r\n", err);
}

static int put_body(struct buf *to, const char *s, struct err *err)
{
    AUTO(buf_fini) struct buf text = {0};
    int r = 0;

    while (r == 0 && *s) {
        size_t n = strcspn(s, "\n");

        r = buf_append(&text, s, n, err);
        r = r < 0 ? r : buf_puts(&text, "\r\n", err);
        s += n + (s[n] == '\n');
    }
    for (size_t at = 0; r == 0 && at < text.n; at += LINE_BYTES) {
        size_t n = text.n - at < LINE_BYTES ? text.n - at : LINE_BYTES;

        r = put_base64(to, text.p + at, n, err);
        r = r < 0 ? r : buf_puts(to, "\r\n", err);
    }
    return r;
}

int mime_write(struct buf *ret, const struct mime *m, struct err *err)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = m->date;
    struct tm tm;
    int r;

    if (!gmtime_r(&seconds, &tm))
        return FAIL(err, ERR_ARG, "a date that is none");
    r = buf_printf(ret, err,
                   "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n"
                   "From: <%s>\r\nTo: <%s>\r\nMessage-ID: <%s>\r\n",
                   days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
                   tm.tm_hour, tm.tm_min, tm.tm_sec, m->from, m->to, m->id);
    r = r < 0 ? r : put_subject(ret, m->subject, err);
    r = r < 0 ? r
              : buf_puts(ret,
                         "Auto-Submitted: auto-generated\r\n"
                         "MIME-Version: 1.0\r\n"
                         "Content-Type: text/plain; charset=utf-8\r\n"
                         "Content-Transfer-Encoding: base64\r\n\r\n",
                         err);
    return r < 0 ? r : put_body(ret, m->body, err);
}
