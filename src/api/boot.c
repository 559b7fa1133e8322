/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot.c: imgport_boot(): a check that also starts what it looked at */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/boot_run.h"
#include "api/look.h"
#include "api/report.h"
#include "api/stage.h"
#include "base/scoped.h"
#include "block/image.h"
#include "guest/facts_json.h"

enum { TIMEOUT = 600, TIMEOUT_MAX = 86400, MEMORY = 512, COMMAND_LINE_MAX = 2047 };

struct boot {
    const struct imgport_boot_options *options;
    struct arena arena;
    struct session_source source;
    const struct profile *profile;
    struct facts facts;
    struct report report;
    int kernel, initramfs; /* of a quick start */
    struct boot_run run;
    struct fact_problem *error; /* why it was not started; NULL */
};

static void boot_fini(struct boot *b)
{
    session_source_close(&b->source);
    closep(&b->kernel);
    closep(&b->initramfs);
    arena_fini(&b->arena);
}

/* ---- looking */

/* QEMU opens it once more, and may be another user; nobody else can, without a name. */
static int open_piece(struct err *err)
{
    AUTO(closep) int fd = stage_open(err);
    int made = fd;

    if (fd >= 0 && fchmod(fd, 0644) < 0)
        return FAIL_SYS(err, errno, "a temporary file");
    fd = -1;
    return made;
}

static int look(struct boot *b, struct err *err)
{
    const struct imgport_boot_options *o = b->options;
    struct look l = {
        .source = &o->source,
        .files = o->quick,
        .size_limit = profile_qcow2_size_max(b->profile),
        .progress = o->progress,
        .progress_arg = o->progress_arg,
    };
    struct rules_request request = {
        .force = o->force,
        .os_type = "",
        .os_version = "",
        .arch = "",
        .license = "",
        .now = (uint64_t)time(NULL),
    };
    int r;

    if (o->quick) {
        b->kernel = open_piece(err);
        b->initramfs = b->kernel < 0 ? b->kernel : open_piece(err);
        if (b->initramfs < 0)
            return b->initramfs;
        l.kernel = b->kernel;
        l.initramfs = b->initramfs;
    }
    r = look_run(&b->facts, &b->source, &b->arena, &l, err);
    return r < 0
               ? r
               : rules_judge(&b->report, &b->arena, &b->facts, b->profile, &request, err);
}

static bool is_opened(const struct boot *b)
{
    return (b->source.fd >= 0 || b->source.remote) && b->facts.image.virtual_size &&
           strcmp(b->facts.image.fault, image_fault_name(IMAGE_FAULT_NONE)) == 0;
}

static bool is_os(const struct boot *b, const char *type)
{
    return b->facts.os && strcmp(b->facts.os->type, type) == 0;
}

static bool has_firmware(const struct boot *b, const char *name)
{
    for (size_t i = 0; i < b->facts.firmware.n; i++)
        if (strcmp(b->facts.firmware.v[i], name) == 0)
            return true;
    return false;
}

static bool is_uefi(const struct boot *b)
{
    return !b->options->quick && has_firmware(b, "uefi") && !has_firmware(b, "bios");
}

static bool has_cloud_init(const struct boot *b)
{
    const struct fact_cloud_init *ci = b->facts.cloud_init;

    return ci && ci->installed && ci->enabled;
}

/* ---- starting */

static int cannot(struct err *err, const char *why)
{
    return FAIL(err, ERR_UNSUPPORTED, "%s", why);
}

/* What nobody here can start, or follow. */
static int can_start(const struct boot *b, struct err *err)
{
    const char *arch = b->facts.os ? b->facts.os->arch : "";

    if (is_os(b, "windows"))
        return cannot(err, "Windows says nothing on a serial console that could be "
                           "followed");
    if (*arch && strcmp(arch, "x86_64") != 0 && strcmp(arch, "i386") != 0)
        return FAIL(err, ERR_UNSUPPORTED,
                    "the system is for %s, and only machines of x86_64 are started",
                    arch);
    return 0;
}

