/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>

#include "base/scoped.h"
#include "store/catalog.h"
#include "store/db_driver.h"

int catalog_schema_version(void)
{
    return db_migrations[db_n_migrations - 1].version;
}

static int run_script(struct db *db, const char *sql, struct err *err)
{
    AUTO(freep) char *text = NULL;
    int r = db_translate(&text, db->driver, sql, err);

    return r < 0 ? r : db->driver->script(db, text, err);
}

static int migrate(struct db *db, void *arg, struct err *err)
{
    int64_t have = 0;
    int r;

    (void)arg;
    r = run_script(db, db->driver->schema_lock, err);
    if (r == 0)
        r = run_script(db,
                       "CREATE TABLE IF NOT EXISTS schema_version "
                       "(version @INT PRIMARY KEY, applied @INT NOT NULL) @TABLE",
                       err);
    if (r == 0)
        r = db_get_int(&have, db, "SELECT COALESCE(MAX(version), 0) FROM schema_version",
                       DB_NO_ARGS, err);
    if (r < 0)
        return r;
    if (have > catalog_schema_version())
        return FAIL(err, ERR_UNSUPPORTED,
                    "catalogue: schema %" PRId64
                    " is of a newer imgport, this one has %d",
                    have, catalog_schema_version());
    for (int i = 0; i < db_n_migrations; i++) {
        if (db_migrations[i].version <= have)
            continue;
        r = run_script(db, db_migrations[i].sql, err);
        if (r == 0)
            r = db_exec(NULL, db,
                        "INSERT INTO schema_version (version, applied) VALUES ($1, @NOW)",
                        DB_ARGS(db_int(db_migrations[i].version)), err);
        if (r < 0) {
            err_prefix(err, "migration %04d_%s", db_migrations[i].version,
                       db_migrations[i].name);
            return r;
        }
    }
    return 0;
}

int db_migrate(struct db *db, struct err *err)
{
    return db_tx(db, migrate, NULL, err);
}
