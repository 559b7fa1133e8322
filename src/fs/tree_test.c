/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fs/tree.h"
#include "fs/view.h"

/* A filesystem out of a table: the inode is the index plus one, the root is inode 1. */
struct node {
    unsigned parent; /* inode */
    const char *name;
    char type;        /* d, f, l */
    const char *data; /* content or target */
};

struct table_fs {
    struct fs fs;
    const struct node *v;
    unsigned n;
};

static const struct node *node_of(struct fs *fs, uint64_t ino)
{
    struct table_fs *t = CONTAINER_OF(fs, struct table_fs, fs);

    assert_true(ino >= 1 && ino <= t->n);
    return &t->v[ino - 1];
}

static int table_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err)
{
    const struct node *n = node_of(fs, ino);

    if (n->type == 'x')
        return FAIL(err, ERR_IO, "bad sector");
    *ret = (struct fs_stat){
        .ino = ino,
        .type = n->type == 'd'   ? FS_DIR
                : n->type == 'l' ? FS_SYMLINK
                                 : FS_REG,
        .size = n->data ? strlen(n->data) : 0,
    };
    return 0;
}

static int table_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir,
                        const char *name, size_t n, struct err *err)
{
    struct table_fs *t = CONTAINER_OF(fs, struct table_fs, fs);

    for (unsigned i = 0; i < t->n; i++)
        if (t->v[i].parent == dir && strlen(t->v[i].name) == n &&
            memcmp(t->v[i].name, name, n) == 0) {
            int r = table_stat(ret, fs, i + 1, err);

            return r < 0 ? r : 1;
        }
    return 0;
}

static int table_readdir(struct fs *fs, uint64_t dir,
                         int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                         void *arg, struct err *err)
{
    struct table_fs *t = CONTAINER_OF(fs, struct table_fs, fs);
    int r = 0;

    for (unsigned i = 0; i < t->n && r == 0; i++) {
        struct fs_dirent d = {.ino = i + 1, .name_n = strlen(t->v[i].name)};

        if (t->v[i].parent != dir)
            continue;
        memcpy(d.name, t->v[i].name, d.name_n);
        r = fn(arg, &d, err);
    }
    return r;
}

static int table_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n,
                      uint64_t off, struct err *err)
{
    (void)err;
    memcpy(buf, node_of(fs, node->ino)->data + off, n);
    return 0;
}

static int table_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                          struct err *err)
{
    return buf_puts(ret, node_of(fs, node->ino)->data, err);
}

static const struct fs_driver table_driver = {
    .name = "table",
    .stat = table_stat,
    .lookup = table_lookup,
    .readdir = table_readdir,
    .read = table_read,
    .readlink = table_readlink,
};

#define TABLE(nodes)                                                                     \
    {                                                                                    \
        .fs = {.driver = &table_driver, .root = 1}, .v = (nodes), .n = ARRAY_SIZE(nodes) \
    }

static const struct node root_nodes[] = {
    {0, "", 'd', NULL},             /* 1 */
    {1, "etc", 'd', NULL},          /* 2 */
    {2, "passwd", 'f', "root:x\n"}, /* 3 */
    {2, "os-release", 'l', "../usr/lib/os-release"},
    {1, "usr", 'd', NULL},                 /* 5 */
    {5, "lib", 'd', NULL},                 /* 6 */
    {6, "os-release", 'f', "ID=debian\n"}, /* 7 */
    {1, "lib", 'l', "usr/lib"},            /* 8 */
    {2, "abs", 'l', "/usr/lib/os-release"},
    {2, "loop", 'l', "loop"},
    {2, "ping", 'l', "pong"},
    {2, "pong", 'l', "ping"},
    {2, "dangling", 'l', "/no/such"},
    {2, "above", 'l', "../../../../../usr/lib/os-release"},
    {1, "boot", 'd', NULL}, /* 15 */
    {15, "hidden", 'f', "below the mount\n"},
    {2, "bootfile", 'l', "/boot/grub/../vmlinuz"},
    {2, "slash", 'l', "/usr/lib/"},
    {2, "fileslash", 'l', "passwd/"},
    {2, "empty", 'l', ""},
    {2, "bad", 'x', NULL},
    {2, "toroot", 'l', "/"},
    {1, "data", 'd', NULL}, /* 23 */
};

