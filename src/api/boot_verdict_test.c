/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot_verdict_test.c: from a console and the findings of a check to a verdict */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/boot_verdict.h"
#include "base/scoped.h"

static const struct row {
    const char *sentence;
    enum console_stage stage;
    enum console_stop stop;
    enum boot_end end;
    const char *words;    /* S has settings, q quick, n they are needed, t trouble,
                             e emulated, w waited for a device */
    const char *findings; /* of the check: "L07 l10", errors in capitals, warnings not */
    const char *verdict, *reached, *stopped, *finding;
    int agrees;
} rows[] = {
    {"it took its settings", CONSOLE_LOGIN, 0, BOOT_DECIDED, "Sn", "l21", "accepted",
     "settings", "", "", 1},
    {"it did, where the check says that it does not start", CONSOLE_LOGIN, 0,
     BOOT_DECIDED, "S", "L07", "accepted", "settings", "", "", 0},
    {"... or that it has no cloud-init", CONSOLE_LOGIN, 0, BOOT_DECIDED, "S", "l10",
     "accepted", "settings", "", "", 0},
    {"what a cloud does not take says nothing of the start", CONSOLE_LOGIN, 0,
     BOOT_DECIDED, "S", "P02 L01", "accepted", "settings", "", "", 1},
    {"settings on a console that is none", CONSOLE_LOADER, 0, BOOT_DECIDED, "S", "",
     "accepted", "settings", "", "", 1},
    {"a login without settings, which are needed", CONSOLE_LOGIN, 0, BOOT_DECIDED, "n",
     "L10", "refused", "login", "no-settings", "L10", 1},
    {"... and which nobody needs", CONSOLE_LOGIN, 0, BOOT_DECIDED, "", "l10", "accepted",
     "login", "no-settings", "l10", 1},
    {"... though the check has nothing to say", CONSOLE_LOGIN, 0, BOOT_DECIDED, "n", "",
     "refused", "login", "no-settings", "", 0},
    {"an initramfs without the driver", CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, BOOT_DECIDED,
     "n", "L07 l21", "refused", "initramfs", "initramfs-no-root", "L07", 1},
    {"... by a quick start that ended", CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, BOOT_ENDED,
     "q", "L07", "refused", "initramfs", "initramfs-no-root", "L07", 1},
    {"... that the check did not see", CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, BOOT_DECIDED,
     "n", "l21", "refused", "initramfs", "initramfs-no-root", "", 0},
    {"of two findings the error", CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, BOOT_DECIDED, "",
     "l07 P22", "refused", "initramfs", "initramfs-no-root", "P22", 1},
    {"a quick start that mounts the root", CONSOLE_ROOT, 0, BOOT_DECIDED, "qn", "L10",
     "accepted", "root", "", "", 1},
    {"an emergency that is a warning of the check", CONSOLE_USERLAND, CONSOLE_EMERGENCY,
     BOOT_DECIDED, "n", "l16", "refused", "userland", "emergency", "l16", 1},
    {"nothing to start", CONSOLE_FIRMWARE, CONSOLE_NO_BOOT, BOOT_DECIDED, "n", "P12",
     "refused", "firmware", "no-boot", "P12", 1},
    {"a boot record without code says nothing", CONSOLE_FIRMWARE, 0, BOOT_DECIDED, "n",
     "P12", "refused", "firmware", "no-boot", "P12", 1},
    {"a boot record that has nobody to start", CONSOLE_LOADER, CONSOLE_LOADER_FAILED,
     BOOT_DECIDED, "n", "P09", "refused", "loader", "loader", "P09", 1},
    {"... which it had, after all", CONSOLE_LOGIN, 0, BOOT_DECIDED, "S", "P09",
     "accepted", "settings", "", "", 0},
    {"a disk that ends within its root, of which a loader says only that it fails",
     CONSOLE_LOADER, CONSOLE_LOADER_FAILED, BOOT_DECIDED, "n", "P05", "refused", "loader",
     "loader", "P05", 1},
    {"... or an initramfs; that explains what else is wrong", CONSOLE_INITRAMFS,
     CONSOLE_NO_ROOT, BOOT_DECIDED, "n", "L07 P05", "refused", "initramfs",
     "initramfs-no-root", "P05", 1},
    {"... and not why nothing takes settings", CONSOLE_LOGIN, 0, BOOT_DECIDED, "n",
     "P05 L10", "refused", "login", "no-settings", "L10", 0},
    {"a device that does not come, emulated", CONSOLE_USERLAND, CONSOLE_EMERGENCY,
     BOOT_DECIDED, "nwe", "", "undecided", "userland", "emergency", "", -1},
    {"... and that is not there, as the check knows", CONSOLE_USERLAND, CONSOLE_EMERGENCY,
     BOOT_DECIDED, "nwe", "L16", "refused", "userland", "emergency", "L16", 1},
    {"... by a processor that is in no hurry", CONSOLE_USERLAND, CONSOLE_EMERGENCY,
     BOOT_DECIDED, "nw", "", "refused", "userland", "emergency", "", 0},
    {"it restarts by itself", CONSOLE_KERNEL, 0, BOOT_ENDED, "n", "", "refused", "kernel",
     "ended", "", 0},
    {"the kernel breaks: image or machine, nothing says which", CONSOLE_USERLAND,
     CONSOLE_KERNEL_FAULT, BOOT_DECIDED, "n", "L07", "undecided", "userland",
     "kernel-fault", "", -1},
    {"time ran out", CONSOLE_LOADER, 0, BOOT_TIMED_OUT, "n", "l21", "undecided", "loader",
     "time", "l21", -1},
    {"... at a login, before settings were", CONSOLE_LOGIN, 0, BOOT_TIMED_OUT, "n", "L10",
     "undecided", "login", "time", "", -1},
    {"... which nobody needs", CONSOLE_LOGIN, 0, BOOT_TIMED_OUT, "", "l10", "accepted",
     "login", "no-settings", "l10", 1},
    {"it restarts again and again, with a root", CONSOLE_USERLAND, 0, BOOT_ENDED, "n",
     "L07", "undecided", "userland", "ended", "", -1},
    {"... or ends at the login", CONSOLE_LOGIN, 0, BOOT_ENDED, "n", "L10", "undecided",
     "login", "ended", "", -1},
    {"a root that was not found on a disk that could not be read", CONSOLE_INITRAMFS,
     CONSOLE_NO_ROOT, BOOT_DECIDED, "nt", "L07", "undecided", "initramfs",
     "initramfs-no-root", "", -1},
    {"... time, too", CONSOLE_USERLAND, 0, BOOT_TIMED_OUT, "nt", "l21", "undecided",
     "userland", "time", "", -1},
    {"... and settings that were taken in spite of it", CONSOLE_LOGIN, 0, BOOT_DECIDED,
     "Snt", "", "accepted", "settings", "", "", 1},
    {"what ran it crashed before the kernel spoke", CONSOLE_LOADER, 0, BOOT_LOST, "n",
     "L07", "undecided", "loader", "", "", -1},
    {"... while it had no root, which may be its doing", CONSOLE_INITRAMFS,
     CONSOLE_NO_ROOT, BOOT_LOST, "qn", "L07", "undecided", "initramfs", "", "", -1},
    {"... behind a login", CONSOLE_LOGIN, 0, BOOT_LOST, "n", "L10", "undecided", "login",
     "", "", -1},
    {"... and behind settings that were taken", CONSOLE_LOGIN, 0, BOOT_LOST, "Sn", "",
     "accepted", "settings", "", "", 1},
    {"nothing was started", 0, 0, BOOT_NOT_STARTED, "n", "C03", "undecided", "nothing",
     "", "", -1},
};

