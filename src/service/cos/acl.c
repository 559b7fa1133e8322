/* SPDX-License-Identifier: GPL-2.0-or-later */
/* acl.c: who may do what
 *
 * An owner may everything.  Everybody else is asked of the ACL of the object, or of the
 * bucket when the object has none of its own, and of the grants beside it.  There is no
 * grant that takes something away. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/scoped.h"
#include "base/text.h"
#include "base/xml.h"
#include "service/cos/cos.h"

#define ALL_USERS "/groups/global/AllUsers"

enum { GRANT_HEADER_MAX = 4096 };

static const char *const rights[] = {
    [COS_READ] = "READ",
    [COS_WRITE] = "WRITE",
    [COS_READ_ACP] = "READ_ACP",
    [COS_WRITE_ACP] = "WRITE_ACP",
};

bool cos_is_owner(const struct cos_request *q)
{
    return *q->caller.uin && strcmp(q->caller.uin, q->bucket.owner) == 0;
}

/* "<uin>:READ,<uin>:FULL_CONTROL": sets *one to the next, false at the end. */
static bool next_grant(const char **grants, struct bytes *uin, struct bytes *right)
{
    size_t n = strcspn(*grants, ","), colon = strcspn(*grants, ":");

    if (n == 0 || colon >= n)
        return false;
    *uin = bytes_of(*grants, colon);
    *right = bytes_of(*grants + colon + 1, n - colon - 1);
    *grants += n + ((*grants)[n] == ',');
    return true;
}

static bool is_granted(const char *grants, const char *uin, enum cos_right right)
{
    struct bytes who, what;

    while (*uin && next_grant(&grants, &who, &what))
        if (text_is(who, uin) &&
            (text_is(what, "FULL_CONTROL") || text_is(what, rights[right])))
            return true;
    return false;
}

bool cos_may(const struct cos_request *q, enum cos_right right, const struct object *o)
{
    bool own = o && o->acl != ACL_DEFAULT;
    enum acl acl = own ? o->acl : q->bucket.acl;

    if (cos_is_owner(q))
        return true;
    if (right == COS_READ && (acl == ACL_PUBLIC_READ || acl == ACL_PUBLIC_READ_WRITE))
        return true;
    if (right == COS_WRITE && acl == ACL_PUBLIC_READ_WRITE)
        return true;
    return is_granted(own ? o->grants : q->bucket.grants, q->caller.uin, right);
}

int cos_must(struct cos_request *q, enum cos_right right, const struct object *o)
{
    return cos_may(q, right, o) ? 0 : cos_error(q, COS_AccessDenied, NULL);
}

/* ---- from headers */

/* The account of "100000000003", "100000000003/100000000011" or
 * "qcs::cam::uin/100000000003:uin/100000000003"; empty when it is none. */
static struct bytes root_of(struct bytes id)
{
    long uin = text_find(id, "uin/");
    size_t n = 0;

    if (uin >= 0)
        id = bytes_sub(id, (size_t)uin + 4, id.n - (size_t)uin - 4);
    while (n < id.n && id.p[n] >= '0' && id.p[n] <= '9')
        n++;
    return bytes_sub(id, 0, n);
}

