/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guest/guest_test_fs.h"
#include "guest/kernel/kernel.h"

#define V   "6.1.0-13-amd64"
#define MOD "/lib/modules/" V "/"

/* ---- an initramfs out of names; "name=text" has content */

static char initrd[8192];

static size_t make_initrd(const char *const *names)
{
    size_t n = 0;

    for (; *names; names++) {
        const char *eq = strchr(*names, '='), *body = eq ? eq + 1 : "";
        int name_n = (int)(eq ? (size_t)(eq - *names) : strlen(*names));

        n += (size_t)snprintf(initrd + n, sizeof initrd - n,
                              "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x"
                              "%.*s",
                              1, 0100644, 0, 0, 1, 0, (unsigned)strlen(body), 0, 0, 0, 0,
                              (unsigned)name_n + 1, 0, name_n, *names);
        do
            initrd[n++] = '\0';
        while (n % 4);
        memcpy(initrd + n, body, strlen(body));
        n += strlen(body);
        while (n % 4)
            initrd[n++] = '\0';
    }
    return n;
}

#define IN(m) "usr/lib/modules/" V "/kernel/" m ".ko"

static const char *const whole[] = {
    "conf/initramfs.conf",
    IN("drivers/virtio/virtio"),
    IN("drivers/virtio/virtio_ring"),
    IN("drivers/virtio/virtio_pci"),
    IN("drivers/block/virtio_blk"),
    IN("fs/ext4/ext4"),
    IN("fs/jbd2/jbd2"),
    NULL,
};
static const char *const without_ring[] = {
    "usr/lib/dracut/dracut-057",
    IN("drivers/virtio/virtio"),
    IN("drivers/virtio/virtio_pci"),
    IN("drivers/block/virtio_blk"),
    IN("fs/ext4/ext4"),
    IN("fs/jbd2/jbd2"),
    NULL,
};
static const char *const flat[] = {
    "dev",       "init",          "modules",       "proc",           "target",
    "virtio.ko", "virtio_blk.ko", "virtio_pci.ko", "virtio_ring.ko", NULL,
};
static const char *const of_another[] = {
    "usr/lib/modules/5.10.0-1-amd64/kernel/drivers/virtio/virtio.ko",
    "usr/lib/modules/5.10.0-1-amd64/kernel/drivers/block/virtio_blk.ko.zst",
    NULL,
};
static const char *const blocking[] = {
    "etc/modprobe.d/x.conf=# no\nblacklist virtio-blk\nblacklist floppy\n",
    NULL,
};

static const char *const nothing[] = {NULL};

#define DEP                                                                      \
    "kernel/drivers/virtio/virtio.ko:\n"                                         \
    "kernel/drivers/virtio/virtio_ring.ko: kernel/drivers/virtio/virtio.ko\n"    \
    "kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio_ring.ko " \
    "kernel/drivers/virtio/virtio.ko\n"                                          \
    "kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio_ring.ko "  \
    "kernel/drivers/virtio/virtio.ko\n"                                          \
    "kernel/drivers/net/virtio_net.ko: kernel/drivers/virtio/virtio_ring.ko\n"   \
    "kernel/drivers/net/hyperv/hv_netvsc.ko:\n"                                  \
    "kernel/fs/jbd2/jbd2.ko:\n"                                                  \
    "kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko\n"

#define CONFIG                                                        \
    "# Linux/x86 6.1.55 Kernel Configuration\nCONFIG_VIRTIO=m\n"      \
    "CONFIG_VIRTIO_BLK=m\nCONFIG_VIRTIO_NET=m\nCONFIG_VIRTIO_PCI=m\n" \
    "# CONFIG_SCSI_VIRTIO is not set\nCONFIG_BLK_DEV_NVME=y\n"        \
    "CONFIG_HYPERV_NET=m\nCONFIG_EXT4_FS=m\nCONFIG_BLK_DEV_SD=y\nCONFIG_XEN=y\n"

#define DEBIAN                                                         \
    {"/boot/vmlinuz-" V, "kernel"}, {"/boot/config-" V, CONFIG},       \
        {MOD "modules.dep", DEP},                                      \
        {MOD "modules.builtin", "kernel/drivers/nvme/host/nvme.ko\n"}, \
        {MOD "kernel/drivers/net/virtio_net.ko", "module"},            \
        {MOD "kernel/drivers/block/virtio_blk.ko", "module"},          \
        {MOD "kernel/drivers/virtio/virtio_pci.ko", "module"},         \
        {MOD "kernel/fs/ext4/ext4.ko", "module"},                      \
    {                                                                  \
        "/var/lib/dpkg/info/linux-image-" V ".list", "/.\n"            \
    }

