/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/scoped.h"
#include "base/text.h"

static const struct ssh_key keys[] = {
    {"mine", "ssh-ed25519 AAAAC3Nza me@here"},
    {"mine", "ssh-rsa AAAAB3Nza \"other\"@there"},
};

static struct instance_settings usual(void)
{
    return (struct instance_settings){
        .id = "ins-3g445roi",
        .uuid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        .incarnation = "6fa459ea-ee8a-3ca4-894e-db77e160355e",
        .name = "web \"1\" 前",
        .hostname = "VM_10_20_centos",
        .password_hash = "$6$salt$./hash",
        .keys = keys,
        .n_keys = 2,
        .user_data = {(const uint8_t *)"#!/bin/sh\n\0x", 12},
        .net = {.mac = "52:54:00:bf:B3:51",
                .ip = "10.104.62.201",
                .mask = "255.255.192.0",
                .gateway = "10.104.0.1",
                .dns = {"10.138.224.65", "10.182.20.26"},
                .n_dns = 2,
                .public_ip = "192.0.2.7",
                .vpc_id = "vpc-1",
                .subnet_id = "subnet-1"},
        .region = "ap-guangzhou",
        .zone = "ap-guangzhou-3",
        .image_id = "img-8toqc6s3",
        .instance_type = "S5.SMALL1",
        .app_id = "1250000001",
        .charge_type = "POSTPAID_BY_HOUR",
        .disk_id = "disk-2vofhn2z",
        .security_groups = {"sg-1", "sg-2"},
        .n_security_groups = 2,
        .bandwidth_out = 102400,
        .created = 1537270000,
    };
}

static const struct document *file(const struct documents *d, const char *path)
{
    for (size_t i = 0; i < d->n; i++)
        if (strcmp(d->v[i].path, path) == 0)
            return &d->v[i];
    return NULL;
}

static json_t *parsed(const struct documents *d, const char *path)
{
    const struct document *f = file(d, path);
    json_t *j =
        f ? json_loadb((const char *)f->text.p, f->text.n, JSON_REJECT_DUPLICATES, NULL)
          : NULL;

    if (!j)
        fail_msg("%s", path);
    return j;
}

static const char *text_at(const json_t *j, const char *name)
{
    return json_string_value(json_object_get(j, name));
}

static void test_drive(void **state)
{
    static const char *const want[] = {
        "openstack/latest/meta_data.json",
        "openstack/latest/network_data.json",
        "openstack/latest/user_data",
        "openstack/latest/vendor_data.json",
    };
    AUTO(arena_fini) struct arena a = {0};
    struct instance_settings s = usual();
    struct documents d;

    (void)state;
    assert_int_equal(settings_drive(&d, &a, &s, NULL), 0);
    assert_int_equal(d.n, ARRAY_SIZE(want));
    for (size_t i = 0; i < d.n; i++)
        assert_string_equal(d.v[i].path, want[i]);
    assert_int_equal(d.v[2].text.n, 12);
    assert_memory_equal(d.v[2].text.p, "#!/bin/sh\n\0x", 12);

    s.windows = true;
    s.user_data.n = 0;
    assert_int_equal(settings_drive(&d, &a, &s, NULL), 0);
    assert_int_equal(d.n, 2); /* neither vendor data nor user data */
}

static void test_meta_data(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct instance_settings s = usual();
    struct documents d;
    json_t *j, *k;

    (void)state;
    assert_int_equal(settings_drive(&d, &a, &s, NULL), 0);
    j = parsed(&d, "openstack/latest/meta_data.json");
    assert_string_equal(text_at(j, "uuid"), s.incarnation);
    assert_string_equal(text_at(j, "hostname"), s.hostname);
    assert_string_equal(text_at(j, "name"), s.name);
    assert_string_equal(text_at(j, "availability_zone"), s.zone);
    assert_null(text_at(j, "admin_pass"));
    k = json_object_get(j, "public_keys");
    assert_string_equal(text_at(k, "mine"), keys[0].text);
    assert_string_equal(text_at(k, "mine-1"), keys[1].text);
    json_decref(j);

    s.windows = true;
    s.n_keys = 0;
    s.name = NULL;
    s.admin_password = "Say \"friend\" \\ 1";
    assert_int_equal(settings_drive(&d, &a, &s, NULL), 0);
    j = parsed(&d, "openstack/latest/meta_data.json");
    assert_string_equal(text_at(j, "admin_pass"), s.admin_password);
    assert_string_equal(text_at(j, "name"), s.hostname);
    assert_null(json_object_get(j, "public_keys"));
    json_decref(j);
}

