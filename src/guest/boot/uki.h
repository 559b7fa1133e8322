/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uki.h: unified kernel images (UAPI.5), a kernel and all it needs as one EFI program
 *
 *   .linux    the kernel                .osrel    os-release of the system
 *   .initrd   archives, in a row        .cmdline  its command line
 *   .uname    version as uname -r
 *
 * A later .profile begins sections that stand in for these; the ones before count. */
#pragma once

#include "base/arena.h"
#include "block/block.h"

enum { UKI_TEXT_MAX = 64 << 10 }; /* bytes of a section that is text */

enum uki_part { UKI_LINUX, UKI_INITRD, UKI_OSREL, UKI_CMDLINE, UKI_UNAME, UKI_PARTS };

struct uki {
    struct {
        bool there;
        uint64_t at, size;
    } part[UKI_PARTS];
};

/* 1 and where the parts lie; 0: it is no EFI program, or one without a kernel. */
int uki_read(struct uki *ret, struct block *file, struct err *err);

/* A part as a block of its own: 1; 0 it has none. */
int uki_open(struct block **ret, const struct uki *uki, enum uki_part part,
             struct block *file, struct err *err);

/* A part that is text, up to a NUL and without blanks at its end, in the arena; "" none.
 */
int uki_text(const char **ret, const struct uki *uki, enum uki_part part,
             struct block *file, struct arena *a, struct err *err);
