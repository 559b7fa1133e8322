/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_modules.c: the texts that a kernel's drivers are judged by.  Parts are separated
 * by a byte 0xff: modules.dep, modules.builtin, config, a file of modprobe.d, and a name.
 */
#include <assert.h>
#include <string.h>

#include "base/scoped.h"
#include "fuzz/fuzz.h"
#include "guest/guest_test_fs.h"
#include "guest/kernel/kernel.h"

enum { INPUT_MAX = 64 << 10 };

static struct bytes next_part(struct bytes *rest)
{
    size_t n = 0;
    struct bytes part;

    while (n < rest->n && rest->p[n] != 0xff)
        n++;
    part = bytes_of(rest->p, n);
    n += n < rest->n;
    *rest = bytes_of(rest->p + n, rest->n - n);
    return part;
}

static void look(const struct modules *m)
{
    struct module_closure c;
    char name[MODULE_NAME_MAX];

    for (size_t i = 0; i < m->dep.n && i < 64; i++) {
        assert(module_name(name, m->dep.rows[i].path));
        assert(module_table_find(&m->dep, name));
        modules_closure(m, name, &c);
        assert(c.n <= MODULE_CLOSURE_MAX);
    }
}

static void make(struct module_table *t, struct bytes text)
{
    AUTO(buf_fini) struct buf b = {0};
    struct err err = {0};

    if (buf_append(&b, text.p, text.n, &err) == 0)
        module_table_make(t, &b, &err);
}

/* Two folders of modules, and the whole way through them. */
static void collect(struct bytes part[5])
{
    const struct test_file files[] = {
        {"/boot/vmlinuz-1.2.3", .data = part[4].p, .n = part[4].n, .size = 1 << 16},
        {"/boot/config-1.2.3", .data = part[2].p, .n = part[2].n},
        {"/boot/initrd.img-1.2.3", .data = part[4].p, .n = part[4].n},
        {"/lib/modules/1.2.3/modules.dep", .data = part[0].p, .n = part[0].n},
        {"/lib/modules/1.2.3/modules.builtin", .data = part[1].p, .n = part[1].n},
        {"/lib/modules/1.2.3/kernel/virtio_blk.ko", "module"},
        {"/etc/modprobe.d/x.conf", .data = part[3].p, .n = part[3].n},
        {0},
    };
    struct test_guest t;
    struct err err = {0};

    test_guest_init(&t, files);
    assert(linux_kernels(&t.guest, &err) == 0 && t.facts.kernels.n == 1);
    assert(*t.facts.kernels.v[0].drivers.virtio_blk);
    test_guest_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size), part[5];
    struct modules m = {.dir = "", .config_path = ""};

    if (size == 0 || size > INPUT_MAX)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(part); i++)
        part[i] = next_part(&rest);
    make(&m.dep, part[0]);
    make(&m.builtin, part[1]);
    look(&m);
    modules_fini(&m);
    (void)kernel_option(part[2], "CONFIG_VIRTIO_BLK");
    collect(part);
    return 0;
}
