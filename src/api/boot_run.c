/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/boot_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "api/boot_folder.h"
#include "api/disk.h"
#include "api/place.h"
#include "api/stage.h"
#include "base/arena.h"
#include "base/checked.h"
#include "base/scoped.h"
#include "base/uuid.h"
#include "instance/config_drive.h"

enum {
    TICK_MS = 200,
    LOG_PIECE = 65536,
    SECTOR = 512,
    RANDOM_HALF = 8, /* letters of a half of the nonce */
    USER_DATA_MAX = 512,
    SERVER_PATIENCE = 5, /* seconds */
};

/* Bytes that a guest may write.  One that starts writes logs, and grows its filesystem.
 */
static const uint64_t writes_max = (uint64_t)2 << 30;
/* What it leaves of the filesystem for others: a hundredth, within these. */
static const uint64_t reserve_min = 4 << 20, reserve_max = 256 << 20;

/* Seconds that something has to stay as it is before it is believed. */
static const double stop_holds = 5; /* a stop */
/* That of a loader, whose prompt may have an end, or of an initramfs that still tries. */
static const double prompt_holds = 30;
static const double firmware_holds = 120;  /* silence of a boot record: it has no code */
static const double login_holds = 5;       /* a login, where nothing takes settings */
static const double login_holds_long = 90; /* silence, where cloud-init is at work */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the disk, served by a worker on a thread of its own */

struct server {
    const struct boot_plan *plan;
    json_t *request;
    int theirs; /* the worker's end */
    pthread_t thread;
    bool runs;
    atomic_bool unwanted, over;
    char trouble[ERR_MSG_MAX];
    struct err err;
};

static int is_wanted(void *arg, const struct imgport_progress *p)
{
    (void)p;
    return atomic_load(&((struct server *)arg)->unwanted);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    struct broker_result result = {.json = NULL};
    struct session_run run = {
        .request = s->request,
        .source = s->plan->source,
        .output = s->theirs,
        .direct = -1,
        .serves = true,
        .phase = "boot",
        .progress = is_wanted,
        .progress_arg = s,
    };

    if (session_run(&result, &run, &s->err) == 0) {
        const char *text = json_string_value(json_object_get(result.json, "trouble"));

        snprintf(s->trouble, sizeof s->trouble, "%s", text ? text : "");
    }
    json_decref(result.json);
    closep(&s->theirs);
    atomic_store(&s->over, true);
    return NULL;
}

static int server_begin(struct server *s, int *ours, struct err *err)
{
    int pair[2], r;

    s->request = json_pack("{s:s, s:s, s:b}", "job", "serve", "format",
                           s->plan->format ? s->plan->format : "", "siblings", 1);
    if (!s->request)
        return FAIL(err, ERR_NOMEM, "request");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return FAIL_SYS(err, errno, "socketpair");
    *ours = pair[0];
    s->theirs = pair[1];
    r = pthread_create(&s->thread, NULL, serve, s);
    if (r)
        return FAIL_SYS(err, r, "thread");
    s->runs = true;
    return 0;
}

/* The machine has let go of its disk: the worker ends by itself, and then tells what it
 * could not read.  One that hangs is canceled. */
static void server_end(struct server *s)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += SERVER_PATIENCE;
    if (s->runs && pthread_clockjoin_np(s->thread, NULL, CLOCK_MONOTONIC, &until) != 0) {
        atomic_store(&s->unwanted, true);
        pthread_join(s->thread, NULL);
    }
    s->runs = false;
    json_decref(TAKE(s->request));
    closep(&s->theirs);
}

/* ---- what the machine gets */

struct made {
    struct boot_folder folder;
    char nonce[2 * RANDOM_HALF + 1], hostname[32];
    char uuid[UUID_TEXT], incarnation[UUID_TEXT];
    uint8_t mac[6];
    int disk, drive;
};

static int draw(void *to, size_t n, struct err *err)
{
    return getrandom(to, n, 0) == (ssize_t)n ? 0 : FAIL_SYS(err, errno, "random");
}

static int draw_names(struct made *m, struct err *err)
{
    uint8_t raw[RANDOM_HALF];
    int r = draw(raw, sizeof raw, err);

    if (r == 0)
        r = uuid_make(m->uuid, err);
    if (r == 0)
        r = uuid_make(m->incarnation, err);
    if (r < 0)
        return r;
    snprintf(m->nonce, sizeof m->nonce, "%016" PRIx64, load_be64(raw));
    snprintf(m->hostname, sizeof m->hostname, "imgport-%.*s", RANDOM_HALF, m->nonce);
    memcpy(m->mac, "\x52\x54\x00", 3);
    memcpy(m->mac + 3, raw, 3);
    return 0;
}

