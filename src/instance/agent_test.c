/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/scoped.h"
#include "instance/agent.h"
#include "instance/hypervisor_parts.h"

enum { LIMIT_MS = 300 };

/* A guest that answers its synchronisation with what stands before it, and then with a
 * text, for as often as it is to be said. */
struct guest {
    const char *before, *answer;
    unsigned times;
    int fd;
};

static void *answer(void *arg)
{
    struct guest *g = arg;
    char line[512] = "", text[256];
    unsigned id = 0;
    const char *at;
    ssize_t n = recv(g->fd, line, sizeof line - 1, 0);

    at = n > 0 ? strstr(line + 1, "\"id\":") : NULL;
    if (at && sscanf(at + 5, "%u", &id) == 1 && g->before) {
        snprintf(text, sizeof text, "%s\xff{\"return\": %u}\n", g->before, id);
        send(g->fd, text, strlen(text), MSG_NOSIGNAL);
        recv(g->fd, line, sizeof line, 0);
        for (unsigned i = 0; i < g->times; i++)
            if (send(g->fd, g->answer, strlen(g->answer), MSG_NOSIGNAL) < 0)
                break;
        while (recv(g->fd, line, sizeof line, 0) > 0)
            continue;
    }
    close(g->fd);
    return NULL;
}

static int connection;

static int fake_agent(int *ret, struct machine *m, struct err *err)
{
    (void)m;
    (void)err;
    *ret = connection;
    return 0;
}

static const struct hypervisor_driver fake = {.agent = fake_agent};
static struct hypervisor hypervisor = {.driver = &fake};
static struct machine machine = {.hypervisor = &hypervisor};

/* Asks a guest that answers so. */
static int asked(int (*question)(void *ret, struct err *err), struct guest g, void *ret,
                 struct err *err)
{
    pthread_t thread;
    int pair[2], r;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    connection = pair[0];
    g.fd = pair[1];
    pthread_create(&thread, NULL, answer, &g);
    r = question(ret, err);
    pthread_join(thread, NULL);
    return r;
}

static int host_name(void *ret, struct err *err)
{
    return agent_host_name(ret, &machine, LIMIT_MS, err);
}

static int is_frozen(void *ret, struct err *err)
{
    return agent_is_frozen(ret, &machine, LIMIT_MS, err);
}

static void test_frozen(void **state)
{
    static const struct {
        const char *name;
        struct guest guest;
        int want;
        bool frozen;
    } cases[] = {
        {"frozen", {"", "{\"return\": \"frozen\"}\n", 1}, 0, true},
        {"thawed", {"", "{\"return\": \"thawed\"}\n", 1}, 0, false},
        {"another word", {"", "{\"return\": \"solid\"}\n", 1}, -ERR_CORRUPT, false},
        {"a number", {"", "{\"return\": 1}\n", 1}, -ERR_CORRUPT, false},
        {"a refusal", {"", "{\"error\": {\"desc\": \"no\"}}\n", 1}, -ERR_CONFLICT, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        bool frozen = !cases[i].frozen;
        int r = asked(is_frozen, cases[i].guest, &frozen, &err);

        if (r != cases[i].want || (r == 0 && frozen != cases[i].frozen))
            fail_msg("%s: %d, %s", cases[i].name, r, err.msg);
    }
}

static void test_answers(void **state)
{
    static char noise[300];
    static const struct {
        const char *name;
        struct guest guest;
        int want;
        const char *host;
    } cases[] = {
        {"a name", {"", "{\"return\": {\"host-name\": \"vm-1\"}}\n", 1}, 0, "vm-1"},
        {"after an answer to somebody else",
         {"{\"return\": 5}\n{\"x\"", "{\"return\": {\"host-name\": \"vm-1\"}}\n", 1},
         0,
         "vm-1"},
        {"a name for terminals",
         {"", "{\"return\": {\"host-name\": \"a\\u001bb\"}}\n", 1},
         0,
         "a\\x1bb"},
        {"no name", {"", "{\"return\": {}}\n", 1}, -ERR_CORRUPT, NULL},
        {"a name that is a number",
         {"", "{\"return\": {\"host-name\": 1}}\n", 1},
         -ERR_CORRUPT,
         NULL},
        {"no JSON", {"", "hello\n", 1}, -ERR_CORRUPT, NULL},
        {"a refusal", {"", "{\"error\": {\"desc\": \"no\"}}\n", 1}, -ERR_CONFLICT, NULL},
        {"silence", {"", "", 0}, -ERR_NOTFOUND, NULL},
        {"no agent", {NULL, "", 0}, -ERR_IO, NULL},
        {"an endless line", {"", noise, 1000000}, -ERR_LIMIT, NULL},
    };

    (void)state;
    memset(noise, 'x', sizeof noise - 1);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char name[AGENT_NAME_MAX + 1];
        struct err err = {0};
        int r = asked(host_name, cases[i].guest, name, &err);

        if (r != cases[i].want || (r == 0 && strcmp(name, cases[i].host) != 0))
            fail_msg("%s: %d, %s", cases[i].name, r, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_frozen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