#define INITRD                                        \
    {                                                 \
        "/boot/initrd.img-" V, .data = initrd, .n = 1 \
    }

static const struct test_file debian[] = {DEBIAN, INITRD, {0}};
static const struct test_file debian_no_config[] = {
    {"/boot/vmlinuz-" V, "kernel"},
    {MOD "modules.dep", DEP},
    {MOD "modules.builtin",
     "kernel/drivers/block/virtio-blk.ko\nkernel/fs/ext4/ext4.ko\n"},
    INITRD,
    {0},
};
static const struct test_file debian_no_dep[] = {
    {"/boot/vmlinuz-" V, "kernel"},
    {"/boot/config-" V, CONFIG},
    {MOD "modules.builtin", ""},
    INITRD,
    {0},
};
static const struct test_file debian_bad_dep[] = {
    {"/boot/vmlinuz-" V, "kernel"},
    {"/boot/config-" V, CONFIG},
    {MOD "modules.dep", DEP, .fail = ERR_CORRUPT},
    INITRD,
    {0},
};

static const struct test_file alone[] = {{"/boot/vmlinuz-" V, "kernel"}, INITRD, {0}};

struct expected {
    const char *blk, *net, *pci, *scsi, *root, *nvme, *hv_netvsc;
};

static const struct driver_case {
    const char *name;
    const struct test_file *files;
    const char *const *initrd; /* NULL: text that is no archive */
    bool no_initrd;            /* the entry names none */
    struct expected e;
    const char *tool, *problem; /* layer of the problem; "" none */
} driver_cases[] = {
    {"all in the initramfs",
     debian,
     whole,
     false,
     {"initramfs", "module", "initramfs", "absent", "initramfs", "builtin", "absent"},
     "initramfs-tools",
     ""},
    {"a module that another one needs is missing in it",
     debian,
     without_ring,
     false,
     {"module", "module", "module", "absent", "initramfs", "builtin", "absent"},
     "dracut",
     ""},
    {"tiny-initramfs, modules in the top folder",
     debian,
     flat,
     false,
     {"initramfs", "module", "initramfs", "absent", "module", "builtin", "absent"},
     "tiny-initramfs",
     ""},
    {"modules of another kernel",
     debian,
     of_another,
     false,
     {"module", "module", "module", "absent", "module", "builtin", "absent"},
     "",
     ""},
    {"no initramfs",
     debian,
     whole,
     true,
     {"module", "module", "module", "absent", "module", "builtin", "absent"},
     "",
     ""},
    {"no config and no modules.builtin: anything may be built in",
     alone,
     of_another,
     false,
     {"unknown", "unknown", "unknown", "unknown", "unknown", "unknown", "unknown"},
     "",
     ""},
    {"an initramfs of no bytes",
     debian,
     nothing,
     false,
     {"module", "module", "module", "absent", "module", "builtin", "absent"},
     "",
     ""},
    {"an initramfs that is no archive",
     debian,
     NULL,
     false,
     {"unknown", "unknown", "unknown", "absent", "unknown", "builtin", "unknown"},
     "",
     "initramfs"},
    {"no config: modules.builtin tells",
     debian_no_config,
     whole,
     false,
     {"builtin", "absent", "initramfs", "absent", "builtin", "absent", "absent"},
     "initramfs-tools",
     ""},
    {"no modules.dep: a name alone is believed",
     debian_no_dep,
     without_ring,
     false,
     {"initramfs", "absent", "initramfs", "absent", "initramfs", "builtin", "absent"},
     "dracut",
     ""},
    {"modules.dep cannot be read",
     debian_bad_dep,
     NULL,
     true,
     {"unknown", "unknown", "unknown", "unknown", "unknown", "builtin", "unknown"},
     "",
     "ext4"},
};

static void set_entry(struct test_guest *t, const char *kernel, const char *file)
{
    struct fact_boot *b = FACT_NEW(&t->arena, fact_boot);

    t->facts.boot = b;
    b->kernel = kernel;
    b->kernel_exists = *kernel != '\0';
    if (*file) {
        *LIST_ADD(&t->arena, &b->initramfs_files) = file;
        b->initramfs = file;
        b->initramfs_exists = true;
    }
}