enum { WORDS_MAX = 4 };

static size_t read_findings(struct finding *v, char (*ids)[4], const char *text)
{
    size_t n = 0;

    for (; *text && n < WORDS_MAX; n++) {
        memcpy(ids[n], text, 3);
        ids[n][3] = '\0';
        v[n] = (struct finding){
            .id = ids[n],
            .level = text[0] < 'a' ? LEVEL_ERROR : LEVEL_WARNING,
        };
        ids[n][0] = (char)(ids[n][0] & ~0x20);
        text += text[3] ? 4 : 3;
    }
    return n;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *row = &rows[i];
        struct console c = {.stage = row->stage, .stop = row->stop};
        struct boot_seen seen = {&c,
                                 row->end,
                                 strchr(row->words, 'q') != NULL,
                                 strchr(row->words, 'n') != NULL,
                                 strchr(row->words, 't') != NULL,
                                 strchr(row->words, 'e') != NULL};
        struct finding found[WORDS_MAX];
        char ids[WORDS_MAX][4];
        struct report report = {.verdict = VERDICT_ACCEPTED};
        struct boot_verdict v;
        const struct finding *f;

        print_message("%s\n", row->sentence);
        c.has_settings = strchr(row->words, 'S') != NULL;
        report.findings.v = found;
        report.findings.n = read_findings(found, ids, row->findings);
        c.waited_for_device = strchr(row->words, 'w') != NULL;
        v = boot_judge(&seen);
        boot_weigh(&v, &seen, &report);
        f = boot_finding(&v, &report);
        assert_string_equal(verdict_name(v.verdict), row->verdict);
        assert_string_equal(v.reached, row->reached);
        assert_string_equal(v.stopped, row->stopped);
        assert_int_equal(f != NULL, *row->finding != '\0');
        if (f)
            assert_string_equal(f->id + 1, row->finding + 1);
        assert_int_equal(boot_agrees(&v, &seen, &report), row->agrees);
    }
}

static void test_stops(void **state)
{
    (void)state;
    /* Each has checks that speak of it, but what decides nothing. */
    for (enum console_stop s = CONSOLE_NO_BOOT; s < CONSOLE_STOP_MAX; s++) {
        struct console c = {.stop = s};
        struct boot_seen seen = {&c, BOOT_DECIDED, false, true, false, false};
        struct boot_verdict v = boot_judge(&seen);

        assert_string_equal(v.stopped, console_stop_name(s));
        assert_int_equal(v.ids[0] == NULL, v.verdict == VERDICT_UNDECIDED);
    }
}

static void test_resets(void **state)
{
    static const struct {
        const char *sentence;
        enum console_stage stage;
        enum console_stop stop;
        unsigned restarts;
        bool starts_anew;
    } resets[] = {
        {"labels were written", CONSOLE_USERLAND, 0, 0, true},
        {"as soon as there is a root", CONSOLE_ROOT, 0, 1, true},
        {"it does nothing else", CONSOLE_USERLAND, 0, 2, false},
        {"an initramfs that gave up", CONSOLE_INITRAMFS, 0, 0, false},
        {"a panic", CONSOLE_USERLAND, CONSOLE_KERNEL_FAILED, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(resets); i++) {
        struct console c = {.stage = resets[i].stage, .stop = resets[i].stop};

        print_message("%s\n", resets[i].sentence);
        assert_int_equal(boot_starts_anew(&c, resets[i].restarts), resets[i].starts_anew);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_stops),
        cmocka_unit_test(test_resets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
