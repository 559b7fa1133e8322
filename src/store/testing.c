/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/testing.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "store/db_driver.h"

const struct catalog_options testing_options = {.patience_ms = 60000};

/* The database of a former run of another test program. */
static void wipe_postgresql(const char *url)
{
    char copy[300];
    struct db_home home = {.url = copy, .patience_ms = 1000};
    struct db *db;

    snprintf(copy, sizeof copy, "%s", url);
    OK(db_open(&db, &home, &err));
    OK(db->driver->script(db, "DROP SCHEMA public CASCADE; CREATE SCHEMA public", &err));
    db_close(db);
}

bool testing_is_sqlite(const struct testing *t)
{
    return t->dir[0] != '\0';
}

int testing_open(void **state)
{
    struct testing *t = calloc(1, sizeof *t);
    const char *url = getenv("STORE_URL");

    assert_non_null(t);
    if (url && *url) {
        snprintf(t->url, sizeof t->url, "%s", url);
        wipe_postgresql(url);
    } else {
        snprintf(t->dir, sizeof t->dir, "/tmp/imgport-store-XXXXXX");
        assert_non_null(mkdtemp(t->dir));
        snprintf(t->url, sizeof t->url, "sqlite:%s/catalog.db", t->dir);
    }
    OK(catalog_open(&t->catalog, t->url, &testing_options, &err));
    OK(catalog_get(&t->db, t->catalog, &err));
    *state = t;
    return 0;
}

int testing_close(void **state)
{
    static const char *const names[] = {"catalog.db", "catalog.db-wal", "catalog.db-shm"};
    struct testing *t = *state;
    char path[128];

    catalog_put(&t->db);
    catalog_close(t->catalog);
    for (size_t i = 0; t->dir[0] && i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", t->dir, names[i]);
        unlink(path);
    }
    if (t->dir[0])
        assert_int_equal(rmdir(t->dir), 0);
    arena_fini(&t->arena);
    free(t);
    return 0;
}

static unsigned next_number(void)
{
    static unsigned n;

    return ++n;
}

struct account testing_account(struct testing *t)
{
    struct account a = {
        .name = arena_printf(&t->arena, "account-%u", next_number()),
        .language = "en",
        .image_quota = -1,
        .share_quota = -1,
    };

    OK(account_new(&a, &t->arena, t->db, &a, &err));
    return a;
}

struct image testing_image(struct testing *t, const struct account *owner)
{
    return (struct image){
        .region = REGION,
        .owner = owner->uin,
        .name = arena_printf(&t->arena, "image-%u", next_number()),
        .kind = IMAGE_CUSTOM,
        .state = IMAGE_NORMAL,
        .os_name = "Debian 12",
        .platform = "Debian",
        .architecture = "x86_64",
        .source = SOURCE_EXTERNAL_IMPORT,
        .license = "TencentCloud",
        .boot_mode = "Legacy BIOS",
        .sync_percent = -1,
        .snapshots = "[]",
        .disks = "[]",
        .size_gib = 10,
    };
}

const char *testing_add(struct testing *t, const struct image *image)
{
    char id[IMAGE_ID_SIZE];

    OK(image_new(id, t->db, image, 1000000, NULL, 0, &err));
    return arena_str(&t->arena, id);
}

static int exec_fn(struct db *db, void *arg, struct err *err)
{
    return db_exec(NULL, db, arg, DB_NO_ARGS, err);
}

void testing_exec(struct testing *t, const char *sql)
{
    OK(db_tx(t->db, exec_fn, (void *)(uintptr_t)sql, &err));
}

int64_t testing_int(struct testing *t, const char *sql)
{
    int64_t n = 0;

    CHECK(1, db_get_int(&n, t->db, sql, DB_NO_ARGS, &err));
    return n;
}

void testing_crash_engine(void)
{
    AUTO(closep) int ask = open(getenv("STORE_PG_CRASH"), O_WRONLY | O_CLOEXEC);
    AUTO(closep) int up = -1;
    char line[8];

    assert_true(ask >= 0);
    assert_int_equal(write(ask, "x\n", 2), 2);
    closep(&ask);
    up = open(getenv("STORE_PG_CRASHED"), O_RDONLY | O_CLOEXEC);
    assert_true(up >= 0);
    assert_true(read(up, line, sizeof line) > 0);
}
