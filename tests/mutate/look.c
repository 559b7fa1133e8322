/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mutate/look.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "guest/facts_json.h"
#include "guest/inspect.h"
#include "guest/kernel/initramfs.h"
#include "guest/windows/hive.h"
#include "rules/facts_by_hand.h"

enum {
    STEPS = 1500, /* entries of one disk */
    DEPTH = 10,
    READS = 150,
    READ_MAX = 128 * 1024, /* bytes of a file, from both its ends */
    SUBVOLUMES = 6,
    KEYS = 3000,
    KEYS_DEPTH = 12,
    UNPACKED_MAX = 32 << 20,
};

struct looker {
    struct arena arena; /* of the profile */
    const struct profile *profile;
    uint8_t buf[READ_MAX];
};

struct looker *looker_new(void)
{
    struct looker *l = calloc(1, sizeof *l);

    if (l)
        l->profile = profile_load(&l->arena, "tencent-2022");
    return l;
}

void looker_free(struct looker *l)
{
    arena_fini(&l->arena);
    free(l);
}

/* Every answer is 0 or more, or an error with its code and a message. */
static int told(int r, struct err *err)
{
    assert(r >= 0 ? err->code == ERR_NONE : (int)err->code == -r && err->msg[0]);
    err_clear(err);
    return r;
}

/* ---- hives and archives */

struct keys {
    unsigned steps, depth;
};

static int visit_key(void *arg, struct hive *h, uint32_t key, const char *name,
                     struct err *err)
{
    AUTO(buf_fini) struct buf data = {.max = HIVE_VALUE_MAX};
    struct keys *k = arg;
    struct err local = {0};
    char text[256];
    uint32_t number;
    int r = 0;

    (void)err;
    assert(strlen(name) < HIVE_NAME_MAX);
    if (++k->steps > KEYS)
        return 1;
    told(hive_text(h, key, "ImagePath", text, sizeof text, &local), &local);
    told(hive_number(h, key, "Start", &number, &local), &local);
    told(hive_value(h, key, "ProductName", &number, &data, &local), &local);
    if (k->depth < KEYS_DEPTH) {
        k->depth++;
        r = told(hive_each(h, key, visit_key, k, &local), &local);
        k->depth--;
    }
    return r > 0;
}

static bool look_at_hive(struct block *b, struct seen *seen)
{
    struct keys k = {0};
    struct err err = {0};
    struct hive h;

    if (told(hive_open(&h, b, &err), &err) < 0)
        return false;
    told(hive_each(&h, h.root, visit_key, &k, &err), &err);
    seen->entries += k.steps;
    return true;
}

static int visit_member(void *arg, const struct initramfs_entry *e, struct err *err)
{
    struct seen *seen = arg;

    (void)err;
    assert(strlen(e->name) < INITRAMFS_NAME_MAX && e->content.n <= 64 << 10);
    seen->entries++;
    return 0;
}

static bool want_member(void *arg, const char *name, uint64_t size)
{
    (void)arg;
    return *name && size % 2 == 0;
}

static bool look_at_archive(struct block *b, struct seen *seen)
{
    struct initramfs_reader reader = {visit_member, want_member, seen, UNPACKED_MAX};
    struct initramfs_info info;
    struct err err = {0};

    return told(initramfs_read(b, &reader, &info, &err), &err) >= 0;
}

/* ---- filesystems */

struct walk {
    struct looker *l;
    struct image *image;
    struct seen *seen;
    struct fs *fs;
    uint64_t dir;
    unsigned steps, reads, depth;
};

/* Files of a kind that has a parser of its own. */
static void look_inside(struct walk *w, const char *name, size_t n)
{
    AUTO(block_unrefp) struct block *b = NULL;
    struct err err = {0};

    if (block_mem_open(&b, w->l->buf, n, &err) < 0)
        return;
    if (n > 4096 && memcmp(w->l->buf, "regf", 4) == 0)
        (void)look_at_hive(b, w->seen);
    else if (strncmp(name, "initrd", 6) == 0)
        (void)look_at_archive(b, w->seen);
}

