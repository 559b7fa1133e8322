/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imgport.h: the public face of libimgport
 *
 * Say what is in a machine image (imgport_info) and where (imgport_map), whether a cloud
 * takes it (imgport_check), and convert it (imgport_convert).
 *
 * Image bytes are parsed in a separate process, imgport-worker, which gives up everything
 * but computing before it reads the first of them; the calling process is never sandboxed
 * and parses none.  Every function may be called from any thread, several at once.
 *
 * Strings given are UTF-8 and borrowed for the call; strings returned by `char **ret` are
 * the caller's, to be released by imgport_free(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IMGPORT_API __attribute__((visibility("default")))

/* Why a call failed.  Lives with the caller, owns nothing. */
struct imgport_error {
    char code[16];     /* stable name: "io", "short", "corrupt", "unsupported", ... */
    int exit_status;   /* what a command line should exit with: 2 or 3 */
    char message[512]; /* one phrase: no capital, no full stop, no newline */
};

struct imgport_progress {
    const char *phase; /* "inspect", "boot", "convert", "verify", "checksum", "sync" */
    const char
        *step; /* what is looked at, in "inspect"; how far it came, in "boot"; "" */
    uint64_t done, total; /* bytes; total 0: not known */
    uint64_t written;     /* bytes of the output */
};

/* Called at least five times a second while a job runs, from the thread that called;
 * non-zero cancels the job, which then fails with code "canceled". */
typedef int imgport_progress_fn(void *arg, const struct imgport_progress *progress);

struct imgport_source {
    /* A file, a block device, "-" (standard input) or an http:// or https:// URL. */
    const char *path;
    const char
        *format; /* declared format: "raw", "qcow2", "vhd" or "vpc", "vmdk"; NULL none */
    bool private_redirects; /* a URL may be redirected to a private address */
    bool one_get; /* of a URL: one GET and no ranges, as a link wants that is good for one
                     access */
    /* Instead of path: an open file, borrowed.  path is then only its name in messages,
     * and files beside it are not looked for. */
    bool is_open;
    int fd;
    /* What a qcow2 with a backing file stands on, itself a file or open, and no other
     * than what the caller says: the name in the qcow2 is never followed, and without a
     * base it is refused.  NULL: none. */
    const struct imgport_source *base;
};

enum imgport_verdict {
    IMGPORT_ACCEPTED,
    IMGPORT_REFUSED,
    IMGPORT_UNDECIDED,
};

struct imgport_check_options {
    struct imgport_source source;
    const char *profile; /* a name, or a path (has a slash); several with commas between;
                            NULL: the default */
    const char
        *sha256; /* what the file must have, 64 hexadecimal digits; NULL: not asked */
    bool scan;   /* read a remote image whole where its size decides */
    bool force;  /* forced import: cloud-init is not asked for */
    const char *os_type; /* what the request declares; NULL nothing */
    const char *os_version;
    const char *arch;
    const char *license;           /* "BYOL" */
    const char *language;          /* of findings and remedies: "en" (NULL) or "zh" */
    imgport_progress_fn *progress; /* may be NULL */
    void *progress_arg;
};

/* Judges the image by the profile.  0: *ret is the report as JSON (imgport(1) has its
 * shape) and *verdict its verdict; -1: it could not even be tried, and *error says why.
 */
IMGPORT_API int imgport_check(char **ret, enum imgport_verdict *verdict,
                              const struct imgport_check_options *options,
                              struct imgport_error *error);

struct imgport_info_options {
    struct imgport_source source;
    imgport_progress_fn *progress;
    void *progress_arg;
};

/* The facts of the image as JSON.  A container or a filesystem that could not be read is
 * named in them and is no failure. */
IMGPORT_API int imgport_info(char **ret, const struct imgport_info_options *options,
                             struct imgport_error *error);

struct imgport_boot_options {
    struct imgport_source source;
    const char *profile;     /* as of a check, but one */
    bool force;              /* a forced import takes its settings by itself, or not */
    bool quick;              /* kernel and initramfs alone, until the root is mounted */
    const char *accelerator; /* "tcg" (NULL: emulated), "kvm", "probe" */
    unsigned timeout;        /* seconds; 0: 600 */
    unsigned memory;         /* of the machine, MiB; 0: 512 */
    const char *user;        /* who its programs run as, a name or a number, where the
                              * caller is root; NULL: nobody, if root can become that */
    const char *language;    /* of the finding: "en" (NULL) or "zh" */
    imgport_progress_fn *progress;
    void *progress_arg;
};

