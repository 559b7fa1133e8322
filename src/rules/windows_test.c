/* SPDX-License-Identifier: GPL-2.0-or-later */
/* windows_test.c: every check of section N fires on the facts it is about and on no
 * other, and what each profile says of versions and editions
 *
 *     windows_test po-of-the-build */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "rules/facts_by_hand.h"

#define D22 "tencent-2022"
#define D16 "tencent-2016"
#define D18 "tencent-2018"
#define D23 "tencent-2023"
#define KVM "generic-kvm"

static const char *catalogues;

/* A change is a statement over f (facts), w (their Windows), a (arena) and q (request).
 */
#define CHANGE(name, ...)                                                       \
    static void name(struct facts *f, struct arena *a, struct rules_request *q) \
    {                                                                           \
        struct fact_windows *w = f->windows;                                    \
                                                                                \
        (void)w;                                                                \
        (void)a;                                                                \
        (void)q;                                                                \
        __VA_ARGS__;                                                            \
    }

static struct fact_windows_hive *hive(struct fact_windows *w, struct arena *a,
                                      const char *state)
{
    struct fact_windows_hive *h = LIST_ADD(a, &w->hives);

    assert_non_null(h);
    *h = (struct fact_windows_hive){"SYSTEM", "/Windows/System32/config/SYSTEM", state,
                                    false, "checksum"};
    return h;
}

static struct fact_windows_filter *filter(struct fact_windows *w, struct arena *a,
                                          const char *name)
{
    struct fact_windows_filter *f = LIST_ADD(a, &w->filters);

    assert_non_null(f);
    *f = (struct fact_windows_filter){name, true, true};
    return f;
}

static void tool(struct fact_windows *w, struct arena *a, const char *kind)
{
    struct fact_residue *t = LIST_ADD(a, &w->tools);

    assert_non_null(t);
    *t = (struct fact_residue){kind, "service X", 0};
}

static void string(fact_strings *list, struct arena *a, const char *text)
{
    const char **p = LIST_ADD(a, list);

    assert_non_null(p);
    *p = text;
}

/* The version as a whole. */
static void version(struct facts *f, const char *name, const char *number,
                    const char *edition, const char *build)
{
    f->os->name = f->windows->product = name;
    f->os->version = number;
    f->windows->edition = edition;
    f->windows->build = build;
}

CHANGE(good, (void)f)
CHANGE(on_fat, f->root->filesystem = "vfat")
CHANGE(windows_10, version(f, "Windows 10 Pro", "10", "Professional", "19045"))
CHANGE(datacenter, w->edition = "ServerDatacenter")
CHANGE(core, w->edition = "ServerStandardCore")
CHANGE(i386, f->os->arch = "i386";
       for (size_t i = 0; i < 3; i++) w->drivers.v[i].machine = "i386")
CHANGE(ia64, f->os->arch = "ia64")
CHANGE(declared_arch, q->arch = "i386")
CHANGE(no_files, for (size_t i = 0; i < 3; i++) w->drivers.v[i].file = false)
CHANGE(no_viostor, w->drivers.v[0].file = false)
CHANGE(image_gone, w->drivers.v[0].file = w->drivers.v[1].file = false;
       w->drivers.v[0].image_path = "\\SystemRoot\\x\\viostor.sys")
CHANGE(no_program, w->drivers.v[0].machine = w->drivers.v[1].machine = "none")
CHANGE(other_machine, w->drivers.v[0].machine = w->drivers.v[1].machine = "i386")
CHANGE(no_service, w->drivers.v[0].service = false; w->drivers.v[0].start = 4)
CHANGE(manual, w->drivers.v[0].start = 3)
CHANGE(overridden, w->drivers.v[0].overridden = true)
CHANGE(unbound, w->drivers.v[0].bound = false)
CHANGE(unbound_2008, w->drivers.v[0].bound = false;
       version(f, "Windows Server 2008 R2 Standard", "2008-R2", "ServerStandard", "7601"))
