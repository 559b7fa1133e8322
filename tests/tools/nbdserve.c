/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nbdserve.c: serves the disk of an image by the worker's own NBD server
 *
 *     nbdserve IMAGE SOCKET
 *
 * Makes the socket, says "ready", and takes one client after the other until it is
 * killed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "block/image.h"
#include "worker/nbd.h"

static int listen_at(int *ret, const char *path, struct err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    AUTO(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if ((size_t)snprintf(a.sun_path, sizeof a.sun_path, "%s", path) >= sizeof a.sun_path)
        return FAIL(err, ERR_ARG, "the socket's name is too long");
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0 ||
        listen(fd, 8) < 0)
        return FAIL_SYS(err, errno, "%s", path);
    *ret = fd;
    fd = -1;
    return 0;
}

static int open_disk(struct block **ret, const char *path, struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL;
    struct image_info info = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? FAIL_SYS(err, errno, "%s", path) : block_file_open(&file, fd, err);

    return r < 0 ? r : image_open(ret, &info, file, NULL, err);
}

int main(int argc, char **argv)
{
    AUTO(block_unrefp) struct block *disk = NULL;
    AUTO(closep) int door = -1;
    struct err err = {0};
    int r;

    if (argc != 3) {
        fputs("usage: nbdserve IMAGE SOCKET\n", stderr);
        return 2;
    }
    r = open_disk(&disk, argv[1], &err);
    if (r == 0)
        r = listen_at(&door, argv[2], &err);
    if (r == 0)
        puts("ready");
    fflush(stdout);
    while (r == 0) {
        AUTO(closep) int client = accept4(door, NULL, NULL, SOCK_CLOEXEC);

        r = client < 0 ? FAIL_SYS(&err, errno, "accept")
                       : nbd_serve(client, disk, &err, &err);
    }
    fprintf(stderr, "nbdserve: %s\n", err.msg);
    return 1;
}
