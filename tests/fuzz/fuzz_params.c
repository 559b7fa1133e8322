/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a request asks: the first byte chooses the action and the form, JSON or flattened
 * names. What the table takes is written again as flattened names would be. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "service/call.h"
#include "service/params.h"
#include "service/query.h"

static void walk(const json_t *j)
{
    struct json_out o = {0};
    const char *key;
    json_t *v;
    size_t i;

    json_out_begin(&o, NULL);
    json_object_foreach((json_t *)(uintptr_t)j, key, v)
    {
        if (json_is_string(v))
            json_out_text(&o, "x", json_string_value(v));
        if (json_is_array(v))
            for (i = 0; i < json_array_size(v); i++)
                json_out_text(&o, "x", json_string_value(json_array_get(v, i)));
    }
    json_out_end(&o);
    buf_fini(&o.buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct action *action;
    struct err err = {0};
    struct call c = {0};
    struct bytes b;
    json_t *j = NULL;
    size_t n = 0;

    if (size < 1)
        return 0;
    while (action_at(n))
        n++;
    action = action_at((data[0] >> 1) % n);
    b = bytes_of(data + 1, size - 1);
    if (data[0] & 1)
        j = json_loadb((const char *)b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    else if (params_unflatten(&j, b, &err) == 0)
        (void)params_type(j, action->params, &err);
    if (json_is_object(j) && params_check(&c, action->params, j) == 0)
        walk(j);
    json_decref(j);
    return 0;
}
