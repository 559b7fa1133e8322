/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signatures: the vendor's published examples, what SDKs sent, and what has to be
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "service/sign.h"

#define SECRET "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"
#define ID     "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE"
#define SCOPE  "2019-02-25/cvm/tc3_request"

static struct bytes text(const char *s)
{
    return bytes_of(s, strlen(s));
}

/* The body of both published examples: the name in it is escaped. */
static const char published_body[] =
    "{\"Limit\": 1, \"Filters\": [{\"Values\": [\"\\u672a\\u547d\\u540d\"], \"Name\": "
    "\"instance-name\"}]}";

struct header {
    const char *name, *value;
};

static const struct header sent[] = {
    {"content-type", "application/json; charset=utf-8"},
    {"x-tc-action", "DescribeInstances"},
    {"x-tc-version", "2017-03-12"},
    {NULL},
};

static const char *header_of(void *arg, const char *name)
{
    for (const struct header *h = arg; h->name; h++)
        if (strcmp(h->name, name) == 0)
            return h->value;
    return NULL;
}

#define AUTH(headers, signature)                                          \
    "TC3-HMAC-SHA256 Credential=" ID "/" SCOPE ", SignedHeaders=" headers \
    ", Signature=" signature

#define WITH_ACTION                       \
    AUTH("content-type;host;x-tc-action", \
         "644be983de9a8a3f00db8eadaba61467c3b429e2215758ba897b738ca469fd26")
#define WITHOUT_ACTION        \
    AUTH("content-type;host", \
         "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168")

static void test_tc3(void **state)
{
    static const struct {
        const char *name, *authorization, *host, *timestamp, *body, *secret;
        int64_t now;
        const char *want;
    } cases[] = {
        /* Its canonical request is the published one; the key of that page is not. */
        {"the vendor's newer example, which signs the action in lower case", WITH_ACTION,
         "cvm.tencentcloudapi.com", "1551113065", published_body, SECRET, 1551113065,
         NULL},
        {"the vendor's example, of two headers", WITHOUT_ACTION,
         "cvm.tencentcloudapi.com", "1551113065", published_body, SECRET, 1551113065,
         NULL},
        {"the host was sent with a port that was not signed", WITHOUT_ACTION,
         "cvm.tencentcloudapi.com:8780", "1551113065", published_body, SECRET, 1551113065,
         NULL},
        {"the host was sent in upper case and signed in lower case", WITHOUT_ACTION,
         "CVM.tencentcloudapi.com", "1551113065", published_body, SECRET, 1551113065,
         NULL},
        {"another host", WITHOUT_ACTION, "cvm.example.com", "1551113065", published_body,
         SECRET, 1551113065, "AuthFailure.SignatureFailure"},
        {"a changed body", WITHOUT_ACTION, "cvm.tencentcloudapi.com", "1551113065", "{}",
         SECRET, 1551113065, "AuthFailure.SignatureFailure"},
        {"another key", WITHOUT_ACTION, "cvm.tencentcloudapi.com", "1551113065",
         published_body, "Gu5t9xGARNpq86cd98joQYCN3EXAMPLF", 1551113065,
         "AuthFailure.SignatureFailure"},
        {"five minutes late", WITHOUT_ACTION, "cvm.tencentcloudapi.com", "1551113065",
         published_body, SECRET, 1551113065 + 300, NULL},
        {"a second more", WITHOUT_ACTION, "cvm.tencentcloudapi.com", "1551113065",
         published_body, SECRET, 1551113065 + 301, "AuthFailure.SignatureExpire"},
        {"from the future", WITHOUT_ACTION, "cvm.tencentcloudapi.com", "1551113065",
         published_body, SECRET, 1551113065 - 301, "AuthFailure.SignatureExpire"},
        {"another time than was signed", WITHOUT_ACTION, "cvm.tencentcloudapi.com",
         "1551113066", published_body, SECRET, 1551113065,
         "AuthFailure.SignatureFailure"},
        {"a time that is no number", WITHOUT_ACTION, "cvm.tencentcloudapi.com",
         "1551113065x", published_body, SECRET, 1551113065, "InvalidParameter"},
        {"a time of another day than the scope", WITHOUT_ACTION,
         "cvm.tencentcloudapi.com", "1551199465", published_body, SECRET, 1551199465,
         "AuthFailure.SignatureFailure"},
        {"no separator behind the commas",
         "TC3-HMAC-SHA256 Credential=" ID "/" SCOPE ",SignedHeaders=content-type;host,"
         "Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168",
         "cvm.tencentcloudapi.com", "1551113065", published_body, SECRET, 1551113065,
         NULL},
        {"the host is not signed",
         AUTH("content-type",
              "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"),
         "cvm.tencentcloudapi.com", "1551113065", published_body, SECRET, 1551113065,
         "AuthFailure.SignatureFailure"},
        {"a signed header was not sent",
         AUTH("content-type;host;x-tc-token",
              "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"),
         "cvm.tencentcloudapi.com", "1551113065", published_body, SECRET, 1551113065,
         "AuthFailure.SignatureFailure"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct tc3_request req = {
            .method = "POST",
            .query = "",
            .host = cases[i].host,
            .timestamp = cases[i].timestamp,
            .body = text(cases[i].body),
            .header = header_of,
            .arg = (void *)(uintptr_t)sent,
        };
        struct tc3 t;
        const char *got = tc3_read(&t, cases[i].authorization);

        if (!got)
            got = tc3_verify(&t, &req, cases[i].secret, cases[i].now, 300);
        if ((got == NULL) != (cases[i].want == NULL) ||
            (got && strcmp(got, cases[i].want) != 0))
            fail_msg("%s: %s", cases[i].name, got ? got : "taken");
    }
}

static void test_unsigned_payload(void **state)
{
    struct tc3_request req = {
        .method = "POST",
        .query = "",
        .host = "cvm.tencentcloudapi.com",
        .timestamp = "1551113065",
        .body = text("UNSIGNED-PAYLOAD"),
        .header = header_of,
        .arg = (void *)(uintptr_t)sent,
    };
    /* Made with the recipe of the specification and Python's hmac. */
    const char *authorization =
        AUTH("content-type;host",
             "046973eb8aff090a93ae075243c90c0b1df77954c7e4f0821f4750e2d49fc193");
    struct tc3 t;

    (void)state;
    assert_null(tc3_read(&t, authorization));
    req.body = text("anything");
    req.unsigned_payload = true;
    assert_null(tc3_verify(&t, &req, SECRET, 1551113065, 300));
    req.unsigned_payload = false;
    assert_string_equal(tc3_verify(&t, &req, SECRET, 1551113065, 300),
                        "AuthFailure.SignatureFailure");
}

static const char *own_header(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "host") == 0           ? "h.example:8780"
           : strcmp(name, "content-type") == 0 ? "application/json"
                                               : NULL;
}

