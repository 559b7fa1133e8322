/* SPDX-License-Identifier: GPL-2.0-or-later */
/* envelope.h: what is around the parameters of a call: action, version, region, who
 * signed it
 *
 *     TC3   headers X-TC-Action, X-TC-Version, X-TC-Region, X-TC-Timestamp,
 * Authorization; parameters as JSON in a POST, flattened in the query of a GET v1
 * everything is a parameter of the query (GET) or the form (POST), Signature too
 *
 * One thread at a time. */
#pragma once

#include "base/i18n.h"
#include "service/call.h"
#include "service/http.h"
#include "service/sign.h"

enum { V1_PAIRS_MAX = 1024 };

struct envelope {
    struct call call;
    struct http_request *req;
    struct arena arena;
    bool is_v1, language_given;
    struct tc3 tc3;
    const struct i18n_catalog *zh; /* used as soon as the language is known; NULL: none */
    json_t *params;
    /* Signature v1: */
    struct v1_pair *pairs;
    size_t n_pairs;
};

void envelope_init(struct envelope *e, struct service *service, struct http_request *req);
void envelope_free(struct envelope *e);

/* What can be told before the body came.  Negative: call_error() was used; of v1 in a
 * form nothing is known yet. */
int envelope_head(struct envelope *e);

/* Action and version, then the signature over everything; fills call.account. */
int envelope_verify(struct envelope *e);

/* Region: there, and served here. */
int envelope_region(struct envelope *e);

/* The encoded text with the flattened parameters. */
struct bytes envelope_form(const struct envelope *e);
