/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/qcow2_make.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/scoped.h"

uint64_t qcow2_make_room(struct qcow2_make *m, size_t n, uint64_t align)
{
    size_t at = (size_t)round_up(m->n, align);

    if (at + n > m->cap) {
        m->cap = 2 * (at + n);
        m->p = realloc(m->p, m->cap);
        assert(m->p);
    }
    memset(m->p + m->n, 0, at + n - m->n);
    m->n = at + n;
    return at;
}

void qcow2_poke(struct qcow2_make *m, uint64_t off, unsigned width, uint64_t value)
{
    assert(range_within(off, width, m->n));
    if (width == 8)
        store_be64(m->p + off, value);
    else if (width == 4)
        store_be32(m->p + off, (uint32_t)value);
    else
        m->p[off] = (uint8_t)value;
}

void qcow2_make_init(struct qcow2_make *m, const struct qcow2_make_options *o)
{
    uint64_t cluster = UINT64_C(1) << o->cluster_bits;
    uint64_t span = cluster * (cluster / (o->extended ? 16 : 8));
    uint64_t l1_size = div_up(o->size, span);

    *m = (struct qcow2_make){
        .version = o->version,
        .cluster_bits = o->cluster_bits,
        .extended = o->extended,
        .zstd = o->zstd,
        .cluster_size = cluster,
        .size = o->size,
        .l1_offset = 3 * cluster,
    };
    qcow2_make_room(m, (size_t)(3 * cluster + l1_size * 8), 1);
    memcpy(m->p, "QFI\xfb", 4);
    qcow2_poke(m, FIELD_VERSION, 4, o->version);
    qcow2_poke(m, FIELD_CLUSTER_BITS, 4, o->cluster_bits);
    qcow2_poke(m, FIELD_SIZE, 8, o->size);
    qcow2_poke(m, FIELD_L1_SIZE, 4, l1_size);
    qcow2_poke(m, FIELD_L1_OFFSET, 8, m->l1_offset);
    qcow2_poke(m, FIELD_REFTABLE_OFFSET, 8, cluster);
    qcow2_poke(m, FIELD_REFTABLE_CLUSTERS, 4, 1);
    qcow2_poke(m, cluster, 8, 2 * cluster);
    if (o->version < 3)
        return;
    qcow2_poke(m, FIELD_INCOMPATIBLE, 8, (o->zstd ? 8 : 0) | (o->extended ? 16 : 0));
    qcow2_poke(m, FIELD_REFCOUNT_ORDER, 4, 4);
    qcow2_poke(m, FIELD_HEADER_LENGTH, 4, 112);
    qcow2_poke(m, FIELD_COMPRESSION, 1, o->zstd);
}

void qcow2_make_fini(struct qcow2_make *m)
{
    free(m->p);
    *m = (struct qcow2_make){0};
}

uint64_t qcow2_make_entry(struct qcow2_make *m, uint64_t guest)
{
    unsigned entry = m->extended ? 16 : 8;
    uint64_t entries = m->cluster_size / entry;
    uint64_t l1 = m->l1_offset + guest / entries * 8;

    if (!load_be64(m->p + l1)) {
        uint64_t table = qcow2_make_room(m, (size_t)m->cluster_size, m->cluster_size);

        qcow2_poke(m, l1, 8, table | UINT64_C(1) << 63);
    }
    return (load_be64(m->p + l1) & ~(UINT64_C(1) << 63)) + guest % entries * entry;
}

uint64_t qcow2_make_data(struct qcow2_make *m, uint64_t guest, const uint8_t *data)
{
    uint64_t entry = qcow2_make_entry(m, guest);
    uint64_t off = qcow2_make_room(m, (size_t)m->cluster_size, m->cluster_size);

    memcpy(m->p + off, data, m->cluster_size);
    qcow2_poke(m, entry, 8, off | UINT64_C(1) << 63);
    if (m->extended)
        qcow2_poke(m, entry + 8, 8, UINT32_MAX);
    return off;
}

uint64_t qcow2_make_subclusters(struct qcow2_make *m, uint64_t guest, const uint8_t *data,
                                uint32_t stored, uint32_t zero)
{
    uint64_t off = qcow2_make_data(m, guest, data);

    qcow2_poke(m, qcow2_make_entry(m, guest) + 8, 8, (uint64_t)zero << 32 | stored);
    return off;
}

uint64_t qcow2_make_zero(struct qcow2_make *m, uint64_t guest, bool allocated)
{
    uint64_t entry = qcow2_make_entry(m, guest);
    uint64_t off = 0;

    if (allocated) {
        off = qcow2_make_room(m, (size_t)m->cluster_size, m->cluster_size);
        memset(m->p + off, 'z', m->cluster_size); /* must not be seen */
    }
    if (m->extended)
        qcow2_poke(m, entry + 8, 8, (uint64_t)UINT32_MAX << 32);
    qcow2_poke(m, entry, 8, off | !m->extended);
    return off;
}

size_t qcow2_make_deflate(uint8_t *to, size_t cap, const uint8_t *data, size_t n)
{
    z_stream z = {
        .next_in = (z_const Bytef *)(uintptr_t)data,
        .avail_in = (uInt)n,
        .next_out = to,
        .avail_out = (uInt)cap,
    };
    int r = deflateInit2(&z, 6, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY);

    assert(r == Z_OK);
    r = deflate(&z, Z_FINISH);
    assert(r == Z_STREAM_END);
    deflateEnd(&z);
    return cap - z.avail_out;
}

size_t qcow2_make_zstd(uint8_t *to, size_t cap, const uint8_t *data, size_t n)
{
    size_t r = ZSTD_compress(to, cap, data, n, 3);

    assert(!ZSTD_isError(r));
    return r;
}

/* One behind the other and not aligned, as QEMU packs them. */
uint64_t qcow2_make_compressed(struct qcow2_make *m, uint64_t guest, const uint8_t *data)
{
    uint64_t entry = qcow2_make_entry(m, guest), off;
    size_t cap = 2 * (size_t)m->cluster_size, n;
    AUTO(freep) uint8_t *packed = malloc(cap);
    unsigned x = 62 - (m->cluster_bits - 8);

    assert(packed);
    n = m->zstd ? qcow2_make_zstd(packed, cap, data, (size_t)m->cluster_size)
                : qcow2_make_deflate(packed, cap, data, (size_t)m->cluster_size);
    off = qcow2_make_room(m, n, 1);
    memcpy(m->p + off, packed, n);
    qcow2_poke(m, entry, 8,
               UINT64_C(1) << 62 | ((off + n - 1) / 512 - off / 512) << x | off);
    return off;
}

uint64_t qcow2_make_extension(struct qcow2_make *m, uint64_t off, uint32_t type,
                              const void *data, uint32_t n)
{
    qcow2_poke(m, off, 4, type);
    qcow2_poke(m, off + 4, 4, n);
    assert(range_within(off + 8, n, m->n));
    memcpy(m->p + off + 8, data, n);
    return off + 8 + round_up(n, 8);
}

void qcow2_make_pattern(uint8_t *to, size_t n, unsigned seed)
{
    uint32_t x = seed * 2654435761U + 1;

    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        to[i] = i % 2 ? 0xe5 : (uint8_t)(x >> 24);
    }
}
