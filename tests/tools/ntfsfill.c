/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ntfsfill.c: writes into an NTFS image by libntfs-3g, without mounting it
 *
 *     ntfsfill IMAGE fill FOLDER             all that is in the folder: files with their
 *                                            holes, hard links, folders, symlinks
 *     ntfsfill IMAGE flags PATH NUMBER       sets FILE_ATTRIBUTE_* of a file
 *     ntfsfill IMAGE reparse PATH TAG HEX    makes it a reparse point with that data
 *
 * What lies beneath a folder whose name begins with "packed" is compressed.  Symlinks
 * become those of Windows, absolute ones on drive C:.  Test-only. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* In an order that these headers can stand. */
/* clang-format off */
#include <ntfs-3g/types.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/volume.h>
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/reparse.h>
#include <ntfs-3g/unistr.h>
/* clang-format on */

enum {
    CHUNK = 1 << 20,
    LINKS_MAX = 4096,
    PATH_BYTES = 4096,
    TARGET_MAX = 2048,
    TAG_SYMLINK = 0xc, /* of Microsoft's 0xa0000000 */
};

static ntfs_volume *volume;
static struct {
    ino_t from;
    uint64_t to;
} links[LINKS_MAX];
static size_t links_n;
static unsigned entries;

static void die(const char *what, const char *name)
{
    fprintf(stderr, "ntfsfill: %s %s: %s\n", what, name, strerror(errno));
    exit(1);
}

static void set_reparse(ntfs_inode *ni, const uint8_t *p, size_t n, const char *name)
{
    if (ntfs_set_ntfs_reparse_data(ni, (const char *)p, n, 0) != 0)
        die("reparse point of", name);
}

static size_t put_utf16(uint8_t *to, const char *text)
{
    ntfschar *wide = NULL;
    int n = ntfs_mbstoucs(text, &wide);

    if (n < 0)
        die("name", text);
    memcpy(to, wide, 2 * (size_t)n);
    free(wide);
    return 2 * (size_t)n;
}

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void make_link(ntfs_inode *ni, int dir, const char *name)
{
    char target[TARGET_MAX], full[TARGET_MAX + 8];
    uint8_t raw[20 + 2 * sizeof full] = {TAG_SYMLINK, 0, 0, 0xa0};
    ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
    size_t bytes;

    if (n < 0)
        die("link", name);
    target[n] = 0;
    snprintf(full, sizeof full, "%s%s", target[0] == '/' ? "\\??\\C:" : "", target);
    for (char *p = full; *p; p++)
        if (*p == '/')
            *p = '\\';
    bytes = put_utf16(raw + 20, full);
    put16(raw + 4, 12 + bytes);
    put16(raw + 10, bytes);
    put16(raw + 12, bytes);
    raw[16] = target[0] != '/';
    set_reparse(ni, raw, 20 + bytes, name);
}

/* Piece by piece what is no hole. */
static void copy_data(ntfs_inode *ni, int fd, const struct stat *st, const char *name)
{
    static char chunk[CHUNK];
    ntfs_attr *na = ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0);
    off_t at = 0;

    if (!na)
        die("data of", name);
    while (at < st->st_size) {
        off_t from = lseek(fd, at, SEEK_DATA), to;

        if (from < 0)
            break;
        to = lseek(fd, from, SEEK_HOLE);
        while (from < to) {
            ssize_t n =
                pread(fd, chunk, to - from < CHUNK ? (size_t)(to - from) : CHUNK, from);

            if (n <= 0 || ntfs_attr_pwrite(na, from, n, chunk) != n)
                die("write", name);
            from += n;
        }
        at = to;
    }
    if (na->data_flags & ATTR_COMPRESSION_MASK)
        ntfs_attr_pclose(na);
    if (na->data_size < st->st_size && ntfs_attr_truncate(na, st->st_size) != 0)
        die("size of", name);
    ntfs_attr_close(na);
}

static void fill(ntfs_inode *dir, int fd, bool packed);