CHANGE(not_looked, w->drivers.v[0].file = false; w->drivers.n = 1)
CHANGE(none_looked, w->drivers.n = 0)
CHANGE(no_netkvm, w->drivers.v[2].file = false)
CHANGE(netkvm_off, w->drivers.v[2].start = 4)
CHANGE(netkvm_unbound, w->drivers.v[2].bound = false)
CHANGE(old_driver, w->drivers.v[0].version = "62.74.104.14100")
CHANGE(sha2,
       version(f, "Windows Server 2008 R2 Standard", "2008-R2", "ServerStandard", "7601"))
CHANGE(sha2_there, sha2(f, a, q); w->sha2 = "KB4474419")
CHANGE(sha1_driver, sha2(f, a, q);
       for (size_t i = 0; i < 3; i++) w->drivers.v[i].version = "61.77.104.17100")
CHANGE(read_only, w->drivers.v[0].read_only = true)
CHANGE(no_store, w->boot->store = "")
CHANGE(entry_lost, w->boot->problem = "the default entry is not in the store")
CHANGE(store_not_looked, w->boot = NULL)
CHANGE(no_manager, w->boot->manager = "")
CHANGE(hive_missing, hive(w, a, "missing"))
CHANGE(hive_damaged, hive(w, a, "damaged"))
CHANGE(hive_stale, hive(w, a, "ok")->stale = true)
CHANGE(hive_good, hive(w, a, "ok"))
CHANGE(hive_unread, hive(w, a, "unknown");
       facts_problem(f, a, "registry", "SYSTEM", false))
CHANGE(hibernated, w->hibernated = "/hiberfil.sys begins with HIBR")
CHANGE(fast, w->hibernated = "/hiberfil.sys begins with HIBR"; w->fast_startup = true)
CHANGE(dynamic, f->disk.dynamic = "partition 1 has type 42")
CHANGE(dynamic_unread, facts_without_root(f); f->windows = NULL;
       f->partitions.v[0].filesystem = "unknown"; f->disk.dynamic = "type 42")
CHANGE(bitlocker_root, facts_without_root(f); f->windows = NULL;
       f->partitions.v[0].filesystem = "BitLocker"; f->partitions.v[0].fs = NULL)
CHANGE(bitlocker_data, facts_partition(f, a, 2, "BitLocker"))
CHANGE(undeployable, w->image_state = "IMAGE_STATE_UNDEPLOYABLE")
CHANGE(setup_runs, w->setup_running = true)
CHANGE(sysprepped, w->image_state = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE";
       w->setup_running = true)
CHANGE(pending, string(&w->pending, a, "/Windows/WinSxS/pending.xml"))
CHANGE(update, string(&w->updates, a, "KB5009624"))
CHANGE(update_10, string(&w->updates, a, "KB5009557 (build 17763.2452)"))
CHANGE(filter_gone, filter(w, a, "snapman")->service = false)
CHANGE(filter_no_file, filter(w, a, "snapman")->file = false)
CHANGE(filter_own, filter(w, a, "PartMgr")->file = false)
CHANGE(filter_there, filter(w, a, "snapman"))
CHANGE(vmware, tool(w, a, "vmware"))
CHANGE(hidden, tool(w, a, "hide-devices"))
CHANGE(blocked, w->install_blocked = "SYSTEM: DeviceInstallDisabled")
CHANGE(evaluation, w->licence = "evaluation")
CHANGE(oem, w->licence = "oem")
CHANGE(no_agent, f->cloud_init->installed = f->cloud_init->enabled = false)
CHANGE(no_agent_forced, no_agent(f, a, q); q->force = true)
CHANGE(agent_gone, no_agent(f, a, q);
       f->cloud_init->disabled_by = "the service's program is not there")
CHANGE(agent_off, f->cloud_init->enabled = false;
       f->cloud_init->disabled_by = "the service's start is disabled")
