/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "guest/facts_table.h"
#include "guest/guest_test_fs.h"

#define WANTS "/etc/systemd/system/multi-user.target.wants/"

static const struct test_file debian[] = {
    {"/usr/sbin/sshd", "x"},
    {"/usr/bin/growpart", "x"},
    {WANTS "ssh.service", "-> /lib/systemd/system/ssh.service"},
    {"/etc/ssh/ssh_host_rsa_key", "x"},
    {"/etc/ssh/ssh_host_rsa_key.pub", "x"},
    {"/etc/ssh/ssh_host_ed25519_key", "x"},
    {"/etc/adjtime", "0.0 0 0.0\n0\nUTC\n"},
    {0},
};

static const struct test_file redhat[] = {
    {"/usr/sbin/sshd", "x"},
    {"/usr/lib/systemd/system/sshd.service", "x"},
    {"/usr/lib/systemd/system/sshd-keygen@.service", "x"},
    {"/usr/lib/systemd/system/sshd-keygen.target", "x"},
    {WANTS "firewalld.service", "-> x"},
    {"/etc/firewalld/firewalld.conf", "# x\nDefaultZone=work\n"},
    {"/usr/lib/firewalld/zones/work.xml", "<zone><service name=\"http\"/></zone>"},
    {"/etc/selinux/config",
     "# SELINUX= can take\nSELINUX=enforcing\nSELINUXTYPE=targeted\n"},
    {"/etc/passwd", "root:x:0:0::/root:/bin/sh\n"},
    {"/etc/adjtime", "0.0 0 0.0\n0\nLOCAL\n"},
    {0},
};

static const struct test_file labelled[] = {
    {"/etc/selinux/config", "SELINUX=enforcing\n"},
    {"/etc/passwd", "x", .xattr = "security.selinux"},
    {WANTS "firewalld.service", "-> x"},
    {"/usr/lib/firewalld/zones/public.xml", "<zone><service name=\"ssh\"/></zone>"},
    {0},
};

static const struct test_file relabels_itself[] = {
    {"/etc/selinux/config", "SELINUX=permissive\n"},
    {"/etc/passwd", "x"},
    {"/.autorelabel", ""},
    {0},
};

static const struct test_file nft[] = {
    {WANTS "nftables.service", "-> x"},
    {"/etc/nftables.conf", "table inet filter {\n chain input {\n"
                           "  type filter hook input priority 0; policy drop;\n"
                           "  tcp dport 80 accept\n }\n}\n"},
    {0},
};

static const struct test_file nft_open[] = {
    {WANTS "nftables.service", "-> x"},
    {"/etc/nftables.conf",
     "chain input { type filter hook input priority 0; policy drop;\n"
     "  tcp dport ssh accept\n"},
    {0},
};

static const struct test_file nft_off[] = {
    {"/etc/nftables.conf", "chain input { type filter hook input; policy drop; }\n"},
    {0},
};

static const struct test_file iptables[] = {
    {"/etc/init.d/iptables", "x"},
    {"/etc/rc3.d/S08iptables", "-> ../init.d/iptables"},
    {"/etc/sysconfig/iptables",
     "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 80 -j ACCEPT\n"
     "-A INPUT -j REJECT --reject-with icmp-host-prohibited\nCOMMIT\n"},
    {0},
};

static const struct test_file ufw[] = {
    {WANTS "ufw.service", "-> x"},
    {"/etc/ufw/ufw.conf", "ENABLED=yes\n"},
    {"/etc/ufw/user.rules", "-A ufw-user-input -p tcp --dport 443 -j ACCEPT\n"},
    {0},
};

static const struct test_file empty[] = {{"/etc/", NULL}, {0}};

