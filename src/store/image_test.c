/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "store/db_driver.h"
#include "store/task.h"
#include "store/testing.h"

static struct image_list list(struct testing *t, const struct image_query *q)
{
    struct image_list got;

    OK(image_list(&got, &t->arena, t->db, q, &err));
    return got;
}

static void test_every_column_comes_back(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image i = testing_image(t, &a), got;
    const struct tag tags[] = {{"b", "2"}, {"a \"quoted\"", "值"}};
    char id[IMAGE_ID_SIZE];

    i.description = "what it is";
    i.state = IMAGE_IMPORTING;
    i.os_name = "CentOS 8.0 64位";
    i.os_type = "CentOS";
    i.os_version = "8";
    i.virtual_size = INT64_C(500) << 30;
    i.file_size = INT64_C(50) << 30;
    i.blob = "images/1";
    i.sha256 = "abcd";
    i.cloud_init = true;
    i.family = "web";
    i.deprecated = true;
    i.sync_percent = 40;
    i.price = 12;
    i.source_image = "img-00000000";
    i.snapshots = "[{\"SnapshotId\":\"snap-1\"}]";
    i.disks = "[1]";
    i.reason = "InvalidUrl";
    i.sub_cause = "gone";
    i.detail = "the object is gone";
    i.profile = "tencent-2022 1";
    i.publish = PUBLISH_SUBMITTED;
    i.seller = "100000000001";
    OK(image_new(id, t->db, &i, 10, tags, 2, &err));
    assert_int_equal(strlen(id), 12);
    assert_memory_equal(id, "img-", 4);
    assert_int_equal(strspn(id + 4, ID_LOWER), 8);
    OK(image_get(&got, &t->arena, t->db, id, false, &err));
#define TEXT(field) assert_string_equal(got.field, i.field);
#define INT(field)  assert_int_equal(got.field, i.field);
#include "store/image_fields.def"
#undef TEXT
#undef INT
    assert_string_equal(got.id, id);
    assert_string_equal(got.tags, "[{\"Key\":\"a \\\"quoted\\\"\",\"Value\":\"值\"},"
                                  "{\"Key\":\"b\",\"Value\":\"2\"}]");
    assert_int_equal(got.shares, 0);
    assert_true(got.created > 1600000000 && got.updated == got.created);
    assert_int_equal(got.view, VIEW_PRIVATE);
    CHECK(REFUSED_NONE, image_get(&got, &t->arena, t->db, "img-zzzzzzzz", false, &err));
}

static void test_the_quota_is_per_account_and_region(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), b = testing_account(t);
    struct image i = testing_image(t, &a), j = testing_image(t, &a),
                 k = testing_image(t, &a), l = testing_image(t, &b);
    char id[IMAGE_ID_SIZE];
    int64_t n;

    OK(image_new(id, t->db, &i, 2, NULL, 0, &err));
    OK(image_new(id, t->db, &j, 2, NULL, 0, &err));
    CHECK(REFUSED_QUOTA, image_new(id, t->db, &k, 2, NULL, 0, &err));
    OK(image_new(id, t->db, &l, 2, NULL, 0, &err));
    k.region = "ap-beijing";
    OK(image_new(id, t->db, &k, 2, NULL, 0, &err));
    k.region = REGION;
    k.kind = IMAGE_PUBLIC;
    OK(image_new(id, t->db, &k, 2, NULL, 0, &err));
    OK(image_count(&n, t->db, a.uin, REGION, &err));
    assert_int_equal(n, 2);
    l.owner = "100000000000";
    CHECK(REFUSED_ACCOUNT, image_new(id, t->db, &l, 2, NULL, 0, &err));
}

static void test_a_failed_image_holds_no_name_and_no_place(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image i = testing_image(t, &a);
    struct image_change fails = IMAGE_CHANGE_NOTHING;
    char id[IMAGE_ID_SIZE], again[IMAGE_ID_SIZE];

    i.state = IMAGE_IMPORTING;
    OK(image_new(id, t->db, &i, 1, NULL, 0, &err));
    CHECK(REFUSED_NAME, image_new(again, t->db, &i, 5, NULL, 0, &err));
    fails.state = IMAGE_IMPORTFAILED;
    OK(image_change(t->db, id, IMAGE_IN(IMAGE_IMPORTING), &fails, &err));
    OK(image_new(again, t->db, &i, 1, NULL, 0, &err));
}

