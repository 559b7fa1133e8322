/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault_lvm2.c: volume groups with each access and each allocation failing once
 *
 * A failed allocation ends the scan as what it is, and a failed access is a problem of
 * its physical volume; neither is ever a volume that is missing. */
#include <stdio.h>
#include <string.h>

#include "volume/lvm2.h"
#include "volume/lvm2_make.h"

/* Linked with --wrap: every allocation of ours comes here first. */
static unsigned allocations, failing_allocation;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool allocation_fails(void)
{
    return ++allocations == failing_allocation;
}

void *__wrap_malloc(size_t n)
{
    return allocation_fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return allocation_fails() ? NULL : __real_realloc(p, n);
}

static const char volumes[] = LVM2_VOLUME("root",
                                          LVM2_LINEAR("1", "0", "2", "\"pv0\", 2")
                                              LVM2_LINEAR("2", "2", "2", "\"pv1\", 5"))
    LVM2_VOLUME("thin", LVM2_SEGMENT("1", "0", "2", "type = \"thin\"")) LVM2_VOLUME(
        "mirror", LVM2_SEGMENT("1", "0", "2", "type = \"mirror\" mirrors = [\"i\", 0]"))
        LVM2_HIDDEN("i", LVM2_LINEAR("1", "0", "2", "\"pv0\", 4"));

static uint8_t pvs[2][MAKE_PV];

struct outcome {
    enum err_code member[2];
    size_t volumes, readable;
};

/* The nth access to a physical volume fails, while scanning. */
static int scan(struct outcome *ret, unsigned nth, atomic_uint *count, struct err *err)
{
    AUTO(arena_fini) struct arena a = {0};
    AUTO(lvm2_groups_fini) struct lvm2_groups groups = {0};
    AUTO(block_unrefp) struct block *m0 = NULL, *m1 = NULL, *f0 = NULL, *f1 = NULL;
    struct lvm2_member members[2] = {{.device = "1"}, {.device = "2"}};
    int r = block_mem_open(&m0, pvs[0], MAKE_PV, err);

    if (r == 0)
        r = block_mem_open(&m1, pvs[1], MAKE_PV, err);
    if (r == 0)
        r = block_fault_open(&f0, m0, nth, count, err);
    if (r == 0)
        r = block_fault_open(&f1, m1, 0, NULL, err);
    members[0].block = f0;
    members[1].block = f1;
    if (r == 0)
        r = lvm2_scan(&groups, members, 2, &a, err);
    *ret = (struct outcome){{members[0].code, members[1].code}, groups.volumes.n, 0};
    for (size_t i = 0; i < groups.volumes.n; i++)
        ret->readable += groups.volumes.v[i].block != NULL;
    return r;
}

static int bad(const char *what, unsigned nth, int r, const struct err *err)
{
    printf("%s %u: %d %s\n", what, nth, r, err->msg);
    return 1;
}

static int check_accesses(void)
{
    for (unsigned nth = 1;; nth++) {
        atomic_uint count = 0;
        struct outcome o;
        struct err err = {0};
        int r = scan(&o, nth, &count, &err);

        if (r < 0 || o.member[1] != ERR_NONE)
            return bad("access", nth, r, &err);
        if (count < nth)
            return o.volumes == 3 && o.readable == 2 ? 0 : bad("whole", nth, r, &err);
        if (o.member[0] != ERR_IO)
            return bad("access, told as something else,", nth, r, &err);
    }
}

static int check_allocations(void)
{
    for (unsigned nth = 1;; nth++) {
        struct outcome o;
        struct err err = {0};
        int r;

        allocations = 0;
        failing_allocation = nth;
        r = scan(&o, 0, NULL, &err);
        failing_allocation = 0;
        if (allocations < nth)
            return r == 0 && nth > 10 ? 0 : bad("whole", nth, r, &err);
        if (r != -ERR_NOMEM || err.code != ERR_NOMEM)
            return bad("allocation", nth, r, &err);
    }
}

int main(void)
{
    char text[MAKE_TEXT];

    lvm2_make_text(text, 1, volumes);
    for (unsigned i = 0; i < 2; i++)
        lvm2_make_pv(pvs[i], i, text, MAKE_RING);
    return check_accesses() || check_allocations();
}
