/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map_test.c: a worker that was taken over by its image and tells a map that is none
 *
 * The test starts itself as imgport-worker; the source says what it shall send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/frame.h"
#include "base/scoped.h"
#include "guest/facts_json.h"
#include "imgport/imgport.h"
#include "worker/wire.h"

static char root[] = "/tmp/map_test.XXXXXX";

/* ---- the worker's side: a letter a message */

static void say(uint8_t type, const void *p, size_t n)
{
    struct err err = {0};

    if (frame_send(WIRE_SOCKET, type, p, n, -1, &err) < 0)
        _exit(9);
}

static void say_text(uint8_t type, const char *text)
{
    say(type, text, strlen(text));
}

static void say_layout(void)
{
    struct facts facts;
    json_t *j;
    char *text;

    facts_init(&facts);
    j = facts_to_json(&facts);
    text = json_dumps(j, 0);
    say_text(WIRE_LAYOUT, text);
    free(text);
    json_decref(j);
}

static void say_run(uint64_t start, uint64_t length, uint64_t where, uint16_t file,
                    uint8_t kind, uint8_t compressed)
{
    uint8_t p[WIRE_RUN_SIZE];

    store_le64(p, start);
    store_le64(p + 8, length);
    store_le64(p + 16, where);
    store_le16(p + 24, file);
    p[26] = kind;
    p[27] = compressed;
    say(WIRE_RUNS, p, sizeof p);
}

static void act(char what)
{
    switch (what) {
    case 'L':
        say_layout();
        break;
    case 'l': /* a layout that is none */
        say_text(WIRE_LAYOUT, "{\"image\": 1}");
        break;
    case 'D':
        say_text(WIRE_LIST, "{\"device\": \"\", \"files\": [\"b.vmdk\"]}");
        break;
    case 'F':
        say_text(WIRE_LIST, "{\"device\": \"part\\u001b1\", \"files\": []}");
        break;
    case 'f': /* files that are none */
        say_text(WIRE_LIST, "{\"device\": \"\", \"files\": [1]}");
        break;
    case 'n':
        say_text(WIRE_LIST, "{}");
        break;
    case 'P':
        say_text(WIRE_LIST, "{\"problem\": \"torn\\u001b\"}");
        break;
    case '1':
        say_run(0, 10, 5, 1, WIRE_RUN_DATA, 0);
        break;
    case '2':
        say_run(10, 10, 7, 2, WIRE_RUN_DATA, 1);
        break;
    case '3':
        say_run(10, 5, 0, 3, WIRE_RUN_DATA, 0); /* of a third file */
        break;
    case 'h':
        say_run(20, 5, 0, 0, WIRE_RUN_HOLE, 0);
        break;
    case 'u':
        say_run(0, 10, 0, 0, WIRE_RUN_USED, 0);
        break;
    case 'x':
        say_run(10, UINT64_MAX, 0, 0, WIRE_RUN_FREE, 0);
        break;
    case '0':
        say_run(10, 0, 0, 0, WIRE_RUN_FREE, 0);
        break;
    case 'g': /* a gap before it */
        say_run(11, 5, 0, 0, WIRE_RUN_FREE, 0);
        break;
    case 'k':
        say_run(10, 5, 0, 0, 9, 0);
        break;
    case 's':
        say(WIRE_RUNS, "short", 5);
        break;
    case 'R':
        say_text(WIRE_RESULT, "{}");
        break;
    }
}

static int act_as_worker(void)
{
    AUTO(buf_fini) struct buf b = {.max = WIRE_REQUEST_MAX};
    struct err err = {0};
    uint8_t type = 0;
    char script[64] = "";

    if (frame_recv(WIRE_SOCKET, &type, &b, NULL, &err) != 1 ||
        read(WIRE_SOURCE, script, sizeof script - 1) < 0)
        return 9;
    for (const char *p = script; *p; p++)
        act(*p);
    return 0;
}

/* ---- the broker's side */

struct told {
    char text[512];
    unsigned n, stop_at;
};

static int add(struct told *t, const char *text)
{
    size_t n = strlen(t->text);

    snprintf(t->text + n, sizeof t->text - n, "%s ", text);
    return ++t->n == t->stop_at;
}

static int layout(void *arg, const char *facts)
{
    return add(arg, *facts == '{' ? "layout" : "?");
}

