/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/boot/uki.h"

#include <inttypes.h>
#include <string.h>

#include "guest/pe.h"

int uki_read(struct uki *ret, struct block *file, struct err *err)
{
    static const char *const names[] = {".linux", ".initrd", ".osrel", ".cmdline",
                                        ".uname"};
    struct pe_sections sections;
    int r = pe_sections_read(&sections, file, err);

    *ret = (struct uki){0};
    for (unsigned i = 0; i < sections.n && r == 1; i++) {
        const struct pe_section *s = &sections.v[i];

        if (strcmp(s->name, ".profile") == 0)
            break;
        for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
            if (strcmp(s->name, names[k]) != 0 || ret->part[k].there)
                continue;
            ret->part[k].there = true;
            ret->part[k].at = s->at;
            ret->part[k].size = s->size;
        }
    }
    return r == 1 ? ret->part[UKI_LINUX].there : r;
}

int uki_open(struct block **ret, const struct uki *uki, enum uki_part part,
             struct block *file, struct err *err)
{
    int r;

    if (!uki->part[part].there)
        return 0;
    r = block_window_open(ret, file, uki->part[part].at, uki->part[part].size, err);
    return r < 0 ? r : 1;
}

int uki_text(const char **ret, const struct uki *uki, enum uki_part part,
             struct block *file, struct arena *a, struct err *err)
{
    AUTO(freep) char *text = NULL;
    size_t n = (size_t)uki->part[part].size;
    int r;

    *ret = "";
    if (!uki->part[part].there || uki->part[part].size == 0)
        return 0;
    if (uki->part[part].size > UKI_TEXT_MAX)
        return FAIL(err, ERR_LIMIT, "text of %" PRIu64 " bytes, limit %d",
                    uki->part[part].size, UKI_TEXT_MAX);
    text = malloc(n);
    if (!text)
        return FAIL(err, ERR_NOMEM, "text");
    r = block_read(file, text, n, uki->part[part].at, err);
    n = strnlen(text, n);
    while (n && strchr(" \t\r\n", text[n - 1]))
        n--;
    if (r == 0)
        *ret = arena_strn(a, text, n);
    return r;
}
