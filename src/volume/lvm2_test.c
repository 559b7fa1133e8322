/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "volume/lvm2.h"
#include "volume/lvm2_make.h"

#define VOLUME     LVM2_VOLUME
#define HIDDEN     LVM2_HIDDEN
#define SEG        LVM2_SEGMENT
#define LINEAR     LVM2_LINEAR
#define MISSING(n) "physical volume pv" #n " is not on this disk"

enum { BOTH = 3, FIRST = 1, SECOND = 2 };

/* Two images of a mirror, on one physical volume each. */
#define IMAGES(status)                                                                \
    "r_0 { status = [" status "]\n" LINEAR("1", "0", "2", "\"pv0\", 4") "}\n" HIDDEN( \
        "r_1", LINEAR("1", "0", "2", "\"pv1\", 6"))
#define RAID1                                                                          \
    VOLUME("root", SEG("1", "0", "2",                                                  \
                       "type = \"raid1\" device_count = 2 raids = [\"m_0\", \"r_0\", " \
                       "\"m_1\", \"r_1\"]"))
#define NESTED(a, b) HIDDEN(a, LINEAR("1", "0", "1", "\"" b "\", 0"))

static const struct {
    const char *name, *volumes;
    unsigned here;       /* which physical volumes */
    const char *content; /* a letter for each KiB that differs from the one before */
    enum err_code code;
    const char *problem;
} cases[] = {
    {"linear", VOLUME("root", LINEAR("1", "0", "3", "\"pv0\", 2")), BOTH, "CDE", 0, ""},
    {"linear by its other name",
     VOLUME("root", SEG("1", "0", "1", "type = \"linear\" stripes = [\"pv1\", 2]")), BOTH,
     "c", 0, ""},
    {"two segments",
     VOLUME("root",
            LINEAR("1", "0", "2", "\"pv0\", 2") LINEAR("2", "2", "2", "\"pv1\", 5")),
     BOTH, "CDfg", 0, ""},
    {"segments out of order",
     VOLUME("root",
            LINEAR("1", "2", "2", "\"pv0\", 2") LINEAR("2", "0", "2", "\"pv1\", 5")),
     BOTH, "fgCD", 0, ""},
    {"two stripes of an extent each",
     VOLUME("root", SEG("1", "0", "6",
                        "type = \"striped\" stripe_count = 2 stripe_size = 8 "
                        "stripes = [\"pv0\", 1, \"pv1\", 0]")),
     BOTH, "BaCbDc", 0, ""},
    {"two stripes of one KiB",
     VOLUME("root", SEG("1", "0", "2",
                        "type = \"striped\" stripe_count = 2 stripe_size = 2 "
                        "stripes = [\"pv0\", 1, \"pv1\", 0]")),
     BOTH, "BaBaBaBa", 0, ""},
    {"the first leg of a mirror",
     VOLUME("root", SEG("1", "0", "2",
                        "type = \"mirror\" mirror_count = 2 mirrors = [\"pv0\", 3, "
                        "\"pv1\", 3]")),
     BOTH, "DE", 0, ""},
    {"a mirror whose first leg is not here",
     VOLUME("root", SEG("1", "0", "2",
                        "type = \"mirror\" mirror_count = 2 mirrors = [\"pv0\", 3, "
                        "\"pv1\", 3]")),
     SECOND, "de", 0, ""},
    {"the first image of raid1", RAID1 IMAGES("\"READ\""), BOTH, "EF", 0, ""},
    {"raid1 whose first image is not here", RAID1 IMAGES("\"READ\""), SECOND, "gh", 0,
     ""},
    {"raid1 whose first image is being rebuilt", RAID1 IMAGES("\"READ\", \"REBUILD\""),
     BOTH, "gh", 0, ""},
    {"what pvmove is moving",
     VOLUME("root", LINEAR("1", "0", "1", "\"pvmove0\", 1"))
         HIDDEN("pvmove0", SEG("1", "0", "2",
                               "type = \"mirror\" mirrors = [\"pv0\", 3, \"pv1\", 3]")),
     BOTH, "E", 0, ""},
    {"an origin keeps its bytes when it has a snapshot",
     VOLUME("root", LINEAR("1", "0", "2", "\"pv0\", 2"))
         HIDDEN("snapshot0", SEG("1", "0", "2",
                                 "type = \"snapshot\" origin = \"root\" cow_store = "
                                 "\"other\"")),
     BOTH, "CD", 0, ""},
    {"a snapshot, under the name that it is known by",
     HIDDEN("root", LINEAR("1", "0", "2", "\"pv0\", 2"))
         VOLUME("snapshot0", SEG("1", "0", "2",
                                 "type = \"snapshot\" origin = \"o\" cow_store = "
                                 "\"root\"")),
     BOTH, NULL, ERR_UNSUPPORTED, "a volume of kind 'snapshot' is not read"},
    {"a snapshot on its way back into its origin",
     VOLUME("root", LINEAR("1", "0", "2", "\"pv0\", 2"))
         HIDDEN("s", LINEAR("1", "0", "2", "\"pv0\", 5"))
             HIDDEN("snapshot0", SEG("1", "0", "2",
                                     "type = \"snapshot\" origin = \"root\" "
                                     "merging_store = \"s\"")),
     BOTH, NULL, ERR_UNSUPPORTED, "a snapshot is being merged into it"},
    {"a thin volume",
     VOLUME("root", SEG("1", "0", "2", "type = \"thin\" thin_pool = \"pool\"")), BOTH,
     NULL, ERR_UNSUPPORTED, "a volume of kind 'thin' is not read"},
    {"raid5", VOLUME("root", SEG("1", "0", "2", "type = \"raid5_ls\" raids = []")), BOTH,
     NULL, ERR_UNSUPPORTED, "a volume of kind 'raid5_ls' is not read"},
    {"a part is elsewhere",
     VOLUME("root",
            LINEAR("1", "0", "2", "\"pv0\", 2") LINEAR("2", "2", "2", "\"pv1\", 5")),
     FIRST, NULL, ERR_NONE, MISSING(1)},
    {"all of it is elsewhere", VOLUME("root", LINEAR("1", "0", "2", "\"pv0\", 2")),
     SECOND, NULL, ERR_NONE, MISSING(0)},
    {"no leg is here",
     VOLUME("root", SEG("1", "0", "2", "type = \"mirror\" mirrors = [\"pv1\", 3]")),
     FIRST, NULL, ERR_NONE, MISSING(1)},
    {"a hole between segments",
     VOLUME("root",
            LINEAR("1", "0", "2", "\"pv0\", 2") LINEAR("2", "3", "2", "\"pv1\", 5")),
     BOTH, NULL, ERR_CORRUPT, "segments do not follow one another at byte 8192"},
    {"segments over each other",
     VOLUME("root",
            LINEAR("1", "0", "2", "\"pv0\", 2") LINEAR("2", "1", "2", "\"pv1\", 5")),
     BOTH, NULL, ERR_CORRUPT, "segments do not follow one another at byte 8192"},
    {"no segments", VOLUME("root", ""), BOTH, NULL, ERR_CORRUPT, "there are no segments"},
    {"a segment of nothing", VOLUME("root", LINEAR("1", "0", "0", "\"pv0\", 2")), BOTH,
     NULL, ERR_CORRUPT, "the segment at byte 0 does not fit what it lies on"},
    {"past the last extent", VOLUME("root", LINEAR("1", "0", "3", "\"pv0\", 10")), BOTH,
     NULL, ERR_CORRUPT, "it lies past the last extent of pv0"},
    {"an extent that wraps",
     VOLUME("root", LINEAR("1", "0", "3", "\"pv0\", 18446744073709551615")), BOTH, NULL,
     ERR_CORRUPT, "it lies past the last extent of pv0"},
    {"a start that wraps",
     VOLUME("root", LINEAR("1", "18446744073709551615", "3", "\"pv0\", 1")), BOTH, NULL,
     ERR_CORRUPT, "a segment without start or size"},
    {"a physical volume nobody knows",
     VOLUME("root", LINEAR("1", "0", "1", "\"pv9\", 0")), BOTH, NULL, ERR_CORRUPT,
     "it lies on 'pv9', which is not in the group"},
    {"a volume on itself", VOLUME("root", LINEAR("1", "0", "1", "\"root\", 0")), BOTH,
     NULL, ERR_CORRUPT, "it lies on itself"},
    {"volumes on each other",
     VOLUME("root", LINEAR("1", "0", "1", "\"b\", 0")) NESTED("b", "root"), BOTH, NULL,
     ERR_CORRUPT, "it lies on itself"},
    {"volumes too deep on volumes",
     VOLUME("root", LINEAR("1", "0", "1", "\"a\", 0")) NESTED("a", "b") NESTED("b", "c")
         NESTED("c", "d") NESTED("d", "e") NESTED("e", "f") NESTED("f", "g")
             NESTED("g", "h") NESTED("h", "pv0"),
     BOTH, NULL, ERR_LIMIT, "volumes lie on volumes 8 deep"},
    {"extents that stripes do not divide",
     VOLUME("root", SEG("1", "0", "3",
                        "type = \"striped\" stripe_count = 2 stripe_size = 8 "
                        "stripes = [\"pv0\", 1, \"pv1\", 0]")),
     BOTH, NULL, ERR_CORRUPT, "3 extents in 2 stripes"},
    {"no stripes",
     VOLUME("root", SEG("1", "0", "2", "type = \"striped\" stripe_count = 0")), BOTH,
     NULL, ERR_CORRUPT, "2 extents in 0 stripes"},
    {"stripes of no size",
     VOLUME("root", SEG("1", "0", "2",
                        "type = \"striped\" stripe_count = 2 stripes = [\"pv0\", 1, "
                        "\"pv1\", 0]")),
     BOTH, NULL, ERR_CORRUPT, "the segment at byte 0 does not fit what it lies on"},
    {"more stripes than are named",
     VOLUME("root", SEG("1", "0", "2",
                        "type = \"striped\" stripe_count = 2 stripe_size = 8 "
                        "stripes = [\"pv0\", 1]")),
     BOTH, NULL, ERR_CORRUPT, "a list of stripes that makes no sense"},
    {"fewer stripes than are named",
     VOLUME("root", LINEAR("1", "0", "2", "\"pv0\", 1, \"pv1\", 0")), BOTH, NULL,
     ERR_CORRUPT, "a list of stripes that makes no sense"},
    {"a mirror without legs",
     VOLUME("root", SEG("1", "0", "2", "type = \"mirror\" mirrors = []")), BOTH, NULL,
     ERR_CORRUPT, "a list of legs that makes no sense"},
};