static void test_states_change_by_compare_and_set(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image i = testing_image(t, &a), got;
    struct image_change c = IMAGE_CHANGE_NOTHING;
    const char *id;

    i.state = IMAGE_IMPORTING;
    i.description = "kept";
    id = testing_add(t, &i);
    c.state = IMAGE_NORMAL;
    c.blob = "blob-1";
    c.sync_percent = 100;
    c.cloud_init = 1;
    CHECK(REFUSED_STATE,
          image_change(t->db, id, IMAGE_IN(IMAGE_NORMAL) | IMAGE_IN_FAILED, &c, &err));
    OK(image_change(t->db, id, IMAGE_IN_WORK, &c, &err));
    CHECK(REFUSED_STATE, image_change(t->db, id, IMAGE_IN_WORK, &c, &err));
    OK(image_get(&got, &t->arena, t->db, id, false, &err));
    assert_int_equal(got.state, IMAGE_NORMAL);
    assert_string_equal(got.blob, "blob-1");
    assert_string_equal(got.description, "kept");
    assert_int_equal(got.sync_percent, 100);
    assert_true(got.cloud_init);
    assert_int_equal(got.size_gib, 10);
    c = (struct image_change)IMAGE_CHANGE_NOTHING;
    c.sync_percent = IMAGE_PERCENT_NONE;
    c.description = "";
    OK(image_change(t->db, id, IMAGE_IN(IMAGE_NORMAL), &c, &err));
    OK(image_get(&got, &t->arena, t->db, id, false, &err));
    assert_int_equal(got.sync_percent, -1);
    assert_string_equal(got.description, "");
    assert_string_equal(got.blob, "blob-1");
    CHECK(REFUSED_NONE, image_change(t->db, "img-0", IMAGE_IN(IMAGE_NORMAL), &c, &err));
}

static void test_a_name_is_unique_when_changed(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image i = testing_image(t, &a), j = testing_image(t, &a), got;
    const char *id = testing_add(t, &i);
    struct image_change c = IMAGE_CHANGE_NOTHING;

    testing_add(t, &j);
    c.name = j.name;
    CHECK(REFUSED_NAME, image_change(t->db, id, IMAGE_IN(IMAGE_NORMAL), &c, &err));
    OK(image_get(&got, &t->arena, t->db, id, false, &err));
    assert_string_equal(got.name, i.name);
    c.name = i.name;
    OK(image_change(t->db, id, IMAGE_IN(IMAGE_NORMAL), &c, &err));
    c.name = "another";
    OK(image_change(t->db, id, IMAGE_IN(IMAGE_NORMAL), &c, &err));
}

static void test_what_an_account_sees(void **state)
{
    struct testing *t = *state;
    struct account me = testing_account(t), other = testing_account(t);
    struct image mine = testing_image(t, &me), theirs = testing_image(t, &other),
                 failed = testing_image(t, &me), far = testing_image(t, &me),
                 public = testing_image(t, &other), raw = testing_image(t, &other),
                 market = testing_image(t, &other), got;
    struct image_query q = {.account = me.uin, .region = REGION, .limit = 100};
    struct image_list l;
    const char *their_id, *my_id;

    my_id = testing_add(t, &mine);
    their_id = testing_add(t, &theirs);
    failed.state = IMAGE_IMPORTFAILED;
    testing_add(t, &failed);
    far.region = "ap-beijing";
    testing_add(t, &far);
    public.kind = raw.kind = IMAGE_PUBLIC;
    testing_add(t, &public);
    raw.state = IMAGE_CREATING;
    testing_add(t, &raw);
    market.kind = IMAGE_MARKET;
    testing_add(t, &market);
    l = list(t, &q);
    /* What others of this test program offer to everybody is seen as well. */
    for (size_t i = 0; i < l.n; i++) {
        assert_string_not_equal(l.v[i].name, theirs.name);
        assert_string_not_equal(l.v[i].name, far.name);
        assert_string_not_equal(l.v[i].name, raw.name);
    }
    assert_string_equal(l.v[0].name, market.name);
    assert_int_equal(l.v[0].view, VIEW_MARKET);
    assert_string_equal(l.v[1].name, public.name);
    assert_int_equal(l.v[1].view, VIEW_PUBLIC);
    assert_string_equal(l.v[2].name, failed.name);
    assert_string_equal(l.v[3].name, mine.name);
    assert_int_equal(l.v[3].view, VIEW_PRIVATE);
    assert_int_equal(l.total, l.n);
    OK(image_see(&got, &t->arena, t->db, me.uin, REGION, my_id, false, &err));
    CHECK(REFUSED_NONE,
          image_see(&got, &t->arena, t->db, me.uin, REGION, their_id, false, &err));
    CHECK(REFUSED_NONE,
          image_see(&got, &t->arena, t->db, me.uin, "ap-beijing", my_id, false, &err));
    q.account = NULL;
    l = list(t, &q);
    assert_string_equal(l.v[1].name, raw.name);
    q.region = NULL;
    assert_true(list(t, &q).total > l.total);
}