static const struct node boot_nodes[] = {
    {0, "", 'd', NULL},
    {1, "vmlinuz", 'f', "MZ"},
    {1, "grub", 'd', NULL},
    {3, "up", 'l', "../../etc/passwd"},
    {1, "abs", 'l', "/etc/passwd"},
    {1, "efi", 'd', NULL},
};

static const struct node efi_nodes[] = {
    {0, "", 'd', NULL},
    {1, "EFI", 'd', NULL},
    {2, "up", 'l', "../../../lib/os-release"},
};

static void test_find(void **state)
{
    static const struct {
        const char *path;
        int r;
        uint64_t ino;
    } cases[] = {
        {"", 1, 1},
        {"/", 1, 1},
        {"//", 1, 1},
        {"/etc/passwd", 1, 3},
        {"etc//passwd", 1, 3},
        {"/etc/./passwd", 1, 3},
        {"/etc/../etc/passwd", 1, 3},
        {"/../../etc/passwd", 1, 3},
        {"/etc/os-release", 1, 7},
        {"/etc/abs", 1, 7},
        {"/etc/above", 1, 7},
        {"/lib/os-release", 1, 7},
        {"/lib", 1, 6},
        {"/lib/..", 1, 5}, /* the parent of where the link leads */
        {"/etc/slash", 1, 6},
        {"/etc/slash/os-release", 1, 7},
        {"/etc/toroot/etc/passwd", 1, 3},
        {"/etc/passwd/", 0, 0},
        {"/etc/passwd/x", 0, 0},
        {"/etc/passwd/..", 0, 0},
        {"/etc/fileslash", 0, 0},
        {"/etc/nothing", 0, 0},
        {"/etc/dangling", 0, 0},
        {"/etc/empty", 0, 0},
        {"/etc/loop", -ERR_LIMIT, 0},
        {"/etc/ping", -ERR_LIMIT, 0},
        {"/etc/bad", -ERR_IO, 0},
        {"/etc/bad/x", -ERR_IO, 0},
    };
    struct table_fs root = TABLE(root_nodes);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct tree t;
        struct tree_node node = {0};
        struct err err = {0};
        int r;

        tree_init(&t, &root.fs);
        r = tree_find(&t, cases[i].path, &node, &err);
        if (r != cases[i].r || (r > 0 && node.st.ino != cases[i].ino))
            fail_msg("%s: %d inode %d %s", cases[i].path, r, (int)node.st.ino, err.msg);
        if (r < 0 && strncmp(err.msg, cases[i].path, strlen(cases[i].path)) != 0)
            fail_msg("%s: the message does not name it: %s", cases[i].path, err.msg);
    }
}

static void test_lfind(void **state)
{
    struct table_fs root = TABLE(root_nodes);
    AUTO(buf_fini) struct buf b = {.max = 100};
    struct tree_node node;
    struct tree t;
    struct err err = {0};

    (void)state;
    tree_init(&t, &root.fs);
    assert_int_equal(tree_lfind(&t, "/etc/loop", &node, &err), 1);
    assert_int_equal(node.st.type, FS_SYMLINK);
    assert_int_equal(tree_lfind(&t, "/lib", &node, &err), 1);
    assert_int_equal(node.st.type, FS_SYMLINK);
    assert_int_equal(tree_lfind(&t, "/lib/", &node, &err), 1);
    assert_int_equal(node.st.type, FS_DIR);
    assert_int_equal(tree_lfind(&t, "/lib/os-release", &node, &err), 1);
    assert_int_equal(node.st.ino, 7);
    assert_int_equal(tree_readlink(&t, "/etc/dangling", &b, &err), 1);
    assert_string_equal(buf_str(&b), "/no/such");
    assert_int_equal(tree_readlink(&t, "/etc/passwd", &b, &err), 0);
    assert_int_equal(tree_readlink(&t, "/etc/nothing", &b, &err), 0);
}