static void read_file(struct walk *w, const struct fs_stat *st, const char *name)
{
    enum image_trace before = w->image->trace;
    size_t n = (size_t)min_u64(st->size, READ_MAX);
    struct err err = {0};

    if (n == 0 || w->reads++ >= READS)
        return;
    if (before != TRACE_OFF)
        w->image->trace = TRACE_CONTENT;
    if (st->size > READ_MAX)
        told(fs_read(w->fs, st, w->l->buf, n, st->size - n, &err), &err);
    if (told(fs_read(w->fs, st, w->l->buf, n, 0, &err), &err) == 0)
        look_inside(w, name, n);
    w->image->trace = before;
}

static int visit_entry(void *arg, const struct fs_dirent *d, struct err *err)
{
    struct walk *w = arg;
    AUTO(buf_fini) struct buf target = {.max = FS_LINK_MAX};
    struct err local = {0};
    struct fs_stat st, same;
    uint64_t above = w->dir;
    int r = 0;

    (void)err;
    assert(d->name_n <= FS_NAME_MAX && d->name[d->name_n] == 0);
    w->seen->entries++;
    if (++w->steps > STEPS)
        return 1;
    if (w->steps % 32 == 1)
        told(fs_lookup(&same, w->fs, w->dir, d->name, d->name_n, &local), &local);
    /* One bad file does not end the walk. */
    if (told(fs_stat(&st, w->fs, d->ino, &local), &local) < 0)
        return 0;
    told(fs_has_xattr(w->fs, &st, "security.selinux", &local), &local);
    if (st.type == FS_SYMLINK) {
        told(fs_readlink(&target, w->fs, &st, &local), &local);
        assert(target.n <= FS_LINK_MAX);
    }
    if (st.type == FS_REG)
        read_file(w, &st, d->name);
    if (st.type == FS_DIR && w->depth < DEPTH) {
        w->depth++;
        w->dir = d->ino;
        r = told(fs_readdir(w->fs, d->ino, visit_entry, w, &local), &local);
        w->dir = above;
        w->depth--;
    }
    return r > 0;
}

static void walk_tree(struct walk *w, struct fs *fs)
{
    struct err err = {0};
    struct fs_info info;

    fs_info(fs, &info);
    assert(info.free_bytes <= info.total_bytes && info.free_inodes <= info.total_inodes);
    w->fs = fs;
    w->dir = fs->root;
    told(fs_readdir(fs, fs->root, visit_entry, w, &err), &err);
}

static int visit_subvolume(void *arg, const struct fs_subvolume *s, struct err *err)
{
    AUTO(fs_closep) struct fs *sub = NULL;
    struct walk *w = arg;
    struct fs *fs = w->fs;
    struct err local = {0};

    (void)err;
    assert(memchr(s->path, 0, sizeof s->path));
    if (told(fs_subvolume_open(&sub, fs, s->id, &local), &local) == 0)
        walk_tree(w, sub);
    w->fs = fs;
    return w->seen->filesystems++ > SUBVOLUMES || w->steps > STEPS;
}

static void look_at_block(struct walk *w, struct block *b)
{
    AUTO(fs_closep) struct fs *fs = NULL;
    struct fs_ident ident;
    struct err err = {0};

    if (told(fs_identify(&ident, b, &err), &err) < 0 || !fs_is_read(ident.type) ||
        told(fs_open(&fs, &ident, b, &err), &err) < 0)
        return;
    w->seen->filesystems++;
    walk_tree(w, fs);
    told(fs_subvolumes(fs, visit_subvolume, w, &err), &err);
}

/* ---- disks */

static void look_at_volumes(struct walk *w, struct lvm2_member *members, size_t n)
{
    AUTO(arena_fini) struct arena a = {.max = FACTS_ARENA_MAX};
    AUTO(lvm2_groups_fini) struct lvm2_groups groups = {0};
    struct err err = {0};

    if (told(lvm2_scan(&groups, members, n, &a, &err), &err) < 0)
        return;
    for (size_t i = 0; i < groups.volumes.n; i++)
        if (groups.volumes.v[i].block && i < PARTITIONS_MAX)
            look_at_block(w, groups.volumes.v[i].block);
}

