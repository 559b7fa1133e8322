/* SPDX-License-Identifier: GPL-2.0-or-later */
/* catalogbench URL COUNT [THREADS]: what a catalogue costs, on this machine
 *
 * Makes an account with 100 images, each with two tags, 20 public ones and 5 shared; then
 * lists 20 of them COUNT times, and counts CPU-seconds of this process and seconds of the
 * clock.  Then commits that are flushed and commits that are not. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/scoped.h"
#include "store/account.h"
#include "store/catalog.h"
#include "store/image.h"
#include "store/share.h"
#include "store/task.h"

#define REGION "ap-guangzhou"

enum { OWN = 100, OFFERED = 20, SHARED = 5 };

static struct catalog *catalog;
static struct account me, other;
static long count;

static void die(const struct err *err)
{
    fprintf(stderr, "catalogbench: %s\n", err->msg);
    exit(1);
}

static double clock_s(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add(struct db *db, const char *owner, enum image_kind kind, int n, bool share)
{
    struct err err = {0};
    char id[IMAGE_ID_SIZE], name[32];
    const struct tag tags[] = {{"env", "production"}, {"team", "images"}};
    const struct image image = {
        .region = REGION,
        .owner = owner,
        .name = name,
        .description = "an image of a server, with what it needs",
        .kind = kind,
        .state = IMAGE_NORMAL,
        .os_name = "CentOS 8.0 64bit",
        .platform = "CentOS",
        .os_type = "CentOS",
        .os_version = "8",
        .architecture = "x86_64",
        .size_gib = 50,
        .virtual_size = INT64_C(50) << 30,
        .file_size = INT64_C(2) << 30,
        .blob = "images/0123456789abcdef0123456789abcdef",
        .sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .source = SOURCE_EXTERNAL_IMPORT,
        .license = "TencentCloud",
        .boot_mode = "Legacy BIOS",
        .sync_percent = -1,
        .snapshots = "[{\"SnapshotId\":\"snap-12345678\",\"DiskUsage\":\"SYSTEM_DISK\","
                     "\"DiskSize\":50}]",
        .disks = "[]",
        .profile = "tencent-2022 1",
    };

    snprintf(name, sizeof name, "image-%d-%d", kind, n);
    if (image_new(id, db, &image, 1000, tags, 2, &err) != 0)
        die(&err);
    if (share && share_add(NULL, db, id, &me.uin, 1, 50, &err) != 0)
        die(&err);
}

static void *list(void *arg)
{
    AUTO(catalog_put) struct db *db = NULL;
    const struct image_query q = {.account = me.uin, .region = REGION, .limit = 20};
    struct err err = {0};

    (void)arg;
    if (catalog_get(&db, catalog, &err) < 0)
        die(&err);
    for (long i = 0; i < count; i++) {
        AUTO(arena_fini) struct arena arena = {0};
        struct image_list l;

        if (image_list(&l, &arena, db, &q, &err) < 0)
            die(&err);
        if (l.n != 20 || l.total != OWN + OFFERED + SHARED)
            abort();
    }
    return NULL;
}

static void print(const char *what, double n, double cpu, double wall)
{
    printf("%-28s %8.0f times, %6.1f us of CPU each, %7.0f a second\n", what, n,
           cpu / n * 1e6, n / wall);
}

static void measure_lists(int n_threads)
{
    double cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID), wall = clock_s(CLOCK_MONOTONIC);
    pthread_t threads[16];

    for (int i = 0; i < n_threads; i++)
        if (pthread_create(&threads[i], NULL, list, NULL) != 0)
            abort();
    for (int i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    print("image_list 20 of 125", (double)count * n_threads,
          clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu, clock_s(CLOCK_MONOTONIC) - wall);
}

static void measure_keys(const char *secret_id)
{
    double cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID), wall = clock_s(CLOCK_MONOTONIC);
    struct key_holder h;
    struct err err = {0};

    for (long i = 0; i < count; i++)
        if (catalog_find_key(&h, catalog, secret_id, &err) != 0)
            die(&err);
    print("catalog_find_key", (double)count, clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu,
          clock_s(CLOCK_MONOTONIC) - wall);
}

static void measure_tasks(struct db *db, bool beat)
{
    AUTO(arena_fini) struct arena arena = {0};
    double cpu, wall;
    struct err err = {0};
    struct task_lease lease;
    struct task task;
    int64_t id;
    int n = 500;

    for (int i = 0; i < n; i++)
        if (task_new(&id, db, &(struct task){.kind = TASK_IMPORT}, &err) != 0)
            die(&err);
    cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    wall = clock_s(CLOCK_MONOTONIC);
    for (int i = 0; i < n; i++) {
        if ((!beat || i == 0) && task_claim(&task, &lease, NULL, &arena, db, TASK_OF_ALL,
                                            "bench", 600, &err) != 0)
            die(&err);
        if (beat && task_beat(NULL, db, &lease, 600, NULL, &err) != 0)
            die(&err);
    }
    print(beat ? "task_beat (not flushed)" : "task_claim (flushed)", n,
          clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu, clock_s(CLOCK_MONOTONIC) - wall);
}

int main(int argc, char **argv)
{
    AUTO(arena_fini) struct arena arena = {0};
    AUTO(catalog_put) struct db *db = NULL;
    struct rusage usage;
    struct err err = {0};
    struct key key;

    if (argc < 3) {
        fprintf(stderr, "usage: catalogbench URL COUNT [THREADS]\n");
        return 2;
    }
    count = atol(argv[2]);
    me.name = "me";
    other.name = "other";
    me.language = other.language = "en";
    if (catalog_open(&catalog, argv[1], NULL, &err) < 0 ||
        catalog_get(&db, catalog, &err) < 0 ||
        account_new(&me, &arena, db, &me, &err) != 0 ||
        account_new(&other, &arena, db, &other, &err) != 0 ||
        key_new(&key, db, me.uin, &err) != 0)
        die(&err);
    for (int i = 0; i < OWN; i++)
        add(db, me.uin, IMAGE_CUSTOM, i, false);
    for (int i = 0; i < OFFERED; i++)
        add(db, other.uin, IMAGE_PUBLIC, i, false);
    for (int i = 0; i < SHARED; i++)
        add(db, other.uin, IMAGE_CUSTOM, i, true);
    measure_lists(argc > 3 && atoi(argv[3]) <= 16 ? atoi(argv[3]) : 1);
    measure_keys(key.secret_id);
    measure_tasks(db, false);
    measure_tasks(db, true);
    getrusage(RUSAGE_SELF, &usage);
    printf("peak memory %ld KiB\n", usage.ru_maxrss);
    return 0;
}
