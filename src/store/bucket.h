/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bucket.h: buckets, objects, unfinished uploads, and links that were used
 *
 *     bucket ──► object ──► pieces: one blob, or one a part of its upload
 *            └─► upload ──► parts: a blob each, in any order, replaced when sent again
 *
 * The bytes are in blobs (blob.h).  A blob is written before the row that names it; what
 * a change leaves without a row is handed back as `dead`, to be deleted once the
 * transaction has been committed.  What is forgotten there (a crash) is found by
 * blob_has_row().
 *
 * Functions run inside db_tx() when they change something.  Strings of results live in
 * the arena that was passed. */
#pragma once

#include "base/arena.h"
#include "store/blob.h"
#include "store/db.h"

enum {
    BUCKET_NAME_MAX = 64, /* with "-<appid>" and the NUL */
    BUCKETS_MAX = 200,    /* of one account */
    OBJECT_KEY_MAX = 850, /* bytes */
    UPLOAD_ID_LEN = 32,
    PART_MAX = 10000, /* the largest number of a part */
    LIST_MAX = 1000,  /* rows of one answer */
    GRANTS_MAX = 100,
};

enum acl {
    ACL_DEFAULT, /* of an object only: as its bucket */
    ACL_PRIVATE,
    ACL_PUBLIC_READ,
    ACL_PUBLIC_READ_WRITE, /* of a bucket only */
};

/* "default", "private", "public-read", "public-read-write". */
const char *acl_name(enum acl acl);
bool acl_from_name(enum acl *ret, const char *name);

struct bucket {
    const char *name; /* "images-1250000001": unique everywhere */
    const char *region;
    const char *owner; /* uin */
    enum acl acl;
    const char *grants; /* "<uin>:READ,<uin>:FULL_CONTROL"; "" none */
    int one_time_links; /* -1: what the configuration says */
    int64_t created;
};

struct bucket_list {
    struct bucket *v;
    size_t n;
};

/* REFUSED_NAME, REFUSED_QUOTA. */
int bucket_new(struct db *db, const struct bucket *b, struct err *err);
/* REFUSED_NONE. */
int bucket_get(struct bucket *ret, struct arena *arena, struct db *db, const char *name,
               struct err *err);
/* By name; region NULL: of all. */
int bucket_list(struct bucket_list *ret, struct arena *arena, struct db *db,
                const char *owner, const char *region, struct err *err);
/* Writes acl, grants and one_time_links of b->name.  REFUSED_NONE. */
int bucket_set(struct db *db, const struct bucket *b, struct err *err);
/* REFUSED_NONE, REFUSED_STATE: it holds objects or unfinished uploads. */
int bucket_delete(struct db *db, const char *name, struct err *err);

/* Keys of blobs to delete after the commit. */
struct dead_blobs {
    const char **v;
    size_t n;
};

struct object {
    int64_t id;
    const char *bucket, *key;
    uint64_t size;
    const char *etag; /* hexadecimal MD5, or "<md5 of the parts' md5s>-<parts>" */
    const char *content_type;
    const char *headers; /* further ones to be told, "Name: value\n" each; "" */
    enum acl acl;
    const char *grants;
    int64_t modified;
};

struct object_piece {
    uint64_t offset, size; /* in the object */
    const char *blob;
};

struct object_pieces {
    struct object_piece *v;
    size_t n;
};

/* The object under this name is now `o` (its id is made here), in these pieces, which lie
 * one after the other.  REFUSED_NONE: no such bucket. */
int object_put(struct dead_blobs *dead, struct arena *arena, struct db *db,
               const struct object *o, const struct object_pieces *pieces,
               struct err *err);
/* REFUSED_NONE. */
int object_get(struct object *ret, struct arena *arena, struct db *db, const char *bucket,
               const char *key, struct err *err);
/* The pieces that hold [offset, offset + length), in order. */
int object_pieces(struct object_pieces *ret, struct arena *arena, struct db *db,
                  int64_t object, uint64_t offset, uint64_t length, struct err *err);
/* Writes acl and grants.  REFUSED_NONE. */
int object_set_acl(struct db *db, const char *bucket, const char *key, enum acl acl,
                   const char *grants, struct err *err);
/* REFUSED_NONE. */
int object_delete(struct dead_blobs *dead, struct arena *arena, struct db *db,
                  const char *bucket, const char *key, struct err *err);

struct list_query {
    const char *bucket;
    const char *prefix; /* "" all */
    const char *marker; /* keys after this one; "" from the start */
    const char
        *upload_marker;    /* of uploads: ids after this one within the marker's key */
    const char *delimiter; /* "": none */
    size_t max;            /* rows and prefixes together, up to LIST_MAX */
};

struct object_list {
    struct object *v;
    size_t n;
    const char **prefixes; /* what stands before and with the delimiter, each once */
    size_t n_prefixes;
    const char *next; /* the marker to go on from; NULL: that was all */
};

/* In bytewise order of the keys. */
int object_list(struct object_list *ret, struct arena *arena, struct db *db,
                const struct list_query *q, struct err *err);

/* ---- uploads in parts */

struct upload {
    const char *id;
    const char *bucket, *key;
    const char *content_type, *headers;
    enum acl acl;
    const char *grants;
    const char *owner; /* uin of who began it */
    int64_t created;
};

struct upload_list {
    struct upload *v;
    size_t n;
    const char **prefixes;
    size_t n_prefixes;
    const char *next_key, *next_id; /* NULL: that was all */
};

/* Makes the id.  REFUSED_NONE: no such bucket. */
int upload_new(char ret_id[UPLOAD_ID_LEN + 1], struct db *db, const struct upload *u,
               struct err *err);
/* REFUSED_NONE: no such upload of this object. */
int upload_get(struct upload *ret, struct arena *arena, struct db *db, const char *bucket,
               const char *key, const char *id, struct err *err);
int upload_list(struct upload_list *ret, struct arena *arena, struct db *db,
                const struct list_query *q, struct err *err);

struct part {
    unsigned number; /* from 1 to PART_MAX */
    uint64_t size;
    const char *etag;
    const char *blob;
    int64_t modified;
};

struct part_list {
    struct part *v;
    size_t n;
    bool more;
};

/* The part of this number is now `p`.  REFUSED_NONE: the upload is gone. */
int part_put(struct dead_blobs *dead, struct arena *arena, struct db *db,
             const char *upload, const struct part *p, struct err *err);
/* Those after number `after`, at most max. */
int part_list(struct part_list *ret, struct arena *arena, struct db *db,
              const char *upload, unsigned after, size_t max, struct err *err);

/* The upload and those of its parts that `pieces` does not name are gone; the object is
 * there.  REFUSED_NONE: the upload is gone. */
int upload_complete(struct dead_blobs *dead, struct arena *arena, struct db *db,
                    const char *upload, const struct object *o,
                    const struct object_pieces *pieces, struct err *err);
/* REFUSED_NONE. */
int upload_abort(struct dead_blobs *dead, struct arena *arena, struct db *db,
                 const char *upload, struct err *err);

/* ---- links that serve once */

/* 0 the first time, REFUSED_USED after that.  `signature` is that of the link, `expires`
 * when it is over anyway; what is over is forgotten now and then. */
int link_spend(struct db *db, const char *signature, int64_t expires, struct err *err);
/* 0, or REFUSED_USED. */
int link_check(struct db *db, const char *signature, struct err *err);

/* Does an object or a part of an upload stand on this blob? */
int blob_has_row(bool *ret, struct db *db, const char *blob, struct err *err);
