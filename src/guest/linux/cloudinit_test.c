/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "base/text.h"
#include "guest/facts_table.h"
#include "guest/guest_test_fs.h"
#include "guest/linux/cloudinit.h"

static struct bytes bytes_str(const char *s)
{
    return bytes_of(s, strlen(s));
}

static void check_str(const char *name, const char *what, const char *got,
                      const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s is \"%s\", want \"%s\"", name, what, got, want);
}

static const char *joined(struct arena *a, const fact_strings *list)
{
    const char *ret = "";

    for (size_t i = 0; i < list->n; i++)
        ret = arena_printf(a, "%s%s%s", ret, i ? " " : "", list->v[i]);
    return ret;
}

static void test_datasource_list(void **state)
{
    static const struct {
        const char *name, *text, *want; /* NULL: not set */
    } cases[] = {
        {"inline", "datasource_list: [ NoCloud, ConfigDrive, None ]\n",
         "NoCloud ConfigDrive None"},
        {"inline over lines, as dpkg-reconfigure writes it",
         "# to update this file\ndatasource_list: [ NoCloud,\n   'ConfigDrive' ]\nx: "
         "[y]\n",
         "NoCloud ConfigDrive"},
        {"block",
         "datasource_list:\n  - NoCloud\n  # no\n  - \"Ec2\"\nusers:\n  - default\n",
         "NoCloud Ec2"},
        {"block without indentation", "datasource_list:\n- NoCloud\n- Ec2\nusers:\n- x\n",
         "NoCloud Ec2"},
        {"the last one wins", "datasource_list: [A]\ndatasource_list: [B]\n", "B"},
        {"below another key it is none", "x:\n  datasource_list: [ NoCloud ]\n", NULL},
        {"null leaves the default", "datasource_list:\nusers:\n  - x\n", NULL},
        {"a comment sets nothing", "# datasource_list: [ NoCloud ]\n", NULL},
        {"garbage sets nothing", "\xff\xfe [[[ {{{ : : -\n- - -\n\t:\n", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        fact_strings list = {0};

        if (cloud_datasource_list(&list, &a, bytes_str(cases[i].text)) !=
            (cases[i].want != NULL))
            fail_msg("%s", cases[i].name);
        if (cases[i].want)
            check_str(cases[i].name, "list", joined(&a, &list), cases[i].want);
    }
}

#define DPKG(status)                                                           \
    "Package: cloud-guest-utils\nStatus: install ok installed\nVersion: 9\n\n" \
    "Package: cloud-init\nStatus: " status                                     \
    "\nArchitecture: all\nVersion: 22.4.2-1+deb12u1\nDescription: x\n"         \
    " Package: cloud-init-fake\n\n"                                            \
    "Package: zlib\nStatus: install ok installed\nVersion: 1\n"

static void test_dpkg(void **state)
{
    struct dpkg_package p;

    (void)state;
    assert_true(dpkg_find(&p, bytes_str(DPKG("install ok installed")), "cloud-init"));
    assert_true(text_is(p.status, "install ok installed"));
    assert_true(text_is(p.version, "22.4.2-1+deb12u1"));
    assert_true(text_is(package_upstream(p.version), "22.4.2"));
    assert_true(text_is(package_upstream(bytes_str("1:23~rc1-1")), "23"));
    assert_false(dpkg_find(&p, bytes_str("Package: cloud-init-x\n"), "cloud-init"));
}

/* Debian 12, as the package leaves it. */
#define WANTS "/etc/systemd/system/cloud-init.target.wants/"
#define UNITS "/usr/lib/systemd/system/"
#define DEBIAN_PROGRAM                                  \
    {"/usr/bin/cloud-init", "#!/usr/bin/python3\n"},    \
    {                                                   \
        "/etc/cloud/cloud.cfg", "users:\n  - default\n" \
    }
#define DEBIAN_UNITS                                                             \
    {UNITS "cloud-init.service", "[Unit]\n"},                                    \
        {UNITS "cloud-init-local.service", "[Unit]\n"},                          \
        {UNITS "cloud-init.target", "[Unit]\n"},                                 \
        {WANTS "cloud-init.service", "-> " UNITS "cloud-init.service"},          \
    {                                                                            \
        WANTS "cloud-init-local.service", "-> " UNITS "cloud-init-local.service" \
    }
#define DEBIAN_GENERATOR                                                         \
    {                                                                            \
        "/usr/lib/systemd/system-generators/cloud-init-generator", "#!/bin/sh\n" \
    }

static const struct test_file debian[] = {
    DEBIAN_PROGRAM,
    DEBIAN_UNITS,
    DEBIAN_GENERATOR,
    {"/var/lib/dpkg/status", DPKG("install ok installed")},
    {"/etc/cloud/cloud.cfg.d/90_dpkg.cfg", "datasource_list: [ NoCloud, None ]\n"},
    {"/etc/cloud/cloud.cfg.d/05_logging.cfg", "datasource_list: [ Ec2 ]\n"},
    {"/etc/cloud/cloud.cfg.d/README", "datasource_list: [ No ]\n"},
    {0},
};

/* apt-get remove leaves the configuration, and links in /etc. */
static const struct test_file removed[] = {
    {"/etc/cloud/cloud.cfg", "users:\n"},
    {WANTS "cloud-init.service", "-> " UNITS "cloud-init.service"},
    {"/var/lib/dpkg/status", DPKG("deinstall ok config-files")},
    {0},
};

/* The package was removed, and pip brought another one. */
static const struct test_file by_pip[] = {
    {"/usr/local/bin/cloud-init", "x"},
    {"/etc/cloud/cloud.cfg", "users:\n"},
    {"/usr/local/lib/python3.11/dist-packages/cloud_init-23.1.dist-info/METADATA", "x"},
    {"/var/lib/dpkg/status", DPKG("deinstall ok config-files")},
    {0},
};

static const struct test_file no_config[] = {
    {"/usr/bin/cloud-init", "x"},
    {0},
};

static const struct test_file file_disabled[] = {
    DEBIAN_PROGRAM,
    DEBIAN_UNITS,
    DEBIAN_GENERATOR,
    {"/etc/cloud/cloud-init.disabled", ""},
    {0},
};

static const struct test_file masked[] = {
    DEBIAN_PROGRAM,
    DEBIAN_UNITS,
    DEBIAN_GENERATOR,
    {"/etc/systemd/system/cloud-init.service", "-> /dev/null"},
    {0},
};

static const struct test_file local_masked[] = {
    DEBIAN_PROGRAM,
    DEBIAN_UNITS,
    DEBIAN_GENERATOR,
    {"/etc/systemd/system/cloud-init-local.service", "-> /dev/null"},
    {0},
};

static const struct test_file no_generator[] = {
    DEBIAN_PROGRAM,
    DEBIAN_UNITS,
    {"/etc/systemd/system-generators/cloud-init-generator", "-> /dev/null"},
    DEBIAN_GENERATOR,
    {0},
};

static const struct test_file not_enabled[] = {
    DEBIAN_PROGRAM,
    {UNITS "cloud-init.service", "[Unit]\n"},
    DEBIAN_GENERATOR,
    {0},
};

static const struct test_file ds_identify[] = {
    DEBIAN_PROGRAM,
    DEBIAN_UNITS,
    DEBIAN_GENERATOR,
    {"/etc/cloud/ds-identify.cfg", "policy: disabled\n"},
    {0},
};

static const struct test_file renamed[] = {
    DEBIAN_PROGRAM,
    {UNITS "cloud-init-network.service", "[Unit]\n"},
    {UNITS "cloud-init-main.service", "[Unit]\n"},
    {"/etc/systemd/system/multi-user.target.wants/cloud-init-network.service", "-> x"},
    {"/usr/lib/python3.12/site-packages/cloud_init-24.4.dist-info/METADATA", "x"},
    {0},
};

static const struct test_file centos6[] = {
    DEBIAN_PROGRAM,
    {"/etc/init.d/cloud-init", "#!/bin/sh\nconfig-2\n"},
    {"/etc/rc.d/rc3.d/S52cloud-init", "-> ../init.d/cloud-init"},
    {"/usr/lib/python2.6/site-packages/cloud_init-0.7.5-py2.6.egg-info", "x"},
    {0},
};

static const struct test_file alpine[] = {
    DEBIAN_PROGRAM,
    {"/etc/runlevels/default/cloud-init", "-> /etc/init.d/cloud-init"},
    {"/usr/lib/python3.11/site-packages/cloudinit/version.py",
     "__VERSION__ = \"23.2\"\n"},
    {0},
};

static const struct test_file unreadable[] = {
    {"/usr/bin/cloud-init", "x"},
    {"/etc/cloud/", .fail = ERR_CORRUPT},
    {0},
};

static const struct test_file units_unreadable[] = {
    DEBIAN_PROGRAM,
    {"/etc/systemd/system/", .fail = ERR_CORRUPT},
    {0},
};

static void test_guests(void **state)
{
    static const struct {
        const char *name;
        const struct test_file *files;
        const char *init, *cmdline;
        bool installed, enabled;
        const char *evidence, *disabled_by, *version, *sources;
        size_t problems;
    } cases[] = {
        {"Debian 12", debian, "systemd", "", true, true,
         "dpkg: cloud-init 22.4.2-1+deb12u1", "", "22.4.2", "NoCloud None"},
        {"removed, not purged", removed, "systemd", "", false, false,
         "dpkg: cloud-init 22.4.2-1+deb12u1: deinstall ok config-files", "", "", ""},
        {"removed, and brought back by pip", by_pip, "systemd", "", true, false,
         "/usr/local/bin/cloud-init", "no unit is enabled", "23.1", ""},
        {"a program without its configuration", no_config, "systemd", "", false, false,
         "", "", "", ""},
        {"disabled by a file", file_disabled, "systemd", "", true, false,
         "/usr/bin/cloud-init", "/etc/cloud/cloud-init.disabled", "", ""},
        {"the command line overrules the file", file_disabled, "systemd",
         "ro cloud-init=enabled", true, true, "/usr/bin/cloud-init", "", "", ""},
        {"disabled on the command line", debian, "systemd",
         "ro cloud-init=disabled quiet", true, false, "dpkg: cloud-init 22.4.2-1+deb12u1",
         "kernel command line", "22.4.2", "NoCloud None"},
        {"masked", masked, "systemd", "", true, false, "/usr/bin/cloud-init",
         "/etc/systemd/system/cloud-init.service is masked", "", ""},
        {"its early stage is masked", local_masked, "systemd", "", true, false,
         "/usr/bin/cloud-init", "/etc/systemd/system/cloud-init-local.service is masked",
         "", ""},
        {"a masked generator starts no target", no_generator, "systemd", "", true, false,
         "/usr/bin/cloud-init", "cloud-init.target is not started", "", ""},
        {"installed, never enabled", not_enabled, "systemd", "", true, false,
         "/usr/bin/cloud-init", "no unit is enabled", "", ""},
        {"ds-identify told not to", ds_identify, "systemd", "", true, false,
         "/usr/bin/cloud-init", "/etc/cloud/ds-identify.cfg", "", ""},
        {"units of 24.3 and later", renamed, "systemd", "", true, true,
         "/usr/bin/cloud-init", "", "24.4", ""},
        {"System V links", centos6, "sysvinit", "", true, true, "/usr/bin/cloud-init", "",
         "0.7.5", ""},
        {"openrc", alpine, "openrc", "", true, true, "/usr/bin/cloud-init", "", "23.2",
         ""},
        {"what cannot be read is a problem", unreadable, "systemd", "", false, false, "",
         "", "", "", 1},
    };
    struct test_guest t;
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct fact_cloud_init *c;

        test_guest_init(&t, cases[i].files);
        t.facts.os = FACT_NEW(&t.arena, fact_os);
        t.facts.os->init = cases[i].init;
        t.facts.boot = FACT_NEW(&t.arena, fact_boot);
        t.facts.boot->cmdline = cases[i].cmdline;
        assert_int_equal(linux_cloud_init(&t.guest, &err), 0);
        c = t.facts.cloud_init;
        check_str(cases[i].name, "evidence", c->evidence, cases[i].evidence);
        check_str(cases[i].name, "disabled_by", c->disabled_by, cases[i].disabled_by);
        check_str(cases[i].name, "version", c->version, cases[i].version);
        check_str(cases[i].name, "datasources", joined(&t.arena, &c->datasources),
                  cases[i].sources);
        if (c->installed != cases[i].installed || c->enabled != cases[i].enabled)
            fail_msg("%s: installed %d, enabled %d", cases[i].name, c->installed,
                     c->enabled);
        if (t.facts.problems.n != cases[i].problems)
            fail_msg("%s: %zu problems", cases[i].name, t.facts.problems.n);
        assert_false(c->config_2_reader);
        test_guest_fini(&t);
    }

    /* Whether it is enabled decides, so not being able to look does too. */
    test_guest_init(&t, units_unreadable);
    assert_int_equal(linux_cloud_init(&t.guest, &err), 0);
    assert_true(t.facts.problems.n > 0);
    assert_false(t.facts.problems.v[0].minor);
    test_guest_fini(&t);
}

