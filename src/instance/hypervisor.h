/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hypervisor.h: machines that run, whatever runs them
 *
 * A machine lives in a folder of its own and goes on when its caller dies: whoever comes
 * next adopts it by that folder.  One table of calls; qemu.c is the only driver so far,
 * and the only place that knows its words.
 *
 *     define()  a specification was looked at and the folder is there; nothing runs
 *     start()   it runs: its disk, network, console log and guest agent are connected
 *     adopt()   it ran already
 *     ...       query(), next_event(), stop(), reset(), pause(), resume(), agent()
 *     destroy() it does not run, and nothing of the driver is left but the console's log
 *     close()   we let go of it; what runs goes on
 *
 *     FOLDER/serial.log      what the console said, the latest 512 KiB at least; never
 *                            longer than MACHINE_LOG_MAX.  A start keeps the log of the
 *                            run before as serial.log.old
 *     FOLDER/metadata.sock   ours to listen at: each connection of the guest to
 *                            169.254.0.23:80 or 169.254.169.254:80 becomes a connection
 *                            to it.  May come and go while the machine runs
 *     FOLDER/ else           the driver's
 *
 * A guest is untrusted: it reaches nothing but these two addresses, and whatever it does
 * to the programs that carry it stays within their sandboxes.
 *
 * struct machine locks internally: any thread.  A call waits for another one on the same
 * machine, ten seconds at most but for start(), stop_kindly() and agent(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct hypervisor;
struct machine;

enum {
    MACHINE_LOG_MAX = 1 << 20,
    MACHINE_ID_MAX = 63,
    MACHINE_TEXT_MAX = 255,       /* a word of the specification */
    MACHINE_MEMORY_MIN = 64,      /* MiB */
    MACHINE_MEMORY_MAX = 1 << 20, /* MiB */
    MACHINE_CPUS_MAX = 64,
    MACHINE_DNS_MAX = 2,
    MACHINE_NICE_MAX = 19,
};

/* Emulated unless somebody who knows says otherwise: that /dev/kvm opens proves nothing.
 * ACCELERATOR_PROBE starts a probe once a hypervisor and takes what ran it. */
enum accelerator {
    ACCELERATOR_EMULATED,
    ACCELERATOR_HARDWARE,
    ACCELERATOR_PROBE,
};

/* "emulated", "hardware", "probe"; also "tcg" and "kvm".  False: another word. */
bool accelerator_from_name(enum accelerator *ret, const char *name);
const char *accelerator_name(enum accelerator a);

/* Numbers of users, and of their groups, that nobody else has; first 0: none. */
struct machine_users {
    uint32_t first, last;
};

enum { MACHINE_USERS_MAX = 1 << 20 };

struct hypervisor_options {
    const char *program; /* [opt] what runs machines; NULL: the system's */
    const char *helper;  /* path of imgport-net */
    enum accelerator accelerator;
    const char *user; /* [opt] who the programs that carry a guest run as, a name, or a
                       * number of user and group; only for root.  It needs no access
                       * to the folder nor to any disk */
    bool nobody;      /* without it: nobody, where we are root and can become that */
    struct machine_users users; /* [opt] the same, but another one for each machine */
    const char *uefi;           /* [opt] firmware for FIRMWARE_UEFI; NULL: the system's */
};

enum machine_firmware {
    FIRMWARE_BIOS,
    FIRMWARE_UEFI, /* without memory of boot entries between two starts */
};

/* What the disk stands on.  Its name in the disk's file is never followed. */
enum machine_base {
    BASE_NONE,
    BASE_QCOW2,
    BASE_RAW,
    BASE_NBD, /* a connected socket that speaks NBD, the export without a name */
};

/* Bytes for the machine: a path, or a descriptor that is open already.  Descriptors are
 * borrowed until start() has returned.  All zero: there is no such thing. */
struct machine_file {
    const char *path;
    int fd; /* above 0, when there is no path */
};

/* How the guest is seen from its network.  DHCP hands these out; a guest that has them
 * configured by itself is as well.  All in host byte order; address 0: 10.0.2.15/24, and
 * the gateway 10.0.2.2. */
struct machine_network {
    bool metadata; /* the two addresses answer; else nothing does but ARP and DHCP */
    uint32_t address, gateway;
    unsigned prefix; /* bits of the netmask, 8 to 30 */
    uint32_t dns[MACHINE_DNS_MAX];
};

/* What it may take of the host; 0: no limit. */
struct machine_limits {
    uint64_t disk_bytes, disk_operations; /* a second, read and written together */
    unsigned host_cpus; /* of the host's processors it runs on this many, emulation and
                         * all; which ones is left to chance */
    unsigned nice;      /* others come first, 0 to 19 */
};

struct machine_spec {
    const char *id;     /* letters, digits and '-'; in process lists and messages */
    const char *folder; /* absolute; made (0700) when it is not there */
    const char *uuid;   /* 8-4-4-4-12 */
    unsigned memory;    /* MiB */
    unsigned cpus;
    const char *cpu; /* [opt] the model's name; NULL: the plainest one that x86-64 is */
    bool
        cx16; /* the plainest is to have cmpxchg16b, without which 64-bit Windows stops */
    enum machine_firmware firmware;

    struct machine_file disk; /* a qcow2 that may be written; on virtio */
    enum machine_base base_kind;
    struct machine_file base;         /* never written */
    struct machine_file config_drive; /* [opt] an ISO, as CD-ROM */
    bool disposable;                  /* the disk need not survive a crash of the host */

    uint8_t mac[6];
    struct machine_network network;
    const char *manufacturer, *product; /* [opt] what DMI says */

    /* [opt] Started directly, without loader. */
    struct {
        struct machine_file kernel, initramfs;
        const char *command_line; /* NULL: the disk boots */
    } direct;
    struct machine_limits limits;
    bool once;  /* a reset by the guest ends the machine */
    bool bound; /* it dies with the thread that started it, however that dies */
};

enum machine_state {
    MACHINE_OFF,
    MACHINE_RUNNING,
    MACHINE_PAUSED,
    MACHINE_FULL,   /* it stands still: there is no room for what its disk was to take.
                     * resume() tries again */
    MACHINE_BROKEN, /* it is there, but stands still or does not answer; see `word` */
};

struct machine_status {
    enum machine_state state;
    int pid;          /* 0: off */
    bool network_up;  /* the helper runs */
    const char *word; /* the driver's own word for the state; constant */
};

enum machine_event_kind {
    MACHINE_SHUT_DOWN,  /* the machine ends */
    MACHINE_RESET,      /* it starts anew */
    MACHINE_DISK_ERROR, /* the disk failed; see MACHINE_FULL */
    MACHINE_GONE, /* the last one: it does not run any more.  Without MACHINE_SHUT_DOWN
                   * before it: killed, or crashed */
};

struct machine_event {
    enum machine_event_kind kind;
    bool by_guest; /* the guest did it, else somebody out here */
    bool by_reset; /* of MACHINE_SHUT_DOWN: a reset, where one ends it (`once`) */
};

enum machine_stop {
    STOP_ASK,   /* presses the power button; the guest may be deaf.  Does not wait */
    STOP_FORCE, /* returns when it is gone */
};

/* The table. */
struct hypervisor_driver {
    const char *name;
    const char *program, *uefi; /* where a system has them */
    /* Does a machine run with h's accelerator? */
    int (*probe)(struct hypervisor *h, struct err *err);
    int (*define)(struct machine **ret, struct hypervisor *h,
                  const struct machine_spec *spec, struct err *err);
    int (*start)(struct machine *m, struct err *err);
    int (*adopt)(struct machine **ret, struct hypervisor *h, const char *folder,
                 struct err *err);
    int (*end)(struct hypervisor *h, const char *folder, struct err *err);
    int (*query)(struct machine_status *ret, struct machine *m, struct err *err);
    int (*stop)(struct machine *m, enum machine_stop how, struct err *err);
    int (*reset)(struct machine *m, struct err *err);
    int (*pause)(struct machine *m, bool paused, struct err *err);
    int (*event_fd)(const struct machine *m);
    int (*next_event)(struct machine_event *ret, struct machine *m, struct err *err);
    int (*agent)(int *ret, struct machine *m, struct err *err);
    int (*destroy)(struct machine *m, struct err *err);
    void (*close)(struct machine *m);
};

/* One phrase each of what machines could not use of these; `fault` false: some machines
 * only.  Tries as their user where it may; asks the host for its accounts. */
typedef void hypervisor_say(void *arg, bool fault, const char *phrase);
/* How many faults there are.  For a process with one thread. */
unsigned hypervisor_check(const struct hypervisor_options *options, hypervisor_say *say,
                          void *arg);

/* Looks for the programs, and probes where that was asked for (up to half a minute).
 * Outlives its machines; any thread. */
int hypervisor_open(struct hypervisor **ret, const struct hypervisor_options *options,
                    struct err *err);
void hypervisor_close(struct hypervisor *h);
void hypervisor_closep(struct hypervisor **h);
/* EMULATED or HARDWARE. */
enum accelerator hypervisor_accelerator(const struct hypervisor *h);

/* ERR_ARG when the specification is not one.  Of `spec` everything is copied but the
 * descriptors. */
int machine_define(struct machine **ret, struct hypervisor *h,
                   const struct machine_spec *spec, struct err *err);

/* ERR_CONFLICT when something runs in the folder.  On failure nothing runs.  May be
 * called again when the machine is off, unless descriptors are gone by then. */
int machine_start(struct machine *m, struct err *err);

/* 1: *ret is the machine that runs in `folder`.  0: none does, and what one left behind
 * was tidied up.  Negative: could not look, or something runs that does not answer
 * (ERR_CONFLICT): machine_end() ends that. */
int machine_adopt(struct machine **ret, struct hypervisor *h, const char *folder,
                  struct err *err);

/* Kills whatever runs in the folder, answering or not. */
int machine_end(struct hypervisor *h, const char *folder, struct err *err);

int machine_query(struct machine_status *ret, struct machine *m, struct err *err);
/* Nothing to do is success. */
int machine_stop(struct machine *m, enum machine_stop how, struct err *err);
int machine_reset(struct machine *m, struct err *err);
/* A paused machine has written all it holds: its disk is as after a loss of power at
 * that moment, and may be read. */
int machine_pause(struct machine *m, struct err *err);
int machine_resume(struct machine *m, struct err *err);

/* Asks, waits, and forces when `patience_ms` are over, or when the machine cannot hear
 * it: it is FULL, or has been BROKEN for some seconds.  *forced [opt] says which it was.
 * Events met meanwhile stay to be read.  `still_wanted` [opt] is called some times a
 * second; negative, with *err set, gives up waiting and leaves the machine as it is. */
struct machine_patience {
    unsigned patience_ms;
    int (*still_wanted)(void *arg, struct err *err);
    void *arg;
};
int machine_stop_kindly(struct machine *m, const struct machine_patience *patience,
                        bool *forced, struct err *err);

/* For poll(): readable when next_event() may have something to say.  Always the same. */
int machine_event_fd(const struct machine *m);
/* 1: *ret is the next one: ask again.  0: none for now.  Never waits.  Who calls it also
 * keeps the machine (a helper that died is replaced, what hangs at its end is killed), so
 * call it every few seconds whether or not there is something to read. */
int machine_next_event(struct machine_event *ret, struct machine *m, struct err *err);

/* A connection to the guest agent's port, for agent.h; it waits for nobody. */
int machine_agent(int *ret, struct machine *m, struct err *err);

int machine_destroy(struct machine *m, struct err *err);
void machine_close(struct machine *m);
void machine_closep(struct machine **m);