/* Starts the image on virtual hardware with settings of its own, and says how far it
 * came: accepted when it took them (quick: when it mounted its root), refused when it
 * stopped, undecided when time ran out or nothing could be started.  Needs QEMU.  Nothing
 * is written to the source.  The machine lives no longer than the call, nor than the
 * thread that calls.  *ret is the report as JSON (imgport-boot(1) has its shape). */
IMGPORT_API int imgport_boot(char **ret, enum imgport_verdict *verdict,
                             const struct imgport_boot_options *options,
                             struct imgport_error *error);

enum imgport_run_kind {
    IMGPORT_DATA, /* of a disk: bytes are stored; they may still all be zero */
    IMGPORT_ZERO, /* the container says that they are zero */
    IMGPORT_HOLE, /* nothing is stored; reads as zeros */
    IMGPORT_USED, /* of a filesystem: it has something here */
    IMGPORT_FREE,
};

/* A piece of a disk or of what a filesystem lies on.  Pieces come in order, without gaps,
 * and neighbours differ. */
struct imgport_run {
    enum imgport_run_kind kind;
    uint64_t start, length; /* bytes */
    /* IMGPORT_DATA: where they are stored.  NULL: it is not known. */
    const char *file; /* "" the source itself; else a file beside it, as a VMDK has */
    uint64_t offset;  /* of the first byte in it */
    bool compressed;  /* a stream begins there; more may follow in the same run */
};

struct imgport_map_options {
    struct imgport_source source;
    /* Each is called from the thread that called imgport_map(), and non-zero ends the
     * map, which then fails with code "canceled".  Strings are borrowed. */

    /* Once, first: what imgport_info() tells of the container, its partitions, logical
     * volumes and filesystems, as JSON.  Nothing follows when the container is not
     * taken. */
    int (*layout)(void *arg, const char *facts);
    /* Runs follow: of the filesystem on "partition 1" or "vg/root", or of the whole disk
     * (""), which comes last. */
    int (*list)(void *arg, const char *device);
    int (*run)(void *arg, const struct imgport_run *run);
    /* What is missing in this list is not known, and why. */
    int (*problem)(void *arg, const char *message);
    void *arg;
    imgport_progress_fn *progress;
    void *progress_arg;
};

/* Tells where the bytes of a disk are stored, and which of them its filesystems use, as
 * it is found: nothing is kept, however many runs there are. */
IMGPORT_API int imgport_map(const struct imgport_map_options *options,
                            struct imgport_error *error);

struct imgport_convert_options {
    struct imgport_source source;
    const char *dest;   /* path of the output */
    const char *format; /* "qcow2" (NULL), "raw", "vhd" or "vpc", "vmdk" */
    /* vhd: "dynamic" (NULL), "fixed"; vmdk: "monolithicSparse" (NULL), "streamOptimized"
     */
    const char *subformat;
    const char *compression; /* qcow2: "none" (NULL), "zlib", "zstd" */
    unsigned cluster_size;   /* qcow2: a power of two from 512 to 2 MiB; 0: 64 KiB */
    unsigned threads;        /* 0: one a processor */
    bool overwrite;          /* replace an existing dest */
    bool verify;             /* read the output back and compare it with the source */
    bool checksum;           /* SHA-256 of the source file and of the output */
    bool no_sync;            /* do not wait until the disk has it */
    bool no_reflink; /* share no blocks with the source where the filesystem can */
    /* Bytes of a source that comes only once and has to be kept in a temporary file,
     * since it cannot be read in order; 0: 512 GiB. */
    uint64_t stage_max;
    /* Instead of dest: an open file, empty, readable and writable, borrowed.  dest is
     * then only its name in messages; to sync it is left to the caller, and when the call
     * fails anything may be in it. */
    bool dest_is_open;
    int dest_fd;
    imgport_progress_fn *progress;
    void *progress_arg;
};

/* Writes beside dest under a hidden name, syncs, and renames when it is whole: dest is
 * the old file, no file or the complete image at any moment.  *ret tells sizes as JSON.
 */
IMGPORT_API int imgport_convert(char **ret, const struct imgport_convert_options *options,
                                struct imgport_error *error);

/* The installed profiles as JSON: [{"name": ..., "title": ..., "path": ...}]. */
IMGPORT_API int imgport_profile_list(char **ret, struct imgport_error *error);

/* The text of a profile, by name or path. */
IMGPORT_API int imgport_profile_show(char **ret, const char *name,
                                     struct imgport_error *error);

/* The name of the profile that is used when none is given. */
IMGPORT_API const char *imgport_profile_default(void);

IMGPORT_API void imgport_free(void *p);

IMGPORT_API const char *imgport_version(void);

#ifdef __cplusplus
}
#endif
