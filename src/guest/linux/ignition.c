/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ignition.c: is the system set up by Ignition, and as what platform?
 *
 * Ignition runs in the initramfs of the first start and takes its settings from where the
 * platform named on the command line has them.  It is no cloud-init: it reads other
 * settings, once.  coreos-cloudinit, which older Container Linux has beside it, reads a
 * part of cloud-init's. */
#include "guest/collect.h"

static int first_file(struct guest *g, const char *const *paths, const char **ret,
                      struct err *err)
{
    int r = 0;

    for (; *paths && r == 0; paths++) {
        r = guest_has_file(g, *paths, false, err);
        if (r == 1)
            *ret = *paths;
    }
    return r < 0 ? r : 0;
}

static void words(struct guest *g, struct fact_ignition *ret, const char *cmdline)
{
    static const char *const platform[] = {
        "ignition.platform.id=", "flatcar.oem.id=", "coreos.oem.id="};
    static const char *const first[] = {
        "ignition.firstboot", "flatcar.first_boot=1", "flatcar.first_boot=detected",
        "coreos.first_boot=1", "coreos.first_boot=detected"};
    struct bytes rest = bytes_of(cmdline, strlen(cmdline)), word;

    while (text_next_word(&rest, &word)) {
        for (size_t i = 0; i < ARRAY_SIZE(platform); i++) {
            size_t n = strlen(platform[i]);

            if (text_starts(word, platform[i]))
                ret->platform = guest_text(g, bytes_of(word.p + n, word.n - n));
        }
        for (size_t i = 0; i < ARRAY_SIZE(first); i++)
            ret->first_start |= text_is(word, first[i]);
    }
}

int linux_ignition(struct guest *g, struct err *err)
{
    static const char *const programs[] = {
        "/usr/bin/ignition",
        "/usr/libexec/ignition",
        "/usr/lib/dracut/modules.d/30ignition/ignition",
        "/usr/lib/ignition/ignition",
        NULL,
    };
    static const char *const others[] = {"/usr/bin/coreos-cloudinit", NULL};
    struct fact_ignition *ret = FACT_NEW(g->arena, fact_ignition);
    int r;

    if (!ret)
        return arena_check(g->arena, err);
    g->facts->ignition = ret;
    r = first_file(g, programs, &ret->evidence, err);
    if (r == 0)
        r = first_file(g, others, &ret->coreos_cloudinit, err);
    ret->installed = *ret->evidence;
    if (r == 0 && ret->installed && g->facts->boot)
        words(g, ret, g->facts->boot->cmdline);
    return r;
}