static void test_guests(void **state)
{
    static const struct {
        const char *name;
        const struct test_file *files;
        const char *init, *cmdline;
        bool growpart, sshd, enabled;
        unsigned keys;
        bool keygen;
        const char *firewall, *selinux;
        bool relabel;
        const char *rtc;
    } cases[] = {
        {"Debian", debian, "systemd", "", true, true, true, 2, false, "", "", false,
         "utc"},
        {"Red Hat, nothing enabled but a firewall", redhat, "systemd", "", false, true,
         false, 0, true,
         "firewalld: zone work has no ssh in /usr/lib/firewalld/zones/work.xml",
         "enforcing", true, "local"},
        {"SELinux switched off at boot", redhat, "systemd", "ro selinux=0", false, true,
         false, 0, true,
         "firewalld: zone work has no ssh in /usr/lib/firewalld/zones/work.xml",
         "disabled", false, "local"},
        {"files with labels, and a zone with ssh", labelled, "systemd", "", false, false,
         false, 0, false, "", "enforcing", false, ""},
        {"a system that relabels itself", relabels_itself, "systemd", "", false, false,
         false, 0, false, "", "permissive", false, ""},
        {"nftables", nft, "systemd", "", false, false, false, 0, false,
         "nftables: policy drop in /etc/nftables.conf, port 22 is not opened", "", false,
         ""},
        {"nftables with ssh", nft_open, "systemd", "", false, false, false, 0, false, "",
         "", false, ""},
        {"nftables that nothing starts", nft_off, "systemd", "", false, false, false, 0,
         false, "", "", false, ""},
        {"iptables of a System V system", iptables, "sysvinit", "", false, false, false,
         0, false,
         "iptables: everything else is dropped in /etc/sysconfig/iptables, port 22 is "
         "not "
         "opened",
         "", false, ""},
        {"ufw", ufw, "systemd", "", false, false, false, 0, false,
         "ufw: enabled in /etc/ufw/user.rules, port 22 is not opened", "", false, ""},
        {"nothing", empty, "", "", false, false, false, 0, false, "", "", false, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct test_guest t;
        struct err err = {0};
        const struct fact_linux *l;

        test_guest_init(&t, cases[i].files);
        t.facts.os = FACT_NEW(&t.arena, fact_os);
        t.facts.os->init = cases[i].init;
        t.facts.boot = FACT_NEW(&t.arena, fact_boot);
        t.facts.boot->cmdline = cases[i].cmdline;
        assert_int_equal(linux_services(&t.guest, &err), 0);
        l = t.facts.linux_;
        if (strcmp(l->firewall, cases[i].firewall) != 0 ||
            strcmp(l->selinux, cases[i].selinux) != 0 ||
            strcmp(l->rtc, cases[i].rtc) != 0)
            fail_msg("%s: firewall \"%s\", selinux \"%s\", rtc \"%s\"", cases[i].name,
                     l->firewall, l->selinux, l->rtc);
        if (l->growpart != cases[i].growpart || l->sshd != cases[i].sshd ||
            l->sshd_enabled != cases[i].enabled || l->ssh_host_keys != cases[i].keys ||
            l->ssh_keys_regenerated != cases[i].keygen ||
            l->selinux_relabel_needed != cases[i].relabel)
            fail_msg("%s: growpart %d, sshd %d %d, %u keys, keygen %d, relabel %d",
                     cases[i].name, l->growpart, l->sshd, l->sshd_enabled,
                     l->ssh_host_keys, l->ssh_keys_regenerated,
                     l->selinux_relabel_needed);
        assert_int_equal(t.facts.problems.n, 0);
        test_guest_fini(&t);
    }
}

static void test_root_last(void **state)
{
    struct test_guest t;
    struct err err = {0};

    (void)state;
    test_guest_init(&t, empty);
    for (uint32_t i = 1; i <= 3; i++) {
        struct fact_partition *p =
            FACT_ADD(&t.arena, &t.facts.partitions, fact_partition);

        p->index = i;
        p->start = i << 20;
        p->size = 1 << 20;
    }
    t.fs[0].partition = &t.facts.partitions.v[1];
    assert_int_equal(linux_services(&t.guest, &err), 0);
    assert_false(t.facts.linux_->root_last);
    t.facts.partitions.v[2].start = 1;
    assert_int_equal(linux_services(&t.guest, &err), 0);
    assert_true(t.facts.linux_->root_last);
    test_guest_fini(&t);
}

/* The root is a logical volume; partitions 1 and 3 are physical ones. */
static void test_volume_last(void **state)
{
    static const struct {
        const char *name, *groups[2];
        uint64_t swap_start; /* of partition 2 */
        bool last;
    } cases[] = {
        {"the last partition is of its group", {"vg", "vg"}, 2 << 20, true},
        {"only an earlier one is", {"vg", "other"}, 2 << 20, false},
        {"the last one is of no group", {"vg", NULL}, 2 << 20, false},
        {"swap is behind it", {"vg", "vg"}, 8 << 20, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct test_guest t;
        struct err err = {0};

        test_guest_init(&t, empty);
        for (uint32_t j = 1; j <= 3; j++) {
            struct fact_partition *p =
                FACT_ADD(&t.arena, &t.facts.partitions, fact_partition);

            p->start = j == 2 ? cases[i].swap_start : j << 20;
            p->size = 1 << 20;
        }
        for (int j = 0; j < 2; j++) {
            struct guest_fs *pv = test_guest_add(&t, empty, "partition", "", "");

            pv->partition = &t.facts.partitions.v[2 * j];
            pv->group = cases[i].groups[j];
        }
        t.fs[0].partition = NULL;
        t.fs[0].group = "vg";
        assert_int_equal(linux_services(&t.guest, &err), 0);
        if (t.facts.linux_->root_last != cases[i].last)
            fail_msg("%s: %d", cases[i].name, t.facts.linux_->root_last);
        test_guest_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guests),
        cmocka_unit_test(test_root_last),
        cmocka_unit_test(test_volume_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
