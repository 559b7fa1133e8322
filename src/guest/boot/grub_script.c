/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grub_script.c: parses and runs in one go
 *
 * A branch that is not taken is parsed with `live` false, which expands and runs nothing.
 * Bodies of functions and menu entries are kept as text and parsed when they run. */
#include "guest/boot/grub_script.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "base/text.h"

enum token_kind {
    TOKEN_WORD,
    TOKEN_LINE,  /* newline or ";" */
    TOKEN_OPEN,  /* { */
    TOKEN_CLOSE, /* } */
    TOKEN_OTHER, /* | & < > */
    TOKEN_END,
};

struct token {
    enum token_kind kind;
    struct bytes raw; /* of a word, quotes and all */
    size_t at;        /* offset where it begins */
};

struct parser {
    struct grub_script *s;
    struct bytes text;
    size_t pos;
};

static int step(struct grub_script *s, struct err *err)
{
    if (++s->steps > GRUB_STEPS_MAX)
        return FAIL(err, ERR_LIMIT, "grub script: more than %d steps", GRUB_STEPS_MAX);
    return 0;
}

/* A script may double a variable until the arena's budget is used up. */
static int has_room(const struct grub_script *s, struct err *err)
{
    int r = arena_check(s->arena, NULL);

    if (r == -ERR_LIMIT)
        return FAIL(err, ERR_LIMIT, "grub script: its text grows over %d MiB",
                    GRUB_ARENA_MAX >> 20);
    return r < 0 ? arena_check(s->arena, err) : 0;
}

/* ---- words as they stand */

static size_t quoted_end(struct bytes t, size_t i, uint8_t quote)
{
    for (i++; i < t.n && t.p[i] != quote; i++)
        if (quote == '"' && t.p[i] == '\\')
            i++;
    return i + 1;
}

/* A NUL ends a word too, and is then passed over like a blank. */
static bool ends_word(uint8_t c)
{
    return strchr(" \t\r\n;{}|&<>", c) != NULL;
}

static size_t word_end(struct bytes t, size_t i)
{
    while (i < t.n && !ends_word(t.p[i])) {
        if (t.p[i] == '\'' || t.p[i] == '"')
            i = quoted_end(t, i, t.p[i]);
        else if (t.p[i] == '\\')
            i += 2;
        else if (t.p[i] == '$' && i + 1 < t.n && t.p[i + 1] == '{')
            i = quoted_end(t, i + 1, '}');
        else
            i++;
    }
    return i < t.n ? i : t.n;
}

static struct token next_token(struct parser *p)
{
    struct bytes t = p->text;
    struct token tok = {TOKEN_END, {0}, 0};

    for (;;) {
        while (p->pos < t.n && (t.p[p->pos] == ' ' || t.p[p->pos] == '\t' ||
                                t.p[p->pos] == '\r' || t.p[p->pos] == 0))
            p->pos++;
        if (p->pos + 1 < t.n && t.p[p->pos] == '\\' && t.p[p->pos + 1] == '\n')
            p->pos += 2;
        else if (p->pos < t.n && t.p[p->pos] == '#')
            while (p->pos < t.n && t.p[p->pos] != '\n')
                p->pos++;
        else
            break;
    }
    tok.at = p->pos;
    if (p->pos >= t.n)
        return tok;
    switch (t.p[p->pos]) {
    case '\n':
    case ';':
        tok.kind = TOKEN_LINE;
        break;
    case '{':
        tok.kind = TOKEN_OPEN;
        break;
    case '}':
        tok.kind = TOKEN_CLOSE;
        break;
    case '|':
    case '&':
    case '<':
    case '>':
        tok.kind = TOKEN_OTHER;
        break;
    default:
        tok.kind = TOKEN_WORD;
        p->pos = word_end(t, p->pos);
        tok.raw = bytes_of(t.p + tok.at, p->pos - tok.at);
        return tok;
    }
    p->pos++;
    return tok;
}

/* Past the "}" that belongs to a "{" just taken; what stood between. */
static struct bytes take_block(struct parser *p)
{
    size_t from = p->pos;
    unsigned open = 1;

    for (;;) {
        struct token tok = next_token(p);

        if (tok.kind == TOKEN_OPEN)
            open++;
        if (tok.kind == TOKEN_END || (tok.kind == TOKEN_CLOSE && --open == 0))
            return bytes_of(p->text.p + from, tok.at - from);
    }
}

/* ---- expansion */

struct expansion {
    struct grub_script *s;
    struct grub_words *to;
    struct buf word;
    bool any; /* there is a word, be it empty */
};

