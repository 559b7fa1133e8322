/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lvm2_hostile.c: a good physical volume with one field spoilt, checksums right again
 * where that is possible, and the very sentence that follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "volume/lvm2.h"
#include "volume/lvm2_make.h"

enum {
    LIST = MAKE_LABEL + 32 + 40, /* of data areas: offset and size, ended by zeros */
    AREAS = LIST + 32,           /* of metadata areas */
    TEXT = MAKE_AREA + MAKE_RING,
};

static const struct {
    const char *name;
    size_t at;
    uint64_t value;
    unsigned width;
    bool sums; /* made right again */
    enum err_code code;
    const char *problem;
} cases[] = {
    {"the label's checksum", MAKE_LABEL + 16, 1, 4, false, ERR_CORRUPT,
     "lvm2 label: checksum"},
    {"the label of another sector", MAKE_LABEL + 8, 2, 8, false, ERR_CORRUPT,
     "lvm2 label: it belongs to another sector"},
    {"content within the header", MAKE_LABEL + 20, 16, 4, true, ERR_CORRUPT,
     "lvm2 label: its content lies within its header"},
    {"content past the sector", MAKE_LABEL + 20, 600, 4, true, ERR_CORRUPT,
     "lvm2 label: its lists have no end"},
    {"content far away", MAKE_LABEL + 20, 0xffffffff, 4, true, ERR_CORRUPT,
     "lvm2 label: its lists have no end"},
    {"no label", MAKE_LABEL, 0, 8, false, ERR_CORRUPT, "lvm2 label: there is none"},
    {"an area outside", AREAS, 1 << 20, 8, true, ERR_CORRUPT,
     "lvm2 metadata area of 12288 bytes at 1048576: outside the volume"},
    {"an area that wraps", AREAS, UINT64_MAX - 100, 8, true, ERR_CORRUPT,
     "lvm2 metadata area of 12288 bytes at 18446744073709551515: outside the volume"},
    {"an area without room", AREAS + 8, 512, 8, true, ERR_CORRUPT,
     "lvm2 metadata area of 512 bytes at 4096: outside the volume"},
    {"an area of another size than it says", AREAS + 8, 8192, 8, true, ERR_CORRUPT,
     "lvm2 metadata area at 4096: it belongs elsewhere"},
    {"the area's checksum", MAKE_AREA, 1, 4, false, ERR_CORRUPT,
     "lvm2 metadata area at 4096: checksum"},
    {"the area's magic", MAKE_AREA + 4, 1, 4, true, ERR_CORRUPT,
     "lvm2 metadata area at 4096: no header"},
    {"the area's version", MAKE_AREA + 20, 2, 4, true, ERR_UNSUPPORTED,
     "lvm2 metadata area at 4096: version"},
    {"an area that says it is elsewhere", MAKE_AREA + 24, 8192, 8, true, ERR_CORRUPT,
     "lvm2 metadata area at 4096: it belongs elsewhere"},
    {"text within the header", MAKE_AREA + 40, 100, 8, true, ERR_CORRUPT,
     "lvm2 metadata area at 4096: text outside of it"},
    {"text past the area", MAKE_AREA + 40, MAKE_AREA_SIZE, 8, true, ERR_CORRUPT,
     "lvm2 metadata area at 4096: text outside of it"},
    {"text longer than the ring", MAKE_AREA + 48, MAKE_AREA_SIZE - 511, 8, true,
     ERR_CORRUPT, "lvm2 metadata area at 4096: text outside of it"},
    {"text of any length", MAKE_AREA + 48, UINT64_MAX, 8, true, ERR_CORRUPT,
     "lvm2 metadata area at 4096: text outside of it"},
    {"the text's checksum", TEXT + 10, 'x', 1, false, ERR_CORRUPT,
     "lvm2 metadata at 4608: checksum of the text"},
    {"text that is none", TEXT, '{', 1, true, ERR_CORRUPT,
     "lvm2 metadata line 1: a name is missing"},
    {"a NUL in the text", TEXT + 3, 0, 1, true, ERR_CORRUPT,
     "lvm2 metadata line 1: neither a value nor a section follows the name"},
    {"text cut short", MAKE_AREA + 48, 0, 1, true, ERR_CORRUPT, NULL},
    {"a group without id", TEXT + 5, 'x', 1, true, ERR_CORRUPT,
     "lvm2 metadata: no group, or one without id"},
};

static void test_fields(void **state)
{
    static uint8_t pv[MAKE_PV];
    char text[MAKE_TEXT];

    (void)state;
    lvm2_make_text(text, 1,
                   LVM2_VOLUME("root", LVM2_LINEAR("1", "0", "1", "\"pv0\", 0")));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        AUTO(lvm2_groups_fini) struct lvm2_groups groups = {0};
        AUTO(block_unrefp) struct block *b = NULL;
        struct lvm2_member m = {.device = "disk"};
        struct err err = {0};

        lvm2_make_pv(pv, 0, text, MAKE_RING);
        for (unsigned j = 0; j < cases[i].width; j++)
            pv[cases[i].at + j] = (uint8_t)(cases[i].value >> (8 * j));
        if (cases[i].sums)
            lvm2_make_sums(pv, sizeof pv);
        assert_int_equal(block_mem_open(&b, pv, sizeof pv, &err), 0);
        m.block = b;
        assert_int_equal(lvm2_scan(&groups, &m, 1, &a, &err), 0);
        if (m.code != cases[i].code ||
            (cases[i].problem && strcmp(m.problem, cases[i].problem) != 0))
            fail_msg("%s: %d \"%s\"", cases[i].name, m.code, m.problem);
        assert_int_equal(groups.volumes.n, 0);
    }
}

/* Cut anywhere, it is an answer and never a crash. */
static void test_cut(void **state)
{
    static uint8_t pv[MAKE_PV];
    char text[MAKE_TEXT];

    (void)state;
    lvm2_make_text(text, 1,
                   LVM2_VOLUME("root", LVM2_LINEAR("1", "0", "12", "\"pv0\", 0")));
    lvm2_make_pv(pv, 0, text, MAKE_RING);
    for (size_t n = 0; n < sizeof pv; n += 509) {
        AUTO(arena_fini) struct arena a = {0};
        AUTO(lvm2_groups_fini) struct lvm2_groups groups = {0};
        AUTO(block_unrefp) struct block *b = NULL;
        struct lvm2_member m = {.device = "disk"};
        struct err err = {0};

        assert_int_equal(block_mem_open(&b, pv, n, &err), 0);
        m.block = b;
        assert_int_equal(lvm2_scan(&groups, &m, 1, &a, &err), 0);
        if (n < MAKE_AREA + MAKE_AREA_SIZE) {
            assert_int_equal(m.code, ERR_CORRUPT);
            continue;
        }
        assert_int_equal(groups.volumes.n, 1);
        assert_null(groups.volumes.v[0].block);
        assert_int_equal(groups.volumes.v[0].code, ERR_NONE);
        assert_string_equal(groups.volumes.v[0].problem,
                            "physical volume pv0 is cut off on this disk");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
