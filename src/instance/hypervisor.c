/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/hypervisor.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scoped.h"
#include "base/text.h"
#include "instance/clock.h"
#include "instance/hypervisor_parts.h"
#include "instance/process.h"

enum { TICK_MS = 200, ASK_AGAIN_MS = 5000, BROKEN_MS = 5000, PASSWD_MAX = 4096 };

static const struct {
    const char *name;
    enum accelerator accelerator;
} accelerators[] = {
    {"emulated", ACCELERATOR_EMULATED}, {"hardware", ACCELERATOR_HARDWARE},
    {"probe", ACCELERATOR_PROBE},       {"tcg", ACCELERATOR_EMULATED},
    {"kvm", ACCELERATOR_HARDWARE},
};

bool accelerator_from_name(enum accelerator *ret, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(accelerators); i++) {
        if (strcmp(accelerators[i].name, name) == 0) {
            *ret = accelerators[i].accelerator;
            return true;
        }
    }
    return false;
}

const char *accelerator_name(enum accelerator a)
{
    return accelerators[a].name;
}

void hypervisor_close(struct hypervisor *h)
{
    if (!h)
        return;
    free(h->program);
    free(h->helper);
    free(h->uefi);
    free(h);
}

void hypervisor_closep(struct hypervisor **h)
{
    hypervisor_close(*h);
    *h = NULL;
}

static int check_users(struct hypervisor *h, const struct machine_users *users,
                       struct err *err)
{
    if (!users->first || geteuid() != 0)
        return 0;
    if (users->last < users->first || users->last >= UINT32_MAX - 1 ||
        users->last - users->first >= MACHINE_USERS_MAX)
        return FAIL(err, ERR_ARG, "%u-%u is no range of users", users->first,
                    users->last);
    h->users = *users;
    return 0;
}

int hypervisor_find_user(struct machine_user *ret, const char *name, struct err *err)
{
    struct passwd entry, *found = NULL;
    char text[PASSWD_MAX];
    uint64_t number;
    int failed;

    if (text_u64(&number, bytes_of(name, strlen(name))) && number &&
        number < UINT32_MAX - 1) {
        *ret = (struct machine_user){true, (uid_t)number, (gid_t)number, 0};
        return 0;
    }
    failed = getpwnam_r(name, &entry, text, sizeof text, &found);
    if (failed)
        return FAIL_SYS(err, failed, "look for user %s", name);
    if (!found)
        return FAIL(err, ERR_NOTFOUND, "there is no user %s", name);
    *ret = (struct machine_user){true, entry.pw_uid, entry.pw_gid, 0};
    return 0;
}

gid_t hypervisor_device_group(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0 || (st.st_mode & 06) == 06 || (st.st_mode & 060) != 060)
        return 0;
    return st.st_gid;
}

static int pick_user(struct hypervisor *h, const struct hypervisor_options *options,
                     struct err *err)
{
    struct machine_user nobody;

    if (geteuid() != 0)
        return 0;
    if (options->user && *options->user)
        return hypervisor_find_user(&h->user, options->user, err);
    if (options->nobody && hypervisor_find_user(&nobody, "nobody", NULL) == 0 &&
        process_can_drop(nobody.uid, nobody.gid))
        h->user = nobody;
    return 0;
}

int hypervisor_open(struct hypervisor **ret, const struct hypervisor_options *options,
                    struct err *err)
{
    AUTO(hypervisor_closep) struct hypervisor *h = calloc(1, sizeof *h);
    int r;

    if (!h)
        return FAIL(err, ERR_NOMEM, "hypervisor");
    h->driver = &qemu_driver;
    h->program = strdup(options->program ? options->program : h->driver->program);
    h->helper = strdup(options->helper);
    h->uefi = strdup(options->uefi ? options->uefi : h->driver->uefi);
    if (!h->program || !h->helper || !h->uefi)
        return FAIL(err, ERR_NOMEM, "hypervisor");
    if (access(h->program, X_OK) < 0)
        return FAIL_SYS(err, errno, "%s", h->program);
    if (access(h->helper, X_OK) < 0)
        return FAIL_SYS(err, errno, "%s", h->helper);
    if (options->uefi && access(h->uefi, R_OK) < 0)
        return FAIL_SYS(err, errno, "%s", h->uefi);
    r = check_users(h, &options->users, err);
    if (r == 0)
        r = pick_user(h, options, err);
    if (r < 0)
        return r;
    h->kvm = hypervisor_device_group("/dev/kvm");
    h->accelerator = options->accelerator;
    if (h->accelerator == ACCELERATOR_PROBE) {
        h->accelerator = ACCELERATOR_HARDWARE;
        if (h->driver->probe(h, NULL) < 0)
            h->accelerator = ACCELERATOR_EMULATED;
    }
    *ret = TAKE(h);
    return 0;
}

