/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "store/testing.h"

static const char *text(struct testing *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static const char *text(struct testing *t, const char *fmt, ...)
{
    char s[300];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(s, sizeof s, fmt, ap);
    va_end(ap);
    return arena_str(&t->arena, s);
}

static struct bucket a_bucket(struct testing *t, const char *name)
{
    struct account a = testing_account(t);
    struct bucket b = {
        .name = text(t, "%s-%s", name, a.app_id),
        .region = REGION,
        .owner = a.uin,
        .acl = ACL_PRIVATE,
        .grants = "",
        .one_time_links = -1,
    };

    OK(bucket_new(t->db, &b, &err));
    return b;
}

static struct dead_blobs put(struct testing *t, const struct bucket *b, const char *key,
                             const char *blob)
{
    struct object o = {
        .bucket = b->name,
        .key = key,
        .size = 10,
        .etag = blob,
        .content_type = "text/plain",
        .headers = "x-cos-meta-a: b\n",
        .acl = ACL_DEFAULT,
        .grants = "",
    };
    struct object_piece piece = {0, 10, blob};
    struct dead_blobs dead;

    OK(object_put(&dead, &t->arena, t->db, &o, &(struct object_pieces){&piece, 1}, &err));
    return dead;
}

static void buckets_come_and_go(void **state)
{
    struct testing *t = *state;
    struct bucket b = a_bucket(t, "one"), c = a_bucket(t, "two"), got;
    struct bucket_list list;
    struct dead_blobs dead;

    CHECK(REFUSED_NAME, bucket_new(t->db, &b, &err));
    OK(bucket_get(&got, &t->arena, t->db, b.name, &err));
    assert_string_equal(got.owner, b.owner);
    assert_string_equal(got.region, REGION);
    assert_int_equal(got.acl, ACL_PRIVATE);
    assert_int_equal(got.one_time_links, -1);
    assert_true(got.created > 0);
    CHECK(REFUSED_NONE, bucket_get(&got, &t->arena, t->db, "none-1", &err));
    b.acl = ACL_PUBLIC_READ;
    b.grants = "1:READ";
    b.one_time_links = 1;
    OK(bucket_set(t->db, &b, &err));
    OK(bucket_get(&got, &t->arena, t->db, b.name, &err));
    assert_int_equal(got.acl, ACL_PUBLIC_READ);
    assert_string_equal(got.grants, "1:READ");
    assert_int_equal(got.one_time_links, 1);
    OK(bucket_list(&list, &t->arena, t->db, b.owner, NULL, &err));
    assert_int_equal(list.n, 1); /* not the other account's */
    assert_string_equal(list.v[0].name, b.name);
    OK(bucket_list(&list, &t->arena, t->db, b.owner, "ap-shanghai", &err));
    assert_int_equal(list.n, 0);

    put(t, &b, "k", "bucket/1");
    CHECK(REFUSED_STATE, bucket_delete(t->db, b.name, &err));
    OK(object_delete(&dead, &t->arena, t->db, b.name, "k", &err));
    OK(bucket_delete(t->db, b.name, &err));
    CHECK(REFUSED_NONE, bucket_delete(t->db, b.name, &err));
    CHECK(REFUSED_NONE, bucket_set(t->db, &b, &err));
    OK(bucket_delete(t->db, c.name, &err));
}

static void an_account_has_so_many_buckets(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct bucket b = {.region = REGION, .owner = a.uin, .acl = ACL_PRIVATE};

    for (int i = 0; i < BUCKETS_MAX; i++) {
        b.name = text(t, "b%d-%s", i, a.app_id);
        OK(bucket_new(t->db, &b, &err));
    }
    b.name = text(t, "more-%s", a.app_id);
    CHECK(REFUSED_QUOTA, bucket_new(t->db, &b, &err));
}

static void an_object_is_replaced_whole(void **state)
{
    struct testing *t = *state;
    struct bucket b = a_bucket(t, "objects");
    struct object first, o;
    struct object_pieces pieces;
    struct dead_blobs dead;
    bool has;

    assert_int_equal(put(t, &b, "k", "first").n, 0);
    OK(object_get(&first, &t->arena, t->db, b.name, "k", &err));
    assert_int_equal(first.size, 10);
    assert_string_equal(first.content_type, "text/plain");
    assert_string_equal(first.headers, "x-cos-meta-a: b\n");
    OK(blob_has_row(&has, t->db, "first", &err));
    assert_true(has);

    dead = put(t, &b, "k", "second");
    assert_int_equal(dead.n, 1);
    assert_string_equal(dead.v[0], "first");
    OK(object_get(&o, &t->arena, t->db, b.name, "k", &err));
    assert_string_equal(o.etag, "second");
    /* Who still holds the first one finds nothing, and not the bytes of the second. */
    assert_true(o.id != first.id);
    OK(object_pieces(&pieces, &t->arena, t->db, first.id, 0, 10, &err));
    assert_int_equal(pieces.n, 0);
    OK(blob_has_row(&has, t->db, "first", &err));
    assert_false(has);

    OK(object_set_acl(t->db, b.name, "k", ACL_PUBLIC_READ, "2:READ", &err));
    OK(object_get(&o, &t->arena, t->db, b.name, "k", &err));
    assert_int_equal(o.acl, ACL_PUBLIC_READ);
    assert_string_equal(o.grants, "2:READ");
    CHECK(REFUSED_NONE, object_set_acl(t->db, b.name, "x", ACL_PRIVATE, "", &err));

    OK(object_delete(&dead, &t->arena, t->db, b.name, "k", &err));
    assert_int_equal(dead.n, 1);
    CHECK(REFUSED_NONE, object_delete(&dead, &t->arena, t->db, b.name, "k", &err));
    CHECK(REFUSED_NONE, object_get(&o, &t->arena, t->db, b.name, "k", &err));
    OK(bucket_delete(t->db, b.name, &err));
    o = (struct object){.bucket = b.name, .key = "k", .etag = ""};
    CHECK(REFUSED_NONE,
          object_put(&dead, &t->arena, t->db, &o, &(struct object_pieces){0}, &err));
}

/* What a listing says, "a b/ | next" */
static const char *listed(struct testing *t, const struct list_query *q)
{
    AUTO(buf_fini) struct buf s = {0};
    struct object_list l;

    OK(object_list(&l, &t->arena, t->db, q, &err));
    for (size_t i = 0; i < l.n; i++)
        buf_printf(&s, NULL, "%s ", l.v[i].key);
    for (size_t i = 0; i < l.n_prefixes; i++)
        buf_printf(&s, NULL, "[%s] ", l.prefixes[i]);
    if (l.next)
        buf_printf(&s, NULL, "> %s", l.next);
    return arena_str(&t->arena, buf_str(&s));
}

static void keys_are_listed_in_order(void **state)
{
    static const char *const keys[] = {
        "dir/b",          "dir/a",          "a",
        "dir/sub/c",      "dir0",           "Z",
        "dir\x7f",        "x\x7f/1",        "x\x7f/2",
        "\xe4\xb8\xad/1", "\xe4\xb8\xad/2", "dir/\xe4\xb8\xad",
    };
    static const struct {
        const char *name, *prefix, *marker, *delimiter;
        size_t max;
        const char *want;
    } cases[] = {
        {"all of them, bytewise", "", "", "", 1000,
         "Z a dir/a dir/b dir/sub/c dir/\xe4\xb8\xad dir0 dir\x7f x\x7f/1 x\x7f/2 "
         "\xe4\xb8\xad/1 \xe4\xb8\xad/2 "},
        {"a prefix", "dir/", "", "", 1000, "dir/a dir/b dir/sub/c dir/\xe4\xb8\xad "},
        {"folders", "", "", "/", 1000,
         "Z a dir0 dir\x7f [dir/] [x\x7f/] [\xe4\xb8\xad/] "},
        {"a folder", "dir/", "", "/", 1000, "dir/a dir/b dir/\xe4\xb8\xad [dir/sub/] "},
        {"a page", "", "", "", 2, "Z a > a"},
        {"the next page", "", "a", "", 3, "dir/a dir/b dir/sub/c > dir/sub/c"},
        {"the last page, full", "", "x\x7f/2", "", 2, "\xe4\xb8\xad/1 \xe4\xb8\xad/2 "},
        {"a page that ends with a folder", "", "", "/", 3, "Z a [dir/] > dir/"},
        {"behind a folder", "", "dir/", "/", 2, "dir0 dir\x7f > dir\x7f"},
        {"behind a folder whose end has no successor", "", "x\x7f/", "\x7f", 9,
         "\xe4\xb8\xad/1 \xe4\xb8\xad/2 "},
        {"a delimiter of several characters", "", "", "r/s", 9,
         "Z a dir/a dir/b dir/\xe4\xb8\xad dir0 dir\x7f x\x7f/1 [dir/s] > x\x7f/1"},
        {"a marker before the prefix", "dir/", "a", "", 1, "dir/a > dir/a"},
        {"a marker behind the prefix", "dir/", "e", "", 9, ""},
        {"nothing like it", "q", "", "/", 9, ""},
        {"nothing asked for", "", "", "", 0, ""},
    };
    struct testing *t = *state;
    struct bucket b = a_bucket(t, "listed"), other = a_bucket(t, "other");

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        put(t, &b, keys[i], text(t, "listed/%zu", i));
    put(t, &other, "b", "listed/x");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct list_query q = {
            .bucket = b.name,
            .prefix = cases[i].prefix,
            .marker = cases[i].marker,
            .delimiter = cases[i].delimiter,
            .max = cases[i].max,
        };

        print_message("%s\n", cases[i].name);
        assert_string_equal(listed(t, &q), cases[i].want);
    }
}

