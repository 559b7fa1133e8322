/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cli/cloud.h"
#include "cli/cmd.h"
#include "cli/progress.h"
#include "cli/release.h"
#include "cli/storage.h"
#include "cli/verb.h"

enum {
    LIST_MAX = 1000000,
    LINK_S = 3600,
    LINK_S_MAX = 10 * 366 * 24 * 3600,
};

struct options {
    struct cloud c;
    const char *bucket, *prefix, *expires;
    bool overwrite, unfinished;
};

/* An object that a word names. */
struct place {
    struct buf bucket, key;
};

static void place_fini(struct place *p)
{
    buf_fini(&p->bucket);
    buf_fini(&p->key);
}

/* "BUCKET/KEY", or with --bucket the key; *key points into the word. */
static int split(struct place *p, const char **key, const struct command *self,
                 struct options *o, const char *word)
{
    const char *slash = strchr(word, '/');
    AUTO(freep) char *name = NULL;

    *key = word;
    if (o->bucket)
        return storage_bucket(&p->bucket, &o->c, o->bucket);
    if (!slash)
        return cmd_usage(
            self, _("\"%s\" is no object: BUCKET/KEY, or a key and --bucket"), word);
    *key = slash + 1;
    name = strndup(word, (size_t)(slash - word));
    return storage_bucket(&p->bucket, &o->c, name ? name : "");
}

static int take_key(struct place *p, const char *key, const char *more)
{
    struct err err = {0};

    if (buf_puts(&p->key, key, &err) < 0 || buf_puts(&p->key, more, &err) < 0)
        return storage_fail(NULL, &err);
    return EXIT_OK;
}

static int find(struct place *p, const struct command *self, struct options *o,
                const char *word)
{
    const char *key;
    int r = split(p, &key, self, o, word);

    if (r != EXIT_OK)
        return r;
    return *key ? take_key(p, key, "")
                : cmd_usage(self, _("\"%s\" names a bucket, and no object in it"), word);
}

static int print(const struct options *o, json_t *object, const char *line)
{
    AUTO(json_releasep) json_t *taken = object;

    if (o->c.json)
        return cloud_print_json(taken);
    cloud_print_line(stdout, line);
    return EXIT_OK;
}

/* ---- put */

/* A key that is none, or ends in "/", gets the name of the file behind it. */
static int find_target(struct place *p, const struct command *self, struct options *o,
                       const struct words *w)
{
    const char *key = "";
    int r;

    if (w->n < 2 && !o->bucket)
        return cmd_usage(self, _("put wants BUCKET/KEY, or --bucket"));
    r = w->n < 2 ? storage_bucket(&p->bucket, &o->c, o->bucket)
                 : split(p, &key, self, o, w->v[1]);
    if (r != EXIT_OK)
        return r;
    if (*key && key[strlen(key) - 1] != '/')
        return take_key(p, key, "");
    if (!storage_name(w->v[0]))
        return cmd_usage(self, _("\"%s\" is no name of a file"), w->v[0]);
    return take_key(p, key, storage_name(w->v[0]));
}

static int goes_on(void *arg, uint64_t done, uint64_t total)
{
    return progress_tell(
        arg, &(struct imgport_progress){
                 .phase = "upload", .step = "", .done = done, .total = total});
}

static int send(const struct options *o, const struct place *p, int fd, uint64_t size)
{
    struct object_client client = storage_client(&o->c, buf_str(&p->bucket));
    struct progress progress = {0};
    struct err err = {0};
    int r;

    progress_init(&progress);
    client.goes_on = goes_on;
    client.arg = &progress;
    r = object_client_put(&client, buf_str(&p->key), fd, size, &err);
    progress_end(&progress);
    progress_die_if_signaled();
    return r < 0 ? storage_fail(NULL, &err) : EXIT_OK;
}

static int do_put(const struct command *self, struct options *o, const struct words *w)
{
    AUTO(place_fini) struct place p = {0};
    AUTO(closep) int fd = -1;
    AUTO(buf_fini) struct buf line = {0};
    struct err err = {0};
    uint64_t size;
    int r = find_target(&p, self, o, w);

    if (r != EXIT_OK)
        return r;
    if (storage_open(&fd, &size, w->v[0], &err) < 0)
        return storage_fail(w->v[0], &err);
    r = send(o, &p, fd, size);
    if (r != EXIT_OK)
        return r;
    if (buf_printf(&line, &err, "%s/%s", buf_str(&p.bucket), buf_str(&p.key)) < 0)
        return storage_fail(NULL, &err);
    return print(o,
                 json_pack("{s:s, s:s, s:I}", "BucketName", buf_str(&p.bucket), "Key",
                           buf_str(&p.key), "Size", (json_int_t)size),
                 buf_str(&line));
}

/* ---- get */

