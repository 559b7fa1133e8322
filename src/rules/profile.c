/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/profile.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "base/text.h"
#include "rules/policy.h"
#include "rules/rules.h"

enum key_kind {
    KEY_TEXT,    /* const char * */
    KEY_PATH,    /* const char *: a file in the guest, with slashes */
    KEY_WORDS,   /* profile_names */
    KEY_DRIVERS, /* profile_names, of drivers we have facts about */
    KEY_BITS,    /* uint32_t: any of the vocabulary */
    KEY_CHOICE,  /* uint32_t: the value of one word of the vocabulary */
    KEY_WORD,    /* const char *: one word of the vocabulary */
    KEY_BOOL,    /* bool */
    KEY_SIZE,    /* uint64_t bytes, with KiB, MiB, GiB or TiB */
    KEY_NUMBER,  /* uint64_t */
};

struct word {
    const char *name; /* NULL ends a vocabulary */
    uint32_t value;
};

struct key {
    const char *name;
    enum key_kind kind;
    size_t offset; /* within what the section fills */
    const struct word *words;
    bool required;
};

enum section_kind {
    SECTION_NONE,
    SECTION_PROFILE,
    SECTION_POLICY,
    SECTION_SYSTEM,
    SECTION_SERVICE,
    SECTION_LEVELS,
};

static const struct word format_words[] = {
    {"raw", FORMAT_RAW},
    {"qcow2", FORMAT_QCOW2},
    {"vhd", FORMAT_VHD},
    {"vmdk", FORMAT_VMDK},
    {NULL},
};
static const struct word table_words[] = {
    {"mbr", TABLES_MBR},
    {"gpt", TABLES_GPT},
    {NULL},
};
static const struct word firmware_words[] = {
    {"bios", FIRMWARE_BIOS},
    {"uefi", FIRMWARE_UEFI},
    {NULL},
};
static const struct word arch_words[] = {
    {"x86_64", ARCH_X86_64},
    {"i386", ARCH_I386},
    {"arm64", ARCH_ARM64},
    {NULL},
};
static const struct word agent_words[] = {
    {"off", AGENT_OFF},
    {"warning", AGENT_WARNING},
    {"required", AGENT_REQUIRED},
    {NULL},
};
static const struct word type_words[] = {
    {"linux", SYSTEM_LINUX},
    {"windows", SYSTEM_WINDOWS},
    {"other", SYSTEM_OTHER},
    {NULL},
};
static const struct word license_words[] = {{"BYOL", 0}, {NULL}};
static const struct word cos_words[] = {
    {"any", 0},
    {"own-region", 0},
    {"own-region-overseas", 0},
    {NULL},
};

#define AT(type, member) offsetof(struct type, member)

static const struct key profile_keys[] = {
    {"name", KEY_TEXT, AT(profile, name), .required = true},
    {"title", KEY_TEXT, AT(profile, title), .required = true},
    {"source", KEY_TEXT, AT(profile, source), .required = true},
    {"formats", KEY_BITS, AT(profile, formats), format_words, true},
    {"partition-tables", KEY_BITS, AT(profile, tables), table_words, true},
    {"gpt-needs-esp", KEY_BOOL, AT(profile, gpt_needs_esp)},
    {"firmware", KEY_BITS, AT(profile, firmware), firmware_words, true},
    {"architectures", KEY_BITS, AT(profile, archs), arch_words, true},
    {"virtual-size-max", KEY_SIZE, AT(profile, virtual_size_max)},
    {"qcow2-size-max", KEY_SIZE, AT(profile, qcow2_size_max)},
    {"file-size-max", KEY_SIZE, AT(profile, file_size_max)},
    {"raw-size-multiple", KEY_SIZE, AT(profile, raw_multiple)},
    {"vhd-size-multiple", KEY_SIZE, AT(profile, vhd_multiple)},
    {"vhd-kinds", KEY_WORDS, AT(profile, vhd_kinds)},
    {"vmdk-kinds", KEY_WORDS, AT(profile, vmdk_kinds)},
    {NULL},
};

