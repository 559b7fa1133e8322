/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "worker/start.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "worker/nbd.h"
#include "worker/wire_block.h"

enum { PIECE = 1 << 20, INITRAMFS_ALIGN = 4 };

static int write_all(int fd, const void *p, size_t n, struct err *err)
{
    const uint8_t *from = p;

    while (n) {
        ssize_t did = write(fd, from, n);

        if (did < 0 && errno == EINTR)
            continue;
        if (did < 0)
            return FAIL_SYS(err, errno, "write");
        from += did;
        n -= (size_t)did;
    }
    return 0;
}

/* Appends; *size is what the file has by then. */
static int copy_file(struct guest *g, const char *path, int fd, uint64_t *size,
                     struct err *err)
{
    static const uint8_t zeros[INITRAMFS_ALIGN];
    AUTO(freep) uint8_t *piece = malloc(PIECE);
    struct tree_node node;
    int r =
        piece ? tree_find(&g->tree, path, &node, err) : FAIL(err, ERR_NOMEM, "%s", path);

    if (r == 0 || (r > 0 && node.st.type != FS_REG))
        return FAIL(err, ERR_NOTFOUND, "there is no such file");
    if (r > 0 && node.st.size > START_FILE_MAX - *size)
        return FAIL(err, ERR_LIMIT, "more than %d MiB", START_FILE_MAX >> 20);
    for (uint64_t off = 0; r >= 0 && off < node.st.size; off += PIECE) {
        size_t n = (size_t)min_u64(PIECE, node.st.size - off);

        r = tree_pread(&g->tree, &node, piece, n, off, err);
        if (r >= 0)
            r = write_all(fd, piece, n, err);
        *size += n;
    }
    if (r >= 0 && *size % INITRAMFS_ALIGN) {
        size_t n = INITRAMFS_ALIGN - (size_t)(*size % INITRAMFS_ALIGN);

        r = write_all(fd, zeros, n, err);
        *size += n;
    }
    return r < 0 ? r : 0;
}

static int copy_files(struct guest *g, const char *const *paths, size_t n, int fd,
                      struct err *err)
{
    uint64_t size = 0;

    for (size_t i = 0; i < n; i++) {
        struct err why = {0};
        int r = copy_file(g, paths[i], fd, &size, &why);

        if (r == 0)
            continue;
        if (ftruncate(fd, 0) < 0)
            return FAIL_SYS(err, errno, "truncate");
        return guest_problem(g, "start", paths[i], true, &why);
    }
    return 0;
}

static int copy_entry(void *arg, struct guest *g, struct err *err)
{
    const struct start_files *files = arg;
    const struct fact_boot *boot = g->facts->boot;
    int r = 0;

    if (g->step)
        g->step(g->step_arg, "kernel");
    if (boot && *boot->kernel)
        r = copy_files(g, &boot->kernel, 1, files->kernel, err);
    if (r == 0 && boot && boot->initramfs_files.n)
        r = copy_files(g, boot->initramfs_files.v, boot->initramfs_files.n,
                       files->initramfs, err);
    return r;
}

int start_look(struct facts *ret, struct arena *a, struct block *source,
               const struct inspect_options *options, const struct start_files *files,
               struct err *err)
{
    struct inspect_options o = *options;

    o.looked = copy_entry;
    o.looked_arg = (void *)(uintptr_t)files;
    return inspect_file(ret, a, source, &o, err);
}

static int say_trouble(const struct err *trouble, struct err *err)
{
    json_t *j = json_pack("{s:s}", "trouble", trouble->msg);
    AUTO(freep) char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

    json_decref(j);
    if (!text)
        return FAIL(err, ERR_NOMEM, "report");
    wire_say(WIRE_RESULT, text, strlen(text));
    return 0;
}

int start_serve(struct block *source, const struct image_options *options, int sock,
                struct err *err)
{
    AUTO(block_unrefp) struct block *disk = NULL;
    struct image_info info;
    struct err trouble = {0};
    int r;

    wire_say(WIRE_STEP, "recognise", 9);
    r = image_open(&disk, &info, source, options, err);
    if (r < 0)
        return r;
    wire_say(WIRE_STEP, "serve", 5);
    r = nbd_serve(sock, disk, &trouble, err);
    return r < 0 ? r : say_trouble(&trouble, err);
}
