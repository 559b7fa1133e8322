/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hypervisor_parts.h: what hypervisor.c and its drivers share; for nobody else */
#pragma once

#include <sys/types.h>

#include "base/bytes.h"
#include "instance/hypervisor.h"

/* Who the programs that carry a guest run as. */
struct machine_user {
    bool drop; /* else as we do */
    uid_t uid;
    gid_t gid, extra; /* 0: none */
};

struct hypervisor {
    const struct hypervisor_driver *driver;
    enum accelerator accelerator; /* never PROBE */
    char *program, *helper, *uefi;
    struct machine_user user;
    struct machine_users users; /* in place of it */
    gid_t kvm; /* the group that opens /dev/kvm; 0: none is needed, or does */
};

/* First member of a driver's own machine. */
struct machine {
    struct hypervisor *hypervisor;
};

extern const struct hypervisor_driver qemu_driver;

/* The group that a program without privileges opens the device by.  0: it does without,
 * or no group but root's would do. */
gid_t hypervisor_device_group(const char *path);

/* ERR_NOTFOUND: there is none of that name. */
int hypervisor_find_user(struct machine_user *ret, const char *name, struct err *err);

/* ERR_CONFLICT: subuid(5) or subgid(5), `text`, gives some of them to somebody. */
int hypervisor_check_subids(const struct machine_users *users, const char *path,
                            struct bytes text, struct err *err);

static inline bool machine_file_is_there(const struct machine_file *f)
{
    return f->path || f->fd > 0;
}
