/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/envelope.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "service/query.h"
#include "store/account.h"

enum { ENVELOPE_ARENA_MAX = 8 << 20, WORD_MAX = 128 };

void envelope_init(struct envelope *e, struct service *service, struct http_request *req)
{
    const char *language = http_header(req, "X-TC-Language");

    e->req = req;
    e->arena.max = ENVELOPE_ARENA_MAX;
    e->call.service = service;
    e->call.request_id = req->id;
    e->language_given = language && *language;
    e->call.zh = language && strncasecmp(language, "zh", 2) == 0;
}

void envelope_free(struct envelope *e)
{
    if (!e)
        return;
    json_decref(e->params);
    arena_fini(&e->arena);
    buf_fini(&e->call.reply.buf);
    free(e);
}

struct bytes envelope_form(const struct envelope *e)
{
    if (strcmp(e->req->method, "GET") == 0)
        return bytes_of(e->req->query, strlen(e->req->query));
    return e->req->body;
}

/* --- what a request asks for --- */

static int find_action(struct envelope *e, const char *action, const char *version)
{
    struct call *c = &e->call;
    bool known = false, served = false;

    if (!action || !*action)
        return call_error(c, "MissingParameter", _("%s is missing"), "Action");
    for (size_t i = 0; action_at(i); i++) {
        known |= strcmp(action_at(i)->name, action) == 0;
        served |= version && strcmp(action_at(i)->version, version) == 0;
    }
    if (!known)
        return call_error(c, "InvalidAction", _("there is no action %.60s"), action);
    if (!version || !*version)
        return call_error(c, "MissingParameter", _("%s is missing"), "Version");
    if (!served)
        return call_error(c, "NoSuchVersion", _("there is no version %.60s"), version);
    c->action = action_find(action, version);
    if (!c->action)
        return call_error(c, "InvalidAction", _("version %s has no action %s"), version,
                          action);
    e->req->subject = c->action->name;
    return 0;
}

static int find_key(struct envelope *e, struct bytes secret_id)
{
    struct call *c = &e->call;
    char id[WORD_MAX];
    struct err err = {0};
    int r;

    if (secret_id.n >= sizeof id || memchr(secret_id.p, 0, secret_id.n))
        return call_error(c, "AuthFailure.InvalidSecretId", _("this is no SecretId"));
    memcpy(id, secret_id.p, secret_id.n);
    id[secret_id.n] = '\0';
    if (strncmp(id, "AKID", 4) != 0)
        return call_error(c, "AuthFailure.InvalidSecretId", _("this is no SecretId"));
    r = catalog_find_key(&c->account, c->service->catalog, id, &err);
    if (r == REFUSED_NONE)
        return call_error(c, "AuthFailure.SecretIdNotFound",
                          _("the SecretId is unknown or disabled"));
    return r < 0 ? call_fail(c, &err) : 0;
}

static int auth_error(struct envelope *e, const char *code)
{
    struct call *c = &e->call;

    if (strcmp(code, "AuthFailure.SignatureExpire") == 0)
        return call_error(
            c, code, _("the request's time differs from ours by more than %llu seconds"),
            (unsigned long long)c->service->config->clock_window);
    if (strcmp(code, "AuthFailure.SignatureFailure") == 0)
        return call_error(c, code, _("the signature is not that of this request"));
    if (strcmp(code, "AuthFailure.InvalidAuthorization") == 0)
        return call_error(c, code, _("the Authorization header is malformed"));
    return call_error(c, code, _("%s is not a whole number"), "Timestamp");
}

/* --- TC3 --- */