static const struct key policy_keys[] = {
    {"partition-tables", KEY_BITS, AT(policy, tables), table_words},
    {"architectures", KEY_BITS, AT(policy, archs), arch_words},
    {"filesystems", KEY_WORDS, AT(policy, filesystems)},
    {"filesystem-features-refused", KEY_WORDS, AT(policy, features_refused)},
    {"lvm-refused", KEY_BOOL, AT(policy, lvm_refused)},
    {"cloud-init", KEY_CHOICE, AT(policy, agent), agent_words},
    {"cloud-init-version-min", KEY_TEXT, AT(policy, agent_version_min)},
    {"datasources", KEY_WORDS, AT(policy, datasources)},
    {"disk-drivers", KEY_DRIVERS, AT(policy, disk_drivers)},
    {"network-drivers", KEY_DRIVERS, AT(policy, network_drivers)},
    {"bus-drivers", KEY_DRIVERS, AT(policy, bus_drivers)},
    {"more-drivers", KEY_DRIVERS, AT(policy, more_drivers)},
    {"module-drivers", KEY_DRIVERS, AT(policy, module_drivers)},
    {"boot-loaders", KEY_WORDS, AT(policy, boot_loaders)},
    {"only-nic", KEY_TEXT, AT(policy, nic)},
    {"ipv6-refused", KEY_BOOL, AT(policy, ipv6_refused)},
    {NULL},
};

static const struct key system_keys[] = {
    {"type", KEY_CHOICE, AT(profile_system, type), type_words, true},
    {"ids", KEY_WORDS, AT(profile_system, ids), .required = true},
    {"versions", KEY_WORDS, AT(profile_system, versions)},
    {"editions", KEY_WORDS, AT(profile_system, editions)},
    {"architectures", KEY_BITS, AT(profile_system, archs), arch_words},
    {"license", KEY_WORD, AT(profile_system, license), license_words},
    {NULL},
};

static const struct key service_keys[] = {
    {"images-per-region", KEY_NUMBER, AT(profile_service, images_per_region)},
    {"shares-per-image", KEY_NUMBER, AT(profile_service, shares_per_image)},
    {"operations-per-day", KEY_NUMBER, AT(profile_service, operations_per_day)},
    {"import-permission", KEY_BOOL, AT(profile_service, import_permission)},
    {"one-time-links", KEY_BOOL, AT(profile_service, one_time_links)},
    {"boot-probe", KEY_BOOL, AT(profile_service, boot_probe)},
    {"cos-links", KEY_WORD, AT(profile_service, cos_links), cos_words},
    {"copy-regions", KEY_WORDS, AT(profile_service, copy_regions)},
    {"copy-own-group", KEY_BOOL, AT(profile_service, copy_own_group)},
    {"shares-only-create", KEY_BOOL, AT(profile_service, shares_only_create)},
    {"linux-settings", KEY_PATH, AT(profile_service, linux_settings)},
    {"windows-settings", KEY_PATH, AT(profile_service, windows_settings)},
    {NULL},
};

/* The parser's position and what the current section fills. */
struct parser {
    struct arena *a;
    struct profile *p;
    const char *file;
    unsigned line;
    enum section_kind section;
    enum system_type type; /* of a policy */
    const char *section_name;
    const struct key *keys; /* NULL: [levels] */
    void *target;
    uint64_t seen; /* bit i: keys[i] was given in this section */
    uint64_t sum;  /* of the lines so far */
};

#define BAD(ps, err, ...) bad((ps), (err), __LINE__, __VA_ARGS__)