static void test_pages(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image_query q = {.account = a.uin, .region = "ap-pages"};
    const char *names[7];
    struct image_list l;

    for (size_t i = 0; i < 7; i++) {
        struct image image = testing_image(t, &a);

        image.region = "ap-pages";
        names[i] = image.name;
        testing_add(t, &image);
    }
    q.limit = 3;
    for (q.offset = 0; q.offset < 7; q.offset++) {
        l = list(t, &q);
        assert_int_equal(l.total, 7);
        assert_int_equal(l.n, q.offset <= 4 ? 3 : 7 - q.offset);
        for (size_t i = 0; i < l.n; i++)
            assert_string_equal(l.v[i].name, names[6 - i - (size_t)q.offset]);
    }
    l = list(t, &q);
    assert_int_equal(l.n, 0);
    assert_int_equal(l.total, 7);
    q.limit = q.offset = 0;
    l = list(t, &q);
    assert_int_equal(l.n, 0);
    assert_int_equal(l.total, 7);
}

static void test_filters(void **state)
{
    static const char *const words[][3] = {
        {"debian"},
        {"Deb_an"},
        {"%"},
        {"100%"},
        {"nothing", "CENT"},
        {"x' OR '1'='1"},
        {"env"},
        {"prod"},
        {"prod", "lab"},
        {"PRIVATE_IMAGE"},
        {"PUBLIC_IMAGE"},
        {"PUBLIC_IMAGE", "PRIVATE_IMAGE"},
        {"bogus"},
        {"NORMAL"},
        {"IMPORTING"},
        {"i386"},
        {"fam"},
        {"_"},
        {"!"},
    };
    static const struct {
        const char *name;
        enum image_filter_key key;
        size_t word, n;
        const char *tag;
        const char *want; /* letters of the images below */
    } cases[] = {
        {"a platform in other letters", FILTER_PLATFORM, 0, 1, NULL, "a"},
        {"an underscore is a character", FILTER_PLATFORM, 1, 1, NULL, ""},
        {"a percent sign is a character", FILTER_NAME, 2, 1, NULL, "b"},
        {"within a name", FILTER_NAME, 3, 1, NULL, "b"},
        {"an underscore within a name", FILTER_NAME, 17, 1, NULL, "c"},
        {"an exclamation mark within a name", FILTER_NAME, 18, 1, NULL, "c"},
        {"any of two", FILTER_PLATFORM, 4, 2, NULL, "b"},
        {"what would be SQL is a word", FILTER_NAME, 5, 1, NULL, ""},
        {"what would be SQL is an id", FILTER_ID, 5, 1, NULL, ""},
        {"a tag's key", FILTER_TAG_KEY, 6, 1, NULL, "ab"},
        {"a tag's value", FILTER_TAG_VALUE, 7, 1, NULL, "ac"},
        {"a tag", FILTER_TAG, 7, 1, "env", "a"},
        {"a tag with one of two values", FILTER_TAG, 8, 2, "env", "ab"},
        {"one's own", FILTER_TYPE, 9, 1, NULL, "abc"},
        {"public ones", FILTER_TYPE, 10, 1, NULL, "d"},
        {"both", FILTER_TYPE, 11, 2, NULL, "abcd"},
        {"a type nobody knows", FILTER_TYPE, 12, 1, NULL, ""},
        {"a state", FILTER_STATE, 13, 1, NULL, "abd"},
        {"another state", FILTER_STATE, 14, 1, NULL, "c"},
        {"a state nobody knows", FILTER_STATE, 12, 1, NULL, ""},
        {"an architecture", FILTER_ARCHITECTURE, 15, 1, NULL, "c"},
        {"a family", FILTER_FAMILY, 16, 1, NULL, "a"},
        {"what no image has", FILTER_NOTHING, 0, 1, NULL, ""},
        {"no value at all", FILTER_NAME, 0, 0, NULL, ""},
    };
    struct testing *t = *state;
    struct account me = testing_account(t), other = testing_account(t);
    struct image i[4];
    const struct tag tags[3][2] = {{{"env", "prod"}, {"x", "y"}},
                                   {{"env", "lab"}, {"x", "y"}},
                                   {{"stage", "prod"}, {"x", "y"}}};
    char ids[4][IMAGE_ID_SIZE];

    for (size_t k = 0; k < 4; k++) {
        i[k] = testing_image(t, k < 3 ? &me : &other);
        i[k].region = "ap-filters";
    }
    i[0].family = "fam";
    i[1].platform = "CentOS";
    i[1].name = "at 100% of it";
    i[2].platform = "Ubuntu";
    i[2].architecture = "i386";
    i[2].name = "a_b!";
    i[2].state = IMAGE_IMPORTING;
    i[3].kind = IMAGE_PUBLIC;
    i[3].platform = "Windows";
    for (size_t k = 0; k < 4; k++)
        OK(image_new(ids[k], t->db, &i[k], 10, k < 3 ? tags[k] : NULL, k < 3 ? 2 : 0,
                     &err));
    for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
        const struct image_filter f = {
            .key = cases[k].key,
            .tag = cases[k].tag,
            .values = words[cases[k].word],
            .n_values = cases[k].n,
        };
        struct image_list l = list(t, &(struct image_query){
                                          .account = me.uin,
                                          .region = "ap-filters",
                                          .filters = &f,
                                          .n_filters = 1,
                                          .limit = 100,
                                      });
        char got[8] = "";

        print_message("%s\n", cases[k].name);
        for (size_t m = 0; m < 4; m++)
            for (size_t n = 0; n < l.n; n++)
                if (strcmp(l.v[n].id, ids[m]) == 0)
                    strcat(got, (char[]){(char)('a' + m), 0});
        assert_string_equal(got, cases[k].want);
        assert_int_equal(l.total, strlen(cases[k].want));
    }
}

