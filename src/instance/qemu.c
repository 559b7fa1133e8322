/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu.c: machines by QEMU, one process each
 *
 * The folder is locked (flock) while something is started, adopted or ended in it, so
 * that two daemons cannot both do so. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scoped.h"
#include "instance/clock.h"
#include "instance/helper.h"
#include "instance/local_socket.h"
#include "instance/qemu_argv.h"
#include "instance/qemu_parts.h"
#include "instance/qemu_probe.h"
#include "instance/qemu_run.h"

enum {
    LOCK_MS = 5000,
    LOCK_TICK_MS = 50,
    GREETING_MS = 5000,
    QUIT_MS = 5000, /* QEMU writes what it holds of the disk */
    HELPER_END_MS = 1000,
    OVER_MS = 10000, /* between the end of its socket and its own */
};

static struct qemu *qemu_of(struct machine *m)
{
    return CONTAINER_OF(m, struct qemu, machine);
}

static void unlockp(pthread_mutex_t **m)
{
    pthread_mutex_unlock(*m);
}

#define LOCKED(q)                                        \
    AUTO(unlockp) pthread_mutex_t *locked_ = &(q)->lock; \
    pthread_mutex_lock(locked_)

static void drop_qmp(struct qemu *q)
{
    qmp_closep(&q->qmp); /* closing takes its descriptors out of the epoll as well */
}

/* The helper ends by itself when QEMU does; who started it buries it. */
static void forget_run(struct qemu *q)
{
    drop_qmp(q);
    if (q->process.pid && process_is_over(&q->process) &&
        !process_wait(&q->helper, HELPER_END_MS)) {
        process_kill(&q->helper);
        process_wait(&q->helper, HELPER_END_MS);
    }
    process_finip(&q->process);
    process_finip(&q->helper);
    q->over_since = 0;
}

static void qemu_close(struct machine *m)
{
    struct qemu *q = qemu_of(m);

    forget_run(q);
    closep(&q->dir);
    closep(&q->epoll);
    arena_fini(&q->words);
    free(q->folder);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static void qemu_closep(struct qemu **q)
{
    if (*q)
        qemu_close(&(*q)->machine);
    *q = NULL;
}

/* ERR_NOTFOUND: there is no such folder. */
static int open_folder(int *ret, const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? FAIL(err, ERR_NOTFOUND, "there is no folder %s", path)
                               : FAIL_SYS(err, errno, "open folder %s", path);
    *ret = fd;
    return 0;
}

/* Another descriptor of its own: closing that is what unlocks.  Whoever looks at the
 * machine holds it for a moment; who starts it, for longer. */
static int lock_folder_for(int *ret, int dir, int wait_ms, struct err *err)
{
    AUTO(closep) int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int64_t until = clock_ms() + wait_ms;

    if (fd < 0)
        return FAIL_SYS(err, errno, "open the machine's folder");
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return FAIL_SYS(err, errno, "lock the machine's folder");
        if (clock_ms() >= until)
            return FAIL(err, ERR_CONFLICT, "somebody else is at work on the machine");
        poll(NULL, 0, LOCK_TICK_MS);
    }
    *ret = fd;
    fd = -1;
    return 0;
}

static int lock_folder(int *ret, int dir, struct err *err)
{
    return lock_folder_for(ret, dir, LOCK_MS, err);
}

static int make(struct qemu **ret, struct hypervisor *h, const char *folder,
                struct err *err)
{
    AUTO(qemu_closep) struct qemu *q = calloc(1, sizeof *q);
    int r;

    if (!q)
        return FAIL(err, ERR_NOMEM, "machine");
    q->machine.hypervisor = h;
    q->dir = q->epoll = -1;
    q->process = q->helper = PROCESS_NONE;
    q->words.max = MACHINE_WORDS;
    pthread_mutex_init(&q->lock, NULL);
    q->folder = strdup(folder);
    if (!q->folder)
        return FAIL(err, ERR_NOMEM, "machine");
    q->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (q->epoll < 0)
        return FAIL_SYS(err, errno, "machine: epoll");
    r = open_folder(&q->dir, folder, err);
    if (r < 0)
        return r;
    *ret = TAKE(q);
    return 0;
}

static const char *copy(struct arena *a, const char *s)
{
    return s ? arena_str(a, s) : NULL;
}

static struct machine_file copy_file(struct arena *a, struct machine_file f)
{
    return (struct machine_file){copy(a, f.path), f.fd};
}

