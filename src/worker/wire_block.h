/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire_block.h: the worker's end of the socket, and a source that is read through it
 *
 * Any thread, several at a time: of those that wait for an answer one receives, and hands
 * the others what is theirs. */
#pragma once

#include "base/buf.h"
#include "base/bytes.h"
#include "block/block.h"
#include "worker/wire.h"

/* Sends a frame; whoever cannot be told anything any more is left (exit 3). */
void wire_say(uint8_t type, const void *p, size_t n);

struct wire_answer {
    uint8_t type;
    struct bytes payload; /* behind the number */
    int fd;               /* -1: none came along; else the caller's to close */
    struct buf buf;       /* holds the payload */
};

/* Asks a question of n bytes (WIRE_NAME_MAX at most), which gets its number here, and
 * waits for the answer; wire_answer_fini() lets go of it. */
int wire_ask(struct wire_answer *ret, uint8_t type, const void *p, size_t n,
             struct err *err);
void wire_answer_fini(struct wire_answer *a);

/* What a NO_FILE says, as an error. */
int wire_no(const struct wire_answer *a, struct err *err);

/* A block of `size` bytes that the broker reads for us. */
int wire_block_open(struct block **ret, uint64_t size, struct err *err);