static const struct test_file reader_unit[] = {
    {"/etc/systemd/system/multi-user.target.wants/osconf.service",
     "-> ../osconf.service"},
    {"/etc/systemd/system/osconf.service",
     "[Service]\nExecStart=-/usr/local/sbin/osconf -x\n"},
    {"/usr/local/sbin/osconf", "#!/bin/sh\nmount LABEL=config-2 /mnt\n"},
    {0},
};

static const struct test_file reader_not_started[] = {
    {"/etc/systemd/system/osconf.service",
     "[Service]\nExecStart=/usr/local/sbin/osconf\n"},
    {"/usr/local/sbin/osconf", "#!/bin/sh\nmount LABEL=config-2 /mnt\n"},
    {0},
};

static const struct test_file reader_rc_local[] = {
    {"/etc/rc.d/rc.local", "#!/bin/sh\n# /not/this\n[ -x /opt/os.sh ] && /opt/os.sh\n"},
    {"/opt/os.sh", "#!/bin/bash\n. /mnt/qcloud_action/os.conf\n"},
    {0},
};

static const struct test_file reader_init_d[] = {
    {"/etc/init.d/qcloud", "#!/bin/sh\nmount /dev/disk/by-label/config-2\n"},
    {0},
};

static const struct test_file reader_binary[] = {
    {"/etc/rc.local", "/usr/bin/tool\n"},
    {"/usr/bin/tool", "\177ELF config-2\n"},
    {0},
};

static void test_config_2(void **state)
{
    static const struct {
        const char *name;
        const struct test_file *files;
        const char *where; /* "": none */
    } cases[] = {
        {"a script that a unit starts", reader_unit, "/usr/local/sbin/osconf"},
        {"a unit that nothing starts does not count", reader_not_started, ""},
        {"a script that rc.local starts", reader_rc_local, "/opt/os.sh"},
        {"an init script", reader_init_d, "/etc/init.d/qcloud"},
        {"programs are not searched", reader_binary, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct test_guest t;
        struct err err = {0};

        test_guest_init(&t, cases[i].files);
        assert_int_equal(linux_cloud_init(&t.guest, &err), 0);
        check_str(cases[i].name, "where", t.facts.cloud_init->config_2_where,
                  cases[i].where);
        assert_int_equal(t.facts.cloud_init->config_2_reader, *cases[i].where != '\0');
        test_guest_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datasource_list),
        cmocka_unit_test(test_dpkg),
        cmocka_unit_test(test_guests),
        cmocka_unit_test(test_config_2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
