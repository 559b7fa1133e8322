/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/fstab.h"

#include <string.h>

#include "base/scoped.h"
#include "base/text.h"

static bool is_octal(uint8_t c)
{
    return c >= '0' && c <= '7';
}

/* Blanks and backslashes are written as \040, \011, \012, \134 (fstab(5)). */
static size_t unescape(char *to, struct bytes b)
{
    size_t n = 0;

    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '\\' && b.n - i > 3 && is_octal(b.p[i + 1]) &&
            is_octal(b.p[i + 2]) && is_octal(b.p[i + 3])) {
            to[n++] = (char)((b.p[i + 1] - '0') << 6 | (b.p[i + 2] - '0') << 3 |
                             (b.p[i + 3] - '0'));
            i += 3;
        } else {
            to[n++] = (char)b.p[i];
        }
    }
    return n;
}

static struct bytes field(struct arena *a, struct bytes b)
{
    char *p = arena_alloc(a, b.n + 1);

    return p ? bytes_of(p, unescape(p, b)) : bytes_of("", 0);
}

bool fstab_line_parse(struct fstab_line *ret, struct arena *a, struct bytes line)
{
    struct bytes f[4] = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}}, word;
    size_t n = 0;

    line = text_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return false;
    while (n < ARRAY_SIZE(f) && text_next_word(&line, &word))
        f[n++] = word;
    if (n < 3)
        return false;
    ret->spec = field(a, text_unquote(f[0]));
    ret->target = field(a, f[1]);
    ret->type = field(a, f[2]);
    ret->options = n > 3 ? field(a, f[3]) : bytes_of("defaults", 8);
    return true;
}

bool fstab_has_option(struct bytes options, const char *name)
{
    while (options.n) {
        const uint8_t *comma = memchr(options.p, ',', options.n);
        size_t n = comma ? (size_t)(comma - options.p) : options.n;

        if (text_is(text_trim(bytes_sub(options, 0, n)), name))
            return true;
        n += comma != NULL;
        options = bytes_sub(options, n, options.n - n);
    }
    return false;
}

static bool listed(struct bytes b, const char *const *words)
{
    for (; *words; words++)
        if (text_is(b, *words))
            return true;
    return false;
}

const char *fstab_kind(const struct fstab_line *l)
{
    static const char *const pseudo[] = {
        "proc",     "sysfs",     "tmpfs",   "devtmpfs",    "devpts",   "cgroup",
        "cgroup2",  "debugfs",   "tracefs", "securityfs",  "mqueue",   "hugetlbfs",
        "efivarfs", "configfs",  "fusectl", "binfmt_misc", "pstore",   "bpf",
        "ramfs",    "selinuxfs", "overlay", "usbfs",       "usbdevfs", "rpc_pipefs",
        "nfsd",     "autofs",    "aufs",    "none",        NULL,
    };
    static const char *const network[] = {
        "nfs",   "nfs4",       "cifs",   "smbfs",     "smb3",       "ncpfs",
        "ceph",  "afs",        "coda",   "lustre",    "glusterfs",  "fuse.glusterfs",
        "sshfs", "fuse.sshfs", "davfs",  "fuse.s3fs", "fuse.cosfs", "gpfs",
        "ocfs2", "gfs2",       "beegfs", NULL,
    };
    static const char *const shared[] = {
        "vboxsf", "vmhgfs", "fuse.vmhgfs-fuse", "prl_fs", "9p", "virtiofs", NULL,
    };
    static const char *const drives[] = {
        "/dev/cdrom", "/dev/sr0", "/dev/sr1", "/dev/dvd", "/dev/fd0", "/dev/scd0", NULL,
    };

    if (text_is(l->type, "swap"))
        return "swap";
    if (listed(l->type, shared) || text_starts(l->spec, ".host:") ||
        text_starts(l->spec, "vmhgfs-fuse"))
        return "shared-folder";
    if (listed(l->type, network) || text_starts(l->spec, "sshfs#") ||
        text_starts(l->spec, "//") || fstab_has_option(l->options, "_netdev"))
        return "network";
    if (listed(l->spec, drives) || text_is(l->type, "iso9660") ||
        text_is(l->type, "udf,iso9660") || text_is(l->type, "udf") ||
        text_starts(l->target, "/media/cdrom") || text_starts(l->target, "/media/floppy"))
        return "removable";
    if (listed(l->type, pseudo) || fstab_has_option(l->options, "bind") ||
        fstab_has_option(l->options, "rbind"))
        return "pseudo";
    return "disk";
}

const char *fstab_path(struct arena *a, struct bytes path, size_t *depth)
{
    char *to = arena_alloc(a, path.n + 1);
    size_t n = 0, deep = 0;

    if (depth)
        *depth = 0;
    if (!to || path.n == 0 || path.p[0] != '/' || memchr(path.p, 0, path.n))
        return NULL;
    for (size_t i = 0; i < path.n;) {
        const uint8_t *slash;
        size_t len;

        if (path.p[i] == '/') {
            i++;
            continue;
        }
        slash = memchr(path.p + i, '/', path.n - i);
        len = slash ? (size_t)(slash - path.p) - i : path.n - i;
        if (path.p[i] == '.' && (len == 1 || (len == 2 && path.p[i + 1] == '.')))
            return NULL;
        to[n++] = '/';
        memcpy(to + n, path.p + i, len);
        n += len;
        i += len;
        deep++;
    }
    if (depth)
        *depth = deep;
    return n ? to : "/";
}
