/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/cos/place.h"

#include <string.h>

#include "base/scoped.h"
#include "base/text.h"
#include "service/cos/query.h"

enum { BUCKET_MAX = 60, HOST_MAX = 255, LABELS_MAX = 8 };

static const char *const vendor_domains[] = {".myqcloud.com", ".tencentcos.cn"};

/* Words before the region of today's names. */
static const char *const kinds[] = {"cos", "cosv6", "cos-internal", "cos-cdc"};

/* A single word behind the bucket, and the region it means. */
static const struct {
    const char *word, *region;
} words[] = {
    {"cn-south", "ap-guangzhou"},
    {"cn-south-2", "ap-guangzhou-2"},
    {"cn-north", "ap-beijing-1"},
    {"cn-east", "ap-shanghai"},
    {"cn-southwest", "ap-chengdu"},
    {"sg", "ap-singapore"},
    {"cosgz", "ap-guangzhou"},
    {"cossh", "ap-shanghai"},
    {"costj", "ap-beijing-1"},
    {"cosbj", "ap-beijing"},
    {"coscd", "ap-chengdu"},
    {"cossgp", "ap-singapore"},
    {"coshk", "ap-hongkong"},
    {"cosca", "na-toronto"},
    {"cosger", "eu-frankfurt"},
    {"cosd", ""},
    {"file", ""},
};

static bool is_label(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (!((b.p[i] >= 'a' && b.p[i] <= 'z') || (b.p[i] >= '0' && b.p[i] <= '9') ||
              b.p[i] == '-'))
            return false;
    return b.n > 0;
}

static size_t digits_at_end(struct bytes b)
{
    size_t n = 0;

    while (n < b.n && b.p[b.n - 1 - n] >= '0' && b.p[b.n - 1 - n] <= '9')
        n++;
    return n;
}

bool cos_is_bucket(struct bytes name)
{
    size_t digits = digits_at_end(name);

    return name.n <= BUCKET_MAX && is_label(name) && digits && name.n > digits + 1 &&
           name.p[name.n - digits - 1] == '-' && name.p[0] != '-';
}

struct host {
    struct bytes name; /* without the port */
    struct bytes full; /* with it */
    struct bytes labels[LABELS_MAX];
    size_t n;
};

static bool in_list(struct bytes b, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text_is(b, list[i]))
            return true;
    return false;
}

static void split(struct host *h, struct bytes name)
{
    h->n = 0;
    while (h->n < LABELS_MAX) {
        const uint8_t *dot = name.n ? memchr(name.p, '.', name.n) : NULL;
        size_t n = dot ? (size_t)(dot - name.p) : name.n;

        h->labels[h->n++] = bytes_sub(name, 0, n);
        if (!dot)
            return;
        name = bytes_sub(name, n + 1, name.n - n - 1);
    }
    h->n = 0; /* more than any name here has */
}

static void set_bucket(struct cos_place *p, struct arena *a, struct bytes name)
{
    size_t digits = digits_at_end(name);

    p->bucket = arena_strn(a, (const char *)name.p, name.n);
    p->app_id = p->bucket + name.n - digits;
}

static const char *copy(struct arena *a, struct bytes b)
{
    return arena_strn(a, (const char *)b.p, b.n);
}

/* What stands before the vendor's domain. */
static void find_vendor(struct cos_place *p, struct arena *a, const struct host *h)
{
    const struct bytes *l = h->labels;
    bool bucket = h->n && cos_is_bucket(l[0]);

    if (h->n == 2 && text_is(l[0], "service") && text_is(l[1], "cos")) {
        p->form = COS_FORM_SERVICE;
    } else if (h->n == 2 && in_list(l[0], kinds, ARRAY_SIZE(kinds)) && is_label(l[1])) {
        p->form = COS_FORM_PATH;
        p->region = copy(a, l[1]);
    } else if (h->n == 3 && bucket && in_list(l[1], kinds, ARRAY_SIZE(kinds)) &&
               is_label(l[2])) {
        p->form = COS_FORM_HOST;
        p->region = text_is(l[2], "accelerate") ? "" : copy(a, l[2]);
    } else if (h->n == 2 && bucket) {
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
            if (text_is(l[1], words[i].word)) {
                p->form = COS_FORM_HOST;
                p->region = words[i].region;
            }
        }
    }
    p->named = p->form != COS_FORM_NONE;
    if (p->form == COS_FORM_HOST)
        set_bucket(p, a, l[0]);
}

