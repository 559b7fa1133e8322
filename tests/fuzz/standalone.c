/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standalone.c: replays a corpus through a fuzz target with any compiler
 *
 *     fuzz_gpt tests/fuzz/corpora/gpt       every file of a folder
 *     fuzz_gpt crash-1234                   one file
 *
 * An empty corpus is a failure: a replay of nothing proves nothing. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/scoped.h"
#include "fuzz/fuzz.h"

static int replay_file(const char *path)
{
    AUTO(fclosep) FILE *f = fopen(path, "rb");
    AUTO(freep) uint8_t *data = NULL;
    struct stat st;
    size_t n;

    if (!f || fstat(fileno(f), &st) < 0) {
        perror(path);
        return -1;
    }
    n = (size_t)st.st_size;
    data = malloc(n + 1);
    if (!data || fread(data, 1, n, f) != n) {
        perror(path);
        return -1;
    }
    LLVMFuzzerTestOneInput(data, n);
    return 1;
}

static int replay(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    int n = 0;

    if (!d)
        return replay_file(path);
    while ((e = readdir(d))) {
        char name[4096];

        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (replay_file(name) < 0) {
            closedir(d);
            return -1;
        }
        n++;
    }
    closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        int n = replay(argv[i]);

        if (n < 0)
            return 1;
        total += n;
    }
    printf("%d inputs replayed\n", total);
    return total ? 0 : 1;
}
