/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/scoped.h"
#include "instance/local_socket.h"

enum {
    FILES = 512,
    WORD_MAX = 16,
};

/* It either says that it is ready, or ends. */
static int await_ready(int fd, unsigned limit_ms, struct err *err)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char c;

    if (poll(&p, 1, (int)limit_ms) <= 0)
        return 0;
    if (read(fd, &c, 1) == 1)
        return 0;
    return FAIL(err, ERR_IO, "imgport-net ended at once");
}

int helper_start(struct process *ret, const struct hypervisor *h,
                 const struct machine_user *user, int folder,
                 const struct machine_network *network, unsigned limit_ms,
                 struct err *err)
{
    AUTO(process_finip) struct process p = PROCESS_NONE;
    AUTO(closep) int console = -1, log = -1, ready = -1, theirs = -1;
    unsigned values[HELPER_WORDS] = {
        network->metadata,
        network->address,
        network->gateway,
        network->prefix,
        network->dns[0],
        network->dns[1],
        user->drop ? user->uid : UINT32_MAX,
        user->drop ? user->gid : UINT32_MAX,
    };
    char words[HELPER_WORDS][WORD_MAX];
    const char *argv[HELPER_WORDS + 2] = {"imgport-net"};
    int pair[2], r;

    for (unsigned i = 0; i < HELPER_WORDS; i++) {
        snprintf(words[i], sizeof words[i], "%u", values[i]);
        argv[i + 1] = words[i];
    }
    r = local_connect(&console, folder, HELPER_CONSOLE_NAME, err);
    if (r < 0)
        return r;
    log =
        openat(folder, HELPER_LOG_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log < 0)
        return FAIL_SYS(err, errno, "open %s", HELPER_LOG_NAME);
    if (pipe2(pair, O_CLOEXEC) < 0)
        return FAIL_SYS(err, errno, "pipe");
    ready = pair[0];
    theirs = pair[1];
    r = process_spawn(&p,
                      &(struct process_plan){
                          .path = h->helper,
                          .argv = argv,
                          .fds = {folder, console, log, theirs},
                          .n_fds = 4,
                          .error_output = getenv("IMGPORT_DEBUG") ? STDERR_FILENO : -1,
                          .files = FILES,
                      },
                      err);
    if (r < 0)
        return r;
    closep(&theirs);
    r = await_ready(ready, limit_ms, err);
    if (r < 0) {
        process_kill(&p);
        process_wait(&p, limit_ms);
        return r;
    }
    *ret = p;
    p = PROCESS_NONE;
    return 0;
}