/* `name` is `domain`, or a label and the domain. */
static bool find_domain(struct cos_place *p, struct arena *a, struct bytes name,
                        const char *domain)
{
    size_t n = strlen(domain);
    struct bytes first;

    if (text_is(name, domain)) {
        p->form = COS_FORM_PATH;
        return true;
    }
    if (name.n < n + 2 || !text_ends(name, domain) || name.p[name.n - n - 1] != '.')
        return false;
    first = bytes_sub(name, 0, name.n - n - 1);
    if (!cos_is_bucket(first))
        return false;
    p->form = COS_FORM_HOST;
    set_bucket(p, a, first);
    return true;
}

static void find_configured(struct cos_place *p, struct arena *a,
                            const struct config *config, const struct host *h)
{
    for (size_t i = 0; i < config->regions.n; i++) {
        const struct config_region *region = &config->regions.v[i];

        for (size_t j = 0; j < region->cos_domains.n; j++) {
            const char *domain = region->cos_domains.v[j];

            if (find_domain(p, a, strchr(domain, ':') ? h->full : h->name, domain)) {
                p->named = true;
                p->region = region->id;
                return;
            }
        }
    }
}

/* Path style: the first part of the path is the bucket. */
static int take_bucket(struct cos_place *p, struct arena *a, const char **path,
                       struct err *err)
{
    size_t n = strcspn(*path + 1, "/");
    struct bytes raw = bytes_of(*path + 1, n);

    if (n == 0) {
        p->form = (*path)[1] ? COS_FORM_NONE : COS_FORM_SERVICE;
        *path = "/";
        return 0;
    }
    if (cos_is_bucket(raw)) {
        p->form = COS_FORM_PATH;
        set_bucket(p, a, raw);
        *path += 1 + n;
        return 0;
    }
    return p->named ? FAIL(err, ERR_ARG, "the path begins with no bucket") : 0;
}

int cos_place_find(struct cos_place *ret, struct arena *a, const struct config *config,
                   const char *host, const char *path, struct err *err)
{
    struct cos_place p = {.region = "", .bucket = "", .app_id = "", .key = ""};
    char lower[HOST_MAX + 1];
    struct host h = {0};
    size_t n = strlen(host), name;
    int r = 0;

    if (n > HOST_MAX || *path != '/') {
        *ret = p;
        return 0;
    }
    for (size_t i = 0; i <= n; i++)
        lower[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] | 32) : host[i];
    name = lower[0] == '[' ? strcspn(lower, "]") + 1 : strcspn(lower, ":");
    h.full = bytes_of(lower, n);
    h.name = bytes_sub(h.full, 0, name < n ? name : n);
    for (size_t i = 0; i < ARRAY_SIZE(vendor_domains); i++) {
        if (text_ends(h.name, vendor_domains[i])) {
            split(&h, bytes_sub(h.name, 0, h.name.n - strlen(vendor_domains[i])));
            find_vendor(&p, a, &h);
        }
    }
    if (p.form == COS_FORM_NONE)
        find_configured(&p, a, config, &h);
    if (p.form == COS_FORM_PATH || p.form == COS_FORM_NONE)
        r = take_bucket(&p, a, &path, err);
    if (r == 0 && (p.form == COS_FORM_HOST || p.form == COS_FORM_PATH) && *path)
        r = cos_decode(&p.key, a, bytes_of(path + 1, strlen(path + 1)), err);
    if (r == 0)
        *ret = p;
    return r;
}