static void test_ids_and_two_filters_together(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    const char *ids[3], *names[1], *types[] = {"PRIVATE_IMAGE"};
    struct image image;
    struct image_filter f[2] = {{.key = FILTER_NAME, .values = names, .n_values = 1},
                                {.key = FILTER_TYPE, .values = types, .n_values = 1}};
    struct image_query q = {
        .account = a.uin, .region = REGION, .ids = ids, .n_ids = 3, .limit = 10};

    for (size_t i = 0; i < 3; i++) {
        image = testing_image(t, &a);
        ids[i] = testing_add(t, &image);
    }
    assert_int_equal(list(t, &q).total, 3);
    names[0] = image.name;
    q.filters = f;
    q.n_filters = 2;
    assert_int_equal(list(t, &q).total, 1);
    q.n_ids = 2;
    assert_int_equal(list(t, &q).total, 0);
    q.n_ids = IMAGE_VALUES_MAX + 1;
    CHECK(-ERR_LIMIT, image_list(&(struct image_list){0}, &t->arena, t->db, &q, &err));
}

static void test_tags(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image i = testing_image(t, &a), got;
    const char *id = testing_add(t, &i);

    OK(image_tag(t->db, id, &(struct tag){"k", "v"}, &err));
    OK(image_tag(t->db, id, &(struct tag){"k", "w"}, &err));
    OK(image_get(&got, &t->arena, t->db, id, false, &err));
    assert_string_equal(got.tags, "[{\"Key\":\"k\",\"Value\":\"w\"}]");
    OK(image_untag(t->db, id, "k", &err));
    OK(image_get(&got, &t->arena, t->db, id, false, &err));
    assert_string_equal(got.tags, "[]");
    for (int n = 0; n < TAGS_MAX; n++)
        OK(image_tag(t->db, id, &(struct tag){arena_printf(&t->arena, "%d", n), ""},
                     &err));
    CHECK(REFUSED_QUOTA, image_tag(t->db, id, &(struct tag){"one more", ""}, &err));
    assert_int_equal(testing_int(t, "SELECT COUNT(*) FROM image_tag WHERE tag_key = "
                                    "'one more'"),
                     0);
    CHECK(REFUSED_NONE, image_tag(t->db, "img-0", &(struct tag){"k", "v"}, &err));
}