static int __attribute__((format(printf, 4, 5)))
bad(const struct parser *ps, struct err *err, int line, const char *fmt, ...)
{
    char text[ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_set(err, ERR_ARG, 0, __FILE__, line, "%s:%u: %s", ps->file, ps->line,
                   text);
}

static const char *shown(const struct parser *ps, struct bytes b)
{
    return arena_text(ps->a, b, 60);
}

static const struct word *word_find(const struct word *words, struct bytes name)
{
    for (; words->name; words++)
        if (text_is(name, words->name))
            return words;
    return NULL;
}

static uint32_t word_bit(const struct word *words, const char *name)
{
    const struct word *w = word_find(words, bytes_of(name, strlen(name)));

    return w ? w->value : 0;
}

uint32_t format_bit(const char *name)
{
    return word_bit(format_words, name);
}

uint32_t table_bit(const char *name)
{
    return word_bit(table_words, name);
}

uint32_t firmware_bit(const char *name)
{
    return word_bit(firmware_words, name);
}

uint32_t arch_bit(const char *name)
{
    return word_bit(arch_words, name);
}

static int parse_size(uint64_t *ret, const struct parser *ps, struct bytes value,
                      struct err *err)
{
    static const struct word units[] = {
        {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {NULL},
    };

    for (const struct word *u = units; u->name; u++) {
        uint64_t n;

        if (!text_ends(value, u->name))
            continue;
        if (!text_u64(&n, text_trim(bytes_sub(value, 0, value.n - strlen(u->name)))) ||
            n == 0 || !checked_mul(&n, n, (uint64_t)1 << u->value))
            break;
        *ret = n;
        return 0;
    }
    return BAD(ps, err, "bad size \"%s\": want a number and KiB, MiB, GiB or TiB",
               shown(ps, value));
}

static int parse_words(const struct parser *ps, const struct key *k, void *to,
                       struct bytes value, struct err *err)
{
    profile_names *list = to;
    struct bytes word;

    while (text_next_word(&value, &word)) {
        const char *name = arena_text(ps->a, word, PROFILE_LINE_MAX);
        const char **item;

        if (list->n == PROFILE_LIST_MAX)
            return BAD(ps, err, "%s: more than %d words", k->name, PROFILE_LIST_MAX);
        if (k->kind == KEY_DRIVERS && !facts_know_driver(name, ps->type))
            return BAD(ps, err, "%s: unknown driver \"%s\"", k->name, name);
        for (size_t i = 0; i < list->n; i++)
            if (strcmp(list->v[i], name) == 0)
                return BAD(ps, err, "%s: \"%s\" stands there twice", k->name, name);
        item = LIST_ADD(ps->a, list);
        if (!item)
            return arena_check(ps->a, err);
        *item = name;
    }
    return 0;
}

static int parse_bits(const struct parser *ps, const struct key *k, uint32_t *ret,
                      struct bytes value, struct err *err)
{
    struct bytes word;
    uint32_t bits = 0;

    while (text_next_word(&value, &word)) {
        const struct word *w = word_find(k->words, word);

        if (!w)
            return BAD(ps, err, "%s: unknown word \"%s\"", k->name, shown(ps, word));
        if (bits & w->value)
            return BAD(ps, err, "%s: \"%s\" stands there twice", k->name, w->name);
        bits |= w->value;
    }
    *ret = bits;
    return 0;
}

/* Kept as edits name files: "C:\a\b", whose drive is the system's, is "/a/b". */
static int parse_path(const char **ret, const struct parser *ps, const struct key *k,
                      struct bytes value, struct err *err)
{
    char path[PROFILE_LINE_MAX];
    struct bytes b = value;

    if (text_starts(b, "C:\\")) {
        b = bytes_sub(b, 2, b.n - 2);
        for (size_t i = 0; i < b.n; i++)
            path[i] = b.p[i] == '\\' ? '/' : (char)b.p[i];
        b = bytes_of(path, b.n);
    }
    if (!text_starts(b, "/") || b.n == 1)
        return BAD(ps, err, "%s: \"%s\" begins with neither / nor C:\\", k->name,
                   shown(ps, value));
    *ret = arena_text(ps->a, b, PROFILE_LINE_MAX);
    return 0;
}

static int parse_value(const struct parser *ps, const struct key *k, struct bytes value,
                       struct err *err)
{
    void *to = (char *)ps->target + k->offset;
    const struct word *w;

    if (value.n == 0)
        return BAD(ps, err, "%s: no value", k->name);
    switch (k->kind) {
    case KEY_TEXT:
        *(const char **)to = arena_text(ps->a, value, PROFILE_LINE_MAX);
        return 0;
    case KEY_PATH:
        return parse_path(to, ps, k, value, err);
    case KEY_WORDS:
    case KEY_DRIVERS:
        return parse_words(ps, k, to, value, err);
    case KEY_BITS:
        return parse_bits(ps, k, to, value, err);
    case KEY_CHOICE:
    case KEY_WORD:
        w = word_find(k->words, value);
        if (!w)
            return BAD(ps, err, "%s: unknown word \"%s\"", k->name, shown(ps, value));
        if (k->kind == KEY_WORD)
            *(const char **)to = w->name;
        else
            *(uint32_t *)to = w->value;
        return 0;
    case KEY_BOOL:
        if (!text_is(value, "yes") && !text_is(value, "no"))
            return BAD(ps, err, "%s: \"%s\" is neither yes nor no", k->name,
                       shown(ps, value));
        *(bool *)to = text_is(value, "yes");
        return 0;
    case KEY_SIZE:
        return parse_size(to, ps, value, err);
    case KEY_NUMBER:
        if (!text_u64(to, value))
            return BAD(ps, err, "%s: bad number \"%s\"", k->name, shown(ps, value));
        return 0;
    }
    return BAD(ps, err, "%s: no such kind of key", k->name);
}

/* [levels]: "L24 = off". */
static int parse_level(const struct parser *ps, struct bytes id, struct bytes value,
                       struct err *err)
{
    struct level_override *o;
    const struct check_row *row = NULL;
    enum finding_level level = LEVEL_OFF;

    for (unsigned i = 0; (row = check_at(i)) && !text_is(id, row->id); i++)
        ;
    if (!row)
        return BAD(ps, err, "unknown check \"%s\"", shown(ps, id));
    for (size_t i = 0; i < ps->p->levels.n; i++)
        if (text_is(id, ps->p->levels.v[i].id))
            return BAD(ps, err, "duplicate key \"%s\"", row->id);
    while (level < FINDING_LEVEL_MAX && !text_is(value, finding_level_name(level)))
        level++;
    if (level == FINDING_LEVEL_MAX)
        return BAD(ps, err, "%s: level \"%s\" is none of off, note, warning and error",
                   row->id, shown(ps, value));
    o = LIST_ADD(ps->a, &ps->p->levels);
    if (!o)
        return arena_check(ps->a, err);
    *o = (struct level_override){row->id, level};
    return 0;
}

/* Has the section that ends here all it needs? */
static int section_end(const struct parser *ps, struct err *err)
{
    for (unsigned i = 0; ps->keys && ps->keys[i].name; i++)
        if (ps->keys[i].required && !(ps->seen >> i & 1))
            return BAD(ps, err, "[%s] has no \"%s\"", ps->section_name, ps->keys[i].name);
    return 0;
}

static int section_begin(struct parser *ps, struct bytes title, struct err *err)
{
    static const struct {
        const char *name;
        enum section_kind kind;
        enum system_type type;
        const struct key *keys;
    } sections[] = {
        {"profile", SECTION_PROFILE, 0, profile_keys},
        {"linux", SECTION_POLICY, SYSTEM_LINUX, policy_keys},
        {"windows", SECTION_POLICY, SYSTEM_WINDOWS, policy_keys},
        {"other", SECTION_POLICY, SYSTEM_OTHER, policy_keys},
        {"service", SECTION_SERVICE, 0, service_keys},
        {"levels", SECTION_LEVELS, 0, NULL},
    };
    struct profile *p = ps->p;

    ps->section_name = shown(ps, title);
    ps->seen = 0;
    if (text_starts(title, "system ")) {
        struct profile_system *s;
        struct bytes name = text_trim(bytes_sub(title, 7, title.n - 7));

        for (size_t i = 0; i < p->systems.n; i++)
            if (text_is(name, p->systems.v[i].name))
                return BAD(ps, err, "duplicate section [%s]", ps->section_name);
        if (p->systems.n == PROFILE_LIST_MAX)
            return BAD(ps, err, "more than %d systems", PROFILE_LIST_MAX);
        s = LIST_ADD(ps->a, &p->systems);
        if (!s)
            return arena_check(ps->a, err);
        s->name = arena_text(ps->a, name, PROFILE_LINE_MAX);
        s->license = "";
        ps->section = SECTION_SYSTEM;
        ps->keys = system_keys;
        ps->target = s;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        if (!text_is(title, sections[i].name))
            continue;
        ps->section = sections[i].kind;
        ps->type = sections[i].type;
        ps->keys = sections[i].keys;
        ps->target = ps->section == SECTION_POLICY ? (void *)&p->policy[sections[i].type]
                     : ps->section == SECTION_SERVICE ? (void *)&p->service
                                                      : (void *)p;
        if (p->sections_seen >> i & 1)
            return BAD(ps, err, "duplicate section [%s]", ps->section_name);
        p->sections_seen |= 1U << i;
        return 0;
    }
    return BAD(ps, err, "unknown section [%s]", ps->section_name);
}

/* FNV-1a, with the line's end. */
static uint64_t add_line(uint64_t sum, struct bytes line)
{
    for (size_t i = 0; i <= line.n; i++)
        sum = (sum ^ (i < line.n ? line.p[i] : '\n')) * UINT64_C(0x100000001b3);
    return sum;
}

static int parse_line(struct parser *ps, struct bytes line, struct err *err)
{
    const uint8_t *eq;
    struct bytes name, value;
    int r;

    if (line.n > PROFILE_LINE_MAX)
        return BAD(ps, err, "line longer than %d bytes", PROFILE_LINE_MAX);
    line = text_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return 0;
    ps->sum = add_line(ps->sum, line);
    if (line.p[0] == '[') {
        if (line.p[line.n - 1] != ']')
            return BAD(ps, err, "section without \"]\"");
        r = section_end(ps, err);
        return r < 0 ? r
                     : section_begin(ps, text_trim(bytes_sub(line, 1, line.n - 2)), err);
    }
    eq = memchr(line.p, '=', line.n);
    if (!eq)
        return BAD(ps, err, "neither a section nor \"key = value\": \"%s\"",
                   shown(ps, line));
    name = text_trim(bytes_sub(line, 0, (size_t)(eq - line.p)));
    value = text_trim(bytes_of(eq + 1, line.n - (size_t)(eq + 1 - line.p)));
    if (ps->section == SECTION_NONE)
        return BAD(ps, err, "key \"%s\" before the first section", shown(ps, name));
    if (ps->section == SECTION_LEVELS)
        return parse_level(ps, name, value, err);
    for (unsigned i = 0; ps->keys[i].name; i++) {
        if (!text_is(name, ps->keys[i].name))
            continue;
        if (ps->seen >> i & 1)
            return BAD(ps, err, "duplicate key \"%s\"", ps->keys[i].name);
        ps->seen |= (uint64_t)1 << i;
        return parse_value(ps, &ps->keys[i], value, err);
    }
    return BAD(ps, err, "unknown key \"%s\" in [%s]", shown(ps, name), ps->section_name);
}

int profile_parse(const struct profile **ret, struct arena *a, const char *file,
                  struct bytes text, struct err *err)
{
    struct profile *p = arena_alloc(a, sizeof *p);
    struct parser ps = {.a = a,
                        .p = p,
                        .file = file,
                        .section_name = "",
                        .sum = UINT64_C(0xcbf29ce484222325)};
    struct bytes line;
    int r;

    if (!p)
        return arena_check(a, err);
    if (text.n > PROFILE_TEXT_MAX)
        return FAIL(err, ERR_ARG, "%s: longer than %d bytes", file, PROFILE_TEXT_MAX);
    for (int i = 0; i < SYSTEM_TYPE_MAX; i++)
        p->policy[i].agent_version_min = p->policy[i].nic = "";
    p->service.cos_links = "any";
    p->service.linux_settings = p->service.windows_settings = "";
    while (text_next_line(&text, &line)) {
        ps.line++;
        r = parse_line(&ps, line, err);
        if (r < 0)
            return r;
    }
    r = section_end(&ps, err);
    if (r < 0)
        return r;
    if (!(p->sections_seen & 1))
        return BAD(&ps, err, "no section [profile]");
    r = arena_check(a, err);
    if (r < 0)
        return r;
    snprintf(p->version, sizeof p->version, "%016" PRIx64, ps.sum);
    *ret = p;
    return 0;
}

const char *profile_version(const struct profile *p)
{
    return p->version;
}

const char *profile_name(const struct profile *p)
{
    return p->name;
}

const char *profile_title(const struct profile *p)
{
    return p->title;
}

const char *profile_source(const struct profile *p)
{
    return p->source;
}

uint64_t profile_qcow2_size_max(const struct profile *p)
{
    return p->qcow2_size_max;
}

bool profile_needs_agent(const struct profile *p, enum system_type type)
{
    return p->policy[type].agent == AGENT_REQUIRED;
}

uint32_t profile_archs(const struct profile *p, enum system_type type)
{
    return p->policy[type].archs ? p->policy[type].archs : p->archs;
}

const struct profile_system *profile_system_at(const struct profile *p, size_t i)
{
    return i < p->systems.n ? &p->systems.v[i] : NULL;
}

const struct profile_service *profile_service(const struct profile *p)
{
    return &p->service;
}
