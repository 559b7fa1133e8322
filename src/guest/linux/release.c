/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/release.h"

#include <ctype.h>

#include "guest/collect.h"
#include "guest/linux/settings.h"

enum {
    RELEASE_MAX = 64 * 1024, /* bytes of a release file */
    NAME_MAX_BYTES = 200,
    ELF_HEAD = 20, /* up to e_machine (System V ABI, chapter 4) */
};

/* ---- names */

/* IDs that mean the same system for whoever lists what he takes. */
static const struct {
    const char *id, *as;
} same_id[] = {
    {"opensuse-leap", "opensuse"},
    {"opensuse-tumbleweed", "opensuse"},
    {"opensuse-leap-micro", "opensuse"},
    {"sles_sap", "sles"},
    {"suse", "sles"},
    {"redhat", "rhel"},
    {"redhatenterpriseserver", "rhel"},
    {"redhatenterprise", "rhel"},
    {"oracle", "ol"},
    {"amazon", "amzn"},
    {"tlinux", "tencentos"},
    {"tencentos server", "tencentos"},
    {"uniontech", "uos"},
    {"uniontechos", "uos"},
    {"uos server", "uos"},
    {"kylinos", "kylin"},
    {"kylinsecos", "kylinsec"},
    {"scientific linux", "scientific"},
    {"suse linux", "sles"},
};

/* How release files of one line begin; longer beginnings first. */
static const struct {
    const char *start, *id;
} lines[] = {
    {"CentOS Stream", "centos-stream"},
    {"CentOS", "centos"},
    {"Red Hat Enterprise Linux", "rhel"},
    {"Red Hat Linux Advanced Server", "rhel"},
    {"Red Hat Linux", "redhat-linux"},
    {"Fedora", "fedora"},
    {"Oracle Linux", "ol"},
    {"Enterprise Linux Enterprise Linux Server", "ol"}, /* Oracle's, before it said so */
    {"Scientific Linux", "scientific"},
    {"AlmaLinux", "almalinux"},
    {"Rocky Linux", "rocky"},
    {"CloudLinux", "cloudlinux"},
    {"TencentOS", "tencentos"},
    {"Tencent tlinux", "tencentos"},
    {"tlinux", "tencentos"},
    {"OpenCloudOS", "opencloudos"},
    {"Amazon Linux", "amzn"},
    {"Alibaba Cloud Linux", "alinux"},
    {"Aliyun Linux", "alinux"},
    {"Anolis OS", "anolis"},
    {"openEuler", "openeuler"},
    {"EulerOS", "euleros"},
    {"NeoKylin", "neokylin"},
    {"Kylin", "kylin"},
    {"UnionTech", "uos"},
    {"UOS", "uos"},
    {"Asianux", "asianux"},
    {"Red Flag", "redflag"},
    {"Mageia", "mageia"},
    {"Mandriva", "mandriva"},
    {"SUSE Linux Enterprise Server", "sles"},
    {"SUSE Linux Enterprise Desktop", "sled"},
    {"SUSE LINUX Enterprise Server", "sles"},
    {"openSUSE", "opensuse"},
    {"SUSE LINUX", "suse-linux"},
    {"Gentoo", "gentoo"},
    {"Slackware", "slackware"},
    {"Photon", "photon"},
    {"VMware Photon", "photon"},
    {"Void", "void"},
};

static const char *text_of(struct arena *a, struct bytes b)
{
    return b.n ? arena_text(a, b, NAME_MAX_BYTES) : "";
}

static const char *normal_id(struct arena *a, struct bytes raw)
{
    char *low = arena_alloc(a, raw.n + 1);

    if (!low)
        return "";
    for (size_t i = 0; i < raw.n; i++)
        low[i] = (char)tolower(raw.p[i]);
    for (size_t i = 0; i < ARRAY_SIZE(same_id); i++)
        if (strcmp(low, same_id[i].id) == 0)
            return same_id[i].as;
    return text_of(a, bytes_of(low, raw.n));
}