static void set_os(struct test_guest *t, const char *id, const char *packages)
{
    t->facts.os = FACT_NEW(&t->arena, fact_os);
    t->facts.os->id = id;
    t->facts.os->packages = packages;
}

static void run(struct test_guest *t)
{
    struct err err = {0};

    assert_int_equal(linux_kernels(&t->guest, &err), 0);
    assert_int_equal(err.code, ERR_NONE);
}

static void test_drivers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(driver_cases); i++) {
        const struct driver_case *c = &driver_cases[i];
        struct test_file files[16];
        const struct fact_drivers *d;
        const struct fact_kernel *k;
        struct test_guest t;
        size_t n = 0;

        print_message("%s\n", c->name);
        for (n = 0; c->files[n].path; n++) {
            files[n] = c->files[n];
            if (files[n].data) {
                files[n].n = c->initrd ? make_initrd(c->initrd) : 100;
                if (!c->initrd)
                    memset(initrd, 'x', 100);
            }
        }
        files[n] = (struct test_file){0};
        test_guest_init(&t, files);
        set_entry(&t, "/boot/vmlinuz-" V, c->no_initrd ? "" : "/boot/initrd.img-" V);
        set_os(&t, "debian", "dpkg");
        run(&t);
        assert_int_equal(t.facts.kernels.n, 1);
        k = &t.facts.kernels.v[0];
        d = &k->drivers;
        assert_string_equal(k->version, V);
        assert_true(k->is_default);
        assert_string_equal(d->virtio_blk, c->e.blk);
        assert_string_equal(d->virtio_net, c->e.net);
        assert_string_equal(d->virtio_pci, c->e.pci);
        assert_string_equal(d->virtio_scsi, c->e.scsi);
        assert_string_equal(d->root_fs, c->e.root);
        assert_string_equal(d->nvme, c->e.nvme);
        assert_string_equal(d->hv_netvsc, c->e.hv_netvsc);
        assert_string_equal(d->dm, "");
        assert_string_equal(k->initramfs_tool, c->tool);
        assert_int_equal(t.facts.problems.n, *c->problem ? 1 : 0);
        if (*c->problem)
            assert_string_equal(t.facts.problems.v[0].layer, c->problem);
        test_guest_fini(&t);
    }
}

static void test_root_on_volume(void **state)
{
    static const char *const names[] = {IN("drivers/md/dm-mod"), NULL};
    const size_t n = make_initrd(names);
    const struct test_file files[] = {
        {"/boot/vmlinuz-" V, "kernel"},
        {"/boot/initrd.img-" V, .data = initrd, .n = n},
        {MOD "modules.dep", "kernel/drivers/md/dm-mod.ko:\n"},
        {0},
    };
    struct fact_volume v;
    struct test_guest t;

    (void)state;
    test_guest_init(&t, files);
    facts_init_table(&v, &fact_volume_table);
    t.fs[0].volume = &v;
    set_entry(&t, "/boot/vmlinuz-" V, "/boot/initrd.img-" V);
    run(&t);
    assert_string_equal(t.facts.kernels.v[0].drivers.dm, "initramfs");
    test_guest_fini(&t);
}

/* A bzImage's first bytes, with its version. */
static const char *bzimage(const char *version, size_t *n)
{
    static char image[0x400];

    memset(image, 0, sizeof image);
    memcpy(image + 0x202, "HdrS\x0f\x02", 6);
    image[0x20f] = 1; /* 0x100 + 0x200 */
    snprintf(image + 0x300, 0x100, "%s (builder@host) #1 SMP", version);
    *n = sizeof image;
    return image;
}

static const struct fact_kernel *kernel(const struct test_guest *t, const char *version)
{
    for (size_t i = 0; i < t->facts.kernels.n; i++)
        if (strcmp(t->facts.kernels.v[i].version, version) == 0)
            return &t->facts.kernels.v[i];
    return NULL;
}

