/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "base/text.h"
#include "guest/facts_json.h"
#include "guest/facts_table.h"

static const char *header; /* path of facts.h */

/* Every table that hangs off `t`, each once, in *seen. */
static size_t all_tables(const struct fact_table *t, const struct fact_table **seen,
                         size_t n, size_t max)
{
    for (size_t i = 0; i < n; i++)
        if (seen[i] == t)
            return n;
    assert_true(n < max);
    seen[n++] = t;
    for (size_t i = 0; i < t->n; i++)
        if (t->fields[i].of)
            n = all_tables(t->fields[i].of, seen, n, max);
    return n;
}

static void check_bytes(const struct fact_table *t)
{
    char used[sizeof(struct facts)] = {0};
    size_t gap = 0;

    assert_true(t->size <= sizeof used);
    for (size_t i = 0; i < t->n; i++) {
        const struct fact_field *f = &t->fields[i];

        if (f->kind == FACT_STRUCT)
            assert_int_equal(f->size, f->of->size);
        for (size_t j = 0; j < f->size; j++) {
            assert_int_equal(used[f->offset + j], 0);
            used[f->offset + j] = 1;
        }
    }
    for (size_t i = 0; i < t->size; i++) {
        gap = used[i] ? 0 : gap + 1;
        if (gap >= _Alignof(max_align_t) / 2)
            fail_msg("%s: nothing covers byte %zu", t->name, i);
    }
}

static void test_every_byte_has_a_row(void **state)
{
    const struct fact_table *tables[32];
    size_t n = all_tables(&facts_table, tables, 0, 32);

    (void)state;
    assert_int_equal(n, 26);
    for (size_t i = 0; i < n; i++)
        check_bytes(tables[i]);
}

/* ---- a bool fits into padding, so the header is asked for names too */

static void read_header(char *text, size_t max)
{
    AUTO(fclosep) FILE *f = fopen(header, "r");
    size_t n, out = 0;

    assert_non_null(f);
    n = fread(text, 1, max - 1, f);
    assert_true(n > 0 && n < max - 1);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '/' && text[i + 1] == '*') {
            while (!(text[i] == '*' && text[i + 1] == '/'))
                i++;
            i += 2;
        }
        text[out++] = text[i];
    }
    text[out] = '\0';
}

static bool has_member(const struct fact_table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->fields[i].member, name) == 0)
            return true;
    return false;
}

/* Members are the last identifier before each "," and ";" of the body. */
static size_t check_members(const struct fact_table *t, const char *p)
{
    char name[64] = "";
    size_t n = 0, count = 0;
    bool ended = true;

    for (; *p != '}'; p++) {
        if (isalnum((unsigned char)*p) || *p == '_') {
            n = ended ? 0 : n;
            ended = false;
            assert_true(n + 1 < sizeof name);
            name[n++] = *p;
            name[n] = '\0';
        } else {
            ended = true;
        }
        if (*p == ',' || *p == ';') {
            if (!has_member(t, name))
                fail_msg("%s: no row for member %s", t->name, name);
            count++;
        }
    }
    return count;
}

static void test_every_member_has_a_row(void **state)
{
    const struct fact_table *tables[32];
    size_t n = all_tables(&facts_table, tables, 0, 32);
    static char text[64 * 1024];

    (void)state;
    read_header(text, sizeof text);
    for (size_t i = 0; i < n; i++) {
        char start[64];
        const char *p;

        snprintf(start, sizeof start, "\nstruct %s {", tables[i]->name);
        p = strstr(text, start);
        assert_non_null(p);
        assert_int_equal(check_members(tables[i], p + strlen(start)), tables[i]->n);
    }
}

/* ---- round trip */

