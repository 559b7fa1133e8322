/* SPDX-License-Identifier: GPL-2.0-or-later */
/* broker.h: starts a worker, gives it what it may touch, and takes its report
 *
 * The broker opens names and parses no image byte.  Any thread, several jobs at once; a
 * job keeps its calling thread until the worker is gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "api/remote.h"
#include "base/err.h"

struct broker_progress {
    const char *step; /* what the worker says it is at; "" before it said anything */
    uint64_t done, total, written;
};

struct broker_job {
    const json_t *request; /* wire.h; borrowed */
    int source;            /* descriptor, open for reading; borrowed; -1: none */
    bool may_stage;        /* it may ask for one file of stage.h */
    /* [opt] Of a stream: does the worker wait for what is not there yet? */
    bool (*is_starved)(void *arg);
    void *starved_arg;
    struct remote *remote; /* [opt] instead of it; the request says its size; borrowed */
    /* [opt] Takes the pieces of a map: LAYOUT, LIST and RUNS; negative ends the job. */
    int (*piece)(void *arg, uint8_t type, const struct buf *payload, struct err *err);
    void *piece_arg;
    int folder; /* where siblings may be opened; -1: nowhere */
    int output; /* descriptor, open for writing; -1: none */
    int direct; /* the same file with O_DIRECT, as the request says; -1: none */
    int base;   /* what the source stands on, as the request says; 0: nothing */
    /* [opt] Called at least five times a second; non-zero kills the worker. */
    int (*progress)(void *arg, const struct broker_progress *p);
    void *progress_arg;
};

enum broker_end {
    BROKER_REPORT, /* *ret is the worker's FACTS or RESULT */
    BROKER_ERROR,  /* the worker said why it could not: *err holds its words */
    BROKER_DEAD,   /* it died; *err names the step */
};

struct broker_result {
    enum broker_end end;
    json_t *json;  /* BROKER_REPORT: a new reference; else NULL */
    char step[64]; /* the last one */
};

/* 0 with ret->end BROKER_REPORT.  Negative: ret->end tells whose words *err are; when the
 * job could not even be started or was canceled, ret->end is BROKER_ERROR. */
int broker_run(struct broker_result *ret, const struct broker_job *job, struct err *err);

/* JSON of the worker, bounded in what it takes to hold; a new reference in *ret. */
int broker_parse(json_t **ret, const struct buf *b, struct err *err);

/* Opens a source by path and the folder it lies in (-1 for a block device: nothing beside
 * it is an extent).  Descriptors are the caller's.  Refuses what is neither a regular
 * file nor a block device, without opening it. */
int broker_open_source(int *ret_fd, int *ret_folder, const char *path, struct err *err);