static int add_grant(struct buf *grants, unsigned *count, struct bytes uin,
                     const char *right, struct err *err)
{
    if (uin.n == 0 || uin.n > 20)
        return FAIL(err, ERR_CORRUPT, "a grantee that is no account");
    if (++*count > GRANTS_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d grants", GRANTS_MAX);
    return buf_printf(grants, err, "%s%.*s:%s", grants->n ? "," : "", (int)uin.n,
                      (const char *)uin.p, right);
}

/* id="100000000003", id="100000000004/100000000011" */
static int read_grant_header(struct buf *grants, unsigned *count, const char *value,
                             const char *right, struct err *err)
{
    struct bytes b = bytes_of(value, strlen(value));
    int r = 0;

    if (b.n > GRANT_HEADER_MAX)
        return FAIL(err, ERR_LIMIT, "a header of grants is too long");
    while (r == 0 && b.n) {
        const uint8_t *comma = memchr(b.p, ',', b.n);
        size_t n = comma ? (size_t)(comma - b.p) : b.n;
        struct bytes one = text_trim(bytes_sub(b, 0, n));

        if (!text_starts(one, "id="))
            return FAIL(err, ERR_CORRUPT, "a grant without id=");
        one = text_unquote(bytes_sub(one, 3, one.n - 3));
        r = add_grant(grants, count, root_of(one), right, err);
        b = bytes_sub(b, n + (comma != NULL), b.n - n - (comma != NULL));
    }
    return r;
}

int cos_acl_headers(struct cos_request *q, enum cos_scope scope, enum acl *acl,
                    const char **grants)
{
    static const struct {
        const char *header, *right;
    } headers[] = {
        {"x-cos-grant-read", "READ"},
        {"x-cos-grant-write", "WRITE"},
        {"x-cos-grant-read-acp", "READ_ACP"},
        {"x-cos-grant-write-acp", "WRITE_ACP"},
        {"x-cos-grant-full-control", "FULL_CONTROL"},
    };
    const char *name = http_header(q->req, "x-cos-acl");
    AUTO(buf_fini) struct buf list = {0};
    unsigned count = 0;
    struct err err = {0};

    if (name && *name) {
        enum acl got;

        if (!acl_from_name(&got, name) ||
            got == (scope == COS_OF_OBJECT ? ACL_PUBLIC_READ_WRITE : ACL_DEFAULT))
            return cos_error(q, COS_InvalidArgument,
                             "x-cos-acl is not one that is known");
        *acl = got;
        *grants = "";
    }
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        const char *value = http_header(q->req, headers[i].header);

        if (value && read_grant_header(&list, &count, value, headers[i].right, &err) < 0)
            return cos_error(q, COS_InvalidArgument, "%s: %s", headers[i].header,
                             err.msg);
    }
    if (count) {
        *grants = arena_str(&q->arena, buf_str(&list));
        if (*acl == ACL_DEFAULT)
            *acl = ACL_PRIVATE;
    }
    return 0;
}

/* ---- from XML */

struct reading {
    struct buf grants;
    unsigned count;
    bool all_read, all_write, begun;
    struct bytes who; /* of the grant under way, in the arena */
    bool is_all;
    const char *right;
};

static int end_grant(struct reading *g, const char *owner, struct err *err)
{
    static const char *const known[] = {
        "READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL",
    };
    bool good = false;

    for (size_t i = 0; g->right && i < ARRAY_SIZE(known); i++)
        good = good || strcmp(g->right, known[i]) == 0;
    if (!good)
        return FAIL(err, ERR_CORRUPT, "a grant without a known permission");
    if (g->is_all) {
        bool full = strcmp(g->right, "FULL_CONTROL") == 0;

        g->all_read = g->all_read || full || strcmp(g->right, "READ") == 0;
        g->all_write = g->all_write || full || strcmp(g->right, "WRITE") == 0;
        return 0;
    }
    if (text_is(g->who, owner))
        return 0; /* has every right anyway */
    return add_grant(&g->grants, &g->count, g->who, g->right, err);
}

static int read_element(struct reading *g, struct arena *a, const struct xml *x,
                        bool opens, const char *owner, struct err *err)
{
    const char *text = buf_str(&x->text);

    if (opens) {
        if (x->depth == 1) {
            if (!text_is(x->name, "AccessControlPolicy"))
                return FAIL(err, ERR_CORRUPT, "not an AccessControlPolicy");
            g->begun = true;
        } else if (text_is(x->name, "Grant")) {
            g->who = (struct bytes){0};
            g->is_all = false;
            g->right = NULL;
        }
        return 0;
    }
    if (text_is(x->name, "Permission")) {
        g->right = arena_str(a, text);
    } else if (text_is(x->name, "URI")) {
        g->is_all = text_ends(buf_bytes(&x->text), ALL_USERS);
    } else if (text_is(x->name, "ID")) {
        const char *id = arena_str(a, text);

        g->is_all = strcmp(id, "qcs::cam::anyone:anyone") == 0;
        g->who = root_of(bytes_of(id, strlen(id)));
    } else if (text_is(x->name, "Grant")) {
        return end_grant(g, owner, err);
    }
    return 0;
}

static void reading_fini(struct reading *g)
{
    buf_fini(&g->grants);
}

