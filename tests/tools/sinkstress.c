/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sinkstress: a qcow2 of many gigabytes whose tables are right and whose data is not
 * there
 *
 *     sinkstress SEED CLUSTERS QCOW2
 *
 * Feeds the qcow2 sink with so many clusters, plain and "compressed" to every size, with
 * gaps between, as SEED says.  Their bytes are thrown away on the way to the file (pwrite
 * is wrapped by the linker), which stays sparse: refcounts over many 2 GiB borders can be
 * checked by `qemu-img check` in a second. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "convert/sink.h"

static const uint8_t payload[CONVERT_CLUSTER] = {1};

ssize_t __real_pwrite64(int fd, const void *p, size_t n, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t off);

ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t off)
{
    return p == payload ? (ssize_t)n : __real_pwrite64(fd, p, n, off);
}

static uint64_t rnd(uint64_t *state, uint64_t limit)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % limit;
}

static int feed(struct sink *s, uint64_t seed, unsigned count, struct err *err)
{
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1, index = 0;
    bool packed = false;

    for (unsigned i = 0; i < count; i++) {
        struct cluster c = {.p = payload, .length = CONVERT_CLUSTER};
        int r;

        if (rnd(&state, 64) == 0) /* runs of either kind */
            packed = !packed;
        if (rnd(&state, 1000) == 0)
            index += rnd(&state, 20000);
        if (packed && rnd(&state, 8))
            c.length = (uint32_t)(20 + rnd(&state, rnd(&state, 2) ? 200 : 65516));
        c.index = index++;
        r = s->driver->put(s, &c, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int run(uint64_t seed, unsigned count, const char *name, struct err *err)
{
    AUTO(sink_closep) struct sink *s = NULL;
    AUTO(closep) int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    struct out out = {.fd = fd};
    struct sink_spec spec = {.virtual_size = UINT64_C(1) << 50,
                             .cluster = CONVERT_CLUSTER,
                             .compression = CONVERT_ZLIB};
    uint64_t size = 0;
    int r;

    if (fd < 0)
        return FAIL_SYS(err, errno, "%s", name);
    r = qcow2_sink.open(&s, &out, &spec, err);
    if (r < 0)
        return r;
    r = feed(s, seed, count, err);
    if (r < 0)
        return r;
    r = s->driver->finish(s, &size, err);
    if (r == 0)
        printf("%" PRIu64 "\n", size);
    return r;
}

int main(int argc, char **argv)
{
    struct err err = {0};

    if (argc != 4) {
        fprintf(stderr, "usage: sinkstress SEED CLUSTERS QCOW2\n");
        return 2;
    }
    if (run(strtoull(argv[1], NULL, 10), (unsigned)strtoul(argv[2], NULL, 10), argv[3],
            &err) < 0) {
        fprintf(stderr, "sinkstress: %s\n", err.msg);
        return 1;
    }
    return 0;
}