static int end_word(struct expansion *x, struct err *err)
{
    const char **p;

    if (!x->any)
        return 0;
    if (x->to->w.n >= GRUB_WORDS_MAX)
        return FAIL(err, ERR_LIMIT, "grub script: more than %d words", GRUB_WORDS_MAX);
    p = LIST_ADD(x->s->arena, &x->to->w);
    if (p)
        *p = arena_strn(x->s->arena, buf_str(&x->word), x->word.n);
    buf_clear(&x->word);
    x->any = false;
    return has_room(x->s, err);
}

static const char *parameter(const struct grub_script *s, const char *name)
{
    size_t i = (size_t)(name[0] - '1');

    return s->params && name[1] == 0 && i < s->params->w.n ? s->params->w.v[i] : "";
}

/* Out of quotes a value falls apart at its blanks. */
static int put_value(struct expansion *x, const char *value, bool quoted, struct err *err)
{
    int r = 0;

    for (; *value && r == 0; value++) {
        if (!quoted && (*value == ' ' || *value == '\t' || *value == '\n')) {
            r = end_word(x, err);
            continue;
        }
        x->any = true;
        r = buf_append(&x->word, value, 1, err);
    }
    return r;
}

static int put_all_params(struct expansion *x, bool quoted, struct err *err)
{
    const struct grub_words *params = x->s->params;
    int r = 0;

    for (size_t i = 0; params && i < params->w.n && r == 0; i++) {
        if (i)
            r = quoted ? buf_append(&x->word, " ", 1, err) : end_word(x, err);
        if (r == 0)
            r = put_value(x, params->w.v[i], quoted, err);
    }
    return r;
}

/* raw[*i] is "$".  Moves *i past the name. */
static int put_variable(struct expansion *x, struct bytes raw, size_t *i, bool quoted,
                        struct err *err)
{
    size_t from = *i + 1, to;
    bool braces = from < raw.n && raw.p[from] == '{';
    const char *name;

    from += braces;
    to = from;
    while (to < raw.n && (isalnum(raw.p[to]) || raw.p[to] == '_'))
        to++;
    if (to == from && to < raw.n && memchr("@*?#", raw.p[to], 4))
        to++;
    name = arena_strn(x->s->arena, (const char *)raw.p + from, to - from);
    *i = to + (braces && to < raw.n && raw.p[to] == '}');
    if (to == from)
        return buf_append(&x->word, "$", 1, err);
    if (*name == '@' || *name == '*')
        return put_all_params(x, quoted, err);
    if (*name == '?')
        return put_value(x, x->s->ok ? "0" : "1", quoted, err);
    if (isdigit((unsigned char)*name) || *name == '#')
        return put_value(x, parameter(x->s, name), quoted, err);
    return put_value(x, grub_get(x->s, name), quoted, err);
}

static int put_double_quoted(struct expansion *x, struct bytes raw, size_t *i,
                             struct err *err)
{
    int r = 0;

    x->any = true;
    for (++*i; *i < raw.n && raw.p[*i] != '"' && r == 0;) {
        if (raw.p[*i] == '$') {
            r = put_variable(x, raw, i, true, err);
            continue;
        }
        if (raw.p[*i] == '\\' && *i + 1 < raw.n && memchr("\\\"$\n", raw.p[*i + 1], 4))
            ++*i;
        r = buf_append(&x->word, raw.p + *i, 1, err);
        ++*i;
    }
    ++*i;
    return r;
}

static void expansion_fini(struct expansion *x)
{
    buf_fini(&x->word);
}

static int expand(struct grub_script *s, struct bytes raw, struct grub_words *to,
                  struct err *err)
{
    AUTO(expansion_fini)
    struct expansion x = {.s = s, .to = to, .word = {.max = GRUB_WORD_MAX}};
    int r = 0;

    for (size_t i = 0; i < raw.n && r == 0;) {
        switch (raw.p[i]) {
        case '\'':
            x.any = true;
            for (i++; i < raw.n && raw.p[i] != '\'' && r == 0; i++)
                r = buf_append(&x.word, raw.p + i, 1, err);
            i++;
            break;
        case '"':
            r = put_double_quoted(&x, raw, &i, err);
            break;
        case '$':
            r = put_variable(&x, raw, &i, false, err);
            break;
        case '\\':
            i++;
            if (i >= raw.n || raw.p[i] == '\n') {
                i++;
                break;
            }
            __attribute__((fallthrough));
        default:
            x.any = true;
            r = buf_append(&x.word, raw.p + i, 1, err);
            i++;
        }
    }
    return r < 0 ? r : end_word(&x, err);
}

int grub_split(struct grub_script *s, struct bytes text, struct grub_words *to,
               struct err *err)
{
    struct parser p = {s, text, 0};
    struct token tok;
    int r = 0;

