/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/place.h"
#include "api/stage.h"
#include "base/checked.h"
#include "base/scoped.h"
#include "base/text.h"
#include "block/image.h"
#include "config.h"

void json_unrefp(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

int session_fail(struct imgport_error *to, const struct err *err)
{
    if (to) {
        *to = (struct imgport_error){.exit_status = err_code_exit(err->code)};
        snprintf(to->code, sizeof to->code, "%s", err_code_name(err->code));
        snprintf(to->message, sizeof to->message, "%s", err->msg);
    }
    return -1;
}

int session_dump(char **ret, const json_t *j, struct err *err)
{
    char *text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;

    if (!text)
        return FAIL(err, ERR_NOMEM, "report");
    *ret = text;
    return 0;
}

int session_language_begin(struct session_language *ret, const char *name,
                           struct err *err)
{
    const char *language = i18n_language(name ? name : "en");
    char dir[PATH_MAX];
    int r = place_messages(dir, err);

    if (r < 0)
        return r;
    ret->catalog = strcmp(language, "en") == 0 ? NULL : i18n_load(dir, language);
    ret->before = i18n_use(ret->catalog);
    ret->begun = true;
    return 0;
}

void session_language_end(struct session_language *l)
{
    if (!l->begun)
        return;
    i18n_use(l->before);
    i18n_free(TAKE(l->catalog));
    l->begun = false;
}

json_t *session_text(const char *s)
{
    size_t n = strlen(s) + 1;
    /* The worst byte becomes four. */
    AUTO(freep) char *clean = malloc(4 * n);
    AUTO(freep) char *shown = malloc(n);

    if (!clean || !shown)
        return NULL;
    if (session_is_url(s))
        remote_shown(shown, n, s);
    else
        memcpy(shown, s, n);
    text_clean(clean, 4 * n, bytes_of(shown, strlen(shown)), 4 * n - 1);
    return json_string(clean);
}

static int read_file(struct buf *ret, const char *path, struct err *err)
{
    AUTO(fclosep) FILE *f = fopen(path, "re");
    size_t n;
    int r;

    if (!f)
        return FAIL_SYS(err, errno, "%s", path);
    do {
        r = buf_reserve(ret, 4096, err);
        if (r < 0)
            return r;
        n = fread(ret->p + ret->n, 1, 4096, f);
        ret->n += n;
    } while (n);
    if (ferror(f))
        return FAIL_SYS(err, errno, "%s", path);
    ret->p[ret->n] = '\0';
    return 0;
}

int session_profile_text(struct buf *ret, char path[PATH_MAX], const char *name,
                         struct err *err)
{
    char dir[PATH_MAX];
    struct err why = {0};
    int r;

    if (!name)
        name = IMGPORT_DEFAULT_PROFILE;
    if (strchr(name, '/')) {
        if ((size_t)snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
            return FAIL(err, ERR_ARG, "profile: path is too long");
        r = read_file(ret, path, &why);
        if (r < 0)
            return FAIL(err, ERR_ARG, "profile: %s", why.msg);
        return 0;
    }
    r = place_profiles(dir, err);
    if (r < 0)
        return r;
    if ((size_t)snprintf(path, PATH_MAX, "%s/%s.profile", dir, name) >= PATH_MAX)
        return FAIL(err, ERR_ARG, "profile: name is too long");
    r = read_file(ret, path, &why);
    if (r < 0 && why.sys == ENOENT)
        return FAIL(err, ERR_ARG,
                    "profile \"%s\" is not installed (see: imgport profile list)", name);
    if (r < 0)
        return FAIL(err, ERR_ARG, "profile: %s", why.msg);
    return 0;
}

int session_profile(const struct profile **ret, struct arena *a, const char *name,
                    struct err *err)
{
    AUTO(buf_fini) struct buf text = {.max = PROFILE_TEXT_MAX};
    char path[PATH_MAX];
    struct err why = {0};
    int r = session_profile_text(&text, path, name, err);

    if (r < 0)
        return r;
    r = profile_parse(ret, a, path, buf_bytes(&text), &why);
    if (r == -ERR_NOMEM)
        return FAIL(err, ERR_NOMEM, "%s", why.msg);
    if (r < 0)
        return FAIL(err, ERR_ARG, "profile: %s", why.msg);
    return 0;
}

void session_source_close(struct session_source *s)
{
    closep(&s->fd);
    closep(&s->folder);
    if (s->base > 0)
        closep(&s->base);
    remote_freep(&s->remote);
    pump_freep(&s->pump);
}

bool session_is_url(const char *path)
{
    const char *p = path;

    while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
        p++;
    return p > path && strncmp(p, "://", 3) == 0;
}

struct waiting {
    imgport_progress_fn *progress;
    void *arg;
};

static int still_wanted(void *arg, struct err *err)
{
    const struct waiting *w = arg;
    struct imgport_progress p = {.phase = "fetch", .step = ""};

    if (w->progress && w->progress(w->arg, &p) != 0)
        return FAIL(err, ERR_CANCELED, "canceled");
    return 0;
}

static int open_url(struct session_source *ret, const struct imgport_source *source,
                    bool may_pump, struct waiting *w, struct err *err)
{
    struct frame_patience patience = {still_wanted, w};
    struct remote_options options = {
        .url = source->path,
        .private_redirects = source->private_redirects,
        .whole = source->one_get,
        .patience = &patience,
    };
    int r;

    if (may_pump)
        return pump_open_url(&ret->pump, &ret->remote, &options, err);
    r = remote_open(&ret->remote, &options, err);
    if (r < 0 || remote_file(ret->remote) < 0)
        return r;
    ret->fd = fcntl(remote_file(ret->remote), F_DUPFD_CLOEXEC, 0);
    if (ret->fd < 0)
        return FAIL_SYS(err, errno, "download");
    remote_freep(&ret->remote);
    return 0;
}

/* Standard input, read once: a file is taken as it is, all else is pumped or kept in one.
 */
static int open_stdin(struct session_source *ret, bool may_pump, struct waiting *w,
                      struct err *err)
{
    struct frame_patience patience = {still_wanted, w};
    struct stat st;

    if (fstat(STDIN_FILENO, &st) < 0)
        return FAIL_SYS(err, errno, "standard input");
    if (isatty(STDIN_FILENO))
        return FAIL(err, ERR_ARG,
                    "standard input is a terminal: an image comes by a pipe");
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode) && may_pump)
        return pump_open_input(&ret->pump, STDIN_FILENO, err);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        ret->fd = stage_input(STDIN_FILENO, &patience, err);
        return ret->fd < 0 ? ret->fd : 0;
    }
    ret->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    return ret->fd < 0 ? FAIL_SYS(err, errno, "standard input") : 0;
}

