/* SPDX-License-Identifier: GPL-2.0-or-later */
/* windows_facts_test.c: what is seen of a Windows whose files are a table
 *
 * tests/golden and tests/cli have the same on real NTFS; here is what they cannot reach:
 * a hive that goes wrong in its middle, odd paths, numbers of builds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "guest/guest_test_fs.h"
#include "guest/pe.h"
#include "guest/windows/hive_make.h"
#include "guest/windows/windows.h"

#define SET  "ControlSet002\\"
#define PCI  "DriverDatabase\\DeviceIds\\PCI\\VEN_1AF4&DEV_1001&SUBSYS_00021AF4&REV_00"
#define HOST "Enum\\PCI\\VEN_1AF4&DEV_1004&SUBSYS_00081AF4&REV_00\\3&1&0"
#define CDD  "Control\\CriticalDeviceDatabase\\pci#ven_1af4&dev_1001&subsys_00021af4"
#define NT   "Microsoft\\Windows NT\\CurrentVersion"

/* The smallest program: a DOS header, a PE header, and nothing. */
static uint8_t program[128] = "MZ";

static const struct hive_row system_rows[] = {
    {"Select", "Current", NULL, 2},
    {"ControlSet001\\Services\\viostor", "Start", NULL, 4},
    {SET "Services\\viostor", "Start", NULL, 0},
    {SET "Services\\viostor", "ImagePath",
     "\\SystemRoot\\System32\\drivers\\viostor.sys"},
    {SET "Services\\vioscsi", "Start", NULL, 0},
    {SET "Services\\vioscsi\\StartOverride", "0", NULL, 3},
    {SET "Services\\cloudbase-init", "Start", NULL, 2},
    {SET "Services\\cloudbase-init", "ImagePath", "\"C:\\agent\\x.exe\" run"},
    {SET CDD, "Service", "viostor"},
    {PCI, "viostor.inf", NULL, 1},
    {SET HOST, "Service", "vioscsi"},
    {SET "Control\\Session Manager\\Environment", "PROCESSOR_ARCHITECTURE", "AMD64"},
    {0},
};

static const struct hive_row software_rows[] = {
    {NT, "ProductName", "Windows Server 2012 R2 Standard"},
    {NT, "EditionID", "ServerStandard"},
    {NT, "CurrentBuildNumber", "9600"},
    {NT, "ProductId", "00252-OEM-1"},
    {0},
};

static uint8_t system_image[HIVE_MAKE_MAX], software_image[HIVE_MAKE_MAX];

struct made {
    struct hive_make system, software;
    struct test_file files[10];
};

static void build(struct made *m)
{
    program[60] = 64;
    memcpy(program + 64, "PE\0\0\x64\x86", 6);
    hive_make_rows(&m->system, system_image, system_rows);
    hive_make_rows(&m->software, software_image, software_rows);
    memcpy(m->files,
           (const struct test_file[]){
               {"/Windows/System32/config/SYSTEM", NULL, system_image,
                hive_make_size(&m->system)},
               {"/Windows/System32/config/SOFTWARE", NULL, software_image,
                hive_make_size(&m->software)},
               {"/Windows/System32/drivers/viostor.sys", NULL, program, sizeof program},
               {"/Windows/System32/drivers/vioscsi.sys", "text"},
               {"/agent/x.exe", "x"},
               {"/bootmgr", "x"},
               {0},
           },
           7 * sizeof(struct test_file));
}

static void look(struct test_guest *t, const struct made *m)
{
    struct err err = {0};

    test_guest_init(t, m->files);
    assert_int_equal(windows_facts(&t->guest, &err), 0);
}

static void test_good(void **state)
{
    const struct fact_windows_driver *d;
    const struct fact_windows *w;
    struct test_guest t;
    struct made m;

    (void)state;
    build(&m);
    look(&t, &m);
    w = t.facts.windows;
    assert_int_equal(t.facts.problems.n, 0);
    assert_string_equal(t.facts.os->version, "2012-R2");
    assert_string_equal(t.facts.os->arch, "x86_64");
    assert_string_equal(w->licence, "oem");
    assert_int_equal(w->control_set, 2);
    assert_int_equal(w->hives.n, 2);
    assert_int_equal(w->drivers.n, 3);
    d = &w->drivers.v[0];
    assert_true(d->file && d->service && d->start == 0 && !d->overridden && d->bound);
    assert_string_equal(d->machine, "x86_64");
    assert_string_equal(d->image_path, "\\SystemRoot\\System32\\drivers\\viostor.sys");
    assert_string_equal(d->path, "/Windows/System32/drivers/viostor.sys");
    assert_non_null(strstr(d->binding, "DriverDatabase: VEN_1AF4&DEV_1001"));
    d = &w->drivers.v[1];
    assert_true(d->file && d->service && d->overridden && d->bound);
    assert_string_equal(d->machine, "none");
    assert_non_null(strstr(d->binding, "Enum\\PCI"));
    d = &w->drivers.v[2];
    assert_true(!d->file && !d->service && !d->bound && d->start == 4);
    assert_true(t.facts.cloud_init->installed && t.facts.cloud_init->enabled);
    assert_string_equal(w->boot->manager, "/bootmgr");
    assert_string_equal(w->boot->store, "");
    test_guest_fini(&t);
}

