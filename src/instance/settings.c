/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/settings.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "base/text.h"
#include "instance/settings_parts.h"

enum { HASH_MAX = 256 };

/* ---- what may be written down */

static bool all_of(const char *s, const char *signs)
{
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr(signs, *s))
            return false;
    return true;
}

/* What is one word in every document: an id, a region, a name of a user. */
static int check_word(const char *what, const char *s, bool optional, struct err *err)
{
    if (!has(s))
        return optional ? 0 : FAIL(err, ERR_ARG, "%s: missing", what);
    if (strlen(s) > SETTINGS_TEXT_MAX || !all_of(s, "._-") ||
        (!isalnum((unsigned char)*s) && *s != '_'))
        return FAIL(err, ERR_ARG, "%s: no plain word", what);
    return 0;
}

/* A line of text in any language. */
static int check_line(const char *what, const char *s, size_t max, struct err *err)
{
    if (!has(s))
        return 0;
    if (strlen(s) > max)
        return FAIL(err, ERR_ARG, "%s: %zu bytes, limit %zu", what, strlen(s), max);
    return text_is_line(s) ? 0 : FAIL(err, ERR_ARG, "%s: not one line of text", what);
}

static int check_quad(const char *what, const char *s, bool optional, struct err *err)
{
    struct in_addr a;

    if (!has(s))
        return optional ? 0 : FAIL(err, ERR_ARG, "%s: missing", what);
    return inet_pton(AF_INET, s, &a) == 1
               ? 0
               : FAIL(err, ERR_ARG, "%s: no address in dotted form", what);
}

static bool is_mac(const char *s)
{
    for (int i = 0; i < 17; i++)
        if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
            return false;
    return s[17] == '\0';
}

static int check_net(const struct instance_net *n, struct err *err)
{
    int r;

    if (!has(n->mac) || !is_mac(n->mac))
        return FAIL(err, ERR_ARG, "mac: not six bytes in hex with colons");
    if ((r = check_quad("ip", n->ip, n->dhcp, err)) < 0 ||
        (r = check_quad("mask", n->mask, n->dhcp, err)) < 0 ||
        (r = check_quad("gateway", n->gateway, true, err)) < 0 ||
        (r = check_quad("public ip", n->public_ip, true, err)) < 0 ||
        (r = check_word("vpc", n->vpc_id, true, err)) < 0 ||
        (r = check_word("subnet", n->subnet_id, true, err)) < 0)
        return r;
    if (n->n_dns > SETTINGS_DNS_MAX)
        return FAIL(err, ERR_ARG, "%zu name servers, limit %d", n->n_dns,
                    SETTINGS_DNS_MAX);
    for (size_t i = 0; i < n->n_dns; i++)
        if ((r = check_quad("name server", n->dns[i], false, err)) < 0)
            return r;
    return 0;
}

static int check_login(const struct instance_settings *s, struct err *err)
{
    int r;

    if ((r = check_word("user", s->user, true, err)) < 0 ||
        (r = check_line("password", s->admin_password, SETTINGS_TEXT_MAX, err)) < 0)
        return r;
    /* What crypt(3) writes: a colon would end the field that it becomes. */
    if (has(s->password_hash) &&
        (strlen(s->password_hash) > HASH_MAX || !all_of(s->password_hash, "./$=,")))
        return FAIL(err, ERR_ARG, "password hash: not what crypt makes");
    if (s->n_keys > SETTINGS_KEYS_MAX)
        return FAIL(err, ERR_ARG, "%zu ssh keys, limit %d", s->n_keys, SETTINGS_KEYS_MAX);
    for (size_t i = 0; i < s->n_keys; i++)
        if (!has(s->keys[i].name) || !has(s->keys[i].text))
            return FAIL(err, ERR_ARG, "ssh key: missing");
        else if ((r = check_line("ssh key", s->keys[i].text, SETTINGS_KEY_MAX, err)) <
                     0 ||
                 (r = check_line("ssh key", s->keys[i].name, SETTINGS_TEXT_MAX, err)) < 0)
            return r;
    return 0;
}

int settings_check(const struct instance_settings *s, struct err *err)
{
    const struct {
        const char *what, *value;
        bool optional;
    } words[] = {
        {"id", s->id},
        {"uuid", s->uuid},
        {"incarnation", s->incarnation},
        {"host name", s->hostname},
        {"region", s->region},
        {"zone", s->zone},
        {"image", s->image_id, true},
        {"instance type", s->instance_type, true},
        {"app id", s->app_id, true},
        {"charge type", s->charge_type, true},
        {"disk", s->disk_id, true},
    };
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if ((r = check_word(words[i].what, words[i].value, words[i].optional, err)) < 0)
            return r;
    if (strcasecmp(s->uuid, s->incarnation) == 0)
        return FAIL(err, ERR_ARG, "incarnation: is that of the machine");
    if (strlen(s->hostname) > SETTINGS_HOSTNAME_MAX)
        return FAIL(err, ERR_ARG, "host name: %zu bytes, limit %d", strlen(s->hostname),
                    SETTINGS_HOSTNAME_MAX);
    if (s->user_data.n > SETTINGS_USER_DATA_MAX)
        return FAIL(err, ERR_ARG, "user data: %zu bytes, limit %d", s->user_data.n,
                    SETTINGS_USER_DATA_MAX);
    if (s->n_security_groups > SETTINGS_GROUPS_MAX)
        return FAIL(err, ERR_ARG, "%zu security groups, limit %d", s->n_security_groups,
                    SETTINGS_GROUPS_MAX);
    for (size_t i = 0; i < s->n_security_groups; i++)
        if ((r = check_word("security group", s->security_groups[i], false, err)) < 0)
            return r;
    r = check_line("name", s->name, SETTINGS_NAME_MAX, err);
    if (r == 0)
        r = check_login(s, err);
    return r < 0 ? r : check_net(&s->net, err);
}

