/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/kernel/modules.h"

#include <string.h>

bool module_is_file(struct bytes path)
{
    return text_ends(path, ".ko") || text_ends(path, ".ko.xz") ||
           text_ends(path, ".ko.zst") || text_ends(path, ".ko.gz");
}

bool module_name(char ret[MODULE_NAME_MAX], struct bytes path)
{
    size_t from = path.n, n;

    while (from > 0 && path.p[from - 1] != '/')
        from--;
    for (n = 0; from + n < path.n && path.p[from + n] != '.'; n++) {
        if (n + 1 >= MODULE_NAME_MAX)
            return false;
        ret[n] = path.p[from + n] == '-' ? '_' : (char)path.p[from + n];
    }
    ret[n] = '\0';
    return n > 0;
}

static size_t hash(const char *name)
{
    uint32_t h = 2166136261u;

    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 16777619u;
    return h;
}

static bool row_is(const struct module *m, const char *name)
{
    char own[MODULE_NAME_MAX];

    return module_name(own, m->path) && strcmp(own, name) == 0;
}

/* The slot of a name, or the empty one where it would go. */
static uint32_t *slot_of(const struct module_table *t, const char *name)
{
    size_t i = hash(name) & (t->slots_n - 1);

    while (t->slots[i] && !row_is(&t->rows[t->slots[i] - 1], name))
        i = (i + 1) & (t->slots_n - 1);
    return &t->slots[i];
}

static size_t count_lines(struct bytes b)
{
    size_t n = 0;
    struct bytes line;

    while (text_next_line(&b, &line))
        n += line.n > 0;
    return n;
}

/* "path: path path"; modules.builtin has no colon. */
static struct module row_of(struct bytes line)
{
    size_t n = 0;

    while (n < line.n && line.p[n] != ':')
        n++;
    return (struct module){
        text_trim(bytes_of(line.p, n)),
        n < line.n ? text_trim(bytes_of(line.p + n + 1, line.n - n - 1))
                   : (struct bytes){line.p + n, 0},
    };
}

int module_table_make(struct module_table *ret, struct buf *text, struct err *err)
{
    struct module_table t = {.text = *text, .slots_n = 16};
    struct bytes rest = buf_bytes(text), line;
    size_t lines = count_lines(rest);
    char name[MODULE_NAME_MAX];

    if (lines > MODULES_MAX)
        return FAIL(err, ERR_LIMIT, "%zu modules, limit %d", lines, MODULES_MAX);
    while (t.slots_n < lines * 2)
        t.slots_n *= 2;
    t.rows = calloc(lines ? lines : 1, sizeof *t.rows);
    t.slots = calloc(t.slots_n, sizeof *t.slots);
    if (!t.rows || !t.slots) {
        free(t.rows);
        free(t.slots);
        return FAIL(err, ERR_NOMEM, "table of %zu modules", lines);
    }
    while (text_next_line(&rest, &line)) {
        struct module m = row_of(line);

        if (line.n == 0 || !module_name(name, m.path))
            continue;
        t.rows[t.n++] = m;
        /* Of two the last one counts, as it does for modprobe's index. */
        *slot_of(&t, name) = (uint32_t)t.n;
    }
    *ret = t;
    *text = (struct buf){0};
    return 0;
}

void module_table_fini(struct module_table *t)
{
    free(t->rows);
    free(t->slots);
    buf_fini(&t->text);
    *t = (struct module_table){0};
}

const struct module *module_table_find(const struct module_table *t, const char *name)
{
    uint32_t *slot = t->slots ? slot_of(t, name) : NULL;

    return slot && *slot ? &t->rows[*slot - 1] : NULL;
}

char kernel_option(struct bytes config, const char *name)
{
    size_t n = strlen(name);
    const uint8_t *p = config.p, *end = config.n ? config.p + config.n : p;

    while (n && (size_t)(end - p) > n + 1 &&
           (p = memmem(p, (size_t)(end - p), name, n))) {
        if ((p == config.p || p[-1] == '\n') && end - p > (long)n + 1 && p[n] == '=')
            return p[n + 1] == 'y' || p[n + 1] == 'm' ? (char)p[n + 1] : 'n';
        p++;
    }
    return 'n';
}

/* ---- the files of one kernel */

