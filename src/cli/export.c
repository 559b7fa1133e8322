/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/export.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cli/release.h"
#include "cli/storage.h"
#include "cli/verb.h"

static json_t *params_of(const struct export_order *x, const char *bucket, bool dry_run)
{
    json_t *p = json_pack("{s:[s], s:s}", "ImageIds", x->image, "BucketName", bucket);
    char format[16] = "";

    if (x->format) {
        snprintf(format, sizeof format, "%s", x->format);
        for (size_t i = 0; format[i]; i++)
            if (format[i] >= 'a' && format[i] <= 'z')
                format[i] -= 'a' - 'A';
        put_text(p, "ExportFormat", format);
    }
    if (x->prefix)
        json_object_set_new(p, "FileNamePrefixList", json_pack("[s]", x->prefix));
    if (dry_run)
        json_object_set_new(p, "DryRun", json_true());
    return p;
}

/* What a path of the service's is as a key, and as a file in a folder. */
static const char *key_of(const json_t *path)
{
    const char *s = json_string_value(path);

    return s && *s == '/' ? s + 1 : s ? s : "";
}

/* Where an object goes: into FILE, or into that folder. */
static int file_of(struct buf *to, const char *output, bool is_folder, const char *key)
{
    const char *name = storage_name(key);
    struct err err = {0};
    int r = buf_puts(to, output, &err);

    if (r == 0 && is_folder && !name)
        r = FAIL(&err, ERR_CORRUPT, _("the service names an object that is no file: %s"),
                 key);
    if (r == 0 && is_folder)
        r = buf_printf(to, &err, "/%s", name);
    return r < 0 ? storage_fail(NULL, &err) : EXIT_OK;
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What could not be written in the end is not exported before. */
static int look_where(const struct command *self, struct cloud *c,
                      const struct export_order *x, const char *bucket)
{
    AUTO(json_releasep) json_t *answer = NULL;
    const json_t *paths, *path;
    size_t i;
    int r = cloud_call(&answer, c, CLOUD_CVM, "ExportImages", params_of(x, bucket, true));

    if (r != EXIT_OK)
        return r;
    paths = json_object_get(answer, "CosPaths");
    if (json_array_size(paths) > 1 && !is_folder(x->output))
        return cmd_usage(self, _("-o has to be a folder for an image of %zu disks"),
                         json_array_size(paths));
    json_array_foreach(paths, i, path)
    {
        AUTO(buf_fini) struct buf file = {0};

        r = file_of(&file, x->output, is_folder(x->output), key_of(path));
        if (r == EXIT_OK)
            r = storage_may_write(buf_str(&file), x->overwrite);
        if (r != EXIT_OK)
            return r;
    }
    return EXIT_OK;
}

/* What becomes of an order with an output. */
struct fetches {
    const struct export_order *x;
    const char *bucket;
    const json_t *paths;
    json_t *files; /* those that are there, as --json has them */
    bool into_folder;
};

/* A word of a command that a shell is to read. */
static void put_word(struct buf *to, const char *word)
{
    if (word[strcspn(word, " \t\r\n'\"\\$`&;|<>()*?[]{}!#~")] == '\0') {
        buf_puts(to, word, NULL);
        return;
    }
    buf_puts(to, "'", NULL);
    for (; *word; word++)
        buf_printf(to, NULL, *word == '\'' ? "'\\''" : "%c", *word);
    buf_puts(to, "'", NULL);
}

/* The export goes on, or is there: only its files are missing. */
static void tell_left(const void *arg)
{
    const struct fetches *f = arg;

    for (size_t i = json_array_size(f->files); i < json_array_size(f->paths); i++) {
        AUTO(buf_fini) struct buf file = {0}, object = {0}, command = {0}, line = {0};
        const char *key = key_of(json_array_get(f->paths, i));

        if (file_of(&file, f->x->output, f->into_folder, key) != EXIT_OK)
            return;
        buf_printf(&object, NULL, "%s/%s", f->bucket, key);
        buf_puts(&command, "imgport object get ", NULL);
        put_word(&command, buf_str(&object));
        buf_puts(&command, " ", NULL);
        put_word(&command, buf_str(&file));
        buf_puts(&command, f->x->overwrite ? " --overwrite" : "", NULL);
        fputs("imgport: ", stderr);
        buf_printf(&line, NULL, _("still to be fetched: %s"), buf_str(&command));
        cloud_print_line(stderr, buf_str(&line));
    }
}

static int fetch_all(const struct cloud *c, const struct fetches *f)
{
    const json_t *path;
    size_t i;

    json_array_foreach(f->paths, i, path)
    {
        AUTO(buf_fini) struct buf file = {0};
        uint64_t size;
        bool checked;
        int r = file_of(&file, f->x->output, f->into_folder, key_of(path));

        if (r == EXIT_OK)
            r = storage_fetch(&size, &checked, c, f->bucket, key_of(path), buf_str(&file),
                              f->x->overwrite);
        if (r != EXIT_OK) {
            cloud_tell_left(c);
            return r;
        }
        json_array_append_new(f->files,
                              json_pack("{s:s, s:s, s:I, s:b}", "Key", key_of(path),
                                        "File", buf_str(&file), "Size", (json_int_t)size,
                                        "Checked", checked));
        if (!c->json)
            cloud_print_line(stdout, buf_str(&file));
    }
    return EXIT_OK;
}

/* To its end, and its files: with --json the task names these. */
static int follow(struct cloud *c, const struct export_order *x, const char *task,
                  const char *bucket, const json_t *paths)
{
    AUTO(json_releasep) json_t *files = json_array();
    AUTO(json_releasep) json_t *done = NULL;
    struct fetches f = {.x = x, .bucket = bucket, .paths = paths, .files = files};
    int r;

    if (!x->output)
        return cloud_follow(NULL, c, task, true);
    f.into_folder = is_folder(x->output);
    c->tell_left = tell_left;
    c->left = &f;
    c->done = c->json ? &done : NULL;
    r = cloud_follow(NULL, c, task, true);
    if (r == EXIT_OK)
        r = fetch_all(c, &f);
    c->tell_left = NULL;
    c->done = NULL;
    if (done) {
        json_object_set(done, "Files", files);
        cloud_print_json(done);
    }
    return r;
}

/* What a file is called like is what it is. */
static int find_format(struct export_order *x, const struct command *self)
{
    static const struct {
        const char *ending, *format;
    } known[] = {
        {".raw", "raw"}, {".img", "raw"}, {".qcow2", "qcow2"},
        {".vhd", "vhd"}, {".vpc", "vhd"}, {".vmdk", "vmdk"},
    };
    size_t n = strlen(x->output);

    if (is_folder(x->output))
        return EXIT_OK;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        size_t of = strlen(known[i].ending);

        if (n < of || strcasecmp(x->output + n - of, known[i].ending) != 0)
            continue;
        if (x->format && strcasecmp(x->format, known[i].format) != 0)
            return cmd_usage(self,
                             _("--format %s and a file that ends in %s exclude "
                               "each other"),
                             x->format, known[i].ending);
        x->format = known[i].format;
    }
    return EXIT_OK;
}