struct fixture {
    uint8_t raw[2][MAKE_PV];
    struct lvm2_member members[2];
    size_t n;
    struct arena arena;
    struct lvm2_groups groups;
    struct err err;
};

static void fixture_drop(struct fixture *f)
{
    lvm2_groups_fini(&f->groups);
    for (size_t i = 0; i < f->n; i++)
        block_unref(f->members[i].block);
    arena_fini(&f->arena);
    memset(&f->groups, 0, sizeof f->groups);
    f->n = 0;
    err_clear(&f->err);
}

/* `nth` access to the second physical volume fails. */
static int scan(struct fixture *f, unsigned here, unsigned nth, bool bytewise)
{
    fixture_drop(f);
    for (unsigned i = 0; i < 2; i++) {
        AUTO(block_unrefp) struct block *mem = NULL, *fault = NULL;
        struct lvm2_member *m = &f->members[f->n];

        if (!(here & (1u << i)))
            continue;
        *m = (struct lvm2_member){.device = "disk"};
        assert_int_equal(block_mem_open(&mem, f->raw[i], MAKE_PV, &f->err), 0);
        assert_int_equal(block_fault_open(&fault, mem, i ? nth : 0, NULL, &f->err), 0);
        if (bytewise)
            assert_int_equal(block_bytewise_open(&m->block, fault, &f->err), 0);
        else
            m->block = TAKE(fault);
        f->n++;
    }
    return lvm2_scan(&f->groups, f->members, f->n, &f->arena, &f->err);
}

