/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/output.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cli/progress.h"
#include "cli/release.h"

enum { APP_ID_DIGITS = 8 }; /* at least; "-1" and "-2026" end names of people's own */

struct object_client storage_client(const struct cloud *c, const char *bucket)
{
    return (struct object_client){
        .endpoint = c->client.endpoint,
        .secret_id = c->client.secret_id,
        .secret_key = c->client.secret_key,
        .ca_file = c->client.ca_file,
        .bucket = bucket,
        .region = c->client.region,
    };
}

int storage_fail(const char *what, const struct err *err)
{
    AUTO(buf_fini) struct buf text = {0};
    struct imgport_error e = {.exit_status = err->code == ERR_NOTFOUND
                                                 ? EXIT_REFUSED
                                                 : err_code_exit(err->code)};

    /* The words of the kernel and of curl are English; others know the language. */
    if (err->code == ERR_IO || err->code == ERR_NOMEM)
        snprintf(e.code, sizeof e.code, "%s", err_code_name(err->code));
    /* The error stays whole; the name of a file has what room there is besides. */
    if (what)
        (void)buf_printf(
            &text, NULL, "%s: ",
            text_short(what, sizeof e.message - sizeof ": " - strlen(err->msg)).s);
    (void)buf_puts(&text, err->msg, NULL);
    snprintf(e.message, sizeof e.message, "%s", buf_str(&text));
    return cmd_fail(&e);
}

/* ---- names */

/* Of the operator's list, the account that asks. */
static int ask_app_id(struct cloud *c)
{
    AUTO(json_releasep) json_t *answer = NULL;
    const char *own, *app = NULL;
    const json_t *row;
    size_t i;
    struct err err = {0};
    int r = cloud_call(&answer, c, CLOUD_OWN, "DescribeAccounts", NULL);

    if (r != EXIT_OK)
        return r;
    own = json_string_value(json_object_get(answer, "AccountId"));
    json_array_foreach(json_object_get(answer, "AccountSet"), i, row)
    {
        const char *id = json_string_value(json_object_get(row, "AccountId"));

        if (own && id && strcmp(own, id) == 0)
            app = json_string_value(json_object_get(row, "AppId"));
    }
    if (!app || !*app || strlen(app) >= sizeof c->app_id)
        FAIL(&err, ERR_UNSUPPORTED, "%s",
             _("the service does not say whose bucket it would be"));
    else
        snprintf(c->app_id, sizeof c->app_id, "%s", app);
    return err.code ? storage_fail(NULL, &err) : EXIT_OK;
}

int storage_app_id(struct buf *to, struct cloud *c)
{
    struct err err = {0};
    int r = *c->app_id ? EXIT_OK : ask_app_id(c);

    if (r != EXIT_OK)
        return r;
    return buf_puts(to, c->app_id, &err) < 0 ? storage_fail(NULL, &err) : EXIT_OK;
}

static bool is_whole(const char *name)
{
    const char *dash = strrchr(name, '-');
    size_t n = dash ? strspn(dash + 1, "0123456789") : 0;

    return n >= APP_ID_DIGITS && dash[1 + n] == '\0';
}

int storage_bucket(struct buf *to, struct cloud *c, const char *name)
{
    struct err err = {0};
    int r = buf_puts(to, name, &err);

    if (r == 0 && !is_whole(name)) {
        /* Before it is asked for: nothing can make a name of this. */
        if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name))
            r = FAIL(&err, ERR_ARG, _("\"%.100s\" is no name of a bucket"),
                     text_short(name, 100).s);
        else
            r = buf_puts(to, "-", &err);
        if (r == 0 && (r = storage_app_id(to, c)) != EXIT_OK)
            return r;
    }
    if (r == 0 && !object_client_is_bucket(buf_str(to)))
        r = FAIL(&err, ERR_ARG, _("\"%.100s\" is no name of a bucket"),
                 text_short(buf_str(to), 100).s);
    return r < 0 ? storage_fail(NULL, &err) : EXIT_OK;
}

