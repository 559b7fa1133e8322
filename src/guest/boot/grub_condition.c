/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grub_condition.c: what stands between "[" and "]" */
#include <stdlib.h>
#include <string.h>

#include "guest/boot/grub_script.h"

struct condition {
    const char *const *v;
    size_t n, i;
    unsigned depth;
    grub_file_test *file;
    void *arg;
};

static const char *peek(const struct condition *c, size_t ahead)
{
    return ahead < c->n - c->i ? c->v[c->i + ahead] : NULL;
}

static bool is(const char *s, const char *what)
{
    return s && strcmp(s, what) == 0;
}

static bool compare(const char *a, const char *op, const char *b, bool *known)
{
    long na = strtol(a, NULL, 10), nb = strtol(b, NULL, 10);
    int s = strcmp(a, b);

    *known = true;
    if (is(op, "=") || is(op, "=="))
        return s == 0;
    if (is(op, "!="))
        return s != 0;
    if (is(op, "<"))
        return s < 0;
    if (is(op, ">"))
        return s > 0;
    if (is(op, "-eq"))
        return na == nb;
    if (is(op, "-ne"))
        return na != nb;
    if (is(op, "-lt"))
        return na < nb;
    if (is(op, "-le"))
        return na <= nb;
    if (is(op, "-gt"))
        return na > nb;
    if (is(op, "-ge"))
        return na >= nb;
    *known = false;
    return false;
}

static int any_of(struct condition *c, bool *ret, struct err *err);

static int primary(struct condition *c, bool *ret, struct err *err)
{
    const char *a = peek(c, 0), *b = peek(c, 1), *d = peek(c, 2);
    bool known;
    int r = 0;

    *ret = false;
    if (!a)
        return 0;
    if (b && d) {
        *ret = compare(a, b, d, &known);
        if (known) {
            c->i += 3;
            return 0;
        }
    }
    if (is(a, "(") && c->depth < GRUB_DEPTH_MAX) {
        c->i++;
        c->depth++;
        r = any_of(c, ret, err);
        c->depth--;
        if (is(peek(c, 0), ")"))
            c->i++;
        return r;
    }
    if (a[0] == '-' && a[1] && !a[2] && b && strchr("fesdnz", a[1])) {
        c->i += 2;
        if (a[1] == 'n' || a[1] == 'z')
            *ret = (*b != '\0') == (a[1] == 'n');
        else
            r = c->file(c->arg, a[1], b, ret, err);
        return r;
    }
    c->i++;
    *ret = *a != '\0';
    return 0;
}

static int maybe_not(struct condition *c, bool *ret, struct err *err)
{
    bool not = false;
    int r;

    while (is(peek(c, 0), "!") && c->n - c->i > 1) {
        not = !not ;
        c->i++;
    }
    r = primary(c, ret, err);
    *ret ^= not ;
    return r;
}

static int all_of(struct condition *c, bool *ret, struct err *err)
{
    int r = maybe_not(c, ret, err);

    while (r == 0 && is(peek(c, 0), "-a")) {
        bool right;

        c->i++;
        r = maybe_not(c, &right, err);
        *ret &= right;
    }
    return r;
}

static int any_of(struct condition *c, bool *ret, struct err *err)
{
    int r = all_of(c, ret, err);

    while (r == 0 && is(peek(c, 0), "-o")) {
        bool right;

        c->i++;
        r = all_of(c, &right, err);
        *ret |= right;
    }
    return r;
}

int grub_condition(bool *ret, const char *const *v, size_t n, grub_file_test *test,
                   void *arg, struct err *err)
{
    struct condition c = {.v = v, .n = n, .file = test, .arg = arg};

    return any_of(&c, ret, err);
}
