/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/scoped.h"
#include "base/text.h"
#include "base/xml.h"
#include "service/cos/cos.h"
#include "service/journal.h"

enum { MESSAGE_MAX = 512 };

static const struct {
    const char *code;
    unsigned status;
    const char *text;
} errors[] = {
#define COS_ERROR(code, status, text) [COS_##code] = {#code, status, text},
#include "service/cos/errors.def"
#undef COS_ERROR
};

void cos_header(struct cos_request *q, const char *name, const char *fmt, ...)
{
    struct err err = {0};
    char value[2 * COS_META_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    if (http_answer_header(q->a, name, &err, "%s", value) < 0)
        journal_message("cos", &err, "request %s", q->req->id);
}

int cos_answer(struct cos_request *q, unsigned status)
{
    q->a->status = status;
    cos_header(q, "x-cos-request-id", "%s", q->req->id);
    cos_header(q, "Server", "tencent-cos");
    return 0;
}

int cos_answer_xml(struct cos_request *q)
{
    cos_header(q, "Content-Type", "application/xml");
    return cos_answer(q, 200);
}

int cos_error(struct cos_request *q, enum cos_code code, const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list ap;

    snprintf(text, sizeof text, "%s", errors[code].text);
    if (fmt) {
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
    }
    http_answer_fini(q->a);
    q->req->code = errors[code].code;
    cos_answer(q, errors[code].status);
    if (strcmp(q->req->method, "HEAD") == 0) {
        q->a->head_only = true;
        return -ERR_ARG;
    }
    cos_header(q, "Content-Type", "application/xml");
    cos_xml_raw(q, "<?xml version='1.0' encoding='utf-8' ?>\n<Error>");
    cos_xml(q, "Code", errors[code].code);
    cos_xml(q, "Message", text);
    text_clean(text, sizeof text, bytes_of(q->req->path, strlen(q->req->path)),
               sizeof text - 1);
    cos_xml(q, "Resource", text);
    cos_xml(q, "RequestId", q->req->id);
    cos_xml(q, "TraceId", q->req->id);
    cos_xml_raw(q, "</Error>");
    return -ERR_ARG;
}

int cos_fail(struct cos_request *q, const struct err *err)
{
    journal_message("cos", err, "request %s", q->req->id);
    if (err->sys == ENOSPC || err->sys == EDQUOT || err->sys == EFBIG)
        return cos_error(q, COS_ServiceUnavailable, NULL);
    return cos_error(q, COS_InternalError, NULL);
}

void cos_xml(struct cos_request *q, const char *name, const char *text)
{
    (void)xml_put(&q->a->body, name, text, NULL);
}

void cos_xml_raw(struct cos_request *q, const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)buf_puts(&q->a->body, text, NULL);
}

void cos_xml_key(struct cos_request *q, const char *name, const char *text)
{
    AUTO(buf_fini) struct buf encoded = {0};

    if (strcmp(cos_param(q, "encoding-type"), "url") != 0)
        cos_xml(q, name, text);
    else if (cos_encode(&encoded, text, true, NULL) == 0)
        cos_xml(q, name, buf_str(&encoded));
}

void cos_xml_time(struct cos_request *q, const char *name, int64_t t)
{
    time_t when = (time_t)t;
    char text[40];
    struct tm tm;

    gmtime_r(&when, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
    cos_xml(q, name, text);
}

const char *cos_param(struct cos_request *q, const char *name)
{
    const char *value = cos_query_get(&q->query, name);

    return value ? value : "";
}

int cos_number(unsigned *ret, struct cos_request *q, const char *name, unsigned least,
               unsigned most, unsigned otherwise)
{
    const char *value = cos_param(q, name);
    uint64_t n = otherwise;

    if (*value && (!text_u64(&n, bytes_of(value, strlen(value))) || n < least))
        return cos_error(q, COS_InvalidArgument, "%s is no number from %u to %u", name,
                         least, most);
    if (n > most) {
        if (most == PART_MAX)
            return cos_error(q, COS_InvalidArgument, "%s is over %u", name, most);
        n = most;
    }
    *ret = (unsigned)n;
    return 0;
}
