/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settingscat.c: settings, as whoever is told them gets them
 *
 *     settingscat [KEY=VALUE...] drive FILE       the configuration drive
 *     settingscat [KEY=VALUE...] ini FILE         the network file of 2016
 *     settingscat [KEY=VALUE...] serve FOLDER     FOLDER/metadata.sock, until killed;
 *                                                 says "ready"
 *     settingscat [KEY=VALUE...] boot FOLDER HELPER DISK BASE
 *                                                 a machine, until its console has a
 *                                                 line that ends in "settled."
 *
 * A password is hashed here; a key is named and written "ssh-key=TEXT"; dhcp, forced,
 * windows and drive take 1 or 0.  What is not named is some usual value. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scoped.h"
#include "instance/clock.h"
#include "instance/config_drive.h"
#include "instance/hypervisor.h"
#include "instance/password.h"
#include "service/metadata.h"

enum { BOOT_MS = 900000, LOOK_MS = 200, MEMORY = 512 };

static struct ssh_key keys[SETTINGS_KEYS_MAX];
static char hash[PASSWORD_HASH];
static bool with_drive = true;

static struct instance_settings settings = {
    .id = "ins-3g445roi",
    .uuid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
    .incarnation = "6fa459ea-ee8a-3ca4-894e-db77e160355e",
    .name = "web \"1\"",
    .hostname = "vm-10-0-2-77",
    .keys = keys,
    .net = {.mac = "52:54:00:BF:B3:51",
            .ip = "10.0.2.77",
            .mask = "255.255.255.0",
            .gateway = "10.0.2.2",
            .dns = {"10.0.2.3", "10.0.2.4"},
            .n_dns = 2,
            .public_ip = "192.0.2.7"},
    .region = "ap-guangzhou",
    .zone = "ap-guangzhou-3",
    .image_id = "img-8toqc6s3",
    .instance_type = "S5.SMALL1",
    .app_id = "1250000001",
    .charge_type = "POSTPAID_BY_HOUR",
    .disk_id = "disk-2vofhn2z",
    .created = 1537270000,
};

static bool is_key(const char **value, const char *word, const char *key)
{
    size_t n = strlen(key);

    if (strncmp(word, key, n) != 0 || word[n] != '=')
        return false;
    *value = word + n + 1;
    return true;
}

static int take(const char *word, struct err *err)
{
    const struct {
        const char *key, **text;
    } texts[] = {
        {"id", &settings.id},
        {"uuid", &settings.uuid},
        {"incarnation", &settings.incarnation},
        {"name", &settings.name},
        {"hostname", &settings.hostname},
        {"user", &settings.user},
        {"admin-password", &settings.admin_password},
        {"mac", &settings.net.mac},
        {"ip", &settings.net.ip},
        {"mask", &settings.net.mask},
        {"gateway", &settings.net.gateway},
    };
    const struct {
        const char *key;
        bool *flag;
    } flags[] = {{"dhcp", &settings.net.dhcp},
                 {"forced", &settings.forced},
                 {"windows", &settings.windows},
                 {"drive", &with_drive}};
    const char *value;

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (is_key(&value, word, texts[i].key)) {
            *texts[i].text = value;
            return 0;
        }
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        if (is_key(&value, word, flags[i].key)) {
            *flags[i].flag = *value == '1';
            return 0;
        }
    if (is_key(&value, word, "user-data")) {
        settings.user_data = bytes_of(value, strlen(value));
    } else if (is_key(&value, word, "password")) {
        settings.password_hash = hash;
        return password_hash(hash, value, err);
    } else if (is_key(&value, word, "ssh-key") && settings.n_keys < SETTINGS_KEYS_MAX) {
        keys[settings.n_keys++] = (struct ssh_key){"key", value};
    } else {
        return FAIL(err, ERR_ARG, "unknown word %s", word);
    }
    return 0;
}

