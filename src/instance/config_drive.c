/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/config_drive.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define LIBISOFS_WITHOUT_LIBBURN
#include <libisofs/libisofs.h>

#include "base/scoped.h"

enum {
    BLOCK = 2048,
    FIFO_BLOCKS = 32,
    FILE_MODE = 0400,
    DIR_MODE = 0500,
};

/* The library has its messages, and the numbers it gives to what it reads, for the whole
 * process. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void unlock(pthread_mutex_t **m)
{
    pthread_mutex_unlock(*m);
}

static void image_unrefp(IsoImage **image)
{
    if (*image)
        iso_image_unref(*image);
}

static void opts_freep(IsoWriteOpts **o)
{
    if (*o)
        iso_write_opts_free(*o);
}

static void stream_unrefp(IsoStream **s)
{
    if (*s)
        iso_stream_unref(*s);
}

/* Its thread is asked to stop where it was not read to its end. */
static void source_freep(struct burn_source **s)
{
    if (*s && (*s)->cancel)
        (*s)->cancel(*s);
    if (*s && --(*s)->refcount < 1) {
        (*s)->free_data(*s);
        free(*s);
    }
}

static int fail(int r, const char *what, struct err *err)
{
    return FAIL(err, ERR_IO, "configuration drive: %s: %s", what, iso_error_to_msg(r));
}

/* The folder that the path lies in; *name is what is left of it. */
static int folder_of(IsoDir **ret, const char **name, IsoImage *image, const char *path,
                     struct err *err)
{
    IsoDir *at = iso_image_get_root(image);
    const char *slash;

    while ((slash = strchr(path, '/'))) {
        AUTO(freep) char *part = strndup(path, (size_t)(slash - path));
        IsoNode *node = NULL;
        IsoDir *made = NULL;
        int r;

        if (!part)
            return FAIL(err, ERR_NOMEM, "configuration drive");
        r = iso_dir_get_node(at, part, &node);
        if (r == 1) {
            made = (IsoDir *)node;
        } else {
            r = iso_image_add_new_dir(image, at, part, &made);
            if (r < 0)
                return fail(r, path, err);
            /* Its permissions would be the current umask's. */
            iso_node_set_permissions((IsoNode *)made, DIR_MODE);
        }
        at = made;
        path = slash + 1;
    }
    *ret = at;
    *name = path;
    return 0;
}

static int add_file(IsoImage *image, const struct document *d, struct err *err)
{
    AUTO(stream_unrefp) IsoStream *stream = NULL;
    AUTO(freep) unsigned char *copy = malloc(d->text.n + 1);
    const char *name = NULL;
    IsoFile *file = NULL;
    IsoDir *dir = NULL;
    int r;

    if (!copy)
        return FAIL(err, ERR_NOMEM, "configuration drive");
    r = folder_of(&dir, &name, image, d->path, err);
    if (r < 0)
        return r;
    memcpy(copy, d->text.p, d->text.n);
    r = iso_memory_stream_new(copy, d->text.n, &stream);
    if (r < 0)
        return fail(r, d->path, err);
    (void)TAKE(copy);
    r = iso_image_add_new_file(image, dir, name, stream, &file);
    if (r < 0)
        return fail(r, d->path, err);
    (void)TAKE(stream);
    iso_node_set_permissions((IsoNode *)file, FILE_MODE);
    return 0;
}

static int options(IsoWriteOpts **ret, int64_t created, struct err *err)
{
    AUTO(opts_freep) IsoWriteOpts *o = NULL;
    static char no_uuid[] = "";
    int r = iso_write_opts_new(&o, 0);

    if (r < 0)
        return fail(r, "options", err);
    iso_write_opts_set_iso_level(o, 2);
    iso_write_opts_set_rockridge(o, 1);
    /* Later versions number the files, by where malloc() put them. */
    iso_write_opts_set_rrip_version_1_10(o, 1);
    iso_write_opts_set_joliet(o, 1);
    iso_write_opts_set_relaxed_vol_atts(o, 1); /* "config-2" */
    iso_write_opts_set_replace_mode(o, 2, 2, 2, 2);
    iso_write_opts_set_default_dir_mode(o, DIR_MODE);
    iso_write_opts_set_default_file_mode(o, FILE_MODE);
    iso_write_opts_set_default_uid(o, 0);
    iso_write_opts_set_default_gid(o, 0);
    iso_write_opts_set_replace_timestamps(o, 2);
    iso_write_opts_set_default_timestamp(o, (time_t)created);
    iso_write_opts_set_always_gmt(o, 1);
    iso_write_opts_set_pvd_times(o, (time_t)created, (time_t)created, 0, 0, no_uuid);
    iso_write_opts_set_fifo_size(o, FIFO_BLOCKS);
    *ret = TAKE(o);
    return 0;
}

static int copy_out(int fd, struct burn_source *source, struct err *err)
{
    unsigned char block[BLOCK];
    off_t at = 0;
    int n;

    while ((n = source->read_xt(source, block, BLOCK)) > 0) {
        if (at + n > CONFIG_DRIVE_MAX)
            return FAIL(err, ERR_LIMIT, "configuration drive: more than %d bytes",
                        CONFIG_DRIVE_MAX);
        for (ssize_t done = 0, w; done < n; done += w) {
            w = pwrite(fd, block + done, (size_t)(n - done), at + done);
            if (w < 0 && errno == EINTR)
                w = 0;
            else if (w < 0)
                return FAIL_SYS(err, errno, "configuration drive");
        }
        at += n;
    }
    if (n < 0 || at == 0 || at != source->get_size(source))
        return FAIL(err, ERR_IO, "configuration drive: could not be put together");
    return 0;
}

static int library_ready(struct err *err)
{
    static char never[] = "NEVER", no_prefix[] = "";
    static bool ready; /* under `lock` */
    int r;

    if (ready)
        return 0;
    r = iso_init();
    if (r < 0)
        return fail(r, "library", err);
    /* Errors come back as values; the rest is for somebody at a terminal. */
    r = iso_set_msgs_severities(never, never, no_prefix);
    if (r < 0)
        return fail(r, "library", err);
    ready = true;
    return 0;
}

static int write_documents(int fd, const struct documents *d, int64_t created,
                           struct err *err)
{
    AUTO(image_unrefp) IsoImage *image = NULL;
    AUTO(opts_freep) IsoWriteOpts *opts = NULL;
    AUTO(source_freep) struct burn_source *source = NULL;
    int r = library_ready(err);

    if (r < 0)
        return r;
    r = iso_image_new("config-2", &image);
    if (r < 0)
        return fail(r, "image", err);
    for (size_t i = 0; i < d->n; i++)
        if ((r = add_file(image, &d->v[i], err)) < 0)
            return r;
    r = options(&opts, created, err);
    if (r < 0)
        return r;
    r = iso_image_create_burn_source(image, opts, &source);
    if (r < 0)
        return fail(r, "layout", err);
    return copy_out(fd, source, err);
}

int config_drive_write(int fd, const struct instance_settings *s, struct err *err)
{
    AUTO(arena_fini) struct arena a = {0};
    AUTO(unlock) pthread_mutex_t *held = &lock;
    struct documents d;
    int r;

    pthread_mutex_lock(held);
    r = settings_drive(&d, &a, s, err);
    return r < 0 ? r : write_documents(fd, &d, s->created, err);
}
