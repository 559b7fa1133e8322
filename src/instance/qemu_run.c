/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/qemu_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/scoped.h"
#include "base/text.h"

enum { RUN_MAX = 1024 };

/* `n` numbers, and nothing behind them. */
static bool numbers(struct bytes rest, uint64_t *to, unsigned n, uint64_t max)
{
    struct bytes word;

    for (unsigned i = 0; i < n; i++)
        if (!text_next_word(&rest, &word) || !text_u64(&to[i], word) || to[i] > max)
            return false;
    return !text_next_word(&rest, &word);
}

static bool parse_process(struct process *ret, struct bytes rest)
{
    uint64_t v[2];

    if (!numbers(rest, v, 2, UINT64_MAX) || v[0] > INT_MAX)
        return false;
    *ret = (struct process){.pid = (int)v[0], .started = v[1], .fd = -1};
    return true;
}

static bool parse_network(struct machine_network *ret, struct bytes rest)
{
    uint64_t v[4 + MACHINE_DNS_MAX];

    if (!numbers(rest, v, ARRAY_SIZE(v), UINT32_MAX))
        return false;
    *ret = (struct machine_network){
        .metadata = v[0],
        .address = (uint32_t)v[1],
        .gateway = (uint32_t)v[2],
        .prefix = (unsigned)v[3],
    };
    for (unsigned i = 0; i < MACHINE_DNS_MAX; i++)
        ret->dns[i] = (uint32_t)v[4 + i];
    return true;
}

bool qemu_run_parse(struct qemu_run *ret, struct bytes text)
{
    struct qemu_run run = {.qemu = PROCESS_NONE, .helper = PROCESS_NONE};
    struct bytes line, word;
    unsigned seen = 0;

    while (text_next_line(&text, &line)) {
        bool ok = true;

        if (!text_next_word(&line, &word))
            return false;
        line = text_trim(line);
        if (text_is(word, "boot") && line.n && line.n <= QEMU_BOOT_MAX) {
            memcpy(run.boot, line.p, line.n);
            seen |= 1;
        } else if (text_is(word, "qemu")) {
            ok = parse_process(&run.qemu, line) && run.qemu.pid > 0;
            seen |= 2;
        } else if (text_is(word, "helper")) {
            ok = parse_process(&run.helper, line);
            seen |= 4;
        } else if (text_is(word, "network")) {
            ok = parse_network(&run.network, line);
            seen |= 8;
        } else {
            ok = false;
        }
        if (!ok)
            return false;
    }
    if (seen != 15)
        return false;
    *ret = run;
    return true;
}

static int read_boot(char ret[QEMU_BOOT_MAX + 1], struct err *err)
{
    AUTO(closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, QEMU_BOOT_MAX);

    if (n <= 0)
        return FAIL_SYS(err, errno, "read the host's boot id");
    ret[n] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
    return 0;
}

int qemu_run_read(struct qemu_run *ret, int folder, struct err *err)
{
    AUTO(closep)
    int fd = openat(folder, QEMU_RUN_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[RUN_MAX], boot[QEMU_BOOT_MAX + 1];
    struct qemu_run run;
    ssize_t n;
    int r;

    if (fd < 0)
        return errno == ENOENT ? 0 : FAIL_SYS(err, errno, "open %s", QEMU_RUN_FILE);
    n = read(fd, text, sizeof text);
    if (n < 0)
        return FAIL_SYS(err, errno, "read %s", QEMU_RUN_FILE);
    /* A host that lost its power may leave an empty one, of which nothing runs. */
    if (!qemu_run_parse(&run, bytes_of(text, (size_t)n)))
        return 0;
    r = read_boot(boot, err);
    if (r < 0)
        return r;
    if (strcmp(run.boot, boot) != 0)
        return 0;
    *ret = run;
    return 1;
}

int qemu_run_write(struct qemu_run *run, int folder, struct err *err)
{
    static const char fresh[] = QEMU_RUN_FILE ".new";
    AUTO(closep) int fd = -1;
    const struct machine_network *w = &run->network;
    int r = read_boot(run->boot, err);

    if (r < 0)
        return r;
    fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                0600);
    if (fd < 0)
        return FAIL_SYS(err, errno, "create %s", fresh);
    if (dprintf(fd,
                "boot %s\nqemu %d %" PRIu64 "\nhelper %d %" PRIu64
                "\nnetwork %d %u %u %u %u %u\n",
                run->boot, run->qemu.pid, run->qemu.started, run->helper.pid,
                run->helper.started, w->metadata, w->address, w->gateway, w->prefix,
                w->dns[0], w->dns[1]) < 0 ||
        fsync(fd) < 0 || renameat(folder, fresh, folder, QEMU_RUN_FILE) < 0)
        return FAIL_SYS(err, errno, "write %s", QEMU_RUN_FILE);
    return 0;
}
