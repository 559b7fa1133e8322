/* SPDX-License-Identifier: GPL-2.0-or-later */
/* testing.h: what tests of the catalogue share
 *
 * The same suites run over both engines: STORE_URL names a PostgreSQL database (made by
 * tests/store/postgresql.sh), without it each test program uses a new SQLite file. */
#pragma once

#include "store/account.h"
#include "store/catalog.h"
#include "store/image.h"

#define REGION "ap-guangzhou"

struct testing {
    struct catalog *catalog;
    struct db *db; /* one that tests use */
    struct arena arena;
    char dir[64]; /* of the SQLite file */
    char url[300];
};

/* Patient enough for a machine on which an engine takes half a minute to be up again. */
extern const struct catalog_options testing_options;

/* cmocka's setup and teardown of a group: opens an empty catalogue. */
int testing_open(void **state);
int testing_close(void **state);
bool testing_is_sqlite(const struct testing *t);

/* Asks the script that started PostgreSQL to kill it, and waits until it is up again. */
void testing_crash_engine(void);

/* An account with a new name. */
struct account testing_account(struct testing *t);
/* A custom image with a new name; fields are changed before it is made. */
struct image testing_image(struct testing *t, const struct account *owner);
const char *testing_add(struct testing *t, const struct image *image);

/* One statement in a transaction, for what no function does (time passes). */
void testing_exec(struct testing *t, const char *sql);
int64_t testing_int(struct testing *t, const char *sql);

/* Asserts that r is `want`; prints the message when it is an error. */
#define CHECK(want, call)                                                           \
    do {                                                                            \
        struct err err = {0}; /* what `call` names */                               \
        int r_ = (call);                                                            \
                                                                                    \
        if (r_ != (want))                                                           \
            print_error("%s:%d: %d, want %d: %s\n", __FILE__, __LINE__, r_, (want), \
                        err.msg);                                                   \
        assert_int_equal(r_, (want));                                               \
    } while (0)
#define OK(call) CHECK(0, call)
