/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image.h: the catalogue of images
 *
 *     CREATING ─► NORMAL       IMPORTING ─► NORMAL        SYNCING ─► NORMAL
 *         └─► CREATEFAILED         └─► IMPORTFAILED           └─► CREATEFAILED
 *
 * States change by compare-and-set only.  An image belongs to one region and one account;
 * a shared image is the owner's row seen by another.  Deleting removes the row; its blob
 * is the caller's to delete after the commit (and the sweep's, if that does not happen).
 * A failed image holds neither its name nor a place of the quota. */
#pragma once

#include "base/arena.h"
#include "store/db.h"

enum image_state {
    IMAGE_CREATING,
    IMAGE_NORMAL,
    IMAGE_CREATEFAILED,
    IMAGE_SYNCING,
    IMAGE_IMPORTING,
    IMAGE_IMPORTFAILED,
    IMAGE_STATES,
};
#define IMAGE_IN(state) (1u << (state)) /* sets of states */
#define IMAGE_IN_FAILED (IMAGE_IN(IMAGE_CREATEFAILED) | IMAGE_IN(IMAGE_IMPORTFAILED))
#define IMAGE_IN_WORK \
    (IMAGE_IN(IMAGE_CREATING) | IMAGE_IN(IMAGE_SYNCING) | IMAGE_IN(IMAGE_IMPORTING))

enum image_kind { IMAGE_CUSTOM, IMAGE_PUBLIC, IMAGE_MARKET, IMAGE_KINDS };

/* How the account that asks sees it. */
enum image_view { VIEW_PRIVATE, VIEW_PUBLIC, VIEW_SHARED, VIEW_MARKET, IMAGE_VIEWS };
#define VIEW_IN(view) (1u << (view))

enum image_source {
    SOURCE_OFFICIAL,
    SOURCE_CREATE_IMAGE,
    SOURCE_EXTERNAL_IMPORT,
    IMAGE_SOURCES
};

/* On its way to everybody: a custom image that its owner (market) or the operator
 * (public) submits, and the operator tests and publishes; publishing changes the kind. */
enum publish_state {
    PUBLISH_NONE,
    PUBLISH_SUBMITTED,
    PUBLISH_REVIEWED,
    PUBLISH_PUBLISHED,
    PUBLISH_REFUSED,
    PUBLISH_STATES,
};

/* The vendor's words where it has some ("NORMAL", "PRIVATE_IMAGE", "EXTERNAL_IMPORT");
 * the _from_name() functions answer -1 for a word they do not know. */
const char *image_state_name(enum image_state s);
int image_state_from_name(const char *name);
const char *image_kind_name(enum image_kind k);
int image_kind_from_name(const char *name);
const char *image_view_name(enum image_view v); /* MARKET: "MARKET_IMAGE" */
int image_view_from_name(const char *name);
const char *image_source_name(enum image_source s);
int image_source_from_name(const char *name);
const char *publish_state_name(enum publish_state s);
int publish_state_from_name(const char *name);

struct tag {
    const char *key, *value;
};

/* Strings are never NULL ("" for what is not known) unless it says so. */
struct image {
    int64_t no;     /* the order in which images were made */
    const char *id; /* img-xxxxxxxx; image_new() makes it */
    const char *region;
    const char *owner; /* uin */
    const char *name, *description;
    enum image_kind kind;
    enum image_view view; /* only as an answer */
    enum image_state state;
    const char *os_name;              /* "CentOS 8.0 64位" */
    const char *platform;             /* "CentOS" */
    const char *os_type, *os_version; /* as ImportImage was told */
    const char *architecture;         /* x86_64, i386, arm_64 */
    int64_t size_gib;
    int64_t virtual_size, file_size; /* bytes */
    const char *blob;                /* key in blob.h; "" while there is none */
    const char *sha256;
    enum image_source source;
    const char *license;   /* TencentCloud, BYOL */
    const char *boot_mode; /* Legacy BIOS, UEFI */
    bool cloud_init;
    const char *family;
    bool deprecated;
    int64_t sync_percent;           /* -1: null */
    int64_t price;                  /* 1/10,000 of the currency unit an hour; 0: free */
    const char *source_image;       /* id it was copied or created from; "" */
    const char *snapshots;          /* JSON: [{"SnapshotId", "DiskUsage", "DiskSize"}] */
    const char *disks;              /* JSON: data disks, the service's own form; "[]" */
    const char *reason, *sub_cause; /* why it failed: code, our own finer code */
    const char *detail;             /* and the sentence */
    const char *profile;            /* name and version it was judged by */
    enum publish_state publish;
    const char *seller; /* uin that submitted it to the market; "" */
    int64_t created, updated;
    const char *tags; /* JSON: [{"Key", "Value"}], ordered by key */
    int64_t shares;   /* with how many accounts it is shared */
};

/* Inserts; makes id and times, created in `state`.  Custom images are counted against
 * `quota` (per account and region), and names are unique per account and region, both
 * inside the transaction.  tags may be NULL.  id: 16 bytes.
 * REFUSED_QUOTA, REFUSED_NAME, REFUSED_ACCOUNT. */
enum { IMAGE_ID_SIZE = 16 };
int image_new(char *ret_id, struct db *db, const struct image *image, int64_t quota,
              const struct tag *tags, size_t n_tags, struct err *err);

/* How many the quota counts. */
int image_count(int64_t *ret, struct db *db, const char *owner, const char *region,
                struct err *err);

