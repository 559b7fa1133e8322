/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status.h: /healthz and /metrics, for whoever runs the daemon */
#pragma once

#include "service/call.h"
#include "service/http.h"

/* /healthz answers 200 "ok" when the catalogue answers, else 503 with the reason in a
 * word; /metrics is the Prometheus text.  `service` outlives the handler. */
struct http_handler status_handler(struct service *service);
