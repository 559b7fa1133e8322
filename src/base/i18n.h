/* SPDX-License-Identifier: GPL-2.0-or-later */
/* i18n.h: messages in the reader's language, a thread at a time
 *
 * Translations are made with gettext's tools (po/, msgfmt) and looked up here rather than
 * by libintl, which knows one language a process and only those whose locale the machine
 * has installed; a service answers every account in its own, on a machine that has none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Marks and translates a message; the result is never freed and never changes. */
#define _(msgid) i18n_text(msgid)
/* Marks a message in a table; translate it with i18n_text() where it is used. */
#define N_(msgid) (msgid)

struct i18n_catalog;

/* Loads <dir>/<language>/LC_MESSAGES/imgport.mo.  NULL for a language that has none
 * (English needs none) or a file that is not a catalogue.  Immutable, any thread;
 * released by i18n_free(), after every thread that used it has let go. */
struct i18n_catalog *i18n_load(const char *dir, const char *language);
void i18n_free(struct i18n_catalog *c);

/* The calling thread speaks this language from now on; NULL: English as written.  Returns
 * what it spoke before. */
const struct i18n_catalog *i18n_use(const struct i18n_catalog *c);

/* The translation, or msgid itself.  "" stays "". */
const char *i18n_text(const char *msgid) __attribute__((format_arg(1)));

/* An English text with the translation of what it is about before it, where there is one:
 * "<msgid translated> (<english>)"; else the text alone. */
const char *i18n_beside(char *ret, size_t room, const char *msgid, const char *english);

/* "zh_CN" for "zh", "zh_CN.UTF-8", "zh-Hans" ...; "en" for everything else that names a
 * language; from the environment (LC_ALL, LC_MESSAGES, LANG, and LANGUAGE before them)
 * when `name` is NULL. */
const char *i18n_language(const char *name);
