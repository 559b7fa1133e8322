/* SPDX-License-Identifier: GPL-2.0-or-later */
/* admin.h: accounts and keys, for whoever can read the configuration and the catalogue
 *
 * What `imgport account` does without a daemon.  Works beside running ones: they see a
 * change within two seconds.  WHO is a uin, an app id or a name.  One thread at a time.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

struct admin;

/* Opens the catalogue of a configuration (NULL: the usual one); makes it where it is new.
 */
int admin_open(struct admin **ret, const char *config, struct err *err);
void admin_close(struct admin *a);

/* NULL and negative numbers: as it is, or the default of a new account. */
struct admin_account {
    const char *name;
    const char *language;  /* "zh" or "en" */
    int is_operator;       /* 0, 1 */
    int may_import;        /* 0, 1 */
    long long image_quota; /* ADMIN_AS_PROFILE: what the profile says */
    long long share_quota;
    int active; /* 0, 1 */
};
enum { ADMIN_AS_PROFILE = -2 };
#define ADMIN_ACCOUNT_NOTHING                                                      \
    {                                                                              \
        .is_operator = -1, .may_import = -1, .image_quota = -1, .share_quota = -1, \
        .active = -1,                                                              \
    }

/* Answers are objects and lists for printing: Uin, AppId, Name, Language, State,
 * Operator, ImportPermission, ImageQuota, ShareQuota, Created; of keys SecretId, State,
 * Created, and SecretKey from the two that make one. */
int admin_create(json_t **ret, struct admin *a, const struct admin_account *account,
                 struct err *err);
int admin_list(json_t **ret, struct admin *a, struct err *err);
int admin_show(json_t **ret, struct admin *a, const char *who, struct err *err);
int admin_set(json_t **ret, struct admin *a, const char *who,
              const struct admin_account *account, struct err *err);

int admin_key_new(json_t **ret, struct admin *a, const char *who, struct err *err);
int admin_key_set(struct admin *a, const char *who, const char *secret_id, bool active,
                  struct err *err);
int admin_key_delete(struct admin *a, const char *who, const char *secret_id,
                     struct err *err);
