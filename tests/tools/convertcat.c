/* SPDX-License-Identifier: GPL-2.0-or-later */
/* convertcat: a raw file into a container, for tests of the conversion alone
 *
 *     convertcat [-s] [-j THREADS] [-c none|zlib|zstd] [-b CLUSTER] [-O FORMAT[:KIND]]
 * RAW OUT
 *
 * Prints virtual size, data bytes and file size.  -f fails the NTHth access to the
 * source. Exit 0, 1 when the conversion failed (message on standard error), 2 for wrong
 * usage. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "convert/convert.h"

static const char *const compressions[] = {
    [CONVERT_PLAIN] = "none",
    [CONVERT_ZLIB] = "zlib",
    [CONVERT_ZSTD] = "zstd",
};

static int usage(void)
{
    fprintf(stderr,
            "usage: convertcat [-s] [-j THREADS] [-c none|zlib|zstd] [-b CLUSTER] "
            "[-O FORMAT[:KIND]] RAW OUT\n");
    return 2;
}

static int open_source(struct block **ret, const char *name, struct err *err)
{
    AUTO(closep) int fd = open(name, O_RDONLY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return FAIL_SYS(err, errno, "%s", name);
    r = block_file_open(ret, fd, err);
    if (r == 0)
        fd = -1; /* the block's now */
    return r;
}

static int run(const char *from, const char *to, bool sandboxed,
               struct convert_options *o, struct err *err)
{
    static const struct sandbox_limits limits = {
        .memory = 128 * 1024 * 1024,
        .files = 16,
        .truncate = true,
    };
    AUTO(block_unrefp) struct block *source = NULL;
    AUTO(closep) int fd = -1;
    struct convert_result result = {0};
    struct rusage usage = {0};
    char text[128];
    int n;
    int r = open_source(&source, from, err);

    if (r < 0)
        return r;
    fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return FAIL_SYS(err, errno, "%s", to);
    o->source = source;
    o->name = "disk.vmdk"; /* the same for files that are compared */
    o->fd = fd;
    if (sandboxed) {
        r = sandbox_enter(&limits, err);
        if (r < 0)
            return r;
    }
    r = convert_run(&result, o, err);
    if (r < 0)
        return r;
    if (!sandboxed)
        getrusage(RUSAGE_SELF, &usage);
    /* Not printf(): stdio asks what kind of file it writes to, a forbidden call. */
    n = snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %ld\n",
                 result.virtual_size, result.data_bytes, result.file_size,
                 usage.ru_maxrss);
    if (write(STDOUT_FILENO, text, (size_t)n) != n)
        return FAIL_SYS(err, errno, "standard output");
    return 0;
}

int main(int argc, char **argv)
{
    struct convert_options o = {.format = IMAGE_QCOW2, .compression = CONVERT_USUAL};
    struct err err = {0};
    bool sandboxed = false;
    char *kind;
    unsigned c;
    int opt;

    while ((opt = getopt(argc, argv, "sj:c:b:O:")) >= 0) {
        switch (opt) {
        case 's':
            sandboxed = true;
            break;
        case 'j':
            o.threads = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'c':
            for (c = 0; c < ARRAY_SIZE(compressions); c++)
                if (strcmp(optarg, compressions[c]) == 0)
                    break;
            if (c == ARRAY_SIZE(compressions))
                return usage();
            o.compression = (enum convert_compression)c;
            break;
        case 'b':
            o.cluster = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'O':
            kind = strchr(optarg, ':');
            if (kind) {
                *kind = 0;
                o.kind = kind + 1;
            }
            o.format = image_format_from_name(optarg);
            break;
        default:
            return usage();
        }
    }
    if (argc - optind != 2)
        return usage();
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error like a full disk */
    if (run(argv[optind], argv[optind + 1], sandboxed, &o, &err) < 0) {
        fprintf(stderr, "convertcat: %s\n", err.msg);
        return 1;
    }
    return 0;
}