static int tc3_head(struct envelope *e, const char *authorization)
{
    struct call *c = &e->call;
    const char *token = http_header(e->req, "X-TC-Token");
    const char *code;
    int r = find_action(e, http_header(e->req, "X-TC-Action"),
                        http_header(e->req, "X-TC-Version"));

    if (r < 0)
        return r;
    code = tc3_read(&e->tc3, authorization);
    if (code)
        return auth_error(e, code);
    if (token && *token)
        return call_error(c, "AuthFailure.TokenFailure",
                          _("temporary credentials are not issued here"));
    if (!http_header(e->req, "X-TC-Timestamp"))
        return call_error(c, "MissingParameter", _("%s is missing"), "X-TC-Timestamp");
    return find_key(e, e->tc3.secret_id);
}

static const char *header_of(void *arg, const char *name)
{
    return http_header(arg, name);
}

static int tc3_check(struct envelope *e)
{
    const char *hash = http_header(e->req, "X-TC-Content-SHA256");
    struct tc3_request req = {
        .method = e->req->method,
        .query = e->req->query,
        .host = e->req->host,
        .timestamp = http_header(e->req, "X-TC-Timestamp"),
        .body = e->req->body,
        .unsigned_payload = hash && strcmp(hash, "UNSIGNED-PAYLOAD") == 0,
        .header = header_of,
        .arg = e->req,
    };
    const char *code = tc3_verify(&e->tc3, &req, e->call.account.secret_key, time(NULL),
                                  (int64_t)e->call.service->config->clock_window);

    return code ? auth_error(e, code) : 0;
}

/* --- signature v1 --- */

static int read_pairs(struct envelope *e)
{
    struct bytes rest = envelope_form(e);
    struct query_pair pair;
    struct err err = {0};
    int r;

    e->pairs = arena_alloc(&e->arena, V1_PAIRS_MAX * sizeof *e->pairs);
    if (!e->pairs)
        return call_error(&e->call, "InternalError", "%s", _("out of memory"));
    while ((r = query_next(&pair, &rest, &err)) > 0) {
        AUTO(buf_fini) struct buf name = {0}, value = {0};

        if (query_decode(&name, pair.name, true, &err) < 0 ||
            query_decode(&value, pair.value, true, &err) < 0)
            break;
        if (e->n_pairs == V1_PAIRS_MAX)
            return call_error(&e->call, "InvalidParameter", _("too many parameters"));
        e->pairs[e->n_pairs++] = (struct v1_pair){
            bytes_of(arena_strn(&e->arena, buf_str(&name), name.n), name.n),
            bytes_of(arena_strn(&e->arena, buf_str(&value), value.n), value.n),
        };
    }
    if (r != 0 || arena_check(&e->arena, &err) < 0)
        return call_error(&e->call, "InvalidParameter",
                          _("the parameters cannot be read: %s"), err.msg);
    return 0;
}

/* The value of a parameter, NUL-terminated in the arena; NULL. */
static const char *pair_value(const struct envelope *e, const char *name)
{
    for (size_t i = 0; i < e->n_pairs; i++)
        if (text_is(e->pairs[i].name, name))
            return (const char *)e->pairs[i].value.p;
    return NULL;
}

static struct bytes text_of(const char *s)
{
    return bytes_of(s, strlen(s));
}

static int v1_signature(struct envelope *e, const char *signature)
{
    const char *method = pair_value(e, "SignatureMethod");
    struct v1_request req = {
        .method = e->req->method,
        .host = e->req->host,
        .path = e->req->path,
        .pairs = e->pairs,
        .signature = text_of(signature),
    };
    const char *code;

    if (method && strcmp(method, "HmacSHA256") == 0)
        req.hash = V1_SHA256;
    else if (method && strcmp(method, "HmacSHA1") != 0)
        return call_error(&e->call, "InvalidParameterValue",
                          _("%s is \"%.60s\"; allowed are %s"), "SignatureMethod", method,
                          "HmacSHA1|HmacSHA256");
    for (size_t i = 0; i < e->n_pairs; i++)
        if (!text_is(e->pairs[i].name, "Signature"))
            req.pairs[req.n_pairs++] = e->pairs[i];
    e->n_pairs = req.n_pairs;
    code = v1_verify(&req, e->call.account.secret_key);
    return code ? auth_error(e, code) : 0;
}