static const char *start_problem(const struct boot *b)
{
    for (size_t i = 0; i < b->facts.problems.n; i++)
        if (strcmp(b->facts.problems.v[i].layer, "start") == 0)
            return b->facts.problems.v[i].message;
    return "";
}

static int plan_quick(struct boot_plan *p, struct boot *b, struct err *err)
{
    const struct fact_boot *boot = b->facts.boot;
    const char *problem = start_problem(b);

    if (!boot || !*boot->kernel || lseek(b->kernel, 0, SEEK_END) <= 0)
        return FAIL(err, ERR_UNSUPPORTED,
                    "there is no kernel to start by itself%s%s; try without --quick",
                    *problem ? ": " : "", problem);
    p->kernel = b->kernel;
    p->initramfs = lseek(b->initramfs, 0, SEEK_END) > 0 ? b->initramfs : -1;
    if (boot->initramfs_files.n && p->initramfs < 0)
        return FAIL(err, ERR_UNSUPPORTED, "the initramfs could not be read: %s", problem);
    /* The last console is the one that init writes to; panic ends a machine that starts
     * nothing anew, and so does dracut, which would wait for minutes before it asks.  The
     * timer of an emulated machine works, whatever a kernel sees of it on a busy host. */
    p->command_line = arena_printf(&b->arena,
                                   "%s console=ttyS0,115200 ignore_loglevel "
                                   "no_timer_check panic=3 rd.retry=60 rd.shell=0 "
                                   "rd.emergency=reboot",
                                   boot->cmdline);
    if (!p->command_line)
        return arena_check(&b->arena, err);
    if (strlen(p->command_line) > COMMAND_LINE_MAX)
        return FAIL(err, ERR_LIMIT, "kernel command line: more than %d bytes",
                    COMMAND_LINE_MAX);
    return 0;
}

static int start(struct boot *b, struct err *err)
{
    const struct imgport_boot_options *o = b->options;
    bool is_rpm = b->facts.os && strcmp(b->facts.os->packages, "rpm") == 0;
    struct boot_plan p = {
        .source = &b->source,
        .format = o->source.format,
        .disk_size = b->facts.image.virtual_size,
        .uefi = is_uefi(b),
        /* Enterprise Linux 9 and its like need more than the plainest x86-64; 57-bit
         * addresses cost emulation a tenth and nobody needs them. */
        .cpu = is_rpm ? "max,la57=off" : NULL,
        .memory = o->memory ? o->memory : MEMORY,
        .user = o->user,
        .timeout = o->timeout ? o->timeout : TIMEOUT,
        .cloud_init = has_cloud_init(b),
        .kernel = -1,
        .initramfs = -1,
        .progress = o->progress,
        .progress_arg = o->progress_arg,
    };
    int r = can_start(b, err);

    if (o->accelerator)
        accelerator_from_name(&p.accelerator, o->accelerator);
    if (r == 0 && o->quick)
        r = plan_quick(&p, b, err);
    return r < 0 ? r : boot_run(&b->run, &p, err);
}

static int set_error(struct boot *b, enum err_code code, const char *msg, struct err *err)
{
    b->error = arena_alloc(&b->arena, sizeof *b->error);
    if (!b->error)
        return arena_check(&b->arena, err);
    *b->error = (struct fact_problem){
        .layer = "boot",
        .code = err_code_name(code),
        .subject = "",
        .message = arena_text(&b->arena, bytes_of(msg, strlen(msg)), ERR_MSG_MAX),
    };
    return 0;
}

/* A start that could not be tried is told in the report, as a check does with what it
 * could not look at; only usage, cancellation and memory end the call. */
static int try_start(struct boot *b, struct err *err)
{
    struct err why = {0};
    int r = start(b, &why);

    if (r == 0)
        return 0;
    if (r == -ERR_CANCELED || r == -ERR_NOMEM || r == -ERR_ARG) {
        *err = why;
        return r;
    }
    b->run.end = BOOT_NOT_STARTED;
    return set_error(b, why.code, why.msg, err);
}

/* ---- the report */

