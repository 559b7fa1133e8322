/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "volume/lvm2_text.h"

#include <string.h>

#include "base/text.h"

struct parser {
    struct bytes text;
    size_t pos;
    size_t *nodes;
    struct arena *arena;
    struct lvm2_node *open[LVM2_TEXT_DEPTH_MAX]; /* sections we are in, outermost first */
    struct lvm2_node **tail[LVM2_TEXT_DEPTH_MAX]; /* where each one's next child goes */
    unsigned depth;                               /* of the innermost */
};

/* The next byte; 0 at the end (a NUL within is as bad as the end). */
static char peek(const struct parser *p)
{
    return p->pos < p->text.n ? (char)p->text.p[p->pos] : '\0';
}

static int bad(const struct parser *p, const char *what, struct err *err)
{
    unsigned line = 1;

    for (size_t i = 0; i < p->pos && i < p->text.n; i++)
        line += p->text.p[i] == '\n';
    return FAIL(err, ERR_CORRUPT, "lvm2 metadata line %u: %s", line, what);
}

/* Blanks, newlines and comments. */
static void skip(struct parser *p)
{
    bool comment = false;

    for (; p->pos < p->text.n; p->pos++) {
        char c = peek(p);

        if (c == '\n')
            comment = false;
        else if (c == '#')
            comment = true;
        else if (!comment && c != ' ' && c != '\t' && c != '\r')
            return;
    }
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("_-+./@", c));
}

static struct bytes word(struct parser *p)
{
    size_t start = p->pos;

    while (is_word(peek(p)))
        p->pos++;
    return bytes_sub(p->text, start, p->pos - start);
}

/* After the opening quote.  False: it has no end. */
static bool quoted(struct parser *p, struct bytes *ret)
{
    size_t start = ++p->pos;

    for (; p->pos < p->text.n; p->pos++) {
        if (peek(p) == '\\') {
            p->pos++;
            continue;
        }
        if (peek(p) == '"') {
            *ret = bytes_sub(p->text, start, p->pos++ - start);
            return true;
        }
    }
    return false;
}

static struct lvm2_node *add(struct parser *p, enum lvm2_kind kind, struct bytes key,
                             struct err *err)
{
    struct lvm2_node *node;

    if (*p->nodes == 0) {
        FAIL(err, ERR_LIMIT, "lvm2 metadata: too many settings");
        return NULL;
    }
    --*p->nodes;
    node = arena_alloc(p->arena, sizeof *node);
    if (!node) {
        arena_check(p->arena, err);
        return NULL;
    }
    node->kind = kind;
    node->key = key;
    *p->tail[p->depth] = node;
    p->tail[p->depth] = &node->next;
    return node;
}

static int enter(struct parser *p, enum lvm2_kind kind, struct bytes key, struct err *err)
{
    struct lvm2_node *node;

    if (p->depth + 1 == LVM2_TEXT_DEPTH_MAX)
        return FAIL(err, ERR_LIMIT, "lvm2 metadata: sections %d deep",
                    LVM2_TEXT_DEPTH_MAX);
    node = add(p, kind, key, err);
    if (!node)
        return -(int)err->code;
    p->depth++;
    p->open[p->depth] = node;
    p->tail[p->depth] = &node->first;
    return 0;
}

static int scalar(struct parser *p, struct bytes key, struct err *err)
{
    struct lvm2_node *node = add(p, LVM2_OTHER, key, err);

    if (!node)
        return -(int)err->code;
    if (peek(p) == '"') {
        node->kind = LVM2_STRING;
        return quoted(p, &node->text) ? 0 : bad(p, "a string without an end", err);
    }
    node->text = word(p);
    if (!node->text.n)
        return bad(p, "a value is missing", err);
    if (text_u64(&node->number, node->text))
        node->kind = LVM2_NUMBER;
    return 0;
}

/* From the opening bracket on.  Arrays hold no arrays. */
static int array(struct parser *p, struct bytes key, struct err *err)
{
    int r = enter(p, LVM2_ARRAY, key, err);

    p->pos++;
    while (r == 0) {
        skip(p);
        if (peek(p) == ']') {
            p->pos++;
            p->depth--;
            return 0;
        }
        r = scalar(p, bytes_of("", 0), err);
        skip(p);
        if (peek(p) == ',')
            p->pos++;
        else if (r == 0 && peek(p) != ']')
            r = bad(p, "an array without an end", err);
    }
    return r;
}

/* "key = value", "key { ". */
static int setting(struct parser *p, struct err *err)
{
    struct bytes key;

    if (peek(p) == '"') {
        if (!quoted(p, &key))
            return bad(p, "a name without an end", err);
    } else {
        key = word(p);
    }
    if (!key.n)
        return bad(p, "a name is missing", err);
    skip(p);
    if (peek(p) == '{') {
        p->pos++;
        return enter(p, LVM2_SECTION, key, err);
    }
    if (peek(p) != '=')
        return bad(p, "neither a value nor a section follows the name", err);
    p->pos++;
    skip(p);
    return peek(p) == '[' ? array(p, key, err) : scalar(p, key, err);
}

int lvm2_text_parse(const struct lvm2_node **ret, struct bytes text, size_t *nodes,
                    struct arena *a, struct err *err)
{
    struct parser p = {.text = text, .nodes = nodes, .arena = a};
    struct lvm2_node *root = arena_alloc(a, sizeof *root);

    if (!root)
        return arena_check(a, err);
    root->kind = LVM2_SECTION;
    p.open[0] = root;
    p.tail[0] = &root->first;
    /* The text is written with the NUL behind it. */
    while (p.text.n && p.text.p[p.text.n - 1] == '\0')
        p.text.n--;
    for (;;) {
        int r;

        skip(&p);
        if (p.pos == p.text.n)
            break;
        if (peek(&p) == '}') {
            if (p.depth == 0)
                return bad(&p, "a section ends that did not begin", err);
            p.pos++;
            p.depth--;
            continue;
        }
        r = setting(&p, err);
        if (r < 0)
            return r;
    }
    if (p.depth)
        return bad(&p, "a section without an end", err);
    *ret = root;
    return 0;
}

const struct lvm2_node *lvm2_get(const struct lvm2_node *section, const char *key,
                                 enum lvm2_kind kind)
{
    if (!section)
        return NULL;
    for (const struct lvm2_node *n = section->first; n; n = n->next)
        if (n->kind == kind && text_is(n->key, key))
            return n;
    return NULL;
}

struct bytes lvm2_string(const struct lvm2_node *section, const char *key)
{
    const struct lvm2_node *n = lvm2_get(section, key, LVM2_STRING);

    return n ? n->text : bytes_of("", 0);
}

bool lvm2_number(uint64_t *ret, const struct lvm2_node *section, const char *key)
{
    const struct lvm2_node *n = lvm2_get(section, key, LVM2_NUMBER);

    if (n)
        *ret = n->number;
    return n != NULL;
}

bool lvm2_has(const struct lvm2_node *section, const char *key, const char *value)
{
    const struct lvm2_node *array = lvm2_get(section, key, LVM2_ARRAY);

    for (const struct lvm2_node *n = array ? array->first : NULL; n; n = n->next)
        if (n->kind == LVM2_STRING && text_is(n->text, value))
            return true;
    return false;
}