/* 1 read, 0 not there; one that could not be read sets m->unread, and is recorded. */
static int read_file(struct modules *m, struct guest *g, const char *path,
                     struct buf *ret, struct err *err)
{
    size_t problems = g->facts->problems.n;
    int r = guest_read(g, path, MODULES_TEXT_MAX, false, ret, err);

    if (r == 0 && (g->facts->problems.n > problems || problems == GUEST_PROBLEMS_MAX))
        m->unread = true;
    return r;
}

static int read_table(struct modules *m, struct guest *g, const char *name,
                      struct module_table *ret, bool *has, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    const char *path = arena_printf(g->arena, "%s/%s", m->dir, name);
    int r = read_file(m, g, path, &b, err);

    if (r <= 0)
        return r;
    r = module_table_make(ret, &b, err);
    if (r == -ERR_LIMIT) {
        m->unread = true;
        return guest_problem(g, "guest", path, false, err);
    }
    *has = r == 0;
    return r;
}

static int find_dir(struct modules *m, struct guest *g, const char *version,
                    struct err *err)
{
    static const char *const tops[] = {"/lib/modules", "/usr/lib/modules"};
    size_t problems = g->facts->problems.n;

    m->dir = "";
    for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
        const char *dir = arena_printf(g->arena, "%s/%s", tops[i], version);
        int r = guest_has_dir(g, dir, false, err);

        if (r < 0)
            return r;
        if (r == 1) {
            m->dir = dir;
            return 0;
        }
    }
    m->unread = g->facts->problems.n > problems || problems == GUEST_PROBLEMS_MAX;
    return 0;
}

static int find_config(struct modules *m, struct guest *g, const char *version,
                       struct err *err)
{
    const char *const paths[] = {
        arena_printf(g->arena, "/boot/config-%s", version),
        *m->dir ? arena_printf(g->arena, "%s/config", m->dir) : "",
        arena_printf(g->arena, "/usr/lib/kernel/config-%s", version),
        arena_printf(g->arena, "/usr/boot/config-%s", version), /* Container Linux */
    };

    m->config_path = "";
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        int r = *paths[i] ? read_file(m, g, paths[i], &m->config, err) : 0;

        if (r < 0)
            return r;
        if (r == 1) {
            m->config_path = paths[i];
            return 0;
        }
    }
    return 0;
}

static int load(struct modules *m, struct guest *g, const char *version, struct err *err)
{
    int r = find_dir(m, g, version, err);

    if (r == 0)
        r = find_config(m, g, version, err);
    if (r < 0 || !*m->dir)
        return r;
    r = read_table(m, g, "modules.dep", &m->dep, &m->has_dep, err);
    if (r < 0)
        return r;
    r = read_table(m, g, "modules.builtin", &m->builtin, &m->has_builtin, err);
    return r < 0 ? r : 0;
}

int modules_load(struct modules *ret, struct guest *g, const char *version,
                 struct err *err)
{
    struct modules m = {.dir = "", .config_path = ""};
    int r = *version ? load(&m, g, version, err) : 0;

    if (r < 0) {
        modules_fini(&m);
        return r;
    }
    *ret = m;
    return 0;
}

void modules_fini(struct modules *m)
{
    buf_fini(&m->config);
    module_table_fini(&m->dep);
    module_table_fini(&m->builtin);
}

static bool has_name(const struct module_closure *c, const char *name)
{
    for (unsigned i = 0; i < c->n; i++)
        if (strcmp(c->name[i], name) == 0)
            return true;
    return false;
}

static void add_name(const struct modules *m, struct module_closure *c, const char *name)
{
    if (c->n < MODULE_CLOSURE_MAX && !has_name(c, name) &&
        !module_table_find(&m->builtin, name))
        memcpy(c->name[c->n++], name, strlen(name) + 1);
}

void modules_closure(const struct modules *m, const char *name,
                     struct module_closure *ret)
{
    ret->n = 0;
    add_name(m, ret, name);
    /* modules.dep lists all of them, but nothing costs less than to follow each. */
    for (unsigned i = 0; i < ret->n; i++) {
        const struct module *row = module_table_find(&m->dep, ret->name[i]);
        struct bytes needs = row ? row->needs : (struct bytes){0}, word;
        char need[MODULE_NAME_MAX];

        while (text_next_word(&needs, &word))
            if (module_name(need, word))
                add_name(m, ret, need);
    }
}
