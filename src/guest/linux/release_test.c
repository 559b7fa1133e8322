/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "guest/guest_test_fs.h"
#include "guest/linux/release.h"

/* "\177ELF", class, data, and e_machine at 18 */
#define ELF(class, data, lo, hi)                \
    "\177ELF" class data "\1\0\0\0\0\0\0\0\0\0" \
                         "\2\0" lo hi "\0\0\0\0"

static const char elf_x86_64[] = ELF("\2", "\1", "\x3e", "\0");
static const char elf_i386[] = ELF("\1", "\1", "\3", "\0");

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

static void test_os_release(void **state)
{
    static const struct {
        const char *name, *text, *id, *version, *pretty;
    } cases[] = {
        {"Debian 12",
         "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\n"
         "VERSION_ID=\"12\"\nID=debian\n",
         "debian", "12", "Debian GNU/Linux 12 (bookworm)"},
        {"CentOS Stream is not CentOS",
         "NAME=\"CentOS Stream\"\nVERSION=\"9\"\nID=\"centos\"\nVERSION_ID=\"9\"\n"
         "PRETTY_NAME=\"CentOS Stream 9\"\n",
         "centos-stream", "9", "CentOS Stream 9"},
        {"openSUSE Leap", "ID=\"opensuse-leap\"\nVERSION_ID=\"15.5\"\nNAME=x\n",
         "opensuse", "15.5", "x"},
        {"capitals go", "ID=openEuler\nVERSION_ID=\"22.03\"\n", "openeuler", "22.03", ""},
        {"TencentOS under its old name", "ID=\"tlinux\"\nVERSION_ID=\"2.2\"\n",
         "tencentos", "2.2", ""},
        {"control characters do not pass", "ID=\"x\x1b[2J\"\n", "x\\x1b[2j", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct fact_os os = {.id = "", .version = "", .name = "", .id_like = ""};

        assert_true(release_from_os_release(&os, &a, bytes_str(cases[i].text)));
        check_str(cases[i].name, "id", os.id, cases[i].id);
        check_str(cases[i].name, "version", os.version, cases[i].version);
        check_str(cases[i].name, "name", os.name, cases[i].pretty);
    }
}

static void test_lines(void **state)
{
    static const struct {
        const char *text, *id, *version; /* NULL: not known */
    } cases[] = {
        {"CentOS release 6.10 (Final)\n", "centos", "6.10"},
        {"CentOS Linux release 7.9.2009 (Core)\n", "centos", "7.9"},
        {"CentOS Stream release 8\n", "centos-stream", "8"},
        {"Red Hat Enterprise Linux Server release 5.11 (Tikanga)\n", "rhel", "5.11"},
        {"Fedora release 38 (Thirty Eight)\n", "fedora", "38"},
        {"Oracle Linux Server release 6.9\n", "ol", "6.9"},
        {"SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n",
         "sles", "11.4"},
        {"openSUSE 13.1 (x86_64)\nVERSION = 13.1\nCODENAME = Bottle\n", "opensuse",
         "13.1"},
        {"Tencent tlinux release 1.2 (Final)\n", "tencentos", "1.2"},
        {"Kylin Linux Advanced Server release V10 (Sword)\n", "kylin", ""},
        {"Slackware 14.2\n", "slackware", "14.2"},
        {"\n\n", NULL, NULL},
        {"Frobnix release 3\n", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct fact_os os = {.id = "", .version = "", .name = ""};
        bool known = release_from_line(&os, &a, bytes_str(cases[i].text));

        assert_int_equal(known, cases[i].id != NULL);
        if (!known)
            continue;
        check_str(cases[i].text, "id", os.id, cases[i].id);
        check_str(cases[i].text, "version", os.version, cases[i].version);
    }
}

static void test_elf(void **state)
{
    static const struct {
        const char *head, *want;
    } cases[] = {
        {ELF("\2", "\1", "\x3e", "\0"), "x86_64"},
        {ELF("\1", "\1", "\3", "\0"), "i386"},
        {ELF("\2", "\1", "\xb7", "\0"), "arm64"},
        {ELF("\2", "\1", "\xf3", "\0"), "riscv64"},
        {ELF("\2", "\2", "\0", "\x15"), "ppc64"},
        {ELF("\2", "\1", "\x15", "\0"), "ppc64le"},
        {ELF("\2", "\1", "\xff", "\xff"), ""},
        {"#!/bin/sh\nexec /bin/init -x", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_string_equal(release_elf_arch(bytes_of(cases[i].head, 20)), cases[i].want);
    assert_string_equal(release_elf_arch(bytes_of(cases[0].head, 19)), "");
}

static const struct test_file debian[] = {
    {"/etc/os-release", "-> ../usr/lib/os-release"},
    {"/usr/lib/os-release", "ID=debian\nVERSION_ID=12\n"},
    {"/bin", "-> usr/bin"},
    {"/sbin", "-> usr/sbin"},
    {"/lib", "-> usr/lib"},
    {"/usr/sbin/init", "-> /lib/systemd/systemd"},
    {"/usr/lib/systemd/systemd", .data = elf_x86_64, .n = sizeof elf_x86_64},
    {"/var/lib/dpkg/status", "\n"},
    {0},
};

static const struct test_file centos6[] = {
    {"/etc/redhat-release", "CentOS release 6.10 (Final)\n"},
    {"/etc/inittab", "id:3:initdefault:\n"},
    {"/sbin/init", .data = elf_i386, .n = sizeof elf_i386},
    {"/sbin/initctl", "x"},
    {"/var/lib/rpm/Packages", "x"},
    {0},
};

static const struct test_file centos7[] = {
    {"/etc/os-release", "ID=\"centos\"\nVERSION_ID=\"7\"\nNAME=\"CentOS Linux\"\n"},
    {"/etc/centos-release", "CentOS Linux release 7.9.2009 (Core)\n"},
    {"/usr/lib/systemd/systemd", .data = elf_x86_64, .n = sizeof elf_x86_64},
    {"/usr/lib/sysimage/rpm/rpmdb.sqlite", "x"},
    {0},
};

static const struct test_file alpine[] = {
    {"/etc/alpine-release", "3.18.4\n"},
    {"/sbin/init", "-> /bin/busybox"},
    {"/sbin/openrc", "x"},
    {"/etc/inittab", "x"},
    {"/bin/busybox", .data = elf_x86_64, .n = sizeof elf_x86_64},
    {"/lib/apk/db/installed", "x"},
    {0},
};

static const struct test_file nameless[] = {
    {"/etc/passwd", "root:x:0:0::/root:/bin/sh\n"},
    {"/sbin/init", "#!/bin/sh and more than twenty bytes\n"},
    {0},
};

static const struct test_file unreadable[] = {
    {"/etc/os-release", "ID=debian\n", .fail = ERR_CORRUPT},
    {"/etc/debian_version", "6.0.10\n"},
    {"/sbin/init", .data = elf_i386, .n = sizeof elf_i386},
    {0},
};

static void test_guests(void **state)
{
    static const struct {
        const char *name;
        const struct test_file *files;
        const char *id, *version, *arch, *packages, *init, *source;
        size_t problems;
    } cases[] = {
        {"Debian 12", debian, "debian", "12", "x86_64", "dpkg", "systemd",
         "/etc/os-release", 0},
        {"CentOS 6", centos6, "centos", "6.10", "i386", "rpm", "upstart",
         "/etc/redhat-release", 0},
        {"CentOS 7 tells its minor version elsewhere", centos7, "centos", "7.9", "x86_64",
         "rpm", "systemd", "/etc/os-release", 0},
        {"Alpine", alpine, "alpine", "3.18.4", "x86_64", "apk", "openrc",
         "/etc/alpine-release", 0},
        {"a system without a name", nameless, "", "", "", "", "", "", 0},
        {"what cannot be read is a problem, and the next file tells", unreadable,
         "debian", "6.0.10", "i386", "", "", "/etc/debian_version", 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct test_guest t;
        struct err err = {0};
        const struct fact_os *os;

        test_guest_init(&t, cases[i].files);
        assert_int_equal(linux_release(&t.guest, &err), 0);
        os = t.facts.os;
        check_str(cases[i].name, "type", os->type, "linux");
        check_str(cases[i].name, "id", os->id, cases[i].id);
        check_str(cases[i].name, "version", os->version, cases[i].version);
        check_str(cases[i].name, "arch", os->arch, cases[i].arch);
        check_str(cases[i].name, "packages", os->packages, cases[i].packages);
        check_str(cases[i].name, "init", os->init, cases[i].init);
        check_str(cases[i].name, "source", os->source, cases[i].source);
        assert_int_equal(t.facts.problems.n, cases[i].problems);
        test_guest_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_os_release),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_elf),
        cmocka_unit_test(test_guests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
