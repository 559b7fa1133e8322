/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/place.h"
#include "base/scoped.h"
#include "base/text.h"
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

json_t *session_text(const char *s)
{
    size_t n = strlen(s);
    /* The worst byte becomes four. */
    AUTO(freep) char *clean = malloc(4 * n + 1);

    if (!clean)
        return NULL;
    text_clean(clean, 4 * n + 1, bytes_of(s, n), 4 * n);
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
}

bool session_is_url(const char *path)
{
    const char *p = path;

    while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
        p++;
    return p > path && strncmp(p, "://", 3) == 0;
}

int session_source_open(struct session_source *ret, const struct imgport_source *source,
                        struct err *err)
{
    *ret = (struct session_source){-1, -1};
    if (strcmp(source->path, "-") == 0)
        return FAIL(err, ERR_UNSUPPORTED,
                    "standard input is not read yet: give the image as a file");
    if (session_is_url(source->path))
        return FAIL(err, ERR_UNSUPPORTED,
                    "URLs are not read yet: download the image and give it as a file");
    return broker_open_source(&ret->fd, &ret->folder, source->path, err);
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

    return run->progress(run->progress_arg, &out);
}

int session_run(struct broker_result *ret, const struct session_run *run, struct err *err)
{
    struct broker_job job = {
        .request = run->request,
        .source = run->source->fd,
        .folder = run->source->folder,
        .output = run->output,
        .progress = run->progress ? relay_progress : NULL,
        .progress_arg = (void *)(uintptr_t)run,
    };

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
