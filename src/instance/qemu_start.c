/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/scoped.h"
#include "base/text.h"
#include "instance/clock.h"
#include "instance/helper.h"
#include "instance/local_socket.h"
#include "instance/qemu_argv.h"
#include "instance/qemu_parts.h"
#include "instance/qemu_run.h"
#include "instance/qemu_user.h"

enum {
    START_MS = 60000, /* until QEMU listens: it may have to wait for a busy disk */
    HELPER_MS = 10000,
    HELPER_AGAIN_MS = 3000,
    FILES = 1024,
    BESIDE_MEMORY =
        4096, /* MiB of addresses that QEMU may use beside the guest's memory */
    ERROR_OUTPUT = 300,
};

int qemu_watch(struct qemu *q, int fd, struct err *err)
{
    struct epoll_event e = {.events = EPOLLIN};

    return epoll_ctl(q->epoll, EPOLL_CTL_ADD, fd, &e) < 0
               ? FAIL_SYS(err, errno, "machine: epoll")
               : 0;
}

/* The descriptors that QEMU gets: ours, and what they are called there. */
struct hand {
    struct process_plan *plan;
    int opened[PROCESS_FDS_MAX]; /* ours to close */
    unsigned n_opened;
};

static void hand_finip(struct hand *h)
{
    for (unsigned i = 0; i < h->n_opened; i++)
        close(h->opened[i]);
    h->n_opened = 0;
}

static int hand_over(struct hand *h, int fd, bool ours)
{
    if (ours)
        h->opened[h->n_opened++] = fd;
    h->plan->fds[h->plan->n_fds] = fd;
    return (int)(PROCESS_FDS_FIRST + h->plan->n_fds++);
}

static int hand_socket(int *ret, struct hand *h, int dir, const char *name,
                       struct err *err)
{
    int fd, r = local_listen(&fd, dir, name, err);

    if (r < 0)
        return r;
    *ret = hand_over(h, fd, true);
    return 0;
}

static int hand_file(int *ret, struct hand *h, const struct machine_file *f, int mode,
                     struct err *err)
{
    int fd;

    if (!machine_file_is_there(f))
        return 0;
    if (!f->path) {
        *ret = hand_over(h, f->fd, false);
        return 0;
    }
    fd = open(f->path, mode | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return FAIL_SYS(err, errno, "open %s", f->path);
    *ret = hand_over(h, fd, true);
    return 0;
}

static int hand_all(struct qemu_fds *ret, struct hand *h, const struct qemu *q,
                    struct err *err)
{
    const struct machine_spec *s = &q->spec;
    struct qemu_fds f = {-1, -1, -1, -1, -1, -1, -1, -1, -1};
    int r = hand_socket(&f.qmp, h, q->dir, QMP_NAME, err);

