/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault_store.c: the catalogue with each allocation, each write and each flush failing
 * once
 *
 * Two transactions (an import begins, an import ends) and a list, on a copy of a small
 * catalogue in SQLite.  An argument N leaves out all but one in N allocations: most are
 * SQLite's own, and thousands.  What answered "done" is there when the catalogue is
 * opened again, what answered an error is not, and nothing is half there. */
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scoped.h"
#include "store/account.h"
#include "store/catalog.h"
#include "store/share.h"
#include "store/task.h"

#define REGION "ap-guangzhou"

/* -- failing ----------------------------------------------------------------------------
 */

/* Faults are counted while `armed`, and the one with number `failing` happens. */
static unsigned count, failing;
static bool armed, writes; /* writes and flushes fail, or allocations */

static bool fails(bool write)
{
    return armed && write == writes && ++count == failing;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t n)
{
    return fails(false) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails(false) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails(false) ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
    return fails(false) ? NULL : __real_strdup(s);
}

/* SQLite's own allocations: its shared library knows nothing of --wrap. */
static sqlite3_mem_methods memory;

static void *sqlite_malloc(int n)
{
    return fails(false) ? NULL : memory.xMalloc(n);
}

static void *sqlite_realloc(void *p, int n)
{
    return fails(false) ? NULL : memory.xRealloc(p, n);
}

/* SQLite has a table of functions for each kind of file (with locks and without). */
static struct kind {
    sqlite3_io_methods ours; /* first: a file points to it */
    const sqlite3_io_methods *disk;
} kinds[4];

static const sqlite3_io_methods *disk_of(const sqlite3_file *f)
{
    return ((const struct kind *)(const void *)f->pMethods)->disk;
}

static int disk_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    return fails(true) ? SQLITE_FULL : disk_of(f)->xWrite(f, p, n, at);
}

static int disk_sync(sqlite3_file *f, int flags)
{
    return fails(true) ? SQLITE_IOERR_FSYNC : disk_of(f)->xSync(f, flags);
}

static int disk_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return fails(true) ? SQLITE_IOERR_TRUNCATE : disk_of(f)->xTruncate(f, size);
}

static int disk_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return fails(true) ? SQLITE_IOERR_SHMMAP
                       : disk_of(f)->xShmMap(f, page, size, extend, ret);
}

static int (*real_open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
                     int *out)
{
    int code = fails(true) ? SQLITE_CANTOPEN : real_open(vfs, name, f, flags, out);
    size_t i = 0;

    if (code != SQLITE_OK || !f->pMethods)
        return code;
    while (i < ARRAY_SIZE(kinds) && kinds[i].disk && kinds[i].disk != f->pMethods)
        i++;
    if (i == ARRAY_SIZE(kinds))
        abort();
    kinds[i].disk = f->pMethods;
    kinds[i].ours = *f->pMethods;
    kinds[i].ours.xWrite = disk_write;
    kinds[i].ours.xSync = disk_sync;
    kinds[i].ours.xTruncate = disk_truncate;
    kinds[i].ours.xShmMap = disk_map;
    f->pMethods = &kinds[i].ours;
    return code;
}

static void install(void)
{
    static sqlite3_mem_methods ours;
    static sqlite3_vfs vfs;

    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory);
    ours = memory;
    ours.xMalloc = sqlite_malloc;
    ours.xRealloc = sqlite_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
    json_set_alloc_funcs(__wrap_malloc, free);
    vfs = *sqlite3_vfs_find(NULL);
    real_open = vfs.xOpen;
    vfs.xOpen = disk_open;
    vfs.zName = "failing";
    sqlite3_vfs_register(&vfs, 1);
}

/* -- what is done -----------------------------------------------------------------------
 */

static char dir[64], url[120];

static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "%s %u: %s%s%s\n", writes ? "write" : "allocation", failing, what,
            err ? ": " : "", err ? err->msg : "");
    exit(1);
}

static const char *file(const char *suffix)
{
    static char path[100];

    snprintf(path, sizeof path, "%s/catalog.db%s", dir, suffix);
    return path;
}

struct import {
    const char *owner, *name;
};

static int begin(struct db *db, void *arg, struct err *err)
{
    const struct import *i = arg;
    const struct image image = {
        .region = REGION, .owner = i->owner, .name = i->name, .state = IMAGE_IMPORTING};
    const struct tag tags[] = {{"a", "1"}, {"b", "2"}};
    char id[IMAGE_ID_SIZE];
    int64_t task;
    int r = day_op_use(db, i->owner, REGION, 100, err);

    if (r == 0)
        r = image_new(id, db, &image, 100, tags, 2, err);
    if (r == 0)
        r = task_new(
            &task, db,
            &(struct task){
                .kind = TASK_IMPORT, .image = id, .account = i->owner, .region = REGION},
            err);
    return r;
}

static int end(struct db *db, const struct task *task, const struct task_lease *lease,
               struct err *err)
{
    struct image_change change = IMAGE_CHANGE_NOTHING;

    change.state = IMAGE_NORMAL;
    return task_finish(db, lease,
                       &(struct task_end){
                           .state = TASK_DONE,
                           .image = task->image,
                           .image_from = IMAGE_IN(IMAGE_IMPORTING),
                           .image_change = &change,
                           .report = "{}",
                           .messages = &(struct message_new){.account = task->account,
                                                             .type = "x",
                                                             .subject = "",
                                                             .body = "",
                                                             .image = task->image},
                           .n_messages = 1,
                       },
                       err);
}

struct outcome {
    bool opened, began, ended;
};

