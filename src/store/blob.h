/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob.h: where the bytes of images and objects are
 *
 * A blob is written once, under a key that nothing had before, appears whole or not at
 * all, and never changes.  What exists is decided by the catalogue: write the blob, then
 * commit its row; delete the row, then the blob.  A blob without a row is an orphan and
 * is swept once it is older than any write can take.
 *
 *     dir:/var/lib/imgportd/objects           a folder (blob_dir.c)
 *     s3://bucket/prefix?endpoint=http://127.0.0.1:7480&style=path
 *                                             S3 or COS (blob_s3.c)
 *
 * Keys are names of [0-9A-Za-z._-] with "/" between them; none begins with a dot.
 * Errors: ERR_NOTFOUND no such blob, ERR_CONFLICT the key is taken (told by a folder
 * only), ERR_IO the store refuses or cannot be reached; sys is ENOSPC when it is full. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    BLOB_KEY_MAX = 200, /* with its NUL */
    /* Younger blobs without a row may still get one; longer than any request. */
    BLOB_STALE_S = 24 * 3600,
};

/* Any thread. */
struct blobs;

struct blobs_options {
    const char *url;
    const char *key_id, *key_secret; /* of s3:// */
    const char *region;              /* of s3://; NULL or "": "us-east-1" */
};

int blobs_open(struct blobs **ret, const struct blobs_options *options, struct err *err);
void blobs_close(struct blobs *b);
void blobs_closep(struct blobs **b);

/* Does the store answer, and may we write to it?  For health checks. */
int blobs_check(struct blobs *b, struct err *err);

bool blob_key_is_valid(const char *key);

/* "<kind>/<2 hex>/<32 hex>": unique, and spread over 256 folders. */
int blob_key_make(char ret[BLOB_KEY_MAX], const char *kind, struct err *err);

/* ---- writing: one thread at a time */

struct blob_writer;

#define BLOB_SIZE_UNKNOWN UINT64_MAX

/* `size` is what will be written in all; commit() refuses anything else.  With
 * BLOB_SIZE_UNKNOWN S3 keeps a part (8 MiB) in memory, else nothing. */
int blob_create(struct blob_writer **ret, struct blobs *b, const char *key, uint64_t size,
                struct err *err);
/* The file that becomes the blob, empty and open for reading and writing, borrowed: who
 * writes into it calls no blob_write(), and commit() takes what is there.  Only with
 * BLOB_SIZE_UNKNOWN; -1: there is none, as in S3. */
int blob_writer_fd(const struct blob_writer *w);
/* After a failure only abort() is left. */
int blob_write(struct blob_writer *w, const void *p, size_t n, struct err *err);
/* Durable once it returns 0.  The writer is gone afterwards, also when it failed. */
int blob_commit(struct blob_writer *w, struct err *err);
void blob_abort(struct blob_writer *w); /* NULL is fine */
void blob_abortp(struct blob_writer **w);

/* ---- reading: one thread at a time for one struct blob */

struct blob;

/* A blob that is open stays readable in a folder when it is deleted, in S3 not. */
int blob_open(struct blob **ret, struct blobs *b, const char *key, struct err *err);
void blob_close(struct blob *o); /* NULL is fine */
void blob_closep(struct blob **o);
uint64_t blob_size(const struct blob *o);
/* Its file, borrowed; -1: it is none. */
int blob_fd(const struct blob *o);
/* Exactly n bytes; ERR_SHORT when they do not lie within it.  S3: what is read in order
 * is fetched ahead, 4 MiB at a time. */
int blob_read(struct blob *o, void *buf, size_t n, uint64_t off, struct err *err);
/* What is read from now on nobody needs again soon: as far as buffers, lengths and
 * offsets are multiples of BLOB_ALIGN it does not go into the page cache. */
void blob_read_once(struct blob *o);
enum { BLOB_ALIGN = 4096 };

/* ---- the rest */

/* Blob `to` with the bytes of `from`, at no cost: each is deleted by itself.
 * ERR_UNSUPPORTED: not here, it has to be copied. */
int blob_link(struct blobs *b, const char *from, const char *to, struct err *err);

/* 0 also when there is none. */
int blob_delete(struct blobs *b, const char *key, struct err *err);

/* Calls fn for every blob whose key begins with `prefix` ("" all), in no order, until it
 * returns a negative number, which is then returned.  fn may delete what it is told of.
 * `age` is in seconds. */
int blob_list(struct blobs *b, const char *prefix,
              int (*fn)(void *arg, const char *key, uint64_t size, uint64_t age,
                        struct err *err),
              void *arg, struct err *err);

/* Gives back what writers left that died without abort(), if older than `age` seconds.
 * A folder needs no age: a writer that lives holds a lock. */
int blobs_sweep_unfinished(struct blobs *b, uint64_t age, struct err *err);