static void test_family_and_report(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image i = testing_image(t, &a), j = testing_image(t, &a),
                 k = testing_image(t, &a), got;
    const char *old, *json, **ids;
    size_t n;

    i.family = j.family = k.family = "fam";
    i.profile = "old 1";
    old = testing_add(t, &i);
    j.deprecated = true;
    testing_add(t, &j);
    k.state = IMAGE_IMPORTING;
    testing_add(t, &k);
    OK(image_of_family(&got, &t->arena, t->db, a.uin, REGION, "fam", &err));
    assert_string_equal(got.id, old);
    CHECK(REFUSED_NONE,
          image_of_family(&got, &t->arena, t->db, a.uin, REGION, "none", &err));
    CHECK(REFUSED_NONE, image_get_report(&json, &t->arena, t->db, old, &err));
    OK(image_set_report(t->db, old, "{}", &err));
    OK(image_set_report(t->db, old, "{\"a\":1}", &err));
    OK(image_get_report(&json, &t->arena, t->db, old, &err));
    assert_string_equal(json, "{\"a\":1}");
    CHECK(REFUSED_NONE, image_set_report(t->db, "img-0", "{}", &err));
    OK(image_judged_otherwise(&ids, &n, &t->arena, t->db, "new 1", "", 10, &err));
    assert_int_equal(n, 1);
    assert_string_equal(ids[0], old);
    OK(image_judged_otherwise(&ids, &n, &t->arena, t->db, "new 1", old, 10, &err));
    assert_int_equal(n, 0);
    OK(image_judged_otherwise(&ids, &n, &t->arena, t->db, "old 1", "", 10, &err));
    assert_int_equal(n, 0);
}

static void test_images_without_a_sum(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image has = testing_image(t, &a), open = testing_image(t, &a),
                 bare = testing_image(t, &a), lacks = testing_image(t, &a);
    const char **ids, *id;
    int64_t task;
    size_t n;

    testing_exec(t, "DELETE FROM image");
    has.blob = open.blob = lacks.blob = "image/1-1-0";
    has.sha256 = "abcd";
    open.sha256 = bare.sha256 = lacks.sha256 = bare.blob = "";
    open.state = IMAGE_IMPORTING;
    testing_add(t, &has);
    testing_add(t, &open);
    testing_add(t, &bare);
    id = testing_add(t, &lacks);
    OK(image_without_sum(&ids, &n, &t->arena, t->db, "", 10, &err));
    assert_int_equal(n, 1);
    assert_string_equal(ids[0], id);
    OK(image_without_sum(&ids, &n, &t->arena, t->db, id, 10, &err));
    assert_int_equal(n, 0);
    OK(task_new(&task, t->db,
                &(struct task){.kind = TASK_SUM, .image = id, .account = a.uin}, &err));
    OK(image_without_sum(&ids, &n, &t->arena, t->db, "", 10, &err));
    assert_int_equal(n, 0);
}

static void test_deleting(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image i = testing_image(t, &a);
    const char *id;
    bool used;

    i.blob = "deleting/1";
    id = testing_add(t, &i);
    OK(image_set_report(t->db, id, "{}", &err));
    OK(image_tag(t->db, id, &(struct tag){"k", "v"}, &err));
    OK(image_uses_blob(&used, t->db, "deleting/1", &err));
    assert_true(used);
    CHECK(REFUSED_STATE, image_delete(t->db, id, IMAGE_IN_FAILED, &err));
    OK(image_delete(t->db, id, IMAGE_IN(IMAGE_NORMAL) | IMAGE_IN_FAILED, &err));
    CHECK(REFUSED_NONE, image_delete(t->db, id, IMAGE_IN(IMAGE_NORMAL), &err));
    OK(image_uses_blob(&used, t->db, "deleting/1", &err));
    assert_false(used);
    OK(image_uses_blob(&used, t->db, "", &err));
    assert_false(used);
}

static void test_a_data_disk_uses_its_blob(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image i = testing_image(t, &a);
    char id[IMAGE_ID_SIZE];
    bool used;

    i.disks = "[{\"blob\":\"image/7-1-1\",\"size\":1}]";
    OK(image_new(id, t->db, &i, 100, NULL, 0, &err));
    OK(image_uses_blob(&used, t->db, "image/7-1-1", &err));
    assert_true(used);
    OK(image_uses_blob(&used, t->db, "image/7-1", &err));
    assert_false(used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_data_disk_uses_its_blob),
        cmocka_unit_test(test_every_column_comes_back),
        cmocka_unit_test(test_the_quota_is_per_account_and_region),
        cmocka_unit_test(test_a_failed_image_holds_no_name_and_no_place),
        cmocka_unit_test(test_states_change_by_compare_and_set),
        cmocka_unit_test(test_a_name_is_unique_when_changed),
        cmocka_unit_test(test_what_an_account_sees),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_ids_and_two_filters_together),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_family_and_report),
        cmocka_unit_test(test_images_without_a_sum),
        cmocka_unit_test(test_deleting),
    };

    return cmocka_run_group_tests(tests, testing_open, testing_close);
}
