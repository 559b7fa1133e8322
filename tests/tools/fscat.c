/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fscat.c: shows what the filesystem layer reads, for comparison with other tools
 *
 *     fscat [-p N] [-1] ident IMAGE         type, uuid and label, one a line
 *     fscat [-p N] [-1] info IMAGE          what the filesystem says of itself
 *     fscat [-p N] [-1] usage IMAGE         "used START LENGTH", "free START LENGTH"
 *     fscat [-p N] [-1] cat IMAGE PATH      one file to standard output
 *     fscat [-p N] [-1] tree IMAGE [PATH]   every entry: type, mode, owner, size, mtime,
 *                                           checksum or target, name
 *     fscat [-p N] [-1] find IMAGE          paths from standard input: "1 path", "0 path"
 *     fscat [-p N] [-1] xattr IMAGE PATH NAME     is there such an attribute: 1, 0
 *     fscat [-p N] [-1] subvolumes IMAGE    id, path, "default"
 *     fscat [-1] parts IMAGE                the partition table
 *     fscat [-1] volumes IMAGE...           logical volumes on partitions or whole images
 *     fscat [-1] volume IMAGE... NAME       the bytes of one, to standard output
 *
 * -p N takes partition N of a raw image, -s N subvolume N instead of the default one, -1
 * reads byte by byte.  Test-only. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crc.h"
#include "base/text.h"
#include "fs/tree.h"
#include "volume/lvm2.h"
#include "volume/volume.h"

enum { CHUNK = 1 << 20, DEPTH_MAX = 64 };

struct job {
    struct fs *fs;
    char path[TREE_PATH_MAX * 2];
    size_t path_n;
    unsigned depth;
    uint8_t *chunk;
    uint64_t entries;
};

static int put_content(struct job *j, const struct fs_stat *st, FILE *out, uint32_t *crc,
                       struct err *err)
{
    for (uint64_t off = 0; off < st->size;) {
        size_t n = st->size - off < CHUNK ? (size_t)(st->size - off) : CHUNK;
        int r = fs_read(j->fs, st, j->chunk, n, off, err);

        if (r < 0)
            return r;
        *crc = crc32_ieee(*crc, j->chunk, n);
        if (out)
            fwrite(j->chunk, 1, n, out);
        off += n;
    }
    return 0;
}

static int walk_dir(struct job *j, uint64_t dir, struct err *err);

static int put_entry(void *arg, const struct fs_dirent *d, struct err *err)
{
    struct job *j = arg;
    size_t before = j->path_n;
    char clean[TREE_PATH_MAX * 8], tail[64] = "";
    AUTO(buf_fini) struct buf target = {.max = FS_LINK_MAX};
    struct fs_stat st;
    uint32_t crc = 0;
    int r = fs_stat(&st, j->fs, d->ino, err);

    if (r < 0)
        return r;
    if (d->type_known && d->type != st.type)
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": two types", d->ino);
    if (j->path_n + d->name_n + 2 > sizeof j->path)
        return FAIL(err, ERR_LIMIT, "path");
    j->entries++;
    j->path[j->path_n++] = '/';
    memcpy(j->path + j->path_n, d->name, d->name_n);
    j->path_n += d->name_n;
    text_clean(clean, sizeof clean, bytes_of(j->path, j->path_n), sizeof clean - 1);
    if (st.type == FS_REG) {
        r = put_content(j, &st, NULL, &crc, err);
        snprintf(tail, sizeof tail, "%08" PRIx32, crc);
    } else if (st.type == FS_SYMLINK) {
        r = fs_readlink(&target, j->fs, &st, err);
        snprintf(tail, sizeof tail, "%08" PRIx32,
                 crc32_ieee(0, target.p ? target.p : "", target.n));
    }
    if (r == 0)
        printf("%c %06o %" PRIu32 ":%" PRIu32 " %" PRIu64 " %" PRId64 " %s %s\n",
               "fdlo"[st.type], st.mode, st.uid, st.gid, st.type == FS_DIR ? 0 : st.size,
               st.mtime, *tail ? tail : "-", clean);
    if (r == 0 && st.type == FS_DIR)
        r = walk_dir(j, d->ino, err);
    j->path_n = before;
    return r;
}

