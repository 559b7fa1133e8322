/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/i18n.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/scoped.h"

/* The .mo format (GNU gettext manual, "The Format of GNU MO Files"):
 *
 *    0  magic 0x950412de      12  offset of the table of originals
 *    4  revision              16  offset of the table of translations
 *    8  number of strings     each table: u32 length, u32 offset; strings end in a NUL
 *
 * Originals are sorted, so a lookup is a binary search. */
enum { MO_MAX = 4 << 20, MO_MAGIC = (int)0x950412de };

struct i18n_catalog {
    size_t size;
    uint32_t n, originals, translations;
    uint8_t data[];
};

static _Thread_local const struct i18n_catalog *current;

static const char *entry(const struct i18n_catalog *c, uint32_t table, uint32_t i)
{
    return (const char *)c->data + load_le32(c->data + table + 8 * (size_t)i + 4);
}

static bool table_is_sound(const struct i18n_catalog *c, uint32_t table)
{
    if (c->n > MO_MAX / 8 || !range_within(table, 8 * (uint64_t)c->n, c->size))
        return false;
    for (uint32_t i = 0; i < c->n; i++) {
        uint64_t len = load_le32(c->data + table + 8 * (size_t)i);
        uint64_t off = load_le32(c->data + table + 8 * (size_t)i + 4);

        if (!range_within(off, len + 1, c->size) || c->data[off + len] != '\0')
            return false;
    }
    return true;
}

struct i18n_catalog *i18n_load(const char *dir, const char *language)
{
    AUTO(freep) struct i18n_catalog *c = NULL;
    AUTO(fclosep) FILE *f = NULL;
    char path[4096];
    struct stat st;

    if ((size_t)snprintf(path, sizeof path, "%s/%s/LC_MESSAGES/imgport.mo", dir,
                         language) >= sizeof path)
        return NULL;
    f = fopen(path, "rbe");
    if (!f || fstat(fileno(f), &st) < 0 || st.st_size < 20 || st.st_size > MO_MAX)
        return NULL;
    c = malloc(sizeof *c + (size_t)st.st_size);
    if (!c)
        return NULL;
    c->size = (size_t)st.st_size;
    if (fread(c->data, 1, c->size, f) != c->size ||
        load_le32(c->data) != (uint32_t)MO_MAGIC)
        return NULL;
    c->n = load_le32(c->data + 8);
    c->originals = load_le32(c->data + 12);
    c->translations = load_le32(c->data + 16);
    if (!table_is_sound(c, c->originals) || !table_is_sound(c, c->translations))
        return NULL;
    return TAKE(c);
}

void i18n_free(struct i18n_catalog *c)
{
    free(c);
}

const struct i18n_catalog *i18n_use(const struct i18n_catalog *c)
{
    const struct i18n_catalog *before = current;

    current = c;
    return before;
}

const char *i18n_text(const char *msgid)
{
    const struct i18n_catalog *c = current;
    uint32_t low = 0, high = c ? c->n : 0;

    if (!*msgid) /* the empty original holds the catalogue's own header */
        return msgid;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = strcmp(msgid, entry(c, c->originals, mid));

        if (order == 0)
            return entry(c, c->translations, mid);
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return msgid;
}

const char *i18n_beside(char *ret, size_t room, const char *msgid, const char *english)
{
    const char *text = i18n_text(msgid);

    if (text == msgid)
        snprintf(ret, room, "%s", english);
    else
        snprintf(ret, room, _("%s (%s)"), text, english);
    return ret;
}

const char *i18n_language(const char *name)
{
    static const char *const variables[] = {"LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"};

    for (size_t i = 0; !name && i < ARRAY_SIZE(variables); i++) {
        name = getenv(variables[i]);
        if (name && !*name)
            name = NULL;
    }
    return name && strncmp(name, "zh", 2) == 0 ? "zh_CN" : "en";
}
