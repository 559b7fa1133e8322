/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An instance's own files: the overlay that is its disk, the drive with its settings. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/disk.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "instance/config_drive.h"
#include "rules/profile.h"
#include "service/folder.h"
#include "service/job/host_parts.h"
#include "service/job/instance.h"
#include "service/job/told.h"
#include "service/journal.h"

#define NEW ".new" /* made, and not in its place yet */

int work_progress(void *arg, const struct imgport_progress *p)
{
    struct job *j = arg;

    if (p->total)
        job_progress(j, (int64_t)p->done, (int64_t)p->total);
    return job_goes_on(j, NULL) < 0;
}

int work_library_failed(struct work *w, const struct imgport_error *e, struct err *err)
{
    enum err_code code = err_code_from_name(e->code);
    int r = job_goes_on(w->job, err);

    return r < 0 ? r
                 : FAIL(err, code == ERR_CODE_MAX || code == ERR_NONE ? ERR_IO : code,
                        "%s", e->message);
}

static int make_drive(struct work *w, const struct instance_settings *s, struct err *err)
{
    AUTO(closep) int fd = -1;
    char path[PATH_MAX];
    int r = host_path(path, w->host, w->i.id, HOST_DRIVE NEW, err);

    if (r < 0)
        return r;
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return FAIL_SYS(err, errno, "%s", path);
    r = config_drive_write(fd, s, err);
    if (r == 0 && fsync(fd) < 0)
        r = FAIL_SYS(err, errno, "%s", path);
    return r;
}

/* A file in the guest that carries its settings, where the rules want one. */
static int make_overlay(struct work *w, const struct instance_settings *s,
                        const char *base, struct err *err)
{
    const struct profile_service *rules = profile_service(w->job->service->profile);
    const char *file = s->windows ? rules->windows_settings : rules->linux_settings;
    struct mend_edit edit = {
        .op = MEND_WRITE,
        .system = s->windows ? MEND_WINDOWS : MEND_LINUX,
        .path = file,
        .mode = 0600,
    };
    struct mend_edits edits = {&edit, 1, false};
    struct disk_options o = {
        .backing = base,
        .backing_format = "qcow2",
        .size = (uint64_t)w->i.disk_gib << 30,
        .overwrite = true,
        .progress = work_progress,
        .progress_arg = w->job,
    };
    struct imgport_error error;
    struct disk_made made;
    char path[PATH_MAX];
    int r = host_path(path, w->host, w->i.id, HOST_DISK NEW, err);

    if (r == 0 && *file)
        r = settings_network_ini(&edit.content, w->job->arena, s, err);
    if (r < 0)
        return r;
    o.dest = path;
    if (*file && edit.content.n) {
        o.base = (struct imgport_source){.path = base, .format = "qcow2"};
        o.edits = &edits;
    }
    if (disk_make(&made, &o, &error) < 0)
        return work_library_failed(w, &error, err);
    if (o.edits && made.mended.outcome != MEND_DONE) {
        snprintf(w->note, sizeof w->note, _("%s was not written: %s"), file,
                 made.mended.why[0] ? made.mended.why
                                    : _("the disk has another kind of system"));
        text_cut(w->note);
    }
    return 0;
}

int work_make_disk(struct work *w, struct job_failure *why, struct err *err)
{
    struct instance_settings settings;
    char base[PATH_MAX], folder[PATH_MAX];
    struct err local = {0};
    int r = host_path(folder, w->host, w->i.id, NULL, err);

    if (r == 0 && mkdir(folder, 0700) < 0 && errno != EEXIST)
        r = FAIL_SYS(err, errno, "%s", folder);
    if (r == 0)
        r = told_settings(&settings, w->job->arena, w->job->service->config, &w->i, err);
    if (r < 0)
        return r;
    r = host_base(base, w->host, w->i.blob, work_goes_on, w->job, &local);
    if (r == -ERR_NOTFOUND)
        return job_fail(why, "InternalError", "bytes-missing", "%s",
                        _("the bytes of the image are not in the store"));
    if (r < 0) {
        *err = local;
        return r;
    }
    r = make_drive(w, &settings, err);
    return r == 0 ? make_overlay(w, &settings, base, err) : r;
}

/* 0 also when there is none. */
static int drop(struct work *w, const char *name, struct err *err)
{
    char path[PATH_MAX];
    int r = host_path(path, w->host, w->i.id, name, err);

    if (r == 0 && unlink(path) < 0 && errno != ENOENT)
        r = FAIL_SYS(err, errno, "%s", path);
    return r;
}

int work_drop_disk(struct work *w, struct err *err)
{
    int r = drop(w, HOST_DISK, err);

    return r == 0 ? drop(w, HOST_DRIVE, err) : r;
}

static int place(struct work *w, const char *from, const char *to, struct err *err)
{
    char old[PATH_MAX], new[PATH_MAX];
    int r = host_path(old, w->host, w->i.id, from, err);

    if (r == 0)
        r = host_path(new, w->host, w->i.id, to, err);
    if (r == 0 && rename(old, new) < 0)
        r = FAIL_SYS(err, errno, "%s", new);
    return r;
}

int work_place_disk(struct work *w, struct err *err)
{
    int r = place(w, HOST_DRIVE NEW, HOST_DRIVE, err);

    return r == 0 ? place(w, HOST_DISK NEW, HOST_DISK, err) : r;
}
