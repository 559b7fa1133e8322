/* SPDX-License-Identifier: GPL-2.0-or-later */
/* openapi: the description of the API, made of the tables that decode it
 *
 * API 3.0 has one path and tells actions apart by a header, which OpenAPI cannot say: so
 * an action's path here ends in a fragment, which no client sends. */
#include <stdio.h>
#include <string.h>

#include "imgport/imgport.h"
#include "service/call.h"
#include "service/params.h"

static void schema(struct json_out *o, const char *key, const struct param *p);

static void object_schema(struct json_out *o, const char *key, const struct param *table)
{
    json_out_begin(o, key);
    json_out_text(o, "type", "object");
    json_out_bool(o, "additionalProperties", false);
    json_out_begin_list(o, "required");
    for (const struct param *p = table; p->name; p++)
        if (p->required)
            json_out_text(o, NULL, p->name);
    json_out_end_list(o);
    json_out_begin(o, "properties");
    for (const struct param *p = table; p->name; p++)
        schema(o, p->name, p);
    json_out_end(o);
    json_out_end(o);
}

static void text_schema(struct json_out *o, const char *key, const struct param *p)
{
    json_out_begin(o, key);
    json_out_text(o, "type", "string");
    if (p->min > 0)
        json_out_int(o, "minLength", p->min);
    json_out_int(o, "maxLength", p->max ? p->max : 4096);
    if (p->choices) {
        json_out_begin_list(o, "enum");
        for (const char *c = p->choices; c; c = strchr(c, '|')) {
            char word[64];

            c += *c == '|';
            snprintf(word, sizeof word, "%.*s", (int)strcspn(c, "|"), c);
            json_out_text(o, NULL, word);
        }
        json_out_end_list(o);
    }
    if (p->code)
        json_out_text(o, "x-error-code", p->code);
    json_out_end(o);
}

static void list_schema(struct json_out *o, const char *key, const struct param *p)
{
    json_out_begin(o, key);
    json_out_text(o, "type", "array");
    if (p->required)
        json_out_int(o, "minItems", 1);
    json_out_int(o, "maxItems", p->items ? p->items : PARAM_ITEMS_MAX);
    if (p->type == PARAM_OBJECTS)
        object_schema(o, "items", p->members);
    else
        text_schema(o, "items", p);
    json_out_end(o);
}

static void schema(struct json_out *o, const char *key, const struct param *p)
{
    switch (p->type) {
    case PARAM_TEXT:
        text_schema(o, key, p);
        break;
    case PARAM_TEXTS:
    case PARAM_OBJECTS:
        list_schema(o, key, p);
        break;
    case PARAM_OBJECT:
        object_schema(o, key, p->members);
        break;
    case PARAM_INT:
        json_out_begin(o, key);
        json_out_text(o, "type", "integer");
        if (p->min || p->max) {
            json_out_int(o, "minimum", p->min);
            json_out_int(o, "maximum", p->max);
        }
        json_out_end(o);
        break;
    case PARAM_BOOL:
        json_out_begin(o, key);
        json_out_text(o, "type", "boolean");
        json_out_end(o);
        break;
    }
}

static void header(struct json_out *o, const char *name, const char *only, bool required)
{
    json_out_begin(o, NULL);
    json_out_text(o, "name", name);
    json_out_text(o, "in", "header");
    json_out_bool(o, "required", required);
    json_out_begin(o, "schema");
    json_out_text(o, "type", "string");
    if (only)
        json_out_text(o, "const", only);
    json_out_end(o);
    json_out_end(o);
}

static void operation(struct json_out *o, const struct action *a)
{
    char path[128];

    snprintf(path, sizeof path, "/#%s", a->name);
    json_out_begin(o, path);
    json_out_begin(o, "post");
    json_out_text(o, "operationId", a->name);
    json_out_begin_list(o, "tags");
    json_out_text(o, NULL, a->version);
    json_out_end_list(o);
    if (a->flags & ACTION_OPERATOR)
        json_out_bool(o, "x-operator", true);
    json_out_begin_list(o, "parameters");
    header(o, "X-TC-Action", a->name, true);
    header(o, "X-TC-Version", a->version, true);
    header(o, "X-TC-Region", NULL, !(a->flags & ACTION_NO_REGION));
    header(o, "X-TC-Timestamp", NULL, true);
    header(o, "X-TC-Language", NULL, false);
    json_out_end_list(o);
    json_out_begin(o, "requestBody");
    json_out_bool(o, "required", true);
    json_out_begin(o, "content");
    json_out_begin(o, "application/json");
    object_schema(o, "schema", a->params);
    json_out_end(o);
    json_out_end(o);
    json_out_end(o);
    json_out_raw(o, "responses",
                 "{\"200\":{\"description\":\"an answer, or an error\",\"content\":"
                 "{\"application/json\":{\"schema\":{\"$ref\":"
                 "\"#/components/schemas/Envelope\"}}}}}");
    json_out_end(o);
    json_out_end(o);
}

int main(void)
{
    struct json_out o = {0};
    const struct action *a;

    json_out_begin(&o, NULL);
    json_out_text(&o, "openapi", "3.1.0");
    json_out_begin(&o, "info");
    json_out_text(&o, "title", "imgportd");
    json_out_text(&o, "version", imgport_version());
    json_out_text(
        &o, "description",
        "API 3.0 of CVM's images, and actions of our own.  Every path is \"/\": the "
        "fragment only tells actions apart here.");
    json_out_end(&o);
    json_out_begin(&o, "paths");
    for (size_t i = 0; (a = action_at(i)); i++)
        operation(&o, a);
    json_out_end(&o);
    json_out_raw(
        &o, "components",
        "{\"securitySchemes\":{\"TC3\":{\"type\":\"apiKey\",\"in\":\"header\","
        "\"name\":\"Authorization\",\"description\":\"TC3-HMAC-SHA256\"}},"
        "\"schemas\":{\"Envelope\":{\"type\":\"object\",\"required\":[\"Response\"],"
        "\"properties\":{\"Response\":{\"type\":\"object\",\"required\":[\"RequestId\"],"
        "\"properties\":{\"RequestId\":{\"type\":\"string\"},\"Error\":{\"type\":"
        "\"object\","
        "\"required\":[\"Code\",\"Message\"],\"properties\":{\"Code\":{\"type\":"
        "\"string\"},"
        "\"Message\":{\"type\":\"string\"}}}}}}}}}");
    json_out_raw(&o, "security", "[{\"TC3\":[]}]");
    json_out_end(&o);
    if (json_out_check(&o, NULL) < 0 || puts(o.buf.p) < 0 || fflush(stdout) != 0)
        return 1;
    buf_fini(&o.buf);
    return 0;
}