int cos_acl_read(struct arena *a, struct bytes body, enum cos_scope scope,
                 const char *owner, enum acl *acl, const char **grants, struct err *err)
{
    AUTO(xml_fini) struct xml x = XML_OF(body);
    AUTO(reading_fini) struct reading g = {0};
    int r;

    while ((r = xml_next(&x, err)) > 0) {
        r = read_element(&g, a, &x, r == XML_OPEN, owner, err);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    *acl = g.all_write && scope == COS_OF_BUCKET ? ACL_PUBLIC_READ_WRITE
           : g.all_read                          ? ACL_PUBLIC_READ
                                                 : ACL_PRIVATE;
    *grants = arena_str(a, buf_str(&g.grants));
    return arena_check(a, err);
}

/* ---- the operations */

/* Of the object, when the request names one. */
static int find(struct cos_request *q, struct object *ret)
{
    struct err err = {0};
    int r = object_get(ret, &q->arena, q->db, q->bucket.name, q->place.key, &err);

    if (r < 0)
        return cos_fail(q, &err);
    return r == REFUSED_NONE ? cos_error(q, COS_NoSuchKey, NULL) : 0;
}

int cos_put_acl(struct cos_request *q)
{
    bool of_object = q->op->scope == COS_OF_OBJECT;
    struct bucket b = q->bucket;
    struct object o = {0};
    enum acl acl = ACL_PRIVATE;
    const char *grants = "", *links = http_header(q->req, "x-imgport-one-time-links");
    struct err err = {0};
    int r = of_object ? find(q, &o) : 0;

    if (r == 0)
        r = cos_must(q, COS_WRITE_ACP, of_object ? &o : NULL);
    if (r < 0)
        return r;
    if (q->req->body.n) {
        if (cos_acl_read(&q->arena, q->req->body, q->op->scope, q->bucket.owner, &acl,
                         &grants, &err) < 0)
            return cos_error(q, COS_MalformedACLError, "%s", err.msg);
    } else {
        if (!of_object) {
            acl = b.acl;
            grants = b.grants;
        }
        r = cos_acl_headers(q, q->op->scope, &acl, &grants);
        if (r < 0)
            return r;
    }
    if (of_object) {
        r = object_set_acl(q->db, b.name, q->place.key, acl, grants, &err);
    } else {
        b.acl = acl;
        b.grants = grants;
        if (links)
            b.one_time_links = strcmp(links, "yes") == 0  ? 1
                               : strcmp(links, "no") == 0 ? 0
                                                          : -1;
        r = bucket_set(q->db, &b, &err);
    }
    if (r < 0)
        return cos_fail(q, &err);
    if (r == REFUSED_NONE)
        return cos_error(q, of_object ? COS_NoSuchKey : COS_NoSuchBucket, NULL);
    return cos_answer(q, 200);
}

static void grant_xml(struct cos_request *q, const char *uin, const char *right)
{
    char id[100];

    if (uin) {
        snprintf(id, sizeof id, "qcs::cam::uin/%s:uin/%s", uin, uin);
        cos_xml_raw(q, "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-"
                       "instance\" xsi:type=\"RootAccount\">");
        cos_xml(q, "ID", id);
        cos_xml(q, "DisplayName", id);
    } else {
        cos_xml_raw(q, "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-"
                       "instance\" xsi:type=\"Group\">");
        cos_xml(q, "URI", "http://cam.qcloud.com" ALL_USERS);
    }
    cos_xml_raw(q, "</Grantee>");
    cos_xml(q, "Permission", right);
    cos_xml_raw(q, "</Grant>");
}

int cos_get_acl(struct cos_request *q)
{
    bool of_object = q->op->scope == COS_OF_OBJECT;
    struct object o = {0};
    const char *grants = q->bucket.grants;
    enum acl acl = q->bucket.acl;
    struct bytes who, what;
    char id[100];
    int r = of_object ? find(q, &o) : 0;

    if (r == 0)
        r = cos_must(q, COS_READ_ACP, of_object ? &o : NULL);
    if (r < 0)
        return r;
    if (of_object) {
        acl = o.acl;
        grants = o.grants;
    }
    snprintf(id, sizeof id, "qcs::cam::uin/%s:uin/%s", q->bucket.owner, q->bucket.owner);
    cos_xml_raw(q,
                "<?xml version='1.0' encoding='utf-8' ?>\n<AccessControlPolicy><Owner>");
    cos_xml(q, "ID", id);
    cos_xml(q, "DisplayName", id);
    cos_xml_raw(q, "</Owner><AccessControlList>");
    if (acl == ACL_PUBLIC_READ || acl == ACL_PUBLIC_READ_WRITE)
        grant_xml(q, NULL, "READ");
    if (acl == ACL_PUBLIC_READ_WRITE)
        grant_xml(q, NULL, "WRITE");
    if (acl != ACL_DEFAULT)
        grant_xml(q, q->bucket.owner, "FULL_CONTROL");
    while (next_grant(&grants, &who, &what))
        grant_xml(q, arena_strn(&q->arena, (const char *)who.p, who.n),
                  arena_strn(&q->arena, (const char *)what.p, what.n));
    cos_xml_raw(q, "</AccessControlList></AccessControlPolicy>");
    cos_header(q, "x-cos-acl", "%s", acl_name(acl));
    return cos_answer_xml(q);
}
