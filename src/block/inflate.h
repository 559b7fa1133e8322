/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inflate.h: compressed clusters of a qcow2, compressed grains of a VMDK
 *
 * A cluster is one raw deflate stream or one or more zstd frames, followed by whatever
 * fills its last sector: "decompression stops when it has produced a cluster of data". So
 * bytes after the stream are fine, and so is a stream that goes on after the cluster is
 * full (QEMU takes both).  A grain is one whole zlib stream with its Adler-32. */
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

/* A whole zlib stream of at most n bytes; *ret_n is how many there were.  False when it
 * is damaged, cut or longer.  The state must come from a pool without zstd. */
bool inflater_run_zlib(struct inflater *i, uint8_t *to, size_t n, size_t *ret_n,
                       struct bytes from);

/* What was inflated for a read of a part of it, by guest offset; least recently used goes
 * first.  Locks internally. */
struct inflate_cache;

int inflate_cache_new(struct inflate_cache **ret, unsigned lines, struct err *err);
void inflate_cache_free(struct inflate_cache *c); /* NULL is fine */

/* n bytes at `at` of what is kept for `guest`; false when nothing is. */
bool inflate_cache_copy(struct inflate_cache *c, uint64_t guest, void *to, size_t n,
                        size_t at);

/* Takes `data`.  Two threads may keep the same thing, which does no harm. */
void inflate_cache_keep(struct inflate_cache *c, uint64_t guest, uint8_t *data);