static void make(struct fixture *f, const char *volumes, size_t at)
{
    char text[MAKE_TEXT];

    lvm2_make_text(text, 3, volumes);
    for (unsigned i = 0; i < 2; i++)
        lvm2_make_pv(f->raw[i], i, text, at);
}

static const struct lvm2_volume *find(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->groups.volumes.n; i++)
        if (strcmp(f->groups.volumes.v[i].name, name) == 0)
            return &f->groups.volumes.v[i];
    fail_msg("there is no %s", name);
    return NULL;
}

/* Runs of the same letter that end where a stripe or an extent ends count once. */
static void check_content(const char *name, struct block *b, const char *want)
{
    size_t run = b->size / strlen(want);
    struct err err = {0};
    char *got = malloc(b->size);
    struct extent e;

    assert_non_null(got);
    if (block_read(b, got, b->size, 0, &err) != 0)
        fail_msg("%s: %s", name, err.msg);
    for (size_t i = 0; i < b->size; i++)
        if (got[i] != want[i / run])
            fail_msg("%s: byte %zu is %c, want %c", name, i, got[i], want[i / run]);
    for (size_t off = 1; off < b->size; off += 1021) {
        char one[3];
        size_t n = b->size - off < 3 ? b->size - off : 3;

        assert_int_equal(block_read(b, one, n, off, &err), 0);
        assert_memory_equal(one, got + off, n);
    }
    for (uint64_t off = 0; off < b->size; off += e.length) {
        assert_int_equal(block_extent(b, &e, off, &err), 0);
        assert_int_equal(e.kind, EXTENT_DATA);
        assert_true(e.length > 0 && e.length <= b->size - off);
    }
    free(got);
}

