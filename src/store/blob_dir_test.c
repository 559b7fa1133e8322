/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob_dir_test.c: what is a folder's own; tests/store/blob_contract.c has the rest */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "store/blob_dir.h"

enum { LARGE = 16 << 20 };

static char folder[] = "/tmp/blob_dir_test.XXXXXX";
static struct blobs *blobs;

static int set_up(void **state)
{
    struct blobs_options options = {0};
    struct err err = {0};
    char url[64];

    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(url, sizeof url, "dir:%s", folder);
    options.url = url;
    return blobs_open(&blobs, &options, &err);
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    blobs_closep(&blobs);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static unsigned count_temps(void)
{
    DIR *d = opendir(in_folder(".tmp"));
    unsigned n = 0;

    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static int put(const char *key, const char *text, struct err *err)
{
    AUTO(blob_abortp) struct blob_writer *w = NULL;
    int r = blob_create(&w, blobs, key, strlen(text), err);

    if (r == 0)
        r = blob_write(w, text, strlen(text), err);
    return r < 0 ? r : blob_commit(TAKE(w), err);
}

static void a_key_is_taken_once(void **state)
{
    struct err err = {0};
    AUTO(blob_closep) struct blob *o = NULL;
    char text[6] = "";

    (void)state;
    assert_int_equal(put("a/b", "first", &err), 0);
    assert_int_equal(put("a/b", "other", &err), -ERR_CONFLICT);
    assert_int_equal(blob_open(&o, blobs, "a/b", NULL), 0);
    assert_int_equal(blob_read(o, text, 5, 0, NULL), 0);
    assert_string_equal(text, "first");
    assert_true(blob_fd(o) >= 0);
}

static void names_work_where_files_need_one(void **state)
{
    struct err err = {0};
    AUTO(blob_abortp) struct blob_writer *w = NULL;

    (void)state;
    blob_dir_use_names(blobs);
    assert_int_equal(blob_create(&w, blobs, "a/b", 1, &err), 0);
    assert_int_equal(count_temps(), 1);
    assert_int_equal(blobs_sweep_unfinished(blobs, 0, &err), 0);
    assert_int_equal(count_temps(), 1); /* its writer lives */
    assert_int_equal(blob_write(w, "x", 1, &err), 0);
    assert_int_equal(blob_commit(TAKE(w), &err), 0);
    assert_int_equal(count_temps(), 0);
    assert_int_equal(put("a/b", "y", &err), -ERR_CONFLICT);
    assert_int_equal(count_temps(), 0);
    assert_int_equal(blob_create(&w, blobs, "a/c", 1, NULL), 0);
    blob_abortp(&w);
    assert_int_equal(count_temps(), 0);
}

static void what_a_dead_writer_left_is_swept(void **state)
{
    struct err err = {0};
    struct blob_writer *w;
    pid_t child;

    (void)state;
    blob_dir_use_names(blobs);
    child = fork();
    if (child == 0) {
        if (blob_create(&w, blobs, "a/b", 1, NULL) == 0)
            raise(SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(count_temps(), 1);
    assert_int_equal(blobs_sweep_unfinished(blobs, 0, &err), 0);
    assert_int_equal(count_temps(), 0);
}

static void links_lead_nowhere(void **state)
{
    struct blob *o;

    (void)state;
    assert_int_equal(symlink("/etc", in_folder("out")), 0);
    assert_int_equal(symlink("/etc/passwd", in_folder("file")), 0);
    assert_true(blob_open(&o, blobs, "out/passwd", NULL) < 0);
    assert_true(blob_open(&o, blobs, "file", NULL) < 0);
    assert_true(put("out/imgport", "x", NULL) < 0);
    assert_int_equal(access("/etc/imgport", F_OK), -1);
}

static void what_is_no_file_is_no_blob(void **state)
{
    struct blob *o;

    (void)state;
    assert_int_equal(mkdir(in_folder("a"), 0700), 0);
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    assert_int_equal(blob_open(&o, blobs, "a", NULL), -ERR_NOTFOUND);
    assert_int_equal(blob_open(&o, blobs, "pipe", NULL), -ERR_NOTFOUND);
}

/* In a process of its own, whose files may not grow beyond 4096 bytes. */
static void a_full_disk_leaves_nothing(void **state)
{
    int status;
    pid_t child;

    (void)state;
    blob_dir_use_names(blobs);
    child = fork();
    if (child == 0) {
        AUTO(blob_abortp) struct blob_writer *w = NULL;
        static const char piece[4096];
        struct err err = {0};
        int r;

        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){sizeof piece, sizeof piece});
        if (blob_create(&w, blobs, "a/b", BLOB_SIZE_UNKNOWN, &err) < 0 ||
            blob_write(w, piece, sizeof piece, &err) < 0)
            _exit(1);
        r = blob_write(w, piece, 1, &err);
        blob_abortp(&w);
        _exit(r == -ERR_IO && err.sys == EFBIG ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(count_temps(), 0);
    assert_int_equal(access(in_folder("a/b"), F_OK), -1);
}

static void a_second_name_outlives_the_first(void **state)
{
    AUTO(blob_closep) struct blob *o = NULL;
    struct err err = {0};
    char text[6] = "";

    (void)state;
    assert_int_equal(put("a/b", "first", &err), 0);
    assert_int_equal(put("a/c", "other", &err), 0);
    assert_int_equal(blob_link(blobs, "a/b", "new/d", &err), 0);
    assert_int_equal(blob_delete(blobs, "a/b", &err), 0);
    assert_int_equal(blob_open(&o, blobs, "new/d", &err), 0);
    assert_int_equal(blob_read(o, text, 5, 0, &err), 0);
    assert_string_equal(text, "first");
    assert_int_equal(blob_link(blobs, "a/b", "a/e", NULL), -ERR_NOTFOUND);
    assert_int_equal(blob_link(blobs, "a/c", "new/d", NULL), -ERR_CONFLICT);
    assert_int_equal(blob_link(blobs, "../b", "a/e", NULL), -ERR_ARG);
    assert_int_equal(symlink("/etc/passwd", in_folder("a/link")), 0);
    assert_true(blob_link(blobs, "a/link", "a/e", NULL) < 0);
    assert_int_equal(access(in_folder("a/e"), F_OK), -1);
}

static void a_writer_may_be_a_file(void **state)
{
    (void)state;
    for (int named = 0; named < 2; named++) {
        AUTO(blob_closep) struct blob *o = NULL;
        AUTO(blob_abortp) struct blob_writer *w = NULL;
        struct err err = {0};
        char key[8], text[6] = "";

        if (named)
            blob_dir_use_names(blobs);
        snprintf(key, sizeof key, "a/%d", named);
        assert_int_equal(blob_create(&w, blobs, key, 5, &err), 0);
        assert_int_equal(blob_writer_fd(w),
                         -1); /* its size is checked: by blob_write() */
        blob_abortp(&w);
        assert_int_equal(blob_create(&w, blobs, key, BLOB_SIZE_UNKNOWN, &err), 0);
        assert_int_equal(pwrite(blob_writer_fd(w), "by fd", 5, 0), 5);
        assert_int_equal(blob_open(&o, blobs, key, NULL), -ERR_NOTFOUND);
        assert_int_equal(blob_commit(TAKE(w), &err), 0);
        assert_int_equal(blob_open(&o, blobs, key, &err), 0);
        assert_int_equal(blob_size(o), 5);
        assert_int_equal(blob_read(o, text, 5, 0, &err), 0);
        assert_string_equal(text, "by fd");
    }
}

/* Sixteen MiB in pieces as they come: aligned ones, then `odd` bytes. */
static void put_large(const char *key, uint8_t *p, size_t piece, size_t odd)
{
    AUTO(blob_abortp) struct blob_writer *w = NULL;
    AUTO(blob_closep) struct blob *o = NULL;
    size_t size = LARGE + odd;
    struct err err = {0};
    uint8_t *got = malloc(size);

    assert_non_null(got);
    assert_int_equal(blob_create(&w, blobs, key, size, &err), 0);
    for (size_t at = 0; at < size; at += piece)
        assert_int_equal(
            blob_write(w, p + at, size - at < piece ? size - at : piece, &err), 0);
    assert_int_equal(blob_commit(TAKE(w), &err), 0);
    assert_int_equal(blob_open(&o, blobs, key, &err), 0);
    assert_int_equal(blob_read(o, got, size, 0, &err), 0);
    assert_memory_equal(got, p, size);
    free(got);
}

static void large_ones_are_whole_however_they_are_cut(void **state)
{
    uint8_t *p = NULL;

    (void)state;
    assert_int_equal(posix_memalign((void **)&p, 4096, LARGE + 8192), 0);
    for (size_t i = 0; i < LARGE + 8192; i++)
        p[i] = (uint8_t)(i * 2654435761U >> 20);
    put_large("object/a1", p, 1 << 20, 0);         /* all past the page cache */
    put_large("object/a2", p, 1 << 20, 4095);      /* but for the end */
    put_large("object/a3", p, (1 << 20) + 512, 0); /* not aligned after the first */
    put_large("object/a4", p + 1, 1 << 20, 1);     /* not in memory */
    free(p);
}

static void what_is_read_once_does_not_stay_in_memory(void **state)
{
    AUTO(closep)
    int probe = open(in_folder("probe"), O_CREAT | O_WRONLY | O_DIRECT | O_CLOEXEC, 0600);
    AUTO(blob_closep) struct blob *o = NULL;
    AUTO(freep) uint8_t *p = aligned_alloc(BLOB_ALIGN, BLOB_ALIGN);
    struct err err = {0};
    char text[BLOB_ALIGN + 2];

    (void)state;
    assert_non_null(p);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(put("object/once", text, &err), 0);
    assert_int_equal(blob_open(&o, blobs, "object/once", &err), 0);
    blob_read_once(o);
    assert_int_equal(blob_read(o, p, BLOB_ALIGN, 0, &err), 0);
    assert_int_equal((fcntl(blob_fd(o), F_GETFL) & O_DIRECT) != 0, probe >= 0);
    assert_int_equal(blob_read(o, p, 1, BLOB_ALIGN, &err), 0);
}

static void a_store_that_is_none_is_refused(void **state)
{
    static const char *const urls[] = {"", "file:/tmp", "dir:/proc/none/here", "/tmp"};
    struct blobs *none;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        struct blobs_options options = {.url = urls[i]};

        assert_true(blobs_open(&none, &options, NULL) < 0);
    }
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_key_is_taken_once),
        CASE(names_work_where_files_need_one),
        CASE(what_a_dead_writer_left_is_swept),
        CASE(links_lead_nowhere),
        CASE(what_is_no_file_is_no_blob),
        CASE(a_full_disk_leaves_nothing),
        CASE(a_second_name_outlives_the_first),
        CASE(a_writer_may_be_a_file),
        CASE(large_ones_are_whole_however_they_are_cut),
        CASE(what_is_read_once_does_not_stay_in_memory),
        cmocka_unit_test(a_store_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
