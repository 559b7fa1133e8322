/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_grubcfg.c: settings of boot loaders; the first byte chooses whose.  What comes
 * out is then sent the way facts go to the broker. */
#include <assert.h>

#include "base/scoped.h"
#include "fuzz/fuzz.h"
#include "guest/boot/boot.h"
#include "guest/facts_json.h"
#include "guest/guest_test_fs.h"

enum { INPUT_MAX = 16 << 10 };

/* Each runs what its loader would; %zu bytes of the input are the first file. */
static const char *const paths[] = {
    "/boot/grub/grub.cfg",
    "/boot/grub/menu.lst",
    "/boot/extlinux/extlinux.conf",
    "/boot/loader/loader.conf",
    "/boot/loader/entries/0123-5.4.0-1.conf",
    "/boot/grub2/grubenv",
    "/boot/grub/device.map",
};

static const char grub_cfg[] = "load_env\nset default=\"${saved_entry}\"\nblscfg\n"
                               "menuentry a --id b { linux /vmlinuz $kernelopts }\n"
                               "submenu c { menuentry d { linux $e; initrd /initrd } }\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct test_file files[] = {
        {"/vmlinuz", "kernel"},
        {"/initrd", "initrd"},
        {NULL, .data = data + 1, .n = size - 1},
        {NULL, .text = grub_cfg},
        {0},
    };
    struct test_guest t;
    struct facts back;
    struct err err = {0};
    json_t *json;
    int r;

    if (size < 1 || size > INPUT_MAX)
        return 0;
    files[2].path = paths[data[0] % ARRAY_SIZE(paths)];
    /* Entries and environments need settings that ask for them. */
    if (data[0] % ARRAY_SIZE(paths) >= 4)
        files[3].path = "/boot/grub2/grub.cfg";
    test_guest_init(&t, files);
    t.arena.max = FACTS_ARENA_MAX;
    r = linux_boot(&t.guest, &err);
    assert(r == 0 || r == -ERR_LIMIT);
    if (r == 0 && arena_check(&t.arena, NULL) == 0) {
        json = facts_to_json(&t.facts);
        assert(json && facts_from_json(&back, json, &t.arena, &err) == 0);
        json_decref(json);
    }
    test_guest_fini(&t);
    return 0;
}