static void fill_one(ntfs_inode *dir, int at, const char *name, const struct stat *st,
                     bool packed)
{
    uint8_t wide[2 * 256];
    size_t n = put_utf16(wide, name) / 2;
    ntfs_inode *ni = ntfs_create(dir, const_cpu_to_le32(0), (ntfschar *)(void *)wide,
                                 (u8)n, S_ISDIR(st->st_mode) ? S_IFDIR : S_IFREG);
    int fd = S_ISLNK(st->st_mode) ? -1 : openat(at, name, O_RDONLY | O_CLOEXEC);

    if (!ni)
        die("create", name);
    if (S_ISDIR(st->st_mode)) {
        packed |= strncmp(name, "packed", 6) == 0;
        if (packed) {
            ni->flags |= FILE_ATTR_COMPRESSED;
            NInoSetDirty(ni);
        }
        fill(ni, fd, packed);
    } else if (S_ISLNK(st->st_mode)) {
        make_link(ni, at, name);
    } else {
        copy_data(ni, fd, st, name);
        close(fd);
    }
    if (st->st_nlink > 1 && S_ISREG(st->st_mode) && links_n < LINKS_MAX) {
        links[links_n].from = st->st_ino;
        links[links_n++].to = ni->mft_no;
    }
    if (ntfs_inode_close_in_dir(ni, dir) != 0)
        die("close", name);
}

/* Was it put somewhere already? */
static bool link_one(ntfs_inode *dir, const char *name, const struct stat *st)
{
    for (size_t i = 0; i < links_n; i++) {
        uint8_t wide[2 * 256];
        size_t n;
        ntfs_inode *ni;

        if (links[i].from != st->st_ino)
            continue;
        n = put_utf16(wide, name) / 2;
        ni = ntfs_inode_open(volume, links[i].to);
        if (!ni || ntfs_link(ni, dir, (ntfschar *)(void *)wide, (u8)n) != 0 ||
            ntfs_inode_close_in_dir(ni, dir) != 0)
            die("link", name);
        return true;
    }
    return false;
}

/* Closes fd. */
static void fill(ntfs_inode *dir, int fd, bool packed)
{
    DIR *d = fdopendir(fd);
    struct dirent *e;

    if (!d)
        die("folder", "");
    while ((e = readdir(d))) {
        struct stat st;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            die("stat", e->d_name);
        if (st.st_nlink < 2 || S_ISDIR(st.st_mode) || !link_one(dir, e->d_name, &st))
            fill_one(dir, dirfd(d), e->d_name, &st, packed);
        entries++;
    }
    closedir(d);
}

static void change(char **words)
{
    ntfs_inode *ni = ntfs_pathname_to_inode(volume, NULL, words[1]);
    uint8_t raw[8 + 1024];
    uint32_t tag;
    size_t n;

    if (!ni)
        die("find", words[1]);
    if (strcmp(words[0], "flags") == 0) {
        ni->flags |= cpu_to_le32((uint32_t)strtoul(words[2], NULL, 0));
        NInoSetDirty(ni);
        NInoFileNameSetDirty(ni);
    } else {
        tag = (uint32_t)strtoul(words[2], NULL, 0);
        n = strlen(words[3]) / 2;
        put16(raw, tag & 0xffff);
        put16(raw + 2, tag >> 16);
        put16(raw + 4, n);
        put16(raw + 6, 0);
        for (size_t i = 0; i < n && i < 1024; i++) {
            char two[] = {words[3][2 * i], words[3][2 * i + 1], 0};

            raw[8 + i] = (uint8_t)strtoul(two, NULL, 16);
        }
        set_reparse(ni, raw, 8 + n, words[1]);
    }
    ntfs_inode_close(ni);
}

int main(int argc, char **argv)
{
    if (argc < 4 || (strcmp(argv[2], "reparse") == 0 && argc < 6) ||
        (strcmp(argv[2], "flags") == 0 && argc < 5))
        return 2;
    ntfs_set_char_encoding("utf8");
    volume = ntfs_mount(argv[1], 0);
    if (!volume)
        die("mount", argv[1]);
    NVolSetCompression(volume);
    if (strcmp(argv[2], "fill") == 0) {
        ntfs_inode *root = ntfs_inode_open(volume, FILE_root);
        int fd = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (!root || fd < 0)
            die("open", argv[3]);
        fill(root, fd, false);
        ntfs_inode_close(root);
        printf("%u entries\n", entries);
    } else {
        change(argv + 2);
    }
    if (ntfs_umount(volume, FALSE) != 0)
        die("unmount", argv[1]);
    return 0;
}
