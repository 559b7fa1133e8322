/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query.h: what a list is asked by: ids or filters, never both */
#pragma once

#include "service/call.h"

struct filter_name {
    const char *name; /* as the vendor has it */
    int key;
    const char *of_all; /* what all that there is has of it, or NULL */
};

struct query_form {
    const char *ids;  /* the parameter with ids */
    const char *both; /* the code where there are filters as well, */
    const char *why;  /* marked by N_(), and its message */
    int (*check_id)(struct call *c, const char *id);
    int (*read_filter)(struct call *c, void *to, const json_t *filter);
};

/* Each id into ids[], which has as many places as the table of the action allows, and
 * each filter to read_filter(), with `to`.  0, or -1: the answer says what is wrong. */
int query_read(struct call *c, const struct query_form *form, const char **ids,
               size_t *n_ids, void *to);

/* The row that `given` names, or NULL, *tag being what follows its "tag:".  -1: there is
 * none of this name, and the answer says so. */
int query_filter(const struct filter_name **ret, const char **tag, struct call *c,
                 const json_t *given, const struct filter_name *names, size_t n);
