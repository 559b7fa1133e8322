/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_rules.c: facts that no inspection would send, judged by every profile
 *
 * The first byte is the request; the rest is JSON that is laid over the facts of a good
 * guest: {"os":{"id":"void"}} changes one thing, and an element of a list needs only the
 * members that matter.  An input that names "windows" is laid over a Windows. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "fuzz/fuzz.h"
#include "guest/facts_json.h"
#include "rules/facts_by_hand.h"

enum { INPUT_MAX = 64 * 1024, LIST_MAX = 64, ARENA_MAX = 64 << 20 };

static const char *const profiles[] = {"tencent-2016", "tencent-2016-intl",
                                       "tencent-2018", "tencent-2022",
                                       "tencent-2023", "generic-kvm",
                                       "openstack",    "kubevirt",
                                       "aliyun",       "aws",
                                       "azure",        "gcp",
                                       "huawei"};

struct template
{
    struct arena arena;
    const struct profile *profiles[ARRAY_SIZE(profiles)];
    json_t *good;  /* what stays as the input does not name it */
    json_t *shape; /* the same, with one element in every list */
    json_t *windows, *windows_shape;
};

#define ONE(list)                                 \
    do {                                          \
        if ((list).n == 0)                        \
            assert(LIST_ADD(a, &(list)) != NULL); \
    } while (0)

/* Lists of structs whose strings are all "": facts_init() cannot make them. */
static void fill(struct facts *f, struct arena *a)
{
    static const struct fact_residue residue = {"vmware", "/x", 1};
    struct fact_linux *l = f->linux_;

    ONE(f->candidates);
    f->candidates.v[0] = (struct fact_candidate){"partition 1", "ext4", "root", "/etc"};
    ONE(f->logical_volumes);
    f->logical_volumes.v[0] =
        (struct fact_volume){"vg/root", 1, "ext4", "", "", "root", f->partitions.v[0].fs};
    ONE(f->problems);
    f->problems.v[0] = (struct fact_problem){"ext4", "io", "partition 1", "x", false};
    ONE(l->blocked);
    l->blocked.v[0] = (struct fact_blocked){"virtio_blk", "x:1"};
    ONE(l->tools);
    l->tools.v[0] = residue;
    ONE(l->residues);
    l->residues.v[0] = residue;
}

/* The same for a Windows. */
static void fill_windows(struct facts *f, struct arena *a)
{
    struct fact_windows *w = f->windows;

    ONE(w->hives);
    w->hives.v[0] = (struct fact_windows_hive){"SYSTEM", "/x", "ok", false, "x"};
    ONE(w->filters);
    w->filters.v[0] = (struct fact_windows_filter){"x", true, true};
    ONE(w->tools);
    w->tools.v[0] = (struct fact_residue){"vmware", "service x", 0};
}

static struct template *template(void)
{
    static struct template t;
    struct err err = {0};
    struct facts f;

    if (t.good)
        return &t;
    for (size_t i = 0; i < ARRAY_SIZE(profiles); i++)
        t.profiles[i] = profile_load(&t.arena, profiles[i]);
    facts_good(&f, &t.arena);
    t.good = facts_to_json(&f);
    fill(&f, &t.arena);
    t.shape = facts_to_json(&f);
    facts_windows(&f, &t.arena);
    t.windows = facts_to_json(&f);
    fill_windows(&f, &t.arena);
    t.windows_shape = facts_to_json(&f);
    assert(t.windows && facts_from_json(&f, t.windows, &t.arena, &err) == 0);
    assert(t.windows_shape && facts_from_json(&f, t.windows_shape, &t.arena, &err) == 0);
    /* A template that is not taken would make every input a waste. */
    assert(t.good && facts_from_json(&f, t.good, &t.arena, &err) == 0);
    assert(t.shape && facts_from_json(&f, t.shape, &t.arena, &err) == 0);
    return &t;
}

/* A new reference.  As deep as `shape`, not as the input. */
static json_t *overlay(json_t *good, json_t *shape, json_t *patch)
{
    json_t *ret, *value;
    const char *key;
    size_t i;

    if (json_is_array(shape) && json_is_array(patch)) {
        ret = json_array();
        json_array_foreach(patch, i, value)
        {
            json_t *one = json_array_get(shape, 0);

            if (i < LIST_MAX)
                json_array_append_new(ret, one ? overlay(one, one, value)
                                               : json_incref(value));
        }
        return ret;
    }
    if (!json_is_object(shape) || !json_is_object(patch))
        return json_incref(patch);
    ret = json_object();
    json_object_foreach(shape, key, value)
    {
        json_t *from = json_object_get(good, key), *to = json_object_get(patch, key);

        json_object_set_new(ret, key,
                            to ? overlay(from ? from : value, value, to)
                               : json_incref(from ? from : value));
    }
    return ret;
}

static void check(const struct facts *f, const struct report *r)
{
    bool refused = false, problem = false;

    for (size_t i = 0; i < r->findings.n; i++) {
        const struct finding *x = &r->findings.v[i];

        assert(x->id && x->subject && x->detail[0] && x->remedy);
        assert(x->level > LEVEL_OFF && x->level < FINDING_LEVEL_MAX);
        assert(i == 0 || x->level <= x[-1].level);
        refused |= x->level == LEVEL_ERROR;
    }
    for (size_t i = 0; i < f->problems.n; i++)
        problem |= !f->problems.v[i].minor;
    assert(refused == (r->verdict == VERDICT_REFUSED));
    assert(refused || r->code == ANSWER_NONE);
    assert((r->verdict == VERDICT_UNDECIDED) == (r->error != NULL));
    assert(!problem || r->verdict != VERDICT_ACCEPTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_fini) struct arena a = {.max = ARENA_MAX};
    struct template *t = template();
    struct rules_request request = request_none;
    struct err err = {0};
    json_t *patch, *json;
    struct facts f;

    if (size == 0 || size > INPUT_MAX)
        return 0;
    patch = json_loadb((const char *)data + 1, size - 1, 0, NULL);
    if (!patch)
        return 0;
    json = json_object_get(patch, "windows")
               ? overlay(t->windows, t->windows_shape, patch)
               : overlay(t->good, t->shape, patch);
    json_decref(patch);
    request.force = data[0] & 1;
    request.os_type = data[0] & 2 ? "CentOS" : "";
    request.os_version = data[0] & 2 ? "7" : "";
    request.arch = data[0] & 4 ? "x86_64" : "";
    request.license = data[0] & 8 ? "BYOL" : "";
    request.now = data[0] & 16 ? 2000000000 : 0;
    if (facts_from_json(&f, json, &a, &err) == 0)
        for (size_t i = 0; i < ARRAY_SIZE(t->profiles); i++) {
            struct report r;

            if (rules_judge(&r, &a, &f, t->profiles[i], &request, &err) < 0)
                break;
            check(&f, &r);
        }
    json_decref(json);
    return 0;
}
