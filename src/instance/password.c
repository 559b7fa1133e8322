/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/password.h"

#include <crypt.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/i18n.h"
#include "base/scoped.h"

enum { CLASSES = 4, SALT_BYTES = 16 };

/* What the vendor's console takes. */
static const char signs[] = "()`~!@#$%^&*-+=_|{}[]:;'<>,.?/";

const char *password_fault(const char *password, bool windows)
{
    size_t least = windows ? PASSWORD_MIN_WINDOWS : PASSWORD_MIN, n = strlen(password);
    bool small = false, capital = false, digit = false, sign = false;

    if (n < least)
        return windows ? N_("shorter than 12 characters")
                       : N_("shorter than 8 characters");
    if (n > PASSWORD_MAX)
        return N_("longer than 30 characters");
    for (const char *p = password; *p; p++) {
        small |= *p >= 'a' && *p <= 'z';
        capital |= *p >= 'A' && *p <= 'Z';
        digit |= *p >= '0' && *p <= '9';
        sign |= strchr(signs, *p) != NULL;
        if (!isalnum((unsigned char)*p) && !strchr(signs, *p))
            return N_("a character that is neither letter nor digit nor one of "
                      "()`~!@#$%^&*-+=_|{}[]:;'<>,.?/");
    }
    if (small + capital + digit + sign <
        (windows ? PASSWORD_CLASSES_WINDOWS : PASSWORD_CLASSES))
        return windows
                   ? N_("fewer than three of small letters, capital letters, digits and "
                        "signs")
                   : N_("fewer than two of small letters, capital letters, digits and "
                        "signs");
    return NULL;
}

static int random_bytes(void *p, size_t n, struct err *err)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = getrandom((char *)p + done, n - done, 0);

        if (got < 0 && errno != EINTR)
            return FAIL_SYS(err, errno, "random numbers");
        done += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

/* A number below `limit`, each as likely as any other. */
static int random_below(unsigned *ret, unsigned limit, struct err *err)
{
    unsigned char c;

    do {
        int r = random_bytes(&c, 1, err);

        if (r < 0)
            return r;
    } while (c >= 256 - 256 % limit);
    *ret = c % limit;
    return 0;
}

int password_make(char ret[PASSWORD_TEXT], struct err *err)
{
    static const char *const classes[CLASSES] = {
        "abcdefghijkmnpqrstuvwxyz",
        "ABCDEFGHJKLMNPQRSTUVWXYZ",
        "23456789",
        "!@#%^*-+=?",
    };
    char made[PASSWORD_MADE + 1] = "";
    unsigned n;
    int r;

    /* One of each, the rest of any, and then in any order. */
    for (unsigned i = 0; i < PASSWORD_MADE; i++) {
        unsigned class = i;

        if (i >= CLASSES && (r = random_below(&class, CLASSES, err)) < 0)
            return r;
        if ((r = random_below(&n, (unsigned)strlen(classes[class]), err)) < 0)
            return r;
        made[i] = classes[class][n];
    }
    for (unsigned i = PASSWORD_MADE - 1; i > 0; i--) {
        char c = made[i];

        if ((r = random_below(&n, i + 1, err)) < 0)
            return r;
        made[i] = made[n];
        made[n] = c;
    }
    memcpy(ret, made, sizeof made);
    explicit_bzero(made, sizeof made);
    return 0;
}

int password_hash(char ret[PASSWORD_HASH], const char *password, struct err *err)
{
    AUTO(freep) struct crypt_data *data = calloc(1, sizeof *data);
    char random[SALT_BYTES], salt[CRYPT_GENSALT_OUTPUT_SIZE];
    const char *hash;
    int r;

    if (!data)
        return FAIL(err, ERR_NOMEM, "%zu bytes", sizeof *data);
    r = random_bytes(random, sizeof random, err);
    if (r < 0)
        return r;
    if (!crypt_gensalt_rn("$6$", 0, random, sizeof random, salt, sizeof salt))
        return FAIL_SYS(err, errno, "salt of a password");
    hash = crypt_r(password, salt, data);
    /* A failure is told by a text that is no hash. */
    if (!hash || *hash == '*' || strlen(hash) >= PASSWORD_HASH)
        r = FAIL_SYS(err, errno, "hash of a password");
    else
        strcpy(ret, hash);
    explicit_bzero(data, sizeof *data);
    return r;
}