CHANGE(rdp_off, w->rdp = "denied")
CHANGE(fixed, w->interfaces.v[0].method = "static")
CHANGE(san, w->san_policy = "offline-all")
CHANGE(san_shared, w->san_policy = "offline-shared")
CHANGE(pagefile_d, string(&w->pagefiles, a, "D:\\pagefile.sys 0 0"))
CHANGE(pagefile_c, string(&w->pagefiles, a, "?:\\pagefile.sys"))
CHANGE(gpt, f->partition_table = "gpt"; f->disk.bios_boot = true)
CHANGE(unclean, f->partitions.v[0].fs->clean = false)
CHANGE(full, f->partitions.v[0].fs->free_bytes = 50 << 20)
CHANGE(inactive, f->partitions.v[0].active = false)
CHANGE(lvm, f->root->device = "vg/win"; facts_partition(f, a, 2, "LVM2_member");
       w->boot->manager = "")

#define OK   "accepted"
#define NO   "refused"
#define MAY  "undecided"
#define ROOT "refused RootPartitionNotFound"
#define PART "refused PartitionNotPresent"
#define VIRT "refused VirtioNotInstall"
#define CI   "refused CloudInitNotInstalled"

static const struct {
    void (*change)(struct facts *f, struct arena *a, struct rules_request *q);
    const char *profile, *id; /* NULL: none but N22 */
    enum finding_level level;
    const char *detail, *remedy; /* words of them */
    const char *verdict;
} cases[] = {
    {good, D22, NULL, 0, "", "", OK},
    {on_fat, D22, "N01", LEVEL_ERROR, "Windows lies on vfat", "convert C: /fs:ntfs",
     ROOT},
    {on_fat, KVM, "N01", LEVEL_ERROR, "NTFS", "convert", ROOT},
    {windows_10, D22, "N02", LEVEL_ERROR, "Windows 10 Pro is not", "listed systems", NO},
    {windows_10, KVM, NULL, 0, "", "", OK},
    {datacenter, D16, "N02", LEVEL_ERROR, "2012 R2 (Standard)", "listed systems", NO},
    {datacenter, D22, NULL, 0, "", "", OK},
    {core, D16, NULL, 0, "", "", OK},
    {i386, D16, "N03", LEVEL_ERROR, "i386", "", ROOT},
    {i386, D22, NULL, 0, "", "", OK},
    {ia64, KVM, "N03", LEVEL_ERROR, "ia64", "", ROOT},
    {declared_arch, D22, "N03", LEVEL_ERROR, "i386 is declared", "Declare x86_64", ROOT},
    {no_files, D22, "N04", LEVEL_ERROR, "no driver for a virtio disk", "virtio-win",
     VIRT},
    {no_files, "azure", NULL, 0, "", "", ""},
    {no_viostor, D22, "N04", LEVEL_ERROR, "the cloud takes: viostor", "virtio-win", VIRT},
    {no_viostor, KVM, NULL, 0, "", "", OK},
    {image_gone, KVM, "N04", LEVEL_ERROR, "\\SystemRoot\\x\\viostor.sys, which is not",
     "virtio-win", VIRT},
    {no_program, KVM, "N04", LEVEL_ERROR, "no program", "virtio-win", VIRT},
    {other_machine, KVM, "N04", LEVEL_ERROR, "built for i386, and the system for x86_64",
     "virtio-win", VIRT},
    {no_service, D22, "N05", LEVEL_ERROR, "control set 1 has no service viostor",
     "virtio-win", VIRT},
    {manual, D22, "N05", LEVEL_ERROR, "Start 3", "sc config viostor start= boot", VIRT},
    {manual, KVM, NULL, 0, "", "", OK},
    {overridden, D22, "N05", LEVEL_ERROR, "StartOverride", "reg delete", VIRT},
    {unbound, D22, "N06", LEVEL_ERROR, "(DriverDatabase", "attach a virtio disk", VIRT},
    {unbound_2008, D22, "N06", LEVEL_ERROR, "(CriticalDeviceDatabase", "virtio", VIRT},
    {not_looked, KVM, NULL, 0, "", "", OK},
    {none_looked, D22, NULL, 0, "", "", OK},
    {no_netkvm, D22, "N07", LEVEL_WARNING, "netkvm.sys is not there", "virtio-win", OK},
    {netkvm_off, D22, "N07", LEVEL_WARNING, "no service", "virtio-win", OK},
    {netkvm_unbound, D22, "N07", LEVEL_WARNING, "network card", "virtio-win", OK},
    {old_driver, D22, "N08", LEVEL_WARNING, "62.74.104.14100", "virtio-win", OK},
    {sha2, D22, "N08", LEVEL_WARNING, "KB4474419", "Install the update", OK},
    {sha2_there, D22, NULL, 0, "", "", OK},
    {sha1_driver, D22, NULL, 0, "", "", OK},
    {read_only, D22, "N09", LEVEL_WARNING, "read-only", "attrib -r", OK},
    {no_store, D22, "N10", LEVEL_ERROR, "BCD", "/f BIOS", ROOT},
    {entry_lost, D22, "N10", LEVEL_ERROR, "not in the store", "bcdboot", ROOT},
    {store_not_looked, D22, NULL, 0, "", "", OK},
    {no_manager, D22, "N11", LEVEL_ERROR, "bootmgr", "bcdboot", PART},
    {hive_missing, D22, "N12", LEVEL_ERROR, "SYSTEM of the registry is not", "backup",
     ROOT},
    {hive_damaged, D22, "N12", LEVEL_ERROR, "damaged", "backup", ROOT},
    {hive_stale, D22, "N12", LEVEL_WARNING, "newer values", "Start Windows", OK},
    {hive_good, D22, NULL, 0, "", "", OK},
    {hive_unread, D22, NULL, 0, "", "", MAY},
    {hibernated, D22, "N13", LEVEL_ERROR, "hibernated", "powercfg", ROOT},
    {fast, D22, "N13", LEVEL_ERROR, "Fast Startup", "shutdown /s", ROOT},
    {dynamic, D22, "N14", LEVEL_ERROR, "type 42", "basic disk", PART},
    {dynamic_unread, D22, "N14", LEVEL_ERROR, "type 42", "basic disk", PART},
    {bitlocker_root, D22, "N15", LEVEL_ERROR, "BitLocker", "manage-bde -off", ROOT},
    {bitlocker_data, D22, "N15", LEVEL_WARNING, "BitLocker", "manage-bde -off", OK},
    {undeployable, D22, "N16", LEVEL_WARNING, "UNDEPLOYABLE", "sysprep", OK},
    {setup_runs, D22, "N16", LEVEL_WARNING, "SystemSetupInProgress", "Start", OK},
    {sysprepped, D22, NULL, 0, "", "", OK},
    {pending, D22, "N17", LEVEL_WARNING, "pending.xml", "Start Windows", OK},
    {update, D22, "N18", LEVEL_WARNING, "KB5009624", "wusa /uninstall /kb:5009624", OK},
    {update_10, D22, "N18", LEVEL_WARNING, "17763.2452", "/kb:5009557", OK},
    {filter_gone, D22, "N19", LEVEL_ERROR, "snapman", "the word snapman", VIRT},
    {filter_no_file, D22, "N19", LEVEL_ERROR, "snapman", "4d36e967", VIRT},
    {filter_own, D22, NULL, 0, "", "", OK},
    {filter_there, D22, NULL, 0, "", "", OK},
    {vmware, D22, "N20", LEVEL_WARNING, "vmware", "Uninstall", OK},
    {hidden, D22, "N20", LEVEL_WARNING, "hide devices", "Xen", OK},
    {blocked, D22, "N21", LEVEL_WARNING, "forbids", "policy", OK},
    {good, D22, "N22", LEVEL_NOTE, "does not activate", "slmgr", OK},
    {evaluation, D22, "N22", LEVEL_NOTE, "evaluation", "slmgr", OK},
    {oem, D22, "N22", LEVEL_NOTE, "OEM", "slmgr", OK},
    {no_agent, D22, "N23", LEVEL_ERROR, "no such service", "msiexec", CI},
    {no_agent, D18, "N23", LEVEL_WARNING, "no such service", "msiexec", OK},
    {no_agent, D16, NULL, 0, "", "", OK},
    {no_agent_forced, D22, "N23", LEVEL_NOTE, "not installed", "msiexec", OK},
    {agent_gone, D22, "N23", LEVEL_ERROR, "program is not there", "msiexec", CI},
    {agent_off, D22, "N23", LEVEL_ERROR, "start is disabled", "sc config", CI},
    {rdp_off, D22, "N24", LEVEL_WARNING, "remote desktop", "fDenyTSConnections", OK},
    {fixed, D22, "N24", LEVEL_WARNING, "fixed address", "netsh", OK},
    {san, D22, "N24", LEVEL_WARNING, "offline-all", "OnlineAll", OK},
    {san_shared, D22, NULL, 0, "", "", OK},
    {pagefile_d, D22, "N24", LEVEL_WARNING, "D:\\pagefile.sys", "C:", OK},
    {pagefile_c, D22, NULL, 0, "", "", OK},
    {gpt, D22, "P02", LEVEL_ERROR, "MBR only", "bcdboot S:\\Windows", PART},
    {unclean, D22, "P19", LEVEL_WARNING, "not marked clean", "chkdsk C: /f", OK},
    {full, D22, "P21", LEVEL_WARNING, "50 MiB are free", "cleanmgr", OK},
    {inactive, D22, "P06", LEVEL_WARNING, "active", "diskpart", OK},
    {lvm, KVM, "N01", LEVEL_ERROR, "logical volume", "plain partition", ROOT},
    {lvm, D22, "P15", LEVEL_ERROR, "LVM volume", "plain partition", ROOT},
};