static void check_case(const struct fixture *f, size_t i)
{
    const struct lvm2_volume *v = find(f, "vg/root");

    for (size_t j = 0; j < f->n; j++)
        if (*f->members[j].problem)
            fail_msg("%s: %s", cases[i].name, f->members[j].problem);
    if (strcmp(v->problem, cases[i].problem) != 0 || v->code != cases[i].code)
        fail_msg("%s: %d \"%s\", want \"%s\"", cases[i].name, v->code, v->problem,
                 cases[i].problem);
    assert_int_equal(v->block != NULL, cases[i].content != NULL);
    if (!v->block)
        return;
    assert_int_equal(v->block->size, v->size);
    assert_string_equal(v->block->driver->name, "lvm2");
    check_content(cases[i].name, v->block, cases[i].content);
}

static void test_mapping(void **state)
{
    static struct fixture f;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (int bytewise = 0; bytewise < 2; bytewise++) {
            make(&f, cases[i].volumes, MAKE_RING);
            if (scan(&f, cases[i].here, 0, bytewise) != 0)
                fail_msg("%s: %s", cases[i].name, f.err.msg);
            check_case(&f, i);
        }
    fixture_drop(&f);
}

/* Hidden volumes are not for anybody to see; what is missing is said once. */
static void test_listing(void **state)
{
    static struct fixture f;

    (void)state;
    make(&f, RAID1 IMAGES("\"READ\""), MAKE_RING);
    assert_int_equal(scan(&f, SECOND, 0, false), 0);
    assert_int_equal(f.groups.volumes.n, 1);
    assert_string_equal(f.groups.volumes.v[0].group, "vg");
    assert_string_equal(f.members[0].group, "vg");
    assert_int_equal(f.groups.problems.n, 1);
    assert_string_equal(f.groups.problems.v[0], "vg: " MISSING(0));
    assert_int_equal(scan(&f, 0, 0, false), 0);
    assert_int_equal(f.groups.volumes.n, 0);
    fixture_drop(&f);
}

