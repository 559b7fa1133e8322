/* SPDX-License-Identifier: GPL-2.0-or-later */
/* password.h: passwords that are made, judged and hashed
 *
 * An instance of Linux is given a hash only (crypt(3), SHA-512); Windows sets its
 * password itself and needs the text.  Any thread. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

enum {
    PASSWORD_MIN = 8,          /* Linux, with PASSWORD_CLASSES classes of characters */
    PASSWORD_MIN_WINDOWS = 12, /* with PASSWORD_CLASSES_WINDOWS */
    PASSWORD_MAX = 30,
    PASSWORD_CLASSES = 2, /* of small and capital letters, digits, signs */
    PASSWORD_CLASSES_WINDOWS = 3,
    PASSWORD_MADE = 16, /* characters of one that is made */
    PASSWORD_TEXT = PASSWORD_MAX + 1,
    PASSWORD_HASH = 128, /* bytes with the NUL */
};

/* NULL, or a phrase that says which rule is broken: a message for i18n_text(). */
const char *password_fault(const char *password, bool windows);

/* Of all four classes, from the kernel's random numbers, without characters that are
 * taken for another (0 O 1 l I) or that a shell or a mail would change. */
int password_make(char ret[PASSWORD_TEXT], struct err *err);

/* "$6$" with a salt of its own. */
int password_hash(char ret[PASSWORD_HASH], const char *password, struct err *err);