/* Of a folder, the object's name in it. */
static int find_file(struct buf *to, const struct command *self, const struct place *p,
                     const struct words *w)
{
    const char *name = storage_name(buf_str(&p->key)), *given = w->n > 1 ? w->v[1] : NULL;
    struct err err = {0};
    struct stat st;
    bool is_folder = given && stat(given, &st) == 0 && S_ISDIR(st.st_mode);
    int r = 0;

    if ((!given || is_folder) && !name)
        return cmd_usage(self, _("\"%s\" is no name of a file; name the FILE"),
                         buf_str(&p->key));
    if (given)
        r = buf_puts(to, given, &err);
    if (r == 0 && is_folder)
        r = buf_puts(to, "/", &err);
    if (r == 0 && (!given || is_folder))
        r = buf_puts(to, name, &err);
    return r < 0 ? storage_fail(NULL, &err) : EXIT_OK;
}

static int do_get(const struct command *self, struct options *o, const struct words *w)
{
    AUTO(place_fini) struct place p = {0};
    AUTO(buf_fini) struct buf file = {0};
    bool to_stdout = w->n > 1 && strcmp(w->v[1], "-") == 0, checked;
    uint64_t size;
    int r;

    if (to_stdout && o->c.json)
        return cmd_usage(self, _("--json and an object on standard output exclude each "
                                 "other"));
    if (to_stdout && isatty(STDOUT_FILENO))
        return cmd_usage(self, _("an object is not written on a terminal"));
    r = find(&p, self, o, w->v[0]);
    if (r == EXIT_OK)
        r = find_file(&file, self, &p, w);
    if (r == EXIT_OK)
        r = storage_fetch(&size, &checked, &o->c, buf_str(&p.bucket), buf_str(&p.key),
                          buf_str(&file), o->overwrite);
    if (r != EXIT_OK || to_stdout)
        return r;
    return print(o,
                 json_pack("{s:s, s:s, s:I, s:s, s:b}", "BucketName", buf_str(&p.bucket),
                           "Key", buf_str(&p.key), "Size", (json_int_t)size, "File",
                           buf_str(&file), "Checked", checked),
                 buf_str(&file));
}

/* ---- the others */

static int add(void *arg, const struct object_entry *e, struct err *err)
{
    json_t *row = *e->upload ? json_pack("{s:s, s:s, s:s}", "UploadId", e->upload,
                                         "Initiated", e->modified, "Key", e->key)
                             : json_pack("{s:I, s:s, s:s, s:s}", "Size",
                                         (json_int_t)e->size, "LastModified", e->modified,
                                         "ETag", e->etag, "Key", e->key);

    if (json_array_size(arg) >= LIST_MAX) {
        json_decref(row);
        return FAIL(err, ERR_LIMIT, _("more than %d objects; --prefix asks for fewer"),
                    LIST_MAX);
    }
    return json_array_append_new(arg, row) < 0
               ? FAIL(err, ERR_IO, "an object whose key is no text")
               : 0;
}

static int do_list(const struct command *self, struct options *o, const struct words *w)
{
    static const struct cloud_column objects[] = {
        {N_("BYTES"), "Size"},
        {N_("MODIFIED"), "LastModified"},
        {N_("KEY"), "Key"},
    };
    static const struct cloud_column uploads[] = {
        {N_("BEGUN"), "Initiated"},
        {N_("KEY"), "Key"},
    };
    AUTO(json_releasep) json_t *list = json_array();
    AUTO(json_releasep) json_t *answer = NULL;
    AUTO(buf_fini) struct buf bucket = {0};
    const char *set = o->unfinished ? "UploadSet" : "ObjectSet";
    struct object_client client;
    struct err err = {0};
    int r;

    if ((w->n > 0) == (o->bucket != NULL))
        return cmd_usage(self, _("list wants one bucket"));
    r = storage_bucket(&bucket, &o->c, o->bucket ? o->bucket : w->v[0]);
    if (r != EXIT_OK)
        return r;
    client = storage_client(&o->c, buf_str(&bucket));
    if (object_client_list(&client, o->prefix ? o->prefix : "", o->unfinished, add, list,
                           &err) < 0)
        return storage_fail(NULL, &err);
    answer = json_pack("{s:I, s:O}", "TotalCount", (json_int_t)json_array_size(list), set,
                       list);
    return o->unfinished
               ? cloud_print_answer(&o->c, answer, set, uploads, ARRAY_SIZE(uploads))
               : cloud_print_answer(&o->c, answer, set, objects, ARRAY_SIZE(objects));
}

/* All uploads of that key which nobody finished. */
static int abort_all(bool *had, const struct object_client *client, const char *key,
                     struct err *err)
{
    AUTO(json_releasep) json_t *list = json_array();
    const json_t *row;
    size_t i;
    int r = object_client_list(client, key, true, add, list, err);

    *had = false;
    json_array_foreach(list, i, row)
    {
        const char *of = json_string_value(json_object_get(row, "Key"));
        const char *id = json_string_value(json_object_get(row, "UploadId"));

        if (r < 0 || !of || !id || strcmp(of, key) != 0)
            continue;
        *had = true;
        r = object_client_abort(client, key, id, err);
    }
    return r;
}