/* The service's start, and the script that gives it back after Sysprep. */
static void test_agent(void **state)
{
    static const struct {
        const char *name;
        uint32_t start;
        const char *script; /* NULL: none */
        const char *program;
        bool installed, enabled;
    } cases[] = {
        {"automatic", 2, NULL, "/agent/x.exe", true, true},
        {"manual", 3, NULL, "/agent/x.exe", true, false},
        {"disabled", 4, "echo done", "/agent/x.exe", true, false},
        {"disabled until setup is over", 4, "sc config cloudbase-init start= auto",
         "/agent/x.exe", true, true},
        {"no program", 2, NULL, "/agent/y.exe", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct hive_row rows[ARRAY_SIZE(system_rows)];
        struct test_guest t;
        struct made m;

        build(&m);
        memcpy(rows, system_rows, sizeof rows);
        assert_string_equal(rows[6].path, SET "Services\\cloudbase-init");
        rows[6].number = cases[i].start;
        hive_make_rows(&m.system, system_image, rows);
        m.files[4].path = cases[i].program;
        if (cases[i].script)
            m.files[6] = (struct test_file){"/Windows/Setup/Scripts/SetupComplete.cmd",
                                            cases[i].script};
        m.files[7] = (struct test_file){0};
        look(&t, &m);
        if (t.facts.cloud_init->installed != cases[i].installed ||
            t.facts.cloud_init->enabled != cases[i].enabled)
            fail_msg("%s", cases[i].name);
        test_guest_fini(&t);
    }
}

/* The database of the other generation binds nothing. */
static void test_generations(void **state)
{
    static const struct {
        const char *build, *where;
    } cases[] = {
        {"6003", "CriticalDeviceDatabase: pci#ven_1af4"},
        {"7601", "CriticalDeviceDatabase: pci#ven_1af4"},
        {"9200", "DriverDatabase: VEN_1AF4"},
        {"20348", "DriverDatabase: VEN_1AF4"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct hive_row rows[ARRAY_SIZE(software_rows)];
        struct test_guest t;
        struct made m;

        build(&m);
        memcpy(rows, software_rows, sizeof rows);
        rows[2].text = cases[i].build;
        hive_make_rows(&m.software, software_image, rows);
        look(&t, &m);
        assert_non_null(strstr(t.facts.windows->drivers.v[0].binding, cases[i].where));
        test_guest_fini(&t);
    }
}

/* Where in the hive the n-th place with these bytes is. */
static uint8_t *find_bytes(uint8_t *image, size_t size, const char *bytes)
{
    uint8_t *p = memmem(image, size, bytes, strlen(bytes));

    assert_non_null(p);
    return p;
}

/* A damage at any key makes a problem of what lies there: nothing is called missing. */
static void test_damaged_keys(void **state)
{
    static const struct {
        const char *key; /* whose mark is destroyed */
        const char *problem;
        unsigned drivers; /* that are told of */
        bool agent;
    } cases[] = {
        {"Select", "SYSTEM: Select", 0, false},
        {"ControlSet002", "SYSTEM: Select", 0, false},
        {"VEN_1AF4&DEV_1001", "SYSTEM: drivers", 0, true},
        {"StartOverride", "SYSTEM: drivers", 1, true},
        {"3&1&0", "SYSTEM: drivers", 1, true},
        {"cloudbase-init", "SYSTEM: cloudbase-init", 3, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct fact_problem *p;
        struct test_guest t;
        struct made m;

        build(&m);
        find_bytes(system_image, sizeof system_image, cases[i].key)[-76] = 'x';
        look(&t, &m);
        assert_true(t.facts.problems.n >= 1);
        p = &t.facts.problems.v[0];
        if (strcmp(p->subject, cases[i].problem) != 0 || p->minor ||
            t.facts.windows->drivers.n != cases[i].drivers ||
            (t.facts.cloud_init != NULL) != cases[i].agent)
            fail_msg("%s: problem %s, %zu drivers", cases[i].key, p->subject,
                     t.facts.windows->drivers.n);
        test_guest_fini(&t);
    }
}

/* A first block that nothing mends is damage that was seen; with a log it may be mended;
 * what cannot be read is neither. */
static void test_hive_states(void **state)
{
    static const struct {
        const char *name;
        bool log, fail, gone;
        const char *state;
        unsigned problems;
    } cases[] = {
        {"no log", false, false, false, "damaged", 1},
        {"a log", true, false, false, "unknown", 1},
        {"cannot be read", false, true, false, "unknown", 1},
        {"gone", false, false, true, "missing", 0},
    };
    static char log[512] = "regf";

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct test_guest t;
        struct made m;

        build(&m);
        system_image[508] ^= 1;
        if (cases[i].log)
            m.files[6] = (struct test_file){"/Windows/System32/config/SYSTEM.LOG1", NULL,
                                            log, sizeof log};
        m.files[7] = (struct test_file){0};
        m.files[0].fail = cases[i].fail ? ERR_IO : ERR_NONE;
        if (cases[i].gone)
            m.files[0].path = "/Windows/System32/config/OTHER";
        look(&t, &m);
        if (strcmp(t.facts.windows->hives.v[0].state, cases[i].state) != 0 ||
            t.facts.problems.n != cases[i].problems || t.facts.windows->drivers.n != 0)
            fail_msg("%s: %s, %zu problems", cases[i].name,
                     t.facts.windows->hives.v[0].state, t.facts.problems.n);
        test_guest_fini(&t);
    }
}

/* What starts lies on a partition that cannot be read: nobody knows what is on it. */
static void test_start_unread(void **state)
{
    struct err err = {0};
    struct test_guest t;
    struct made m;

    (void)state;
    build(&m);
    test_guest_init(&t, m.files);
    test_guest_add(&t, m.files, "partition 2", "bbbb", "");
    for (unsigned i = 0; i < 2; i++)
        FACT_ADD(&t.arena, &t.facts.partitions, fact_partition);
    for (unsigned i = 0; i < 2; i++)
        t.fs[i].partition = &t.facts.partitions.v[i];
    t.facts.partitions.v[1].active = true;
    fs_close(t.fs[1].fs);
    t.fs[1].fs = NULL;
    assert_int_equal(windows_facts(&t.guest, &err), 0);
    assert_null(t.facts.windows->boot);
    assert_int_equal(t.facts.problems.n, 1);
    assert_string_equal(t.facts.problems.v[0].subject, "boot configuration");
    assert_false(t.facts.problems.v[0].minor);
    test_guest_fini(&t);
}

static void test_paths(void **state)
{
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"System32\\drivers\\x.sys", "/Windows/System32/drivers/x.sys"},
        {"\\SystemRoot\\System32\\x.sys", "/Windows/System32/x.sys"},
        {"\\systemroot\\x.sys", "/Windows/x.sys"},
        {"%SystemRoot%\\x.exe -k y", "/Windows/x.exe"},
        {"\\??\\C:\\Windows\\x.sys", "/Windows/x.sys"},
        {"\\??\\Volume{1}\\x.sys", ""},
        {"\"C:\\Program Files\\A B\\x.exe\" y \"z.exe\"", "/Program Files/A B/x.exe"},
        {"C:\\Program Files\\A.exec\\x.EXE y", "/Program Files/A.exec/x.EXE"},
        {"D:\\x.exe", ""},
        {"\\Windows\\system32\\winload.exe", "/Windows/system32/winload.exe"},
        {"", ""},
        {"\"", ""},
    };
    struct test_guest t;
    struct made m;

    (void)state;
    build(&m);
    test_guest_init(&t, m.files);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (strcmp(registry_path(&t.guest, cases[i].path), cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].path, registry_path(&t.guest, cases[i].path));
    assert_string_equal(registry_text(&t.guest, "a\\b\x1b"), "a\\b\\x1b");
    test_guest_fini(&t);
}

