/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/windows/registry.h"

#include <stdlib.h>
#include <strings.h>

#include "base/checked.h"
#include "base/scoped.h"

enum {
    LINE = 16 << 10,
    LINES = 32,
    LOG_HEAD = 512, /* of a log: it begins as a hive does */
};

struct file_block {
    struct block block;
    struct tree *tree;
    struct tree_node node;
};

static int file_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    struct file_block *f = CONTAINER_OF(b, struct file_block, block);

    return tree_pread(f->tree, &f->node, buf, n, off, err);
}

static void file_close(struct block *b)
{
    free(CONTAINER_OF(b, struct file_block, block));
}

static const struct block_driver file_driver = {
    .name = "guest file",
    .read = file_read,
    .close = file_close,
};

int registry_file(struct block **ret, struct tree *tree, const struct tree_node *node,
                  struct err *err)
{
    struct file_block *f = calloc(1, sizeof *f);

    if (!f)
        return FAIL(err, ERR_NOMEM, "guest file");
    f->tree = tree;
    f->node = *node;
    block_init(&f->block, &file_driver, node->st.size);
    *ret = &f->block;
    return 0;
}

void registry_fini(struct registry *r)
{
    block_unref(r->cache);
    block_unref(r->file);
    *r = (struct registry){0};
}

int registry_has_log(struct tree *tree, const char *path, struct err *err)
{
    static const char *const logs[] = {".LOG1", ".LOG2", ".LOG"};

    for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
        char name[128];
        uint8_t head[4];
        struct tree_node node;
        int r;

        snprintf(name, sizeof name, "%s%s", path, logs[i]);
        r = tree_find(tree, name, &node, err);
        if (r == 1 && node.st.type == FS_REG && node.st.size >= LOG_HEAD) {
            r = tree_pread(tree, &node, head, sizeof head, 0, err);
            if (r == 0 && memcmp(head, "regf", 4) == 0)
                return 1;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int registry_open(struct registry *ret, struct tree *tree, const char *path,
                  struct err *err)
{
    struct tree_node node;
    int r = tree_find(tree, path, &node, err);

    if (r <= 0)
        return r;
    if (node.st.type != FS_REG)
        return 0;
    r = registry_file(&ret->file, tree, &node, err);
    if (r == 0)
        r = block_cache_open(&ret->cache, ret->file, LINE, LINES, err);
    if (r == 0)
        r = hive_open(&ret->hive, ret->cache, err);
    return r < 0 ? r : 1;
}

const char *registry_text(struct guest *g, const char *s)
{
    const char *clean = guest_text(g, bytes_of(s, strlen(s)));
    char *text = arena_alloc(g->arena, strlen(clean) + 1);
    size_t n = 0;

    if (!text)
        return "";
    while (*clean) {
        bool slash = strncmp(clean, "\\x5c", 4) == 0;

        text[n++] = *clean;
        clean += slash ? 4 : 1;
    }
    return text;
}

/* Where the file's name ends: in quotes, or behind a suffix of programs. */
static size_t program_length(const char *s)
{
    static const char *const ends[] = {".sys", ".exe", ".efi", ".dll"};

    for (size_t i = 0; s[i]; i++) {
        if (s[i] == '"')
            return i;
        for (size_t k = 0; k < ARRAY_SIZE(ends); k++)
            if (strncasecmp(s + i, ends[k], 4) == 0 &&
                (s[i + 4] == '\0' || s[i + 4] == ' ' || s[i + 4] == '"'))
                return i + 4;
    }
    return strlen(s);
}

const char *registry_path(struct guest *g, const char *path)
{
    static const struct {
        const char *start, *is;
    } rows[] = {
        {"\\SystemRoot\\", "/Windows/"},
        {"%SystemRoot%\\", "/Windows/"},
        {"%windir%\\", "/Windows/"},
        {"\\??\\", ""},
        {"\\\\?\\", ""},
    };
    const char *start = "/Windows/";
    size_t n;
    char *text;

    path += *path == '"';
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strncasecmp(path, rows[i].start, strlen(rows[i].start)) == 0) {
            start = rows[i].is;
            path += strlen(rows[i].start);
            break;
        }
    if (path[0] && path[1] == ':') {
        if (path[0] != 'C' && path[0] != 'c')
            return "";
        path += 2;
    }
    if (*path == '\\') {
        start = "/";
        path++;
    } else if (*start == '\0') {
        return "";
    }
    n = program_length(path);
    if (n == 0 || n > GUEST_STRING_MAX)
        return "";
    text = arena_alloc(g->arena, strlen(start) + n + 1);
    if (!text)
        return "";
    memcpy(text, start, strlen(start));
    for (size_t i = 0; i < n; i++)
        text[strlen(start) + i] = path[i] == '\\' ? '/' : path[i];
    return text;
}

int registry_value(struct guest *g, struct hive *h, uint32_t from, const char *path,
                   const char *name, const char **ret, struct err *err)
{
    char text[GUEST_STRING_MAX];
    uint32_t key;
    int r = hive_find(h, from, path, &key, err);

    *ret = "";
    if (r == 1)
        r = hive_text(h, key, name, text, sizeof text, err);
    if (r == 1)
        *ret = registry_text(g, text);
    return r < 0 ? r : 0;
}

int registry_number(struct hive *h, uint32_t from, const char *path, const char *name,
                    uint32_t *ret, struct err *err)
{
    uint32_t key;
    int r = hive_find(h, from, path, &key, err);

    return r == 1 ? hive_number(h, key, name, ret, err) : r;
}
