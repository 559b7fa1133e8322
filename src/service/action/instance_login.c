/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may log in, the name of the host, and what else is handed to its first start. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "instance/password.h"
#include "instance/settings.h"
#include "service/action/image.h"
#include "service/action/instance.h"
#include "store/message.h"

_Static_assert((int)LOGIN_MADE == PASSWORD_MADE + 1 && (int)LOGIN_HASH == PASSWORD_HASH,
               "as password.h has it");

enum {
    USER_DATA_MAX = 16384,
    NAME_SHORTEST = 2,
    NAME_LONGEST = 60,
    NAME_LONGEST_WINDOWS = 15,
};

#define TELL_PASSWORD "instance-password"

bool image_is_windows(const struct image *image)
{
    return strncmp(image->os_type, "Windows", 7) == 0 ||
           strncmp(image->platform, "Windows", 7) == 0;
}

/* ---- names */

/* "{R:3}" or "{R:3,F:4}" at p: how long it is, the first number and its digits; 0: no. */
static size_t read_pattern(const char *p, unsigned *first, unsigned *digits)
{
    int n = 0;

    *digits = 0;
    if (sscanf(p, "{R:%6u}%n", first, &n) == 1 && n > 0)
        return (size_t)n;
    n = 0;
    if (sscanf(p, "{R:%6u,F:%2u}%n", first, digits, &n) == 2 && n > 0 && *digits <= 8)
        return (size_t)n;
    return 0;
}

int name_of(char *to, size_t cap, const char *pattern, size_t k, size_t n)
{
    bool counted = false;
    size_t at = 0;

    *to = '\0';
    for (const char *p = pattern; *p;) {
        unsigned first, digits;
        size_t len = *p == '{' ? read_pattern(p, &first, &digits) : 0;
        int wrote;

        if (*p == '{' && len == 0)
            return -1;
        wrote = len ? snprintf(to + at, cap - at, "%0*zu", (int)digits, first + k)
                    : snprintf(to + at, cap - at, "%c", *p);
        at += (size_t)wrote;
        if (at >= cap)
            return -1;
        counted |= len > 0;
        p += len ? len : 1;
    }
    if (n > 1 && !counted)
        at += (size_t)snprintf(to + at, cap - at, "%zu", k + 1);
    return at < cap ? 0 : -1;
}

bool host_name_is_legal(const char *name, bool windows)
{
    size_t n = strlen(name), digits = 0;

    if (n < NAME_SHORTEST || n > (size_t)(windows ? NAME_LONGEST_WINDOWS : NAME_LONGEST))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool letter = isalnum((unsigned char)name[i]) && (unsigned char)name[i] < 128;
        bool between = name[i] == '-' || (name[i] == '.' && !windows);

        if (!letter && !between)
            return false;
        if (between && (i == 0 || i + 1 == n || !isalnum((unsigned char)name[i - 1])))
            return false;
        digits += isdigit((unsigned char)name[i]) != 0;
    }
    return !windows || digits < n;
}

void host_name_make(char *to, size_t cap, int64_t address, const struct image *image)
{
    size_t at = (size_t)snprintf(to, cap, "VM-%u-%u", (unsigned)(address >> 8 & 255),
                                 (unsigned)(address & 255));

    if (image_is_windows(image) || !isalpha((unsigned char)image->platform[0]))
        return;
    to[at++] = '-';
    for (const char *p = image->platform; at < 40 && at + 1 < cap && *p; p++) {
        if (!isalnum((unsigned char)*p) || (unsigned char)*p >= 128)
            break;
        to[at++] = (char)tolower((unsigned char)*p);
    }
    to[at] = '\0';
}

/* ---- reading */