static void test_our_own_signature(void **state)
{
    struct tc3_request req = {
        .method = "POST",
        .query = "",
        .host = "h.example:8780",
        .timestamp = "1551113065",
        .body = text("{\"Limit\":1}"),
        .header = own_header,
    };
    char got[TC3_AUTHORIZATION_MAX];
    struct tc3 t;

    (void)state;
    assert_int_equal(tc3_sign(got, ID, SECRET, "cvm", req.host, "application/json",
                              1551113065, req.body),
                     0);
    assert_null(tc3_read(&t, got));
    assert_null(tc3_verify(&t, &req, SECRET, 1551113065, 300));
    req.body = text("{\"Limit\":2}");
    assert_string_equal(tc3_verify(&t, &req, SECRET, 1551113065, 300),
                        "AuthFailure.SignatureFailure");
    assert_true(tc3_sign(got, "a\r\nX: y", SECRET, "cvm", req.host, "application/json", 0,
                         req.body) < 0);
}

static void test_malformed(void **state)
{
    static const char *const cases[] = {
        "",
        "SKIP",
        "Basic dXNlcjpwYXNz",
        "TC3-HMAC-SHA256",
        "TC3-HMAC-SHA256 ",
        "TC3-HMAC-SHA256 Credential=a/2019-02-25/cvm/tc3_request",
        "TC3-HMAC-SHA256 Credential=a/2019-02-25/cvm/other, SignedHeaders=host, "
        "Signature=0",
        "TC3-HMAC-SHA256 Credential=a/2019-2-25/cvm/tc3_request, SignedHeaders=host, "
        "Signature=0000000000000000000000000000000000000000000000000000000000000000",
        "TC3-HMAC-SHA256 Credential=/2019-02-25/cvm/tc3_request, SignedHeaders=host, "
        "Signature=0000000000000000000000000000000000000000000000000000000000000000",
        "TC3-HMAC-SHA256 Credential=a/2019-02-25/cvm/tc3_request, SignedHeaders=, "
        "Signature=0000000000000000000000000000000000000000000000000000000000000000",
        AUTH("host", "72e4"),
        WITHOUT_ACTION ", more",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct tc3 t;
        const char *got = tc3_read(&t, cases[i]);

        if (!got || strcmp(got, "AuthFailure.InvalidAuthorization") != 0)
            fail_msg("\"%s\": %s", cases[i], got ? got : "taken");
    }
}