static int walk_dir(struct job *j, uint64_t dir, struct err *err)
{
    int r;

    if (++j->depth > DEPTH_MAX)
        return FAIL(err, ERR_LIMIT, "depth");
    r = fs_readdir(j->fs, dir, put_entry, j, err);
    j->depth--;
    return r;
}

static int do_parts(struct block *disk, struct err *err)
{
    AUTO(arena_fini) struct arena a = {0};
    AUTO(volume_table_fini) struct volume_table t = {0};
    int r = volume_scan(&t, disk, &a, err);

    if (r < 0)
        return r;
    printf("%s boot=%s problem=%s\n", table_kind_name(t.kind), t.boot_code, t.problem);
    for (size_t i = 0; i < t.partitions.n; i++) {
        const struct partition *p = &t.partitions.v[i];

        printf("%u %" PRIu64 " %" PRIu64 " %s %s%s%s%s%s\n", p->index, p->start, p->size,
               p->type, p->uuid, p->active ? " active" : "", p->logical ? " logical" : "",
               p->extended ? " extended" : "", p->past_end ? " past-end" : "");
    }
    return 0;
}

static int take_partition(struct block **dev, unsigned index, struct err *err)
{
    AUTO(arena_fini) struct arena a = {0};
    AUTO(volume_table_fini) struct volume_table t = {0};
    int r = volume_scan(&t, *dev, &a, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < t.partitions.n; i++)
        if (t.partitions.v[i].index == index && t.partitions.v[i].block) {
            block_unref(*dev);
            *dev = block_ref(t.partitions.v[i].block);
            return 0;
        }
    return FAIL(err, ERR_NOTFOUND, "partition %u", index);
}

/* ---- logical volumes */

enum { IMAGES_MAX = 8 };

struct disks {
    struct arena arena;
    struct volume_table tables[IMAGES_MAX];
    struct block *blocks[IMAGES_MAX];
    struct lvm2_groups groups;
    struct lvm2_member members[IMAGES_MAX * PARTITIONS_MAX];
    size_t n, members_n;
};

static void disks_fini(struct disks *d)
{
    lvm2_groups_fini(&d->groups);
    for (size_t i = 0; i < d->n; i++) {
        volume_table_fini(&d->tables[i]);
        block_unref(d->blocks[i]);
    }
    arena_fini(&d->arena);
}

static int add_member(struct disks *d, struct block *b, const char *device,
                      struct err *err)
{
    struct fs_ident id;
    int r = fs_identify(&id, b, err);

    if (r == 0 && id.type == FS_LVM2)
        d->members[d->members_n++] = (struct lvm2_member){.block = b, .device = device};
    return r;
}

static int open_image(struct block **ret, const char *path, bool bytewise,
                      struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r =
        fd < 0 ? FAIL(err, ERR_NOTFOUND, "%s", path) : block_file_open(&file, fd, err);

    if (r == 0 && bytewise)
        return block_bytewise_open(ret, file, err);
    if (r == 0)
        *ret = TAKE(file);
    return r;
}

static int add_image(struct disks *d, const char *path, bool bytewise, struct err *err)
{
    struct volume_table *t = &d->tables[d->n];
    int r = open_image(&d->blocks[d->n], path, bytewise, err);

    if (r < 0)
        return r;
    d->n++;
    r = volume_scan(t, d->blocks[d->n - 1], &d->arena, err);
    if (r == 0)
        r = add_member(d, d->blocks[d->n - 1], path, err);
    for (size_t i = 0; i < t->partitions.n && r == 0; i++)
        if (t->partitions.v[i].block)
            r = add_member(d, t->partitions.v[i].block, path, err);
    return r;
}

