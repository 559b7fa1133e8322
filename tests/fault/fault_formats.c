/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault_formats.c: an image whose file fails
 *
 *     fault_formats IMAGE...
 *
 * Opens each image, asks for all extents and reads the whole disk, with the 1st, 2nd,
 * 3rd... access to the file failing, until all goes well.  A failure must be told as the
 * error it is, and never as a fault of the image: nothing is wrong with that.  Files that
 * a descriptor names are beside the image and fail as well, counted together.  Then the
 * same with the 1st, 2nd, 3rd... allocation.  What leaks the sanitizer build tells. */
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
    unsigned nth; /* access to fail; 0: none */
    atomic_uint count;
};

/* Linked with --wrap: every allocation of ours comes here first. */
static unsigned allocations, failing_allocation;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool allocation_fails(void)
{
    return ++allocations == failing_allocation;
}

void *__wrap_malloc(size_t n)
{
    return allocation_fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return allocation_fails() ? NULL : __real_realloc(p, n);
}

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

/* Nothing is wrong with the image, and the error says what happened. */
static bool told_right(int r, int want, const struct image_info *info,
                       const struct err *err)
{
    return r == want && (int)err->code == -want && info->fault == IMAGE_FAULT_NONE &&
           err->msg[0];
}

/* Runs with the nth access or allocation failing.  1: it was told, 0: there are not that
 * many, -1: it was not told, or told wrong. */
static int check_nth(const char *path, const char *folder, bool memory, unsigned nth)
{
    struct source s = {.folder = folder, .nth = memory ? 0 : nth};
    struct image_info info = {0};
    struct err err = {0};
    bool reached;
    int r;

    allocations = 0;
    failing_allocation = memory ? nth : 0;
    r = attempt(&s, path, &info, &err);
    reached = memory ? allocations >= nth : s.count >= nth;
    failing_allocation = 0;
    if (r == 0 && !reached)
        return 0;
    if (told_right(r, memory ? -ERR_NOMEM : -ERR_IO, &info, &err))
        return 1;
    printf("%s: %s %u failed, and was told as %s, %s: %s\n", path,
           memory ? "allocation" : "access", nth, err_code_name(err.code),
           image_fault_name(info.fault), err.msg);
    return -1;
}

static bool check(const char *path)
{
    AUTO(freep) char *copy = strdup(path);
    const char *folder = dirname(copy);

    for (int memory = 0; memory < 2; memory++) {
        unsigned nth = 1;
        int r;

        while ((r = check_nth(path, folder, memory, nth)) > 0)
            nth++;
        if (r < 0 || nth == 1)
            return false;
        printf("%s: %u %s\n", path, nth - 1, memory ? "allocations" : "accesses");
    }
    return true;
}

int main(int argc, char **argv)
{
    bool good = argc > 1;

    for (int i = 1; i < argc; i++)
        good = check(argv[i]) && good;
    return good ? 0 : 1;
}
