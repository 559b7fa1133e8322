/* SPDX-License-Identifier: GPL-2.0-or-later */
/* eval_test.c: what a profile and a request make of the catalogue, the faults of
 * containers, and a report for which memory runs out
 *
 *     eval_test src/block/faults.def */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "rules/facts_by_hand.h"

static const char *faults_def;

static void test_catalogue(void **state)
{
    const struct check_row *row, *before = NULL;
    unsigned n = 0;

    (void)state;
    for (; (row = check_at(n)); n++) {
        assert_true(strlen(row->id) == 3 && row->title[0] && row->evidence[0]);
        assert_true(row->level != LEVEL_OFF);
        if (!check_remedy(row->id))
            fail_msg("%s has no row in remedies.def", row->id);
        if (before && before->id[0] == row->id[0])
            assert_true(strcmp(before->id, row->id) < 0);
        before = row;
    }
    assert_int_equal(n, 22 + 22 + 32 + 24);
}

/* P15 and L09 need a profile that asks for them. */
static void test_what_no_profile_asks(void **state)
{
    static const char text[] =
        "[profile]\nname = x\ntitle = x\nsource = x\nformats = qcow2\n"
        "partition-tables = mbr\nfirmware = bios\narchitectures = x86_64\n"
        "[linux]\nlvm-refused = yes\nmore-drivers = nvme ahci ena\n"
        "[levels]\nP03 = off\n";
    AUTO(arena_fini) struct arena a = {0};
    const struct profile *p;
    struct err err = {0};
    struct facts f;
    struct report r;

    (void)state;
    assert_int_equal(profile_parse(&p, &a, "x", bytes_of(text, sizeof text - 1), &err),
                     0);
    facts_good(&f, &a);
    f.partitions.v[0].filesystem = "LVM2_member";
    f.root->device = "vg/root";
    assert_int_equal(rules_judge(&r, &a, &f, p, &request_none, &err), 0);
    assert_string_equal(report_text(&a, &r), "refused RootPartitionNotFound");
    assert_string_equal(finding_of(&r, "P15")->subject, "vg/root");
    assert_int_equal(r.findings.n, 3); /* ahci is a module, ena is absent */
    assert_string_equal(
        finding_of(&r, "L09")->code == ANSWER_VIRTIO_NOT_INSTALL ? "y" : "", "y");
}

/* The profile's levels: over the catalogue's, under a forced import. */
static void test_levels(void **state)
{
    static const char text[] =
        "[profile]\nname = x\ntitle = x\nsource = x\nformats = qcow2\n"
        "partition-tables = mbr\nfirmware = bios\narchitectures = x86_64\n"
        "[linux]\ncloud-init = required\n"
        "[system Any]\ntype = linux\nids = *\n"
        "[levels]\nL10 = error\nL21 = error\nL28 = off\n";
    struct rules_request forced = request_none;
    AUTO(arena_fini) struct arena a = {0};
    const struct profile *p;
    struct err err = {0};
    struct facts f;
    struct report r;

    (void)state;
    forced.force = true;
    assert_int_equal(profile_parse(&p, &a, "x", bytes_of(text, sizeof text - 1), &err),
                     0);
    facts_good(&f, &a);
    f.cloud_init->installed = false;
    f.linux_->selinux_relabel_needed = true;
    assert_int_equal(rules_judge(&r, &a, &f, p, &forced, &err), 0);
    assert_int_equal(finding_of(&r, "L10")->level, LEVEL_NOTE);
    assert_int_equal(r.verdict, VERDICT_ACCEPTED);
    assert_null(finding_of(&r, "L28"));
    f.boot->serial_console = false;
    assert_int_equal(rules_judge(&r, &a, &f, p, &forced, &err), 0);
    assert_string_equal(report_text(&a, &r), "refused"); /* L21 has no code */
    /* "*" is of its own type only. */
    facts_without_root(&f);
    f.partitions.v[0].filesystem = "ufs";
    f.partitions.v[0].fs = NULL;
    assert_int_equal(rules_judge(&r, &a, &f, p, &forced, &err), 0);
    assert_string_equal(report_text(&a, &r), "refused");
    assert_non_null(finding_of(&r, "L01"));
}

static void test_request(void **state)
{
    static const struct {
        const char *name;
        struct rules_request request;
    } cases_bad[] = {
        {"unknown architecture",
         {.os_type = "", .os_version = "", .arch = "vax", .license = ""}},
        {"unknown licence",
         {.os_type = "", .os_version = "", .arch = "", .license = "MINE"}},
        {"version without type",
         {.os_type = "", .os_version = "7", .arch = "", .license = ""}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases_bad); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct err err = {0};
        struct facts f;
        struct report r;

        facts_good(&f, &a);
        if (rules_judge(&r, &a, &f, profile_load(&a, "tencent-2022"),
                        &cases_bad[i].request, &err) != -ERR_ARG)
            fail_msg("%s", cases_bad[i].name);
    }
}

/* Every fault that block knows is judged by the check that its row names, in words of its
 * own. */
static void test_faults(void **state)
{
    AUTO(fclosep) FILE *file = fopen(faults_def, "r");
    char line[512];
    unsigned n = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        AUTO(arena_fini) struct arena a = {0};
        char fault[64], check[8];
        const struct finding *x;
        struct facts f;
        struct report r;

        if (sscanf(line, "FAULT(%*[A-Z_], \"%63[^\"]\", \"%7[^\"]\"", fault, check) != 2)
            continue;
        facts_good(&f, &a);
        facts_without_root(&f);
        f.partition_table = "";
        f.image.fault = fault;
        f.image.fault_detail = "header at 72";
        r = judge_facts(&a, &f, "generic-kvm", &request_none);
        assert_int_equal(r.findings.n, 1);
        x = &r.findings.v[0];
        if (strcmp(x->id, check) != 0 || x->level != LEVEL_ERROR ||
            strstr(x->detail, "the image is not taken") ||
            !strstr(x->detail, "header at 72"))
            fail_msg("%s: %s, %s", fault, x->id, x->detail);
        n++;
    }
    assert_true(n > 20);
}

/* Out of memory at any point: an error, never a report. */
static void test_budget(void **state)
{
    AUTO(arena_fini) struct arena own = {0};
    size_t failed = 0;
    struct facts f;

    (void)state;
    facts_good(&f, &own);
    f.cloud_init->installed = false;
    f.kernels.v[0].drivers.virtio_blk = "module";
    for (size_t max = 32; max < 65536; max += 32) {
        AUTO(arena_fini) struct arena a = {.max = max};
        struct err err = {0};
        struct report r;

        if (rules_judge(&r, &a, &f, profile_load(&own, "tencent-2022"), &request_none,
                        &err) == 0)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
        failed++;
    }
    assert_true(failed > 2 && failed < 2000);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalogue), cmocka_unit_test(test_what_no_profile_asks),
        cmocka_unit_test(test_levels),    cmocka_unit_test(test_request),
        cmocka_unit_test(test_faults),    cmocka_unit_test(test_budget),
    };

    assert_int_equal(argc, 2);
    faults_def = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
