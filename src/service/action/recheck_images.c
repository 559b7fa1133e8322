/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RecheckImages: judges images that are there by the rules of now, as a daemon does by
 * itself when they changed. */
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/action/action.h"
#include "service/action/image.h"
#include "service/job/recheck.h"

enum { IMAGES_MAX = 100 };

struct recheck {
    struct call *c;
    struct arena *arena;
    int64_t tasks[IMAGES_MAX];
};

static int begin_one(struct recheck *k, struct db *db, size_t n, struct err *err)
{
    struct call *c = k->c;
    const char *id = call_text_at(c, "ImageIds", n);
    struct image i;
    int r = image_see(&i, k->arena, db, c->account.uin, c->region->id, id, true, err);

    if (r == REFUSED_NONE || (r == 0 && !image_is_own(c, &i) && !c->account.is_operator))
        return call_error(c, "InvalidImageId.NotFound",
                          _("there is no image %s of yours"), id);
    if (r == 0 && i.state != IMAGE_NORMAL)
        return call_error(c, "InvalidImageId.IncorrectState", _("%s is in state %s"), id,
                          image_state_name(i.state));
    return r == 0 ? recheck_begin(&k->tasks[n], db, c->service, &i, c->request_id, err)
                  : r;
}

static int begin(struct db *db, void *arg, struct err *err)
{
    struct recheck *k = arg;
    int r = 0;

    for (size_t i = 0; r == 0 && i < call_count(k->c, "ImageIds"); i++)
        r = begin_one(k, db, i, err);
    return r;
}

int action_recheck_images(struct call *c)
{
    AUTO(arena_fini) struct arena arena = {.max = ACTION_ARENA_MAX};
    struct recheck k = {.c = c, .arena = &arena};
    struct err err = {0};
    int r;

    for (size_t i = 0; i < call_count(c, "ImageIds"); i++)
        if (call_check_image_id(c, call_text_at(c, "ImageIds", i)) < 0)
            return -1;
    r = catalog_tx(c->service->catalog, begin, &k, &err);
    if (r != 0)
        return call_refused(c, r, &err);
    json_out_begin_list(&c->reply, "TaskSet");
    for (size_t i = 0; i < call_count(c, "ImageIds"); i++) {
        json_out_begin(&c->reply, NULL);
        json_out_text(&c->reply, "ImageId", call_text_at(c, "ImageIds", i));
        json_out_int(&c->reply, "TaskId", k.tasks[i]);
        json_out_end(&c->reply);
    }
    json_out_end_list(&c->reply);
    return 0;
}
