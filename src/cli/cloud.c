/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cloud.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cli/progress.h"
#include "cli/release.h"

#define DEFAULT_ENDPOINT "http://127.0.0.1:8780"
#define DEFAULT_REGION   "ap-guangzhou"

enum {
    FILE_MAX = 64 * 1024,
    PAGE = 100,
    PAGES_MAX = 1000,
    ASK_EVERY_MS = 500,
    CALL_S = 120,
    LIMIT_TRIES = 5, /* a second each, which is what the service counts by */
    OUTAGE_S = 60,   /* a daemon that is started again answers by then */
};

/* ---- where and who */

static int take_line(struct cloud *c, struct bytes line)
{
    struct {
        const char *name;
        char *to;
    } keys[] = {
        {"endpoint", c->file_endpoint},
        {"secret-id", c->file_id},
        {"secret-key", c->file_key},
        {"region", c->file_region},
        {"ca", c->file_ca},
    };
    const uint8_t *eq;
    struct bytes name, value;

    line = text_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return 0;
    eq = memchr(line.p, '=', line.n);
    if (!eq)
        return -1;
    name = text_trim(bytes_of(line.p, (size_t)(eq - line.p)));
    value = text_trim(bytes_of(eq + 1, line.n - (size_t)(eq + 1 - line.p)));
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (!text_is(name, keys[i].name))
            continue;
        if (value.n >= CLOUD_TEXT_MAX)
            return -1;
        memcpy(keys[i].to, value.p, value.n);
        keys[i].to[value.n] = '\0';
        return 0;
    }
    return -1;
}

static int __attribute__((format(printf, 1, 2))) trouble(const char *fmt, ...)
{
    struct imgport_error e = {.exit_status = EXIT_TROUBLE};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(e.message, sizeof e.message, fmt, ap);
    va_end(ap);
    return cmd_fail(&e);
}

static int read_lines(struct cloud *c, const char *path, FILE *f)
{
    AUTO(freep) char *line = NULL;
    size_t cap = 0, all = 0;
    ssize_t n;
    int number = 0;

    while ((n = getline(&line, &cap, f)) >= 0) {
        number++;
        all += (size_t)n;
        if (all > FILE_MAX || take_line(c, bytes_of(line, (size_t)n)) < 0)
            return trouble(_("%s, line %d: this is no line of a client's configuration"),
                           path, number);
    }
    return -1;
}

static int read_file(struct cloud *c)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    AUTO(fclosep) FILE *f = NULL;
    char path[4096];

    if (config && *config == '/')
        snprintf(path, sizeof path, "%s/imgport/client.conf", config);
    else if (home && *home)
        snprintf(path, sizeof path, "%s/.config/imgport/client.conf", home);
    else
        return -1;
    f = fopen(path, "re");
    if (!f)
        return errno == ENOENT || errno == ENOTDIR
                   ? -1
                   : trouble(_("%s cannot be read (error %d)"), path, errno);
    return read_lines(c, path, f);
}

static const char *first(const char *option, const char *variable, const char *file,
                         const char *otherwise)
{
    const char *v = variable ? getenv(variable) : NULL;

    return option ? option : v && *v ? v : *file ? file : otherwise;
}

static bool is_text(const char *s)
{
    AUTO(json_releasep) json_t *text = json_string(s);

    return text != NULL;
}

