/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_qmp.c: what QEMU says on its control socket, and a guest to who asks its agent
 *
 * The first byte: bit 0 the agent, else QMP; bit 1 a greeting is put in front (of the
 * agent: the answer to our number, which is always 0 here).  The rest is all that the
 * other side says before it closes.  What is taken of it has its limits and can be
 * printed, and nobody waits. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/scoped.h"
#include "fuzz/fuzz.h"
#include "instance/agent.h"
#include "instance/hypervisor_parts.h"
#include "instance/qmp.h"

enum { SAID_MAX = 150 * 1024, LIMIT_MS = 60000 };

static const char hello[] = "{\"QMP\":{}}\n{\"return\":{},\"id\":1}\n";
static const char synchronised[] = "\xff{\"return\": 0}\n";

static int connection;

/* The library's is asked for the agent's number alone. */
ssize_t getrandom(void *to, size_t n, unsigned flags)
{
    (void)flags;
    memset(to, 0, n);
    return (ssize_t)n;
}

static int fake_agent(int *ret, struct machine *m, struct err *err)
{
    (void)m;
    (void)err;
    *ret = connection;
    return 0;
}

static const struct hypervisor_driver driver = {.agent = fake_agent};
static struct hypervisor hypervisor = {.driver = &driver};
static struct machine machine = {.hypervisor = &hypervisor};

static void say(int fd, const void *p, size_t n)
{
    assert(write(fd, p, n) == (ssize_t)n);
}

static void check_text(const char *s, size_t max)
{
    assert(strlen(s) <= max);
    for (; *s; s++)
        assert((unsigned char)*s >= ' ' && *s != 0x7f);
}

static void use_qmp(int fd)
{
    AUTO(qmp_closep) struct qmp *q = NULL;
    AUTO(json_decrefp) json_t *j = NULL;
    struct qmp_event e;
    struct err err = {0};
    int r = qmp_open(&q, fd, LIMIT_MS, &err);

    assert((r == 0) == (q != NULL) && (r < 0) == (err.code != ERR_NONE));
    if (r < 0)
        return;
    r = qmp_run(q, "query-status", NULL, &j, LIMIT_MS, &err);
    assert((r < 0) == (err.code != ERR_NONE));
    check_text(err.msg, ERR_MSG_MAX);
    for (unsigned i = 0; i < 1000 && qmp_next_event(&e, q, NULL) > 0; i++)
        assert(memchr(e.name, 0, sizeof e.name) && memchr(e.reason, 0, sizeof e.reason));
}

static void ask_agent(void)
{
    char name[AGENT_NAME_MAX + 1];
    struct err err = {0};

    if (agent_host_name(name, &machine, LIMIT_MS, &err) == 0)
        check_text(name, AGENT_NAME_MAX);
    else
        check_text(err.msg, ERR_MSG_MAX);
}

static void count_frozen(void)
{
    unsigned n = 0;

    if (agent_freeze(&n, &machine, LIMIT_MS, NULL) == 0)
        assert(n <= 100000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2], room = 2 * SAID_MAX;

    if (size == 0 || size > SAID_MAX)
        return 0;
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    assert(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room) == 0);
    if (data[0] & 2 && data[0] & 1)
        say(pair[0], synchronised, sizeof synchronised - 1);
    else if (data[0] & 2)
        say(pair[0], hello, sizeof hello - 1);
    say(pair[0], data + 1, size - 1);
    shutdown(pair[0], SHUT_WR);
    connection = pair[1];
    if (!(data[0] & 1))
        use_qmp(pair[1]);
    else if (data[0] & 4)
        count_frozen();
    else
        ask_agent();
    close(pair[0]);
    return 0;
}