bool release_from_os_release(struct fact_os *ret, struct arena *a, struct bytes text)
{
    struct bytes id, name = {0}, version = {0}, like = {0};

    if (!settings_shell(text, "ID", &id) && !settings_shell(text, "NAME", &id))
        return false;
    if (id.n == 0)
        return false;
    if (settings_shell(text, "VERSION_ID", &version))
        ret->version = text_of(a, version);
    if (settings_shell(text, "ID_LIKE", &like))
        ret->id_like = text_of(a, like);
    ret->id = normal_id(a, id);
    if (settings_shell(text, "NAME", &name) && text_starts(name, "CentOS Stream"))
        ret->id = "centos-stream";
    if (settings_shell(text, "PRETTY_NAME", &name) || settings_shell(text, "NAME", &name))
        ret->name = text_of(a, name);
    return true;
}

/* The first number in a line, two parts of it: "7.9" in "CentOS Linux release 7.9.2009
 * (Core)". */
static struct bytes first_version(struct bytes line)
{
    for (size_t i = 0; i < line.n; i++) {
        size_t n = 0;
        bool dot = false;

        if (!isdigit(line.p[i]) || (i && isalnum(line.p[i - 1])))
            continue;
        while (i + n < line.n &&
               (isdigit(line.p[i + n]) || (line.p[i + n] == '.' && !dot)))
            dot |= line.p[i + n++] == '.';
        n -= line.p[i + n - 1] == '.';
        return bytes_sub(line, i, n);
    }
    return bytes_sub(line, 0, 0);
}

bool release_from_line(struct fact_os *ret, struct arena *a, struct bytes text)
{
    struct bytes rest = text, line, major, minor;

    do {
        if (!text_next_line(&rest, &line))
            return false;
        line = text_trim(line);
    } while (line.n == 0);
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        if (!text_starts(line, lines[i].start))
            continue;
        ret->id = lines[i].id;
        ret->name = text_of(a, line);
        ret->version = text_of(a, first_version(line));
        if (settings_shell(rest, "VERSION", &major)) {
            ret->version = text_of(a, major);
            if (settings_shell(rest, "PATCHLEVEL", &minor) && !text_is(minor, "0"))
                ret->version = arena_printf(a, "%s.%s", ret->version, text_of(a, minor));
        }
        return true;
    }
    return false;
}

/* ---- architecture */

const char *release_elf_arch(struct bytes head)
{
    static const struct {
        uint16_t machine;
        uint8_t class, data; /* 0: any */
        const char *name;
    } rows[] = {
        {62, 0, 0, "x86_64"},       {3, 0, 0, "i386"},      {183, 0, 0, "arm64"},
        {40, 0, 0, "arm"},          {243, 2, 0, "riscv64"}, {243, 1, 0, "riscv32"},
        {21, 0, 1, "ppc64le"},      {21, 0, 2, "ppc64"},    {22, 2, 0, "s390x"},
        {258, 2, 0, "loongarch64"}, {8, 2, 0, "mips64"},    {8, 1, 0, "mips"},
        {50, 0, 0, "ia64"},         {43, 0, 0, "sparc64"},
    };
    struct cursor c = cursor(head);
    uint8_t magic[4], class, data;
    uint16_t machine;

    cursor_copy(&c, magic, sizeof magic);
    class = cursor_u8(&c);
    data = cursor_u8(&c);
    cursor_skip(&c, 12);
    machine = data == 2 ? cursor_be16(&c) : cursor_le16(&c);
    if (c.bad || memcmp(magic, "\177ELF", 4) != 0)
        return "";
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].machine == machine && (!rows[i].class || rows[i].class == class) &&
            (!rows[i].data || rows[i].data == data))
            return rows[i].name;
    return "";
}

