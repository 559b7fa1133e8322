/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault_formats.c: an image whose file fails
 *
 *     fault_formats IMAGE...
 *
 * Opens each image, asks for all extents and reads the whole disk, with the 1st, 2nd,
 * 3rd... access to the file failing, until all goes well.  A failure must be told as the
 * error it is, and never as a fault of the image: nothing is wrong with that.  Files that
 * a descriptor names are beside the image and fail as well, counted together.  What leaks
 * the sanitizer build tells. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "block/image.h"

enum { PIECE = 96 << 10 }; /* no multiple of a cluster */

struct source {
    const char *folder;
    unsigned nth;
    atomic_uint count;
};

static int open_failing(struct block **ret, struct source *s, const char *path,
                        struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL;
    AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return FAIL_SYS(err, errno, "%s", path);
    r = block_file_open(&file, fd, err);
    if (r < 0)
        return r;
    fd = -1;
    return block_fault_open(ret, file, s->nth, &s->count, err);
}

static int open_sibling(struct block **ret, void *arg, const char *name, struct err *err)
{
    struct source *s = arg;
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    return open_failing(ret, s, path, err);
}

static int use(struct block *disk, struct err *err)
{
    static char buf[PIECE];
    uint64_t data;
    int r = block_data_size(disk, &data, err);

    for (uint64_t off = 0; r == 0 && off < disk->size; off += PIECE)
        r = block_read(disk, buf, (size_t)min_u64(PIECE, disk->size - off), off, err);
    return r;
}

static int attempt(struct source *s, const char *path, struct image_info *info,
                   struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL, *disk = NULL;
    struct image_options options = {.sibling = open_sibling, .sibling_arg = s};
    int r = open_failing(&file, s, path, err);

    if (r == 0)
        r = image_open(&disk, info, file, &options, err);
    return r < 0 ? r : use(disk, err);
}

static bool told_right(int r, const struct image_info *info, const struct err *err)
{
    return r == -ERR_IO && err->code == ERR_IO && info->fault == IMAGE_FAULT_NONE &&
           strstr(err->msg, "injected fault");
}

static bool check(const char *path)
{
    AUTO(freep) char *copy = strdup(path);
    struct source s = {.folder = dirname(copy)};

    for (s.nth = 1;; s.nth++) {
        struct image_info info = {0};
        struct err err = {0};
        int r;

        s.count = 0;
        r = attempt(&s, path, &info, &err);
        if (r == 0 && s.count >= s.nth) {
            printf("%s: access %u failed, and nobody was told\n", path, s.nth);
            return false;
        }
        if (r == 0)
            break;
        if (!told_right(r, &info, &err)) {
            printf("%s: access %u failed, and was told as %s, %s: %s\n", path, s.nth,
                   err_code_name(err.code), image_fault_name(info.fault), err.msg);
            return false;
        }
    }
    printf("%s: %u accesses\n", path, s.nth - 1);
    return s.nth > 3;
}

int main(int argc, char **argv)
{
    bool good = argc > 1;

    for (int i = 1; i < argc; i++)
        good = check(argv[i]) && good;
    return good ? 0 : 1;
}
