/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/scoped.h"

/* Of the first n bytes of a pattern, by other implementations (libxxhash, Python's
 * hashlib). */
static const struct {
    size_t n;
    uint64_t xxh64;
    const char *sha256, *blake2b;
} cases[] = {
    {0, 0xef46db3751d8e999u,
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
    {1, 0xe934a84adb052768u,
     "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
     "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314"},
    {3, 0x9ff70a635a6209abu,
     "b361d0f9a938a2bb4fbdc9c21dc5a859788041b0040919d8a811c1888184f4df",
     "b316f3683ac87007461037a8ff6547de35618800044bb3a4e98b3560c92c3794"},
    {4, 0xae5acdc00a55ac41u,
     "6e14590861815ebebb76e8ca460621bd0f60ea4f1550edbf32e664d30d7a04fd",
     "e1a3d9f70fe7a92daf2840d5d6469fe7a5b589f2c72310c7cbd989d634f0bbbe"},
    {8, 0x87116b3365b924ebu,
     "5fd8b294c3f896aa97b3479e20d5b807414731a70d06a97edfbc83e4d575f45c",
     "f152df4bd29228d1321ef7cdf9099071536f656f201c96d9fb2d563658cbfc08"},
    {31, 0x0f187c62b1e722b7u,
     "2197034814f92b080202a844385a3348b50636db471788080cc382724b8eb8fc",
     "4bdc95668b57f26ae2080a0dbe634c8300d7b04838ce8988348cc024236b185c"},
    {32, 0x91b0cb0931a8c629u,
     "2dfd602a7a260b7a12905fd2ebd4b9acf49eed561758b9cb89cbccee389ae02d",
     "45296988d7605c2e52ca736e8a46f6728b28253d68e868dd757a70eddbd9ae23"},
    {55, 0xb65dd0948f54d9dcu,
     "576a1bf8d4478657e6dc4af9398544765c2a92cde28478b019235cfed315fc09",
     "9289cd4d26ddcfb650bf3e3e8a44094ef5e6c6dada0a0ebdebf444af41aa8b8c"},
    {56, 0xd69230742bc51773u,
     "9b20501dfd1d99161c257950f3444f3e49230c351c5c8e0943ef369f85f5205d",
     "729851a89e94f03a33882ef23f393f67ea293fcc1baefc38ee3e44692945880d"},
    {63, 0x219110bf13e2fa26u,
     "30b345906b493f06f69444b6521113511c242f30e29840462950035043682f1e",
     "2508392d692269d611c89d106598f65355a98fbe998de4c37b71105a5bb79bd6"},
    {64, 0xbf3052e3445775d0u,
     "d8bc63b4fc1156e5e7d95a418b9bf54cd3174bedbc2db40f74895349b229b3c0",
     "17363253d86da2d13a0f306b36da8157fa4a630e7100e0954859f44a36ae2a41"},
    {101, 0x42312f4d55d9bd17u,
     "8c6564ccfaef7e565a5041aa41eafbc4d0c4713ccedfc51c6d1e42f8e7af8256",
     "8d30e469ef80397aa1f8ebc1cb6e0437da174f4c85fe00e94551f92cb209c4c4"},
    {128, 0x6bd66a757cf20d64u,
     "54c9eb041badfd7064645067b107661fed6113197ce2dd066ba69618abd3732f",
     "14696d2a98d9f8a280da8b132b1045b345e1033759c6b02fcc4ee885c8ae7c37"},
    {129, 0x3fbc5a0162d80206u,
     "5b55715b51c54661ed0cbd75ba5b00cf1ffee3b7c113a636eca613d9425116a6",
     "3934215260b1039be9d9d2b073b059bcd50120c327a22af93eb4d98cf821c14c"},
    {256, 0xb90b125ca307d298u,
     "084342914004904ee22eaf8566e7218ed936e01b920031b4a76fea12e44230e3",
     "7b4337135e0b112b7ec8528f22dd05af226cca2a358cca731696b6713f9383cb"},
    {4064, 0xd4630d0401d2731bu,
     "b5abe3108cd79110bb2ae2a0b5f618d3bfd17ed0b5c6419f0a0a3657f54a9825",
     "e2426c41439a396299a8e68eea0fdf1f3f34bcf541ade8c39a89a886005480fb"},
};

static void to_hex(char ret[65], const uint8_t raw[32])
{
    for (size_t i = 0; i < 32; i++)
        snprintf(ret + 2 * i, 3, "%02x", raw[i]);
}

static void test_hashes(void **state)
{
    static uint8_t data[4064];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        /* Alone in memory, so that a read past its end is seen. */
        AUTO(freep) uint8_t *copy = malloc(cases[i].n + !cases[i].n);
        uint8_t raw[32];
        char hex[65];

        assert_non_null(copy);
        memcpy(copy, data, cases[i].n);
        assert_int_equal(xxh64(copy, cases[i].n), cases[i].xxh64);
        sha256(raw, copy, cases[i].n);
        to_hex(hex, raw);
        assert_string_equal(hex, cases[i].sha256);
        blake2b_256(raw, copy, cases[i].n);
        to_hex(hex, raw);
        assert_string_equal(hex, cases[i].blake2b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
