/* SPDX-License-Identifier: GPL-2.0-or-later */
/* broker_test.c: a worker that was taken over by its image
 *
 * The test starts itself as imgport-worker; the request says how it shall misbehave.  The
 * broker must name what happened, hand out nothing, and not wait for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/broker.h"
#include "base/frame.h"
#include "base/scoped.h"
#include "worker/wire.h"

static char root[] = "/tmp/broker_test.XXXXXX";

/* ---- the worker's side */

static void say(uint8_t type, const char *text)
{
    struct err err = {0};

    if (frame_send(WIRE_SOCKET, type, text, strlen(text), -1, &err) < 0)
        _exit(9);
}

static void say_raw(const char *p, size_t n)
{
    if (write(WIRE_SOCKET, p, n) != (ssize_t)n)
        _exit(9);
}

/* Asks for a file and reports what came. */
static void ask(const char *name)
{
    AUTO(buf_fini) struct buf b = {.max = WIRE_ERROR_MAX};
    struct err err = {0};
    uint8_t type = 0;
    int fd = -1;

    char question[WIRE_NUMBER + WIRE_NAME_MAX + 1];

    snprintf(question, sizeof question, "abcd%s", name);
    say(WIRE_SIBLING, question);
    if (frame_recv(WIRE_SOCKET, &type, &b, &fd, &err) != 1 ||
        strncmp(buf_str(&b), "abcd", WIRE_NUMBER) != 0)
        _exit(9);
    say(WIRE_FACTS,
        type == WIRE_FILE && fd >= 0 ? "{\"got\": true}" : "{\"got\": false}");
}

static int count_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* A list of n empty lists, after a string that holds what looks like a million. */
static void say_lists(size_t n)
{
    static const char begin[] = "{\"fine\": true, \"x\\\"\": \"",
                      middle[] = "\", \"y\": [0";
    enum { COMMAS = 1000000 };
    size_t size = sizeof begin + COMMAS + sizeof middle + n * 3 + 3;
    char *text = malloc(size), *p = text;

    if (!text)
        _exit(9);
    p = stpcpy(p, begin);
    memset(p, ',', COMMAS);
    p = stpcpy(p + COMMAS, middle);
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, ",[]");
    strcpy(p, "]}");
    say(WIRE_FACTS, text);
    free(text);
}

static int act_as_worker(void)
{
    AUTO(buf_fini) struct buf b = {.max = WIRE_REQUEST_MAX};
    struct err err = {0};
    uint8_t type = 0;
    const char *name = "";
    char job[64];
    json_t *request;

    if (frame_recv(WIRE_SOCKET, &type, &b, NULL, &err) != 1)
        return 9;
    request = json_loadb(buf_str(&b), b.n, 0, NULL);
    json_unpack(request, "{s:s}", "job", &name);
    snprintf(job, sizeof job, "%s", name);
    json_decref(request);
    say(WIRE_STEP, "step \033[31mred");
    if (strcmp(job, "good") == 0)
        say(WIRE_FACTS, "{\"fine\": true}");
    if (strcmp(job, "exit") == 0)
        return 5;
    if (strcmp(job, "crash") == 0)
        abort();
    if (strcmp(job, "forbidden") == 0)
        raise(SIGSYS);
    if (strcmp(job, "huge") == 0)
        say_raw("\xff\xff\xff\xff"
                "F",
                5);
    if (strcmp(job, "half") == 0)
        say_raw("\x08\x00\x00\x00"
                "Fab",
                7);
    if (strcmp(job, "not json") == 0)
        say(WIRE_FACTS, "{\"a\": ");
    if (strcmp(job, "unknown type") == 0)
        say('?', "");
    if (strcmp(job, "short progress") == 0)
        say(WIRE_PROGRESS, "12345");
    if (strcmp(job, "error") == 0)
        say(WIRE_ERROR,
            "{\"code\": \"corrupt\", \"sys\": 0, \"message\": \"bad\\u001b[m\"}");
    if (strcmp(job, "odd error") == 0)
        say(WIRE_ERROR, "{\"code\": \"none\"}");
    if (strncmp(job, "ask ", 4) == 0)
        ask(job + 4);
    if (strcmp(job, "question without a number") == 0)
        say(WIRE_SIBLING, "abc");
    if (strcmp(job, "read a file") == 0)
        say(WIRE_READ, "abcdOFFSET..LEN.");
    if (strcmp(job, "descriptors") == 0)
        say(WIRE_FACTS,
            count_descriptors() == 5 ? "{\"few\": true}" : "{\"few\": false}");
    if (strcmp(job, "many values") == 0)
        say_lists(200000);
    if (strcmp(job, "too many values") == 0)
        say_lists(300000);
    if (strcmp(job, "hang") == 0)
        pause();
    if (strcmp(job, "hang in a message") == 0) {
        say_raw("\x08\x00", 2);
        pause();
    }
    if (strcmp(job, "hang with deaf ears") == 0)
        for (;;)
            say(WIRE_SIBLING, "abcdabsent");
    if (strcmp(job, "linger") == 0) {
        say(WIRE_FACTS, "{\"fine\": true}");
        pause();
    }
    if (strcmp(job, "linger without a socket") == 0) {
        close(WIRE_SOCKET);
        pause();
    }
    return 0;
}

/* ---- the broker's side */

static int cancel_later(void *arg, const struct broker_progress *p)
{
    int *calls = arg;

    (void)p;
    return ++*calls > 3;
}