/* The nonce is put together in the guest, so that whoever prints the settings does not
 * print it. */
static int write_drive(struct made *m, struct err *err)
{
    char user_data[USER_DATA_MAX], mac[18];
    struct instance_settings s = {
        .id = "ins-bootprob",
        .uuid = m->uuid,
        .incarnation = m->incarnation,
        .name = "boot",
        .hostname = m->hostname,
        .net = {.mac = mac,
                .ip = "10.0.2.15", /* what DHCP would say, without waiting for it */
                .mask = "255.255.255.0",
                .gateway = "10.0.2.2"},
        .region = "local",
        .zone = "local-1",
        .forced = true,
    };
    AUTO(closep) int fd = memfd_create("config-2", MFD_CLOEXEC);
    char path[64];
    int n, r;

    if (fd < 0)
        return FAIL_SYS(err, errno, "config drive");
    snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m->mac[0], m->mac[1],
             m->mac[2], m->mac[3], m->mac[4], m->mac[5]);
    n = snprintf(
        user_data, sizeof user_data,
        "#cloud-config\n"
        "bootcmd:\n"
        "  - printf '\\nimgport took its settings, %%s%%s\\n' %.*s %s >/dev/ttyS0\n",
        RANDOM_HALF, m->nonce, m->nonce + RANDOM_HALF);
    s.user_data = bytes_of(user_data, (size_t)n);
    r = config_drive_write(fd, &s, err);
    if (r < 0)
        return r;
    /* Again, and only for reading: QEMU wants it as it uses it. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    m->drive = open(path, O_RDONLY | O_CLOEXEC);
    return m->drive < 0 ? FAIL_SYS(err, errno, "config drive") : 0;
}

static int fail_as(const struct imgport_error *why, struct err *err)
{
    enum err_code code = err_code_from_name(why->code);

    return FAIL(err, code < ERR_CODE_MAX ? code : ERR_IO, "%s", why->message);
}

static int make_disk(struct made *m, const struct boot_plan *plan, struct err *err)
{
    struct disk_made made;
    struct imgport_error why = {.exit_status = 3};
    struct disk_options o = {
        .backing = "image",
        .backing_format = "raw",
        .size = (plan->disk_size + SECTOR - 1) / SECTOR * SECTOR,
        .dest = "overlay",
        .dest_is_open = true,
        .no_sync = true,
    };

    m->disk = stage_open(err);
    if (m->disk < 0)
        return m->disk;
    o.dest_fd = m->disk;
    return disk_make(&made, &o, &why) < 0 ? fail_as(&why, err) : 0;
}

static void made_fini(struct made *m)
{
    closep(&m->disk);
    closep(&m->drive);
    boot_folder_remove(&m->folder);
}

static int make(struct made *m, const struct boot_plan *plan, struct err *err)
{
    int r = draw_names(m, err);

    if (r == 0)
        r = boot_folder_make(&m->folder, stage_folder(), err);
    if (r == 0)
        r = make_disk(m, plan, err);
    if (r == 0 && !plan->command_line)
        r = write_drive(m, err);
    return r;
}

/* ---- watching */

struct watch {
    const struct boot_plan *plan;
    struct console *console;
    struct machine *machine;
    struct server *server;
    int folder, log, disk;
    uint64_t log_at;
    double started, heard, stopped; /* when it spoke last, and when it stopped; -1 */
    unsigned restarts;
    bool shut_down;        /* by the guest */
    bool gone, lost, full; /* full: perhaps, its disk failed */
};

