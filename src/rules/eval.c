/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/rules.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/scoped.h"
#include "rules/judge.h"

enum { PROBLEMS_ALL = 256 }; /* so many problems are listed, and no more */

static const struct check checks[] = {
#define CHECK(id, level, code, title, evidence, fn) \
    {{id, title, LEVEL_##level, ANSWER_##code, evidence}, fn},
#include "rules/checks.def"
#undef CHECK
};

const struct check_row *check_at(unsigned i)
{
    return i < ARRAY_SIZE(checks) ? &checks[i].row : NULL;
}

const char *check_remedy(const char *id)
{
    static const struct {
        const char *id, *text;
    } remedies[] = {
#define REMEDY(id, text) {id, text},
#include "rules/remedies.def"
#undef REMEDY
    };

    for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
        if (same(remedies[i].id, id))
            return remedies[i].text;
    return NULL;
}

/* ---- findings */

void finding_add_code(struct judge *j, const struct check *c, enum finding_level level,
                      enum answer_code code, const char *subject, const char *detail,
                      const char *remedy)
{
    struct finding *f;

    for (size_t i = 0; i < j->profile->levels.n; i++)
        if (same(j->profile->levels.v[i].id, c->row.id))
            level = j->profile->levels.v[i].level;
    if (level == LEVEL_OFF)
        return;
    f = LIST_ADD(j->a, &j->findings);
    if (!f)
        return;
    *f = (struct finding){c->row.id, level, code, subject, detail, remedy};
    log_debug(LOG_RULES, "%s: %s", c->row.id, finding_level_name(level));
}

void finding_add(struct judge *j, const struct check *c, enum finding_level level,
                 const char *subject, const char *detail, const char *remedy)
{
    finding_add_code(j, c, level, c->row.code, subject, detail, remedy);
}

void judge_unclear(struct judge *j, const char *layer, const char *code,
                   const char *subject, const char *message)
{
    struct fact_problem *p;

    if (j->unclear)
        return;
    p = arena_alloc(j->a, sizeof *p);
    if (!p)
        return;
    *p = (struct fact_problem){layer, code, subject, message, false};
    j->unclear = p;
}

static const struct fact_problem *first_problem(const struct facts *f)
{
    for (size_t i = 0; i < f->problems.n; i++)
        if (!f->problems.v[i].minor)
            return &f->problems.v[i];
    return NULL;
}

bool judge_has_problem(const struct judge *j)
{
    return first_problem(j->facts) != NULL;
}

bool usr_is_missing(const struct facts *f)
{
    const struct fact_linux *l = f->linux_;

    for (size_t i = 0; l && i < l->fstab.n; i++) {
        const struct fact_mount *m = &l->fstab.v[i];

        if (same(m->target, "/usr") && same(m->kind, "disk"))
            return !m->resolves;
    }
    return false;
}

bool is_image_based(const struct facts *f)
{
    return f->root && (f->root->usr[0] || f->root->deployment[0]);
}

static bool speaks_of(const struct judge *j, const char *part, bool minor)
{
    const struct facts *f = j->facts;

    if (usr_is_missing(f))
        return true; /* what is installed lies there */
    for (size_t i = 0; i < f->problems.n; i++) {
        const struct fact_problem *p = &f->problems.v[i];

        /* The last of so many stands for all that are not listed. */
        if ((minor || !p->minor) && (i + 1 == PROBLEMS_ALL || strstr(p->subject, part) ||
                                     strstr(p->message, part)))
            return true;
    }
    return false;
}

bool is_unseen(const struct judge *j, const char *part)
{
    return speaks_of(j, part, false);
}

bool is_advice_unseen(const struct judge *j, const char *part)
{
    return speaks_of(j, part, true);
}

/* ---- what is judged */

static bool is_windows_candidate(const struct facts *f)
{
    for (size_t i = 0; i < f->candidates.n; i++)
        if (same(f->candidates.v[i].what, "windows"))
            return true;
    return false;
}

static bool on_disk(const struct facts *f, bool (*is)(const char *filesystem))
{
    for (size_t i = 0; i < f->partitions.n; i++)
        if (is(f->partitions.v[i].filesystem))
            return true;
    for (size_t i = 0; i < f->logical_volumes.n; i++)
        if (is(f->logical_volumes.v[i].filesystem))
            return true;
    return is(f->disk.whole);
}

static bool is_ufs(const char *filesystem)
{
    return same(filesystem, "ufs");
}

/* Which system's policy holds?  Also a system whose root could not be read has a type,
 * when something else tells it. */
static void judge_type(struct judge *j)
{
    static const struct policy empty = {.agent_version_min = "", .nic = ""};
    const struct facts *f = j->facts;
    const char *type = f->os                     ? f->os->type
                       : is_windows_candidate(f) ? "windows"
                       : on_disk(f, is_ufs)      ? "freebsd"
                                                 : "";

    j->type_known = type[0] != '\0';
    j->type = same(type, "linux")     ? SYSTEM_LINUX
              : same(type, "windows") ? SYSTEM_WINDOWS
                                      : SYSTEM_OTHER;
    j->policy = j->type_known ? &j->profile->policy[j->type] : &empty;
}

static bool may_be_root_unread(const char *filesystem, const struct fact_fs *fs)
{
    static const char *const systems[] = {
        "ext2",
        "ext3",
        "ext4",
        "xfs",
        "btrfs",
        "ntfs",
        "f2fs",
        "jfs",
        "reiserfs",
        "zfs_member",
        "ufs",
        "ReFS",
        "hfsplus",
        "apfs",
        "VMFS_volume_member",
        "linux_raid_member",
    };

    for (size_t i = 0; !fs && i < ARRAY_SIZE(systems); i++)
        if (same(filesystem, systems[i]))
            return true;
    return false;
}

/* No root was seen, but a filesystem that may hold one was not opened: then its absence
 * proves nothing. */
static void judge_blind(struct judge *j)
{
    const struct facts *f = j->facts;
    const char *device = NULL, *filesystem = "";

    if (f->root)
        return;
    for (size_t i = 0; i < f->partitions.n && !device; i++) {
        const struct fact_partition *p = &f->partitions.v[i];

        if (!p->past_end && may_be_root_unread(p->filesystem, p->fs)) {
            device = TEXT(j, "partition %u", p->index);
            filesystem = p->filesystem;
        }
    }
    for (size_t i = 0; i < f->logical_volumes.n && !device; i++) {
        const struct fact_volume *v = &f->logical_volumes.v[i];

        if (may_be_root_unread(v->filesystem, v->fs)) {
            device = v->name;
            filesystem = v->filesystem;
        }
    }
    j->blind = device || judge_has_problem(j);
    if (device && !judge_has_problem(j))
        judge_unclear(
            j, filesystem, "unsupported", device,
            TEXT(j, "%s is not read, and no other filesystem holds a root", filesystem));
}

static bool container_is_refused(const struct facts *f)
{
    return !same(f->image.fault, "none") && f->image.fault[0] != '\0';
}

/* Is there a system of this type, and was it looked at? */
static bool is_judged(const struct facts *f, enum system_type type,
                      enum system_type wanted)
{
    return f->root && f->os && type == wanted && (type != SYSTEM_WINDOWS || f->windows);
}

/* "A check whose object is absent is not run." */
static bool has_object(const struct judge *j, const struct check *c)
{
    const struct facts *f = j->facts;

    switch (c->row.id[0]) {
    case 'C':
        return true;
    case 'P':
        if (c->rule == rule_installer)
            return true;
        return !container_is_refused(f) && !j->installer && f->partition_table[0];
    case 'N':
        if (container_is_refused(f) || j->installer || !f->partition_table[0])
            return false;
        if (c->rule == rule_dynamic_disk || c->rule == rule_bitlocker)
            return true;
        return is_judged(f, j->type, SYSTEM_WINDOWS);
    default:
        if (container_is_refused(f) || j->installer)
            return false;
        if (c->rule == rule_system_listed)
            return !is_judged(f, j->type, SYSTEM_WINDOWS); /* N02 */
        return is_judged(f, j->type, SYSTEM_LINUX);
    }
}

/* ---- the request */

static int request_check(const struct rules_request *r, struct err *err)
{
    if (r->arch[0] && !arch_bit(r->arch) && !same(r->arch, "arm_64"))
        return FAIL(err, ERR_ARG, "architecture \"%s\" is none of x86_64, i386 and arm64",
                    r->arch);
    if (r->license[0] && !same(r->license, "BYOL") && !same(r->license, "TencentCloud"))
        return FAIL(err, ERR_ARG, "licence \"%s\" is neither BYOL nor TencentCloud",
                    r->license);
    if (r->os_version[0] && !r->os_type[0])
        return FAIL(err, ERR_ARG, "a version of the system is declared without its type");
    return 0;
}

/* ---- the verdict */

static int by_level_then_id(const void *x, const void *y)
{
    const struct finding *a = x, *b = y;

    if (a->level != b->level)
        return a->level > b->level ? -1 : 1;
    if (!same(a->id, b->id))
        return strcmp(a->id, b->id);
    return a->subject == b->subject ? 0 : strcmp(a->subject, b->subject);
}

static void verdict(struct report *r, const struct judge *j)
{
    const struct fact_problem *problem = first_problem(j->facts);

    r->findings = j->findings;
    if (r->findings.n)
        qsort(r->findings.v, r->findings.n, sizeof *r->findings.v, by_level_then_id);
    for (size_t i = 0; i < r->findings.n; i++) {
        const struct finding *f = &r->findings.v[i];

        if (f->level != LEVEL_ERROR)
            continue;
        r->verdict = VERDICT_REFUSED;
        if (f->code != ANSWER_NONE && (r->code == ANSWER_NONE || f->code < r->code))
            r->code = f->code;
    }
    if (!problem)
        problem = j->unclear;
    if (r->verdict != VERDICT_REFUSED && problem) {
        r->verdict = VERDICT_UNDECIDED;
        r->error = problem;
    }
}

int rules_judge(struct report *ret, struct arena *a, const struct facts *facts,
                const struct profile *profile, const struct rules_request *request,
                struct err *err)
{
    struct judge j = {
        .a = a,
        .facts = facts,
        .profile = profile,
        .request = request,
    };
    struct report report = {.verdict = VERDICT_ACCEPTED};
    int r = request_check(request, err);

    if (r < 0)
        return r;
    judge_type(&j);
    judge_blind(&j);
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
        if (checks[i].rule == rule_installer)
            checks[i].rule(&j, &checks[i]);
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
        if (checks[i].rule != rule_installer && has_object(&j, &checks[i]))
            checks[i].rule(&j, &checks[i]);
    if (!facts->partition_table[0] && !container_is_refused(facts) && !j.installer)
        judge_unclear(&j, "volume", "io", "", "the partition table was not looked at");
    if (facts->root && !is_judged(facts, j.type, SYSTEM_LINUX) &&
        !is_judged(facts, j.type, SYSTEM_WINDOWS))
        judge_unclear(&j, "guest", "unsupported", facts->root->device,
                      "the system on the root is of a kind that is not judged");
    r = arena_check(a, err);
    if (r < 0)
        return r;
    verdict(&report, &j);
    *ret = report;
    return 0;
}
