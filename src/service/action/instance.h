/* SPDX-License-Identifier: GPL-2.0-or-later */
/* instance.h: what actions about instances share */
#pragma once

#include "service/call.h"
#include "store/instance.h"

/* The vendor's Instance as a member of a list. */
void instance_write(struct json_out *o, const struct instance *i);

/* The form of an id: InvalidInstanceId.Malformed. */
int instance_check_id(struct call *c, const char *id);
/* InstanceIds: their form, and that none is named twice. */
int instance_check_ids(struct call *c);

/* The caller's own, locked, in a state of `from` with nothing at work on it, and with a
 * host; else the code that says which of these it lacks. */
int instance_take(struct instance *ret, struct call *c, struct arena *arena,
                  struct db *db, const char *id, unsigned from, struct err *err);

/* A task of the instance's zone that does `step`; `change` is made with it.  `params` are
 * what else the task has to know (a reference that is taken; NULL: nothing), and `image`
 * one that it reads, or NULL. */
int instance_begin(struct call *c, struct db *db, const struct instance *i,
                   const char *step, json_t *params, const char *image,
                   struct instance_change *change, struct err *err);

/* What the catalogue refused to an action that has to do with instances. */
int instance_refused(struct call *c, int r, const struct err *err);

/* -- what an instance is told (instance_login.c) */

enum { LOGIN_MADE = 17, LOGIN_HASH = 128 };

struct login {
    bool keep;            /* whatever the image has */
    const char *password; /* as given; "": none was */
    const char *hash;     /* of it; "" */
    const char *key_ids;  /* JSON: a list of ids */
    const char *user_data;
    bool has_login, has_host_name, has_user_data;
    const char *host_name;
    size_t n_keys;
};

/* Reads LoginSettings, HostName and UserData, and hashes a password; what depends on the
 * image is login_check()'s. */
int login_read(struct login *ret, struct call *c, struct arena *arena);
/* Against the image; *ret_keys: what is written into instance.keys. */
int login_check(const char **ret_keys, struct call *c, const struct login *l,
                struct arena *arena, struct db *db, const struct image *image,
                struct err *err);
int key_pair_check_id(struct call *c, const char *id);
/* Neither password nor key nor what is in the image: one is made. */
bool login_needs_password(const struct login *l);

struct made_password {
    char text[LOGIN_MADE], hash[LOGIN_HASH];
};
int login_make(struct made_password *ret, struct err *err);
/* Tells the account of it. */
int login_tell(struct call *c, struct db *db, const char *id, const char *name,
               const struct image *image, const char *password, struct err *err);

/* Windows takes the password as it is, and no key. */
bool image_is_windows(const struct image *image);

/* `pattern` of the k-th of n: "{R:3}" and "{R:3,F:4}" count, and without them a number is
 * appended when there are several.  -1: no such pattern. */
int name_of(char *to, size_t cap, const char *pattern, size_t k, size_t n);
/* Is it a name for a host of that system? */
bool host_name_is_legal(const char *name, bool windows);
/* "VM-2-7-debian": the one of who asks for none. */
void host_name_make(char *to, size_t cap, int64_t address, const struct image *image);

/* -- what an instance is made of (run_instances.c) */

/* The caller may start instances of this image: its state, kind and architecture. */
int image_may_start(struct call *c, const struct image *image);
/* SystemDisk.DiskSize, or what there is without it: `least` GiB. */
int disk_size(int64_t *ret, struct call *c, const struct image *image, int64_t least);