static void test_versions(void **state)
{
    static const struct {
        uint32_t build;
        bool server;
        const char *product, *want;
    } cases[] = {
        {6001, true, "Windows Server\xc2\xae 2008 Standard", "2008"},
        {6003, true, "", "2008"},
        {6002, false, "Windows Vista", "Vista"},
        {7601, true, "Windows Server 2008 R2 Enterprise", "2008-R2"},
        {7601, false, "Windows 7 Professional", "7"},
        {9200, true, "Windows Server 2012 Datacenter", "2012"},
        {9600, false, "Windows 8.1", "8.1"},
        {14393, true, "Windows Server 2016 Standard", "2016"},
        {14393, false, "Windows 10 Enterprise 2016 LTSB", "10"},
        {20348, true, "Windows Server 2022 Standard", "2022"},
        {22631, false, "Windows 10 Pro", "11"},
        {3790, true, "Microsoft Windows Server 2003 R2", "2003"},
        {17134, true, "Windows Server Standard", ""},
        {99999, true, "Windows Server 2031 R2 Standard", "2031-R2"},
        {0, true, "Windows Server 2012 R2 Standard", "2012-R2"},
        {0, true, "Windows", ""},
    };
    AUTO(arena_fini) struct arena a = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *got =
            windows_version_name(&a, cases[i].build, cases[i].server, cases[i].product);

        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%u: %s", cases[i].build, got);
    }
}

