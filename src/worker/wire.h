/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire.h: what broker and worker say to each other
 *
 *   broker                                worker
 *     │  REQUEST {"job": ...}  ──────────>  │  enters the sandbox
 *     │  <──────────  STEP, PROGRESS  ...   │
 *     │  <───────── SIBLING 1 "disk-f001"   │  a VMDK names an extent
 *     │  FILE 1 + descriptor, or NO_FILE ─> │
 *     │  <─────────── READ 2 offset, length │  of a source that is no file there
 *     │  <─────────── READ 3 offset, length │  another thread's
 *     │  DATA 3, or NO_FILE  ────────────>  │  in any order
 *     │  DATA 2, or NO_FILE  ────────────>  │
 *     │  <──────────  LAYOUT, LIST, RUNS ...│  a map, as it is found
 *     │  <──────────  STAGE 4               │  what comes has to be a file
 *     │  FILE 4 + descriptor, or NO_FILE ─> │  empty, for reading and writing
 *     │  <──────────  FACTS | RESULT | ERROR│  and exits
 *
 * Every question begins with a number of the worker's choice, and so does its answer.
 * Frames of base/frame.h on one socketpair.  The broker believes nothing: every payload
 * has a limit, JSON is decoded strictly, a name is one plain component.
 *
 * REQUEST  {"job": "inspect", "format": "vhd", "siblings": true, "size_limit": N,
 *           "size_stop": N}
 *          {"job": "convert", "format": "vhd", "siblings": true, "output": "vmdk",
 *           "kind": "streamOptimized", "name": "disk.vmdk", "compression": "zlib",
 *           "cluster": 0, "clone_unit": 4096, "threads": 2, "verify": false,
 *           "direct": false}
 *          {"job": "map", "format": "vhd", "siblings": true}
 *          {"job": "mend", "format": "qcow2", "siblings": true, "size": N,
 *           "backing": "/images/img.qcow2", "backing_format": "qcow2"}
 *          size 0: as large as the source
 *          {"job": "start", ...} as inspect, and the kernel to WIRE_OUTPUT, the initramfs
 *          to WIRE_DIRECT
 *          {"job": "serve", "format": "vhd", "siblings": true}
 *          of "mend" and "convert" also "edits": {...} of mend/edit_json.h, and of all
 *          "base": "qcow2", the format of what the source stands on ("" not declared)
 *          and for each "remote": N, the size of a source that is read by READ;
 *          of a conversion "stage_max": N, bytes that a STAGE file may get, and
 *          "stream": true, the source is a pipe
 *          format "" is not declared; the sizes as in inspect_options; kind and
 *          compression "", cluster and threads 0: as usual; clone_unit 0: blocks are not
 *          shared
 * RESULT   {"source_format", "kind", "compression", "virtual_size", "data_bytes",
 *           "file_size", "cloned_bytes"}
 *          {"size"} of mend; of it and a conversion with edits also
 *          "mended": {"outcome": "done", "why": "", "changed": N}
 *          {} of a map; {"trouble": ""} of serve, the first read that failed
 * LIST     {"device": "partition 1", "files": []}   areas of a filesystem follow in RUNS
 *          {"device": "disk", "files": []}          likewise, where it has no partitions
 *          {"device": "", "files": ["disk-f001"]}   extents of the disk follow
 *          {"problem": "..."}                       the list could not be finished
 * RUNS     records of WIRE_RUN_SIZE, in order and without gaps, numbers little-endian:
 *            u64 start, u64 length, u64 where
 *            u16 file: 0 none, 1 the source, 2 the first of "files", ...
 *            u8  kind: enum wire_run_kind, u8 1 when compressed
 * error    {"code": "corrupt", "sys": 0, "message": "..."} */
#pragma once

enum wire_fd {
    WIRE_SOCKET = 3, /* numbers of the descriptors the worker starts with */
    WIRE_SOURCE = 4,
    WIRE_OUTPUT =
        5, /* convert, mend and start only; of serve, the socket of its client */
    WIRE_DIRECT = 6, /* it again with O_DIRECT, when the request says so; see start */
    WIRE_BASE = 7,   /* what the source stands on, when the request says so */
    WIRE_FDS_END,
};

enum wire_type {
    WIRE_REQUEST = 'Q',  /* JSON */
    WIRE_STEP = 'S',     /* name of what is looked at now */
    WIRE_PROGRESS = 'P', /* 3 x u64 little-endian: done, total, written */
    WIRE_SIBLING = 'X',  /* number, a file name */
    WIRE_STAGE = 'W',    /* number; FILE has the name of its folder behind it */
    WIRE_FILE = 'D',     /* number; the descriptor rides along */
    WIRE_NO_FILE = 'N',  /* number, JSON error: to any question */
    WIRE_READ = 'G',     /* number, u64 offset, u32 length, little-endian */
    WIRE_DATA = 'B',     /* number, so many bytes */
    WIRE_LAYOUT = 'L',   /* JSON of facts_json.h: the beginning of a map */
    WIRE_LIST = 'T',     /* JSON: what the runs that follow are of */
    WIRE_RUNS = 'V',     /* a piece of a list */
    WIRE_FACTS = 'F',    /* JSON of facts_json.h: the end of an inspection */
    WIRE_RESULT = 'R',   /* JSON: the end of a conversion or a map */
    WIRE_ERROR = 'E',    /* JSON error: the end of any */
};

enum wire_run_kind {
    WIRE_RUN_DATA, /* of a disk: as enum extent_kind */
    WIRE_RUN_ZERO,
    WIRE_RUN_HOLE,
    WIRE_RUN_USED, /* of a filesystem */
    WIRE_RUN_FREE,
};

enum {
    WIRE_REQUEST_MAX = 1 << 20, /* with the files that are to be written */
    WIRE_NAME_MAX = 255,
    WIRE_PROGRESS_SIZE = 24,
    WIRE_REPORT_MAX = 32 << 20, /* any frame from the worker */
    WIRE_VALUES_MAX = 1 << 19, /* JSON values in a report: each takes the broker memory */
    WIRE_ERROR_MAX = 8192,     /* any frame to it but data */
    WIRE_NUMBER = 4,           /* bytes, little-endian */
    WIRE_READ_SIZE = WIRE_NUMBER + 12,
    WIRE_DATA_MAX = 1 << 20, /* bytes of an answer */
    WIRE_READS_MAX = 32,     /* questions of this kind without an answer */
    /* Threads of a conversion that reads so: they wait more than they work. */
    WIRE_READERS = 8,
    WIRE_RUN_SIZE = 28,
    WIRE_RUNS_MAX = 1024, /* records in one frame */
    WIRE_FILES_MAX = 300, /* extents of one VMDK, and our own descriptors */
};

/* What a worker may use.  Address space counts thread stacks and libraries too. */
#define WIRE_CHECK_MEMORY   (512ull << 20)
#define WIRE_CONVERT_MEMORY (1024ull << 20)
enum {
    WIRE_CHECK_CPU = 60, /* seconds */
    WIRE_MEND_CPU = 120,
    WIRE_SERVE_CPU = 1800,
    /* When zeros are looked for, one second more for each so many bytes of the file;
     * reading costs a tenth of that. */
    WIRE_SCAN_BYTES_A_SECOND = 256 << 20,
};
