/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xfs_log_test.c: logs made by hand, replayed or told */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fs/xfs/xfs_make.h"

enum { START = 1, COMMIT = 2, CONTINUE = 4, WAS_CONT = 8, UNMOUNT = 32 };
enum { INODE = 0x123b, BUFFER = 0x123c };

/* Operations of one record. */
struct ops {
    uint8_t raw[8 * 512];
    size_t n;
    unsigned count;
};

static void op(struct ops *o, unsigned flags, const void *p, size_t n)
{
    uint8_t *to = o->raw + o->n;

    store_be32(to, 7);
    store_be32(to + 4, (uint32_t)n);
    to[8] = 0x69;
    to[9] = (uint8_t)flags;
    if (n)
        memcpy(to + 12, p, n);
    o->n += 12 + n;
    o->count++;
}

static void start(struct ops *o)
{
    *o = (struct ops){0};
    op(o, START, NULL, 0);
    op(o, 0, "NART\0\0\0\0\7\0\0\0\1\0\0\0", 16);
}

/* The file of 3000 bytes (17) gets this size and mode. */
static void inode_item(struct xfs_made *m, struct ops *o, unsigned size, uint64_t ino,
                       uint32_t fields)
{
    uint8_t format[56] = {0}, core[176] = {0};

    store_le16(format, INODE);
    store_le16(format + 2, 2);
    store_le32(format + 4, 1 | fields);
    store_le64(format + 16, ino);
    store_le64(format + 40, 16); /* block 8 */
    store_le32(format + 48, 16);
    store_le32(format + 52, 512);
    store_le16(core, 0x494e);
    store_le16(core + 2, 0100600);
    core[4] = m->version == 5 ? 3 : 2;
    core[5] = 2;
    store_le64(core + 56, size);
    store_le32(core + 76, 2);
    store_le32(core + 96, UINT32_MAX);
    if (m->version == 5) {
        store_le64(core + 152, ino);
        memcpy(core + 160, m->raw + 32, 16);
    }
    op(o, 0, format, sizeof format);
    op(o, 0, core, m->version == 5 ? 176 : 96);
}

/* Of so many pieces of 128 bytes from `first` on, which become 'n'. */
static void buffer_item(struct ops *o, unsigned flags, uint64_t sector, unsigned sectors,
                        unsigned first, unsigned pieces)
{
    uint8_t format[24] = {0}, data[1024];

    memset(data, 'n', sizeof data);
    store_le16(format, BUFFER);
    store_le16(format + 2, pieces ? 2 : 1);
    store_le16(format + 4, (uint16_t)flags);
    store_le16(format + 6, (uint16_t)sectors);
    store_le64(format + 8, sector);
    store_le32(format + 16, 1);
    store_le32(format + 20, ((1u << pieces) - 1) << first);
    op(o, 0, format, sizeof format);
    if (pieces)
        op(o, 0, data, (size_t)pieces * 128);
}

static void simple_item(struct ops *o, unsigned type, uint64_t id)
{
    uint8_t format[16] = {0};

    store_le16(format, (uint16_t)type);
    store_le16(format + 2, 1);
    store_le64(format + 8, id);
    op(o, 0, format, sizeof format);
}

static void commit(struct xfs_made *m, struct ops *o)
{
    op(o, COMMIT, NULL, 0);
    xfs_make_record(m, 0, 0, o->count, bytes_of(o->raw, o->n));
}

static void good(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    inode_item(m, &o, 2000, 17, 0);
    commit(m, &o);
}

static void not_committed(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    inode_item(m, &o, 2000, 17, 0);
    xfs_make_record(m, 0, 0, o.count, bytes_of(o.raw, o.n));
}

/* A part that goes on in the next record. */
static void in_two_records(struct xfs_made *m)
{
    struct ops o, second = {0};
    uint8_t whole[176];
    size_t n = m->version == 5 ? 176 : 96;

    start(&o);
    inode_item(m, &o, 2000, 17, 0);
    memcpy(whole, o.raw + o.n - n, n);
    store_be32(o.raw + o.n - n - 8, 50);
    o.raw[o.n - n - 3] = CONTINUE;
    xfs_make_record(m, 0, 0, o.count, bytes_of(o.raw, o.n - n + 50));
    op(&second, WAS_CONT, whole + 50, n - 50);
    op(&second, COMMIT, NULL, 0);
    xfs_make_record(m, 2, 0, second.count, bytes_of(second.raw, second.n));
}

static void unmounted(struct xfs_made *m)
{
    struct ops o = {0};

    op(&o, UNMOUNT, "nU\0\0\0\0\0\0", 8);
    xfs_make_record(m, 0, 0, 1, bytes_of(o.raw, o.n));
}

static void given_back(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    inode_item(m, &o, 2000, 17, 0);
    buffer_item(&o, 2, 16, 16, 0, 0);
    commit(m, &o);
}

static void torn(struct xfs_made *m)
{
    good(m);
    m->raw[XFS_MADE_LOG + 600]++;
}

static void torn_after(struct xfs_made *m)
{
    struct ops o;

    good(m);
    start(&o);
    inode_item(m, &o, 1000, 17, 0);
    op(&o, COMMIT, NULL, 0);
    xfs_make_record(m, 2, 0, o.count, bytes_of(o.raw, o.n));
    m->raw[XFS_MADE_LOG + 3 * 512 + 100]++;
}

static void longer_than_record(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    inode_item(m, &o, 2000, 17, 0);
    store_be32(o.raw + 12 + 28 + 4, UINT32_MAX);
    commit(m, &o);
}

static void too_many_parts(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    inode_item(m, &o, 2000, 17, 0);
    store_le16(o.raw + 12 + 28 + 12 + 2, 3);
    commit(m, &o);
}

