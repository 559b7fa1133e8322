/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_console.c: what a guest says on its console
 *
 * The first byte is the size of the pieces that it comes in.  What is kept has its limits
 * and can be printed; stages never fall but from a root that proves to be none, and the
 * nonce comes from nowhere. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "instance/console.h"

static void check_line(const struct console_line *l)
{
    size_t n = strnlen(l->text, sizeof l->text);

    assert(n > 0 && n < sizeof l->text);
    for (size_t i = 0; i < n; i++)
        assert((unsigned char)l->text[i] >= ' ' && l->text[i] != 0x7f);
}

static void check(const struct console *c)
{
    assert(c->stage < CONSOLE_STAGE_MAX && c->stop < CONSOLE_STOP_MAX);
    assert(*console_stage_name(c->stage) && *console_stop_name(c->stop));
    assert(c->evidence_n <= CONSOLE_EVIDENCE_MAX && c->line_n <= CONSOLE_LINE_MAX);
    assert(c->line_told <= c->evidence_n && (!c->has_nonce || c->has_settings));
    for (size_t i = 0; i < c->evidence_n; i++)
        check_line(&c->evidence[i]);
    for (size_t i = 0; i < c->tail_n && i < CONSOLE_TAIL_MAX; i++)
        check_line(&c->tail[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct console *c = malloc(sizeof *c);
    size_t step = size ? data[0] + 1u : 1;

    assert(c);
    console_init(c, "0f3c9a77b2d14e58", "imgport-0f3c9a77");
    for (size_t i = 1; i < size; i += step) {
        enum console_stage before = c->stage;
        size_t n = step < size - i ? step : size - i;

        console_take(c, bytes_of(data + i, n), (double)i);
        assert(c->stage >= before ||
               (before == CONSOLE_ROOT && c->stage >= CONSOLE_KERNEL));
    }
    check(c);
    free(c);
    return 0;
}
