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
#include "guest/linux/network.h"

static void check_str(const char *name, const char *what, const char *got,
                      const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s is \"%s\", want \"%s\"", name, what, got, want);
}

/* "eth0 dhcp aa:bb ipv6" for each interface, parted by ", ". */
static const char *shown(struct arena *a, const struct fact_network *n)
{
    const char *ret = "";

    for (size_t i = 0; i < n->interfaces.n; i++) {
        const struct fact_interface *f = &n->interfaces.v[i];

        ret = arena_printf(a, "%s%s%s %s%s%s%s", ret, i ? ", " : "", f->name, f->method,
                           *f->mac ? " " : "", f->mac, f->ipv6 ? " ipv6" : "");
    }
    return ret;
}

static void ifupdown(struct fact_network *n, struct arena *a, const char *file,
                     struct bytes text)
{
    struct err err = {0};

    assert_int_equal(network_ifupdown(n, a, file, text, NULL, &err), 0);
}

static void ifcfg(struct fact_network *n, struct arena *a, const char *file,
                  struct bytes text)
{
    network_ifcfg(n, a, file, "eth9", text);
}

static void test_files(void **state)
{
    static const struct {
        const char *name;
        void (*parse)(struct fact_network *n, struct arena *a, const char *file,
                      struct bytes text);
        const char *text, *want;
    } cases[] = {
        {"interfaces: two families are one interface", ifupdown,
         "auto lo eth0\niface lo inet loopback\n# iface eth7 inet dhcp\n"
         "allow-hotplug eth0\niface eth0 inet dhcp\n  hwaddress ether 52:54:00:12:34:56\n"
         "iface eth0 inet6 auto\niface eth1 inet static\n\taddress 10.0.0.2/24\n",
         "eth0 dhcp 52:54:00:12:34:56 ipv6, eth1 static"},
        {"interfaces: manual", ifupdown, "iface br0 inet manual\n", "br0 manual"},
        {"interfaces: garbage", ifupdown, "iface\niface eth0\nhwaddress\n\\\n",
         "eth0 manual"},
        {"ifcfg: DHCP", ifcfg,
         "DEVICE=eth0\nBOOTPROTO=\"dhcp\"\nONBOOT=yes\nHWADDR=00:11:22:33:44:55\n",
         "eth0 dhcp 00:11:22:33:44:55"},
        {"ifcfg: static", ifcfg, "BOOTPROTO=none\nIPADDR=10.0.0.2\nONBOOT=yes\n",
         "eth9 static"},
        {"ifcfg: not started", ifcfg, "BOOTPROTO=dhcp\nONBOOT=no\n", "eth9 manual"},
        {"ifcfg: IPv6", ifcfg, "BOOTPROTO=dhcp\nIPV6INIT=yes\n", "eth9 dhcp ipv6"},
        {"ifcfg: SUSE", ifcfg, "BOOTPROTO='dhcp4'\nSTARTMODE='auto'\nLLADDR=''\n",
         "eth9 dhcp"},
        {"netplan: as cloud-init writes it", network_netplan,
         "network:\n    ethernets:\n        eth0:\n            dhcp4: true\n"
         "            match:\n                macaddress: fa:16:3e:00:00:01\n"
         "            set-name: eth0\n    version: 2\n",
         "eth0 dhcp fa:16:3e:00:00:01"},
        {"netplan: static, block and flow", network_netplan,
         "network:\n  version: 2\n  ethernets:\n    ens3:\n      addresses:\n"
         "        - 10.0.0.2/24\n        - \"fd00::2/64\"\n"
         "    ens4:\n      addresses: [10.1.0.2/24]\n      match: {macaddress: "
         "\"aa:bb\"}\n"
         "  wifis:\n    w0:\n      dhcp4: true\n",
         "ens3 static ipv6, ens4 static aa:bb"},
        {"netplan: IPv6 by DHCP", network_netplan,
         "network:\n  ethernets:\n    e:\n      dhcp4: yes\n      dhcp6: yes\n",
         "e dhcp ipv6"},
        {"keyfile: DHCP", network_keyfile,
         "[connection]\nid=x\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=auto\n"
         "[ipv6]\nmethod=disabled\n",
         "eth0 dhcp"},
        {"keyfile: static with a pin, IPv6 unset asks", network_keyfile,
         "[connection]\ntype=802-3-ethernet\n[802-3-ethernet]\n"
         "mac-address=00:11:22:33:44:55\n[ipv4]\nmethod=manual\naddress1=10.0.0.2/24\n",
         "* static 00:11:22:33:44:55 ipv6"},
        {"keyfile: wireless is left out", network_keyfile, "[connection]\ntype=wifi\n",
         ""},
        {"networkd: DHCP for both", network_networkd,
         "[Match]\nName=en*\n[Network]\nDHCP=yes\n", "en* dhcp ipv6"},
        {"networkd: static", network_networkd,
         "[Match]\nMACAddress=aa:bb\n[Network]\nAddress=10.0.0.2/24\n", "* static aa:bb"},
        {"wicked", network_wicked,
         "<interface>\n<name>eth0</name><ipv4:dhcp><enabled>true</enabled></ipv4:dhcp>\n"
         "</interface><interface><name>lo</name></interface><interface><name>eth1",
         "eth0 dhcp"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct fact_network n = {.method = ""};

        cases[i].parse(&n, &a, "/file", bytes_of(cases[i].text, strlen(cases[i].text)));
        check_str(cases[i].name, "interfaces", shown(&a, &n), cases[i].want);
    }
}

static void test_pins(void **state)
{
    static const struct {
        const char *name, *text;
        bool want;
    } cases[] = {
        {"udev's own rules",
         "SUBSYSTEM==\"net\", ATTR{address}==\"00:11\", ATTR{dev_id}==\"0x0\", "
         "NAME=\"eth0\"\n",
         true},
        {"older ones", "SUBSYSTEM==\"net\", SYSFS{address}==\"00:11\", NAME=\"eth0\"\n",
         true},
        {"a file that was emptied", "# This file was automatically generated\n", false},
        {"a comment", "# ATTR{address}==\"00:11\", NAME=\"eth0\"\n", false},
        {"a .link file", "[Match]\nMACAddress=00:11\n[Link]\nName=eth0\n", true},
        {"a .link file without address",
         "[Match]\nDriver=virtio_net\n[Link]\nName=eth0\n", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (network_pins_names(bytes_of(cases[i].text, strlen(cases[i].text))) !=
            cases[i].want)
            fail_msg("%s", cases[i].name);
}

static const struct test_file sourced[] = {
    {"/etc/network/interfaces", "source /etc/network/interfaces.d/*.cfg\n"
                                "source-directory interfaces.e\n"},
    {"/etc/network/interfaces.d/50-cloud-init.cfg", "iface eth0 inet dhcp\n"},
    {"/etc/network/interfaces.d/old", "iface eth1 inet static\n"},
    {"/etc/network/interfaces.e/eth2", "iface eth2 inet static\n"},
    {"/etc/network/interfaces.e/eth3.bak", "iface eth3 inet static\n"},
    {0},
};

static const struct test_file loop[] = {
    {"/etc/network/interfaces", "source /etc/network/interfaces\niface eth0 inet dhcp\n"},
    {0},
};

static const struct test_file redhat[] = {
    {"/etc/sysconfig/network-scripts/ifcfg-lo", "BOOTPROTO=static\nIPADDR=127.0.0.1\n"},
    {"/etc/sysconfig/network-scripts/ifcfg-eth0", "BOOTPROTO=dhcp\n"},
    {"/etc/sysconfig/network-scripts/ifcfg-eth0.bak", "IPADDR=10.0.0.2\n"},
    {"/etc/udev/rules.d/70-persistent-net.rules",
     "SUBSYSTEM==\"net\", ATTR{address}==\"00:11\", NAME=\"eth0\"\n"},
    {0},
};

static const struct test_file none[] = {
    {"/etc/network/interfaces", "auto lo\niface lo inet loopback\n"},
    {"/etc/udev/rules.d/75-persistent-net-generator.rules",
     "ATTR{address}==\"x\", NAME=\"y\""},
    {0},
};

static const struct test_file manager[] = {
    {"/etc/systemd/system/multi-user.target.wants/NetworkManager.service", "-> x"},
    {0},
};

static const struct test_file unreadable[] = {
    {"/etc/netplan/50-cloud-init.yaml", "network:\n", .fail = ERR_CORRUPT},
    {0},
};

static void test_guests(void **state)
{
    static const struct {
        const char *name;
        const struct test_file *files;
        bool cloud_init;
        const char *method, *interfaces, *nic_rules;
    } cases[] = {
        {"included files", sourced, false, "mixed", "eth0 dhcp, eth2 static", ""},
        {"a file that includes itself", loop, false, "dhcp", "eth0 dhcp", ""},
        {"Red Hat", redhat, false, "dhcp", "eth0 dhcp",
         "/etc/udev/rules.d/70-persistent-net.rules"},
        {"nothing", none, false, "none", "", ""},
        {"nothing, and cloud-init to write it", none, true, "cloud-init", "", ""},
        {"NetworkManager asks by itself", manager, false, "dhcp", "", ""},
        {"a file that cannot be read", unreadable, false, "unknown", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct test_guest t;
        struct err err = {0};
        const struct fact_network *n;

        test_guest_init(&t, cases[i].files);
        t.facts.cloud_init = FACT_NEW(&t.arena, fact_cloud_init);
        t.facts.cloud_init->installed = t.facts.cloud_init->enabled = cases[i].cloud_init;
        t.facts.boot = FACT_NEW(&t.arena, fact_boot);
        t.facts.boot->cmdline = "ro net.ifnames=0";
        assert_int_equal(linux_network(&t.guest, &err), 0);
        n = &t.facts.linux_->network;
        check_str(cases[i].name, "method", n->method, cases[i].method);
        if (i != 1)
            check_str(cases[i].name, "interfaces", shown(&t.arena, n),
                      cases[i].interfaces);
        check_str(cases[i].name, "nic_rules", n->nic_rules, cases[i].nic_rules);
        assert_true(n->ifnames_off);
        test_guest_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_guests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
