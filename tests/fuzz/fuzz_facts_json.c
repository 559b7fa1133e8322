/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_facts_json.c: what a worker that was taken over may send to the broker.
 *
 * What is taken must come out again as the same facts. */
#include <assert.h>
#include <string.h>

#include "base/scoped.h"
#include "fuzz/fuzz.h"
#include "guest/facts_json.h"

enum { INPUT_MAX = 256 * 1024 };

/* A fuzzer hardly guesses all keys, so the input is laid over good facts. */
static json_t *complete(json_t *json)
{
    struct facts none;
    json_t *ret;

    facts_init(&none);
    ret = facts_to_json(&none);
    assert(ret);
    json_object_update(ret, json);
    json_decref(json);
    return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_fini) struct arena a = {0};
    AUTO(freep) char *first = NULL, *second = NULL;
    struct facts f, g;
    struct err err = {0};
    json_t *json;

    if (size == 0 || size > INPUT_MAX)
        return 0;
    json = json_loadb((const char *)data + 1, size - 1, JSON_ALLOW_NUL, NULL);
    if (!json)
        return 0;
    if (data[0] % 2)
        json = complete(json);
    if (facts_from_json(&f, json, &a, &err) == 0) {
        json_decref(json);
        json = facts_to_json(&f);
        assert(json && facts_from_json(&g, json, &a, &err) == 0);
        first = json_dumps(json, JSON_COMPACT);
        json_decref(json);
        json = facts_to_json(&g);
        second = json_dumps(json, JSON_COMPACT);
        assert(first && second && strcmp(first, second) == 0);
    } else {
        assert(err.code != ERR_NONE && *err.msg);
    }
    json_decref(json);
    return 0;
}