static int put_block(struct block *b, struct err *err)
{
    static uint8_t chunk[CHUNK];

    for (uint64_t off = 0; off < b->size;) {
        size_t n = b->size - off < CHUNK ? (size_t)(b->size - off) : CHUNK;
        int r = block_read(b, chunk, n, off, err);

        if (r < 0)
            return r;
        fwrite(chunk, 1, n, stdout);
        off += n;
    }
    return 0;
}

/* `name` NULL: list. */
static int do_volumes(char **images, size_t n, const char *name, bool bytewise,
                      struct err *err)
{
    static struct disks d;
    int r = n > IMAGES_MAX ? FAIL(err, ERR_LIMIT, "images") : 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = add_image(&d, images[i], bytewise, err);
    if (r == 0)
        r = lvm2_scan(&d.groups, d.members, d.members_n, &d.arena, err);
    for (size_t i = 0; i < d.members_n && r == 0 && !name; i++)
        if (d.members[i].code != ERR_NONE)
            printf("member %s %s\n", err_code_name(d.members[i].code),
                   d.members[i].problem);
    for (size_t i = 0; i < d.groups.problems.n && r == 0 && !name; i++)
        printf("problem %s\n", d.groups.problems.v[i]);
    for (size_t i = 0; i < d.groups.volumes.n && r == 0; i++) {
        const struct lvm2_volume *v = &d.groups.volumes.v[i];

        if (!name)
            printf("%s %" PRIu64 " %s %s\n", v->name, v->size,
                   v->block ? "ok" : err_code_name(v->code), v->problem);
        else if (strcmp(v->name, name) == 0 && v->block)
            r = put_block(v->block, err);
    }
    disks_fini(&d);
    return r;
}

static int do_info(struct fs *fs)
{
    struct fs_info i;

    fs_info(fs, &i);
    printf("block_size %" PRIu32 "\nbytes %" PRIu64 " free %" PRIu64 "\n", i.block_size,
           i.total_bytes, i.free_bytes);
    printf("inodes %" PRIu64 " free %" PRIu64 "\n", i.total_inodes, i.free_inodes);
    printf("clean %d needs_recovery %d stale_possible %d %s\n", i.clean, i.needs_recovery,
           i.stale_possible, i.stale_reason);
    printf("checked %" PRId64 " mounts %" PRIu32 " max %" PRIu32 " interval %" PRIu32
           "\nfeatures %s\n",
           i.last_checked, i.mount_count, i.max_mount_count, i.check_interval,
           i.features);
    return 0;
}

static int do_find(struct tree *t, struct err *err)
{
    char line[TREE_PATH_MAX];
    struct tree_node node;

    while (fgets(line, sizeof line, stdin)) {
        int r;

        line[strcspn(line, "\n")] = 0;
        r = tree_lfind(t, line, &node, err);
        if (r < 0)
            return r;
        printf("%d %s\n", r, line);
    }
    return 0;
}

static int put_area(void *arg, const struct fs_area *a, struct err *err)
{
    (void)arg, (void)err;
    printf("%s %" PRIu64 " %" PRIu64 "\n", a->is_free ? "free" : "used", a->start,
           a->length);
    return 0;
}

static int do_fs(struct fs *fs, const char *what, const char *path, const char *name,
                 struct err *err)
{
    AUTO(freep) struct job *j = calloc(1, sizeof *j);
    AUTO(freep) uint8_t *chunk = malloc(CHUNK);
    struct tree t;
    struct tree_node node;
    uint32_t crc = 0;
    int r;

