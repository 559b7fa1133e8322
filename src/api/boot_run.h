/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot_run.h: a start, watched: a machine on an overlay that nobody keeps, over a disk
 * that a worker serves, with settings that hold a nonce
 *
 *   imgport-worker ──NBD──> the machine's disk ──> an overlay without a name
 *                           its console ──> console.h
 *
 * Nothing is written to the source, and all that the machine writes is gone with it:
 * files have no names, and the folder with its sockets is removed.  Somebody who kills us
 * with SIGKILL leaves that folder, without a byte of the image in it, until the next
 * start (boot_folder.h); the machine dies with the thread that called. */
#pragma once

#include "api/boot_verdict.h"
#include "api/session.h"
#include "instance/hypervisor.h"

struct boot_plan {
    const struct session_source *source;
    const char *format; /* as of struct imgport_source */
    uint64_t disk_size;
    bool uefi;
    const char *cpu;  /* NULL: the plainest */
    unsigned memory;  /* MiB */
    unsigned timeout; /* seconds */
    enum accelerator accelerator;
    const char *user; /* as of struct imgport_boot_options */
    bool cloud_init;  /* it starts: it may take a while behind the login */
    /* With a command line a quick start: kernel and initramfs are open files. */
    const char *command_line;
    int kernel, initramfs; /* -1: none */
    imgport_progress_fn *progress;
    void *progress_arg;
};

struct boot_run {
    struct console console;
    enum boot_end end;
    double seconds;
    enum accelerator accelerator;
    char trouble[ERR_MSG_MAX]; /* a part of the disk that could not be read; "" none */
};

/* Negative: it could not be started, or was canceled. */
int boot_run(struct boot_run *ret, const struct boot_plan *plan, struct err *err);
