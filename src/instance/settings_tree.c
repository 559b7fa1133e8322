/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings_tree.c: what the metadata service answers, as a list of paths
 *
 *     ""                                  versions
 *     latest/                             what every version of the vendor's has
 *     meta-data/…, user-data              beneath each of them, and without any
 *     openstack/latest/…                  beneath each version of OpenStack
 *     2009-04-04/…                        what cloud-init asks a cloud of type EC2 for
 *
 * Folders follow from what lies in them; what answers "though not listed" is marked. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/scoped.h"
#include "base/text.h"
#include "instance/settings_parts.h"

enum { UNLISTED = true, CHINA = 8 * 3600 };

#define TOP  "meta-data/"
#define EC2  "2009-04-04/"
#define MACS "meta-data/network/interfaces/macs/"

struct tree {
    struct documents d;
    struct arena *a;
    struct documents hidden; /* paths that TOP does not list */
};

static void add(struct tree *t, const char *path, const char *text, bool hidden)
{
    if (!has(text))
        return;
    documents_add(&t->d, t->a, path, bytes_of(text, strlen(text)));
    if (hidden)
        documents_add(&t->hidden, t->a, path, bytes_of("", 0));
}

static void add_number(struct tree *t, const char *path, uint64_t n)
{
    if (n)
        add(t, path, arena_printf(t->a, "%" PRIu64, n), UNLISTED);
}

/* The vendor's clocks show the time of China, and its answers do not say so. */
static const char *local_time(struct arena *a, int64_t seconds)
{
    time_t t = (time_t)(seconds + CHINA);
    char text[32] = "";
    struct tm tm;

    if (seconds > 0 && gmtime_r(&t, &tm))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    return arena_str(a, text);
}

static void add_net(struct tree *t, const struct instance_net *n)
{
    const char *mac = mac_upper(t->a, n->mac);
    const char *at = arena_printf(t->a, MACS "%s/", mac);
    const char *ip;

    add(t, arena_printf(t->a, "%smac", at), mac, false);
    add(t, arena_printf(t->a, "%sprimary-local-ipv4", at), n->ip, false);
    add(t, arena_printf(t->a, "%spublic-ipv4s", at), n->public_ip, false);
    add(t, arena_printf(t->a, "%svpc-id", at), n->vpc_id, false);
    add(t, arena_printf(t->a, "%ssubnet-id", at), n->subnet_id, false);
    if (!has(n->ip))
        return;
    ip = arena_printf(t->a, "%slocal-ipv4s/%s/", at, n->ip);
    add(t, arena_printf(t->a, "%sgateway", ip), n->gateway, false);
    add(t, arena_printf(t->a, "%slocal-ipv4", ip), n->ip, false);
    add(t, arena_printf(t->a, "%spublic-ipv4", ip), n->public_ip, false);
    add(t, arena_printf(t->a, "%spublic-ipv4-mode", ip), has(n->public_ip) ? "NAT" : "",
        false);
    add(t, arena_printf(t->a, "%ssubnet-mask", ip), n->mask, false);
}

static void add_keys(struct tree *t, const char *at, const struct instance_settings *s,
                     bool hidden)
{
    const char *list = "";

    for (size_t i = 0; i < s->n_keys; i++) {
        list = arena_printf(t->a, "%s%s%zu=%s", list, i ? "\n" : "", i, s->keys[i].name);
        add(t, arena_printf(t->a, "%smeta-data/public-keys/%zu/openssh-key", at, i),
            s->keys[i].text, hidden);
    }
    add(t, arena_printf(t->a, "%smeta-data/public-keys/", at), list, hidden);
}

static void add_user_data(struct tree *t, const char *path,
                          const struct instance_settings *s)
{
    if (s->user_data.n)
        documents_add(&t->d, t->a, path, s->user_data);
}