static bool fires(const struct report *r, size_t i)
{
    for (size_t k = 0; k < r->findings.n; k++) {
        const struct finding *f = &r->findings.v[k];

        if (!cases[i].id && (f->id[0] != 'N' || strcmp(f->id, "N22") == 0))
            continue;
        if (!cases[i].id ||
            (strcmp(f->id, cases[i].id) == 0 && f->level == cases[i].level &&
             strstr(f->detail, cases[i].detail) && strstr(f->remedy, cases[i].remedy)))
            return true;
    }
    return false;
}

static void judge_case(struct report *ret, struct arena *a, size_t i)
{
    struct rules_request request = request_none;
    struct facts f;

    facts_windows(&f, a);
    cases[i].change(&f, a, &request);
    *ret = judge_facts(a, &f, cases[i].profile, &request);
}

static void test_each_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct report r;

        judge_case(&r, &a, i);
        if (fires(&r, i) == (cases[i].id != NULL) &&
            (!*cases[i].verdict || strcmp(report_text(&a, &r), cases[i].verdict) == 0))
            continue;
        for (size_t k = 0; k < r.findings.n; k++)
            print_message("%s %s: %s\n%s\n", r.findings.v[k].id,
                          finding_level_name(r.findings.v[k].level),
                          r.findings.v[k].detail, r.findings.v[k].remedy);
        fail_msg("case %zu, %s by %s: \"%s\" and \"%s\" expected, %s; it is %s", i,
                 cases[i].id ? cases[i].id : "nothing", cases[i].profile, cases[i].detail,
                 cases[i].remedy, cases[i].verdict, report_text(&a, &r));
    }
}

