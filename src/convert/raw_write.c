/* SPDX-License-Identifier: GPL-2.0-or-later */
/* raw_write.c: the disk as it is, with holes where it is zero */
#include "base/checked.h"
#include "convert/sink.h"

static int raw_put(struct sink *s, const struct cluster *c, struct err *err)
{
    uint64_t off = c->index * s->cluster;

    return out_put(s->out, c->p, min_u64(c->length, s->virtual_size - off), off, err);
}

/* What the last cluster has behind it was zeros, and is cut. */
static int raw_set_size(struct sink *s, uint64_t virtual_size, struct err *err)
{
    (void)err;
    s->virtual_size = virtual_size;
    return 0;
}

static int raw_finish(struct sink *s, uint64_t *ret_size, struct err *err)
{
    int r = out_end(s->out, s->virtual_size, err);

    if (r < 0)
        return r;
    *ret_size = s->virtual_size;
    return 0;
}

static void raw_close(struct sink *s)
{
    free(s);
}

static bool raw_holds(enum convert_compression c)
{
    return c == CONVERT_PLAIN;
}

static int raw_open(struct sink **ret, struct out *out, const struct sink_spec *spec,
                    struct err *err)
{
    struct sink *s = calloc(1, sizeof *s);

    if (!s)
        return FAIL(err, ERR_NOMEM, "no memory for an output");
    *s = (struct sink){&raw_sink, out, PACK_PLAIN, spec->cluster, spec->virtual_size};
    *ret = s;
    return 0;
}

const struct sink_driver raw_sink = {
    .format = IMAGE_RAW,
    .kind = "",
    .blind = true,
    .holds = raw_holds,
    .open = raw_open,
    .put = raw_put,
    .set_size = raw_set_size,
    .finish = raw_finish,
    .close = raw_close,
};
