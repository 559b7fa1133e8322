/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mutate: looks at many spoilt copies of real images
 *
 *     mutate -n COUNT [-s FIRST] IMAGE...   so many of each; a row of what came of it
 *     mutate [-o FILE] IMAGE SEED           one, in this process; -o writes it out
 *
 * A mutant is its image and a seed.  Of every second one the checksums are repaired. None
 * may crash, take more than CPU_MAX seconds or MEMORY_MAX bytes of heap, leave anything
 * allocated, or break a contract of the parsers (look.c).  The heap is watched in
 * sanitizer builds; others say so. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "../ntfs_leaks.h"
#include "base/scoped.h"
#include "mutate/edit.h"
#include "mutate/look.h"
#include "mutate/sums.h"

enum {
    CPU_MAX = 5,           /* seconds of one mutant, with the sanitizers' part */
    MEMORY_MAX = 64 << 20, /* bytes of heap at a time: a check has as much in all */
    FAILURES_MAX = 10,     /* of one image, then it is enough */
};

/* ---- the heap */

static size_t heap, heap_peak;

#ifdef HAS_LSAN
/* Of the sanitizers' own header, which gcc does not bring.  Their runtime has to see what
 * is ours. */
#pragma GCC visibility push(default)
void __sanitizer_malloc_hook(const volatile void *p, size_t n);
void __sanitizer_free_hook(const volatile void *p);
size_t __sanitizer_get_allocated_size(const volatile void *p);
int __lsan_do_recoverable_leak_check(void);
const char *__asan_default_options(void);
#pragma GCC visibility pop

static bool heap_watched;

void __sanitizer_malloc_hook(const volatile void *p, size_t n)
{
    (void)p;
    heap += n;
    if (heap > heap_peak)
        heap_peak = heap;
    if (heap_watched && heap > MEMORY_MAX) {
        heap_watched = false;
        fprintf(stderr, "more than %d MiB of heap\n", MEMORY_MAX >> 20);
        abort();
    }
}

void __sanitizer_free_hook(const volatile void *p)
{
    if (p)
        heap -= __sanitizer_get_allocated_size(p);
}

const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8:handle_abort=1:allocator_may_return_null=1";
}

static void watch_heap(bool on)
{
    heap_watched = on;
}

/* Tells them. */
static bool leaks_of_ours(void)
{
    return __lsan_do_recoverable_leak_check() != 0;
}
#else
static void watch_heap(bool on)
{
    (void)on;
}

static bool leaks_of_ours(void)
{
    return false;
}
#endif

/* ---- one mutant */

/* What the children tell the parent. */
struct progress {
    uint64_t seed; /* the mutant that is looked at, or comes next */
    uint64_t taken, root, judged, entries;
    double cpu, cpu_most;
    uint64_t cpu_most_seed;
    size_t heap_most;
};

static void too_long(int signal)
{
    static const char text[] = "more than 5 seconds of CPU\n";

    (void)signal;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(1);
    abort();
}

static double cpu_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void set_timer(int seconds)
{
    struct itimerval t = {.it_value = {.tv_sec = seconds}};

    setitimer(ITIMER_PROF, &t, NULL);
}

static void make_mutant(struct image *image, const struct sums *sums, uint64_t seed)
{
    edit_image(image, seed);
    if (seed % 2)
        sums_repair(sums, image);
}

static void look_once(struct looker *l, struct image *image, struct seen *seen)
{
    set_timer(CPU_MAX);
    watch_heap(true);
    look(l, image, seen);
    watch_heap(false);
    set_timer(0);
}

/* Libraries make things at their first error that they keep: what leaks leaks twice. */
static bool leaks(struct looker *l, struct image *image, struct seen *seen)
{
    size_t before = heap;

    look_once(l, image, seen);
    if (heap == before)
        return false;
    before = heap;
    look_once(l, image, seen);
    return heap != before;
}

static void try_mutant(struct looker *l, struct image *image, const struct sums *sums,
                       struct progress *p)
{
    double before = cpu_now(), took;
    struct seen seen;

    make_mutant(image, sums, p->seed);
    heap_peak = heap;
    if (leaks(l, image, &seen) && leaks_of_ours()) {
        fprintf(stderr, "leaks\n");
        abort();
    }
    image_restore(image);
    took = cpu_now() - before;
    p->cpu += took;
    if (took > p->cpu_most) {
        p->cpu_most = took;
        p->cpu_most_seed = p->seed;
    }
    if (heap_peak > p->heap_most)
        p->heap_most = heap_peak;
    p->taken += seen.taken;
    p->root += seen.root;
    p->judged += seen.judged;
    p->entries += seen.entries;
}

/* ---- an image */

struct subject {
    struct image image;
    struct sums sums;
    struct seen sound; /* what is seen of it as it is */
};

static bool prepare(struct subject *s, struct looker *l, const char *path)
{
    if (!image_load(&s->image, path))
        return false;
    s->image.trace = TRACE_METADATA;
    look(l, &s->image, &s->sound);
    image_learnt(&s->image);
    sums_find(&s->sums, &s->image);
    if (s->sound.taken && s->image.metadata_n)
        return true;
    fprintf(stderr, "%s: nothing is seen of the sound image\n", path);
    return false;
}