/* What the log has more than before.  When it was cut at its front, all of it again. */
static void read_log(struct watch *w)
{
    AUTO(freep) char *piece = malloc(LOG_PIECE);
    ssize_t n;

    if (w->log < 0)
        w->log = openat(w->folder, "serial.log", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (w->log < 0 || !piece)
        return;
    if (lseek(w->log, 0, SEEK_END) < (off_t)w->log_at) {
        closep(&w->log);
        w->log_at = 0;
        return;
    }
    while ((n = pread(w->log, piece, LOG_PIECE, (off_t)w->log_at)) > 0) {
        w->log_at += (uint64_t)n;
        w->heard = now();
        console_take(w->console, bytes_of(piece, (size_t)n), w->heard - w->started);
    }
}

static void take_reset(struct watch *w)
{
    read_log(w);
    /* SeaBIOS that is entered a second time resets the machine once more. */
    if (w->restarts && w->console->stage == CONSOLE_SILENT)
        return;
    if (!boot_starts_anew(w->console, w->restarts)) {
        w->gone = true;
        return;
    }
    w->restarts++;
    w->heard = now();
    w->stopped = -1;
    console_restart(w->console, w->heard - w->started);
}

static int take_events(struct watch *w, struct err *err)
{
    struct machine_event e;
    int r;

    while ((r = machine_next_event(&e, w->machine, err)) > 0)
        if (e.kind == MACHINE_RESET) {
            take_reset(w);
        } else {
            w->full |= e.kind == MACHINE_DISK_ERROR;
            w->shut_down |= e.kind == MACHINE_SHUT_DOWN && e.by_guest;
            w->gone |= e.kind == MACHINE_GONE;
            w->lost |= e.kind == MACHINE_GONE && !w->shut_down;
        }
    return r;
}

static int fail_room(struct err *err)
{
    return FAIL(err, ERR_IO, "there is no room in %s for what the guest writes",
                stage_folder());
}

/* Nothing of this says anything about the image. */
static int check_writes(const struct watch *w, struct err *err)
{
    struct statvfs fs;
    struct stat st;
    uint64_t all;

    if (fstat(w->disk, &st) < 0)
        return FAIL_SYS(err, errno, "what the guest writes");
    if ((uint64_t)st.st_blocks * 512 > writes_max)
        return FAIL(err, ERR_LIMIT, "the guest wrote more than %" PRIu64 " MiB",
                    writes_max >> 20);
    /* Some network filesystems do not say. */
    if (fstatvfs(w->disk, &fs) < 0 || fs.f_blocks == 0)
        return 0;
    all = (uint64_t)fs.f_blocks * fs.f_frsize;
    return (uint64_t)fs.f_bavail * fs.f_frsize <
                   min_u64(max_u64(all / 100, reserve_min), reserve_max)
               ? fail_room(err)
               : 0;
}

/* It stands still, which says nothing about the image. */
static int check_room(struct watch *w, struct err *err)
{
    struct machine_status s;
    int r = w->full ? machine_query(&s, w->machine, err) : 0;

    if (r == 0 && w->full && s.state == MACHINE_FULL)
        return fail_room(err);
    w->full = false;
    return r;
}

static bool is_decided(struct watch *w, double at)
{
    const struct console *c = w->console;
    double quiet = at - w->heard;

    if (c->stop == CONSOLE_GOES_ON)
        w->stopped = -1;
    else if (w->stopped < 0)
        w->stopped = at;
    if (c->stop != CONSOLE_GOES_ON)
        return at - w->stopped >
               (c->stop == CONSOLE_LOADER_FAILED || c->stop == CONSOLE_NO_ROOT
                    ? prompt_holds
                    : stop_holds);
    if (w->plan->command_line)
        return c->stage >= CONSOLE_ROOT;
    if (c->has_settings)
        return (c->stage == CONSOLE_LOGIN && (c->has_nonce || !w->plan->cloud_init)) ||
               quiet > login_holds_long;
    /* Every loader speaks by the BIOS, whatever consoles it was told of. */
    if (c->stage == CONSOLE_FIRMWARE && !w->plan->uefi)
        return quiet > firmware_holds;
    if (c->stage < CONSOLE_LOGIN)
        return false;
    return quiet >
           (w->plan->cloud_init && !c->cloud_init_done ? login_holds_long : login_holds);
}

static int tell(const struct watch *w, struct err *err)
{
    struct imgport_progress p = {.phase = "boot",
                                 .step = console_stage_name(w->console->stage)};

    if (w->plan->progress && w->plan->progress(w->plan->progress_arg, &p) != 0)
        return FAIL(err, ERR_CANCELED, "canceled");
    return 0;
}

static int watch(enum boot_end *ret, struct watch *w, struct err *err)
{
    struct pollfd f = {.fd = machine_event_fd(w->machine), .events = POLLIN};

    for (;;) {
        int r = tell(w, err);

        if (r == 0)
            r = take_events(w, err);
        if (r == 0)
            r = check_room(w, err);
        if (r == 0)
            r = check_writes(w, err);
        if (r < 0)
            return r;
        read_log(w);
        if (w->gone)
            *ret = w->lost ? BOOT_LOST : BOOT_ENDED;
        else if (is_decided(w, now()))
            *ret = BOOT_DECIDED;
        else if (now() - w->started > w->plan->timeout)
            *ret = BOOT_TIMED_OUT;
        else if (atomic_load(&w->server->over) && w->server->err.code)
            return FAIL(err, w->server->err.code, "%s", w->server->err.msg);
        else {
            poll(&f, 1, TICK_MS);
            continue;
        }
        return 0;
    }
}

/* ---- together */

static int open_hypervisor(struct hypervisor **ret, const struct boot_plan *plan,
                           struct err *err)
{
    char helper[PATH_MAX];
    struct hypervisor_options o = {.helper = helper,
                                   .accelerator = plan->accelerator,
                                   .user = plan->user,
                                   .nobody = true};
    int r = place_net(helper, err);

    return r < 0 ? r : hypervisor_open(ret, &o, err);
}

static int start(struct machine **ret, struct hypervisor *h, const struct made *m,
                 const struct boot_plan *plan, int nbd, struct err *err)
{
    AUTO(machine_closep) struct machine *machine = NULL;
    struct machine_spec s = {
        /* Not the host name: a guest may take its own from here, as from DMI. */
        .id = "boot",
        .folder = m->folder.path,
        .uuid = m->uuid,
        .memory = plan->memory,
        .cpus = 1,
        .cpu = plan->cpu,
        .firmware = plan->uefi ? FIRMWARE_UEFI : FIRMWARE_BIOS,
        .disk = {.fd = m->disk},
        .base_kind = BASE_NBD,
        .base = {.fd = nbd},
        .disposable = true,
        .network = {.metadata = true},
        .once = plan->command_line != NULL,
        .bound = true,
    };
    int r;

    memcpy(s.mac, m->mac, sizeof s.mac);
    if (m->drive > 0)
        s.config_drive.fd = m->drive;
    if (plan->command_line) {
        s.direct.kernel.fd = plan->kernel;
        if (plan->initramfs > 0)
            s.direct.initramfs.fd = plan->initramfs;
        s.direct.command_line = plan->command_line;
    }
    r = machine_define(&machine, h, &s, err);
    if (r == 0)
        r = machine_start(machine, err);
    if (r < 0)
        return r;
    *ret = TAKE(machine);
    return 0;
}

/* Whatever became of it. */
static void end_machine(struct machine *m, struct watch *w)
{
    struct err err = {0};

    machine_stop(m, STOP_FORCE, &err);
    read_log(w); /* its last words */
    machine_destroy(m, &err);
}

static int run(struct boot_run *ret, const struct boot_plan *plan, struct server *server,
               struct made *m, struct err *err)
{
    AUTO(hypervisor_closep) struct hypervisor *h = NULL;
    AUTO(machine_closep) struct machine *machine = NULL;
    AUTO(closep) int nbd = -1;
    struct watch w = {.plan = plan,
                      .console = &ret->console,
                      .server = server,
                      .log = -1,
                      .stopped = -1};
    int r = open_hypervisor(&h, plan, err);

    if (r == 0)
        r = make(m, plan, err);
    if (r == 0)
        r = server_begin(server, &nbd, err);
    if (r < 0)
        return r;
    ret->accelerator = hypervisor_accelerator(h);
    console_init(&ret->console, m->nonce, m->hostname);
    w.started = w.heard = now();
    r = start(&machine, h, m, plan, nbd, err);
    closep(&nbd); /* the machine has it, or nobody */
    if (r < 0)
        return r;
    w.machine = machine;
    w.folder = m->folder.fd;
    w.disk = m->disk;
    r = watch(&ret->end, &w, err);
    end_machine(machine, &w);
    closep(&w.log);
    ret->seconds = now() - w.started;
    return r;
}

int boot_run(struct boot_run *ret, const struct boot_plan *plan, struct err *err)
{
    AUTO(made_fini) struct made m = {.folder = BOOT_FOLDER_NONE, .disk = -1, .drive = -1};
    AUTO(server_end) struct server server = {.plan = plan, .theirs = -1};
    int r;

    *ret = (struct boot_run){.end = BOOT_NOT_STARTED};
    r = run(ret, plan, &server, &m, err);
    server_end(&server);
    snprintf(ret->trouble, sizeof ret->trouble, "%s", server.trouble);
    return r;
}
