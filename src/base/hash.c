/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"

#include <string.h>

#include "base/bytes.h"

static uint64_t rotl64(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static uint64_t rotr64(uint64_t v, unsigned n)
{
    return v >> n | v << (64 - n);
}

static uint32_t rotr32(uint32_t v, unsigned n)
{
    return v >> n | v << (32 - n);
}

/* ---- xxHash */

#define XX1 0x9e3779b185ebca87u
#define XX2 0xc2b2ae3d27d4eb4fu
#define XX3 0x165667b19e3779f9u
#define XX4 0x85ebca77c2b2ae63u
#define XX5 0x27d4eb2f165667c5u

static uint64_t xx_round(uint64_t acc, uint64_t lane)
{
    return rotl64(acc + lane * XX2, 31) * XX1;
}

static uint64_t xx_stripes(const uint8_t **p, const uint8_t *end)
{
    uint64_t acc[4] = {XX1 + XX2, XX2, 0, 0 - XX1}, h;

    for (; end - *p >= 32; *p += 32)
        for (unsigned i = 0; i < 4; i++)
            acc[i] = xx_round(acc[i], load_le64(*p + 8 * i));
    h = rotl64(acc[0], 1) + rotl64(acc[1], 7) + rotl64(acc[2], 12) + rotl64(acc[3], 18);
    for (unsigned i = 0; i < 4; i++)
        h = (h ^ xx_round(0, acc[i])) * XX1 + XX4;
    return h;
}

uint64_t xxh64(const void *data, size_t n)
{
    const uint8_t *p = data, *end = p + n;
    uint64_t h = (n >= 32 ? xx_stripes(&p, end) : XX5) + n;

    for (; end - p >= 8; p += 8)
        h = rotl64(h ^ xx_round(0, load_le64(p)), 27) * XX1 + XX4;
    if (end - p >= 4) {
        h = rotl64(h ^ load_le32(p) * XX1, 23) * XX2 + XX3;
        p += 4;
    }
    for (; p < end; p++)
        h = rotl64(h ^ *p * XX5, 11) * XX1;
    h = (h ^ h >> 33) * XX2;
    h = (h ^ h >> 29) * XX3;
    return h ^ h >> 32;
}

/* ---- SHA-256 */

static void sha_block(uint32_t state[8], const uint8_t *p)
{
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
        0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
        0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
        0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
        0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
        0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
        0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
        0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    };
    uint32_t w[64], v[8];

    for (unsigned i = 0; i < 16; i++)
        w[i] = load_be32(p + 4 * i);
    for (unsigned i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];

        w[i] = w[i - 16] + w[i - 7] + (rotr32(a, 7) ^ rotr32(a, 18) ^ a >> 3) +
               (rotr32(b, 17) ^ rotr32(b, 19) ^ b >> 10);
    }
    memcpy(v, state, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t t1 = v[7] + (rotr32(v[4], 6) ^ rotr32(v[4], 11) ^ rotr32(v[4], 25)) +
                      ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
        uint32_t t2 = (rotr32(v[0], 2) ^ rotr32(v[0], 13) ^ rotr32(v[0], 22)) +
                      ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++)
        state[i] += v[i];
}

void sha256(uint8_t ret[32], const void *data, size_t n)
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const uint8_t *p = data;
    uint8_t tail[128] = {0};
    size_t left = n % 64, tail_n = left < 56 ? 64 : 128;

    for (size_t i = 0; i < n / 64; i++, p += 64)
        sha_block(state, p);
    if (left)
        memcpy(tail, p, left);
    tail[left] = 0x80;
    store_be64(tail + tail_n - 8, (uint64_t)n * 8);
    for (size_t i = 0; i < tail_n; i += 64)
        sha_block(state, tail + i);
    for (unsigned i = 0; i < 8; i++)
        store_be32(ret + 4 * i, state[i]);
}

/* ---- BLAKE2b */

static const uint64_t blake_iv[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static void blake_mix(uint64_t *v, unsigned a, unsigned b, unsigned c, unsigned d,
                      uint64_t x, uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = rotr64(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = rotr64(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = rotr64(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotr64(v[b] ^ v[c], 63);
}

static void blake_block(uint64_t h[8], const uint8_t *p, uint64_t count, bool last)
{
    static const uint8_t sigma[10][16] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
        {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
        {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
        {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
        {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
        {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
        {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
        {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
        {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
        {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    };
    uint64_t m[16], v[16];

    for (unsigned i = 0; i < 16; i++)
        m[i] = load_le64(p + 8 * i);
    memcpy(v, h, 8 * sizeof v[0]);
    memcpy(v + 8, blake_iv, sizeof blake_iv);
    v[12] ^= count;
    if (last)
        v[14] = ~v[14];
    for (unsigned round = 0; round < 12; round++) {
        const uint8_t *s = sigma[round % 10];

        for (unsigned i = 0; i < 4; i++)
            blake_mix(v, i, 4 + i, 8 + i, 12 + i, m[s[2 * i]], m[s[2 * i + 1]]);
        for (unsigned i = 0; i < 4; i++)
            blake_mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4,
                      m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
    }
    for (unsigned i = 0; i < 8; i++)
        h[i] ^= v[i] ^ v[8 + i];
}

void blake2b_256(uint8_t ret[32], const void *data, size_t n)
{
    const uint8_t *p = data;
    uint8_t tail[128] = {0};
    uint64_t h[8];
    size_t done = 0;

    memcpy(h, blake_iv, sizeof h);
    h[0] ^= 0x01010000 ^ 32;
    for (; n - done > 128; done += 128)
        blake_block(h, p + done, done + 128, false);
    if (n)
        memcpy(tail, p + done, n - done);
    blake_block(h, tail, n, true);
    for (unsigned i = 0; i < 4; i++)
        store_le64(ret + 8 * i, h[i]);
}
