/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_profile.c: a profile is a file that anybody may hand to --profile
 *
 * What is taken judges a good guest without harm; what is not has a message with file and
 * line. */
#include <assert.h>
#include <string.h>

#include "base/scoped.h"
#include "fuzz/fuzz.h"
#include "rules/facts_by_hand.h"

enum { ARENA_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_fini) struct arena a = {.max = ARENA_MAX};
    const struct profile *p = NULL;
    struct err err = {0};
    struct report report;
    struct facts f;

    if (profile_parse(&p, &a, "fuzz.profile", bytes_of(data, size), &err) < 0) {
        assert(!p && strncmp(err.msg, "fuzz.profile:", 13) == 0);
        assert(err.code == ERR_ARG);
        return 0;
    }
    assert(profile_name(p) && profile_title(p)[0] && profile_source(p));
    assert(profile_service(p)->cos_links[0]);
    for (size_t i = 0; profile_system_at(p, i); i++)
        assert(profile_system_at(p, i)->name && i < PROFILE_LIST_MAX);
    facts_good(&f, &a);
    if (rules_judge(&report, &a, &f, p, &request_none, &err) < 0)
        assert(err.code == ERR_LIMIT);
    return 0;
}
