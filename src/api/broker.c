/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "api/place.h"
#include "api/stage.h"
#include "base/frame.h"
#include "base/scoped.h"
#include "base/text.h"
#include "worker/wire.h"

enum {
    TICK_MS = 150,
    /* A worker that says nothing and ends nothing: blocked, since CPU has its own limit.
     */
    SILENCE_S = 900,
#ifdef IMGPORT_SANITIZED
    GRACE_MS = 10000, /* looking for leaks at its exit takes its time */
#else
    GRACE_MS = 1000,
#endif
};

static void actions_fini(posix_spawn_file_actions_t *a)
{
    posix_spawn_file_actions_destroy(a);
}

/* Only what helps to debug a worker; nothing else of ours is its business. */
static void pick_environment(char **to, size_t n)
{
    static const char *const names[] = {
        "IMGPORT_DEBUG=", "IMGPORT_NO_SANDBOX=", "ASAN_OPTIONS=",   "UBSAN_OPTIONS=",
        "LSAN_OPTIONS=",  "TSAN_OPTIONS=",       "LD_LIBRARY_PATH="};
    size_t k = 0;

    for (char **e = environ; *e && k + 1 < n; e++)
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
            if (strncmp(*e, names[i], strlen(names[i])) == 0 && k + 1 < n)
                to[k++] = *e;
    to[k] = NULL;
}

/* A worker's stderr is for whoever debugs it; its bytes must not reach a terminal else.
 */
static bool wants_stderr(void)
{
#ifdef IMGPORT_SANITIZED
    return true;
#else
    return getenv("IMGPORT_DEBUG") || getenv("IMGPORT_NO_SANDBOX");
#endif
}

/* Above the numbers that the worker's descriptors will get, so that no dup2() of one can
 * overwrite another. */
static int move_up(int fd, struct err *err)
{
    int up = fcntl(fd, F_DUPFD_CLOEXEC, WIRE_FDS_END);

    return up < 0 ? FAIL_SYS(err, errno, "descriptor") : up;
}

/* All that the worker starts with; -1 for what it does not get. */
struct worker_fds {
    int v[WIRE_FDS_END];
};

static void fds_close(struct worker_fds *fd)
{
    for (int i = 0; i < WIRE_FDS_END; i++)
        closep(&fd->v[i]);
}