static void pages_of_one_make_the_whole(void **state)
{
    struct testing *t = *state;
    struct bucket b = a_bucket(t, "pages");
    struct list_query q = {
        .bucket = b.name, .prefix = "", .marker = "", .delimiter = "/", .max = 1};
    AUTO(buf_fini) struct buf s = {0};
    struct object_list l;
    int pages = 0;

    for (int i = 0; i < 5; i++) {
        put(t, &b, text(t, "d%d/x", i % 2), text(t, "pages/%d", 2 * i));
        put(t, &b, text(t, "d%d/%d", i % 2, i), text(t, "pages/a%d", i));
        put(t, &b, text(t, "f%d", i), text(t, "pages/%d", 2 * i + 1));
    }
    do {
        OK(object_list(&l, &t->arena, t->db, &q, &err));
        assert_int_equal(l.n + l.n_prefixes, 1);
        buf_printf(&s, NULL, "%s ", l.n ? l.v[0].key : l.prefixes[0]);
        q.marker = l.next;
        assert_true(++pages < 10);
    } while (l.next);
    assert_string_equal(buf_str(&s), "d0/ d1/ f0 f1 f2 f3 f4 ");
}

static void part(struct testing *t, const char *upload, unsigned number, const char *blob,
                 const char *dead_blob)
{
    struct part p = {.number = number, .size = 5, .etag = blob, .blob = blob};
    struct dead_blobs dead;

    OK(part_put(&dead, &t->arena, t->db, upload, &p, &err));
    assert_int_equal(dead.n, dead_blob ? 1 : 0);
    if (dead_blob)
        assert_string_equal(dead.v[0], dead_blob);
}