int cloud_open(struct cloud *c, const struct command *self, int argc, char **argv)
{
    int r;

    for (int i = 0; i < argc; i++)
        if (!is_text(argv[i]))
            return cmd_usage(self, _("\"%s\" is no text in UTF-8"), argv[i]);
    r = read_file(c);
    if (r >= 0)
        return r;
    c->client = (struct client){
        .endpoint =
            first(c->endpoint, "IMGPORT_ENDPOINT", c->file_endpoint, DEFAULT_ENDPOINT),
        .product = "cvm",
        .secret_id = first(c->secret_id, "TENCENTCLOUD_SECRET_ID", c->file_id, ""),
        .secret_key = first(c->secret_key, "TENCENTCLOUD_SECRET_KEY", c->file_key, ""),
        .region = first(c->region, "TENCENTCLOUD_REGION", c->file_region, DEFAULT_REGION),
        .language = strcmp(cmd_language(c->json), "zh_CN") == 0 ? "zh-CN" : "en-US",
        .ca_file = first(c->ca_file, NULL, c->file_ca, ""),
        .timeout_s = CALL_S,
    };
    if (!*c->client.secret_id || !*c->client.secret_key)
        return cmd_usage(self, _("no key: set TENCENTCLOUD_SECRET_ID and "
                                 "TENCENTCLOUD_SECRET_KEY"));
    return -1;
}

/* ---- calls */

/* Others asked as well, perhaps: what changes nothing may be asked again. */
static bool ask_again(int tries, const char *action, const char *code)
{
    if (tries >= LIMIT_TRIES || strncmp(action, "Describe", 8) != 0 ||
        strcmp(code, "RequestLimitExceeded") != 0)
        return false;
    sleep(1);
    return progress_signal() == 0;
}

static void call(json_t **ret, struct imgport_error *e, struct cloud *c,
                 enum cloud_version version, const char *action, json_t *params)
{
    AUTO(json_releasep) json_t *given = params;
    struct client_fault fault;
    struct err err = {0};
    int r, tries = 1;

    do
        r = client_call(ret, &fault, &c->client, action,
                        version == CLOUD_CVM ? "2017-03-12" : "2026-11-20", given, &err);
    while (r == CLIENT_REFUSED && ask_again(tries++, action, fault.code));
    *e = (struct imgport_error){.exit_status = EXIT_OK};
    if (r == CLIENT_REFUSED) {
        e->exit_status =
            strncmp(fault.code, "InternalError", 13) == 0 ? EXIT_TROUBLE : EXIT_REFUSED;
        snprintf(e->message, sizeof e->message, "%.400s (%s)", fault.message, fault.code);
    } else if (r < 0) {
        e->exit_status = err_code_exit(err.code);
        snprintf(e->code, sizeof e->code, "%s", err_code_name(err.code));
        snprintf(e->message, sizeof e->message, "%s", err.msg);
    }
}

int cloud_call(json_t **ret, struct cloud *c, enum cloud_version version,
               const char *action, json_t *params)
{
    struct imgport_error e;

    call(ret, &e, c, version, action, params);
    return e.exit_status == EXIT_OK ? EXIT_OK : cmd_fail(&e);
}

int cloud_list(json_t **ret, struct cloud *c, enum cloud_version version,
               const char *action, const char *set, json_t *params)
{
    AUTO(json_releasep) json_t *given = params ? params : json_object();
    AUTO(json_releasep) json_t *all = json_array();
    size_t total = 1;

    for (int page = 0; page < PAGES_MAX && json_array_size(all) < total; page++) {
        AUTO(json_releasep) json_t *answer = NULL;
        const json_t *list;
        int r;

        json_object_set_new(given, "Offset", json_integer((json_int_t)page * PAGE));
        json_object_set_new(given, "Limit", json_integer(PAGE));
        r = cloud_call(&answer, c, version, action, json_incref(given));
        if (r != EXIT_OK)
            return r;
        list = json_object_get(answer, set);
        total = (size_t)json_integer_value(json_object_get(answer, "TotalCount"));
        if (json_array_size(list) == 0)
            break;
        json_array_extend(all, (json_t *)(uintptr_t)list);
    }
    *ret =
        json_pack("{s:I, s:O}", "TotalCount", (json_int_t)json_array_size(all), set, all);
    return *ret ? EXIT_OK : trouble("%s", _("no memory"));
}

/* ---- following */

static const char *text_of(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));

    return s ? s : "";
}