static int collect_fds(struct worker_fds *ret, int sock, const struct broker_job *job,
                       struct err *err)
{
    AUTO(closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
    const int from[WIRE_FDS_END] = {
        [STDIN_FILENO] = null,
        [STDOUT_FILENO] = null,
        [STDERR_FILENO] = wants_stderr() ? -1 : null,
        [WIRE_SOCKET] = sock,
        [WIRE_SOURCE] = job->source >= 0 ? job->source : null,
        [WIRE_OUTPUT] = job->output,
        [WIRE_DIRECT] = job->direct,
        [WIRE_BASE] = job->base > 0 ? job->base : -1,
    };

    if (null < 0) /* here, since the child could only say that it did not start */
        return FAIL_SYS(err, errno, "open /dev/null");
    for (int i = 0; i < WIRE_FDS_END; i++) {
        if (from[i] < 0)
            continue;
        ret->v[i] = move_up(from[i], err);
        if (ret->v[i] < 0)
            return ret->v[i];
    }
    return 0;
}

/* What our host left open without CLOEXEC is not the worker's. */
static int place_fds(posix_spawn_file_actions_t *a, const struct worker_fds *fd)
{
    int r = 0;

    for (int i = 0; i < WIRE_FDS_END && r == 0; i++) {
        if (fd->v[i] >= 0)
            r = posix_spawn_file_actions_adddup2(a, fd->v[i], i);
        else if (i != STDERR_FILENO)
            r = posix_spawn_file_actions_addclose(a, i); /* it need not be open */
    }
    return r ? r : posix_spawn_file_actions_addclosefrom_np(a, WIRE_FDS_END);
}

static int spawn(pid_t *ret, int sock, const struct broker_job *job, struct err *err)
{
    AUTO(fds_close) struct worker_fds fd;
    AUTO(actions_fini) posix_spawn_file_actions_t a;
    char *argv[] = {(char *)(uintptr_t) "imgport-worker", NULL};
    char *env[8];
    char path[PATH_MAX];
    int r;

    memset(&fd, 0xff, sizeof fd); /* -1 each */
    posix_spawn_file_actions_init(&a);
    r = place_worker(path, err);
    if (r == 0)
        r = collect_fds(&fd, sock, job, err);
    if (r < 0)
        return r;
    pick_environment(env, ARRAY_SIZE(env));
    r = place_fds(&a, &fd);
    if (r == 0)
        r = posix_spawn(ret, path, &a, NULL, argv, env);
    if (r)
        return FAIL_SYS(err, r, "start %s", path);
    return 0;
}

/* One plain file beneath the source's folder; no link is followed, and no device opened,
 * not even for a look: opening a watchdog starts it, opening a tape rewinds it. */
static int open_sibling(int folder, struct bytes name, struct err *err)
{
    char path[WIRE_NAME_MAX + 1];
    AUTO(closep) int fd = -1;
    struct stat seen, st;
    int found;

    if (folder < 0 || name.n == 0 || name.n > WIRE_NAME_MAX ||
        memchr(name.p, '/', name.n) || memchr(name.p, '\0', name.n) ||
        text_is(name, ".") || text_is(name, ".."))
        return FAIL(err, ERR_ARG, "not the name of a file beside the source");
    memcpy(path, name.p, name.n);
    path[name.n] = '\0';
    /* Whatever is there instead of a plain file is not the extent: an answer about the
     * image, not a failure to look. */
    if (fstatat(folder, path, &seen, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? FAIL(err, ERR_NOTFOUND, "no such file beside the source")
                               : FAIL_SYS(err, errno, "look beside the source");
    if (S_ISLNK(seen.st_mode))
        return FAIL(err, ERR_NOTFOUND, "it is a link, and none is followed");
    if (!S_ISREG(seen.st_mode))
        return FAIL(err, ERR_NOTFOUND, "not a regular file");
    fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return FAIL_SYS(err, errno, "open beside the source");
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) /* exchanged meanwhile */
        return FAIL(err, ERR_NOTFOUND, "not a regular file");
    found = fd;
    fd = -1;
    return found;
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A question about the remote source that has no answer yet. */
struct reading {
    uint8_t *frame; /* the answer's payload: number, bytes; NULL: none is asked */
    struct remote_question question;
};

struct talk {
    const struct broker_job *job;
    struct broker_result *result;
    struct broker_progress progress;
    struct frame_patience patience;
    int64_t heard, told; /* ms: when the worker spoke, when we told the progress */
    bool ended;          /* the last frame came */
    bool staged;         /* a file was given for the stream */
    struct reading readings[WIRE_READS_MAX];
};

static int answer_no(const struct talk *t, int sock, uint32_t number,
                     const struct err *why, struct err *err)
{
    AUTO(json_decrefp)
    json_t *j =
        json_pack("{s:s, s:s}", "code", err_code_name(why->code), "message", why->msg);
    AUTO(freep) char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    AUTO(buf_fini) struct buf b = {.max = WIRE_ERROR_MAX};
    uint8_t head[WIRE_NUMBER];
    int r;

    if (!text)
        return FAIL(err, ERR_NOMEM, "answer");
    store_le32(head, number);
    r = buf_append(&b, head, sizeof head, err);
    if (r == 0)
        r = buf_puts(&b, text, err);
    return r < 0
               ? r
               : frame_send_patient(sock, WIRE_NO_FILE, b.p, b.n, -1, &t->patience, err);
}

static int take_read(struct talk *t, const struct buf *b, struct err *err)
{
    const uint8_t *p = (const uint8_t *)b->p;
    struct reading *free_one = NULL;
    uint32_t n;

    if (!t->job->remote || b->n != WIRE_READ_SIZE)
        return FAIL(err, ERR_CORRUPT, "the worker asks for what it was not given");
    n = load_le32(p + WIRE_NUMBER + 8);
    for (unsigned i = 0; i < WIRE_READS_MAX && !free_one; i++)
        if (!t->readings[i].frame)
            free_one = &t->readings[i];
    if (n == 0 || n > WIRE_DATA_MAX || !free_one)
        return FAIL(err, ERR_CORRUPT, "the worker asks for too much at once");
    free_one->frame = malloc(WIRE_NUMBER + n);
    if (!free_one->frame)
        return FAIL(err, ERR_NOMEM, "read");
    memcpy(free_one->frame, p, WIRE_NUMBER);
    free_one->question = (struct remote_question){
        .off = load_le64(p + WIRE_NUMBER),
        .n = n,
        .to = free_one->frame + WIRE_NUMBER,
    };
    remote_ask(t->job->remote, &free_one->question);
    return 0;
}

/* Sends what has come. */
static int answer_reads(struct talk *t, int sock, struct err *err)
{
    for (unsigned i = 0; i < WIRE_READS_MAX; i++) {
        struct reading *g = &t->readings[i];
        int r;

        if (!g->frame || !g->question.done)
            continue;
        if (g->question.why.code)
            r = answer_no(t, sock, load_le32(g->frame), &g->question.why, err);
        else
            r = frame_send_patient(sock, WIRE_DATA, g->frame, WIRE_NUMBER + g->question.n,
                                   -1, &t->patience, err);
        if (r < 0)
            return r;
        free(TAKE(g->frame));
        t->heard = now_ms(); /* it waited for us */
    }
    return 0;
}

static void drop_reads(struct talk *t)
{
    for (unsigned i = 0; i < WIRE_READS_MAX; i++) {
        if (!t->readings[i].frame)
            continue;
        remote_drop(t->job->remote, &t->readings[i].question);
        free(TAKE(t->readings[i].frame));
    }
}

static int answer_sibling(const struct talk *t, int sock, struct bytes question,
                          struct err *err)
{
    AUTO(closep) int fd = -1;
    struct err why = {0};

    if (question.n < WIRE_NUMBER)
        return FAIL(err, ERR_CORRUPT, "the worker asks without a number");
    fd = open_sibling(t->job->folder,
                      bytes_of(question.p + WIRE_NUMBER, question.n - WIRE_NUMBER), &why);
    if (fd >= 0)
        return frame_send_patient(sock, WIRE_FILE, question.p, WIRE_NUMBER, fd,
                                  &t->patience, err);
    fd = -1;
    return answer_no(t, sock, load_le32(question.p), &why, err);
}

static int answer_stage(struct talk *t, int sock, struct bytes question, struct err *err)
{
    AUTO(buf_fini) struct buf answer = {.max = WIRE_ERROR_MAX};
    AUTO(closep) int fd = -1;
    struct err why = {0};
    int r;

    if (!t->job->may_stage || t->staged || question.n != WIRE_NUMBER)
        return FAIL(err, ERR_CORRUPT, "the worker asks for what it was not given");
    t->staged = true;
    fd = stage_open(&why);
    if (fd < 0) {
        fd = -1;
        return answer_no(t, sock, load_le32(question.p), &why, err);
    }
    r = buf_append(&answer, question.p, question.n, err);
    if (r == 0)
        r = buf_puts(&answer, stage_folder(), err);
    return r < 0 ? r
                 : frame_send_patient(sock, WIRE_FILE, answer.p, answer.n, fd,
                                      &t->patience, err);
}

static int take_error(const json_t *j, struct err *err)
{
    const char *code = "", *message = "";
    char clean[ERR_MSG_MAX];
    enum err_code c;
    int sys = 0;

    json_unpack((json_t *)(uintptr_t)j, "{s?s, s?i, s?s}", "code", &code, "sys", &sys,
                "message", &message);
    c = err_code_from_name(code);
    if (c == ERR_NONE || c >= ERR_CODE_MAX)
        c = ERR_IO;
    text_clean(clean, sizeof clean, bytes_of(message, strlen(message)), sizeof clean - 1);
    FAIL(err, c, "%s", clean);
    err->sys = sys;
    return -(int)c;
}

/* "[[],[],..." takes the parser fifty times its length: values are counted before it sees
 * them.  A comma or an opening bracket outside of strings stands before each but the
 * first. */
static bool has_too_many_values(struct bytes json)
{
    bool in_string = false;
    size_t n = 0;

    for (size_t i = 0; i < json.n; i++) {
        uint8_t c = json.p[i];

        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string)
            n += c == ',' || c == '[' || c == '{';
    }
    return n > WIRE_VALUES_MAX;
}

int broker_parse(json_t **ret, const struct buf *b, struct err *err)
{
    if (has_too_many_values(buf_bytes(b)))
        return FAIL(err, ERR_LIMIT, "a report of more than %d values", WIRE_VALUES_MAX);
    *ret = json_loadb(buf_str(b), b->n, 0, NULL);
    return *ret ? 0 : FAIL(err, ERR_CORRUPT, "the worker's message is not JSON");
}

static int still_wanted(void *arg, struct err *err);

/* 0: go on (or ended); negative: the worker speaks nonsense, or said its error. */
static int take_frame(struct talk *t, int sock, uint8_t type, const struct buf *b,
                      struct err *err)
{
    int r;

    switch (type) {
    case WIRE_STEP:
        text_clean(t->result->step, sizeof t->result->step, buf_bytes(b),
                   sizeof t->result->step - 1);
        return 0;
    case WIRE_PROGRESS:
        if (b->n != WIRE_PROGRESS_SIZE)
            break;
        /* How much it will be is told also when all is done before the next tick. */
        if (load_le64((const uint8_t *)b->p + 8) != t->progress.total)
            t->told = 0;
        t->progress.done = load_le64((const uint8_t *)b->p);
        t->progress.total = load_le64((const uint8_t *)b->p + 8);
        t->progress.written = load_le64((const uint8_t *)b->p + 16);
        return still_wanted(t, err);
    case WIRE_SIBLING:
        return answer_sibling(t, sock, buf_bytes(b), err);
    case WIRE_READ:
        return take_read(t, b, err);
    case WIRE_LAYOUT:
    case WIRE_LIST:
    case WIRE_RUNS:
        if (!t->job->piece)
            break;
        r = t->job->piece(t->job->piece_arg, type, b, err);
        t->heard = now_ms(); /* whoever took it may have taken his time, in a pager */
        return r;
    case WIRE_STAGE:
        return answer_stage(t, sock, buf_bytes(b), err);
    case WIRE_FACTS:
    case WIRE_RESULT:
    case WIRE_ERROR:
        r = broker_parse(&t->result->json, b, err);
        if (r < 0)
            return r;
        t->ended = true;
        return type == WIRE_ERROR ? take_error(t->result->json, err) : 0;
    }
    return FAIL(err, ERR_CORRUPT, "the worker's message '%c' makes no sense",
                type >= 'A' && type <= 'Z' ? type : '?');
}

/* Told by the frame layer several times a second, also in the middle of a message: a
 * worker that was taken over may send half of one and wait. */
static int still_wanted(void *arg, struct err *err)
{
    struct talk *t = arg;
    int64_t now = now_ms();

    if (t->job->progress && now - t->told >= TICK_MS) {
        t->told = now;
        t->progress.step = t->result->step;
        if (t->job->progress(t->job->progress_arg, &t->progress) != 0)
            return FAIL(err, ERR_CANCELED, "canceled");
    }
    if (t->job->is_starved && t->job->is_starved(t->job->starved_arg))
        t->heard = now;
    if (now - t->heard > SILENCE_S * 1000)
        return FAIL(err, ERR_LIMIT, "the worker said nothing for %d seconds in step %s",
                    SILENCE_S, t->result->step);
    return 0;
}

/* Brings what the worker asked for, until it says something. */
static int serve_reads(struct talk *t, int sock, struct err *err)
{
    struct pollfd said = {.fd = sock, .events = POLLIN};

    for (bool driven = false;; driven = true) {
        int r = answer_reads(t, sock, err);

        if (r == 0)
            r = still_wanted(t, err);
        if (r < 0 || (driven && poll(&said, 1, 0) != 0))
            return r;
        r = remote_drive(t->job->remote, sock, TICK_MS, err);
        if (r < 0)
            return r;
    }
}

/* Until the last frame or the end of the socket. */
static int talk_to(struct talk *t, int sock, struct err *err)
{
    AUTO(buf_fini) struct buf b = {.max = WIRE_REPORT_MAX};

    while (!t->ended) {
        uint8_t type = 0;
        int r = t->job->remote ? serve_reads(t, sock, err) : 0;

        if (r < 0)
            return r;
        r = frame_recv_patient(sock, &type, &b, NULL, &t->patience, err);
        if (r == 0)
            return 0;
        t->heard = now_ms();
        if (r > 0)
            r = take_frame(t, sock, type, &b, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int say_how_it_died(struct broker_result *ret, int status, struct err *err)
{
    const char *step = ret->step[0] ? ret->step : "start";

    ret->end = BROKER_DEAD;
    if (status >= 0 && WIFSIGNALED(status)) {
        int sig = WTERMSIG(status);

        if (sig == SIGSYS)
            return FAIL(err, ERR_LIMIT,
                        "the worker was stopped for a forbidden system call in step: %s",
                        step);
        if (sig == SIGXCPU || sig == SIGKILL)
            return FAIL(
                err, ERR_LIMIT,
                "the worker was stopped at its limit of CPU seconds, or killed, in "
                "step: %s",
                step);
        return FAIL(err, ERR_LIMIT, "the worker died of signal %s in step: %s",
                    sigabbrev_np(sig) ? sigabbrev_np(sig) : "?", step);
    }
    if (status >= 0 && WIFEXITED(status))
        return FAIL(err, ERR_LIMIT, "the worker left with status %d in step: %s",
                    WEXITSTATUS(status), step);
    return FAIL(err, ERR_LIMIT, "the worker went away in step: %s", step);
}

/* A worker that said its last word has nothing left to do but to exit: it may take its
 * time (sanitizers look for leaks), not ours. */
static int end_worker(pid_t pid, int sock, bool kill_it)
{
    static const struct timespec nap = {.tv_nsec = 1000000};
    struct pollfd gone = {.fd = sock, .events = POLLRDHUP};
    int64_t until = now_ms() + GRACE_MS;
    int status;
    pid_t got;

    if (!kill_it) {
        poll(&gone, 1, GRACE_MS);
        while ((got = waitpid(pid, &status, WNOHANG)) == 0 && now_ms() < until)
            nanosleep(&nap, NULL);
        if (got != 0) /* < 0: the host ignores SIGCHLD, or reaped it itself */
            return got == pid ? status : -1;
    }
    kill(pid, SIGKILL);
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    return got == pid ? status : -1;
}

int broker_run(struct broker_result *ret, const struct broker_job *job, struct err *err)
{
    AUTO(freep)
    char *request = json_dumps((const json_t *)job->request, JSON_COMPACT);
    AUTO(closep) int mine = -1, theirs = -1;
    struct talk t = {.job = job, .result = ret, .heard = now_ms()};
    int pair[2], r, status;
    pid_t pid;

    *ret = (struct broker_result){.end = BROKER_ERROR};
    if (!request)
        return FAIL(err, ERR_NOMEM, "request");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return FAIL_SYS(err, errno, "socketpair");
    mine = pair[0];
    theirs = pair[1];
    r = spawn(&pid, theirs, job, err);
    if (r < 0)
        return r;
    closep(&theirs);
    t.patience = (struct frame_patience){still_wanted, &t};
    /* A worker that cannot even start closes its end: its exit status tells more. */
    frame_send(mine, WIRE_REQUEST, request, strlen(request), -1, NULL);
    r = talk_to(&t, mine, err);
    drop_reads(&t);
    status = end_worker(pid, mine, r < 0 && !t.ended);
    if (r == 0 && t.ended) {
        ret->end = BROKER_REPORT;
        return 0;
    }
    json_decref(ret->json);
    ret->json = NULL;
    return r < 0 ? r : say_how_it_died(ret, status, err);
}

/* The folder a path lies in, as a descriptor. */
static int open_folder(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    AUTO(freep)
    char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd;

    if (!dir)
        return FAIL(err, ERR_NOMEM, "path");
    fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? FAIL_SYS(err, errno, "open folder %s", dir) : fd;
}

static int is_source(const struct stat *st, struct err *err)
{
    if (S_ISDIR(st->st_mode))
        return FAIL(err, ERR_IO, "is a folder, not an image");
    if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))
        return FAIL(err, ERR_IO, "neither a regular file nor a block device");
    return 0;
}

int broker_open_source(int *ret_fd, int *ret_folder, const char *path, struct err *err)
{
    AUTO(closep) int fd = -1;
    struct stat st;
    int r, folder = -1;

    /* Before it is opened: opening some devices does something. */
    if (stat(path, &st) < 0)
        return FAIL_SYS(err, errno, "open");
    r = is_source(&st, err);
    if (r < 0)
        return r;
    /* O_NONBLOCK: a FIFO that was put there meanwhile must not keep us waiting. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return FAIL_SYS(err, errno, "open");
    if (fstat(fd, &st) < 0)
        return FAIL_SYS(err, errno, "stat");
    r = is_source(&st, err);
    if (r < 0)
        return r;
    /* What lies beside a device are devices. */
    if (S_ISREG(st.st_mode))
        folder = open_folder(path, err);
    if (S_ISREG(st.st_mode) && folder < 0)
        return folder;
    *ret_fd = fd;
    *ret_folder = folder;
    fd = -1;
    return 0;
}