static void parts_become_an_object(void **state)
{
    struct testing *t = *state;
    struct bucket b = a_bucket(t, "uploads");
    struct upload u = {
        .bucket = b.name, .key = "k", .owner = b.owner, .acl = ACL_PRIVATE};
    struct object o = {.bucket = b.name, .key = "k", .size = 10, .etag = "e-2"};
    struct object_piece chosen[] = {{0, 5, "p/1b"}, {5, 5, "p/3"}};
    struct object_pieces pieces = {chosen, 2}, got;
    char id[UPLOAD_ID_LEN + 1];
    struct upload found;
    struct part_list parts;
    struct dead_blobs dead;

    put(t, &b, "k", "before");
    OK(upload_new(id, t->db, &u, &err));
    assert_int_equal(strlen(id), UPLOAD_ID_LEN);
    OK(upload_get(&found, &t->arena, t->db, b.name, "k", id, &err));
    assert_int_equal(found.acl, ACL_PRIVATE);
    CHECK(REFUSED_NONE, upload_get(&found, &t->arena, t->db, b.name, "other", id, &err));
    part(t, id, 3, "p/3", NULL);
    part(t, id, 1, "p/1a", NULL);
    part(t, id, 1, "p/1b", "p/1a");
    part(t, id, PART_MAX, "p/last", NULL);
    OK(part_list(&parts, &t->arena, t->db, id, 0, 2, &err));
    assert_int_equal(parts.n, 2);
    assert_true(parts.more);
    assert_int_equal(parts.v[0].number, 1);
    assert_string_equal(parts.v[0].blob, "p/1b");
    OK(part_list(&parts, &t->arena, t->db, id, 3, 2, &err));
    assert_int_equal(parts.n, 1);
    assert_false(parts.more);
    CHECK(REFUSED_STATE, bucket_delete(t->db, b.name, &err));

    chosen[0].blob = "p/1a"; /* replaced meanwhile */
    CHECK(REFUSED_STATE, upload_complete(&dead, &t->arena, t->db, id, &o, &pieces, &err));
    chosen[0].blob = "p/1b";
    OK(upload_complete(&dead, &t->arena, t->db, id, &o, &pieces, &err));
    assert_int_equal(dead.n, 2);
    assert_string_equal(dead.v[0], "before");
    assert_string_equal(dead.v[1], "p/last");
    OK(object_get(&o, &t->arena, t->db, b.name, "k", &err));
    OK(object_pieces(&got, &t->arena, t->db, o.id, 0, 10, &err));
    assert_int_equal(got.n, 2);
    assert_string_equal(got.v[1].blob, "p/3");
    OK(object_pieces(&got, &t->arena, t->db, o.id, 5, 1, &err));
    assert_int_equal(got.n, 1);
    assert_int_equal(got.v[0].offset, 5);
    CHECK(REFUSED_NONE, upload_complete(&dead, &t->arena, t->db, id, &o, &pieces, &err));
    CHECK(REFUSED_NONE, upload_abort(&dead, &t->arena, t->db, id, &err));
    CHECK(REFUSED_NONE,
          part_put(&dead, &t->arena, t->db, id,
                   &(struct part){.number = 1, .etag = "", .blob = "p/x"}, &err));
}

