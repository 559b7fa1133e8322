/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_nbd.c: all that a client says, at once
 *
 * The first byte makes the beginning: 0 nothing, else a greeting, and from 128 on a GO
 * that is answered, so that the rest are requests.  Nothing that the client hears is more
 * than the disk has. */
#include <assert.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "worker/nbd.h"

enum { SAID_MAX = 65536 };

static const uint8_t hello[] = {0, 0, 0, 3};
static const uint8_t go[] = "IHAVEOPT\0\0\0\7\0\0\0\6\0\0\0\0\0";

static void say(int sock, const void *p, size_t n)
{
    assert(write(sock, p, n) == (ssize_t)n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t disk[4096], heard[4096];
    struct err err = {0}, trouble = {0};
    struct block *b;
    int pair[2], r;

    if (size == 0 || size > SAID_MAX)
        return 0;
    assert(block_mem_open(&b, disk, sizeof disk, NULL) == 0);
    /* Without waiting: a full socket is a client that does not listen. */
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    if (data[0])
        say(pair[0], hello, sizeof hello);
    if (data[0] >= 128)
        say(pair[0], go, sizeof go);
    say(pair[0], data + 1, size - 1);
    shutdown(pair[0], SHUT_WR);
    r = nbd_serve(pair[1], b, &trouble, &err);
    assert(r <= 0 && (r < 0) == (err.code != ERR_NONE) && trouble.code == ERR_NONE);
    close(pair[1]);
    assert(read(pair[0], heard, sizeof heard) >= 18);
    close(pair[0]);
    block_unref(b);
    return 0;
}
