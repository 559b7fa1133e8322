/* SPDX-License-Identifier: GPL-2.0-or-later */
/* address.h: where notices may go
 *
 * What is taken here has no character that could mean something else where it is used: in
 * a command of SMTP, a header, a request line. */
#pragma once

#include "service/config.h"
#include "store/message.h"

enum { ADDRESS_MAIL_MAX = 254, ADDRESS_URL_MAX = 2048 };

/* "name@host.example": printable ASCII (RFC 5321, without quoted names and literals). */
bool address_is_mail(const char *s);
/* "+8613711112222": E.164. */
bool address_is_phone(const char *s);
/* http or https, a host, no user. */
bool address_is_webhook(const char *s);
bool address_is_good(enum channel channel, const char *s);

/* May this webhook lead to a private address?  Hosts are configured ("host", or
 * "host:port" as in the URL). */
bool address_may_be_private(const struct config *c, const char *url);
/* A private address as a literal, in a URL that may not lead there. */
bool address_is_forbidden(const struct config *c, const char *url);