    while (r == 0 && (tok = next_token(&p)).kind != TOKEN_END)
        if (tok.kind == TOKEN_WORD)
            r = expand(s, tok.raw, to, err);
    return r;
}

/* ---- variables and commands */

const char *grub_get(const struct grub_script *s, const char *name)
{
    for (size_t i = 0; i < s->variables.n; i++)
        if (strcmp(s->variables.v[i].name, name) == 0)
            return s->variables.v[i].value;
    return "";
}

int grub_set(struct grub_script *s, const char *name, const char *value, struct err *err)
{
    struct grub_variable *v = NULL;

    for (size_t i = 0; i < s->variables.n && !v; i++)
        if (strcmp(s->variables.v[i].name, name) == 0)
            v = &s->variables.v[i];
    if (!v) {
        if (s->variables.n == GRUB_VARIABLES_MAX)
            return FAIL(err, ERR_LIMIT, "grub script: more than %d variables",
                        GRUB_VARIABLES_MAX);
        v = LIST_ADD(s->arena, &s->variables);
        if (!v)
            return has_room(s, err);
        v->name = arena_str(s->arena, name);
    }
    v->value = arena_str(s->arena, value);
    return has_room(s, err);
}

/* "name=value"; the length of the name, 0 when it is none. */
static size_t assignment(const char *word)
{
    size_t n = 0;

    while (isalnum((unsigned char)word[n]) || word[n] == '_')
        n++;
    return word[n] == '=' && !isdigit((unsigned char)word[0]) ? n : 0;
}

static const struct grub_function *find_function(const struct grub_script *s,
                                                 const char *name)
{
    for (size_t i = s->functions.n; i > 0; i--)
        if (strcmp(s->functions.v[i - 1].name, name) == 0)
            return &s->functions.v[i - 1];
    return NULL;
}

static int run_command(struct grub_script *s, struct grub_words *words, struct bytes body,
                       struct err *err)
{
    const char *name = words->w.v[0];
    size_t n = assignment(name);
    const struct grub_function *f;
    struct grub_words rest = *words;
    int r;

    rest.w.v++;
    rest.w.n--;
    s->ok = true;
    if (n)
        return grub_set(s, arena_strn(s->arena, name, n), name + n + 1, err);
    if (strcmp(name, "!") == 0 && rest.w.n) {
        r = run_command(s, &rest, body, err);
        s->ok = !s->ok;
        return r;
    }
    f = find_function(s, name);
    if (f)
        return grub_run(s, f->body, &rest, err);
    if (strcmp(name, "return") == 0 || strcmp(name, "break") == 0) {
        s->leaving = name[0] == 'r' ? GRUB_RETURNING : GRUB_BREAKING;
        s->ok = rest.w.n == 0 || strcmp(rest.w.v[0], "0") == 0;
        return 0;
    }
    return s->command(s->arg, words, body, err);
}

/* ---- the language */

enum stop {
    STOP_END,
    STOP_CLOSE,
    STOP_THEN,
    STOP_ELIF,
    STOP_ELSE,
    STOP_FI,
    STOP_DO,
    STOP_DONE,
};

static int run_list(struct parser *p, bool live, enum stop *ret, struct err *err);

