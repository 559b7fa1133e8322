/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settingscat.c: settings, as whoever is told them gets them
 *
 *     settingscat [KEY=VALUE...] drive FILE       the configuration drive
 *     settingscat [KEY=VALUE...] ini FILE         the network file of 2016
 *     settingscat [KEY=VALUE...] serve FOLDER     FOLDER/metadata.sock, until it is
 * killed; says "ready"
 *
 * A password is hashed here; a key is named and written "ssh-key=TEXT"; dhcp, forced and
 * windows take 1.  What is not named is some usual value. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scoped.h"
#include "instance/config_drive.h"
#include "instance/password.h"
#include "service/metadata.h"

static struct ssh_key keys[SETTINGS_KEYS_MAX];
static char hash[PASSWORD_HASH];

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
                 {"windows", &settings.windows}};
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
    else if (r == 0)
        r = FAIL(&err, ERR_ARG,
                 "usage: settingscat [KEY=VALUE...] drive|ini|serve PLACE");
    if (r < 0)
        fprintf(stderr, "settingscat: %s\n", err.msg);
    return r < 0;
}