    if (r == 0)
        r = hand_socket(&f.serial, h, q->dir, HELPER_CONSOLE_NAME, err);
    if (r == 0)
        r = hand_socket(&f.agent, h, q->dir, AGENT_NAME, err);
    if (r == 0)
        r = hand_socket(&f.net, h, q->dir, HELPER_NET_NAME, err);
    if (r == 0)
        r = hand_file(&f.disk, h, &s->disk, O_RDWR, err);
    if (r == 0 && s->base_kind != BASE_NONE)
        r = hand_file(&f.base, h, &s->base, O_RDONLY, err);
    if (r == 0)
        r = hand_file(&f.config_drive, h, &s->config_drive, O_RDONLY, err);
    if (r == 0 && s->direct.command_line)
        r = hand_file(&f.kernel, h, &s->direct.kernel, O_RDONLY, err);
    if (r == 0 && s->direct.command_line)
        r = hand_file(&f.initramfs, h, &s->direct.initramfs, O_RDONLY, err);
    if (r == 0)
        *ret = f;
    return r;
}

/* What QEMU had to say, in place of what we guessed. */
static int told(struct qemu *q, int output, int r, struct err *err)
{
    char raw[ERROR_OUTPUT], clean[ERROR_OUTPUT];
    ssize_t n = 0;

    if (process_wait(&q->process, 1000))
        n = read(output, raw, sizeof raw);
    if (n <= 0)
        return r;
    text_clean(clean, sizeof clean,
               text_trim(bytes_of(raw, (size_t)n - (raw[n - 1] == '\n'))),
               sizeof clean - 1);
    err_clear(err);
    return FAIL(err, ERR_IO, "the machine did not start: %s", clean);
}

/* QEMU's sandbox does not let it have others later. */
static int pick_cpus(struct process_plan *plan, unsigned n, struct err *err)
{
    cpu_set_t ours;
    uint32_t chance;
    unsigned all, at;

    if (n == 0)
        return 0;
    if (sched_getaffinity(0, sizeof ours, &ours) < 0 ||
        getrandom(&chance, sizeof chance, 0) != sizeof chance)
        return FAIL_SYS(err, errno, "the host's processors");
    all = (unsigned)CPU_COUNT(&ours);
    if (n >= all)
        return 0;
    at = chance % CPU_SETSIZE;
    for (plan->bind = true; n; at = (at + 1) % CPU_SETSIZE)
        if (CPU_ISSET(at, &ours)) {
            CPU_SET(at, &plan->cpus);
            n--;
        }
    return 0;
}

static int spawn(struct qemu *q, int error_output, struct err *err)
{
    const struct hypervisor *h = q->machine.hypervisor;
    AUTO(arena_fini) struct arena words = {.max = MACHINE_WORDS};
    struct process_plan plan = {
        .path = h->program,
        .error_output = error_output,
        .files = FILES,
        .bound = q->spec.bound,
        .memory = ((uint64_t)q->spec.memory + BESIDE_MEMORY) << 20,
        .nice = q->spec.limits.nice,
    };
    AUTO(hand_finip) struct hand hand = {.plan = &plan};
    struct qemu_fds fds;
    struct machine_user user;
    int r = hand_all(&fds, &hand, q, err);

    if (r == 0)
        r = qemu_user(&user, h, q->dir, err);
    if (r == 0)
        r = pick_cpus(&plan, q->spec.limits.host_cpus, err);
    if (r == 0)
        r = qemu_argv(&plan.argv, &words, &q->spec, &fds, h->accelerator, h->program,
                      h->uefi, err);
    if (r < 0)
        return r;
    plan.drop = user.drop;
    plan.uid = user.uid;
    plan.gid = user.gid;
    plan.extra = user.extra;
    return process_spawn(&q->process, &plan, err);
}

int qemu_connect(struct qemu *q, unsigned limit_ms, struct err *err)
{
    int fd, r = local_connect(&fd, q->dir, QMP_NAME, err);

    if (r == 0)
        r = qmp_open(&q->qmp, fd, limit_ms, err);
    if (r == 0)
        r = qemu_watch(q, qmp_socket(q->qmp), err);
    if (r == 0)
        r = qemu_watch(q, qmp_notice(q->qmp), err);
    if (r == 0)
        r = qemu_watch(q, q->process.fd, err);
    return r;
}

static int note_run(struct qemu *q, struct err *err)
{
    struct qemu_run run = {
        .qemu = q->process, .helper = q->helper, .network = q->network};

    return qemu_run_write(&run, q->dir, err);
}

int qemu_start_helper(struct qemu *q, unsigned limit_ms, struct err *err)
{
    struct machine_user user;
    int r;

    process_finip(&q->helper);
    q->helper_again = clock_ms() + HELPER_AGAIN_MS;
    r = qemu_user(&user, q->machine.hypervisor, q->dir, err);
    if (r == 0)
        r = helper_start(&q->helper, q->machine.hypervisor, &user, q->dir, &q->network,
                         limit_ms, err);
    if (r == 0)
        r = qemu_watch(q, q->helper.fd, err);
    return r < 0 ? r : note_run(q, err);
}

void qemu_kill_all(struct qemu *q)
{
    process_kill(&q->process);
    process_kill(&q->helper);
    process_wait(&q->process, KILL_MS);
    process_wait(&q->helper, KILL_MS);
}

/* Sockets that nobody listens at, and the note. */
void qemu_tidy(int dir)
{
    static const char *const names[] = {QMP_NAME, AGENT_NAME, HELPER_CONSOLE_NAME,
                                        HELPER_NET_NAME, QEMU_RUN_FILE};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        unlinkat(dir, names[i], 0);
}

int qemu_bring_up(struct qemu *q, struct err *err)
{
    AUTO(closep) int output = -1, theirs = -1;
    int pair[2], r;

    if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
        return FAIL_SYS(err, errno, "pipe");
    output = pair[0];
    theirs = pair[1];
    r = spawn(q, theirs, err);
    closep(&theirs);
    if (r < 0)
        return r;
    r = note_run(q, err);
    if (r == 0)
        r = qemu_connect(q, START_MS, err);
    if (r < 0)
        return told(q, output, r, err);
    r = qemu_start_helper(q, HELPER_MS, err);
    return r < 0 ? r : qmp_run(q->qmp, "cont", NULL, NULL, COMMAND_MS, err);
}

/* 1: the machine of the note lives, and q holds it; the helper perhaps as well. */
int qemu_find_run(struct qemu *q, struct err *err)
{
    struct qemu_run run;
    int r = qemu_run_read(&run, q->dir, err);

    if (r <= 0)
        return r;
    r = process_find(&q->process, run.qemu.pid, run.qemu.started, err);
    if (r <= 0)
        return r;
    q->network = run.network;
    r = process_find(&q->helper, run.helper.pid, run.helper.started, err);
    return r < 0 ? r : 1;
}
