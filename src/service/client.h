/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client.h: calls of an API 3.0 over HTTP, signed by TC3-HMAC-SHA256
 *
 * What `imgport image|task|region` speak to an imgportd with, and the daemon to the
 * vendor's SendSms.  Redirects are not followed and no proxy is used.  Nothing is shared
 * between calls: any thread. */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "base/err.h"

enum {
    CLIENT_ANSWER_MAX = 50 << 20, /* what the vendor's documentation allows */
    CLIENT_REFUSED = 1,           /* the service answered with an error of its own */
};

struct client {
    const char *endpoint; /* "http://127.0.0.1:8780", "https://cvm.example"; no path */
    const char *product;  /* in the scope of the signature: "cvm", "sms" */
    const char *secret_id, *secret_key;
    const char *region;     /* NULL or "": none is named */
    const char *language;   /* "zh-CN", "en-US"; NULL: as the account's */
    const char *ca_file;    /* of the certificates to trust; NULL or "": the system's */
    long timeout_s;         /* in all; 0: none */
    int (*goes_on)(void *); /* asked now and then; not 0 ends the call.  May be NULL */
    void *arg;
};

struct client_fault {
    char code[96]; /* "InvalidImageId.NotFound" */
    char message[1024];
    char request_id[64];
};

/* 0: *ret is "Response", a new reference.  CLIENT_REFUSED: *fault says why.  Negative: no
 * answer that makes sense, or the call was ended. */
int client_call(json_t **ret, struct client_fault *fault, const struct client *c,
                const char *action, const char *version, const json_t *params,
                struct err *err);

/* The "host:port" of an endpoint as curl will send it.  ERR_ARG: it is none. */
int client_host(char *to, size_t cap, const char *endpoint, struct err *err);