static void test_union(void **state)
{
    static const struct test_file files[] = {
        DEBIAN,
        INITRD,
        {"/boot/vmlinuz-6.1.0-9-amd64", "kernel"},
        {"/boot/initrd.img-6.1.0-9-amd64", "x"},
        {"/boot/config-6.1.0-9-amd64", CONFIG},
        {"/boot/vmlinuz-6.1.0-9-amd64.old", "kernel"},
        {"/boot/vmlinuz", "-> vmlinuz-" V},
        {"/boot/System.map-" V, "map"},
        {"/boot/vmlinux-" V, "kernel"},
        {"/boot/vmlinuz-0-rescue-0123", "kernel"},
        {"/lib/modules/4.19.0-1-amd64/modules.dep", ""},
        {"/lib/modules/4.9.0-left-behind/kernel/", NULL},
        {"/vmlinuz", "-> boot/vmlinuz-" V},
        {0},
    };
    const struct fact_kernel *k;
    struct test_guest t;

    (void)state;
    test_guest_init(&t, files);
    set_entry(&t, "/vmlinuz", "");
    set_os(&t, "debian", "dpkg");
    run(&t);
    assert_int_equal(t.facts.kernels.n, 3);
    k = &t.facts.kernels.v[0];
    assert_true(k->is_default);
    assert_string_equal(k->version, V);
    assert_string_equal(k->image, "/boot/vmlinuz-" V);
    assert_string_equal(k->initramfs, ""); /* the entry names none, whatever lies there */
    assert_true(k->distribution);
    k = kernel(&t, "6.1.0-9-amd64");
    assert_non_null(k);
    assert_false(k->is_default);
    assert_false(k->distribution); /* no package brought it */
    assert_string_equal(k->initramfs, "/boot/initrd.img-6.1.0-9-amd64");
    assert_string_equal(k->drivers.virtio_blk, "unknown");
    assert_string_equal(k->drivers.nvme, "builtin");
    assert_string_equal(k->drivers.virtio_scsi, "absent");
    k = kernel(&t, "4.19.0-1-amd64");
    assert_non_null(k);
    assert_string_equal(k->image, "");
    assert_string_equal(k->modules, "/lib/modules/4.19.0-1-amd64");
    assert_int_equal(t.facts.problems.n, 0);
    test_guest_fini(&t);
}