const char *session_shown(char ret[SESSION_SHOWN_MAX], const char *path)
{
    if (session_is_url(path))
        remote_shown(ret, SESSION_SHOWN_MAX, path);
    else
        snprintf(ret, SESSION_SHOWN_MAX, "%s", path);
    return ret;
}

/* What a disk stands on is a file: whoever has a disk has its image. */
static int open_base(struct session_source *ret, const struct imgport_source *base,
                     struct err *err)
{
    AUTO(closep) int fd = -1, folder = -1;
    int r = 0;

    if (base->base)
        return FAIL(err, ERR_ARG, "a base that stands on another one is not read");
    if (!base->is_open && (strcmp(base->path, "-") == 0 || session_is_url(base->path)))
        return FAIL(err, ERR_ARG, "a base is a file");
    if (base->format && image_format_from_name(base->format) == IMAGE_FORMAT_MAX)
        return FAIL(err, ERR_ARG, "unknown format \"%s\"", base->format);
    if (!base->is_open)
        r = broker_open_source(&fd, &folder, base->path, err);
    if (r < 0)
        return r;
    ret->base = fcntl(base->is_open ? base->fd : fd, F_DUPFD_CLOEXEC, 3);
    ret->base_format = base->format ? base->format : "";
    return ret->base < 0 ? FAIL_SYS(err, errno, "descriptor") : 0;
}

