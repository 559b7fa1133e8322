/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/action/query.h"

#include <string.h>

#include "base/i18n.h"

int query_read(struct call *c, const struct query_form *form, const char **ids,
               size_t *n_ids, void *to)
{
    const json_t *filters = call_list(c, "Filters");
    size_t n = call_count(c, form->ids);
    int r = 0;

    *n_ids = 0;
    if (n > 0 && json_array_size(filters) > 0)
        return call_error(c, form->both, "%s", _(form->why));
    for (; *n_ids < n; ++*n_ids) {
        ids[*n_ids] = call_text_at(c, form->ids, *n_ids);
        if (form->check_id(c, ids[*n_ids]) < 0)
            return -1;
    }
    for (size_t i = 0; r == 0 && i < json_array_size(filters); i++)
        r = form->read_filter(c, to, json_array_get(filters, i));
    return r;
}

int query_filter(const struct filter_name **ret, const char **tag, struct call *c,
                 const json_t *given, const struct filter_name *names, size_t n)
{
    const char *name = json_string_value(json_object_get(given, "Name"));

    *ret = NULL;
    *tag = NULL;
    if (strncmp(name, "tag:", 4) == 0 && name[4]) {
        *tag = name + 4;
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i].name, name) == 0) {
            *ret = &names[i];
            return 0;
        }
    return call_error(c, "InvalidFilter", _("there is no filter \"%.60s\""), name);
}
