/* SPDX-License-Identifier: GPL-2.0-or-later */
/* look.h: facts of a source, as imgport_check(), imgport_info() and imgport_boot() get
 * them */
#pragma once

#include "api/session.h"
#include "guest/facts.h"

struct look {
    const struct imgport_source *source;
    uint64_t size_limit, size_stop; /* as inspect_options */
    bool scan;                      /* also a remote source, for its size */
    const char *sha256;             /* what the file must have; NULL */
    /* [opt] Empty files for what the default boot entry starts: worker/start.h. */
    bool files;
    int kernel, initramfs;
    imgport_progress_fn *progress;
    void *progress_arg;
};

/* Facts of the source, whatever happened: what could not be done is one of their
 * problems.  Negative only for usage, cancellation and memory.
 *
 * `opened` [opt] gets the open source, the caller's to close, also when this fails; with
 * neither file nor `remote` it could not be opened. */
int look_run(struct facts *ret, struct session_source *opened, struct arena *a,
             const struct look *l, struct err *err);