static int delete_one(const struct command *self, struct options *o, const char *word)
{
    AUTO(place_fini) struct place p = {0};
    struct object_client client;
    struct err err = {0};
    bool had;
    int r = find(&p, self, o, word);

    if (r != EXIT_OK)
        return r;
    client = storage_client(&o->c, buf_str(&p.bucket));
    if (o->unfinished)
        r = abort_all(&had, &client, buf_str(&p.key), &err);
    else /* to delete what is not there is no error of the service's, but a word misspelt
          */
        r = object_client_has(&had, &client, buf_str(&p.key), &err);
    if (r == 0 && !o->unfinished)
        r = object_client_delete(&client, buf_str(&p.key), &err);
    if (r == 0 && !had)
        r = FAIL(&err, ERR_NOTFOUND,
                 o->unfinished ? _("%.80s has no unfinished upload of %.150s (%s)")
                               : _("%.80s has no object %.150s (%s)"),
                 buf_str(&p.bucket), text_short(buf_str(&p.key), 150).s,
                 o->unfinished ? "NoSuchUpload" : "NoSuchKey");
    return r < 0 ? storage_fail(NULL, &err) : EXIT_OK;
}

static int do_delete(const struct command *self, struct options *o, const struct words *w)
{
    int worst = EXIT_OK;

    for (size_t i = 0; i < w->n && worst < EXIT_USAGE; i++) {
        int r = delete_one(self, o, w->v[i]);

        worst = r > worst ? r : worst;
    }
    return worst;
}

static int do_url(const struct command *self, struct options *o, const struct words *w)
{
    AUTO(place_fini) struct place p = {0};
    AUTO(buf_fini) struct buf link = {0};
    struct object_client client;
    struct err err = {0};
    uint64_t seconds = LINK_S;
    int r;

    if (o->expires && (!text_u64(&seconds, bytes_of(o->expires, strlen(o->expires))) ||
                       seconds == 0 || seconds > LINK_S_MAX))
        return cmd_usage(self, _("--expires takes seconds, from 1 to %d"), LINK_S_MAX);
    r = find(&p, self, o, w->v[0]);
    if (r != EXIT_OK)
        return r;
    client = storage_client(&o->c, buf_str(&p.bucket));
    if (object_client_link(&link, &client, buf_str(&p.key), (int64_t)seconds, &err) < 0)
        return storage_fail(NULL, &err);
    return print(o, json_pack("{s:s}", "Url", buf_str(&link)), buf_str(&link));
}

static const struct verb verbs[] = {
    {"put", 1, 2, "bucket", do_put},
    {"get", 1, 2, "bucket overwrite", do_get},
    {"list", 0, 1, "bucket prefix unfinished", do_list},
    {"delete", 1, WORDS_MAX, "bucket unfinished", do_delete},
    {"url", 1, 1, "bucket expires", do_url},
    {NULL, 0, 0, NULL, NULL},
};

static int run(const struct command *self, int argc, char **argv)
{
    struct options o = {0};
    const struct option_row rows[] = {
        CLOUD_ROWS(o.c),
        {"bucket", 0, &o.bucket, NULL},
        {"prefix", 0, &o.prefix, NULL},
        {"expires", 0, &o.expires, NULL},
        {"overwrite", 0, NULL, &o.overwrite},
        {"unfinished", 0, NULL, &o.unfinished},
        {NULL, 0, NULL, NULL},
    };

    return verb_run(self, argc, argv, rows, verbs, &o.c, &o);
}

const struct command cmd_object = {
    .name = "object",
    .summary = N_("objects in buckets of an image service"),
    .help = N_(
        "Usage: imgport object put FILE [BUCKET/]KEY\n"
        "       imgport object get [BUCKET/]KEY [FILE] [--overwrite]\n"
        "       imgport object list BUCKET [--prefix P] [--unfinished]\n"
        "       imgport object delete [BUCKET/]KEY ... [--unfinished]\n"
        "       imgport object url [BUCKET/]KEY [--expires S]\n"
        "\n"
        "put uploads a file, in the place of an object of that KEY; behind a KEY that\n"
        "is empty, or ends in /, stands the file's name.  get writes one into FILE,\n"
        "which is there when all of it has come and its MD5 is right; a FILE that is -\n"
        "is standard output.  url prints a link that imgport image import takes.  A\n"
        "BUCKET without -APPID is one of the account's own.  Who asks and where is told\n"
        "as for imgport image.\n"
        "\n"
        "Options:\n"
        "  --bucket BUCKET    the bucket, for words that are only a KEY\n"
        "  --prefix P         objects whose keys begin so\n"
        "  --expires S        seconds that a link is good for; else 3600\n"
        "  --overwrite        replace FILE\n"
        "  --unfinished       uploads in parts that were begun and not ended\n"
        "  --endpoint URL     the service, as http://127.0.0.1:8780\n"
        "  --secret-id ID     who asks\n"
        "  --secret-key KEY   that key's secret; better in the environment\n"
        "  --region REGION    ap-guangzhou, where none is told\n"
        "  --ca FILE          certificates to trust\n"
        "  --json             the answer as JSON\n"
        "  --lang LANG        zh or en\n"
        "  --help             this text\n"
        "  --version          the version\n"),
    .run = run,
};
