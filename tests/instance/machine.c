/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine.c HELPER KERNEL INITRAMFS FOLDER DISK BASE DRIVE: a machine through its life
 *
 * Its guest is guest.c.  We are its metadata server as well, and listen at the host's
 * ports it must not reach. */
#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/scoped.h"
#include "instance/agent.h"
#include "instance/clock.h"
#include "instance/hypervisor_parts.h"
#include "instance/process.h"
#include "instance/qemu_run.h"

enum { LIMIT_MS = 300000, HEAD_MAX = 8192, USERS_FIRST = 280000 };

static char folder[512];
static atomic_bool is_adopted;
static atomic_uint answered, knocked;

#define NEED(what)                                                          \
    do {                                                                    \
        if (!(what)) {                                                      \
            printf("line %d: not so: %s (%s)\n", __LINE__, #what, err.msg); \
            print_log();                                                    \
            machine_end(hypervisor, folder, NULL);                          \
            exit(1);                                                        \
        }                                                                   \
    } while (0)

static struct hypervisor *hypervisor;
static struct err err;

static size_t read_log(char *to, size_t room)
{
    char path[600];
    size_t n = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/serial.log", folder);
    f = fopen(path, "r");
    if (f) {
        n = fread(to, 1, room - 1, f);
        fclose(f);
    }
    to[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if (!to[i])
            to[i] = '?';
    return n;
}

static void print_log(void)
{
    static char text[1 << 21];
    size_t n = read_log(text, sizeof text);

    printf("%s\n", text + (n > 4000 ? n - 4000 : 0));
}

/* The metadata server, as simple as can be: one connection after the other. */
static void serve_one(int s)
{
    static const char no[] = "HTTP/1.1 503 Not Yet\r\nContent-Length: 0\r\n\r\n";
    char head[HEAD_MAX + 1], answer[256];
    struct pollfd p = {.fd = s, .events = POLLIN};
    size_t n = 0;

    head[0] = '\0';
    while (n < HEAD_MAX && !strstr(head, "\r\n\r\n") && poll(&p, 1, 2000) > 0) {
        ssize_t k = recv(s, head + n, HEAD_MAX - n, 0);

        if (k <= 0)
            return;
        n += (size_t)k;
        head[n] = '\0';
    }
    if (strncmp(head, "GET /", 5) != 0)
        return;
    snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    if (strncmp(head, "GET /adopted", 12) == 0 && !is_adopted)
        snprintf(answer, sizeof answer, "%s", no);
    if (send(s, answer, strlen(answer), MSG_NOSIGNAL) > 0)
        answered++;
    /* The guest closes first: ARCHITECTURE.md says why. */
    while (poll(&p, 1, 500) > 0 && recv(s, head, HEAD_MAX, 0) > 0)
        continue;
}

static void *serve(void *arg)
{
    int listener = *(int *)arg;

    for (;;) {
        int s = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (s < 0)
            return NULL;
        serve_one(s);
        close(s);
    }
}

static void *count_knocks(void *arg)
{
    int listener = *(int *)arg;

    for (;;) {
        int s = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (s < 0)
            return NULL;
        knocked++;
        close(s);
    }
}

static int listen_local(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert((size_t)snprintf(a.sun_path, sizeof a.sun_path, "%s/metadata.sock", folder) <
           sizeof a.sun_path);
    assert(s >= 0 && bind(s, (struct sockaddr *)&a, sizeof a) == 0 && listen(s, 64) == 0);
    return s;
}

static int listen_host(unsigned *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof a;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert(s >= 0 && bind(s, (struct sockaddr *)&a, sizeof a) == 0 && listen(s, 64) == 0);
    assert(getsockname(s, (struct sockaddr *)&a, &n) == 0);
    *port = ntohs(a.sin_port);
    return s;
}

static void find_host_address(char *to, size_t room)
{
    struct ifaddrs *all = NULL;

    snprintf(to, room, "127.0.0.1");
    if (getifaddrs(&all) < 0)
        return;
    for (struct ifaddrs *i = all; i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET &&
            !(i->ifa_flags & IFF_LOOPBACK))
            inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, to,
                      (socklen_t)room);
    freeifaddrs(all);
}

/* Waits for a line of the guest; keeps the machine meanwhile. */
static void await_line(struct machine *m, const char *line)
{
    static char text[1 << 21];
    int64_t until = clock_ms() + LIMIT_MS;
    struct machine_event e;

    for (;;) {
        read_log(text, sizeof text);
        if (strstr(text, line))
            return;
        while (machine_next_event(&e, m, &err) > 0)
            NEED(e.kind != MACHINE_GONE);
        if (clock_ms() > until)
            printf("the guest did not say '%s'\n", line);
        NEED(clock_ms() <= until);
        usleep(100000);
    }
}

/* What is still to come until the machine is gone. */
static void await_gone(struct machine *m, bool *shut_down)
{
    int64_t until = clock_ms() + LIMIT_MS;

    *shut_down = false;
    for (;;) {
        struct pollfd p = {.fd = machine_event_fd(m), .events = POLLIN};
        struct machine_event e;

        NEED(clock_ms() <= until);
        poll(&p, 1, 1000);
        while (machine_next_event(&e, m, &err) > 0) {
            if (e.kind == MACHINE_SHUT_DOWN)
                *shut_down = e.by_guest && !e.by_reset;
            if (e.kind == MACHINE_GONE)
                return;
        }
    }
}

/* The number after `name` in machine.run. */
static int noted_pid(const char *name)
{
    char path[600], line[256];
    int pid = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/machine.run", folder);
    f = fopen(path, "r");
    NEED(f != NULL);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            pid = atoi(line + strlen(name));
    fclose(f);
    return pid;
}

/* Some child of a process; 0: it has none. */
static int child_of(int parent)
{
    char path[300], text[512];
    struct dirent *e;
    DIR *d = opendir("/proc");
    int found = 0;

    NEED(d != NULL);
    while (!found && (e = readdir(d))) {
        int of = 0;
        char *at;
        FILE *f;

        snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
        f = atoi(e->d_name) > 0 ? fopen(path, "r") : NULL;
        if (!f)
            continue;
        if (fgets(text, sizeof text, f) && (at = strrchr(text, ')')) &&
            sscanf(at, ") %*c %d", &of) == 1 && of == parent)
            found = atoi(e->d_name);
        fclose(f);
    }
    closedir(d);
    return found;
}

/* A word of /proc/PID/status, as a number in the given base; ~0: it is gone. */
static unsigned long status_of(int pid, const char *name, int base)
{
    char path[64], line[512];
    unsigned long v = ~0UL;
    bool found = false;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    f = fopen(path, "r");
    if (!f)
        return v;
    while (!found && fgets(line, sizeof line, f)) {
        found = strncmp(line, name, strlen(name)) == 0;
        if (found)
            v = strtoul(line + strlen(name), NULL, base);
    }
    fclose(f);
    return v;
}

/* Each of them for itself, and all that hear a guest without a way out.  A child has its
 * parent's filter, and is about to enter its own; one that came too early for QEMU is
 * followed by another. */
static void look_at_processes(void)
{
    unsigned user = geteuid() == 0 ? USERS_FIRST : geteuid();
    int qemu = noted_pid("qemu"), helper = noted_pid("helper"), child;
    unsigned long cpus = status_of(qemu, "Cpus_allowed:", 16);
    int64_t until = clock_ms() + LIMIT_MS;

    while ((child = child_of(helper)) == 0 ||
           status_of(child, "Seccomp_filters:", 10) != 2 ||
           status_of(child, "Seccomp:", 10) != 2 ||
           status_of(child, "Uid:", 10) != user) {
        NEED(clock_ms() < until);
        usleep(100000);
    }
    NEED(status_of(helper, "Seccomp:", 10) == 2);
    NEED(status_of(qemu, "Uid:", 10) == user && status_of(qemu, "Gid:", 10) == user);
    NEED(cpus && (cpus & (cpus - 1)) == 0);
    NEED(getpriority(PRIO_PROCESS, (id_t)qemu) >= 3);
    NEED(status_of(qemu, "Seccomp:", 10) == 2);
}

static struct machine *readopt(struct machine *m)
{
    struct machine_status s;

    machine_close(m);
    NEED(machine_adopt(&m, hypervisor, folder, &err) == 1);
    NEED(machine_query(&s, m, &err) == 0 && s.state == MACHINE_RUNNING);
    NEED(s.pid == noted_pid("qemu"));
    NEED(machine_start(m, NULL) == -ERR_ARG);
    return m;
}

/* What finds it next is another user than who started its helper. */
static struct machine *inherit(struct machine *m)
{
    static const char *const argv[] = {"sleep", "600", NULL};
    struct process_plan plan = {.path = "/bin/sleep",
                                .argv = argv,
                                .error_output = -1,
                                .files = 64,
                                .drop = geteuid() == 0,
                                .uid = USERS_FIRST + 7,
                                .gid = USERS_FIRST + 7};
    AUTO(process_finip) struct process other = PROCESS_NONE;
    AUTO(closep) int dir = open(folder, O_RDONLY | O_DIRECTORY);
    int64_t until = clock_ms() + LIMIT_MS;
    struct machine_event e;
    struct qemu_run run;

    machine_close(m);
    NEED(kill(noted_pid("helper"), SIGKILL) == 0);
    NEED(process_spawn(&other, &plan, &err) == 0);
    NEED(qemu_run_read(&run, dir, &err) == 1);
    run.helper = other;
    NEED(qemu_run_write(&run, dir, &err) == 0);
    NEED(machine_adopt(&m, hypervisor, folder, &err) == 1);
    /* Who is no root is never another; that one just ends. */
    NEED(process_wait(&other, plan.drop ? 0 : 1) == plan.drop);
    process_kill(&other);
    while (noted_pid("helper") == other.pid) {
        NEED(clock_ms() < until);
        while (machine_next_event(&e, m, &err) > 0)
            NEED(e.kind != MACHINE_GONE);
        usleep(100000);
    }
    return m;
}

static void lose_helper(struct machine *m)
{
    int before = noted_pid("helper");
    int64_t until = clock_ms() + LIMIT_MS;
    struct machine_event e;

    NEED(before > 0 && kill(before, SIGKILL) == 0);
    while (noted_pid("helper") == before) {
        NEED(clock_ms() < until);
        while (machine_next_event(&e, m, &err) > 0)
            NEED(e.kind != MACHINE_GONE);
        usleep(100000);
    }
}

/* Boots, is adopted, loses its helper, tries what it should not, is switched off. */
static void long_life(const struct machine_spec *spec)
{
    struct machine *m = NULL, *other = NULL;
    struct machine_status s;
    bool forced, shut_down;
    int child;

    NEED(machine_define(&m, hypervisor, spec, &err) == 0);
    NEED(machine_query(&s, m, &err) == 0 && s.state == MACHINE_OFF);
    NEED(machine_start(m, &err) == 0);
    NEED(machine_define(&other, hypervisor, spec, &err) == 0);
    NEED(machine_start(other, NULL) == -ERR_CONFLICT);
    machine_closep(&other);
    await_line(m, "guest: disk from the base");
    await_line(m, "guest: lease 0a010203/ffffff00 0a010201");
    await_line(m, "guest: first ok");
    await_line(m, "guest: second ok");
    look_at_processes();
    m = readopt(m);
    lose_helper(m);
    m = inherit(m);
    /* And libslirp's process, as a guest would that found a hole in it. */
    look_at_processes();
    child = child_of(noted_pid("helper"));
    NEED(child > 0 && kill(child, SIGKILL) == 0);
    NEED(machine_pause(m, &err) == 0);
    NEED(machine_query(&s, m, &err) == 0 && s.state == MACHINE_PAUSED);
    NEED(machine_resume(m, &err) == 0);
    NEED(agent_ping(m, 300, NULL) == -ERR_NOTFOUND);
    is_adopted = true;
    await_line(m, "guest: adopted ok");
    await_line(m, "guest: reached 0");
    await_line(m, "guest: datagrams answered 0");
    await_line(m, "guest: frames 3000");
    await_line(m, "guest: asked ");
    await_line(m, "guest: much refused");
    await_line(m, "guest: alive ok");
    await_line(m, "guest: static ok");
    await_line(m, "guest: waiting ");
    NEED(knocked == 0);
    NEED(machine_stop_kindly(m, &(struct machine_patience){.patience_ms = LIMIT_MS},
                             &forced, &err) == 0);
    NEED(!forced);
    await_gone(m, &shut_down);
    NEED(shut_down);
    NEED(machine_query(&s, m, &err) == 0 && s.state == MACHINE_OFF);
    NEED(machine_stop(m, STOP_FORCE, &err) == 0);
    machine_close(m);
}

/* The same again, whose QEMU somebody kills; once more, which is destroyed; and one that
 * hangs. */
static void short_lives(const struct machine_spec *spec)
{
    struct machine *m = NULL;
    bool shut_down;
    int helper;

    NEED(machine_define(&m, hypervisor, spec, &err) == 0);
    NEED(machine_start(m, &err) == 0);
    helper = noted_pid("helper");
    NEED(kill(noted_pid("qemu"), SIGKILL) == 0);
    await_gone(m, &shut_down);
    NEED(!shut_down);
    NEED(machine_adopt(&m, hypervisor, folder, &err) == 0);
    for (int i = 0; i < 100 && kill(helper, 0) == 0; i++)
        usleep(100000);
    NEED(kill(helper, 0) < 0 || errno == ESRCH);

    NEED(machine_start(m, &err) == 0);
    NEED(machine_destroy(m, &err) == 0);
    NEED(machine_adopt(&m, hypervisor, folder, &err) == 0);

    NEED(machine_start(m, &err) == 0);
    machine_close(m);
    NEED(kill(noted_pid("qemu"), SIGSTOP) == 0);
    NEED(machine_adopt(&m, hypervisor, folder, NULL) == -ERR_CONFLICT);
    NEED(machine_end(hypervisor, folder, &err) == 0);
    NEED(machine_adopt(&m, hypervisor, folder, &err) == 0);
}

/* What cannot be started says so, and leaves nothing. */
static void no_life(const struct machine_spec *good)
{
    struct machine_spec spec = *good;
    struct machine *m = NULL;
    struct err why = {0};

    spec.cpu = "nosuch";
    NEED(machine_define(&m, hypervisor, &spec, &err) == 0);
    NEED(machine_start(m, &why) < 0);
    NEED(strstr(why.msg, "nosuch") != NULL);
    machine_closep(&m);
    NEED(machine_adopt(&m, hypervisor, folder, &err) == 0);
    spec = *good;
    spec.memory = 1;
    NEED(machine_define(&m, hypervisor, &spec, NULL) == -ERR_ARG);
}

int main(int argc, char **argv)
{
    struct hypervisor_options options = {.accelerator = ACCELERATOR_EMULATED};
    struct machine_spec spec = {
        .id = "ins-test0001",
        .folder = folder,
        .uuid = "11111111-2222-4333-8444-555555555555",
        .memory = 128,
        .cpus = 1,
        .mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56},
        .network = {.metadata = true,
                    .address = 0x0a010203,
                    .gateway = 0x0a010201,
                    .prefix = 24,
                    .dns = {0x0a010202}},
        .manufacturer = "Maker, with a comma",
        .product = "OpenStack Nova",
        .limits = {.disk_bytes = 1 << 30,
                   .disk_operations = 100000,
                   .host_cpus = 1,
                   .nice = 3},
        .once = true,
    };
    struct hypervisor *probing = NULL;
    char host[64], words[256];
    pthread_t server, knocker;
    unsigned port;
    int local, listener;

    assert(argc == 8);
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(folder, sizeof folder, "%s", argv[4]);
    assert(mkdir(folder, 0700) == 0);
    local = listen_local();
    listener = listen_host(&port);
    pthread_create(&server, NULL, serve, &local);
    pthread_create(&knocker, NULL, count_knocks, &listener);
    find_host_address(host, sizeof host);
    snprintf(words, sizeof words,
             "console=ttyS0 panic=1 mitigations=off nokaslr "
             "loglevel=4 knock=%s:%u",
             host, port);
    spec.direct.kernel.path = argv[2];
    spec.direct.initramfs.path = argv[3];
    spec.direct.command_line = words;
    spec.disk.path = argv[5];
    spec.base_kind = BASE_QCOW2;
    spec.base.path = argv[6];
    spec.config_drive.path = argv[7];
    options.helper = argv[1];
    options.users = (struct machine_users){USERS_FIRST, USERS_FIRST + 1};
    if (hypervisor_open(&hypervisor, &options, &err) < 0) {
        printf("%s\n", err.msg);
        return 1;
    }
    /* The probe's kernel runs where machines do; whether it does with KVM depends. */
    NEED(hypervisor->driver->probe(hypervisor, &err) == 0);
    options.accelerator = ACCELERATOR_PROBE;
    NEED(hypervisor_open(&probing, &options, &err) == 0);
    printf("accelerator: %s\n", accelerator_name(hypervisor_accelerator(probing)));
    hypervisor_close(probing);
    no_life(&spec);
    long_life(&spec);
    short_lives(&spec);
    hypervisor_close(hypervisor);
    return 0;
}
