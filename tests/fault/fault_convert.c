/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault_convert: each allocation, thread start and write of a conversion fails once
 *
 * The calls are wrapped by the linker.  The Nth of a kind fails, for N from 1 on until
 * nothing does: an error of the right code every time; leaks are for the sanitizer.  And
 * a kernel that writes less than it was asked for, or is interrupted, changes nothing. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "convert/convert.h"

enum kind {
    ALLOCATION,
    THREAD,
    WRITE,
    KIND_MAX,
};

static const char *const kind_names[] = {"allocation", "thread", "write"};

static atomic_uint counts[KIND_MAX];
static unsigned fail_nth[KIND_MAX]; /* 0: none */
static bool stutter;

static bool fails(enum kind k)
{
    return atomic_fetch_add(&counts[k], 1) + 1 == fail_nth[k];
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *),
                          void *arg);
ssize_t __real_pwrite64(int fd, const void *p, size_t n, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t off);

void *__wrap_malloc(size_t n)
{
    return fails(ALLOCATION) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails(ALLOCATION) ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
    return fails(ALLOCATION) ? NULL : __real_reallocarray(p, n, size);
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *),
                          void *arg)
{
    return fails(THREAD) ? EAGAIN : __real_pthread_create(t, a, f, arg);
}

ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t off)
{
    if (fails(WRITE)) {
        errno = ENOSPC;
        return -1;
    }
    if (stutter && counts[WRITE] % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    return __real_pwrite64(fd, p, stutter ? n / 3 + 1 : n, off);
}

/* 6 MiB: nothing, text and what does not compress, in turns. */
enum { DISK_SIZE = 6 * 1024 * 1024 + 513 };
static uint8_t disk[DISK_SIZE];

static void fill_disk(void)
{
    uint64_t x = 88172645463325252;

    for (size_t i = 0; i < DISK_SIZE; i++) {
        unsigned turn = (unsigned)(i / 100000 % 3);

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        disk[i] = (uint8_t)(turn == 0   ? 0
                            : turn == 1 ? "import\n"[i % 7]
                                        : (int)(x & 255));
    }
}

static int run(int fd, enum convert_compression c, struct err *err)
{
    AUTO(block_unrefp) struct block *b = NULL;
    struct convert_result result;
    int r;

    r = block_mem_open(&b, disk, DISK_SIZE, NULL);
    if (r < 0)
        return FAIL(err, ERR_NOMEM, "source");
    return convert_run(&result,
                       &(struct convert_options){
                           .source = b,
                           .fd = fd,
                           .format = IMAGE_QCOW2,
                           .compression = c,
                           .threads = 3,
                       },
                       err);
}

/* 0: what should be; otherwise the complaint is printed. */
static int each_fails_once(enum kind k, enum convert_compression c)
{
    for (fail_nth[k] = 1;; fail_nth[k]++) {
        AUTO(closep) int fd = memfd_create("fault_convert", 0);
        struct err err = {0};
        int want = k == ALLOCATION ? -ERR_NOMEM : -ERR_IO, r;

        atomic_store(&counts[k], 0);
        r = run(fd, c, &err);
        if (r == 0 && counts[k] < fail_nth[k])
            break;
        if (r != want || err.code != (enum err_code) - want) {
            printf("FAILED: %s %u of compression %d: %d, %s\n", kind_names[k],
                   fail_nth[k], (int)c, r, err.msg);
            return 1;
        }
    }
    printf("compression %d: %u %ss failed, one at a time\n", (int)c, fail_nth[k] - 1,
           kind_names[k]);
    if (fail_nth[k] < 3) {
        printf("FAILED: too few to be true\n");
        return 1;
    }
    fail_nth[k] = 0;
    return 0;
}

static int stuttering_kernel(enum convert_compression c)
{
    static char a[DISK_SIZE + (1 << 20)], b[DISK_SIZE + (1 << 20)];
    AUTO(closep) int plain = memfd_create("plain", 0), torn = memfd_create("torn", 0);
    struct err err = {0};
    ssize_t n, m;

    if (run(plain, c, &err) < 0)
        return 1;
    stutter = true;
    if (run(torn, c, &err) < 0)
        return 1;
    stutter = false;
    n = pread(plain, a, sizeof a, 0);
    m = pread(torn, b, sizeof b, 0);
    if (n != m || n < 1024 || memcmp(a, b, (size_t)n) != 0) {
        printf("FAILED: short writes changed the output, compression %d\n", (int)c);
        return 1;
    }
    return 0;
}

int main(void)
{
    int failed = 0;

    fill_disk();
    for (unsigned c = CONVERT_PLAIN; c <= CONVERT_ZSTD; c++) {
        failed |= stuttering_kernel(c);
        for (unsigned k = 0; k < KIND_MAX; k++)
            failed |= each_fails_once(k, c);
    }
    return failed;
}