static int qemu_define(struct machine **ret, struct hypervisor *h,
                       const struct machine_spec *spec, struct err *err)
{
    AUTO(qemu_closep) struct qemu *q = NULL;
    struct machine_spec *s;
    int r = qemu_spec_check(spec, err);

    if (r < 0)
        return r;
    if (mkdir(spec->folder, 0700) < 0 && errno != EEXIST)
        return FAIL_SYS(err, errno, "create folder %s", spec->folder);
    r = make(&q, h, spec->folder, err);
    if (r < 0)
        return r;
    q->spec = *spec;
    s = &q->spec;
    s->id = copy(&q->words, s->id);
    s->folder = q->folder;
    s->uuid = copy(&q->words, s->uuid);
    s->cpu = copy(&q->words, s->cpu);
    s->manufacturer = copy(&q->words, s->manufacturer);
    s->product = copy(&q->words, s->product);
    s->disk = copy_file(&q->words, s->disk);
    s->base = copy_file(&q->words, s->base);
    s->config_drive = copy_file(&q->words, s->config_drive);
    s->direct.kernel = copy_file(&q->words, s->direct.kernel);
    s->direct.initramfs = copy_file(&q->words, s->direct.initramfs);
    s->direct.command_line = copy(&q->words, s->direct.command_line);
    r = arena_check(&q->words, err);
    if (r < 0)
        return r;
    q->network = s->network;
    q->defined = true;
    *ret = &TAKE(q)->machine;
    return 0;
}

static int qemu_start(struct machine *m, struct err *err)
{
    struct qemu *q = qemu_of(m);
    AUTO(closep) int lock = -1;
    LOCKED(q);
    int r;

    if (!q->defined)
        return FAIL(err, ERR_ARG, "an adopted machine is defined before it is started");
    if (q->process.pid && !process_is_over(&q->process))
        return FAIL(err, ERR_CONFLICT, "the machine runs already");
    r = lock_folder(&lock, q->dir, err);
    if (r < 0)
        return r;
    forget_run(q);
    r = qemu_find_run(q, err);
    if (r > 0)
        r = FAIL(err, ERR_CONFLICT, "a machine runs in %s already", q->folder);
    if (r < 0) {
        forget_run(q);
        return r;
    }
    q->network = q->spec.network;
    if (renameat(q->dir, HELPER_LOG_NAME, q->dir, HELPER_LOG_OLD) < 0 && errno != ENOENT)
        return FAIL_SYS(err, errno, "keep the old %s", HELPER_LOG_NAME);
    r = qemu_bring_up(q, err);
    if (r < 0) {
        qemu_kill_all(q);
        forget_run(q);
        qemu_tidy(q->dir);
        return r;
    }
    q->gone_is_due = true;
    return 0;
}

static const char *status_word(const json_t *answer)
{
    const char *s = json_string_value(json_object_get(answer, "status"));

    return s ? s : "";
}

static enum machine_state state_of(const char *status, const char **word)
{
    static const struct {
        const char *word;
        enum machine_state state;
    } rows[] = {
        {"running", MACHINE_RUNNING},       {"paused", MACHINE_PAUSED},
        {"prelaunch", MACHINE_PAUSED},      {"shutdown", MACHINE_RUNNING},
        {"io-error", MACHINE_FULL},         {"internal-error", MACHINE_BROKEN},
        {"guest-panicked", MACHINE_BROKEN}, {"watchdog", MACHINE_BROKEN},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].word, status) == 0) {
            *word = rows[i].word;
            return rows[i].state;
        }
    }
    *word = "unknown";
    return MACHINE_BROKEN;
}

/* Somebody began to start it and died: nobody was told that it runs. */
static int is_half_started(bool *ret, struct qemu *q, struct err *err)
{
    AUTO(json_decrefp) json_t *answer = NULL;
    int r = qmp_run(q->qmp, "query-status", NULL, &answer, COMMAND_MS, err);

    if (r == 0)
        *ret = strcmp(status_word(answer), "prelaunch") == 0;
    return r;
}

/* A QEMU without a note: who started it died before it was written. */
static void end_nameless(struct qemu *q)
{
    int fd;

    if (local_connect(&fd, q->dir, QMP_NAME, NULL) < 0 ||
        qmp_open(&q->qmp, fd, GREETING_MS, NULL) < 0)
        return;
    qmp_run(q->qmp, "quit", NULL, NULL, COMMAND_MS, NULL);
    drop_qmp(q);
}

/* A daemon that is another user than the one before (the distribution's own, then root
 * for `users`) has folder and sockets; what that one started to use them has not, and the
 * guest no metadata.  Another helper comes with the first look for events.  One that may
 * not be ended stays. */
