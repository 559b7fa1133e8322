/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault_initramfs.c: an initramfs whose file fails
 *
 *     fault_initramfs FILE...
 *
 * Reads each with the 1st, 2nd, 3rd... access failing, until all goes well, in whole
 * windows and one byte at a time; then the same with allocations.  A failure must be told
 * as the error it is, and the names seen before it must be those that come first. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "guest/kernel/initramfs.h"

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

struct names {
    char text[4096]; /* enough for the names of a small archive */
    size_t n;
};

static int add_name(void *arg, const struct initramfs_entry *e, struct err *err)
{
    struct names *names = arg;

    (void)err;
    names->n += (size_t)snprintf(names->text + names->n, sizeof names->text - names->n,
                                 "%s\n", e->name);
    return 0;
}

static int run(struct block *file, bool bytewise, unsigned nth, atomic_uint *count,
               struct names *names, struct err *err)
{
    AUTO(block_unrefp) struct block *failing = NULL, *bytes = NULL;
    struct initramfs_reader reader = {.entry = add_name, .arg = names};
    struct initramfs_info info;
    int r = block_fault_open(&failing, file, nth, count, err);

    names->n = 0;
    if (r == 0 && bytewise)
        r = block_bytewise_open(&bytes, failing, err);
    return r < 0 ? r : initramfs_read(bytes ? bytes : failing, &reader, &info, err);
}

/* True while something was made to fail. */
static bool check(const char *path, const char *what, unsigned nth, bool hit,
                  const struct names *whole, const struct names *got, int r, int want,
                  const struct err *err, bool *good)
{
    if (hit ? r != -want : r != 0) {
        printf("%s: %s %u: %d %s\n", path, what, nth, r, err->msg);
        *good = false;
    }
    if (got->n > whole->n || memcmp(got->text, whole->text, got->n) != 0) {
        printf("%s: %s %u: other names\n", path, what, nth);
        *good = false;
    }
    return hit;
}

static bool check_file(const char *path, struct block *file)
{
    static struct names whole, got;
    bool good = true, again = true;
    atomic_uint count = 0;
    struct err err = {0};

    if (run(file, false, 0, &count, &whole, &err) < 0 || whole.n == 0) {
        printf("%s: %s\n", path, err.msg);
        return false;
    }
    for (int bytewise = 0; bytewise < 2; bytewise++, again = true)
        for (unsigned nth = 1; again && good; nth += bytewise ? 97 : 1) {
            int r;

            err = (struct err){0};
            count = 0;
            r = run(file, bytewise, nth, &count, &got, &err);
            again = check(path, "access", nth, count >= nth, &whole, &got, r, ERR_IO,
                          &err, &good);
        }
    for (unsigned nth = 1; again && good; nth++) {
        int r;

        err = (struct err){0};
        count = 0;
        allocations = 0;
        failing_allocation = nth;
        r = run(file, false, 0, &count, &got, &err);
        failing_allocation = 0;
        again = check(path, "allocation", nth, allocations >= nth, &whole, &got, r,
                      ERR_NOMEM, &err, &good);
    }
    return good;
}

int main(int argc, char **argv)
{
    bool good = argc > 1;

    for (int i = 1; i < argc; i++) {
        AUTO(block_unrefp) struct block *file = NULL;
        struct err err = {0};
        int fd = open(argv[i], O_RDONLY | O_CLOEXEC);

        if (fd < 0 || block_file_open(&file, fd, &err) < 0) {
            printf("%s: %s\n", argv[i], fd < 0 ? strerror(errno) : err.msg);
            return 1;
        }
        good &= check_file(argv[i], file);
    }
    return !good;
}