/* Fills with values that are all different, so that two rows that were swapped show. */
static void fill(void *at, const struct fact_table *t, struct arena *a, uint32_t *count)
{
    facts_init_table(at, t);
    for (size_t i = 0; i < t->n; i++) {
        const struct fact_field *f = &t->fields[i];
        void *p = (char *)at + f->offset;
        uint64_t u64 = ((uint64_t)++ * count << 32) + 7;
        int64_t i64 = -(int64_t)u64;
        bool flag = (*count * 2654435761u) >> 31;
        const char *s = arena_printf(a, "%s \xe4\xb8\xad %u \\x41", f->key, *count);
        void *pointer;

        switch (f->kind) {
        case FACT_BOOL:
            memcpy(p, &flag, sizeof flag);
            break;
        case FACT_U32:
            memcpy(p, count, sizeof *count);
            break;
        case FACT_U64:
            memcpy(p, &u64, sizeof u64);
            break;
        case FACT_I64:
            memcpy(p, &i64, sizeof i64);
            break;
        case FACT_STRING:
            memcpy(p, &s, sizeof s);
            break;
        case FACT_STRUCT:
            fill(p, f->of, a, count);
            break;
        case FACT_POINTER:
            pointer = arena_alloc(a, f->of->size);
            fill(pointer, f->of, a, count);
            memcpy(p, &pointer, sizeof pointer);
            break;
        case FACT_STRINGS:
            for (size_t j = 0; j < 3; j++)
                *LIST_ADD(a, (fact_strings *)p) = arena_printf(a, "%s-%zu", f->key, j);
            break;
        case FACT_LIST:
            for (size_t j = 0; j < 3; j++) {
                fact_strings *list = p; /* any LIST(): the layout is the same */

                fill(arena_list_add(a, (void **)&list->v, &list->n, &list->cap,
                                    f->of->size),
                     f->of, a, count);
            }
            break;
        }
    }
}

static void check_same(const void *a, const void *b, const struct fact_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct fact_field *f = &t->fields[i];
        const char *p = (const char *)a + f->offset, *q = (const char *)b + f->offset;
        const void *pp, *qp;

        memcpy(&pp, p, f->size < sizeof pp ? f->size : sizeof pp);
        memcpy(&qp, q, f->size < sizeof qp ? f->size : sizeof qp);
        if (f->kind == FACT_STRING) {
            assert_string_equal(pp, qp);
        } else if (f->kind == FACT_STRUCT) {
            check_same(p, q, f->of);
        } else if (f->kind == FACT_POINTER) {
            check_same(pp, qp, f->of);
        } else if (f->kind == FACT_STRINGS || f->kind == FACT_LIST) {
            const fact_strings *x = (const void *)p, *y = (const void *)q;

            assert_int_equal(x->n, 3);
            assert_int_equal(y->n, 3);
            for (size_t j = 0; j < 3; j++) {
                if (f->kind == FACT_STRINGS)
                    assert_string_equal(x->v[j], y->v[j]);
                else
                    check_same((const char *)pp + j * f->of->size,
                               (const char *)qp + j * f->of->size, f->of);
            }
        } else {
            assert_memory_equal(p, q, f->size);
        }
    }
}

static void test_round_trip(void **state)
{
    AUTO(arena_fini) struct arena a = {0}, b = {0};
    AUTO(freep) char *text = NULL;
    struct facts f, g;
    struct err err = {0};
    uint32_t count = 0;
    json_t *json;

    (void)state;
    fill(&f, &facts_table, &a, &count);
    json = facts_to_json(&f);
    assert_non_null(json);
    text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    json = json_loads(text, 0, NULL);
    assert_int_equal(facts_from_json(&g, json, &b, &err), 0);
    json_decref(json);
    check_same(&f, &g, &facts_table);
}

static void test_nothing_seen(void **state)
{
    static const char *const want[] = {
        "{\"image\":{\"format\":\"\",\"virtual_size\":0,\"file_size\":0,\"qcow2_size\":0,"
        "\"qcow2_size_exact\":false,",
        "\"partition_table\":\"\",\"partitions\":[],\"logical_volumes\":[],\"root\":null,"
        "\"os\":null,\"firmware\":[],\"kernels\":[],\"cloud_init\":null,",
        "\"linux\":null,\"windows\":null,\"problems\":[]}",
    };
    AUTO(arena_fini) struct arena a = {0};
    AUTO(freep) char *text = NULL;
    struct facts f, g;
    struct err err = {0};
    json_t *json;

    (void)state;
    facts_init(&f);
    json = facts_to_json(&f);
    text = json_dumps(json, JSON_COMPACT);
    for (size_t i = 0; i < ARRAY_SIZE(want); i++)
        if (!strstr(text, want[i]))
            fail_msg("no %s in %s", want[i], text);
    assert_int_equal(facts_from_json(&g, json, &a, &err), 0);
    assert_null(g.os);
    assert_string_equal(g.disk.boot_code, "");
    json_decref(json);
}

