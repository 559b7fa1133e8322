/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_windows.c: the collectors of a Windows system
 *
 * The first byte says which file of a small system the rest is, as a sparse image:
 * SYSTEM, SOFTWARE, DRIVERS, the boot store, a driver; the checksum of a hive is
 * repaired.  What is seen is sent as it goes to the broker.  Seeds are hives that
 * hivexregedit makes from tests/guests/windows.py, by sparse.py. */
#include <assert.h>
#include <stdlib.h>

#include "base/scoped.h"
#include "fuzz/fuzz.h"
#include "fuzz/sparse.h"
#include "guest/facts_json.h"
#include "guest/guest_test_fs.h"
#include "guest/windows/hive_make.h"

static const struct hive_row system_rows[] = {
    {"Select", "Current", NULL, 1},
    {"ControlSet001\\Services\\viostor", "Start", NULL, 0},
    {"ControlSet001\\Services\\vioscsi", "ImagePath", "System32\\drivers\\viostor.sys"},
    {0},
};
static const struct hive_row software_rows[] = {
    {"Microsoft\\Windows NT\\CurrentVersion", "ProductName", "Windows Server 2019"},
    {"Microsoft\\Windows NT\\CurrentVersion", "CurrentBuildNumber", "17763"},
    {0},
};

enum { SYSTEM, SOFTWARE, DRIVERS, STORE, PROGRAM, FILES };

static void send(const struct facts *f)
{
    AUTO(arena_fini) struct arena a = {0};
    json_t *json = facts_to_json(f);
    struct facts back;
    struct err err = {0};

    assert(json && facts_from_json(&back, json, &a, &err) == 0);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[SPARSE_MAX], system_image[HIVE_MAKE_MAX],
        software_image[HIVE_MAKE_MAX];
    static struct hive_make system_hive, software_hive;
    struct test_file files[FILES + 2] = {
        [SYSTEM] = {"/Windows/System32/config/SYSTEM"},
        [SOFTWARE] = {"/Windows/System32/config/SOFTWARE"},
        [DRIVERS] = {"/Windows/System32/config/DRIVERS", "x"},
        [STORE] = {"/Boot/BCD", "x"},
        [PROGRAM] = {"/Windows/System32/drivers/viostor.sys", "x"},
        [FILES] = {"/bootmgr", "x"},
    };
    struct test_guest t;
    struct err err = {0};
    unsigned which;

    if (size < 1)
        return 0;
    if (!system_hive.image) {
        hive_make_rows(&system_hive, system_image, system_rows);
        hive_make_rows(&software_hive, software_image, software_rows);
    }
    files[SYSTEM].data = system_image;
    files[SYSTEM].n = hive_make_size(&system_hive);
    files[SOFTWARE].data = software_image;
    files[SOFTWARE].n = hive_make_size(&software_hive);
    which = data[0] % FILES;
    size = sparse_unpack(image, data + 1, size - 1, 4096);
    if (which != PROGRAM)
        hive_make_sum(image);
    files[which].text = NULL;
    files[which].data = image;
    files[which].n = size;
    test_guest_init(&t, files);
    t.facts.windows = NULL;
    assert(windows_facts(&t.guest, &err) == 0);
    send(&t.facts);
    test_guest_fini(&t);
    return 0;
}