static int find_arch(struct guest *g, struct fact_os *os, struct err *err)
{
    static const char *const programs[] = {
        "/sbin/init",           "/usr/lib/systemd/systemd",
        "/lib/systemd/systemd", "/bin/sh",
        "/usr/bin/bash",        "/bin/bash",
        "/bin/busybox",         "/bin/cat",
        "/usr/bin/env",
    };

    for (size_t i = 0; i < ARRAY_SIZE(programs) && !*os->arch; i++) {
        struct tree_node node;
        uint8_t head[ELF_HEAD];
        int r = guest_find(g, programs[i], false, &node, err);

        if (r < 0)
            return r;
        if (r == 0 || node.st.type != FS_REG || node.st.size < sizeof head)
            continue;
        r = tree_pread(&g->tree, &node, head, sizeof head, 0, err);
        if (r < 0 && guest_is_fatal(g, r))
            return r;
        if (r < 0)
            r = guest_problem(g, fs_type_name(g->root->ident.type), programs[i], false,
                              err);
        else
            os->arch = release_elf_arch(bytes_of(head, sizeof head));
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- packages and init */

static int find_packages(struct guest *g, struct fact_os *os, struct err *err)
{
    /* Debian systems may have an empty rpm database beside their own. */
    static const struct {
        const char *path, *name;
    } rows[] = {
        {"/var/lib/dpkg/status", "dpkg"},    {"/var/lib/rpm/rpmdb.sqlite", "rpm"},
        {"/var/lib/rpm/Packages", "rpm"},    {"/var/lib/rpm/Packages.db", "rpm"},
        {"/usr/lib/sysimage/rpm", "rpm"},    {"/usr/share/rpm", "rpm"},
        {"/lib/apk/db/installed", "apk"},    {"/usr/lib/apk/db/installed", "apk"},
        {"/var/lib/pacman/local", "pacman"},
    };
    struct tree_node node;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int r = guest_find(g, rows[i].path, true, &node, err);

        if (r < 0)
            return r;
        if (r == 1) {
            os->packages = rows[i].name;
            return 0;
        }
    }
    return 0;
}

static int find_init(struct guest *g, struct fact_os *os, struct err *err)
{
    /* In this order: openrc and upstart come with files of the others beside them. */
    static const struct {
        const char *path, *name;
    } rows[] = {
        {"/sbin/openrc", "openrc"},
        {"/sbin/openrc-run", "openrc"},
        {"/sbin/initctl", "upstart"},
        {"/etc/inittab", "sysvinit"},
        {"/usr/lib/systemd/systemd", "systemd"},
        {"/lib/systemd/systemd", "systemd"},
    };
    struct tree_node node;
    const char *target;
    int r = guest_readlink(g, "/sbin/init", true, &target, err);

    if (r == 1 && strstr(target, "systemd")) {
        os->init = "systemd";
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows) && r >= 0; i++) {
        r = guest_find(g, rows[i].path, true, &node, err);
        if (r == 1) {
            os->init = rows[i].name;
            return 0;
        }
    }
    return r < 0 ? r : 0;
}

/* ---- the collector */

static bool from_lsb(struct fact_os *ret, struct arena *a, struct bytes text)
{
    struct bytes v;

    if (!settings_shell(text, "DISTRIB_ID", &v) || v.n == 0)
        return false;
    ret->id = normal_id(a, v);
    if (settings_shell(text, "DISTRIB_RELEASE", &v))
        ret->version = text_of(a, v);
    if (settings_shell(text, "DISTRIB_DESCRIPTION", &v))
        ret->name = text_of(a, v);
    return true;
}

/* The file holds a version and nothing else, or nothing at all. */
static bool from_version(struct fact_os *ret, struct arena *a, struct bytes text,
                         const char *id, const char *name)
{
    struct bytes line = {0};

    text_next_line(&text, &line);
    line = text_trim(line);
    ret->id = id;
    ret->version = text_of(a, line);
    ret->name = line.n ? arena_printf(a, "%s %s", name, ret->version) : name;
    return true;
}