static void test_network_data(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct instance_settings s = usual();
    struct documents d;
    json_t *j, *n;

    (void)state;
    assert_int_equal(settings_drive(&d, &a, &s, NULL), 0);
    j = parsed(&d, "openstack/latest/network_data.json");
    n = json_array_get(json_object_get(j, "links"), 0);
    assert_string_equal(text_at(n, "ethernet_mac_address"), "52:54:00:bf:b3:51");
    n = json_array_get(json_object_get(j, "networks"), 0);
    assert_string_equal(text_at(n, "type"), "ipv4");
    assert_string_equal(text_at(n, "gateway"), "10.104.0.1");
    n = json_array_get(json_object_get(n, "routes"), 0);
    assert_string_equal(text_at(n, "gateway"), "10.104.0.1");
    assert_int_equal(json_array_size(json_object_get(j, "services")), 2);
    json_decref(j);

    s.net.gateway = "";
    s.net.n_dns = 0;
    assert_int_equal(settings_drive(&d, &a, &s, NULL), 0);
    j = parsed(&d, "openstack/latest/network_data.json");
    n = json_array_get(json_object_get(j, "networks"), 0);
    assert_null(json_object_get(n, "gateway"));
    assert_null(json_object_get(n, "routes"));
    json_decref(j);

    s.net.dhcp = true;
    assert_int_equal(settings_drive(&d, &a, &s, NULL), 0);
    j = parsed(&d, "openstack/latest/network_data.json");
    n = json_array_get(json_object_get(j, "networks"), 0);
    assert_string_equal(text_at(n, "type"), "ipv4_dhcp");
    assert_null(json_object_get(n, "ip_address"));
    json_decref(j);
}

static void test_vendor_data(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct instance_settings s = usual();
    struct documents d;
    json_t *j, *c;
    const char *text;

    (void)state;
    assert_int_equal(settings_drive(&d, &a, &s, NULL), 0);
    j = parsed(&d, "openstack/latest/vendor_data.json");
    text = text_at(j, "cloud-init");
    assert_int_equal(strncmp(text, "#cloud-config\n", 14), 0);
    c = json_loads(text + 14, 0, NULL); /* YAML takes JSON */
    assert_string_equal(text_at(json_object_get(c, "chpasswd"), "list"),
                        "root:$6$salt$./hash\n");
    assert_true(json_is_false(json_object_get(c, "disable_root")));
    assert_true(json_is_true(json_object_get(c, "ssh_pwauth")));
    json_decref(c);
    json_decref(j);

    s.password_hash = NULL; /* a key only: how passwords are taken is the image's */
    s.user = "ubuntu";
    assert_int_equal(settings_drive(&d, &a, &s, NULL), 0);
    j = parsed(&d, "openstack/latest/vendor_data.json");
    c = json_loads(text_at(j, "cloud-init") + 14, 0, NULL);
    assert_int_equal(json_object_size(c), 1);
    json_decref(c);
    json_decref(j);
}

static void test_os_conf(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct instance_settings s = usual();
    struct documents d;

    (void)state;
    s.forced = true;
    assert_int_equal(settings_drive(&d, &a, &s, NULL), 0);
    assert_string_equal((const char *)file(&d, "qcloud_action/os.conf")->text.p,
                        "hostname=VM_10_20_centos\n"
                        "password=$6$salt$./hash\n"
                        "eth0_ip_addr=10.104.62.201\n"
                        "eth0_mac_addr=52:54:00:BF:B3:51\n"
                        "eth0_netmask=255.255.192.0\n"
                        "eth0_gateway=10.104.0.1\n"
                        "dns_nameserver=\"10.138.224.65 10.182.20.26\"\n");
    assert_string_equal(
        (const char *)file(&d, "qcloud_action/authorized_keys")->text.p,
        "ssh-ed25519 AAAAC3Nza me@here\nssh-rsa AAAAB3Nza \"other\"@there\n");
    s.password_hash = NULL;
    s.net.dhcp = true;
    s.net.n_dns = 0;
    assert_int_equal(settings_drive(&d, &a, &s, NULL), 0);
    assert_string_equal((const char *)file(&d, "qcloud_action/os.conf")->text.p,
                        "hostname=VM_10_20_centos\n"
                        "eth0_mac_addr=52:54:00:BF:B3:51\n");
}

