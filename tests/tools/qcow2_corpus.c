/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2_corpus.c: the seeds of fuzz_qcow2
 *
 *     qcow2_corpus tests/fuzz/corpora/qcow2
 *
 * Small clusters, so that the fuzzer finds the tables; one image has subclusters, which
 * need clusters of 16 KiB. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "block/qcow2_make.h"

struct seed {
    const char *name;
    struct qcow2_make_options o;
    /* A letter a guest cluster: d data, c compressed, z zero, a zero and allocated,
     * s subclusters, - nothing. */
    const char *content;
};

static const struct seed seeds[] = {
    {"v2", {2, 9, .size = 5 * 512}, "dc-dc"},
    {"v3", {3, 9, .size = 9 * 512 - 100}, "dczac-ddz"},
    {"two-tables",
     {3, 9, .size = 66 * 512},
     "d-------------------------------"
     "-------------------------------cd"},
    {"zstd", {3, 9, .zstd = true, .size = 4 * 512}, "cdzc"},
    {"clusters-4k", {3, 12, .size = 3 << 12}, "c-c"},
    {"subclusters", {3, 14, .extended = true, .size = 4 << 14}, "zcs-"},
    {"empty", {3, 9, .size = 1 << 24}, ""},
};

static void add(struct qcow2_make *m, uint64_t guest, char what)
{
    AUTO(freep) uint8_t *data = malloc((size_t)m->cluster_size);

    if (!data)
        abort();
    qcow2_make_pattern(data, (size_t)m->cluster_size, (unsigned)guest);
    if (what == 'd')
        qcow2_make_data(m, guest, data);
    else if (what == 'c')
        qcow2_make_compressed(m, guest, data);
    else if (what == 'z' || what == 'a')
        qcow2_make_zero(m, guest, what == 'a');
    else if (what == 's') {
        uint64_t off = qcow2_make_subclusters(m, guest, data, 1, 6);

        m->n = (size_t)(off + m->cluster_size / 32); /* only the first is needed */
    }
}

/* A snapshot and two extensions, where there is room. */
static void decorate(struct qcow2_make *m)
{
    char features[48] = "\0\1corrupt bit";
    uint64_t at, off;

    off = qcow2_make_extension(m, m->version < 3 ? 72 : 112, 0x6803f857, features,
                               sizeof features);
    qcow2_make_extension(m, off, 0x12345678, "unknown", 7);
    if (m->cluster_bits > 12)
        return;
    at = qcow2_make_room(m, 64, m->cluster_size);
    qcow2_poke(m, FIELD_NB_SNAPSHOTS, 4, 1);
    qcow2_poke(m, FIELD_SNAPSHOTS_OFFSET, 8, at);
    qcow2_poke(m, at, 8, m->l1_offset);
    qcow2_poke(m, at + 8, 4, 1);
    qcow2_poke(m, at + 36, 4, 16);
}

static int write_seed(const char *folder, const struct seed *s)
{
    AUTO(qcow2_make_fini) struct qcow2_make m;
    AUTO(fclosep) FILE *f = NULL;
    char path[4096];

    qcow2_make_init(&m, &s->o);
    for (size_t i = 0; i < strlen(s->content); i++)
        add(&m, i, s->content[i]);
    decorate(&m);
    snprintf(path, sizeof path, "%s/%s", folder, s->name);
    f = fopen(path, "wb");
    if (!f || fwrite(m.p, 1, m.n, f) != m.n || fflush(f)) {
        perror(path);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    int r = argc == 2 ? 0 : 2;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(seeds); i++)
        r = write_seed(argv[1], &seeds[i]);
    return r;
}