static int drive(const char *path, struct err *err)
{
    AUTO(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    return fd < 0 ? FAIL(err, ERR_IO, "%s", path)
                  : config_drive_write(fd, &settings, err);
}

static int ini(const char *path, struct err *err)
{
    AUTO(arena_fini) struct arena a = {0};
    AUTO(fclosep) FILE *f = fopen(path, "we");
    struct bytes b;
    int r = settings_network_ini(&b, &a, &settings, err);

    if (r == 0 && (!f || fwrite(b.p, 1, b.n, f) != b.n))
        r = FAIL(err, ERR_IO, "%s", path);
    return r;
}

static int serve(const char *folder, struct err *err)
{
    struct metadata *m;
    int r = metadata_start(&m, err);

    if (r < 0 || (r = metadata_add(m, folder, &settings, err)) < 0)
        return r;
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}

/* ---- a machine */

static void metadata_endp(struct metadata **m)
{
    metadata_end(*m);
}

static uint32_t quad(const char *text)
{
    struct in_addr a = {0};

    inet_pton(AF_INET, text, &a);
    return ntohl(a.s_addr);
}

/* Has the console said it? */
static bool is_settled(const char *folder)
{
    static char text[MACHINE_LOG_MAX + 1];
    char path[512];
    size_t n = 0;
    AUTO(fclosep) FILE *f = NULL;

    snprintf(path, sizeof path, "%s/serial.log", folder);
    f = fopen(path, "re");
    if (f)
        n = fread(text, 1, sizeof text - 1, f);
    return memmem(text, n, "settled.\r\n", 10) != NULL;
}

static int wait_for(struct machine *m, const char *folder, struct err *err)
{
    for (int64_t until = clock_ms() + BOOT_MS; clock_ms() < until;) {
        struct machine_event e;
        int r;

        if (is_settled(folder))
            return 0;
        while ((r = machine_next_event(&e, m, err)) == 1)
            if (e.kind == MACHINE_GONE)
                return is_settled(folder) ? 0 : FAIL(err, ERR_IO, "the machine is gone");
        if (r < 0)
            return r;
        usleep(LOOK_MS * 1000);
    }
    return FAIL(err, ERR_LIMIT, "not settled after %d s", BOOT_MS / 1000);
}

static int boot(const char *folder, const char *helper, const char *disk,
                const char *base, struct err *err)
{
    struct hypervisor_options options = {.helper = helper};
    AUTO(hypervisor_closep) struct hypervisor *h = NULL;
    AUTO(metadata_endp) struct metadata *metadata = NULL;
    AUTO(machine_closep) struct machine *m = NULL;
    char iso[512];
    struct machine_spec spec = {
        .id = settings.id,
        .folder = folder,
        .uuid = settings.uuid,
        .memory = MEMORY,
        .cpus = 1,
        .disk.path = disk,
        .base_kind = BASE_RAW,
        .base.path = base,
        .disposable = true,
        .manufacturer = "OpenStack Foundation",
        .product = "OpenStack Nova",
        .network = {.metadata = true,
                    .address = quad(settings.net.ip),
                    .gateway = quad(settings.net.gateway),
                    .prefix = (unsigned)__builtin_popcount(quad(settings.net.mask))},
    };
    int r;

    snprintf(iso, sizeof iso, "%s.iso", folder);
    for (size_t i = 0; i < sizeof spec.mac; i++)
        spec.mac[i] = (uint8_t)strtoul(settings.net.mac + 3 * i, NULL, 16);
    if (with_drive) {
        r = drive(iso, err);
        if (r < 0)
            return r;
        spec.config_drive.path = iso;
    }
    if ((r = hypervisor_open(&h, &options, err)) < 0 ||
        (r = machine_define(&m, h, &spec, err)) < 0 ||
        (r = metadata_start(&metadata, err)) < 0 ||
        (r = metadata_add(metadata, folder, &settings, err)) < 0 ||
        (r = machine_start(m, err)) < 0)
        return r;
    r = wait_for(m, folder, err);
    machine_stop(m, STOP_FORCE, NULL);
    return r;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    int r = 0, i = 1;

    for (; r == 0 && i < argc && strchr(argv[i], '='); i++)
        r = take(argv[i], &err);
    if (r == 0 && i + 2 == argc && strcmp(argv[i], "drive") == 0)
        r = drive(argv[i + 1], &err);
    else if (r == 0 && i + 2 == argc && strcmp(argv[i], "ini") == 0)
        r = ini(argv[i + 1], &err);
    else if (r == 0 && i + 2 == argc && strcmp(argv[i], "serve") == 0)
        r = serve(argv[i + 1], &err);
    else if (r == 0 && i + 5 == argc && strcmp(argv[i], "boot") == 0)
        r = boot(argv[i + 1], argv[i + 2], argv[i + 3], argv[i + 4], &err);
    else if (r == 0)
        r = FAIL(&err, ERR_ARG,
                 "usage: settingscat [KEY=VALUE...] drive|ini|serve|boot PLACE");
    if (r < 0)
        fprintf(stderr, "settingscat: %s\n", err.msg);
    return r < 0;
}