static json_int_t in_ms(double seconds)
{
    return (json_int_t)(seconds * 1000);
}

static json_t *lines_to_json(const struct console_line *v, size_t begin, size_t n,
                             size_t ring)
{
    json_t *a = json_array();

    for (size_t i = begin; a && i < n; i++) {
        const struct console_line *l = &v[i % ring];

        if (json_array_append_new(
                a, json_pack("{s:I, s:s}", "ms", in_ms(l->at), "line", l->text)) < 0) {
            json_decref(a);
            return NULL;
        }
    }
    return a;
}

/* What the check has to say of the stop; where it has nothing, the check that should
 * have. */
static json_t *finding_to_json(const struct boot *b, const struct boot_verdict *v)
{
    const struct finding *f = boot_finding(v, &b->report);
    struct finding missed;
    json_t *j;

    if (!f && v->ids[0] && v->verdict == VERDICT_REFUSED)
        for (unsigned i = 0; check_at(i) && !f; i++) {
            const struct check_row *row = check_at(i);
            const char *remedy = check_remedy(row->id);

            if (strcmp(row->id, v->ids[0]) != 0)
                continue;
            missed =
                (struct finding){row->id, LEVEL_ERROR,           row->code,
                                 "",      i18n_text(row->title), remedy ? remedy : ""};
            f = &missed;
        }
    if (!f)
        return json_null();
    j = report_finding_to_json(f);
    if (j && json_object_set_new(j, "by_check", json_boolean(f != &missed)) < 0) {
        json_decref(j);
        return NULL;
    }
    return j;
}

static json_t *agreement(int agrees)
{
    return agrees < 0 ? json_null() : json_boolean(agrees);
}

static json_t *check_to_json(const struct boot *b, const struct boot_verdict *v,
                             const struct boot_seen *seen)
{
    const char *code = answer_code_name(b->report.code);

    return json_pack("{s:s, s:o, s:o}", "verdict", verdict_name(b->report.verdict),
                     "code", code ? json_string(code) : json_null(), "agrees",
                     agreement(boot_agrees(v, seen, &b->report)));
}

static json_t *boot_to_json(const struct boot *b, const struct boot_verdict *v,
                            const struct boot_seen *seen)
{
    const struct imgport_boot_options *o = b->options;
    const struct console *c = &b->run.console;
    size_t tail = c->tail_n > CONSOLE_TAIL_MAX ? c->tail_n - CONSOLE_TAIL_MAX : 0;
    bool started = b->run.end != BOOT_NOT_STARTED;

    return json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:s?, s:s, s:s?, s:s?, s:I, s:o, s:o, s:o, s:o, s:o}",
        "imgport", imgport_version(), "profile", profile_name(b->profile), "source",
        session_text(o->source.path), "verdict", verdict_name(v->verdict), "reached",
        v->reached, "stopped", *v->stopped ? v->stopped : NULL, "mode",
        o->quick ? "quick" : "full", "firmware",
        !started || o->quick ? NULL
        : is_uefi(b)         ? "uefi"
                             : "bios",
        "accelerator", started ? accelerator_name(b->run.accelerator) : NULL, "ms",
        in_ms(b->run.seconds), "evidence",
        lines_to_json(c->evidence, 0, c->evidence_n, CONSOLE_EVIDENCE_MAX), "last_lines",
        lines_to_json(c->tail, tail, c->tail_n, CONSOLE_TAIL_MAX), "finding",
        finding_to_json(b, v), "check", check_to_json(b, v, seen), "error",
        report_error_to_json(b->error));
}

/* What was not even opened, or is no disk, is as the check says. */
static void judge_unstarted(struct boot *b, struct boot_verdict *v)
{
    if (b->error || is_opened(b))
        return;
    v->verdict =
        b->report.verdict == VERDICT_ACCEPTED ? VERDICT_UNDECIDED : b->report.verdict;
    b->error = (struct fact_problem *)(uintptr_t)b->report.error;
}

