/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alien.h: files that are known, and known not to be taken
 *
 * Read as raw they would be garbage on the guest's disk, so each is refused by name.  A
 * raw disk starts with boot code or with zeros; a magic is here only if boot code cannot
 * show it by chance.  ISO 9660 is no alien: hybrid ones are disks too, and the partition
 * checks answer for them. */
#pragma once

#include "block/image.h"

struct alien {
    const char *name;
    enum image_fault fault;
};

enum { ALIEN_MATCHES = 4 };

/* Which of them `file` looks like, at most ALIEN_MATCHES; *n is how many.  Plain text is
 * not among them, see alien_text(). */
int alien_recognise(struct alien ret[ALIEN_MATCHES], unsigned *n, struct block *file,
                    struct err *err);

/* 1 when the first 512 bytes (or the shorter file) are text and nothing else; ret->name
 * is then "HTML", "XML", "JSON" or "text".  0 when not.  Text that is an image (a VMDK
 * descriptor) is text too: ask the drivers first. */
int alien_text(struct alien *ret, struct block *file, struct err *err);
