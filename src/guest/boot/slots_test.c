/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings of Container Linux: a tar archive, and which of two partitions starts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guest/boot/boot.h"
#include "guest/guest_test_fs.h"

static void check_str(const char *name, const char *what, const char *got,
                      const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s is \"%s\", want \"%s\"", name, what, got, want);
}

static const char slots_cfg[] =
    "search --no-floppy \"bbbb\" --fs-uuid --set oem\n"
    "search --no-floppy --set label --part-label OEM --hint \"$root\"\n"
    "search --no-floppy --set first --disk-uuid DDDD\n"
    "search --no-floppy --set never --disk-uuid eeee\n"
    "menuentry 'both' {\n"
    "  gptprio.next -d usr_device -u usr_uuid\n"
    "  if [ $? -ne 0 -o -z \"$usr_uuid\" ]; then set usr_uuid=none; fi\n"
    "  linux ($usr_device)/k $oem $label $first x$never $usr_uuid\n"
    "}\n";

/* A tar archive of two files, of which the second is the one that is looked for. */
static size_t make_tar(uint8_t *tar, const char *name, const char *text)
{
    memset(tar, 0, 4096);
    for (int i = 0; i < 2; i++) {
        uint8_t *h = tar + (size_t)i * 1024;

        snprintf((char *)h, 100, "%s", i ? name : "other");
        snprintf((char *)h + 124, 12, "%011o", i ? (unsigned)strlen(text) : 3);
        memcpy(h + 257, "ustar\00000", 8);
    }
    memcpy(tar + 512, "abc", 3);
    memcpy(tar + 1536, text, strlen(text));
    return 4096;
}

static void test_tar(void **state)
{
    static const struct {
        const char *name, *in, *text;
        size_t cut;
        bool found;
    } cases[] = {
        {"a file", "grub.cfg", "text", 4096, true},
        {"with its folder", "./grub.cfg", "text", 4096, true},
        {"an empty one", "grub.cfg", "", 4096, true},
        {"another name", "grub.cfgs", "text", 4096, false},
        {"cut in the content", "grub.cfg", "text", 1538, false},
        {"cut in the header", "grub.cfg", "text", 1500, false},
        {"cut before it", "grub.cfg", "text", 1024, false},
        {"nothing", "grub.cfg", "text", 0, false},
    };
    uint8_t tar[4096];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes text = {0};

        make_tar(tar, cases[i].in, cases[i].text);
        if (boot_tar_find(&text, bytes_of(tar, cases[i].cut), "grub.cfg") !=
                cases[i].found ||
            (cases[i].found && !text_is(text, cases[i].text)))
            fail_msg("%s", cases[i].name);
    }
    make_tar(tar, "grub.cfg", "text");
    memcpy(tar + 124, "77777777777", 11);
    assert_false(
        boot_tar_find(&(struct bytes){0}, bytes_of(tar, sizeof tar), "grub.cfg"));
}

/* The slot that GRUB of Container Linux starts, and how it finds partitions. */
static void test_slots(void **state)
{
    static const struct {
        const char *name;
        struct {
            unsigned priority, tries;
            bool successful;
        } a, b;
        const char *kernel, *words;
    } cases[] = {
        {"the first", {1, 0, true}, {0, 0, false}, "partition 2", "fs1 fs2 fs0 x aaaa-2"},
        {"the second",
         {1, 0, true},
         {2, 1, false},
         "partition 3",
         "fs1 fs2 fs0 x aaaa-3"},
        {"equals", {2, 0, true}, {2, 1, false}, "partition 2", "fs1 fs2 fs0 x aaaa-2"},
        {"no tries left",
         {1, 0, true},
         {2, 0, false},
         "partition 2",
         "fs1 fs2 fs0 x aaaa-2"},
        {"none", {1, 0, false}, {0, 1, true}, "", "fs1 fs2 fs0 x none"},
    };
    static uint8_t tar[4096];
    static struct test_file esp[] = {{"/coreos/grub/grub.cfg.tar", .data = tar}, {0}};
    static const struct test_file empty[] = {{0}};
    static const char *const names[] = {"ESP", "USR-A", "OEM"};

    (void)state;
    esp[0].n = make_tar(tar, "grub.cfg", slots_cfg);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct boot_choice choice = {.saved = "", .problem = ""};
        struct fact_partition *p[3];
        struct test_guest t;
        struct err err = {0};

        test_guest_init(&t, esp);
        test_guest_add(&t, empty, "partition 2", "bbbb", "");
        test_guest_add(&t, empty, "partition 3", "cccc", "");
        for (unsigned k = 0; k < 3; k++)
            FACT_ADD(&t.arena, &t.facts.partitions, fact_partition);
        for (unsigned k = 0; k < 3; k++) {
            p[k] = t.fs[k].partition = &t.facts.partitions.v[k];
            p[k]->name = names[k];
            p[k]->part_uuid = arena_printf(&t.arena, "aaaa-%u", k + 1);
        }
        t.facts.disk.uuid = "dddd";
        p[1]->priority = cases[i].a.priority;
        p[1]->tries = cases[i].a.tries;
        p[1]->successful = cases[i].a.successful;
        p[2]->priority = cases[i].b.priority;
        p[2]->tries = cases[i].b.tries;
        p[2]->successful = cases[i].b.successful;
        assert_int_equal(
            boot_grub_tar(&choice, &t.guest,
                          (struct boot_file){&t.fs[0], "/coreos/grub/grub.cfg.tar"},
                          &err),
            0);
        assert_true(choice.found);
        check_str(cases[i].name, "kernel",
                  choice.entry.kernel.fs ? choice.entry.kernel.fs->device : "",
                  cases[i].kernel);
        check_str(cases[i].name, "words", choice.entry.options, cases[i].words);
        test_guest_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tar),
        cmocka_unit_test(test_slots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
