/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image.h: from the bytes of a file to the bytes of the guest's disk
 *
 * image_open() runs every recogniser, insists on exactly one answer, and stacks the
 * reader for it.  What is wrong with a container is a fact (enum image_fault), because
 * "the cloud will refuse this" is an answer; only what kept us from looking (I/O, memory)
 * is an error without a fault. */
#pragma once

#include "block/block.h"

enum image_format {
    IMAGE_UNKNOWN,
    IMAGE_RAW,
    IMAGE_QCOW2,
    IMAGE_VHD,
    IMAGE_VMDK,
    IMAGE_FORMAT_MAX,
};

enum image_fault {
#define FAULT(symbol, name, check, sentence) IMAGE_FAULT_##symbol,
#include "block/faults.def"
#undef FAULT
    IMAGE_FAULT_MAX,
};

enum { IMAGE_DETAIL_MAX = 240, IMAGE_NAME_MAX = 64 };

/* Plain data; owns nothing. */
struct image_info {
    enum image_format format;
    char kind[IMAGE_NAME_MAX];  /* "v3", "dynamic", "streamOptimized", ...; "" unknown */
    char other[IMAGE_NAME_MAX]; /* what it is instead: "VHDX", "gzip", ...; "" none */
    char creator[IMAGE_NAME_MAX]; /* the tool that wrote it, when the header says; cleaned
                                   */
    uint64_t file_size;           /* bytes of the file, and of its extents */
    uint64_t virtual_size;        /* bytes the guest sees; 0 while not known */
    uint32_t cluster_size;        /* allocation unit in bytes; 0: none */
    bool compressed;              /* holds compressed clusters or grains */
    bool dirty;                  /* qcow2 dirty bit, VMDK unclean shutdown: warning C13 */
    uint32_t internal_snapshots; /* ignored, but counted */
    enum image_fault fault; /* first one found; IMAGE_FAULT_NONE: container is good */
    char fault_detail[IMAGE_DETAIL_MAX]; /* evidence: which field, which offset, which
                                            value */
};

/* How a driver asks for a file that its descriptor names.  `name` is one plain component
 * already checked by the driver.  0 and one reference in *ret, or an error (ERR_NOTFOUND
 * when there is no such file). */
typedef int image_sibling_fn(struct block **ret, void *arg, const char *name,
                             struct err *err);

struct image_options {
    enum image_format declared; /* IMAGE_UNKNOWN: not declared */
    image_sibling_fn *sibling;  /* NULL: extents are not at hand (URL, standard input) */
    void *sibling_arg;
    /* [opt] What a qcow2 with a backing file stands on: the guest's disk of that image,
     * of any size, borrowed.  The name in the header is never followed.  Without it such
     * an image is refused; with it one that stands on nothing is. */
    struct block *backing;
};

/* What drivers get: options to read, info to fill. */
struct image_ctx {
    const struct image_options *options;
    struct image_info *info;
};

/* One container format.  A format is added by its file and its row in probe.c. */
struct image_driver {
    enum image_format format;
    const char *name; /* as in JSON and -f */

    /* Does this file look like mine?  Reads a few sectors at most.  1 yes, 0 no,
     * negative: could not look.  Must not set *err when the answer is no. */
    int (*recognise)(struct block *file, struct err *err);

    /* Open the guest disk, with all metadata that reads need, bounded by named limits.
     * Fills ctx->info.  A container fault is returned by IMAGE_FAULT(). */
    int (*open)(struct block **ret, struct block *file, struct image_ctx *ctx,
                struct err *err);

    /* [opt] Walk all mapping tables of an opened image: every mapped byte within the
     * file, nothing over the header, sizes true.  Finds what open() leaves for reads to
     * trip on. Memory stays bounded. */
    int (*survey)(struct block *disk, struct image_ctx *ctx, struct err *err);
};

/* Records a fault (the first one stays) and its evidence, and fails with `code`:
 *     return IMAGE_FAULT(ctx, err, BACKING_FILE, ERR_UNSUPPORTED, "qcow2: backing file
 * ...");
 */
#define IMAGE_FAULT(ctx, err, fault, code, ...)                                    \
    image_fault_set((ctx), IMAGE_FAULT_##fault, (err), (code), __FILE__, __LINE__, \
                    __VA_ARGS__)

int image_fault_set(struct image_ctx *ctx, enum image_fault fault, struct err *err,
                    enum err_code code, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

/* Recognise, open and survey.  On success *ret is the guest's disk.  On failure *info
 * says as much as was learnt, and info->fault != NONE tells a refused container from a
 * look that failed.  `options` may be NULL. */
int image_open(struct block **ret, struct image_info *info, struct block *file,
               const struct image_options *options, struct err *err);

/* "raw", "qcow2", "vhd", "vmdk"; "unknown".  image_format_from_name() also takes "vpc"
 * and answers IMAGE_FORMAT_MAX for a name it does not know. */
const char *image_format_name(enum image_format format);
enum image_format image_format_from_name(const char *name);

const char *image_fault_name(enum image_fault fault);
enum image_fault image_fault_from_name(const char *name); /* IMAGE_FAULT_MAX: unknown */
const char *image_fault_check(enum image_fault fault);    /* "C10" */
const char *image_fault_sentence(enum image_fault fault);

/* Bytes of an uncompressed qcow2 as convert writes it (v3, 64 KiB clusters, 16-bit
 * refcounts, no snapshots, nothing allocated twice, no gap).  In clusters:
 *
 *   1        header
 *   l1       max(1, ceil(ceil(virtual_size / 512 MiB) / 8192))
 *   l2       `l2_tables`: 512 MiB ranges of the disk that hold at least one data cluster
 *   data     `data_clusters`
 *   blocks   ceil(all / 32768)       `all` is the sum of these six, so the smallest
 *   table    ceil(blocks / 8192)     `blocks` and `table` (at least 1) that fit
 *
 * UINT64_MAX when it does not fit 64 bits. */
uint64_t image_qcow2_layout(uint64_t virtual_size, uint64_t l2_tables,
                            uint64_t data_clusters);

/* The same when it is not known where the data lie: as many L2 tables as there can be,
 * min(all ranges, data_clusters).  An upper bound. */
uint64_t image_qcow2_size(uint64_t virtual_size, uint64_t data_clusters);

/* image_qcow2_layout() from extents alone: a cluster counts when any byte of it is
 * stored as data, so zeros that are stored count too.  An upper bound. */
int image_qcow2_bound(struct block *disk, uint64_t *ret, struct err *err);

/* The true size, by reading what extents call data.  Stops as soon as the size is above
 * `limit`: the answer is then a size above the limit that the image does not fall below.
 */
int image_qcow2_scan(struct block *disk, uint64_t limit, uint64_t *ret, struct err *err);

extern const struct image_driver raw_driver, qcow2_driver, vhd_driver, vmdk_driver;
