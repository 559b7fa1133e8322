/* SPDX-License-Identifier: GPL-2.0-or-later */
/* place.h: which object a host name and a path mean
 *
 *     <bucket>-<appid>.cos.<region>.myqcloud.com/<key>     also tencentcos.cn; cosv6,
 *                                                          cos-internal, cos-cdc for cos
 *     <bucket>-<appid>.cn-south.myqcloud.com/<key>         regions before the ap- names
 *     <bucket>-<appid>.cosgz.myqcloud.com/<key>            those of the JSON API
 *     <bucket>-<appid>.file.myqcloud.com/<key>             no region: CDN, acceleration,
 *     <bucket>-<appid>.cosd.myqcloud.com/<key>             and a name in one example
 *     cos.<region>.myqcloud.com/<bucket>-<appid>/<key>     path style
 *     service.cos.myqcloud.com/                            all buckets
 *     <bucket>-<appid>.<domain>/<key>, <domain>/<bucket>-<appid>/<key>
 *                                                          domains of the configuration
 *     <any other host>/<bucket>-<appid>/<key>              only the endpoint itself takes
 * it
 *
 * Names are in lower case; "-<appid>" is the digits behind the last "-".  Pure, any
 * thread. */
#pragma once

#include "base/arena.h"
#include "service/config.h"

enum cos_form {
    COS_FORM_NONE,    /* not of object storage */
    COS_FORM_SERVICE, /* no bucket */
    COS_FORM_HOST,    /* the bucket is in the host name */
    COS_FORM_PATH,    /* the bucket is in the path */
};

/* Strings live in the arena. */
struct cos_place {
    enum cos_form form;
    bool named;         /* the host name says that it is object storage */
    const char *region; /* "": the name does not say */
    const char *bucket; /* with "-<appid>"; "" for the service */
    const char *app_id; /* of the bucket */
    const char *key;    /* decoded; "" the bucket itself */
};

/* `host` with or without a port; `path` as sent, percent-encoded, from its "/" on.
 * COS_FORM_NONE is no error; ERR_ARG: the path is no path. */
int cos_place_find(struct cos_place *ret, struct arena *a, const struct config *config,
                   const char *host, const char *path, struct err *err);

/* "name-1250000001": lower case, digits, "-"; at most 60 characters. */
bool cos_is_bucket(struct bytes name);
