/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image.h: what actions about images share */
#pragma once

#include "service/call.h"
#include "service/iso_time.h"
#include "store/image.h"

enum { ACTION_ARENA_MAX = 16 << 20 };

/* The vendor's Image as a member (key NULL: of a list). */
void image_write(struct json_out *o, const char *key, const struct image *i);

/* What an hour of it costs: 1/10,000 of the currency unit. */
int image_price(int64_t *ret, const struct call *c, struct arena *arena, struct db *db,
                const struct image *image, struct err *err);

/* Is it the caller's own, whatever became of it? */
static inline bool image_is_own(const struct call *c, const struct image *i)
{
    return strcmp(i->owner, c->account.uin) == 0;
}
