/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cos_url.h: which object of which region a URL names
 *
 *     https://media-1250000001.cos.ap-guangzhou.myqcloud.com/disks/web.qcow2?q-sign-...
 *             ─────bucket─────     ───region────             ──────key──────
 *
 * Every form the vendor's documents and SDKs have had, and the host names that the
 * configuration adds.  Only text is looked at: nothing is resolved, nothing connected.
 * A link that names none is told as InvalidUrl, with the fault as its sub-cause. */
#pragma once

#include "service/cos/place.h"

enum cos_fault {
    COS_FAULT_NONE,
    COS_FAULT_MALFORMED, /* no http(s) URL, or with what no object's URL has */
    COS_FAULT_NOT_COS,   /* another host */
    COS_FAULT_NO_BUCKET, /* names no bucket */
    COS_FAULT_NO_KEY,    /* names a bucket or a folder, not an object */
};

enum {
    COS_URL_MAX = 4096,
    COS_KEY_MAX = 850, /* bytes, decoded */
};

struct cos_url {
    bool
        is_signed; /* carries a signature in its query: may be good for one access only */
    struct cos_place place;
    const char *authority; /* host and port as written, in lower case; in the arena */
    const char *target;    /* from the path on, within the text given */
};

/* Fills *ret when the answer is COS_FAULT_NONE.  */
enum cos_fault cos_url_parse(struct cos_url *ret, struct arena *a, const char *url,
                             const struct config *config);

/* A word for sub-causes: "not-cos"; "" for NONE. */
const char *cos_fault_name(enum cos_fault f);