static const char *const *any_ids(struct boot *b)
{
    const char **ids = arena_alloc(&b->arena, 2 * sizeof *ids);

    if (ids && b->report.findings.n && b->report.findings.v[0].level == LEVEL_ERROR)
        ids[0] = b->report.findings.v[0].id;
    return ids;
}

static int report(json_t **ret, enum verdict *verdict, struct boot *b, struct err *err)
{
    enum system_type type = is_os(b, "windows") ? SYSTEM_WINDOWS : SYSTEM_LINUX;
    struct boot_seen seen = {
        .console = &b->run.console,
        .end = b->run.end,
        .quick = b->options->quick,
        .settings_needed = !b->options->force && profile_needs_agent(b->profile, type),
        .trouble = b->run.trouble[0],
        .emulated = b->run.accelerator == ACCELERATOR_EMULATED,
    };
    struct boot_verdict v = boot_judge(&seen);
    int r = 0;

    boot_weigh(&v, &seen, &b->report);

    if (v.verdict == VERDICT_UNDECIDED && !b->error && seen.end == BOOT_LOST)
        r = set_error(b, ERR_IO, "what ran the machine was killed, or crashed", err);
    else if (seen.trouble && v.verdict == VERDICT_UNDECIDED && !b->error)
        r = set_error(b, ERR_IO, b->run.trouble, err);
    if (r < 0)
        return r;
    judge_unstarted(b, &v);
    if (v.verdict == VERDICT_REFUSED && seen.end == BOOT_NOT_STARTED)
        v.ids = any_ids(b);
    if (!v.ids)
        return arena_check(&b->arena, err);
    *ret = boot_to_json(b, &v, &seen);
    *verdict = v.verdict;
    return *ret ? 0 : FAIL(err, ERR_NOMEM, "report");
}

static int check_options(const struct imgport_boot_options *o, struct err *err)
{
    enum accelerator a;

    if (o->accelerator && !accelerator_from_name(&a, o->accelerator))
        return FAIL(err, ERR_ARG, "unknown accelerator \"%s\"; known are tcg, kvm, probe",
                    o->accelerator);
    if (o->timeout > TIMEOUT_MAX)
        return FAIL(err, ERR_ARG, "a time limit of more than a day");
    if (o->memory && (o->memory < MACHINE_MEMORY_MIN || o->memory > MACHINE_MEMORY_MAX))
        return FAIL(err, ERR_ARG, "memory is from %d to %d MiB", MACHINE_MEMORY_MIN,
                    MACHINE_MEMORY_MAX);
    return 0;
}

static int boot(json_t **ret, enum verdict *verdict, struct boot *b, struct err *err)
{
    AUTO(session_language_end) struct session_language language = {.catalog = NULL};
    int r = check_options(b->options, err);

    if (r == 0)
        r = session_profile(&b->profile, &b->arena, b->options->profile, err);
    if (r == 0)
        r = session_language_begin(&language, b->options->language, err);
    if (r == 0)
        r = look(b, err);
    if (r == 0 && is_opened(b))
        r = try_start(b, err);
    return r < 0 ? r : report(ret, verdict, b, err);
}

int imgport_boot(char **ret, enum imgport_verdict *verdict,
                 const struct imgport_boot_options *options, struct imgport_error *error)
{
    static const enum imgport_verdict verdicts[] = {
        [VERDICT_ACCEPTED] = IMGPORT_ACCEPTED,
        [VERDICT_REFUSED] = IMGPORT_REFUSED,
        [VERDICT_UNDECIDED] = IMGPORT_UNDECIDED,
    };
    AUTO(boot_fini)
    struct boot b = {
        .options = options,
        .arena = {.max = FACTS_ARENA_MAX},
        .source = SESSION_SOURCE_NONE,
        .kernel = -1,
        .initramfs = -1,
    };
    AUTO(json_unrefp) json_t *j = NULL;
    enum verdict v = VERDICT_UNDECIDED;
    struct err err = {0};
    int r = boot(&j, &v, &b, &err);

    if (r == 0)
        r = session_dump(ret, j, &err);
    if (r < 0)
        return session_fail(error, &err);
    *verdict = verdicts[v];
    return 0;
}