static bool stops(struct bytes word, enum stop *ret)
{
    static const struct {
        const char *word;
        enum stop stop;
    } rows[] = {
        {"then", STOP_THEN}, {"elif", STOP_ELIF}, {"else", STOP_ELSE},
        {"fi", STOP_FI},     {"do", STOP_DO},     {"done", STOP_DONE},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (text_is(word, rows[i].word)) {
            *ret = rows[i].stop;
            return true;
        }
    return false;
}

/* What does not fit together just ends, as far as it was understood. */
static int run_if(struct parser *p, bool live, struct err *err)
{
    bool taken = false;
    enum stop stop;

    do {
        bool now;
        int r = run_list(p, live && !taken, &stop, err);

        if (r < 0 || stop != STOP_THEN)
            return r;
        now = live && !taken && p->s->ok;
        r = run_list(p, now, &stop, err);
        if (r < 0)
            return r;
        taken |= now;
    } while (stop == STOP_ELIF);

    if (live && !taken)
        p->s->ok = true;
    return stop == STOP_ELSE ? run_list(p, live && !taken, &stop, err) : 0;
}

static int run_while(struct parser *p, bool live, bool until, struct err *err)
{
    size_t from = p->pos;
    enum stop stop;
    bool again;

    do {
        int r;

        p->pos = from;
        r = run_list(p, live, &stop, err);
        if (r < 0 || stop != STOP_DO)
            return r;
        again = live && p->s->ok != until && !p->s->leaving;
        r = run_list(p, again, &stop, err);
        if (r < 0 || stop != STOP_DONE)
            return r;
    } while (again && !p->s->leaving);
    if (p->s->leaving == GRUB_BREAKING)
        p->s->leaving = GRUB_STAYING;
    return 0;
}

static int run_for(struct parser *p, bool live, struct err *err)
{
    struct token name = next_token(p), tok = next_token(p);
    struct grub_words values = {0};
    size_t from, i = 0;
    enum stop stop;
    int r = 0;

    while (tok.kind == TOKEN_WORD && r == 0) {
        tok = next_token(p);
        if (tok.kind == TOKEN_WORD && live)
            r = expand(p->s, tok.raw, &values, err);
    }
    if (r == 0)
        r = run_list(p, false, &stop, err);
    if (r < 0 || stop != STOP_DO)
        return r;
    from = p->pos;
    do {
        bool now = i < values.w.n && !p->s->leaving;

        p->pos = from;
        if (now)
            r = grub_set(p->s,
                         arena_strn(p->s->arena, (const char *)name.raw.p, name.raw.n),
                         values.w.v[i], err);
        if (r == 0)
            r = run_list(p, now, &stop, err);
        if (r < 0 || stop != STOP_DONE)
            return r;
    } while (++i < values.w.n && !p->s->leaving);
    if (p->s->leaving == GRUB_BREAKING)
        p->s->leaving = GRUB_STAYING;
    return 0;
}

static int define_function(struct parser *p, bool live, struct err *err)
{
    struct token name = next_token(p), open = next_token(p);
    struct grub_function *f;
    struct bytes body;

    if (name.kind != TOKEN_WORD || open.kind != TOKEN_OPEN)
        return 0;
    body = take_block(p);
    if (!live)
        return 0;
    f = LIST_ADD(p->s->arena, &p->s->functions);
    if (f)
        *f = (struct grub_function){
            arena_strn(p->s->arena, (const char *)name.raw.p, name.raw.n), body};
    return has_room(p->s, err);
}

static int run_simple(struct parser *p, struct token tok, bool live, struct err *err)
{
    struct grub_words words = {0};
    struct bytes body = {0};
    int r = 0;

    for (; tok.kind != TOKEN_LINE && tok.kind != TOKEN_END && r == 0;
         tok = next_token(p)) {
        r = step(p->s, err);
        if (tok.kind == TOKEN_CLOSE) {
            p->pos = tok.at;
            break;
        }
        if (tok.kind == TOKEN_OPEN)
            body = take_block(p);
        else if (tok.kind == TOKEN_WORD && live && r == 0)
            r = expand(p->s, tok.raw, &words, err);
    }
    if (r == 0 && words.w.n)
        r = run_command(p->s, &words, body, err);
    return r;
}

static int run_one(struct parser *p, struct token tok, bool live, struct err *err)
{
    if (text_is(tok.raw, "if"))
        return run_if(p, live, err);
    if (text_is(tok.raw, "for"))
        return run_for(p, live, err);
    if (text_is(tok.raw, "while") || text_is(tok.raw, "until"))
        return run_while(p, live, tok.raw.p[0] == 'u', err);
    if (text_is(tok.raw, "function"))
        return define_function(p, live, err);
    return run_simple(p, tok, live, err);
}

static int run_list(struct parser *p, bool live, enum stop *ret, struct err *err)
{
    int r = 0;

    *ret = STOP_END;
    if (p->s->depth >= GRUB_DEPTH_MAX)
        return FAIL(err, ERR_LIMIT, "grub script: nested deeper than %d", GRUB_DEPTH_MAX);
    p->s->depth++;
    while (r == 0) {
        struct token tok = next_token(p);

        r = step(p->s, err);
        if (r < 0 || tok.kind == TOKEN_END)
            break;
        if (tok.kind == TOKEN_CLOSE) {
            *ret = STOP_CLOSE;
            break;
        }
        if (tok.kind != TOKEN_WORD)
            continue;
        if (stops(tok.raw, ret))
            break;
        r = run_one(p, tok, live && !p->s->leaving, err);
    }
    p->s->depth--;
    return r;
}

int grub_run(struct grub_script *s, struct bytes text, const struct grub_words *params,
             struct err *err)
{
    const struct grub_words *before = s->params;
    struct parser p = {s, text, 0};
    enum stop stop = STOP_CLOSE;
    int r = 0;

    s->params = params;
    while (r == 0 && stop != STOP_END && !s->leaving)
        r = run_list(&p, true, &stop, err);
    s->params = before;
    s->leaving = GRUB_STAYING;
    return r;
}
