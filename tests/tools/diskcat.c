/* SPDX-License-Identifier: GPL-2.0-or-later */
/* diskcat: what services do with disks, by hand
 *
 *   diskcat make BASE|- SIZE BACKING FORMAT DEST [EDIT...]
 *   diskcat convert DISK BASE DEST [EDIT...]
 *   diskcat check DISK BASE            prints the report by generic-kvm
 *
 * An EDIT is "write:/PATH:TEXT", "remove:/PATH", "empty:/PATH", "linux:" or "windows:" in
 * front of one of these, or "identity".  Prints size, outcome, changes and reason. */
#include <stdio.h>
#include <string.h>

#include "api/disk.h"
#include "base/scoped.h"

static int usage(void)
{
    fputs("usage: diskcat make|convert|check ...\n", stderr);
    return 2;
}

static const char *after(const char *s, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

static bool parse(struct mend_edits *all, struct mend_edit *e, char *word)
{
    const char *rest;
    char *text;

    if (strcmp(word, "identity") == 0) {
        all->identity = true;
        return true;
    }
    *e = (struct mend_edit){.op = MEND_REMOVE};
    if (after(word, "linux:")) {
        e->system = MEND_LINUX;
        word += strlen("linux:");
    } else if (after(word, "windows:")) {
        e->system = MEND_WINDOWS;
        word += strlen("windows:");
    }
    if ((rest = after(word, "write:"))) {
        e->op = MEND_WRITE;
        text = strchr(word + strlen("write:"), ':');
        if (!text)
            return false;
        *text++ = '\0';
        e->content = bytes_of(text, strlen(text));
    } else if ((rest = after(word, "empty:"))) {
        e->op = MEND_EMPTY;
    } else if (!(rest = after(word, "remove:"))) {
        return false;
    }
    e->path = rest;
    all->n++;
    return true;
}

static int tell(int r, const struct imgport_error *error, unsigned long long size,
                const struct mend_report *m)
{
    if (r < 0) {
        fprintf(stderr, "diskcat: %s: %s\n", error->code, error->message);
        return error->exit_status;
    }
    printf("%llu %s %u%s%s\n", size, mend_outcome_name(m->outcome), m->changed,
           *m->why ? " " : "", m->why);
    return 0;
}

static int make(char **v, const struct mend_edits *edits)
{
    struct disk_options o = {
        .base = {.path = strcmp(v[0], "-") == 0 ? NULL : v[0]},
        .size = strtoull(v[1], NULL, 10),
        .backing = v[2],
        .backing_format = v[3],
        .dest = v[4],
        .no_sync = true,
        .edits = edits,
    };
    struct imgport_error error = {{0}};
    struct disk_made made = {0};
    int r = disk_make(&made, &o, &error);

    return tell(r, &error, made.size, &made.mended);
}

static int convert(char **v, const struct mend_edits *edits)
{
    struct imgport_source base = {.path = v[1]};
    struct imgport_convert_options o = {
        .source = {.path = v[0], .base = &base},
        .dest = v[2],
        .no_sync = true,
        .verify = true,
    };
    struct imgport_error error = {{0}};
    struct mend_report mended = {0};
    char *text = NULL;
    int r = disk_convert(&text, &mended, &o, edits, &error);

    imgport_free(text);
    return tell(r, &error, 0, &mended);
}

static int check(char **v)
{
    struct imgport_source base = {.path = v[1]};
    struct imgport_check_options o = {
        .source = {.path = v[0], .base = &base},
        .profile = "generic-kvm",
    };
    struct imgport_error error = {{0}};
    enum imgport_verdict verdict;
    char *text = NULL;

    if (imgport_check(&text, &verdict, &o, &error) < 0) {
        fprintf(stderr, "diskcat: %s: %s\n", error.code, error.message);
        return error.exit_status;
    }
    puts(text);
    imgport_free(text);
    return verdict == IMGPORT_ACCEPTED ? 0 : verdict == IMGPORT_REFUSED ? 1 : 3;
}

int main(int argc, char **argv)
{
    struct mend_edit v[MEND_EDITS_MAX];
    struct mend_edits edits = {.v = v};
    int words = argc < 2                          ? 0
                : strcmp(argv[1], "make") == 0    ? 7
                : strcmp(argv[1], "convert") == 0 ? 5
                : strcmp(argv[1], "check") == 0   ? 4
                                                  : 0;

    if (!words || argc < words || argc - words > MEND_EDITS_MAX)
        return usage();
    for (int i = words; i < argc; i++)
        if (!parse(&edits, &v[edits.n], argv[i]))
            return usage();
    if (words == 7)
        return make(argv + 2, &edits);
    return words == 5 ? convert(argv + 2, &edits) : check(argv + 2);
}
