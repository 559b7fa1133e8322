/* SPDX-License-Identifier: GPL-2.0-or-later */
/* share.h: images shown to other accounts, and the operations of a day */
#pragma once

#include "base/arena.h"
#include "store/db.h"

struct share {
    const char *account; /* uin that sees it */
    int64_t created;
};

struct share_list {
    struct share *v;
    size_t n;
};

/* Shows an image to all of these accounts, or to none.  It must be a custom image in
 * state NORMAL.  REFUSED_NONE, REFUSED_STATE, REFUSED_SELF (the owner is among them),
 * REFUSED_ACCOUNT, REFUSED_SHARED (one sees it already), REFUSED_SHARE_LIMIT (more than
 * `limit` in all); *ret_which (may be NULL) is then the index of the account it was. */
int share_add(size_t *ret_which, struct db *db, const char *image,
              const char *const *accounts, size_t n, int64_t limit, struct err *err);
/* REFUSED_NONE: no such image.  An account that does not see it is no error. */
int share_cancel(struct db *db, const char *image, const char *const *accounts, size_t n,
                 struct err *err);
/* In the order they were made. */
int share_list(struct share_list *ret, struct arena *arena, struct db *db,
               const char *image, struct err *err);

/* One more operation of account and region on this day of Asia/Shanghai (UTC+8, no
 * daylight saving), by the engine's clock.  In the transaction of the operation, so that
 * what is refused later is not counted.  REFUSED_DAY: `limit` are used up. */
int day_op_use(struct db *db, const char *account, const char *region, int64_t limit,
               struct err *err);
int day_op_count(int64_t *ret, struct db *db, const char *account, const char *region,
                 struct err *err);