static void add_vendor(struct tree *t, const struct instance_settings *s)
{
    const char *groups = "";

    for (size_t i = 0; i < s->n_security_groups; i++)
        groups =
            arena_printf(t->a, "%s%s%s", groups, i ? "\n" : "", s->security_groups[i]);
    add(t, "meta-data/instance-id", s->id, false);
    add(t, "meta-data/instance-name", s->name, false);
    add(t, "meta-data/local-ipv4", s->net.ip, false);
    add(t, "meta-data/mac", mac_upper(t->a, s->net.mac), false);
    add(t, "meta-data/placement/region", s->region, false);
    add(t, "meta-data/placement/zone", s->zone, false);
    add(t, "meta-data/public-ipv4", s->net.public_ip, false);
    add(t, "meta-data/uuid", s->uuid, false);
    add_net(t, &s->net);

    add(t, "meta-data/app-id", s->app_id, UNLISTED);
    add(t, "meta-data/hostname", s->hostname, UNLISTED);
    add(t, "meta-data/local-hostname", s->hostname, UNLISTED);
    add(t, "meta-data/instance/image-id", s->image_id, UNLISTED);
    add(t, "meta-data/instance/instance-type", s->instance_type, UNLISTED);
    add(t, "meta-data/instance/security-group", groups, UNLISTED);
    add_number(t, "meta-data/instance/bandwidth-limit-egress", s->bandwidth_out);
    add_number(t, "meta-data/instance/bandwidth-limit-ingress", s->bandwidth_in);
    add(t, "meta-data/payment/charge-type", s->charge_type, UNLISTED);
    add(t, "meta-data/payment/create-time", local_time(t->a, s->created), UNLISTED);
    add(t, "meta-data/volumes", s->disk_id, UNLISTED);
    add_keys(t, "", s, UNLISTED);
    add_user_data(t, "user-data", s);
}

/* The instance-id here is what cloud-init compares with that of its last start. */
static void add_ec2(struct tree *t, const struct instance_settings *s)
{
    add(t, EC2 "meta-data/ami-id", s->image_id, false);
    add(t, EC2 "meta-data/hostname", s->hostname, false);
    add(t, EC2 "meta-data/instance-id", s->incarnation, false);
    add(t, EC2 "meta-data/instance-type", s->instance_type, false);
    add(t, EC2 "meta-data/local-hostname", s->hostname, false);
    add(t, EC2 "meta-data/local-ipv4", s->net.ip, false);
    add(t, EC2 "meta-data/mac", s->net.mac, false);
    add(t, EC2 "meta-data/placement/availability-zone", s->zone, false);
    add(t, EC2 "meta-data/public-ipv4", s->net.public_ip, false);
    add_keys(t, EC2, s, false);
    add_user_data(t, EC2 "user-data", s);
}

/* ---- folders */

