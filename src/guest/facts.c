/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/facts.h"

#include "guest/facts_table.h"

/* Only strings need work: everything else that is zero already says "not seen". */
void facts_init_table(void *at, const struct fact_table *table)
{
    static const char *const nothing = "";

    memset(at, 0, table->size);
    for (size_t i = 0; i < table->n; i++) {
        const struct fact_field *f = &table->fields[i];
        void *p = (char *)at + f->offset;

        if (f->kind == FACT_STRING)
            memcpy(p, &nothing, sizeof nothing);
        else if (f->kind == FACT_STRUCT)
            facts_init_table(p, f->of);
    }
}

void facts_init(struct facts *f)
{
    facts_init_table(f, &facts_table);
}