/* The text may begin anywhere in the ring. */
static void test_ring(void **state)
{
    static struct fixture f;

    (void)state;
    for (size_t at = MAKE_RING; at < MAKE_AREA_SIZE; at += at < 12000 ? 512 : 7) {
        make(&f, cases[0].volumes, at);
        assert_int_equal(scan(&f, BOTH, 0, false), 0);
        check_case(&f, 0);
    }
    fixture_drop(&f);
}

/* The highest number counts, in whatever order; an area that is empty or broken does not.
 */
static void test_newest(void **state)
{
    static struct fixture f;
    char old[MAKE_TEXT], new[MAKE_TEXT];

    (void)state;
    lvm2_make_text(old, 9, VOLUME("root", LINEAR("1", "0", "3", "\"pv0\", 5")));
    lvm2_make_text(new, 10, cases[0].volumes);
    for (unsigned i = 0; i < 2; i++) {
        lvm2_make_pv(f.raw[i], i, old, MAKE_RING);
        lvm2_make_pv(f.raw[!i], !i, new, MAKE_RING);
        assert_int_equal(scan(&f, BOTH, 0, false), 0);
        check_case(&f, 0);

        lvm2_make_pv(f.raw[i], i, NULL, MAKE_RING);
        assert_int_equal(scan(&f, BOTH, 0, false), 0);
        check_case(&f, 0);

        lvm2_make_pv(f.raw[i], i, old, MAKE_RING);
        f.raw[i][MAKE_AREA + MAKE_RING + 3] ^= 1;
        assert_int_equal(scan(&f, BOTH, 0, false), 0);
        check_case(&f, 0);
    }
    fixture_drop(&f);
}

/* What LVM once lost stays out, although it is back: it is old. */
static void test_lost(void **state)
{
    static struct fixture f;
    char text[MAKE_TEXT], changed[MAKE_TEXT], *at;

    (void)state;
    lvm2_make_text(text, 3, cases[0].volumes);
    at = strstr(text, "[]");
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s[\"MISSING\"]%s", (int)(at - text), text,
             at + 2);
    for (unsigned i = 0; i < 2; i++)
        lvm2_make_pv(f.raw[i], i, changed, MAKE_RING);
    assert_int_equal(scan(&f, BOTH, 0, false), 0);
    assert_string_equal(find(&f, "vg/root")->problem, MISSING(0));
    fixture_drop(&f);
}

/* A failed access is told of the one it is about, and never as damage or absence. */
static void test_faults(void **state)
{
    static struct fixture f;
    bool done = false;

    (void)state;
    make(&f, cases[2].volumes, MAKE_RING);
    lvm2_make_pv(f.raw[0], 0, NULL, MAKE_RING);
    for (unsigned nth = 1; !done; nth++) {
        assert_true(nth < 100);
        assert_int_equal(scan(&f, BOTH, nth, false), 0);
        assert_int_equal(f.members[0].code, ERR_NONE);
        done = f.members[1].code == ERR_NONE;
        if (!done) {
            assert_int_equal(f.members[1].code, ERR_IO);
            assert_string_equal(f.members[1].problem, "injected fault");
            assert_int_equal(f.groups.volumes.n, 0);
        }
    }
    assert_int_equal(f.groups.volumes.n, 1);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mapping), cmocka_unit_test(test_listing),
        cmocka_unit_test(test_ring),    cmocka_unit_test(test_newest),
        cmocka_unit_test(test_lost),    cmocka_unit_test(test_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
