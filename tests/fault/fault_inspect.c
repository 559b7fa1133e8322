/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault_inspect.c: an inspection whose disk or memory fails
 *
 *     fault_inspect IMAGE...
 *
 * Inspects each image with the 1st, 2nd, 3rd... access to it failing, until all goes
 * well: volumes, ext, the boot loader's files, the initramfs.  Whatever failed has to
 * show, as an error or as one more of the facts' problems: facts that differ without one
 * would be a wrong verdict.  Then the same with the 1st, 2nd, 3rd... allocation, where
 * the same facts are right too.  What leaks the sanitizer build tells. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../ntfs_leaks.h"
#include "base/scoped.h"
#include "guest/facts_json.h"
#include "guest/inspect.h"

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

struct answer {
    int r;
    struct err err;
    size_t problems;
    char *text; /* the facts as JSON; NULL when there are none */
    unsigned accesses;
};

static void answer_fini(struct answer *a)
{
    free(a->text);
}

static int inspect(struct answer *ret, const char *path, unsigned access)
{
    AUTO(block_unrefp) struct block *file = NULL, *failing = NULL;
    AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO(arena_fini) struct arena a = {0};
    atomic_uint count = 0;
    struct facts f;
    json_t *json;
    int r;

    if (fd < 0)
        return FAIL_SYS(&ret->err, errno, "%s", path);
    r = block_file_open(&file, fd, &ret->err);
    if (r < 0)
        return r;
    fd = -1;
    r = block_fault_open(&failing, file, access, &count, &ret->err);
    if (r == 0)
        r = inspect_file(&f, &a, failing, NULL, &ret->err);
    failing_allocation = 0;
    ret->accesses = count;
    if (r < 0)
        return r;
    ret->problems = f.problems.n;
    json = facts_to_json(&f);
    ret->text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    json_decref(json);
    return ret->text ? 0 : FAIL(&ret->err, ERR_NOMEM, "facts as text");
}

/* 1: it was told, 0: there are not that many, -1: it was not told. */
static int check_nth(const char *path, const struct answer *good, bool memory,
                     unsigned nth)
{
    AUTO(answer_fini) struct answer a = {0};
    bool reached, same;

    allocations = 0;
    failing_allocation = memory ? nth : 0;
    a.r = inspect(&a, path, memory ? 0 : nth);
    reached = memory ? allocations >= nth : a.accesses >= nth;
    same = a.text && strcmp(a.text, good->text) == 0;
    if (!reached && same)
        return 0;
    if (a.r < 0 && (int)a.err.code == -a.r && a.err.msg[0])
        return 1;
    if (a.r == 0 && (a.problems > good->problems || (memory && same)))
        return 1;
    printf("%s: %s %u failed, and it does not show: %s\n", path,
           memory ? "allocation" : "access", nth, a.text ? a.text : a.err.msg);
    return -1;
}

static bool check(const char *path)
{
    AUTO(answer_fini) struct answer good = {0};

    good.r = inspect(&good, path, 0);
    if (good.r < 0) {
        printf("%s: %s\n", path, good.err.msg);
        return false;
    }
    if ((!strstr(good.text, "\"default\": true") &&
         !strstr(good.text, "\"loader_exists\": true")) ||
        !strstr(good.text, "\"installed\": true")) {
        printf("%s: no whole guest\n%s\n", path, good.text);
        return false;
    }
    for (int memory = 0; memory < 2; memory++) {
        unsigned nth = 1;
        int r;

        while ((r = check_nth(path, &good, memory, nth)) > 0)
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