static void test_version_inside(void **state)
{
    static const struct {
        const char *name, *file, *inside, *modules, *version, *initramfs;
    } rows[] = {
        {"Arch", "vmlinuz-linux", "6.5.7-arch1-1", "6.5.7-arch1-1", "6.5.7-arch1-1",
         "initramfs-linux.img"},
        {"Alpine", "vmlinuz-virt", "6.1.55-0-virt", "6.1.55-0-virt", "6.1.55-0-virt",
         "initramfs-virt"},
        {"the name is wrong", "vmlinuz-1.2", "6.1.55", "6.1.55", "6.1.55",
         "initrd.img-6.1.55"},
        {"no modules at all: the name", "vmlinuz-1.2", "6.1.55", "x", "1.2",
         "initrd-1.2"},
        {"a hostile version", "vmlinuz-linux", "6/../../x", "6", "linux",
         "initramfs-linux.img"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char image[64], initramfs[64], modules[64];
        size_t n;
        const char *bytes = bzimage(rows[i].inside, &n);
        const struct test_file files[] = {
            {image, .data = bytes, .n = n}, {initramfs, "x"}, {modules, ""}, {0}};
        struct test_guest t;

        print_message("%s\n", rows[i].name);
        snprintf(image, sizeof image, "/boot/%s", rows[i].file);
        snprintf(initramfs, sizeof initramfs, "/boot/%s", rows[i].initramfs);
        snprintf(modules, sizeof modules, "/usr/lib/modules/%s/modules.dep",
                 rows[i].modules);
        test_guest_init(&t,
                        (const struct test_file[]){
                            files[0], files[1], files[2], {"/lib", "-> usr/lib"}, {0}});
        run(&t);
        assert_true(t.facts.kernels.n >= 1);
        assert_string_equal(t.facts.kernels.v[0].version, rows[i].version);
        assert_string_equal(t.facts.kernels.v[0].initramfs, initramfs);
        assert_true(t.facts.kernels.v[0].is_default);
        test_guest_fini(&t);
    }
}

/* Without an entry the newest starts; an entry whose kernel is gone is the default. */
static void test_newest(void **state)
{
    static const struct test_file files[] = {
        {"/boot/vmlinuz-4.18.0-80.el8.x86_64", "kernel"},
        {"/boot/vmlinuz-4.18.0-372.el8.x86_64", "kernel"},
        {"/boot/vmlinuz-4.18.0-147.el8.x86_64", "kernel"},
        {0},
    };
    struct test_guest t;

    (void)state;
    test_guest_init(&t, files);
    set_os(&t, "centos", "rpm");
    run(&t);
    assert_int_equal(t.facts.kernels.n, 3);
    assert_string_equal(t.facts.kernels.v[0].version, "4.18.0-372.el8.x86_64");
    assert_true(t.facts.kernels.v[0].is_default);
    assert_true(t.facts.kernels.v[0].distribution);
    assert_false(t.facts.kernels.v[1].is_default);
    test_guest_fini(&t);

    test_guest_init(&t, files);
    set_entry(&t, "/boot/vmlinuz-gone", "");
    t.facts.boot->kernel_exists = false;
    run(&t);
    for (size_t i = 0; i < t.facts.kernels.n; i++)
        assert_false(t.facts.kernels.v[i].is_default);
    test_guest_fini(&t);
}

static void test_own(void **state)
{
    static const struct {
        const char *id, *packages, *version;
        bool own, xen;
    } rows[] = {
        {"centos", "rpm", "3.10.0-1160.el7.x86_64", true, false},
        {"centos", "rpm", "5.4.1-1.el7.elrepo.x86_64", false, false},
        {"centos", "rpm", "5.10.0", false, false},
        {"centos", "rpm", "2.6.18-398.el5xen", true, true},
        {"sles", "rpm", "3.0.101-63-default", true, false},
        {"sles", "rpm", "3.0.101-63-xen", true, true},
        {"debian", "dpkg", "6.1.0-13-cloud-amd64", false, false}, /* no package's list */
        {"debian", "dpkg", V, true, false},
        {"debian", "dpkg", "6.1.55", false, false},
        {"debian", "dpkg", "2.6.26-2-xen-amd64", false, true},
        {"kylin", "rpm", "4.19.90-custom", true, false}, /* not known: nothing is said */
        {"arch", "pacman", "6.5.7-arch1-1", true, false},
        {"arch", "pacman", "6.5.7-own", false, false},
        {"alpine", "apk", "6.1.55-0-virt", true, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char image[80];
        const struct test_file files[] = {
            {image, "kernel"}, {"/var/lib/dpkg/info/linux-image-" V ".list", ""}, {0}};
        struct test_guest t;

        snprintf(image, sizeof image, "/boot/vmlinuz-%s", rows[i].version);
        test_guest_init(&t, files);
        set_os(&t, rows[i].id, rows[i].packages);
        run(&t);
        assert_int_equal(t.facts.kernels.n, 1);
        if (t.facts.kernels.v[0].distribution != rows[i].own ||
            t.facts.kernels.v[0].xen_only != rows[i].xen)
            fail_msg("%s %s", rows[i].id, rows[i].version);
        test_guest_fini(&t);
    }
}

static void test_xen_by_config(void **state)
{
    static const struct test_file files[] = {
        {"/boot/vmlinuz-3.2.1", "kernel"},
        {"/boot/config-3.2.1", "CONFIG_XEN=y\nCONFIG_XEN_BLKDEV_FRONTEND=y\n"},
        {0},
    };
    struct test_guest t;

    (void)state;
    test_guest_init(&t, files);
    run(&t);
    assert_true(t.facts.kernels.v[0].xen_only);
    assert_string_equal(t.facts.kernels.v[0].drivers.xen_blkfront, "builtin");
    test_guest_fini(&t);
}

static void test_blocked(void **state)
{
    const size_t n = make_initrd(blocking);
    const struct test_file files[] = {
        {"/boot/vmlinuz-" V, "kernel"},
        {"/boot/initrd", .data = initrd, .n = n},
        {"/etc/modprobe.d/a.conf",
         "# comment\n\n  blacklist virtio_net\n"
         "install virtio-pci /bin/true\n"
         "install sd_mod /sbin/modprobe --ignore-install sd_mod\n"
         "blacklist\nblacklist pcspkr\n"},
        {"/etc/modprobe.d/masked.conf", "-> /dev/null"},
        {"/usr/lib/modprobe.d/masked.conf", "blacklist nvme\n"},
        {"/lib/modprobe.d/lib.conf", "blacklist ena\n"},
        {"/etc/modprobe.d/notes", "blacklist ahci\n"},
        {0},
    };
    static const struct {
        const char *module, *where;
    } expected[] = {
        {"virtio_net", "/etc/modprobe.d/a.conf:3"},
        {"virtio_pci", "/etc/modprobe.d/a.conf:4"},
        {"ena", "/lib/modprobe.d/lib.conf:1"},
        {"virtio_scsi", "kernel command line"},
        {"xen_blkfront", "kernel command line"},
        {"virtio_blk", "/boot/initrd: etc/modprobe.d/x.conf:2"},
    };
    struct test_guest t;

    (void)state;
    test_guest_init(&t, files);
    set_entry(&t, "/boot/vmlinuz-" V, "/boot/initrd");
    t.facts.boot->cmdline =
        "ro modprobe.blacklist=,virtio-scsi,pcspkr rd.driver.blacklist=xen_blkfront";
    run(&t);
    assert_int_equal(t.facts.linux_->blocked.n, ARRAY_SIZE(expected));
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        assert_string_equal(t.facts.linux_->blocked.v[i].module, expected[i].module);
        assert_string_equal(t.facts.linux_->blocked.v[i].where, expected[i].where);
    }
    test_guest_fini(&t);
}

static void test_names(void **state)
{
    static const struct {
        const char *path, *name;
        bool file;
    } rows[] = {
        {"kernel/fs/ext4/ext4.ko.xz", "ext4", true},
        {"virtio-pci", "virtio_pci", false},
        {"a/b/virtio-blk.ko.zst", "virtio_blk", true},
        {"x.ko.gz", "x", true},
        {"x.ko.lz4", "x", false},
        {"a/", "", false},
        {"", "", false},
        {"0123456789012345678901234567890123456789012345678901234567890123.ko", "", true},
    };
    char name[MODULE_NAME_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct bytes b = bytes_of(rows[i].path, strlen(rows[i].path));

        assert_int_equal(module_name(name, b), *rows[i].name != '\0');
        if (*rows[i].name)
            assert_string_equal(name, rows[i].name);
        assert_int_equal(module_is_file(b), rows[i].file);
    }
}

static void test_option(void **state)
{
    static const char text[] = "CONFIG_A=m\n# CONFIG_B is not set\nCONFIG_AB=y\n"
                               "XCONFIG_C=y\nCONFIG_D=\"y\"\nCONFIG_E=";
    struct bytes b = bytes_of(text, strlen(text));

    (void)state;
    assert_int_equal(kernel_option(b, "CONFIG_A"), 'm');
    assert_int_equal(kernel_option(b, "CONFIG_AB"), 'y');
    assert_int_equal(kernel_option(b, "CONFIG_B"), 'n');
    assert_int_equal(kernel_option(b, "CONFIG_C"), 'n');
    assert_int_equal(kernel_option(b, "CONFIG_D"), 'n');
    assert_int_equal(kernel_option(b, "CONFIG_E"), 'n');
    assert_int_equal(kernel_option((struct bytes){0}, "CONFIG_A"), 'n');
}

/* Modules that need each other in a ring, and more than fit. */
static void test_closure(void **state)
{
    AUTO(buf_fini) struct buf text = {0};
    struct modules m = {.dir = "/lib/modules/1", .config_path = ""};
    struct module_closure c;
    struct err err = {0};

    (void)state;
    for (int i = 0; i < 200; i++)
        assert_int_equal(
            buf_printf(&text, &err, "k/m%d.ko: k/m%d.ko k/m0.ko\n", i, (i + 1) % 200), 0);
    assert_int_equal(module_table_make(&m.dep, &text, &err), 0);
    modules_closure(&m, "m7", &c);
    assert_int_equal(c.n, MODULE_CLOSURE_MAX);
    assert_string_equal(c.name[0], "m7");
    modules_closure(&m, "nobody", &c);
    assert_int_equal(c.n, 1);
    modules_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drivers),       cmocka_unit_test(test_root_on_volume),
        cmocka_unit_test(test_union),         cmocka_unit_test(test_version_inside),
        cmocka_unit_test(test_newest),        cmocka_unit_test(test_own),
        cmocka_unit_test(test_xen_by_config), cmocka_unit_test(test_blocked),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_option),
        cmocka_unit_test(test_closure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