static uint64_t bytes_member(const json_t *o, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(o, name));

    return n > 0 ? (uint64_t)n : 0;
}

static int tell(struct progress *p, const json_t *task)
{
    char phase[16];

    snprintf(phase, sizeof phase, "%.15s", text_of(task, "Phase"));
    return progress_tell(p, &(struct imgport_progress){
                                .phase = phase,
                                .step = phase,
                                .done = bytes_member(task, "BytesDone"),
                                .total = bytes_member(task, "BytesTotal"),
                            });
}

static int ended(struct cloud *c, const json_t *task)
{
    const char *state = text_of(task, "State");
    struct imgport_error e = {.exit_status = EXIT_REFUSED};

    if (c->done && strcmp(state, "DONE") == 0) {
        *c->done = json_deep_copy(task);
        return *c->done ? EXIT_OK : trouble("%s", _("no memory"));
    }
    if (c->json)
        cloud_print_json(task);
    if (strcmp(state, "DONE") == 0) {
        if (!c->json)
            printf("%s  %s\n", text_of(task, "ImageId"), state);
        return EXIT_OK;
    }
    snprintf(e.message, sizeof e.message, "%s: %s %s: %s", text_of(task, "ImageId"),
             state, text_of(task, "Reason"), text_of(task, "Detail"));
    return cmd_fail(&e);
}

/* Looks once; -1: it is not over. */
static int look(struct cloud *c, const char *id, struct progress *p,
                struct imgport_error *e)
{
    AUTO(json_releasep) json_t *answer = NULL;
    const json_t *task;
    const char *state;

    call(&answer, e, c, CLOUD_OWN, "DescribeImportTasks",
         strncmp(id, "img-", 4) == 0 ? json_pack("{s:s, s:i}", "ImageId", id, "Limit", 1)
                                     : json_pack("{s:[s]}", "TaskIds", id));
    if (e->exit_status != EXIT_OK)
        return e->exit_status;
    task = json_array_get(json_object_get(answer, "TaskSet"), 0);
    state = text_of(task, "State");
    if (!task) {
        progress_end(p);
        return trouble(_("there is no task of %s"), id);
    }
    if (strcmp(state, "QUEUED") != 0 && strcmp(state, "RUNNING") != 0) {
        progress_end(p);
        return ended(c, task);
    }
    tell(p, task);
    return -1;
}

void cloud_tell_left(const struct cloud *c)
{
    if (c->tell_left)
        c->tell_left(c->left);
}

/* Its task goes on, whoever waits for it or not. */
static void tell_how_to_go_on(const struct cloud *c, const char *id)
{
    fprintf(stderr, "imgport: ");
    fprintf(stderr, _("%s goes on; to follow it again: imgport task wait %s"), id, id);
    fputc('\n', stderr);
    cloud_tell_left(c);
}

int cloud_follow(bool *over, struct cloud *c, const char *id, bool begun)
{
    struct progress progress = {0};
    time_t answered = begun ? time(NULL) : 0;

    progress_init(&progress);
    for (;;) {
        struct imgport_error e;
        int r = look(c, id, &progress, &e);

        if (r == -1)
            answered = time(NULL);
        else if (e.exit_status == EXIT_OK) {
            if (over)
                *over = r != EXIT_TROUBLE;
            return r;
        } else if (r != EXIT_TROUBLE || time(NULL) - answered > OUTAGE_S) {
            progress_end(&progress);
            r = cmd_fail(&e);
            if (answered)
                tell_how_to_go_on(c, id);
            return r;
        }
        if (progress_signal()) {
            progress_end(&progress);
            tell_how_to_go_on(c, id);
            progress_die_if_signaled();
        }
        usleep(ASK_EVERY_MS * 1000);
    }
}

/* ---- printing */

/* A list of texts reads as these texts; false: it is none, or there are others in it. */
static bool join(struct buf *to, const json_t *list)
{
    const json_t *v;
    size_t i;

    json_array_foreach(list, i, v)
    {
        if (!json_is_string(v) ||
            buf_printf(to, NULL, "%s%s", i ? ", " : "", json_string_value(v)) < 0)
            return false;
    }
    return to->n > 0;
}