static void look_at_parts(struct walk *w, struct block *disk)
{
    AUTO(arena_fini) struct arena a = {.max = FACTS_ARENA_MAX};
    AUTO(volume_table_fini) struct volume_table t = {0};
    struct lvm2_member members[PARTITIONS_MAX + 1];
    struct fs_ident ident;
    struct err err = {0};
    size_t n = 0;

    told(volume_scan(&t, disk, &a, &err), &err);
    for (size_t i = 0; i <= t.partitions.n; i++) {
        /* What has no table is looked at as a whole. */
        struct block *b = i < t.partitions.n    ? t.partitions.v[i].block
                          : t.partitions.n == 0 ? disk
                                                : NULL;

        if (!b)
            continue;
        look_at_block(w, b);
        if (n < ARRAY_SIZE(members) && told(fs_identify(&ident, b, &err), &err) == 0 &&
            ident.type == FS_LVM2)
            members[n++] = (struct lvm2_member){.block = b, .device = "part"};
    }
    if (n)
        look_at_volumes(w, members, n);
}

static void judge(struct looker *l, const struct facts *f, struct arena *a,
                  struct seen *seen)
{
    struct err err = {0};
    struct report r;
    bool refused = false, problem = false;

    told(rules_judge(&r, a, f, l->profile, &request_none, &err), &err);
    for (size_t i = 0; i < r.findings.n; i++)
        refused |= r.findings.v[i].level == LEVEL_ERROR;
    for (size_t i = 0; i < f->problems.n; i++)
        problem |= !f->problems.v[i].minor;
    assert(refused == (r.verdict == VERDICT_REFUSED));
    assert(!problem || r.verdict != VERDICT_ACCEPTED);
    seen->root = f->root != NULL;
    seen->judged = f->root && !problem;
}

/* What the worker sends, the broker must take. */
static void inspect(struct looker *l, struct block *file, struct seen *seen)
{
    AUTO(arena_fini) struct arena a = {.max = FACTS_ARENA_MAX};
    AUTO(arena_fini) struct arena decoded = {.max = FACTS_ARENA_MAX};
    AUTO(freep) char *text = NULL;
    struct err err = {0};
    struct facts f;
    json_t *json;

    if (told(inspect_file(&f, &a, file, NULL, &err), &err) < 0)
        return;
    seen->taken = strcmp(f.image.fault, "none") == 0;
    json = facts_to_json(&f);
    assert(json);
    text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    assert(text);
    json = json_loads(text, 0, NULL);
    assert(json);
    assert(told(facts_from_json(&f, json, &decoded, &err), &err) == 0);
    json_decref(json);
    judge(l, &f, &decoded, seen);
}

static void look_at_disk(struct looker *l, struct image *image, struct block *file,
                         struct seen *seen)
{
    AUTO(block_unrefp) struct block *disk = NULL;
    struct walk w = {.l = l, .image = image, .seen = seen};
    struct image_info info;
    struct err err = {0};

    inspect(l, file, seen);
    if (told(image_open(&disk, &info, file, NULL, &err), &err) == 0)
        look_at_parts(&w, disk);
}

void look(struct looker *l, struct image *image, struct seen *ret)
{
    AUTO(block_unrefp) struct block *file = NULL;
    const char *name = strrchr(image->path, '/');
    struct err err = {0};

    *ret = (struct seen){.taken = false};
    name = name ? name + 1 : image->path;
    if (image_block(&file, image, &err) < 0)
        abort();
    if (strncmp(name, "hive", 4) == 0)
        ret->taken = look_at_hive(file, ret);
    else if (strncmp(name, "cpio", 4) == 0)
        ret->taken = look_at_archive(file, ret);
    else
        look_at_disk(l, image, file, ret);
}
