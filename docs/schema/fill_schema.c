/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fill_schema.c: prints a JSON Schema with its "$defs" completed by what the program's
 * own tables say, so that neither can change without the other
 *
 *     fill_schema check.json > check.schema.json
 *
 * A schema without "$defs" is printed as it is. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "guest/facts_table.h"
#include "rules/rules.h"

enum { WORDS_MAX = 8 };

/* Strings of the facts that are one of a few words, by the command line's contract. */
static const struct {
    const char *table, *key; /* key "": every string of the table */
    const char *words[WORDS_MAX];
} vocabularies[] = {
    {"facts", "partition_table", {"", "mbr", "gpt", "none"}},
    {"fact_image", "format", {"", "raw", "qcow2", "vhd", "vmdk", "unknown"}},
    {"fact_os", "type", {"linux", "windows", "freebsd", "other"}},
    {"fact_drivers", "", {"", "builtin", "initramfs", "module", "absent", "unknown"}},
};

static bool used[ARRAY_SIZE(vocabularies)];

static void die(const char *what)
{
    fprintf(stderr, "fill_schema: %s\n", what);
    exit(1);
}

/* The reference, or the end of the program. */
static json_t *need(json_t *json)
{
    if (!json)
        die("out of memory, or text that is not UTF-8");
    return json;
}

static json_t *ref(const char *name)
{
    return need(json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", name)));
}

static void put(json_t *object, const char *key, json_t *value)
{
    if (json_object_get(object, key))
        die("the schema defines what the tables define");
    if (json_object_set_new(object, key, value) < 0)
        die("out of memory");
}

static void append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, need(value)) < 0)
        die("out of memory");
}

static json_t *string_schema(const struct fact_table *t, const struct fact_field *f)
{
    for (size_t i = 0; i < ARRAY_SIZE(vocabularies); i++) {
        json_t *words;

        if (strcmp(vocabularies[i].table, t->name) != 0 ||
            (vocabularies[i].key[0] && strcmp(vocabularies[i].key, f->key) != 0))
            continue;
        used[i] = true;
        words = need(json_array());
        for (size_t k = 0; k < WORDS_MAX && vocabularies[i].words[k]; k++)
            append(words, json_string(vocabularies[i].words[k]));
        return need(json_pack("{s:o}", "enum", words));
    }
    return need(json_pack("{s:s}", "type", "string"));
}

static void add_table(json_t *defs, const struct fact_table *t);

static json_t *field_schema(json_t *defs, const struct fact_table *t,
                            const struct fact_field *f)
{
    if (f->of)
        add_table(defs, f->of);
    switch (f->kind) {
    case FACT_BOOL:
        return need(json_pack("{s:s}", "type", "boolean"));
    case FACT_U32:
        return need(json_pack("{s:s, s:i, s:I}", "type", "integer", "minimum", 0,
                              "maximum", (json_int_t)UINT32_MAX));
    case FACT_U64:
        return need(json_pack("{s:s, s:i}", "type", "integer", "minimum", 0));
    case FACT_I64:
        return need(json_pack("{s:s}", "type", "integer"));
    case FACT_STRING:
        return string_schema(t, f);
    case FACT_STRINGS:
        return need(
            json_pack("{s:s, s:{s:s}}", "type", "array", "items", "type", "string"));
    case FACT_STRUCT:
        return ref(f->of->name);
    case FACT_POINTER:
        return need(
            json_pack("{s:[o, {s:s}]}", "anyOf", ref(f->of->name), "type", "null"));
    case FACT_LIST:
        return need(json_pack("{s:s, s:o}", "type", "array", "items", ref(f->of->name)));
    }
    die("a kind of fact without a schema");
    return NULL;
}

/* Tables hang off each other without a circle: a struct cannot hold itself. */
static void add_table(json_t *defs, const struct fact_table *t)
{
    json_t *properties, *required;

    if (json_object_get(defs, t->name))
        return;
    properties = need(json_object());
    required = need(json_array());
    for (size_t i = 0; i < t->n; i++) {
        put(properties, t->fields[i].key, field_schema(defs, t, &t->fields[i]));
        append(required, json_string(t->fields[i].key));
    }
    put(defs, t->name,
        need(json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties,
                       "required", required, "additionalProperties", 0)));
}

static json_t *verdicts(void)
{
    json_t *words = need(json_array());

    for (int v = VERDICT_ACCEPTED; v <= VERDICT_UNDECIDED; v++)
        append(words, json_string(verdict_name((enum verdict)v)));
    return words;
}

static json_t *levels(void)
{
    json_t *words = need(json_array());

    for (int v = LEVEL_OFF + 1; v < FINDING_LEVEL_MAX; v++)
        append(words, json_string(finding_level_name((enum finding_level)v)));
    return words;
}

static json_t *answer_codes(void)
{
    json_t *words = need(json_array());

    for (int v = ANSWER_NONE + 1; v < ANSWER_CODE_MAX; v++)
        append(words, json_string(answer_code_name((enum answer_code)v)));
    return words;
}

static json_t *error_codes(void)
{
    json_t *words = need(json_array());

    for (int v = ERR_NONE + 1; v < ERR_CODE_MAX; v++)
        append(words, json_string(err_code_name((enum err_code)v)));
    return words;
}

static json_t *check_ids(void)
{
    json_t *words = need(json_array());
    const struct check_row *row;

    for (unsigned i = 0; (row = check_at(i)); i++)
        append(words, json_string(row->id));
    return words;
}

static void add_words(json_t *defs, const char *name, json_t *words)
{
    put(defs, name, need(json_pack("{s:o}", "enum", words)));
}

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *schema, *defs;

    if (argc != 2)
        die("usage: fill_schema SCHEMA");
    schema = json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error);
    if (!schema)
        die(error.text);
    defs = json_object_get(schema, "$defs");
    if (defs) {
        add_table(defs, &facts_table);
        add_words(defs, "verdict", verdicts());
        add_words(defs, "level", levels());
        add_words(defs, "answer_code", answer_codes());
        add_words(defs, "error_code", error_codes());
        add_words(defs, "check_id", check_ids());
        for (size_t i = 0; i < ARRAY_SIZE(used); i++)
            if (!used[i])
                die("a vocabulary is of no fact");
    }
    if (json_dumpf(schema, stdout, JSON_INDENT(2)) < 0 || putchar('\n') == EOF ||
        fflush(stdout) == EOF)
        die("cannot write");
    json_decref(schema);
    return 0;
}
