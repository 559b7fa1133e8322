/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/kernel/cpio.h"

#include <assert.h>
#include <sys/stat.h>

#include "base/checked.h"

void cpio_begin(struct cpio *c, const struct initramfs_reader *reader, unsigned *entries,
                uint64_t pos)
{
    c->reader = reader;
    c->entries = entries;
    c->state = CPIO_BETWEEN;
    c->started = false;
    c->pos = pos;
    c->skip = 0;
    c->n = c->need = 0;
}

static int hex_digit(uint8_t ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    ch |= 0x20;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static uint32_t hex_field(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 8);
    uint32_t v = 0;

    for (int i = 0; p && i < 8; i++) {
        int d = hex_digit(p[i]);

        if (d < 0)
            c->bad = true;
        v = v << 4 | (uint32_t)(d & 15);
    }
    return v;
}

/* Bytes that a name takes, padding included: header and name end on a multiple of 4. */
static uint64_t name_room(uint32_t n)
{
    return (((uint64_t)n + 1) & ~(uint64_t)3) + 2;
}

static void expect(struct cpio *c, enum cpio_state state, size_t need)
{
    c->state = state;
    c->n = 0;
    c->need = need;
}

static void skip_to_next(struct cpio *c, uint64_t n)
{
    c->state = n ? CPIO_SKIP : CPIO_BETWEEN;
    c->skip = n;
}

static int decode_header(struct cpio *c, struct err *err)
{
    struct bytes raw = bytes_of(c->header, sizeof c->header);
    struct cursor cur = cursor_at(raw, 6 + 8);
    uint32_t name_n;

    if (bytes_at(raw, 0, "070707", 6))
        return FAIL(err, ERR_UNSUPPORTED, "cpio: the old portable format, not newc");
    if (!bytes_at(raw, 0, "070701", 6) && !bytes_at(raw, 0, "070702", 6))
        return FAIL(err, ERR_CORRUPT, "cpio: no magic at the start of an entry");
    c->entry = (struct initramfs_entry){.mode = hex_field(&cur)};
    cursor_skip(&cur, 4 * 8); /* uid, gid, links, time */
    c->body = hex_field(&cur);
    cursor_skip(&cur, 4 * 8); /* device numbers */
    name_n = hex_field(&cur);
    if (cur.bad)
        return FAIL(err, ERR_CORRUPT, "cpio: a header that is not hexadecimal");
    c->entry.size = c->body;

    if (name_n == 0 || name_n > INITRAMFS_NAME_MAX ||
        (S_ISLNK(c->entry.mode) && c->body > CPIO_LINK_MAX) ||
        (!S_ISLNK(c->entry.mode) && !S_ISREG(c->entry.mode) && c->body > 0)) {
        skip_to_next(c, name_room(name_n) + round_up(c->body, 4));
        return 0;
    }
    assert(name_room(name_n) <= sizeof c->name);
    expect(c, CPIO_IN_NAME, name_n);
    return 0;
}

static const char *plain_name(const char *name)
{
    for (;;) {
        if (name[0] == '/')
            name++;
        else if (name[0] == '.' && name[1] == '/')
            name += 2;
        else
            return name;
    }
}

static int tell(struct cpio *c, struct err *err)
{
    if (++*c->entries > INITRAMFS_ENTRIES_MAX)
        return FAIL(err, ERR_LIMIT, "cpio: more than %d entries", INITRAMFS_ENTRIES_MAX);
    return c->reader->entry(c->reader->arg, &c->entry, err);
}

static uint64_t after_name(const struct cpio *c)
{
    /* The header was found on a multiple of 4, so this is the padding of both. */
    return round_up(c->pos, 4) - c->pos + round_up(c->body, 4);
}

static int decode_name(struct cpio *c, struct err *err)
{
    const struct initramfs_reader *r = c->reader;

    if (c->name[c->need - 1] != 0)
        return FAIL(err, ERR_CORRUPT, "cpio: a name without its end");
    if (strcmp(c->name, "TRAILER!!!") == 0) {
        skip_to_next(c, after_name(c));
        return 0;
    }
    c->entry.name = plain_name(c->name);
    if (S_ISREG(c->entry.mode) && c->body && r->want &&
        r->want(r->arg, c->entry.name, c->body)) {
        expect(c, CPIO_IN_CONTENT, min_size(c->body, CPIO_CONTENT_MAX));
        c->skip = round_up(c->pos, 4) - c->pos; /* padding in front of it */
        return 0;
    }
    skip_to_next(c, after_name(c));
    return tell(c, err);
}

static int decode_content(struct cpio *c, struct err *err)
{
    c->entry.content = bytes_of(c->content, c->need);
    skip_to_next(c, round_up(c->body, 4) - c->need);
    return tell(c, err);
}

/* Copies towards c->need; true when that is reached. */
static bool gather(struct cpio *c, struct bytes *in, void *to)
{
    size_t n = min_size(in->n, c->need - c->n);

    memcpy((uint8_t *)to + c->n, in->p, n);
    c->n += n;
    c->pos += n;
    *in = bytes_of(in->p + n, in->n - n);
    return c->n == c->need;
}

static void drop(struct cpio *c, struct bytes *in)
{
    size_t n = (size_t)min_u64(c->skip, in->n);

    cpio_skip(c, n);
    *in = bytes_of(in->p + n, in->n - n);
}

static void drop_zeros(struct cpio *c, struct bytes *in)
{
    size_t n = 0;

    while (n < in->n && in->p[n] == 0)
        n++;
    c->pos += n;
    *in = bytes_of(in->p + n, in->n - n);
}

/* The first byte of something that is not padding.  1: an entry, 0: something else. */
static int between(struct cpio *c, struct bytes in, struct err *err)
{
    if (c->pos % 4) {
        if (c->started)
            return FAIL(err, ERR_CORRUPT,
                        "cpio: padding does not end on a multiple of 4");
        return 0;
    }
    if (in.p[0] != '0')
        return 0;
    c->started = true;
    expect(c, CPIO_IN_HEADER, CPIO_HEADER);
    return 1;
}

int cpio_push(struct cpio *c, struct bytes *in, struct err *err)
{
    int r = 0;

    while (in->n > 0 && r == 0) {
        switch (c->state) {
        case CPIO_BETWEEN:
            drop_zeros(c, in);
            if (in->n == 0)
                return 0;
            r = between(c, *in, err);
            if (r <= 0)
                return r;
            r = 0;
            break;
        case CPIO_IN_HEADER:
            if (gather(c, in, c->header))
                r = decode_header(c, err);
            break;
        case CPIO_IN_NAME:
            if (gather(c, in, c->name))
                r = decode_name(c, err);
            break;
        case CPIO_IN_CONTENT:
            if (c->skip)
                drop(c, in);
            else if (gather(c, in, c->content))
                r = decode_content(c, err);
            break;
        case CPIO_SKIP:
            drop(c, in);
            break;
        }
    }
    return r;
}

uint64_t cpio_skippable(const struct cpio *c)
{
    return c->skip;
}

void cpio_skip(struct cpio *c, uint64_t n)
{
    assert(n <= c->skip);
    c->skip -= n;
    c->pos += n;
    if (c->skip == 0 && c->state == CPIO_SKIP)
        c->state = CPIO_BETWEEN;
}