static void replace_helper(struct qemu *q)
{
    if (process_is_over(&q->helper) || process_is_ours(&q->helper))
        return;
    process_kill(&q->helper);
    process_wait(&q->helper, HELPER_END_MS);
}

static int qemu_adopt(struct machine **ret, struct hypervisor *h, const char *folder,
                      struct err *err)
{
    AUTO(qemu_closep) struct qemu *q = NULL;
    AUTO(closep) int lock = -1;
    struct err why = {0};
    bool half = false;
    int r = make(&q, h, folder, &why);

    if (r == -ERR_NOTFOUND)
        return 0;
    if (r < 0)
        return FAIL(err, why.code, "%s", why.msg);
    r = lock_folder(&lock, q->dir, err);
    if (r == 0)
        r = qemu_find_run(q, err);
    if (r < 0)
        return r;
    if (r == 0) {
        end_nameless(q);
        qemu_tidy(q->dir);
        return 0;
    }
    r = qemu_connect(q, GREETING_MS, &why);
    if (r == 0)
        r = is_half_started(&half, q, &why);
    if (half || process_is_over(&q->process)) {
        qemu_kill_all(q);
        qemu_tidy(q->dir);
        return 0;
    }
    if (r < 0)
        return FAIL(err, ERR_CONFLICT, "the machine in %s runs, but: %s", folder,
                    why.msg);
    replace_helper(q);
    if (q->helper.pid)
        r = qemu_watch(q, q->helper.fd, err);
    if (r < 0)
        return r;
    q->gone_is_due = true;
    *ret = &TAKE(q)->machine;
    return 1;
}

static int qemu_end(struct hypervisor *h, const char *folder, struct err *err)
{
    AUTO(qemu_closep) struct qemu *q = NULL;
    AUTO(closep) int lock = -1;
    struct err why = {0};
    int r = make(&q, h, folder, &why);

    if (r == -ERR_NOTFOUND)
        return 0;
    if (r < 0)
        return FAIL(err, why.code, "%s", why.msg);
    r = lock_folder(&lock, q->dir, err);
    if (r == 0)
        r = qemu_find_run(q, err);
    if (r < 0)
        return r;
    if (r == 0)
        end_nameless(q);
    qemu_kill_all(q);
    if (!process_is_over(&q->process))
        return FAIL(err, ERR_IO, "the machine's process %d does not end", q->process.pid);
    qemu_tidy(q->dir);
    return 0;
}

static int qemu_query(struct machine_status *ret, struct machine *m, struct err *err)
{
    struct qemu *q = qemu_of(m);
    AUTO(json_decrefp) json_t *answer = NULL;
    struct machine_status s = {.word = "off"};
    LOCKED(q);
    int r;

    (void)err;
    if (process_is_over(&q->process)) {
        *ret = s;
        return 0;
    }
    s.pid = q->process.pid;
    s.network_up = !process_is_over(&q->helper);
    if (!q->qmp) {
        s.state = MACHINE_BROKEN;
        s.word = "silent";
        *ret = s;
        return 0;
    }
    /* Who does not answer is there all the same: its end is noticed by its events. */
    r = qmp_run(q->qmp, "query-status", NULL, &answer, COMMAND_MS, NULL);
    s.state = r < 0 ? MACHINE_BROKEN : state_of(status_word(answer), &s.word);
    if (r < 0)
        s.word = "silent";
    *ret = s;
    return 0;
}

/* Under the lock. */
static int run(struct qemu *q, const char *name, struct err *err)
{
    if (!q->qmp || process_is_over(&q->process))
        return FAIL(err, ERR_CONFLICT, "the machine does not run");
    return qmp_run(q->qmp, name, NULL, NULL, COMMAND_MS, err);
}

static int force(struct qemu *q, struct err *err)
{
    LOCKED(q);
    bool over = process_is_over(&q->process);

    if (!over && q->qmp && qmp_run(q->qmp, "quit", NULL, NULL, COMMAND_MS, NULL) == 0)
        over = process_wait(&q->process, QUIT_MS);
    if (!over) {
        process_kill(&q->process);
        over = process_wait(&q->process, KILL_MS);
    }
    if (!over)
        return FAIL(err, ERR_IO, "the machine's process %d does not end", q->process.pid);
    return 0;
}

static int ask(struct qemu *q, struct err *err)
{
    LOCKED(q);

    return process_is_over(&q->process) ? 0 : run(q, "system_powerdown", err);
}

static int qemu_stop(struct machine *m, enum machine_stop how, struct err *err)
{
    return how == STOP_FORCE ? force(qemu_of(m), err) : ask(qemu_of(m), err);
}

