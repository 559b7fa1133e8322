/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/qemu_argv.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "instance/hypervisor_parts.h"

enum { ARGS_MAX = 96, TRANSLATED_MIB = 256 /* of guest code, emulated */ };

/* Emulated by QEMU 7.2, cmpxchg16b leaves other bits of EFLAGS than those of arithmetic
 * in disorder for an interrupt that comes next; Linux 6.12 has it in each allocation, and
 * breaks within minutes.  It does without where the processor has none. */
#define PLAIN_CPU "qemu64,-cx16"

#define DISK_RATE_MAX UINT64_C(1000000000000000) /* QEMU's own */

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

/* The narrow slots of a PC, so that a NIC has the same name ("ens3") whatever else is
 * there. */
enum { SLOT_NIC = 3, SLOT_DISK, SLOT_SERIAL, SLOT_RANDOM };

static bool is_of(const char *s, const char *alphabet, size_t max)
{
    size_t n = s ? strlen(s) : 0;

    return n && n <= max && strspn(s, alphabet) == n;
}

static bool is_uuid(const char *s)
{
    static const char pattern[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    if (!s || strlen(s) != sizeof pattern - 1)
        return false;
    for (size_t i = 0; pattern[i]; i++)
        if (pattern[i] == '-' ? s[i] != '-' : !memchr(DIGITS "abcdefABCDEF", s[i], 22))
            return false;
    return true;
}

static bool is_printable(const char *s)
{
    if (!s)
        return true;
    for (size_t i = 0; s[i]; i++)
        if (i == MACHINE_TEXT_MAX || s[i] < ' ' || s[i] > '~')
            return false;
    return true;
}

static int check_network(const struct machine_network *n, struct err *err)
{
    uint32_t mask;

    if (!n->address)
        return 0;
    if (n->prefix < 8 || n->prefix > 30)
        return FAIL(err, ERR_ARG, "machine: netmask of %u bits, need 8 to 30", n->prefix);
    mask = UINT32_MAX << (32 - n->prefix);
    if ((n->address & mask) != (n->gateway & mask) || n->address == n->gateway)
        return FAIL(err, ERR_ARG, "machine: the gateway is not in the guest's network");
    return 0;
}

int qemu_spec_check(const struct machine_spec *spec, struct err *err)
{
    if (!is_of(spec->id, LETTERS DIGITS "-", MACHINE_ID_MAX))
        return FAIL(err, ERR_ARG, "machine: an id is 1 to %d letters, digits and '-'",
                    MACHINE_ID_MAX);
    if (!spec->folder || spec->folder[0] != '/')
        return FAIL(err, ERR_ARG, "machine: its folder is no absolute path");
    if (!is_uuid(spec->uuid))
        return FAIL(err, ERR_ARG, "machine: its UUID is none");
    if (spec->memory < MACHINE_MEMORY_MIN || spec->memory > MACHINE_MEMORY_MAX)
        return FAIL(err, ERR_ARG, "machine: %u MiB of memory, need %d to %d",
                    spec->memory, MACHINE_MEMORY_MIN, MACHINE_MEMORY_MAX);
    if (spec->cpus < 1 || spec->cpus > MACHINE_CPUS_MAX)
        return FAIL(err, ERR_ARG, "machine: %u processors, need 1 to %d", spec->cpus,
                    MACHINE_CPUS_MAX);
    if (spec->cpu && !is_of(spec->cpu, LETTERS DIGITS "-_.,=+", MACHINE_TEXT_MAX))
        return FAIL(err, ERR_ARG, "machine: that is no model of a processor");
    if (!machine_file_is_there(&spec->disk) && !spec->direct.command_line)
        return FAIL(err, ERR_ARG, "machine: it has neither disk nor kernel");
    if (spec->base_kind != BASE_NONE && !machine_file_is_there(&spec->base))
        return FAIL(err, ERR_ARG, "machine: nothing is named that the disk stands on");
    if (spec->base_kind == BASE_NBD && spec->base.path)
        return FAIL(err, ERR_ARG, "machine: an NBD base is a connected socket");
    if (spec->direct.command_line && (!machine_file_is_there(&spec->direct.kernel) ||
                                      strlen(spec->direct.command_line) > 2047))
        return FAIL(err, ERR_ARG, "machine: a direct start without kernel");
    if (spec->mac[0] & 1 || bytes_are_zero(bytes_of(spec->mac, sizeof spec->mac)))
        return FAIL(err, ERR_ARG, "machine: that is no MAC address of a NIC");
    if (spec->limits.disk_bytes > DISK_RATE_MAX ||
        spec->limits.disk_operations > DISK_RATE_MAX ||
        spec->limits.nice > MACHINE_NICE_MAX)
        return FAIL(err, ERR_ARG, "machine: that is no limit");
    if (!is_printable(spec->manufacturer) || !is_printable(spec->product))
        return FAIL(err, ERR_ARG, "machine: words for DMI are at most %d of ASCII",
                    MACHINE_TEXT_MAX);
    return check_network(&spec->network, err);
}

struct words {
    struct arena *a;
    const char **v;
    size_t n;
};

static void add(struct words *w, const char *option, const char *value)
{
    if (w->n + 3 > ARGS_MAX) {
        w->a->failed = true;
        return;
    }
    w->v[w->n++] = option;
    if (value)
        w->v[w->n++] = value;
}

#define ADD(w, option, ...) add((w), (option), arena_printf((w)->a, __VA_ARGS__))

/* In QEMU's lists a comma within a value is written twice. */
static const char *quoted(struct arena *a, const char *s)
{
    char *to = arena_alloc(a, 2 * strlen(s) + 1);
    size_t n = 0;

    for (; to && *s; s++) {
        to[n++] = *s;
        if (*s == ',')
            to[n++] = ',';
    }
    return to ? to : "";
}

static void add_file(struct words *w, const char *node, int fd, bool writable,
                     bool disposable)
{
    ADD(w, "-add-fd", "fd=%d,set=%d", fd, fd);
    ADD(w, "-blockdev",
        "{\"driver\":\"file\",\"node-name\":\"%s\",\"filename\":\"/dev/fdset/%d\","
        "\"read-only\":%s,\"discard\":\"unmap\","
        "\"cache\":{\"direct\":false,\"no-flush\":%s}}",
        node, fd, writable ? "false" : "true", disposable ? "true" : "false");
}

/* Above the disk's format, so that it counts what the guest asks for. */
static void add_throttle(struct words *w, const struct machine_limits *l)
{
    ADD(w, "-object",
        "{\"qom-type\":\"throttle-group\",\"id\":\"limits\","
        "\"limits\":{\"bps-total\":%" PRIu64 ",\"iops-total\":%" PRIu64 "}}",
        l->disk_bytes, l->disk_operations);
    add(w, "-blockdev",
        "{\"driver\":\"throttle\",\"node-name\":\"limited\","
        "\"throttle-group\":\"limits\",\"file\":\"disk\"}");
}

static void add_disk(struct words *w, const struct machine_spec *s,
                     const struct qemu_fds *fds)
{
    const char *flush = s->disposable ? "true" : "false";
    bool is_limited = s->limits.disk_bytes || s->limits.disk_operations;

    if (fds->disk < 0)
        return;
    if (s->base_kind == BASE_NBD) {
        ADD(w, "-blockdev",
            "{\"driver\":\"nbd\",\"node-name\":\"base-file\",\"read-only\":true,"
            "\"server\":{\"type\":\"fd\",\"str\":\"%d\"}}",
            fds->base);
    } else if (s->base_kind != BASE_NONE) {
        add_file(w, "base-file", fds->base, false, false);
    }
    if (s->base_kind != BASE_NONE)
        /* Of a base nothing further down is opened. */
        ADD(w, "-blockdev",
            "{\"driver\":\"%s\",\"node-name\":\"base\",\"read-only\":true,"
            "\"file\":\"base-file\"%s}",
            s->base_kind == BASE_QCOW2 ? "qcow2" : "raw",
            s->base_kind == BASE_QCOW2 ? ",\"backing\":null" : "");
    add_file(w, "disk-file", fds->disk, true, s->disposable);
    ADD(w, "-blockdev",
        "{\"driver\":\"qcow2\",\"node-name\":\"disk\",\"file\":\"disk-file\","
        "\"backing\":%s,\"discard\":\"unmap\","
        "\"cache\":{\"direct\":false,\"no-flush\":%s}}",
        s->base_kind != BASE_NONE ? "\"base\"" : "null", flush);
    if (is_limited)
        add_throttle(w, &s->limits);
    ADD(w, "-device", "virtio-blk-pci,drive=%s,addr=0x%x,bootindex=1",
        is_limited ? "limited" : "disk", SLOT_DISK);
}

static void add_channels(struct words *w, const struct machine_spec *s,
                         const struct qemu_fds *fds)
{
    ADD(w, "-chardev", "socket,id=qmp,fd=%d,server=on,wait=off", fds->qmp);
    add(w, "-mon", "chardev=qmp,mode=control");
    ADD(w, "-chardev", "socket,id=console,fd=%d,server=on,wait=off", fds->serial);
    add(w, "-serial", "chardev:console");
    ADD(w, "-device", "virtio-serial-pci,addr=0x%x", SLOT_SERIAL);
    ADD(w, "-chardev", "socket,id=agent,fd=%d,server=on,wait=off", fds->agent);
    add(w, "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0");
    ADD(w, "-netdev", "stream,id=net,server=on,addr.type=fd,addr.str=%d", fds->net);
    /* Without an option ROM, nothing of the NIC runs before the guest. */
    ADD(w, "-device",
        "virtio-net-pci,netdev=net,romfile=,addr=0x%x,"
        "mac=%02x:%02x:%02x:%02x:%02x:%02x",
        SLOT_NIC, s->mac[0], s->mac[1], s->mac[2], s->mac[3], s->mac[4], s->mac[5]);
    add(w, "-object", "rng-builtin,id=random");
    ADD(w, "-device", "virtio-rng-pci,rng=random,addr=0x%x", SLOT_RANDOM);
}

static void add_identity(struct words *w, const struct machine_spec *s)
{
    ADD(w, "-name", "guest=%s", s->id);
    add(w, "-uuid", s->uuid);
    ADD(w, "-smbios", "type=1,serial=%s%s%s%s%s", s->id,
        s->manufacturer ? ",manufacturer=" : "",
        s->manufacturer ? quoted(w->a, s->manufacturer) : "",
        s->product ? ",product=" : "", s->product ? quoted(w->a, s->product) : "");
}

int qemu_argv(const char *const **ret, struct arena *a, const struct machine_spec *s,
              const struct qemu_fds *fds, enum accelerator accelerator,
              const char *program, const char *uefi, struct err *err)
{
    struct words w = {.a = a, .v = arena_alloc(a, (ARGS_MAX + 1) * sizeof *w.v)};
    bool emulated = accelerator == ACCELERATOR_EMULATED;
    int r;

    if (!w.v)
        return FAIL(err, ERR_NOMEM, "machine");
    add(&w, arena_str(a, program), NULL);
    add_identity(&w, s);
    add(&w, "-S", NULL);
    add(&w, "-nodefaults", NULL);
    add(&w, "-no-user-config", NULL);
    add(&w, "-display", "none");
    add(&w, "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    /* Without graphics the firmware speaks on the serial console. */
    add(&w, "-machine", "pc,usb=off,vmport=off,dump-guest-core=off,graphics=off");
    if (emulated)
        ADD(&w, "-accel", "tcg,tb-size=%d", TRANSLATED_MIB);
    else
        add(&w, "-accel", "kvm");
    add(&w, "-cpu",
        s->cpu      ? arena_str(a, s->cpu)
        : !emulated ? "host"
        : s->cx16   ? "qemu64"
                    : PLAIN_CPU);
    ADD(&w, "-m", "%u", s->memory);
    ADD(&w, "-smp", "%u", s->cpus);
    if (s->once)
        add(&w, "-no-reboot", NULL);
    if (s->firmware == FIRMWARE_UEFI)
        add(&w, "-bios", arena_str(a, uefi));
    add_channels(&w, s, fds);
    add_disk(&w, s, fds);
    if (fds->config_drive >= 0) {
        add_file(&w, "config-file", fds->config_drive, false, false);
        add(&w, "-blockdev",
            "{\"driver\":\"raw\",\"node-name\":\"config\",\"read-only\":true,"
            "\"file\":\"config-file\"}");
        add(&w, "-device", "ide-cd,drive=config");
    }
    if (s->direct.command_line) {
        ADD(&w, "-kernel", "/dev/fd/%d", fds->kernel);
        if (fds->initramfs >= 0)
            ADD(&w, "-initrd", "/dev/fd/%d", fds->initramfs);
        if (*s->direct.command_line)
            add(&w, "-append", arena_str(a, s->direct.command_line));
    }
    r = arena_check(a, err);
    if (r < 0)
        return r;
    *ret = w.v;
    return 0;
}
