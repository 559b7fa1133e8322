/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metadata.h: the metadata service of every instance on this host, by one thread
 *
 *     guest ── virtio ── QEMU ── imgport-net ──► FOLDER/metadata.sock ──► this
 *
 * Which instance asks follows from the socket alone, so no request can name another.
 * Each connection of a guest is one to the socket and takes one request.
 *
 *     a head               8 KiB, within 5 s; a body is refused
 *     an answer            is taken within 10 s
 *     the end              is the guest's to make, for 2 s: imgport-net keeps what we
 *                          close first for as long as TCP would
 *     connections          32 an instance; 200 a second after a burst of 400.  What is
 *                          more waits in the socket's queue, and then in imgport-net,
 *                          which is the guest's own
 *
 * Locks internally. */
#pragma once

#include "instance/settings.h"

enum {
    METADATA_CONNECTIONS_MAX = 32,
    METADATA_RATE = 200, /* requests a second */
    METADATA_BURST = 400,
    METADATA_HEAD_MS = 5000,
    METADATA_ANSWER_MS = 10000,
    METADATA_LINGER_MS = 2000,
};

#define METADATA_SOCKET "metadata.sock" /* in the instance's folder */

struct metadata;

int metadata_start(struct metadata **ret, struct err *err);
/* Sockets stay in their folders, and refuse until a daemon adds the instances again. */
void metadata_end(struct metadata *m);

/* Answers on FOLDER/metadata.sock by these settings, which are not kept.  An instance
 * (settings' id) that is there already has the new ones from its next request on.  A
 * socket left by an earlier daemon is replaced; it belongs to whom the folder belongs,
 * and to nobody else. */
int metadata_add(struct metadata *m, const char *folder,
                 const struct instance_settings *s, struct err *err);
/* Ends its connections and removes its socket.  One that is unknown is no mistake. */
void metadata_remove(struct metadata *m, const char *id);
