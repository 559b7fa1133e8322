/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_linux.c: the texts of a Linux guest; the first byte chooses the parser.
 *
 * What the parsers put into facts is then sent the way it goes to the broker: a string
 * that is not fit for it is a finding. */
#include <assert.h>

#include "base/scoped.h"
#include "fuzz/fuzz.h"
#include "guest/facts_json.h"
#include "guest/facts_table.h"
#include "guest/linux/cloudinit.h"
#include "guest/linux/fstab.h"
#include "guest/linux/network.h"
#include "guest/linux/release.h"
#include "guest/linux/settings.h"

enum { INPUT_MAX = 64 * 1024, ARENA_MAX = 16 << 20 };

struct target {
    struct facts facts;
    struct arena arena;
    struct fact_network *net;
};

static void os_release(struct target *t, struct bytes text)
{
    release_from_os_release(t->facts.os, &t->arena, text);
}

static void release_line(struct target *t, struct bytes text)
{
    release_from_line(t->facts.os, &t->arena, text);
}

static void elf(struct target *t, struct bytes text)
{
    t->facts.os->arch = release_elf_arch(text);
}

static void fstab(struct target *t, struct bytes text)
{
    struct bytes line;

    while (text_next_line(&text, &line)) {
        struct fact_mount *m = FACT_ADD(&t->arena, &t->facts.linux_->fstab, fact_mount);
        struct fstab_line l;

        if (!m || !fstab_line_parse(&l, &t->arena, line))
            continue;
        m->spec = arena_text(&t->arena, l.spec, 100);
        m->kind = fstab_kind(&l);
        m->nofail = fstab_has_option(l.options, "nofail");
    }
}

static void datasources(struct target *t, struct bytes text)
{
    cloud_datasource_list(&t->facts.cloud_init->datasources, &t->arena, text);
}

static void dpkg(struct target *t, struct bytes text)
{
    struct dpkg_package p;

    if (dpkg_find(&p, text, "cloud-init"))
        t->facts.cloud_init->version =
            arena_text(&t->arena, package_upstream(p.version), 100);
}

/* The files it would include are other inputs. */
static int source(void *arg, struct bytes pattern, bool folder, struct err *err)
{
    (void)arg;
    (void)pattern;
    (void)folder;
    (void)err;
    return 0;
}

static void interfaces(struct target *t, struct bytes text)
{
    const struct ifupdown_reader reader = {source, NULL};
    struct err err = {0};

    network_ifupdown(t->net, &t->arena, "interfaces", text, &reader, &err);
}

static void ifcfg(struct target *t, struct bytes text)
{
    network_ifcfg(t->net, &t->arena, "ifcfg-eth0", "eth0", text);
}

static void netplan(struct target *t, struct bytes text)
{
    network_netplan(t->net, &t->arena, "netplan", text);
}

static void keyfile(struct target *t, struct bytes text)
{
    network_keyfile(t->net, &t->arena, "keyfile", text);
}

static void networkd(struct target *t, struct bytes text)
{
    network_networkd(t->net, &t->arena, "networkd", text);
}

static void wicked(struct target *t, struct bytes text)
{
    network_wicked(t->net, &t->arena, "wicked", text);
}

static void rules(struct target *t, struct bytes text)
{
    t->net->ifnames_off = network_pins_names(text);
}

/* Every step takes a line: more steps than bytes would be a hang. */
static void yaml(struct target *t, struct bytes text)
{
    struct yaml y = {.rest = text};
    size_t steps = 0;

    (void)t;
    while (yaml_next(&y)) {
        struct bytes rest = y.value, item;
        size_t items = 0;

        assert(steps++ <= text.n && y.depth <= YAML_DEPTH_MAX);
        while (yaml_flow_next(&rest, &item))
            assert(items++ <= y.value.n);
    }
}

static void send(const struct facts *f)
{
    AUTO(arena_fini) struct arena a = {0};
    json_t *json = facts_to_json(f);
    struct facts back;
    struct err err = {0};

    assert(json && facts_from_json(&back, json, &a, &err) == 0);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(struct target * t, struct bytes text) = {
        os_release, release_line, elf,     fstab,    datasources, dpkg,  interfaces,
        ifcfg,      netplan,      keyfile, networkd, wicked,      rules, yaml,
    };
    struct target t = {.arena = {.max = ARENA_MAX}};

    if (size == 0 || size > INPUT_MAX)
        return 0;
    facts_init(&t.facts);
    t.facts.os = FACT_NEW(&t.arena, fact_os);
    t.facts.cloud_init = FACT_NEW(&t.arena, fact_cloud_init);
    t.facts.linux_ = FACT_NEW(&t.arena, fact_linux);
    t.net = &t.facts.linux_->network;
    parsers[data[0] % ARRAY_SIZE(parsers)](&t, bytes_of(data + 1, size - 1));
    t.net->method = network_method(t.net);
    send(&t.facts);
    arena_fini(&t.arena);
    return 0;
}
