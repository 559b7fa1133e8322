/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings.h: what an instance is told about itself, and the documents that say so
 *
 *     struct instance_settings
 *        │
 *        ├─ settings_drive()        files of the config drive ──► config_drive.h
 *        │     openstack/latest/{meta_data,network_data,vendor_data}.json, user_data
 *        │     qcloud_action/{os.conf,authorized_keys}   images imported by force
 *        ├─ settings_tree()         every path of the metadata service ──►
 * settings_find() └─ settings_network_ini()  what the guide of 2016 had written into the
 * image
 *
 * Everything here is a pure function of the settings: no files, no time, no chance.  What
 * they make lives in the arena that is passed, and takes nothing from the settings that
 * it does not copy.  Any thread.
 *
 * cloud-init compares the instance-id of its last start with the one it is told.  Only a
 * new one makes it apply password, keys and address again, so `incarnation` is new
 * whenever the disk is; it is never the UUID of the machine (SMBIOS), since cloud-init
 * takes that for "nothing has changed, do not even look". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

enum {
    SETTINGS_DNS_MAX = 3,           /* what a resolver reads of resolv.conf */
    SETTINGS_KEYS_MAX = 16,         /* SSH keys */
    SETTINGS_KEY_MAX = 16 << 10,    /* bytes of one */
    SETTINGS_TEXT_MAX = 256,        /* bytes of an id, a word */
    SETTINGS_NAME_MAX = 512,        /* of what its owner calls it: 128 characters */
    SETTINGS_USER_DATA_MAX = 16384, /* decoded */
    SETTINGS_HOSTNAME_MAX = 60,
    SETTINGS_GROUPS_MAX = 10, /* security groups */
    SETTINGS_PATH_MAX = 512,  /* longer ones name nothing */
};

struct ssh_key {
    const char *name;
    const char *text; /* one line of authorized_keys */
};

/* What is marked [opt] may be NULL, "" or 0: it is then left out everywhere.
 *
 * The one network card.  Addresses are dotted quads. */
struct instance_net {
    const char *mac;     /* "52:54:00:bf:b3:51", any case */
    bool dhcp;           /* the guest is to ask; the rest is then only told, not set */
    const char *ip;      /* [opt] with dhcp only, like mask */
    const char *mask;    /* "255.255.255.0" */
    const char *gateway; /* [opt] */
    const char *dns[SETTINGS_DNS_MAX];
    size_t n_dns;
    const char *public_ip;          /* [opt] */
    const char *vpc_id, *subnet_id; /* [opt] */
};

struct instance_settings {
    const char *id;          /* "ins-3g445roi" */
    const char *uuid;        /* of the machine */
    const char *incarnation; /* a UUID, new with each new disk; not `uuid` */
    const char *name;        /* [opt] what its owner calls it */
    const char *hostname;

    const char *user;           /* [opt] whose password and keys: "root" */
    const char *password_hash;  /* [opt] crypt(3), password.h */
    const char *admin_password; /* [opt] as typed: Windows has no use for a hash */
    const struct ssh_key *keys; /* Windows takes none */
    size_t n_keys;
    struct bytes user_data; /* [opt] as it reaches the guest */

    struct instance_net net;

    const char *region, *zone;
    const char *image_id, *instance_type, *app_id; /* [opt] */
    const char *charge_type;                       /* [opt] "POSTPAID_BY_HOUR" */
    const char *disk_id;                           /* [opt] "disk-…" */
    const char *security_groups[SETTINGS_GROUPS_MAX];
    size_t n_security_groups;
    uint64_t bandwidth_out, bandwidth_in; /* [opt] Kbit/s */
    int64_t created;                      /* [opt] seconds */

    bool windows;
    bool forced; /* imported by force: os.conf goes with it */
};

/* Could these be written down without becoming something else?  What a user chose has
 * been looked at before; this is the last line before a line feed in a host name becomes
 * a line of os.conf.  ERR_ARG names the member. */
int settings_check(const struct instance_settings *s, struct err *err);

/* A file of the config drive, or an answer of the metadata service. */
struct document {
    const char *path;  /* no slash in front; ends in one: a folder, its text lists it */
    struct bytes text; /* ends in a NUL that is not counted */
};

struct documents {
    struct document *v; /* a LIST() */
    size_t n, cap;
};

/* Files only, in the order of their paths. */
int settings_drive(struct documents *ret, struct arena *a,
                   const struct instance_settings *s, struct err *err);

/* Folders and files, for settings_find(). */
int settings_tree(struct documents *ret, struct arena *a,
                  const struct instance_settings *s, struct err *err);

/* The answer to a path that begins with '/', decoded and without a query; NULL: there is
 * none (404).  Paths know case.  A folder answers with and without its last slash, a
 * version of the vendor's may be left out ("/meta-data/…"), and every version says the
 * same. */
const struct document *settings_find(const struct documents *tree, struct bytes path);

/* C:\qcloud-network-config.ini for Windows, else /etc/qcloud-network-config.ini; nothing
 * (and *ret "") for a guest that asks DHCP. */
int settings_network_ini(struct bytes *ret, struct arena *a,
                         const struct instance_settings *s, struct err *err);
