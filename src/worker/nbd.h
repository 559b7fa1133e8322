/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nbd.h: a disk as an export of the NBD protocol, read-only, for one client on one socket
 *
 *   server                                   client
 *     │  "NBDMAGIC" "IHAVEOPT" flags  ──────>  │
 *     │  <────────────────  flags              │  newstyle, fixed
 *     │  <────────────────  option ...         │  GO (or EXPORT_NAME) ends these
 *     │  replies  ─────────────────────────>   │
 *     │  <────────────────  request ...        │  READ, DISC
 *     │  simple replies  ──────────────────>   │
 *
 * Of the options LIST, INFO, GO, EXPORT_NAME and ABORT are known, the rest is answered by
 * "unsupported": so replies are never structured, and there is no TLS.  The one export
 * has the empty name.  What would write is answered by EPERM.  See the NBD protocol of
 * the project networkblockdevice, file proto.md.
 *
 * The client is QEMU, which a guest may have taken over: every length has a limit, and
 * nothing is allocated that a client names but the bytes of one read.  Needs no system
 * call but sendmsg() and recvmsg().  Blocks; one thread. */
#pragma once

#include "block/block.h"

enum {
    NBD_READ_MAX = 32 << 20, /* bytes of one request, as the protocol has it by default */
    NBD_OPTION_MAX = 4096,   /* bytes of one option; a name of the protocol fits */
    NBD_OPTIONS_MAX = 64,    /* options before the export is chosen */
    NBD_WRITE_MAX = 32 << 20, /* bytes of a refused write that are read and forgotten */
};

/* Serves until the client leaves (0) or breaks the protocol (ERR_CORRUPT, ERR_LIMIT).  A
 * read of the disk that fails is the client's to hear (EIO), and is told in *trouble
 * [opt], the first one. */
int nbd_serve(int sock, struct block *disk, struct err *trouble, struct err *err);