static const struct document *find(const struct documents *d, const char *path, size_t n)
{
    for (size_t low = 0, high = d->n; low < high;) {
        size_t mid = low + (high - low) / 2;
        int c = strncmp(d->v[mid].path, path, n);

        if (c == 0 && d->v[mid].path[n] == '\0')
            return &d->v[mid];
        /* At c == 0 the path goes on behind what is looked for, so that stands before. */
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* Does the folder, the first n bytes of the path, list it, or what leads to it? */
static bool is_listed(const struct tree *t, const char *path, size_t n)
{
    if (n == strlen(TOP) && find(&t->hidden, path, strlen(path)))
        return false;
    return path[n] != '\0';
}

/* Paths are sorted, so what lies in one folder stands together. */
static const char *listing(const struct tree *t, size_t from, const char *folder,
                           size_t n)
{
    const char *text = "", *last = "";
    size_t last_n = 0;

    for (size_t i = from; i < t->d.n; i++) {
        const char *path = t->d.v[i].path;
        size_t len;

        if (strncmp(path, folder, n) != 0)
            break;
        len = strcspn(path + n, "/");
        len += path[n + len] == '/';
        if (!is_listed(t, path, n) ||
            (len == last_n && strncmp(path + n, last, len) == 0))
            continue;
        last = path + n;
        last_n = len;
        text = arena_printf(t->a, "%s%s%.*s", text, *text ? "\n" : "", (int)len, last);
    }
    return text;
}

static void add_folders(struct tree *t)
{
    struct documents folders = {0};

    for (size_t i = 0; i < t->d.n; i++) {
        const char *path = t->d.v[i].path;

        for (const char *p = strchr(path, '/'); p && p[1]; p = strchr(p + 1, '/')) {
            size_t n = (size_t)(p - path) + 1;
            const char *before = i ? t->d.v[i - 1].path : "";
            const char *list;

            /* The first path of a folder makes it, unless it speaks for itself. */
            if (strncmp(before, path, n) == 0)
                continue;
            list = listing(t, i, path, n);
            documents_add(&folders, t->a, arena_strn(t->a, path, n),
                          bytes_of(list, strlen(list)));
        }
    }
    for (size_t i = 0; i < folders.n; i++)
        documents_add(&t->d, t->a, folders.v[i].path, folders.v[i].text);
    documents_sort(&t->d);
}

static const char *const openstack_versions[] = {
    "2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30",
    "2016-10-06", "2017-02-22", "2018-08-27", "latest",
};

static const char *const vendor_versions[] = {
    "1.0", "2017-09-19", "2019-09-29", "2019-12-11", "latest",
};

int settings_tree(struct documents *ret, struct arena *a,
                  const struct instance_settings *s, struct err *err)
{
    struct tree t = {.a = a};
    const char *versions = "";
    int r = settings_check(s, err);

    if (r < 0 || (r = openstack_documents(&t.d, a, s, err)) < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(openstack_versions); i++)
        versions =
            arena_printf(a, "%s%s%s", versions, i ? "\n" : "", openstack_versions[i]);
    add(&t, "openstack/", versions, false);
    add_vendor(&t, s);
    add_ec2(&t, s);
    add(&t, "", "1.0\n2017-09-19\nlatest\nmeta-data", false);
    add(&t, "latest/", s->user_data.n ? "meta-data/\nuser-data" : "meta-data/", false);
    documents_sort(&t.d);
    documents_sort(&t.hidden);
    if ((r = arena_check(a, err)) < 0)
        return r;
    add_folders(&t);
    if ((r = arena_check(a, err)) < 0)
        return r;
    *ret = t.d;
    return 0;
}

/* ---- paths */

/* The length of one of the versions at the start of the path, with the slash behind it;
 * 0: there is none. */
static size_t version_of(struct bytes path, const char *const *versions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(versions[i]);

        if (text_starts(path, versions[i]) && (path.n == n || path.p[n] == '/'))
            return path.n == n ? n : n + 1;
    }
    return 0;
}

static const struct document *find_or_folder(const struct documents *tree,
                                             const char *path)
{
    char folder[SETTINGS_PATH_MAX + 2];
    const struct document *at = find(tree, path, strlen(path));
    int n;

    if (at)
        return at;
    n = snprintf(folder, sizeof folder, "%s/", path);
    return find(tree, folder, (size_t)n);
}

const struct document *settings_find(const struct documents *tree, struct bytes path)
{
    char text[SETTINGS_PATH_MAX + 1];
    size_t n;

    if (path.n == 0 || path.p[0] != '/' || path.n > SETTINGS_PATH_MAX ||
        memchr(path.p, '\0', path.n))
        return NULL;
    path = bytes_sub(path, 1, path.n - 1);
    if (path.n == 0)
        return find(tree, "", 0);
    n = version_of(path, vendor_versions, ARRAY_SIZE(vendor_versions));
    if (n) {
        path = bytes_sub(path, n, path.n - n);
        if (path.n == 0)
            return find(tree, "latest/", strlen("latest/"));
        /* Nothing but this lies beneath a version. */
        if (!text_starts(path, "meta-data") && !text_starts(path, "user-data"))
            return NULL;
    } else if (text_starts(path, "openstack/")) {
        struct bytes rest = bytes_sub(path, 10, path.n - 10);

        n = version_of(rest, openstack_versions, ARRAY_SIZE(openstack_versions));
        if (n) {
            snprintf(text, sizeof text, "openstack/latest/%.*s", (int)(rest.n - n),
                     (const char *)rest.p + n);
            return find_or_folder(tree, text);
        }
    }
    memcpy(text, path.p, path.n);
    text[path.n] = '\0';
    return find_or_folder(tree, text);
}