struct nonce {
    const char *secret_id;
    int64_t timestamp, keep;
    uint64_t value;
};

static int take_nonce(struct db *db, void *arg, struct err *err)
{
    const struct nonce *n = arg;

    return nonce_take(db, n->secret_id, n->timestamp, n->value, n->keep, err);
}

static int v1_nonce(struct envelope *e, uint64_t value, int64_t timestamp)
{
    struct call *c = &e->call;
    struct nonce n = {c->account.secret_id, timestamp,
                      2 * (int64_t)c->service->config->clock_window + 60, value};
    struct err err = {0};
    int r = catalog_tx_lazy(c->service->catalog, take_nonce, &n, &err);

    if (r == REFUSED_USED)
        return call_error(c, "AuthFailure.SignatureFailure",
                          _("a request with this Nonce was accepted already"));
    return r ? call_fail(c, &err) : 0;
}

static int v1_check(struct envelope *e)
{
    static const char *const required[] = {"SecretId", "Timestamp", "Nonce", "Signature"};
    struct call *c = &e->call;
    const char *values[ARRAY_SIZE(required)], *code, *token;
    int64_t timestamp;
    uint64_t nonce;
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
        values[i] = pair_value(e, required[i]);
        if (!values[i] || !*values[i])
            return call_error(c, "MissingParameter", _("%s is missing"), required[i]);
    }
    token = pair_value(e, "Token");
    if (token && *token)
        return call_error(c, "AuthFailure.TokenFailure",
                          _("temporary credentials are not issued here"));
    r = find_key(e, text_of(values[0]));
    if (r < 0)
        return r;
    code = sign_time(&timestamp, text_of(values[1]), time(NULL),
                     (int64_t)c->service->config->clock_window);
    if (code)
        return auth_error(e, code);
    if (!text_u64(&nonce, text_of(values[2])) || nonce == 0 || nonce > INT64_MAX)
        return call_error(c, "InvalidParameter", _("%s is not a positive whole number"),
                          "Nonce");
    r = v1_signature(e, values[3]);
    /* Only what is signed uses a nonce up. */
    return r < 0 ? r : v1_nonce(e, nonce, timestamp);
}

static int v1_verify_all(struct envelope *e)
{
    const char *language;
    int r = read_pairs(e);

    if (r < 0)
        return r;
    language = pair_value(e, "Language");
    if (language && *language) {
        e->language_given = true;
        e->call.zh = strncasecmp(language, "zh", 2) == 0;
        i18n_use(e->call.zh ? e->zh : NULL);
    }
    r = find_action(e, pair_value(e, "Action"), pair_value(e, "Version"));
    return r < 0 ? r : v1_check(e);
}

/* --- */

int envelope_head(struct envelope *e)
{
    const char *authorization = http_header(e->req, "Authorization");

    /* An action in a header and no signature is TC3 that lacks one. */
    if (authorization || http_header(e->req, "X-TC-Action"))
        return tc3_head(e, authorization ? authorization : "");
    e->is_v1 = true;
    return 0;
}

int envelope_verify(struct envelope *e)
{
    return e->is_v1 ? v1_verify_all(e) : tc3_check(e);
}

int envelope_region(struct envelope *e)
{
    struct call *c = &e->call;
    const char *id =
        e->is_v1 ? pair_value(e, "Region") : http_header(e->req, "X-TC-Region");

    if (!id || !*id) {
        if (c->action->flags & ACTION_NO_REGION)
            return 0;
        return call_error(c, "MissingParameter", _("%s is missing"), "Region");
    }
    c->region = config_region(c->service->config, id);
    if (!c->region)
        return call_error(c, "UnsupportedRegion", _("region %.60s is not served here"),
                          id);
    return 0;
}