static int run(struct broker_result *ret, const char *job, struct err *err)
{
    AUTO(closep) int source = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    AUTO(closep) int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    json_t *request = json_pack("{s:s}", "job", job);
    int calls = 0, r;

    r = broker_run(ret,
                   &(struct broker_job){
                       .request = request,
                       .source = source,
                       .folder = folder,
                       .output = -1,
                       .direct = -1,
                       .progress = strncmp(job, "hang", 4) == 0 ? cancel_later : NULL,
                       .progress_arg = &calls,
                   },
                   err);
    json_decref(request);
    return r;
}

static void test_misbehaviour(void **state)
{
    static const struct {
        const char *job, *message;
        enum err_code code;
        enum broker_end end;
    } cases[] = {
        {"question without a number", "the worker asks without a number", ERR_CORRUPT,
         BROKER_ERROR},
        {"read a file", "the worker asks for what it was not given", ERR_CORRUPT,
         BROKER_ERROR},
        {"exit", "the worker left with status 5 in step: step \\x1b[31mred", ERR_LIMIT,
         BROKER_DEAD},
        {"crash", "the worker died of signal ABRT in step: step \\x1b[31mred", ERR_LIMIT,
         BROKER_DEAD},
        {"forbidden",
         "the worker was stopped for a forbidden system call in step: step \\x1b[31mred",
         ERR_LIMIT, BROKER_DEAD},
        {"huge", "0 bytes and 4294967295 more, limit 33554432", ERR_LIMIT, BROKER_ERROR},
        {"half", "the other side went away in a message", ERR_SHORT, BROKER_ERROR},
        {"not json", "the worker's message is not JSON", ERR_CORRUPT, BROKER_ERROR},
        {"unknown type", "the worker's message '?' makes no sense", ERR_CORRUPT,
         BROKER_ERROR},
        {"short progress", "the worker's message 'P' makes no sense", ERR_CORRUPT,
         BROKER_ERROR},
        {"error", "bad\\x1b[m", ERR_CORRUPT, BROKER_ERROR},
        {"odd error", "", ERR_IO, BROKER_ERROR},
        {"too many values", "a report of more than 524288 values", ERR_LIMIT,
         BROKER_ERROR},
        {"hang", "canceled", ERR_CANCELED, BROKER_ERROR},
        {"hang in a message", "canceled", ERR_CANCELED, BROKER_ERROR},
        {"hang with deaf ears", "canceled", ERR_CANCELED, BROKER_ERROR},
        {"linger without a socket",
         "the worker was stopped at its limit of CPU seconds, or killed, in step: "
         "step \\x1b[31mred",
         ERR_LIMIT, BROKER_DEAD},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct broker_result result;
        struct err err = {0};
        int r = run(&result, cases[i].job, &err);

        if (r != -(int)cases[i].code || result.end != cases[i].end ||
            strcmp(err.msg, cases[i].message) != 0 || result.json)
            fail_msg("%s: %d, end %d, \"%s\"", cases[i].job, r, (int)result.end, err.msg);
    }
}

static bool answer(const char *job, const char *key)
{
    struct broker_result result;
    struct err err = {0};
    bool yes;

    if (run(&result, job, &err) < 0)
        fail_msg("%s: %s", job, err.msg);
    yes = json_is_true(json_object_get(result.json, key));
    json_decref(result.json);
    return yes;
}

static void test_siblings(void **state)
{
    static const struct {
        const char *job;
        bool want;
    } cases[] = {
        {"ask extent", true},
        {"ask absent", false},
        {"ask ../passwd", false},
        {"ask /etc/passwd", false},
        {"ask .", false},
        {"ask ..", false},
        {"ask ", false},
        {"ask link", false},
        {"ask folder", false},
        {"ask fifo", false},
        {"ask folder/inside", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (answer(cases[i].job, "got") != cases[i].want)
            fail_msg("%s: %s", cases[i].job, cases[i].want ? "refused" : "handed out");
}

/* Opening some devices does something: a watchdog starts, a tape rewinds.  A FIFO stands
 * for them here. */
static void test_refused_without_opening(void **state)
{
    AUTO(closep) int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int fd, folder;
    struct err err = {0};
    char event[1024];

    (void)state;
    assert_true(inotify_add_watch(watch, "fifo", IN_OPEN) >= 0);
    assert_false(answer("ask fifo", "got"));
    assert_int_equal(broker_open_source(&fd, &folder, "fifo", &err), -ERR_IO);
    assert_int_equal(read(watch, event, sizeof event), -1);
}

static void test_good(void **state)
{
    (void)state;
    assert_true(answer("good", "fine"));
    assert_true(answer("many values", "fine"));
    assert_true(answer("linger", "fine"));
    assert_true(answer("descriptors", "few")); /* 0, 1, 2, socket, source: nothing else */
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
    close(open("extent", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (symlink(self, path) < 0 || symlink("/etc/passwd", "link") < 0 ||
        mkfifo("fifo", 0600) < 0 || mkdir("folder", 0700) < 0)
        return -1;
    close(open("folder/inside", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    return setenv("IMGPORT_ROOT", root, 1);
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", root);
    return chdir("/") < 0 ? -1 : system(command);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_misbehaviour),
        cmocka_unit_test(test_siblings),
        cmocka_unit_test(test_refused_without_opening),
    };

    (void)argc;
    if (strcmp(argv[0], "imgport-worker") == 0)
        return act_as_worker();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