static void no_parts(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    inode_item(m, &o, 2000, 17, 0);
    store_le16(o.raw + 12 + 28 + 12 + 2, 0);
    commit(m, &o);
}

static void no_header(struct xfs_made *m)
{
    struct ops o = {0};

    op(&o, START, NULL, 0);
    inode_item(m, &o, 2000, 17, 0);
    commit(m, &o);
}

static void unknown_kind(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    simple_item(&o, 0x1299, 1);
    commit(m, &o);
}

static void other_place(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    inode_item(m, &o, 2000, 18, 0);
    commit(m, &o);
}

static void exchange(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    inode_item(m, &o, 2000, 17, 0x200);
    commit(m, &o);
}

static void unfinished(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    inode_item(m, &o, 2000, 17, 0);
    simple_item(&o, 0x1244, 5);
    simple_item(&o, 0x1244, 6);
    simple_item(&o, 0x1245, 5);
    commit(m, &o);
}

static void finished(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    inode_item(m, &o, 2000, 17, 0);
    simple_item(&o, 0x1244, 5);
    simple_item(&o, 0x1245, 5);
    simple_item(&o, 0x1236, 9); /* space to be freed changes no file */
    commit(m, &o);
}

static void outside(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    buffer_item(&o, 0, 1 << 20, 2, 0, 1);
    commit(m, &o);
}

static void behind_block(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    buffer_item(&o, 0, 60, 2, 7, 2);
    commit(m, &o);
}

static void huge_block(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    buffer_item(&o, 0, 0, 129, 0, 1);
    commit(m, &o);
}

static void no_begin(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    inode_item(m, &o, 2000, 17, 0);
    op(&o, COMMIT, NULL, 0);
    xfs_make_record(m, 0, 30, o.count, bytes_of(o.raw, o.n));
}

static void start_twice(struct xfs_made *m)
{
    struct ops o;

    start(&o);
    op(&o, START, NULL, 0);
    commit(m, &o);
}

static void unknown_features(struct xfs_made *m)
{
    good(m);
    store_be32(m->raw + 220, 0x80);
    xfs_seal(m);
}

static const struct {
    const char *sentence;
    void (*make)(struct xfs_made *m);
    unsigned version; /* 0: both */
    unsigned size;    /* of the file, afterwards */
    const char *why;  /* NULL: nothing is older */
} cases[] = {
    {"an inode", good, 0, 2000, NULL},
    {"an inode in two records", in_two_records, 0, 2000, NULL},
    {"a transaction without an end", not_committed, 0, 3000, NULL},
    {"an unmount", unmounted, 0, 3000, NULL},
    {"an inode that was given back", given_back, 0, 3000, NULL},
    {"a record that was written in part, behind a good one", torn_after, 0, 2000, NULL},
    {"no other record than that", torn, 0, 3000, "no record of it is whole"},
    {"an operation longer than its record", longer_than_record, 0, 3000,
     "a transaction of it is damaged"},
    {"an item of more parts than there are", too_many_parts, 0, 3000,
     "a transaction of it is damaged"},
    {"an item of no parts", no_parts, 0, 3000, "a transaction of it is damaged"},
    {"a transaction without a header", no_header, 0, 3000,
     "a transaction of it is damaged"},
    {"a transaction that starts twice", start_twice, 0, 3000,
     "a transaction of it is damaged"},
    {"an item nobody knows", unknown_kind, 0, 3000,
     "an item of it is of the unknown kind 0x1299"},
    {"an inode that belongs elsewhere", other_place, 0, 3000,
     "an inode of it is damaged"},
    {"an exchange of extents", exchange, 0, 3000,
     "it exchanges the extents of two files"},
    {"a change that is not finished", unfinished, 0, 2000,
     "it ends in the middle of a change to a file"},
    {"a change that is", finished, 0, 2000, NULL},
    {"a block outside", outside, 0, 3000, "a block of it is damaged"},
    {"more of a block than there is", behind_block, 0, 3000, "a block of it is damaged"},
    {"a block of 64 KiB and a half", huge_block, 0, 3000, "a block of it is damaged"},
    {"a beginning that is behind the end", no_begin, 0, 3000,
     "it does not tell where it begins"},
    {"features of the log nobody knows", unknown_features, 5, 3000,
     "it has the unknown features 0x80"},
};

static void check(size_t i, unsigned version)
{
    static struct xfs_made m;
    AUTO(block_unrefp) struct block *dev = NULL;
    AUTO(fs_closep) struct fs *fs = NULL;
    struct fs_ident id = {.type = FS_XFS};
    struct fs_info info;
    struct err err = {0};
    struct fs_stat st;
    char want[160] = "";

    xfs_make(&m, version);
    cases[i].make(&m);
    if (cases[i].why)
        snprintf(want, sizeof want, "the log was not cleanly unmounted, and %s",
                 cases[i].why);
    if (block_mem_open(&dev, m.raw, sizeof m.raw, &err) < 0 ||
        fs_open(&fs, &id, dev, &err) < 0 || fs_stat(&st, fs, 17, &err) < 0)
        fail_msg("%s: %s", cases[i].sentence, err.msg);
    fs_info(fs, &info);
    if (st.size != cases[i].size || info.clean != (cases[i].make == unmounted) ||
        info.needs_recovery == info.clean ||
        info.stale_possible != (cases[i].why != NULL) ||
        strcmp(info.stale_reason, want) != 0)
        fail_msg("version %u: %s: %u bytes, clean %d, %s", version, cases[i].sentence,
                 (unsigned)st.size, info.clean, info.stale_reason);
}

static void test_logs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (unsigned version = 4; version <= 5; version++)
            if (cases[i].version == 0 || cases[i].version == version)
                check(i, version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_logs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