/* ---- programs */

enum { SECTION = 0x200, TREE = SECTION, INFO = SECTION + 0x100 };

/* One section with a version in it, as windows.py of tests/guests makes them. */
static void build_program(uint8_t p[1024])
{
    memset(p, 0, 1024);
    memcpy(p, "MZ", 2);
    p[60] = 64;
    memcpy(p + 64, "PE\0\0\x4c\x01\x01", 7);
    store_le16(p + 64 + 20, 224);
    store_le16(p + 88, 0x10b);
    store_le32(p + 88 + 92, 16);
    store_le32(p + 88 + 96 + 16, 0x1000);
    store_le32(p + 88 + 224 + 12, 0x1000);
    store_le32(p + 88 + 224 + 16, 512);
    store_le32(p + 88 + 224 + 20, SECTION);
    for (unsigned i = 0; i < 3; i++) {
        store_le16(p + TREE + 24 * i + 14, 1);
        store_le32(p + TREE + 24 * i + 16, i ? 1 : 16);
        store_le32(p + TREE + 24 * i + 20, 24 * (i + 1) | (i < 2 ? 0x80000000u : 0));
    }
    store_le32(p + TREE + 72, 0x1000 + INFO - SECTION);
    store_le32(p + INFO + 40, 0xfeef04bd);
    store_le32(p + INFO + 48, 62u << 16 | 93);
    store_le32(p + INFO + 52, 104u << 16 | 24000);
}

static void test_programs(void **state)
{
    static const struct {
        const char *name;
        uint32_t at, value;
        unsigned size;
        int want;
        const char *machine, *version;
    } cases[] = {
        {"good", 0, 'M', 1, 0, "i386", "62.93.104.24000"},
        {"no MZ", 0, 'X', 1, -ERR_CORRUPT, "", ""},
        {"PE header past the end", 60, 0xfffffff0, 4, -ERR_CORRUPT, "", ""},
        {"no PE header", 64, 'X', 1, -ERR_CORRUPT, "", ""},
        {"another machine", 68, 0xaa64, 2, 0, "arm64", "62.93.104.24000"},
        {"a machine nobody knows", 68, 0x1234, 2, 0, "other", "62.93.104.24000"},
        {"no sections", 70, 0, 2, 0, "i386", ""},
        {"more sections than there may be", 70, 0xffff, 2, 0, "i386", ""},
        {"no optional header", 84, 0, 2, 0, "i386", ""},
        {"optional header past the end", 84, 0xffff, 2, 0, "i386", ""},
        {"another magic", 88, 0x107, 2, 0, "i386", ""},
        {"no directories", 88 + 92, 2, 4, 0, "i386", ""},
        {"no resources", 88 + 112, 0, 4, 0, "i386", ""},
        {"resources outside of the sections", 88 + 112, 0x9000, 4, 0, "i386", ""},
        {"a section past the end", 88 + 224 + 20, 0xfffffe00, 4, 0, "i386", ""},
        {"another type of resource", TREE + 16, 3, 4, 0, "i386", ""},
        {"a directory that is none", TREE + 20, 24, 4, 0, "i386", ""},
        {"a directory that is itself", TREE + 44, 0x80000000, 4, 0, "i386", ""},
        {"a directory past the end", TREE + 20, 0xf0000000, 4, 0, "i386", ""},
        {"data past the end", TREE + 72, 0x11f8, 4, 0, "i386", ""},
        {"no mark before the version", INFO + 40, 0, 4, 0, "i386", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(block_unrefp) struct block *dev = NULL;
        struct pe pe = {.machine = ""};
        uint8_t image[1024], raw[4];
        struct err err = {0};
        int r;

        build_program(image);
        store_le32(raw, cases[i].value);
        memcpy(image + cases[i].at, raw, cases[i].size);
        assert_int_equal(block_mem_open(&dev, image, sizeof image, &err), 0);
        r = pe_read(&pe, dev, &err);
        if (r != cases[i].want || strcmp(pe.machine, cases[i].machine) != 0 ||
            strcmp(pe.version, cases[i].version) != 0)
            fail_msg("%s: %d, %s, %s", cases[i].name, r, pe.machine, pe.version);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),        cmocka_unit_test(test_agent),
        cmocka_unit_test(test_generations), cmocka_unit_test(test_damaged_keys),
        cmocka_unit_test(test_hive_states), cmocka_unit_test(test_start_unread),
        cmocka_unit_test(test_paths),       cmocka_unit_test(test_versions),
        cmocka_unit_test(test_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
