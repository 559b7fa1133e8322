/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hivecat.c: shows what the registry reader reads, for comparison with hivex
 *
 *     hivecat HIVE keys              every key's path, one a line
 *     hivecat HIVE get KEY VALUE     a text or a number
 *
 * Test-only. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "guest/windows/hive.h"

enum { DEPTH_MAX = 64 };

struct walk {
    const char *path;
    unsigned depth;
};

static int show(void *arg, struct hive *h, uint32_t key, const char *name,
                struct err *err)
{
    const struct walk *up = arg;
    char path[4096];
    struct walk w = {.path = path, .depth = up->depth + 1};

    if (w.depth > DEPTH_MAX)
        return FAIL(err, ERR_LIMIT, "depth");
    snprintf(path, sizeof path, "%s\\%s", up->path, name);
    puts(path);
    return hive_each(h, key, show, &w, err);
}

static int run(struct hive *h, char **words, struct err *err)
{
    struct walk w = {.path = ""};
    char text[8192];
    uint32_t key, number;
    int r;

    if (strcmp(words[0], "keys") == 0)
        return hive_each(h, h->root, show, &w, err);
    r = hive_find(h, h->root, words[1], &key, err);
    if (r <= 0)
        return r < 0 ? r : FAIL(err, ERR_NOTFOUND, "%s", words[1]);
    r = hive_text(h, key, words[2], text, sizeof text, err);
    if (r == 1)
        puts(text);
    if (r == 0)
        r = hive_number(h, key, words[2], &number, err);
    if (r == 1 && !text[0])
        printf("%" PRIu32 "\n", number);
    return r < 0 ? r : r == 1 ? 0 : FAIL(err, ERR_NOTFOUND, "%s", words[2]);
}

int main(int argc, char **argv)
{
    AUTO(closep) int fd = argc > 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    AUTO(block_unrefp) struct block *file = NULL;
    struct hive h;
    struct err err = {0};

    if (argc < 3 || (strcmp(argv[2], "get") == 0 && argc < 5) || fd < 0)
        return 2;
    if (block_file_open(&file, fd, &err) == 0) {
        fd = -1;
        if (hive_open(&h, file, &err) == 0 && run(&h, argv + 2, &err) == 0)
            return 0;
    }
    fprintf(stderr, "hivecat: %s: %s\n", err_code_name(err.code), err.msg);
    return 1;
}
