/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session.h: what the public calls share: errors, languages, sources, profiles */
#pragma once

#include <limits.h>

#include <jansson.h>

#include "api/broker.h"
#include "api/pump.h"
#include "api/remote.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "imgport/imgport.h"
#include "rules/profile.h"

void json_unrefp(json_t **j);

/* -1, with *to filled from *err. */
int session_fail(struct imgport_error *to, const struct err *err);

/* *ret = the JSON as text, the caller's. */
int session_dump(char **ret, const json_t *j, struct err *err);

/* This thread speaks the language of a report ("en" for NULL) from one to the other.
 * Messages belong to the language: what is to last is copied before. */
struct session_language {
    const struct i18n_catalog *before;
    struct i18n_catalog *catalog;
    bool begun;
};

int session_language_begin(struct session_language *ret, const char *name,
                           struct err *err);
void session_language_end(struct session_language *l);

/* A path or name as a JSON string that is safe to print, a URL without its secrets; a new
 * reference or NULL. */
json_t *session_text(const char *s);

/* Loads and parses a profile by name, or by path when it has a slash; NULL: the default.
 */
int session_profile(const struct profile **ret, struct arena *a, const char *name,
                    struct err *err);

/* Its text, and the path it was read from. */
int session_profile_text(struct buf *ret, char path[PATH_MAX], const char *name,
                         struct err *err);

/* "http://...", "cos://...": letters and "://". */
bool session_is_url(const char *path);

/* The source as it may be shown: a URL without its secrets, cut where it is too long. */
enum { SESSION_SHOWN_MAX = 1024 };
const char *session_shown(char ret[SESSION_SHOWN_MAX], const char *path);

/* An open source: descriptors, or (fd is -1 then) a URL that is read in ranges, or what
 * comes only once. */
struct session_source {
    int fd, folder;
    int base; /* 0: it stands on nothing */
    const char *base_format;
    struct remote *remote;
    struct pump *pump;
};

#define SESSION_SOURCE_NONE    \
    {                          \
        .fd = -1, .folder = -1 \
    }

void session_source_close(struct session_source *s);

/* Opens a source.  Standard input that is no file, and a URL whose server has no ranges,
 * are pumped if may_pump, else read whole into a file without a name.  ERR_NOTFOUND for a
 * URL: the server answered and refuses.  progress [opt] is asked meanwhile. */
int session_source_open(struct session_source *ret, const struct imgport_source *source,
                        bool may_pump, imgport_progress_fn *progress, void *progress_arg,
                        struct err *err);

/* As digest_source wants it; arg is a struct remote. */
int session_read_remote(void *arg, void *buf, size_t n, uint64_t off, size_t *got,
                        struct err *err);

/* Runs the worker on a source.  `phase` is what progress calls it. */
struct session_run {
    json_t *request; /* the size of a remote source is added to it */
    const struct session_source *source;
    int output;  /* -1: none */
    int direct;  /* of struct broker_job */
    bool serves; /* output is the socket of somebody whom the worker waits for */
    const char *phase;
    imgport_progress_fn *progress;
    void *progress_arg;
    int (*piece)(void *arg, uint8_t type, const struct buf *payload,
                 struct err *err); /* as of struct broker_job */
    void *piece_arg;
};

int session_run(struct broker_result *ret, const struct session_run *run,
                struct err *err);
