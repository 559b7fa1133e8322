/* SPDX-License-Identifier: GPL-2.0-or-later */
/* initramfscat.c: the names in an initramfs, for tests that compare them with other tools
 *
 *     initramfscat [-b] FILE           "octal-mode size name" a line
 *     initramfscat [-b] -i FILE        "key: value" of what was seen
 *     initramfscat [-b] -k FILE        as without, for what a kernel image has within
 *     initramfscat -t STEP FILE        reads the first STEP, 2 STEP, 3 STEP... bytes
 *
 *     -b    reads the file one byte at a time
 *
 * Exit status 1 and one sentence when it cannot be read.  With -t, when a part of the
 * file gives other names than the whole begins with, or fails as anything but "corrupt"
 * (at the very start "unsupported" too); prints how many parts were read. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "guest/kernel/embedded.h"

static int add_line(void *arg, const struct initramfs_entry *e, struct err *err)
{
    return buf_printf(arg, err, "%06o %" PRIu64 " %s\n", e->mode, e->size, e->name);
}

static int read_all(struct block *b, struct buf *lines, struct initramfs_info *info,
                    struct err *err)
{
    struct initramfs_reader reader = {.entry = add_line, .arg = lines};

    buf_clear(lines);
    return initramfs_read(b, &reader, info, err);
}

static int read_kernel(struct block *b, struct err *err)
{
    AUTO(buf_fini) struct buf lines = {0};
    struct initramfs_reader reader = {.entry = add_line, .arg = &lines};
    struct initramfs_info info;
    bool known;
    int r = embedded_read(b, &reader, &info, &known, err);

    if (r == 0 && !known)
        return FAIL(err, ERR_UNSUPPORTED, "no kernel image");
    fputs(buf_str(&lines), stdout);
    return r;
}

static int read_parts(struct block *file, uint64_t step, struct err *err)
{
    AUTO(buf_fini) struct buf whole = {0}, part = {0};
    struct initramfs_info info;
    unsigned parts = 0;
    int r = read_all(file, &whole, &info, err);

    for (uint64_t n = step; n < file->size && r == 0; n += step, parts++) {
        AUTO(block_unrefp) struct block *b = NULL;
        struct err own = {0};
        int got;

        r = block_window_open(&b, file, 0, n, err);
        if (r < 0)
            return r;
        got = read_all(b, &part, &info, &own);
        if (got < 0 && got != -ERR_CORRUPT && !(got == -ERR_UNSUPPORTED && n < 16))
            return FAIL(err, ERR_CONFLICT, "the first %" PRIu64 " bytes: %s: %s", n,
                        err_code_name(own.code), own.msg);
        if (part.n > whole.n || memcmp(buf_str(&part), buf_str(&whole), part.n) != 0)
            return FAIL(err, ERR_CONFLICT, "the first %" PRIu64 " bytes: other names", n);
    }
    printf("%u\n", parts);
    return r;
}

static int run(struct block *file, int mode, uint64_t step, struct err *err)
{
    AUTO(buf_fini) struct buf lines = {0};
    struct initramfs_info info;
    int r;

    if (mode == 't')
        return read_parts(file, step, err);
    if (mode == 'k')
        return read_kernel(file, err);
    r = read_all(file, &lines, &info, err);
    if (mode == 'i')
        printf("format: %s\nsegments: %u\nunpacked: %" PRIu64 "\nentries: %u\n",
               info.format, info.segments, info.unpacked, info.entries);
    else
        fputs(buf_str(&lines), stdout);
    return r;
}

int main(int argc, char **argv)
{
    AUTO(block_unrefp) struct block *file = NULL, *bytes = NULL;
    struct err err = {0};
    bool bytewise = false;
    uint64_t step = 0;
    int c, fd, mode = 'n', r;

    while ((c = getopt(argc, argv, "bikt:")) >= 0) {
        if (c == 'b')
            bytewise = true;
        else if (c == 'i' || c == 'k' || c == 't')
            mode = c;
        else
            return 2;
        if (c == 't')
            step = strtoull(optarg, NULL, 10);
    }
    if (optind + 1 != argc || (mode == 't' && step == 0))
        return 2;
    fd = open(argv[optind], O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        perror(argv[optind]);
        return 1;
    }
    r = block_file_open(&file, fd, &err);
    if (r == 0 && bytewise)
        r = block_bytewise_open(&bytes, file, &err);
    if (r == 0)
        r = run(bytes ? bytes : file, mode, step, &err);
    if (r < 0)
        fprintf(stderr, "%s: %s\n", err_code_name(err.code), err.msg);
    return r < 0;
}
