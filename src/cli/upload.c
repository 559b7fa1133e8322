/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/upload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/progress.h"
#include "cli/storage.h"

enum { LINK_S = 24 * 3600 };

/* ---- what is uploaded, and where to */

static int open_file(struct upload *u, struct err *err)
{
    int r = storage_open(&u->fd, &u->size, u->file, err);

    return r == 0 && u->size == 0
               ? FAIL(err, ERR_UNSUPPORTED, "%s", _("the file has no bytes"))
               : r;
}

static int find_bucket(struct upload *u, struct cloud *c)
{
    struct err err = {0};

    if (buf_puts(&u->bucket, "imports-", &err) < 0)
        return storage_fail(u->file, &err);
    return storage_app_id(&u->bucket, c);
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
        return storage_fail(file, &err);
    r = find_bucket(u, c);
    if (r != EXIT_OK)
        return r;
    client = storage_client(c, buf_str(&u->bucket));
    return object_client_link(&u->link, &client, buf_str(&u->key), LINK_S, &err) < 0
               ? storage_fail(file, &err)
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
    struct object_client client = storage_client(c, buf_str(&u->bucket));
    struct progress progress = {0};
    struct err err = {0};
    bool had;
    int r;

    progress_init(&progress);
    client.goes_on = goes_on;
    client.arg = &progress;
    r = object_client_make_bucket(&client, &had, &err);
    if (r == 0)
        r = object_client_put(&client, buf_str(&u->key), u->fd, u->size, &err);
    progress_end(&progress);
    if (r == 0 && progress_signal())
        upload_drop(u, c);
    progress_die_if_signaled();
    buf_clear(&u->link); /* that it is good for a day from now on */
    if (r == 0)
        r = object_client_link(&u->link, &client, buf_str(&u->key), LINK_S, &err);
    return r < 0 ? storage_fail(u->file, &err) : EXIT_OK;
}

void upload_drop(struct upload *u, struct cloud *c)
{
    struct object_client client = storage_client(c, buf_str(&u->bucket));
    struct err err = {0};

    if (object_client_delete(&client, buf_str(&u->key), &err) == 0)
        return;
    fputs("imgport: ", stderr);
    /* The bucket, the object, why. */
    fprintf(stderr, _("%s keeps %s, which could not be deleted: %s"), buf_str(&u->bucket),
            buf_str(&u->key), err.msg);
    fputc('\n', stderr);
}

void upload_keep(struct upload *u)
{
    fputs("imgport: ", stderr);
    /* The bucket, the object. */
    fprintf(stderr, _("%s keeps %s, which the import may still read"),
            buf_str(&u->bucket), buf_str(&u->key));
    fputc('\n', stderr);
}

void upload_fini(struct upload *u)
{
    closep(&u->fd);
    buf_fini(&u->bucket);
    buf_fini(&u->key);
    buf_fini(&u->link);
}