static bool from_debian(struct fact_os *ret, struct arena *a, struct bytes text)
{
    return from_version(ret, a, text, "debian", "Debian GNU/Linux");
}

static bool from_alpine(struct fact_os *ret, struct arena *a, struct bytes text)
{
    return from_version(ret, a, text, "alpine", "Alpine Linux");
}

static bool from_arch(struct fact_os *ret, struct arena *a, struct bytes text)
{
    return from_version(ret, a, text, "arch", "Arch Linux");
}

/* os-release says "7" where the older file says "7.9.2009". */
static int refine_version(struct guest *g, struct fact_os *os, struct err *err)
{
    static const char *const ids[] = {"centos",     "rhel",  "ol",
                                      "scientific", "rocky", "almalinux"};
    static const char *const files[] = {"/etc/centos-release", "/etc/redhat-release"};
    bool wanted = false;

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        wanted |= strcmp(os->id, ids[i]) == 0;
    for (size_t i = 0; wanted && i < ARRAY_SIZE(files); i++) {
        AUTO(buf_fini) struct buf b = {0};
        int r = guest_read(g, files[i], RELEASE_MAX, true, &b, err);
        struct bytes v = r == 1 ? first_version(buf_bytes(&b)) : bytes_of("", 0);
        size_t n = strlen(os->version);

        if (r < 0)
            return r;
        if (v.n > n && text_starts(v, os->version) && (!n || v.p[n] == '.')) {
            os->version = text_of(g->arena, v);
            return 0;
        }
    }
    return 0;
}

static int find_release(struct guest *g, struct fact_os *os, struct err *err)
{
    static const struct {
        const char *path;
        bool (*parse)(struct fact_os *ret, struct arena *a, struct bytes text);
    } rows[] = {
        {"/etc/os-release", release_from_os_release},
        {"/usr/lib/os-release", release_from_os_release},
        {"/usr/share/coreos/os-release", release_from_os_release},
        {"/etc/oracle-release", release_from_line},
        {"/etc/enterprise-release", release_from_line},
        {"/etc/centos-release", release_from_line},
        {"/etc/fedora-release", release_from_line},
        {"/etc/tlinux-release", release_from_line},
        {"/etc/neokylin-release", release_from_line},
        {"/etc/kylin-release", release_from_line},
        {"/etc/UnionTech-release", release_from_line},
        {"/etc/openEuler-release", release_from_line},
        {"/etc/euleros-release", release_from_line},
        {"/etc/redhat-release", release_from_line},
        {"/etc/system-release", release_from_line},
        {"/etc/SuSE-release", release_from_line},
        {"/etc/lsb-release", from_lsb},
        {"/etc/debian_version", from_debian},
        {"/etc/alpine-release", from_alpine},
        {"/etc/gentoo-release", release_from_line},
        {"/etc/slackware-version", release_from_line},
        {"/etc/arch-release", from_arch},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(buf_fini) struct buf b = {0};
        int r = guest_read(g, rows[i].path, RELEASE_MAX, false, &b, err);

        if (r < 0)
            return r;
        if (r == 1 && rows[i].parse(os, g->arena, buf_bytes(&b))) {
            os->source = rows[i].path;
            return refine_version(g, os, err);
        }
    }
    return 0;
}

int linux_release(struct guest *g, struct err *err)
{
    struct fact_os *os = FACT_NEW(g->arena, fact_os);
    int r;

    if (!os)
        return arena_check(g->arena, err);
    os->type = "linux";
    g->facts->os = os;
    r = find_release(g, os, err);
    if (r == 0)
        r = find_arch(g, os, err);
    if (r == 0)
        r = find_packages(g, os, err);
    return r == 0 ? find_init(g, os, err) : r;
}
