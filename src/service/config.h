/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.h: what one file says, and what holds without it
 *
 *     [service]
 *     listen = 127.0.0.1:8780
 *     regions = ap-guangzhou ap-shanghai
 *
 *     [region ap-guangzhou]
 *     cos-domains = cos.lab.example
 *
 * Lines are those of a profile: empty, comment (#), [section] or "key = value".  What the
 * parser does not know is an error with file and line.  man/imgportd.conf.5 documents
 * every key; a key is a row in config.c.  Immutable after loading, any thread; lives in
 * its arena. */
#pragma once

#include "base/arena.h"

enum {
    CONFIG_TEXT_MAX = 256 * 1024,
    CONFIG_LINE_MAX = 4096,
    CONFIG_LIST_MAX = 64, /* words of one list, and regions */
};

typedef LIST(const char *) config_words;

/* What the guides tell apart: who may take objects and copies from whom. */
enum region_group {
    REGION_MAINLAND,
    REGION_FINANCE,
    REGION_HONGKONG, /* listed under China, outside the mainland for copies */
    REGION_TAIPEI,   /* no copies */
    REGION_OVERSEAS,
    REGION_AMERICA, /* overseas; Windows costs extra there */
};

struct config_region {
    const char *id;                /* "ap-guangzhou" */
    const char *name_en, *name_zh; /* "South China (Guangzhou)" */
    const char *city_en, *city_zh; /* "Guangzhou": its zones are "Guangzhou Zone 1" ... */
    uint32_t group;                /* enum region_group */
    uint64_t zones;                /* how many: "<id>-1" ... "<id>-<zones>" */
    uint64_t zone_id;              /* ZoneId of the first */
    const char *cos_endpoint;      /* "http://host:port": where imports of this region's
                                      objects connect to, whatever their URL says; "": this
                                      daemon's own listen address */
    config_words cos_domains;      /* host names (":port" allowed) that mean this region's
                                      objects, beside the vendor's: "<bucket>.<domain>/key" and
                                      "<domain>/<bucket>/key" */
};

/* What an instance may be: a size. */
struct config_type {
    const char *name; /* "S5.SMALL1" */
    uint64_t cpu;
    uint64_t memory; /* bytes */
    uint64_t price;  /* 1/10,000 of the currency unit an hour */
    /* What one may take of the host, a second and at all; 0: no limit. */
    uint64_t disk_bytes, disk_operations, host_cpus, nice;
};

struct config {
    /* [service] */
    const char *listen;  /* "127.0.0.1:8780", "[::1]:8780", port 0: any */
    const char *data;    /* folder of what this daemon keeps */
    const char *catalog; /* "sqlite:PATH" or "postgresql://..." */
    const char *objects; /* "dir:PATH" or "s3://..." */
    const char *profile; /* name or path of the rules */
    const char *support; /* who is to be asked when InternalError is told; "" */
    const char *log;     /* "stderr" or a path, reopened on SIGHUP */
    config_words region_ids;
    /* [server] */
    const char *tls_certificate, *tls_key; /* PEM files; "" plain HTTP */
    uint64_t threads;                      /* event loops; 0: one a core */
    uint64_t workers;                      /* threads for work that waits */
    uint64_t connections_max;              /* at once, in all */
    uint64_t connections_per_address;      /* at once, of one client; 0: no limit */
    uint64_t idle_seconds;                 /* a connection without a byte is closed */
    uint64_t stop_seconds; /* requests under way get this long at a stop */
    uint64_t rate;         /* requests a second, an account and action; 0: no limit */
    uint64_t clock_window; /* seconds a request's time may differ */
    /* [objects] */
    bool one_time_links; /* a link signed in its query serves one full GET */
    /* [jobs] */
    bool jobs; /* this daemon takes jobs; no: it only answers */
    uint64_t jobs_max;
    uint64_t staging_max; /* bytes of one object or disk */
    uint64_t fetch_seconds, check_seconds, convert_seconds, store_seconds;
    uint64_t boot_seconds; /* that a machine has to start, where an import asks for it */
    uint64_t boots_max;    /* such machines at once */
    uint64_t lease_seconds;
    /* [instances] */
    const char *zone; /* whose host this is: "ap-guangzhou-1"; "": of none, none run here
                       */
    const char *instances;    /* folder of their disks */
    uint64_t instances_max;   /* of an account in a region */
    uint64_t operations_max;  /* of them worked on at once */
    uint64_t instance_memory; /* bytes for all that run here */
    uint64_t instance_disk;   /* bytes for the disks of all; 0: what the filesystem has */
    uint64_t disk_overcommit; /* so many per cent of that are promised */
    const char *subnet;       /* "10.66.0.0/20": their addresses */
    config_words dns;
    uint64_t start_seconds, power_off_seconds;
    const char *hypervisor;  /* program that runs them; "": the system's */
    const char *accelerator; /* "tcg", "kvm", "probe" */
    const char *instance_user, *instance_users; /* a name; "200000-265535", one each */
    const char *uefi;
    /* [notice]; "" turns a channel off */
    bool notices;            /* this daemon delivers; no: it leaves that to others */
    uint64_t notices_max;    /* deliveries at once */
    uint64_t notice_seconds; /* an attempt may take so long */
    uint64_t retry_seconds;  /* before the second attempt; then twice as long each time */
    uint64_t deliveries_days; /* what became of deliveries is kept so long */
    uint64_t messages_days;
    const char *smtp, *smtp_user, *smtp_password, *smtp_ca, *mail_from;
    const char *smtp_tls; /* "require", "try", "none" */
    const char *sms_endpoint, *sms_id, *sms_key, *sms_region;
    const char *sms_app, *sms_sign, *sms_template, *sms_code_template;
    config_words webhook_hosts; /* may have private addresses; "host" or "host:port" */
    const char *s3_key_id, *s3_key_secret, *s3_region; /* [objects] of s3:// */

    LIST(struct config_region) regions; /* in the order of `regions` */
    LIST(struct config_type) types;     /* at least one */
};

/* IPv4, host byte order: the first of the subnet, and bits of its netmask. */
struct config_subnet {
    uint32_t first;
    unsigned prefix;
};
/* ERR_ARG: not such a text, or smaller than 8 or larger than 65,536 addresses. */
int config_subnet(struct config_subnet *ret, const char *text, struct err *err);
/* "" gives 0 and 0.  ERR_ARG: no range of users, or of root or more than are of use. */
int config_users(uint32_t *first, uint32_t *last, const char *text, struct err *err);
/* What guests are told to ask: addresses, and no more than a system reads. */
int config_check_dns(const config_words *dns, struct err *err);

/* `file` names the text in messages.  Empty text: the defaults.  Paths that depend on
 * `data` are filled in. */
int config_parse(const struct config **ret, struct arena *a, const char *file,
                 struct bytes text, struct err *err);

/* Reads `path`; NULL: $IMGPORTD_CONF, else /etc/imgport/imgportd.conf if there, else the
 * defaults. */
int config_load(const struct config **ret, struct arena *a, const char *path,
                struct err *err);

/* Is it a type's name, whether there is such a type or not? */
bool config_is_type(const char *name);
/* NULL: there is none. */
const struct config_type *config_type(const struct config *c, const char *name);
/* The region of a zone's name; NULL: no zone of ours. */
const struct config_region *config_zone_region(const struct config *c, const char *zone);

/* NULL: not one of ours. */
const struct config_region *config_region(const struct config *c, const char *id);
