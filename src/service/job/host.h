/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.h: this daemon as the host of a zone: the machines that run here
 *
 *     FOLDER/images/KEY            what disks stand on: a second name of the blob's file
 *                                  where that is possible, else a copy
 *     FOLDER/ins-xxxxxxxx/         one machine (instance/hypervisor.h)
 *        disk.qcow2  drive.iso     its overlay, and its settings as a CD-ROM
 *
 * Machines outlive the daemon.  A thread adopts those that run when it starts, answers
 * for their metadata, and looks after all of them: one that is gone, whoever ended it, is
 * told in the catalogue as STOPPED, unless a task works on it.  A machine whose disk
 * there is no room for stands still, which is told as well, and goes on when there is
 * room.  One that does not answer is asked less and less often, so that it does not
 * hold up the looks at others.
 *
 * Any thread; two tasks never have the same instance. */
#pragma once

#include <limits.h>

#include "instance/hypervisor.h"
#include "service/call.h"
#include "store/blob.h"
#include "store/instance.h"

struct host;

/* A phrase each of what machines could not use of it; how many of them are faults. */
unsigned host_check(const struct config *config,
                    void (*say)(void *arg, bool fault, const char *phrase), void *arg);

/* What runs already is adopted before this returns. */
int host_start(struct host **ret, struct service *s, struct err *err);
/* Machines go on.  NULL is fine. */
void host_stop(struct host *h);

/* Paths of an instance; `name` NULL: its folder. */
int host_path(char ret[PATH_MAX], const struct host *h, const char *id, const char *name,
              struct err *err);

/* -- what disks stand on */

/* The blob as a file that stays as long as a disk stands on it; its path.  goes_on [opt]
 * is asked while it is fetched, or another's fetch of it is waited for; negative with
 * *err set ends that. */
int host_base(char ret[PATH_MAX], struct host *h, const char *blob,
              int (*goes_on)(void *arg, struct err *err), void *arg, struct err *err);
/* Away with it, if nothing stands on it any more. */
void host_base_drop(struct host *h, const char *blob);

/* -- machines */

/* A new machine on the disk and the drive that lie in its folder; what ran there before
 * is ended.  goes_on: as host_base(). */
int host_boot(struct host *h, const struct instance *i,
              int (*goes_on)(void *arg, struct err *err), void *arg, struct err *err);

/* 1: it runs, and *ret is borrowed until host_give(); it is adopted if need be.  0: it
 * does not run. */
int host_take(struct machine **ret, struct host *h, const struct instance *i,
              struct err *err);
void host_give(struct host *h, const struct machine *m);

/* Ends it if it runs, at once. */
int host_kill(struct host *h, const char *id, struct err *err);
/* The machine is off: nothing more is to be kept of it but its folder. */
void host_forget(struct host *h, const char *id);
/* And the folder. */
int host_clear(struct host *h, const char *id, struct err *err);