static void test_all_rows_are_tested(void **state)
{
    const struct check_row *row;

    (void)state;
    for (unsigned i = 0; (row = check_at(i)); i++) {
        bool seen = row->id[0] != 'N';

        for (size_t k = 0; k < ARRAY_SIZE(cases); k++)
            seen |= cases[k].id && strcmp(row->id, cases[k].id) == 0;
        if (!seen)
            fail_msg("%s has no test", row->id);
    }
}

/* In Chinese, every sentence is. */
static void test_chinese(void **state)
{
    struct i18n_catalog *zh = i18n_load(catalogues, "zh_CN");

    (void)state;
    assert_non_null(zh);
    i18n_use(zh);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct report r;

        judge_case(&r, &a, i);
        for (size_t k = 0; k < r.findings.n; k++)
            if (!strpbrk(r.findings.v[k].detail, "\xe4\xe5\xe6\xe7\xe8\xe9"))
                fail_msg("%s: %s", r.findings.v[k].id, r.findings.v[k].detail);
    }
    i18n_use(NULL);
    i18n_free(zh);
}

/* ---- who takes which */

static void test_lists(void **state)
{
    static const char *const profiles[] = {D16, "tencent-2016-intl", D18, D22, D23, KVM};
    static const struct {
        const char *name, *number, *edition, *build;
        const char *want[ARRAY_SIZE(profiles)];
    } rows[] = {
        {"Windows Server 2008 Standard",
         "2008",
         "ServerStandard",
         "6002",
         {OK, NO, NO, OK, OK, OK}},
        {"Windows Server 2008 Web",
         "2008",
         "ServerWeb",
         "6002",
         {NO, NO, NO, OK, OK, OK}},
        {"Windows Server 2008 R2 Enterprise",
         "2008-R2",
         "ServerEnterprise",
         "7601",
         {OK, OK, OK, OK, OK, OK}},
        {"Windows Server 2008 R2 Web",
         "2008-R2",
         "ServerWeb",
         "7601",
         {NO, NO, NO, OK, OK, OK}},
        {"Windows Server 2012 Datacenter",
         "2012",
         "ServerDatacenter",
         "9200",
         {OK, NO, NO, OK, OK, OK}},
        {"Windows Server 2012 R2 Standard",
         "2012-R2",
         "ServerStandard",
         "9600",
         {OK, OK, OK, OK, OK, OK}},
        {"Windows Server 2012 R2 Datacenter",
         "2012-R2",
         "ServerDatacenter",
         "9600",
         {NO, NO, NO, OK, OK, OK}},
        {"Windows Server 2016 Standard",
         "2016",
         "ServerStandard",
         "14393",
         {NO, NO, NO, OK, OK, OK}},
        {"Windows Server 2019 Standard",
         "2019",
         "ServerStandard",
         "17763",
         {NO, NO, NO, NO, OK, OK}},
        {"Windows Server 2022 Standard",
         "2022",
         "ServerStandard",
         "20348",
         {NO, NO, NO, NO, OK, OK}},
        {"Windows Server 2025 Standard",
         "2025",
         "ServerStandard",
         "26100",
         {NO, NO, NO, NO, NO, OK}},
        {"Windows 7 Professional", "7", "Professional", "7601", {NO, NO, NO, NO, NO, OK}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (size_t p = 0; p < ARRAY_SIZE(profiles); p++) {
            AUTO(arena_fini) struct arena a = {0};
            struct facts f;
            struct report r;

            facts_windows(&f, &a);
            version(&f, rows[i].name, rows[i].number, rows[i].edition, rows[i].build);
            f.windows->sha2 = "KB4474419";
            r = judge_facts(&a, &f, profiles[p], &request_none);
            if (strcmp(report_text(&a, &r), rows[i].want[p]) != 0)
                fail_msg("%s by %s: %s", rows[i].name, profiles[p], report_text(&a, &r));
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_check),
        cmocka_unit_test(test_all_rows_are_tested),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_chinese),
    };

    assert_int_equal(argc, 2);
    catalogues = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
