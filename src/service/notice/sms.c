/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A notice by SMS: SendSms of the vendor's API (product sms, version 2021-01-11).
 *
 * Its texts are templates that the vendor has approved; what we give are their values:
 * image, region and reason, or the code that proves a number. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/scoped.h"
#include "service/client.h"
#include "service/notice/address.h"
#include "service/notice/notice.h"

#define SMS_VERSION "2021-01-11"

static int goes_on(void *arg)
{
    struct notice *n = arg;

    return n->ends(n->arg);
}

static const char *word(const json_t *data, const char *name, const char *otherwise)
{
    const char *s = json_string_value(json_object_get(data, name));

    return s && *s ? s : otherwise;
}

static json_t *make_request(const struct notice *n)
{
    const struct config *c = n->service->config;
    const struct message *m = &n->delivery->message;
    bool proof = strcmp(m->type, MESSAGE_PROOF) == 0;
    json_auto_t *data = json_loads(m->data, 0, NULL);
    json_t *values =
        proof ? json_pack("[s]", word(data, "Code", ""))
              : json_pack("[s, s, s]", word(data, "ImageId", "-"),
                          word(data, "Region", "-"), word(data, "Reason", "OK"));

    return json_pack("{s:[s], s:s, s:s, s:s, s:o, s:s}", "PhoneNumberSet",
                     n->delivery->address, "SmsSdkAppId", c->sms_app, "SignName",
                     c->sms_sign, "TemplateId",
                     proof ? c->sms_code_template : c->sms_template, "TemplateParamSet",
                     values, "SessionContext", n->id);
}

/* What no later attempt mends: it is the number. */
static bool is_final(const char *code)
{
    static const char *const codes[] = {
        "FailedOperation.PhoneNumberInBlacklist",
        "InvalidParameterValue.IncorrectPhoneNumber",
        "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone",
        "UnsupportedOperation.GlobalTemplateToChineseMainlandPhone",
        "UnsupportedOperation.UnsupportedRegion",
    };

    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

static enum notice_end judge(struct notice *n, const char *code, const char *message)
{
    if (strcmp(code, "Ok") == 0)
        return NOTICE_SENT;
    return notice_because(n, is_final(code) ? NOTICE_NEVER : NOTICE_LATER,
                          "SendSms answers %.100s: %.150s", code, message);
}

enum notice_end sms_send(struct notice *n)
{
    const struct config *c = n->service->config;
    struct client client = {
        .endpoint = c->sms_endpoint,
        .product = "sms",
        .secret_id = c->sms_id,
        .secret_key = c->sms_key,
        .region = c->sms_region,
        .timeout_s = (long)c->notice_seconds,
        .goes_on = goes_on,
        .arg = n,
    };
    json_auto_t *request = NULL;
    json_auto_t *answer = NULL;
    const json_t *status;
    struct client_fault fault;
    struct err err = {0};
    int r;

    if (!address_is_phone(n->delivery->address))
        return notice_because(n, NOTICE_NEVER, "this is no telephone number");
    request = make_request(n);
    if (!request)
        return notice_because(n, NOTICE_LATER, "no memory for a request");
    r = client_call(&answer, &fault, &client, "SendSms", SMS_VERSION, request, &err);
    if (r < 0)
        return notice_because(n, NOTICE_LATER, "%s", err.msg);
    if (r == CLIENT_REFUSED)
        return judge(n, fault.code, fault.message);
    status = json_array_get(json_object_get(answer, "SendStatusSet"), 0);
    return judge(n, word(status, "Code", "nothing"), word(status, "Message", ""));
}
