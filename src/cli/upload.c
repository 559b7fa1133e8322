/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/progress.h"
#include "cli/release.h"
#include "service/object_client.h"

enum { LINK_S = 24 * 3600 };

static int fail(int status, const char *file, const struct err *err)
{
    struct imgport_error e = {.exit_status = status};

    snprintf(e.message, sizeof e.message, "%.100s: %.390s", file, err->msg);
    return cmd_fail(&e);
}

/* The service's own no is not trouble. */
static int status_of(const struct err *err)
{
    return err->code == ERR_NOTFOUND ? EXIT_REFUSED : err_code_exit(err->code);
}

static struct object_client client_of(const struct upload *u, const struct cloud *c)
{
    return (struct object_client){
        .endpoint = c->client.endpoint,
        .secret_id = c->client.secret_id,
        .secret_key = c->client.secret_key,
        .ca_file = c->client.ca_file,
        .bucket = u->bucket,
        .region = c->client.region,
    };
}

/* ---- what is uploaded, and where to */

static int open_file(struct upload *u, struct err *err)
{
    struct stat st;

    u->fd = open(u->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (u->fd < 0)
        return FAIL_SYS(err, errno, "open");
    if (fstat(u->fd, &st) < 0)
        return FAIL_SYS(err, errno, "look at it");
    if (!S_ISREG(st.st_mode))
        return FAIL(err, ERR_IO, "%s", _("only a regular file is uploaded"));
    if (st.st_size == 0)
        return FAIL(err, ERR_IO, "%s", _("the file has no bytes"));
    u->size = (uint64_t)st.st_size;
    return 0;
}

/* Of the operator's list, the account that asks. */
static int find_bucket(struct upload *u, struct cloud *c)
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
    if (app) {
        snprintf(u->bucket, sizeof u->bucket, "imports-%.40s", app);
        return EXIT_OK;
    }
    FAIL(&err, ERR_IO, "%s", _("the service does not say whose bucket it would be"));
    return fail(EXIT_TROUBLE, u->file, &err);
}

/* Two uploads at once do not meet. */
static int make_key(struct upload *u, struct err *err)
{
    const char *slash = strrchr(u->file, '/');
    uint8_t raw[8];
    int r = 0;

    if (getrandom(raw, sizeof raw, 0) != sizeof raw)
        return FAIL_SYS(err, errno, "random number");
    for (size_t i = 0; r == 0 && i < sizeof raw; i++)
        r = buf_printf(&u->key, err, "%02x", raw[i]);
    return r < 0 ? r : buf_printf(&u->key, err, "/%s", slash ? slash + 1 : u->file);
}

int upload_open(struct upload *u, struct cloud *c, const char *file)
{
    struct object_client client;
    struct err err = {0};
    int r;

    u->file = file;
    if (open_file(u, &err) < 0 || make_key(u, &err) < 0)
        return fail(EXIT_TROUBLE, file, &err);
    r = find_bucket(u, c);
    if (r != EXIT_OK)
        return r;
    client = client_of(u, c);
    return object_client_link(&u->link, &client, buf_str(&u->key), LINK_S, &err) < 0
               ? fail(EXIT_TROUBLE, file, &err)
               : EXIT_OK;
}

/* ---- on its way */

static int goes_on(void *arg, uint64_t done, uint64_t total)
{
    return progress_tell(
        arg, &(struct imgport_progress){
                 .phase = "upload", .step = "", .done = done, .total = total});
}

int upload_send(struct upload *u, struct cloud *c)
{
    struct object_client client = client_of(u, c);
    struct progress progress = {0};
    struct err err = {0};
    int r;

    progress_init(&progress);
    client.goes_on = goes_on;
    client.arg = &progress;
    r = object_client_make_bucket(&client, &err);
    if (r == 0)
        r = object_client_put(&client, buf_str(&u->key), u->fd, u->size, &err);
    progress_end(&progress);
    if (r == 0 && progress_signal())
        upload_drop(u, c);
    progress_die_if_signaled();
    buf_clear(&u->link); /* that it is good for a day from now on */
    if (r == 0)
        r = object_client_link(&u->link, &client, buf_str(&u->key), LINK_S, &err);
    return r < 0 ? fail(status_of(&err), u->file, &err) : EXIT_OK;
}

void upload_drop(struct upload *u, struct cloud *c)
{
    struct object_client client = client_of(u, c);
    struct err err = {0};

    if (object_client_delete(&client, buf_str(&u->key), &err) == 0)
        return;
    fputs("imgport: ", stderr);
    /* The bucket, the object, why. */
    fprintf(stderr, _("%s keeps %s, which could not be deleted: %s"), u->bucket,
            buf_str(&u->key), err.msg);
    fputc('\n', stderr);
}

void upload_keep(struct upload *u)
{
    fputs("imgport: ", stderr);
    /* The bucket, the object. */
    fprintf(stderr, _("%s keeps %s, which the import may still read"), u->bucket,
            buf_str(&u->key));
    fputc('\n', stderr);
}

void upload_fini(struct upload *u)
{
    closep(&u->fd);
    buf_fini(&u->key);
    buf_fini(&u->link);
}
