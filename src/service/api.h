/* SPDX-License-Identifier: GPL-2.0-or-later */
/* api.h: API 3.0 over HTTP: whose request it is, what it asks, and the envelope of the
 * answer
 *
 * What is wrong first is told first: action, version, signature and time, region,
 * parameters, permission, rate, and then the rules of the action itself.  Every answer
 * that this handler gives is HTTP 200: clients throw the body of any other away. */
#pragma once

#include "service/call.h"
#include "service/http.h"

struct api;

int api_new(struct api **ret, struct service *service, struct err *err);
void api_free(struct api *a);

/* Takes whatever no handler before it took and whose path is "/" or that of the old API.
 */
const struct http_handler *api_handler(const struct api *a);
