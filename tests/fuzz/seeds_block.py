#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the seeds of fuzz_vhd, fuzz_vmdk and fuzz_image into corpora/ beside this script.

    seeds_block.py

They are small by geometry: blocks and grains of 4 KiB."""

import pathlib
import struct
import zlib

HERE = pathlib.Path(__file__).parent / "corpora"
SECTOR = 512
BLOCK = 4096


def save(target, name, data):
    folder = HERE / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def pattern(seed):
    return bytes((i // 16 * seed + 1) & 0xFF for i in range(BLOCK))


# ---- VHD


def sealed(data, at):
    data[at:at + 4] = bytes(4)
    data[at:at + 4] = struct.pack(">I", ~sum(data) & 0xFFFFFFFF)
    return bytes(data)


def vhd_footer(kind, size, creator=b"win "):
    f = bytearray(512)
    offset = 512 if kind != 2 else 0xFFFFFFFFFFFFFFFF
    struct.pack_into(">8sIIQI4sII", f, 0, b"conectix", 2, 0x10000, offset, 0, creator,
                     0x60001, 0x5769326B)
    struct.pack_into(">QQHBBI", f, 40, size, size, 10, 2, 2, kind)
    return sealed(f, 64)


def vhd_dynamic(creator=b"win ", kind=3):
    size = 4 * BLOCK + BLOCK // 2
    header = bytearray(1024)
    struct.pack_into(">8sQQIII", header, 0, b"cxsparse", 0xFFFFFFFFFFFFFFFF, 1536, 0x10000,
                     8, BLOCK)
    bat = struct.pack(">8I", *[0xFFFFFFFF] * 1, 13, 0xFFFFFFFF, 4, *[0xFFFFFFFF] * 4)
    body = vhd_footer(kind, size, creator) + sealed(header, 36) + bat.ljust(512, b"\xff")
    for seed in (7, 13):
        body += b"\xff" * 512 + pattern(seed)
    return body + vhd_footer(kind, size, creator)


def vhd_fixed(creator):
    return b"\xeb\x63\x90".ljust(20480, b"\0") + vhd_footer(2, 20480, creator)


# ---- VMDK

CAPACITY = 76
WRITTEN = (2, 1, 9)


def grain(n):
    return pattern(n + 3)[:max(0, min(BLOCK, CAPACITY * SECTOR - n * BLOCK))]


def vmdk_header(version, flags, directory):
    packed = flags >> 16 & 1
    return struct.pack("<4sIIQQQQIQQQB4sH", b"KDMV", version, flags, CAPACITY, 8, 1, 1, 4, 0,
                       directory, 2, 0, b"\n \r\n", packed).ljust(SECTOR, b"\0")


def vmdk_descriptor(kind, extents):
    return ("# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"
            f'createType="{kind}"\n\n{extents}\nddb.adapterType = "lsilogic"\n').encode()


def vmdk_sparse(with_descriptor=True):
    text = vmdk_descriptor("monolithicSparse", f'RW {CAPACITY} SPARSE "disk.vmdk"')
    out = vmdk_header(2, 5, 2) + text.ljust(SECTOR, b"\0")
    out += struct.pack("<3I", 3, 0, 4).ljust(SECTOR, b"\0")
    out += struct.pack("<4I", 0, 13, 5, 1).ljust(SECTOR, b"\0")
    out += struct.pack("<4I", 0, 21, 0, 0).ljust(SECTOR, b"\0")
    if not with_descriptor:
        out = out[:28] + bytes(16) + out[44:SECTOR] + bytes(SECTOR) + out[2 * SECTOR:]
    return out + b"".join(grain(n) for n in WRITTEN)


def marker(sectors, kind):
    return struct.pack("<QII", sectors, 0, kind).ljust(SECTOR, b"\0")


def vmdk_stream(footer=True):
    text = vmdk_descriptor("streamOptimized", f'RDONLY {CAPACITY} SPARSE "disk.vmdk"')
    out = text.ljust(SECTOR, b"\0")  # from sector 1 on
    where = [0] * 12
    for n in WRITTEN:
        where[n] = len(out) // SECTOR + 1
        data = zlib.compress(grain(n))
        out += struct.pack("<QI", n * 8, len(data)) + data
        out += bytes(-len(out) % SECTOR)
    tables = [0, 0, 0]
    for t in (0, 2):
        tables[t] = len(out) // SECTOR + 2
        out += marker(1, 1) + struct.pack("<4I", *where[4 * t:4 * t + 4]).ljust(SECTOR, b"\0")
    directory = len(out) // SECTOR + 2
    out += marker(1, 2) + struct.pack("<3I", *tables).ljust(SECTOR, b"\0")
    if not footer:
        return vmdk_header(3, 0x30001, directory) + out
    return (vmdk_header(3, 0x30001, 2**64 - 1) + out + marker(1, 3) +
            vmdk_header(3, 0x30001, directory) + marker(0, 0))


def main():
    vhds = {
        "dynamic": vhd_dynamic(),
        "dynamic-qemu": vhd_dynamic(b"qemu"),
        "differencing": vhd_dynamic(kind=4),
        "fixed": vhd_fixed(b"win "),
        "fixed-vpc": vhd_fixed(b"vpc "),
        "fixed-511": vhd_fixed(b"vpc ")[:-1],
    }
    for name, data in vhds.items():
        save("vhd", name, b"\1" + data)
        save("image", "vhd-" + name, data)

    split = "\n".join(f'RW {n} SPARSE "disk-s00{i}.vmdk"' for i, n in ((1, 76), (2, 40)))
    flat = 'RW 4 FLAT "disk-f001.vmdk" 0\nRW 100 ZERO\nRDONLY 2 FLAT "disk-f002.vmdk" 4'
    vmdks = {
        "sparse": vmdk_sparse(),
        "stream": vmdk_stream(),
        "stream-no-footer": vmdk_stream(False),
        "split": vmdk_descriptor("twoGbMaxExtentSparse", split) + b"\0" + vmdk_sparse(False),
        "flat": vmdk_descriptor("twoGbMaxExtentFlat", flat) + b"\0" + pattern(1),
        "esx": vmdk_descriptor("vmfs", 'RW 8 VMFS "disk-flat.vmdk"') + b"\0" + pattern(1),
        "missing": vmdk_descriptor("monolithicFlat", 'RW 8 FLAT "X" 0') + b"\0",
    }
    for name, data in vmdks.items():
        save("vmdk", name, data)
        save("image", "vmdk-" + name, data)

    small = {
        "raw": b"\xeb\x63\x90".ljust(510, b"\0") + b"\x55\xaa" + bytes(512),
        "text": b"<!DOCTYPE html>\n<title>404</title>\n",
        "json": b'\xef\xbb\xbf{"Response": {"Error": {}}}',
        "gzip": b"\x1f\x8b\x08\0\0\0\0\0",
        "ova": b"machine.ovf".ljust(257, b"\0") + b"ustar\x0000" + bytes(248),
        "vdi": b"<<< QEMU VM Virtual Disk Image >>>\n".ljust(64, b"\0") + b"\x7f\x10\xda\xbe",
        "qcow1": b"QFI\xfb\0\0\0\1",
        "vhdx": b"vhdxfile" + bytes(600),
        "luks": b"LUKS\xba\xbe\0\2",
        "dmg": bytes(512) + b"koly\0\0\0\4\0\0\2\0".ljust(512, b"\0"),
        "bzip2": b"BZh91AY&SY\0\0",
    }
    for name, data in small.items():
        save("image", name, data)


main()
