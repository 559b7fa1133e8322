/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/qemu_probe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/scoped.h"
#include "instance/clock.h"

enum { PROBE_MS = 20000, TICK_MS = 200 };

/* A kernel (Multiboot, for 0x100000) that goes as far as hosts without working
 * virtualisation do not: page tables, long mode, and power off.
 *
 *     movl $0x201007, 0x200000      one page of 2 MiB, mapped to itself
 *     movl $0x202007, 0x201000
 *     movl $0x87, 0x202000
 *     %cr3 = 0x200000; %cr4 |= PAE; EFER |= LME; lgdt; %cr0 |= PG; ljmp $8, 1f
 *     .code64
 * 1:  outw $0x2000, port 0x604      the PC's switch, where SeaBIOS puts it
 * 2:  hlt; jmp 2b */
static const uint8_t kernel[] = {
    0x02, 0xb0, 0xad, 0x1b, 0x00, 0x00, 0x01, 0x00, 0xfe, 0x4f, 0x51, 0xe4, 0x00, 0x00,
    0x10, 0x00, 0x00, 0x00, 0x10, 0x00, 0x9e, 0x00, 0x10, 0x00, 0x9e, 0x00, 0x10, 0x00,
    0x20, 0x00, 0x10, 0x00, 0xfa, 0xc7, 0x05, 0x00, 0x00, 0x20, 0x00, 0x07, 0x10, 0x20,
    0x00, 0xc7, 0x05, 0x00, 0x10, 0x20, 0x00, 0x07, 0x20, 0x20, 0x00, 0xc7, 0x05, 0x00,
    0x20, 0x20, 0x00, 0x87, 0x00, 0x00, 0x00, 0xb8, 0x00, 0x00, 0x20, 0x00, 0x0f, 0x22,
    0xd8, 0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x20, 0x0f, 0x22, 0xe0, 0xb9, 0x80, 0x00, 0x00,
    0xc0, 0x0f, 0x32, 0x0d, 0x00, 0x01, 0x00, 0x00, 0x0f, 0x30, 0x0f, 0x01, 0x15, 0x98,
    0x00, 0x10, 0x00, 0x0f, 0x20, 0xc0, 0x0d, 0x00, 0x00, 0x00, 0x80, 0x0f, 0x22, 0xc0,
    0xea, 0x77, 0x00, 0x10, 0x00, 0x08, 0x00, 0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00,
    0x20, 0x66, 0xef, 0xf4, 0xeb, 0xfd, 0x8d, 0x74, 0x26, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9a, 0x20, 0x00, 0x0f, 0x00,
    0x88, 0x00, 0x10, 0x00,
};

static int kernel_file(int *ret, struct err *err)
{
    AUTO(closep) int fd = memfd_create("probe", MFD_CLOEXEC);

    if (fd < 0)
        return FAIL_SYS(err, errno, "probe");
    if (write(fd, kernel, sizeof kernel) != (ssize_t)sizeof kernel)
        return FAIL(err, ERR_IO, "probe: its kernel could not be written");
    *ret = fd;
    fd = -1;
    return 0;
}

static void rmdirp(char **path)
{
    char log[64];

    if (!*path)
        return;
    snprintf(log, sizeof log, "%s/serial.log", *path);
    unlink(log);
    rmdir(*path);
}

static void destroyp(struct machine **m)
{
    if (*m)
        machine_destroy(*m, NULL);
    machine_closep(m);
}

/* 0: it switched itself off. */
static int await_end(struct machine *m, struct err *err)
{
    int64_t until = clock_ms() + PROBE_MS;
    bool ended = false;

    while (clock_ms() < until) {
        struct pollfd p = {.fd = machine_event_fd(m), .events = POLLIN};
        struct machine_event e;

        while (machine_next_event(&e, m, NULL) > 0) {
            ended = ended || (e.kind == MACHINE_SHUT_DOWN && e.by_guest);
            if (e.kind == MACHINE_GONE)
                return ended ? 0 : FAIL(err, ERR_UNSUPPORTED, "the probe broke down");
        }
        poll(&p, 1, TICK_MS);
    }
    return FAIL(err, ERR_UNSUPPORTED, "the probe stands still");
}

int qemu_probe(struct hypervisor *h, struct err *err)
{
    char name[] = "/tmp/imgport-probe.XXXXXX";
    AUTO(rmdirp) char *folder = mkdtemp(name);
    AUTO(destroyp) struct machine *m = NULL;
    AUTO(closep) int fd = -1;
    struct machine_spec spec = {
        .id = "probe",
        .folder = folder,
        .uuid = "00000000-0000-4000-8000-000000000000",
        .memory = MACHINE_MEMORY_MIN,
        .cpus = 1,
        .mac = {0x02},
        .direct.command_line = "",
        .once = true,
    };
    int r;

    if (!folder)
        return FAIL_SYS(err, errno, "create %s", name);
    r = kernel_file(&fd, err);
    if (r < 0)
        return r;
    spec.direct.kernel.fd = fd;
    r = machine_define(&m, h, &spec, err);
    if (r == 0)
        r = machine_start(m, err);
    return r < 0 ? r : await_end(m, err);
}