#define PAIR(n, v)                              \
    {                                           \
        {(const uint8_t *)(n), sizeof(n) - 1},  \
        {                                       \
            (const uint8_t *)(v), sizeof(v) - 1 \
        }                                       \
    }

/* The example of the vendor's page about signature v1. */
static void test_v1(void **state)
{
    static const struct {
        const char *name, *method, *host, *offset, *signature, *secret;
        int hash;
        const char *want;
    } cases[] = {
        {"the vendor's example", "GET", "cvm.tencentcloudapi.com", "0",
         "EliP9YW3pW28FpsEdkXt/+WcGeI=", SECRET, V1_SHA1, NULL},
        {"the same by POST", "POST", "cvm.tencentcloudapi.com", "0",
         "EliP9YW3pW28FpsEdkXt/+WcGeI=", SECRET, V1_SHA1, "AuthFailure.SignatureFailure"},
        {"a port that was not signed", "GET", "cvm.tencentcloudapi.com:80", "0",
         "EliP9YW3pW28FpsEdkXt/+WcGeI=", SECRET, V1_SHA1, "AuthFailure.SignatureFailure"},
        {"a changed parameter", "GET", "cvm.tencentcloudapi.com", "1",
         "EliP9YW3pW28FpsEdkXt/+WcGeI=", SECRET, V1_SHA1, "AuthFailure.SignatureFailure"},
        {"another hash", "GET", "cvm.tencentcloudapi.com", "0",
         "EliP9YW3pW28FpsEdkXt/+WcGeI=", SECRET, V1_SHA256,
         "AuthFailure.SignatureFailure"},
        {"another key", "GET", "cvm.tencentcloudapi.com", "0",
         "EliP9YW3pW28FpsEdkXt/+WcGeI=", "x", V1_SHA1, "AuthFailure.SignatureFailure"},
        {"no signature", "GET", "cvm.tencentcloudapi.com", "0", "", SECRET, V1_SHA1,
         "AuthFailure.SignatureFailure"},
        {"a cut signature", "GET", "cvm.tencentcloudapi.com", "0", "EliP9YW3pW28FpsEdkXt",
         SECRET, V1_SHA1, "AuthFailure.SignatureFailure"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct v1_pair pairs[] = {
            PAIR("Version", "2017-03-12"),
            PAIR("Action", "DescribeInstances"),
            PAIR("InstanceIds.0", "ins-09dx96dg"),
            PAIR("Limit", "20"),
            PAIR("Nonce", "11886"),
            PAIR("Offset", "0"),
            PAIR("Region", "ap-guangzhou"),
            PAIR("SecretId", ID),
            PAIR("Timestamp", "1465185768"),
        };
        struct v1_request req = {
            .method = cases[i].method,
            .host = cases[i].host,
            .path = "/",
            .hash = cases[i].hash,
            .pairs = pairs,
            .n_pairs = ARRAY_SIZE(pairs),
            .signature = text(cases[i].signature),
        };
        const char *got;

        pairs[5].value = text(cases[i].offset);
        got = v1_verify(&req, cases[i].secret);
        if ((got == NULL) != (cases[i].want == NULL))
            fail_msg("%s: %s", cases[i].name, got ? got : "taken");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tc3),
        cmocka_unit_test(test_unsigned_payload),
        cmocka_unit_test(test_our_own_signature),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_v1),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