static int list(void *arg, const char *device)
{
    char text[64];

    snprintf(text, sizeof text, "[%s]", device);
    return add(arg, text);
}

static int run(void *arg, const struct imgport_run *r)
{
    char text[128];

    snprintf(text, sizeof text, "%c%llu+%llu%s%s%s", "dzhuf"[r->kind],
             (unsigned long long)r -> start, (unsigned long long)r -> length,
             r -> file ? "@" : "", r->file && * r->file ? r->file : "",
             r->compressed ? "c" : "");
    return add(arg, text);
}

static int problem(void *arg, const char *message)
{
    return add(arg, message);
}

static void test_maps(void **state)
{
    static const struct {
        const char *script, *want, *code;
        unsigned stop_at;
    } cases[] = {
        {"LFuD12hR", "layout [part\\x1b1] u0+10 [] d0+10@ d10+10@b.vmdkc h20+5 ", "", 0},
        {"LFuPD1PR", "layout [part\\x1b1] u0+10 torn\\x1b [] d0+10@ torn\\x1b ", "", 0},
        {"LR", "layout ", "", 0},
        {"R", "", "corrupt", 0},
        {"lR", "", "corrupt", 0},
        {"LLR", "layout ", "corrupt", 0},
        {"DR", "", "corrupt", 0},
        {"L1R", "layout ", "corrupt", 0},
        {"LPR", "layout ", "corrupt", 0},
        {"LnR", "layout ", "corrupt", 0},
        {"LfR", "layout ", "corrupt", 0},
        {"LDuR", "layout [] ", "corrupt", 0},
        {"LF1R", "layout [part\\x1b1] ", "corrupt", 0},
        {"LD1FR", "layout [] d0+10@ ", "corrupt", 0},
        {"LD13R", "layout [] d0+10@ ", "corrupt", 0},
        {"LFuxR", "layout [part\\x1b1] u0+10 ", "corrupt", 0},
        {"LFu0R", "layout [part\\x1b1] u0+10 ", "corrupt", 0},
        {"LFugR", "layout [part\\x1b1] u0+10 ", "corrupt", 0},
        {"LFukR", "layout [part\\x1b1] u0+10 ", "corrupt", 0},
        {"LFsR", "layout [part\\x1b1] ", "corrupt", 0},
        {"LFuPuR", "layout [part\\x1b1] u0+10 torn\\x1b ", "corrupt", 0},
        {"LD1", "layout [] d0+10@ ", "limit", 0},
        {"LD12hR", "layout [] d0+10@ ", "canceled", 3},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct told t = {.stop_at = cases[i].stop_at};
        struct imgport_error error = {.code = ""};
        FILE *f = fopen("source", "w");

        fputs(cases[i].script, f);
        fclose(f);
        imgport_map(
            &(struct imgport_map_options){
                .source = {.path = "source"},
                .layout = layout,
                .list = list,
                .run = run,
                .problem = problem,
                .arg = &t,
            },
            &error);
        if (strcmp(t.text, cases[i].want) != 0 || strcmp(error.code, cases[i].code) != 0)
            fail_msg("%s: \"%s\", %s: %s", cases[i].script, t.text, error.code,
                     error.message);
    }
}

/* Whoever wants nothing of it is told nothing. */
static void test_no_callbacks(void **state)
{
    struct imgport_error error = {.code = ""};
    FILE *f = fopen("source", "w");

    (void)state;
    fputs("LFuPD12hR", f);
    fclose(f);
    assert_int_equal(
        imgport_map(&(struct imgport_map_options){.source = {.path = "source"}}, &error),
        0);
}

static int set_up(void **state)
{
    char path[PATH_MAX], self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    (void)state;
    if (n <= 0 || !mkdtemp(root) || chdir(root) < 0)
        return -1;
    self[n] = '\0';
    snprintf(path, sizeof path, "%s/imgport-worker", root);
    return symlink(self, path) < 0 ? -1 : setenv("IMGPORT_ROOT", root, 1);
}

static int tear_down(void **state)
{
    (void)state;
    unlink("source");
    unlink("imgport-worker");
    return chdir("/") < 0 ? -1 : rmdir(root);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_no_callbacks),
    };

    (void)argc;
    if (strcmp(argv[0], "imgport-worker") == 0)
        return act_as_worker();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
