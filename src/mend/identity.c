/* SPDX-License-Identifier: GPL-2.0-or-later */
/* identity.c: what makes a Linux system the one that it is
 *
 * What others rely on stays: a log is emptied and not removed, since not every service
 * may make its file anew; what was put aside of it goes. */
#include <string.h>

#include "base/text.h"
#include "guest/linux/fstab.h"
#include "mend/plan.h"

enum {
    LOGS_DEEP = 16,
    FSTAB_BYTES_MAX = 1 << 20,
};

/* Seeds and leases that every copy would share, and names of hardware that it lacks. */
static const char *const files[] = {
    "/var/lib/dbus/machine-id",
    "/var/lib/systemd/random-seed",
    "/var/lib/systemd/credential.secret",
    "/var/lib/urandom/random-seed",
    "/etc/udev/rules.d/70-persistent-net.rules",
};

static const char *const histories[] = {
    ".bash_history", ".zsh_history", ".sh_history",
    ".ash_history",  ".ksh_history", ".histfile",
};

/* A link leads to what is dealt with by itself. */
static int plan_file(struct mend_plan *p, const char *path, const struct tree_node *but,
                     struct err *err)
{
    struct tree_node node;
    int r = mend_is_left(p, path) ? 0 : tree_lfind(&p->g->tree, path, &node, err);

    if (r <= 0 || node.st.type != FS_REG ||
        (but && node.mount == but->mount && node.st.ino == but->st.ino))
        return r;
    return mend_plan_remove(p, path, err);
}

/* Who made one of these a link may have led it to a folder that holds more than that. */
static int check_folders(struct mend_plan *p, struct err *err)
{
    static const char *const folders[] = {"/etc/ssh", "/var/log", "/var/lib/cloud"};

    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        struct tree_node node;
        int r = tree_lfind(&p->g->tree, folders[i], &node, err);

        if (r < 0)
            return r;
        if (r == 1 && node.st.type == FS_SYMLINK)
            return FAIL(err, ERR_UNSUPPORTED, "%s is a link", folders[i]);
    }
    return 0;
}

static int plan_host_key(struct mend_plan *p, const struct mend_entry *e, void *arg,
                         struct err *err)
{
    struct bytes name = bytes_of(e->name, strlen(e->name));

    (void)arg;
    if (e->st.type == FS_DIR || !text_starts(name, "ssh_host_") ||
        (!text_ends(name, "key") && !text_ends(name, "key.pub")))
        return 0;
    return mend_plan_unlink(p, e, err);
}

static int plan_folder(struct mend_plan *p, const char *path, mend_entry_fn *fn,
                       void *arg, struct err *err)
{
    struct tree_node node;
    int r = mend_is_left(p, path) ? 0 : tree_find(&p->g->tree, path, &node, err);

    if (r <= 0 || node.st.type != FS_DIR)
        return r < 0 ? r : 0;
    return mend_plan_each(p, node.mount, node.st.ino, fn, arg, err);
}

/* ---- logs */

/* "syslog.1", "syslog.2.gz", "messages-20240101", "Xorg.0.log.old" */
static bool is_put_aside(const char *name)
{
    static const char *const ends[] = {".gz", ".xz", ".bz2", ".zst", ".old"};
    struct bytes b = bytes_of(name, strlen(name));
    size_t digits = 0;

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        if (text_ends(b, ends[i]))
            return true;
    while (digits < b.n && b.p[b.n - 1 - digits] >= '0' && b.p[b.n - 1 - digits] <= '9')
        digits++;
    if (!digits || digits + 1 >= b.n)
        return false;
    return b.p[b.n - 1 - digits] == '.' || (b.p[b.n - 1 - digits] == '-' && digits == 8);
}

struct logs {
    const char *path;
    unsigned depth;
    bool journal; /* beneath a folder of systemd's journal: all of it goes */
};

static int plan_log(struct mend_plan *p, const struct mend_entry *e, void *arg,
                    struct err *err)
{
    const struct logs *l = arg;
    struct logs below = {NULL, l->depth + 1, strcmp(e->name, "journal") == 0};

