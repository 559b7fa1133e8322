/* SPDX-License-Identifier: GPL-2.0-or-later */
/* console.h: how far a start came, told by what a machine says on its serial console
 *
 *   firmware ─ loader ─ kernel ─ initramfs ─ root ─ userland ─ login
 *                                                        └──────────── settings
 *
 * Bytes go in as they come, in pieces of any size; escape sequences are dropped, and
 * lines compared with a table of what the programs of that way are known to print.  A
 * stage implies those before it: with `quiet` a kernel says little, and some say nothing.
 * None is taken back, but for a root that has no init.
 * Lines that told something are kept as evidence.
 *
 * The guest says what it likes: all that it can gain is a wrong verdict over itself, and
 * not that its settings were taken, which needs a word that only these hold.
 *
 * Pure; memory is fixed.  One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum console_stage {
    CONSOLE_SILENT,
    CONSOLE_FIRMWARE,
    CONSOLE_LOADER,
    CONSOLE_KERNEL,
    CONSOLE_INITRAMFS,
    CONSOLE_ROOT, /* the root filesystem is mounted */
    CONSOLE_USERLAND,
    CONSOLE_LOGIN, /* somebody may log in */
    CONSOLE_STAGE_MAX,
};

/* Where it stands still, or will. */
enum console_stop {
    CONSOLE_GOES_ON,
    CONSOLE_NO_BOOT,        /* the firmware finds nothing to start */
    CONSOLE_LOADER_FAILED,  /* the loader asks what to do */
    CONSOLE_KERNEL_FAILED,  /* panic */
    CONSOLE_KERNEL_FAULT,   /* panic that may be the machine's fault */
    CONSOLE_KERNEL_NO_ROOT, /* panic: no root filesystem, without an initramfs */
    CONSOLE_NO_ROOT,        /* the initramfs does not find the root filesystem */
    CONSOLE_EMERGENCY,      /* systemd, or what mounts filesystems, gave up */
    CONSOLE_STOP_MAX,
};

/* Words for both: "initramfs", "no-root". */
const char *console_stage_name(enum console_stage s);
const char *console_stop_name(enum console_stop s);

enum {
    CONSOLE_LINE_MAX = 400, /* bytes of a line that are looked at */
    CONSOLE_EVIDENCE_MAX = 32,
    CONSOLE_TAIL_MAX = 8, /* the last lines, whatever they say */
    CONSOLE_WORD_MAX = 64,
};

struct console_line {
    double at;                       /* seconds, as the caller counts them */
    char text[CONSOLE_LINE_MAX + 1]; /* printable */
};

struct console {
    enum console_stage stage;
    enum console_stop stop; /* taken back when it goes on after all */
    bool has_nonce;
    bool has_settings;       /* the nonce was seen, or the host name at a login prompt */
    bool cloud_init_runs;    /* it said something */
    bool cloud_init_done;    /* it said its last line */
    bool cloud_init_nothing; /* ... and that it found no settings */
    bool waited_for_device;  /* systemd, in vain */
    struct console_line evidence[CONSOLE_EVIDENCE_MAX], tail[CONSOLE_TAIL_MAX];
    size_t evidence_n, tail_n; /* of the tail, all that came: the last is tail_n - 1 */

    char nonce[CONSOLE_WORD_MAX], hostname[CONSOLE_WORD_MAX];
    char line[CONSOLE_LINE_MAX];
    size_t line_n;
    size_t line_told; /* its number among the evidence, from 1; 0: it is none */
    int escape;       /* within an escape sequence: which part of it */
};

/* `nonce` and `hostname` are what only the settings say, "" nothing; letters and digits
 * and '-'. */
void console_init(struct console *c, const char *nonce, const char *hostname);

/* It starts anew, from its firmware on: what was seen of the settings stays, as does the
 * evidence. */
void console_restart(struct console *c, double at);

/* `at`: seconds since the start, not falling. */
void console_take(struct console *c, struct bytes said, double at);
