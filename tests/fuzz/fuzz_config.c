/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/fuzz.h"
#include "service/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    const struct config *c;
    struct err err = {0};

    (void)config_parse(&c, &a, "fuzz", bytes_of(data, size), &err);
    arena_fini(&a);
    return 0;
}