int session_source_open(struct session_source *ret, const struct imgport_source *source,
                        bool may_pump, imgport_progress_fn *progress, void *progress_arg,
                        struct err *err)
{
    struct waiting w = {progress, progress_arg};

    *ret = (struct session_source)SESSION_SOURCE_NONE;
    if (source->base) {
        int r = 0;

        if (!source->is_open &&
            (strcmp(source->path, "-") == 0 || session_is_url(source->path)))
            return FAIL(err, ERR_ARG, "only a file can stand on another image");
        r = open_base(ret, source->base, err);
        if (r < 0) {
            err_prefix(err, "base");
            return r;
        }
    }
    if (source->is_open) {
        ret->fd = fcntl(source->fd, F_DUPFD_CLOEXEC, 0);
        return ret->fd < 0 ? FAIL_SYS(err, errno, "%s", source->path) : 0;
    }
    if (strcmp(source->path, "-") == 0)
        return open_stdin(ret, may_pump, &w, err);
    if (strncasecmp(source->path, "http://", 7) == 0 ||
        strncasecmp(source->path, "https://", 8) == 0)
        return open_url(ret, source, may_pump, &w, err);
    if (session_is_url(source->path))
        return FAIL(err, ERR_UNSUPPORTED, "of URLs only http:// and https:// are read");
    return broker_open_source(&ret->fd, &ret->folder, source->path, err);
}

int session_read_remote(void *arg, void *buf, size_t n, uint64_t off, size_t *got,
                        struct err *err)
{
    struct remote *r = arg;

    *got = (size_t)min_u64(n, remote_size(r) - off);
    return *got ? remote_read(r, buf, *got, off, NULL, err) : 0;
}

static bool is_starved(void *arg)
{
    return pump_state(arg).starved;
}

static bool is_served(void *arg)
{
    (void)arg;
    return true;
}

static int relay_progress(void *arg, const struct broker_progress *p)
{
    const struct session_run *run = arg;
    struct imgport_progress out = {
        /* A conversion becomes a verification within one worker. */
        .phase = strcmp(p->step, "verify") == 0 ? "verify" : run->phase,
        .step = p->step,
        .done = p->done,
        .total = p->total,
        .written = p->written,
    };

    /* Of what arrives the worker knows no total; the server may have said one. */
    if (run->source->pump && strcmp(p->step, "verify") != 0) {
        struct pump_state s = pump_state(run->source->pump);

        out.done = s.done;
        out.total = s.total;
    }
    return run->progress(run->progress_arg, &out);
}

int session_run(struct broker_result *ret, const struct session_run *run, struct err *err)
{
    struct broker_job job = {
        .request = run->request,
        .remote = run->source->remote,
        .source = run->source->pump ? pump_pipe(run->source->pump) : run->source->fd,
        .may_stage = run->output >= 0 && !run->serves,
        .is_starved = run->serves         ? is_served
                      : run->source->pump ? is_starved
                                          : NULL,
        .starved_arg = run->source->pump,
        .folder = run->source->folder,
        .output = run->output,
        .direct = run->direct,
        .base = run->source->base,
        .piece = run->piece,
        .piece_arg = run->piece_arg,
        .progress = run->progress ? relay_progress : NULL,
        .progress_arg = (void *)(uintptr_t)run,
    };

    if (run->source->remote &&
        json_object_set_new(run->request, "remote",
                            json_integer((json_int_t)remote_size(run->source->remote))) <
            0)
        return FAIL(err, ERR_NOMEM, "request");
    if (run->source->base > 0 &&
        json_object_set_new(run->request, "base", json_string(run->source->base_format)) <
            0)
        return FAIL(err, ERR_NOMEM, "request");
    if (run->source->pump && json_object_set_new(run->request, "stream", json_true()) < 0)
        return FAIL(err, ERR_NOMEM, "request");
    return broker_run(ret, &job, err);
}

const char *imgport_profile_default(void)
{
    return IMGPORT_DEFAULT_PROFILE;
}

const char *imgport_version(void)
{
    return IMGPORT_VERSION;
}

void imgport_free(void *p)
{
    free(p);
}
