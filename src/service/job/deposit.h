/* SPDX-License-Identifier: GPL-2.0-or-later */
/* deposit.h: blobs as files, and files into blobs, for what reads and writes files only
 */
#pragma once

#include "service/job/job.h"

enum { DEPOSIT_SHA256 = 65, DEPOSIT_MD5 = 33 };

/* A blob as an open file: its own where it has one, else a copy without a name. */
struct deposit_file {
    struct blob *blob;
    int copy; /* -1: none */
    int fd;   /* borrowed from one of them */
};

#define DEPOSIT_FILE_NONE    \
    {                        \
        .copy = -1, .fd = -1 \
    }

int deposit_open(struct deposit_file *ret, struct job *j, const char *key,
                 struct err *err);
void deposit_file_close(struct deposit_file *f);

/* A blob being made by what writes files only. */
struct deposit {
    struct blob_writer *writer;
    char key[BLOB_KEY_MAX];
    int copy; /* -1: the blob's own file is written */
    int fd;   /* empty, for reading and writing; borrowed from one of them */
};

#define DEPOSIT_NONE         \
    {                        \
        .copy = -1, .fd = -1 \
    }

int deposit_begin(struct deposit *ret, struct job *j, const char *key, struct err *err);
/* What is in the file now becomes the blob.  Its sum is "" where that would be all that
 * it were read for. */
int deposit_commit(uint64_t *ret_size, char ret_sha256[DEPOSIT_SHA256], struct deposit *d,
                   struct job *j, struct err *err);
/* The same with the MD5 that an object has; this is told as progress. */
int deposit_commit_object(uint64_t *ret_size, char ret_sha256[DEPOSIT_SHA256],
                          char ret_md5[DEPOSIT_MD5], struct deposit *d, struct job *j,
                          struct err *err);
/* Instead of deposit_begin(): what is in `fd` will be the blob. */
int deposit_take_file(struct deposit *ret, int fd, const char *key, struct err *err);
/* The sums of a blob that is there; ret_md5 NULL: not wanted.  How far it is goes to
 * told(). */
int deposit_sum(char ret_sha256[DEPOSIT_SHA256], char ret_md5[DEPOSIT_MD5],
                struct blob *blob, struct job *j,
                void (*told)(struct job *j, int64_t done, int64_t total),
                struct err *err);
/* Leaves nothing of what was not committed. */
void deposit_close(struct deposit *d);