/* Whoever owns it.  REFUSED_NONE.  lock: in a transaction, nobody else changes it from
 * here to the commit, so rules can be judged on what was read. */
int image_get(struct image *ret, struct arena *arena, struct db *db, const char *id,
              bool lock, struct err *err);
/* As `account` sees it in `region`; REFUSED_NONE when it does not. */
int image_see(struct image *ret, struct arena *arena, struct db *db, const char *account,
              const char *region, const char *id, bool lock, struct err *err);

enum image_filter_key {
    FILTER_ID,           /* equal */
    FILTER_TYPE,         /* names of enum image_view */
    FILTER_NAME,         /* contains, letters of either case */
    FILTER_PLATFORM,     /* contains, letters of either case */
    FILTER_TAG_KEY,      /* has such a tag */
    FILTER_TAG_VALUE,    /* has a tag with such a value */
    FILTER_TAG,          /* tag:<key>: `tag` has one of the values */
    FILTER_STATE,        /* equal */
    FILTER_FAMILY,       /* equal */
    FILTER_ARCHITECTURE, /* equal */
    FILTER_OS_NAME,      /* contains */
    FILTER_NOTHING,      /* never matches: cdc-cache-status and the like */
    IMAGE_FILTERS,
};

enum { IMAGE_FILTERS_MAX = 16, IMAGE_VALUES_MAX = 128 };

/* Filters are joined by "and", the values of one by "or". */
struct image_filter {
    enum image_filter_key key;
    const char *tag;
    const char *const *values;
    size_t n_values;
};

struct image_query {
    const char *account; /* what it may see; NULL: everything (the operator) */
    const char *region;  /* NULL with a NULL account: every region */
    const char *const *ids;
    size_t n_ids;
    const struct image_filter *filters;
    size_t n_filters;
    int64_t offset, limit;
};

struct image_list {
    struct image *v;
    size_t n;
    int64_t total; /* without offset and limit */
};

/* Newest first.  One indexed statement.  ERR_LIMIT over the maxima above. */
int image_list(struct image_list *ret, struct arena *arena, struct db *db,
               const struct image_query *q, struct err *err);

/* What to write: NULL and negative numbers leave a column as it is. */
struct image_change {
    int state;        /* enum image_state, or -1 */
    int kind;         /* enum image_kind, or -1 */
    int publish;      /* enum publish_state, or -1 */
    int cloud_init;   /* 0, 1, or -1 */
    int deprecated;   /* 0, 1, or -1 */
    const char *name; /* unique as in image_new() */
    const char *description, *family;
    const char *os_name, *platform, *architecture, *boot_mode;
    int64_t size_gib, virtual_size, file_size;
    const char *blob, *sha256, *snapshots, *disks;
    const char *reason, *sub_cause, *detail, *profile, *seller;
    int64_t price;
    int64_t sync_percent; /* IMAGE_PERCENT_NONE makes it null */
};
enum { IMAGE_PERCENT_NONE = 101 };
#define IMAGE_CHANGE_NOTHING                                                        \
    {                                                                               \
        .state = -1, .kind = -1, .publish = -1, .cloud_init = -1, .deprecated = -1, \
        .size_gib = -1, .virtual_size = -1, .file_size = -1, .price = -1,           \
        .sync_percent = -1,                                                         \
    }

/* Compare and set: only while its state is one of `from` (IMAGE_IN(...) | ...).
 * REFUSED_NONE, REFUSED_STATE, REFUSED_NAME. */
int image_change(struct db *db, const char *id, unsigned from,
                 const struct image_change *change, struct err *err);

/* Removes the row, its tags and report.  REFUSED_NONE, REFUSED_STATE, REFUSED_SHARED (has
 * shares), REFUSED_BUSY (a task that is not ended makes or reads it; a re-check only
 * finds it gone), REFUSED_INSTANCE. */
int image_delete(struct db *db, const char *id, unsigned from, struct err *err);

/* Does any image name this blob, as its own or as a data disk's? */
int image_uses_blob(bool *ret, struct db *db, const char *blob, struct err *err);

/* Newest NORMAL, not deprecated image of a family that the account sees.  REFUSED_NONE.
 */
int image_of_family(struct image *ret, struct arena *arena, struct db *db,
                    const char *account, const char *region, const char *family,
                    struct err *err);

/* The report of the check, JSON; kept apart since lists do not need it. */
int image_set_report(struct db *db, const char *id, const char *json, struct err *err);
int image_get_report(const char **ret, struct arena *arena, struct db *db, const char *id,
                     struct err *err);
/* Ids of images with a report that another profile made, for the re-check; up to `max`
 * after the id `after` ("" to begin). */
int image_judged_otherwise(const char ***ret, size_t *ret_n, struct arena *arena,
                           struct db *db, const char *profile, const char *after,
                           size_t max, struct err *err);

/* The same of images whose bytes are there and their SHA-256 is not, nor anybody who is
 * to take it. */
int image_without_sum(const char ***ret, size_t *ret_n, struct arena *arena,
                      struct db *db, const char *after, size_t max, struct err *err);

/* Replaces or adds one, or removes it.  REFUSED_NONE, REFUSED_QUOTA (TAGS_MAX). */
enum { TAGS_MAX = 50 };
int image_tag(struct db *db, const char *id, const struct tag *tag, struct err *err);
int image_untag(struct db *db, const char *id, const char *key, struct err *err);
