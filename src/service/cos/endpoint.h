/* SPDX-License-Identifier: GPL-2.0-or-later */
/* endpoint.h: object storage over HTTP, as COS speaks it (XML API)
 *
 * Buckets and objects are in the catalogue, bytes in blobs; they pass from the socket to
 * the store with their MD5 taken on the way.  A request is for us when its host or its
 * path names a bucket, when its host is object storage's, or when it is signed with
 * q-sign. Errors are the vendor's codes in XML, every answer has x-cos-request-id.  Any
 * thread. */
#pragma once

#include "service/call.h"
#include "service/http.h"

struct cos_endpoint;

int cos_endpoint_new(struct cos_endpoint **ret, struct service *service, struct err *err);
/* After the server has stopped. */
void cos_endpoint_free(struct cos_endpoint *c);

/* Ask it before the API's, which takes every "/". */
const struct http_handler *cos_handler(const struct cos_endpoint *c);

/* Deletes blobs of objects that no row names and that are older than `age` seconds, and
 * what unfinished writes left.  Blobs under other keys than "object/" are not looked at.
 */
int cos_sweep(struct service *service, uint64_t age, struct err *err);