/* A value as one line that a terminal cannot be hurt by. */
static const char *shown(char to[CLOUD_TEXT_MAX], const json_t *v)
{
    AUTO(buf_fini) struct buf joined = {0};
    AUTO(freep) char *text = NULL;
    const char *s = join(&joined, v) ? buf_str(&joined) : json_string_value(v);

    if (!v || json_is_null(v))
        return "";
    if (json_is_boolean(v))
        return json_is_true(v) ? "true" : "false";
    if (!s)
        s = text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    if (!s)
        return "";
    text_clean(to, CLOUD_TEXT_MAX, bytes_of(s, strlen(s)), CLOUD_TEXT_MAX - 1);
    return to;
}

enum { COLUMNS_MAX = 12, GAP = 2 };

static void print_row(const char *const *cells, const int *widths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int pad = widths[i] - term_columns(cells[i], strlen(cells[i])) + GAP;

        /* No blanks behind the last one. */
        printf("%s%*s", cells[i], i + 1 < n && pad > 0 ? pad : 0, "");
    }
    putchar('\n');
}

void cloud_print_table(const json_t *list, const struct cloud_column *columns, size_t n)
{
    const char *titles[COLUMNS_MAX];
    int widths[COLUMNS_MAX];
    const json_t *row;
    size_t i;

    n = n < COLUMNS_MAX ? n : COLUMNS_MAX;
    for (size_t k = 0; k < n; k++) {
        titles[k] = i18n_text(columns[k].title);
        widths[k] = term_columns(titles[k], strlen(titles[k]));
        json_array_foreach(list, i, row)
        {
            char text[CLOUD_TEXT_MAX];
            const char *s = shown(text, json_object_get(row, columns[k].member));
            int w = term_columns(s, strlen(s));

            widths[k] = w > widths[k] ? w : widths[k];
        }
    }
    if (json_array_size(list) > 0)
        print_row(titles, widths, n);
    json_array_foreach(list, i, row)
    {
        char texts[COLUMNS_MAX][CLOUD_TEXT_MAX];
        const char *cells[COLUMNS_MAX];

        for (size_t k = 0; k < n; k++)
            cells[k] = shown(texts[k], json_object_get(row, columns[k].member));
        print_row(cells, widths, n);
    }
}

void cloud_print_fields(const json_t *object)
{
    const char *key;
    json_t *v;
    int width = 0;

    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        int n = json_is_null(v) ? 0 : (int)strlen(key);

        width = n > width ? n : width;
    }
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        char text[CLOUD_TEXT_MAX];

        if (!json_is_null(v) && strcmp(key, "RequestId") != 0)
            printf("%-*s  %s\n", width, key, shown(text, v));
    }
}

void cloud_print_line(FILE *to, const char *text)
{
    struct bytes raw = bytes_of(text ? text : "", text ? strlen(text) : 0);
    size_t cap = 4 * raw.n + 1; /* all of it as \xNN */
    AUTO(freep) char *clean = NULL;

    if (raw.n > 0 && !text_is_line(text) && (clean = malloc(cap)))
        text_clean(clean, cap, raw, cap);
    if (clean || (raw.n > 0 && text_is_line(text)))
        fputs(clean ? clean : text, to);
    fputc('\n', to);
}

int cloud_print_json(const json_t *j)
{
    json_dumpf(j, stdout, JSON_INDENT(2));
    putchar('\n');
    return EXIT_OK;
}

int cloud_print_answer(const struct cloud *c, const json_t *answer, const char *set,
                       const struct cloud_column *columns, size_t n)
{
    if (c->json)
        return cloud_print_json(answer);
    cloud_print_table(json_object_get(answer, set), columns, n);
    return EXIT_OK;
}