/* The contract of `info --json`, key by key. */
static void test_contract(void **state)
{
    const struct {
        const char *name;
        const struct fact_table *table;
        const char *keys;
    } cases[] = {
        {"image", facts_table.fields[0].of,
         "format virtual_size file_size qcow2_size qcow2_size_exact"},
        {"partition", &fact_partition_table,
         "index start size type active filesystem uuid label"},
        {"logical volume", &fact_volume_table, "name size filesystem uuid"},
        {"root", &fact_root_table, "device filesystem"},
        {"os", &fact_os_table, "type id version name arch"},
        {"kernel", &fact_kernel_table, "version default initramfs drivers"},
        {"drivers", fact_kernel_table.fields[3].of, "virtio_blk virtio_net virtio_pci"},
        {"cloud-init", &fact_cloud_init_table, "installed enabled version datasources"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes rest = bytes_of(cases[i].keys, strlen(cases[i].keys)), word;

        for (size_t j = 0; text_next_word(&rest, &word); j++)
            if (!text_is(word, cases[i].table->fields[j].key))
                fail_msg("%s: key %zu is %s", cases[i].name, j,
                         cases[i].table->fields[j].key);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *name, *key, *json, *message;
    } cases[] = {
        {"a number is no object", "image", "1", "facts: image: not an object"},
        {"a key may not be missing", "image", "{}", "facts: image: format: missing"},
        {"a number is no string", "partition_table", "1",
         "facts: partition_table: not a string"},
        {"an object is no list", "kernels", "{}", "facts: kernels: not a list"},
        {"every element is looked at", "firmware", "[\"bios\", null]",
         "facts: firmware: 1: not a string"},
        {"text may not move the cursor", "partition_table", "\"\\u001b[2J\"",
         "facts: partition_table: string with control characters"},
        {"text may not hold a NUL", "partition_table", "\"m\\u0000br\"",
         "facts: partition_table: string with control characters"},
        {"a string is no pointer", "root", "\"sda1\"", "facts: root: not an object"},
    };
    struct facts f, g;

    (void)state;
    facts_init(&f);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        json_t *json = facts_to_json(&f);
        struct err err = {0};

        json_object_set_new(json, "unknown", json_integer(1));
        assert_int_equal(facts_from_json(&g, json, &a, &err), 0);
        json_object_set_new(
            json, cases[i].key,
            json_loads(cases[i].json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
        assert_int_equal(facts_from_json(&g, json, &a, &err), -ERR_CORRUPT);
        if (strcmp(err.msg, cases[i].message) != 0)
            fail_msg("%s: %s", cases[i].name, err.msg);
        json_decref(json);
    }
}

static void test_limits(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    AUTO(freep) char *big = malloc(FACTS_STRING_MAX + 2);
    json_t *json, *list = json_array(), *s;
    struct facts f, g;
    struct err err = {0};

    (void)state;
    facts_init(&f);
    json = facts_to_json(&f);
    memset(big, 'x', FACTS_STRING_MAX + 1);
    big[FACTS_STRING_MAX + 1] = '\0';
    json_object_set_new(json, "partition_table", json_string(big));
    assert_int_equal(facts_from_json(&g, json, &a, &err), -ERR_CORRUPT);
    err_clear(&err);
    json_object_set_new(json, "partition_table", json_integer(-1));
    json_object_set_new(json, "partition_table", json_string(""));

    big[FACTS_STRING_MAX] = '\0';
    s = json_string(big);
    for (int i = 0; i < FACTS_ARENA_MAX / FACTS_STRING_MAX + 1; i++)
        json_array_append(list, s);
    json_object_set(json, "firmware", list);
    assert_int_equal(facts_from_json(&g, json, &a, &err), -ERR_LIMIT);
    err_clear(&err);
    json_decref(s);

    json_array_clear(list);
    s = json_string("");
    for (int i = 0; i < FACTS_LIST_MAX + 1; i++)
        json_array_append(list, s);
    json_object_set(json, "firmware", list);
    assert_int_equal(facts_from_json(&g, json, &a, &err), -ERR_CORRUPT);
    json_decref(s);
    json_decref(list);
    json_decref(json);
}

/* What a collector forgot to set or to clean must not cost the report. */
static void test_careless_collector(void **state)
{
    AUTO(freep) char *text = NULL;
    struct facts f;
    json_t *json;

    (void)state;
    facts_init(&f);
    f.image.kind = NULL;
    f.image.other = "\x1b[2J\xff";
    f.image.virtual_size = UINT64_MAX;
    json = facts_to_json(&f);
    text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    assert_non_null(strstr(text, "\"kind\":\"\",\"other\":\"\\\\x1b[2J\\\\xff\""));
    assert_non_null(strstr(text, "\"virtual_size\":9223372036854775807"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_has_a_row),
        cmocka_unit_test(test_every_member_has_a_row),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_nothing_seen),
        cmocka_unit_test(test_contract),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_careless_collector),
    };

    header = argc > 1 ? argv[1] : "facts.h";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