    if (!j || !chunk)
        return FAIL(err, ERR_NOMEM, "fscat");
    j->fs = fs;
    j->chunk = chunk;
    if (strcmp(what, "info") == 0)
        return do_info(fs);
    if (strcmp(what, "usage") == 0)
        return fs_usage(fs, put_area, NULL, err);
    tree_init(&t, fs);
    if (strcmp(what, "find") == 0)
        return do_find(&t, err);
    r = tree_find(&t, path, &node, err);
    if (r == 0)
        return FAIL(err, ERR_NOTFOUND, "%s", path);
    if (r < 0)
        return r;
    if (strcmp(what, "cat") == 0)
        return put_content(j, &node.st, stdout, &crc, err);
    if (strcmp(what, "xattr") == 0) {
        r = fs_has_xattr(fs, &node.st, name, err);
        if (r >= 0)
            printf("%d\n", r);
        return r;
    }
    return walk_dir(j, node.st.ino, err);
}

static int put_subvolume(void *arg, const struct fs_subvolume *s, struct err *err)
{
    (void)arg;
    (void)err;
    printf("%" PRIu64 " %s%s\n", s->id, s->path, s->is_default ? " default" : "");
    return 0;
}

static int take_subvolume(struct fs **fs, uint64_t id, struct err *err)
{
    struct fs *sub;
    int r = fs_subvolume_open(&sub, *fs, id, err);

    if (r == 0) {
        fs_close(*fs);
        *fs = sub;
    }
    return r;
}

struct options {
    unsigned part;
    uint64_t subvolume; /* 0: the default */
    bool bytewise;
};

static int run(int fd, const struct options *o, char **words, struct err *err)
{
    AUTO(block_unrefp) struct block *dev = NULL;
    AUTO(fs_closep) struct fs *fs = NULL;
    const char *what = words[0], *path = words[2] ? words[2] : "/";
    struct fs_ident id;
    int r = block_file_open(&dev, fd, err);

    if (r == 0 && o->bytewise) {
        struct block *b = NULL;

        r = block_bytewise_open(&b, dev, err);
        block_unref(dev);
        dev = b;
    }
    if (r == 0 && strcmp(what, "parts") == 0)
        return do_parts(dev, err);
    if (r == 0 && o->part)
        r = take_partition(&dev, o->part, err);
    if (r == 0)
        r = fs_identify(&id, dev, err);
    if (r == 0 && strcmp(what, "ident") == 0) {
        printf("%s\n%s\n%s\n", fs_type_name(id.type), id.uuid, id.label);
        return 0;
    }
    if (r == 0)
        r = fs_open(&fs, &id, dev, err);
    if (r == 0 && o->subvolume)
        r = take_subvolume(&fs, o->subvolume, err);
    if (r == 0 && strcmp(what, "subvolumes") == 0)
        return fs_subvolumes(fs, put_subvolume, NULL, err);
    return r < 0 ? r : do_fs(fs, what, path, words[2] && words[3] ? words[3] : "", err);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct options o = {0};
    int c, fd;

    while ((c = getopt(argc, argv, "p:s:1")) != -1)
        if (c == 'p')
            o.part = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 's')
            o.subvolume = strtoull(optarg, NULL, 10);
        else if (c == '1')
            o.bytewise = true;
        else
            return 2;
    if (argc - optind < 2)
        return 2;
    if (strncmp(argv[optind], "volume", 6) == 0) {
        bool one = argv[optind][6] == '\0';
        size_t n = (size_t)(argc - optind - 1 - one);

        if (do_volumes(argv + optind + 1, n, one ? argv[argc - 1] : NULL, o.bytewise,
                       &err) == 0)
            return 0;
        fprintf(stderr, "fscat: %s: %s\n", err_code_name(err.code), err.msg);
        return 3;
    }
    fd = open(argv[optind + 1], O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        perror(argv[optind + 1]);
        return 3;
    }
    if (run(fd, &o, argv + optind, &err) < 0) {
        fflush(stdout);
        fprintf(stderr, "fscat: %s: %s\n", err_code_name(err.code), err.msg);
        return 3;
    }
    return 0;
}