/* ---- lists of documents */

void documents_add(struct documents *d, struct arena *a, const char *path,
                   struct bytes text)
{
    struct document *at = LIST_ADD(a, d);

    if (!at)
        return;
    at->path = arena_str(a, path);
    at->text =
        bytes_of(arena_strn(a, text.n ? (const char *)text.p : "", text.n), text.n);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct document *)a)->path, ((const struct document *)b)->path);
}

void documents_sort(struct documents *d)
{
    if (d->n)
        qsort(d->v, d->n, sizeof *d->v, by_path);
}

int documents_add_json(struct documents *d, struct arena *a, const char *path,
                       json_t *taken, struct err *err)
{
    AUTO(freep) char *text = taken ? json_dumps(taken, JSON_COMPACT) : NULL;

    json_decref(taken);
    if (!text)
        return FAIL(err, ERR_NOMEM, "%s", path);
    documents_add(d, a, path, bytes_of(text, strlen(text)));
    return 0;
}

/* ---- os.conf and the ini of 2016 */

const char *mac_upper(struct arena *a, const char *mac)
{
    char text[18];

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)toupper((unsigned char)mac[i]);
    return arena_str(a, text);
}

/* Guests read this with the script of the vendor's guide, which sources all of it and
 * takes the password by `grep password`, up to the end of its line: so that value alone
 * has no quotes, and needs none. */
static int os_conf(struct documents *d, struct arena *a,
                   const struct instance_settings *s, struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    const struct instance_net *n = &s->net;
    int r;

    if ((r = buf_printf(&b, err, "hostname=%s\n", s->hostname)) < 0 ||
        (has(s->password_hash) &&
         (r = buf_printf(&b, err, "password=%s\n", s->password_hash)) < 0))
        return r;
    if (!n->dhcp && (r = buf_printf(&b, err, "eth0_ip_addr=%s\n", n->ip)) < 0)
        return r;
    if ((r = buf_printf(&b, err, "eth0_mac_addr=%s\n", mac_upper(a, n->mac))) < 0)
        return r;
    if (!n->dhcp && ((r = buf_printf(&b, err, "eth0_netmask=%s\n", n->mask)) < 0 ||
                     (has(n->gateway) &&
                      (r = buf_printf(&b, err, "eth0_gateway=%s\n", n->gateway)) < 0)))
        return r;
    for (size_t i = 0; i < n->n_dns; i++)
        if ((r = buf_printf(&b, err, "%s%s%s", i ? " " : "dns_nameserver=\"", n->dns[i],
                            i + 1 < n->n_dns ? "" : "\"\n")) < 0)
            return r;
    documents_add(d, a, "qcloud_action/os.conf", buf_bytes(&b));
    return 0;
}

/* os.conf has no place for keys; imgport-os-config takes them from here. */
static void authorized_keys(struct documents *d, struct arena *a,
                            const struct instance_settings *s)
{
    const char *text = "";

    for (size_t i = 0; i < s->n_keys; i++)
        text = arena_printf(a, "%s%s\n", text, s->keys[i].text);
    if (s->n_keys)
        documents_add(d, a, "qcloud_action/authorized_keys",
                      bytes_of(text, strlen(text)));
}

int settings_network_ini(struct bytes *ret, struct arena *a,
                         const struct instance_settings *s, struct err *err)
{
    const char *nl = s->windows ? "\r\n" : "\n";
    const struct instance_net *n = &s->net;
    const char *text = "";
    int r = settings_check(s, err);

    if (r < 0)
        return r;
    if (!n->dhcp) {
        text = arena_printf(a, "[ip]%sip= %s%smask = %s%s", nl, n->ip, nl, n->mask, nl);
        if (has(n->gateway))
            text = arena_printf(a, "%sgateway = %s%s", text, n->gateway, nl);
        /* The guide shows one, and readers of that time expect no more. */
        if (n->n_dns)
            text = arena_printf(a, "%s%s[dns]%sdns = %s%s", text, nl, nl, n->dns[0], nl);
    }
    r = arena_check(a, err);
    if (r == 0)
        *ret = bytes_of(text, strlen(text));
    return r;
}

/* ---- the drive */

int settings_drive(struct documents *ret, struct arena *a,
                   const struct instance_settings *s, struct err *err)
{
    struct documents d = {0};
    int r = settings_check(s, err);

    if (r < 0 || (r = openstack_documents(&d, a, s, err)) < 0 ||
        (s->forced && (r = os_conf(&d, a, s, err)) < 0))
        return r;
    if (s->forced)
        authorized_keys(&d, a, s);
    r = arena_check(a, err);
    if (r < 0)
        return r;
    documents_sort(&d);
    *ret = d;
    return 0;
}