static void test_mounts(void **state)
{
    struct table_fs root = TABLE(root_nodes), boot = TABLE(boot_nodes),
                    efi = TABLE(efi_nodes);
    struct tree_node node;
    struct tree t;
    struct err err = {0};

    (void)state;
    tree_init(&t, &root.fs);
    assert_int_equal(tree_has_file(&t, "/boot/hidden", &err), 1);
    assert_int_equal(tree_mount(&t, "/nowhere", &boot.fs, &err), -ERR_NOTFOUND);
    err_clear(&err);
    assert_int_equal(tree_mount(&t, "/etc/passwd", &boot.fs, &err), -ERR_NOTFOUND);
    err_clear(&err);
    assert_int_equal(tree_mount(&t, "/boot", &boot.fs, &err), 0);
    assert_int_equal(tree_mount(&t, "/boot/efi", &efi.fs, &err), 0);
    assert_int_equal(tree_has_file(&t, "/boot/hidden", &err), 0);
    assert_int_equal(tree_has_file(&t, "/boot/vmlinuz", &err), 1);
    assert_int_equal(tree_has_file(&t, "/etc/bootfile", &err), 1);
    assert_int_equal(tree_find(&t, "/boot/grub/up", &node, &err), 1);
    assert_int_equal(node.mount, 0);
    assert_int_equal(node.st.ino, 3);
    assert_int_equal(tree_find(&t, "/boot/abs", &node, &err), 1);
    assert_int_equal(node.st.ino, 3);
    assert_int_equal(tree_find(&t, "/boot/..", &node, &err), 1);
    assert_int_equal(node.mount, 0);
    assert_int_equal(node.st.ino, 1);
    assert_int_equal(tree_find(&t, "/boot/efi/..", &node, &err), 1);
    assert_int_equal(node.mount, 1);
    assert_int_equal(node.st.ino, 1);
    assert_int_equal(tree_find(&t, "/boot/efi/EFI", &node, &err), 1);
    assert_int_equal(node.mount, 2);
    assert_int_equal(tree_find(&t, "/boot/efi/EFI/up", &node, &err), 1);
    assert_int_equal(node.mount, 0);
    assert_int_equal(node.st.ino, 7);
    /* A directory at another place, without what is mounted in it. */
    assert_int_equal(tree_bind(&t, "/nowhere", "/boot", &err), -ERR_NOTFOUND);
    err_clear(&err);
    assert_int_equal(tree_bind(&t, "/data", "/nowhere", &err), -ERR_NOTFOUND);
    err_clear(&err);
    assert_int_equal(tree_bind(&t, "/data", "/etc/passwd", &err), -ERR_NOTFOUND);
    err_clear(&err);
    assert_int_equal(tree_bind(&t, "/data", "/boot/grub", &err), 0);
    assert_int_equal(tree_find(&t, "/data/up", &node, &err), 1);
    assert_int_equal(node.st.ino, 3);
    assert_int_equal(tree_find(&t, "/data/..", &node, &err), 1);
    assert_int_equal(node.mount, 0);
    assert_int_equal(node.st.ino, 1);
    assert_int_equal(tree_bind(&t, "/data", "/boot", &err), 0);
    assert_int_equal(tree_has_file(&t, "/data/vmlinuz", &err), 1);
    assert_int_equal(tree_has_dir(&t, "/data/efi/EFI", &err), 0);
    /* A second one at the same place covers the first. */
    assert_int_equal(tree_mount(&t, "/boot", &efi.fs, &err), 0);
    assert_int_equal(tree_has_dir(&t, "/boot/EFI", &err), 1);
    assert_int_equal(tree_has_file(&t, "/boot/vmlinuz", &err), 0);
    while (t.mounts < TREE_MOUNTS_MAX)
        assert_int_equal(tree_mount(&t, "/data", &boot.fs, &err), 0);
    assert_int_equal(tree_mount(&t, "/data", &boot.fs, &err), -ERR_LIMIT);
}

static void test_read(void **state)
{
    struct table_fs root = TABLE(root_nodes);
    AUTO(buf_fini) struct buf b = {.max = 16};
    struct tree t;
    struct err err = {0};

    (void)state;
    tree_init(&t, &root.fs);
    assert_int_equal(tree_read(&t, "/etc/passwd", &b, &err), 1);
    assert_string_equal(buf_str(&b), "root:x\n");
    assert_int_equal(tree_read(&t, "/etc", &b, &err), 0);
    assert_int_equal(tree_read(&t, "/etc/nothing", &b, &err), 0);
    assert_int_equal(b.n, 7);
    assert_int_equal(tree_read(&t, "/etc/os-release", &b, &err), -ERR_LIMIT);
    assert_non_null(strstr(err.msg, "/etc/os-release: 10 bytes, limit 9"));
}

