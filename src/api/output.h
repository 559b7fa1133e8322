/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output.h: a file that appears whole or not at all
 *
 * Written beside its place under a hidden name (".NAME.XXXXXXXX.imgport"), synced, and
 * renamed.  Whatever ends the process, DEST is what it was or the complete new file; a
 * SIGKILL can leave the hidden one behind, everything else removes it. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct output {
    int fd, direct;
    int folder; /* -1: the file is the caller's, and has its name or none */
    bool overwrite;
    bool no_sync;    /* for the caller to set: neither file nor folder is synced */
    uint64_t behind; /* bytes whose way to the disk has begun */
    char name[NAME_MAX + 1]; /* of DEST in its folder */
    char temp[NAME_MAX + 1]; /* "" once renamed or removed */
};

/* ERR_CONFLICT when DEST exists and must not be overwritten; ERR_ARG when it is the
 * source (given as a descriptor), or not a regular file. */
int output_open(struct output *ret, const char *dest, bool overwrite, int source,
                struct err *err);

/* The same with an open file of the caller's, which is not closed, renamed or synced.
 * ERR_ARG when it is not empty, not a regular file, not writable, or the source. */
int output_borrow(struct output *ret, int fd, int source, struct err *err);

/* `written` bytes were written by now: lets the disk begin with them, so that the sync
 * has little left to wait for. */
void output_written(struct output *o, uint64_t written);

/* The file with O_DIRECT, or -1 where its filesystem has no such thing: writing past the
 * page cache costs less, and leaves the sync nothing to do.  Closed with the output. */
int output_direct(struct output *o);

int output_sync(struct output *o, struct err *err);

/* Puts the file in its place. */
int output_commit(struct output *o, struct err *err);

/* Removes what was not committed; closes.  Safe on a zeroed or failed one whose
 * descriptors are -1. */
void output_close(struct output *o);