static void finish(struct subject *s)
{
    sums_fini(&s->sums);
    image_unload(&s->image);
}

static _Noreturn void run_child(struct subject *s, struct looker *l, struct progress *p,
                                uint64_t end)
{
    struct seen seen;

    /* Once as it is: what is made at the first look is no leak. */
    look(l, &s->image, &seen);
    for (; p->seed < end; p->seed++)
        try_mutant(l, &s->image, &s->sums, p);
    _exit(0);
}

/* The mutants of one image, in a child; a child that dies has found something, and
 * another goes on behind it. */
static unsigned run(struct subject *s, struct looker *l, struct progress *p, uint64_t end)
{
    unsigned failures = 0;

    while (p->seed < end && failures < FAILURES_MAX) {
        int status = 0;
        pid_t child = fork();

        if (child < 0) {
            perror("fork");
            return failures + 1;
        }
        if (child == 0)
            run_child(s, l, p, end);
        if (waitpid(child, &status, 0) == child && WIFEXITED(status) &&
            WEXITSTATUS(status) == 0)
            break;
        printf("FOUND: mutate %s %llu\n", s->image.path, (unsigned long long)p->seed);
        fflush(stdout);
        failures++;
        p->seed++;
    }
    return failures;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool run_image(struct looker *l, const char *path, uint64_t first, uint64_t count)
{
    struct progress *p =
        mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct subject s = {.sums = {.n = 0}};
    unsigned failures;

    if (p == MAP_FAILED || !prepare(&s, l, path)) {
        finish(&s);
        return false;
    }
    p->seed = first;
    failures = run(&s, l, p, first + count);
    printf(
        "%-24s %8llu mutants, %5.1f%% opened, %5.1f%% with a root, %6.1f of %u entries, "
        "%7.1f s (%.0f/s, most %.2f at %llu), %4.1f MiB, %u found\n",
        base_name(path), (unsigned long long)(p->seed - first),
        100.0 * (double)p->taken / (double)count, 100.0 * (double)p->root / (double)count,
        (double)p->entries / (double)count, s.sound.entries, p->cpu,
        (double)(p->seed - first) / (p->cpu > 0 ? p->cpu : 1), p->cpu_most,
        (unsigned long long)p->cpu_most_seed, (double)p->heap_most / (1 << 20), failures);
    fflush(stdout);
    finish(&s);
    munmap(p, sizeof *p);
    return failures == 0;
}

/* ---- one mutant, by hand */

static bool write_out(const struct image *image, const char *path)
{
    AUTO(fclosep) FILE *f = fopen(path, "wb");

    if (!f || fwrite(image->p, 1, image->size, f) != image->size || fflush(f) != 0) {
        perror(path);
        return false;
    }
    return true;
}

static bool run_one(struct looker *l, const char *path, uint64_t seed, const char *out)
{
    struct subject s = {.sums = {.n = 0}};
    struct progress p = {.seed = seed};
    bool good;

    if (!prepare(&s, l, path)) {
        finish(&s);
        return false;
    }
    make_mutant(&s.image, &s.sums, seed);
    printf("%zu pages of %s changed, %llu of %llu bytes\n", s.image.saved_n,
           base_name(path), (unsigned long long)s.image.size,
           (unsigned long long)s.image.whole);
    for (size_t i = 0; i < s.image.saved_n; i++)
        printf("    at %llu\n", (unsigned long long)s.image.saved[i].off);
    good = !out || write_out(&s.image, out);
    image_restore(&s.image);
    fflush(stdout);
    if (good)
        try_mutant(l, &s.image, &s.sums, &p);
    printf("%.2f s, %.1f MiB, %llu entries, %s\n", p.cpu, (double)p.heap_most / (1 << 20),
           (unsigned long long)p.entries,
           p.judged  ? "judged"
           : p.root  ? "a root, and problems"
           : p.taken ? "opened"
                     : "refused");
    finish(&s);
    return good;
}

static int usage(void)
{
    fputs("usage: mutate -n COUNT [-s FIRST] IMAGE...\n"
          "       mutate [-o FILE] IMAGE SEED\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    uint64_t count = 0, first = 1;
    const char *out = NULL;
    struct looker *l;
    bool good = true;
    int c;

    while ((c = getopt(argc, argv, "n:s:o:")) != -1)
        if (c == 'n')
            count = strtoull(optarg, NULL, 10);
        else if (c == 's')
            first = strtoull(optarg, NULL, 10);
        else if (c == 'o')
            out = optarg;
        else
            return usage();
    if (optind == argc || (count == 0 && argc - optind != 2))
        return usage();
    signal(SIGPROF, too_long);
    l = looker_new();
    if (!l)
        return 1;
    if (count == 0)
        good = run_one(l, argv[optind], strtoull(argv[optind + 1], NULL, 10), out);
    for (int i = optind; count && i < argc; i++)
        good = run_image(l, argv[i], first, count) && good;
    looker_free(l);
    return good ? 0 : 1;
}
