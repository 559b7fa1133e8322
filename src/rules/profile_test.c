/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "rules/facts_by_hand.h"
#include "rules/policy.h"

#define HEAD                                                               \
    "[profile]\nname = x\ntitle = An X\nsource = nowhere\nformats = raw\n" \
    "partition-tables = mbr\nfirmware = bios\narchitectures = x86_64\n"

static const struct profile *parse(struct arena *a, const char *text, struct err *err)
{
    const struct profile *p = NULL;

    if (profile_parse(&p, a, "x.profile", bytes_of(text, strlen(text)), err) < 0)
        return NULL;
    return p;
}

static void test_errors(void **state)
{
    static const struct {
        const char *name, *text, *want;
    } cases[] = {
        {"nothing at all", "", "x.profile:0: no section [profile]"},
        {"unknown key", HEAD "fomats = raw\n",
         "x.profile:9: unknown key \"fomats\" in [profile]"},
        {"duplicate key", HEAD "name = y\n", "x.profile:9: duplicate key \"name\""},
        {"unknown section", HEAD "[linus]\n", "x.profile:9: unknown section [linus]"},
        {"duplicate section", HEAD "[linux]\n[linux]\n",
         "x.profile:10: duplicate section [linux]"},
        {"the same system twice",
         HEAD "[system A]\ntype = linux\nids = a\n[system A]\ntype = linux\nids = a\n",
         "x.profile:12: duplicate section [system A]"},
        {"system without a name", HEAD "[system ]\n",
         "x.profile:9: unknown section [system]"},
        {"section that does not end", HEAD "[linux\n",
         "x.profile:9: section without \"]\""},
        {"key before a section", "name = x\n",
         "x.profile:1: key \"name\" before the first section"},
        {"neither key nor section", HEAD "hello\n",
         "x.profile:9: neither a section nor \"key = value\": \"hello\""},
        {"required key missing", "[profile]\nname = x\n[linux]\n",
         "x.profile:3: [profile] has no \"title\""},
        {"required key of the last section", HEAD "[system A]\ntype = linux\n",
         "x.profile:10: [system A] has no \"ids\""},
        {"no value", HEAD "[linux]\nonly-nic =\n", "x.profile:10: only-nic: no value"},
        {"unknown word", HEAD "[linux]\npartition-tables = mbr apm\n",
         "x.profile:10: partition-tables: unknown word \"apm\""},
        {"word twice", HEAD "[linux]\npartition-tables = mbr mbr\n",
         "x.profile:10: partition-tables: \"mbr\" stands there twice"},
        {"name twice", HEAD "[linux]\nfilesystems = ext4 ext4\n",
         "x.profile:10: filesystems: \"ext4\" stands there twice"},
        {"unknown driver", HEAD "[linux]\ndisk-drivers = virtio_tape\n",
         "x.profile:10: disk-drivers: unknown driver \"virtio_tape\""},
        {"unknown choice", HEAD "[linux]\ncloud-init = maybe\n",
         "x.profile:10: cloud-init: unknown word \"maybe\""},
        {"neither yes nor no", HEAD "gpt-needs-esp = true\n",
         "x.profile:9: gpt-needs-esp: \"true\" is neither yes nor no"},
        {"size without a unit", HEAD "qcow2-size-max = 50\n",
         "x.profile:9: bad size \"50\": want a number and KiB, MiB, GiB or TiB"},
        {"decimal unit", HEAD "qcow2-size-max = 50GB\n",
         "x.profile:9: bad size \"50GB\": want a number and KiB, MiB, GiB or TiB"},
        {"size zero", HEAD "qcow2-size-max = 0GiB\n",
         "x.profile:9: bad size \"0GiB\": want a number and KiB, MiB, GiB or TiB"},
        {"size that does not fit", HEAD "qcow2-size-max = 99999999999TiB\n",
         "x.profile:9: bad size \"99999999999TiB\": want a number and KiB, MiB, GiB or "
         "TiB"},
        {"bad number", HEAD "[service]\nimages-per-region = ten\n",
         "x.profile:10: images-per-region: bad number \"ten\""},
        {"a file that is beneath no root", HEAD "[service]\nlinux-settings = etc/x\n",
         "x.profile:10: linux-settings: \"etc/x\" begins with neither / nor C:\\"},
        {"a root is no file", HEAD "[service]\nwindows-settings = C:\\\n",
         "x.profile:10: windows-settings: \"C:\\x5c\" begins with neither / nor C:\\"},
        {"unknown check", HEAD "[levels]\nL99 = off\n",
         "x.profile:10: unknown check \"L99\""},
        {"check twice", HEAD "[levels]\nL24 = off\nL24 = note\n",
         "x.profile:11: duplicate key \"L24\""},
        {"unknown level", HEAD "[levels]\nL24 = never\n",
         "x.profile:10: L24: level \"never\" is none of off, note, warning and error"},
        {"control characters are shown", HEAD "\x1b[31m = x\n",
         "x.profile:9: unknown key \"\\x1b[31m\" in [profile]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct err err = {0};

        if (parse(&a, cases[i].text, &err) || err.code != ERR_ARG ||
            strcmp(err.msg, cases[i].want) != 0)
            fail_msg("%s: \"%s\"", cases[i].name, err.msg);
    }
}

static void test_limits(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    static char text[PROFILE_TEXT_MAX + 1];
    const struct profile *p = NULL;
    struct err err = {0};
    size_t n;

    (void)state;
    memset(text, '\n', sizeof text);
    assert_int_equal(
        profile_parse(&p, &a, "x.profile", bytes_of(text, sizeof text), &err), -ERR_ARG);
    err_clear(&err);
    memset(text, '#', PROFILE_LINE_MAX + 1);
    assert_int_equal(
        profile_parse(&p, &a, "x.profile", bytes_of(text, PROFILE_LINE_MAX + 1), &err),
        -ERR_ARG);
    assert_string_equal(err.msg, "x.profile:1: line longer than 4096 bytes");
    err_clear(&err);
    n = (size_t)snprintf(text, sizeof text, HEAD "[linux]\nfilesystems =");
    for (unsigned i = 0; i <= PROFILE_LIST_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " fs%u", i);
    assert_int_equal(profile_parse(&p, &a, "x.profile", bytes_of(text, n), &err),
                     -ERR_ARG);
    assert_string_equal(err.msg, "x.profile:10: filesystems: more than 256 words");
    err_clear(&err);
    n = (size_t)snprintf(text, sizeof text, HEAD);
    for (unsigned i = 0; i <= PROFILE_LIST_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "[system %u]\ntype = linux\nids = x\n", i);
    assert_int_equal(profile_parse(&p, &a, "x.profile", bytes_of(text, n), &err),
                     -ERR_ARG);
    assert_string_equal(err.msg, "x.profile:777: more than 256 systems");
}

/* What makes another version, and what does not. */
static void test_version(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct err err = {0};
    const char *first = profile_version(parse(&a, HEAD, &err));

    (void)state;
    assert_int_equal(strlen(first), 16);
    assert_string_equal(first, profile_version(parse(&a, HEAD "\n  # more\r\n", &err)));
    assert_string_not_equal(
        first, profile_version(parse(&a, HEAD "gpt-needs-esp = yes\n", &err)));
}

static void test_values(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct err err = {0};
    const struct profile *p =
        parse(&a,
              "# comment\r\n" HEAD "  gpt-needs-esp=yes\r\nqcow2-size-max = 50 GiB\n"
              "virtual-size-max = 1TiB\nfile-size-max = 128GiB\n"
              "raw-size-multiple = 1GiB\nvhd-size-multiple = 1MiB\n"
              "vhd-kinds = fixed\nvmdk-kinds = streamOptimized\n"
              "[linux]\nfilesystems =  ext3\text4 \ncloud-init = required\n"
              "filesystem-features-refused = metadata_csum\n"
              "module-drivers = udf vfat\nboot-loaders = grub2\n"
              "[system Windows Server 2008 R2]\ntype = windows\nids = windows\n"
              "versions = 2008-R2\neditions = Standard Datacenter\n"
              "architectures = x86_64\n"
              "[service]\nimages-per-region = 10\nimport-permission = yes\n"
              "[levels]\nL24 = off\nP03 = error",
              &err);

    (void)state;
    if (!p)
        fail_msg("%s", err.msg);
    assert_string_equal(profile_name(p), "x");
    assert_string_equal(profile_title(p), "An X");
    assert_string_equal(profile_source(p), "nowhere");
    assert_true(p->gpt_needs_esp);
    assert_true(profile_qcow2_size_max(p) == (uint64_t)50 << 30);
    assert_true(p->virtual_size_max == (uint64_t)1 << 40);
    assert_true(p->file_size_max == (uint64_t)128 << 30);
    assert_true(p->raw_multiple == 1 << 30 && p->vhd_multiple == 1 << 20);
    assert_string_equal(p->vhd_kinds.v[0], "fixed");
    assert_string_equal(p->vmdk_kinds.v[0], "streamOptimized");
    assert_int_equal(p->policy[SYSTEM_LINUX].filesystems.n, 2);
    assert_string_equal(p->policy[SYSTEM_LINUX].module_drivers.v[1], "vfat");
    assert_string_equal(p->policy[SYSTEM_LINUX].boot_loaders.v[0], "grub2");
    assert_string_equal(p->policy[SYSTEM_LINUX].filesystems.v[1], "ext4");
    assert_string_equal(p->policy[SYSTEM_LINUX].features_refused.v[0], "metadata_csum");
    assert_int_equal(p->policy[SYSTEM_LINUX].agent, AGENT_REQUIRED);
    assert_string_equal(profile_system_at(p, 0)->name, "Windows Server 2008 R2");
    assert_int_equal(profile_system_at(p, 0)->type, SYSTEM_WINDOWS);
    assert_int_equal(profile_system_at(p, 0)->archs, ARCH_X86_64);
    assert_null(profile_system_at(p, 1));
    assert_int_equal(profile_service(p)->images_per_region, 10);
    assert_true(profile_service(p)->import_permission);
    assert_int_equal(p->levels.n, 2);
    assert_int_equal(p->levels.v[1].level, LEVEL_ERROR);
}

/* What design and guides say of the shipped ones, beyond what the verdicts show. */
static void test_shipped(void **state)
{
    static const struct {
        const char *name;
        uint64_t images, shares;
        bool permission;
        const char *cos;
        size_t systems;
    } cases[] = {
        {"tencent-2016", 10, 50, true, "any", 11},
        {"tencent-2016-intl", 10, 50, true, "any", 9},
        {"tencent-2018", 10, 50, true, "any", 8},
        {"tencent-2022", 10, 50, false, "own-region", 11},
        {"tencent-2023", 500, 500, false, "own-region-overseas", 22},
        {"generic-kvm", 0, 0, false, "any", 0},
        {"openstack", 0, 0, false, "any", 0},
        {"kubevirt", 0, 0, false, "any", 0},
        {"aliyun", 0, 0, false, "any", 0},
        {"aws", 0, 0, false, "any", 9},
        {"azure", 0, 0, false, "any", 0},
        {"gcp", 0, 0, false, "any", 0},
        {"huawei", 50, 128, false, "any", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        const struct profile *p = profile_load(&a, cases[i].name);
        const struct profile_service *s = profile_service(p);
        size_t n = 0;

        while (profile_system_at(p, n))
            n++;
        if (strcmp(profile_name(p), cases[i].name) != 0 ||
            s->images_per_region != cases[i].images ||
            s->shares_per_image != cases[i].shares ||
            s->import_permission != cases[i].permission ||
            strcmp(s->cos_links, cases[i].cos) != 0 || n != cases[i].systems)
            fail_msg("%s: %zu systems", cases[i].name, n);
    }
}

/* As an edit wants them: with slashes, from the root of the system drive. */
static void test_settings(void **state)
{
    static const struct {
        const char *name, *os_linux, *os_windows;
    } cases[] = {
        {"tencent-2016", "/etc/qcloud-network-config.ini", "/qcloud-network-config.ini"},
        {"tencent-2016-intl", "/etc/qcloud-network-config.ini",
         "/qcloud-network-config.ini"},
        {"tencent-2022", "", ""},
    };
    AUTO(arena_fini) struct arena folders = {0};
    struct err err = {0};
    const struct profile *deep =
        parse(&folders, HEAD "[service]\nwindows-settings = C:\\a b\\c.ini\n", &err);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        const struct profile_service *s =
            profile_service(profile_load(&a, cases[i].name));

        if (strcmp(s->linux_settings, cases[i].os_linux) != 0 ||
            strcmp(s->windows_settings, cases[i].os_windows) != 0)
            fail_msg("%s: \"%s\", \"%s\"", cases[i].name, s->linux_settings,
                     s->windows_settings);
    }
    assert_non_null(deep);
    assert_string_equal(profile_service(deep)->windows_settings, "/a b/c.ini");
}

/* No rule without a source: a comment stands above each key of another cloud's profile,
 * or above the keys that share it. */
static void test_sources(void **state)
{
    static const char *const names[] = {"openstack", "kubevirt", "aliyun", "aws",
                                        "azure",     "gcp",      "huawei"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char path[512], line[PROFILE_LINE_MAX];
        AUTO(fclosep) FILE *file = NULL;
        bool told = false;

        snprintf(path, sizeof path, "%s/%s.profile", PROFILES_DIR, names[i]);
        file = fopen(path, "r");
        assert_non_null(file);
        while (fgets(line, sizeof line, file)) {
            if (line[0] == '#')
                told = true;
            else if (line[0] == '\n')
                told = false;
            else if (line[0] == '[') /* [profile]'s name and title, a system's entry */
                told |= strncmp(line, "[profile]", 9) == 0 ||
                        strncmp(line, "[system ", 8) == 0;
            else if (!told)
                fail_msg("%s: no source for %s", path, line);
        }
    }
}

/* A failed allocation anywhere is an error, never a crash or half a profile. */
static void test_budget(void **state)
{
    static const char text[] =
        HEAD "[linux]\nfilesystems = ext3 ext4\n[system A]\ntype = linux\nids = a b\n"
             "[levels]\nL24 = off\n";
    size_t failed = 0;

    (void)state;
    for (size_t max = 64; max < 65536; max += 64) {
        AUTO(arena_fini) struct arena a = {.max = max};
        struct err err = {0};

        if (parse(&a, text, &err))
            break;
        assert_int_equal(err.code, ERR_LIMIT);
        failed++;
    }
    assert_true(failed > 2 && failed < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_values),   cmocka_unit_test(test_version),
        cmocka_unit_test(test_shipped),  cmocka_unit_test(test_sources),
        cmocka_unit_test(test_settings), cmocka_unit_test(test_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