static int check_user_data(struct call *c, const char *text)
{
    size_t n = strlen(text);
    AUTO(freep) uint8_t *raw = malloc(n / 4 * 3 + 1);
    int got = -1;

    if (raw && n % 4 == 0 &&
        strspn(text,
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") == n)
        got = EVP_DecodeBlock(raw, (const uint8_t *)text, (int)n);
    if (got < 0)
        return call_error(c, "InvalidParameterValue.InvalidUserDataFormat",
                          _("UserData is not base64"));
    got -= (n > 0 && text[n - 1] == '=') + (n > 1 && text[n - 2] == '=');
    if (got > USER_DATA_MAX)
        return call_error(c, "InvalidParameterValue.InvalidUserDataFormat",
                          _("UserData is larger than %d bytes"), USER_DATA_MAX);
    return 0;
}

static int read_settings(struct login *ret, struct call *c, struct arena *arena,
                         const json_t *given)
{
    const json_t *ids = json_object_get(given, "KeyIds");
    const char *keep = json_string_value(json_object_get(given, "KeepImageLogin"));
    const char *password = json_string_value(json_object_get(given, "Password"));
    AUTO(freep) char *text = NULL;

    ret->has_login = given != NULL;
    ret->keep = keep && strcasecmp(keep, "true") == 0;
    ret->n_keys = json_array_size(ids);
    if (password)
        ret->password = password;
    if ((*ret->password != '\0') + (ret->n_keys > 0) + ret->keep > 1)
        return call_error(c, "InvalidParameter.ParameterConflict",
                          _("Password, KeyIds and KeepImageLogin exclude each other"));
    for (size_t i = 0; i < ret->n_keys; i++)
        if (key_pair_check_id(c, json_string_value(json_array_get(ids, i))) < 0)
            return -1;
    if (ret->n_keys == 0)
        return 0;
    text = json_dumps(ids, JSON_COMPACT);
    ret->key_ids = text ? arena_str(arena, text) : "[]";
    return 0;
}

int login_read(struct login *ret, struct call *c, struct arena *arena)
{
    const char *host = call_text(c, "HostName"), *data = call_text(c, "UserData");
    char hash[PASSWORD_HASH];
    struct err err = {0};

    *ret = (struct login){
        .password = "",
        .hash = "",
        .key_ids = "[]",
        .host_name = host ? host : "",
        .user_data = data ? data : "",
        .has_host_name = host && *host,
        .has_user_data = data && *data,
    };
    if (read_settings(ret, c, arena, json_object_get(c->params, "LoginSettings")) < 0 ||
        check_user_data(c, ret->user_data) < 0)
        return -1;
    if (!*ret->password)
        return 0;
    if (password_hash(hash, ret->password, &err) < 0)
        return call_fail(c, &err);
    ret->hash = arena_str(arena, hash);
    return 0;
}

/* ---- against the image */

static int check_password(struct call *c, const char *password, bool windows)
{
    const char *fault = *password ? password_fault(password, windows) : NULL;

    return fault ? call_error(c, "InvalidParameterValue.InvalidPassword",
                              _("the password is not taken: %s"), i18n_text(fault))
                 : 0;
}

static int add_key(json_t *list, struct call *c, struct arena *arena, struct db *db,
                   const char *id, struct err *err)
{
    struct key_pair k;
    int r = key_pair_get(&k, arena, db, c->account.uin, id, err);

    if (r == REFUSED_NONE)
        return call_error(c, "InvalidParameterValue.KeyPairNotFound",
                          _("there is no key pair %.60s"), id);
    if (r != 0)
        return r;
    return json_array_append_new(
               list, json_pack("{s:s, s:s}", "name", k.name, "text", k.public_key)) < 0
               ? FAIL(err, ERR_NOMEM, "keys")
               : 0;
}

static void json_freep(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

static int read_keys(const char **ret, struct call *c, const struct login *l,
                     struct arena *arena, struct db *db, struct err *err)
{
    AUTO(json_freep) json_t *ids = json_loads(l->key_ids, 0, NULL);
    AUTO(json_freep) json_t *keys = json_array();
    AUTO(freep) char *text = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_array_size(ids); i++)
        r = add_key(keys, c, arena, db, json_string_value(json_array_get(ids, i)), err);
    if (r != 0)
        return r;
    text = json_dumps(keys, JSON_COMPACT);
    if (!text)
        return FAIL(err, ERR_NOMEM, "keys");
    *ret = arena_str(arena, text);
    return arena_check(arena, err);
}

int login_check(const char **ret_keys, struct call *c, const struct login *l,
                struct arena *arena, struct db *db, const struct image *image,
                struct err *err)
{
    bool windows = image_is_windows(image);

    if (l->keep && image->kind != IMAGE_CUSTOM)
        return call_error(c, "InvalidParameterValue.InvalidImageId",
                          _("KeepImageLogin is for custom and shared images"));
    if (windows && l->n_keys > 0)
        return call_error(c, "UnsupportedOperation.KeyPairUnsupportedWindows",
                          _("Windows takes no keys"));
    if (check_password(c, l->password, windows) < 0)
        return -1;
    return read_keys(ret_keys, c, l, arena, db, err);
}

bool login_needs_password(const struct login *l)
{
    return !*l->password && l->n_keys == 0 && !l->keep;
}

int login_make(struct made_password *ret, struct err *err)
{
    char text[PASSWORD_TEXT];
    int r = password_make(text, err);

    if (r == 0)
        r = password_hash(ret->hash, text, err);
    snprintf(ret->text, sizeof ret->text, "%.16s", text);
    return r;
}

int login_tell(struct call *c, struct db *db, const char *id, const char *name,
               const struct image *image, const char *password, struct err *err)
{
    char subject[160], body[SETTINGS_NAME_MAX + 512], data[160];

    snprintf(subject, sizeof subject, _("Password of instance %s"), id);
    snprintf(body, sizeof body,
             _("Instance %s (%s): the password of %s is %s\nIt was made since none was "
               "given.  Change it at the first login."),
             id, name, image_is_windows(image) ? "Administrator" : "root", password);
    snprintf(data, sizeof data, "{\"InstanceId\":\"%s\"}", id);
    return message_post(db,
                        &(struct message_new){
                            .account = c->account.uin,
                            .type = TELL_PASSWORD,
                            .subject = subject,
                            .body = body,
                            .data = data,
                        },
                        err);
}