static void test_network_ini(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct instance_settings s = usual();
    struct bytes b;

    (void)state;
    assert_int_equal(settings_network_ini(&b, &a, &s, NULL), 0);
    assert_true(text_is(b, "[ip]\nip= 10.104.62.201\nmask = 255.255.192.0\n"
                           "gateway = 10.104.0.1\n\n[dns]\ndns = 10.138.224.65\n"));
    s.windows = true;
    s.net.n_dns = 0;
    assert_int_equal(settings_network_ini(&b, &a, &s, NULL), 0);
    assert_true(text_is(b, "[ip]\r\nip= 10.104.62.201\r\nmask = 255.255.192.0\r\n"
                           "gateway = 10.104.0.1\r\n"));
    s.net.dhcp = true;
    assert_int_equal(settings_network_ini(&b, &a, &s, NULL), 0);
    assert_int_equal(b.n, 0);
}

/* Each spoils one member of good settings. */
static void test_check(void **state)
{
    static const struct ssh_key two_lines = {"k", "ssh-rsa A\nssh-rsa B"};
    struct instance_settings s;
    struct err err = {0};

    (void)state;
    s = usual();
    assert_int_equal(settings_check(&s, NULL), 0);
#define REFUSED(member, value, want)               \
    do {                                           \
        s = usual();                               \
        s.member = (value);                        \
        err_clear(&err);                           \
        assert_true(settings_check(&s, &err) < 0); \
        assert_int_equal(err.code, ERR_ARG);       \
        if (strcmp(err.msg, want) != 0)            \
            fail_msg(#member ": \"%s\"", err.msg); \
    } while (0)
    REFUSED(id, NULL, "id: missing");
    REFUSED(hostname, "a\npassword=x", "host name: no plain word");
    REFUSED(hostname, "$(reboot)", "host name: no plain word");
    REFUSED(hostname, "-f", "host name: no plain word");
    REFUSED(hostname, "a234567890123456789012345678901234567890123456789012345678901",
            "host name: 61 bytes, limit 60");
    REFUSED(name, "two\nlines", "name: not one line of text");
    REFUSED(name, "\xff", "name: not one line of text");
    REFUSED(zone, "a/b", "zone: no plain word");
    REFUSED(incarnation, "1B4E28BA-2fa1-11d2-883f-0016d3cca427",
            "incarnation: is that of the machine");
    REFUSED(password_hash, "$6$a:b", "password hash: not what crypt makes");
    REFUSED(password_hash, "$6$a\nb", "password hash: not what crypt makes");
    REFUSED(user, "root:x", "user: no plain word");
    REFUSED(keys, &two_lines, "ssh key: not one line of text");
    REFUSED(n_keys, SETTINGS_KEYS_MAX + 1, "17 ssh keys, limit 16");
    REFUSED(user_data.n, SETTINGS_USER_DATA_MAX + 1,
            "user data: 16385 bytes, limit 16384");
    REFUSED(net.mac, "52:54:00:bf:b3", "mac: not six bytes in hex with colons");
    REFUSED(net.mac, "52:54:00:bf:b3:511", "mac: not six bytes in hex with colons");
    REFUSED(net.ip, "10.1", "ip: no address in dotted form");
    REFUSED(net.ip, NULL, "ip: missing");
    REFUSED(net.gateway, "10.0.0.1\n", "gateway: no address in dotted form");
    REFUSED(net.n_dns, SETTINGS_DNS_MAX + 1, "4 name servers, limit 3");
    REFUSED(security_groups[1], "", "security group: missing");
#undef REFUSED
    s = usual();
    s.name = "back\\slash";
    assert_int_equal(settings_check(&s, NULL), 0);
    s.net.dhcp = true;
    s.net.ip = NULL;
    s.net.mask = NULL;
    assert_int_equal(settings_check(&s, NULL), 0);
}

#define MAC "/latest/meta-data/network/interfaces/macs/52:54:00:BF:B3:51"

static void test_tree(void **state)
{
    static const struct {
        const char *path, *want; /* NULL: 404; "{": JSON */
    } cases[] = {
        {"/", "1.0\n2017-09-19\nlatest\nmeta-data"},
        {"", NULL},
        {"//", NULL},
        {"/latest", "meta-data/\nuser-data"},
        {"/latest/", "meta-data/\nuser-data"},
        {"/latest//", NULL},
        {"/1.0/", "meta-data/\nuser-data"},
        {"/2017-09-19", "meta-data/\nuser-data"},
        {"/2017-09-1", NULL},
        {"/latestmeta-data/", NULL},
        {"/latest/meta-data/",
         "instance-id\ninstance-name\nlocal-ipv4\nmac\nnetwork/\nplacement/\n"
         "public-ipv4\nuuid"},
        {"/latest/meta-data",
         "instance-id\ninstance-name\nlocal-ipv4\nmac\nnetwork/\nplacement/\n"
         "public-ipv4\nuuid"},
        {"/meta-data/instance-id", "ins-3g445roi"},
        {"/latest/meta-data/instance-id", "ins-3g445roi"},
        {"/latest/meta-data/instance-id/", NULL},
        {"/latest/meta-data/Instance-id", NULL},
        {"/latest/meta-data/instance-i", NULL},
        {"/latest/meta-data/instance-idx", NULL},
        {"/1.0/meta-data/uuid", "1b4e28ba-2fa1-11d2-883f-0016d3cca427"},
        {"/latest/meta-data/local-ipv4", "10.104.62.201"},
        {"/latest/meta-data/public-ipv4", "192.0.2.7"},
        {"/latest/meta-data/mac", "52:54:00:BF:B3:51"},
        {"/2017-09-19/meta-data/placement/region", "ap-guangzhou"},
        {"/latest/meta-data/placement/", "region\nzone"},
        {"/latest/meta-data/network/", "interfaces/"},
        {"/latest/meta-data/network/interfaces/macs/", "52:54:00:BF:B3:51/"},
        {MAC "/",
         "local-ipv4s/\nmac\nprimary-local-ipv4\npublic-ipv4s\nsubnet-id\nvpc-id"},
        {MAC "/vpc-id", "vpc-1"},
        {"/latest/meta-data/network/interfaces/macs/52:54:00:bf:b3:51/vpc-id", NULL},
        {MAC "/local-ipv4s/", "10.104.62.201/"},
        {MAC "/local-ipv4s/10.104.62.201/",
         "gateway\nlocal-ipv4\npublic-ipv4\npublic-ipv4-mode\nsubnet-mask"},
        {MAC "/local-ipv4s/10.104.62.201/gateway", "10.104.0.1"},
        {MAC "/local-ipv4s/10.104.62.201/subnet-mask", "255.255.192.0"},
        {MAC "/local-ipv4s/10.104.62.201/public-ipv4-mode", "NAT"},
        {"/latest/meta-data/app-id", "1250000001"},
        {"/latest/meta-data/payment/", "charge-type\ncreate-time"},
        {"/latest/meta-data/payment/create-time", "2018-09-18 19:26:40"},
        {"/latest/meta-data/payment/termination-time", NULL},
        {"/latest/meta-data/instance/instance-type", "S5.SMALL1"},
        {"/latest/meta-data/instance/security-group", "sg-1\nsg-2"},
        {"/latest/meta-data/instance/bandwidth-limit-egress", "102400"},
        {"/latest/meta-data/instance/bandwidth-limit-ingress", NULL},
        {"/latest/meta-data/cam/security-credentials/", NULL},
        {"/latest/meta-data/volumes", "disk-2vofhn2z"},
        {"/latest/meta-data/public-keys/", "0=mine\n1=mine"},
        {"/latest/meta-data/public-keys/0/", "openssh-key"},
        {"/latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAAC3Nza me@here"},
        {"/latest/openstack/", NULL},
        {"/openstack",
         "2012-08-10\n2013-04-04\n2013-10-17\n2015-10-15\n2016-06-30\n2016-10-06\n"
         "2017-02-22\n2018-08-27\nlatest"},
        {"/openstack/latest/",
         "meta_data.json\nnetwork_data.json\nuser_data\nvendor_data.json"},
        {"/openstack/2015-10-15",
         "meta_data.json\nnetwork_data.json\nuser_data\nvendor_data.json"},
        {"/openstack/2018-08-27/meta_data.json", "{"},
        {"/openstack/2018-08-27/network_data.json", "{"},
        {"/openstack/2018-08-28/network_data.json", NULL},
        {"/openstack/latest/password", NULL},
        {"/2009-04-04/meta-data/instance-id", "6fa459ea-ee8a-3ca4-894e-db77e160355e"},
        {"/2009-04-04/meta-data/public-keys/", "0=mine\n1=mine"},
        {"/2009-04-04/", "meta-data/\nuser-data"},
        {"/qcloud_action/os.conf", NULL},
        {"/latest/meta-data/../user-data", NULL},
    };
    AUTO(arena_fini) struct arena a = {0};
    struct instance_settings s = usual();
    char long_path[SETTINGS_PATH_MAX + 10];
    struct documents tree;

    (void)state;
    s.forced = true;
    assert_int_equal(settings_tree(&tree, &a, &s, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *path = cases[i].path, *want = cases[i].want;
        const struct document *at = settings_find(&tree, bytes_of(path, strlen(path)));

        if (!at != !want)
            fail_msg("%s: %s", path, at ? (const char *)at->text.p : "nothing");
        if (at && *want == '{')
            assert_int_equal(at->text.p[0], '{');
        else if (at && !text_is(at->text, want))
            fail_msg("%s: \"%s\"", path, (const char *)at->text.p);
    }
    assert_memory_equal(settings_find(&tree, bytes_of("/latest/user-data", 17))->text.p,
                        "#!/bin/sh\n\0x", 12);
    assert_null(settings_find(&tree, bytes_of("/latest/meta-data/uuid\0", 23)));
    memset(long_path, 'a', sizeof long_path);
    long_path[0] = '/';
    for (size_t n = SETTINGS_PATH_MAX - 2; n <= sizeof long_path; n++)
        assert_null(settings_find(&tree, bytes_of(long_path, n)));
}

/* Every folder lists what is there: a walk through the lists comes to every document
 * that is not hidden, and nowhere else. */
static void walk(const struct documents *tree, struct arena *a, const char *at,
                 size_t *found)
{
    const struct document *d = settings_find(tree, bytes_of(at, strlen(at)));
    struct bytes rest, line;

    if (!d)
        fail_msg("%s is listed, but does not answer", at);
    ++*found;
    rest = d->text;
    while (at[strlen(at) - 1] == '/' && text_next_line(&rest, &line))
        walk(tree, a, arena_printf(a, "%s%.*s", at, (int)line.n, (const char *)line.p),
             found);
}

static void test_walk(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct instance_settings s = usual();
    struct documents tree;
    size_t found = 0;

    (void)state;
    assert_int_equal(settings_tree(&tree, &a, &s, NULL), 0);
    walk(&tree, &a, "/latest/meta-data/", &found);
    assert_int_equal(found, 26);
}

/* Without what may be left out, nothing answers with an empty text. */
static void test_sparse(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct instance_settings s = {
        .id = "ins-1",
        .uuid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        .incarnation = "6fa459ea-ee8a-3ca4-894e-db77e160355e",
        .hostname = "h",
        .net = {.mac = "52:54:00:00:00:01", .dhcp = true},
        .region = "r",
        .zone = "z",
    };
    struct documents tree;

    (void)state;
    assert_int_equal(settings_tree(&tree, &a, &s, NULL), 0);
    for (size_t i = 0; i < tree.n; i++)
        if (tree.v[i].text.n == 0)
            fail_msg("%s", tree.v[i].path);
    assert_string_equal(
        (const char *)settings_find(&tree, bytes_of("/latest/meta-data/", 18))->text.p,
        "instance-id\nmac\nnetwork/\nplacement/\nuuid");
    assert_null(settings_find(&tree, bytes_of("/latest/user-data", 17)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drive),        cmocka_unit_test(test_meta_data),
        cmocka_unit_test(test_network_data), cmocka_unit_test(test_vendor_data),
        cmocka_unit_test(test_os_conf),      cmocka_unit_test(test_network_ini),
        cmocka_unit_test(test_check),        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_walk),         cmocka_unit_test(test_sparse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