int export_image(const struct command *self, struct cloud *c,
                 const struct export_order *order)
{
    struct export_order copy = *order, *x = &copy;
    AUTO(json_releasep) json_t *answer = NULL;
    AUTO(buf_fini) struct buf bucket = {0};
    const json_t *paths, *path;
    char task[24] = "";
    size_t i;
    int r;

    if (x->output && strcmp(x->output, "-") == 0)
        return cmd_usage(self, _("-o takes a file or a folder"));
    r = x->output ? find_format(x, self) : EXIT_OK;
    if (r == EXIT_OK)
        r = storage_bucket(&bucket, c, x->bucket);
    if (r == EXIT_OK && x->output)
        r = look_where(self, c, x, buf_str(&bucket));
    if (r == EXIT_OK)
        r = cloud_call(&answer, c, CLOUD_CVM, "ExportImages",
                       params_of(x, buf_str(&bucket), x->dry_run));
    if (r != EXIT_OK)
        return r;
    paths = json_object_get(answer, "CosPaths");
    if (json_object_get(answer, "TaskId")) /* a dry run has none */
        snprintf(task, sizeof task, "%lld",
                 (long long)json_integer_value(json_object_get(answer, "TaskId")));
    if ((x->wait || x->output) && *task)
        return follow(c, x, task, buf_str(&bucket), paths);
    if (c->json)
        return cloud_print_json(answer);
    json_array_foreach(paths, i, path)
    {
        printf("%s%s", task, *task ? "  " : "");
        cloud_print_line(stdout, json_is_string(path) ? json_string_value(path) : "");
    }
    return EXIT_OK;
}
