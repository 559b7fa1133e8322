/* SPDX-License-Identifier: GPL-2.0-or-later */
/* digest.h: SHA-256 of files, whatever is in them */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "imgport/imgport.h"

enum { DIGEST_TEXT = 65 };

/* A sum under way; one thread at a time. */
struct digest;

int digest_new(struct digest **ret, struct err *err);
void digest_freep(struct digest **d);
int digest_add(struct digest *d, const void *p, size_t n, struct err *err);
/* Once, after the last byte. */
int digest_end(char ret[DIGEST_TEXT], struct digest *d, struct err *err);

/* What is summed: up to n bytes at off to buf; *got 0 is the end. */
struct digest_source {
    int (*read)(void *arg, void *buf, size_t n, uint64_t off, size_t *got,
                struct err *err);
    void *arg;
};

/* The whole of it as hexadecimal digits.  Progress is phase "checksum", done of total
 * bytes, with done starting at *base, which is moved on; ERR_CANCELED when it says so. */
int digest_run(char ret[DIGEST_TEXT], const struct digest_source *source, uint64_t *base,
               uint64_t total, imgport_progress_fn *progress, void *arg, struct err *err);

/* The same of a file. */
int digest_file(char ret[DIGEST_TEXT], int fd, uint64_t *base, uint64_t total,
                imgport_progress_fn *progress, void *arg, struct err *err);

/* Is it 64 hexadecimal digits, of either case? */
bool digest_is_text(const char *text);
