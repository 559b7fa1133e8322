/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parameters: flattened names into lists, and tables that refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "service/call.h"
#include "service/tables.h"

static struct bytes text(const char *s)
{
    return bytes_of(s, strlen(s));
}

static void test_unflatten(void **state)
{
    static const struct {
        const char *name, *query, *want; /* NULL: refused */
    } cases[] = {
        {"nothing", "", "{}"},
        {"plain values", "A=1&B=x%20y+z", "{\"A\":\"1\",\"B\":\"x y z\"}"},
        {"a list", "Ids.0=a&Ids.1=b", "{\"Ids\":[\"a\",\"b\"]}"},
        {"a list out of order", "Ids.2=c&Ids.0=a&Ids.10=d",
         "{\"Ids\":[\"a\",\"c\",\"d\"]}"},
        {"a list from one on, as old clients count", "Ids.1=a&Ids.2=b",
         "{\"Ids\":[\"a\",\"b\"]}"},
        {"a list of objects", "F.0.Name=n&F.0.Values.0=v&F.0.Values.1=w",
         "{\"F\":[{\"Name\":\"n\",\"Values\":[\"v\",\"w\"]}]}"},
        {"names of the envelope are left out", "Action=x&Nonce=1&A=1", "{\"A\":\"1\"}"},
        {"no value", "A", "{\"A\":\"\"}"},
        {"Chinese", "A=%E9%95%9C", "{\"A\":\"镜\"}"},
        {"no UTF-8", "A=%ff", NULL},
        {"no UTF-8 in a name", "%ff=1", NULL},
        {"half an escape", "A=%e", NULL},
        {"no name", "=1", NULL},
        {"a name twice", "A=1&A=2", NULL},
        {"a value and members", "A=1&A.0=2", NULL},
        {"members and a value", "A.0=2&A=1", NULL},
        {"an empty part", "A..0=1", NULL},
        {"a NUL in a name", "A%00B=1", NULL},
        {"nine parts", "a.a.a.a.a.a.a.a.a=1", NULL},
        {"numbers and names mixed are an object", "A.0=1&A.x=2",
         "{\"A\":{\"0\":\"1\",\"x\":\"2\"}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(freep) char *got = NULL;
        json_t *j = NULL;
        struct err err = {0};
        int r = params_unflatten(&j, text(cases[i].query), &err);

        if (r == 0)
            got = json_dumps(j, JSON_COMPACT);
        json_decref(j);
        if ((r < 0) != (cases[i].want == NULL) ||
            (got && strcmp(got, cases[i].want) != 0))
            fail_msg("%s: %s", cases[i].name, got ? got : err.msg);
    }
}

static void test_too_many(void **state)
{
    AUTO(buf_fini) struct buf query = {0};
    struct err err = {0};
    json_t *j;

    (void)state;
    for (int i = 0; i <= PARAM_COUNT_MAX; i++)
        assert_int_equal(buf_printf(&query, NULL, "A.%d=1&", i), 0);
    assert_int_equal(params_unflatten(&j, buf_bytes(&query), &err), -ERR_ARG);
}

static void test_check(void **state)
{
    static const struct {
        const char *name;
        const struct param *table;
        const char *given, *want; /* NULL: taken */
    } cases[] = {
        {"nothing where nothing is required", params_describe_images, "{}", NULL},
        {"null is as absent", params_describe_images, "{\"Limit\":null}", NULL},
        {"null is as absent where it is required", params_delete_images,
         "{\"ImageIds\":null}", "MissingParameter"},
        {"required", params_delete_images, "{}", "MissingParameter"},
        {"an empty list where one is required", params_delete_images, "{\"ImageIds\":[]}",
         "MissingParameter"},
        {"unknown", params_delete_images, "{\"ImageIds\":[\"a\"],\"X\":1}",
         "UnknownParameter"},
        {"unknown comes before missing", params_delete_images, "{\"X\":1}",
         "UnknownParameter"},
        {"names have their case", params_describe_images, "{\"limit\":1}",
         "UnknownParameter"},
        {"a number for a text", params_delete_images, "{\"ImageIds\":[1]}",
         "InvalidParameter"},
        {"a text for a number", params_describe_images, "{\"Limit\":\"1\"}",
         "InvalidParameter"},
        {"half a number", params_describe_images, "{\"Limit\":1.5}", "InvalidParameter"},
        {"a text for a boolean", params_delete_images,
         "{\"ImageIds\":[\"a\"],\"DryRun\":\"true\"}", "InvalidParameter"},
        {"an object for a list", params_delete_images, "{\"ImageIds\":{}}",
         "InvalidParameter"},
        {"a NUL in a text", params_describe_image_from_family,
         "{\"ImageFamily\":\"a\\u0000b\"}", "InvalidParameter"},
        {"characters are counted, not bytes", params_modify_image_attribute,
         "{\"ImageId\":\"i\",\"ImageName\":"
         "\"镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜"
         "镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜镜\"}",
         NULL},
        {"a choice", params_modify_image_share_permission,
         "{\"ImageId\":\"i\",\"AccountIds\":[\"1\"],\"Permission\":\"SHARE\"}", NULL},
        {"a part of a choice is none", params_modify_image_share_permission,
         "{\"ImageId\":\"i\",\"AccountIds\":[\"1\"],\"Permission\":\"SHAR\"}",
         "InvalidParameterValue"},
        {"nothing is no choice", params_modify_image_share_permission,
         "{\"ImageId\":\"i\",\"AccountIds\":[\"1\"],\"Permission\":\"\"}",
         "InvalidParameterValue"},
        {"a code of its own", params_import_image,
         "{\"Architecture\":\"x86_64\",\"OsType\":\"Debian\",\"OsVersion\":\"12\","
         "\"ImageUrl\":\"u\",\"ImageName\":\"n\",\"BootMode\":\"BIOS\"}",
         "InvalidParameterValue.InvalidBootMode"},
        {"an unknown member within a list", params_import_image,
         "{\"Architecture\":\"x86_64\",\"OsType\":\"Debian\",\"OsVersion\":\"12\","
         "\"ImageUrl\":\"u\",\"ImageName\":\"n\",\"TagSpecification\":[{\"Type\":1}]}",
         "UnknownParameter"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *given = json_loads(cases[i].given, 0, NULL);
        struct call c = {0};
        int r = params_check(&c, cases[i].table, given);

        json_decref(given);
        if ((r < 0) != (cases[i].want != NULL) ||
            (cases[i].want && strcmp(c.code, cases[i].want) != 0))
            fail_msg("%s: %s %s", cases[i].name, c.code, c.message);
    }
}

static void test_types(void **state)
{
    struct err err = {0};
    struct call c = {0};
    json_t *j;

    (void)state;
    assert_int_equal(
        params_unflatten(&j, text("ImageIds.0=img-a&DryRun=true&DeleteBindedSnap=False"),
                         &err),
        0);
    assert_int_equal(params_type(j, params_delete_images, &err), 0);
    assert_int_equal(params_check(&c, params_delete_images, j), 0);
    assert_true(json_is_true(json_object_get(j, "DryRun")));
    assert_true(json_is_false(json_object_get(j, "DeleteBindedSnap")));
    json_decref(j);
    assert_int_equal(params_unflatten(&j, text("Limit=5&Offset=0x5"), &err), 0);
    assert_int_equal(params_type(j, params_describe_images, &err), 0);
    assert_int_equal(json_integer_value(json_object_get(j, "Limit")), 5);
    assert_true(params_check(&c, params_describe_images, j) < 0);
    assert_string_equal(c.code, "InvalidParameter");
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unflatten),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