static void test_names(void **state)
{
    struct table_fs root = TABLE(root_nodes);
    AUTO(arena_fini) struct arena a = {0};
    struct tree_names names;
    struct tree t;
    struct err err = {0};

    (void)state;
    tree_init(&t, &root.fs);
    assert_int_equal(tree_names(&t, "/", &a, 100, &names, &err), 0);
    assert_int_equal(names.names.n, 5);
    assert_string_equal(names.names.v[0], "boot");
    assert_string_equal(names.names.v[4], "usr");
    assert_int_equal(tree_names(&t, "/nowhere", &a, 100, &names, &err), 0);
    assert_int_equal(names.names.n, 0);
    assert_int_equal(tree_names(&t, "/", &a, 4, &names, &err), -ERR_LIMIT);
}

static void test_budgets(void **state)
{
    struct table_fs root = TABLE(root_nodes);
    char path[TREE_PATH_MAX + 1];
    struct tree_node node;
    struct tree t;
    struct err err = {0};

    (void)state;
    tree_init(&t, &root.fs);
    memset(path, '/', sizeof path);
    path[TREE_PATH_MAX] = 0;
    assert_int_equal(tree_find(&t, path, &node, &err), -ERR_LIMIT);
    err_clear(&err);
    path[TREE_PATH_MAX - 1] = 0;
    assert_int_equal(tree_find(&t, path, &node, &err), 1);
    t.lookups = TREE_LOOKUPS_MAX - 1;
    assert_int_equal(tree_find(&t, "/etc", &node, &err), 1);
    assert_int_equal(tree_find(&t, "/etc", &node, &err), -ERR_LIMIT);
    err_clear(&err);
    t.lookups = 0;
    t.entries = TREE_ENTRIES_MAX;
    assert_int_equal(tree_has_dir(&t, "/etc", &err), 1);
    {
        AUTO(arena_fini) struct arena a = {0};
        struct tree_names names;

        assert_int_equal(tree_names(&t, "/", &a, 100, &names, &err), -ERR_LIMIT);
    }
}

static int count_names(void *arg, const struct fs_dirent *d, struct err *err)
{
    unsigned *n = arg;

    (void)err;
    assert_true(strlen(d->name) == d->name_n);
    ++*n;
    return 0;
}

/* A folder as the root, with names of which it has some itself. */
static void test_view(void **state)
{
    static const struct fs_view_name names[] = {{"lib", "elsewhere"},
                                                {"run", NULL},
                                                {"link", "/run"},
                                                {"etc", NULL},
                                                {NULL, NULL}};
    static const struct {
        const char *path;
        int r;
        uint64_t ino;
        enum fs_node_type type;
    } cases[] = {
        {"/etc/passwd", 1, 3, FS_REG}, /* what is there hides what is added */
        {"/lib", 1, 6, FS_DIR},
        {"/lib/..", 1, 5, FS_DIR},
        {"/run", 1, UINT64_MAX - 1, FS_DIR},
        {"/run/x", 0, 0, FS_REG},
        {"/run/..", 1, 1, FS_DIR},
        {"/link", 1, UINT64_MAX - 1, FS_DIR},
        {"/usr/run", 0, 0, FS_REG}, /* only in the root */
    };
    struct table_fs below = TABLE(root_nodes);
    struct table_fs boot = TABLE(boot_nodes);
    struct err err = {0};
    struct tree_node node;
    struct fs *fs;
    struct tree t;
    unsigned n = 0;

    (void)state;
    assert_int_equal(fs_view_open(&fs, &below.fs, 1, names, &err), 0);
    tree_init(&t, fs);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int r = tree_find(&t, cases[i].path, &node, &err);

        if (r != cases[i].r ||
            (r == 1 && (node.st.ino != cases[i].ino || node.st.type != cases[i].type)))
            fail_msg("%s: %d", cases[i].path, r);
    }
    assert_int_equal(tree_list(&t, "/", count_names, &n, &err), 0);
    assert_int_equal(n, 7); /* five of its own, and run and link */
    n = 0;
    assert_int_equal(tree_list(&t, "/run", count_names, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(tree_mount(&t, "/run", &boot.fs, &err), 0);
    assert_int_equal(tree_has_file(&t, "/link/vmlinuz", &err), 1);
    fs_close(fs);
    /* /usr of it. */
    assert_int_equal(fs_view_open(&fs, &below.fs, 5, NULL, &err), 0);
    tree_init(&t, fs);
    assert_int_equal(tree_has_file(&t, "/lib/os-release", &err), 1);
    assert_int_equal(tree_find(&t, "/../../etc/passwd", &node, &err), 0);
    fs_close(fs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),   cmocka_unit_test(test_lfind),
        cmocka_unit_test(test_mounts), cmocka_unit_test(test_read),
        cmocka_unit_test(test_names),  cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_view),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