    if (l->journal)
        return mend_plan_remove_tree(p, e, l->depth, err);
    if (e->st.type == FS_REG)
        return is_put_aside(e->name) ? mend_plan_unlink(p, e, err)
                                     : mend_plan_truncate(p, e, err);
    if (e->st.type != FS_DIR)
        return 0;
    if (below.depth > LOGS_DEEP)
        return FAIL(err, ERR_LIMIT, "folders of logs more than %d deep", LOGS_DEEP);
    below.path = arena_printf(p->arena, "%s/%s", l->path, e->name);
    if (mend_is_left(p, below.path))
        return 0;
    /* What is mounted on it is what the system sees. */
    return e->covered ? plan_folder(p, below.path, plan_log, &below, err)
                      : mend_plan_each(p, e->mount, e->st.ino, plan_log, &below, err);
}

/* ---- histories */

static int plan_home(struct mend_plan *p, const char *home, struct err *err)
{
    int r = 0;

    if (mend_is_left(p, home))
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(histories) && r == 0; i++)
        r = mend_plan_remove(p, arena_printf(p->arena, "%s/%s", home, histories[i]), err);
    return r;
}

static int plan_user(struct mend_plan *p, const struct mend_entry *e, void *arg,
                     struct err *err)
{
    (void)arg;
    if (e->st.type != FS_DIR)
        return 0;
    return plan_home(p, arena_printf(p->arena, "/home/%s", e->name), err);
}

/* ---- fstab */

/* Does the line mount, or swap to, what is on no filesystem of this disk?  Whatever the
 * system itself starts from stays, and what is no name of a disk. */
static bool is_elsewhere(struct mend_plan *p, struct bytes text)
{
    struct fstab_line line;
    const char *kind;
    bool by_id;

    if (!fstab_line_parse(&line, p->arena, text))
        return false;
    kind = fstab_kind(&line);
    if (strcmp(kind, "disk") != 0 && strcmp(kind, "swap") != 0)
        return false;
    if (!text_starts(line.spec, "/dev/") && !text_starts(line.spec, "UUID=") &&
        !text_starts(line.spec, "LABEL=") && !text_starts(line.spec, "PARTUUID=") &&
        !text_starts(line.spec, "PARTLABEL="))
        return false;
    if (text_is(line.target, "/") || text_is(line.target, "/usr") ||
        text_starts(line.target, "/boot"))
        return false;
    return !guest_resolve(p->g, line.spec, &by_id);
}

static int plan_fstab(struct mend_plan *p, struct err *err)
{
    AUTO(buf_fini) struct buf text = {.max = FSTAB_BYTES_MAX};
    struct bytes rest, line;
    size_t kept = 0;
    char *to;
    int r = mend_hides_more(p->g) ? 0 : tree_read(&p->g->tree, "/etc/fstab", &text, err);

    if (r <= 0 || text.n == 0)
        return r < 0 ? r : 0;
    to = arena_alloc(p->arena, text.n);
    if (!to)
        return arena_check(p->arena, err);
    rest = buf_bytes(&text);
    for (const uint8_t *start = rest.p; text_next_line(&rest, &line); start = rest.p) {
        size_t n = (size_t)(rest.p - start);

        if (is_elsewhere(p, line))
            continue;
        memcpy(to + kept, start, n);
        kept += n;
    }
    return kept == text.n ? 0
                          : mend_plan_content(p, "/etc/fstab", bytes_of(to, kept), err);
}

int mend_plan_identity(struct mend_plan *p, struct err *err)
{
    struct logs logs = {"/var/log", 1, false};
    struct tree_node id;
    bool has_id;
    int r;

    if (p->g->windows)
        return 0;
    r = check_folders(p, err);
    if (r >= 0)
        r = plan_folder(p, "/etc/ssh", plan_host_key, NULL, err);
    /* Empty it is filled at the next start; a system without it takes that for its first
     * one, and changes more. */
    if (r >= 0)
        r = tree_find(&p->g->tree, "/etc/machine-id", &id, err);
    has_id = r == 1;
    if (has_id && id.st.size)
        r = mend_plan_content(p, "/etc/machine-id", bytes_of("", 0), err);
    for (size_t i = 0; i < ARRAY_SIZE(files) && r >= 0; i++)
        r = plan_file(p, files[i], has_id ? &id : NULL, err);
    /* A seed was put there by who made the image. */
    if (r >= 0 && !mend_is_left(p, "/var/lib/cloud"))
        r = mend_plan_empty(p, "/var/lib/cloud", "seed", err);
    if (r >= 0)
        r = plan_folder(p, "/var/log", plan_log, &logs, err);
    if (r >= 0)
        r = plan_home(p, "/root", err);
    if (r >= 0)
        r = plan_folder(p, "/home", plan_user, NULL, err);
    return r < 0 ? r : plan_fstab(p, err);
}
