/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2_inflate.h: compressed clusters
 *
 * A cluster is one raw deflate stream or one or more zstd frames, followed by whatever
 * fills its last sector: "decompression stops when it has produced a cluster of data". So
 * bytes after the stream are fine, and so is a stream that goes on after the cluster is
 * full (QEMU takes both). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/* States that inflating needs, kept for the next call: as many as threads were ever
 * inflating at once.  Locks internally, inflates outside of the lock. */
struct inflate_pool;

int inflate_pool_new(struct inflate_pool **ret, bool zstd, struct err *err);
void inflate_pool_free(struct inflate_pool *p); /* NULL is fine */

/* One state, for this thread alone until it is given back. */
struct inflater;

int inflater_take(struct inflater **ret, struct inflate_pool *p, struct err *err);
void inflater_give(struct inflate_pool *p, struct inflater *i);

/* Room for n bytes of input that stays with the state, or NULL (out of memory). */
uint8_t *inflater_input(struct inflater *i, size_t n);

/* Fills all n bytes of `to`; false when the stream is damaged or too short. */
bool inflater_run(struct inflater *i, uint8_t *to, size_t n, struct bytes from);
