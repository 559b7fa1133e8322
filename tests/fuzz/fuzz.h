/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz.h: what every fuzz target is made of
 *
 * A target takes its input straight from memory (block_mem_open), walks what the parser
 * gives with a step budget, so that a hang is a finding too, and repairs checksums where
 * the first input byte asks for it, so that the fuzzer gets past them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