/* An answer is 0 or an error with its sentence. */
static bool done(int r, struct err *err, const char *what)
{
    if (r > 0)
        die(what, NULL);
    if (r < 0 && (err->code == ERR_NONE || !err->msg[0]))
        die("an error without a word", NULL);
    err_clear(err);
    return r == 0;
}

static void act(struct outcome *o, const char *uin)
{
    AUTO(arena_fini) struct arena arena = {0};
    AUTO(catalog_closep) struct catalog *c = NULL;
    AUTO(catalog_put) struct db *db = NULL;
    const struct image_query q = {.account = uin, .region = REGION, .limit = 20};
    const struct catalog_options opts = {.patience_ms = 200};
    struct image_list list;
    struct task_lease lease;
    struct task task;
    struct err err = {0};

    o->opened = done(catalog_open(&c, url, &opts, &err), &err, "open");
    if (!o->opened || !done(catalog_get(&db, c, &err), &err, "get"))
        return;
    o->began = done(db_tx(db, begin, &(struct import){uin, "new"}, &err), &err, "begin");
    if (done(image_list(&list, &arena, db, &q, &err), &err, "list") &&
        (list.total != 1 + o->began || strcmp(list.v[list.n - 1].name, "old") != 0))
        die("a list that is not all", NULL);
    if (!done(task_claim(&task, &lease, NULL, &arena, db, TASK_OF_ALL, "me", 60, &err),
              &err, "claim"))
        return;
    (void)done(task_beat(NULL, db, &lease, 60, NULL, &err), &err, "beat");
    o->ended = done(end(db, &task, &lease, &err), &err, "end");
}

/* -- what is there then -----------------------------------------------------------------
 */

static int64_t number(struct db *db, const char *sql)
{
    struct err err = {0};
    int64_t n = -1;

    if (db_get_int(&n, db, sql, DB_NO_ARGS, &err) != 1)
        die(sql, &err);
    return n;
}

static void must(struct db *db, const char *sql, int64_t want)
{
    int64_t got = number(db, sql);

    if (got != want) {
        fprintf(stderr, "%d, want %d: ", (int)got, (int)want);
        die(sql, NULL);
    }
}

static void check(const struct outcome *o)
{
    AUTO(catalog_closep) struct catalog *c = NULL;
    AUTO(catalog_put) struct db *db = NULL;
    struct err err = {0};

    if (catalog_open(&c, url, NULL, &err) < 0 || catalog_get(&db, c, &err) < 0)
        die("it does not open again", &err);
    must(db, "SELECT COUNT(*) FROM image", 1 + o->began);
    must(db, "SELECT COUNT(*) FROM task", 1 + o->began);
    must(db, "SELECT COUNT(*) FROM image_tag", 2 + 2 * o->began);
    /* Of the day that has one: at midnight of Shanghai it begins again. */
    must(
        db,
        "SELECT (SELECT SUM(n) FROM day_op) - (SELECT COUNT(*) FROM image WHERE (created "
        "+ 28800) / 86400 = (SELECT MAX(day) FROM day_op))",
        0);
    must(db, "SELECT COUNT(*) FROM image WHERE state = 1", o->ended);
    must(db, "SELECT COUNT(*) FROM task WHERE state = 2", o->ended);
    must(db, "SELECT COUNT(*) FROM message", o->ended);
    must(db, "SELECT COUNT(*) FROM image_report", o->ended);
    must(db, "SELECT COUNT(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'",
         1);
}

static void prepare(char uin[16])
{
    AUTO(arena_fini) struct arena arena = {0};
    AUTO(catalog_closep) struct catalog *c = NULL;
    AUTO(catalog_put) struct db *db = NULL;
    struct account a = {.name = "me", .language = "en"};
    struct err err = {0};

    if (catalog_open(&c, url, NULL, &err) < 0 || catalog_get(&db, c, &err) < 0 ||
        account_new(&a, &arena, db, &a, &err) != 0 ||
        db_tx(db, begin, &(struct import){a.uin, "old"}, &err) != 0)
        die("prepare", &err);
    snprintf(uin, 16, "%s", a.uin);
}

static char *load(size_t *ret_n)
{
    AUTO(fclosep) FILE *f = fopen(file(""), "rb");
    size_t cap = 4 << 20;
    char *p = malloc(cap);

    if (!f || !p)
        die("load", NULL);
    *ret_n = fread(p, 1, cap, f);
    return p;
}

static void store(const char *p, size_t n)
{
    AUTO(fclosep) FILE *f = fopen(file(""), "wb");

    if (!f || fwrite(p, 1, n, f) != n)
        die("store", NULL);
}

static void forget(void)
{
    unlink(file("-wal"));
    unlink(file("-shm"));
    unlink(file(""));
}

int main(int argc, char **argv)
{
    unsigned step = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    AUTO(freep) char *image = NULL;
    char uin[16];
    size_t n;

    install();
    /* In memory where there is such a folder: thousands of flushes. */
    snprintf(dir, sizeof dir, "%s/imgport-fault-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir))
        die("mkdtemp", NULL);
    snprintf(url, sizeof url, "sqlite:%s", file(""));
    prepare(uin);
    image = load(&n);
    for (int kind = 0; kind < 2; kind++) {
        writes = kind == 1;
        for (failing = 1;; failing += writes ? 1 : step) {
            struct outcome o = {0};

            forget();
            store(image, n);
            count = 0;
            armed = true;
            act(&o, uin);
            armed = false;
            check(&o);
            if (count < failing)
                break;
        }
        printf("%u %s, one in %u failed\n", count, writes ? "writes" : "allocations",
               writes ? 1 : step);
    }
    forget();
    rmdir(dir);
    return 0;
}
