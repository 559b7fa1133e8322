/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blockcat.c: the guest's disk of an image, for tests that compare it with other tools
 *
 *     blockcat [-b] [-r N] IMAGE           the disk to standard output
 *     blockcat [-b] -e IMAGE               extents: "data|zero|hole OFFSET LENGTH"
 *     blockcat [-b] -i IMAGE               what image_open() says of it, "key: value"
 *
 *     -b    reads the file one byte at a time
 *     -r N  reads N bytes at a time (default 1 MiB)
 *
 * Files that a descriptor names are looked for beside IMAGE.  Exit status 1 and one
 * sentence when the image is refused; "fault: NAME" comes first then. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "block/image.h"

static int open_path(struct block **ret, const char *path, struct err *err)
{
    AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r;

    if (fd < 0 && errno == ENOENT)
        return FAIL(err, ERR_NOTFOUND, "%s: no such file", path);
    if (fd < 0)
        return FAIL_SYS(err, errno, "%s", path);
    r = block_file_open(ret, fd, err);
    if (r == 0)
        fd = -1;
    return r;
}

static int open_sibling(struct block **ret, void *arg, const char *name, struct err *err)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", (const char *)arg, name);
    return open_path(ret, path, err);
}

static void print_info(FILE *to, const struct image_info *info)
{
    fprintf(to, "fault: %s\n", image_fault_name(info->fault));
    fprintf(to, "format: %s\nkind: %s\n", image_format_name(info->format), info->kind);
    fprintf(to, "other: %s\ncreator: %s\n", info->other, info->creator);
    fprintf(to, "virtual_size: %" PRIu64 "\ncluster_size: %" PRIu32 "\n",
            info->virtual_size, info->cluster_size);
    fprintf(to, "compressed: %d\ndirty: %d\nsnapshots: %" PRIu32 "\n", info->compressed,
            info->dirty, info->internal_snapshots);
}

static int print_extents(struct block *disk, struct err *err)
{
    static const char *const kinds[] = {"data", "zero", "hole"};

    for (uint64_t off = 0; off < disk->size;) {
        struct extent e;
        int r = block_extent(disk, &e, off, err);

        if (r < 0)
            return r;
        printf("%s %" PRIu64 " %" PRIu64 "\n", kinds[e.kind], off, e.length);
        off += e.length;
    }
    return 0;
}

static int print_bytes(struct block *disk, size_t step, struct err *err)
{
    AUTO(freep) char *buf = malloc(step);

    if (!buf)
        return FAIL(err, ERR_NOMEM, "buffer");
    for (uint64_t off = 0; off < disk->size;) {
        size_t n = (size_t)min_u64(step, disk->size - off);
        int r = block_read(disk, buf, n, off, err);

        if (r < 0)
            return r;
        if (fwrite(buf, 1, n, stdout) != n)
            return FAIL_SYS(err, errno, "write");
        off += n;
    }
    return 0;
}

int main(int argc, char **argv)
{
    AUTO(block_unrefp) struct block *file = NULL, *bytes = NULL, *disk = NULL;
    AUTO(freep) char *folder = NULL;
    struct image_options options = {.sibling = open_sibling};
    struct image_info info = {0};
    struct err err = {0};
    bool bytewise = false;
    size_t step = 1 << 20;
    int c, mode = 'c', r;

    while ((c = getopt(argc, argv, "beir:")) >= 0)
        if (c == 'b')
            bytewise = true;
        else if (c == 'r')
            step = (size_t)strtoul(optarg, NULL, 10);
        else if (c == 'e' || c == 'i')
            mode = c;
        else
            return 2;
    if (optind + 1 != argc || step == 0) {
        fprintf(stderr, "usage: blockcat [-b] [-r N] [-e | -i] IMAGE\n");
        return 2;
    }
    folder = strdup(argv[optind]);
    options.sibling_arg = dirname(folder);
    r = open_path(&file, argv[optind], &err);
    if (r == 0 && bytewise)
        r = block_bytewise_open(&bytes, file, &err);
    if (r == 0)
        r = image_open(&disk, &info, bytewise ? bytes : file, &options, &err);
    if (r < 0 && file)
        print_info(mode == 'i' ? stdout : stderr, &info);
    else if (r == 0 && mode == 'i')
        print_info(stdout, &info);
    else if (r == 0 && mode == 'e')
        r = print_extents(disk, &err);
    else if (r == 0)
        r = print_bytes(disk, step, &err);
    if (r < 0)
        fprintf(stderr, "blockcat: %s\n", err.msg);
    return r < 0 || fflush(stdout) ? 1 : 0;
}