static void an_upload_is_given_up(void **state)
{
    struct testing *t = *state;
    struct bucket b = a_bucket(t, "abort");
    struct upload u = {.bucket = b.name, .key = "k"};
    char id[UPLOAD_ID_LEN + 1];
    struct dead_blobs dead;
    bool has;

    OK(upload_new(id, t->db, &u, &err));
    part(t, id, 2, "abort/2", NULL);
    part(t, id, 1, "abort/1", NULL);
    OK(blob_has_row(&has, t->db, "abort/2", &err));
    assert_true(has);
    OK(upload_abort(&dead, &t->arena, t->db, id, &err));
    assert_int_equal(dead.n, 2);
    OK(blob_has_row(&has, t->db, "abort/2", &err));
    assert_false(has);
    OK(bucket_delete(t->db, b.name, &err));
    CHECK(REFUSED_NONE, upload_new(id, t->db, &u, &err));
}

static void uploads_are_listed(void **state)
{
    struct testing *t = *state;
    struct bucket b = a_bucket(t, "list");
    struct list_query q = {
        .bucket = b.name, .prefix = "", .marker = "", .delimiter = "", .max = 2};
    struct upload_list l;
    char id[UPLOAD_ID_LEN + 1];
    int n = 0;

    for (int i = 0; i < 6; i++)
        OK(upload_new(id, t->db,
                      &(struct upload){.bucket = b.name, .key = text(t, "k%d", i / 3)},
                      &err));
    for (;;) {
        OK(upload_list(&l, &t->arena, t->db, &q, &err));
        n += (int)l.n;
        if (!l.next_key)
            break;
        assert_int_equal(l.n, 2);
        q.marker = l.next_key;
        q.upload_marker = l.next_id;
    }
    assert_int_equal(n, 6);
    q = (struct list_query){
        .bucket = b.name, .prefix = "k1", .marker = "", .delimiter = "", .max = 9};
    OK(upload_list(&l, &t->arena, t->db, &q, &err));
    assert_int_equal(l.n, 3);
    q = (struct list_query){
        .bucket = b.name, .prefix = "", .marker = "", .delimiter = "k", .max = 9};
    OK(upload_list(&l, &t->arena, t->db, &q, &err));
    assert_int_equal(l.n, 0);
    assert_int_equal(l.n_prefixes, 1);
}

static void a_link_is_spent_once(void **state)
{
    struct testing *t = *state;
    int64_t now;

    OK(db_now(&now, t->db, &err));
    OK(link_check(t->db, "sig", &err));
    OK(link_spend(t->db, "sig", now + 100, &err));
    CHECK(REFUSED_USED, link_check(t->db, "sig", &err));
    CHECK(REFUSED_USED, link_spend(t->db, "sig", now + 100, &err));
    /* What is over anyway need not be remembered. */
    OK(link_spend(t->db, "old", now - 1000, &err));
    OK(link_spend(t->db, "other", now + 100, &err));
    assert_int_equal(testing_int(t, "SELECT COUNT(*) FROM spent_link"), 2);
}

static void acls_have_names(void **state)
{
    enum acl acl = ACL_PRIVATE;

    (void)state;
    assert_true(acl_from_name(&acl, "public-read"));
    assert_int_equal(acl, ACL_PUBLIC_READ);
    assert_string_equal(acl_name(ACL_PUBLIC_READ_WRITE), "public-read-write");
    assert_false(acl_from_name(&acl, "public"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_come_and_go),
        cmocka_unit_test(an_account_has_so_many_buckets),
        cmocka_unit_test(an_object_is_replaced_whole),
        cmocka_unit_test(keys_are_listed_in_order),
        cmocka_unit_test(pages_of_one_make_the_whole),
        cmocka_unit_test(parts_become_an_object),
        cmocka_unit_test(an_upload_is_given_up),
        cmocka_unit_test(uploads_are_listed),
        cmocka_unit_test(a_link_is_spent_once),
        cmocka_unit_test(acls_have_names),
    };

    return cmocka_run_group_tests(tests, testing_open, testing_close);
}
