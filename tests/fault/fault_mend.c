/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault_mend.c: edits on a disk whose reads fail
 *
 *     fault_mend DISK [EVERY]
 *
 * Each access to the disk fails once, or one of EVERY: the edits must then fail with that
 * error, and never call the guest damaged, without a system, or done. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ntfs_leaks.h"
#include "base/scoped.h"
#include "mend/mend.h"

static const struct mend_edit list[] = {
    {.op = MEND_WRITE, .path = "/new/file", .content = {(const uint8_t *)"content", 7}},
    {.op = MEND_REMOVE, .path = "/etc/passwd"},
};

static int use(struct block *file, unsigned nth, unsigned *accesses,
               struct mend_report *report, struct err *err)
{
    static const struct mend_edits edits = {list, ARRAY_SIZE(list), true};
    AUTO(block_unrefp) struct block *disk = NULL;
    AUTO(overlay_unrefp) struct overlay *o = NULL;
    atomic_uint count = 0;
    int r = block_fault_open(&disk, file, nth, &count, err);

    *report = (struct mend_report){.outcome = MEND_OUTCOME_MAX};
    if (r == 0)
        r = overlay_open(&o, disk, disk->size, err);
    if (r == 0)
        r = mend_run(report, o, &edits, NULL, NULL, err);
    *accesses = count;
    return r;
}

int main(int argc, char **argv)
{
    unsigned every = argc > 2 ? (unsigned)atoi(argv[2]) : 1, accesses, total;
    AUTO(block_unrefp) struct block *file = NULL;
    struct mend_report report;
    struct err err = {0};
    int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0 || every == 0 || block_file_open(&file, fd, &err) < 0) {
        fputs("usage: fault_mend DISK [EVERY]\n", stderr);
        return 2;
    }
    if (use(file, 0, &total, &report, &err) < 0 || report.outcome != MEND_DONE) {
        fprintf(stderr, "%s: %s%s\n", argv[1], err.msg, report.why);
        return 1;
    }
    for (unsigned nth = 1; nth <= total; nth += every) {
        int r;

        err_clear(&err);
        r = use(file, nth, &accesses, &report, &err);
        /* Where the file has holes is asked as well, and a filesystem that still writes
         * it changes its mind: this one was not reached. */
        if (accesses < nth)
            break;
        if (r != -ERR_IO || !strstr(err.msg, "injected fault")) {
            fprintf(stderr, "%s: access %u of %u failed, and was told as %d %s %s\n",
                    argv[1], nth, total, r, err.msg, report.why);
            return 1;
        }
    }
    printf("%s: %u accesses\n", argv[1], total);
    return 0;
}