enum accelerator hypervisor_accelerator(const struct hypervisor *h)
{
    return h->accelerator;
}

static const struct hypervisor_driver *driver(const struct machine *m)
{
    return m->hypervisor->driver;
}

int machine_define(struct machine **ret, struct hypervisor *h,
                   const struct machine_spec *spec, struct err *err)
{
    return h->driver->define(ret, h, spec, err);
}

int machine_start(struct machine *m, struct err *err)
{
    return driver(m)->start(m, err);
}

int machine_adopt(struct machine **ret, struct hypervisor *h, const char *folder,
                  struct err *err)
{
    return h->driver->adopt(ret, h, folder, err);
}

int machine_end(struct hypervisor *h, const char *folder, struct err *err)
{
    return h->driver->end(h, folder, err);
}

int machine_query(struct machine_status *ret, struct machine *m, struct err *err)
{
    return driver(m)->query(ret, m, err);
}

int machine_stop(struct machine *m, enum machine_stop how, struct err *err)
{
    return driver(m)->stop(m, how, err);
}

int machine_reset(struct machine *m, struct err *err)
{
    return driver(m)->reset(m, err);
}

int machine_pause(struct machine *m, struct err *err)
{
    return driver(m)->pause(m, true, err);
}

int machine_resume(struct machine *m, struct err *err)
{
    return driver(m)->pause(m, false, err);
}

/* It will not switch itself off.  One that is just doing so does not answer any more
 * either, for a moment. */
static bool is_stuck(int64_t *broken_since, enum machine_state s, int64_t now)
{
    if (s != MACHINE_BROKEN)
        *broken_since = 0;
    else if (!*broken_since)
        *broken_since = now;
    return s == MACHINE_FULL || (*broken_since && now - *broken_since >= BROKEN_MS);
}

/* A guest that is not up yet does not hear the button: it is pressed again. */
int machine_stop_kindly(struct machine *m, const struct machine_patience *patience,
                        bool *forced, struct err *err)
{
    int64_t until = clock_ms() + patience->patience_ms, again = 0, broken = 0;
    bool by_force = false;

    for (;;) {
        struct machine_status s;
        int64_t now = clock_ms();
        int r = machine_query(&s, m, NULL);

        if (r == 0 && s.state == MACHINE_OFF)
            break;
        if (now >= until || (r == 0 && is_stuck(&broken, s.state, now))) {
            by_force = true;
            r = machine_stop(m, STOP_FORCE, err);
            if (r < 0)
                return r;
            break;
        }
        if (now >= again) {
            machine_stop(m, STOP_ASK, NULL);
            again = now + ASK_AGAIN_MS;
        }
        r = patience->still_wanted ? patience->still_wanted(patience->arg, err) : 0;
        if (r < 0)
            return r;
        poll(NULL, 0, TICK_MS);
    }
    if (forced)
        *forced = by_force;
    return 0;
}

int machine_event_fd(const struct machine *m)
{
    return driver(m)->event_fd(m);
}

int machine_next_event(struct machine_event *ret, struct machine *m, struct err *err)
{
    return driver(m)->next_event(ret, m, err);
}

int machine_agent(int *ret, struct machine *m, struct err *err)
{
    return driver(m)->agent(ret, m, err);
}

int machine_destroy(struct machine *m, struct err *err)
{
    return driver(m)->destroy(m, err);
}

void machine_close(struct machine *m)
{
    if (m)
        driver(m)->close(m);
}

void machine_closep(struct machine **m)
{
    machine_close(*m);
    *m = NULL;
}