static int qemu_reset(struct machine *m, struct err *err)
{
    struct qemu *q = qemu_of(m);
    LOCKED(q);

    return run(q, "system_reset", err);
}

static int qemu_pause(struct machine *m, bool paused, struct err *err)
{
    struct qemu *q = qemu_of(m);
    LOCKED(q);

    return run(q, paused ? "stop" : "cont", err);
}

static int qemu_event_fd(const struct machine *m)
{
    return CONTAINER_OF(m, const struct qemu, machine)->epoll;
}

static void translate(struct machine_event *ret, const struct qmp_event *e)
{
    static const char reset[] = "reset";
    size_t n = strlen(e->reason);

    *ret = (struct machine_event){.by_guest = e->guest};
    if (strcmp(e->name, "SHUTDOWN") == 0) {
        ret->kind = MACHINE_SHUT_DOWN;
        /* guest-reset, host-qmp-system-reset */
        ret->by_reset = n >= 5 && strcmp(e->reason + n - 5, reset) == 0;
    } else if (strcmp(e->name, "RESET") == 0) {
        ret->kind = MACHINE_RESET;
    } else {
        ret->kind = MACHINE_DISK_ERROR;
    }
}

/* Is the folder still that of this machine, and nobody else at work on it?  Whoever asks
 * holds a machine that another may have ended, and started anew. */
static bool lock_own_folder(int *ret, struct qemu *q)
{
    struct qemu_run run;

    return lock_folder_for(ret, q->dir, 0, NULL) == 0 &&
           qemu_run_read(&run, q->dir, NULL) == 1 && run.qemu.pid == q->process.pid &&
           run.qemu.started == q->process.started;
}

static void keep_helper(struct qemu *q)
{
    AUTO(closep) int lock = -1;

    if (!process_is_over(&q->helper) || process_is_over(&q->process) ||
        !lock_own_folder(&lock, q))
        return;
    process_finip(&q->helper); /* nobody need be told of its end again */
    if (clock_ms() < q->helper_again)
        return;
    /* What fails now is tried again; meanwhile the guest has no network. */
    qemu_start_helper(q, 0, NULL);
}

static int qemu_next_event(struct machine_event *ret, struct machine *m, struct err *err)
{
    struct qemu *q = qemu_of(m);
    LOCKED(q);
    struct qmp_event e;

    (void)err;
    if (!q->gone_is_due)
        return 0;
    keep_helper(q);
    if (q->qmp) {
        int r = qmp_next_event(&e, q->qmp, NULL);

        if (r > 0) {
            translate(ret, &e);
            return 1;
        }
        if (r < 0) {
            drop_qmp(q);
            q->over_since = clock_ms();
        }
    }
    if (process_is_over(&q->process)) {
        AUTO(closep) int lock = -1;
        bool is_ours = lock_own_folder(&lock, q);

        forget_run(q);
        if (is_ours)
            qemu_tidy(q->dir);
        q->gone_is_due = false;
        *ret = (struct machine_event){.kind = MACHINE_GONE};
        return 1;
    }
    if (!q->qmp && clock_ms() - q->over_since > OVER_MS)
        process_kill(&q->process);
    return 0;
}

static int qemu_agent(int *ret, struct machine *m, struct err *err)
{
    struct qemu *q = qemu_of(m);
    LOCKED(q);

    if (process_is_over(&q->process))
        return FAIL(err, ERR_CONFLICT, "the machine does not run");
    return local_connect(ret, q->dir, AGENT_NAME, err);
}

static int qemu_destroy(struct machine *m, struct err *err)
{
    struct qemu *q = qemu_of(m);
    int r = force(q, err);

    if (r < 0)
        return r;
    LOCKED(q);
    qemu_kill_all(q);
    forget_run(q);
    qemu_tidy(q->dir);
    q->gone_is_due = false;
    return 0;
}

const struct hypervisor_driver qemu_driver = {
    .name = "qemu",
    .program = "/usr/bin/qemu-system-x86_64",
    .uefi = "/usr/share/ovmf/OVMF.fd",
    .probe = qemu_probe,
    .define = qemu_define,
    .start = qemu_start,
    .adopt = qemu_adopt,
    .end = qemu_end,
    .query = qemu_query,
    .stop = qemu_stop,
    .reset = qemu_reset,
    .pause = qemu_pause,
    .event_fd = qemu_event_fd,
    .next_event = qemu_next_event,
    .agent = qemu_agent,
    .destroy = qemu_destroy,
    .close = qemu_close,
};