const char *storage_name(const char *key)
{
    const char *slash = strrchr(key, '/');
    const char *name = slash ? slash + 1 : key;

    return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 ? name : NULL;
}

/* ---- files */

int storage_open(int *fd, uint64_t *size, const char *file, struct err *err)
{
    struct stat st;

    *fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return FAIL_SYS(err, errno, "open");
    if (fstat(*fd, &st) < 0)
        return FAIL_SYS(err, errno, "look at it");
    if (!S_ISREG(st.st_mode))
        return FAIL(err, ERR_UNSUPPORTED, "%s", _("only a regular file is uploaded"));
    *size = (uint64_t)st.st_size;
    return 0;
}

static int open_output(struct output *out, const char *file, bool overwrite)
{
    struct stat st;
    struct err err = {0};
    bool is_there = lstat(file, &st) == 0;
    int r;

    if (is_there && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        r = FAIL(&err, ERR_ARG, "%s", _("exists and is not a regular file"));
    else if (is_there && !overwrite)
        r = FAIL(&err, ERR_ARG, "%s", _("exists; --overwrite replaces it"));
    else
        r = output_open(out, file, overwrite, -1, &err);
    return r < 0 ? storage_fail(file, &err) : EXIT_OK;
}

int storage_may_write(const char *file, bool overwrite)
{
    struct output out = {.fd = -1, .direct = -1, .folder = -1};
    int r = open_output(&out, file, overwrite);

    output_close(&out);
    return r;
}

struct fetch {
    struct output out;
    int fd;
    uint64_t written;
    struct progress progress;
};

static void fetch_fini(struct fetch *f)
{
    output_close(&f->out);
}

static int take(void *arg, struct bytes piece, struct err *err)
{
    struct fetch *f = arg;

    while (piece.n > 0) {
        ssize_t n = write(f->fd, piece.p, piece.n);

        if (n < 0 && errno == EINTR) {
            if (progress_signal())
                return FAIL(err, ERR_CANCELED, "the transfer was ended");
            continue;
        }
        if (n < 0)
            return FAIL_SYS(err, errno, "write");
        piece = bytes_sub(piece, (size_t)n, piece.n - (size_t)n);
        f->written += (uint64_t)n;
    }
    if (f->out.folder >= 0)
        output_written(&f->out, f->written);
    return 0;
}

static int goes_on(void *arg, uint64_t done, uint64_t total)
{
    return progress_tell(arg,
                         &(struct imgport_progress){
                             .phase = "fetch", .step = "", .done = done, .total = total});
}

int storage_fetch(uint64_t *size, bool *checked, const struct cloud *c,
                  const char *bucket, const char *key, const char *file, bool overwrite)
{
    AUTO(fetch_fini)
    struct fetch f = {.fd = STDOUT_FILENO, .out = {.fd = -1, .direct = -1, .folder = -1}};
    struct object_client client = storage_client(c, bucket);
    bool is_file = strcmp(file, "-") != 0;
    struct err err = {0};
    int r = is_file ? open_output(&f.out, file, overwrite) : EXIT_OK;

    if (r != EXIT_OK)
        return r;
    if (is_file)
        f.fd = f.out.fd;
    progress_init(&f.progress);
    client.goes_on = goes_on;
    client.arg = &f.progress;
    r = object_client_get(size, checked, &client, key, take, &f, &err);
    if (r == 0 && is_file)
        r = output_sync(&f.out, &err);
    if (r == 0 && is_file && !progress_signal())
        r = output_commit(&f.out, &err);
    progress_end(&f.progress);
    if (progress_signal()) {
        output_close(&f.out);
        cloud_tell_left(c);
    }
    progress_die_if_signaled();
    /* The kernel's words are about the file, all others about the object. */
    return r == 0 ? EXIT_OK
                  : storage_fail(!err.sys  ? NULL
                                 : is_file ? file
                                           : _("standard output"),
                                 &err);
}
